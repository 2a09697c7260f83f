//! The dictionary of data objects: one table of tag, name, format, length, template, source and
//! sensitivity.
//!
//! Sources: EMV Book 3 (4.4), Annex A; EMV Contactless Book B, Annex A; Book C-2, Annex A;
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

impl Format {
    /// Whether a value is coded so.
    pub fn admits(self, value: &[u8]) -> bool {
        let mut digits = value.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
        match self {
            Format::Alphabetic => value.iter().all(u8::is_ascii_alphabetic),
            Format::Alphanumeric => value.iter().all(u8::is_ascii_alphanumeric),
            Format::AlphanumericSpecial => value.iter().all(|byte| !byte.is_ascii_control()),
            Format::Binary => true,
            Format::CompressedNumeric => {
                digits.by_ref().find(|digit| *digit > 9).is_none_or(|digit| digit == 0xF)
                    && digits.all(|digit| digit == 0xF)
            }
            Format::Numeric => digits.all(|digit| digit <= 9),
        }
    }
}

impl core::fmt::Display for Format {
    /// As the books write it.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Format::Alphabetic => "a",
            Format::Alphanumeric => "an",
            Format::AlphanumericSpecial => "ans",
            Format::Binary => "b",
            Format::CompressedNumeric => "cn",
            Format::Numeric => "n",
        })
    }
}

/// Which book defines a data object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Book {
    /// EMV Book 3, for contact and contactless alike.
    Book3,
    /// EMV Contactless Book B: Entry Point.
    BookB,
    /// EMV Contactless Book C-2: Kernel 2.
    C2,
    /// EMV Contactless Book C-3: Kernel 3.
    C3,
}

/// Who gives a data object its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The card, or its issuer when the card was made.
    Icc,
    /// The issuer, in its answer to an authorisation.
    Issuer,
    /// The terminal, the reader or the kernel.
    Terminal,
}

/// How a value must be treated outside the kernel, the most careful last. The terms are those of the
/// PCI Data Security Standard.
///
/// A template is as sensitive as the most sensitive object that may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    /// Which book defines it.
    pub book: Book,
    /// How its value is coded.
    pub format: Format,
    /// The least and the greatest length of the value in bytes.
    pub length: (usize, usize),
    /// In which templates it is sent, if it is sent in one.
    pub templates: &'static [Tag],
    /// Who sets it.
    pub source: Source,
    /// How to treat it.
    pub sensitivity: Sensitivity,
}

/// Looks a data object up: where kernels give one tag different meanings, the general one.
pub fn find(tag: Tag) -> Option<&'static Object> {
    find_all(tag).first()
}

/// Looks a data object up as a kernel reads it: the meaning that its book gives the tag, and
/// otherwise the general one.
pub fn find_in(book: Book, tag: Tag) -> Option<&'static Object> {
    find_all(tag).iter().find(|object| object.book == book).or(find(tag))
}

/// Every meaning of a tag, the general one first.
pub fn find_all(tag: Tag) -> &'static [Object] {
    let key = |tag: Tag| (tag.encoded_length(), tag);
    let start = OBJECTS.partition_point(|object| key(object.tag) < key(tag));
    let count = OBJECTS[start..].partition_point(|object| object.tag == tag);
    &OBJECTS[start..start + count]
}

/// The format of a data object, where the books define one.
pub fn format(tag: Tag) -> Option<Format> {
    find(tag).map(|object| object.format)
}

/// How to treat a data object: with several meanings as the most careful of them asks, and one that
/// nobody defined as cardholder data.
pub fn sensitivity(tag: Tag) -> Sensitivity {
    find_all(tag).iter().map(|object| object.sensitivity).max().unwrap_or(Sensitivity::Cardholder)
}

macro_rules! dictionary {
    ($(
        $constant:ident = $tag:literal, $name:literal, $book:ident, $format:ident, $min:literal..=$max:literal,
        $templates:expr, $source:ident, $sensitivity:ident;
    )*) => {
        $(#[doc = concat!($name, ", `", stringify!($tag), "`.")] pub const $constant: Tag = Tag::new($tag);)*

        /// Every data object, ordered by the length of its tag and then by the tag.
        pub static OBJECTS: &[super::Object] = &[$(super::Object {
            tag: $constant, name: $name, book: $book, format: $format, length: ($min, $max),
            templates: $templates, source: $source, sensitivity: $sensitivity,
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
            assert!(key(&pair[0]) <= key(&pair[1]), "{} before {}", pair[0].tag, pair[1].tag);
        }
        for object in OBJECTS {
            assert!(find_all(object.tag).contains(object));
            assert_eq!(find_in(object.book, object.tag), Some(object), "{} twice in one book", object.tag);
        }
    }

    #[test]
    fn a_format_admits_what_is_coded_so() {
        for (format, value, admitted) in [
            (Format::Alphabetic, &b"de"[..], true),
            (Format::Alphabetic, b"d1", false),
            (Format::Alphanumeric, b"TERM0001", true),
            (Format::Alphanumeric, b"TERM 001", false),
            (Format::AlphanumericSpecial, b"Caf\xE9 7", true),
            (Format::AlphanumericSpecial, b"Caf\n", false),
            (Format::Binary, &[0xFF], true),
            (Format::CompressedNumeric, &[0x12, 0x34], true),
            (Format::CompressedNumeric, &[0x12, 0x3F, 0xFF], true),
            (Format::CompressedNumeric, &[0x12, 0xF3], false),
            (Format::CompressedNumeric, &[0x1A], false),
            (Format::Numeric, &[0x09, 0x78], true),
            (Format::Numeric, &[0x09, 0x7F], false),
        ] {
            assert_eq!(format.admits(value), admitted, "{format} {value:02X?}");
        }
    }

    #[test]
    fn a_tag_that_kernels_share_is_found_as_each_of_them_reads_it() {
        assert_eq!(TTQ, PUNATC_TRACK2);
        assert_eq!(find(TTQ).map(|object| object.length), Some((4, 4)));
        assert_eq!(find_in(Book::C2, TTQ).map(|object| object.name), Some("PUNATC (Track2)"));
        assert_eq!(find_in(Book::C3, TTQ), find(TTQ));
        assert_eq!(find_in(Book::C2, AIP), find(AIP));
    }

    #[test]
    fn a_template_is_as_sensitive_as_what_may_stand_in_it() {
        for object in OBJECTS {
            for template in object.templates {
                assert!(sensitivity(*template) >= object.sensitivity, "{} in {template}", object.tag);
            }
        }
    }

    #[test]
    fn values_of_fixed_format_have_lengths_that_it_allows() {
        for object in OBJECTS {
            assert!(object.length.0 <= object.length.1, "{}", object.tag);
            assert!(!object.tag.is_constructed() || object.format == Format::Binary, "{}", object.tag);
        }
    }

    #[test]
    fn account_data_and_what_proves_the_card_s_presence_are_not_public() {
        for tag in [PAN, CARDHOLDER_NAME, CARDHOLDER_NAME_EXTENDED, APPLICATION_EXPIRATION_DATE, SERVICE_CODE, DS_ID] {
            assert_eq!(sensitivity(tag), Sensitivity::Cardholder, "{tag}");
        }
        for tag in [TRACK_1_DATA, TRACK_2_EQUIVALENT_DATA, TRACK_2_DATA, CVC3_TRACK1, CVC3_TRACK2, TRANSACTION_PIN_DATA]
        {
            assert_eq!(sensitivity(tag), Sensitivity::Authentication, "{tag}");
        }
    }

    #[test]
    fn a_certificate_of_the_card_s_own_keys_discloses_the_pan() {
        for tag in [
            ICC_PUBLIC_KEY_CERTIFICATE,
            ICC_PUBLIC_KEY_REMAINDER,
            ICC_PIN_ENCIPHERMENT_PUBLIC_KEY_CERTIFICATE,
            ICC_PIN_ENCIPHERMENT_PUBLIC_KEY_REMAINDER,
        ] {
            assert_eq!(sensitivity(tag), Sensitivity::Cardholder, "{tag}");
        }
    }

    #[test]
    fn an_unknown_tag_is_treated_as_cardholder_data() {
        assert_eq!(find(Tag::new(0xDF_7F7F)), None);
        assert_eq!(sensitivity(Tag::new(0xDF_7F7F)), Sensitivity::Cardholder);
    }
}
