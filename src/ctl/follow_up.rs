//! What is done with an earlier transaction, without its card: `tenderctl refund`, `void`, `increment`, `capture`,
//! `release` and `adjust`.

use std::process::ExitCode;

use emv::fields::Amount;

use super::client::{BusArgs, Client, Options};
use super::{Failure, Output, outcome, watch};
use crate::terminal::{Currency, Token, TransactionType};

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
    /// The sale, or the capture, by its token
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

Undoes a whole sale, refund or capture before it is settled, without its card. What was refunded in part can't be voided.

{}", outcome::EXIT_CODES))]
pub struct VoidArgs {
    /// The sale, the refund or the capture, by its token
    #[arg(value_name = "TOKEN")]
    original: Token,

    #[command(flatten)]
    common: CommonArgs,
}

/// Arguments of `tenderctl increment`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("\
Examples:
  tenderctl increment room-12 80.00          80.00 more are held, if the issuer agrees

{}", outcome::EXIT_CODES))]
pub struct IncrementArgs {
    /// The pre-authorisation, by its token
    #[arg(value_name = "TOKEN")]
    original: Token,

    /// How much more, as a decimal in its currency
    #[arg(allow_negative_numbers = true)]
    amount: String,

    #[command(flatten)]
    common: CommonArgs,
}

/// Arguments of `tenderctl capture`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("\
Examples:
  tenderctl capture room-12                  all that is held
  tenderctl capture room-12 245.50           a part; the rest is given up

Ends the pre-authorisation: it is captured once. The acquirer is told until it has taken it, also where it can't be
reached now.

{}", outcome::EXIT_CODES))]
pub struct CaptureArgs {
    /// The pre-authorisation, by its token
    #[arg(value_name = "TOKEN")]
    original: Token,

    /// The amount, as a decimal in its currency [default: all that is held]
    #[arg(allow_negative_numbers = true)]
    amount: Option<String>,

    #[command(flatten)]
    common: CommonArgs,
}

/// Arguments of `tenderctl release`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("\
Examples:
  tenderctl release room-12                  nothing is held any more

{}", outcome::EXIT_CODES))]
pub struct ReleaseArgs {
    /// The pre-authorisation, by its token
    #[arg(value_name = "TOKEN")]
    original: Token,

    #[command(flatten)]
    common: CommonArgs,
}

/// Arguments of `tenderctl adjust`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("\
Examples:
  tenderctl adjust table-7 5.00              a tip of 5.00
  tenderctl adjust table-7 --total 50.00     whatever the tip comes to

Once for each sale, before it is settled and before anything of it is given back.

{}", outcome::EXIT_CODES))]
pub struct AdjustArgs {
    /// The sale, by its token
    #[arg(value_name = "TOKEN")]
    original: Token,

    /// The tip, as a decimal in the sale's currency
    #[arg(allow_negative_numbers = true, required_unless_present = "total", conflicts_with = "total")]
    tip: Option<String>,

    /// What the sale comes to with the tip
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    total: Option<String>,

    #[command(flatten)]
    common: CommonArgs,
}

/// What all have.
#[derive(Debug, clap::Args)]
struct CommonArgs {
    /// Your name for this step: 1 to 64 of A-Z a-z 0-9 _ - . [default: one is made up]
    #[arg(long = "token", value_name = "NEW_TOKEN")]
    token: Option<Token>,

    /// Your own words for it, printed on the receipt
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
}

/// What is asked for.
struct Wanted<'a> {
    kind: TransactionType,
    original: &'a Token,
    amount: Option<&'a str>,
    total: Option<&'a str>,
    common: &'a CommonArgs,
}

/// Gives money back.
pub async fn refund(args: &RefundArgs, bus: &BusArgs, output: &Output) -> Result<ExitCode, Failure> {
    let amount = args.amount.as_deref();
    Wanted::new(TransactionType::Refund, &args.original, amount, &args.common).carry_through(bus, output).await
}

/// Undoes a sale, a refund or a capture.
pub async fn void(args: &VoidArgs, bus: &BusArgs, output: &Output) -> Result<ExitCode, Failure> {
    Wanted::new(TransactionType::Void, &args.original, None, &args.common).carry_through(bus, output).await
}

/// Raises a pre-authorisation.
pub async fn increment(args: &IncrementArgs, bus: &BusArgs, output: &Output) -> Result<ExitCode, Failure> {
    let amount = Some(args.amount.as_str());
    Wanted::new(TransactionType::Increment, &args.original, amount, &args.common).carry_through(bus, output).await
}

/// Captures a pre-authorisation.
pub async fn capture(args: &CaptureArgs, bus: &BusArgs, output: &Output) -> Result<ExitCode, Failure> {
    let amount = args.amount.as_deref();
    Wanted::new(TransactionType::Capture, &args.original, amount, &args.common).carry_through(bus, output).await
}

/// Gives a pre-authorisation up.
pub async fn release(args: &ReleaseArgs, bus: &BusArgs, output: &Output) -> Result<ExitCode, Failure> {
    Wanted::new(TransactionType::Release, &args.original, None, &args.common).carry_through(bus, output).await
}

/// Adds a tip to a sale.
pub async fn adjust(args: &AdjustArgs, bus: &BusArgs, output: &Output) -> Result<ExitCode, Failure> {
    let tip = args.tip.as_deref();
    let wanted = Wanted::new(TransactionType::Adjustment, &args.original, tip, &args.common);
    Wanted { total: args.total.as_deref(), ..wanted }.carry_through(bus, output).await
}

impl<'a> Wanted<'a> {
    fn new(kind: TransactionType, original: &'a Token, amount: Option<&'a str>, common: &'a CommonArgs) -> Self {
        Wanted { kind, original, amount, total: None, common }
    }

    async fn carry_through(self, bus: &BusArgs, output: &Output) -> Result<ExitCode, Failure> {
        let client = Client::connect(bus).await?;
        let token = self.common.token.clone().unwrap_or_else(watch::made_up_token);
        let mut amounts = Vec::new();
        let mut currency = None;
        for (key, text) in [("amount", self.amount), ("total", self.total)] {
            let Some(text) = text else { continue };
            // Only the original tells how many decimals an amount has.
            let original = client.find(self.original).await?;
            let its =
                Currency::from_alpha(original.text("currency")).map_err(|error| Failure::new(error.to_string()))?;
            let amount = its.parse(text).map_err(|error| Failure::usage(error.to_string()))?;
            if amount == Amount::ZERO {
                return Err(Failure::usage(format!("an amount of zero is no {}", self.kind.name())));
            }
            amounts.push((key, amount.minor_units()));
            currency = Some(its);
        }
        let mut options: Options<'_> = [
            ("type", self.kind.name().into()),
            ("original", self.original.as_str().into()),
            ("token", token.as_str().into()),
        ]
        .into();
        options.extend(amounts.into_iter().map(|(key, amount)| (key, amount.into())));
        if let Some(currency) = &currency {
            options.insert("currency", currency.alpha().into());
        }
        if let Some(reference) = &self.common.reference {
            options.insert("reference", reference.as_str().into());
        }
        watch::carry_through(&client, &token, self.common.token.is_some(), &options, output).await
    }
}
