//! `tenderctl status`.

use std::process::ExitCode;

use serde_json::json;

use super::client::Client;
use super::{Failure, Output, Style, readers};

/// Prints how the terminal is.
pub async fn run(client: &Client, output: &Output) -> Result<ExitCode, Failure> {
    let terminal = client.terminal().await?;
    let readers = client.readers().await?;
    if output.is_json() {
        output.document(&json!({ "terminal": terminal, "readers": readers }));
        return Ok(ExitCode::SUCCESS);
    }
    let mode = match terminal.text("mode") {
        "test" => output.styled(Style::Busy, "TEST: no money moves"),
        mode => mode.to_owned(),
    };
    let state = match terminal.text("fault") {
        "" => output.styled(Style::Good, "ready"),
        fault => output.styled(Style::Bad, fault),
    };
    output.line(&format!("tenderd {}   {state}", terminal.text("version")));
    output.line(&format!("  mode                   {mode}"));
    output.line(&format!("  open transactions      {}", terminal.number("open_transactions")));
    output.line(&format!("  outstanding reversals  {}", terminal.number("outstanding_reversals")));
    output.line(&format!("  outstanding advices    {}", terminal.number("outstanding_advices")));
    let contact = match terminal.text("last_host_contact") {
        "" => "none since tenderd was started; `tenderctl host` asks it",
        at => at,
    };
    output.line(&format!("  acquirer's last word   {contact}"));
    if !terminal.flag("reader_service") {
        let missing = "pcscd does not answer: `systemctl start pcscd`; tenderd goes on by itself";
        output.line(&format!("  reader service         {}", output.styled(Style::Bad, missing)));
    }
    readers::print(&readers, output);
    Ok(ExitCode::SUCCESS)
}
