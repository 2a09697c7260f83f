//! `tenderctl cancel`.

use std::process::ExitCode;

use serde_json::json;

use super::client::Client;
use super::{Failure, Output};
use crate::terminal::Token;

/// Arguments of `tenderctl cancel`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A transaction that waits for the bank already is reversed; `tenderctl transactions` shows what became
of it.

Example:
  tenderctl cancel till-1-0042")]
pub struct Args {
    /// The transaction's token
    token: Token,
}

/// Calls the transaction off.
pub async fn run(args: &Args, client: &Client, output: &Output) -> Result<ExitCode, Failure> {
    client.cancel(&args.token).await?;
    if output.is_json() {
        output.document(&json!({ "token": args.token, "cancelling": true }));
    } else {
        output.line(&format!("Cancelling {}", args.token));
    }
    Ok(ExitCode::SUCCESS)
}
