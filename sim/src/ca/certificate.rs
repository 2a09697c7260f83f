//! Certificates of issuer and card keys (EMV Book 2, 6.1 and Tables 10 and 11).

use serde::Deserialize;

use super::RsaKey;
use super::rsa::OVERHEAD;
use crate::hex;

/// The key at the root: the terminal knows its public part by RID and index.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificationAuthority {
    /// Registered Application Provider Identifier, 5 bytes.
    #[serde(deserialize_with = "hex::deserialize")]
    pub rid: [u8; 5],
    /// Which of the provider's keys it is.
    #[serde(deserialize_with = "index")]
    pub index: u8,
    /// The last day on which it is valid, as `2049-12-31`.
    pub expiry: String,
    #[serde(flatten)]
    pub(crate) key: RsaKey,
}

/// A certified public key, in the pieces in which a card holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The signed part, as long as the signer's modulus.
    pub certificate: Vec<u8>,
    /// The end of the modulus where it did not fit into the certificate; empty where it did.
    pub remainder: Vec<u8>,
    /// The public exponent.
    pub exponent: Vec<u8>,
}

/// All simulated certificates end with December 2049.
const CERTIFICATE_EXPIRATION: [u8; 2] = [0x12, 0x49];
/// SHA-1 for the hash, RSA for the key (EMV Book 2, Annex B2 and B3).
const ALGORITHMS: [u8; 2] = [0x01, 0x01];

impl CertificationAuthority {
    /// Certifies an issuer's key (EMV Book 2, Table 10).
    ///
    /// `pan` is one of the issuer's card numbers: its first six digits identify the issuer.
    pub fn certify_issuer(&self, pan: &str, key: &RsaKey) -> Certificate {
        let identifier = hex::decode(&format!("{}FF", &pan[..6])).expect("a PAN is decimal digits");
        let serial_number = [0x00, 0x00, 0x01];
        let head = [&[0x02], &identifier[..], &CERTIFICATE_EXPIRATION, &serial_number].concat();
        certify(&self.key, &head, key, &[])
    }
}

/// Certifies a card's key, and with it the static data of the card (EMV Book 2, Table 11).
///
/// `pan` is decimal digits; `static_data` is the static data to be authenticated (EMV Book 3, 10.3).
pub fn certify_icc(issuer: &RsaKey, pan: &str, key: &RsaKey, static_data: &[u8]) -> Certificate {
    let pan = hex::decode(&format!("{pan:F<20}")).expect("a PAN is decimal digits, 19 at most");
    let serial_number = [0x00, 0x00, 0x02];
    let head = [&[0x04], &pan[..], &CERTIFICATE_EXPIRATION, &serial_number].concat();
    certify(issuer, &head, key, static_data)
}

/// Signs `head` and a key. What does not fit of the modulus becomes the remainder; a modulus that
/// leaves room is followed by `BB`.
fn certify(signer: &RsaKey, head: &[u8], key: &RsaKey, static_data: &[u8]) -> Certificate {
    let lengths = [key.modulus().len() as u8, key.exponent().len() as u8];
    let mut signed = [head, &ALGORITHMS, &lengths].concat();
    let room = signer.modulus().len() - OVERHEAD - signed.len();
    let (fits, remainder) = key.modulus().split_at(room.min(key.modulus().len()));
    signed.extend_from_slice(fits);
    signed.resize(signer.modulus().len() - OVERHEAD, 0xBB);
    Certificate {
        certificate: signer.sign(&signed, &[remainder, key.exponent(), static_data].concat()),
        remainder: remainder.to_vec(),
        exponent: key.exponent().to_vec(),
    }
}

fn index<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    hex::deserialize(deserializer).map(|[index]: [u8; 1]| index)
}
