//! `tenderctl host`.

use std::process::ExitCode;

use serde_json::json;

use super::client::Client;
use super::{Failure, Output, Style};

/// What `tenderctl host --help` ends with.
pub const HELP: &str = "\
Asks as a sale does, by the same link, and moves no money.

Exit codes:
  0 the acquirer answered, and all is well    1 it does not answer
  3 it answered with another code than 00    69 tenderd is not running";

/// The exit code where the acquirer answers that something is wrong.
const NOT_WELL: u8 = 3;

/// Asks the acquirer whether it is there.
pub async fn run(client: &Client, output: &Output) -> Result<ExitCode, Failure> {
    let code = client.test_host().await?;
    let is_well = code == "00";
    if output.is_json() {
        output.document(&json!({ "response_code": code }));
    } else if is_well {
        output.line(&output.styled(Style::Good, "The acquirer answers"));
    } else {
        output.line(&output.styled(Style::Bad, &format!("The acquirer answers with response code {code}")));
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(NOT_WELL) })
}
