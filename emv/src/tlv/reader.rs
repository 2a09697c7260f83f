//! The borrowed reader.

use super::{Error, MAX_DEPTH, Tag};

/// One data object, borrowed from the bytes it was read from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// What it is.
    pub tag: Tag,
    /// Its value, without tag and length.
    pub value: &'a [u8],
    /// The whole object as it stood in the message.
    pub encoded: &'a [u8],
}

impl<'a> Tlv<'a> {
    /// Reads bytes that must be exactly one data object; `00` padding around it is allowed.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut list = Tlvs::parse(bytes)?.iter();
        let first = list.next().ok_or(Error::Empty)?;
        match list.next() {
            None => Ok(first),
            Some(_) => Err(Error::TrailingBytes),
        }
    }

    /// The objects inside a constructed object; nothing for a primitive one.
    pub fn children(&self) -> Tlvs<'a> {
        Tlvs { bytes: if self.tag.is_constructed() { self.value } else { &[] } }
    }
}

impl core::fmt::Debug for Tlv<'_> {
    /// Shows tag and length only: a value may be a card number.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}[{}]", self.tag, self.value.len())
    }
}

/// A list of data objects that was checked as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tlvs<'a> {
    bytes: &'a [u8],
}

impl<'a> Tlvs<'a> {
    /// Checks that `bytes` are data objects and nothing else, down to the last level.
    ///
    /// `00` bytes before, between and after objects are padding (EMV Book 3, Annex B1). Lengths
    /// that could have been written shorter are accepted, as cards send them.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        check(bytes, 0)?;
        Ok(Tlvs { bytes })
    }

    /// The objects of this level, in order.
    pub fn iter(&self) -> Iter<'a> {
        Iter { cursor: Cursor::new(self.bytes) }
    }

    /// The value of the first object of this level with this tag.
    pub fn find(&self, tag: Tag) -> Option<&'a [u8]> {
        self.iter().find(|object| object.tag == tag).map(|object| object.value)
    }

    /// The objects inside the first object of this level with this tag.
    pub fn find_template(&self, tag: Tag) -> Option<Tlvs<'a>> {
        self.iter().find(|object| object.tag == tag && tag.is_constructed()).map(|object| object.children())
    }

    /// Whether there is no object at all.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The bytes this list was read from.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<'a> IntoIterator for Tlvs<'a> {
    type Item = Tlv<'a>;
    type IntoIter = Iter<'a>;
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl core::fmt::Debug for Tlvs<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Iterates over one level of a [`Tlvs`].
#[derive(Clone)]
pub struct Iter<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Tlv<'a>;
    fn next(&mut self) -> Option<Tlv<'a>> {
        self.cursor.next_object().expect("checked when the list was parsed")
    }
}

fn check(bytes: &[u8], depth: usize) -> Result<(), Error> {
    let mut cursor = Cursor::new(bytes);
    while let Some(object) = cursor.next_object()? {
        if object.tag.is_constructed() {
            if depth + 1 >= MAX_DEPTH {
                return Err(Error::TooDeep);
            }
            check(object.value, depth + 1)?;
        }
    }
    Ok(())
}

/// Walks over bytes: tags, lengths, values.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Cursor { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// EMV Book 3, Annex B1: a first byte that ends in five set bits is followed by further bytes,
    /// all but the last with bit 8 set.
    pub(crate) fn tag(&mut self) -> Result<Tag, Error> {
        let first = self.byte().ok_or(Error::MalformedTag)?;
        let mut number = u32::from(first);
        if first & 0x1F == 0x1F {
            let mut length = 1;
            loop {
                let next = self.byte().ok_or(Error::MalformedTag)?;
                length += 1;
                if length > Tag::MAX_LENGTH {
                    return Err(Error::MalformedTag);
                }
                number = number << 8 | u32::from(next);
                if next & 0x80 == 0 {
                    break;
                }
            }
        }
        Ok(Tag::new(number))
    }

    /// EMV Book 3, Annex B2.
    fn length(&mut self) -> Result<usize, Error> {
        let first = self.byte().ok_or(Error::MalformedLength)?;
        if first < 0x80 {
            return Ok(usize::from(first));
        }
        let count = usize::from(first & 0x7F);
        if !(1..=3).contains(&count) {
            return Err(Error::MalformedLength);
        }
        (0..count).try_fold(0, |length, _| {
            self.byte().map(|byte| length << 8 | usize::from(byte)).ok_or(Error::MalformedLength)
        })
    }

    /// The next object, or nothing where only padding is left.
    pub(crate) fn next_object(&mut self) -> Result<Option<Tlv<'a>>, Error> {
        while let [0x00, rest @ ..] = self.rest {
            self.rest = rest;
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let start = self.rest;
        let tag = self.tag()?;
        let length = self.length()?;
        let Some((value, rest)) = self.rest.split_at_checked(length) else {
            return Err(Error::Truncated { expected: length, available: self.rest.len() });
        };
        self.rest = rest;
        Ok(Some(Tlv { tag, value, encoded: &start[..start.len() - rest.len()] }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_nested_objects() {
        let bytes = [0x6F, 0x07, 0x84, 0x02, 0xA0, 0x00, 0xA5, 0x01, 0x00];
        let list = Tlvs::parse(&bytes).unwrap();
        let fci = list.find_template(Tag::new(0x6F)).unwrap();
        assert_eq!(fci.find(Tag::new(0x84)), Some(&[0xA0, 0x00][..]));
        assert!(fci.find_template(Tag::new(0xA5)).unwrap().is_empty(), "a template of padding only");
    }

    #[test]
    fn skips_padding_before_between_and_after() {
        let bytes = [0x00, 0x82, 0x01, 0x11, 0x00, 0x00, 0x95, 0x00, 0x00];
        let tags: alloc::vec::Vec<_> = Tlvs::parse(&bytes).unwrap().iter().map(|o| o.tag.number()).collect();
        assert_eq!(tags, [0x82, 0x95]);
    }

    #[test]
    fn accepts_lengths_longer_than_needed() {
        let bytes = [0x82, 0x82, 0x00, 0x01, 0x7C];
        assert_eq!(Tlv::parse(&bytes).unwrap().value, [0x7C]);
    }

    #[test]
    fn refuses_what_is_cut_short_anywhere() {
        let whole = [0x70, 0x0A, 0x9F, 0x36, 0x02, 0x00, 0x01, 0x9F, 0x26, 0x81, 0x01, 0xAA];
        assert!(Tlvs::parse(&whole).is_ok());
        for end in 1..whole.len() {
            assert!(Tlvs::parse(&whole[..end]).is_err(), "{end} bytes");
        }
    }

    #[test]
    fn a_bad_child_spoils_the_whole() {
        let bytes = [0x82, 0x01, 0x11, 0x70, 0x02, 0x9F, 0x36];
        assert_eq!(Tlvs::parse(&bytes), Err(Error::MalformedLength));
    }

    #[test]
    fn refuses_indefinite_and_oversized_lengths() {
        assert_eq!(Tlvs::parse(&[0x82, 0x80, 0x00, 0x00]), Err(Error::MalformedLength));
        assert_eq!(Tlvs::parse(&[0x82, 0x84, 0, 0, 0, 1, 9]), Err(Error::MalformedLength));
    }

    #[test]
    fn refuses_nesting_without_end() {
        let mut bytes = alloc::vec::Vec::new();
        for level in (0..40).rev() {
            bytes.extend([0x70, 2 * level]);
        }
        assert_eq!(Tlvs::parse(&bytes), Err(Error::TooDeep));
    }

    #[test]
    fn a_single_object_must_stand_alone() {
        assert_eq!(Tlv::parse(&[0x82, 0x00, 0x95, 0x00]), Err(Error::TrailingBytes));
        assert_eq!(Tlv::parse(&[]), Err(Error::Empty));
    }

    #[test]
    fn tags_are_read_from_text() {
        assert_eq!("9F02".parse(), Ok(Tag::new(0x9F02)));
        assert_eq!("DF8129".parse(), Ok(Tag::new(0xDF_8129)));
        for wrong in ["", "9", "9F", "8202", "9F8182838401", "+1", "ZZ"] {
            assert_eq!(wrong.parse::<Tag>(), Err(Error::MalformedTag), "{wrong}");
        }
    }
}
