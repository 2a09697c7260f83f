//! `tenderctl refund` and `tenderctl void`.

use std::process::ExitCode;

use emv::fields::Amount;

use super::client::{BusArgs, Client, Options};
use super::{Failure, Output, outcome, watch};
use crate::terminal::{Currency, Token};

/// Arguments of `tenderctl refund`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("\
Examples:
  tenderctl refund till-1-0042               all that is left of the sale
  tenderctl refund till-1-0042 4.50          a part, in the sale's currency
  tenderctl refund till-1-0042 4.50 --token back-7     run again after a failure, it never pays twice

No card is needed: the money goes back to the one that paid. All refunds of a sale together never come to more than the
sale. To pay back to a card that is presented: `tenderctl sale --type refund`.

{}", outcome::EXIT_CODES))]
pub struct RefundArgs {
    /// The sale, by its token
    #[arg(value_name = "TOKEN")]
    original: Token,

    /// The amount, as a decimal in the sale's currency [default: all that is left]
    #[arg(allow_negative_numbers = true)]
    amount: Option<String>,

    #[command(flatten)]
    common: CommonArgs,
}

/// Arguments of `tenderctl void`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("\
Examples:
  tenderctl void till-1-0042

Undoes a whole sale before it is settled, without its card. What was refunded in part can't be voided.

{}", outcome::EXIT_CODES))]
pub struct VoidArgs {
    /// The sale, by its token
    #[arg(value_name = "TOKEN")]
    original: Token,

    #[command(flatten)]
    common: CommonArgs,
}

/// What both have.
#[derive(Debug, clap::Args)]
struct CommonArgs {
    /// Your name for the refund or the void: 1 to 64 of A-Z a-z 0-9 _ - . [default: one is made up]
    #[arg(long = "token", value_name = "NEW_TOKEN")]
    token: Option<Token>,

    /// Your own words for it, printed on the receipt
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
}

/// Gives money back.
pub async fn refund(args: &RefundArgs, bus: &BusArgs, output: &Output) -> Result<ExitCode, Failure> {
    let client = Client::connect(bus).await?;
    let mut options: Options<'_> = [("type", "refund".into())].into();
    let sale;
    if let Some(amount) = &args.amount {
        // Only the sale tells how many decimals an amount has.
        sale = client.find(&args.original).await?;
        let currency = Currency::from_alpha(sale.text("currency")).map_err(|error| Failure::new(error.to_string()))?;
        let amount = currency.parse(amount).map_err(|error| Failure::usage(error.to_string()))?;
        if amount == Amount::ZERO {
            return Err(Failure::usage("an amount of zero is no refund"));
        }
        options.insert("amount", amount.minor_units().into());
        options.insert("currency", currency.alpha().into());
    }
    carry_through(&client, options, &args.original, &args.common, output).await
}

/// Undoes a sale.
pub async fn void(args: &VoidArgs, bus: &BusArgs, output: &Output) -> Result<ExitCode, Failure> {
    let client = Client::connect(bus).await?;
    carry_through(&client, [("type", "void".into())].into(), &args.original, &args.common, output).await
}

async fn carry_through<'a>(
    client: &Client,
    mut options: Options<'a>,
    original: &'a Token,
    common: &'a CommonArgs,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let token = common.token.clone().unwrap_or_else(watch::made_up_token);
    options.insert("original", original.as_str().into());
    if let Some(reference) = &common.reference {
        options.insert("reference", reference.as_str().into());
    }
    let mut options: Options<'_> = options;
    options.insert("token", token.as_str().into());
    watch::carry_through(client, &token, common.token.is_some(), &options, output).await
}
