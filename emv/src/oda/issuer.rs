//! The issuer's public key (EMV Book 2, 5.3 and 6.3).

use super::{CaKey, EncodedCertificate, Fault, PublicKey, PublicKeyCertificate, RevocationList};
use crate::fields::{Date, Pan};

/// What was recovered from an Issuer Public Key Certificate (EMV Book 2, Table 13).
pub type IssuerCertificate<'a> = PublicKeyCertificate<'a, 4>;

/// The Certificate Format of an Issuer Public Key Certificate.
const FORMAT: u8 = 0x02;

impl<'a> IssuerCertificate<'a> {
    /// Recovers the content, without any proof yet (EMV Book 2, 6.3, steps 1 to 4).
    ///
    /// # Errors
    /// Those [`Fault`]s that these steps name.
    pub fn open(ca_key: &PublicKey, encoded: EncodedCertificate<'a>) -> Result<Self, Fault> {
        Self::recover(ca_key, encoded, FORMAT)
    }

    /// Whether the Issuer Identifier, 3 to 8 digits filled with `F`, is how this PAN begins.
    fn is_issuer_of(&self, pan: &Pan) -> bool {
        let identifier = self.subject().map(|byte| [byte >> 4, byte & 0x0F]);
        let digits = identifier.as_flattened();
        let filling = digits.iter().rev().take_while(|digit| **digit == 0x0F).count();
        let digits = &digits[..digits.len() - filling];
        digits.len() >= 3 && digits.iter().zip(pan.digits().bytes()).all(|(digit, of_pan)| of_pan == b'0' + digit)
    }
}

/// A public key that a certification authority certified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerKey(PublicKey);

impl IssuerKey {
    /// The key.
    pub fn key(&self) -> &PublicKey {
        &self.0
    }
}

/// Retrieves the issuer's public key from the Issuer Public Key Certificate (EMV Book 2, 5.3 and 6.3).
///
/// `date` is the transaction's.
///
/// # Errors
/// The [`Fault`] of the first step that fails.
pub fn recover_issuer_key(
    ca_key: &CaKey,
    encoded: EncodedCertificate<'_>,
    pan: &Pan,
    date: Date,
    revoked: &RevocationList,
) -> Result<IssuerKey, Fault> {
    let certificate = IssuerCertificate::open(ca_key.key(), encoded)?;
    certificate.verify(&[])?;
    if !certificate.is_issuer_of(pan) {
        return Err(Fault::IssuerIdentifier);
    }
    if !certificate.is_valid_on(date) {
        return Err(Fault::CertificateExpired);
    }
    if revoked.contains(ca_key.rid(), ca_key.index(), certificate.serial()) {
        return Err(Fault::CertificateRevoked);
    }
    certificate.key().map(IssuerKey)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CA, CertificateData, ISSUER, ca_key, pan, recover_issuer, today};
    use super::super::{EncodedCertificate, Fault, Revocation, RevocationList};
    use super::*;

    fn with(alter: impl FnOnce(&mut CertificateData)) -> Result<IssuerKey, Fault> {
        let mut data = CertificateData::issuer();
        alter(&mut data);
        recover_issuer(&data.certified_by(&CA))
    }

    #[test]
    fn a_good_certificate_gives_the_issuers_key() {
        let key = with(|_| ()).unwrap();
        assert_eq!(*key.key(), ISSUER.public());
    }

    #[test]
    fn a_missing_or_cut_certificate_is_told_from_a_wrong_one() {
        let good = CertificateData::issuer().certified_by(&CA);
        let recover = |encoded| recover_issuer_key(&ca_key(), encoded, &pan(), today(), &RevocationList::new());
        let encoded = good.borrow();
        let expected = [
            (EncodedCertificate { certificate: &[], ..encoded }, Fault::MissingCertificate),
            (EncodedCertificate { exponent: &[], ..encoded }, Fault::MissingExponent),
            (EncodedCertificate { certificate: &encoded.certificate[1..], ..encoded }, Fault::CertificateLength),
            (EncodedCertificate { remainder: &[], ..encoded }, Fault::HashMismatch),
            (EncodedCertificate { exponent: &[3], ..encoded }, Fault::HashMismatch),
        ];
        for (encoded, fault) in expected {
            assert_eq!(recover(encoded), Err(fault));
        }
    }

    #[test]
    fn wrong_trailer_and_header_are_told_apart() {
        let message = CA.padded([0x02].to_vec());
        for (header, trailer, fault) in [
            (0x6A, 0xBD, Fault::RecoveredTrailer),
            (0x6B, 0xBC, Fault::RecoveredHeader),
            (0x6B, 0xBD, Fault::RecoveredTrailer),
        ] {
            let block = [&[header][..], &message, &[0; 20], &[trailer]].concat();
            let mut certificate = CertificateData::issuer().certified_by(&CA);
            certificate.certificate = CA.sign_block(&block);
            assert_eq!(recover_issuer(&certificate), Err(fault));
        }
    }

    #[test]
    fn an_altered_certificate_never_passes() {
        let mut certificate = CertificateData::issuer().certified_by(&CA);
        *certificate.certificate.last_mut().unwrap() ^= 0x01;
        assert_eq!(recover_issuer(&certificate), Err(Fault::RecoveredTrailer));
    }

    #[test]
    fn each_field_is_checked() {
        assert_eq!(with(|data| data.format = 0x04), Err(Fault::CertificateFormat));
        assert_eq!(with(|data| data.hash_algorithm = 0x02), Err(Fault::HashAlgorithm));
        assert_eq!(with(|data| data.key_algorithm = 0x10), Err(Fault::KeyAlgorithm));
        assert_eq!(with(|data| data.key_length = 127), Err(Fault::KeyRemainder));
        assert_eq!(with(|data| data.key_length = 129), Err(Fault::KeyRemainder));
        assert_eq!(with(|data| data.key_length = 145), Err(Fault::KeyLength), "longer than the CA's");
        assert_eq!(with(|data| data.key_length = 0), Err(Fault::KeyLength));
        assert_eq!(with(|data| data.exponent = [0x11].to_vec()), Err(Fault::KeyExponent));
        assert_eq!(with(|data| data.modulus[0] = 0x7F), Err(Fault::KeyModulus));
        assert_eq!(with(|data| data.modulus[127] = 0x02), Err(Fault::KeyModulus), "an even modulus");
    }

    #[test]
    fn the_issuer_identifier_is_three_to_eight_digits_of_the_pan() {
        for (identifier, good) in [
            ([0x47, 0x61, 0x73, 0x90], true),
            ([0x47, 0x61, 0x73, 0xFF], true),
            ([0x47, 0x6F, 0xFF, 0xFF], true),
            ([0x47, 0xFF, 0xFF, 0xFF], false),
            ([0xFF; 4], false),
            ([0x47, 0x61, 0x74, 0xFF], false),
            ([0x47, 0xF1, 0x73, 0xFF], false),
            ([0x47, 0x61, 0x73, 0x9A], false),
        ] {
            let outcome = with(|data| data.subject = identifier.to_vec()).map(|_| ());
            assert_eq!(outcome, if good { Ok(()) } else { Err(Fault::IssuerIdentifier) }, "{identifier:02X?}");
        }
    }

    #[test]
    fn a_certificate_is_valid_to_the_last_day_of_its_month() {
        for (expiry, good) in [
            ([0x11, 0x26], true),
            ([0x10, 0x26], false),
            ([0x12, 0x25], false),
            ([0x01, 0x27], true),
            ([0x12, 0x49], true),
            ([0x01, 0x50], false),
            ([0x00, 0x30], false),
            ([0x13, 0x30], false),
            ([0x1A, 0x30], false),
        ] {
            let outcome = with(|data| data.expiry = expiry).map(|_| ());
            assert_eq!(outcome, if good { Ok(()) } else { Err(Fault::CertificateExpired) }, "{expiry:02X?}");
        }
    }

    #[test]
    fn a_revoked_certificate_is_refused() {
        let certificate = CertificateData::issuer().certified_by(&CA);
        let revocation = Revocation { rid: ca_key().rid(), ca_key_index: 0x99, serial: [0x00, 0x10, 0x01] };
        let recover = |revocation| {
            let revoked = RevocationList::from_iter([revocation]);
            recover_issuer_key(&ca_key(), certificate.borrow(), &pan(), today(), &revoked).map(|_| ())
        };
        assert_eq!(recover(revocation), Err(Fault::CertificateRevoked));
        assert_eq!(recover(Revocation { serial: [0x00, 0x10, 0x02], ..revocation }), Ok(()));
        assert_eq!(recover(Revocation { ca_key_index: 0x98, ..revocation }), Ok(()));
        assert_eq!(recover(Revocation { rid: [0xA0, 0, 0, 0, 0x04], ..revocation }), Ok(()));
    }
}
