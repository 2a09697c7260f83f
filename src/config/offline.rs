//! What may be approved without the acquirer, and how it hears of it afterwards.

use std::num::NonZero;

use serde::Deserialize;

/// The `[offline]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Offline {
    /// How many messages of the forwarding queue may await their answers at once.
    pub in_flight: NonZero<usize>,
}

impl Default for Offline {
    fn default() -> Self {
        Offline { in_flight: NonZero::new(16).expect("it is not zero") }
    }
}
