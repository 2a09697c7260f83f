//! Static data authentication (EMV Book 2, 5.4).

use super::recovery::Recovered;
use super::{Fault, IssuerKey, PublicKey, StaticData};

/// The Signed Data Format of Signed Static Application Data.
const FORMAT: u8 = 0x03;

/// What was recovered from Signed Static Application Data (EMV Book 2, Table 7).
///
/// | field | length | format |
/// |---|---|---|
/// | Signed Data Format | 1 | b |
/// | Hash Algorithm Indicator | 1 | b |
/// | Data Authentication Code | 2 | b |
/// | Pad Pattern | what is left | b |
#[derive(Clone)]
pub struct SignedStaticData(Recovered);

impl SignedStaticData {
    /// Recovers the content, without any proof yet (EMV Book 2, 5.4, steps 1 to 4).
    ///
    /// # Errors
    /// Those [`Fault`]s that these steps name.
    pub fn open(issuer_key: &PublicKey, signed: &[u8]) -> Result<Self, Fault> {
        if signed.is_empty() {
            return Err(Fault::MissingSignature);
        }
        let recovered = Recovered::open(issuer_key, signed)?;
        if recovered.message()[0] != FORMAT {
            return Err(Fault::SignedDataFormat);
        }
        Ok(SignedStaticData(recovered))
    }

    /// Data Authentication Code.
    pub fn data_authentication_code(&self) -> [u8; 2] {
        [self.0.message()[2], self.0.message()[3]]
    }

    /// Hash Result, over the content and the static data.
    pub fn hash(&self) -> [u8; 20] {
        self.0.hash().try_into().expect("a Hash Result has 20 bytes")
    }

    /// Checks that this is the signature over the static data (EMV Book 2, 5.4, steps 5 to 7).
    ///
    /// # Errors
    /// [`Fault::HashAlgorithm`] and [`Fault::HashMismatch`].
    pub fn verify(&self, static_data: &StaticData) -> Result<(), Fault> {
        self.0.verify(self.0.message()[1], &[static_data.as_bytes()])
    }
}

/// Verifies the Signed Static Application Data and gives the Data Authentication Code (EMV Book 2,
/// 5.4).
///
/// # Errors
/// The [`Fault`] of the first step that fails.
pub fn verify_static(issuer_key: &IssuerKey, signed: &[u8], static_data: &StaticData) -> Result<[u8; 2], Fault> {
    let signed = SignedStaticData::open(issuer_key.key(), signed)?;
    signed.verify(static_data)?;
    Ok(signed.data_authentication_code())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ISSUER, STATIC_DATA, issuer_key};
    use super::*;
    use alloc::vec::Vec;

    fn signed(message: &[u8]) -> Vec<u8> {
        ISSUER.sign(&ISSUER.padded(message.to_vec()), &[STATIC_DATA])
    }

    fn verified(signed: &[u8]) -> Result<[u8; 2], Fault> {
        verify_static(&issuer_key(), signed, &StaticData::from(STATIC_DATA))
    }

    #[test]
    fn a_good_signature_gives_the_data_authentication_code() {
        assert_eq!(verified(&signed(&[0x03, 0x01, 0xDA, 0xC0])), Ok([0xDA, 0xC0]));
    }

    #[test]
    fn each_step_has_its_fault() {
        let good = signed(&[0x03, 0x01, 0xDA, 0xC0]);
        assert_eq!(verified(&[]), Err(Fault::MissingSignature));
        assert_eq!(verified(&good[1..]), Err(Fault::SignatureLength));
        assert_eq!(verified(&signed(&[0x05, 0x01, 0xDA, 0xC0])), Err(Fault::SignedDataFormat));
        assert_eq!(verified(&signed(&[0x03, 0x03, 0xDA, 0xC0])), Err(Fault::HashAlgorithm));
        let other = StaticData::from(&STATIC_DATA[..5]);
        assert_eq!(verify_static(&issuer_key(), &good, &other), Err(Fault::HashMismatch));
    }
}
