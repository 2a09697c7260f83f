//! An acquirer as callers see it.

use jiff::Timestamp;

use crate::upstream::Peer;

/// An acquirer, and how the link to it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcquirerView {
    /// Its name in the configuration; `host` where there is but one.
    pub name: String,
    /// Where it listens.
    pub address: String,
    /// Who is at the other end of the connection; nothing where there is none at this moment.
    pub peer: Option<Peer>,
    /// How many requests and connections in a row came to nothing.
    pub failures: u32,
    /// Why the last of them did.
    pub failure: Option<String>,
    /// When it last answered anything, since the terminal was started.
    pub last_contact: Option<Timestamp>,
}
