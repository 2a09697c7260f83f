//! The MACs of messages between a terminal and its host.

use aes::Aes128;
use cipher::{Array, BlockCipherEncrypt, KeyInit};
use zeroize::Zeroizing;

use super::{BaseDerivationKey, Key, Padding};

/// How a message's MAC is computed, and with which key. The key is wiped when dropped and never printed.
#[derive(Clone)]
pub enum MessageMac {
    /// Retail MAC (ISO/IEC 9797-1, MAC algorithm 3 with DES).
    Retail(Key, Padding),
    /// The ECB MAC of UnionPay's terminals with a key of one part: the first half of this one.
    UnionPayEcb(Key),
    /// AES-CMAC with a key of 16 bytes, the first 8 bytes of it (RFC 4493).
    AesCmac(Zeroizing<[u8; 16]>),
}

impl MessageMac {
    /// The names of the algorithms.
    pub const NAMES: [&str; 4] = ["retail-padding-1", "retail-padding-2", "aes-cmac", "union-pay-ecb"];

    /// The algorithm with this name, and its key; nothing where there is none.
    pub fn named(name: &str, key: [u8; 16]) -> Option<Self> {
        match name {
            "retail-padding-1" => Some(Self::Retail(Key::from_bytes(key), Padding::Zeros)),
            "retail-padding-2" => Some(Self::Retail(Key::from_bytes(key), Padding::Marked)),
            "aes-cmac" => Some(Self::AesCmac(Zeroizing::new(key))),
            "union-pay-ecb" => {
                let [half, _] = [&key[..8], &key[8..]];
                Some(Self::UnionPayEcb(Key::from_bytes(std::array::from_fn(|index| half[index % 8]))))
            }
            _ => None,
        }
    }

    /// The base derivation key of the scheme that goes with an algorithm: AES for CMAC, triple DES for retail MACs.
    pub fn base_derivation_key(name: &str, key: [u8; 16]) -> Option<BaseDerivationKey> {
        match name {
            "retail-padding-1" | "retail-padding-2" => Some(BaseDerivationKey::Tdes(Zeroizing::new(key))),
            "aes-cmac" => Some(BaseDerivationKey::Aes(Zeroizing::new(key))),
            _ => None,
        }
    }

    /// The MAC of a message.
    pub fn of(&self, message: &[u8]) -> [u8; 8] {
        match self {
            Self::Retail(key, padding) => key.mac(message, *padding),
            Self::UnionPayEcb(key) => union_pay_ecb(key, message),
            Self::AesCmac(key) => {
                let whole = cmac(key, message);
                std::array::from_fn(|index| whole[index])
            }
        }
    }
}

impl core::fmt::Debug for MessageMac {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("MessageMac(..)")
    }
}

/// All blocks added bit by bit, the sum in hexadecimal digits; the first eight of them enciphered, the others added, the
/// whole enciphered again: the first eight digits of that.
fn union_pay_ecb(key: &Key, message: &[u8]) -> [u8; 8] {
    let mut sum = [0u8; 8];
    for (index, byte) in message.iter().enumerate() {
        sum[index % 8] ^= byte;
    }
    let digits: String = sum.iter().map(|byte| format!("{byte:02X}")).collect();
    let (first, second) = digits.as_bytes().split_at(8);
    let first = key.encrypt(std::array::from_fn(|index| first[index]));
    let both = key.encrypt(std::array::from_fn(|index| first[index] ^ second[index]));
    let digits: String = both.iter().take(4).map(|byte| format!("{byte:02X}")).collect();
    std::array::from_fn(|index| digits.as_bytes()[index])
}

/// RFC 4493, 2.4.
fn cmac(key: &[u8; 16], message: &[u8]) -> [u8; 16] {
    let cipher = Aes128::new(&Array(*key));
    let encrypt = |block: u128| {
        let mut block = Array(block.to_be_bytes());
        cipher.encrypt_block(&mut block);
        u128::from_be_bytes(block.0)
    };
    let doubled = |block: u128| block << 1 ^ if block >> 127 == 1 { 0x87 } else { 0 };
    let whole_mask = doubled(encrypt(0));
    let (whole, rest) = message.split_at(message.len().saturating_sub(1) / 16 * 16);
    let block = |bytes: &[u8]| bytes.iter().fold(0, |block: u128, byte| block << 8 | u128::from(*byte));
    let chained = whole.chunks(16).fold(0, |state, bytes| encrypt(state ^ block(bytes)));
    let last = match rest.len() {
        16 => block(rest) ^ whole_mask,
        // A mark and zeros fill it.
        _ => {
            let mut filled = [rest, &[0x80]].concat();
            filled.resize(16, 0);
            block(&filled) ^ doubled(whole_mask)
        }
    };
    encrypt(chained ^ last).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    #[test]
    fn cmac_is_that_of_the_standard() {
        // RFC 4493, 4.
        let key = hex::decode("2B7E151628AED2A6ABF7158809CF4F3C").unwrap().try_into().unwrap();
        let message =
            hex::decode("6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E5130C81C46A35CE411").unwrap();
        let mac = MessageMac::named("aes-cmac", key).unwrap();
        for (length, expected) in [(0, "BB1D6929E9593728"), (16, "070A16B46B4D4144"), (40, "DFA66747DE9AE630")] {
            assert_eq!(mac.of(&message[..length]).to_vec(), hex::decode(expected).unwrap(), "{length} bytes");
        }
    }

    #[test]
    fn each_name_has_an_algorithm_and_no_key_is_printed() {
        for name in MessageMac::NAMES {
            assert_eq!(format!("{:?}", MessageMac::named(name, [7; 16])), "Some(MessageMac(..))", "{name}");
        }
        assert!(MessageMac::named("md5", [7; 16]).is_none());
    }
}
