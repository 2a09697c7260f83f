//! Message authentication codes: which messages carry one, made how and with which key.

use std::collections::BTreeSet;

use serde::Deserialize;
use toml::Spanned;

use super::super::encode::{EncodeError, fill};
use super::super::field::{Content, Length};
use super::error::{InvalidDialect, Misplaced};
use super::{Dialect, Element, Layout, Purpose};
use crate::keys::{MacAlgorithm, MacKey};
use crate::terminal::Hex;

/// The fields of a MAC: 64, and 128 in a message that has fields beyond 64 (ISO 8583:1987, data elements 64 and 128).
pub const MAC_FIELDS: [u8; 2] = [64, 128];

/// Where the keys of MACs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MacKeyOrigin {
    /// The configuration has one key for all messages, under `[keys.mac]`.
    Configured,
    /// Each message has keys of its own, derived from the configuration's `[keys.dukpt]`; its key serial number stands
    /// where the dialect places `key_serial_number`.
    Dukpt,
    /// The host hands one out at sign-on, as the `[working_keys]` table says, enciphered under the configuration's
    /// `[keys.master]`.
    SignOn,
}

/// The MACs of a dialect: that of a message is over its bytes from the message type up to the MAC's own field, which is
/// the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MacRule {
    /// How it is computed.
    pub algorithm: MacAlgorithm,
    /// How many bytes of it are sent, from the left: 4 to 8. Zeros fill the rest of the field.
    pub length: usize,
    /// Where the keys come from.
    pub key: MacKeyOrigin,
    /// Which messages carry one, and must be answered with one.
    pub messages: BTreeSet<Purpose>,
}

/// The `[mac]` table of a dialect's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MacTable {
    algorithm: MacAlgorithm,
    #[serde(default)]
    length: Option<Spanned<usize>>,
    key: MacKeyOrigin,
    #[serde(default)]
    messages: Option<Spanned<Vec<Purpose>>>,
}

impl MacTable {
    /// The rule, held against the rest of the dialect. Where the table names no messages, all that are about money have
    /// a MAC.
    pub(super) fn rule(self, dialect: &Dialect) -> Result<MacRule, Misplaced> {
        let length = self.length.map_or(Ok(MacKey::MAC_LENGTH), |length| {
            let is_enough = (MacKey::SHORTEST..=MacKey::MAC_LENGTH).contains(length.get_ref());
            if is_enough { Ok(length.into_inner()) } else { Err((length.span(), InvalidDialect::MacLength)) }
        })?;
        let messages = match self.messages {
            Some(messages) => {
                if let Some(absent) = messages.get_ref().iter().find(|purpose| !dialect.messages.contains_key(purpose))
                {
                    return Err((messages.span(), InvalidDialect::NoMessage(*absent)).into());
                }
                messages.into_inner().into_iter().collect()
            }
            None => dialect.messages.keys().copied().filter(|purpose| purpose.is_about_money()).collect(),
        };
        Ok(MacRule { algorithm: self.algorithm, length, key: self.key, messages })
    }
}

impl MacRule {
    /// Whether the dialect leaves the MAC's fields to it, and they have room.
    pub(super) fn check(&self, dialect: &Dialect) -> Result<(), InvalidDialect> {
        if self.key == MacKeyOrigin::Dukpt && dialect.field_of(Element::KeySerialNumber).is_none() {
            return Err(InvalidDialect::NoSerialNumber);
        }
        match &dialect.working_keys {
            None if self.key == MacKeyOrigin::SignOn => return Err(InvalidDialect::WorkingKeys),
            Some(keys) if self.key == MacKeyOrigin::SignOn => {
                if !keys.fit(self.algorithm) {
                    return Err(InvalidDialect::WorkingKeyLength);
                }
                if self.messages.contains(&keys.message) {
                    return Err(InvalidDialect::MacBeforeKeys(keys.message));
                }
            }
            _ => {}
        }
        for number in MAC_FIELDS {
            let has_room = dialect.format(number).is_some_and(|format| {
                (format.content, format.length) == (Content::Binary, Length::Fixed) && format.limit >= self.length
            });
            let is_said =
                |layout: &Layout| layout.constants.contains_key(&number) || layout.compositions.contains_key(&number);
            let is_taken = dialect.elements.contains_key(&number) || dialect.messages.values().any(is_said);
            if !has_room || is_taken {
                return Err(InvalidDialect::MacField { number, length: self.length });
            }
        }
        Ok(())
    }
}

impl Dialect {
    /// A key serial number as it is written, and the field that it goes into: its bytes, or their digits in a field of
    /// text.
    ///
    /// # Errors
    /// If the field can't hold it.
    pub fn key_serial_number(&self, bytes: &[u8]) -> Result<(u8, Vec<u8>), EncodeError> {
        let number = self.field_of(Element::KeySerialNumber).ok_or(EncodeError::NoSuchField(0))?;
        let format = self.format(number).ok_or(EncodeError::NoSuchField(number))?;
        let value = self.bytes_or_digits(number, bytes);
        fill(number, format, &value)?;
        Ok((number, value))
    }

    /// Bytes as a field has them: as they are where it is binary, and otherwise as their hexadecimal digits.
    pub(in crate::upstream) fn bytes_or_digits(&self, number: u8, bytes: &[u8]) -> Vec<u8> {
        match self.format(number).map(|format| format.content) {
            Some(Content::Binary) => bytes.to_vec(),
            _ => Hex(bytes.to_vec()).to_string().into_bytes(),
        }
    }
}
