//! Phones: what they tell the reader of themselves and of their cardholder.

use super::super::Error;
use super::super::bits::bit_field;

bit_field! {
    /// Mobile Support Indicator, 1 byte: what the reader tells a phone.
    pub struct MobileSupportIndicator[1];

    OD_CVM_REQUIRED = (1, 2), "on-device CVM required";
    MOBILE_SUPPORTED = (1, 1), "mobile supported";
}

bit_field! {
    /// POS Cardholder Interaction Information, 3 bytes: what the cardholder did on the phone, or has
    /// to do there. Byte 1 is the version.
    pub struct PosCardholderInteractionInformation[3];

    OD_CVM_SUCCESSFUL = (2, 5), "on-device CVM verification successful";
    CONTEXT_IS_CONFLICTING = (2, 4), "context is conflicting";
    OFFLINE_CHANGE_PIN_REQUIRED = (2, 3), "offline change PIN required";
    ACK_REQUIRED = (2, 2), "ACK required";
    OD_CVM_REQUIRED = (2, 1), "on-device CVM required";
    WALLET_REQUIRES_SECOND_TAP = (3, 1), "wallet requires second tap";
}

impl PosCardholderInteractionInformation {
    /// Whether the cardholder has to act on the phone and present it again (Book C-2, S910.71).
    pub const fn needs_second_tap(self) -> bool {
        !self.matches([0x00, 0x03, 0x0F], [0x00; 3])
    }

    /// Whether the bits under a mask have this value, as an entry of the Phone Message Table asks.
    pub const fn matches(self, mask: [u8; 3], value: [u8; 3]) -> bool {
        let [a, b, c] = self.0;
        a & mask[0] == value[0] && b & mask[1] == value[1] && c & mask[2] == value[2]
    }
}

/// Third Party Data, 5 to 32 bytes: the country, whose data it is, on which kind of device it stands,
/// and the data.
///
/// Its tag is also the Form Factor Indicator of Kernel 3, which has 4 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThirdPartyData<'a> {
    /// Country Code, n 3, as ISO 3166 numbers it.
    pub country_code: [u8; 2],
    /// Unique Identifier; `0000` where there is no proprietary data.
    pub unique_identifier: [u8; 2],
    /// Device Type, two letters or digits; absent where bit 8 of the identifier's first byte is set.
    pub device_type: Option<[u8; 2]>,
    /// What follows.
    pub proprietary_data: &'a [u8],
}

impl<'a> ThirdPartyData<'a> {
    /// Reads the parts.
    ///
    /// # Errors
    /// If it has not 5 to 32 bytes, or ends in its device type.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, Error> {
        let wrong_length = Error::ThirdPartyDataLength(bytes.len());
        if !(5..=32).contains(&bytes.len()) {
            return Err(wrong_length);
        }
        let (country_code, rest) = bytes.split_first_chunk().ok_or(wrong_length)?;
        let (unique_identifier, rest) = rest.split_first_chunk().ok_or(wrong_length)?;
        let (device_type, proprietary_data) = if unique_identifier[0] & 0x80 == 0 {
            let (device_type, rest) = rest.split_first_chunk().ok_or(wrong_length)?;
            (Some(*device_type), rest)
        } else {
            (None, rest)
        };
        Ok(ThirdPartyData {
            country_code: *country_code,
            unique_identifier: *unique_identifier,
            device_type,
            proprietary_data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_tap_is_needed_where_the_cardholder_must_act() {
        let needs = |bytes| PosCardholderInteractionInformation::from_bytes(bytes).needs_second_tap();
        assert!(!needs([0xFF, 0xFC, 0xF0]));
        assert!(needs([0x00, 0x01, 0x00]));
        assert!(needs([0x00, 0x02, 0x00]));
        assert!(needs([0x00, 0x00, 0x08]));
    }

    #[test]
    fn the_device_type_is_there_unless_the_identifier_says_no() {
        let phone = ThirdPartyData::from_bytes(b"\x08\x26\x00\x00\x30\x32\x00").unwrap();
        assert_eq!(phone.device_type, Some(*b"02"));
        assert_eq!(phone.proprietary_data, [0]);
        let none = ThirdPartyData::from_bytes(b"\x08\x26\x80\x03\x00\x01").unwrap();
        assert_eq!((none.device_type, none.proprietary_data), (None, &[0, 1][..]));
    }

    #[test]
    fn a_form_factor_indicator_is_not_taken_for_it() {
        assert_eq!(ThirdPartyData::from_bytes(&[0x20, 0x70, 0, 0]), Err(Error::ThirdPartyDataLength(4)));
        assert_eq!(ThirdPartyData::from_bytes(&[0x08, 0x26, 0, 0, 0x30]), Err(Error::ThirdPartyDataLength(5)));
    }
}
