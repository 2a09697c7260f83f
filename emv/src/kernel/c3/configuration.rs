//! What Kernel 3 is configured with (Book C-3, 2.2 and Annex A).

use crate::kernel::Database;

/// The configuration of Kernel 3 for one combination.
///
/// The limits and the TTQ are Entry Point's (EMV Contactless Book A, 5.3.1); here are the functions
/// that the book leaves to implementation and merchant, and objects that override the terminal's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Configuration {
    /// Which optional functions are enabled.
    pub options: Options,
    /// Data objects of the terminal for this combination.
    pub objects: Database,
}

/// The functions that the book leaves to the acquirer and the merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// fDDA for online transactions, at special purpose readers (5.6.2).
    pub fdda_for_online: bool,
    /// Display of the Available Offline Spending Amount (4.3.1.1).
    pub display_available_spending_amount: bool,
    /// The Application Usage Control check for manual cash (5.5.1.3).
    pub manual_cash_check: bool,
    /// The Application Usage Control check for cashback (5.5.1.4).
    pub cashback_check: bool,
}

impl Configuration {
    /// A configuration with these objects, and all options off.
    pub fn from_objects(objects: Database) -> Self {
        Configuration { options: Options::default(), objects }
    }
}
