//! Kernel 3: what a scheme's part of the file means to it.

use std::sync::Arc;

use emv::fields::Amount;
use emv::kernel::{Database, c3};
use emv::profile::{KernelConfiguration, Limits};
use toml::Spanned;

use super::file::{Program, Scheme};
use super::scheme::{refuse, ttq};
use super::source::{ConfigError, Source, hex};
use super::{NO_DATA_EXCHANGE, exceptions};
use crate::terminal::Currency;

/// What is said where there is no limit.
const NO_LIMIT: &str = "none";

/// The kernel's configuration, and the limits with which Entry Point pre-processes for it.
//= C-3 3.3.3.1, 3.3.4.1, 3.3.4.2, 5.5.1.2
pub(super) fn configuration(
    source: &Source,
    scheme: &Scheme,
    currency: Currency,
    objects: Database,
    limits: &mut Limits,
) -> Result<KernelConfiguration, ConfigError> {
    let keys = [
        ("transaction_limit_cdcvm", scheme.transaction_limit_cdcvm.as_ref().map(Spanned::span)),
        ("tac_default", scheme.tac_default.as_ref().map(Spanned::span)),
        ("tac_denial", scheme.tac_denial.as_ref().map(Spanned::span)),
        ("tac_online", scheme.tac_online.as_ref().map(Spanned::span)),
    ];
    refuse(source, 3, keys)?;
    let Some(ttq_text) = &scheme.ttq else {
        return Err(source.error(scheme.name.span(), "kernel 3 needs a ttq (Terminal Transaction Qualifiers)"));
    };
    let mut options = c3::Options::default();
    for name in &scheme.options {
        source.check(name, |name| options.enable(name).map_err(|error| error.to_string()))?;
        if options.integrated_data_storage {
            return Err(source.error(name.span(), format!("{} {NO_DATA_EXCHANGE}", name.get_ref())));
        }
    }
    limits.contactless_transaction_limit = limit(source, &scheme.transaction_limit, currency)?;
    limits.contactless_floor_limit = limit(source, &scheme.floor_limit, currency)?;
    limits.cvm_required_limit = limit(source, &scheme.cvm_limit, currency)?;
    limits.ttq = Some(source.check(ttq_text, |text| options.ttq(ttq(text)?).map_err(|error| error.to_string()))?);
    limits.status_check_supported = scheme.status_check.as_ref().is_some_and(|value| *value.get_ref());
    limits.zero_amount_allowed = scheme.zero_amount.as_ref().map(|value| *value.get_ref());
    limits.zero_amount_for_offline_allowed = scheme.zero_amount_offline.as_ref().is_some_and(|value| *value.get_ref());

    let configuration = c3::Configuration::from_objects(objects).map_err(|error| {
        let named = scheme.objects.keys().find(|key| key.get_ref().parse() == Ok(error.tag));
        source.error(named.unwrap_or(&scheme.name).span(), error)
    })?;
    let programs: Result<_, _> = scheme.programs.iter().map(|each| program(source, each, currency)).collect();
    Ok(KernelConfiguration::C3(Arc::new(c3::Configuration {
        options,
        dynamic_reader_limits: programs?,
        exception_file: scheme.exception_file.as_ref().map(|path| exceptions::load(source, path)).transpose()?,
        ..configuration
    })))
}

fn limit(source: &Source, value: &Spanned<String>, currency: Currency) -> Result<Option<Amount>, ConfigError> {
    source.check(value, |text| if text == NO_LIMIT { Ok(None) } else { currency.parse(text).map(Some) })
}

fn program(source: &Source, program: &Program, currency: Currency) -> Result<c3::DynamicReaderLimits, ConfigError> {
    let program_id = source.check(&program.id, |text| {
        let bytes = hex(text)?;
        if (1..=16).contains(&bytes.len()) {
            Ok(bytes.into_iter().collect())
        } else {
            Err(format!("`{text}` must be 1 to 16 bytes"))
        }
    })?;
    Ok(c3::DynamicReaderLimits {
        program_id,
        limits: Limits {
            status_check_supported: program.status_check,
            zero_amount_allowed: program.zero_amount,
            contactless_transaction_limit: limit(source, &program.transaction_limit, currency)?,
            contactless_floor_limit: limit(source, &program.floor_limit, currency)?,
            cvm_required_limit: limit(source, &program.cvm_limit, currency)?,
            ..Limits::default()
        },
    })
}
