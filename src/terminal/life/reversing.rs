//! What was asked is taken back, until the acquirer has taken that.

use std::time::Duration;

use jiff::Timestamp;

use super::super::ending::{Reason, ReversalReason};
use super::super::event::{Event, Reversal, SendFailure};
use super::super::transaction::{Exposure, Phase};
use super::{Context, Life, Output, Untimely, pause};

impl Life {
    pub(super) fn cancel(&mut self, context: Context<'_>) -> Result<(), Untimely> {
        let is_over = matches!(self.transaction.phase(), Phase::Reversing | Phase::Done);
        self.expect(!is_over && !self.transaction.is_cancel_requested(), "cancelling")?;
        if self.transaction.awaits_answer() {
            // A reversal that overtakes its request finds nothing to take back, and the approval stands: the
            // answer, or its time-out, comes first.
            self.write(Event::CancelRequested, context.now);
            self.publish();
        } else {
            self.withdraw(Reason::CancelledByCaller, ReversalReason::CancelledByCaller, context);
        }
        Ok(())
    }

    pub(super) fn internal_error(&mut self, context: Context<'_>) -> Result<(), Untimely> {
        let is_over = matches!(self.transaction.phase(), Phase::Reversing | Phase::Done);
        self.expect(!is_over, "an internal error")?;
        if self.transaction.awaits_second_tap() {
            self.give_up_tap(Reason::InternalError, context.now);
        } else {
            self.withdraw(Reason::InternalError, ReversalReason::InternalError, context);
        }
        Ok(())
    }

    pub(super) fn reversal_answered(&mut self, response_code: String, now: Timestamp) -> Result<(), Untimely> {
        self.expect(self.is_reversing(), "an answer to a reversal")?;
        self.settle_reversal(response_code, now);
        Ok(())
    }

    pub(super) fn reversal_not_found(&mut self, response_code: String, now: Timestamp) -> Result<(), Untimely> {
        self.expect(self.is_reversing(), "an answer to a reversal")?;
        self.times_not_found += 1;
        if self.times_not_found >= Self::BELIEVED_WHEN_NOT_FOUND {
            self.settle_reversal(response_code, now);
            return Ok(());
        }
        let reason = "the acquirer knows of nothing to take back".to_owned();
        self.note_reversal_failure(SendFailure { reason, response_code: Some(response_code) }, now);
        self.send_reversal(true, pause(self.times_not_found));
        Ok(())
    }

    pub(super) fn reversal_failed(&mut self, failure: SendFailure, now: Timestamp) -> Result<(), Untimely> {
        self.expect(self.is_reversing(), "a failure of a reversal")?;
        self.times_not_found = 0;
        self.note_reversal_failure(failure, now);
        self.send_reversal(true, pause(self.reversal_attempts));
        Ok(())
    }

    fn is_reversing(&self) -> bool {
        self.transaction.exposure() == Exposure::Reversing
    }

    /// Ends a transaction that nobody was told "approved" for: by a reversal if money may have
    /// moved, otherwise at once.
    pub(super) fn withdraw(&mut self, reason: Reason, reversal_reason: ReversalReason, context: Context<'_>) {
        if self.transaction.awaits_first_tap() || self.transaction.awaits_second_tap() {
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
                    (None, Some(answer)) if !answer.approved => Reason::DeclinedOnline,
                    (None, _) => reason,
                };
                self.complete(reason, context.now);
            }
        }
    }

    /// Takes back what was asked. Of what moves no money nothing is left, and it ends.
    pub(super) fn reverse(&mut self, reason: ReversalReason, context: Context<'_>) {
        if self.transaction.exposure() == Exposure::None {
            return self.complete(reason.without_money(), context.now);
        }
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
    fn note_reversal_failure(&mut self, failure: SendFailure, now: Timestamp) {
        if self.transaction.reversal_failure() != Some(&failure) {
            self.write(Event::ReversalFailed(failure), now);
            self.publish();
        }
    }

    fn settle_reversal(&mut self, response_code: String, now: Timestamp) {
        self.note(Event::ReversalAnswered { response_code }, now);
        self.complete(Reason::Reversed, now);
    }
}
