//! What the certificates of issuers and of cards have in common (EMV Book 2, Tables 13 and 14).

use core::fmt;

use super::recovery::Recovered;
use super::{Fault, PublicKey};
use crate::fields::{Date, YearMonth};

/// A public key certificate as it lies on a card, in three data objects.
#[derive(Clone, Copy)]
pub struct EncodedCertificate<'a> {
    /// Issuer or ICC Public Key Certificate; empty where the card gave none.
    pub certificate: &'a [u8],
    /// Issuer or ICC Public Key Remainder; empty where the card gave none.
    pub remainder: &'a [u8],
    /// Issuer or ICC Public Key Exponent; empty where the card gave none.
    pub exponent: &'a [u8],
}

impl fmt::Debug for EncodedCertificate<'_> {
    /// Shows lengths only: whoever has the public keys recovers the PAN from an ICC certificate.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [certificate, remainder, exponent] = [self.certificate, self.remainder, self.exponent].map(<[u8]>::len);
        write!(f, "EncodedCertificate[{certificate} + {remainder} + {exponent}]")
    }
}

/// What was recovered from a certificate. Nothing in it is proven before the hash was checked.
///
/// `SUBJECT` is the length of what names the key's owner: 4 bytes of an
/// [issuer's](super::IssuerCertificate) identifier, 10 of a [card's](super::IccCertificate) PAN.
///
/// | field | length | format |
/// |---|---|---|
/// | Certificate Format | 1 | b |
/// | Issuer Identifier, or Application PAN | 4, or 10 | cn |
/// | Certificate Expiration Date | 2 | n, MMYY |
/// | Certificate Serial Number | 3 | b |
/// | Hash Algorithm Indicator | 1 | b |
/// | Public Key Algorithm Indicator | 1 | b |
/// | Public Key Length | 1 | b |
/// | Public Key Exponent Length | 1 | b |
/// | Public Key, or its leftmost digits | what is left | b |
#[derive(Clone)]
pub struct PublicKeyCertificate<'a, const SUBJECT: usize> {
    recovered: Recovered,
    encoded: EncodedCertificate<'a>,
}

/// The Public Key Algorithm Indicator of RSA (EMV Book 2, Annex B2.1).
const RSA: u8 = 0x01;

impl<'a, const SUBJECT: usize> PublicKeyCertificate<'a, SUBJECT> {
    const EXPIRY: usize = 1 + SUBJECT;
    const SERIAL: usize = Self::EXPIRY + 2;
    const HASH_ALGORITHM: usize = Self::SERIAL + 3;
    const KEY_ALGORITHM: usize = Self::HASH_ALGORITHM + 1;
    const KEY_LENGTH: usize = Self::KEY_ALGORITHM + 1;
    const KEY: usize = Self::KEY_LENGTH + 2;

    /// Recovers the content with the key that certifies (EMV Book 2, 6.3 and 6.4, steps 1 to 4).
    pub(super) fn recover(key: &PublicKey, encoded: EncodedCertificate<'a>, format: u8) -> Result<Self, Fault> {
        if encoded.certificate.is_empty() {
            return Err(Fault::MissingCertificate);
        }
        if encoded.exponent.is_empty() {
            return Err(Fault::MissingExponent);
        }
        if encoded.certificate.len() != key.length() {
            return Err(Fault::CertificateLength);
        }
        let recovered = Recovered::open(key, encoded.certificate)?;
        if recovered.message()[0] != format {
            return Err(Fault::CertificateFormat);
        }
        Ok(PublicKeyCertificate { recovered, encoded })
    }

    /// Whose key it is: digits (cn), filled with `F` on the right.
    pub fn subject(&self) -> [u8; SUBJECT] {
        self.field(1)
    }

    /// Certificate Expiration Date: the last month in which the certificate is valid; nothing where
    /// it is no month.
    pub fn expiry(&self) -> Option<YearMonth> {
        let [month, year] = self.field(Self::EXPIRY);
        Date::from_bcd([year, month, 0x01]).ok().map(YearMonth::from)
    }

    /// Certificate Serial Number.
    pub fn serial(&self) -> [u8; 3] {
        self.field(Self::SERIAL)
    }

    /// Hash Algorithm Indicator.
    pub fn hash_algorithm(&self) -> u8 {
        self.recovered.message()[Self::HASH_ALGORITHM]
    }

    /// Public Key Algorithm Indicator.
    pub fn key_algorithm(&self) -> u8 {
        self.recovered.message()[Self::KEY_ALGORITHM]
    }

    /// Hash Result, over the certificate's content and everything that it certifies.
    pub fn hash(&self) -> [u8; 20] {
        self.recovered.hash().try_into().expect("a Hash Result has 20 bytes")
    }

    /// Whether the certificate is valid on this day: never, where its expiration date is no month.
    pub fn is_valid_on(&self, date: Date) -> bool {
        self.expiry().is_some_and(|month| date <= month.last_day())
    }

    /// Checks the Hash Result; `further` is what is certified besides the key (EMV Book 2, 6.3 and
    /// 6.4, steps 5 to 7).
    pub(super) fn verify(&self, further: &[u8]) -> Result<(), Fault> {
        let rest = [self.encoded.remainder, self.encoded.exponent, further];
        self.recovered.verify(self.hash_algorithm(), &rest)
    }

    /// The key, put together (EMV Book 2, 6.3, steps 11 and 12; 6.4, steps 10 and 11).
    ///
    /// It is only as trustworthy as the certificate: [`recover_issuer_key`](super::recover_issuer_key)
    /// and [`recover_icc_key`](super::recover_icc_key) check that.
    ///
    /// # Errors
    /// [`Fault::KeyAlgorithm`], [`Fault::KeyRemainder`], [`Fault::KeyLength`],
    /// [`Fault::KeyModulus`] or [`Fault::KeyExponent`].
    pub fn key(&self) -> Result<PublicKey, Fault> {
        if self.key_algorithm() != RSA {
            return Err(Fault::KeyAlgorithm);
        }
        let length = usize::from(self.recovered.message()[Self::KEY_LENGTH]);
        if length > self.encoded.certificate.len() {
            return Err(Fault::KeyLength);
        }
        let leftmost = &self.recovered.message()[Self::KEY..];
        let key = match length.checked_sub(leftmost.len()) {
            None | Some(0) => PublicKey::new(&leftmost[..length], self.encoded.exponent)?,
            Some(missing) if missing == self.encoded.remainder.len() => {
                PublicKey::new(&[leftmost, self.encoded.remainder].concat(), self.encoded.exponent)?
            }
            Some(_) => return Err(Fault::KeyRemainder),
        };
        Ok(key)
    }

    fn field<const N: usize>(&self, offset: usize) -> [u8; N] {
        let field = &self.recovered.message()[offset..offset + N];
        field.try_into().expect("the range has N bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CA, CertificateData, ISSUER, STATIC_DATA, issuer_key, pan, today};
    use super::super::{IccCertificate, IssuerCertificate, StaticData, recover_icc_key};
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn what_is_recovered_can_be_looked_at_before_it_is_proven() {
        let certified = CertificateData { further: Vec::new(), ..CertificateData::icc() }.certified_by(&ISSUER);
        let certificate = IccCertificate::open(issuer_key().key(), certified.borrow()).unwrap();
        assert_eq!(certificate.subject()[..2], [0x47, 0x61]);
        assert_eq!(format!("{:?}", certificate.expiry().unwrap()), "2030-12");
        assert_eq!(certificate.serial(), [0x00, 0x10, 0x01]);
        assert_eq!((certificate.hash_algorithm(), certificate.key_algorithm()), (0x01, 0x01));
        assert!(certificate.key().is_ok());

        let static_data = StaticData::from(STATIC_DATA);
        let proven = recover_icc_key(&issuer_key(), certified.borrow(), &static_data, &pan(), today());
        assert_eq!(proven, Err(Fault::HashMismatch));
    }

    #[test]
    fn printing_shows_no_certificate() {
        let certified = CertificateData::issuer().certified_by(&CA);
        assert_eq!(format!("{:?}", certified.borrow()), "EncodedCertificate[144 + 20 + 3]");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn whatever_a_certificate_holds_it_is_read_without_panic(
            content in vec(any::<u8>(), CA.modulus().len() - 23),
            remainder in vec(any::<u8>(), 0..64),
            exponent in vec(any::<u8>(), 1..4),
        ) {
            let message = [&[0x02][..], &content].concat();
            let certificate = CA.sign(&message, &[&remainder, &exponent]);
            let encoded = EncodedCertificate { certificate: &certificate, remainder: &remainder, exponent: &exponent };
            let opened = IssuerCertificate::open(&CA.public(), encoded).unwrap();
            let _ = (opened.is_valid_on(today()), opened.verify(&[]), opened.key());
        }
    }
}
