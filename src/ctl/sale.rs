//! Transactions with a card: `tenderctl sale`, `preauth` and `verify`.

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

    #[command(flatten)]
    common: CommonArgs,

    /// What kind of transaction it is
    #[arg(long = "type", value_name = "TYPE", default_value = "purchase", value_parser = transaction_type())]
    kind: String,

    /// The cash in a cashback
    #[arg(long, value_name = "AMOUNT", required_if_eq("kind", "cashback"), allow_negative_numbers = true)]
    cash: Option<String>,

    /// Take an approval for less than the amount, instead of reversing it
    #[arg(long)]
    accept_partial: bool,

    /// Whether the bank is asked: require_online never takes the card's word alone, force_offline never asks
    #[arg(long, value_name = "MODE", default_value = "prefer_online", value_parser = online_mode())]
    online: String,
}

/// Arguments of `tenderctl preauth`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("\
Examples:
  tenderctl preauth 300.00 EUR --token room-12     always with the issuer's word, never offline
  tenderctl increment room-12 80.00                hold more
  tenderctl capture room-12 245.50                 collect, once; or: tenderctl release room-12

{}", outcome::EXIT_CODES))]
pub struct PreauthArgs {
    /// The amount to hold, as a decimal
    #[arg(allow_negative_numbers = true)]
    amount: String,

    #[command(flatten)]
    common: CommonArgs,

    /// Take an approval for less than the amount, instead of reversing it
    #[arg(long)]
    accept_partial: bool,
}

/// Arguments of `tenderctl verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("\
Examples:
  tenderctl verify EUR

{}", outcome::EXIT_CODES))]
pub struct VerifyArgs {
    #[command(flatten)]
    common: CommonArgs,
}

/// What all have.
#[derive(Debug, clap::Args)]
struct CommonArgs {
    /// The currency: three capital letters (ISO 4217)
    #[arg(value_parser = |text: &str| Currency::from_alpha(text))]
    currency: Currency,

    /// The reader to take, as `tenderctl readers` names it
    #[arg(long, value_name = "NAME")]
    reader: Option<String>,

    /// Your name for the transaction: 1 to 64 of A-Z a-z 0-9 _ - . [default: one is made up]
    #[arg(long)]
    token: Option<Token>,

    /// Your own words for it, printed on the receipt
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
}

/// What is asked for.
struct Wanted<'a> {
    kind: &'a str,
    amount: Option<&'a str>,
    cash: Option<&'a str>,
    accept_partial: bool,
    online: Option<&'a str>,
    common: &'a CommonArgs,
}

/// The kinds that have no command of their own.
fn transaction_type() -> clap::builder::PossibleValuesParser {
    let own = [TransactionType::PreAuthorisation, TransactionType::Verification].map(TransactionType::name);
    TransactionType::names_with_card().filter(|name| !own.contains(name)).collect::<Vec<_>>().into()
}

fn online_mode() -> clap::builder::PossibleValuesParser {
    OnlineMode::ALL.map(|(_, name)| name).into()
}

/// Takes the payment.
pub async fn run(args: &Args, bus: &BusArgs, output: &Output) -> Result<ExitCode, Failure> {
    let Args { amount, common, kind, cash, accept_partial, online } = args;
    let (amount, cash, online) = (Some(amount.as_str()), cash.as_deref(), Some(online.as_str()));
    Wanted { kind, amount, cash, accept_partial: *accept_partial, online, common }.carry_through(bus, output).await
}

/// Holds an amount.
pub async fn preauth(args: &PreauthArgs, bus: &BusArgs, output: &Output) -> Result<ExitCode, Failure> {
    let PreauthArgs { amount, common, accept_partial } = args;
    let (kind, amount) = (TransactionType::PreAuthorisation.name(), Some(amount.as_str()));
    Wanted { kind, amount, cash: None, accept_partial: *accept_partial, online: None, common }
        .carry_through(bus, output)
        .await
}

/// Verifies a card.
pub async fn verify(args: &VerifyArgs, bus: &BusArgs, output: &Output) -> Result<ExitCode, Failure> {
    let (kind, common) = (TransactionType::Verification.name(), &args.common);
    Wanted { kind, amount: None, cash: None, accept_partial: false, online: None, common }
        .carry_through(bus, output)
        .await
}

impl Wanted<'_> {
    async fn carry_through(self, bus: &BusArgs, output: &Output) -> Result<ExitCode, Failure> {
        let token = self.common.token.clone().unwrap_or_else(watch::made_up_token);
        let options = self.options(&token).map_err(|error| Failure::usage(error.to_string()))?;
        if options.get("amount") == Some(&Variant::from(0u64)) {
            return Err(Failure::usage("an amount of zero is no sale"));
        }
        let client = Client::connect(bus).await?;
        watch::carry_through(&client, &token, self.common.token.is_some(), &options, output).await
    }

    /// What the daemon is asked.
    fn options<'a>(&'a self, token: &'a Token) -> Result<Options<'a>, MoneyError> {
        let currency = &self.common.currency;
        let mut options: Options<'a> = [
            ("token", token.as_str().into()),
            ("currency", currency.alpha().into()),
            ("type", self.kind.into()),
            ("accept_partial", self.accept_partial.into()),
        ]
        .into();
        for (key, text) in [("amount", self.amount), ("amount_other", self.cash)] {
            if let Some(text) = text {
                options.insert(key, currency.parse(text).map(Amount::minor_units)?.into());
            }
        }
        let (reader, reference) = (self.common.reader.as_deref(), self.common.reference.as_deref());
        for (key, text) in [("reader", reader), ("reference", reference), ("online", self.online)] {
            if let Some(text) = text {
                options.insert(key, text.into());
            }
        }
        Ok(options)
    }
}
