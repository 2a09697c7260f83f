//! Where a transaction stands: whether money may have moved, and for whom it waits.

use emv::fields::Amount;

use super::{Phase, Transaction};
use crate::terminal::ending::Reason;
use crate::terminal::event::Answer;

/// Whether money may have moved, as far as the journal knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// The acquirer was not asked, or declined, or took the reversal.
    None,
    /// The acquirer may have approved, or did, and no reversal is under way.
    Open,
    /// A reversal is written and not answered.
    Reversing,
}

impl Transaction {
    /// Whether the card is awaited, or is being read, for the first time.
    pub fn awaits_first_tap(&self) -> bool {
        matches!(self.phase, Phase::Created | Phase::Armed | Phase::CardSeen) && !self.is_follow_up()
    }

    /// Whether it follows up an earlier transaction, and asks for no card.
    pub fn is_follow_up(&self) -> bool {
        self.request.original.is_some()
    }

    /// Whether the answer approves, and an amount that the caller takes.
    pub fn takes(&self, answer: &Answer) -> bool {
        let asked = self.request.amount;
        if self.request.kind.is_inquiry() {
            return answer.approved;
        }
        let takes_part = |part: Amount| self.request.accept_partial && Amount::ZERO < part && part < asked;
        answer.approved && answer.amount.is_none_or(|amount| amount == asked || takes_part(amount))
    }

    /// Whether the acquirer has answered by an approval that the caller takes.
    pub fn is_approved_online(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| self.takes(answer))
    }

    /// Whether money may have moved. What moves none can't have, whatever became of the request.
    pub fn exposure(&self) -> Exposure {
        if self.request.kind.is_inquiry() {
            return Exposure::None;
        }
        let declined = self.answer.as_ref().is_some_and(|answer| !answer.approved);
        match (&self.online_request, &self.reversal, &self.reversal_response_code) {
            (None, ..) | (Some(_), Some(_), Some(_)) => Exposure::None,
            (Some(_), Some(_), None) => Exposure::Reversing,
            (Some(_), None, _) if declined => Exposure::None,
            (Some(_), None, _) => Exposure::Open,
        }
    }

    /// Whether the acquirer is being asked, and no answer has come.
    pub fn awaits_answer(&self) -> bool {
        self.phase == Phase::Authorising && self.answer.is_none()
    }

    /// Whether the card is to come back for the issuer's answer.
    pub fn awaits_second_tap(&self) -> bool {
        self.phase != Phase::Reversing
            && self.phase != Phase::Done
            && self.answer.as_ref().is_some_and(|answer| self.is_wanted_by_card(answer))
    }

    /// Whether there is something for the card in the answer, and the card asked to come back for it.
    pub fn is_wanted_by_card(&self, answer: &Answer) -> bool {
        answer.is_for_card() && self.card_read.as_ref().is_some_and(|card_read| card_read.present_again)
    }

    /// Whether the acquirer has yet to hear of an offline approval, or of what follows from an earlier one.
    pub fn is_advice_outstanding(&self) -> bool {
        let is_told = |reason| matches!(reason, Reason::ApprovedOffline | Reason::ApprovedBefore);
        let is_approved = self.ending.is_some_and(|ending| is_told(ending.reason));
        is_approved && self.advice.is_some() && self.advice_response_code.is_none()
    }
}
