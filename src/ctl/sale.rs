//! `tenderctl sale`.

use std::process::ExitCode;

use emv::fields::Amount;
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use zbus::Variant;

use super::client::{BusArgs, Client, Options};
use super::following::News;
use super::object::Object;
use super::progress::Progress;
use super::{Failure, Output, outcome};
use crate::terminal::{Currency, MoneyError, Token, TransactionType};

/// Arguments of `tenderctl sale`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("\
Examples:
  tenderctl sale 12.50 EUR
  tenderctl sale 12.50 EUR --token till-1-0042     run again after a failure, it never charges twice
  tenderctl sale 70.00 EUR --type cashback --cash 20.00
  tenderctl sale 12.50 EUR --type refund
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
}

fn transaction_type() -> clap::builder::PossibleValuesParser {
    TransactionType::ALL.map(|(.., name)| name).into()
}

/// Takes the payment.
pub async fn run(args: &Args, bus: &BusArgs, output: &Output) -> Result<ExitCode, Failure> {
    let token = args.token.clone().unwrap_or_else(made_up_token);
    let options = options(args, &token).map_err(|error| Failure::usage(error.to_string()))?;
    if options["amount"] == Variant::from(0u64) {
        return Err(Failure::usage("an amount of zero is no sale"));
    }
    let client = Client::connect(bus).await?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| Failure::new(error.to_string()))?;
    let mut following = client.follow(&token).await?;
    let mut transaction = match &args.token {
        Some(token) => known(&client, token).await?,
        None => Object::default(),
    };
    client.create(&options).await?;
    let mut progress = Progress::new(output);
    let mut cancelled = false;
    while transaction.text("state") != "done" {
        progress.show(&transaction);
        if transaction.text("error_name") == "org.tenderd.Error.JournalFailed" {
            return Err(not_known_yet(&token, &transaction));
        }
        tokio::select! {
            news = following.next() => match news {
                News::Changed(changed) => transaction.merge(changed),
                News::Fault(fault) if fault.is_empty() => progress.remark("The terminal works again"),
                News::Fault(fault) => progress.remark(&format!("The terminal starts no other sale now: {fault}")),
                News::DaemonGone => return Err(daemon_gone(&token)),
            },
            _ = interrupt.recv() => {
                if cancelled {
                    return Err(unwatched(&token));
                }
                cancelled = true;
                progress.remark("Cancelling");
                // If it is too late for that, its end is awaited all the same.
                if let Err(failure) = client.cancel(&token).await {
                    progress.remark(&failure.message);
                }
            }
        }
    }
    progress.show(&transaction);
    if output.is_json() {
        output.record(&transaction);
    } else {
        outcome::print(&transaction, output);
    }
    Ok(outcome::exit_code(&transaction))
}

/// What is known of a transaction that may be asked for again: what has happened to it is not announced once more.
async fn known(client: &Client, token: &Token) -> Result<Object, Failure> {
    match client.find(token).await {
        Err(failure) if failure.name.as_deref() == Some("org.tenderd.Error.UnknownToken") => Ok(Object::default()),
        found => found,
    }
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

/// A token that tells the time, and that nobody else makes up: `ctl-20261124-091502-7f3a9c21`.
fn made_up_token() -> Token {
    let mut random = [0; 4];
    getrandom::fill(&mut random).expect("the operating system has random bytes once it has started");
    let token = format!("ctl-{}-{:08x}", Timestamp::now().strftime("%Y%m%d-%H%M%S"), u32::from_be_bytes(random));
    token.parse().expect("letters, digits and hyphens form a token")
}

/// The terminal can't tell the end, and a caller must not wait for a repair.
fn not_known_yet(token: &Token, transaction: &Object) -> Failure {
    Failure::new(format!("the end of transaction {token} is not known yet: {}", transaction.text("error_message")))
        .advise(format!(
            "Mend the terminal, which goes on by itself; then the same command with `--token {token}` shows the end. It \
             never charges twice"
        ))
        .exit(outcome::NOT_KNOWN_YET)
}

fn daemon_gone(token: &Token) -> Failure {
    Failure::new(format!("tenderd has stopped; what became of transaction {token} is not known here"))
        .advise(format!(
            "Once it is back, the same command with `--token {token}` shows its end; it never charges twice"
        ))
        .exit(Failure::UNAVAILABLE)
}

fn unwatched(token: &Token) -> Failure {
    Failure::new(format!("transaction {token} goes on unwatched"))
        .advise(format!("The same command with `--token {token}` shows its end; it never charges twice"))
}
