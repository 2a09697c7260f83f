//! The way to the card: arming readers, following a tap, and what it leaves behind.

use std::time::Duration;

use emv::fields::Date;
use emv::kernel::{Outcome, Transaction as TapTransaction};
use emv::tap::{Autorun, Input as TapInput, Tap};
use emv::tlv::Writer;
use jiff::Timestamp;
use tokio::time::Instant;

use super::super::driver::{self, Next, Progress, Seat};
use super::super::view::{Change, ReaderState};
use super::super::{Answer, Input, Request, Token, tap_result};
use super::{Engine, Message, Open};
use crate::reader;

/// How long to wait before a card is tried again. One that lies in the field and does not work would otherwise be
/// tried without a pause.
const PAUSE_BEFORE_RETRY: Duration = Duration::from_millis(250);

impl Engine {
    pub(super) fn reader_event(&mut self, event: reader::Event) {
        match event {
            reader::Event::Attached(reader) => {
                tracing::info!(reader = reader.id().as_str(), "reader attached");
                let view = self.stations.attach(reader.clone());
                self.tell(Change::Reader(view));
                self.arm_for_waiting(&reader);
            }
            reader::Event::Detached(id) => {
                tracing::warn!(reader = id.as_str(), "reader detached");
                if self.stations.detach(&id) {
                    self.tell(Change::ReaderGone(id.as_str().to_owned()));
                }
            }
            reader::Event::ServiceLost => {
                tracing::warn!("the PC/SC service does not answer; waiting for it");
                self.status.reader_service = false;
            }
            reader::Event::ServiceBack => {
                tracing::info!("the PC/SC service answers");
                self.status.reader_service = true;
            }
            reader::Event::Fault(id, fault) => {
                tracing::error!(reader = id.as_str(), %fault, "reader fault");
                if fault == reader::Fault::Panicked {
                    self.conversation_panicked(&id);
                }
            }
            reader::Event::Collision(id) => {
                if let Some(token) = self.stations.token_of(&id) {
                    self.collision(&token);
                }
            }
            reader::Event::CardSeen(id, _) => self.stations.note_card(&id, true),
            reader::Event::CardRemoved(id) => {
                self.stations.note_card(&id, false);
                if let Some(token) = self.stations.token_of(&id) {
                    self.card_removed(&token);
                }
            }
            // The conversation itself tells what concerns a transaction.
            reader::Event::CardLost(_) | reader::Event::Released(_) => {}
        }
    }

    /// Begins the tap of a transaction.
    pub(super) fn start_tap(&mut self, token: &Token, wanted: Option<&str>) {
        let numbers = self.unpredictable_numbers();
        let request = self.open[token].transaction().request().clone();
        self.sequence_counter = self.sequence_counter.wrapping_add(1);
        let transaction = tap_transaction(&request, self.sequence_counter, (self.inputs.now)(), &self.config);
        let tap = Tap::new(self.config.profile.clone(), transaction, numbers, Autorun::No);
        self.continue_tap(token, Box::new(tap), wanted);
    }

    /// Gives the issuer's answer to a tap that asked for it (EMV Contactless Book A, 8.1.1.22).
    pub(super) fn resume_tap(&mut self, token: &Token, answer: &Answer) {
        let Some(open) = self.open.get_mut(token) else { return };
        open.deadline = None;
        let Some(mut tap) = open.waiting_tap.take() else { return self.feed(token, Input::InternalError) };
        let mut objects = Writer::new();
        if let Some(data) = &answer.issuer_authentication_data {
            objects.put(emv::dict::ISSUER_AUTHENTICATION_DATA, &data.0);
        }
        tap.handle(TapInput::OnlineResponse(Some(&objects.into_bytes())), emv::Instant::default());
        let wanted = self.open[token].transaction().reader().map(str::to_owned);
        self.continue_tap(token, tap, wanted.as_deref());
    }

    /// Carries out what a tap wants without a card, and arms readers where it wants one.
    fn continue_tap(&mut self, token: &Token, mut tap: Box<Tap>, wanted: Option<&str>) {
        let told = std::cell::RefCell::new(Vec::new());
        let next = driver::drain(&mut tap, &|progress| told.borrow_mut().push(progress));
        for progress in told.into_inner() {
            self.tap_progress(token, progress);
        }
        match next {
            Err(Next::Card(field_off)) => self.arm(token, *tap, wanted, field_off),
            Err(next) => self.paused(token, tap, next),
            Ok(command) => unreachable!("{command:?} without a card"),
        }
    }

    /// Arms every reader that the transaction may use; the first that sees a card takes the tap.
    fn arm(&mut self, token: &Token, tap: Tap, wanted: Option<&str>, field_off: Duration) {
        let Some(open) = self.open.get_mut(token) else { return };
        open.waits += 1;
        let wait = open.waits;
        open.seat = Some(Seat::new(tap));
        let timeout = self.config.card_timeout;
        match open.deadline {
            // A card that fails again and again does not hold the terminal for longer.
            Some(deadline) if deadline <= Instant::now() => return self.time_out(token),
            Some(_) => {}
            None => {
                open.deadline = Some(Instant::now() + timeout);
                self.later(timeout, Message::Deadline(token.clone()));
            }
        }
        if field_off.is_zero() {
            self.arm_readers(token, wanted);
        } else {
            // A phone needs the time to notice that the field is gone.
            self.later(field_off, Message::FieldOn(token.clone(), wait));
        }
    }

    /// The time for presenting a card is over. A card that is being read is not disturbed: if it is to
    /// be presented once more after that, `arm` ends it.
    pub(super) fn deadline(&mut self, token: &Token) {
        let Some(open) = self.open.get(token) else { return };
        if open.deadline.is_none_or(|deadline| deadline > Instant::now()) {
            return;
        }
        if open.awaits_removal { self.time_out(token) } else { self.feed(token, Input::Deadline) }
    }

    /// Ends a transaction whose card was read, and failed.
    fn time_out(&mut self, token: &Token) {
        let Some(open) = self.open.get(token) else { return };
        let reader = open.transaction().reader().unwrap_or_default().to_owned();
        self.feed(token, Input::ReaderArmed { reader });
        self.feed(token, Input::Deadline);
    }

    /// The field has been off for long enough.
    pub(super) fn field_on(&mut self, token: &Token, wait: u64) {
        let Some(open) = self.open.get(token).filter(|open| open.waits == wait) else { return };
        let wanted = open.transaction().request().reader.clone();
        self.arm_readers(token, wanted.as_deref());
    }

    /// More than one card is in the field, while the tap waits for one.
    fn collision(&mut self, token: &Token) {
        let Some(open) = self.open.get(token) else { return };
        let wanted = open.transaction().request().reader.clone();
        let Some(mut tap) = open.seat.as_ref().and_then(|seat| seat.take()) else { return };
        tap.handle(TapInput::Collision, emv::Instant::default());
        self.continue_tap(token, Box::new(tap), wanted.as_deref());
    }

    /// The card has left the field of a transaction that waits for that.
    fn card_removed(&mut self, token: &Token) {
        let Some(open) = self.open.get_mut(token).filter(|open| open.awaits_removal) else { return };
        open.awaits_removal = false;
        let Some(mut tap) = open.waiting_tap.take() else { return };
        tap.handle(TapInput::CardRemoved, emv::Instant::default());
        let wanted = open.transaction().request().reader.clone();
        self.continue_tap(token, tap, wanted.as_deref());
    }

    fn arm_readers(&mut self, token: &Token, wanted: Option<&str>) {
        let readers = self.stations.available(token, wanted);
        for reader in &readers {
            self.arm_reader(token, reader);
        }
        if let Some(first) = readers.first() {
            self.feed(token, Input::ReaderArmed { reader: first.id().as_str().to_owned() });
        }
    }

    fn arm_reader(&mut self, token: &Token, reader: &reader::Reader) {
        let Some(seat) = self.open.get(token).and_then(|open| open.seat.clone()) else { return };
        let (inbox, about) = (self.inbox.clone(), token.clone());
        // A conversation that outlives the engine talks to nobody.
        let tell = move |progress| drop(inbox.send(Message::Tap(about.clone(), progress)));
        reader.arm(driver::conversation(reader.id().clone(), seat, tell));
        if let Some(view) = self.stations.assign(reader.id(), Some(token), ReaderState::Armed) {
            self.tell(Change::Reader(view));
        }
    }

    /// A reader has come: arms it for a transaction that waits for a card and may use it, best for one that has no
    /// reader yet.
    fn arm_for_waiting(&mut self, reader: &reader::Reader) {
        let waits = |open: &Open| open.seat.as_ref().is_some_and(|seat| seat.is_free());
        let may_use = |open: &Open| {
            let wanted = open.transaction().request().reader.as_deref();
            wanted.is_none_or(|name| name == reader.id().as_str())
        };
        let waiting = self.open.iter().filter(|(_, open)| waits(open) && may_use(open));
        let readers = waiting.map(|(token, _)| (self.stations.working_for(token).len(), token.clone()));
        let Some((readers, token)) = readers.min_by_key(|(readers, _)| *readers) else { return };
        self.arm_reader(&token, reader);
        if readers == 0 {
            self.feed(&token, Input::ReaderArmed { reader: reader.id().as_str().to_owned() });
        }
    }

    pub(super) fn release_readers(&mut self, token: &Token) {
        if let Some(seat) = self.open.get_mut(token).and_then(|open| open.seat.take()) {
            seat.cancel();
        }
        for reader in self.stations.working_for(token) {
            reader.disarm();
            if let Some(view) = self.stations.assign(reader.id(), None, ReaderState::Idle) {
                self.tell(Change::Reader(view));
            }
        }
    }

    pub(super) fn tap_progress(&mut self, token: &Token, progress: Progress) {
        match progress {
            Progress::Claimed(id) => {
                for other in self.stations.working_for(token) {
                    if *other.id() != id {
                        other.disarm();
                        if let Some(view) = self.stations.assign(other.id(), None, ReaderState::Idle) {
                            self.tell(Change::Reader(view));
                        }
                    }
                }
                if let Some(view) = self.stations.assign(&id, Some(token), ReaderState::CardSeen) {
                    self.tell(Change::Reader(view));
                }
                let reader = id.as_str().to_owned();
                if self.open.get(token).is_some_and(|open| open.transaction().reader() != Some(&reader)) {
                    self.feed(token, Input::ReaderArmed { reader });
                }
                self.feed(token, Input::CardSeen);
            }
            Progress::Ui(request) => self.show(token, &request),
            Progress::Record(event) => {
                if let Some(open) = self.open.get_mut(token) {
                    open.records.note(&event);
                }
            }
            Progress::Paused(tap, next) => self.paused(token, tap, next),
        }
    }

    fn paused(&mut self, token: &Token, tap: Box<Tap>, next: Next) {
        match next {
            Next::Card(field_off) => {
                let wanted = self.open.get(token).and_then(|open| open.transaction().request().reader.clone());
                self.arm(token, *tap, wanted.as_deref(), field_off.max(PAUSE_BEFORE_RETRY));
            }
            Next::Removal => {
                let Some(open) = self.open.get_mut(token) else { return };
                open.waiting_tap = Some(tap);
                open.awaits_removal = true;
                if !self.stations.is_card_present(token) {
                    self.card_removed(token);
                }
            }
            Next::OnlineResponse(outcome) => {
                if let Some(open) = self.open.get_mut(token) {
                    open.waiting_tap = Some(tap);
                }
                self.tap_ended(token, *outcome);
            }
            Next::Finished(outcome) => self.tap_ended(token, *outcome),
        }
    }

    /// The kernel's part is done: journal it, and go where the Outcome says.
    fn tap_ended(&mut self, token: &Token, outcome: Outcome) {
        let Some(open) = self.open.get_mut(token) else { return };
        let records = std::mem::take(&mut open.records);
        let scheme = records.df_name().and_then(|aid| self.config.scheme_of(aid));
        let seal = |card: &super::super::Card| self.storage_key.seal(token.as_str(), &card.to_bytes());
        let card_read = tap_result::card_read(&outcome, &records, scheme, seal);
        if let Some(request) = outcome.ui_on_outcome.clone() {
            self.show(token, &request);
        }
        if let Some(open) = self.open.get_mut(token) {
            open.outcome = Some(outcome);
            open.records = records;
        }
        self.feed(token, Input::CardRead(Box::new(card_read)));
    }

    fn conversation_panicked(&mut self, id: &reader::ReaderId) {
        if let Some(token) = self.stations.token_of(id) {
            self.feed(&token, Input::InternalError);
        }
    }
}

/// The transaction as kernels see it, in the terminal's local time.
fn tap_transaction(
    request: &Request,
    sequence_counter: u32,
    now: Timestamp,
    config: &crate::config::Config,
) -> TapTransaction {
    let local = config.time_zone.to_datetime(now);
    let bcd = |number: i8| (number / 10 * 16 + number % 10) as u8;
    let year = (local.year() % 100) as i8;
    let date = Date::from_bcd([bcd(year), bcd(local.month()), bcd(local.day())]);
    TapTransaction {
        amount_authorised: Some(request.amount),
        amount_other: Some(request.amount_other.unwrap_or_default()),
        currency: bcd_numeric(request.currency.numeric()),
        currency_exponent: request.currency.exponent(),
        transaction_type: request.kind.code(),
        date: date.expect("a calendar date"),
        time: [bcd(local.hour()), bcd(local.minute()), bcd(local.second())],
        sequence_counter,
    }
}

fn bcd_numeric(numeric: u16) -> [u8; 2] {
    let digit = |power: u16| (numeric / power % 10) as u8;
    [digit(1000) << 4 | digit(100), digit(10) << 4 | digit(1)]
}
