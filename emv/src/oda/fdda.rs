//! Fast dynamic data authentication (EMV Contactless Book C-3, Annex C).

use super::dda::{self, SignedDynamicData};
use super::{Fault, IccDynamicData, IccKey};

/// The Signed Data Format where the card asks to go online (EMV Contactless Book C-3, 5.6.2.1).
const FORMAT_ONLINE: u8 = 0x95;

/// The only fDDA version (EMV Contactless Book C-3, Annex C).
const VERSION: u8 = 0x01;

/// What the card was asked to do when it signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FddaUse {
    /// It approved offline.
    OfflineApproval,
    /// It asked to go online, at a reader that authenticates such cards too.
    Online,
}

/// What fDDA signs besides the card's own dynamic data (EMV Contactless Book C-3, Table C-1).
#[derive(Debug, Clone, Copy)]
pub struct FastDynamicData<'a> {
    /// The terminal's Unpredictable Number.
    pub unpredictable_number: [u8; 4],
    /// Amount, Authorised (n 12).
    pub amount_authorised: [u8; 6],
    /// Transaction Currency Code (n 3).
    pub transaction_currency_code: [u8; 2],
    /// Card Authentication Related Data, whole: 5 to 16 bytes; empty where the card gave none.
    pub card_authentication_related_data: &'a [u8],
}

/// Verifies the Signed Dynamic Application Data of a fast DDA.
///
/// # Errors
/// The [`Fault`] of the first step that fails; [`Fault::CardAuthenticationRelatedData`] and
/// [`Fault::FddaVersion`] before any of them.
pub fn verify_fast_dynamic(
    icc_key: &IccKey,
    signed: &[u8],
    data: &FastDynamicData<'_>,
    purpose: FddaUse,
) -> Result<IccDynamicData, Fault> {
    let related = data.card_authentication_related_data;
    if !(5..=16).contains(&related.len()) {
        return Err(Fault::CardAuthenticationRelatedData);
    }
    if related[0] != VERSION {
        return Err(Fault::FddaVersion);
    }
    let format = match purpose {
        FddaUse::OfflineApproval => dda::FORMAT,
        FddaUse::Online => FORMAT_ONLINE,
    };
    let signed = SignedDynamicData::open_format(icc_key.key(), signed, format)?;
    signed.verify(&[&data.unpredictable_number, &data.amount_authorised, &data.transaction_currency_code, related])?;
    signed.icc_dynamic_data()
}
