//! The storage keys, under which the journal holds card data that a later message will need.
//!
//! There is a new one from time to time, and old ones are destroyed: the journal is only ever added to, so what it holds
//! is forgotten by losing the key to it.

mod file;
mod key;
mod keys;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use file::KeyError;
pub use key::StorageKey;
pub use keys::{KeyHistory, StorageKeys};

use crate::terminal::{Hex, HexError};

/// Which storage key: they are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(u32);

impl Generation {
    /// The first.
    pub const FIRST: Generation = Generation(1);

    fn next(self) -> Generation {
        Generation(self.0.checked_add(1).expect("no shop has a new key every second for a hundred years"))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Something encrypted and authenticated under a storage key: nonce (12 bytes), ciphertext, tag (16 bytes).
///
/// It is written as the number of its key, a colon, and hexadecimal digits; without number and colon it is under the
/// first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sealed {
    generation: Generation,
    bytes: Hex,
}

impl Sealed {
    /// Under which key.
    pub fn generation(&self) -> Generation {
        self.generation
    }
}

/// A text that is nothing sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSealed {
    /// The bytes are none.
    #[error(transparent)]
    Bytes(#[from] HexError),
    /// The key's number is none.
    #[error("`{0}` is no number of a storage key")]
    Generation(String),
}

impl TryFrom<String> for Sealed {
    type Error = NotSealed;

    fn try_from(text: String) -> Result<Self, NotSealed> {
        let Some((number, digits)) = text.split_once(':') else {
            return Ok(Sealed { generation: Generation::FIRST, bytes: text.parse()? });
        };
        let generation = number.parse().map_err(|_| NotSealed::Generation(number.to_owned()))?;
        Ok(Sealed { generation: Generation(generation), bytes: digits.parse()? })
    }
}

impl From<Sealed> for String {
    fn from(sealed: Sealed) -> String {
        format!("{}:{}", sealed.generation, sealed.bytes)
    }
}

/// Why something sealed does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsealable {
    /// Its key is not there any more.
    #[error("storage key {0} is not there any more: card data of that time are forgotten")]
    Forgotten(Generation),
    /// It was not sealed under this key for this purpose, or was changed since.
    #[error("sealed card data does not open: it was changed, moved, or sealed under another storage key")]
    Changed,
}
