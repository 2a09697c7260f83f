//! Cryptogram Information Data, and the Reference Control Parameter which asks for it.

use super::bits::bit_field;

/// What an Application Cryptogram is (EMV Book 3, 6.5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CryptogramType {
    /// Application Authentication Cryptogram: declined.
    Aac,
    /// Transaction Certificate: approved.
    Tc,
    /// Authorisation Request Cryptogram: go online.
    Arqc,
    /// The coding that Book 3 reserves.
    Rfu,
}

impl CryptogramType {
    /// The type in the two highest bits of a byte.
    pub(super) const fn of(byte: u8) -> Self {
        match byte >> 6 {
            0 => CryptogramType::Aac,
            1 => CryptogramType::Tc,
            2 => CryptogramType::Arqc,
            _ => CryptogramType::Rfu,
        }
    }

    const fn bits(self) -> u8 {
        (self as u8) << 6
    }

    /// The type's name as the books write it.
    pub const fn name(self) -> &'static str {
        match self {
            CryptogramType::Aac => "AAC",
            CryptogramType::Tc => "TC",
            CryptogramType::Arqc => "ARQC",
            CryptogramType::Rfu => "RFU",
        }
    }
}

bit_field! {
    /// Cryptogram Information Data, 1 byte: which cryptogram the card returned, and why
    /// (EMV Book 3, 6.5.5.4).
    pub struct CryptogramInformationData[1];

    ADVICE_REQUIRED = (1, 4), "advice required";
}

impl CryptogramInformationData {
    /// Announces this cryptogram, without advice or reason.
    pub const fn new(cryptogram_type: CryptogramType) -> Self {
        CryptogramInformationData([cryptogram_type.bits()])
    }

    /// Which cryptogram it is.
    pub const fn cryptogram_type(self) -> CryptogramType {
        CryptogramType::of(self.0[0])
    }

    /// The reason or advice code, 0 to 7; 0 gives no information.
    pub const fn reason(self) -> u8 {
        self.0[0] & 0x07
    }

    /// What the reason or advice code says, where it says something.
    pub const fn reason_name(self) -> Option<&'static str> {
        match self.reason() {
            1 => Some("service not allowed"),
            2 => Some("PIN try limit exceeded"),
            3 => Some("issuer authentication failed"),
            _ => None,
        }
    }
}

bit_field! {
    /// Reference Control Parameter, 1 byte: the P1 of GENERATE AC, which says which cryptogram the
    /// terminal asks for (EMV Book 3, 6.5.5.2; Book C-2, Annex A).
    pub struct ReferenceControlParameter[1];

    CDA_REQUESTED = (1, 5), "CDA signature requested";
    XDA_REQUESTED = (1, 4), "XDA signature requested";
}

impl ReferenceControlParameter {
    /// Asks for this cryptogram, without a signature.
    pub const fn new(cryptogram_type: CryptogramType) -> Self {
        ReferenceControlParameter([cryptogram_type.bits()])
    }

    /// Which cryptogram is asked for.
    pub const fn cryptogram_type(self) -> CryptogramType {
        CryptogramType::of(self.0[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_in_the_two_highest_bits() {
        let read = |byte| CryptogramInformationData::from_bytes([byte]);
        assert_eq!(read(0x00).cryptogram_type(), CryptogramType::Aac);
        assert_eq!(read(0x40).cryptogram_type(), CryptogramType::Tc);
        assert_eq!(read(0x80).cryptogram_type(), CryptogramType::Arqc);
        assert_eq!(read(0xC0).cryptogram_type(), CryptogramType::Rfu);
        assert_eq!(read(0x4A).reason(), 2);
        assert!(read(0x4A).has(CryptogramInformationData::ADVICE_REQUIRED));
    }

    #[test]
    fn an_online_request_with_a_signature_is_90() {
        let parameter =
            ReferenceControlParameter::new(CryptogramType::Arqc).with(ReferenceControlParameter::CDA_REQUESTED);
        assert_eq!(parameter.as_bytes(), &[0x90]);
        assert_eq!(parameter.cryptogram_type(), CryptogramType::Arqc);
    }
}
