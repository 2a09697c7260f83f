//! The life of one transaction, as a machine without I/O.
//!
//! Whoever drives it hands in what happened ([`Life::handle`]) and then carries out what it asks
//! for, in order, until nothing is left ([`Life::poll_output`]):
//!
//! ```text
//! Created > Armed > CardSeen > CardRead > Authorising > Done
//!                       |         |            |
//!                       |         +> Done      +> Reversing > Done
//!                       +> Armed (try again)
//! ```
//!
//! Where card and terminal approved offline, the machine is done, and the [queue](super::ForwardingQueue) tells the
//! acquirer of it. A follow-up of an earlier transaction needs no card: it goes from Created to Authorising; or, where it
//! only follows from what was approved, to Done, and the queue tells the acquirer of it too.
//!
//! Each part of the way has a file: [`tap`] the card, [`authorising`] the acquirer's word, [`reversing`] what is taken
//! back, [`follow_up`] the beginning without a card.
//!
//! What keeps the money safe is the order of the outputs: an [`Output::Write`] must be synced to the
//! journal before the next output is carried out. If a write fails, drop the machine and its
//! remaining outputs, release the reader, and go on with [`Life::recover`] on what the journal holds,
//! as after a power cut.

mod authorising;
mod follow_up;
mod reversing;
mod tap;

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::ending::{Interruption, Reason};
use super::event::{Acceptor, Answer, CardRead, Event, OnlineRequest, Record, Reversal, SendFailure};
use super::request::Request;
use super::trace_number::StanCounter;
use super::transaction::{Phase, Transaction};

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A reader waits for a card, for the first time or again after Try Again.
    ReaderArmed {
        /// Its name.
        reader: String,
    },
    /// A card is in the field.
    CardSeen,
    /// The kernel ended.
    CardRead(Box<CardRead>),
    /// The kernel ended with an offline approval that the limits of the queue don't admit.
    LimitReached(Box<CardRead>),
    /// The acquirer answered the request.
    HostAnswered(Answer),
    /// The acquirer did not answer the request.
    HostFailed {
        /// Whether it may have approved.
        failure: HostFailure,
        /// What was wrong, in words. It holds nothing of the card.
        reason: String,
    },
    /// The acquirer took the reversal.
    ReversalAnswered {
        /// Its response code.
        response_code: String,
    },
    /// The acquirer knows of no request that could be taken back.
    ReversalNotFound {
        /// Its response code.
        response_code: String,
    },
    /// The reversal was not answered, or by what settles nothing.
    ReversalFailed(SendFailure),
    /// The caller cancels.
    Cancel,
    /// The time for presenting a card is over.
    Deadline,
    /// The reader went away or failed before the kernel ended.
    ReaderFailed,
    /// A part of the daemon that worked for this transaction panicked.
    InternalError,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostFailure {
    /// Certainly not one byte of the request left this machine.
    NotSent,
    /// Part of it may have arrived; the answer did not come in time, or could not be understood.
    NoAnswer,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Append to the journal, at the latest together with the next [`Output::Write`].
    Note(Record),
    /// Append to the journal and sync, before the next output.
    Write(Record),
    /// Wait for a card: at this reader, or at any.
    Arm {
        /// The reader that the caller named.
        reader: Option<String>,
    },
    /// Let the reader go, if this transaction holds one.
    Disarm,
    /// Send the request to the acquirer; answer by `HostAnswered` or `HostFailed`.
    Authorise(OnlineRequest),
    /// Send the reversal; answer by `ReversalAnswered` or `ReversalFailed`.
    Reverse {
        /// What to send.
        reversal: Reversal,
        /// Whether it may have been sent before (ISO 8583:1987: 0401 instead of 0400).
        repeated: bool,
        /// How long to wait before.
        after: Duration,
    },
    /// Present the card again, to give it what the issuer sent.
    ArmForAnswer,
    /// Show the transaction as it now stands.
    Publish(Box<Transaction>),
}

/// What a machine takes from outside with each input.
#[derive(Debug)]
pub struct Context<'a> {
    /// The time.
    pub now: Timestamp,
    /// Where STANs come from.
    pub stans: &'a mut StanCounter,
    /// By which names the acquirer knows this terminal.
    pub acceptor: &'a Acceptor,
}

/// An input that has no place in the present phase, such as an answer that is late, or a wish to
/// cancel what is done. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is not possible in phase {}", .phase.name())]
pub struct Untimely {
    /// What came.
    pub what: &'static str,
    /// Where the transaction stands.
    pub phase: Phase,
}

/// The machine.
#[derive(Debug)]
pub struct Life {
    transaction: Transaction,
    reversal_attempts: u32,
    /// How often, in a row, the acquirer has said that it knows of nothing to take back.
    times_not_found: u32,
    outputs: VecDeque<Output>,
}

impl Life {
    /// The longest wait between two reversals.
    pub const PAUSE_MAX: Duration = Duration::from_secs(60);

    /// After so many answers in a row that there is nothing to take back, it is believed: the pauses between them, 31
    /// seconds together, are longer than a request is usually on its way, even one that was sent just before the
    /// daemon was killed.
    pub const BELIEVED_WHEN_NOT_FOUND: u32 = 6;

    /// Begins the life of a transaction whose token is new.
    pub fn open(request: Request, now: Timestamp) -> Self {
        let reader = request.reader.clone();
        let created = Record { at: now, token: request.token.clone(), event: Event::Created(request.clone()) };
        let transaction = Transaction::new(request, now);
        let shown = Output::Publish(Box::new(transaction.clone()));
        let outputs = [Output::Write(created), shown, Output::Arm { reader }];
        Life { outputs: outputs.into(), ..Life::of(transaction) }
    }

    fn of(transaction: Transaction) -> Self {
        let outputs = VecDeque::new();
        Life { transaction, reversal_attempts: 0, times_not_found: 0, outputs }
    }

    /// Takes up a transaction that was not done when the power went, or when it was dropped for
    /// another reason, as the journal tells it; none if it is done.
    ///
    /// Nobody was told "approved", so nothing is approved any more: what never went to the acquirer
    /// is aborted, what may have been approved is reversed, and a reversal goes on.
    pub fn recover(transaction: Transaction, why: Interruption, context: Context<'_>) -> Option<Self> {
        if transaction.phase() == Phase::Done {
            return None;
        }
        let mut life = Life::of(transaction);
        life.withdraw(why.reason(), why.reversal_reason(), context);
        Some(life)
    }

    /// The transaction as it will stand once all outputs have been carried out. Until then it may
    /// know what is not written yet: show others what [`Output::Publish`] carries, never this.
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// Whether nothing will ever come from this machine again.
    pub fn is_over(&self) -> bool {
        self.transaction.phase() == Phase::Done && self.outputs.is_empty()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Takes in what happened.
    ///
    /// # Errors
    /// If it has no place in the present phase. Nothing has changed then.
    pub fn handle(&mut self, input: Input, context: Context<'_>) -> Result<(), Untimely> {
        match input {
            Input::ReaderArmed { reader } => self.reader_armed(reader, context.now),
            Input::CardSeen => self.card_seen(context.now),
            Input::CardRead(card_read) => self.card_read(card_read, None, context),
            Input::LimitReached(card_read) => self.card_read(card_read, Some(Reason::OfflineLimitReached), context),
            Input::Deadline => self.deadline(context.now),
            Input::ReaderFailed => self.reader_failed(context.now),
            Input::HostAnswered(answer) => self.host_answered(answer, context),
            Input::HostFailed { failure, reason } => self.host_failed(failure, reason, context),
            Input::ReversalAnswered { response_code } => self.reversal_answered(response_code, context.now),
            Input::ReversalNotFound { response_code } => self.reversal_not_found(response_code, context.now),
            Input::ReversalFailed(failure) => self.reversal_failed(failure, context.now),
            Input::Cancel => self.cancel(context),
            Input::InternalError => self.internal_error(context),
        }
    }

    /// Refuses an input, unless this is its time.
    fn expect(&self, is_timely: bool, what: &'static str) -> Result<(), Untimely> {
        if is_timely { Ok(()) } else { Err(Untimely { what, phase: self.transaction.phase() }) }
    }

    fn complete(&mut self, reason: Reason, now: Timestamp) {
        self.write(Event::completed(reason), now);
        self.publish();
    }

    fn note(&mut self, event: Event, now: Timestamp) {
        let record = self.record(event, now);
        self.push(Output::Note(record));
    }

    fn write(&mut self, event: Event, now: Timestamp) {
        let record = self.record(event, now);
        self.push(Output::Write(record));
    }

    fn record(&mut self, event: Event, now: Timestamp) -> Record {
        self.transaction.apply(now, &event).expect("the machine writes only what can follow: its tests walk all paths");
        Record { at: now, token: self.transaction.token().clone(), event }
    }

    fn publish(&mut self) {
        let shown = Box::new(self.transaction.clone());
        self.push(Output::Publish(shown));
    }

    fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }
}

/// How long to wait after so many attempts: 1, 2, 4 ... seconds.
fn pause(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.saturating_sub(1).min(6)).min(Life::PAUSE_MAX)
}

#[cfg(test)]
mod tests;
