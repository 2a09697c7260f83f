//! Terminal Transaction Qualifiers.

use super::bits::bit_field;

bit_field! {
    /// Terminal Transaction Qualifiers, 4 bytes: what the reader can do, needs and prefers
    /// (EMV Contactless Book A, 5.7; Book C-3, A.2). Bits 8 and 7 of byte 2 are set anew for each
    /// transaction (EMV Contactless Book B, 3.1).
    pub struct Ttq[4];

    MAG_STRIPE_MODE_SUPPORTED = (1, 8), "mag-stripe mode supported";
    EMV_MODE_SUPPORTED = (1, 6), "EMV mode supported";
    EMV_CONTACT_CHIP_SUPPORTED = (1, 5), "EMV contact chip supported";
    OFFLINE_ONLY_READER = (1, 4), "offline-only reader";
    ONLINE_PIN_SUPPORTED = (1, 3), "online PIN supported";
    SIGNATURE_SUPPORTED = (1, 2), "signature supported";
    ODA_FOR_ONLINE_SUPPORTED = (1, 1), "offline data authentication for online authorisations supported";

    ONLINE_CRYPTOGRAM_REQUIRED = (2, 8), "online cryptogram required";
    CVM_REQUIRED = (2, 7), "CVM required";
    CONTACT_OFFLINE_PIN_SUPPORTED = (2, 6), "(contact chip) offline PIN supported";

    ISSUER_UPDATE_PROCESSING_SUPPORTED = (3, 8), "issuer update processing supported";
    CONSUMER_DEVICE_CVM_SUPPORTED = (3, 7), "consumer device CVM supported";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_reader_is_written_as_the_book_counts() {
        let mut ttq = Ttq::default()
            .with(Ttq::EMV_MODE_SUPPORTED)
            .with(Ttq::ONLINE_PIN_SUPPORTED)
            .with(Ttq::SIGNATURE_SUPPORTED)
            .with(Ttq::CONSUMER_DEVICE_CVM_SUPPORTED);
        ttq.set(Ttq::CVM_REQUIRED);
        assert_eq!(ttq.as_bytes(), &[0x26, 0x40, 0x40, 0x00]);
    }
}
