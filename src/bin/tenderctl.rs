//! tenderctl: the daemon's companion on the command line.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use tenderd::ctl::{Failure, Output, completions};

/// Takes contactless payments from the command line, and looks into the terminal that takes them.
#[derive(Debug, Parser)]
#[command(version, after_help = tenderd::ctl::HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    /// Print JSON: one document, or a line for each step of a sale
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a script that completes tenderctl's commands in a shell
    Completions(completions::Args),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.json);
    run(arguments.command, &output).unwrap_or_else(|failure| output.fail(&failure))
}

/// Each command has a file of its own in `src/ctl`, with its arguments and its `run`.
fn run(command: Command, output: &Output) -> Result<ExitCode, Failure> {
    match command {
        Command::Completions(args) => completions::run(&args, Arguments::command(), output),
    }
}
