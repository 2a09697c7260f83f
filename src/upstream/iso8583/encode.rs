//! From values to bytes.

use zeroize::Zeroizing;

use super::dialect::{Binary, Dialect, Digits, Filler, LengthPrefix};
use super::field::{Content, Format, Length};
use super::message::Message;

/// A message that can't be written. The messages name the field, and never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// No such field exists: 1 and 65 are bitmaps.
    #[error("there is no field {0}")]
    NoSuchField(u8),
    /// A value is longer than its field.
    #[error("field {field} ({format}): {length} are too many")]
    TooLong {
        /// The field.
        field: u8,
        /// Its format.
        format: Format,
        /// The length of the value.
        length: usize,
    },
    /// A fixed field of bytes is not full: bytes have no filling.
    #[error("field {field} ({format}): {length} bytes don't fill it")]
    TooShort {
        /// The field.
        field: u8,
        /// Its format.
        format: Format,
        /// The length of the value.
        length: usize,
    },
    /// A value holds a character that its field may not.
    #[error("field {field} ({format}) holds a character it may not")]
    Content {
        /// The field.
        field: u8,
        /// Its format.
        format: Format,
    },
}

/// Writes `message` in `dialect`, without length header and TPDU.
///
/// Values that are shorter than their fixed field are filled: digits with zeros on the left, text with spaces on the
/// right.
pub fn encode(message: &Message, dialect: &Dialect) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    // Room for any message that is usual, so that no half of one is left behind where the buffer grew.
    let mut body = Zeroizing::new(Vec::with_capacity(4096));
    let mut bitmap = [0u8; 16];
    for (number, value) in message.fields() {
        let format = dialect.format(number).ok_or(EncodeError::NoSuchField(number))?;
        let value = fill(number, format, value)?;
        put_field(&mut body, number, format, &value, dialect)?;
        bitmap[usize::from(number - 1) / 8] |= 0x80 >> ((number - 1) % 8);
    }
    // Bit 1 says that a second bitmap follows.
    let is_extended = bitmap[8..] != [0; 8];
    bitmap[0] |= if is_extended { 0x80 } else { 0 };

    let mut bytes = Zeroizing::new(Vec::with_capacity(36 + body.len()));
    let mti = message.mti.digits().map(|digit| b'0' + digit);
    put_digits(&mut bytes, &mti, dialect.mti, Filler::LeftZero);
    put_binary(&mut bytes, &bitmap[..if is_extended { 16 } else { 8 }], dialect.bitmap);
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// Checks a value against the format of its field, and brings it to the length of a fixed one.
pub(super) fn fill(field: u8, format: Format, value: &[u8]) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    let length = value.len();
    let room = format.limit.checked_sub(length).ok_or(EncodeError::TooLong { field, format, length })?;
    if !value.iter().all(|byte| format.content.allows(*byte)) {
        return Err(EncodeError::Content { field, format });
    }
    let (left, right) = match (format.length, format.content) {
        (Length::Llvar | Length::Lllvar, _) => (0, 0),
        (Length::Fixed, Content::Numeric) => (room, 0),
        (Length::Fixed, Content::Track | Content::Binary) if room == 0 => (0, 0),
        (Length::Fixed, Content::Track | Content::Binary) => {
            return Err(EncodeError::TooShort { field, format, length });
        }
        (Length::Fixed, _) => (0, room),
    };
    let mut filled = Zeroizing::new(Vec::with_capacity(left + length + right));
    filled.resize(left, b'0');
    filled.extend_from_slice(value);
    filled.resize(left + length + right, b' ');
    Ok(filled)
}

fn put_field(
    bytes: &mut Vec<u8>,
    field: u8,
    format: Format,
    value: &[u8],
    dialect: &Dialect,
) -> Result<(), EncodeError> {
    let units = match (format.content, dialect.binary) {
        (Content::Binary, Binary::Hex) => 2 * value.len(),
        _ => value.len(),
    };
    let too_long = EncodeError::TooLong { field, format, length: units };
    let filler = match format.length {
        Length::Fixed => Filler::LeftZero,
        Length::Llvar => put_length(bytes, units, 2, dialect.length_prefix).map(|()| dialect.filler).ok_or(too_long)?,
        Length::Lllvar => {
            put_length(bytes, units, 3, dialect.length_prefix).map(|()| dialect.filler).ok_or(too_long)?
        }
    };
    match format.content {
        Content::Binary => put_binary(bytes, value, dialect.binary),
        content if content.is_packable() => put_digits(bytes, value, dialect.numeric, filler),
        _ => bytes.extend_from_slice(value),
    }
    Ok(())
}

/// Appends a length prefix; nothing where so many digits can't express the length.
fn put_length(bytes: &mut Vec<u8>, length: usize, digits: usize, prefix: LengthPrefix) -> Option<()> {
    let text = format!("{length:0digits$}");
    if text.len() > digits {
        return None;
    }
    match prefix {
        LengthPrefix::Ascii => bytes.extend_from_slice(text.as_bytes()),
        LengthPrefix::Bcd => put_digits(bytes, text.as_bytes(), Digits::Bcd, Filler::LeftZero),
        LengthPrefix::Binary if digits == 2 => bytes.push(length as u8),
        LengthPrefix::Binary => bytes.extend_from_slice(&(length as u16).to_be_bytes()),
    }
    Some(())
}

/// Appends characters of the code set `0` to `?`, whose low nibble is what packing keeps.
fn put_digits(bytes: &mut Vec<u8>, digits: &[u8], how: Digits, filler: Filler) {
    if how == Digits::Ascii {
        return bytes.extend_from_slice(digits);
    }
    let mut nibbles = Zeroizing::new(Vec::with_capacity(digits.len() + 1));
    nibbles.extend(digits.iter().map(|digit| digit & 0x0F));
    if nibbles.len() % 2 == 1 {
        match filler {
            Filler::LeftZero => nibbles.insert(0, 0x0),
            Filler::RightZero => nibbles.push(0x0),
            Filler::RightF => nibbles.push(0xF),
        }
    }
    bytes.extend(nibbles.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]));
}

fn put_binary(bytes: &mut Vec<u8>, value: &[u8], how: Binary) {
    match how {
        Binary::Raw => bytes.extend_from_slice(value),
        Binary::Hex => {
            const CHARACTERS: &[u8; 16] = b"0123456789ABCDEF";
            bytes.extend(
                value.iter().flat_map(|byte| [byte >> 4, byte & 0xF]).map(|nibble| CHARACTERS[usize::from(nibble)]),
            );
        }
    }
}
