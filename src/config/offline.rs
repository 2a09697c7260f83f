//! What may be approved without the acquirer, and how it hears of it afterwards.

use std::num::NonZero;

use jiff::SignedDuration;
use serde::Deserialize;
use toml::Spanned;

use super::source::{ConfigError, Source};
use crate::terminal::{Currency, OfflineLimit};

/// What may be approved without the acquirer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offline {
    /// How many messages of the forwarding queue may await their answers at once.
    pub in_flight: NonZero<usize>,
    /// How much may be approved before the acquirer hears of it. All of them hold.
    pub limits: Vec<OfflineLimit>,
}

/// The `[offline]` table.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    in_flight: Option<NonZero<usize>>,
    #[serde(rename = "limit")]
    limits: Vec<Spanned<Limit>>,
}

/// An `[[offline.limit]]` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    scheme: Option<Spanned<String>>,
    currency: Option<Spanned<String>>,
    amount: Option<Spanned<String>>,
    count: Option<u32>,
    sum: Option<Spanned<String>>,
    age_hours: Option<u16>,
}

impl Offline {
    const IN_FLIGHT: NonZero<usize> = NonZero::new(16).expect("it is not zero");

    pub(super) fn check(
        source: &Source,
        settings: &Settings,
        own_currency: Currency,
        schemes: &[String],
    ) -> Result<Self, ConfigError> {
        let limit = |settings: &Spanned<Limit>| limit(source, settings, own_currency, schemes);
        Ok(Offline {
            in_flight: settings.in_flight.unwrap_or(Self::IN_FLIGHT),
            limits: settings.limits.iter().map(limit).collect::<Result<_, _>>()?,
        })
    }
}

fn limit(
    source: &Source,
    settings: &Spanned<Limit>,
    own_currency: Currency,
    schemes: &[String],
) -> Result<OfflineLimit, ConfigError> {
    let limit = settings.get_ref();
    let scheme_named = |name: &str| match schemes.iter().any(|scheme| scheme == name) {
        true => Ok(name.to_owned()),
        false => Err(format!("there is no [[scheme]] of the name `{name}`")),
    };
    let terminals = |alpha: &str| match Currency::from_alpha(alpha) {
        Ok(currency) if currency == own_currency => Ok(currency),
        Ok(other) => Err(format!("this terminal takes {own_currency}, not {other}")),
        Err(unknown) => Err(unknown.to_string()),
    };
    let amount = |text: &Option<Spanned<String>>| {
        text.as_ref().map(|text| source.check(text, |text| own_currency.parse(text))).transpose()
    };
    let found = OfflineLimit {
        scheme: limit.scheme.as_ref().map(|name| source.check(name, scheme_named)).transpose()?,
        currency: limit.currency.as_ref().map_or(Ok(own_currency), |alpha| source.check(alpha, terminals))?,
        amount: amount(&limit.amount)?,
        count: limit.count,
        sum: amount(&limit.sum)?,
        age: limit.age_hours.map(|hours| SignedDuration::from_hours(hours.into())),
    };
    if found.amount.is_none() && found.count.is_none() && found.sum.is_none() && found.age.is_none() {
        return Err(source.error(settings.span(), "limits nothing without amount, count, sum or age_hours"));
    }
    Ok(found)
}
