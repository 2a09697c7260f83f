//! The digital signature scheme giving message recovery (EMV Book 2, Annex A2.1).

use alloc::vec::Vec;

use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::{Fault, PublicKey};

/// The Hash Algorithm Indicator of SHA-1 (EMV Book 2, Annex B3.1).
const SHA_1: u8 = 0x01;

/// SHA-1 over the concatenation of `parts`.
pub(super) fn sha1<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 20] {
    parts.into_iter().fold(Sha1::new(), Sha1::chain_update).finalize().into()
}

/// What a signature gives back: one byte of header, a part of the message, 20 bytes of hash, one
/// byte of trailer. It may hold a PAN.
#[derive(Clone)]
pub(super) struct Recovered {
    block: Zeroizing<Vec<u8>>,
}

impl Recovered {
    const HEADER: u8 = 0x6A;
    const TRAILER: u8 = 0xBC;

    /// Applies the recovery function and checks length, trailer and header, in the order of the
    /// book (EMV Book 2, 6.3, steps 1 to 3, and alike in 5.4, 6.4, 6.5.2 and 6.6.2).
    pub(super) fn open(key: &PublicKey, signature: &[u8]) -> Result<Self, Fault> {
        if signature.len() != key.length() {
            return Err(Fault::SignatureLength);
        }
        let block = key.recover(signature);
        if block.last() != Some(&Self::TRAILER) {
            return Err(Fault::RecoveredTrailer);
        }
        if block.first() != Some(&Self::HEADER) {
            return Err(Fault::RecoveredHeader);
        }
        Ok(Recovered { block })
    }

    /// The part of the message that the signature holds; at least
    /// `PublicKey::MIN_LENGTH - 22` bytes.
    pub(super) fn message(&self) -> &[u8] {
        &self.block[1..self.block.len() - 21]
    }

    /// The Hash Result.
    pub(super) fn hash(&self) -> &[u8] {
        &self.block[self.block.len() - 21..self.block.len() - 1]
    }

    /// Checks that the message in the signature and the `rest` of it have the Hash Result, by the
    /// algorithm that the message names (EMV Book 2, 6.3, steps 5 to 7).
    pub(super) fn verify(&self, algorithm: u8, rest: &[&[u8]]) -> Result<(), Fault> {
        if algorithm != SHA_1 {
            return Err(Fault::HashAlgorithm);
        }
        let parts = core::iter::once(self.message()).chain(rest.iter().copied());
        if sha1(parts) == *self.hash() { Ok(()) } else { Err(Fault::HashMismatch) }
    }
}
