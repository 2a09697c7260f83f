//! Lists of the public keys of the schemes' certification authorities: our own key files, and what other tools write.
//!
//! Each format is a file that finds [`Entry`](entry::Entry)s: texts under [`Field`](entry::Field)s, each with its line. What the
//! texts mean is the same in all formats, and read in one place.

mod csv;
mod date;
mod entry;
mod json;
mod key_file;
mod text;
mod xml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use emv::oda::{CaKey, Revocation, Rid};

pub use date::day;
use entry::Read;

use super::source::{ConfigError, Source};

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum KeyListFormat {
    /// A key file of tenderd
    Toml,
    /// A key a line, with colons between bytes, as proxmark3 and emv-tools have it
    Text,
    /// Objects with a modulus, wherever they stand
    Json,
    /// A heading and a key a line, with commas, semicolons or tabs
    Csv,
    /// Elements with a modulus, as in the configuration of emv-utils
    Xml,
}

/// What a key is for. Keys of test cards must never vouch for real ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum KeySet {
    /// Development and certification
    Test,
    /// Cards of customers
    Live,
}

impl KeySet {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            KeySet::Test => "test",
            KeySet::Live => "live",
        }
    }
}

/// A key, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// The key.
    pub key: CaKey,
    /// What it is for, where the list says so.
    pub set: Option<KeySet>,
    /// Whether the list has a checksum for it: then it is right.
    pub has_checksum: bool,
    /// The line on which it begins, counted from 1.
    pub line: usize,
}

/// A revoked issuer certificate, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedRevocation {
    /// The certificate.
    pub revocation: Revocation,
    /// The line on which it begins, counted from 1.
    pub line: usize,
}

/// A list as it was read.
#[derive(Debug, Default)]
pub struct KeyList {
    /// The keys, in order.
    pub keys: Vec<ListedKey>,
    /// The revoked certificates, in order.
    pub revoked: Vec<ListedRevocation>,
    /// What is no key and no revoked certificate although it should be, by file, line and key.
    pub problems: Vec<ConfigError>,
}

impl KeyList {
    /// Reads a list; without a format it is recognised by the file's name, or by its first characters.
    ///
    /// # Errors
    /// Where the file can't be read, or is not of its format at all. What is wrong with single keys is in
    /// [`KeyList::problems`].
    pub fn read(path: &Path, format: Option<KeyListFormat>) -> Result<Self, ConfigError> {
        let source = Source::open(path)?;
        Self::of(&source, format.unwrap_or_else(|| format_of(path, source.text())))
    }

    /// Reads a list that was read already, as from this file.
    ///
    /// # Errors
    /// As [`KeyList::read`].
    pub fn parse(path: &Path, text: &str, format: Option<KeyListFormat>) -> Result<Self, ConfigError> {
        Self::of(&Source::of_text(path, text), format.unwrap_or_else(|| format_of(path, text)))
    }

    pub(super) fn of(source: &Source, format: KeyListFormat) -> Result<Self, ConfigError> {
        let entries = match format {
            KeyListFormat::Toml => key_file::entries(source)?,
            KeyListFormat::Text => text::entries(source)?,
            KeyListFormat::Json => json::entries(source)?,
            KeyListFormat::Csv => csv::entries(source)?,
            KeyListFormat::Xml => xml::entries(source)?,
        };
        let mut list = KeyList::default();
        let mut lines: BTreeMap<(Rid, u8), usize> = BTreeMap::new();
        for entry in entries {
            match entry.read(source) {
                Ok(Read::Key(listed)) => {
                    let (rid, index) = (listed.key.rid(), listed.key.index());
                    match lines.insert((rid, index), listed.line) {
                        None => list.keys.push(listed),
                        Some(first) => {
                            let message = format!("it stands on line {first} already: remove one of the two");
                            list.problems.push(source.invalid(listed.line, name(rid, index), message));
                        }
                    }
                }
                Ok(Read::Revocation(listed)) => list.revoked.push(listed),
                Err(problem) => list.problems.push(problem),
            }
        }
        Ok(list)
    }
}

/// How a person names a key: `A000000003 09`.
pub fn name(rid: Rid, index: u8) -> String {
    let digits: String = rid.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("{digits} {index:02X}")
}

fn format_of(path: &Path, text: &str) -> KeyListFormat {
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    match extension.as_deref().and_then(|extension| extension.to_str()) {
        Some("toml") => KeyListFormat::Toml,
        Some("json") => KeyListFormat::Json,
        Some("csv" | "tsv") => KeyListFormat::Csv,
        Some("xml") => KeyListFormat::Xml,
        _ => match text.trim_start().as_bytes() {
            [b'[', b'[', ..] => KeyListFormat::Toml,
            [b'{' | b'[', ..] => KeyListFormat::Json,
            [b'<', ..] => KeyListFormat::Xml,
            _ => KeyListFormat::Text,
        },
    }
}

/// The key files that a configuration names.
///
/// # Errors
/// Where the configuration can't be used.
pub fn key_files(config: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let source = Source::open(config)?;
    let file: super::file::File = source.deserialise()?;
    Ok(file.keys.files.iter().map(|path| source.relative(path.get_ref())).collect())
}

/// A list in a text, with the error as a person reads it.
#[cfg(test)]
fn list(name: &str, text: &str) -> Result<KeyList, String> {
    KeyList::parse(Path::new(name), text, None).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The simulator's key for Visa, in our own form.
    const KEYS: &str = include_str!("../../../sim/keys/test-ca.toml");

    fn problems(text: &str) -> Vec<String> {
        list("keys.toml", text).unwrap().problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_key_file_is_read_with_the_line_of_each_key() {
        let list = list("keys.toml", KEYS).unwrap();
        assert_eq!(list.problems.len(), 0);
        let first = &list.keys[0];
        assert_eq!((first.key.index(), first.set, first.has_checksum, first.line), (0xC1, Some(KeySet::Test), true, 4));
        assert!(first.key.expiry().is_some());
    }

    #[test]
    fn what_is_wrong_with_a_key_is_told_with_its_file_line_and_name() {
        let broken = KEYS.replacen("checksum = \"22", "checksum = \"23", 1);
        let found = problems(&broken);
        assert_eq!(found.len(), 1);
        let expected = "keys.toml:9: A000000003 C1 checksum: the SHA-1 checksum does not match";
        assert!(found[0].starts_with(expected), "{found:?}");
    }

    #[test]
    fn a_key_that_is_listed_twice_is_told_with_both_lines() {
        let twice = format!("{KEYS}\n{KEYS}");
        let found = problems(&twice);
        assert!(found[0].contains("A000000003 C1: it stands on line 4 already"), "{found:?}");
    }

    #[test]
    fn a_revoked_certificate_stands_beside_the_keys() {
        let text = "[[revoked]]\nrid = \"A000000003\"\nindex = \"C1\"\nserial = \"000102\"\n";
        let list = list("keys.toml", text).unwrap();
        let revocation = Revocation { rid: [0xA0, 0, 0, 0, 3], ca_key_index: 0xC1, serial: [0, 1, 2] };
        assert_eq!(list.revoked, [ListedRevocation { revocation, line: 1 }]);
        assert_eq!(problems(&text.replace("000102", "0001")).len(), 1);
    }

    #[test]
    fn the_format_is_seen_by_the_name_and_otherwise_by_the_beginning() {
        for (name, text, format) in [
            ("a.toml", "", KeyListFormat::Toml),
            ("a.JSON", "", KeyListFormat::Json),
            ("a.tsv", "", KeyListFormat::Csv),
            ("a", " [[key]]", KeyListFormat::Toml),
            ("a.keys", "[\n{", KeyListFormat::Json),
            ("a", "<?xml", KeyListFormat::Xml),
            ("capk.txt", "a0:00", KeyListFormat::Text),
        ] {
            assert_eq!(format_of(Path::new(name), text), format, "{name}");
        }
    }
}
