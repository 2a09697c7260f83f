//! BER-TLV data objects as EMV uses them: a borrowed reader, a bounded writer, and data object
//! lists (EMV Book 3, Annex B and 5.4).
//!
//! Reading is all or nothing. [`Tlvs::parse`] walks the whole input once, children of constructed
//! objects included; whoever holds a [`Tlvs`] iterates without further errors.

mod dol;
mod level;
mod reader;
mod tag;
mod writer;

pub use dol::{Dol, DolData, DolEntry};
pub use level::Level;
pub(crate) use reader::Cursor;
pub use reader::{Iter, Tlv, Tlvs};
pub use tag::Tag;
pub use writer::Writer;

/// How deep constructed objects may nest. A FCI with a PPSE directory entry needs four levels.
pub const MAX_DEPTH: usize = 8;

/// Why bytes are not a list of data objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A tag ends after its first bytes, has more than four bytes, or is not hexadecimal.
    #[error("malformed tag")]
    MalformedTag,
    /// The length is missing, indefinite (`80`), or has more than three bytes after the first.
    #[error("malformed length")]
    MalformedLength,
    /// A value is shorter than its length says.
    #[error("value cut short: length says {expected} bytes, {available} are left")]
    Truncated {
        /// What the length field says.
        expected: usize,
        /// How many bytes follow it.
        available: usize,
    },
    /// Constructed objects nest deeper than [`MAX_DEPTH`].
    #[error("data objects nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// The bytes are one data object and then something more.
    #[error("bytes left over after the data object")]
    TrailingBytes,
    /// There is no data object at all where one was asked for.
    #[error("no data object")]
    Empty,
}
