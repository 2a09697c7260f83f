//! A profile as a trace holds it: every value that decided something, in hexadecimal digits.

use std::collections::BTreeMap;
use std::sync::Arc;

use emv::fields::{AdditionalTerminalCapabilities, Amount, Date, TerminalCapabilities, Ttq};
use emv::kernel::{Database, c2, c3};
use emv::oda::{CaKey, CaKeys, Environment, Revocation, RevocationList};
use emv::profile::{
    Aid, Combination, KernelConfiguration, KernelId, Limits, PoiInformation, PointOfInteraction, Profile, TerminalData,
};
use emv::tlv::Tag;
use serde::{Deserialize, Serialize};

use crate::terminal::Hex;

/// All that a [`Profile`] is made from. Keys of schemes that no application belongs to are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The terminal.
    pub terminal: Terminal,
    /// The combinations, in order.
    pub applications: Vec<Application>,
    /// The public keys of the schemes' certification authorities.
    pub ca_keys: Vec<Key>,
    /// Revoked issuer certificates.
    pub revoked: Vec<Revoked>,
}

/// A line of a trace that holds one of the settings.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Setting {
    Terminal(Terminal),
    Application(Application),
    CaKey(Key),
    Revoked(Revoked),
}

/// The terminal's own data objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terminal {
    /// Terminal Type.
    #[serde(rename = "type")]
    pub terminal_type: Hex,
    /// Terminal Country Code.
    pub country: Hex,
    /// Terminal Capabilities.
    pub capabilities: Hex,
    /// Additional Terminal Capabilities.
    pub additional_capabilities: Hex,
    /// Terminal Identification.
    pub terminal_id: Hex,
    /// Merchant Identifier.
    pub merchant_id: Hex,
    /// Merchant Category Code.
    pub merchant_category_code: Hex,
    /// Merchant Name and Location.
    pub merchant_name_and_location: Hex,
    /// Acquirer Identifier.
    pub acquirer_id: Hex,
    /// Interface Device Serial Number.
    pub ifd_serial_number: Hex,
    /// POI Information.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poi_information: Option<Hex>,
    /// The Proprietary Data Identifiers that are recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proprietary_data_identifiers: Vec<Hex>,
}

/// A combination of an application and a kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// The AID, whole or the beginning of it.
    pub aid: Hex,
    /// The kernel identifier.
    pub kernel: Hex,
    /// The transaction types for which it is offered.
    pub transaction_types: Hex,
    /// Entry Point configuration data.
    pub limits: ApplicationLimits,
    /// The functions of Kernel 3 that are enabled, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Limits of Kernel 3 for the cards of certain programs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<Program>,
    /// The kernel's configuration objects, by tag.
    pub objects: BTreeMap<String, Hex>,
}

/// Limits for the cards of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Application Program Identifier, whole or the beginning of it.
    pub id: Hex,
    /// The limits.
    pub limits: ApplicationLimits,
}

/// Entry Point configuration data (EMV Contactless Book A, 5.3.1); amounts in minor units, absent where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApplicationLimits {
    /// Status Check Support flag.
    pub status_check_supported: bool,
    /// Zero Amount Allowed flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zero_amount_allowed: Option<bool>,
    /// Zero Amount for Offline Allowed flag.
    pub zero_amount_for_offline_allowed: bool,
    /// Reader Contactless Transaction Limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contactless_transaction_limit: Option<u64>,
    /// Reader Contactless Floor Limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contactless_floor_limit: Option<u64>,
    /// Terminal Floor Limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminal_floor_limit: Option<u64>,
    /// Reader CVM Required Limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cvm_required_limit: Option<u64>,
    /// Terminal Transaction Qualifiers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttq: Option<Hex>,
    /// Extended Selection Support flag.
    pub extended_selection_supported: bool,
}

/// A public key of a certification authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Registered application provider identifier.
    pub rid: Hex,
    /// Certification Authority Public Key Index.
    pub index: Hex,
    /// Exponent.
    pub exponent: Hex,
    /// Modulus.
    pub modulus: Hex,
    /// Its last day, YYMMDD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<Hex>,
}

/// A revoked issuer certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// Registered application provider identifier.
    pub rid: Hex,
    /// Certification Authority Public Key Index.
    pub index: Hex,
    /// Certificate Serial Number.
    pub serial: Hex,
}

/// Why settings are no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {reason}")]
pub struct SettingsError {
    /// Which setting.
    pub what: String,
    /// What is wrong with it.
    pub reason: String,
}

fn error(what: impl Into<String>, reason: impl ToString) -> SettingsError {
    SettingsError { what: what.into(), reason: reason.to_string() }
}

/// Exactly `N` bytes.
fn array<const N: usize>(what: &str, hex: &Hex) -> Result<[u8; N], SettingsError> {
    hex.0[..].try_into().map_err(|_| error(what, format!("must have {N} bytes, not {}", hex.0.len())))
}

impl Settings {
    /// The settings of a profile.
    pub fn of(profile: &Profile) -> Self {
        let combinations = profile.combinations();
        let has_rid = |rid: [u8; 5]| combinations.iter().any(|combination| combination.aid.rid() == rid);
        Settings {
            terminal: Terminal::of(&profile.terminal, &profile.point_of_interaction),
            applications: combinations
                .iter()
                .enumerate()
                .map(|(index, combination)| Application::of(combination, profile.kernel(index)))
                .collect(),
            ca_keys: profile.ca_keys.iter().filter(|key| has_rid(key.rid())).map(Key::of).collect(),
            revoked: profile.revoked.iter().filter(|revoked| has_rid(revoked.rid)).map(Revoked::of).collect(),
        }
    }

    /// The profile that these settings make.
    ///
    /// # Errors
    /// [`SettingsError`] with the first setting that can't be.
    pub fn to_profile(&self) -> Result<Arc<Profile>, SettingsError> {
        let mut ca_keys = CaKeys::new(Environment::Test);
        for key in &self.ca_keys {
            ca_keys.insert(key.to_key()?).map_err(|reason| error("ca_key", reason))?;
        }
        let revoked: Result<RevocationList, _> = self.revoked.iter().map(Revoked::to_revocation).collect();
        let applications: Result<Vec<_>, _> = self.applications.iter().map(Application::to_combination).collect();
        let mut profile = Profile::new(self.terminal.to_data()?, ca_keys, revoked?, applications?);
        profile.point_of_interaction = self.terminal.to_point_of_interaction()?;
        Ok(Arc::new(profile))
    }
}

impl Terminal {
    fn of(data: &TerminalData, point: &PointOfInteraction) -> Self {
        let information = point.information.as_bytes();
        let identifier = |identifier: &u16| Hex(identifier.to_be_bytes().to_vec());
        Terminal {
            terminal_type: Hex(vec![data.terminal_type]),
            country: Hex(data.country.to_vec()),
            capabilities: Hex(data.capabilities.as_bytes().to_vec()),
            additional_capabilities: Hex(data.additional_capabilities.as_bytes().to_vec()),
            terminal_id: Hex(data.terminal_id.to_vec()),
            merchant_id: Hex(data.merchant_id.to_vec()),
            merchant_category_code: Hex(data.merchant_category_code.to_vec()),
            merchant_name_and_location: Hex(data.merchant_name_and_location.clone()),
            acquirer_id: Hex(data.acquirer_id.to_vec()),
            ifd_serial_number: Hex(data.ifd_serial_number.to_vec()),
            poi_information: (!information.is_empty()).then(|| Hex(information.to_vec())),
            proprietary_data_identifiers: point.proprietary_data_identifiers.iter().map(identifier).collect(),
        }
    }

    fn to_data(&self) -> Result<TerminalData, SettingsError> {
        let [terminal_type] = array("terminal.type", &self.terminal_type)?;
        Ok(TerminalData {
            terminal_type,
            country: array("terminal.country", &self.country)?,
            capabilities: TerminalCapabilities::from_bytes(array("terminal.capabilities", &self.capabilities)?),
            additional_capabilities: AdditionalTerminalCapabilities::from_bytes(array(
                "terminal.additional_capabilities",
                &self.additional_capabilities,
            )?),
            terminal_id: array("terminal.terminal_id", &self.terminal_id)?,
            merchant_id: array("terminal.merchant_id", &self.merchant_id)?,
            merchant_category_code: array("terminal.merchant_category_code", &self.merchant_category_code)?,
            merchant_name_and_location: self.merchant_name_and_location.0.clone(),
            acquirer_id: array("terminal.acquirer_id", &self.acquirer_id)?,
            ifd_serial_number: array("terminal.ifd_serial_number", &self.ifd_serial_number)?,
        })
    }

    fn to_point_of_interaction(&self) -> Result<PointOfInteraction, SettingsError> {
        let information = self.poi_information.as_ref().map_or(&[][..], |information| &information.0);
        let information = PoiInformation::try_from(information);
        let identifiers = self.proprietary_data_identifiers.iter();
        let identifiers =
            identifiers.map(|hex| array("terminal.proprietary_data_identifiers", hex).map(u16::from_be_bytes));
        Ok(PointOfInteraction {
            country: array("terminal.country", &self.country)?,
            information: information.map_err(|reason| error("terminal.poi_information", reason))?,
            proprietary_data_identifiers: identifiers.collect::<Result<_, _>>()?,
        })
    }
}

impl Application {
    fn of(combination: &Combination, kernel: &KernelConfiguration) -> Self {
        let (options, programs, objects) = match kernel {
            KernelConfiguration::C2(configuration) => (Vec::new(), Vec::new(), &configuration.objects),
            KernelConfiguration::C3(configuration) => (
                configuration.options.enabled().map(str::to_owned).collect(),
                configuration.dynamic_reader_limits.iter().map(Program::of).collect(),
                &configuration.objects,
            ),
        };
        Application {
            aid: Hex(combination.aid.as_bytes().to_vec()),
            kernel: Hex(combination.kernel_id.as_bytes().to_vec()),
            transaction_types: Hex(combination.transaction_types.clone()),
            limits: ApplicationLimits::of(&combination.limits),
            options,
            programs,
            objects: objects.iter().map(|(tag, value)| (tag.to_string(), Hex(value.to_vec()))).collect(),
        }
    }

    fn to_combination(&self) -> Result<(Combination, KernelConfiguration), SettingsError> {
        let mut objects = Database::new();
        for (tag, value) in &self.objects {
            let parsed: Tag = tag.parse().map_err(|reason| error(format!("application.objects.{tag}"), reason))?;
            objects.set(parsed, &value.0);
        }
        let kernel = match self.kernel.0[..] {
            [2] => {
                let configuration = c2::Configuration::from_objects(&objects);
                KernelConfiguration::C2(Arc::new(configuration.map_err(|reason| error("application.objects", reason))?))
            }
            [3] => {
                let mut options = c3::Options::default();
                for name in &self.options {
                    options.enable(name).map_err(|reason| error("application.options", reason))?;
                }
                let dynamic_reader_limits: Result<_, _> = self.programs.iter().map(Program::to_limits).collect();
                KernelConfiguration::C3(Arc::new(c3::Configuration {
                    options,
                    dynamic_reader_limits: dynamic_reader_limits?,
                    exception_file: None,
                    objects,
                }))
            }
            _ => return Err(error("application.kernel", format!("there is no kernel {}; 02 and 03 are", self.kernel))),
        };
        let combination = Combination {
            aid: Aid::try_from(&self.aid.0[..]).map_err(|reason| error("application.aid", reason))?,
            kernel_id: KernelId::try_from(&self.kernel.0[..]).map_err(|reason| error("application.kernel", reason))?,
            transaction_types: self.transaction_types.0.clone(),
            limits: self.limits.to_limits()?,
        };
        Ok((combination, kernel))
    }
}

impl Program {
    fn of(program: &c3::DynamicReaderLimits) -> Self {
        Program { id: Hex(program.program_id.to_vec()), limits: ApplicationLimits::of(&program.limits) }
    }

    fn to_limits(&self) -> Result<c3::DynamicReaderLimits, SettingsError> {
        let program_id = self.id.0[..].try_into().map_err(|_| error("application.programs.id", "has 1 to 16 bytes"))?;
        Ok(c3::DynamicReaderLimits { program_id, limits: self.limits.to_limits()? })
    }
}

impl ApplicationLimits {
    fn of(limits: &Limits) -> Self {
        let minor_units = |amount: Option<Amount>| amount.map(Amount::minor_units);
        ApplicationLimits {
            status_check_supported: limits.status_check_supported,
            zero_amount_allowed: limits.zero_amount_allowed,
            zero_amount_for_offline_allowed: limits.zero_amount_for_offline_allowed,
            contactless_transaction_limit: minor_units(limits.contactless_transaction_limit),
            contactless_floor_limit: minor_units(limits.contactless_floor_limit),
            terminal_floor_limit: minor_units(limits.terminal_floor_limit),
            cvm_required_limit: minor_units(limits.cvm_required_limit),
            ttq: limits.ttq.map(|ttq| Hex(ttq.as_bytes().to_vec())),
            extended_selection_supported: limits.extended_selection_supported,
        }
    }

    fn to_limits(&self) -> Result<Limits, SettingsError> {
        let amount = |name: &str, minor_units: Option<u64>| {
            minor_units
                .map(Amount::new)
                .transpose()
                .map_err(|reason| error(format!("application.limits.{name}"), reason))
        };
        Ok(Limits {
            status_check_supported: self.status_check_supported,
            zero_amount_allowed: self.zero_amount_allowed,
            zero_amount_for_offline_allowed: self.zero_amount_for_offline_allowed,
            contactless_transaction_limit: amount("contactless_transaction_limit", self.contactless_transaction_limit)?,
            contactless_floor_limit: amount("contactless_floor_limit", self.contactless_floor_limit)?,
            terminal_floor_limit: amount("terminal_floor_limit", self.terminal_floor_limit)?,
            cvm_required_limit: amount("cvm_required_limit", self.cvm_required_limit)?,
            ttq: self.ttq.as_ref().map(|ttq| array("application.limits.ttq", ttq).map(Ttq::from_bytes)).transpose()?,
            extended_selection_supported: self.extended_selection_supported,
        })
    }
}

impl Key {
    /// The key as a trace holds it.
    pub fn of(key: &CaKey) -> Self {
        Key {
            rid: Hex(key.rid().to_vec()),
            index: Hex(vec![key.index()]),
            exponent: Hex(key.key().exponent().to_vec()),
            modulus: Hex(key.key().modulus().to_vec()),
            expiry: key.expiry().map(|date| Hex(date.to_bcd().to_vec())),
        }
    }

    fn to_key(&self) -> Result<CaKey, SettingsError> {
        let rid = array("ca_key.rid", &self.rid)?;
        let [index] = array("ca_key.index", &self.index)?;
        let key = CaKey::without_checksum(rid, index, &self.modulus.0, &self.exponent.0)
            .map_err(|reason| error("ca_key.modulus", reason))?;
        let Some(expiry) = &self.expiry else { return Ok(key) };
        Ok(key.expiring(Date::try_from(&expiry.0[..]).map_err(|reason| error("ca_key.expiry", reason))?))
    }
}

impl Revoked {
    fn of(revoked: &Revocation) -> Self {
        Revoked {
            rid: Hex(revoked.rid.to_vec()),
            index: Hex(vec![revoked.ca_key_index]),
            serial: Hex(revoked.serial.to_vec()),
        }
    }

    fn to_revocation(&self) -> Result<Revocation, SettingsError> {
        let [ca_key_index] = array("revoked.index", &self.index)?;
        Ok(Revocation {
            rid: array("revoked.rid", &self.rid)?,
            ca_key_index,
            serial: array("revoked.serial", &self.serial)?,
        })
    }
}
