//! RSA with a private key, and the signature scheme with message recovery
//! (EMV Book 2, Annex A2.1 and B2.1).

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use serde::Deserialize;
use sha1::{Digest, Sha1};

use crate::hex;

/// An RSA key with its private exponent. Moduli have 128 to 248 bytes, a multiple of 8.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RsaKey {
    #[serde(deserialize_with = "hex::deserialize")]
    modulus: Vec<u8>,
    #[serde(deserialize_with = "hex::deserialize")]
    exponent: Vec<u8>,
    #[serde(deserialize_with = "hex::deserialize")]
    private_exponent: Vec<u8>,
}

/// What a signature takes beside the data that can be recovered from it: header, hash, trailer.
pub(super) const OVERHEAD: usize = 22;

impl RsaKey {
    /// The modulus, big-endian, without leading zeros.
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The public exponent, big-endian, without leading zeros.
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }

    /// Signs a message so that its first part can be recovered: header `6A`, that part, the SHA-1 of
    /// the whole message, trailer `BC` (EMV Book 2, Annex A2.1.2).
    ///
    /// # Panics
    /// If `recoverable` is not [`OVERHEAD`] bytes shorter than the modulus: formats of signed data
    /// fill it to just that.
    pub(super) fn sign(&self, recoverable: &[u8], rest: &[u8]) -> Vec<u8> {
        assert_eq!(recoverable.len() + OVERHEAD, self.modulus.len(), "a signed part as long as the key needs");
        let hash = Sha1::new().chain_update(recoverable).chain_update(rest).finalize();
        self.apply(&[&[0x6A], recoverable, &hash, &[0xBC]].concat())
    }

    /// The private operation on a block as long as the modulus.
    fn apply(&self, block: &[u8]) -> Vec<u8> {
        let number = |bytes: &[u8]| {
            BoxedUint::from_be_slice(bytes, 8 * self.modulus.len() as u32).expect("as long as the modulus, or shorter")
        };
        let modulus = Odd::new(number(&self.modulus)).expect("the product of two odd primes");
        let params = BoxedMontyParams::new(modulus);
        BoxedMontyForm::new(number(block), &params).pow(&number(&self.private_exponent)).retrieve().to_be_bytes().into()
    }
}

impl core::fmt::Debug for RsaKey {
    /// The size alone.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RsaKey({} bits)", 8 * self.modulus.len())
    }
}
