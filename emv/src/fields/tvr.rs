//! Terminal Verification Results.

use super::bits::bit_field;

bit_field! {
    /// Terminal Verification Results, and with the same layout every Terminal Action Code and Issuer
    /// Action Code: 5 bytes (EMV Book 3, Annex C5).
    ///
    /// Three bits of byte 5 belong to the contactless kernels with relay resistance (Book C-2 and
    /// Book C-8, Annex A). Where Book 3 gives one of them to ECC on the contact interface, that name
    /// stands second.
    pub struct Tvr[5];

    OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED = (1, 8), "offline data authentication was not performed";
    SDA_FAILED = (1, 7), "SDA failed";
    ICC_DATA_MISSING = (1, 6), "ICC data missing";
    CARD_ON_EXCEPTION_FILE = (1, 5), "card appears on terminal exception file";
    DDA_FAILED = (1, 4), "DDA failed";
    CDA_FAILED = (1, 3), "CDA failed";
    SDA_SELECTED = (1, 2), "SDA selected";
    XDA_SELECTED = (1, 1), "XDA selected";

    DIFFERENT_APPLICATION_VERSIONS = (2, 8), "ICC and terminal have different application versions";
    EXPIRED_APPLICATION = (2, 7), "expired application";
    APPLICATION_NOT_YET_EFFECTIVE = (2, 6), "application not yet effective";
    SERVICE_NOT_ALLOWED = (2, 5), "requested service not allowed for card product";
    NEW_CARD = (2, 4), "new card";
    BIOMETRIC_SUCCESSFUL = (2, 2), "biometric performed and successful";
    BIOMETRIC_TEMPLATE_FORMAT_NOT_SUPPORTED = (2, 1), "biometric template format not supported";

    CARDHOLDER_VERIFICATION_NOT_SUCCESSFUL = (3, 8), "cardholder verification was not successful";
    UNRECOGNISED_CVM = (3, 7), "unrecognised CVM";
    PIN_TRY_LIMIT_EXCEEDED = (3, 6), "PIN try limit exceeded";
    PIN_PAD_NOT_PRESENT = (3, 5), "PIN entry required, but PIN pad not present or not working";
    PIN_NOT_ENTERED = (3, 4), "PIN entry required, PIN pad present, but PIN was not entered";
    ONLINE_CVM_CAPTURED = (3, 3), "online CVM captured";
    BIOMETRIC_DEVICE_NOT_WORKING = (3, 2), "biometric required, but capture device not working";
    BIOMETRIC_ENTRY_BYPASSED = (3, 1), "biometric required, capture device present, but entry was bypassed";

    EXCEEDS_FLOOR_LIMIT = (4, 8), "transaction exceeds floor limit";
    LOWER_CONSECUTIVE_OFFLINE_LIMIT_EXCEEDED = (4, 7), "lower consecutive offline limit exceeded";
    UPPER_CONSECUTIVE_OFFLINE_LIMIT_EXCEEDED = (4, 6), "upper consecutive offline limit exceeded";
    SELECTED_RANDOMLY_FOR_ONLINE = (4, 5), "transaction selected randomly for online processing";
    MERCHANT_FORCED_ONLINE = (4, 4), "merchant forced transaction online";
    BIOMETRIC_TRY_LIMIT_EXCEEDED = (4, 3), "biometric try limit exceeded";
    BIOMETRIC_TYPE_NOT_SUPPORTED = (4, 2), "a selected biometric type not supported";
    XDA_VERIFICATION_FAILED = (4, 1), "XDA signature verification failed";

    DEFAULT_TDOL_USED = (5, 8), "default TDOL used";
    ISSUER_AUTHENTICATION_FAILED = (5, 7), "issuer authentication failed";
    SCRIPT_FAILED_BEFORE_FINAL_AC = (5, 6), "script processing failed before final GENERATE AC";
    SCRIPT_FAILED_AFTER_FINAL_AC = (5, 5), "script processing failed after final GENERATE AC";
    RELAY_RESISTANCE_THRESHOLD_EXCEEDED = (5, 4), "relay resistance threshold exceeded";
    RELAY_RESISTANCE_TIME_LIMITS_EXCEEDED = (5, 3), "relay resistance time limits exceeded, or CA ECC key missing";
    RELAY_RESISTANCE_PERFORMED = (5, 2), "relay resistance performed, or ECC key recovery failed";
    RELAY_RESISTANCE_NOT_PERFORMED = (5, 1), "relay resistance not performed";
}

/// Whether relay resistance was performed: bits 2 and 1 of the TVR's byte 5 (Book C-2 and Book C-8,
/// Annex A).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelayResistance {
    /// The reader doesn't support it.
    NotSupported,
    /// The reader supports it, and it was not performed.
    NotPerformed,
    /// It was performed.
    Performed,
    /// The coding that the books reserve.
    Rfu,
}

impl Tvr {
    /// All bits but those that say whether relay resistance was performed, of which one is always set in Kernel 2: what
    /// stands for an Issuer Action Code that the card does not have.
    pub const ANY_RESULT: Tvr = Tvr::from_bytes([0xFF, 0xFF, 0xFF, 0xFF, 0xFC]);

    /// Whether relay resistance was performed.
    pub const fn relay_resistance(self) -> RelayResistance {
        match (self.has(Self::RELAY_RESISTANCE_PERFORMED), self.has(Self::RELAY_RESISTANCE_NOT_PERFORMED)) {
            (false, false) => RelayResistance::NotSupported,
            (false, true) => RelayResistance::NotPerformed,
            (true, false) => RelayResistance::Performed,
            (true, true) => RelayResistance::Rfu,
        }
    }

    /// Says whether relay resistance was performed.
    pub const fn set_relay_resistance(&mut self, relay_resistance: RelayResistance) {
        use RelayResistance::*;
        self.put(Self::RELAY_RESISTANCE_PERFORMED, matches!(relay_resistance, Performed | Rfu));
        self.put(Self::RELAY_RESISTANCE_NOT_PERFORMED, matches!(relay_resistance, NotPerformed | Rfu));
    }

    /// Whether any bit set here is set in an action code too: the test of terminal action analysis
    /// (EMV Book 3, 10.7).
    pub fn meets(self, action_code: Tvr) -> bool {
        self.0.iter().zip(action_code.0).any(|(result, action)| result & action != 0)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec::Vec;

    use super::super::Error;
    use super::*;

    #[test]
    fn bits_stand_where_the_book_counts_them() {
        let mut tvr = Tvr::default();
        tvr.set(Tvr::OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED);
        tvr.set(Tvr::EXPIRED_APPLICATION);
        tvr.set(Tvr::ONLINE_CVM_CAPTURED);
        tvr.set(Tvr::EXCEEDS_FLOOR_LIMIT);
        tvr.set(Tvr::RELAY_RESISTANCE_NOT_PERFORMED);
        assert_eq!(tvr.as_bytes(), &[0x80, 0x40, 0x04, 0x80, 0x01]);
        tvr.clear(Tvr::EXPIRED_APPLICATION);
        tvr.put(Tvr::EXCEEDS_FLOOR_LIMIT, false);
        assert_eq!(tvr.as_bytes(), &[0x80, 0x00, 0x04, 0x00, 0x01]);
        assert!(tvr.has(Tvr::ONLINE_CVM_CAPTURED) && !tvr.has(Tvr::EXPIRED_APPLICATION));
    }

    #[test]
    fn meanings_come_in_the_order_of_the_bits() {
        let tvr = Tvr::from_bytes([0x04, 0x40, 0x00, 0x80, 0x00]);
        let meanings: Vec<_> = tvr.meanings().collect();
        assert_eq!(meanings, ["CDA failed", "expired application", "transaction exceeds floor limit"]);
        assert_eq!(
            format!("{tvr:?}"),
            "Tvr(0440008000: CDA failed, expired application, transaction exceeds floor limit)"
        );
        assert_eq!(format!("{:?}", Tvr::default()), "Tvr(0000000000)");
    }

    #[test]
    fn another_length_is_refused() {
        assert_eq!(Tvr::try_from(&[0u8; 4][..]), Err(Error::Length { field: "Tvr", expected: 5, actual: 4 }));
    }

    #[test]
    fn every_bit_of_the_table_is_one_bit_and_no_two_are_the_same() {
        let mut all = Tvr::default();
        for (bit, meaning) in Tvr::BITS {
            assert!(!all.has(*bit), "{meaning} stands where another bit does");
            all.set(*bit);
        }
        assert_eq!(all.meanings().count(), Tvr::BITS.len());
    }

    #[test]
    fn results_meet_an_action_code_where_both_have_a_bit() {
        let tvr = Tvr::default().with(Tvr::CDA_FAILED);
        assert!(tvr.meets(Tvr::from_bytes([0x0C, 0, 0, 0, 0])));
        assert!(!tvr.meets(Tvr::from_bytes([0xF8, 0xFF, 0xFF, 0xFF, 0xFF])));
    }
}
