//! `tenderctl journal`.

mod export;
mod set_aside;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::{Failure, Output, Style};
use crate::journal::{Journal, JournalError};

/// What to do with a journal.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Verify a journal from its first row to its last
    #[command(
        long_about = "Verify a journal from its first row to its last: SQLite's own structures, and the chain that \
                      ties each row to all before it. It only reads, also while tenderd runs. At its start tenderd \
                      itself verifies the last rows alone.",
        after_help = "\
Example:
  tenderctl journal verify /var/lib/tenderd/journal.db

Exit codes:
  0 every row is as it was written    1 one is not: its number and the reason are printed    2 not a journal"
    )]
    Verify {
        /// The file
        file: PathBuf,
    },
    /// Print a journal's rows, for bookkeepers and disputes
    Export(export::Args),
    /// Keep a damaged journal under another name, and begin a new one
    SetAside(set_aside::Args),
}

/// Does it.
pub fn run(command: &Command, output: &Output) -> Result<ExitCode, Failure> {
    match command {
        Command::Verify { file } => verify(file, output),
        Command::Export(args) => export::run(args, output),
        Command::SetAside(args) => set_aside::run(args, output),
    }
}

fn verify(file: &Path, output: &Output) -> Result<ExitCode, Failure> {
    let journal = Journal::read(file).map_err(failure)?;
    let rows = journal.verify().map_err(failure)?;
    if output.is_json() {
        output.document(&json!({ "ok": true, "rows": rows }));
    } else {
        output.line(&format!("{}   {rows} rows, each as it was written", output.styled(Style::Good, "ok")));
    }
    Ok(ExitCode::SUCCESS)
}

fn failure(error: JournalError) -> Failure {
    match error {
        JournalError::File { .. } | JournalError::NotAJournal { .. } | JournalError::Version { .. } => {
            Failure::usage(error.to_string())
        }
        _ => Failure::new(error.to_string()),
    }
}
