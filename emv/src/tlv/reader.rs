//! The borrowed reader.

use core::mem;

use arrayvec::ArrayVec;

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
    #[inline]
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
        check(bytes)?;
        Ok(Tlvs { bytes })
    }

    /// The objects of this level, in order.
    #[inline]
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
    #[inline]
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
    #[inline]
    fn next(&mut self) -> Option<Tlv<'a>> {
        self.cursor.next_object().expect("checked when the list was parsed")
    }
}

/// One walk forward: into each constructed object where it stands, and on after it where it ends.
fn check(bytes: &[u8]) -> Result<(), Error> {
    let mut outer = ArrayVec::<Cursor<'_>, { MAX_DEPTH - 1 }>::new();
    let mut cursor = Cursor::new(bytes);
    loop {
        match cursor.next_object()? {
            Some(object) if object.tag.is_constructed() => {
                let after = mem::replace(&mut cursor, Cursor::new(object.value));
                outer.try_push(after).map_err(|_| Error::TooDeep)?;
            }
            Some(_) => {}
            None => match outer.pop() {
                Some(after) => cursor = after,
                None => return Ok(()),
            },
        }
    }
}

/// Walks over bytes: tags, lengths, values.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    #[inline]
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

    pub(crate) fn tag(&mut self) -> Result<Tag, Error> {
        let (tag, rest) = tag(self.rest)?;
        self.rest = rest;
        Ok(tag)
    }

    /// The next object, or nothing where only padding is left.
    // Always: in each loop it then keeps what is left in registers, which takes half the time.
    #[inline(always)]
    pub(crate) fn next_object(&mut self) -> Result<Option<Tlv<'a>>, Error> {
        if let [0x00, ..] = self.rest {
            self.rest = without_padding(self.rest);
        }
        let object = self.rest;
        if object.is_empty() {
            return Ok(None);
        }
        let (tag, rest) = tag(object)?;
        let (length, rest) = length(rest)?;
        let Some((value, rest)) = rest.split_at_checked(length) else {
            return Err(Error::Truncated { expected: length, available: rest.len() });
        };
        self.rest = rest;
        Ok(Some(Tlv { tag, value, encoded: &object[..object.len() - rest.len()] }))
    }
}

/// What is left of bytes that begin with padding.
#[cold]
fn without_padding(bytes: &[u8]) -> &[u8] {
    let first = bytes.iter().position(|byte| *byte != 0x00).unwrap_or(bytes.len());
    &bytes[first..]
}

/// A tag, and what follows it (EMV Book 3, Annex B1).
#[inline]
fn tag(bytes: &[u8]) -> Result<(Tag, &[u8]), Error> {
    match *bytes {
        [only, ref rest @ ..] if only & 0x1F != 0x1F => Ok((Tag::new(u32::from(only)), rest)),
        [first, last @ 0x00..=0x7F, ref rest @ ..] => Ok((Tag::new(u32::from(first) << 8 | u32::from(last)), rest)),
        _ => long_tag(bytes),
    }
}

/// A first byte that ends in five set bits is followed by further bytes, all but the last with bit 8 set.
#[cold]
fn long_tag(bytes: &[u8]) -> Result<(Tag, &[u8]), Error> {
    let further = bytes.iter().skip(1).position(|byte| byte & 0x80 == 0).ok_or(Error::MalformedTag)?;
    let (tag, rest) = bytes.split_at(further + 2);
    if tag.len() > Tag::MAX_LENGTH {
        return Err(Error::MalformedTag);
    }
    Ok((Tag::new(tag.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))), rest))
}

/// A length, and what follows it (EMV Book 3, Annex B2).
#[inline]
fn length(bytes: &[u8]) -> Result<(usize, &[u8]), Error> {
    match *bytes {
        [length @ 0x00..=0x7F, ref rest @ ..] | [0x81, length, ref rest @ ..] => Ok((usize::from(length), rest)),
        _ => long_length(bytes),
    }
}

/// A length in two or three bytes after the first.
#[cold]
fn long_length(bytes: &[u8]) -> Result<(usize, &[u8]), Error> {
    match *bytes {
        [0x82, a, b, ref rest @ ..] => Ok((usize::from(u16::from_be_bytes([a, b])), rest)),
        [0x83, a, b, c, ref rest @ ..] => Ok((usize::from(a) << 16 | usize::from(u16::from_be_bytes([b, c])), rest)),
        _ => Err(Error::MalformedLength),
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
    fn reads_tags_of_four_bytes_and_lengths_of_three_more() {
        let bytes = [0xDF, 0x81, 0x29, 0x81, 0x01, 0x11, 0xDF, 0x81, 0x82, 0x03, 0x83, 0x00, 0x00, 0x02, 0x22, 0x33];
        let objects: alloc::vec::Vec<_> =
            Tlvs::parse(&bytes).unwrap().iter().map(|o| (o.tag.number(), o.value)).collect();
        assert_eq!(objects, [(0xDF_8129, &[0x11][..]), (0xDF81_8203, &[0x22, 0x33])]);
        let long = [&[0x82, 0x83, 0x01, 0x02, 0x03][..], &[0xAA; 0x01_0203]].concat();
        assert_eq!(Tlv::parse(&long).unwrap().value.len(), 0x01_0203);
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
