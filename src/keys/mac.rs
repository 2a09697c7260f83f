//! Message authentication codes between terminal and acquirer (ISO 8583:1987, data elements 64 and 128).

use std::fmt;

use ctutils::CtEq;
use serde::Deserialize;

use super::block_cipher::{AesKey, BlockCipher, TdesKey, xor};
use crate::terminal::Hex;

/// How the MAC of a message is computed. In configurations its name is in kebab-case: `retail-padding-1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MacAlgorithm {
    /// Retail MAC, the message filled with zeros, none where it has whole blocks of 8 bytes (ISO/IEC 9797-1, MAC
    /// algorithm 3 with DES, padding method 1; ANSI X9.19).
    #[serde(rename = "retail-padding-1")]
    RetailPadding1,
    /// Retail MAC, the message filled with `80` and then zeros, always at least the `80` (ISO/IEC 9797-1, MAC algorithm
    /// 3 with DES, padding method 2).
    #[serde(rename = "retail-padding-2")]
    RetailPadding2,
    /// AES-CMAC, the first 8 bytes of it (NIST SP 800-38B, RFC 4493).
    AesCmac,
    /// The ECB MAC of UnionPay's terminals: all blocks of 8 bytes added bit by bit, the last filled with zeros; of the
    /// sum as 16 hexadecimal digits the first 8 encrypted, the others added, the result encrypted again. The MAC is the
    /// first 8 hexadecimal digits of that, as characters: 32 bits of strength, for hosts that know nothing better.
    UnionPayEcb,
}

/// A key for MACs with the algorithm it is for. It is wiped when dropped and never printed.
///
/// A dialect says how, the configuration with which key. Both meet once, when this is made, so that a key of the wrong
/// length is found at load, and no message fails because of it:
///
/// ```
/// use tenderd::keys::{MacAlgorithm, MacKey};
///
/// let key = MacKey::new(MacAlgorithm::AesCmac, &[0x2B; 16])?;
/// let message = b"a message, from its type to the field before its MAC";
/// let field_64 = key.mac(message);                // 8 bytes
/// assert!(key.verify(message, &field_64));        // in constant time
/// assert!(key.verify(message, &field_64[..4]));   // of a host that sends the first half
/// # Ok::<(), tenderd::keys::MacKeyError>(())
/// ```
pub struct MacKey {
    algorithm: MacAlgorithm,
    key: Key,
}

enum Key {
    Tdes(TdesKey),
    Aes(AesKey),
}

/// A key that the algorithm can't be used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MacKeyError {
    /// Its length is another.
    #[error("a MAC key of {length} bytes; {algorithm} takes one of {}", algorithm.key_lengths())]
    Length {
        /// For what it should be.
        algorithm: MacAlgorithm,
        /// How many bytes it has.
        length: usize,
    },
    /// Both halves are the same, which makes a retail MAC one of single DES.
    #[error("a MAC key whose halves are the same is no stronger than one half; take one with two")]
    EqualHalves,
}

impl MacAlgorithm {
    /// The name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            MacAlgorithm::RetailPadding1 => "retail-padding-1",
            MacAlgorithm::RetailPadding2 => "retail-padding-2",
            MacAlgorithm::AesCmac => "aes-cmac",
            MacAlgorithm::UnionPayEcb => "union-pay-ecb",
        }
    }

    fn key_lengths(self) -> &'static str {
        match self {
            MacAlgorithm::RetailPadding1 | MacAlgorithm::RetailPadding2 => "16 bytes",
            MacAlgorithm::AesCmac => "16, 24 or 32 bytes",
            MacAlgorithm::UnionPayEcb => "8 or 16 bytes",
        }
    }
}

impl fmt::Display for MacAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl MacKey {
    /// How many bytes a MAC has: as many as fields 64 and 128.
    pub const MAC_LENGTH: usize = 8;
    /// How many bytes of a MAC there must be at least to tell anything: half of it (ANSI X9.19).
    pub const SHORTEST: usize = 4;

    /// A key for this algorithm, from its bytes in clear.
    ///
    /// # Errors
    /// See [`MacKeyError`].
    pub fn new(algorithm: MacAlgorithm, bytes: &[u8]) -> Result<Self, MacKeyError> {
        let key = match (algorithm, bytes.len()) {
            (MacAlgorithm::RetailPadding1 | MacAlgorithm::RetailPadding2, 16) => {
                if bool::from(bytes[..8].ct_eq(&bytes[8..])) {
                    return Err(MacKeyError::EqualHalves);
                }
                TdesKey::new(bytes).map(Key::Tdes)
            }
            (MacAlgorithm::UnionPayEcb, 8 | 16) => TdesKey::new(bytes).map(Key::Tdes),
            (MacAlgorithm::AesCmac, _) => AesKey::new(bytes).map(Key::Aes),
            _ => None,
        };
        match key {
            Some(key) => Ok(MacKey { algorithm, key }),
            None => Err(MacKeyError::Length { algorithm, length: bytes.len() }),
        }
    }

    /// The MAC of a message: what fields 64 or 128 hold. A host that wants only the first half fills the rest as its
    /// dialect says.
    pub fn mac(&self, message: &[u8]) -> [u8; Self::MAC_LENGTH] {
        match (&self.key, self.algorithm) {
            (Key::Aes(key), _) => {
                let whole = key.cmac(message);
                std::array::from_fn(|i| whole[i])
            }
            (Key::Tdes(key), MacAlgorithm::UnionPayEcb) => union_pay_ecb(key, message),
            (Key::Tdes(key), MacAlgorithm::RetailPadding2) => retail(key, &[message, &[0x80]].concat()),
            (Key::Tdes(key), _) => retail(key, message),
        }
    }

    /// Whether this is the MAC of the message, or the beginning of it of at least 4 bytes. How long that takes says
    /// nothing about where they differ.
    #[must_use]
    pub fn verify(&self, message: &[u8], mac: &[u8]) -> bool {
        let expected = self.mac(message);
        (Self::SHORTEST..=Self::MAC_LENGTH).contains(&mac.len()) && bool::from(expected[..mac.len()].ct_eq(mac))
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacKey({}, ..)", self.algorithm)
    }
}

/// The blocks of a message, the last filled with zeros.
fn blocks(message: &[u8]) -> impl Iterator<Item = [u8; 8]> {
    message.chunks(8).map(|chunk| std::array::from_fn(|i| chunk.get(i).copied().unwrap_or(0)))
}

/// CBC with the left half of the key, and the last block once more through the right half and the left.
fn retail(key: &TdesKey, message: &[u8]) -> [u8; 8] {
    let [left, right] = [&key.as_bytes()[..8], &key.as_bytes()[8..]]
        .map(|half| TdesKey::new(half).expect("a half of the key is a DES key"));
    let chained = blocks(message).fold([0; 8], |state, block| left.encrypt(xor(state, block)));
    left.encrypt(right.decrypt(chained))
}

fn union_pay_ecb(key: &TdesKey, message: &[u8]) -> [u8; 8] {
    let digits = |bytes: &[u8]| {
        let digits = Hex(bytes.to_vec()).to_string().into_bytes();
        std::array::from_fn(|i| digits[i])
    };
    let sum = blocks(message).fold([0; 8], xor);
    let encrypted = key.encrypt(xor(key.encrypt(digits(&sum[..4])), digits(&sum[4..])));
    digits(&encrypted[..4])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        hex.parse::<Hex>().unwrap().0
    }

    fn mac(algorithm: MacAlgorithm, key: &str, message: &[u8]) -> String {
        Hex(MacKey::new(algorithm, &bytes(key)).unwrap().mac(message).to_vec()).to_string()
    }

    #[test]
    fn cmac_is_that_of_the_standards() {
        // RFC 4493, 4, and NIST SP 800-38B, D.1 to D.3: no message, one block, two and a half, four.
        let message = bytes(
            "6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E51\
             30C81C46A35CE411E5FBC1191A0A52EFF69F2445DF4F9B17AD2B417BE66C3710",
        );
        for (key, macs) in [
            (
                "2B7E151628AED2A6ABF7158809CF4F3C",
                ["BB1D6929E9593728", "070A16B46B4D4144", "DFA66747DE9AE630", "51F0BEBF7E3B9D92"],
            ),
            (
                "8E73B0F7DA0E6452C810F32B809079E562F8EAD2522C6B7B",
                ["D17DDF46ADAACDE5", "9E99A7BF31E71090", "8A1DE5BE2EB31AAD", "A1D5DF0EED790F79"],
            ),
            (
                "603DEB1015CA71BE2B73AEF0857D77811F352C073B6108D72D9810A30914DFF4",
                ["028962F61B7BF89E", "28A7023F452E8F82", "AAF3D8F1DE5640C2", "E1992190549F6ED5"],
            ),
        ] {
            for (length, expected) in [0, 16, 40, 64].into_iter().zip(macs) {
                assert_eq!(mac(MacAlgorithm::AesCmac, key, &message[..length]), expected, "{length} bytes");
            }
        }
    }

    #[test]
    fn retail_macs_have_either_padding() {
        // knovichikhin/psec, tests/test_mac.py.
        let key = "41414141414141414242424242424242";
        assert_eq!(mac(MacAlgorithm::RetailPadding1, key, b"hello world"), "3DDE5C5511661CBF");
        assert_eq!(mac(MacAlgorithm::RetailPadding2, key, b"hello world"), "E16941032C3BC7D4");
        // Whole blocks are not filled with zeros, but get a block of their own for the mark.
        let whole = b"hello wo";
        assert_eq!(
            mac(MacAlgorithm::RetailPadding2, key, whole),
            mac(MacAlgorithm::RetailPadding1, key, b"hello wo\x80")
        );
        assert_ne!(mac(MacAlgorithm::RetailPadding1, key, whole), mac(MacAlgorithm::RetailPadding2, key, whole));
    }

    #[test]
    fn a_union_pay_terminal_would_send_the_same() {
        // q.cnblogs.com/q/128930: a message with its MAC as a terminal sent them.
        let message = bytes(
            "0200302004 8000C08015 0000000000 0000123400 0002030099 3030303030 3030313935 3237313831 3832323137 3837353135\
             3600192600 0001000600 0000000043 5F01123238 3434313233 3435363738 3930313233 345F030631 3630303336 5F04063230\
             303832365C 023031"
                .replace(' ', "")
                .as_str(),
        );
        let mac = |key| MacKey::new(MacAlgorithm::UnionPayEcb, &bytes(key)).unwrap().mac(&message);
        assert_eq!(&mac("0723C80DB5F4CD3D"), b"B3A092AE");
        assert_eq!(&mac("0723C80DB5F4CD3D0723C80DB5F4CD3D"), b"B3A092AE");
    }

    #[test]
    fn a_mac_or_its_first_half_is_verified_and_nothing_shorter() {
        let key = MacKey::new(MacAlgorithm::AesCmac, &[1; 16]).unwrap();
        let mac = key.mac(b"message");
        assert!(key.verify(b"message", &mac) && key.verify(b"message", &mac[..4]));
        assert!(!key.verify(b"massage", &mac));
        assert!(!key.verify(b"message", &mac[..3]) && !key.verify(b"message", &[]));
        assert!(!key.verify(b"message", &[&mac[..], &[0]].concat()));
        for bit in 0..64 {
            let mut changed = mac;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.verify(b"message", &changed), "bit {bit}");
        }
    }

    #[test]
    fn a_key_that_the_algorithm_can_not_use_is_refused() {
        let refused = |algorithm, key: &[u8]| MacKey::new(algorithm, key).unwrap_err();
        for algorithm in [MacAlgorithm::RetailPadding1, MacAlgorithm::RetailPadding2] {
            assert_eq!(refused(algorithm, &[1; 8]), MacKeyError::Length { algorithm, length: 8 });
            assert_eq!(refused(algorithm, &[1; 24]), MacKeyError::Length { algorithm, length: 24 });
            assert_eq!(refused(algorithm, &[1; 16]), MacKeyError::EqualHalves);
        }
        assert_eq!(
            refused(MacAlgorithm::AesCmac, &[1; 17]).to_string(),
            "a MAC key of 17 bytes; aes-cmac takes one of 16, 24 or 32 bytes"
        );
        assert!(matches!(refused(MacAlgorithm::UnionPayEcb, &[1; 24]), MacKeyError::Length { length: 24, .. }));
    }

    #[test]
    fn a_dialect_names_the_algorithm_and_the_key_is_not_printed() {
        #[derive(Deserialize)]
        struct Dialect {
            mac: MacAlgorithm,
        }
        for algorithm in [
            MacAlgorithm::RetailPadding1,
            MacAlgorithm::RetailPadding2,
            MacAlgorithm::AesCmac,
            MacAlgorithm::UnionPayEcb,
        ] {
            let dialect: Dialect = toml::from_str(&format!("mac = '{algorithm}'")).unwrap();
            assert_eq!(dialect.mac, algorithm);
        }
        let key = MacKey::new(MacAlgorithm::AesCmac, &[0xAB; 16]).unwrap();
        assert_eq!(format!("{key:?}"), "MacKey(aes-cmac, ..)");
    }
}
