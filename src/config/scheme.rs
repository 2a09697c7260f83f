//! Schemes: what their part of the file means to Entry Point and to their kernel.

use std::sync::Arc;

use emv::dict;
use emv::fields::{Amount, Ttq};
use emv::kernel::{Database, c2, c3};
use emv::profile::{Aid, Combination, KernelConfiguration, KernelId, Limits};
use emv::tlv::Tag;
use toml::Spanned;

use super::file::Scheme;
use super::source::{ConfigError, Source, hex, hex_array};
use crate::terminal::{Currency, TransactionType};

/// The combinations of a scheme, in the file's order.
pub(super) fn applications(
    source: &Source,
    scheme: &Scheme,
    currency: Currency,
) -> Result<Vec<(Combination, KernelConfiguration)>, ConfigError> {
    let amount = |value: &Option<Spanned<String>>| -> Result<Option<Amount>, ConfigError> {
        value.as_ref().map(|value| source.check(value, |text| currency.parse(text))).transpose()
    };
    let transaction_limit = amount(&scheme.transaction_limit)?;
    let transaction_limit_cdcvm = amount(&scheme.transaction_limit_cdcvm)?.or(transaction_limit);
    let floor_limit = amount(&scheme.floor_limit)?;
    let cvm_limit = amount(&scheme.cvm_limit)?;
    let ttq = scheme.ttq.as_ref().map(|value| source.check(value, ttq)).transpose()?;

    let mut objects = Database::new();
    for (tag, value) in &scheme.objects {
        let tag: Tag = source.check(tag, |text| text.parse::<Tag>())?;
        objects.set(tag, &source.check(value, hex)?);
    }
    let mut limits = Limits {
        status_check_supported: scheme.status_check,
        zero_amount_allowed: scheme.zero_amount,
        extended_selection_supported: scheme.extended_selection,
        ..Limits::default()
    };
    let kernel = match scheme.kernel.get_ref() {
        2 => {
            for (tag, limit) in [
                (dict::READER_CONTACTLESS_FLOOR_LIMIT, floor_limit),
                (dict::READER_CONTACTLESS_TRANSACTION_LIMIT_NO_ON_DEVICE_CVM, transaction_limit),
                (dict::READER_CONTACTLESS_TRANSACTION_LIMIT_ON_DEVICE_CVM, transaction_limit_cdcvm),
                (dict::READER_CVM_REQUIRED_LIMIT, cvm_limit),
            ] {
                if let Some(limit) = limit {
                    objects.set(tag, &limit.to_bcd());
                }
            }
            for (tag, codes) in [
                (dict::TERMINAL_ACTION_CODE_DEFAULT, &scheme.tac_default),
                (dict::TERMINAL_ACTION_CODE_DENIAL, &scheme.tac_denial),
                (dict::TERMINAL_ACTION_CODE_ONLINE, &scheme.tac_online),
            ] {
                if let Some(codes) = codes {
                    objects.set(tag, &source.check(codes, hex_array::<5>)?);
                }
            }
            let configuration = c2::Configuration::from_objects(&objects).map_err(|error| {
                let named = scheme.objects.keys().find(|key| key.get_ref().parse() == Ok(error.tag));
                source.error(named.unwrap_or(&scheme.name).span(), error)
            })?;
            KernelConfiguration::C2(Arc::new(configuration))
        }
        3 => {
            limits.contactless_transaction_limit = transaction_limit;
            limits.contactless_floor_limit = floor_limit;
            limits.cvm_required_limit = cvm_limit;
            limits.ttq = ttq;
            KernelConfiguration::C3(Arc::new(c3::Configuration::from_objects(objects)))
        }
        other => return Err(source.error(scheme.kernel.span(), format!("there is no kernel {other}; 2 and 3 are"))),
    };
    let mut transaction_types = Vec::new();
    for name in &scheme.transactions {
        transaction_types.push(source.check(name, |name| {
            let known = TransactionType::from_name(name).map(TransactionType::code);
            known.ok_or_else(|| {
                format!("`{name}` is none of {}", TransactionType::ALL.map(|(.., name)| name).join(", "))
            })
        })?);
    }
    let mut applications = Vec::new();
    for aid in &scheme.aids {
        let aid = source.check(aid, |text| Aid::try_from(&hex(text)?[..]).map_err(|error| error.to_string()))?;
        let combination = Combination {
            aid,
            kernel_id: KernelId::emvco(*scheme.kernel.get_ref()),
            transaction_types: transaction_types.clone(),
            limits: limits.clone(),
        };
        applications.push((combination, kernel.clone()));
    }
    Ok(applications)
}

fn ttq(text: &str) -> Result<Ttq, String> {
    let ttq = Ttq::from_bytes(hex_array(text)?);
    if ttq.has(Ttq::ONLINE_PIN_SUPPORTED) {
        return Err("online PIN needs a PIN pad, which this terminal has not".to_owned());
    }
    Ok(ttq)
}
