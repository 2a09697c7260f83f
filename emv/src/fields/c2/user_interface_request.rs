//! User Interface Request Data.

use super::super::codes::codes;
use super::super::{Amount, Error, digits, exactly};

codes! {
    /// What lights and tones show.
    pub enum UiStatus {
        NotReady = 0x00, "not ready";
        Idle = 0x01, "idle";
        ReadyToRead = 0x02, "ready to read";
        Processing = 0x03, "processing";
        CardReadSuccessfully = 0x04, "card read successfully";
        ProcessingError = 0x05, "processing error";
        NotApplicable = 0xFF, "N/A";
    }
}

codes! {
    /// What the number is that is shown with a message.
    pub enum ValueQualifier {
        None = 0x00, "none";
        Amount = 0x10, "amount";
        Balance = 0x20, "balance";
    }
}

/// User Interface Request Data, 22 bytes: what to show, and for how long (Book C-2, Annex A; the
/// parts are those of EMV Contactless Book A, 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserInterfaceRequestData {
    /// The identifier of the message, `FF` for none.
    pub message: u8,
    /// What lights and tones show.
    pub status: UiStatus,
    /// For how long the next message has to wait, in units of 100 ms: six digits at most.
    pub hold_time: u32,
    /// Language Preference, filled with `00` on the right.
    pub language_preference: [u8; 8],
    /// What the value is.
    pub value_qualifier: ValueQualifier,
    /// The amount or balance shown.
    pub value: Amount,
    /// Currency of the value, n 3, as ISO 4217 numbers it.
    pub currency_code: [u8; 2],
}

impl UserInterfaceRequestData {
    /// Reads the bytes; codes that nobody defined are kept.
    ///
    /// # Errors
    /// If hold time or value are not decimal digits.
    pub fn from_bytes(bytes: [u8; 22]) -> Result<Self, Error> {
        let [message, status, h1, h2, h3, l1, l2, l3, l4, l5, l6, l7, l8, qualifier, value @ .., c1, c2] = bytes;
        Ok(UserInterfaceRequestData {
            message,
            status: UiStatus::from_code(status),
            hold_time: digits::number("UserInterfaceRequestData", &[h1, h2, h3])? as u32,
            language_preference: [l1, l2, l3, l4, l5, l6, l7, l8],
            value_qualifier: ValueQualifier::from_code(qualifier),
            value: Amount::from_bcd(value)?,
            currency_code: [c1, c2],
        })
    }

    /// The bytes, as they stand in a message.
    pub fn to_bytes(self) -> [u8; 22] {
        let mut bytes = [0; 22];
        bytes[0] = self.message;
        bytes[1] = self.status.code();
        bytes[2..5].copy_from_slice(&digits::bcd::<3>(self.hold_time.into()));
        bytes[5..13].copy_from_slice(&self.language_preference);
        bytes[13] = self.value_qualifier.code();
        bytes[14..20].copy_from_slice(&self.value.to_bcd());
        bytes[20..].copy_from_slice(&self.currency_code);
        bytes
    }
}

impl Default for UserInterfaceRequestData {
    /// No message, no status, no value.
    fn default() -> Self {
        UserInterfaceRequestData {
            message: 0xFF,
            status: UiStatus::NotApplicable,
            hold_time: 0,
            language_preference: [0; 8],
            value_qualifier: ValueQualifier::None,
            value: Amount::ZERO,
            currency_code: [0; 2],
        }
    }
}

impl TryFrom<&[u8]> for UserInterfaceRequestData {
    type Error = Error;

    fn try_from(value: &[u8]) -> Result<Self, Error> {
        exactly("UserInterfaceRequestData", value).and_then(UserInterfaceRequestData::from_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_go_both_ways() {
        let request = UserInterfaceRequestData {
            message: 0x17,
            status: UiStatus::CardReadSuccessfully,
            hold_time: 13,
            language_preference: *b"deen\0\0\0\0",
            value_qualifier: ValueQualifier::Balance,
            value: Amount::from(1250),
            currency_code: [0x09, 0x78],
        };
        let bytes = request.to_bytes();
        assert_eq!(bytes[..5], [0x17, 0x04, 0x00, 0x00, 0x13]);
        assert_eq!(bytes[13..], [0x20, 0x00, 0x00, 0x00, 0x00, 0x12, 0x50, 0x09, 0x78]);
        assert_eq!(UserInterfaceRequestData::from_bytes(bytes), Ok(request));
    }

    #[test]
    fn a_hold_time_that_is_not_decimal_is_refused() {
        let mut bytes = UserInterfaceRequestData::default().to_bytes();
        bytes[4] = 0x1A;
        assert!(UserInterfaceRequestData::from_bytes(bytes).is_err());
    }
}
