//! Our own key files: `[[key]]` and `[[revoked]]`. A name that they don't have is an error.

use toml::Spanned;

use super::super::file::KeyFile;
use super::super::source::{ConfigError, Source};
use super::KeySet;
use super::entry::{Entry, Field};

pub(super) fn entries(source: &Source) -> Result<Vec<Entry>, ConfigError> {
    let file: KeyFile = source.deserialise()?;
    let entry = |line: usize, fields: &[(Field, &Spanned<String>)]| {
        let mut entry = Entry::at(line);
        for (field, text) in fields {
            entry.set(*field, source.line_of(text.span()), text.get_ref());
        }
        entry
    };
    let keys = file.key.iter().map(|key| {
        let line = source.line_of(key.span());
        let key = key.get_ref();
        let mut entry = entry(
            line,
            &[
                (Field::Rid, &key.rid),
                (Field::Index, &key.index),
                (Field::Modulus, &key.modulus),
                (Field::Exponent, &key.exponent),
                (Field::Checksum, &key.checksum),
            ],
        );
        if let Some(expiry) = &key.expiry {
            entry.set(Field::Expiry, source.line_of(expiry.span()), expiry.get_ref());
        }
        entry.set(Field::Set, line, if key.test { KeySet::Test.name() } else { KeySet::Live.name() });
        entry
    });
    let revoked = file.revoked.iter().map(|revoked| {
        let line = source.line_of(revoked.span());
        let revoked = revoked.get_ref();
        entry(line, &[(Field::Rid, &revoked.rid), (Field::Index, &revoked.index), (Field::Serial, &revoked.serial)])
    });
    Ok(keys.chain(revoked).collect())
}
