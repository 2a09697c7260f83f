//! The card's own public key (EMV Book 2, 6.4).

use zeroize::Zeroizing;

use super::{EncodedCertificate, Fault, IssuerKey, PublicKey, PublicKeyCertificate, StaticData};
use crate::fields::{Date, Pan};

/// What was recovered from an ICC Public Key Certificate (EMV Book 2, Table 14).
pub type IccCertificate<'a> = PublicKeyCertificate<'a, 10>;

/// The Certificate Format of an ICC Public Key Certificate.
const FORMAT: u8 = 0x04;

impl<'a> IccCertificate<'a> {
    /// Recovers the content, without any proof yet (EMV Book 2, 6.4, steps 1 to 4).
    ///
    /// # Errors
    /// Those [`Fault`]s that these steps name.
    pub fn open(issuer_key: &PublicKey, encoded: EncodedCertificate<'a>) -> Result<Self, Fault> {
        Self::recover(issuer_key, encoded, FORMAT)
    }

    /// Whether the certificate is for this PAN.
    fn is_for(&self, pan: &Pan) -> bool {
        Pan::from_cn(&*Zeroizing::new(self.subject())).is_ok_and(|subject| subject == *pan)
    }
}

/// A public key that the issuer certified as this card's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IccKey(PublicKey);

impl IccKey {
    /// The key.
    pub fn key(&self) -> &PublicKey {
        &self.0
    }
}

/// Retrieves the card's public key from the ICC Public Key Certificate (EMV Book 2, 6.4).
///
/// `date` is the transaction's.
///
/// # Errors
/// The [`Fault`] of the first step that fails.
pub fn recover_icc_key(
    issuer_key: &IssuerKey,
    encoded: EncodedCertificate<'_>,
    static_data: &StaticData,
    pan: &Pan,
    date: Date,
) -> Result<IccKey, Fault> {
    let certificate = IccCertificate::open(issuer_key.key(), encoded)?;
    certificate.verify(static_data.as_bytes())?;
    if !certificate.is_for(pan) {
        return Err(Fault::PanMismatch);
    }
    if !certificate.is_valid_on(date) {
        return Err(Fault::CertificateExpired);
    }
    certificate.key().map(IccKey)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        CertificateData, ICC, ISSUER, SHORT_ICC, STATIC_DATA, issuer_key, pan, recover_icc, today,
    };
    use super::super::{Fault, StaticData};
    use super::*;

    fn with(alter: impl FnOnce(&mut CertificateData)) -> Result<IccKey, Fault> {
        let mut data = CertificateData::icc();
        alter(&mut data);
        recover_icc(&data.certified_by(&ISSUER))
    }

    #[test]
    fn a_good_certificate_gives_the_cards_key() {
        assert_eq!(*with(|_| ()).unwrap().key(), ICC.public());
    }

    #[test]
    fn a_key_without_remainder_is_taken_whole() {
        let short = |data: &mut CertificateData| {
            data.modulus = SHORT_ICC.modulus();
            data.key_length = 80;
        };
        assert_eq!(*with(short).unwrap().key(), SHORT_ICC.public());
    }

    #[test]
    fn each_field_is_checked() {
        assert_eq!(with(|data| data.format = 0x02), Err(Fault::CertificateFormat));
        assert_eq!(with(|data| data.hash_algorithm = 0x00), Err(Fault::HashAlgorithm));
        assert_eq!(with(|data| data.key_algorithm = 0x00), Err(Fault::KeyAlgorithm));
        assert_eq!(with(|data| data.expiry = [0x10, 0x26]), Err(Fault::CertificateExpired));
        assert_eq!(with(|data| data.key_length = 97), Err(Fault::KeyRemainder));
        assert_eq!(with(|data| data.key_length = 129), Err(Fault::KeyLength), "longer than the issuer's");
        assert_eq!(with(|data| data.exponent = [1, 0, 3].to_vec()), Err(Fault::KeyExponent));
        assert_eq!(with(|data| data.subject[7] = 0x18), Err(Fault::PanMismatch));
        assert_eq!(with(|data| data.subject[8] = 0x9F), Err(Fault::PanMismatch), "one digit more");
        assert_eq!(with(|data| data.subject[7] = 0x1F), Err(Fault::PanMismatch), "one digit less");
    }

    #[test]
    fn other_static_data_than_was_certified_is_refused() {
        let certificate = CertificateData::icc().certified_by(&ISSUER);
        for other in [&[][..], &STATIC_DATA[1..]] {
            let recovered =
                recover_icc_key(&issuer_key(), certificate.borrow(), &StaticData::from(other), &pan(), today());
            assert_eq!(recovered, Err(Fault::HashMismatch));
        }
    }

    #[test]
    fn a_certificate_of_another_issuer_is_refused() {
        let mut certificate = CertificateData::icc().certified_by(&ISSUER);
        certificate.certificate.pop();
        assert_eq!(recover_icc(&certificate), Err(Fault::CertificateLength));
        certificate.certificate.clear();
        assert_eq!(recover_icc(&certificate), Err(Fault::MissingCertificate));
    }
}
