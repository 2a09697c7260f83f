//! Two-key triple DES and the MAC made with it (EMV Book 2, Annex A1.2.1 and B1.1).

use cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use des::{Des, TdesEde2};
use zeroize::Zeroize;

/// A two-key triple DES key, 16 bytes. It is wiped when dropped and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 16]);

/// How a message is filled to whole blocks of 8 bytes before its MAC is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Zeros, none where the message has whole blocks (ISO/IEC 9797-1, padding method 1).
    Zeros,
    /// `80` and then zeros, always at least the `80` (ISO/IEC 9797-1, padding method 2).
    Marked,
}

impl Key {
    /// The key with these bytes, parity bits as they are.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Key(bytes)
    }

    /// The key made of two encrypted halves, each byte set to odd parity.
    pub(super) fn from_halves(left: [u8; 8], right: [u8; 8]) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&left);
        bytes[8..].copy_from_slice(&right);
        Key(bytes.map(|byte| byte & 0xFE | u8::from((byte >> 1).count_ones() % 2 == 0)))
    }

    /// The key whose left half ends in this number, and whose right half in its complement, each added bit by bit:
    /// how Visa makes a transaction's key for secure messaging.
    pub(super) fn combined_with(&self, number: [u8; 2]) -> Self {
        let mut halves = [[0; 8]; 2];
        for (half, (key, mask)) in halves.iter_mut().zip(self.0.chunks(8).zip([0x00, 0xFF])) {
            half.copy_from_slice(key);
            half[6] ^= number[0] ^ mask;
            half[7] ^= number[1] ^ mask;
        }
        Self::from_halves(halves[0], halves[1])
    }

    /// Encrypts one block: left half, right half in reverse, left half.
    pub fn encrypt(&self, block: [u8; 8]) -> [u8; 8] {
        let mut block = Array(block);
        TdesEde2::new(&Array(self.0)).encrypt_block(&mut block);
        block.0
    }

    /// Decrypts one block.
    pub(super) fn decrypt(&self, block: [u8; 8]) -> [u8; 8] {
        let mut block = Array(block);
        TdesEde2::new(&Array(self.0)).decrypt_block(&mut block);
        block.0
    }

    /// The MAC of a message, 8 bytes (ISO/IEC 9797-1, MAC algorithm 3 with DES): CBC with the left
    /// half of the key, and the last block once more through the right half and the left.
    pub fn mac(&self, message: &[u8], padding: Padding) -> [u8; 8] {
        let mut message = message.to_vec();
        if padding == Padding::Marked {
            message.push(0x80);
        }
        message.resize(message.len().next_multiple_of(8), 0x00);

        let [left, right] = [&self.0[..8], &self.0[8..]]
            .map(|half| Des::new_from_slice(half).expect("a half of the key has the 8 bytes of a DES key"));
        let mut state = Array([0; 8]);
        for block in message.chunks(8) {
            state.iter_mut().zip(block).for_each(|(state, byte)| *state ^= byte);
            left.encrypt_block(&mut state);
        }
        right.decrypt_block(&mut state);
        left.encrypt_block(&mut state);
        state.0
    }
}

impl TryFrom<Vec<u8>> for Key {
    type Error = Vec<u8>;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Self::Error> {
        bytes.try_into().map(Key)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl core::fmt::Debug for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    #[test]
    fn a_mac_with_each_padding() {
        // knovichikhin/pyemv, tests/test_ac_hsm.py: session key of PAN 9901234567890123, sequence 45.
        let master = super::super::icc_master_key_a(&test_key(), "9901234567890123", 45);
        let session = super::super::common_session_key(&master, *b"\x12\x34\x56\x78\x90\x12\x34\x56");
        let blocks = hex::decode("0123456789ABCDEF0123456789ABCDEF").unwrap();
        assert_eq!(session.mac(&blocks, Padding::Marked).to_vec(), hex::decode("4B46013359B7A58B").unwrap());
        let ragged = [&blocks[..], &[0x01]].concat();
        assert_eq!(session.mac(&ragged, Padding::Zeros).to_vec(), hex::decode("2E141C6BC4A20DA8").unwrap());
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", test_key()), "Key(..)");
    }

    fn test_key() -> Key {
        Key::try_from(hex::decode("0123456789ABCDEFFEDCBA9876543210").unwrap()).unwrap()
    }
}
