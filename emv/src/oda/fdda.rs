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
//= C-3 C.1
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

#[cfg(test)]
mod tests {
    use super::super::testing::{ICC, icc_key};
    use super::*;
    use alloc::vec::Vec;

    const DATA: FastDynamicData<'_> = FastDynamicData {
        unpredictable_number: [0x12, 0x34, 0x56, 0x78],
        amount_authorised: [0, 0, 0, 0, 0x12, 0x50],
        transaction_currency_code: [0x09, 0x78],
        card_authentication_related_data: &[0x01, 0xCA, 0xFE, 0xCA, 0xFE, 0x00, 0x80],
    };

    /// As a card signs: the terminal's data in the order of Table C-1, then its own.
    fn signed(format: u8) -> Vec<u8> {
        let message = ICC.padded([format, 0x01, 0x03, 0x02, 0x00, 0x77].to_vec());
        ICC.sign(
            &message,
            &[&[0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 0x12, 0x50, 0x09, 0x78, 0x01, 0xCA, 0xFE, 0xCA, 0xFE, 0x00, 0x80]],
        )
    }

    //= test C-3 C.1
    #[test]
    fn a_good_signature_verifies_over_terminal_and_card_data() {
        let data = verify_fast_dynamic(&icc_key(), &signed(0x05), &DATA, FddaUse::OfflineApproval).unwrap();
        assert_eq!(data.number(), [0x00, 0x77]);
        assert!(verify_fast_dynamic(&icc_key(), &signed(0x95), &DATA, FddaUse::Online).is_ok());
    }

    //= test C-3 C.1
    #[test]
    fn a_signature_for_the_other_use_is_refused() {
        for (format, purpose) in [(0x95, FddaUse::OfflineApproval), (0x05, FddaUse::Online)] {
            let outcome = verify_fast_dynamic(&icc_key(), &signed(format), &DATA, purpose);
            assert_eq!(outcome, Err(Fault::SignedDataFormat));
        }
    }

    //= test C-3 C.1
    #[test]
    fn every_datum_is_signed() {
        for altered in [
            FastDynamicData { unpredictable_number: [0; 4], ..DATA },
            FastDynamicData { amount_authorised: [0; 6], ..DATA },
            FastDynamicData { transaction_currency_code: [0x08, 0x40], ..DATA },
            FastDynamicData { card_authentication_related_data: &[0x01, 0xCA, 0xFE, 0xCA, 0xFE], ..DATA },
        ] {
            let outcome = verify_fast_dynamic(&icc_key(), &signed(0x05), &altered, FddaUse::OfflineApproval);
            assert_eq!(outcome, Err(Fault::HashMismatch));
        }
    }

    //= test C-3 C.1
    #[test]
    fn other_versions_and_missing_card_data_are_told_apart() {
        for (related, fault) in [
            (&[][..], Fault::CardAuthenticationRelatedData),
            (&[0x01, 0, 0, 0], Fault::CardAuthenticationRelatedData),
            (&[0x01; 17], Fault::CardAuthenticationRelatedData),
            (&[0x00, 0, 0, 0, 0], Fault::FddaVersion),
            (&[0x02, 0, 0, 0, 0], Fault::FddaVersion),
        ] {
            let data = FastDynamicData { card_authentication_related_data: related, ..DATA };
            let outcome = verify_fast_dynamic(&icc_key(), &signed(0x05), &data, FddaUse::OfflineApproval);
            assert_eq!(outcome, Err(fault));
        }
    }
}
