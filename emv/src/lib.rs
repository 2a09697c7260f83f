//! EMV contactless as sans-IO state machines.
//!
//! A terminal owns the reader, the clock and the randomness; this crate owns what the EMV books
//! define. It reads no clock, draws no random number, opens nothing and never waits: whoever drives
//! it feeds what happened and carries out what it asks for. The same inputs give the same outputs,
//! byte for byte, so a recorded tap can be run again.

#![no_std]

extern crate alloc;

pub mod apdu;
pub mod dict;
pub mod entry;
pub mod fields;
mod instant;
pub mod kernel;
pub mod oda;
pub mod profile;
pub mod tlv;

pub use instant::Instant;
