//! The acquirer is asked, and answers or does not.

use emv::fields::Amount;
use jiff::Timestamp;

use super::super::ending::{Reason, ReversalReason};
use super::super::event::{Answer, Event, OnlineRequest};
use super::super::trace_number::Rrn;
use super::super::transaction::Phase;
use super::{Context, HostFailure, Life, Output, Untimely};

impl OnlineRequest {
    /// A new message to the acquirer, under numbers of its own.
    pub(super) fn new(context: Context<'_>) -> Self {
        let stan = context.stans.take();
        OnlineRequest { stan, rrn: Rrn::new(context.now, stan), at: context.now, acceptor: context.acceptor.clone() }
    }
}

impl Life {
    pub(super) fn ask_acquirer(&mut self, context: Context<'_>) {
        let now = context.now;
        let request = OnlineRequest::new(context);
        self.write(Event::OnlineRequested(request.clone()), now);
        self.push(Output::Authorise(request));
        self.publish();
    }

    pub(super) fn host_answered(&mut self, answer: Answer, context: Context<'_>) -> Result<(), Untimely> {
        let transaction = &self.transaction;
        if transaction.awaits_answer() {
            self.decided(answer, context);
            return Ok(());
        }
        let is_late = transaction.phase() == Phase::Reversing && transaction.answer().is_none();
        self.expect(is_late, "an answer of the acquirer")?;
        self.note(Event::LateAnswer(answer), context.now);
        Ok(())
    }

    pub(super) fn host_failed(
        &mut self,
        failure: HostFailure,
        reason: String,
        context: Context<'_>,
    ) -> Result<(), Untimely> {
        self.expect(self.transaction.awaits_answer(), "a failure of the host link")?;
        self.note(Event::OnlineFailed { reason }, context.now);
        match (failure, self.transaction.is_cancel_requested()) {
            (HostFailure::NotSent, false) => self.complete(Reason::UnableToGoOnline, context.now),
            (HostFailure::NotSent, true) => self.complete(Reason::CancelledByCaller, context.now),
            (HostFailure::NoAnswer, false) => self.reverse(ReversalReason::NoAnswer, context),
            (HostFailure::NoAnswer, true) => self.reverse(ReversalReason::CancelledByCaller, context),
        }
        Ok(())
    }

    //= C-3 6
    fn decided(&mut self, answer: Answer, context: Context<'_>) {
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
    pub(super) fn complete_by_answer(&mut self, now: Timestamp) {
        let approved = self.transaction.is_approved_online();
        self.complete(if approved { Reason::ApprovedOnline } else { Reason::DeclinedOnline }, now);
    }
}
