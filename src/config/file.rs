//! The file as it is written: names, and values that are not yet checked against each other.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::Mode;
use super::acquirer_keys::DukptScheme;
use super::offline;
use crate::upstream::HostSettings;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) mode: Mode,
    pub(super) merchant: Merchant,
    pub(super) terminal: Terminal,
    pub(super) host: Spanned<HostSettings>,
    pub(super) journal: Journal,
    #[serde(default)]
    pub(super) offline: offline::Settings,
    pub(super) readers: Spanned<Readers>,
    pub(super) keys: Keys,
    #[serde(rename = "scheme")]
    pub(super) schemes: Spanned<Vec<Scheme>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Merchant {
    pub(super) name: String,
    #[serde(default)]
    pub(super) address: Vec<String>,
    pub(super) id: Spanned<String>,
    pub(super) category: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Terminal {
    pub(super) id: Spanned<String>,
    pub(super) country: Spanned<String>,
    pub(super) currency: Spanned<String>,
    #[serde(rename = "type")]
    pub(super) kind: Spanned<String>,
    pub(super) capabilities: Spanned<String>,
    pub(super) additional_capabilities: Spanned<String>,
    pub(super) acquirer: Spanned<String>,
    pub(super) serial: Spanned<String>,
    pub(super) time_zone: Option<Spanned<String>>,
    pub(super) poi_information: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) proprietary_data: Vec<Spanned<String>>,
    pub(super) card_timeout_s: Spanned<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Journal {
    pub(super) path: PathBuf,
    pub(super) storage_key: PathBuf,
    pub(super) storage_key_days: Option<Spanned<u16>>,
    pub(super) card_data_days: Option<Spanned<u16>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Readers {
    pub(super) pcsc: bool,
    #[serde(default)]
    pub(super) simulated: Vec<String>,
    #[serde(default)]
    pub(super) simulated_delay_ms: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    pub(super) files: Vec<Spanned<PathBuf>>,
    pub(super) mac: Option<Spanned<SecretKey>>,
    pub(super) dukpt: Option<Spanned<DukptKey>>,
    pub(super) master: Option<Spanned<SecretKey>>,
    pub(super) protection: Option<Spanned<SecretKey>>,
}

/// A secret key, by one of two ways.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretKey {
    pub(super) credential: Option<String>,
    pub(super) file: Option<PathBuf>,
}

/// An initial key of DUKPT.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DukptKey {
    pub(super) credential: Option<String>,
    pub(super) file: Option<PathBuf>,
    pub(super) scheme: DukptScheme,
    pub(super) id: Spanned<String>,
}

/// A kernel and the AIDs it runs. What not every kernel has is absent where it has it not.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scheme {
    pub(super) name: Spanned<String>,
    pub(super) kernel: Spanned<u8>,
    pub(super) aids: Spanned<Vec<Spanned<String>>>,
    pub(super) transactions: Spanned<Vec<Spanned<String>>>,
    pub(super) transaction_limit: Spanned<String>,
    pub(super) transaction_limit_cdcvm: Option<Spanned<String>>,
    pub(super) floor_limit: Spanned<String>,
    pub(super) cvm_limit: Spanned<String>,
    pub(super) ttq: Option<Spanned<String>>,
    pub(super) status_check: Option<Spanned<bool>>,
    pub(super) zero_amount: Option<Spanned<bool>>,
    pub(super) zero_amount_offline: Option<Spanned<bool>>,
    #[serde(default)]
    pub(super) extended_selection: bool,
    #[serde(default)]
    pub(super) options: Vec<Spanned<String>>,
    pub(super) exception_file: Option<Spanned<PathBuf>>,
    #[serde(default, rename = "program")]
    pub(super) programs: Vec<Program>,
    pub(super) tac_default: Option<Spanned<String>>,
    pub(super) tac_denial: Option<Spanned<String>>,
    pub(super) tac_online: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) objects: BTreeMap<Spanned<String>, Spanned<String>>,
}

/// Limits for the cards of a program, in place of the scheme's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Program {
    pub(super) id: Spanned<String>,
    pub(super) transaction_limit: Spanned<String>,
    pub(super) floor_limit: Spanned<String>,
    pub(super) cvm_limit: Spanned<String>,
    #[serde(default)]
    pub(super) status_check: bool,
    pub(super) zero_amount: Option<bool>,
}

/// A file of public keys of certification authorities.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyFile {
    #[serde(default)]
    pub(super) key: Vec<Spanned<Key>>,
    #[serde(default)]
    pub(super) revoked: Vec<Spanned<Revoked>>,
}

/// One public key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) rid: Spanned<String>,
    pub(super) index: Spanned<String>,
    pub(super) modulus: Spanned<String>,
    pub(super) exponent: Spanned<String>,
    pub(super) checksum: Spanned<String>,
    pub(super) expiry: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) test: bool,
}

/// An issuer certificate that must not be trusted any more (EMV Book 2, 5.2 and 11.2.3).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revoked {
    pub(super) rid: Spanned<String>,
    pub(super) index: Spanned<String>,
    pub(super) serial: Spanned<String>,
}
