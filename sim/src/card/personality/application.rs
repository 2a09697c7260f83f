//! Applications: the `[[application]]` tables of a personality.

use emv::fields::{Auc, Ctq, Date, Pan};
use serde::Deserialize;

use super::fault::Fault;
use super::values::{self, ThreeDigits};
use crate::card::relay_resistance::RelayResistance;
use crate::crypto::CryptogramVersion;
use crate::{Scheme, hex};

/// One payment application, checked as a whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "ApplicationTable")]
pub(in crate::card) struct Application {
    /// Whose application it is, told by its AID.
    pub(in crate::card) scheme: Scheme,
    /// How it computes cryptograms.
    pub(in crate::card) version: &'static CryptogramVersion,
    /// What the file says.
    pub(in crate::card) table: ApplicationTable,
}

/// The application as the file has it, each value right in itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::card) struct ApplicationTable {
    #[serde(deserialize_with = "values::aid")]
    pub(in crate::card) aid: Vec<u8>,
    #[serde(deserialize_with = "values::label")]
    pub(in crate::card) label: String,
    #[serde(default, deserialize_with = "values::preferred_name")]
    pub(in crate::card) preferred_name: Option<String>,
    #[serde(default, deserialize_with = "values::priority")]
    pub(in crate::card) priority: u8,
    #[serde(deserialize_with = "values::pan")]
    pub(in crate::card) pan: Pan,
    #[serde(default, deserialize_with = "values::sequence_number")]
    pub(in crate::card) sequence_number: u8,
    #[serde(deserialize_with = "values::date")]
    pub(in crate::card) expiry: Date,
    #[serde(default = "default::effective", deserialize_with = "values::date")]
    pub(in crate::card) effective: Date,
    #[serde(default = "default::service_code")]
    pub(in crate::card) service_code: ThreeDigits,
    #[serde(default = "default::cardholder_name", deserialize_with = "values::cardholder_name")]
    pub(in crate::card) cardholder_name: String,
    #[serde(default = "default::country")]
    pub(in crate::card) country: ThreeDigits,
    #[serde(default = "default::currency")]
    pub(in crate::card) currency: ThreeDigits,
    #[serde(deserialize_with = "hex::deserialize")]
    cryptogram_version: [u8; 1],
    #[serde(default)]
    pub(in crate::card) authentication: Authentication,
    #[serde(default)]
    pub(in crate::card) decision: Decision,
    #[serde(default)]
    pub(in crate::card) offline_limit: u64,
    #[serde(default = "default::cvm")]
    pub(in crate::card) cvm: Vec<Cvm>,
    #[serde(default)]
    pub(in crate::card) on_device_cvm: bool,
    #[serde(default)]
    pub(in crate::card) see_phone: bool,
    #[serde(default)]
    pub(in crate::card) relay_resistance: Option<RelayResistance>,
    #[serde(default)]
    pub(in crate::card) recovers: bool,
    #[serde(default)]
    pub(in crate::card) data_storage: bool,
    #[serde(default)]
    pub(in crate::card) mag_stripe: bool,
    #[serde(default = "default::usage", deserialize_with = "values::usage")]
    pub(in crate::card) usage: Auc,
    #[serde(default)]
    pub(in crate::card) action_codes: ActionCodes,
    #[serde(default, deserialize_with = "values::ctq")]
    pub(in crate::card) ctq: Ctq,
    #[serde(default, deserialize_with = "values::form_factor_indicator")]
    pub(in crate::card) form_factor_indicator: Option<Vec<u8>>,
    #[serde(default)]
    pub(in crate::card) fault: Fault,
}

/// How the card proves that it is genuine, without its issuer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::card) enum Authentication {
    /// Not at all.
    #[default]
    None,
    /// With the issuer's signature over its static data.
    Sda,
    /// With its own signature in the answer to GET PROCESSING OPTIONS.
    Fdda,
    /// With its own signature in the answer to GENERATE AC.
    Cda,
}

/// What the card decides where the terminal leaves it the choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::card) enum Decision {
    /// Its issuer must be asked.
    #[default]
    Online,
    /// It approves offline, up to its offline limit, in its own currency.
    Offline,
    /// It declines.
    Decline,
}

/// A way to verify the cardholder that the card asks the terminal for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::card) enum Cvm {
    OnlinePin,
    Signature,
    None,
}

/// Issuer Action Codes, 5 bytes each, in the bits of the TVR.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::card) struct ActionCodes {
    #[serde(deserialize_with = "hex::deserialize")]
    pub(in crate::card) denial: [u8; 5],
    #[serde(deserialize_with = "hex::deserialize")]
    pub(in crate::card) online: [u8; 5],
    #[serde(deserialize_with = "hex::deserialize")]
    pub(in crate::card) default: [u8; 5],
}

/// What stands for a key that the file leaves out.
mod default {
    use super::*;

    pub(super) fn effective() -> Date {
        Date::new(2020, 1, 1).expect("a day of the calendar")
    }

    pub(super) fn service_code() -> ThreeDigits {
        ThreeDigits([2, 0, 1])
    }

    pub(super) fn cardholder_name() -> String {
        "CARD/TEST".to_owned()
    }

    /// Belgium.
    pub(super) fn country() -> ThreeDigits {
        ThreeDigits([0, 5, 6])
    }

    /// The euro.
    pub(super) fn currency() -> ThreeDigits {
        ThreeDigits([9, 7, 8])
    }

    pub(super) fn cvm() -> Vec<Cvm> {
        vec![Cvm::OnlinePin, Cvm::Signature, Cvm::None]
    }

    /// Everything is allowed.
    pub(super) fn usage() -> Auc {
        Auc::from_bytes([0xFF, 0xC0])
    }
}

impl TryFrom<ApplicationTable> for Application {
    type Error = String;

    fn try_from(table: ApplicationTable) -> Result<Self, String> {
        let scheme = Scheme::ALL.into_iter().find(|scheme| table.aid.starts_with(&scheme.keys().ca.rid));
        let scheme = scheme.ok_or("aid: it begins with the RID of no scheme that is simulated")?;
        let [number] = table.cryptogram_version;
        let version = CryptogramVersion::find(scheme, number)
            .ok_or_else(|| format!("cryptogram_version: {scheme:?} has no version {number:02X} here"))?;
        let fits = match scheme {
            Scheme::Visa => table.authentication != Authentication::Cda,
            Scheme::Mastercard => matches!(table.authentication, Authentication::None | Authentication::Cda),
        };
        if !fits {
            return Err(format!("authentication: {scheme:?} has no {:?} here", table.authentication));
        }
        if Scheme::of_pan(table.pan.digits()) != Some(scheme) {
            return Err(format!("pan: it is no number of {scheme:?}"));
        }
        table.check_mastercard_s_own(scheme)?;
        Ok(Application { scheme, version, table })
    }
}

impl ApplicationTable {
    /// What only a card of Kernel 2 does, and what of it goes together.
    fn check_mastercard_s_own(&self, scheme: Scheme) -> Result<(), String> {
        let own = [
            ("see_phone", self.see_phone),
            ("relay_resistance", self.relay_resistance.is_some()),
            ("recovers", self.recovers),
            ("data_storage", self.data_storage),
            ("mag_stripe", self.mag_stripe),
        ];
        if let Some((key, _)) = own.into_iter().find(|(_, is_used)| *is_used && scheme != Scheme::Mastercard) {
            return Err(format!("{key}: {scheme:?} has none here"));
        }
        if self.see_phone && !self.on_device_cvm {
            return Err("see_phone: it needs on_device_cvm".to_owned());
        }
        if self.data_storage && self.authentication != Authentication::Cda {
            return Err("data_storage: it needs authentication cda".to_owned());
        }
        if self.mag_stripe && (self.authentication != Authentication::None || self.pan.digits().len() != 16) {
            return Err("mag_stripe: it needs a PAN of 16 digits, and no authentication".to_owned());
        }
        Ok(())
    }
}
