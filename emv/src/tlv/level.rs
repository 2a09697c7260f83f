//! One level of data objects, unopened.

use super::{Cursor, Error, Tag};

/// The data objects of one level, whose values nobody looked into.
///
/// For what is passed on as it came, such as issuer scripts, and for templates that may hold
/// proprietary objects which only look constructed. Where everything is to be read, see
/// [`Tlvs`](super::Tlvs).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Level<'a> {
    bytes: &'a [u8],
}

impl<'a> Level<'a> {
    /// Checks that `bytes` are data objects and nothing else; `00` bytes around them are padding
    /// (EMV Book 3, Annex B1).
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::new(bytes);
        while cursor.next_object()?.is_some() {}
        Ok(Level { bytes })
    }

    /// The objects in order: tag and value.
    pub fn iter(&self) -> impl Iterator<Item = (Tag, &'a [u8])> + Clone + use<'a> {
        let mut cursor = Cursor::new(self.bytes);
        core::iter::from_fn(move || {
            let object = cursor.next_object().expect("checked when the level was parsed")?;
            Some((object.tag, object.value))
        })
    }

    /// The value of the first object with this tag.
    pub fn find(&self, tag: Tag) -> Option<&'a [u8]> {
        self.iter().find(|(found, _)| *found == tag).map(|(_, value)| value)
    }
}

impl core::fmt::Debug for Level<'_> {
    /// The tags only.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter().map(|(tag, _)| tag)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dict;

    #[test]
    fn a_constructed_object_is_not_opened() {
        let bytes = [0x00, 0x71, 0x02, 0x9F, 0x36, 0x00, 0x8A, 0x02, 0x30, 0x30];
        let level = Level::parse(&bytes).unwrap();
        assert_eq!(level.find(dict::ISSUER_SCRIPT_TEMPLATE_1), Some(&[0x9F, 0x36][..]));
        assert_eq!(level.find(dict::AUTHORISATION_RESPONSE_CODE), Some(&b"00"[..]));
        assert_eq!(level.iter().count(), 2);
    }

    #[test]
    fn the_level_itself_must_be_whole() {
        assert_eq!(Level::parse(&[0x8A, 0x02, 0x30]), Err(Error::Truncated { expected: 2, available: 1 }));
        assert_eq!(Level::parse(&[]).unwrap().iter().count(), 0);
    }
}
