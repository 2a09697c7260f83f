//! What the terminal is and can do: its type, its capabilities and its additional capabilities.

use core::fmt;

use super::bits::bit_field;
use super::{Error, exactly};

/// Who controls a terminal (EMV Book 4, 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationalControl {
    /// A financial institution.
    FinancialInstitution,
    /// A merchant.
    Merchant,
    /// The cardholder.
    Cardholder,
}

/// Whether somebody attends a terminal, and how it reaches the issuer (EMV Book 4, 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TerminalEnvironment {
    /// Whether an attendant is present.
    pub attended: bool,
    /// Whether it can go online.
    pub online: bool,
    /// Whether it can approve offline.
    pub offline: bool,
}

/// Terminal Type, n 2 (EMV Book 4, Annex A1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TerminalType(u8);

impl TerminalType {
    /// The type of this byte, `0x22` for `22`.
    ///
    /// # Errors
    /// If Book 4 defines no such type.
    pub const fn new(byte: u8) -> Result<Self, Error> {
        match (byte >> 4, byte & 0x0F) {
            (1..=3, 1..=6) => Ok(TerminalType(byte)),
            _ => Err(Error::TerminalType(byte)),
        }
    }

    /// The byte, as it stands in a message.
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// Who controls it.
    pub const fn operational_control(self) -> OperationalControl {
        match self.0 >> 4 {
            1 => OperationalControl::FinancialInstitution,
            2 => OperationalControl::Merchant,
            _ => OperationalControl::Cardholder,
        }
    }

    /// Attended or not, online or not.
    pub const fn environment(self) -> TerminalEnvironment {
        let kind = self.0 & 0x0F;
        TerminalEnvironment {
            attended: matches!(kind, 1..=3),
            online: matches!(kind, 1 | 2 | 4 | 5),
            offline: matches!(kind, 2 | 3 | 5 | 6),
        }
    }
}

impl fmt::Display for TerminalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.operational_control() {
            OperationalControl::FinancialInstitution => "financial institution",
            OperationalControl::Merchant => "merchant",
            OperationalControl::Cardholder => "cardholder",
        })?;
        let TerminalEnvironment { attended, online, offline } = self.environment();
        f.write_str(if attended { ", attended" } else { ", unattended" })?;
        f.write_str(match (online, offline) {
            (true, true) => ", offline with online capability",
            (true, false) => ", online only",
            (false, _) => ", offline only",
        })
    }
}

impl TryFrom<&[u8]> for TerminalType {
    type Error = Error;

    fn try_from(value: &[u8]) -> Result<Self, Error> {
        exactly("TerminalType", value).and_then(|[byte]| TerminalType::new(byte))
    }
}

bit_field! {
    /// Terminal Capabilities, 3 bytes (EMV Book 4, Annex A2).
    pub struct TerminalCapabilities[3];

    MANUAL_KEY_ENTRY = (1, 8), "manual key entry";
    MAGNETIC_STRIPE = (1, 7), "magnetic stripe";
    IC_WITH_CONTACTS = (1, 6), "IC with contacts";

    PLAINTEXT_PIN_FOR_ICC = (2, 8), "plaintext PIN for ICC verification";
    ENCIPHERED_PIN_ONLINE = (2, 7), "enciphered PIN for online verification";
    SIGNATURE = (2, 6), "signature";
    ENCIPHERED_PIN_OFFLINE = (2, 5), "enciphered PIN for offline verification";
    NO_CVM = (2, 4), "no CVM required";
    ONLINE_BIOMETRIC = (2, 3), "online biometric";
    OFFLINE_BIOMETRIC = (2, 2), "offline biometric";
    ENCIPHERED_PIN_OFFLINE_ECC = (2, 1), "enciphered PIN for offline verification (ECC)";

    SDA = (3, 8), "SDA";
    DDA = (3, 7), "DDA";
    CARD_CAPTURE = (3, 6), "card capture";
    CDA = (3, 4), "CDA";
    XDA = (3, 3), "XDA";
}

bit_field! {
    /// Additional Terminal Capabilities, 5 bytes (EMV Book 4, Annex A3).
    pub struct AdditionalTerminalCapabilities[5];

    CASH = (1, 8), "cash";
    GOODS = (1, 7), "goods";
    SERVICES = (1, 6), "services";
    CASHBACK = (1, 5), "cashback";
    INQUIRY = (1, 4), "inquiry";
    TRANSFER = (1, 3), "transfer";
    PAYMENT = (1, 2), "payment";
    ADMINISTRATIVE = (1, 1), "administrative";

    CASH_DEPOSIT = (2, 8), "cash deposit";

    NUMERIC_KEYS = (3, 8), "numeric keys";
    ALPHABETIC_AND_SPECIAL_KEYS = (3, 7), "alphabetic and special characters keys";
    COMMAND_KEYS = (3, 6), "command keys";
    FUNCTION_KEYS = (3, 5), "function keys";

    PRINT_ATTENDANT = (4, 8), "print or electronic, attendant";
    PRINT_CARDHOLDER = (4, 7), "print or electronic, cardholder";
    DISPLAY_ATTENDANT = (4, 6), "display, attendant";
    DISPLAY_CARDHOLDER = (4, 5), "display, cardholder";
    CODE_TABLE_10 = (4, 2), "code table 10";
    CODE_TABLE_9 = (4, 1), "code table 9";

    CODE_TABLE_8 = (5, 8), "code table 8";
    CODE_TABLE_7 = (5, 7), "code table 7";
    CODE_TABLE_6 = (5, 6), "code table 6";
    CODE_TABLE_5 = (5, 5), "code table 5";
    CODE_TABLE_4 = (5, 4), "code table 4";
    CODE_TABLE_3 = (5, 3), "code table 3";
    CODE_TABLE_2 = (5, 2), "code table 2";
    CODE_TABLE_1 = (5, 1), "code table 1";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merchant_s_attended_terminal_that_does_both_is_22() {
        let terminal = TerminalType::new(0x22).unwrap();
        assert_eq!(terminal.operational_control(), OperationalControl::Merchant);
        assert_eq!(terminal.environment(), TerminalEnvironment { attended: true, online: true, offline: true });
        let atm = TerminalType::new(0x14).unwrap();
        assert_eq!(atm.operational_control(), OperationalControl::FinancialInstitution);
        assert_eq!(atm.environment(), TerminalEnvironment { attended: false, online: true, offline: false });
        let offline = TerminalType::new(0x36).unwrap();
        assert_eq!(offline.environment(), TerminalEnvironment { attended: false, online: false, offline: true });
    }

    #[test]
    fn types_that_book_4_does_not_define_are_refused() {
        for byte in [0x00, 0x10, 0x17, 0x42, 0x02, 0x2A] {
            assert_eq!(TerminalType::new(byte), Err(Error::TerminalType(byte)));
        }
    }
}
