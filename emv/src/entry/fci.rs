//! File Control Information (EMV Book 1, 11.3.4), as far as Entry Point reads it.
//!
//! Objects that Entry Point does not know are passed over unopened
//! (EMV Contactless Book B, 3.6.1.2).

use crate::dict;
use crate::tlv::Level;

/// The FCI Proprietary Template (`A5`) of a FCI.
pub(super) fn proprietary_template(fci: &[u8]) -> Option<Level<'_>> {
    let template = Level::parse(fci).ok()?.find(dict::FCI_TEMPLATE)?;
    let proprietary = Level::parse(template).ok()?.find(dict::FCI_PROPRIETARY_TEMPLATE)?;
    Level::parse(proprietary).ok()
}

/// What the issuer added to a FCI (`BF0C`): in that of a PPSE the directory.
pub(super) fn issuer_discretionary_data(fci: &[u8]) -> Option<Level<'_>> {
    Level::parse(proprietary_template(fci)?.find(dict::FCI_ISSUER_DISCRETIONARY_DATA)?).ok()
}
