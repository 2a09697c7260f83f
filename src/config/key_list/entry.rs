//! What the texts of an entry mean.

use emv::oda::{CaKey, Revocation, Rid};

use super::super::source::{ConfigError, Source};
use super::{KeySet, ListedKey, ListedRevocation, date, name};
use crate::terminal::Hex;

/// What lists say of a key or a revoked certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Rid,
    Index,
    Modulus,
    Exponent,
    Checksum,
    Expiry,
    Set,
    Serial,
    HashAlgorithm,
    KeyAlgorithm,
}

/// What tools call the fields, in small letters and digits alone.
const NAMES: [(Field, &[&str]); 10] = [
    (
        Field::Rid,
        &["rid", "registeredapplicationproviderindicator", "registeredapplicationprovideridentifier", "applicationid"],
    ),
    (Field::Index, &["index", "caindex", "capkindex", "keyindex", "ridindex", "publickeyindex", "capublickeyindex"]),
    (Field::Modulus, &["modulus", "modul", "keymodulus", "publickeymodulus", "capublickeymodulus"]),
    (Field::Exponent, &["exponent", "exp", "keyexponent", "publickeyexponent", "capublickeyexponent"]),
    (
        Field::Checksum,
        &["checksum", "hash", "hashvalue", "sha1", "keychecksum", "publickeychecksum", "capublickeychecksum"],
    ),
    (
        Field::Expiry,
        &["expiry", "expires", "expire", "expirydate", "expireddate", "expirationdate", "expiryyymmdd", "validuntil"],
    ),
    (Field::Set, &["set", "keytype", "environment", "type"]),
    (Field::Serial, &["serial", "serialnumber", "certificateserialnumber"]),
    (Field::HashAlgorithm, &["hashid", "hashalg", "hashalgorithm", "hashalgo", "hashalgorithmindicator"]),
    (Field::KeyAlgorithm, &["algorithm", "keyalgorithm", "publickeyalgorithm", "publickeyalgorithmindicator"]),
];

impl Field {
    /// The field that a tool gives this name; capitals and separators don't count.
    pub(super) fn named(name: &str) -> Option<Self> {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let plain = plain.to_ascii_lowercase();
        NAMES.iter().find(|(_, names)| names.contains(&plain.as_str())).map(|(field, _)| *field)
    }

    /// Our own name.
    fn name(self) -> &'static str {
        NAMES.iter().find(|(field, _)| *field == self).map_or("", |(_, names)| names[0])
    }
}

/// What one entry of a list says, before it is understood.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// The line on which it begins.
    pub(super) line: usize,
    /// Field, line and text.
    fields: Vec<(Field, usize, String)>,
}

/// What an entry is.
pub(super) enum Read {
    Key(ListedKey),
    Revocation(ListedRevocation),
}

impl Entry {
    pub(super) fn at(line: usize) -> Self {
        Entry { line, fields: Vec::new() }
    }

    pub(super) fn set(&mut self, field: Field, line: usize, text: impl Into<String>) {
        self.fields.push((field, line, text.into()));
    }

    /// Whether it is meant as a key or as a revoked certificate.
    pub(super) fn is_meant(&self) -> bool {
        self.fields.iter().any(|(field, ..)| matches!(field, Field::Modulus | Field::Serial))
    }

    /// Understands the entry.
    ///
    /// # Errors
    /// With file, line and name of the key.
    pub(super) fn read(&self, source: &Source) -> Result<Read, ConfigError> {
        let rid: Rid = self.value(source, "", Field::Rid, array)?;
        let [index] = self.value(source, "", Field::Index, |text| array(&number(text)))?;
        let key = name(rid, index);
        if let Some(serial) = self.optional(source, &key, Field::Serial, array)?
            && self.text(Field::Modulus).is_none()
        {
            let revocation = Revocation { rid, ca_key_index: index, serial };
            return Ok(Read::Revocation(ListedRevocation { revocation, line: self.line }));
        }
        self.optional(source, &key, Field::HashAlgorithm, |text| known(text, &["", "1", "01", "sha1"], "SHA-1"))?;
        self.optional(source, &key, Field::KeyAlgorithm, |text| known(text, &["", "1", "01", "rsa"], "RSA"))?;
        let exponent = self.value(source, &key, Field::Exponent, exponent)?;
        let mut ca_key = self.value(source, &key, Field::Modulus, |text| {
            CaKey::without_checksum(rid, index, &hex(text)?, &exponent).map_err(|error| error.to_string())
        })?;
        let has_checksum = self.text(Field::Checksum).is_some();
        self.optional(source, &key, Field::Checksum, |text| match array(text)? {
            checksum if checksum == ca_key.checksum() => Ok(()),
            _ => Err(emv::oda::CaKeyError::Checksum.to_string()),
        })?;
        if let Some(expiry) = self.optional(source, &key, Field::Expiry, date::expiry)?.flatten() {
            ca_key = ca_key.expiring(expiry);
        }
        let set = self.optional(source, &key, Field::Set, set)?.flatten();
        Ok(Read::Key(ListedKey { key: ca_key, set, has_checksum, line: self.line }))
    }

    /// Line and text of a field that is not empty.
    fn text(&self, wanted: Field) -> Option<(usize, &str)> {
        let (_, line, text) = self.fields.iter().find(|(field, ..)| *field == wanted)?;
        Some((*line, text.trim())).filter(|(_, text)| !text.is_empty())
    }

    fn optional<T>(
        &self,
        source: &Source,
        key: &str,
        field: Field,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some((line, text)) = self.text(field) else { return Ok(None) };
        parse(text).map(Some).map_err(|message| source.invalid(line, format!("{key} {}", field.name()).trim(), message))
    }

    fn value<T>(
        &self,
        source: &Source,
        key: &str,
        field: Field,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        self.optional(source, key, field, parse)?
            .ok_or_else(|| source.invalid(self.line, format!("{key} {}", field.name()).trim(), "it is missing"))
    }
}

/// Hexadecimal digits, with whatever tools put between bytes.
fn hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
    let shown: String = digits.chars().take(16).collect();
    digits.parse::<Hex>().map(|hex| hex.0).map_err(|error| format!("`{shown}`: {error}"))
}

fn array<const N: usize>(text: &str) -> Result<[u8; N], String> {
    hex(text)?.try_into().map_err(|_| format!("`{text}` must be {} hexadecimal digits", 2 * N))
}

/// A number with the zero that tools leave out before it.
fn number(text: &str) -> String {
    if text.len() % 2 == 1 { format!("0{text}") } else { text.to_owned() }
}

/// An exponent, in hexadecimal digits; 65537 is written in decimal ones too.
fn exponent(text: &str) -> Result<Vec<u8>, String> {
    match text {
        "65537" => Ok(vec![0x01, 0x00, 0x01]),
        _ => hex(&number(text)),
    }
}

fn known(text: &str, names: &[&str], only: &str) -> Result<(), String> {
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let is_known = names.contains(&plain.to_ascii_lowercase().as_str());
    if is_known { Ok(()) } else { Err(format!("`{text}`: there are only keys with {only}")) }
}

/// What a key is for; nothing where the text says something else than that.
fn set(text: &str) -> Result<Option<KeySet>, String> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "test" => Some(KeySet::Test),
        "live" | "production" | "prod" => Some(KeySet::Live),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_known_by_the_names_that_tools_give_them() {
        for (name, field) in [
            ("RID", Field::Rid),
            ("RID Index", Field::Index),
            ("rId", Field::Rid),
            ("publicKeyModulus", Field::Modulus),
            ("expiry_YYMMDD", Field::Expiry),
            ("SHA-1", Field::Checksum),
            ("hash_id", Field::HashAlgorithm),
        ] {
            assert_eq!(Field::named(name), Some(field), "{name}");
        }
        assert_eq!(Field::named("Key Length"), None);
    }

    #[test]
    fn exponents_are_understood_as_tools_write_them() {
        for text in ["3", "03"] {
            assert_eq!(exponent(text), Ok(vec![0x03]));
        }
        for text in ["010001", "10001", "01:00:01", "65537"] {
            assert_eq!(exponent(text), Ok(vec![0x01, 0x00, 0x01]), "{text}");
        }
        assert!(exponent("three").is_err());
    }

    #[test]
    fn keys_of_another_kind_are_refused() {
        assert_eq!(known("SHA-1", &["sha1"], "SHA-1"), Ok(()));
        assert_eq!(known("02", &["01"], "SHA-1").unwrap_err(), "`02`: there are only keys with SHA-1");
    }
}
