//! `tenderctl host`.

use std::process::ExitCode;

use serde_json::json;

use super::client::Client;
use super::object::Object;
use super::{Failure, Output, Style};

/// What `tenderctl host --help` ends with.
pub const HELP: &str = "\
Asks as a sale does, by the same link, and moves no money. Shows who is at the other end, how the connection is protected,
and until when the host's certificate is valid.

Exit codes:
  0 the acquirer answered, and all is well    1 it does not answer
  3 it answered with another code than 00    69 tenderd is not running";

/// The exit code where the acquirer answers that something is wrong.
const NOT_WELL: u8 = 3;

/// Asks the acquirer whether it is there.
pub async fn run(client: &Client, output: &Output) -> Result<ExitCode, Failure> {
    let code = client.test_host().await;
    let acquirers = client.terminal().await?.objects("acquirers");
    let code = match code {
        Err(failure) if !output.is_json() => {
            print(&acquirers, output);
            return Err(failure);
        }
        code => code?,
    };
    let is_well = code == "00";
    if output.is_json() {
        output.document(&json!({ "response_code": code, "acquirers": acquirers }));
        return Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(NOT_WELL) });
    }
    if is_well {
        output.line(&output.styled(Style::Good, "The acquirer answers"));
    } else {
        output.line(&output.styled(Style::Bad, &format!("The acquirer answers with response code {code}")));
    }
    print(&acquirers, output);
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(NOT_WELL) })
}

/// Prints how the links to acquirers are.
fn print(acquirers: &[Object], output: &Output) {
    for acquirer in acquirers {
        let connection = if acquirer.flag("connected") { "connected" } else { "not connected" };
        output.line(&format!("  {} {}   {connection}", acquirer.text("name"), acquirer.text("address")));
        let tls = match acquirer.text("tls") {
            "" if acquirer.flag("connected") => "none: what is sent is in clear".to_owned(),
            version => format!("{version} {}", acquirer.text("cipher")).trim().to_owned(),
        };
        let failures = match acquirer.number("failures") {
            0 => String::new(),
            number => format!("{number} in a row; {}", acquirer.text("failure")),
        };
        for (name, value) in [
            ("peer", acquirer.text("peer")),
            ("TLS", &tls),
            ("certificate until", acquirer.text("certificate_expires")),
            ("last word", acquirer.text("last_contact")),
            ("failures", &failures),
        ] {
            if !value.is_empty() {
                output.line(&format!("    {name:19}{value}"));
            }
        }
    }
}
