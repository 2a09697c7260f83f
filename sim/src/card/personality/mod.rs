//! Personalities: what a simulated card is, as a TOML file.
//!
//! A file describes the card and one or more applications. Everything but `description`, `aid`,
//! `label`, `pan`, `expiry` and `cryptogram_version` has a default.
//!
//! This one has every key:
//!
//! ```toml
#![doc = include_str!("../../../personalities/example.toml")]
//! ```

mod application;
mod fault;
mod values;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub(super) use application::{Application, ApplicationTable, Authentication, Cvm, Decision};

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
    /// What the card answers in place of what it would: whole responses, by the number of the command since it
    /// entered the field, counted from 1. It carries the command out all the same.
    #[serde(default, deserialize_with = "values::answers")]
    pub(super) answers: BTreeMap<u32, Vec<u8>>,
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
            [$(($name, include_str!(concat!("../../../personalities/", $name, ".toml")))),*];
    };
}

built_in! {
    "declined" "expired" "malformed-afl" "malformed-answers" "malformed-length" "malformed-missing" "malformed-twice"
    "mastercard-data-storage" "mastercard-mag-stripe" "mastercard-offline-cda" "mastercard-online"
    "mastercard-online-cda" "mastercard-phone-cdcvm" "mastercard-relay-altered" "mastercard-relay-resistance"
    "mastercard-relayed" "mastercard-see-phone" "refused-by-tac" "several-applications" "slow" "torn"
    "torn-at-cryptogram" "visa-declined" "visa-expired" "visa-issuer-update" "visa-offline-fdda" "visa-online"
    "visa-online-cvn10" "visa-online-cvn17" "visa-phone-cdcvm" "visa-sda" "visa-wrong-signature" "wrong-ca-index"
    "wrong-signature"
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

#[cfg(test)]
mod tests;
