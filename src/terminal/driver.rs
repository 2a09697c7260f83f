//! The driver between a reader and a tap: it carries commands to the card and answers back, on the
//! reader's own thread, until the tap wants something else.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use emv::apdu::Command;
use emv::kernel::{Event, Outcome, UiRequest};
use emv::tap::{Input, Output, Tap};
use tokio::time::Instant;

use crate::reader::{CardChannel, ChannelError, Conversation, ReaderId};

/// A tap that waits for a card, at one reader or at several: whichever sees a card first takes it.
///
/// While a card is awaited to answer a command the tap is laid down here again: should the card fall silent, somebody
/// else can go on with it, and the reader's thread, which can't be called back, finds it gone when it returns.
#[derive(Debug)]
pub(super) struct Seat {
    place: Mutex<Place>,
    cancelled: Condvar,
}

#[derive(Debug)]
struct Place {
    tap: Option<Box<Tap>>,
    /// Since when a card is awaited to answer a command.
    in_exchange_since: Option<Instant>,
    is_cancelled: bool,
}

impl Seat {
    pub(super) fn new(tap: Box<Tap>) -> Arc<Self> {
        let place = Place { tap: Some(tap), in_exchange_since: None, is_cancelled: false };
        Arc::new(Seat { place: Mutex::new(place), cancelled: Condvar::new() })
    }

    /// Takes the tap: for a conversation, or to go on without a card. Nothing if somebody has it, or nobody wants it any
    /// more.
    pub(super) fn take(&self) -> Option<Box<Tap>> {
        let mut place = self.place();
        if place.in_exchange_since.is_none() && !place.is_cancelled { place.tap.take() } else { None }
    }

    /// Whether nobody has the tap.
    pub(super) fn is_free(&self) -> bool {
        let place = self.place();
        place.tap.is_some() && place.in_exchange_since.is_none()
    }

    /// Takes the tap away from a card that has not answered for so long.
    pub(super) fn take_from_silent_card(&self, silence: Duration) -> Option<Box<Tap>> {
        let mut place = self.place();
        place.in_exchange_since.take_if(|since| since.elapsed() >= silence)?;
        place.tap.take()
    }

    /// Lets a conversation that is under way end before its next command.
    pub(super) fn cancel(&self) {
        self.place().is_cancelled = true;
        self.cancelled.notify_all();
    }

    fn is_cancelled(&self) -> bool {
        self.place().is_cancelled
    }

    /// Waits for so long, or until it is cancelled.
    fn wait(&self, duration: Duration) {
        let waited = self.cancelled.wait_timeout_while(self.place(), duration, |place| !place.is_cancelled);
        drop(waited);
    }

    /// Lays the tap down while its card has a command to answer.
    fn begin_exchange(&self, tap: Box<Tap>) {
        let mut place = self.place();
        place.tap = Some(tap);
        place.in_exchange_since = Some(Instant::now());
    }

    /// Takes it up again; nothing if somebody lost patience with the card.
    fn end_exchange(&self) -> Option<Box<Tap>> {
        let mut place = self.place();
        place.in_exchange_since.take()?;
        place.tap.take()
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a conversation tells while it goes on.
#[derive(Debug)]
pub(super) enum Progress {
    /// This reader has the card and the tap.
    Claimed(ReaderId),
    /// Show this.
    Ui(UiRequest),
    /// Something worth writing down happened.
    Record(Event),
    /// The conversation is over; the tap waits for what the pause says.
    Paused(Box<Tap>, Pause),
}

/// Where a tap stops to wait.
#[derive(Debug)]
pub(super) struct Pause {
    /// What it waits for.
    pub(super) next: Next,
    /// The moment that it wants to be told of if nothing else comes first.
    pub(super) until: Option<emv::Instant>,
}

/// What a tap waits for.
#[derive(Debug)]
pub(super) enum Next {
    /// The answer to this command.
    Response(Box<Command>),
    /// A card, once the field has been off for this long.
    Card(Duration),
    /// The card's removal.
    Removal,
    /// The issuer's answer, for an Outcome that is to go online and come back.
    OnlineResponse(Box<Outcome>),
    /// What it waited for before, or nothing but a moment.
    Same,
    /// Nothing more.
    Finished(Box<Outcome>),
}

/// What is said to a card that a reader sees: the tap's commands, if the tap is still free.
pub(super) fn conversation(
    reader: ReaderId,
    seat: Arc<Seat>,
    tell: impl Fn(Progress) + Send + 'static,
) -> Conversation {
    Box::new(move |card| {
        let Some(tap) = seat.take() else { return };
        tell(Progress::Claimed(reader));
        if let Some((tap, pause)) = converse(tap, card, &seat, &tell) {
            tell(Progress::Paused(tap, pause));
        }
    })
}

/// Goes on to something that the card can't give; nothing if the tap was taken away meanwhile.
fn converse(
    mut tap: Box<Tap>,
    card: &mut dyn CardChannel,
    seat: &Seat,
    tell: &dyn Fn(Progress),
) -> Option<(Box<Tap>, Pause)> {
    let (mut command, mut until) = (None, None);
    let mut cancel_is_told = false;
    tap.handle(Input::CardPresent, now(card));
    loop {
        let pause = drain(&mut tap, tell);
        match pause.next {
            Next::Response(next) => (command, until) = (Some(next), None),
            // A tap that passes a cancellation over still waits for what it waited for.
            Next::Same => until = pause.until.or(until),
            _ => return Some((tap, pause)),
        }
        if seat.is_cancelled() && !cancel_is_told {
            cancel_is_told = true;
            tap.handle(Input::Cancel, now(card));
        } else if let Some(command) = command.take() {
            seat.begin_exchange(tap);
            let answer = card.transmit(&command.to_bytes());
            tap = seat.end_exchange()?;
            match answer {
                Ok(exchange) => {
                    tap.handle(Input::Sent, instant(exchange.sent_at));
                    tap.handle(Input::Response(exchange.response), instant(exchange.received_at));
                }
                Err(ChannelError::Collision) => tap.handle(Input::Collision, now(card)),
                // Too short, too long or none: for the tap the card is gone (EMV Contactless Book A, 8.1).
                Err(_) => tap.handle(Input::CardLost, now(card)),
            }
        } else {
            let moment = until.expect("a tap that wants nothing waits for a moment");
            seat.wait(moment - now(card));
            // Once it is cancelled nobody minds whether the moment has come.
            if !seat.is_cancelled() || cancel_is_told {
                until = None;
                tap.handle(Input::Deadline, now(card));
            }
        }
    }
}

/// Carries out what a tap wants, up to what it must wait for.
///
/// What the Outcome shows is left to whoever writes the Outcome down first. Powering the field is the reader's business:
/// it does so while it is armed, and no longer.
pub(super) fn drain(tap: &mut Tap, tell: &dyn Fn(Progress)) -> Pause {
    let mut field_off = Duration::ZERO;
    let mut until = None;
    // Entry Point shows what the Outcome does right before it hands the Outcome out.
    let mut last_ui = None;
    let next = loop {
        match tap.poll() {
            Some(Output::Ui(request)) => {
                if let Some(before) = last_ui.replace(request) {
                    tell(Progress::Ui(before));
                }
            }
            Some(Output::Record(event)) => tell(Progress::Record(event)),
            Some(Output::FieldOff { hold_time }) => field_off = hold_time,
            Some(Output::FieldOn) => {}
            Some(Output::Wait(moment)) => until = Some(moment),
            // No application here takes part in a data exchange, and no configuration that needs one is taken: what a
            // kernel sends is for nobody, and should it wait for an answer, its time-out comes.
            Some(Output::DataExchange { .. }) => {}
            Some(Output::Transmit(command)) => break Next::Response(Box::new(command)),
            Some(Output::Poll) => break Next::Card(field_off),
            Some(Output::AwaitRemoval) => break Next::Removal,
            Some(Output::AwaitOnlineResponse(outcome)) => {
                last_ui.take_if(|request| is_shown_by(&outcome, request));
                break Next::OnlineResponse(Box::new(outcome));
            }
            Some(Output::Finished(outcome)) => {
                last_ui.take_if(|request| is_shown_by(&outcome, request));
                break Next::Finished(Box::new(outcome));
            }
            None => break Next::Same,
        }
    };
    if let Some(request) = last_ui {
        tell(Progress::Ui(request));
    }
    Pause { next, until }
}

/// Whether an Outcome shows this; the request may be in a language that the Outcome does not name.
fn is_shown_by(outcome: &Outcome, request: &UiRequest) -> bool {
    outcome
        .ui_on_outcome
        .as_ref()
        .is_some_and(|shown| (shown.message, shown.status) == (request.message, request.status))
}

fn now(card: &dyn CardChannel) -> emv::Instant {
    instant(card.now())
}

/// A time of a reader's clock, for a tap.
pub(super) fn instant(since_start: Duration) -> emv::Instant {
    emv::Instant::from_micros(since_start.as_micros().try_into().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use emv::fields::{Amount, Date};
    use emv::kernel::{Transaction, UnpredictableNumbers};
    use emv::tap::Autorun;

    use super::*;
    use crate::config::Config;
    use crate::reader::{CardInfo, Exchange, Indication};

    /// A tap that waits for a card.
    fn seat() -> Arc<Seat> {
        let transaction = Transaction {
            amount_authorised: Some(Amount::from(1250)),
            amount_other: Some(Amount::ZERO),
            currency: [0x09, 0x78],
            currency_exponent: 2,
            transaction_type: 0x00,
            date: Date::new(2026, 11, 24).unwrap(),
            time: [0x12, 0x00, 0x00],
            sequence_counter: 1,
        };
        let numbers = UnpredictableNumbers::from_seed([1; 32]);
        let mut tap = Box::new(Tap::new(Config::example().profile, transaction, numbers, Autorun::No));
        assert!(matches!(drain(&mut tap, &drop).next, Next::Card(_)));
        Seat::new(tap)
    }

    /// A card that knows no command; something happens before each answer.
    struct Card<F>(CardInfo, F);

    impl<F: FnMut()> CardChannel for Card<F> {
        fn card(&self) -> &CardInfo {
            &self.0
        }

        fn transmit(&mut self, _command: &[u8]) -> Result<Exchange<'_>, ChannelError> {
            self.1();
            Ok(Exchange { response: &[0x6D, 0x00], sent_at: Duration::ZERO, received_at: Duration::ZERO })
        }

        fn indicate(&mut self, _indication: Indication) {}

        fn now(&self) -> Duration {
            Duration::ZERO
        }
    }

    /// What a conversation tells, in short words.
    fn told(seat: &Arc<Seat>, before_each_answer: impl FnMut()) -> Vec<&'static str> {
        let (sender, told) = mpsc::channel();
        let tell = move |progress| sender.send(progress).unwrap();
        let info = CardInfo { atr: vec![], already_present: false };
        conversation(ReaderId::new("counter"), seat.clone(), tell)(&mut Card(info, before_each_answer));
        let in_short = |progress| match progress {
            Progress::Claimed(_) => Some("claimed"),
            Progress::Paused(_, Pause { next: Next::Finished(_), .. }) => Some("finished"),
            Progress::Paused(..) => Some("paused"),
            Progress::Ui(_) | Progress::Record(_) => None,
        };
        told.into_iter().filter_map(in_short).collect()
    }

    #[test]
    fn a_tap_that_is_taken_from_a_silent_card_is_over_for_the_card() {
        let seat = seat();
        let taken = std::cell::Cell::new(None);
        let conversation = told(&seat, || {
            assert!(!seat.is_free() && seat.take().is_none(), "no other card gets it");
            assert!(
                seat.take_from_silent_card(Duration::from_secs(60)).is_none(),
                "it has not been silent for so long"
            );
            taken.set(seat.take_from_silent_card(Duration::ZERO));
        });
        assert_eq!(conversation, ["claimed"], "its late answer is nobody's");
        assert!(taken.into_inner().is_some());
    }

    #[test]
    fn a_conversation_that_is_cancelled_ends_before_its_next_command() {
        let (seat, mut commands) = (seat(), 0);
        let conversation = told(&seat, || {
            commands += 1;
            seat.cancel();
        });
        assert_eq!((conversation, commands), (vec!["claimed", "finished"], 1));
        assert!(told(&seat, || unreachable!("nobody wants it any more")).is_empty());
    }

    #[test]
    fn a_wait_for_a_moment_lasts_until_then_or_until_it_is_cancelled() {
        let seat = seat();
        let begun = Instant::now();
        seat.wait(Duration::from_millis(20));
        assert!(begun.elapsed() >= Duration::from_millis(20));
        std::thread::scope(|scope| {
            scope.spawn(|| seat.wait(Duration::from_secs(600)));
            seat.cancel();
        });
        assert!(begun.elapsed() < Duration::from_secs(600));
    }
}
