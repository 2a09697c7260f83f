//! Batches: what is settled with the acquirer together.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a batch: 1 to 999999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct BatchNumber(u32);

impl BatchNumber {
    /// The first batch of a journal.
    pub const FIRST: BatchNumber = BatchNumber(1);

    /// The number itself.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl Default for BatchNumber {
    fn default() -> Self {
        Self::FIRST
    }
}

/// A number outside 1 to 999999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a batch has a number from 1 to 999999, not {0}")]
pub struct BatchNumberError(u32);

impl TryFrom<u32> for BatchNumber {
    type Error = BatchNumberError;

    fn try_from(number: u32) -> Result<Self, BatchNumberError> {
        if (1..=999_999).contains(&number) { Ok(BatchNumber(number)) } else { Err(BatchNumberError(number)) }
    }
}

impl From<BatchNumber> for u32 {
    fn from(batch: BatchNumber) -> u32 {
        batch.0
    }
}

impl fmt::Display for BatchNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_number_has_six_digits_and_is_not_zero() {
        assert_eq!(BatchNumber::FIRST.to_string(), "000001");
        assert_eq!(BatchNumber::try_from(999_999).map(BatchNumber::number), Ok(999_999));
        assert!(BatchNumber::try_from(0).is_err() && BatchNumber::try_from(1_000_000).is_err());
    }
}
