//! Terminal and scheme configuration, parsed into types that can't be wrong.

mod combination;
mod terminal;

pub use combination::{Aid, Combination, InvalidAid, InvalidKernelId, KernelId, Limits};
pub use terminal::TerminalData;
