//! What the reader is configured to do, and what the card says it can do.

use super::super::bits::bit_field;
use super::super::codes::codes;

bit_field! {
    /// Kernel Configuration, 1 byte.
    pub struct KernelConfiguration[1];

    MAG_STRIPE_MODE_NOT_SUPPORTED = (1, 8), "mag-stripe mode contactless transactions not supported";
    EMV_MODE_NOT_SUPPORTED = (1, 7), "EMV mode contactless transactions not supported";
    ON_DEVICE_CVM_SUPPORTED = (1, 6), "on-device cardholder verification supported";
    RELAY_RESISTANCE_SUPPORTED = (1, 5), "relay resistance protocol supported";
    RESERVED_FOR_PAYMENT_SYSTEM = (1, 4), "reserved for payment system";
    READ_ALL_RECORDS_EVEN_WHEN_NO_CDA = (1, 3), "read all records even when no CDA";
}

bit_field! {
    /// CVM Capability, 1 byte, as it becomes byte 2 of Terminal Capabilities: there is one for
    /// transactions that require a CVM and one for those that don't.
    pub struct CvmCapability[1];

    PLAINTEXT_PIN_FOR_ICC = (1, 8), "plaintext PIN for ICC verification";
    ENCIPHERED_PIN_ONLINE = (1, 7), "enciphered PIN for online verification";
    SIGNATURE = (1, 6), "signature";
    ENCIPHERED_PIN_OFFLINE = (1, 5), "enciphered PIN for offline verification";
    NO_CVM = (1, 4), "no CVM required";
}

bit_field! {
    /// Card Data Input Capability, 1 byte, as it becomes byte 1 of Terminal Capabilities.
    pub struct CardDataInputCapability[1];

    MANUAL_KEY_ENTRY = (1, 8), "manual key entry";
    MAGNETIC_STRIPE = (1, 7), "magnetic stripe";
    IC_WITH_CONTACTS = (1, 6), "IC with contacts";
}

bit_field! {
    /// Security Capability, 1 byte, as it becomes byte 3 of Terminal Capabilities.
    pub struct SecurityCapability[1];

    SDA = (1, 8), "SDA";
    DDA = (1, 7), "DDA";
    CARD_CAPTURE = (1, 6), "card capture";
    CDA = (1, 4), "CDA";
}

codes! {
    /// Mag-stripe CVM Capability, the four highest bits of 1 byte: how a cardholder is verified in a
    /// mag-stripe mode transaction. As for EMV mode there are two.
    pub enum MagStripeCvmCapability {
        NoCvm = 0x0, "no CVM";
        ObtainSignature = 0x1, "obtain signature";
        OnlinePin = 0x2, "online PIN";
        NotApplicable = 0xF, "N/A";
    }
}

impl MagStripeCvmCapability {
    /// Reads the byte; its four lowest bits are reserved.
    pub const fn from_byte(byte: u8) -> Self {
        MagStripeCvmCapability::from_code(byte >> 4)
    }

    /// Writes the byte.
    pub const fn byte(self) -> u8 {
        self.code() << 4
    }
}

bit_field! {
    /// Application Capabilities Information, 3 bytes: what the card can do beside paying.
    pub struct ApplicationCapabilitiesInformation[3];

    FIELD_OFF_DETECTION_SUPPORTED = (2, 3), "field off detection supported";
    BALANCE_READING_SUPPORTED = (2, 2), "balance reading supported";
    CDA_OVER_TC_ARQC_AND_AAC = (2, 1), "CDA supported over TC, ARQC and AAC";
}

impl ApplicationCapabilitiesInformation {
    /// The version of this data object; 0 is the only one.
    pub const fn version(self) -> u8 {
        self.0[0] >> 4
    }

    /// The version of data storage: 0 none, 1, 2.
    pub const fn data_storage_version(self) -> u8 {
        self.0[0] & 0x0F
    }

    /// How much each data envelope holds.
    pub const fn sds_scheme(self) -> SdsScheme {
        SdsScheme::from_code(self.0[2])
    }
}

codes! {
    /// SDS Scheme Indicator: how many bytes the ten data envelopes of stand-alone data storage hold.
    pub enum SdsScheme {
        Undefined = 0x00, "undefined SDS configuration";
        All32 = 0x01, "all ten envelopes 32 bytes";
        All48 = 0x02, "all ten envelopes 48 bytes";
        All64 = 0x03, "all ten envelopes 64 bytes";
        All96 = 0x04, "all ten envelopes 96 bytes";
        All128 = 0x05, "all ten envelopes 128 bytes";
        All160 = 0x06, "all ten envelopes 160 bytes";
        All192 = 0x07, "all ten envelopes 192 bytes";
        AllBut64 = 0x08, "all envelopes 32 bytes, but Unprotected Data Envelope 4 with 64";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capability_bytes_are_those_of_terminal_capabilities() {
        use super::super::super::TerminalCapabilities as Whole;
        let cvm = CvmCapability::default().with(CvmCapability::SIGNATURE).with(CvmCapability::NO_CVM);
        let whole = Whole::from_bytes([0x00, cvm.as_bytes()[0], 0x08]);
        assert!(whole.has(Whole::SIGNATURE) && whole.has(Whole::NO_CVM) && whole.has(Whole::CDA));
        assert_eq!(SecurityCapability::default().with(SecurityCapability::CDA).as_bytes(), &[0x08]);
    }

    #[test]
    fn mag_stripe_capabilities_are_in_the_high_half() {
        assert_eq!(MagStripeCvmCapability::from_byte(0x10), MagStripeCvmCapability::ObtainSignature);
        assert_eq!(MagStripeCvmCapability::OnlinePin.byte(), 0x20);
        assert_eq!(MagStripeCvmCapability::from_byte(0xF0), MagStripeCvmCapability::NotApplicable);
    }

    #[test]
    fn application_capabilities_have_versions_and_a_scheme() {
        let capabilities = ApplicationCapabilitiesInformation::from_bytes([0x02, 0x01, 0x08]);
        assert_eq!((capabilities.version(), capabilities.data_storage_version()), (0, 2));
        assert_eq!(capabilities.sds_scheme(), SdsScheme::AllBut64);
        assert!(capabilities.has(ApplicationCapabilitiesInformation::CDA_OVER_TC_ARQC_AND_AAC));
    }
}
