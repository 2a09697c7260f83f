//! `tenderctl import`.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::{Failure, Output, input};
use crate::trace::import::Program;

/// Arguments of `tenderctl import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  tenderctl import pcsc-spy.log > card.json && tenderctl replay card.json --amount 12.50

A card script holds what the card answered, in clear: it may hold a card number.

Exit codes:
  0 read    2 a bad file")]
pub struct Args {
    /// A log of pcsc-spy, pcscd --apdu or scriptor; - is standard input
    file: PathBuf,
}

/// Prints the card script that a log holds.
pub fn run(args: &Args, output: &Output) -> Result<ExitCode, Failure> {
    let name = args.file.display();
    let text = input::text(&args.file)?;
    let program = Program::of(&text)
        .ok_or_else(|| Failure::usage(format!("{name}: no log of pcsc-spy, pcscd --apdu or scriptor")))?;
    let script = program.read(&text).map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    output.document(&json!({ "source": program.name(), "card_responses": script.pairs() }));
    Ok(ExitCode::SUCCESS)
}
