//! The fields of ISO 8583:1987: their names, formats and sensitivity, as one table.

use std::fmt;
use std::str::FromStr;

use emv::dict::Sensitivity::{self, Authentication, Cardholder, Public};

/// What a field may hold (ISO 8583:1987, 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// `n`: digits. Fixed fields are filled with zeros on the left.
    Numeric,
    /// `a`: letters. Fixed text fields are filled with spaces on the right.
    Alphabetic,
    /// `an`: letters, digits and the spaces that fill them.
    Alphanumeric,
    /// `ans`: printable characters.
    AlphanumericSpecial,
    /// `z`: the code set of tracks 2 and 3, digits and `:;<=>?`; the field separator is `=`.
    Track,
    /// `b`: bytes.
    Binary,
}

impl Content {
    const NOTATION: [(&'static str, Self); 6] = [
        ("n", Self::Numeric),
        ("a", Self::Alphabetic),
        ("an", Self::Alphanumeric),
        ("ans", Self::AlphanumericSpecial),
        ("z", Self::Track),
        ("b", Self::Binary),
    ];

    /// Whether `byte` may stand in such a field.
    pub fn allows(self, byte: u8) -> bool {
        match self {
            Self::Numeric => byte.is_ascii_digit(),
            Self::Alphabetic => byte.is_ascii_alphabetic() || byte == b' ',
            Self::Alphanumeric => byte.is_ascii_alphanumeric() || byte == b' ',
            Self::AlphanumericSpecial => byte == b' ' || byte.is_ascii_graphic(),
            Self::Track => (0x30..=0x3F).contains(&byte),
            Self::Binary => true,
        }
    }

    /// Whether a dialect with packed digits sends two of its characters in a byte.
    pub(super) fn is_packable(self) -> bool {
        matches!(self, Self::Numeric | Self::Track)
    }
}

/// How the length of a field is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// Always the same.
    Fixed,
    /// Two digits of length come before it.
    Llvar,
    /// Three digits of length come before it.
    Lllvar,
}

/// The format of a field: what it holds, and how much.
///
/// Written and read as the standard does: `n6`, `an12`, `n..19` (LLVAR), `ans...999` (LLLVAR); the number is a
/// count of characters, and of bytes for `b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// What the field holds.
    pub content: Content,
    /// Whether its length varies.
    pub length: Length,
    /// The length of a fixed field, the greatest length of a variable one.
    pub limit: usize,
}

/// A format that is not one: see [`Format`] for how to write it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a field format: write for example n6, an12, z..37 or b...255, with at most 99 or 999 in a variable field"
)]
pub struct InvalidFormat(String);

impl FromStr for Format {
    type Err = InvalidFormat;

    fn from_str(text: &str) -> Result<Self, InvalidFormat> {
        let invalid = || InvalidFormat(text.to_owned());
        let digits = text.find(|c: char| c.is_ascii_digit()).ok_or_else(invalid)?;
        let (kind, limit) = text.split_at(digits);
        let content = kind.trim_end_matches('.');
        let (length, greatest) = match kind.len() - content.len() {
            0 => (Length::Fixed, 999),
            2 => (Length::Llvar, 99),
            3 => (Length::Lllvar, 999),
            _ => return Err(invalid()),
        };
        let (_, content) = *Content::NOTATION.iter().find(|(name, _)| *name == content).ok_or_else(invalid)?;
        let limit = limit.parse().ok().filter(|limit| (1..=greatest).contains(limit)).ok_or_else(invalid)?;
        Ok(Self { content, length, limit })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = Content::NOTATION.iter().find(|(_, content)| *content == self.content);
        let (content, _) = content.expect("the notation names every content");
        let dots = match self.length {
            Length::Fixed => "",
            Length::Llvar => "..",
            Length::Lllvar => "...",
        };
        write!(f, "{content}{dots}{}", self.limit)
    }
}

/// A field of ISO 8583:1987.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its number, the position of its bit in the bitmap: 2 to 128.
    pub number: u8,
    /// Its name.
    pub name: &'static str,
    /// Its format; a [`Dialect`](super::Dialect) may say otherwise.
    pub format: Format,
    /// How its value must be treated. Fields for private use may hold anything: they count as cardholder data.
    pub sensitivity: Sensitivity,
}

/// Looks a field up. Fields 1 and 65 are bitmaps, and not fields.
pub fn find(number: u8) -> Option<&'static Field> {
    let index = FIELDS.binary_search_by_key(&number, |field| field.number);
    index.ok().map(|index| &FIELDS[index])
}

/// A text that is not the number of a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a field: the numbers 2 to 64 and 66 to 128 are")]
pub struct NoSuchField(String);

/// Reads the number of a field.
pub fn number(text: &str) -> Result<u8, NoSuchField> {
    let number = text.parse().ok().filter(|number| find(*number).is_some());
    number.ok_or_else(|| NoSuchField(text.to_owned()))
}

const fn format(content: Content, length: Length, limit: usize) -> Format {
    Format { content, length, limit }
}
const fn n(limit: usize) -> Format {
    format(Content::Numeric, Length::Fixed, limit)
}
const fn an(limit: usize) -> Format {
    format(Content::Alphanumeric, Length::Fixed, limit)
}
const fn ans(limit: usize) -> Format {
    format(Content::AlphanumericSpecial, Length::Fixed, limit)
}
const fn b(limit: usize) -> Format {
    format(Content::Binary, Length::Fixed, limit)
}
const fn ll(content: Content, limit: usize) -> Format {
    format(content, Length::Llvar, limit)
}
const fn lll(content: Content, limit: usize) -> Format {
    format(content, Length::Lllvar, limit)
}
const fn field(number: u8, name: &'static str, format: Format, sensitivity: Sensitivity) -> Field {
    Field { number, name, format, sensitivity }
}

use Content::{Alphanumeric as An, AlphanumericSpecial as Ans, Binary as B, Numeric as N, Track as Z};

/// Every field, in order of its number. Fees and net amounts (28 to 31, 97) are a letter C or D and digits.
pub const FIELDS: [Field; 126] = [
    field(2, "Primary Account Number (PAN)", ll(N, 19), Cardholder),
    field(3, "Processing Code", n(6), Public),
    field(4, "Amount, Transaction", n(12), Public),
    field(5, "Amount, Settlement", n(12), Public),
    field(6, "Amount, Cardholder Billing", n(12), Public),
    field(7, "Transmission Date and Time", n(10), Public),
    field(8, "Amount, Cardholder Billing Fee", n(8), Public),
    field(9, "Conversion Rate, Settlement", n(8), Public),
    field(10, "Conversion Rate, Cardholder Billing", n(8), Public),
    field(11, "Systems Trace Audit Number (STAN)", n(6), Public),
    field(12, "Time, Local Transaction", n(6), Public),
    field(13, "Date, Local Transaction", n(4), Public),
    field(14, "Date, Expiration", n(4), Cardholder),
    field(15, "Date, Settlement", n(4), Public),
    field(16, "Date, Conversion", n(4), Public),
    field(17, "Date, Capture", n(4), Public),
    field(18, "Merchant Type", n(4), Public),
    field(19, "Acquiring Institution Country Code", n(3), Public),
    field(20, "PAN Extended Country Code", n(3), Public),
    field(21, "Forwarding Institution Country Code", n(3), Public),
    field(22, "Point of Service Entry Mode", n(3), Public),
    field(23, "Card Sequence Number", n(3), Public),
    field(24, "Network International Identifier", n(3), Public),
    field(25, "Point of Service Condition Code", n(2), Public),
    field(26, "Point of Service PIN Capture Code", n(2), Public),
    field(27, "Authorisation Identification Response Length", n(1), Public),
    field(28, "Amount, Transaction Fee", an(9), Public),
    field(29, "Amount, Settlement Fee", an(9), Public),
    field(30, "Amount, Transaction Processing Fee", an(9), Public),
    field(31, "Amount, Settlement Processing Fee", an(9), Public),
    field(32, "Acquiring Institution Identification Code", ll(N, 11), Public),
    field(33, "Forwarding Institution Identification Code", ll(N, 11), Public),
    field(34, "Primary Account Number, Extended", ll(Ans, 28), Cardholder),
    field(35, "Track 2 Data", ll(Z, 37), Authentication),
    field(36, "Track 3 Data", lll(Z, 104), Authentication),
    field(37, "Retrieval Reference Number", an(12), Public),
    field(38, "Authorisation Identification Response", an(6), Public),
    field(39, "Response Code", an(2), Public),
    field(40, "Service Restriction Code", an(3), Public),
    field(41, "Card Acceptor Terminal Identification", ans(8), Public),
    field(42, "Card Acceptor Identification Code", ans(15), Public),
    field(43, "Card Acceptor Name/Location", ans(40), Public),
    field(44, "Additional Response Data", ll(Ans, 25), Public),
    field(45, "Track 1 Data", ll(Ans, 76), Authentication),
    field(46, "Additional Data - ISO", lll(Ans, 999), Cardholder),
    field(47, "Additional Data - National", lll(Ans, 999), Cardholder),
    field(48, "Additional Data - Private", lll(Ans, 999), Cardholder),
    field(49, "Currency Code, Transaction", n(3), Public),
    field(50, "Currency Code, Settlement", n(3), Public),
    field(51, "Currency Code, Cardholder Billing", n(3), Public),
    field(52, "Personal Identification Number (PIN) Data", b(8), Authentication),
    field(53, "Security Related Control Information", n(16), Cardholder),
    field(54, "Additional Amounts", lll(An, 120), Public),
    field(55, "ICC System Related Data", lll(B, 999), Authentication),
    field(56, "Reserved ISO", lll(Ans, 999), Cardholder),
    field(57, "Reserved National", lll(Ans, 999), Cardholder),
    field(58, "Reserved National", lll(Ans, 999), Cardholder),
    field(59, "Reserved National", lll(Ans, 999), Cardholder),
    field(60, "Reserved Private", lll(Ans, 999), Cardholder),
    field(61, "Reserved Private", lll(Ans, 999), Cardholder),
    field(62, "Reserved Private", lll(Ans, 999), Cardholder),
    field(63, "Reserved Private", lll(Ans, 999), Cardholder),
    field(64, "Message Authentication Code", b(8), Public),
    field(66, "Settlement Code", n(1), Public),
    field(67, "Extended Payment Code", n(2), Public),
    field(68, "Receiving Institution Country Code", n(3), Public),
    field(69, "Settlement Institution Country Code", n(3), Public),
    field(70, "Network Management Information Code", n(3), Public),
    field(71, "Message Number", n(4), Public),
    field(72, "Message Number, Last", n(4), Public),
    field(73, "Date, Action", n(6), Public),
    field(74, "Credits, Number", n(10), Public),
    field(75, "Credits, Reversal Number", n(10), Public),
    field(76, "Debits, Number", n(10), Public),
    field(77, "Debits, Reversal Number", n(10), Public),
    field(78, "Transfer, Number", n(10), Public),
    field(79, "Transfer, Reversal Number", n(10), Public),
    field(80, "Inquiries, Number", n(10), Public),
    field(81, "Authorisations, Number", n(10), Public),
    field(82, "Credits, Processing Fee Amount", n(12), Public),
    field(83, "Credits, Transaction Fee Amount", n(12), Public),
    field(84, "Debits, Processing Fee Amount", n(12), Public),
    field(85, "Debits, Transaction Fee Amount", n(12), Public),
    field(86, "Credits, Amount", n(16), Public),
    field(87, "Credits, Reversal Amount", n(16), Public),
    field(88, "Debits, Amount", n(16), Public),
    field(89, "Debits, Reversal Amount", n(16), Public),
    field(90, "Original Data Elements", n(42), Public),
    field(91, "File Update Code", an(1), Public),
    field(92, "File Security Code", an(2), Public),
    field(93, "Response Indicator", an(5), Public),
    field(94, "Service Indicator", an(7), Public),
    field(95, "Replacement Amounts", an(42), Public),
    field(96, "Message Security Code", b(8), Authentication),
    field(97, "Amount, Net Settlement", an(17), Public),
    field(98, "Payee", ans(25), Cardholder),
    field(99, "Settlement Institution Identification Code", ll(N, 11), Public),
    field(100, "Receiving Institution Identification Code", ll(N, 11), Public),
    field(101, "File Name", ll(Ans, 17), Public),
    field(102, "Account Identification 1", ll(Ans, 28), Cardholder),
    field(103, "Account Identification 2", ll(Ans, 28), Cardholder),
    field(104, "Transaction Description", lll(Ans, 100), Cardholder),
    field(105, "Reserved for ISO Use", lll(Ans, 999), Cardholder),
    field(106, "Reserved for ISO Use", lll(Ans, 999), Cardholder),
    field(107, "Reserved for ISO Use", lll(Ans, 999), Cardholder),
    field(108, "Reserved for ISO Use", lll(Ans, 999), Cardholder),
    field(109, "Reserved for ISO Use", lll(Ans, 999), Cardholder),
    field(110, "Reserved for ISO Use", lll(Ans, 999), Cardholder),
    field(111, "Reserved for ISO Use", lll(Ans, 999), Cardholder),
    field(112, "Reserved for National Use", lll(Ans, 999), Cardholder),
    field(113, "Reserved for National Use", lll(Ans, 999), Cardholder),
    field(114, "Reserved for National Use", lll(Ans, 999), Cardholder),
    field(115, "Reserved for National Use", lll(Ans, 999), Cardholder),
    field(116, "Reserved for National Use", lll(Ans, 999), Cardholder),
    field(117, "Reserved for National Use", lll(Ans, 999), Cardholder),
    field(118, "Reserved for National Use", lll(Ans, 999), Cardholder),
    field(119, "Reserved for National Use", lll(Ans, 999), Cardholder),
    field(120, "Reserved for Private Use", lll(Ans, 999), Cardholder),
    field(121, "Reserved for Private Use", lll(Ans, 999), Cardholder),
    field(122, "Reserved for Private Use", lll(Ans, 999), Cardholder),
    field(123, "Reserved for Private Use", lll(Ans, 999), Cardholder),
    field(124, "Reserved for Private Use", lll(Ans, 999), Cardholder),
    field(125, "Reserved for Private Use", lll(Ans, 999), Cardholder),
    field(126, "Reserved for Private Use", lll(Ans, 999), Cardholder),
    field(127, "Reserved for Private Use", lll(Ans, 999), Cardholder),
    field(128, "Message Authentication Code", b(8), Public),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_every_field_but_the_bitmaps_in_order() {
        let numbers: Vec<u8> = FIELDS.iter().map(|field| field.number).collect();
        let expected: Vec<u8> = (2..=128).filter(|number| *number != 65).collect();
        assert_eq!(numbers, expected);
        assert_eq!(find(65), None);
        assert_eq!(find(39).map(|field| field.name), Some("Response Code"));
    }

    #[test]
    fn a_format_reads_as_it_is_written() {
        for field in FIELDS {
            assert_eq!(field.format.to_string().parse(), Ok(field.format), "field {}", field.number);
        }
        assert_eq!("z..37".parse(), Ok(ll(Z, 37)));
        assert_eq!("ans...999".parse(), Ok(lll(Ans, 999)));
    }

    #[test]
    fn a_format_that_is_not_one_is_refused() {
        for text in ["", "n", "n0", "q6", "n.6", "n..100", "n....6", "ans...1000", "n 6", "6", "n6x"] {
            assert_eq!(text.parse::<Format>(), Err(InvalidFormat(text.to_owned())));
        }
    }

    #[test]
    fn what_authenticates_a_card_is_never_public() {
        for number in [2, 14, 34, 35, 36, 45, 48, 52, 55, 62, 102, 127] {
            assert_ne!(find(number).map(|field| field.sensitivity), Some(Public), "field {number}");
        }
    }
}
