//! Lists of public keys in every format: keys, or problems that name their line.

use std::path::Path;

use tenderd::config::{KeyList, KeyListFormat};

use super::choices::Choices;

const FORMATS: [KeyListFormat; 5] =
    [KeyListFormat::Toml, KeyListFormat::Text, KeyListFormat::Json, KeyListFormat::Csv, KeyListFormat::Xml];

/// The input: which format, then the text.
pub fn run(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let format = FORMATS[usize::from(choices.byte()) % FORMATS.len()];
    let text = String::from_utf8_lossy(choices.0);
    let lines = text.matches('\n').count() + 1;
    match KeyList::parse(Path::new("list"), &text, Some(format)) {
        Ok(list) => {
            assert!(list.keys.iter().all(|listed| (1..=lines).contains(&listed.line)));
            assert!(list.revoked.iter().all(|listed| (1..=lines).contains(&listed.line)));
            assert!(list.problems.iter().all(|problem| problem.to_string().starts_with("list:")));
        }
        Err(error) => assert!(error.to_string().starts_with("list:"), "{error}"),
    }
}
