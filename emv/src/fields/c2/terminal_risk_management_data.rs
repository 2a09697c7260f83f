//! Terminal Risk Management Data.

use super::super::bits::bit_field;

bit_field! {
    /// Terminal Risk Management Data, 8 bytes: what the terminal tells the card of itself, for each
    /// interface (Book C-2, Annex A).
    pub struct TerminalRiskManagementData[8];

    RESTART_SUPPORTED = (1, 8), "restart supported";
    ENCIPHERED_PIN_ONLINE_CONTACTLESS = (1, 7), "enciphered PIN verified online (contactless)";
    SIGNATURE_CONTACTLESS = (1, 6), "signature (contactless)";
    ENCIPHERED_PIN_OFFLINE_CONTACTLESS = (1, 5), "enciphered PIN verified by ICC (contactless)";
    NO_CVM_CONTACTLESS = (1, 4), "no CVM required (contactless)";
    CDCVM_CONTACTLESS = (1, 3), "CDCVM (contactless)";
    PLAINTEXT_PIN_OFFLINE_CONTACTLESS = (1, 2), "plaintext PIN verified by ICC (contactless)";
    PRESENT_AND_HOLD_SUPPORTED = (1, 1), "present and hold supported";

    CVM_LIMIT_EXCEEDED = (2, 8), "CVM limit exceeded";
    ENCIPHERED_PIN_ONLINE_CONTACT = (2, 7), "enciphered PIN verified online (contact)";
    SIGNATURE_CONTACT = (2, 6), "signature (contact)";
    ENCIPHERED_PIN_OFFLINE_CONTACT = (2, 5), "enciphered PIN verified by ICC (contact)";
    NO_CVM_CONTACT = (2, 4), "no CVM required (contact)";
    CDCVM_CONTACT = (2, 3), "CDCVM (contact)";
    PLAINTEXT_PIN_OFFLINE_CONTACT = (2, 2), "plaintext PIN verified by ICC (contact)";

    MAG_STRIPE_MODE_NOT_SUPPORTED = (3, 8), "mag-stripe mode contactless transactions not supported";
    EMV_MODE_NOT_SUPPORTED = (3, 7), "EMV mode contactless transactions not supported";
    CDCVM_WITHOUT_CDA_SUPPORTED = (3, 6), "CDCVM without CDA supported";

    CDCVM_BYPASS_REQUESTED = (4, 8), "CDCVM bypass requested";
    SCA_EXEMPT = (4, 7), "SCA exempt";
}
