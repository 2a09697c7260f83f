//! The dictionary of data objects: one table of tag, name, format, length, source and sensitivity.
//!
//! Sources: EMV Book 3, Annex A; EMV Contactless Book A and Book B, Annex A; Book C-2, Annex A;
//! Book C-3, Annex A. A tag's number stands in this module and nowhere else.

mod table;

pub use table::*;

use crate::tlv::Tag;

/// How a value is coded (EMV Book 3, 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `a`: letters.
    Alphabetic,
    /// `an`: letters and digits.
    Alphanumeric,
    /// `ans`: letters, digits and special characters.
    AlphanumericSpecial,
    /// `b`: bits or bytes.
    Binary,
    /// `cn`: two digits a byte, filled with `F` on the right.
    CompressedNumeric,
    /// `n`: two digits a byte, filled with zeros on the left.
    Numeric,
}

/// Who gives a data object its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The card, or its issuer through the card.
    Icc,
    /// The terminal, the reader or the kernel.
    Terminal,
}

/// How a value must be treated outside the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sensitivity {
    /// May be logged and stored.
    Public,
    /// Cardholder data: masked in logs, truncated or encrypted at rest.
    Cardholder,
    /// Sensitive authentication data: never logged, never stored after the authorisation.
    Authentication,
}

/// What the books say of one data object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object {
    /// The tag.
    pub tag: Tag,
    /// The name the books give it.
    pub name: &'static str,
    /// How its value is coded.
    pub format: Format,
    /// The least and the greatest length of the value in bytes.
    pub length: (usize, usize),
    /// Who sets it.
    pub source: Source,
    /// How to treat it.
    pub sensitivity: Sensitivity,
}

/// Looks a data object up.
pub fn find(tag: Tag) -> Option<&'static Object> {
    let index = OBJECTS.binary_search_by_key(&(tag.encoded_length(), tag), |o| (o.tag.encoded_length(), o.tag));
    index.ok().map(|index| &OBJECTS[index])
}

/// The format of a data object, where the books define one.
pub fn format(tag: Tag) -> Option<Format> {
    find(tag).map(|object| object.format)
}

/// How to treat a data object: one that nobody defined is treated as cardholder data.
pub fn sensitivity(tag: Tag) -> Sensitivity {
    find(tag).map_or(Sensitivity::Cardholder, |object| object.sensitivity)
}

macro_rules! dictionary {
    ($($constant:ident = $tag:literal, $name:literal, $format:ident, $min:literal..=$max:literal, $source:ident, $sensitivity:ident;)*) => {
        $(#[doc = concat!($name, ".")] pub const $constant: $crate::tlv::Tag = $crate::tlv::Tag::new($tag);)*

        /// Every data object, ordered by the length of its tag and then by the tag.
        pub const OBJECTS: &[super::Object] = &[$(super::Object {
            tag: $constant, name: $name, format: $format, length: ($min, $max),
            source: $source, sensitivity: $sensitivity,
        },)*];
    };
}
use dictionary;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_finds_every_object() {
        for pair in OBJECTS.windows(2) {
            let key = |o: &Object| (o.tag.encoded_length(), o.tag);
            assert!(key(&pair[0]) < key(&pair[1]), "{} before {}", pair[0].tag, pair[1].tag);
        }
        for object in OBJECTS {
            assert_eq!(find(object.tag), Some(object));
        }
    }

    #[test]
    fn an_unknown_tag_is_treated_as_cardholder_data() {
        assert_eq!(find(Tag::new(0xDF_7F7F)), None);
        assert_eq!(sensitivity(Tag::new(0xDF_7F7F)), Sensitivity::Cardholder);
    }
}
