//! The host's side of DUKPT: from a base derivation key, and the key serial number that came with a message, to the
//! message's keys (ANSI X9.24-3:2017 for AES-128, X9.24-1:2009 for triple DES).

use aes::Aes128;
use cipher::{Array, BlockCipherEncrypt, KeyInit};
use des::Des;
use zeroize::Zeroizing;

use super::Key;

/// A key of 16 bytes, of AES or triple DES. It is wiped when dropped.
type Bytes = Zeroizing<[u8; 16]>;

/// A base derivation key. It is wiped when dropped and never printed.
pub enum BaseDerivationKey {
    /// AES-128; its key serial numbers have 12 bytes.
    Aes(Bytes),
    /// Triple DES; its key serial numbers have 10 bytes.
    Tdes(Bytes),
}

/// For what a key is, seen from the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// The PIN block.
    PinBlock,
    /// The MAC of the request.
    RequestMac,
    /// The MAC of the answer.
    AnswerMac,
    /// The data of the request.
    RequestData,
}

impl BaseDerivationKey {
    /// The key for this usage, of the message with this key serial number; nothing where the number has a wrong length.
    pub fn key(&self, serial_number: &[u8], usage: Usage) -> Option<Bytes> {
        match self {
            BaseDerivationKey::Aes(base) => Some(aes_key(base, serial_number.try_into().ok()?, usage)),
            BaseDerivationKey::Tdes(base) => Some(tdes_key(base, serial_number.try_into().ok()?, usage)),
        }
    }
}

impl core::fmt::Debug for BaseDerivationKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("BaseDerivationKey(..)")
    }
}

/// The counters on the way to this one: its highest bit, its two highest, and so on.
fn way_to(counter: u32) -> impl Iterator<Item = u32> {
    (0..32).rev().filter(move |bit| counter >> bit & 1 == 1).map(move |bit| counter >> bit << bit)
}

fn aes_key(base: &Bytes, serial_number: [u8; 12], usage: Usage) -> Bytes {
    let [id @ .., _, _, _, _] = serial_number;
    let [.., a, b, c, d] = serial_number;
    let counter = u32::from_be_bytes([a, b, c, d]);
    let at = |counter: u32| {
        let mut place = id;
        place.rotate_left(4);
        place[4..].copy_from_slice(&counter.to_be_bytes());
        place
    };
    let initial = aes_step(base, 0x8001, id);
    let transaction = way_to(counter).fold(initial, |key, counter| aes_step(&key, 0x8000, at(counter)));
    let code = match usage {
        Usage::PinBlock => 0x1000,
        Usage::RequestMac => 0x2000,
        Usage::AnswerMac => 0x2001,
        Usage::RequestData => 0x3000,
    };
    aes_step(&transaction, code, at(counter))
}

/// One derivation: version 1, first block, key usage, AES-128, 128 bits, and what the key is for (X9.24-3, 6.3.2).
fn aes_step(key: &Bytes, usage: u16, place: [u8; 8]) -> Bytes {
    let [high, low] = usage.to_be_bytes();
    let [a, b, c, d, e, f, g, h] = place;
    let mut block = Array([1, 1, high, low, 0, 2, 0, 128, a, b, c, d, e, f, g, h]);
    Aes128::new(&Array(**key)).encrypt_block(&mut block);
    Zeroizing::new(block.0)
}

/// The bits of a key serial number's last 8 bytes that count.
const COUNTER: u64 = 0x1F_FFFF;

fn tdes_key(base: &Bytes, serial_number: [u8; 10], usage: Usage) -> Bytes {
    let [leading @ .., _, _] = serial_number;
    let [_, _, register @ ..] = serial_number;
    let register = u64::from_be_bytes(register);
    let leading = (u64::from_be_bytes(leading) & !(COUNTER >> 16)).to_be_bytes();
    let initial = joined(tdes(base).encrypt(leading), tdes(&second_half(base)).encrypt(leading));
    let transaction = way_to((register & COUNTER) as u32)
        .fold(initial, |key, counter| tdes_step(&key, (register & !COUNTER | u64::from(counter)).to_be_bytes()));
    let variant = match usage {
        Usage::PinBlock => 7,
        Usage::RequestMac => 6,
        Usage::AnswerMac => 4,
        Usage::RequestData => 5,
    };
    let key = Zeroizing::new(std::array::from_fn(|i| transaction[i] ^ if i % 8 == variant { 0xFF } else { 0 }));
    match usage {
        Usage::RequestData => joined(tdes(&key).encrypt(half(&key, 0)), tdes(&key).encrypt(half(&key, 8))),
        _ => key,
    }
}

/// One derivation: each half by single DES under a left half, between two additions of the right (X9.24-1, A.2).
fn tdes_step(key: &Bytes, register: [u8; 8]) -> Bytes {
    let derived = |key: &Bytes| {
        let (left, right) = (half(key, 0), half(key, 8));
        let mut block = Array(std::array::from_fn(|i| register[i] ^ right[i]));
        Des::new(&Array(left)).encrypt_block(&mut block);
        std::array::from_fn(|i| block[i] ^ right[i])
    };
    joined(derived(&second_half(key)), derived(key))
}

/// The variant of a key by which the other half of a derived key is made.
fn second_half(key: &Bytes) -> Bytes {
    Zeroizing::new(std::array::from_fn(|i| key[i] ^ if i % 8 < 4 { 0xC0 } else { 0 }))
}

fn tdes(key: &Bytes) -> Key {
    Key::from_bytes(**key)
}

fn half(key: &Bytes, from: usize) -> [u8; 8] {
    std::array::from_fn(|i| key[from + i])
}

fn joined(left: [u8; 8], right: [u8; 8]) -> Bytes {
    Zeroizing::new(std::array::from_fn(|i| if i < 8 { left[i] } else { right[i - 8] }))
}

#[cfg(test)]
mod tests {
    use super::super::Padding;
    use super::*;
    use crate::hex;

    fn decode(digits: &str) -> Vec<u8> {
        hex::decode(digits).unwrap()
    }

    fn bytes(digits: &str) -> Bytes {
        Zeroizing::new(decode(digits).try_into().unwrap())
    }

    #[test]
    fn keys_of_aes_are_those_published() {
        // ANSI X9.24-3:2017, supplement; openemv/dukpt, test/dukpt_aes128_test.c.
        let base = BaseDerivationKey::Aes(bytes("FEDCBA9876543210F1F1F1F1F1F1F1F1"));
        for (serial_number, usage, expected) in [
            ("123456789012345600000001", Usage::PinBlock, "AF8CB133A78F8DC2D1359F18527593FB"),
            ("123456789012345600000001", Usage::RequestMac, "A2DC23DE6FDE0824A2BC321E08E4B8B7"),
            ("123456789012345600000001", Usage::RequestData, "A35C412EFD41FDB98B69797C02DCD08F"),
            ("123456789012345600000007", Usage::PinBlock, "6ECF912F3B18CA11A7A27BB60705FD09"),
            ("123456789012345600000008", Usage::RequestMac, "6FD572E5D59E618875F193484F9178FB"),
        ] {
            let key = base.key(&decode(serial_number), usage).unwrap();
            assert_eq!(key.to_vec(), decode(expected), "{usage:?} of {serial_number}");
        }
        assert!(base.key(&[0; 10], Usage::PinBlock).is_none());
    }

    #[test]
    fn macs_of_tdes_are_those_published() {
        // ANSI X9.24-1:2009, A.4; openemv/dukpt, test/dukpt_tdes_test.c.
        let base = BaseDerivationKey::Tdes(bytes("0123456789ABCDEFFEDCBA9876543210"));
        for (serial_number, request, answer) in [
            ("FFFF9876543210E00001", "9CCC7817", "20364223"),
            ("FFFF9876543210E00007", "B11EB0D9", "053EFD39"),
            ("FFFF9876543210EFF800", "23E3CB62", "5776C376"),
            ("FFFF9876543210F00000", "7DFA9315", "1444BEC3"),
        ] {
            let mac = |usage| {
                let key = base.key(&decode(serial_number), usage).unwrap();
                tdes(&key).mac(b"4012345678909D987", Padding::Zeros)[..4].to_vec()
            };
            assert_eq!([mac(Usage::RequestMac), mac(Usage::AnswerMac)], [decode(request), decode(answer)]);
        }
        assert!(base.key(&[0; 12], Usage::PinBlock).is_none());
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", BaseDerivationKey::Aes(bytes(&"AB".repeat(16)))), "BaseDerivationKey(..)");
    }
}
