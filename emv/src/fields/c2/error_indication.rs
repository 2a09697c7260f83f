//! Error Indication.

use super::super::codes::codes;
use super::super::{Error, exactly};

codes! {
    /// What failed between reader and card.
    pub enum L1Error {
        Ok = 0x00, "OK";
        TimeOut = 0x01, "time out error";
        Transmission = 0x02, "transmission error";
        Protocol = 0x03, "protocol error";
    }
}

codes! {
    /// What failed in the kernel.
    pub enum L2Error {
        Ok = 0x00, "OK";
        CardDataMissing = 0x01, "card data missing";
        CamFailed = 0x02, "CAM failed";
        StatusBytes = 0x03, "status bytes";
        Parsing = 0x04, "parsing error";
        MaxLimitExceeded = 0x05, "max limit exceeded";
        CardDataError = 0x06, "card data error";
        MagStripeNotSupported = 0x07, "mag-stripe not supported";
        NoPpse = 0x08, "no PPSE";
        PpseFault = 0x09, "PPSE fault";
        EmptyCandidateList = 0x0A, "empty candidate list";
        IdsReadError = 0x0B, "IDS read error";
        IdsWriteError = 0x0C, "IDS write error";
        IdsDataError = 0x0D, "IDS data error";
        IdsNoMatchingAc = 0x0E, "IDS no matching AC";
        TerminalDataError = 0x0F, "terminal data error";
    }
}

codes! {
    /// What failed in the terminal.
    pub enum L3Error {
        Ok = 0x00, "OK";
        TimeOut = 0x01, "time out";
        Stop = 0x02, "stop";
        AmountNotPresent = 0x03, "amount not present";
    }
}

/// Error Indication, 6 bytes: what failed on which layer, the status word that said so, and the
/// message to show for it (Book C-2, Annex A).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorIndication {
    /// Between reader and card.
    pub l1: L1Error,
    /// In the kernel.
    pub l2: L2Error,
    /// In the terminal.
    pub l3: L3Error,
    /// SW12, where [`L2Error::StatusBytes`] is the error; else `0000`.
    pub status_word: [u8; 2],
    /// The identifier of the message to show, `FF` for none.
    pub message_on_error: u8,
}

impl ErrorIndication {
    /// Reads the bytes; codes that nobody defined are kept.
    pub const fn from_bytes(bytes: [u8; 6]) -> Self {
        let [l1, l2, l3, sw1, sw2, message_on_error] = bytes;
        ErrorIndication {
            l1: L1Error::from_code(l1),
            l2: L2Error::from_code(l2),
            l3: L3Error::from_code(l3),
            status_word: [sw1, sw2],
            message_on_error,
        }
    }

    /// The bytes, as they stand in a message.
    pub const fn to_bytes(self) -> [u8; 6] {
        let [sw1, sw2] = self.status_word;
        [self.l1.code(), self.l2.code(), self.l3.code(), sw1, sw2, self.message_on_error]
    }
}

impl Default for ErrorIndication {
    /// No error, no message.
    fn default() -> Self {
        ErrorIndication::from_bytes([0, 0, 0, 0, 0, 0xFF])
    }
}

impl TryFrom<&[u8]> for ErrorIndication {
    type Error = Error;

    fn try_from(value: &[u8]) -> Result<Self, Error> {
        exactly("ErrorIndication", value).map(ErrorIndication::from_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_bytes_go_both_ways_with_codes_nobody_defined() {
        let bytes = [0x01, 0x77, 0x03, 0x69, 0x85, 0x1C];
        let error = ErrorIndication::from_bytes(bytes);
        assert_eq!((error.l1, error.l2, error.l3), (L1Error::TimeOut, L2Error::Rfu(0x77), L3Error::AmountNotPresent));
        assert_eq!(error.to_bytes(), bytes);
        assert_eq!(ErrorIndication::default().to_bytes(), [0, 0, 0, 0, 0, 0xFF]);
    }
}
