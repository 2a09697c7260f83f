//! The terminal's own data objects.

use alloc::vec::Vec;

use crate::fields::{AdditionalTerminalCapabilities, TerminalCapabilities};

/// Data objects that describe terminal and merchant, the same for every combination
/// (EMV Book 4, 5 and Annex A; EMV Contactless Book A, Annex A). A kernel's configuration may
/// override them for its combination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalData {
    /// Terminal Type (`9F35`).
    pub terminal_type: u8,
    /// Terminal Country Code (`9F1A`), ISO 3166 numeric in BCD.
    pub country: [u8; 2],
    /// Terminal Capabilities (`9F33`).
    pub capabilities: TerminalCapabilities,
    /// Additional Terminal Capabilities (`9F40`).
    pub additional_capabilities: AdditionalTerminalCapabilities,
    /// Terminal Identification (`9F1C`), eight characters.
    pub terminal_id: [u8; 8],
    /// Merchant Identifier (`9F16`), fifteen characters.
    pub merchant_id: [u8; 15],
    /// Merchant Category Code (`9F15`), in BCD.
    pub merchant_category_code: [u8; 2],
    /// Merchant Name and Location (`9F4E`).
    pub merchant_name_and_location: Vec<u8>,
    /// Acquirer Identifier (`9F01`), eleven digits in BCD.
    pub acquirer_id: [u8; 6],
    /// Interface Device Serial Number (`9F1E`), eight characters.
    pub ifd_serial_number: [u8; 8],
}
