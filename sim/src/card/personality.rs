//! Personalities: what a simulated card is, as a TOML file.
//!
//! A file describes the card and one or more applications. Everything but `description`, `aid`,
//! `label`, `pan`, `expiry` and `cryptogram_version` has a default.
//!
//! This one has every key:
//!
//! ```toml
#![doc = include_str!("../../personalities/example.toml")]
//! ```

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use emv::fields::{Auc, Ctq, Date, Pan};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::crypto::CryptogramVersion;
use crate::{Scheme, hex};

/// What a simulated card is and how it behaves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Personality {
    /// What the card is for, in one line.
    pub description: String,
    /// The number of the command, counted from 1, at which the card leaves the field: it carries the
    /// command out, and its answer is lost. It happens once in the card's life.
    pub torn_at: Option<NonZeroU32>,
    /// How long the card takes for each command, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// The applications, in the order of the PPSE.
    #[serde(rename = "application")]
    pub(super) applications: Vec<Application>,
}

/// Why a personality can't be had.
#[derive(Debug, thiserror::Error)]
pub enum PersonalityError {
    /// There is no such file, or it can't be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The text is not a personality.
    #[error("{origin}:{line}: {key}: {message}")]
    Invalid {
        /// The file, or the name of the personality.
        origin: String,
        /// The line, counted from 1.
        line: usize,
        /// The key or the table that stands there.
        key: String,
        /// What is wrong with it.
        message: String,
    },
    /// No personality has this name.
    #[error("there is no personality {0:?}; there are: {list}", list = BUILT_IN.map(|(name, _)| name).join(", "))]
    Unknown(String),
}

macro_rules! built_in {
    ($($name:literal)*) => {
        /// The personalities that the program brings along: name and text.
        const BUILT_IN: [(&str, &str); [$($name),*].len()] =
            [$(($name, include_str!(concat!("../../personalities/", $name, ".toml")))),*];
    };
}

built_in! {
    "declined" "expired" "mastercard-offline-cda" "mastercard-online" "mastercard-online-cda"
    "mastercard-phone-cdcvm" "refused-by-tac" "several-applications" "slow" "torn" "torn-at-cryptogram"
    "visa-declined" "visa-expired" "visa-offline-fdda" "visa-online" "visa-online-cvn10" "visa-online-cvn17"
    "visa-phone-cdcvm" "visa-sda" "visa-wrong-signature" "wrong-ca-index" "wrong-signature"
}

impl Personality {
    /// The names of the personalities that the program brings along, in alphabetical order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// One of [`Personality::names`].
    ///
    /// # Errors
    /// [`PersonalityError::Unknown`], which lists the names.
    pub fn built_in(name: &str) -> Result<Self, PersonalityError> {
        let found = BUILT_IN.iter().find(|(known, _)| *known == name);
        let (name, text) = found.ok_or_else(|| PersonalityError::Unknown(name.to_owned()))?;
        Self::parse(name, text)
    }

    /// Reads a personality from a file.
    ///
    /// # Errors
    /// [`PersonalityError::Unreadable`] and [`PersonalityError::Invalid`].
    pub fn load(path: &Path) -> Result<Self, PersonalityError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| PersonalityError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads a personality from text; `origin` says in errors where it came from.
    ///
    /// # Errors
    /// [`PersonalityError::Invalid`].
    pub fn parse(origin: &str, text: &str) -> Result<Self, PersonalityError> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let (before, after) = text.split_at(error.span().map_or(0, |span| span.start));
            let start_of_line = before.rfind('\n').map_or(0, |end| end + 1);
            let line = text[start_of_line..].lines().next().unwrap_or(after);
            PersonalityError::Invalid {
                origin: origin.to_owned(),
                line: before.matches('\n').count() + 1,
                // The value is left out: it may be a card number.
                key: line.split('=').next().unwrap_or(line).trim().to_owned(),
                message: error.message().to_owned(),
            }
        })
    }
}

/// One payment application, checked as a whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "ApplicationTable")]
pub(super) struct Application {
    /// Whose application it is, told by its AID.
    pub(super) scheme: Scheme,
    /// How it computes cryptograms.
    pub(super) version: &'static CryptogramVersion,
    /// What the file says.
    pub(super) table: ApplicationTable,
}

/// The application as the file has it, each value right in itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplicationTable {
    #[serde(deserialize_with = "aid")]
    pub(super) aid: Vec<u8>,
    #[serde(deserialize_with = "label")]
    pub(super) label: String,
    #[serde(default, deserialize_with = "preferred_name")]
    pub(super) preferred_name: Option<String>,
    #[serde(default, deserialize_with = "priority")]
    pub(super) priority: u8,
    #[serde(deserialize_with = "pan")]
    pub(super) pan: Pan,
    #[serde(default, deserialize_with = "sequence_number")]
    pub(super) sequence_number: u8,
    #[serde(deserialize_with = "date")]
    pub(super) expiry: Date,
    #[serde(default = "default::effective", deserialize_with = "date")]
    pub(super) effective: Date,
    #[serde(default = "default::service_code")]
    pub(super) service_code: ThreeDigits,
    #[serde(default = "default::cardholder_name", deserialize_with = "cardholder_name")]
    pub(super) cardholder_name: String,
    #[serde(default = "default::country")]
    pub(super) country: ThreeDigits,
    #[serde(default = "default::currency")]
    pub(super) currency: ThreeDigits,
    #[serde(deserialize_with = "hex::deserialize")]
    cryptogram_version: [u8; 1],
    #[serde(default)]
    pub(super) authentication: Authentication,
    #[serde(default)]
    pub(super) decision: Decision,
    #[serde(default)]
    pub(super) offline_limit: u64,
    #[serde(default = "default::cvm")]
    pub(super) cvm: Vec<Cvm>,
    #[serde(default)]
    pub(super) on_device_cvm: bool,
    #[serde(default)]
    pub(super) recovers: bool,
    #[serde(default = "default::usage", deserialize_with = "usage")]
    pub(super) usage: Auc,
    #[serde(default)]
    pub(super) action_codes: ActionCodes,
    #[serde(default, deserialize_with = "ctq")]
    pub(super) ctq: Ctq,
    #[serde(default, deserialize_with = "form_factor_indicator")]
    pub(super) form_factor_indicator: Option<Vec<u8>>,
    #[serde(default)]
    pub(super) fault: Fault,
}

/// How the card proves that it is genuine, without its issuer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Authentication {
    /// Not at all.
    #[default]
    None,
    /// With the issuer's signature over its static data.
    Sda,
    /// With its own signature in the answer to GET PROCESSING OPTIONS.
    Fdda,
    /// With its own signature in the answer to GENERATE AC.
    Cda,
}

/// What the card decides where the terminal leaves it the choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Decision {
    /// Its issuer must be asked.
    #[default]
    Online,
    /// It approves offline, up to its offline limit, in its own currency.
    Offline,
    /// It declines.
    Decline,
}

/// A way to verify the cardholder that the card asks the terminal for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Cvm {
    OnlinePin,
    Signature,
    None,
}

/// Issuer Action Codes, 5 bytes each, in the bits of the TVR.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ActionCodes {
    #[serde(deserialize_with = "hex::deserialize")]
    pub(super) denial: [u8; 5],
    #[serde(deserialize_with = "hex::deserialize")]
    pub(super) online: [u8; 5],
    #[serde(deserialize_with = "hex::deserialize")]
    pub(super) default: [u8; 5],
}

/// What is wrong with the card.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fault {
    /// Its signatures are not those of its key.
    pub(super) signature: bool,
    /// It names another key of the certification authority than the one that certified its issuer.
    #[serde(deserialize_with = "ca_index")]
    pub(super) ca_index: Option<u8>,
}

impl Fault {
    /// Spoils a signature where the card's are wrong.
    pub(super) fn apply(&self, signature: &mut [u8]) {
        if let (true, Some(last)) = (self.signature, signature.last_mut()) {
            *last ^= 0x01;
        }
    }
}

/// A country, a currency or a service code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ThreeDigits([u8; 3]);

impl ThreeDigits {
    /// As n 3, 2 bytes.
    pub(super) const fn bcd(self) -> [u8; 2] {
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

/// What stands for a key that the file leaves out.
mod default {
    use super::*;

    pub(super) fn effective() -> Date {
        Date::new(2020, 1, 1).expect("a day of the calendar")
    }

    pub(super) fn service_code() -> ThreeDigits {
        ThreeDigits([2, 0, 1])
    }

    pub(super) fn cardholder_name() -> String {
        "CARD/TEST".to_owned()
    }

    /// Belgium.
    pub(super) fn country() -> ThreeDigits {
        ThreeDigits([0, 5, 6])
    }

    /// The euro.
    pub(super) fn currency() -> ThreeDigits {
        ThreeDigits([9, 7, 8])
    }

    pub(super) fn cvm() -> Vec<Cvm> {
        vec![Cvm::OnlinePin, Cvm::Signature, Cvm::None]
    }

    /// Everything is allowed.
    pub(super) fn usage() -> Auc {
        Auc::from_bytes([0xFF, 0xC0])
    }
}

impl TryFrom<ApplicationTable> for Application {
    type Error = String;

    fn try_from(table: ApplicationTable) -> Result<Self, String> {
        let scheme = Scheme::ALL.into_iter().find(|scheme| table.aid.starts_with(&scheme.keys().ca.rid));
        let scheme = scheme.ok_or("aid: it begins with the RID of no scheme that is simulated")?;
        let [number] = table.cryptogram_version;
        let version = CryptogramVersion::find(scheme, number)
            .ok_or_else(|| format!("cryptogram_version: {scheme:?} has no version {number:02X} here"))?;
        let fits = match scheme {
            Scheme::Visa => table.authentication != Authentication::Cda,
            Scheme::Mastercard => matches!(table.authentication, Authentication::None | Authentication::Cda),
        };
        if !fits {
            return Err(format!("authentication: {scheme:?} has no {:?} here", table.authentication));
        }
        if Scheme::of_pan(table.pan.digits()) != Some(scheme) {
            return Err(format!("pan: it is no number of {scheme:?}"));
        }
        if table.recovers && scheme != Scheme::Mastercard {
            return Err(format!("recovers: {scheme:?} recovers no cryptogram"));
        }
        Ok(Application { scheme, version, table })
    }
}

/// Reads a string; `parse` gives nothing where it is not what is `expected`.
fn read<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, D::Error> {
    parse(&String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom(expected))
}

fn aid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    read(deserializer, "expected 5 to 16 bytes in hexadecimal", |text| {
        hex::decode(text).filter(|aid| (5..=16).contains(&aid.len()))
    })
}

/// Printable ASCII, of which the books allow these lengths.
fn printable(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<String> {
    let printable = text.bytes().all(|c| c == b' ' || c.is_ascii_graphic());
    (printable && length.contains(&text.len())).then(|| text.to_owned())
}

fn label<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    read(deserializer, "expected 1 to 16 printable characters", |text| printable(text, 1..=16))
}

fn preferred_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    label(deserializer).map(Some)
}

fn cardholder_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    read(deserializer, "expected 2 to 26 printable characters", |text| printable(text, 2..=26))
}

fn number<'de, D: Deserializer<'de>>(deserializer: D, most: u8, expected: &'static str) -> Result<u8, D::Error> {
    let number = u8::deserialize(deserializer)?;
    if number <= most { Ok(number) } else { Err(D::Error::custom(expected)) }
}

fn priority<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    number(deserializer, 15, "expected a priority of 0 to 15")
}

fn sequence_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    number(deserializer, 99, "expected a PAN sequence number of 0 to 99")
}

fn pan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pan, D::Error> {
    read(deserializer, "expected a card number of 8 to 19 digits", |text| Pan::from_digits(text).ok())
}

fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    read(deserializer, "expected a day from 1950-01-01 to 2049-12-31", |text| {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let day = Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
        parts.next().is_none().then_some(day)
    })
}

fn usage<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Auc, D::Error> {
    hex::deserialize(deserializer).map(Auc::from_bytes)
}

fn ctq<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ctq, D::Error> {
    hex::deserialize(deserializer).map(Ctq::from_bytes)
}

fn form_factor_indicator<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    read(deserializer, "expected 4 to 32 bytes in hexadecimal", |text| {
        hex::decode(text).filter(|bytes| (4..=32).contains(&bytes.len())).map(Some)
    })
}

fn ca_index<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    hex::deserialize(deserializer).map(|[index]: [u8; 1]| Some(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_personality_is_one() {
        for name in Personality::names() {
            let personality = Personality::built_in(name).unwrap_or_else(|error| panic!("{error}"));
            assert!(!personality.description.is_empty() && !personality.applications.is_empty(), "{name}");
        }
        assert!(Personality::names().is_sorted());
    }

    #[test]
    fn an_unknown_name_is_answered_with_those_that_there_are() {
        let error = Personality::built_in("visa").unwrap_err().to_string();
        assert!(error.contains("\"visa\"") && error.contains("visa-online, "), "{error}");
    }

    const MINIMAL: &str = r#"
description = "A card"
[[application]]
aid = "A0000000031010"
label = "VISA"
pan = "4761739001010119"
expiry = "2049-12-31"
cryptogram_version = "12"
"#;

    /// The error for the minimal file where `line` comes last, as its tenth line, in place of the
    /// one with its key.
    fn error(line: &str) -> String {
        let key = line.split(' ').next().unwrap();
        let kept = MINIMAL.trim().lines().filter(|old| old.split(' ').next() != Some(key));
        let mut text: Vec<_> = kept.collect();
        text.resize(9, "");
        text.push(line);
        Personality::parse("card.toml", &text.join("\n")).unwrap_err().to_string()
    }

    #[test]
    fn a_file_with_the_needed_keys_alone_is_a_personality() {
        assert!(Personality::parse("card.toml", MINIMAL).is_ok());
    }

    #[test]
    fn errors_name_file_line_and_key() {
        for (line, reason) in [
            ("colour = 1", "unknown field `colour`"),
            ("pan = \"4761\"", "expected a card number"),
            ("expiry = \"2049-02-30\"", "expected a day"),
            ("priority = 16", "expected a priority"),
            ("aid = \"A0\"", "expected 5 to 16 bytes"),
            ("usage = \"FF\"", "1 bytes are not the right number"),
            ("country = \"56\"", "expected three digits"),
            ("decision = \"perhaps\"", "unknown variant `perhaps`"),
        ] {
            let error = error(line);
            let key = line.split(' ').next().unwrap();
            assert!(error.starts_with(&format!("card.toml:10: {key}: ")) && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn an_error_does_not_print_the_value() {
        assert!(!error("pan = \"476173900101011X\"").contains("4761"));
    }

    #[test]
    fn the_example_has_every_key() {
        let example = include_str!("../../personalities/example.toml");
        Personality::parse("example.toml", example).unwrap();
        let unknown = error("colour = 1");
        let keys = unknown.split('`').skip(3).step_by(2);
        for key in keys {
            assert!(example.contains(&format!("\n{key} = ")), "{key}");
        }
    }

    #[test]
    fn an_application_is_checked_as_a_whole() {
        for (line, reason) in [
            ("aid = \"F000000001\"", "aid: it begins with the RID of no scheme"),
            ("cryptogram_version = \"10\"", "cryptogram_version: Visa has no version 10"),
            ("authentication = \"cda\"", "authentication: Visa has no Cda"),
            ("pan = \"5413330089601034\"", "pan: it is no number of Visa"),
            ("recovers = true", "recovers: Visa recovers no cryptogram"),
        ] {
            let error = error(line);
            assert!(error.starts_with("card.toml:2: [[application]]: ") && error.contains(reason), "{error}");
        }
    }
}
