//! `tenderctl config`.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::{Failure, Output, Style};
use crate::config::{Config, EXAMPLE};

/// What to do with a configuration.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Check a configuration file, and the key files that it names
    #[command(after_help = "\
Exit codes:
  0 it can be used    2 it can't: file, line, key and reason are printed")]
    Check {
        /// The file
        file: PathBuf,
    },
    /// Print a commented configuration
    #[command(after_help = "Example:\n  tenderctl config example > /etc/tenderd/tenderd.toml")]
    Example,
}

/// Checks or prints.
pub fn run(command: &Command, output: &Output) -> Result<ExitCode, Failure> {
    match command {
        Command::Check { file } => {
            let config = Config::load(file).map_err(|error| Failure::usage(error.to_string()))?;
            print(&config, output);
        }
        Command::Example => output.print(EXAMPLE),
    }
    Ok(ExitCode::SUCCESS)
}

fn print(config: &Config, output: &Output) {
    let combinations = config.profile.combinations().len();
    if output.is_json() {
        return output.document(&json!({
            "ok": true,
            "mode": config.mode.name(),
            "merchant": config.letterhead.name,
            "terminal_id": config.terminal_id,
            "currency": config.currency,
            "host": config.host.address.as_str(),
            "simulated_readers": config.readers.simulated,
            "combinations": combinations,
            "fingerprint": config.fingerprint,
        }));
    }
    output.line(&format!("{}   {} mode", output.styled(Style::Good, "ok"), config.mode.name()));
    output.line(&format!("  {}, terminal {}, {}", config.letterhead.name, config.terminal_id, config.currency));
    output.line(&format!("  host {}", config.host.address));
    output.line(&format!("  {combinations} combinations of AID and kernel"));
}
