//! The terminal and the inputs of a tap that is recorded or replayed.

use std::path::PathBuf;

use emv::fields::Date;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tender_sim::ca;

use super::Failure;
use crate::config::Config;
use crate::terminal::{Currency, Hex, TransactionType};
use crate::trace::{Inputs, Key, Settings};

/// Options that `record` and `replay` have in common.
#[derive(Debug, clap::Args)]
pub(super) struct TapArgs {
    /// The configuration whose schemes and keys to use [default: the commented example, with the simulator's test keys]
    #[arg(long, visible_alias = "profile", value_name = "FILE")]
    config: Option<PathBuf>,

    /// The amount, as a decimal
    #[arg(long, value_name = "AMOUNT")]
    amount: Option<String>,

    /// The cash in it, as a decimal
    #[arg(long, value_name = "AMOUNT")]
    cash: Option<String>,

    /// The currency: three capital letters (ISO 4217)
    #[arg(long, value_parser = |text: &str| Currency::from_alpha(text))]
    currency: Option<Currency>,

    /// What kind of transaction it is
    #[arg(long = "type", value_name = "TYPE", value_parser = |text: &str| {
        TransactionType::from_name(text).filter(|kind| kind.can_have_card()).ok_or_else(|| {
            let names: Vec<_> = TransactionType::names_with_card().collect();
            format!("none of {}", names.join(", "))
        })
    })]
    kind: Option<TransactionType>,

    /// Transaction Date, as 2026-11-24
    #[arg(long)]
    date: Option<jiff::civil::Date>,

    /// Transaction Time, as 14:30:00
    #[arg(long)]
    time: Option<jiff::civil::Time>,

    /// The first Unpredictable Number: eight hex digits
    #[arg(long = "un", value_name = "HEX")]
    unpredictable_number: Option<Hex>,
}

impl TapArgs {
    /// The settings of the configuration that was named; nothing where none was.
    pub(super) fn named_settings(&self) -> Result<Option<Settings>, Failure> {
        let Some(path) = &self.config else { return Ok(None) };
        let config = Config::load(path).map_err(|error| Failure::usage(error.to_string()))?;
        Ok(Some(Settings::of(&config.profile)))
    }

    /// The settings of the configuration that was named, or those of the example.
    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        if let Some(settings) = self.named_settings()? {
            return Ok(settings);
        }
        let mut settings = Settings::of(&Config::example().profile);
        settings.ca_keys = ca::public_keys()
            .into_iter()
            .map(|key| Key {
                rid: Hex(key.rid.to_vec()),
                index: Hex(vec![key.index]),
                exponent: Hex(key.exponent),
                modulus: Hex(key.modulus),
                expiry: None,
            })
            .collect();
        Ok(settings)
    }

    /// The inputs of a purchase for 10.00 euros now, as the options change them; its Unpredictable Numbers follow from
    /// `seed`.
    pub(super) fn inputs(&self, seed: [u8; 32]) -> Result<Inputs, Failure> {
        let now = Timestamp::now().to_zoned_datetime(TimeZone::system());
        let mut inputs = Inputs {
            amount: Some(1000),
            amount_other: None,
            currency: Hex(vec![0x09, 0x78]),
            currency_exponent: 2,
            transaction_type: Hex(vec![TransactionType::Purchase.code()]),
            date: date(now.datetime().date())?,
            time: time(now.datetime().time()),
            sequence_counter: 1,
            unpredictable_number: None,
            seed: Hex(seed.to_vec()),
        };
        self.change(&mut inputs)?;
        Ok(inputs)
    }

    /// Puts the options in place of recorded inputs.
    pub(super) fn change(&self, inputs: &mut Inputs) -> Result<(), Failure> {
        if let Some(currency) = self.currency {
            inputs.currency = Hex(vec![bcd(currency.numeric() / 100), bcd(currency.numeric() % 100)]);
            inputs.currency_exponent = currency.exponent();
        }
        for (text, amount) in [(&self.amount, &mut inputs.amount), (&self.cash, &mut inputs.amount_other)] {
            let Some(text) = text else { continue };
            let digits = inputs
                .currency
                .0
                .iter()
                .fold(0, |number, byte| number * 100 + u16::from(byte >> 4) * 10 + u16::from(byte & 0x0F));
            let currency = Currency::from_numeric(digits).map_err(|error| Failure::usage(error.to_string()))?;
            *amount = Some(currency.parse(text).map_err(|error| Failure::usage(error.to_string()))?.minor_units());
        }
        if let Some(kind) = self.kind {
            inputs.transaction_type = Hex(vec![kind.code()]);
        }
        if let Some(day) = self.date {
            inputs.date = date(day)?;
        }
        if let Some(moment) = self.time {
            inputs.time = time(moment);
        }
        if let Some(number) = &self.unpredictable_number {
            inputs.unpredictable_number = Some(number.clone());
        }
        Ok(())
    }
}

fn bcd(number: u16) -> u8 {
    (number / 10 % 10 * 16 + number % 10) as u8
}

fn date(day: jiff::civil::Date) -> Result<Hex, Failure> {
    let date = Date::new(day.year().unsigned_abs(), day.month().unsigned_abs(), day.day().unsigned_abs());
    Ok(Hex(date.map_err(|error| Failure::usage(format!("--date: {error}")))?.to_bcd().to_vec()))
}

fn time(moment: jiff::civil::Time) -> Hex {
    Hex([moment.hour(), moment.minute(), moment.second()].map(|part| bcd(part.unsigned_abs().into())).to_vec())
}
