//! A kernel's data objects.

use alloc::vec::Vec;
use core::ops::Range;

use zeroize::Zeroize;

use crate::tlv::{Dol, DolData, Tag, Tlvs, Writer};

/// The data objects of one transaction, by tag. Values are wiped when they are dropped or replaced.
///
/// An object may be absent, present and empty, or present with a value; the books tell these apart.
#[derive(Clone, Default)]
pub struct Database {
    /// Where the value of each object is, in the order of the tags.
    index: Vec<Entry>,
    /// The values, in the order in which they came, and between them what was left by others.
    values: Vec<u8>,
}

/// Where an object's value is.
#[derive(Clone)]
struct Entry {
    tag: Tag,
    start: usize,
    length: usize,
    /// The most bytes that a later value may have in the same place.
    room: usize,
}

impl Entry {
    fn value(&self) -> Range<usize> {
        self.start..self.start + self.length
    }
}

impl Database {
    /// How many objects a transaction has room for before memory is asked for.
    const OBJECTS: usize = 128;
    /// How many bytes their values have.
    const BYTES: usize = 4096;

    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing yet, with room for what card and terminal bring to a transaction, so that no memory is asked for
    /// while a card waits.
    pub fn with_room() -> Self {
        Database { index: Vec::with_capacity(Self::OBJECTS), values: Vec::with_capacity(Self::BYTES) }
    }

    /// The value of an object, which may be empty; nothing where it is absent.
    pub fn get(&self, tag: Tag) -> Option<&[u8]> {
        self.find(tag).ok().map(|at| self.value_of(&self.index[at]))
    }

    /// The value of an object that is present and not empty.
    pub fn value(&self, tag: Tag) -> Option<&[u8]> {
        self.get(tag).filter(|value| !value.is_empty())
    }

    /// Whether an object is present, be it empty.
    pub fn is_present(&self, tag: Tag) -> bool {
        self.find(tag).is_ok()
    }

    /// Sets an object, in place of an earlier value.
    pub fn set(&mut self, tag: Tag, value: &[u8]) {
        let at = self.find(tag);
        if let Ok(at) = at {
            let entry = &mut self.index[at];
            self.values[entry.value()].zeroize();
            if value.len() <= entry.room {
                entry.length = value.len();
                self.values[entry.value()].copy_from_slice(value);
                return;
            }
        }
        let entry = Entry { tag, start: self.append(value), length: value.len(), room: value.len() };
        match at {
            Ok(at) => self.index[at] = entry,
            Err(at) => self.index.insert(at, entry),
        }
    }

    /// Makes an object absent.
    pub fn remove(&mut self, tag: Tag) {
        if let Ok(at) = self.find(tag) {
            let entry = self.index.remove(at);
            self.values[entry.value()].zeroize();
        }
    }

    /// Every object that is present, by tag.
    pub fn iter(&self) -> impl Iterator<Item = (Tag, &[u8])> {
        self.index.iter().map(|entry| (entry.tag, self.value_of(entry)))
    }

    /// Sets every object of a list.
    pub fn set_all(&mut self, objects: Tlvs<'_>) {
        for object in objects {
            self.set(object.tag, object.value);
        }
    }

    /// The data a list asks for, in the lengths it asks for (EMV Book 3, 5.4).
    pub fn dol_data(&self, dol: Dol<'_>) -> DolData {
        dol.build(|tag| self.get(tag))
    }

    /// Those of the objects that are present, as TLV, in the order asked for.
    pub fn record(&self, tags: &[Tag]) -> Vec<u8> {
        let objects = || tags.iter().filter_map(|&tag| Some((tag, self.get(tag)?)));
        // Enough at once: a buffer that grows leaves what it held behind.
        let mut writer = Writer::with_capacity(objects().map(|(_, value)| Writer::MAX_HEADER + value.len()).sum());
        for (tag, value) in objects() {
            writer.put(tag, value);
        }
        writer.into_bytes()
    }

    /// The place of an object in the index, or the one that it would have.
    fn find(&self, tag: Tag) -> Result<usize, usize> {
        self.index.binary_search_by_key(&tag, |entry| entry.tag)
    }

    fn value_of(&self, entry: &Entry) -> &[u8] {
        &self.values[entry.value()]
    }

    /// Adds a value after the others, and tells where it begins.
    fn append(&mut self, value: &[u8]) -> usize {
        let start = self.values.len();
        if self.values.capacity() - start < value.len() {
            let mut larger = Vec::with_capacity(2 * (start + value.len()));
            larger.extend_from_slice(&self.values);
            self.values.zeroize();
            self.values = larger;
        }
        self.values.extend_from_slice(value);
        start
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Nothing was ever written behind the last value.
        self.values.as_mut_slice().zeroize();
    }
}

impl PartialEq for Database {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Database {}

impl core::fmt::Debug for Database {
    /// The tags only.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.iter().map(|(tag, _)| tag)).finish()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::dict;

    #[test]
    fn absent_empty_and_set_are_three_things() {
        let mut database = Database::new();
        assert!(!database.is_present(dict::TVR));
        database.set(dict::TVR, &[]);
        assert_eq!((database.get(dict::TVR), database.value(dict::TVR)), (Some(&[][..]), None));
        database.set(dict::TVR, &[0; 5]);
        assert_eq!(database.value(dict::TVR), Some(&[0; 5][..]));
    }

    #[test]
    fn a_value_of_any_length_takes_the_place_of_an_earlier_one() {
        let mut database = Database::new();
        database.set(dict::PAN, &[0x47; 8]);
        for length in [3, 8, 0, 7, 12, 1, 200] {
            let value = [length as u8; 200];
            database.set(dict::ISSUER_APPLICATION_DATA, &value[..length]);
            assert_eq!(database.get(dict::ISSUER_APPLICATION_DATA), Some(&value[..length]));
            assert_eq!(database.get(dict::PAN), Some(&[0x47; 8][..]));
        }
        assert_eq!(database.iter().map(|(tag, _)| tag).collect::<Vec<_>>(), [dict::PAN, dict::ISSUER_APPLICATION_DATA]);
    }

    #[test]
    fn what_an_object_held_is_gone_once_it_is_replaced_or_removed() {
        let mut database = Database::with_room();
        for replacement in [&[][..], &[0x11], &[0x11; 9]] {
            database.set(dict::PAN, &[0x47; 8]);
            database.set(dict::PAN, replacement);
            assert!(!database.values.contains(&0x47), "{replacement:02X?}");
        }
        database.set(dict::PAN, &[0x47; 8]);
        database.remove(dict::PAN);
        assert!(!database.is_present(dict::PAN) && !database.values.contains(&0x47));
    }

    #[test]
    fn values_move_where_there_is_no_room_for_them_and_then_to_twice_the_room() {
        assert!(Database::with_room().values.capacity() >= Database::BYTES);
        let mut database = Database { index: Vec::new(), values: Vec::with_capacity(8) };
        let room = database.values.capacity();
        database.set(dict::PAN, &vec![0x47; room]);
        assert_eq!(database.values.capacity(), room);
        database.set(dict::ATC, &[0, 1]);
        assert!(database.values.capacity() >= 2 * (room + 2));

        let mut database = Database { index: Vec::new(), values: Vec::with_capacity(8) };
        let room = database.values.capacity();
        database.set(dict::PAN, &vec![0x47; room - 1]);
        database.set(dict::ISSUER_APPLICATION_DATA, &vec![0x06; room]);
        assert!(database.values.capacity() >= 2 * (2 * room - 1), "the room that is taken does not count");
    }

    #[test]
    fn the_same_objects_are_equal_whatever_became_of_them() {
        let (mut one, mut other) = (Database::new(), Database::with_room());
        one.set(dict::AIP, &[0x19, 0x80]);
        one.set(dict::ATC, &[0, 1]);
        other.set(dict::ATC, &[0, 1]);
        assert_ne!(one, other);
        other.set(dict::AIP, &[]);
        other.set(dict::AIP, &[0x19, 0x80]);
        assert_eq!(one, other);
    }

    #[test]
    fn a_record_holds_what_is_present_in_the_order_asked_for() {
        let mut database = Database::new();
        database.set(dict::ATC, &[0, 1]);
        database.set(dict::AIP, &[0x19, 0x80]);
        let record = database.record(&[dict::AIP, dict::TVR, dict::ATC]);
        assert_eq!(record, [0x82, 0x02, 0x19, 0x80, 0x9F, 0x36, 0x02, 0x00, 0x01]);
    }
}
