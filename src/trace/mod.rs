//! Traces: taps written down, so that they can be read, compared and run again.
//!
//! A [`Trace`] holds everything that decided how a tap went: the terminal's configuration, the inputs of the
//! transaction and, in order, what happened and what the kernels wanted. [`replay`] hands the same inputs to today's
//! kernels and compares what they want, bit for bit. A [`CardScript`] is less: the answers of a card by command,
//! without the terminal that asked.
//!
//! `docs/traces.md` describes the format.

mod card_script;
mod entry;
mod file;
pub mod import;
mod masking;
mod recorded_transaction;
pub mod recorder;
mod replay;
mod session;
mod settings;
mod told;

pub use card_script::{CardScript, Unmatched};
pub use entry::{CardEvent, Entry, Field, Operator, Timer, What};
pub use file::{FileError, Header, Inputs, Trace};
pub use masking::Masking;
pub use recorded_transaction::{Expectation, RecordedTransaction};
pub use replay::{Difference, Run, replay, run_script};
pub use session::{Session, Wanted};
pub use settings::{Key, Settings, SettingsError};
pub use told::{Event, Outcome, Ui};
