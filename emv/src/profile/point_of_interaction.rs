//! What terminal and card tell each other before an application is selected.

use alloc::vec::Vec;

use crate::fields::{self, RegisteredValues};

/// The terminal as a card may ask for it during application selection (EMV Contactless Book B, 3.3.1a),
/// and what the terminal wants to know of a card beyond its applications (3.3.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PointOfInteraction {
    /// Terminal Country Code (`9F1A`), ISO 3166 numeric in BCD.
    pub country: [u8; 2],
    /// What kind of terminal this is; empty for one of no particular kind.
    pub information: PoiInformation,
    /// The Proprietary Data Identifiers whose values in a card's Application Selection Registered
    /// Proprietary Data (`9F0A`) are recorded; where there are none that object is not used.
    pub proprietary_data_identifiers: Vec<u16>,
}

/// POI Information (`8B`): values behind identifiers that EMVCo registers, 64 bytes at most
/// (EMV Contactless Book B, Tables ).
//= B A.1
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoiInformation(Vec<u8>);

/// Why bytes are no POI Information.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPoiInformation {
    /// It is not identifiers with lengths and values.
    #[error(transparent)]
    Values(#[from] fields::Error),
    /// It is too long.
    #[error("POI Information has at most 64 bytes, not {0}")]
    Length(usize),
    /// A Terminal Category (`0001`) has two bytes.
    #[error("a Terminal Category has 2 bytes, not {0}")]
    TerminalCategory(usize),
}

impl PoiInformation {
    const MAX_LENGTH: usize = 64;
    const TERMINAL_CATEGORY: u16 = 0x0001;

    /// The value of the object.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Terminal Category: `0001` for a transit gate, `0002` for a loyalty terminal; nothing for a
    /// terminal of no category.
    pub fn terminal_category(&self) -> Option<[u8; 2]> {
        let values = RegisteredValues::parse(&self.0).expect("checked when it was made");
        values.find(Self::TERMINAL_CATEGORY).map(|category| category.try_into().expect("checked when it was made"))
    }
}

impl TryFrom<&[u8]> for PoiInformation {
    type Error = InvalidPoiInformation;
    fn try_from(bytes: &[u8]) -> Result<Self, InvalidPoiInformation> {
        if bytes.len() > Self::MAX_LENGTH {
            return Err(InvalidPoiInformation::Length(bytes.len()));
        }
        match RegisteredValues::parse(bytes)?.find(Self::TERMINAL_CATEGORY) {
            Some(category) if category.len() != 2 => Err(InvalidPoiInformation::TerminalCategory(category.len())),
            _ => Ok(PoiInformation(bytes.to_vec())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= test B A.1
    #[test]
    fn a_terminal_has_a_category_or_none() {
        let category =
            |bytes: &[u8]| PoiInformation::try_from(bytes).map(|information| information.terminal_category());
        assert_eq!(category(&[]), Ok(None));
        assert_eq!(category(&[0x00, 0x02, 0x01, 0xFF]), Ok(None));
        assert_eq!(category(&[0xFF, 0x00, 0x00, 0x00, 0x01, 0x02, 0x00, 0x01]), Ok(Some([0x00, 0x01])));
    }

    //= test B A.1
    #[test]
    fn what_no_card_could_read_is_refused() {
        let refused = |bytes: &[u8]| PoiInformation::try_from(bytes).unwrap_err();
        assert_eq!(refused(&[0x00, 0x01, 0x01, 0x01]), InvalidPoiInformation::TerminalCategory(1));
        assert_eq!(refused(&[0x00, 0x01]), InvalidPoiInformation::Values(fields::Error::RegisteredValues));
        let long = [&[0xFF, 0x00, 62][..], &[0; 62]].concat();
        assert_eq!(refused(&long), InvalidPoiInformation::Length(65));
        assert!(PoiInformation::try_from(&[&[0xFF, 0x00, 61][..], &[0; 61]].concat()[..]).is_ok());
    }
}
