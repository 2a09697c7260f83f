//! From bytes to values.

use std::fmt;

use super::dialect::{Binary, Dialect, Digits, Filler, LengthPrefix};
use super::field::{self, Content, Format, Length};
use super::message::{Message, Mti};

/// A part of a message, for an error to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The message type.
    Mti,
    /// The first bitmap or the second.
    Bitmap,
    /// The length prefix of a field.
    Length(u8),
    /// The value of a field.
    Field(u8),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |number: u8| field::find(number).map_or("", |field| field.name);
        match self {
            Self::Mti => f.write_str("message type"),
            Self::Bitmap => f.write_str("bitmap"),
            Self::Length(number) => write!(f, "length of field {number} ({})", name(*number)),
            Self::Field(number) => write!(f, "field {number} ({})", name(*number)),
        }
    }
}

/// Bytes that are no message in this dialect. The messages name the part, and never a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end inside a part.
    #[error("the message ends inside its {part}: {wanted} bytes wanted, {left} left")]
    Truncated {
        /// The part.
        part: Part,
        /// How many bytes it has.
        wanted: usize,
        /// How many there are.
        left: usize,
    },
    /// A part holds a character or a digit that it may not.
    #[error("{0} holds what it may not: check the dialect")]
    Content(Part),
    /// The bitmap announces a field that does not exist.
    #[error("the bitmap announces field {0}, which does not exist")]
    NoSuchField(u8),
    /// A length prefix exceeds what its field may hold.
    #[error("{part}: {length}, where {limit} is the most")]
    TooLong {
        /// The length prefix.
        part: Part,
        /// What it says.
        length: usize,
        /// The greatest length of the field.
        limit: usize,
    },
    /// Bytes follow the last field.
    #[error("{0} bytes follow the last field")]
    Trailing(usize),
}

/// Reads the message that `bytes` are in `dialect`: all of them, or none.
pub fn decode(bytes: &[u8], dialect: &Dialect) -> Result<Message, DecodeError> {
    match decode_readable(bytes, dialect) {
        Readable { message: Some(message), error: None, .. } => Ok(message),
        Readable { error, .. } => Err(error.expect("what has no message type has an error")),
    }
}

/// What can be read of bytes that may be no message. For people who look for what is wrong with a dialect, and for
/// nobody who acts on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readable {
    /// The message type and the fields before the one that can't be read; nothing where the type can't be.
    pub message: Option<Message>,
    /// How many bytes they are.
    pub bytes: usize,
    /// Why reading stopped; nothing at the end of a whole message.
    pub error: Option<DecodeError>,
}

/// Reads as much as can be read.
pub fn decode_readable(bytes: &[u8], dialect: &Dialect) -> Readable {
    let mut reader = Reader { bytes, dialect };
    let mut readable = Readable { message: None, bytes: 0, error: None };
    readable.error = reader.message(&mut readable.message, &mut readable.bytes).err();
    readable
}

struct Reader<'a> {
    bytes: &'a [u8],
    dialect: &'a Dialect,
}

impl<'a> Reader<'a> {
    fn take(&mut self, part: Part, wanted: usize) -> Result<&'a [u8], DecodeError> {
        let left = self.bytes.len();
        let (taken, rest) = self.bytes.split_at_checked(wanted).ok_or(DecodeError::Truncated { part, wanted, left })?;
        self.bytes = rest;
        Ok(taken)
    }

    /// Reads a whole message; `message` and `read` are what was read of it, also where it is none.
    fn message(&mut self, message: &mut Option<Message>, read: &mut usize) -> Result<(), DecodeError> {
        let bytes = self.bytes.len();
        let message = message.insert(Message::new(self.mti()?));
        *read = bytes - self.bytes.len();
        for number in self.bitmap()? {
            let format = self.dialect.format(number).ok_or(DecodeError::NoSuchField(number))?;
            message.set(number, self.field(number, format)?);
            *read = bytes - self.bytes.len();
        }
        match self.bytes.len() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing(left)),
        }
    }

    fn mti(&mut self) -> Result<Mti, DecodeError> {
        let digits = self.digits(Part::Mti, 4, self.dialect.mti, Filler::LeftZero)?;
        let digits = std::array::from_fn(|index| digits[index] & 0x0F);
        Mti::from_digits(digits).ok_or(DecodeError::Content(Part::Mti))
    }

    /// The numbers of the fields that follow.
    fn bitmap(&mut self) -> Result<Vec<u8>, DecodeError> {
        let mut bitmap = self.binary(Part::Bitmap, 8, self.dialect.bitmap)?;
        if bitmap[0] & 0x80 != 0 {
            bitmap.extend(self.binary(Part::Bitmap, 8, self.dialect.bitmap)?);
        }
        let is_set = |number: &u8| bitmap[usize::from(number - 1) / 8] & (0x80 >> ((number - 1) % 8)) != 0;
        Ok((2..=8 * bitmap.len() as u8).filter(is_set).collect())
    }

    fn field(&mut self, number: u8, format: Format) -> Result<Vec<u8>, DecodeError> {
        let (length, filler) = match format.length {
            Length::Fixed => (format.limit, Filler::LeftZero),
            Length::Llvar => (self.length(number, format, 2)?, self.dialect.filler),
            Length::Lllvar => (self.length(number, format, 3)?, self.dialect.filler),
        };
        let part = Part::Field(number);
        let value = match format.content {
            Content::Binary => self.binary(part, length, self.dialect.binary)?,
            content if content.is_packable() => self.digits(part, length, self.dialect.numeric, filler)?,
            _ => self.take(part, length)?.to_vec(),
        };
        if value.iter().all(|byte| format.content.allows(*byte)) { Ok(value) } else { Err(DecodeError::Content(part)) }
    }

    /// A length prefix: how many characters the field has, or bytes where it is binary.
    fn length(&mut self, number: u8, format: Format, digits: usize) -> Result<usize, DecodeError> {
        let part = Part::Length(number);
        let units = match self.dialect.length_prefix {
            LengthPrefix::Binary => self.take(part, digits - 1)?.iter().fold(0, |n, byte| n << 8 | usize::from(*byte)),
            prefix => {
                let how = if prefix == LengthPrefix::Bcd { Digits::Bcd } else { Digits::Ascii };
                let digits = self.digits(part, digits, how, Filler::LeftZero)?;
                if !digits.iter().all(u8::is_ascii_digit) {
                    return Err(DecodeError::Content(part));
                }
                digits.iter().fold(0, |n, digit| 10 * n + usize::from(digit - b'0'))
            }
        };
        let length = match (format.content, self.dialect.binary) {
            (Content::Binary, Binary::Hex) if units % 2 == 1 => return Err(DecodeError::Content(part)),
            (Content::Binary, Binary::Hex) => units / 2,
            _ => units,
        };
        if length > format.limit {
            return Err(DecodeError::TooLong { part, length, limit: format.limit });
        }
        Ok(length)
    }

    /// Characters of the code set `0` to `?`: packing keeps their low nibble. What fills an odd count is not looked at.
    fn digits(&mut self, part: Part, count: usize, how: Digits, filler: Filler) -> Result<Vec<u8>, DecodeError> {
        if how == Digits::Ascii {
            return Ok(self.take(part, count)?.to_vec());
        }
        let packed = self.take(part, count.div_ceil(2))?;
        let skip = if filler == Filler::LeftZero { count % 2 } else { 0 };
        let nibbles = packed.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
        Ok(nibbles.skip(skip).take(count).map(|nibble| 0x30 | nibble).collect())
    }

    fn binary(&mut self, part: Part, count: usize, how: Binary) -> Result<Vec<u8>, DecodeError> {
        if how == Binary::Raw {
            return Ok(self.take(part, count)?.to_vec());
        }
        let characters = self.take(part, 2 * count)?;
        let nibble = |character: u8| char::from(character).to_digit(16).map(|nibble| nibble as u8);
        let bytes = characters.chunks_exact(2).map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?));
        bytes.collect::<Option<_>>().ok_or(DecodeError::Content(part))
    }
}
