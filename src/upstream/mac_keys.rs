//! The keys of message MACs, as a link takes them.

use std::sync::Arc;

use super::failure::NotSent;
use crate::keys::MacKey;

/// The keys of the MACs between this terminal and the acquirer. A dialect's `[mac]` table says which it needs.
#[derive(Debug, Default)]
pub enum MacKeys {
    /// There are none: no message has a MAC.
    #[default]
    None,
    /// One for all messages, theirs and ours.
    Configured(Arc<MacKey>),
}

impl MacKeys {
    /// The key of the next request, and of its answer.
    pub(super) fn next(&self) -> Result<Arc<MacKey>, NotSent> {
        match self {
            Self::None => Err(NotSent::NoMacKey),
            Self::Configured(key) => Ok(key.clone()),
        }
    }
}
