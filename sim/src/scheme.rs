//! The two schemes whose cards and issuers are simulated, each with its test keys.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::ca::{CertificationAuthority, RsaKey};
use crate::crypto::Key;
use crate::hex;

/// A payment scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Visa: kernel 3.
    Visa,
    /// Mastercard: kernel 2.
    Mastercard,
}

impl Scheme {
    /// Both.
    pub const ALL: [Self; 2] = [Scheme::Visa, Scheme::Mastercard];

    /// The scheme that issued a card number, told by its first digit.
    pub fn of_pan(pan: &str) -> Option<Self> {
        match pan.as_bytes().first()? {
            b'4' => Some(Scheme::Visa),
            b'2' | b'5' => Some(Scheme::Mastercard),
            _ => None,
        }
    }

    /// The scheme's keys, from `sim/keys`.
    pub(crate) fn keys(self) -> &'static SchemeKeys {
        static VISA: OnceLock<SchemeKeys> = OnceLock::new();
        static MASTERCARD: OnceLock<SchemeKeys> = OnceLock::new();
        let (keys, text) = match self {
            Scheme::Visa => (&VISA, include_str!("../keys/visa.toml")),
            Scheme::Mastercard => (&MASTERCARD, include_str!("../keys/mastercard.toml")),
        };
        keys.get_or_init(|| toml::from_str(text).expect("the key files are part of the program"))
    }
}

/// All that one scheme signs and computes with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchemeKeys {
    pub(crate) ca: CertificationAuthority,
    pub(crate) issuer: IssuerKeys,
    /// The key in every card of the scheme. Real cards have one each; that would show nothing more here.
    pub(crate) icc: RsaKey,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssuerKeys {
    /// Issuer Master Key for Application Cryptograms.
    #[serde(deserialize_with = "hex::deserialize")]
    pub(crate) ac_master_key: Key,
    /// Issuer Master Key for the integrity of secure messaging.
    #[serde(deserialize_with = "hex::deserialize")]
    pub(crate) smi_master_key: Key,
    /// Issuer Master Key for the dynamic code of magnetic stripe data.
    #[serde(deserialize_with = "hex::deserialize")]
    pub(crate) dynamic_code_master_key: Key,
    pub(crate) rsa: RsaKey,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scheme_has_its_keys_and_knows_its_cards() {
        for scheme in Scheme::ALL {
            assert_eq!(scheme.keys().ca.rid.len(), 5);
        }
        assert_eq!(Scheme::of_pan("4761739001010119"), Some(Scheme::Visa));
        assert_eq!(Scheme::of_pan("5413330089601034"), Some(Scheme::Mastercard));
        assert_eq!(Scheme::of_pan("3566002020360505"), None);
    }
}
