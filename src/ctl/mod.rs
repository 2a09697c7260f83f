//! tenderctl: one file for each command.
//!
//! A command has its `Args` and `run(&Args, ..., &Output) -> Result<ExitCode, Failure>`. It prints
//! through [`Output`], as text for people or as JSON for programs, and a [`Failure`] says what went
//! wrong and what to do next. Commands that ask the daemon are `async` and get a [`Client`].

mod bus_error;
pub mod cancel;
mod client;
pub mod completions;
pub mod config;
pub mod decode;
pub mod dialect;
mod failure;
pub mod follow_up;
mod following;
pub mod host;
pub mod import;
mod input;
pub mod journal;
pub mod keys;
mod object;
mod outcome;
mod output;
mod progress;
pub mod readers;
pub mod receipt;
pub mod record;
pub mod replay;
pub mod sale;
pub mod status;
mod table;
mod tap_inputs;
pub mod transactions;
mod watch;

pub use client::{BusArgs, Client};
pub use failure::Failure;
pub use output::{Output, Style};

/// What `tenderctl --help` ends with.
pub const HELP: &str = "\
Examples:
  tenderctl sale 12.50 EUR          take a payment; the exit code tells the outcome
  tenderctl refund TOKEN            give it back, without the card
  tenderctl receipt TOKEN           print its receipt
  tenderctl status --json           the state of the terminal, for a script
  tenderctl host                    whether the acquirer answers
  tenderctl config check FILE       find what is wrong with a configuration
  tenderctl dialect check FILE      find what is wrong with an acquirer's dialect
  tenderctl keys verify             find what is wrong with the schemes' public keys

Exit codes:
  0 done    1 failed    2 wrong arguments or configuration    69 tenderd is not running
  `tenderctl sale --help` lists those of a sale.";
