//! Readers: where cards come from.
//!
//! Every reader, whatever its kind, is one OS thread with an inbox. [`Reader`] is its handle: [`Reader::arm`] asks it
//! to wait for a card and to hold one conversation with it; [`Reader::disarm`] takes that back. What happens is told
//! as [`Event`]s, from all readers through one channel. A thread that has nothing to do sleeps in its inbox; nothing
//! polls.
//!
//! ```text
//!   terminal --arm(conversation)--> Reader ==inbox==> thread: power, conversation(&mut card), release
//!            <-------------------------- Event ----------'          |
//!                                                       CardChannel::transmit (PC/SC, simulated)
//! ```
//!
//! A [`Conversation`] runs on the reader's own thread, so that a card's answer reaches the kernel, and the kernel's
//! next command the card, without crossing threads. It belongs to whoever armed the reader, and so does its
//! cancellation: the conversation looks at its own flag between two commands. Where several readers are armed for one
//! transaction, both may see a card: each conversation begins by claiming the transaction, and returns at once if
//! another reader was first.

pub mod atr;
pub mod family;
pub mod pcsc;
pub mod simulated;
mod station;

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

pub use family::{Family, Indication};

/// The longest answer that is passed on, in bytes. EMV cards answer with 258 at most (EMV Book 1, 9.4.2); longer ones
/// are legal for extended-length commands, and beyond this they are [`ChannelError::ResponseTooLong`].
pub const RESPONSE_LEN_MAX: usize = 65_536;

/// How long a reader or its card may take for one thing: longer than any card that works. The longest frame waiting
/// time is 5 s (ISO/IEC 14443-4, 7.2), and EMV cards answer within 100 ms or so. A call of the PC/SC service has no
/// time-out of its own and can't be broken off, so whoever waits must not wait for the call.
pub const SILENCE_MAX: Duration = Duration::from_secs(10);

/// A reader's name, as PC/SC gives it: unique at any one time, and the same again when the reader comes back.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReaderId(Arc<str>);

impl ReaderId {
    /// The identity of the reader of that name.
    pub fn new(name: &str) -> Self {
        ReaderId(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReaderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ReaderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What readers tell.
#[derive(Debug)]
pub enum Event {
    /// A reader is there, for the first time or again. It keeps its handle, and what it was armed with, for life.
    Attached(Reader),
    /// The reader is gone. If it was armed it still is, and goes on when it is attached again.
    Detached(ReaderId),
    /// An armed reader powered a card; its conversation begins.
    CardSeen(ReaderId, CardInfo),
    /// The card stopped answering during its conversation.
    CardLost(ReaderId),
    /// More than one card is in the field; none was powered. The reader stays armed. Few readers can tell.
    Collision(ReaderId),
    /// A conversation has ended and its card was released; it may still lie in the field.
    Released(ReaderId),
    /// The card that had been seen has left the field.
    CardRemoved(ReaderId),
    /// The PC/SC service does not answer; it is being looked for.
    ServiceLost,
    /// The PC/SC service answers again (or for the first time, after [`Event::ServiceLost`] at start).
    ServiceBack,
    /// After [`SILENCE_MAX`] or longer the reader does something again.
    Answers(ReaderId),
    /// Something went wrong that no conversation was there to hear. The reader stays armed if it was.
    Fault(ReaderId, Fault),
}

impl Event {
    /// Which reader it concerns.
    pub fn reader(&self) -> Option<&ReaderId> {
        match self {
            Event::Attached(reader) => Some(reader.id()),
            Event::Detached(id)
            | Event::CardSeen(id, _)
            | Event::CardLost(id)
            | Event::Collision(id)
            | Event::Released(id)
            | Event::CardRemoved(id)
            | Event::Answers(id)
            | Event::Fault(id, _) => Some(id),
            Event::ServiceLost | Event::ServiceBack => None,
        }
    }
}

/// A card in the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardInfo {
    /// Its answer to reset, 2 to 33 bytes (ISO/IEC 7816-3, 8.1); for contactless cards the reader composes it.
    pub atr: Vec<u8>,
    /// Whether the card was in the field already when the reader was armed.
    pub already_present: bool,
}

/// An answer, with the times that bracket it.
#[derive(Debug, PartialEq, Eq)]
pub struct Exchange<'a> {
    /// The answer, SW1 SW2 at its end: 2 to [`RESPONSE_LEN_MAX`] bytes, exactly as the card gave it. `61xx` and `6Cxx`
    /// are passed on too.
    pub response: &'a [u8],
    /// When the command was handed to the reader, by the reader's [`Clock`].
    pub sent_at: Duration,
    /// When the answer was there, by the same clock.
    pub received_at: Duration,
}

/// A powered card, to whom commands can be sent.
pub trait CardChannel {
    /// Which card this is.
    fn card(&self) -> &CardInfo;

    /// Sends one command APDU and waits for its answer.
    ///
    /// # Errors
    /// After [`ChannelError::CardLost`], [`ChannelError::ReaderLost`] and [`ChannelError::ServiceLost`] no further
    /// command will be answered; the others leave the card where it is.
    fn transmit(&mut self, command: &[u8]) -> Result<Exchange<'_>, ChannelError>;

    /// Shows a state on the reader, where it has lights or a buzzer. Some readers take as long as their buzzer sounds,
    /// so nothing should be shown between two commands.
    fn indicate(&mut self, indication: Indication);

    /// Now, by the reader's [`Clock`].
    fn now(&self) -> Duration;
}

/// What is to be said to a card, run once on the reader's thread. The reader releases the card when it returns.
pub type Conversation = Box<dyn FnOnce(&mut dyn CardChannel) + Send>;

/// Why a command has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// The card was taken away or stopped answering.
    #[error("the card left the field or stopped answering")]
    CardLost,
    /// There are several cards in the field.
    #[error("there is more than one card in the field")]
    Collision,
    /// A card is there and does not answer to being powered.
    #[error("the card does not answer; it may be no payment card, or lie badly on the reader")]
    Unresponsive,
    /// Another program holds the card.
    #[error("another program is using the reader; stop it, or leave this reader out in the configuration")]
    InUse,
    /// The reader was unplugged.
    #[error("the reader was disconnected")]
    ReaderLost,
    /// The PC/SC service went away.
    #[error("the PC/SC service does not answer; is pcscd running?")]
    ServiceLost,
    /// An answer without status word.
    #[error("an answer of {0} bytes has no status word")]
    ResponseTooShort(usize),
    /// An answer longer than [`RESPONSE_LEN_MAX`].
    #[error("an answer is longer than {RESPONSE_LEN_MAX} bytes")]
    ResponseTooLong,
    /// Any other complaint of the PC/SC service.
    #[error("PC/SC: {0}")]
    Pcsc(::pcsc::Error),
}

/// What can go wrong outside of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A card could not be powered.
    #[error("the card could not be powered: {0}")]
    Power(ChannelError),
    /// A conversation panicked; its card was released. This is a bug in tenderd.
    #[error("a conversation ended in a panic; please report this as a bug")]
    Panicked,
}

/// The monotonic clock that all times of readers are told by. Copies agree. It is the runtime's clock, which tests may
/// stop and set forward.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that starts at zero now.
    pub fn start() -> Self {
        Clock(Instant::now())
    }

    /// The time since the start.
    pub fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Where a reader comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A reader of the PC/SC service.
    Pcsc,
    /// A reader that exists in this process only.
    Simulated,
}

/// The handle of a reader's thread. Copies are cheap and all mean the same reader. Its methods return at once.
#[derive(Clone)]
pub struct Reader {
    id: ReaderId,
    kind: Kind,
    family: Arc<Family>,
    inbox: mpsc::Sender<station::Message>,
    call: Arc<station::Call>,
}

impl Reader {
    /// Who this is.
    pub fn id(&self) -> &ReaderId {
        &self.id
    }

    /// Where it comes from.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Which family of products it belongs to.
    pub fn family(&self) -> &Family {
        &self.family
    }

    /// Waits for a card, or takes the one that is there, powers it and holds `conversation` with it, once. A reader
    /// that is armed already gets the new conversation instead of the old one; one that is in a conversation is armed
    /// when that has ended.
    pub fn arm(&self, conversation: Conversation) {
        self.post(station::Message::Arm(conversation));
    }

    /// Forgets what [`Reader::arm`] asked for, unless the conversation has begun: a conversation ends itself.
    pub fn disarm(&self) {
        self.post(station::Message::Disarm);
    }

    /// Shows a state on the reader, where it has lights or a buzzer. Waits behind a conversation.
    pub fn indicate(&self, indication: Indication) {
        self.post(station::Message::Indicate(indication));
    }

    /// For how long the reader's thread has waited for the reader or its card; zero where it does not.
    pub fn silent_for(&self) -> Duration {
        self.call.duration()
    }

    fn look(&self) {
        self.post(station::Message::Look);
    }

    fn post(&self, message: station::Message) {
        // The thread has ended only if the whole layer was stopped; then nobody waits for a card either.
        let _ = self.inbox.send(message);
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Where [`Event`]s go.
pub type Events = UnboundedSender<Event>;
