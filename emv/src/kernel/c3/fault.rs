//! What goes wrong, and how each of it ends the transaction.

use core::time::Duration;

use super::State;
use super::context::Context;
use crate::apdu::StatusWord;
use crate::kernel::{AlternateInterface, Decision, Event, MessageId, Outcome, StartPoint, Status, UiRequest};

/// What ends a transaction before the kernel decides. Each is numbered as the requirement that
/// detects it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The FCI is malformed, or has no PDOL that fits a command (4.1.1.4).
    FciMalformed,
    /// The limits of the card's program don't allow the transaction (Book C-3 2.9, 5.1).
    ProgramNotAllowed,
    /// The IDS operator's application gave an instruction that can't be carried out (7.1, 7.2).
    IdsInstructionMalformed,
    /// No response, or one without a status word (4.1.1.2).
    NoResponse,
    /// Stopped by the terminal.
    Cancelled,
    /// The card wants another interface (5.2.2.2, `6984`).
    OtherInterfaceWanted,
    /// The card wants another application to be selected (5.2.2.2, `6985`).
    NextApplicationWanted,
    /// The cardholder must act on the phone first (5.2.2.2, `6986`).
    SeePhone,
    /// GET PROCESSING OPTIONS was refused in another way (5.2.2.2).
    GpoRefused(StatusWord),
    /// The response to GET PROCESSING OPTIONS is not of format 2 (5.2.1.2, 4.1.1.4).
    GpoMalformed,
    /// The AFL is malformed, or names more records than are read (4.1.1.4).
    AflInvalid,
    /// READ RECORD was refused (5.3.2.1; EMV Book 3, 10.2).
    RecordRefused(StatusWord),
    /// A record is malformed (4.1.1.4).
    RecordMalformed,
    /// An object came more than once (5.4.2.2).
    DataRedundant,
    /// An object that every card must give is missing (5.4.2.1).
    MandatoryDataMissing,
    /// An object has not its length (4.1.1.4).
    DataMalformed,
    /// The PAN is not that of the Track 2 Equivalent Data (A.2).
    PanMismatch,
    /// The card is not for cash, and can be inserted (5.5.1.3).
    CashNotAllowed,
    /// The card is not for cashback, and can be inserted (5.5.1.4).
    CashbackNotAllowed,
    /// fDDA failed, and the card prefers its contacts (5.6.1.2).
    ContactChipPreferred,
}

impl Fault {
    /// The stable name, for logs and traces.
    pub const fn name(self) -> &'static str {
        match self {
            Fault::FciMalformed => "FCI malformed",
            Fault::ProgramNotAllowed => "not allowed for the card's program",
            Fault::IdsInstructionMalformed => "instruction for data storage malformed",
            Fault::NoResponse => "no response",
            Fault::Cancelled => "cancelled",
            Fault::OtherInterfaceWanted => "the card wants another interface",
            Fault::NextApplicationWanted => "the card wants another application",
            Fault::SeePhone => "the cardholder must act on the phone",
            Fault::GpoRefused(_) => "GET PROCESSING OPTIONS refused",
            Fault::GpoMalformed => "response to GET PROCESSING OPTIONS malformed",
            Fault::AflInvalid => "AFL invalid",
            Fault::RecordRefused(_) => "READ RECORD refused",
            Fault::RecordMalformed => "record malformed",
            Fault::DataRedundant => "data object given twice",
            Fault::MandatoryDataMissing => "mandatory data object missing",
            Fault::DataMalformed => "data object malformed",
            Fault::PanMismatch => "PAN differs from Track 2",
            Fault::CashNotAllowed => "not for cash",
            Fault::CashbackNotAllowed => "not for cashback",
            Fault::ContactChipPreferred => "fDDA failed, contacts preferred",
        }
    }

    /// How it ends the transaction: the one place where a fault becomes an outcome.
    //= C-3 4.1.1.2, 4.1.1.4, 4.2.1.1, 5.2.2.2
    fn outcome(self) -> Outcome {
        let failed = |message| UiRequest::new(message, Status::ProcessingError);
        match self {
            Fault::NoResponse => starting_at(StartPoint::B, Decision::TryAgain),
            Fault::NextApplicationWanted | Fault::ProgramNotAllowed => starting_at(StartPoint::C, Decision::SelectNext),
            Fault::SeePhone => {
                let request = failed(MessageId::SeePhone).held_for(SEE_PHONE_TIME);
                let mut outcome = showing(request, starting_at(StartPoint::B, Decision::TryAgain));
                outcome.ui_on_restart = Some(UiRequest::new(MessageId::SeePhone, Status::ReadyToRead));
                outcome.field_off = Some(SEE_PHONE_TIME);
                outcome
            }
            Fault::OtherInterfaceWanted | Fault::CashNotAllowed | Fault::CashbackNotAllowed => {
                showing(failed(MessageId::InsertOrSwipeCard), Outcome::new(Decision::TryAnotherInterface))
            }
            Fault::ContactChipPreferred => {
                let mut outcome = showing(failed(MessageId::InsertCard), Outcome::new(Decision::TryAnotherInterface));
                outcome.alternate_interface = Some(AlternateInterface::ContactChip);
                outcome
            }
            Fault::Cancelled => Outcome::new(Decision::EndApplication),
            Fault::FciMalformed
            | Fault::IdsInstructionMalformed
            | Fault::GpoRefused(_)
            | Fault::GpoMalformed
            | Fault::AflInvalid
            | Fault::RecordRefused(_)
            | Fault::RecordMalformed
            | Fault::DataRedundant
            | Fault::MandatoryDataMissing
            | Fault::DataMalformed
            | Fault::PanMismatch => showing(failed(MessageId::TryAnotherCard), Outcome::new(Decision::EndApplication)),
        }
    }
}

/// How long the field is off, and the message stays, for a phone to notice (5.2.2.2).
const SEE_PHONE_TIME: Duration = Duration::from_millis(1300);

fn starting_at(start: StartPoint, decision: Decision) -> Outcome {
    let mut outcome = Outcome::new(decision);
    outcome.start = Some(start);
    outcome
}

fn showing(request: UiRequest, mut outcome: Outcome) -> Outcome {
    outcome.ui_on_outcome = Some(request);
    outcome
}

impl Context {
    /// Ends the transaction as the fault demands.
    pub(super) fn fail(&mut self, fault: Fault) -> State {
        self.record(Event::CardFault(fault.name()));
        let mut outcome = fault.outcome();
        outcome.ui_on_outcome = outcome.ui_on_outcome.map(|request| self.in_language(request));
        outcome.ui_on_restart = outcome.ui_on_restart.map(|request| self.in_language(request));
        self.finish(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::context;
    use super::*;
    use crate::dict;

    fn ended(fault: Fault) -> Outcome {
        let mut context = context(&[]).given(dict::LANGUAGE_PREFERENCE, b"de");
        assert!(matches!(context.fail(fault), State::Finished));
        let recorded = context.outputs.front().unwrap();
        assert_eq!(*recorded, crate::kernel::Output::Record(Event::CardFault(fault.name())));
        context.outcome().unwrap().clone()
    }

    fn message(message: MessageId) -> Option<UiRequest> {
        Some(UiRequest::new(message, Status::ProcessingError).in_language(b"de"))
    }

    //= test C-3 4.1.1.4, 4.2.1.1
    #[test]
    fn what_is_malformed_ends_the_application() {
        for fault in [
            Fault::FciMalformed,
            Fault::IdsInstructionMalformed,
            Fault::GpoRefused(StatusWord::REFERENCE_DATA_NOT_USABLE),
            Fault::GpoMalformed,
            Fault::AflInvalid,
            Fault::RecordRefused(StatusWord::CONDITIONS_NOT_SATISFIED),
            Fault::RecordMalformed,
            Fault::DataRedundant,
            Fault::MandatoryDataMissing,
            Fault::DataMalformed,
            Fault::PanMismatch,
        ] {
            let mut expected = Outcome::new(Decision::EndApplication);
            expected.ui_on_outcome = message(MessageId::TryAnotherCard);
            assert_eq!(ended(fault), expected, "{}", fault.name());
        }
    }

    //= test C-3 4.1.1.2
    #[test]
    fn a_card_that_was_lost_is_tried_again_without_a_word() {
        assert_eq!(ended(Fault::NoResponse), starting_at(StartPoint::B, Decision::TryAgain));
    }

    //= test C-3 5.2.2.2, 5.1
    #[test]
    fn another_application_is_selected_without_a_word() {
        for fault in [Fault::NextApplicationWanted, Fault::ProgramNotAllowed] {
            assert_eq!(ended(fault), starting_at(StartPoint::C, Decision::SelectNext), "{}", fault.name());
        }
    }

    //= test C-3 5.2.2.2, 5.5.1.3, 5.5.1.4, 5.6.1.2
    #[test]
    fn another_interface_is_any_other_or_the_contacts() {
        for fault in [Fault::OtherInterfaceWanted, Fault::CashNotAllowed, Fault::CashbackNotAllowed] {
            let mut expected = Outcome::new(Decision::TryAnotherInterface);
            expected.ui_on_outcome = message(MessageId::InsertOrSwipeCard);
            assert_eq!(ended(fault), expected, "{}", fault.name());
        }
        let outcome = ended(Fault::ContactChipPreferred);
        assert_eq!(outcome.decision, Decision::TryAnotherInterface);
        assert_eq!(outcome.ui_on_outcome, message(MessageId::InsertCard));
        assert_eq!(outcome.alternate_interface, Some(AlternateInterface::ContactChip));
    }

    //= test C-3 5.2.2.2
    #[test]
    fn a_phone_gets_time_to_be_looked_at_and_is_then_read_again() {
        let outcome = ended(Fault::SeePhone);
        assert_eq!((outcome.decision, outcome.start), (Decision::TryAgain, Some(StartPoint::B)));
        let held = Duration::from_millis(1300);
        assert_eq!(outcome.ui_on_outcome, message(MessageId::SeePhone).map(|request| request.held_for(held)));
        let restart = UiRequest::new(MessageId::SeePhone, Status::ReadyToRead).in_language(b"de");
        assert_eq!(outcome.ui_on_restart, Some(restart));
        assert_eq!(outcome.field_off, Some(held));
    }
}
