//! The chain of hashes through the journal.

use std::fmt;

use sha2::{Digest, Sha256};

/// A row's chain value: SHA-256 over the previous row's chain value and the row's own columns. Each
/// column is preceded by its length (8 bytes, big-endian), so that no two rows look the same; an
/// absent token has the length of no token at all.
///
/// Anybody can recompute it, so it shows damage and careless edits, not a forger with the file in
/// his hands; nor does it show rows missing at the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Link([u8; 32]);

impl Link {
    /// What stands before the first row.
    pub const GENESIS: Link = Link([0; 32]);

    /// The chain value of the row that follows.
    pub fn next(&self, seq: u64, at: &str, token: Option<&str>, event: &str, body: &str) -> Link {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(seq.to_be_bytes());
        for column in [Some(at), token, Some(event), Some(body)] {
            hash.update(column.map_or(u64::MAX, |text| text.len() as u64).to_be_bytes());
            hash.update(column.unwrap_or_default());
        }
        Link(hash.finalize().into())
    }

    /// Reads 64 hex digits.
    pub fn parse(text: &str) -> Option<Link> {
        let hex: crate::terminal::Hex = text.parse().ok()?;
        hex.0.try_into().ok().map(Link)
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
