//! Which event can follow on what happened before.

use super::{Exposure, Phase, Transaction};
use crate::terminal::ending::Reason;
use crate::terminal::event::{Event, TapOutcome};

impl Transaction {
    /// Whether the event can come next.
    pub(super) fn admits(&self, event: &Event) -> bool {
        match event {
            Event::Created(_) => false,
            Event::Armed { .. } => self.awaits_first_tap() || self.awaits_second_tap(),
            Event::CardSeen => self.phase == Phase::Armed,
            Event::CardRead(card_read) => self.admits_end_of_tap(card_read.outcome),
            Event::OriginalRead(_) => self.phase == Phase::Created && self.is_follow_up() && self.original.is_none(),
            Event::OnlineRequested(_) => self.may_go_online(),
            Event::OnlineAnswered(_) | Event::OnlineFailed { .. } => self.awaits_answer(),
            Event::CancelRequested => self.awaits_answer() && !self.is_cancel_requested,
            Event::LateAnswer(_) => {
                self.online_request.is_some() && matches!(self.phase, Phase::Reversing | Phase::Done)
            }
            Event::ReversalRequested(_) => self.phase != Phase::Done && self.exposure() == Exposure::Open,
            Event::ReversalFailed(_) | Event::ReversalAnswered { .. } => self.exposure() == Exposure::Reversing,
            Event::AdviceRequested(_) => self.advice.is_none() && self.may_be_advised(),
            Event::AdviceFailed(_) | Event::AdviceAnswered { .. } => self.is_advice_outstanding(),
            Event::Completed { result, reason } => {
                self.phase != Phase::Done && *result == reason.result() && self.admits_ending(*reason)
            }
        }
    }

    /// Whether there is something to ask the acquirer, and it was not asked.
    fn may_go_online(&self) -> bool {
        let outcome = self.outcome();
        let is_wanted = outcome == Some(TapOutcome::OnlineRequest) && self.request.refuses(outcome).is_none();
        let after_tap = self.phase == Phase::CardRead && is_wanted;
        let after_original = self.phase == Phase::Created && self.original.is_some();
        let is_asked = !self.request.kind.is_advised();
        self.online_request.is_none() && (after_tap || (after_original && is_asked))
    }

    /// Whether there is something that the acquirer is told and not asked.
    fn may_be_advised(&self) -> bool {
        let after_original = self.phase == Phase::Created && self.original.is_some();
        let is_approved = self.phase == Phase::CardRead && self.is_approved_offline();
        is_approved || (after_original && self.request.kind.is_advised())
    }

    /// Whether card and terminal have approved what needs nobody else.
    fn is_approved_offline(&self) -> bool {
        self.outcome() == Some(TapOutcome::Approved) && self.request.refuses(self.outcome()).is_none()
    }

    /// Whether a tap can end so now. Pre-processing may end one before any card was seen, without a
    /// decision about money (EMV Contactless Book B, 3.1.1.13).
    pub fn admits_end_of_tap(&self, outcome: TapOutcome) -> bool {
        let without_card = matches!(outcome, TapOutcome::TryAnotherInterface | TapOutcome::EndApplication);
        let before_card = self.phase == Phase::Created && without_card && !self.is_follow_up();
        self.phase == Phase::CardSeen || before_card || self.awaits_second_tap()
    }

    /// Whether the transaction can end for this reason.
    fn admits_ending(&self, reason: Reason) -> bool {
        let outcome = self.outcome();
        // Where pre-processing finds no application for the amount, no card is asked for (EMV Contactless Book B, 3.1.1.13).
        let without_card = self.phase == Phase::Created && !self.is_follow_up();
        match reason {
            Reason::ApprovedOnline => {
                let is_open = self.exposure() == Exposure::Open || self.request.kind.is_inquiry();
                is_open && self.is_approved_online()
            }
            Reason::ApprovedOffline => self.is_approved_offline(),
            Reason::OnlineRequired | Reason::OfflineNotPossible => {
                self.request.refuses(outcome) == Some(reason) && self.online_request.is_none()
            }
            Reason::OfflineLimitReached => outcome == Some(TapOutcome::Approved) && self.online_request.is_none(),
            Reason::ApprovedBefore => self.is_follow_up() && self.advice.is_some(),
            Reason::DeclinedOnline => self.answer.as_ref().is_some_and(|answer| !answer.approved),
            Reason::DeclinedOffline => outcome == Some(TapOutcome::Declined),
            Reason::TryAnotherInterface => without_card || outcome == Some(TapOutcome::TryAnotherInterface),
            Reason::EndApplication => without_card || outcome == Some(TapOutcome::EndApplication),
            // The host link knows that nothing was sent.
            Reason::UnableToGoOnline => {
                self.online_request.is_some() && self.answer.is_none() && self.reversal.is_none()
            }
            Reason::Reversed => self.reversal_response_code.is_some(),
            Reason::NoCard => self.exposure() == Exposure::None && self.card_read.is_none(),
            // Called off while the acquirer was to be asked, and then it never was.
            Reason::CancelledByCaller if self.is_cancel_requested => {
                self.request.kind.is_inquiry() || (self.answer.is_none() && self.reversal.is_none())
            }
            Reason::CancelledByCaller
            | Reason::ReaderFailed
            | Reason::Restarted
            | Reason::JournalFailed
            | Reason::InternalError => {
                let was_asked_for_money = self.online_request.is_some() && !self.request.kind.is_inquiry();
                self.exposure() == Exposure::None && !was_asked_for_money
            }
        }
    }
}
