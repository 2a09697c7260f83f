//! Tags of BER-TLV data objects.

use core::fmt;

/// The tag of a data object: one to four bytes, read as one big-endian number
/// (`9F02` is `0x9F02`).
///
/// EMV Book 3, Annex B1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u32);

impl Tag {
    /// The most bytes a tag may have here. EMV's own tags have one to three.
    pub const MAX_LENGTH: usize = 4;

    /// A tag from its bytes as a number. The one place where tags are written as numbers is
    /// [`crate::dict`]; everybody else uses the names given there.
    pub const fn new(number: u32) -> Self {
        Tag(number)
    }

    /// The tag as a number, `0x9F02` for `9F02`.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// How many bytes the tag takes in a message.
    pub const fn encoded_length(self) -> usize {
        match self.0 {
            0..=0xFF => 1,
            0x100..=0xFFFF => 2,
            0x1_0000..=0xFF_FFFF => 3,
            _ => 4,
        }
    }

    /// The first byte, which holds class and form: that of the highest bit that is set.
    const fn first_byte(self) -> u8 {
        let highest = u32::BITS - 1 - (self.0 | 1).leading_zeros();
        (self.0 >> (highest & !7)) as u8
    }

    /// Whether the value is itself a list of data objects (bit 6 of the first byte).
    #[inline]
    pub const fn is_constructed(self) -> bool {
        self.first_byte() & 0x20 != 0
    }

    /// Whether the class is private (bits 8 and 7 of the first byte set).
    pub const fn is_private(self) -> bool {
        self.first_byte() & 0xC0 == 0xC0
    }

    /// The tag as it stands in a message: the last [`Tag::encoded_length`] of these bytes.
    pub(super) const fn be_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$X}", self.0, width = 2 * self.encoded_length())
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::str::FromStr for Tag {
    type Err = super::Error;

    /// Reads a tag written in hexadecimal, as `9F02`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || !text.len().is_multiple_of(2) || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Err(super::Error::MalformedTag);
        }
        let number = u32::from_str_radix(text, 16).map_err(|_| super::Error::MalformedTag)?;
        let bytes = number.to_be_bytes();
        let mut cursor = super::Cursor::new(&bytes[4 - text.len() / 2..]);
        let tag = cursor.tag()?;
        if cursor.is_empty() { Ok(tag) } else { Err(super::Error::MalformedTag) }
    }
}
