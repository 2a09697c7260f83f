//! Transaction Status Information.

use super::bits::bit_field;

bit_field! {
    /// Transaction Status Information, 2 bytes: which functions were performed
    /// (EMV Book 3, Annex C6).
    pub struct Tsi[2];

    OFFLINE_DATA_AUTHENTICATION_PERFORMED = (1, 8), "offline data authentication was performed";
    CARDHOLDER_VERIFICATION_PERFORMED = (1, 7), "cardholder verification was performed";
    CARD_RISK_MANAGEMENT_PERFORMED = (1, 6), "card risk management was performed";
    ISSUER_AUTHENTICATION_PERFORMED = (1, 5), "issuer authentication was performed";
    TERMINAL_RISK_MANAGEMENT_PERFORMED = (1, 4), "terminal risk management was performed";
    SCRIPT_PROCESSING_PERFORMED = (1, 3), "script processing was performed";
}
