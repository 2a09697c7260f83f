//! Amounts in JSON: a number of minor units (for `#[serde(with = "minor_units")]`).

use emv::fields::Amount;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::money;

pub(crate) fn serialize<S: Serializer>(amount: &Amount, serializer: S) -> Result<S::Ok, S::Error> {
    amount.minor_units().serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
    money::amount(u64::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// The same for an amount that may be absent.
pub(crate) mod option {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(amount: &Option<Amount>, serializer: S) -> Result<S::Ok, S::Error> {
        amount.map(Amount::minor_units).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Amount>, D::Error> {
        let minor_units = Option::<u64>::deserialize(deserializer)?;
        minor_units.map(money::amount).transpose().map_err(D::Error::custom)
    }
}
