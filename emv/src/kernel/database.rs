//! A kernel's data objects.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::tlv::{Dol, Tag, Tlvs, Writer};

/// The data objects of one transaction, by tag. Values are wiped when they are dropped or replaced.
///
/// An object may be absent, present and empty, or present with a value; the books tell these apart.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Database {
    objects: BTreeMap<Tag, Zeroizing<Vec<u8>>>,
}

impl Database {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of an object, which may be empty; nothing where it is absent.
    pub fn get(&self, tag: Tag) -> Option<&[u8]> {
        self.objects.get(&tag).map(|value| value.as_slice())
    }

    /// The value of an object that is present and not empty.
    pub fn value(&self, tag: Tag) -> Option<&[u8]> {
        self.get(tag).filter(|value| !value.is_empty())
    }

    /// Whether an object is present, be it empty.
    pub fn is_present(&self, tag: Tag) -> bool {
        self.objects.contains_key(&tag)
    }

    /// Sets an object, in place of an earlier value.
    pub fn set(&mut self, tag: Tag, value: &[u8]) {
        self.objects.insert(tag, Zeroizing::new(value.to_vec()));
    }

    /// Makes an object absent.
    pub fn remove(&mut self, tag: Tag) {
        self.objects.remove(&tag);
    }

    /// Every object that is present, by tag.
    pub fn iter(&self) -> impl Iterator<Item = (Tag, &[u8])> {
        self.objects.iter().map(|(tag, value)| (*tag, value.as_slice()))
    }

    /// Sets every object of a list.
    pub fn set_all(&mut self, objects: Tlvs<'_>) {
        for object in objects {
            self.set(object.tag, object.value);
        }
    }

    /// The data a list asks for, in the lengths it asks for (EMV Book 3, 5.4).
    pub fn dol_data(&self, dol: Dol<'_>) -> Vec<u8> {
        dol.build(|tag| self.get(tag))
    }

    /// Those of the objects that are present, as TLV, in the order asked for.
    pub fn record(&self, tags: &[Tag]) -> Vec<u8> {
        let mut writer = Writer::new();
        for &tag in tags {
            if let Some(value) = self.get(tag) {
                writer.put(tag, value);
            }
        }
        writer.into_bytes()
    }
}

impl core::fmt::Debug for Database {
    /// The tags only.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.objects.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
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
    fn a_record_holds_what_is_present_in_the_order_asked_for() {
        let mut database = Database::new();
        database.set(dict::ATC, &[0, 1]);
        database.set(dict::AIP, &[0x19, 0x80]);
        let record = database.record(&[dict::AIP, dict::TVR, dict::ATC]);
        assert_eq!(record, [0x82, 0x02, 0x19, 0x80, 0x9F, 0x36, 0x02, 0x00, 0x01]);
    }
}
