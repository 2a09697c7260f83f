//! `tenderctl completions`.

use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;

use super::{Failure, Output};

/// Arguments of `tenderctl completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  tenderctl completions bash > /usr/share/bash-completion/completions/tenderctl")]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(args: &Args, mut command: Command, output: &Output) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "tenderctl", &mut script);
    output.print(&String::from_utf8_lossy(&script));
    Ok(ExitCode::SUCCESS)
}
