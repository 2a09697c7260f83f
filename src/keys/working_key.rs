//! Working keys: those that a host hands out at sign-on, enciphered under the terminal's master key.

use std::fmt;

use ctutils::CtEq;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::block_cipher::{AesKey, BlockCipher, TdesKey};
use super::key_block::{KeyBlockError, KeyPurpose, open_key_block};
use super::mac::{MacAlgorithm, MacKey, MacKeyError};
use crate::terminal::Hex;

/// How working keys are enciphered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyForm {
    /// Triple DES, each block of 8 bytes for itself (ECB), as terminals' hosts commonly have it.
    TdesEcb,
    /// Key blocks, one after the other (ANSI X9.143).
    KeyBlock,
}

/// For what a working key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkingKeyUse {
    /// PIN blocks.
    Pin,
    /// MACs of messages.
    Mac,
    /// Track data.
    Track,
}

impl WorkingKeyUse {
    fn purpose(self, algorithm: MacAlgorithm) -> KeyPurpose {
        match self {
            Self::Pin => KeyPurpose::PinEncryption,
            Self::Mac => KeyPurpose::Mac(algorithm),
            Self::Track => KeyPurpose::DataEncryption,
        }
    }
}

impl fmt::Display for WorkingKeyUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pin => "PIN",
            Self::Mac => "MAC",
            Self::Track => "track",
        })
    }
}

/// Where a working key stands among the others: in the order of a list of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkingKeyPlace {
    /// For what it is.
    pub key: WorkingKeyUse,
    /// How many bytes it has; not looked at where key blocks say it themselves.
    #[serde(default)]
    pub length: usize,
    /// How many bytes follow it that say nothing.
    #[serde(default)]
    pub padding: usize,
    /// How many bytes of its check value follow: the beginning of eight zero bytes, enciphered with the key.
    #[serde(default)]
    pub check_value: usize,
}

/// The terminal's master key, under which the host enciphers the working keys. It is wiped when dropped and never
/// printed.
pub struct MasterKey {
    form: KeyForm,
    key: Zeroizing<Vec<u8>>,
}

/// A key that can be no master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// Its length is another.
    #[error("a master key of {length} bytes; {expected} are needed")]
    Length {
        /// How many it may have.
        expected: &'static str,
        /// How many it has.
        length: usize,
    },
    /// Both halves are the same, which makes it one of single DES.
    #[error("a master key whose halves are the same is no stronger than one half; take one with two")]
    EqualHalves,
}

/// Why what the host sent gives no working keys. Nothing of it is used then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkingKeysError {
    /// It has another length than the dialect says.
    #[error("{found} bytes of keys, where the dialect has {expected}")]
    Length {
        /// What the dialect has.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// It is text, and no hexadecimal digits.
    #[error("the keys are no hexadecimal digits")]
    Digits,
    /// A key is not the one that was enciphered: the master keys differ, or it was changed.
    #[error("the check value of the {0} key is wrong: the host enciphers it under another master key")]
    CheckValue(WorkingKeyUse),
    /// A key block gives no key.
    #[error("{key} key: {source}")]
    KeyBlock {
        /// For what it is.
        key: WorkingKeyUse,
        /// What is wrong.
        source: KeyBlockError,
    },
    /// No MAC can be made with it.
    #[error(transparent)]
    Mac(#[from] MacKeyError),
}

impl MasterKey {
    /// A master key for working keys of this form, from its bytes in clear.
    ///
    /// # Errors
    /// See [`MasterKeyError`].
    pub fn new(form: KeyForm, bytes: &[u8]) -> Result<Self, MasterKeyError> {
        let length = bytes.len();
        let (is_right, expected) = match form {
            KeyForm::TdesEcb => (matches!(length, 16 | 24), "16 or 24"),
            KeyForm::KeyBlock => (matches!(length, 16 | 24 | 32), "16, 24 or 32"),
        };
        if !is_right {
            return Err(MasterKeyError::Length { expected, length });
        }
        if form == KeyForm::TdesEcb && bool::from(bytes[..8].ct_eq(&bytes[8..16])) {
            return Err(MasterKeyError::EqualHalves);
        }
        Ok(Self { form, key: Zeroizing::new(bytes.to_vec()) })
    }

    /// The key for MACs out of what the host sent, once every check value is right: a wrong one says that the host has
    /// another master key. The other keys are checked and let go, since nothing here takes a PIN or enciphers a track.
    ///
    /// # Errors
    /// See [`WorkingKeysError`].
    pub fn open(
        &self,
        sent: &[u8],
        places: &[WorkingKeyPlace],
        algorithm: MacAlgorithm,
    ) -> Result<MacKey, WorkingKeysError> {
        let keys = match self.form {
            KeyForm::TdesEcb => self.decipher(sent, places)?,
            KeyForm::KeyBlock => self.unwrap(sent, places, algorithm)?,
        };
        let key = keys.iter().find(|(key, _)| *key == WorkingKeyUse::Mac);
        let (_, key) = key.ok_or(MacKeyError::Length { algorithm, length: 0 })?;
        Ok(MacKey::new(algorithm, key)?)
    }

    fn decipher(&self, sent: &[u8], places: &[WorkingKeyPlace]) -> Result<Vec<OpenKey>, WorkingKeysError> {
        let expected = places.iter().map(|place| place.length + place.padding + place.check_value).sum();
        if sent.len() != expected {
            return Err(WorkingKeysError::Length { expected, found: sent.len() });
        }
        let master = TdesKey::new(&self.key).expect("the length was checked when the key was made");
        let mut rest = sent;
        let mut take = |length| {
            let (taken, left) = rest.split_at(length);
            rest = left;
            taken
        };
        let open = |place: &WorkingKeyPlace| {
            let mut key = Zeroizing::new(take(place.length).to_vec());
            take(place.padding);
            let check_value = take(place.check_value);
            for block in key.as_chunks_mut::<8>().0 {
                *block = master.decrypt(*block);
            }
            let is_right = TdesKey::new(&key).is_some_and(|key| {
                let zeros = key.encrypt([0; 8]);
                bool::from(zeros[..check_value.len().min(8)].ct_eq(check_value))
            });
            if is_right { Ok((place.key, key)) } else { Err(WorkingKeysError::CheckValue(place.key)) }
        };
        places.iter().map(open).collect()
    }

    fn unwrap(
        &self,
        sent: &[u8],
        places: &[WorkingKeyPlace],
        algorithm: MacAlgorithm,
    ) -> Result<Vec<OpenKey>, WorkingKeysError> {
        let mut rest = std::str::from_utf8(sent).unwrap_or_default();
        let mut keys = Vec::new();
        for place in places {
            // The second to the fifth character of a key block say how long it is.
            let length = rest.get(1..5).and_then(|digits| digits.parse().ok()).unwrap_or(rest.len());
            let (block, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            let key = open_key_block(block, &self.key, place.key.purpose(algorithm))
                .map_err(|source| WorkingKeysError::KeyBlock { key: place.key, source })?;
            keys.push((place.key, key));
            rest = after;
        }
        match rest.len() {
            0 => Ok(keys),
            left => Err(WorkingKeysError::Length { expected: sent.len() - left, found: sent.len() }),
        }
    }
}

/// A working key in clear, and its use.
type OpenKey = (WorkingKeyUse, Zeroizing<Vec<u8>>);

impl WorkingKeysError {
    /// The bytes that the digits of a field of text stand for.
    ///
    /// # Errors
    /// If they are no digits.
    pub fn from_digits(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Self> {
        let hex = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse::<Hex>().ok());
        hex.map(|hex| Zeroizing::new(hex.0)).ok_or(Self::Digits)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({:?}, ..)", self.form)
    }
}

/// Whether a MAC key of this length is one for this algorithm.
pub(crate) fn is_mac_key_length(algorithm: MacAlgorithm, length: usize) -> bool {
    match algorithm {
        MacAlgorithm::AesCmac => AesKey::new(&vec![0; length]).is_some(),
        MacAlgorithm::UnionPayEcb => matches!(length, 8 | 16),
        MacAlgorithm::RetailPadding1 | MacAlgorithm::RetailPadding2 => length == 16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "0123456789ABCDEFFEDCBA9876543210";
    const PIN: &str = "1111222233334444555566667777888A";
    const MAC: &str = "A1B2C3D4E5F60718";

    fn bytes(hex: &str) -> Vec<u8> {
        hex.parse::<Hex>().unwrap().0
    }

    fn enciphered(key: &[u8]) -> Vec<u8> {
        let master = TdesKey::new(&bytes(MASTER)).unwrap();
        key.as_chunks::<8>().0.iter().flat_map(|block| master.encrypt(*block)).collect()
    }

    fn check_value(key: &[u8]) -> Vec<u8> {
        TdesKey::new(key).unwrap().encrypt([0; 8])[..4].to_vec()
    }

    /// A PIN key of 16 bytes and a MAC key of 8 with as many zeros, each with 4 bytes of its check value.
    fn sent() -> Vec<u8> {
        let (pin, mac) = (bytes(PIN), bytes(MAC));
        [enciphered(&pin), check_value(&pin), enciphered(&mac), vec![0; 8], check_value(&mac)].concat()
    }

    fn places() -> [WorkingKeyPlace; 2] {
        [
            WorkingKeyPlace { key: WorkingKeyUse::Pin, length: 16, padding: 0, check_value: 4 },
            WorkingKeyPlace { key: WorkingKeyUse::Mac, length: 8, padding: 8, check_value: 4 },
        ]
    }

    #[test]
    fn the_key_for_macs_is_the_one_that_the_host_enciphered() {
        let master = MasterKey::new(KeyForm::TdesEcb, &bytes(MASTER)).unwrap();
        let opened = master.open(&sent(), &places(), MacAlgorithm::UnionPayEcb).unwrap();
        let expected = MacKey::new(MacAlgorithm::UnionPayEcb, &bytes(MAC)).unwrap();
        assert_eq!(opened.mac(b"message"), expected.mac(b"message"));
    }

    #[test]
    fn no_key_comes_out_of_what_was_changed_or_is_of_another_length() {
        let master = MasterKey::new(KeyForm::TdesEcb, &bytes(MASTER)).unwrap();
        let open = |sent: &[u8]| master.open(sent, &places(), MacAlgorithm::UnionPayEcb).map(drop);
        for index in (0..28).chain(36..40) {
            let mut changed = sent();
            changed[index] ^= 0x10;
            let key = if index < 20 { WorkingKeyUse::Pin } else { WorkingKeyUse::Mac };
            assert_eq!(open(&changed), Err(WorkingKeysError::CheckValue(key)), "byte {index}");
        }
        assert_eq!(open(&sent()[1..]), Err(WorkingKeysError::Length { expected: 40, found: 39 }));
        let other = MasterKey::new(KeyForm::TdesEcb, &[&bytes(MASTER)[8..], &bytes(MASTER)[..8]].concat()).unwrap();
        let refused = other.open(&sent(), &places(), MacAlgorithm::UnionPayEcb).unwrap_err();
        assert_eq!(refused, WorkingKeysError::CheckValue(WorkingKeyUse::Pin));
    }

    #[test]
    fn key_blocks_carry_working_keys_too() {
        // knovichikhin/psec, tests/test_tr31.py.
        let block = "B0096M3TC00E0000C7C6FE86A5DE769C20DCA238C52341378B484D544A9764D43963C3B2824AE56C2D07A565DD3AB342";
        let master = MasterKey::new(KeyForm::KeyBlock, &[[0xAA; 8], [0xBB; 8], [0xCC; 8]].concat()).unwrap();
        let place = WorkingKeyPlace { key: WorkingKeyUse::Mac, length: 0, padding: 0, check_value: 0 };
        let opened = master.open(block.as_bytes(), &[place], MacAlgorithm::RetailPadding1).unwrap();
        let expected = MacKey::new(MacAlgorithm::RetailPadding1, &[[0xCC; 8], [0xDD; 8]].concat()).unwrap();
        assert_eq!(opened.mac(b"message"), expected.mac(b"message"));
        let refuse = |text: String, places: &[WorkingKeyPlace]| {
            master.open(text.as_bytes(), places, MacAlgorithm::RetailPadding1).unwrap_err()
        };
        assert!(matches!(refuse(format!("{block}0"), &[place]), WorkingKeysError::Length { .. }));
        for text in [&block[..95], &block[..3], "", "B9999M3TC00E0000"] {
            assert!(matches!(refuse(text.to_owned(), &[place]), WorkingKeysError::KeyBlock { .. }), "{text}");
        }
        let pin = WorkingKeyPlace { key: WorkingKeyUse::Pin, ..place };
        let refused = refuse(block.to_owned(), &[pin]).to_string();
        assert!(refused.contains("PIN key: ") && refused.contains("P0 is needed"), "{refused}");
    }

    #[test]
    fn a_weak_or_short_master_key_is_refused_and_none_is_printed() {
        let new = |length| MasterKey::new(KeyForm::TdesEcb, &bytes(MASTER)[..length]).map(drop);
        assert_eq!(new(15), Err(MasterKeyError::Length { expected: "16 or 24", length: 15 }));
        let equal = MasterKey::new(KeyForm::TdesEcb, &[7; 16]).map(drop);
        assert_eq!(equal, Err(MasterKeyError::EqualHalves));
        let key = MasterKey::new(KeyForm::TdesEcb, &bytes(MASTER)).unwrap();
        assert_eq!(format!("{key:?}"), "MasterKey(TdesEcb, ..)");
    }

    #[test]
    fn digits_of_a_text_field_are_bytes() {
        assert_eq!(WorkingKeysError::from_digits(b"0aFF  ").map(|bytes| bytes.to_vec()), Ok(vec![0x0A, 0xFF]));
        assert_eq!(WorkingKeysError::from_digits(b"0a F"), Err(WorkingKeysError::Digits));
    }
}
