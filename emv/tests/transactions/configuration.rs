//! What a recording says of the terminal and of the transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use emv::dict;
use emv::fields::{AdditionalTerminalCapabilities, Amount, Date, TerminalCapabilities, TerminalType, Ttq};
use emv::kernel::{Database, Transaction, c2, c3};
use emv::oda::{CaKey, CaKeys, Environment, RevocationList};
use emv::profile::{Aid, Combination, KernelConfiguration, KernelId, Limits, Profile, TerminalData};
use emv::tlv::Tlvs;
use serde_json::Value;

use super::reader::card;
use super::vectors::hex;
use super::{array, object, text};

/// The objects of a section of the configuration, as hexadecimal values by tag.
pub(crate) fn objects(section: &Value) -> Database {
    let mut objects = Database::new();
    for (tag, value) in section.as_object().into_iter().flatten() {
        if let Ok(tag) = tag.parse() {
            objects.set(tag, &hex(value.as_str().expect("hexadecimal digits")));
        }
    }
    objects
}

/// The sections one above the other, in the order of precedence that each file names.
pub(crate) fn merged(config: &Value) -> Database {
    let mut merged = Database::new();
    for section in ["terminal", "kernel_config", "aid_config", "transaction_config"] {
        for (tag, value) in objects(&config[section]).iter() {
            merged.set(tag, value);
        }
    }
    merged
}

pub(crate) fn profile(case: &Value) -> Result<Profile, String> {
    let config = &case["config"];
    let objects = merged(config);
    let [kernel_id] = hex(text(&config["kernel_id"]))[..] else { return Err("a kernel identifier of one byte".into()) };
    let configuration = match kernel_id {
        0x02 => KernelConfiguration::C2(Arc::new(kernel_2(objects.clone(), &card(case))?)),
        0x03 => KernelConfiguration::C3(Arc::new(kernel_3(objects.clone(), &config["kernel_flags"]))),
        other => return Err(format!("kernel {other} is not there")),
    };
    let combination = Combination {
        aid: Aid::try_from(&hex(text(&config["aid"]))[..]).map_err(|error| error.to_string())?,
        kernel_id: KernelId::emvco(kernel_id),
        transaction_types: vec![object(&objects, dict::TRANSACTION_TYPE).first().copied().unwrap_or(0)],
        limits: limits(config, &objects)?,
    };
    let terminal = terminal(&objects);
    Ok(Profile::new(terminal, ca_keys(config), RevocationList::new(), [(combination, configuration)]))
}

/// Entry Point configuration data; a limit that is not there is absent.
fn limits(config: &Value, objects: &Database) -> Result<Limits, String> {
    let limits = &config["limits"];
    let amount =
        |name: &str| limits[name].as_u64().map(Amount::new).transpose().map_err(|error| format!("{name}: {error}"));
    Ok(Limits {
        status_check_supported: limits["statusCheckSupportFlag"].as_bool().unwrap_or(false),
        zero_amount_allowed: limits["zeroAmountAllowedFlag"].as_bool(),
        contactless_transaction_limit: amount("readerContactlessTransactionLimit")?,
        contactless_floor_limit: amount("readerContactlessFloorLimit")?,
        terminal_floor_limit: amount("terminalFloorLimit")?,
        cvm_required_limit: amount("readerCVMRequiredLimit")?,
        ttq: objects.value(dict::TTQ).map(Ttq::try_from).transpose().map_err(|error| error.to_string())?,
        extended_selection_supported: limits["extendedSelectionSupportFlag"].as_bool().unwrap_or(false),
        ..Limits::default()
    })
}

fn kernel_2(mut objects: Database, card: &BTreeMap<Vec<u8>, Vec<u8>>) -> Result<c2::Configuration, String> {
    let terminal = objects.value(dict::TERMINAL_TYPE).and_then(|value| TerminalType::try_from(value).ok());
    let online = terminal.is_some_and(|terminal| terminal.environment().online);
    if online && card.keys().any(|command| asks_for_arqc(command)) {
        objects.set(dict::TERMINAL_ACTION_CODE_ONLINE, &[0xFF; 5]);
    }
    c2::Configuration::from_objects(&objects).map_err(|error| error.to_string())
}

/// Whether this is a GENERATE AC for an online transaction (EMV Book 3, 6.5.5).
fn asks_for_arqc(command: &[u8]) -> bool {
    matches!(command, [0x80, 0xAE, reference_control, ..] if reference_control & 0xC0 == 0x80)
}

fn kernel_3(objects: Database, flags: &Value) -> c3::Configuration {
    let flag = |name: &str| flags[name].as_bool().unwrap_or(false);
    let options = c3::Options {
        fdda_for_online: flag("fddaForOnlineSupported"),
        display_available_spending_amount: flag("displayAvailableSpendingAmount"),
        manual_cash_check: flag("aucManualCheckSupported"),
        cashback_check: flag("aucCashbackCheckSupported"),
        ..c3::Options::default()
    };
    c3::Configuration { options, objects, ..c3::Configuration::default() }
}

/// The terminal's own data. The objects of the configuration stand above them, so that what the
/// recording has in another length goes to the card as it was.
fn terminal(objects: &Database) -> TerminalData {
    TerminalData {
        terminal_type: array::<1>(objects, dict::TERMINAL_TYPE)[0],
        country: array(objects, dict::TERMINAL_COUNTRY_CODE),
        capabilities: TerminalCapabilities::from_bytes(array(objects, dict::TERMINAL_CAPABILITIES)),
        additional_capabilities: AdditionalTerminalCapabilities::from_bytes(array(
            objects,
            dict::ADDITIONAL_TERMINAL_CAPABILITIES,
        )),
        terminal_id: array(objects, dict::TERMINAL_IDENTIFICATION),
        merchant_id: array(objects, dict::MERCHANT_IDENTIFIER),
        merchant_category_code: array(objects, dict::MERCHANT_CATEGORY_CODE),
        merchant_name_and_location: object(objects, dict::MERCHANT_NAME_AND_LOCATION).to_vec(),
        acquirer_id: array(objects, dict::ACQUIRER_IDENTIFIER),
        ifd_serial_number: array(objects, dict::IFD_SERIAL_NUMBER),
    }
}

/// The usable ones of the keys. What a recording's list has twice, or misprinted, matters only to the card that wants it.
fn ca_keys(config: &Value) -> CaKeys {
    let mut keys = CaKeys::new(Environment::Test);
    for key in config["ca_keys"].as_array().into_iter().flatten().filter_map(ca_key) {
        let _ = keys.insert(key);
    }
    keys
}

fn ca_key(key: &Value) -> Option<CaKey> {
    let [index] = hex(text(&key["index"]))[..] else { return None };
    let rid = hex(text(&key["rid"])).try_into().ok()?;
    CaKey::without_checksum(rid, index, &hex(text(&key["modulus"])), &hex(text(&key["exponent"]))).ok()
}

pub(crate) fn transaction(case: &Value) -> Result<Transaction, String> {
    let recorded = &case["transaction"];
    let request = hex(text(&recorded["request_tlv"]));
    let request = Tlvs::parse(&request).map_err(|error| error.to_string())?;
    let configured = merged(&case["config"]);
    let amount = |tag| request.find(tag).map(Amount::try_from).transpose().map_err(|error| error.to_string());
    let currency = request.find(dict::TRANSACTION_CURRENCY_CODE).or(configured.value(dict::TRANSACTION_CURRENCY_CODE));
    Ok(Transaction {
        amount_authorised: amount(dict::AMOUNT_AUTHORISED_NUMERIC)?,
        amount_other: amount(dict::AMOUNT_OTHER_NUMERIC)?,
        currency: currency.and_then(|value| value.try_into().ok()).ok_or("a currency")?,
        currency_exponent: array::<1>(&configured, dict::TRANSACTION_CURRENCY_EXPONENT)[0],
        transaction_type: request.find(dict::TRANSACTION_TYPE).map_or(0x00, |value| value[0]),
        date: Date::try_from(&hex(text(&recorded["9A"]))[..]).map_err(|error| error.to_string())?,
        time: hex(text(&recorded["9F21"])).try_into().map_err(|_| "a time of three bytes")?,
        sequence_counter: 1,
    })
}
