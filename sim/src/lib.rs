//! The counterparties of a terminal, with real cryptography: a card and an acquirer.

pub mod acquirer;
pub mod ca;
pub mod card;
pub mod crypto;
mod hex;
mod scheme;
pub mod vpcd;

pub use scheme::Scheme;
