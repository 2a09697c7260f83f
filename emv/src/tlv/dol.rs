//! Data object lists: which objects a card asks for, and in which lengths (EMV Book 3, 5.4).

use arrayvec::ArrayVec;

use super::{Cursor, Error, Tag};
use crate::dict::{self, Format};

/// A data object list (PDOL, CDOL1, DDOL ...), checked as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dol<'a> {
    bytes: &'a [u8],
}

/// One entry of a [`Dol`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DolEntry {
    /// The object asked for.
    pub tag: Tag,
    /// The length in which the card wants it, in bytes.
    pub length: usize,
}

/// The data that a list asks for.
pub type DolData = ArrayVec<u8, { Dol::MAX_DATA }>;

impl<'a> Dol<'a> {
    /// The most bytes a list may ask for: what fits the data field of a short command.
    pub const MAX_DATA: usize = 255;

    /// Reads a list of tags and one-byte lengths.
    ///
    /// # Errors
    /// [`Error::MalformedTag`] or [`Error::MalformedLength`] where the list is cut short;
    /// [`Error::Truncated`] where the objects asked for would not fit a command.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::new(bytes);
        let mut total = 0;
        while !cursor.is_empty() {
            cursor.tag()?;
            total += usize::from(cursor.byte().ok_or(Error::MalformedLength)?);
        }
        if total > Self::MAX_DATA {
            return Err(Error::Truncated { expected: total, available: Self::MAX_DATA });
        }
        Ok(Dol { bytes })
    }

    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = DolEntry> + 'a {
        let mut cursor = Cursor::new(self.bytes);
        core::iter::from_fn(move || {
            if cursor.is_empty() {
                return None;
            }
            let tag = cursor.tag().expect("checked when the list was parsed");
            let length = cursor.byte().expect("checked when the list was parsed");
            Some(DolEntry { tag, length: usize::from(length) })
        })
    }

    /// Whether the list asks for this object.
    pub fn asks_for(&self, tag: Tag) -> bool {
        self.iter().any(|entry| entry.tag == tag)
    }

    /// How many bytes the list asks for.
    pub fn data_length(&self) -> usize {
        self.iter().map(|entry| entry.length).sum()
    }

    /// The concatenated values the list asks for, each cut or filled to the length asked for;
    /// an object that `lookup` does not know is sent as zeros (EMV Book 3, 5.4).
    pub fn build<'v>(&self, mut lookup: impl FnMut(Tag) -> Option<&'v [u8]>) -> DolData {
        let mut data = ArrayVec::from([0x00; Self::MAX_DATA]);
        let mut end = 0;
        for DolEntry { tag, length } in self.iter() {
            let value = if tag.is_constructed() { None } else { lookup(tag) };
            fit(&mut data[end..][..length], dict::format(tag), value.unwrap_or(&[]));
            end += length;
        }
        data.truncate(end);
        data
    }

    /// The same, but the last value is not filled: what a DSDOL asks for ends where the data do
    /// (Book C-2, 4.1.4).
    pub fn build_open_ended<'v>(&self, mut lookup: impl FnMut(Tag) -> Option<&'v [u8]>) -> DolData {
        let filled = self.iter().last().map_or(0, |DolEntry { tag, length }| {
            let value = if tag.is_constructed() { None } else { lookup(tag) };
            length.saturating_sub(value.unwrap_or(&[]).len())
        });
        let mut data = self.build(lookup);
        data.truncate(data.len() - filled);
        data
    }
}

/// Puts `value` into a field, which is of zeros. Numeric values keep their right-hand digits and are
/// filled with zeros on the left; compressed numeric values are filled with `F` on the right;
/// everything else is filled with zeros on the right.
//= B 3.6.2.1
fn fit(field: &mut [u8], format: Option<Format>, value: &[u8]) {
    let kept = value.len().min(field.len());
    let filled = field.len() - kept;
    match format {
        Some(Format::Numeric) => field[filled..].copy_from_slice(&value[value.len() - kept..]),
        Some(Format::CompressedNumeric) if !value.is_empty() => {
            field[..kept].copy_from_slice(&value[..kept]);
            field[kept..].fill(0xFF);
        }
        _ => field[..kept].copy_from_slice(&value[..kept]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    fn built(format: Option<Format>, value: &[u8], length: usize) -> Vec<u8> {
        let mut field = vec![0x00; length];
        fit(&mut field, format, value);
        field
    }

    //= test B 3.6.2.1
    #[test]
    fn values_are_cut_and_filled_by_format() {
        assert_eq!(built(Some(Format::Numeric), &[0x12, 0x34], 3), [0x00, 0x12, 0x34]);
        assert_eq!(built(Some(Format::Numeric), &[0x12, 0x34], 1), [0x34]);
        assert_eq!(built(Some(Format::CompressedNumeric), &[0x12, 0x3F], 3), [0x12, 0x3F, 0xFF]);
        assert_eq!(built(Some(Format::CompressedNumeric), &[0x12, 0x3F], 1), [0x12]);
        assert_eq!(built(Some(Format::Binary), &[0x12, 0x34], 3), [0x12, 0x34, 0x00]);
        assert_eq!(built(Some(Format::Binary), &[0x12, 0x34], 1), [0x12]);
        assert_eq!(built(None, &[], 2), [0x00, 0x00]);
    }

    #[test]
    fn unknown_and_constructed_objects_are_zeros() {
        let dol = Dol::parse(&[0x9F, 0x02, 0x06, 0x70, 0x02, 0x9F, 0x37, 0x04]).unwrap();
        let data = dol.build(|tag| (tag != dict::UNPREDICTABLE_NUMBER).then_some(&[0x11, 0x22][..]));
        assert_eq!(data[..], [0, 0, 0, 0, 0x11, 0x22, 0, 0, 0, 0, 0, 0]);
    }

    //= test C-2 GAC.45-48
    #[test]
    fn the_last_value_of_an_open_ended_list_is_not_filled() {
        let built = |list: &[u8], last: &'static [u8]| {
            let lookup = |tag| if tag == dict::DS_ODS_TERM { Some(last) } else { Some(&[0x11][..]) };
            Dol::parse(list).unwrap().build_open_ended(lookup).to_vec()
        };
        let dsdol = [0xDF, 0x62, 0x02, 0xDF, 0x63, 0x04];
        assert_eq!(built(&dsdol, &[1, 2]), [0x11, 0, 1, 2]);
        assert_eq!(built(&dsdol, &[1, 2, 3, 4]), [0x11, 0, 1, 2, 3, 4]);
        assert_eq!(built(&dsdol, &[1, 2, 3, 4, 5]), [0x11, 0, 1, 2, 3, 4]);
        assert_eq!(built(&dsdol, &[]), [0x11, 0]);
        assert_eq!(built(&[], &[1]), []);
    }

    #[test]
    fn a_list_cut_short_is_refused() {
        assert_eq!(Dol::parse(&[0x9F]), Err(Error::MalformedTag));
        assert_eq!(Dol::parse(&[0x9F, 0x02]), Err(Error::MalformedLength));
        assert_eq!(Dol::parse(&[]).unwrap().data_length(), 0);
    }

    #[test]
    fn a_list_that_asks_for_more_than_a_command_holds_is_refused() {
        assert!(Dol::parse(&[0x9F, 0x02, 0xFF]).is_ok());
        assert!(Dol::parse(&[0x9F, 0x02, 0xFF, 0x82, 0x01]).is_err());
    }
}
