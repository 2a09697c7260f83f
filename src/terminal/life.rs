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
//! Where card and terminal approved offline, the machine works on when it is done, until the acquirer has
//! taken its advice.
//!
//! What keeps the money safe is the order of the outputs: an [`Output::Write`] must be synced to the
//! journal before the next output is carried out. If a write fails, drop the machine and its
//! remaining outputs, release the reader, and go on with [`Life::recover`] on what the journal holds,
//! as after a power cut.

use std::collections::VecDeque;
use std::time::Duration;

use emv::fields::Amount;
use jiff::Timestamp;

use super::ending::{Interruption, Reason, ReversalReason};
use super::event::{Acceptor, Answer, CardRead, Event, OnlineRequest, Record, Reversal, SendFailure, TapOutcome};
use super::request::Request;
use super::trace_number::{Rrn, StanCounter};
use super::transaction::{Exposure, Phase, Transaction};

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
    /// The acquirer took the advice of an offline approval.
    AdviceAnswered {
        /// Its response code.
        response_code: String,
    },
    /// The advice was not answered, or not taken.
    AdviceFailed(SendFailure),
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
    /// Tell the acquirer of an offline approval; answer by `AdviceAnswered` or `AdviceFailed`.
    Advise {
        /// What to send.
        advice: OnlineRequest,
        /// Whether it may have been sent before (ISO 8583:1987: 0221 instead of 0220).
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
    advice_attempts: u32,
    /// How often, in a row, the acquirer has said that it knows of nothing to take back.
    times_not_found: u32,
    outputs: VecDeque<Output>,
}

impl Life {
    /// The longest wait between two reversals, or two advices.
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
        Life { transaction, reversal_attempts: 0, advice_attempts: 0, times_not_found: 0, outputs }
    }

    /// Takes up a transaction that was not done when the power went, or when it was dropped for
    /// another reason, as the journal tells it; none if it is done, and no advice of it is
    /// outstanding.
    ///
    /// Nobody was told "approved", so nothing is approved any more: what never went to the acquirer
    /// is aborted, what may have been approved is reversed, and a reversal goes on.
    pub fn recover(transaction: Transaction, why: Interruption, context: Context<'_>) -> Option<Self> {
        let mut life = Life::of(transaction);
        if life.transaction.phase() == Phase::Done {
            life.transaction.is_advice_outstanding().then_some(())?;
            life.send_advice(true, Duration::ZERO);
            return Some(life);
        }
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
        let is_settled = self.transaction.phase() == Phase::Done && !self.transaction.is_advice_outstanding();
        is_settled && self.outputs.is_empty()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Takes in what happened.
    pub fn handle(&mut self, input: Input, context: Context<'_>) -> Result<(), Untimely> {
        let phase = self.transaction.phase();
        let untimely = |what| Err(Untimely { what, phase });
        let before_card = matches!(phase, Phase::Created | Phase::Armed | Phase::CardSeen);
        let second_tap = self.transaction.awaits_second_tap();
        match input {
            Input::ReaderArmed { reader } => {
                if !before_card && !second_tap {
                    return untimely("arming a reader");
                }
                self.note(Event::Armed { reader }, context.now);
                self.publish();
            }
            Input::CardSeen => {
                if phase != Phase::Armed {
                    return untimely("a card");
                }
                self.note(Event::CardSeen, context.now);
                self.publish();
            }
            Input::CardRead(card_read) => {
                if !self.transaction.admits_end_of_tap(card_read.outcome) {
                    return untimely("the end of a tap");
                }
                self.card_read(card_read, context);
            }
            Input::HostAnswered(answer) => {
                if self.transaction.awaits_answer() {
                    self.host_answered(answer, context);
                } else if phase == Phase::Reversing && self.transaction.answer().is_none() {
                    self.note(Event::LateAnswer(answer), context.now);
                } else {
                    return untimely("an answer of the acquirer");
                }
            }
            Input::HostFailed { failure, reason } => {
                if !self.transaction.awaits_answer() {
                    return untimely("a failure of the host link");
                }
                self.note(Event::OnlineFailed { reason }, context.now);
                match (failure, self.transaction.is_cancel_requested()) {
                    (HostFailure::NotSent, false) => self.complete(Reason::UnableToGoOnline, context.now),
                    (HostFailure::NotSent, true) => self.complete(Reason::CancelledByCaller, context.now),
                    (HostFailure::NoAnswer, false) => self.reverse(ReversalReason::NoAnswer, context),
                    (HostFailure::NoAnswer, true) => self.reverse(ReversalReason::CancelledByCaller, context),
                }
            }
            Input::ReversalAnswered { response_code } => {
                if self.transaction.exposure() != Exposure::Reversing {
                    return untimely("an answer to a reversal");
                }
                self.reversal_settled(response_code, context.now);
            }
            Input::ReversalNotFound { response_code } => {
                if self.transaction.exposure() != Exposure::Reversing {
                    return untimely("an answer to a reversal");
                }
                self.times_not_found += 1;
                if self.times_not_found >= Self::BELIEVED_WHEN_NOT_FOUND {
                    self.reversal_settled(response_code, context.now);
                    return Ok(());
                }
                let reason = "the acquirer knows of nothing to take back".to_owned();
                self.reversal_failed(SendFailure { reason, response_code: Some(response_code) }, context.now);
                self.send_reversal(true, pause(self.times_not_found));
            }
            Input::ReversalFailed(failure) => {
                if self.transaction.exposure() != Exposure::Reversing {
                    return untimely("a failure of a reversal");
                }
                self.times_not_found = 0;
                self.reversal_failed(failure, context.now);
                self.send_reversal(true, pause(self.reversal_attempts));
            }
            Input::AdviceAnswered { response_code } => {
                if !self.transaction.is_advice_outstanding() {
                    return untimely("an answer to an advice");
                }
                self.write(Event::AdviceAnswered { response_code }, context.now);
            }
            Input::AdviceFailed(failure) => {
                if !self.transaction.is_advice_outstanding() {
                    return untimely("a failure of an advice");
                }
                if self.transaction.advice_failure() != Some(&failure) {
                    self.write(Event::AdviceFailed(failure), context.now);
                }
                self.send_advice(true, pause(self.advice_attempts));
            }
            Input::Cancel => {
                if matches!(phase, Phase::Reversing | Phase::Done) || self.transaction.is_cancel_requested() {
                    return untimely("cancelling");
                }
                if self.transaction.awaits_answer() {
                    // A reversal that overtakes its request finds nothing to take back, and the approval stands: the
                    // answer, or its time-out, comes first.
                    self.write(Event::CancelRequested, context.now);
                    self.publish();
                    return Ok(());
                }
                self.withdraw(Reason::CancelledByCaller, ReversalReason::CancelledByCaller, context);
            }
            Input::Deadline => {
                if phase == Phase::CardSeen || !(before_card || second_tap) {
                    return untimely("a time-out of the reader");
                }
                self.give_up_tap(Reason::NoCard, context.now);
            }
            Input::ReaderFailed => {
                if !(before_card || second_tap) {
                    return untimely("a failure of the reader");
                }
                self.give_up_tap(Reason::ReaderFailed, context.now);
            }
            Input::InternalError => {
                if matches!(phase, Phase::Reversing | Phase::Done) {
                    return untimely("an internal error");
                }
                if second_tap {
                    self.give_up_tap(Reason::InternalError, context.now);
                    return Ok(());
                }
                self.withdraw(Reason::InternalError, ReversalReason::InternalError, context);
            }
        }
        Ok(())
    }

    fn card_read(&mut self, card_read: Box<CardRead>, context: Context<'_>) {
        let outcome = card_read.outcome;
        let second_tap = self.transaction.awaits_second_tap();
        // Where no card was asked for, none was read, and nobody is told so.
        if self.transaction.phase() != Phase::Created {
            self.note(Event::CardRead(card_read), context.now);
            self.push(Output::Disarm);
            self.publish();
        }
        if second_tap {
            return if outcome == TapOutcome::Declined {
                self.withdraw(Reason::DeclinedOnline, ReversalReason::DeclinedByCard, context);
            } else {
                // The issuer has decided, whatever became of its data.
                //= C-3 6.2.1.3
                self.complete_by_answer(context.now);
            };
        }
        match outcome {
            TapOutcome::Approved => self.approved_offline(context),
            TapOutcome::Declined => self.complete(Reason::DeclinedOffline, context.now),
            TapOutcome::TryAnotherInterface => self.complete(Reason::TryAnotherInterface, context.now),
            TapOutcome::EndApplication => self.complete(Reason::EndApplication, context.now),
            TapOutcome::OnlineRequest => {
                let request = message_to_acquirer(context.stans, context.acceptor, context.now);
                self.write(Event::OnlineRequested(request.clone()), context.now);
                self.push(Output::Authorise(request));
                self.publish();
            }
        }
    }

    fn approved_offline(&mut self, context: Context<'_>) {
        if self.transaction.card_read().is_some_and(|card_read| card_read.icc_data.is_some()) {
            let advice = message_to_acquirer(context.stans, context.acceptor, context.now);
            self.note(Event::AdviceRequested(advice), context.now);
        }
        self.complete(Reason::ApprovedOffline, context.now);
        if self.transaction.is_advice_outstanding() {
            self.send_advice(false, Duration::ZERO);
        }
    }

    fn send_advice(&mut self, repeated: bool, after: Duration) {
        let advice = self.transaction.advice().expect("an advice is outstanding: the callers checked").clone();
        self.advice_attempts = self.advice_attempts.saturating_add(1);
        self.push(Output::Advise { advice, repeated, after });
    }

    //= C-3 6
    fn host_answered(&mut self, answer: Answer, context: Context<'_>) {
        let event = Event::OnlineAnswered(answer.clone());
        if answer.approved && self.transaction.is_cancel_requested() {
            self.note(event, context.now);
            return self.reverse(ReversalReason::CancelledByCaller, context);
        }
        if answer.approved && !self.transaction.takes(&answer) {
            self.note(event, context.now);
            let asked = self.transaction.request().amount;
            let is_partial = answer.amount.is_some_and(|amount| amount > Amount::ZERO && amount < asked);
            let reason =
                if is_partial { ReversalReason::PartialNotAccepted } else { ReversalReason::ImplausibleAmount };
            return self.reverse(reason, context);
        }
        if self.transaction.is_wanted_by_card(&answer) && !self.transaction.is_cancel_requested() {
            self.write(event, context.now);
            self.push(Output::ArmForAnswer);
        } else {
            self.note(event, context.now);
            self.complete_by_answer(context.now);
        }
    }

    /// Ends a transaction as the issuer decided, with an amount that the caller takes.
    fn complete_by_answer(&mut self, now: Timestamp) {
        let approved = self.transaction.is_approved_online();
        self.complete(if approved { Reason::ApprovedOnline } else { Reason::DeclinedOnline }, now);
    }

    /// Waits for the card no longer. One that should have come back for the issuer's answer does without
    /// it, and the answer stands: the goods are paid for, or not, as the issuer said.
    //= C-3 2.3.1
    fn give_up_tap(&mut self, reason: Reason, now: Timestamp) {
        self.push(Output::Disarm);
        if self.transaction.awaits_second_tap() {
            self.complete_by_answer(now);
        } else {
            self.complete(reason, now);
        }
    }

    /// Ends a transaction that nobody was told "approved" for: by a reversal if money may have
    /// moved, otherwise at once.
    fn withdraw(&mut self, reason: Reason, reversal_reason: ReversalReason, context: Context<'_>) {
        let holds_reader = matches!(self.transaction.phase(), Phase::Created | Phase::Armed | Phase::CardSeen);
        if holds_reader || self.transaction.awaits_second_tap() {
            self.push(Output::Disarm);
        }
        match self.transaction.exposure() {
            Exposure::Open => self.reverse(reversal_reason, context),
            Exposure::Reversing => {
                self.publish();
                self.send_reversal(true, Duration::ZERO);
            }
            Exposure::None => {
                let reason = match (self.transaction.reversal(), self.transaction.answer()) {
                    (Some(_), _) => Reason::Reversed,
                    (None, Some(_)) => Reason::DeclinedOnline,
                    (None, None) => reason,
                };
                self.complete(reason, context.now);
            }
        }
    }

    fn reverse(&mut self, reason: ReversalReason, context: Context<'_>) {
        let reversal = Reversal { stan: context.stans.take(), at: context.now, reason };
        self.write(Event::ReversalRequested(reversal), context.now);
        self.publish();
        self.send_reversal(false, Duration::ZERO);
    }

    fn send_reversal(&mut self, repeated: bool, after: Duration) {
        let reversal = self.transaction.reversal().expect("a reversal is under way: the callers checked").clone();
        self.reversal_attempts = self.reversal_attempts.saturating_add(1);
        self.push(Output::Reverse { reversal, repeated, after });
    }

    /// Writes down why a reversal must be sent again, where that is news.
    fn reversal_failed(&mut self, failure: SendFailure, now: Timestamp) {
        if self.transaction.reversal_failure() != Some(&failure) {
            self.write(Event::ReversalFailed(failure), now);
            self.publish();
        }
    }

    fn reversal_settled(&mut self, response_code: String, now: Timestamp) {
        self.note(Event::ReversalAnswered { response_code }, now);
        self.complete(Reason::Reversed, now);
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

/// A new message to the acquirer, under numbers of its own.
fn message_to_acquirer(stans: &mut StanCounter, acceptor: &Acceptor, now: Timestamp) -> OnlineRequest {
    let stan = stans.take();
    OnlineRequest { stan, rrn: Rrn::new(now, stan), at: now, acceptor: acceptor.clone() }
}

/// How long to wait after so many attempts: 1, 2, 4 ... seconds.
fn pause(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.saturating_sub(1).min(6)).min(Life::PAUSE_MAX)
}

#[cfg(test)]
mod tests;
