//! Outcome Parameter Set.

use super::super::bits::bit_field;
use super::super::codes::codes;

codes! {
    /// The outcome itself, the four highest bits of byte 1.
    pub enum OutcomeStatus {
        Approved = 0x1, "approved";
        Declined = 0x2, "declined";
        OnlineRequest = 0x3, "online request";
        EndApplication = 0x4, "end application";
        SelectNext = 0x5, "select next";
        TryAnotherInterface = 0x6, "try another interface";
        TryAgain = 0x7, "try again";
        NotApplicable = 0xF, "N/A";
    }
}

codes! {
    /// Where Entry Point starts again, the four highest bits of byte 2.
    pub enum OutcomeStart {
        A = 0x0, "A";
        B = 0x1, "B";
        C = 0x2, "C";
        D = 0x3, "D";
        NotApplicable = 0xF, "N/A";
    }
}

codes! {
    /// How the cardholder is, or was, verified, the four highest bits of byte 4.
    pub enum OutcomeCvm {
        NoCvm = 0x0, "no CVM";
        ObtainSignature = 0x1, "obtain signature";
        OnlinePin = 0x2, "online PIN";
        ConfirmationCodeVerified = 0x3, "confirmation code verified";
        NotApplicable = 0xF, "N/A";
    }
}

bit_field! {
    /// Outcome Parameter Set, 8 bytes: what the kernel decided, and what goes with it (Book C-2,
    /// Annex A). At first everything is "not applicable".
    pub struct OutcomeParameterSet[8] = [0xF0, 0xF0, 0xF0, 0xF0, 0x00, 0xF0, 0xFF, 0x00];

    UI_REQUEST_ON_OUTCOME_PRESENT = (5, 8), "UI request on outcome present";
    UI_REQUEST_ON_RESTART_PRESENT = (5, 7), "UI request on restart present";
    DATA_RECORD_PRESENT = (5, 6), "data record present";
    DISCRETIONARY_DATA_PRESENT = (5, 5), "discretionary data present";
    RECEIPT = (5, 4), "receipt";
}

impl OutcomeParameterSet {
    /// The outcome itself.
    pub const fn status(self) -> OutcomeStatus {
        OutcomeStatus::from_code(self.0[0] >> 4)
    }

    /// Sets the outcome itself.
    pub const fn set_status(&mut self, status: OutcomeStatus) {
        self.0[0] = status.code() << 4;
    }

    /// Where Entry Point starts again.
    pub const fn start(self) -> OutcomeStart {
        OutcomeStart::from_code(self.0[1] >> 4)
    }

    /// Sets where Entry Point starts again.
    pub const fn set_start(&mut self, start: OutcomeStart) {
        self.0[1] = start.code() << 4;
    }

    /// How the cardholder is, or was, verified.
    pub const fn cvm(self) -> OutcomeCvm {
        OutcomeCvm::from_code(self.0[3] >> 4)
    }

    /// Sets how the cardholder is, or was, verified.
    pub const fn set_cvm(&mut self, cvm: OutcomeCvm) {
        self.0[3] = cvm.code() << 4;
    }

    /// For how long the field stays off before Entry Point starts again, in units of 100 ms; nothing
    /// where the field stays on.
    pub const fn field_off(self) -> Option<u8> {
        match self.0[6] {
            0xFF => None,
            hold_time => Some(hold_time),
        }
    }

    /// Sets for how long the field stays off, in units of 100 ms, less than 255.
    pub const fn set_field_off(&mut self, hold_time: Option<u8>) {
        self.0[6] = match hold_time {
            Some(hold_time) => hold_time,
            None => 0xFF,
        };
    }

    /// How long to wait for the card's removal, in units of 100 ms; 0 for no such wait.
    pub const fn removal_timeout(self) -> u8 {
        self.0[7]
    }

    /// Sets how long to wait for the card's removal, in units of 100 ms.
    pub const fn set_removal_timeout(&mut self, timeout: u8) {
        self.0[7] = timeout;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_applies_at_first() {
        let outcome = OutcomeParameterSet::default();
        assert_eq!(outcome.as_bytes(), &[0xF0, 0xF0, 0xF0, 0xF0, 0x00, 0xF0, 0xFF, 0x00]);
        assert_eq!(outcome.status(), OutcomeStatus::NotApplicable);
        assert_eq!((outcome.start(), outcome.cvm()), (OutcomeStart::NotApplicable, OutcomeCvm::NotApplicable));
        assert_eq!((outcome.field_off(), outcome.removal_timeout()), (None, 0));
    }

    #[test]
    fn an_online_request_with_signature_is_written_as_the_book_has_it() {
        let mut outcome = OutcomeParameterSet::default();
        outcome.set_status(OutcomeStatus::OnlineRequest);
        outcome.set_cvm(OutcomeCvm::ObtainSignature);
        outcome.set(OutcomeParameterSet::UI_REQUEST_ON_OUTCOME_PRESENT);
        outcome.set(OutcomeParameterSet::DATA_RECORD_PRESENT);
        outcome.set(OutcomeParameterSet::DISCRETIONARY_DATA_PRESENT);
        outcome.set(OutcomeParameterSet::RECEIPT);
        assert_eq!(outcome.as_bytes(), &[0x30, 0xF0, 0xF0, 0x10, 0xB8, 0xF0, 0xFF, 0x00]);
    }

    #[test]
    fn trying_again_after_the_field_was_off_keeps_its_time() {
        let mut outcome = OutcomeParameterSet::default();
        outcome.set_status(OutcomeStatus::TryAgain);
        outcome.set_start(OutcomeStart::B);
        outcome.set_field_off(Some(13));
        assert_eq!((outcome.start(), outcome.field_off()), (OutcomeStart::B, Some(13)));
        outcome.set_field_off(None);
        assert_eq!(outcome.field_off(), None);
    }
}
