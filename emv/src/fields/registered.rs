//! Values behind registered identifiers (EMV Contactless Book B, 3.3.1.2 and Table A-1).

use super::Error;

/// A list of identifier (2 bytes), length (1 byte) and value, one after another: Application Selection
/// Registered Proprietary Data (`9F0A`) and POI Information (`8B`) are such lists. Each of the two has
/// identifiers of its own; they are no tags.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RegisteredValues<'a> {
    bytes: &'a [u8],
}

impl<'a> RegisteredValues<'a> {
    /// Reads a list as a whole. Nothing but a length can be wrong in it (3.3.1.2).
    ///
    /// # Errors
    /// [`Error::RegisteredValues`] where the last value is cut short.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut rest = bytes;
        while !rest.is_empty() {
            (_, _, rest) = first(rest).ok_or(Error::RegisteredValues)?;
        }
        Ok(RegisteredValues { bytes })
    }

    /// Identifiers and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || {
            let (identifier, value, after) = first(rest)?;
            rest = after;
            Some((identifier, value))
        })
    }

    /// The first value behind this identifier.
    pub fn find(&self, identifier: u16) -> Option<&'a [u8]> {
        self.iter().find(|(found, _)| *found == identifier).map(|(_, value)| value)
    }
}

impl core::fmt::Debug for RegisteredValues<'_> {
    /// The identifiers only.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter().map(|(identifier, _)| identifier)).finish()
    }
}

/// The first identifier, its value, and what follows them.
fn first(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (&[high, low, length], rest) = bytes.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(length.into())?;
    Some((u16::from_be_bytes([high, low]), value, rest))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn values_are_read_in_order_and_may_be_empty() {
        let values = RegisteredValues::parse(&[0x00, 0x01, 0x02, 0xAA, 0xBB, 0x12, 0x34, 0x00]).unwrap();
        assert_eq!(values.iter().collect::<Vec<_>>(), [(0x0001, &[0xAA, 0xBB][..]), (0x1234, &[])]);
        assert_eq!((values.find(0x1234), values.find(0x0002)), (Some(&[][..]), None));
        assert_eq!(RegisteredValues::parse(&[]).unwrap().iter().count(), 0);
    }

    #[test]
    fn a_list_that_is_cut_short_is_refused_as_a_whole() {
        let whole = [0x00, 0x01, 0x02, 0xAA, 0xBB, 0x12, 0x34, 0x01, 0xCC];
        for length in (1..whole.len()).filter(|length| *length != 5) {
            assert_eq!(RegisteredValues::parse(&whole[..length]), Err(Error::RegisteredValues), "{length} bytes");
        }
    }
}
