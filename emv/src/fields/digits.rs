//! Decimal digits, two a byte.

use alloc::string::String;

use zeroize::Zeroizing;

use super::Error;

/// The number that `n` digits say: every half byte a decimal digit.
pub(super) fn number(field: &'static str, bytes: &[u8]) -> Result<u64, Error> {
    nibbles(bytes).try_fold(0u64, |number, nibble| match nibble {
        0..=9 => Ok(number * 10 + u64::from(nibble)),
        _ => Err(Error::NotDecimal { field }),
    })
}

/// A number as `2 * N` digits, filled with zeros on the left. Digits that don't fit are lost: the
/// types that call this have a largest value.
pub(super) const fn bcd<const N: usize>(mut number: u64) -> [u8; N] {
    let mut bytes = [0; N];
    let mut index = N;
    while index > 0 {
        index -= 1;
        bytes[index] = ((number / 10 % 10) as u8) << 4 | (number % 10) as u8;
        number /= 100;
    }
    bytes
}

/// The half bytes, from left to right.
pub(super) fn nibbles(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0F])
}

/// The digits of a compressed numeric value (`cn`): digits, then `F` to the end. The buffer is
/// taken large enough at once, so that none is left behind with digits in it.
pub(super) fn compressed(field: &'static str, bytes: &[u8]) -> Result<Zeroizing<String>, Error> {
    let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len()));
    let mut rest = nibbles(bytes);
    for nibble in rest.by_ref() {
        match nibble {
            0..=9 => text.push(char::from(b'0' + nibble)),
            0xF => break,
            _ => return Err(Error::NotDecimal { field }),
        }
    }
    if rest.all(|nibble| nibble == 0xF) { Ok(text) } else { Err(Error::NotDecimal { field }) }
}
