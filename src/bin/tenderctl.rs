//! tenderctl: the daemon's companion on the command line.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use tenderd::ctl::{
    BusArgs, Client, Failure, Output, cancel, completions, config, decode, dialect, follow_up, host, import, journal,
    keys, readers, receipt, record, replay, sale, status, transactions,
};

/// Takes contactless payments from the command line, and looks into the terminal that takes them.
#[derive(Debug, Parser)]
#[command(version, after_help = tenderd::ctl::HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    bus: BusArgs,

    /// Print JSON: one document, or a line for each phase of a sale
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Daemon(DaemonCommand),
    /// Check a configuration, or print a commented one
    #[command(subcommand)]
    Config(config::Command),
    /// List and check dialects: how acquirers want their messages
    #[command(subcommand)]
    Dialect(dialect::Command),
    /// List, import and verify the schemes' public keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// Verify, export or set aside a journal
    #[command(subcommand)]
    Journal(journal::Command),
    /// Show a TLV, a command or a response as a tree with names and bit meanings
    Decode(decode::Args),
    /// Record a tap as a trace
    Record(record::Args),
    /// Run a trace or a recorded card against today's kernels
    Replay(replay::Args),
    /// Turn a log of pcsc-spy, pcscd or scriptor into a card script
    Import(import::Args),
    /// Print a script that completes tenderctl's commands in a shell
    Completions(completions::Args),
}

/// The commands that ask the daemon.
#[derive(Debug, Subcommand)]
enum DaemonCommand {
    /// Show how the terminal is
    Status,
    /// Ask the acquirer whether it is there
    #[command(after_help = host::HELP)]
    Host,
    /// List the readers
    Readers,
    /// Take a payment, and show its phases live
    Sale(sale::Args),
    /// Give money back to the card that paid, without the card
    Refund(follow_up::RefundArgs),
    /// Undo a whole sale, refund or capture before it is settled, without the card
    Void(follow_up::VoidArgs),
    /// Add a tip to a sale, without the card
    Adjust(follow_up::AdjustArgs),
    /// Hold an amount on a card, to capture it later
    Preauth(sale::PreauthArgs),
    /// Hold more on a pre-authorised card, without the card
    Increment(follow_up::IncrementArgs),
    /// Collect what is held, or a part of it, without the card
    Capture(follow_up::CaptureArgs),
    /// Give up what is held, without the card
    Release(follow_up::ReleaseArgs),
    /// Ask a card's issuer whether it is good; no money moves
    Verify(sale::VerifyArgs),
    /// Call a transaction off
    Cancel(cancel::Args),
    /// List transactions, latest first
    Transactions(transactions::Args),
    /// Print a receipt
    Receipt(receipt::Args),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.json);
    run(arguments, &output).unwrap_or_else(|failure| output.fail(&failure))
}

/// Each command has a file of its own in `src/ctl`, with its arguments and its `run`.
fn run(arguments: Arguments, output: &Output) -> Result<ExitCode, Failure> {
    match arguments.command {
        Command::Daemon(command) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| Failure::new(error.to_string()))?;
            runtime.block_on(ask(command, &arguments.bus, output))
        }
        Command::Config(command) => config::run(&command, output),
        Command::Dialect(command) => dialect::run(&command, output),
        Command::Keys(command) => keys::run(&command, output),
        Command::Journal(command) => journal::run(&command, output),
        Command::Decode(args) => decode::run(&args, output),
        Command::Record(args) => record::run(&args, output),
        Command::Replay(args) => replay::run(&args, output),
        Command::Import(args) => import::run(&args, output),
        Command::Completions(args) => completions::run(&args, Arguments::command(), output),
    }
}

async fn ask(command: DaemonCommand, bus: &BusArgs, output: &Output) -> Result<ExitCode, Failure> {
    let client = async || Client::connect(bus).await;
    match command {
        DaemonCommand::Status => status::run(&client().await?, output).await,
        DaemonCommand::Host => host::run(&client().await?, output).await,
        DaemonCommand::Readers => readers::run(&client().await?, output).await,
        // A sale that can't be right is refused before anybody is asked.
        DaemonCommand::Sale(args) => sale::run(&args, bus, output).await,
        DaemonCommand::Refund(args) => follow_up::refund(&args, bus, output).await,
        DaemonCommand::Void(args) => follow_up::void(&args, bus, output).await,
        DaemonCommand::Adjust(args) => follow_up::adjust(&args, bus, output).await,
        DaemonCommand::Preauth(args) => sale::preauth(&args, bus, output).await,
        DaemonCommand::Increment(args) => follow_up::increment(&args, bus, output).await,
        DaemonCommand::Capture(args) => follow_up::capture(&args, bus, output).await,
        DaemonCommand::Release(args) => follow_up::release(&args, bus, output).await,
        DaemonCommand::Verify(args) => sale::verify(&args, bus, output).await,
        DaemonCommand::Cancel(args) => cancel::run(&args, &client().await?, output).await,
        DaemonCommand::Transactions(args) => transactions::run(&args, &client().await?, output).await,
        DaemonCommand::Receipt(args) => receipt::run(&args, &client().await?, output).await,
    }
}
