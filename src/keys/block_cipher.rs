//! The two block ciphers of payments, their chained mode and the MAC made with them: AES (FIPS 197), triple DES (NIST
//! SP 800-67), CBC (NIST SP 800-38A), CMAC (NIST SP 800-38B).

use std::fmt;

use aes::{Aes128, Aes192, Aes256};
use cmac::block_api::CmacCipher;
use cmac::{Cmac, Mac};
use des::TdesEde3;
use des::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use zeroize::Zeroizing;

/// An AES key: 16, 24 or 32 bytes. It is wiped when dropped and never printed.
pub(super) struct AesKey(Zeroizing<Vec<u8>>);

/// A triple DES key of one, two or three parts: 8 (which is single DES), 16 or 24 bytes, parity bits as they are. It is
/// wiped when dropped and never printed.
pub(super) struct TdesKey(Zeroizing<Vec<u8>>);

/// A key of a block cipher with blocks of `N` bytes.
pub(super) trait BlockCipher<const N: usize> {
    /// Encrypts one block.
    fn encrypt(&self, block: [u8; N]) -> [u8; N];

    /// Decrypts one block.
    fn decrypt(&self, block: [u8; N]) -> [u8; N];

    /// CMAC of a message, untruncated.
    fn cmac(&self, message: &[u8]) -> [u8; N];

    /// Encrypts whole blocks, each chained to the one before; `data` must be whole blocks.
    fn encrypt_cbc(&self, initial: [u8; N], data: &mut [u8]) {
        let mut previous = initial;
        for block in data.as_chunks_mut::<N>().0 {
            *block = self.encrypt(xor(*block, previous));
            previous = *block;
        }
    }

    /// Decrypts what [`BlockCipher::encrypt_cbc`] encrypted.
    fn decrypt_cbc(&self, initial: [u8; N], data: &mut [u8]) {
        let mut previous = initial;
        for block in data.as_chunks_mut::<N>().0 {
            let encrypted = *block;
            *block = xor(self.decrypt(encrypted), previous);
            previous = encrypted;
        }
    }
}

/// Two blocks, added bit by bit.
pub(super) fn xor<const N: usize>(a: [u8; N], b: [u8; N]) -> [u8; N] {
    std::array::from_fn(|i| a[i] ^ b[i])
}

impl AesKey {
    /// The key with these bytes; nothing where an AES key has another length.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        matches!(bytes.len(), 16 | 24 | 32).then(|| AesKey(Zeroizing::new(bytes.to_vec())))
    }

    /// Its bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TdesKey {
    /// The key with these bytes; nothing where a triple DES key has another length.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        matches!(bytes.len(), 8 | 16 | 24).then(|| TdesKey(Zeroizing::new(bytes.to_vec())))
    }

    /// Its bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// All three parts: a missing third one is the first; a missing second one too, which makes it single DES.
    fn parts(&self) -> Zeroizing<[u8; 24]> {
        Zeroizing::new(std::array::from_fn(|i| self.0[i % self.0.len()]))
    }
}

impl BlockCipher<16> for AesKey {
    fn encrypt(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = Array(block);
        match self.0.len() {
            16 => keyed::<Aes128>(&self.0).encrypt_block(&mut block),
            24 => keyed::<Aes192>(&self.0).encrypt_block(&mut block),
            _ => keyed::<Aes256>(&self.0).encrypt_block(&mut block),
        }
        block.0
    }

    fn decrypt(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = Array(block);
        match self.0.len() {
            16 => keyed::<Aes128>(&self.0).decrypt_block(&mut block),
            24 => keyed::<Aes192>(&self.0).decrypt_block(&mut block),
            _ => keyed::<Aes256>(&self.0).decrypt_block(&mut block),
        }
        block.0
    }

    fn cmac(&self, message: &[u8]) -> [u8; 16] {
        match self.0.len() {
            16 => cmac_of(keyed::<Cmac<Aes128>>(&self.0), message).0,
            24 => cmac_of(keyed::<Cmac<Aes192>>(&self.0), message).0,
            _ => cmac_of(keyed::<Cmac<Aes256>>(&self.0), message).0,
        }
    }
}

impl BlockCipher<8> for TdesKey {
    fn encrypt(&self, block: [u8; 8]) -> [u8; 8] {
        let mut block = Array(block);
        keyed::<TdesEde3>(&*self.parts()).encrypt_block(&mut block);
        block.0
    }

    fn decrypt(&self, block: [u8; 8]) -> [u8; 8] {
        let mut block = Array(block);
        keyed::<TdesEde3>(&*self.parts()).decrypt_block(&mut block);
        block.0
    }

    fn cmac(&self, message: &[u8]) -> [u8; 8] {
        cmac_of(keyed::<Cmac<TdesEde3>>(&*self.parts()), message).0
    }
}

fn keyed<C: KeyInit>(key: &[u8]) -> C {
    C::new_from_slice(key).expect("the length was checked when the key was made")
}

fn cmac_of<C: CmacCipher>(mut mac: Cmac<C>, message: &[u8]) -> Array<u8, C::BlockSize> {
    mac.update(message);
    mac.finalize().into_bytes()
}

impl fmt::Debug for AesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AesKey({} bits)", 8 * self.0.len())
    }
}

impl fmt::Debug for TdesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TdesKey({} bytes)", self.0.len())
    }
}
