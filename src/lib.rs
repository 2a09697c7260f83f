//! The daemon: contactless readers on one side, D-Bus and an acquirer on the other.

pub mod bus;
pub mod config;
pub mod ctl;
pub mod daemon;
pub mod journal;
pub mod keys;
pub mod reader;
pub mod receipt;
pub mod terminal;
pub mod trace;
pub mod upstream;
