//! Dynamic data authentication (EMV Book 2, 6.5).

use alloc::vec::Vec;

use super::recovery::Recovered;
use super::{Fault, IccKey, PublicKey};

/// The Signed Data Format of Signed Dynamic Application Data.
pub(super) const FORMAT: u8 = 0x05;

/// What was recovered from Signed Dynamic Application Data (EMV Book 2, Tables 17 and 22).
///
/// | field | length | format |
/// |---|---|---|
/// | Signed Data Format | 1 | b |
/// | Hash Algorithm Indicator | 1 | b |
/// | ICC Dynamic Data Length | 1 | b |
/// | ICC Dynamic Data | as that says | b |
/// | Pad Pattern | what is left | b |
#[derive(Clone)]
pub struct SignedDynamicData(Recovered);

impl SignedDynamicData {
    /// Recovers the content, without any proof yet (EMV Book 2, 6.5.2 and 6.6.2, steps 1 to 4).
    ///
    /// # Errors
    /// Those [`Fault`]s that these steps name.
    pub fn open(icc_key: &PublicKey, signed: &[u8]) -> Result<Self, Fault> {
        Self::open_format(icc_key, signed, FORMAT)
    }

    /// Recovers content of another Signed Data Format.
    pub(super) fn open_format(icc_key: &PublicKey, signed: &[u8], format: u8) -> Result<Self, Fault> {
        if signed.is_empty() {
            return Err(Fault::MissingSignature);
        }
        let recovered = Recovered::open(icc_key, signed)?;
        if recovered.message()[0] != format {
            return Err(Fault::SignedDataFormat);
        }
        Ok(SignedDynamicData(recovered))
    }

    /// The ICC Dynamic Data.
    ///
    /// # Errors
    /// [`Fault::IccDynamicData`] where it is longer than the signature has room for, or does not
    /// begin with an ICC Dynamic Number.
    pub fn icc_dynamic_data(&self) -> Result<IccDynamicData, Fault> {
        let [_, _, length, rest @ ..] = self.0.message() else { return Err(Fault::IccDynamicData) };
        rest.get(..usize::from(*length)).and_then(IccDynamicData::parse).ok_or(Fault::IccDynamicData)
    }

    /// Hash Result, over the content and the terminal's data.
    pub fn hash(&self) -> [u8; 20] {
        self.0.hash().try_into().expect("a Hash Result has 20 bytes")
    }

    /// Checks that this is the signature over the terminal's data (EMV Book 2, 6.5.2, steps 5 to 7;
    /// 6.6.2, steps 7 to 9).
    ///
    /// # Errors
    /// [`Fault::HashAlgorithm`] and [`Fault::HashMismatch`].
    pub fn verify(&self, terminal_dynamic_data: &[&[u8]]) -> Result<(), Fault> {
        self.0.verify(self.0.message()[1], terminal_dynamic_data)
    }
}

/// ICC Dynamic Data: the ICC Dynamic Number after its length, then what the kind of signature adds
/// (EMV Book 2, 6.5.1 and Table 19).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IccDynamicData {
    bytes: Vec<u8>,
    number_length: usize,
}

impl IccDynamicData {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (&length, rest) = bytes.split_first()?;
        let number_length = usize::from(length);
        ((2..=8).contains(&number_length) && number_length <= rest.len())
            .then(|| IccDynamicData { bytes: rest.to_vec(), number_length })
    }

    /// ICC Dynamic Number, 2 to 8 bytes.
    pub fn number(&self) -> &[u8] {
        &self.bytes[..self.number_length]
    }

    /// What follows the ICC Dynamic Number.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.number_length..]
    }
}

/// Verifies the Signed Dynamic Application Data that INTERNAL AUTHENTICATE returned (EMV Book 2,
/// 6.5.2). `terminal_dynamic_data` is what the DDOL asked for.
///
/// # Errors
/// The [`Fault`] of the first step that fails.
pub fn verify_dynamic(icc_key: &IccKey, signed: &[u8], terminal_dynamic_data: &[u8]) -> Result<IccDynamicData, Fault> {
    let signed = SignedDynamicData::open(icc_key.key(), signed)?;
    signed.verify(&[terminal_dynamic_data])?;
    signed.icc_dynamic_data()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ICC, icc_key};
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const CHALLENGE: &[u8] = &[0x12, 0x34, 0x56, 0x78];

    fn verified(message: &[u8]) -> Result<IccDynamicData, Fault> {
        let signed = ICC.sign(&ICC.padded(message.to_vec()), &[CHALLENGE]);
        verify_dynamic(&icc_key(), &signed, CHALLENGE)
    }

    #[test]
    fn a_good_signature_gives_the_icc_dynamic_number() {
        let data = verified(&[0x05, 0x01, 0x05, 0x03, 0xAA, 0xBB, 0xCC, 0xDD]).unwrap();
        assert_eq!((data.number(), data.rest()), (&[0xAA, 0xBB, 0xCC][..], &[0xDD][..]));
    }

    #[test]
    fn an_answer_to_another_challenge_is_refused() {
        let signed = ICC.sign(&ICC.padded([0x05, 0x01, 0x03, 0x02, 0x00, 0x01].to_vec()), &[CHALLENGE]);
        assert!(verify_dynamic(&icc_key(), &signed, CHALLENGE).is_ok());
        assert_eq!(verify_dynamic(&icc_key(), &signed, &[0; 4]), Err(Fault::HashMismatch));
        assert_eq!(verify_dynamic(&icc_key(), &signed, &[]), Err(Fault::HashMismatch));
        assert_eq!(verify_dynamic(&icc_key(), &signed[1..], CHALLENGE), Err(Fault::SignatureLength));
        assert_eq!(verify_dynamic(&icc_key(), &[], CHALLENGE), Err(Fault::MissingSignature));
    }

    #[test]
    fn each_field_is_checked() {
        assert_eq!(verified(&[0x95, 0x01, 0x03, 0x02, 0x00, 0x01]), Err(Fault::SignedDataFormat));
        assert_eq!(verified(&[0x05, 0x02, 0x03, 0x02, 0x00, 0x01]), Err(Fault::HashAlgorithm));
    }

    #[test]
    fn icc_dynamic_data_begins_with_a_number_of_two_to_eight_bytes() {
        for (data, good) in [
            (&[0x03, 0x02, 0, 1][..], true),
            (&[0x09, 0x08, 0, 1, 2, 3, 4, 5, 6, 7], true),
            (&[0x00], false),
            (&[0x01, 0x00], false),
            (&[0x02, 0x01, 0], false),
            (&[0x0A, 0x09, 0, 1, 2, 3, 4, 5, 6, 7, 8], false),
            (&[0x03, 0x03, 0, 1], false),
            (&[0x48, 0x02, 0, 1], false), // 72 bytes, where the signature has room for 71
        ] {
            let outcome = verified(&[&[0x05, 0x01], data].concat()).map(|_| ());
            assert_eq!(outcome, if good { Ok(()) } else { Err(Fault::IccDynamicData) }, "{data:02X?}");
        }
    }
    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn whatever_is_signed_is_read_whole_or_refused(
            length in 0..90_u8,
            number_length in 0..12_u8,
            content in vec(any::<u8>(), ICC.modulus().len() - 26),
        ) {
            let outcome = verified(&[&[0x05, 0x01, length, number_length], &content[..]].concat());
            let (length, number_length) = (usize::from(length), usize::from(number_length));
            if (2..=8).contains(&number_length) && (1 + number_length..=71).contains(&length) {
                let data = outcome.unwrap();
                prop_assert_eq!(data.number(), &content[..number_length]);
                prop_assert_eq!(data.rest(), &content[number_length..length - 1]);
            } else {
                prop_assert_eq!(outcome, Err(Fault::IccDynamicData));
            }
        }
    }
}
