//! The driver between a reader and a tap: it carries commands to the card and answers back, on the
//! reader's own thread, until the tap wants something else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use emv::apdu::Command;
use emv::kernel::{Event, Outcome, UiRequest};
use emv::tap::{Input, Output, Tap};

use crate::reader::{CardChannel, ChannelError, Conversation, ReaderId};

/// A tap that waits for a card, at one reader or at several: whichever sees a card first takes it.
#[derive(Debug)]
pub(super) struct Seat {
    tap: Mutex<Option<Tap>>,
    cancelled: AtomicBool,
}

impl Seat {
    pub(super) fn new(tap: Tap) -> Arc<Self> {
        Arc::new(Seat { tap: Mutex::new(Some(tap)), cancelled: AtomicBool::new(false) })
    }

    /// Takes the tap: for a conversation, or to go on without a card. Nothing if somebody has it.
    pub(super) fn take(&self) -> Option<Tap> {
        self.tap.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether nobody has the tap.
    pub(super) fn is_free(&self) -> bool {
        self.tap.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Lets a conversation that is under way end before its next command.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
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
    /// The conversation is over; the tap waits for what `next` says.
    Paused(Box<Tap>, Next),
}

/// What a tap wants that is not a command to the card.
#[derive(Debug)]
pub(super) enum Next {
    /// A card, once the field has been off for this long.
    Card(Duration),
    /// The card's removal.
    Removal,
    /// The issuer's answer, for an Outcome that is to go online and come back.
    OnlineResponse(Box<Outcome>),
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
        let Some(mut tap) = seat.take() else { return };
        tell(Progress::Claimed(reader));
        tap.handle(Input::CardPresent, now(card));
        let next = converse(&mut tap, card, &seat.cancelled, &tell);
        tell(Progress::Paused(Box::new(tap), next));
    })
}

fn converse(tap: &mut Tap, card: &mut dyn CardChannel, cancelled: &AtomicBool, tell: &dyn Fn(Progress)) -> Next {
    loop {
        let command = match drain(tap, tell) {
            Ok(command) => command,
            Err(next) => return next,
        };
        if cancelled.load(Ordering::Relaxed) {
            tap.handle(Input::Cancel, now(card));
            continue;
        }
        match card.transmit(&command.to_bytes()) {
            Ok(exchange) => tap.handle(Input::Response(exchange.response), instant(exchange.received_at)),
            Err(ChannelError::Collision) => tap.handle(Input::Collision, now(card)),
            // Too short, too long or none: for the tap the card is gone (EMV Contactless Book A, 8.1).
            Err(_) => tap.handle(Input::CardLost, now(card)),
        }
    }
}

/// Carries out what a tap wants, up to its next command or to something a card can't give.
///
/// Powering the field is the reader's business: it does so while it is armed, and no longer.
pub(super) fn drain(tap: &mut Tap, tell: &dyn Fn(Progress)) -> Result<Command, Next> {
    let mut field_off = Duration::ZERO;
    loop {
        match tap.poll().expect("a tap wants something until it is finished") {
            Output::Ui(request) => tell(Progress::Ui(request)),
            Output::Record(event) => tell(Progress::Record(event)),
            Output::FieldOff { hold_time } => field_off = hold_time,
            Output::FieldOn | Output::Wait(_) => {}
            Output::DataNeeded(_) => tap.handle(Input::Data(&[]), emv::Instant::default()),
            Output::Transmit(command) => return Ok(command),
            Output::Poll => return Err(Next::Card(field_off)),
            Output::AwaitRemoval => return Err(Next::Removal),
            Output::AwaitOnlineResponse(outcome) => return Err(Next::OnlineResponse(Box::new(outcome))),
            Output::Finished(outcome) => return Err(Next::Finished(Box::new(outcome))),
        }
    }
}

fn now(card: &dyn CardChannel) -> emv::Instant {
    instant(card.now())
}

fn instant(since_start: Duration) -> emv::Instant {
    emv::Instant::from_micros(since_start.as_micros().try_into().unwrap_or(u64::MAX))
}
