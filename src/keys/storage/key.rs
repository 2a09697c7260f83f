//! One storage key.

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Generation, Sealed, Unsealable};
use crate::terminal::Hex;

/// A storage key: AES-256-GCM-SIV (RFC 8452), 32 bytes in a file of their own. It lives in a
/// cipher that is wiped when dropped.
pub struct StorageKey {
    generation: Generation,
    cipher: Aes256GcmSiv,
}

impl StorageKey {
    /// The length of the key in bytes.
    pub const LENGTH: usize = 32;
    const NONCE_LENGTH: usize = 12;

    /// A key from its bytes.
    pub fn from_bytes(generation: Generation, bytes: &[u8; Self::LENGTH]) -> Self {
        StorageKey { generation, cipher: Aes256GcmSiv::new(bytes.into()) }
    }

    /// Seals `plain` for `purpose` (a transaction's token, say); only the same purpose opens it.
    ///
    /// The nonce is derived from the purpose, so sealing draws no randomness and the same input
    /// gives the same output. That is safe here: GCM-SIV tolerates a repeated nonce, which shows no
    /// more than whether the same value was sealed twice for one purpose.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Sealed {
        let digest = Sha256::digest(purpose.as_bytes());
        let nonce: [u8; Self::NONCE_LENGTH] = std::array::from_fn(|i| digest[i]);
        let payload = Payload { msg: plain, aad: purpose.as_bytes() };
        let ciphertext = self
            .cipher
            .encrypt(&Nonce::from(nonce), payload)
            .expect("encryption fails only beyond 2^36 bytes, and card data is short");
        Sealed { generation: self.generation, bytes: Hex([&nonce[..], &ciphertext].concat()) }
    }

    /// Opens what [`StorageKey::seal`] sealed for this purpose.
    ///
    /// # Errors
    /// If it was sealed for another, under another key, or changed.
    pub fn open(&self, purpose: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let parts = sealed.bytes.0.split_first_chunk::<{ Self::NONCE_LENGTH }>();
        let (nonce, ciphertext) = parts.ok_or(Unsealable::Changed)?;
        let payload = Payload { msg: ciphertext, aad: purpose.as_bytes() };
        self.cipher.decrypt(&Nonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| Unsealable::Changed)
    }
}

impl std::fmt::Debug for StorageKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StorageKey({}, ..)", self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> StorageKey {
        StorageKey::from_bytes(Generation::FIRST, &[byte; 32])
    }

    #[test]
    fn what_is_sealed_opens_for_the_same_purpose_only() {
        let key = key(7);
        let sealed = key.seal("t1", b"4761739001010119=3112");
        assert_eq!(key.open("t1", &sealed).unwrap().as_slice(), b"4761739001010119=3112");
        assert_eq!(key.open("t2", &sealed), Err(Unsealable::Changed));
        assert_eq!(self::key(8).open("t1", &sealed), Err(Unsealable::Changed));
        for index in 0..sealed.bytes.0.len() {
            let mut changed = sealed.clone();
            changed.bytes.0[index] ^= 1;
            assert_eq!(key.open("t1", &changed), Err(Unsealable::Changed), "byte {index}");
        }
        let short = Sealed { bytes: Hex(vec![0; 11]), ..sealed };
        assert_eq!(key.open("t1", &short), Err(Unsealable::Changed));
    }

    #[test]
    fn nothing_of_the_plain_text_stands_in_its_stored_form() {
        let sealed = key(7).seal("t1", b"4761739001010119=3112");
        let stored = serde_json::to_string(&sealed).unwrap();
        let in_hex = Hex(b"4761739001010119".to_vec()).to_string();
        assert!(!stored.contains("4761739001010119") && !stored.contains(&in_hex), "{stored}");
        assert_eq!(serde_json::from_str::<Sealed>(&stored).unwrap(), sealed);
    }

    #[test]
    fn what_names_no_key_is_under_the_first() {
        let sealed = key(7).seal("t1", b"card");
        let (_, digits) = String::from(sealed.clone()).split_once(':').map(|(_, d)| ((), d.to_owned())).unwrap();
        assert_eq!(Sealed::try_from(digits), Ok(sealed));
        for text in ["x:00", ":00", "1:0", "1:2:00", "-1:00"] {
            assert!(Sealed::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
