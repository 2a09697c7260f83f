//! What the acquirer has not taken yet, and when it is sent: a machine without I/O.
//!
//! What was approved without the acquirer is forwarded to it afterwards: store and forward. The queue is the fold over
//! the journal: at the start it is made of the transactions that are [outstanding](Outstanding::of), and later it gains
//! and loses what is written. Whoever drives it sends what [`ForwardingQueue::next`] gives, and says what came of that.
//!
//! ```text
//!             next                 taken, settled
//!  waiting ----------> in flight ----------------> gone
//!     ^                    |
//!     +--------------------+ not sent, unanswered, unavailable, refused
//! ```
//!
//! - The oldest goes first, and no more than a window of them is under way. What was sent and not taken waits for a
//!   while of its own, so that it never keeps back what stands behind it.
//! - Where the acquirer can't be reached, the queue pauses as a whole, for longer each time, and then asks with a single
//!   message before it opens its window again. The length of each pause is partly chance: a hundred terminals that lost
//!   one acquirer together don't come back together.
//! - An item is the same message each time it is sent, under the same numbers; once it may have arrived it is a repeat.
//! - What the acquirer refuses is kept, shown, and sent again at a slow pace, until it is taken or somebody has settled it.

mod limit;
mod outstanding;
mod total;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZero;
use std::time::{Duration, Instant};

pub use limit::{OfflineLimit, Prospect};
pub use outstanding::Outstanding;
pub use total::Total;
use total::Totals;

use super::event::SendFailure;
use super::token::Token;

/// The queue.
#[derive(Debug)]
pub struct ForwardingQueue {
    /// How many messages may be under way at once.
    window: NonZero<usize>,
    items: BTreeMap<Place, Item>,
    places: HashMap<Token, Place>,
    totals: Totals,
    /// What may be sent.
    ready: BTreeSet<Place>,
    /// What was sent and not taken, by when it may be sent again.
    deferred: BTreeSet<(Instant, Place)>,
    in_flight: usize,
    last_place: Place,
    /// When the acquirer last took something, or refused it.
    last_answer: Option<Instant>,
    pause: Option<Pause>,
}

/// An item's place in the journal's order.
type Place = u64;

/// The acquirer is away.
#[derive(Debug, Clone, Copy)]
struct Pause {
    begun: Instant,
    until: Instant,
    /// How many attempts in a row have led to it.
    failures: u32,
}

#[derive(Debug)]
struct Item {
    outstanding: Outstanding,
    /// Whether it may have arrived before.
    is_repeat: bool,
    state: State,
    /// How often it was sent in vain since it was last refused.
    unanswered: u32,
    /// How often it was refused, since the start.
    refusals: u32,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Ready,
    Deferred(Instant),
    InFlight(Instant),
}

/// Something to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// Of which transaction.
    pub token: Token,
    /// Whether it may have arrived before (ISO 8583:1987: 0221 instead of 0220).
    pub is_repeat: bool,
}

/// What came of sending an item once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The acquirer has it in its books.
    Taken {
        /// Its response code.
        response_code: String,
    },
    /// The acquirer won't take it as it is; or it can't even be sent.
    Refused(SendFailure),
    /// The acquirer says that it can't work at the moment.
    Unavailable,
    /// It may have arrived, and no answer came that counts.
    Unanswered,
    /// Certainly not one byte of it left this machine.
    NotSent,
}

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// `queued`: it waits to be sent, for the first time or again.
    Queued,
    /// `sent`: its answer is awaited.
    Sent,
    /// `refused`: the acquirer does not take it as it is.
    Refused,
}

impl Fate {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Queued => "queued",
            Fate::Sent => "sent",
            Fate::Refused => "refused",
        }
    }
}

impl ForwardingQueue {
    /// The longest pause of the queue.
    pub const PAUSE_MAX: Duration = Duration::from_secs(60);
    /// After how long what was refused is sent again. It doubles each time.
    pub const AFTER_REFUSAL: Duration = Duration::from_secs(5);
    /// What that grows to at most.
    pub const AFTER_REFUSAL_MAX: Duration = Duration::from_secs(3600);

    /// A queue with nothing in it.
    pub fn new(window: NonZero<usize>) -> Self {
        ForwardingQueue {
            window,
            items: BTreeMap::new(),
            places: HashMap::new(),
            totals: Totals::default(),
            ready: BTreeSet::new(),
            deferred: BTreeSet::new(),
            in_flight: 0,
            last_place: 0,
            last_answer: None,
            pause: None,
        }
    }

    /// What is known of an item; nothing where it is not here.
    pub fn get(&self, token: &Token) -> Option<&Outstanding> {
        self.places.get(token).map(|place| &self.items[place].outstanding)
    }

    /// Takes something in that the journal holds, after all that is there; `is_repeat` where it may have been sent
    /// before. What it has already stays as it is.
    pub fn push(&mut self, outstanding: Outstanding, is_repeat: bool) {
        if self.places.contains_key(&outstanding.token) {
            return;
        }
        self.last_place += 1;
        let place = self.last_place;
        self.places.insert(outstanding.token.clone(), place);
        self.ready.insert(place);
        self.totals.add(place, &outstanding);
        let item = Item { outstanding, is_repeat, state: State::Ready, unanswered: 0, refusals: 0 };
        self.items.insert(place, item);
    }

    /// What is to be sent now, one after the other, until there is nothing. Each must be answered by
    /// [`ForwardingQueue::delivered`].
    pub fn next(&mut self, now: Instant) -> Option<Sending> {
        if self.is_full() || self.pause.is_some_and(|pause| now < pause.until) {
            return None;
        }
        while let Some((_, place)) = self.deferred.first().copied().filter(|(due, _)| *due <= now) {
            self.set(place, State::Ready);
        }
        let place = *self.ready.first()?;
        self.set(place, State::InFlight(now));
        let item = &self.items[&place];
        Some(Sending { token: item.outstanding.token.clone(), is_repeat: item.is_repeat })
    }

    /// When [`ForwardingQueue::next`] has something again, if nothing else happens; nothing where it waits for answers,
    /// or is empty.
    pub fn wakes_at(&self, now: Instant) -> Option<Instant> {
        if self.is_full() {
            return None;
        }
        let due = if self.ready.is_empty() { self.deferred.first()?.0 } else { now };
        Some(self.pause.map_or(due, |pause| due.max(pause.until)))
    }

    /// Tells what came of sending an item. Where it was taken, or refused for another reason than before, that must be in
    /// the journal already. `random` makes part of a pause.
    pub fn delivered(&mut self, token: &Token, delivery: &Delivery, now: Instant, random: u32) {
        let Some(place) = self.places.get(token).copied() else { return };
        let sent_at = match (delivery, self.items[&place].state) {
            (_, State::InFlight(sent_at)) => sent_at,
            (Delivery::Taken { .. }, _) => now,
            // An answer to what is not awaited any more.
            _ => return,
        };
        match delivery {
            Delivery::Taken { .. } => {
                self.heard(now);
                self.remove(token);
            }
            Delivery::Refused(failure) => {
                self.heard(now);
                let item = self.item(place);
                item.is_repeat |= failure.response_code.is_some();
                item.outstanding.refusal = Some(failure.clone());
                (item.unanswered, item.refusals) = (0, item.refusals.saturating_add(1));
                let wait = doubled(Self::AFTER_REFUSAL, item.refusals, Self::AFTER_REFUSAL_MAX);
                self.set(place, State::Deferred(now + wait));
            }
            Delivery::Unavailable => {
                self.wait_for_acquirer(sent_at, now, random);
                self.defer_unanswered(place, now);
            }
            Delivery::Unanswered => {
                // Where others were answered meanwhile, it is this one that the acquirer does not answer.
                if self.last_answer.is_none_or(|answer| answer < sent_at) {
                    self.wait_for_acquirer(sent_at, now, random);
                }
                self.defer_unanswered(place, now);
            }
            Delivery::NotSent => {
                self.wait_for_acquirer(sent_at, now, random);
                self.set(place, State::Ready);
            }
        }
    }

    /// Whoever drives the queue has lost track of what it sent: no answer is awaited any more.
    pub fn interrupted(&mut self, now: Instant) {
        let is_in_flight = |item: &Item| matches!(item.state, State::InFlight(_));
        let in_flight = self.items.iter().filter(|(_, item)| is_in_flight(item)).map(|(place, _)| *place);
        for place in in_flight.collect::<Vec<_>>() {
            self.defer_unanswered(place, now);
        }
    }

    /// Sends what was refused again soon, without waiting for its time.
    pub fn retry(&mut self, token: &Token) {
        let Some(place) = self.places.get(token).copied() else { return };
        self.item(place).refusals = 0;
        if let State::Deferred(_) = self.items[&place].state {
            self.set(place, State::Ready);
        }
    }

    /// Takes an item out: the acquirer has it, or somebody has settled it.
    pub fn remove(&mut self, token: &Token) {
        let Some(place) = self.places.get(token).copied() else { return };
        self.set(place, State::Ready);
        self.ready.remove(&place);
        self.places.remove(token);
        if let Some(item) = self.items.remove(&place) {
            self.totals.subtract(place, &item.outstanding);
        }
    }

    /// Where an item stands; nothing where it is not here.
    pub fn fate(&self, token: &Token) -> Option<Fate> {
        self.places.get(token).map(|place| self.items[place].fate())
    }

    /// What there is, oldest first, and where it stands.
    pub fn iter(&self) -> impl Iterator<Item = (&Outstanding, Fate)> {
        self.items.values().map(|item| (&item.outstanding, item.fate()))
    }

    /// How much there is of each scheme in each currency.
    pub fn totals(&self) -> impl Iterator<Item = Total> {
        self.totals.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether the acquirer has taken all.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether nothing more may be sent before something is answered. While the acquirer is away, one message asks.
    fn is_full(&self) -> bool {
        let window = if self.pause.is_some() { 1 } else { self.window.get() };
        self.in_flight >= window
    }

    /// The acquirer works.
    fn heard(&mut self, now: Instant) {
        self.last_answer = Some(now);
        self.pause = None;
    }

    /// The acquirer does not: all of the queue waits. Messages that were under way together have failed together, and
    /// count once.
    fn wait_for_acquirer(&mut self, sent_at: Instant, now: Instant, random: u32) {
        if self.pause.is_some_and(|pause| sent_at <= pause.begun) {
            return;
        }
        let failures = self.pause.map_or(0, |pause| pause.failures).saturating_add(1);
        let longest = doubled(Duration::from_secs(1), failures, Self::PAUSE_MAX);
        let chance = longest.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0);
        self.pause = Some(Pause { begun: now, until: now + longest - chance, failures });
    }

    /// An item that was not answered waits for longer than the queue does: the next one asks.
    fn defer_unanswered(&mut self, place: Place, now: Instant) {
        let item = self.item(place);
        item.is_repeat = true;
        item.unanswered = item.unanswered.saturating_add(1);
        let wait = doubled(Duration::from_secs(2), item.unanswered, 2 * Self::PAUSE_MAX);
        self.set(place, State::Deferred(now + wait));
    }

    fn item(&mut self, place: Place) -> &mut Item {
        self.items.get_mut(&place).expect("a place is that of an item")
    }

    fn set(&mut self, place: Place, state: State) {
        match std::mem::replace(&mut self.item(place).state, state) {
            State::Ready => drop(self.ready.remove(&place)),
            State::Deferred(due) => drop(self.deferred.remove(&(due, place))),
            State::InFlight(_) => self.in_flight -= 1,
        }
        match state {
            State::Ready => drop(self.ready.insert(place)),
            State::Deferred(due) => drop(self.deferred.insert((due, place))),
            State::InFlight(_) => self.in_flight += 1,
        }
    }
}

impl Item {
    fn fate(&self) -> Fate {
        match self.state {
            State::InFlight(_) => Fate::Sent,
            State::Ready | State::Deferred(_) if self.outstanding.refusal.is_some() => Fate::Refused,
            State::Ready | State::Deferred(_) => Fate::Queued,
        }
    }
}

/// A wait that doubles from the second time on.
fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    (first * (1 << times.saturating_sub(1).min(16))).min(most)
}

#[cfg(test)]
mod tests;
