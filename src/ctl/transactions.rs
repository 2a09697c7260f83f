//! `tenderctl transactions`.

use std::process::ExitCode;

use super::client::{Client, Options};
use super::object::Object;
use super::table::Table;
use super::{Failure, Output, outcome};
use crate::terminal::Token;

/// Arguments of `tenderctl transactions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenderctl transactions --limit 50
  tenderctl transactions --before till-1-0042     the page before this one
  tenderctl transactions --json | jq '.[] | select(.result == \"declined\")'")]
pub struct Args {
    /// How many at most
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,

    /// Only those created before this one
    #[arg(long, value_name = "TOKEN")]
    before: Option<Token>,
}

/// Prints transactions, latest first.
pub async fn run(args: &Args, client: &Client, output: &Output) -> Result<ExitCode, Failure> {
    let mut options: Options<'_> = [("limit", args.limit.into())].into();
    if let Some(token) = &args.before {
        options.insert("before", token.as_str().into());
    }
    let transactions = client.list(&options).await?;
    if output.is_json() {
        output.document(&transactions);
    } else if transactions.is_empty() {
        output.line("No transactions.");
    } else {
        print(&transactions, output);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(transactions: &[Object], output: &Output) {
    let mut table = Table::new(["CREATED", "TYPE", "AMOUNT", "STATE", "CARD", "TOKEN"]);
    for transaction in transactions {
        let state = match transaction.text("result") {
            "" => transaction.text("state"),
            result => result,
        };
        let amount = match transaction.text("result") {
            "approved" => transaction.money("amount_approved"),
            _ => transaction.money("amount"),
        };
        let card = format!("{} {}", transaction.text("scheme"), transaction.text("masked_pan"));
        let created = transaction.text("created_at").get(..19).unwrap_or_default().replace('T', " ");
        let cells = [
            created,
            transaction.text("type").to_owned(),
            amount,
            state.to_owned(),
            card.trim().to_owned(),
            transaction.text("token").to_owned(),
        ];
        table.row(cells, Some((3, outcome::style(transaction))));
    }
    table.print(output);
}
