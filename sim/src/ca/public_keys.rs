//! The public half of the test certification authority, for a terminal's test configuration.

use sha1::{Digest, Sha1};

use crate::Scheme;

/// A certification authority's public key, as a terminal holds it (EMV Book 2, 11.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// Registered Application Provider Identifier.
    pub rid: [u8; 5],
    /// Certification Authority Public Key Index.
    pub index: u8,
    /// The modulus, big-endian.
    pub modulus: Vec<u8>,
    /// The public exponent, big-endian.
    pub exponent: Vec<u8>,
    /// SHA-1 of RID, index, modulus and exponent.
    pub checksum: [u8; 20],
    /// The last day on which the key is valid, as `2049-12-31`.
    pub expiry: String,
}

/// The test keys of both schemes. `sim/keys/test-ca.toml` holds the same as a file.
///
/// Their index, `C1`, is the index of no key that either scheme published.
pub fn public_keys() -> Vec<PublicKey> {
    let public = |scheme: Scheme| {
        let ca = &scheme.keys().ca;
        let hash = Sha1::new().chain_update(ca.rid).chain_update([ca.index]);
        PublicKey {
            rid: ca.rid,
            index: ca.index,
            modulus: ca.key.modulus().to_vec(),
            exponent: ca.key.exponent().to_vec(),
            checksum: hash.chain_update(ca.key.modulus()).chain_update(ca.key.exponent()).finalize().into(),
            expiry: ca.expiry.clone(),
        }
    };
    Scheme::ALL.map(public).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct File {
        key: Vec<Entry>,
    }

    #[derive(Deserialize)]
    struct Entry {
        #[serde(deserialize_with = "hex::deserialize")]
        rid: [u8; 5],
        #[serde(deserialize_with = "hex::deserialize")]
        index: [u8; 1],
        #[serde(deserialize_with = "hex::deserialize")]
        modulus: Vec<u8>,
        #[serde(deserialize_with = "hex::deserialize")]
        exponent: Vec<u8>,
        #[serde(deserialize_with = "hex::deserialize")]
        checksum: [u8; 20],
        expiry: String,
    }

    #[test]
    fn the_committed_file_holds_these_keys() {
        let file: File = toml::from_str(include_str!("../../keys/test-ca.toml")).unwrap();
        let read = file.key.into_iter().map(|Entry { rid, index: [index], modulus, exponent, checksum, expiry }| {
            PublicKey { rid, index, modulus, exponent, checksum, expiry }
        });
        assert_eq!(read.collect::<Vec<_>>(), public_keys());
    }
}
