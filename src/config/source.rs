//! A file with its text, so that whatever is wrong in it can be shown where it stands.

use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;

use super::locate::locate;
use crate::terminal::Hex;

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file can't be read.
    #[error("{}: {source}{}", file.display(), missing(source))]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A value is wrong.
    #[error("{}:{line}: {}{message}", file.display(), if key.is_empty() { String::new() } else { format!("{key}: ") })]
    Invalid {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The dotted key; empty where no key is concerned.
        key: String,
        /// What is wrong, in a line.
        message: String,
    },
}

/// What to do about a file that is not there.
fn missing(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "; `tenderctl config example` prints one to begin with",
        _ => "",
    }
}

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { file: path.to_owned(), source })?;
        Ok(Source { path: path.to_owned(), text })
    }

    pub(crate) fn of_text(path: impl AsRef<Path>, text: &str) -> Self {
        Source { path: path.as_ref().to_owned(), text: text.to_owned() }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// A path as it is meant in this file: relative to the file's folder.
    pub(crate) fn relative(&self, path: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    pub(crate) fn deserialise<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        toml::from_str(&self.text).map_err(|error| {
            let first_line = error.message().lines().next().unwrap_or_default().to_owned();
            self.error(error.span().unwrap_or(0..0), first_line)
        })
    }

    /// An error at this place.
    pub(crate) fn error(&self, span: Range<usize>, message: impl Display) -> ConfigError {
        self.place(span).error(message)
    }

    /// An error on this line, with whatever names what is wrong there.
    pub(crate) fn invalid(&self, line: usize, key: impl Into<String>, message: impl Display) -> ConfigError {
        ConfigError::Invalid { file: self.path.clone(), line, key: key.into(), message: message.to_string() }
    }

    /// This place, for errors that are found later.
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        let location = locate(&self.text, span);
        Place { file: self.path.clone(), line: location.line, key: location.key }
    }

    /// The line at which this range begins, counted from 1.
    pub(crate) fn line_of(&self, span: Range<usize>) -> usize {
        locate(&self.text, span).line
    }

    /// Parses a value, or says where it stands and why it can't be.
    pub(crate) fn check<T, E: Display>(
        &self,
        value: &Spanned<String>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, ConfigError> {
        parse(value.get_ref()).map_err(|error| self.error(value.span(), error))
    }
}

/// Where something stands in a file.
#[derive(Debug, Clone)]
pub(super) struct Place {
    file: PathBuf,
    line: usize,
    key: String,
}

impl Place {
    /// An error at this place.
    pub(super) fn error(&self, message: impl Display) -> ConfigError {
        ConfigError::Invalid {
            file: self.file.clone(),
            line: self.line,
            key: self.key.clone(),
            message: message.to_string(),
        }
    }
}

/// Hexadecimal digits, of any even number.
pub(super) fn hex(text: &str) -> Result<Vec<u8>, String> {
    text.parse::<Hex>().map(|hex| hex.0).map_err(|error| format!("`{text}`: {error}"))
}

/// Exactly `2 * N` hexadecimal digits.
pub(super) fn hex_array<const N: usize>(text: &str) -> Result<[u8; N], String> {
    hex(text)?.try_into().map_err(|_| format!("`{text}` must be {} hexadecimal digits", 2 * N))
}
