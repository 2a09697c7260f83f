//! `tenderctl receipt`.

use std::process::ExitCode;

use super::client::{Client, Options};
use super::{Failure, Output};
use crate::terminal::Token;

/// Arguments of `tenderctl receipt`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenderctl receipt till-1-0042
  tenderctl receipt till-1-0042 --copy merchant --columns 32 | lp")]
pub struct Args {
    /// The transaction's token
    token: Token,

    /// For whom it is
    #[arg(long, value_enum, default_value = "customer")]
    copy: Copy,

    /// How wide the paper is, in characters: 32, 42 or 48
    #[arg(long, value_name = "NUMBER")]
    columns: Option<u32>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Copy {
    Customer,
    Merchant,
}

/// Prints the receipt.
pub async fn run(args: &Args, client: &Client, output: &Output) -> Result<ExitCode, Failure> {
    let copy = match args.copy {
        Copy::Customer => "customer",
        Copy::Merchant => "merchant",
    };
    let format = if output.is_json() { "json" } else { "text" };
    let mut options: Options<'_> = [("copy", copy.into()), ("format", format.into())].into();
    if let Some(columns) = args.columns {
        options.insert("columns", columns.into());
    }
    let receipt = client.receipt(&args.token, &options).await?;
    output.line(receipt.trim_end());
    Ok(ExitCode::SUCCESS)
}
