//! The way to the card and back.

use jiff::Timestamp;

use super::super::ending::{Reason, ReversalReason};
use super::super::event::{CardRead, Event, OnlineRequest, TapOutcome};
use super::super::transaction::Phase;
use super::{Context, Life, Output, Untimely};

impl Life {
    pub(super) fn reader_armed(&mut self, reader: String, now: Timestamp) -> Result<(), Untimely> {
        self.expect(self.awaits_card(), "arming a reader")?;
        self.note(Event::Armed { reader }, now);
        self.publish();
        Ok(())
    }

    pub(super) fn card_seen(&mut self, now: Timestamp) -> Result<(), Untimely> {
        self.expect(self.transaction.phase() == Phase::Armed, "a card")?;
        self.note(Event::CardSeen, now);
        self.publish();
        Ok(())
    }

    /// The kernel has ended; `refusal` says why its outcome is not taken, where it is not.
    pub(super) fn card_read(
        &mut self,
        card_read: Box<CardRead>,
        refusal: Option<Reason>,
        context: Context<'_>,
    ) -> Result<(), Untimely> {
        let outcome = card_read.outcome;
        self.expect(self.transaction.admits_end_of_tap(outcome), "the end of a tap")?;
        let second_tap = self.transaction.awaits_second_tap();
        // Where no card was asked for, none was read, and nobody is told so.
        if self.transaction.phase() != Phase::Created {
            self.note(Event::CardRead(card_read), context.now);
            self.push(Output::Disarm);
            self.publish();
        }
        // A cryptogram that the acquirer never gets moves no money.
        let refusal = self.transaction.request().refuses(Some(outcome)).or(refusal);
        match refusal {
            _ if second_tap => self.second_tap_ended(outcome, context),
            Some(reason) => self.complete(reason, context.now),
            None => self.first_tap_ended(outcome, context),
        }
        Ok(())
    }

    fn first_tap_ended(&mut self, outcome: TapOutcome, context: Context<'_>) {
        match outcome {
            TapOutcome::Approved => self.approved_offline(context),
            TapOutcome::Declined => self.complete(Reason::DeclinedOffline, context.now),
            TapOutcome::TryAnotherInterface => self.complete(Reason::TryAnotherInterface, context.now),
            TapOutcome::EndApplication => self.complete(Reason::EndApplication, context.now),
            TapOutcome::OnlineRequest => self.ask_acquirer(context),
        }
    }

    /// The acquirer is told afterwards: what it is told is written together with the end.
    fn approved_offline(&mut self, context: Context<'_>) {
        let now = context.now;
        if self.transaction.card_read().is_some_and(|card_read| card_read.icc_data.is_some()) {
            self.note(Event::AdviceRequested(OnlineRequest::new(context)), now);
        }
        self.complete(Reason::ApprovedOffline, now);
    }

    fn second_tap_ended(&mut self, outcome: TapOutcome, context: Context<'_>) {
        // Of a card that was only to be verified, its issuer has the last word.
        if outcome == TapOutcome::Declined && !self.transaction.request().kind.is_inquiry() {
            self.withdraw(Reason::DeclinedOnline, ReversalReason::DeclinedByCard, context);
        } else {
            // The issuer has decided, whatever became of its data.
            //= C-3 6.2.1.3
            self.complete_by_answer(context.now);
        }
    }

    pub(super) fn deadline(&mut self, now: Timestamp) -> Result<(), Untimely> {
        let is_read = self.transaction.phase() == Phase::CardSeen;
        self.expect(self.awaits_card() && !is_read, "a time-out of the reader")?;
        self.give_up_tap(Reason::NoCard, now);
        Ok(())
    }

    pub(super) fn reader_failed(&mut self, now: Timestamp) -> Result<(), Untimely> {
        self.expect(self.awaits_card(), "a failure of the reader")?;
        self.give_up_tap(Reason::ReaderFailed, now);
        Ok(())
    }

    /// Whether a card is awaited, or is being read, be it for the first time or with the issuer's answer.
    fn awaits_card(&self) -> bool {
        self.transaction.awaits_first_tap() || self.transaction.awaits_second_tap()
    }

    /// Waits for the card no longer. One that should have come back for the issuer's answer does without
    /// it, and the answer stands: the goods are paid for, or not, as the issuer said.
    //= C-3 2.3.1
    pub(super) fn give_up_tap(&mut self, reason: Reason, now: Timestamp) {
        self.push(Output::Disarm);
        if self.transaction.awaits_second_tap() {
            self.complete_by_answer(now);
        } else {
            self.complete(reason, now);
        }
    }
}
