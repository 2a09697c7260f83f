//! Bytes that are read and stored as hex digits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Bytes, written as upper-case hex digits.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hex(pub Vec<u8>);

/// An odd number of digits, or something else than hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an even number of hex digits")]
pub struct HexError;

impl FromStr for Hex {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        let nibble = |digit: u8| char::from(digit).to_digit(16).ok_or(HexError);
        let byte = |pair: &[u8]| match pair {
            &[high, low] => Ok((nibble(high)? << 4 | nibble(low)?) as u8),
            _ => Err(HexError),
        };
        text.as_bytes().chunks(2).map(byte).collect::<Result<_, _>>().map(Hex)
    }
}

impl TryFrom<String> for Hex {
    type Error = HexError;

    fn try_from(text: String) -> Result<Self, HexError> {
        text.parse()
    }
}

impl From<Hex> for String {
    fn from(hex: Hex) -> String {
        hex.to_string()
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_digits_are_read_and_written() {
        assert_eq!("a0000000031010".parse::<Hex>().unwrap().to_string(), "A0000000031010");
        assert_eq!("ABC".parse::<Hex>(), Err(HexError));
        assert_eq!("G0".parse::<Hex>(), Err(HexError));
        assert_eq!("+1".parse::<Hex>(), Err(HexError));
    }
}
