//! How the values of a personality are written.

use std::collections::BTreeMap;

use emv::fields::{Auc, Ctq, Date, Pan};
use emv::tlv::Tag;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::hex;

/// A country, a currency or a service code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::card) struct ThreeDigits(pub(super) [u8; 3]);

impl ThreeDigits {
    /// As n 3, 2 bytes.
    pub(in crate::card) const fn bcd(self) -> [u8; 2] {
        let [a, b, c] = self.0;
        [a, b << 4 | c]
    }
}

impl std::fmt::Display for ThreeDigits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|digit| write!(f, "{digit}"))
    }
}

impl<'de> Deserialize<'de> for ThreeDigits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, "expected three digits", |text| {
            let digits: [u8; 3] = text.as_bytes().try_into().ok()?;
            digits.iter().all(u8::is_ascii_digit).then(|| ThreeDigits(digits.map(|digit| digit - b'0')))
        })
    }
}

/// Reads a string; `parse` gives nothing where it is not what is `expected`.
pub(super) fn read<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, D::Error> {
    parse(&String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom(expected))
}

pub(super) fn aid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    read(deserializer, "expected 5 to 16 bytes in hexadecimal", |text| {
        hex::decode(text).filter(|aid| (5..=16).contains(&aid.len()))
    })
}

/// Printable ASCII, of which the books allow these lengths.
pub(super) fn printable(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<String> {
    let printable = text.bytes().all(|c| c == b' ' || c.is_ascii_graphic());
    (printable && length.contains(&text.len())).then(|| text.to_owned())
}

pub(super) fn label<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    read(deserializer, "expected 1 to 16 printable characters", |text| printable(text, 1..=16))
}

pub(super) fn preferred_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    label(deserializer).map(Some)
}

pub(super) fn cardholder_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    read(deserializer, "expected 2 to 26 printable characters", |text| printable(text, 2..=26))
}

pub(super) fn number<'de, D: Deserializer<'de>>(
    deserializer: D,
    most: u8,
    expected: &'static str,
) -> Result<u8, D::Error> {
    let number = u8::deserialize(deserializer)?;
    if number <= most { Ok(number) } else { Err(D::Error::custom(expected)) }
}

pub(super) fn priority<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    number(deserializer, 15, "expected a priority of 0 to 15")
}

pub(super) fn sequence_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    number(deserializer, 99, "expected a PAN sequence number of 0 to 99")
}

pub(super) fn pan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pan, D::Error> {
    read(deserializer, "expected a card number of 8 to 19 digits", |text| Pan::from_digits(text).ok())
}

pub(super) fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    read(deserializer, "expected a day from 1950-01-01 to 2049-12-31", |text| {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let day = Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
        parts.next().is_none().then_some(day)
    })
}

pub(super) fn usage<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Auc, D::Error> {
    hex::deserialize(deserializer).map(Auc::from_bytes)
}

pub(super) fn ctq<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ctq, D::Error> {
    hex::deserialize(deserializer).map(Ctq::from_bytes)
}

pub(super) fn form_factor_indicator<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    read(deserializer, "expected 4 to 32 bytes in hexadecimal", |text| {
        hex::decode(text).filter(|bytes| (4..=32).contains(&bytes.len())).map(Some)
    })
}

pub(super) fn ca_index<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    hex::deserialize(deserializer).map(|[index]: [u8; 1]| Some(index))
}

pub(super) fn tags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Tag>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| tag(text).ok_or_else(|| D::Error::custom(A_TAG))).collect()
}

pub(super) fn by_tag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Tag, Vec<u8>>, D::Error> {
    bytes_by_key(deserializer, A_TAG, tag)
}

/// Whole responses, by the number of the command.
pub(super) fn answers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u32, Vec<u8>>, D::Error> {
    bytes_by_key(deserializer, "expected the number of a command, counted from 1", |text| {
        text.parse().ok().filter(|number| *number > 0)
    })
}

const A_TAG: &str = "expected a tag of 1 to 4 bytes in hexadecimal";

fn tag(text: &str) -> Option<Tag> {
    let bytes = hex::decode(text).filter(|bytes| (1..=Tag::MAX_LENGTH).contains(&bytes.len()))?;
    Some(Tag::new(bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))))
}

fn bytes_by_key<'de, D: Deserializer<'de>, K: Ord>(
    deserializer: D,
    expected: &'static str,
    key: impl Fn(&str) -> Option<K>,
) -> Result<BTreeMap<K, Vec<u8>>, D::Error> {
    let entries = BTreeMap::<String, String>::deserialize(deserializer)?;
    let entry = |(name, text): (String, String)| {
        let key = key(&name).ok_or_else(|| D::Error::custom(expected))?;
        let bytes = hex::decode(&text).ok_or_else(|| D::Error::custom("expected pairs of hexadecimal digits"))?;
        Ok((key, bytes))
    };
    entries.into_iter().map(entry).collect()
}
