//! Fixed keys, and what their owners sign with them.

use alloc::vec::Vec;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};

use super::recovery::sha1;
use super::{CaKey, EncodedCertificate, Fault, IccKey, IssuerKey, PublicKey, RevocationList, StaticData};
use super::{recover_icc_key, recover_issuer_key};
use crate::fields::{Date, Pan};

/// A key pair, made for these tests.
pub(super) struct KeyPair {
    modulus: &'static str,
    private_exponent: &'static str,
    pub(super) exponent: &'static [u8],
}

/// 1152 bits.
pub(super) const CA: KeyPair = KeyPair {
    modulus: "D0BDC53E7057FB70B213B3BEF5741E9A9C4CEB98D78C9866ECCF861C054F7EFADA47AEB4D926D8DDBD22AD6A5A6CF8F0\
              B64444F6E32841277DD9EAC89E36F7A83381C82605DF6F158F3869F40974ABE646F6B62AA0FC1D2D63FA59245BBE2F9C\
              CA6F8F07B098DAB254C29AAA8A14ABD72202976518EDCB05A3CFCA136840675CCC4DF04CEB21D44A99FC0F7D76B4CEAF",
    private_exponent: "8B292E29A03AA7A076B7CD29F8F8146712DDF265E5086599F3350412AE34FF51E6DA747890C49093D36C739C3C\
                       48A5F5CED82DF9ECC580C4FE9147306979FA702256856EAE94F4B7D523C472AD5462C531DF656BDAEB9A9A87BB\
                       628820AE450F42529A37FA19D01B8A3A9582DD91A07BD9A87CC0A5E04AC928732D02072D676C37DD74C1300E68\
                       76CE5826557D93143B",
    exponent: &[3],
};

/// 1024 bits: 20 more bytes than the CA's certificate has room for.
pub(super) const ISSUER: KeyPair = KeyPair {
    modulus: "B58A36B1A95BBAF816DD7072FABBC8FB3A9ABC913422D699A2BE087AF9DD8F70291AE52289201B93085DACB237089307\
              BE36A7A6A50DBC01FEEC86B0E61270310D4903D249433E90523EA212FA3978274EBD988B3EFA8465F50DC733E9DA66F5\
              792238B3219D892A752C772D797DCB59ABC0BCD8473E899481C4E90F5E1ED003",
    private_exponent: "6A1D54431D1FC57666C72187D4101836E1D6B90A975315E5D03F0C6DF5C810A41B22E175027A8623B7EC299A32\
                       990C78A6330464606E5ACB3FDBBA0F852C99EED6322A0ECA0E12B16E0B163473ABB6E9661B4FE26BF5CDAD0DEB\
                       1F62C10A92CF38D1081585AE0577246C38E8600BFD371D2D12FE8C833F25A0245F002BE193C1",
    exponent: &[1, 0, 1],
};

/// 768 bits: 10 more bytes than the issuer's certificate has room for.
pub(super) const ICC: KeyPair = KeyPair {
    modulus: "B66940EEDEFEA920DCD42C75FC94D4575B93A842EDF1F94F4273696D39F51B982C079185380E48C3AC26970DF8C01EB2\
              9D299AE846401848AB2C5655691B841C653886E538F74FB2CB132B5B2E820EAECD50479523E727A42679F19AFCD0F1CB",
    private_exponent: "799B809F3F5470C093381DA3FDB88D8F9262702C9EA150DF81A24648D14E126572AFB658D00985D7C819BA0950\
                       801475F21B0ACFF5A8A8D7E8669E0DC23F58E47100B6371EF396E3C63569DCB6EE22FA24D50E874653CE1DF1E1\
                       8B6A9C2F475B",
    exponent: &[3],
};

/// 640 bits: the issuer's certificate has room for all of it.
pub(super) const SHORT_ICC: KeyPair = KeyPair {
    modulus: "CDCD10F513FEF8632C5E89796973998F988CAD93998AF4F767213667EAD7A8D7D73FD9913CBC88D693EA90CF92FB2CBC\
              EB371286800FFC2505935762A447E061F72C87B2CBDD6D42C540523B4ABA9E7D",
    private_exponent: "893360A362A9FAECC83F0650F0F7BBB5105DC90D11074DFA44C0CEEFF1E51B3A8F7FE660D3285B38858B7EE28B\
                       1237A66D0356EB47D999F3E83FF95AABE919B2F547B327E2E1F078D9A07040D2C01593",
    exponent: &[3],
};

impl KeyPair {
    pub(super) fn modulus(&self) -> Vec<u8> {
        hex(self.modulus)
    }

    pub(super) fn public(&self) -> PublicKey {
        PublicKey::new(&self.modulus(), self.exponent).unwrap()
    }

    /// The signing function alone (EMV Book 2, Annex B2.1.2).
    pub(super) fn sign_block(&self, block: &[u8]) -> Vec<u8> {
        let modulus = Odd::new(BoxedUint::from_be_slice_vartime(&self.modulus())).unwrap();
        let base = BoxedMontyForm::new(BoxedUint::from_be_slice_vartime(block), &BoxedMontyParams::new(modulus));
        let power = base.pow(&BoxedUint::from_be_slice_vartime(&hex(self.private_exponent))).retrieve().to_be_bytes();
        power[power.len() - block.len()..].to_vec()
    }

    /// The signature scheme (EMV Book 2, Annex A2.1.2) over `message` and then `rest`, where
    /// `message` fills the signature.
    pub(super) fn sign(&self, message: &[u8], rest: &[&[u8]]) -> Vec<u8> {
        let hash = sha1([message].into_iter().chain(rest.iter().copied()));
        let block = [&[0x6A], message, &hash, &[0xBC]].concat();
        assert_eq!(block.len(), self.modulus().len(), "the message must fill the signature");
        self.sign_block(&block)
    }

    /// `message` filled with `BB` to what the signature has room for.
    pub(super) fn padded(&self, mut message: Vec<u8>) -> Vec<u8> {
        message.resize(self.modulus().len() - 22, 0xBB);
        message
    }
}

/// What a certifier puts into a certificate; a test alters what it is about.
#[derive(Clone)]
pub(super) struct CertificateData {
    pub(super) format: u8,
    pub(super) subject: Vec<u8>,
    pub(super) expiry: [u8; 2],
    pub(super) serial: [u8; 3],
    pub(super) hash_algorithm: u8,
    pub(super) key_algorithm: u8,
    pub(super) modulus: Vec<u8>,
    pub(super) key_length: u8,
    pub(super) exponent: Vec<u8>,
    /// What is certified besides the key.
    pub(super) further: Vec<u8>,
}

/// An [`EncodedCertificate`] that owns its bytes.
pub(super) struct OwnedCertificate {
    pub(super) certificate: Vec<u8>,
    pub(super) remainder: Vec<u8>,
    pub(super) exponent: Vec<u8>,
}

impl OwnedCertificate {
    pub(super) fn borrow(&self) -> EncodedCertificate<'_> {
        EncodedCertificate { certificate: &self.certificate, remainder: &self.remainder, exponent: &self.exponent }
    }
}

impl CertificateData {
    /// An issuer certificate as it should be.
    pub(super) fn issuer() -> Self {
        CertificateData {
            format: 0x02,
            subject: hex("476173FF"),
            expiry: [0x12, 0x30],
            serial: [0x00, 0x10, 0x01],
            hash_algorithm: 0x01,
            key_algorithm: 0x01,
            modulus: ISSUER.modulus(),
            key_length: 128,
            exponent: ISSUER.exponent.to_vec(),
            further: Vec::new(),
        }
    }

    /// An ICC certificate as it should be.
    pub(super) fn icc() -> Self {
        CertificateData {
            format: 0x04,
            subject: hex("4761739001010119FFFF"),
            modulus: ICC.modulus(),
            key_length: 96,
            exponent: ICC.exponent.to_vec(),
            further: STATIC_DATA.to_vec(),
            ..Self::issuer()
        }
    }

    pub(super) fn certified_by(&self, key: &KeyPair) -> OwnedCertificate {
        let mut message = [&[self.format][..], &self.subject, &self.expiry, &self.serial].concat();
        message.extend([self.hash_algorithm, self.key_algorithm, self.key_length, self.exponent.len() as u8]);
        let room = key.modulus().len() - 22 - message.len();
        let (leftmost, remainder) = self.modulus.split_at(room.min(self.modulus.len()));
        message.extend(leftmost);
        let certificate = key.sign(&key.padded(message), &[remainder, &self.exponent, &self.further]);
        OwnedCertificate { certificate, remainder: remainder.to_vec(), exponent: self.exponent.clone() }
    }
}

pub(super) const STATIC_DATA: &[u8] = &[0x5F, 0x24, 0x03, 0x30, 0x12, 0x31];

pub(super) fn ca_key() -> CaKey {
    CaKey::without_checksum([0xA0, 0, 0, 0, 0x03], 0x99, &CA.modulus(), CA.exponent).unwrap()
}

pub(super) fn pan() -> Pan {
    Pan::from_digits("4761739001010119").unwrap()
}

pub(super) fn today() -> Date {
    Date::new(2026, 11, 24).unwrap()
}

pub(super) fn issuer_key() -> IssuerKey {
    recover_issuer(&CertificateData::issuer().certified_by(&CA)).unwrap()
}

pub(super) fn icc_key() -> IccKey {
    recover_icc(&CertificateData::icc().certified_by(&ISSUER)).unwrap()
}

pub(super) fn recover_issuer(certificate: &OwnedCertificate) -> Result<IssuerKey, Fault> {
    recover_issuer_key(&ca_key(), certificate.borrow(), &pan(), today(), &RevocationList::new())
}

pub(super) fn recover_icc(certificate: &OwnedCertificate) -> Result<IccKey, Fault> {
    recover_icc_key(&issuer_key(), certificate.borrow(), &StaticData::from(STATIC_DATA), &pan(), today())
}

pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
