//! Application Interchange Profile.

use super::bits::bit_field;

bit_field! {
    /// Application Interchange Profile, 2 bytes: what the card's application can do
    /// (EMV Book 3, Annex C1).
    ///
    /// Some bits are given to the contactless kernels, and each kernel names its own: the bits named
    /// `C2_...` hold under Book C-2, Annex A, and those named `C3_...` under Book C-3, Annex A.2.
    pub struct Aip[2];

    XDA_SUPPORTED = (1, 8), "XDA supported";
    SDA_SUPPORTED = (1, 7), "SDA supported";
    DDA_SUPPORTED = (1, 6), "DDA supported";
    CARDHOLDER_VERIFICATION_SUPPORTED = (1, 5), "cardholder verification is supported";
    TERMINAL_RISK_MANAGEMENT = (1, 4), "terminal risk management is to be performed";
    ISSUER_AUTHENTICATION_SUPPORTED = (1, 3), "issuer authentication is supported";
    C2_ON_DEVICE_CVM_SUPPORTED = (1, 2), "on-device cardholder verification is supported (C-2)";
    CDA_SUPPORTED = (1, 1), "CDA supported";

    C2_EMV_MODE_SUPPORTED = (2, 8), "EMV mode is supported (C-2), mag-stripe mode is supported (C-3)";
    C3_MOBILE_PHONE = (2, 7), "mobile phone (C-3)";
    C3_CONTACTLESS_TRANSACTION = (2, 6), "contactless transaction (C-3)";
    C2_RELAY_RESISTANCE_SUPPORTED = (2, 1), "relay resistance protocol is supported (C-2)";
}

impl Aip {
    /// Byte 2, bit 8, as Book C-3 reads it: mag-stripe mode is supported.
    pub const C3_MAG_STRIPE_MODE_SUPPORTED: super::Bit<Self> = Self::C2_EMV_MODE_SUPPORTED;
}
