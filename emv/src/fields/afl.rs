//! The Application File Locator.

use core::fmt;

use arrayvec::ArrayVec;

use super::Error;

/// Which records hold the application's data, and which of them are signed: groups of four bytes
/// (EMV Book 3, 10.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Afl {
    entries: ArrayVec<AflEntry, { Afl::MAX_ENTRIES }>,
}

/// One entry: a run of records of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AflEntry {
    sfi: u8,
    first: u8,
    last: u8,
    signed: u8,
}

/// One record to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AflRecord {
    /// The file's short identifier, 1 to 30.
    pub sfi: u8,
    /// The record's number, 1 and up.
    pub number: u8,
    /// Whether it takes part in offline data authentication.
    pub signed: bool,
}

impl AflEntry {
    /// Checks what Book 3 asks of an entry: a file 1 to 30, records from 1 and in order, not more
    /// of them signed than there are. The three lowest bits of the first byte are reserved, and not
    /// looked at.
    fn new(bytes: [u8; 4]) -> Option<Self> {
        let [file, first, last, signed] = bytes;
        let sfi = file >> 3;
        let valid = (1..=30).contains(&sfi)
            && first != 0
            && first <= last
            && usize::from(signed) <= usize::from(last - first) + 1;
        valid.then_some(AflEntry { sfi, first, last, signed })
    }

    /// The file's short identifier, 1 to 30.
    pub const fn sfi(self) -> u8 {
        self.sfi
    }

    /// The first record to read.
    pub const fn first(self) -> u8 {
        self.first
    }

    /// The last record to read.
    pub const fn last(self) -> u8 {
        self.last
    }

    /// How many records, from the first on, take part in offline data authentication.
    pub const fn signed(self) -> u8 {
        self.signed
    }

    /// The records, in the order in which they are read.
    pub fn records(self) -> impl Iterator<Item = AflRecord> {
        (self.first..=self.last).map(move |number| AflRecord {
            sfi: self.sfi,
            number,
            signed: number - self.first < self.signed,
        })
    }
}

impl fmt::Display for AflEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last - self.first {
            0 => write!(f, "SFI {}, record {}", self.sfi, self.first)?,
            _ => write!(f, "SFI {}, records {} to {}", self.sfi, self.first, self.last)?,
        }
        match self.signed {
            0 => Ok(()),
            signed if signed > self.last - self.first => f.write_str(", signed"),
            signed => write!(f, ", the first {signed} signed"),
        }
    }
}

impl Afl {
    /// The most entries: as many as 252 bytes hold (EMV Book 3, Annex A).
    pub const MAX_ENTRIES: usize = 63;

    /// Reads the groups of four bytes.
    ///
    /// # Errors
    /// If there is none, there are too many, one is incomplete, or one says what can't be.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (groups, rest) = bytes.as_chunks::<4>();
        if !(1..=Self::MAX_ENTRIES).contains(&groups.len()) || !rest.is_empty() {
            return Err(Error::AflLength(bytes.len()));
        }
        let entry = |(index, group): (usize, &[u8; 4])| AflEntry::new(*group).ok_or(Error::AflEntry(index + 1));
        Ok(Afl { entries: groups.iter().enumerate().map(entry).collect::<Result<_, _>>()? })
    }

    /// The entries, in order.
    pub fn entries(&self) -> &[AflEntry] {
        &self.entries
    }

    /// Every record to read, in order.
    pub fn records(&self) -> impl Iterator<Item = AflRecord> {
        self.entries.iter().flat_map(|entry| entry.records())
    }
}

impl TryFrom<&[u8]> for Afl {
    type Error = Error;

    /// As [`Afl::from_bytes`].
    fn try_from(value: &[u8]) -> Result<Self, Error> {
        Afl::from_bytes(value)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn records_come_in_order_and_the_first_ones_are_signed() {
        let afl = Afl::from_bytes(&[0x08, 0x01, 0x01, 0x00, 0x10, 0x02, 0x04, 0x02]).unwrap();
        let records: Vec<_> = afl.records().map(|r| (r.sfi, r.number, r.signed)).collect();
        assert_eq!(records, [(1, 1, false), (2, 2, true), (2, 3, true), (2, 4, false)]);
    }

    #[test]
    fn the_longest_run_of_records_ends() {
        let afl = Afl::from_bytes(&[0xF0, 0x01, 0xFF, 0xFF]).unwrap();
        assert_eq!(afl.records().count(), 255);
        assert!(afl.records().all(|record| record.sfi == 30 && record.signed));
    }

    #[test]
    fn incomplete_groups_are_refused() {
        for length in [0, 1, 3, 5, 7] {
            assert_eq!(Afl::from_bytes(&[0x08, 1, 1, 0, 0x10, 1, 1, 0][..length]), Err(Error::AflLength(length)));
        }
    }

    #[test]
    fn more_entries_than_the_book_has_room_for_are_refused() {
        let entries = [[0x08, 1, 1, 0]; 64];
        assert_eq!(Afl::from_bytes(entries[..63].as_flattened()).unwrap().entries().len(), 63);
        assert_eq!(Afl::from_bytes(entries.as_flattened()), Err(Error::AflLength(256)));
    }

    #[test]
    fn entries_that_cannot_be_are_refused() {
        for entry in [
            [0x00, 0x01, 0x01, 0x00], // file 0
            [0xF8, 0x01, 0x01, 0x00], // file 31
            [0x08, 0x00, 0x01, 0x00], // record 0
            [0x08, 0x03, 0x02, 0x00], // last before first
            [0x08, 0x01, 0x02, 0x03], // more signed than there are
        ] {
            let mut bytes = [0x08, 0x01, 0x01, 0x00, 0, 0, 0, 0];
            bytes[4..].copy_from_slice(&entry);
            assert_eq!(Afl::from_bytes(&bytes), Err(Error::AflEntry(2)));
        }
    }
}
