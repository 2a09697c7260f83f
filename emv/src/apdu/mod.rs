//! Commands to a card and its responses (ISO/IEC 7816-4; EMV Book 1, 11 and Book 3, 6).

mod command;
mod response;

pub use command::{Command, InvalidCommand};
pub use response::{Response, StatusWord, TooShort};
