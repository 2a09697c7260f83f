//! Working keys: which answer carries them, how, and when new ones are due.

use serde::Deserialize;
use toml::Spanned;
use zeroize::Zeroizing;

use super::super::field::Content;
use super::error::{InvalidDialect, Misplaced};
use super::{Dialect, Purpose};
use crate::keys::{KeyForm, MacAlgorithm, WorkingKeyPlace, WorkingKeyUse, WorkingKeysError, is_mac_key_length};

/// How a host hands out working keys: the `[working_keys]` table of a dialect's file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkingKeys {
    /// The message whose answer carries them: `sign_on` or `key_exchange`.
    pub message: Purpose,
    /// The field of the answer in which they stand: their bytes, or hexadecimal digits in a field of text; key blocks
    /// stand there as they are.
    pub field: u8,
    /// How they are enciphered.
    pub form: KeyForm,
    /// Which stand there, in their order.
    pub keys: Vec<WorkingKeyPlace>,
    /// After how many hours new ones are asked for.
    #[serde(default = "a_day")]
    pub renew_after_h: u32,
    /// Response codes, as the host writes them, that say that new ones are due: its own are lost or too old.
    #[serde(default)]
    pub renew_on: Vec<String>,
}

fn a_day() -> u32 {
    24
}

impl WorkingKeys {
    /// Holds the rule against the dialect.
    pub(super) fn check(table: Spanned<Self>, dialect: &Dialect) -> Result<Self, Misplaced> {
        let at = table.span();
        let rule = table.into_inner();
        let wrong = match rule.message {
            Purpose::SignOn | Purpose::KeyExchange if dialect.messages.contains_key(&rule.message) => {
                let has_room = dialect.format(rule.field).is_some();
                let hands_out_mac_key = rule.keys.iter().any(|place| place.key == WorkingKeyUse::Mac);
                (!has_room || !hands_out_mac_key).then_some(InvalidDialect::WorkingKeys)
            }
            purpose => Some(InvalidDialect::NoMessage(purpose)),
        };
        let is_odd =
            |place: &WorkingKeyPlace| !place.length.is_multiple_of(8) || place.length == 0 || place.check_value > 8;
        let is_odd = rule.form == KeyForm::TdesEcb && rule.keys.iter().any(is_odd);
        match wrong.or(is_odd.then_some(InvalidDialect::WorkingKeyLength)) {
            Some(error) => Err((at, error).into()),
            None => Ok(rule),
        }
    }

    /// Whether MACs by this algorithm can be made with the keys.
    pub(super) fn fit(&self, algorithm: MacAlgorithm) -> bool {
        let fits = |place: &WorkingKeyPlace| match self.form {
            KeyForm::TdesEcb => algorithm != MacAlgorithm::AesCmac && is_mac_key_length(algorithm, place.length),
            // No key usage of key blocks is one for it.
            KeyForm::KeyBlock => algorithm != MacAlgorithm::UnionPayEcb,
        };
        self.keys.iter().filter(|place| place.key == WorkingKeyUse::Mac).all(fits)
    }

    /// The bytes of the keys, from the value of their field.
    ///
    /// # Errors
    /// If they should be hexadecimal digits and are not.
    pub fn bytes(&self, value: &[u8], dialect: &Dialect) -> Result<Zeroizing<Vec<u8>>, WorkingKeysError> {
        let is_binary = dialect.format(self.field).is_some_and(|format| format.content == Content::Binary);
        match self.form {
            KeyForm::TdesEcb if !is_binary => WorkingKeysError::from_digits(value),
            KeyForm::TdesEcb | KeyForm::KeyBlock => Ok(Zeroizing::new(value.to_vec())),
        }
    }

    /// Whether an answer with this response code, as it stands there, says that new keys are due.
    pub fn are_due_on(&self, code: &str) -> bool {
        self.renew_on.iter().any(|due| due == code)
    }
}
