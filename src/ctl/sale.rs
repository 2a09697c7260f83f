//! `tenderctl sale`.

use std::process::ExitCode;

use emv::fields::Amount;
use zbus::Variant;

use super::client::{BusArgs, Client, Options};
use super::{Failure, Output, outcome, watch};
use crate::terminal::{Currency, MoneyError, OnlineMode, Token, TransactionType};

/// Arguments of `tenderctl sale`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("\
Examples:
  tenderctl sale 12.50 EUR
  tenderctl sale 12.50 EUR --token till-1-0042     run again after a failure, it never charges twice
  tenderctl sale 70.00 EUR --type cashback --cash 20.00
  tenderctl sale 12.50 EUR --type refund           to a card that is presented; see also `tenderctl refund`
  tenderctl sale 12.50 EUR --json                  a line for each phase, the whole transaction last

Ctrl-C cancels the sale, and waits for its end; once more, and it goes on unwatched.

{}", outcome::EXIT_CODES))]
pub struct Args {
    /// The amount, cash included, as a decimal
    #[arg(allow_negative_numbers = true)]
    amount: String,

    /// The currency: three capital letters (ISO 4217)
    #[arg(value_parser = |text: &str| Currency::from_alpha(text))]
    currency: Currency,

    /// What kind of transaction it is
    #[arg(long = "type", value_name = "TYPE", default_value = "purchase", value_parser = transaction_type())]
    kind: String,

    /// The cash in a cashback
    #[arg(long, value_name = "AMOUNT", required_if_eq("kind", "cashback"), allow_negative_numbers = true)]
    cash: Option<String>,

    /// The reader to take, as `tenderctl readers` names it
    #[arg(long, value_name = "NAME")]
    reader: Option<String>,

    /// Your name for the transaction: 1 to 64 of A-Z a-z 0-9 _ - . [default: one is made up]
    #[arg(long)]
    token: Option<Token>,

    /// Your own words for it, printed on the receipt
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,

    /// Take an approval for less than the amount, instead of reversing it
    #[arg(long)]
    accept_partial: bool,

    /// Whether the bank is asked: require_online never takes the card's word alone, force_offline never asks
    #[arg(long, value_name = "MODE", default_value = "prefer_online", value_parser = online_mode())]
    online: String,
}

fn transaction_type() -> clap::builder::PossibleValuesParser {
    TransactionType::names_with_card().collect::<Vec<_>>().into()
}

fn online_mode() -> clap::builder::PossibleValuesParser {
    OnlineMode::ALL.map(|(_, name)| name).into()
}

/// Takes the payment.
pub async fn run(args: &Args, bus: &BusArgs, output: &Output) -> Result<ExitCode, Failure> {
    let token = args.token.clone().unwrap_or_else(watch::made_up_token);
    let options = options(args, &token).map_err(|error| Failure::usage(error.to_string()))?;
    if options["amount"] == Variant::from(0u64) {
        return Err(Failure::usage("an amount of zero is no sale"));
    }
    let client = Client::connect(bus).await?;
    watch::carry_through(&client, &token, args.token.is_some(), &options, output).await
}

/// What the daemon is asked.
fn options<'a>(args: &'a Args, token: &'a Token) -> Result<Options<'a>, MoneyError> {
    let minor_units = |text: &str| args.currency.parse(text).map(Amount::minor_units);
    let mut options: Options<'a> = [
        ("token", token.as_str().into()),
        ("amount", minor_units(&args.amount)?.into()),
        ("currency", args.currency.alpha().into()),
        ("type", args.kind.as_str().into()),
        ("accept_partial", args.accept_partial.into()),
        ("online", args.online.as_str().into()),
    ]
    .into();
    if let Some(cash) = &args.cash {
        options.insert("amount_other", minor_units(cash)?.into());
    }
    for (key, text) in [("reader", &args.reader), ("reference", &args.reference)] {
        if let Some(text) = text {
            options.insert(key, text.as_str().into());
        }
    }
    Ok(options)
}
