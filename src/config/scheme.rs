//! Schemes: what their part of the file means to Entry Point and to their kernel.

use std::ops::Range;
use std::sync::Arc;

use emv::dict;
use emv::fields::c2::{CvmCapability, MagStripeCvmCapability};
use emv::fields::{Bit, Ttq};
use emv::kernel::{Database, c2};
use emv::profile::{Aid, Combination, KernelConfiguration, KernelId, Limits};
use emv::tlv::Tag;
use toml::Spanned;

use super::file::Scheme;
use super::source::{ConfigError, Source, hex, hex_array};
use super::{NO_DATA_EXCHANGE, NO_PIN_PAD, kernel_3};
use crate::terminal::{Currency, TransactionType};

/// The verifications for which the cardholder enters a PIN.
const PIN_BY_CAPABILITY: [Bit<CvmCapability>; 3] =
    [CvmCapability::PLAINTEXT_PIN_FOR_ICC, CvmCapability::ENCIPHERED_PIN_ONLINE, CvmCapability::ENCIPHERED_PIN_OFFLINE];

/// The combinations of a scheme, in the file's order.
pub(super) fn applications(
    source: &Source,
    scheme: &Scheme,
    currency: Currency,
) -> Result<Vec<(Combination, KernelConfiguration)>, ConfigError> {
    let mut objects = Database::new();
    for (tag, value) in &scheme.objects {
        let tag: Tag = source.check(tag, |text| text.parse::<Tag>())?;
        objects.set(tag, &source.check(value, hex)?);
    }
    let mut limits = Limits { extended_selection_supported: scheme.extended_selection, ..Limits::default() };
    let kernel = match scheme.kernel.get_ref() {
        2 => kernel_2(source, scheme, currency, objects)?,
        3 => kernel_3::configuration(source, scheme, currency, objects, &mut limits)?,
        other => return Err(source.error(scheme.kernel.span(), format!("there is no kernel {other}; 2 and 3 are"))),
    };
    let transaction_types = each(source, &scheme.transactions, "a scheme is for one type at least", |name| {
        let known = TransactionType::from_name(name).filter(|kind| kind.can_have_card()).map(TransactionType::code);
        let names = || TransactionType::names_with_card().collect::<Vec<_>>().join(", ");
        known.ok_or_else(|| format!("`{name}` is none of {}", names()))
    })?;
    let aids = each(source, &scheme.aids, "a scheme has one AID at least", |text| {
        Aid::try_from(&hex(text)?[..]).map_err(|error| error.to_string())
    })?;
    let combinations = aids.into_iter().map(|aid| Combination {
        aid,
        kernel_id: KernelId::emvco(*scheme.kernel.get_ref()),
        transaction_types: transaction_types.clone(),
        limits: limits.clone(),
    });
    Ok(combinations.map(|combination| (combination, kernel.clone())).collect())
}

/// Every value of a list that must not be empty.
fn each<T>(
    source: &Source,
    list: &Spanned<Vec<Spanned<String>>>,
    empty: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, ConfigError> {
    if list.get_ref().is_empty() {
        return Err(source.error(list.span(), empty));
    }
    list.get_ref().iter().map(|value| source.check(value, &parse)).collect()
}

/// An error for the first of these keys that is there, though it says nothing to this kernel.
pub(super) fn refuse<const N: usize>(
    source: &Source,
    kernel: u8,
    keys: [(&str, Option<Range<usize>>); N],
) -> Result<(), ConfigError> {
    match keys.into_iter().find_map(|(key, span)| Some((key, span?))) {
        Some((key, span)) => Err(source.error(span, format!("kernel {kernel} has no {key}"))),
        None => Ok(()),
    }
}

fn kernel_2(
    source: &Source,
    scheme: &Scheme,
    currency: Currency,
    mut objects: Database,
) -> Result<KernelConfiguration, ConfigError> {
    let keys = [
        ("ttq", scheme.ttq.as_ref().map(Spanned::span)),
        ("status_check", scheme.status_check.as_ref().map(Spanned::span)),
        ("zero_amount", scheme.zero_amount.as_ref().map(Spanned::span)),
        ("zero_amount_offline", scheme.zero_amount_offline.as_ref().map(Spanned::span)),
        ("options", scheme.options.first().map(Spanned::span)),
        ("exception_file", scheme.exception_file.as_ref().map(Spanned::span)),
        ("program", scheme.programs.first().map(|program| program.id.span())),
    ];
    refuse(source, 2, keys)?;
    // The kernel asks the terminal for what it was given without a value.
    if let Some((_, empty)) = scheme.objects.iter().find(|(_, value)| value.get_ref().is_empty()) {
        return Err(source.error(empty.span(), format!("an empty value {NO_DATA_EXCHANGE}")));
    }
    let limits = [
        (dict::READER_CONTACTLESS_FLOOR_LIMIT, &scheme.floor_limit),
        (dict::READER_CONTACTLESS_TRANSACTION_LIMIT_NO_ON_DEVICE_CVM, &scheme.transaction_limit),
        (
            dict::READER_CONTACTLESS_TRANSACTION_LIMIT_ON_DEVICE_CVM,
            scheme.transaction_limit_cdcvm.as_ref().unwrap_or(&scheme.transaction_limit),
        ),
        (dict::READER_CVM_REQUIRED_LIMIT, &scheme.cvm_limit),
    ];
    for (tag, limit) in limits {
        objects.set(tag, &source.check(limit, |text| currency.parse(text))?.to_bcd());
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
    let place = |tag| {
        let named = scheme.objects.keys().find(|key| key.get_ref().parse() == Ok(tag));
        named.unwrap_or(&scheme.name).span()
    };
    let configuration =
        c2::Configuration::from_objects(&objects).map_err(|error| source.error(place(error.tag), error))?;
    let by_pin = |capability: CvmCapability| PIN_BY_CAPABILITY.iter().any(|pin| capability.has(*pin));
    let by_stripe_and_pin = |capability| capability == MagStripeCvmCapability::OnlinePin;
    for (tag, promises_pin_pad) in [
        (dict::CVM_CAPABILITY_CVM_REQUIRED, by_pin(configuration.cvm_capability_cvm_required)),
        (dict::CVM_CAPABILITY_NO_CVM_REQUIRED, by_pin(configuration.cvm_capability_no_cvm_required)),
        (
            dict::MAG_STRIPE_CVM_CAPABILITY_CVM_REQUIRED,
            by_stripe_and_pin(configuration.mag_stripe_cvm_capability_cvm_required),
        ),
        (
            dict::MAG_STRIPE_CVM_CAPABILITY_NO_CVM_REQUIRED,
            by_stripe_and_pin(configuration.mag_stripe_cvm_capability_no_cvm_required),
        ),
    ] {
        if promises_pin_pad {
            return Err(source.error(place(tag), NO_PIN_PAD));
        }
    }
    Ok(KernelConfiguration::C2(Arc::new(configuration)))
}

pub(super) fn ttq(text: &str) -> Result<Ttq, String> {
    let ttq = Ttq::from_bytes(hex_array(text)?);
    if ttq.has(Ttq::ONLINE_PIN_SUPPORTED) { Err(NO_PIN_PAD.to_owned()) } else { Ok(ttq) }
}
