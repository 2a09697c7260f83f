//! Card Authentication Related Data.

use super::super::{Ctq, Error};

/// Card Authentication Related Data, 5 to 16 bytes: what the card signed in fDDA beside its
/// cryptogram (Book C-3, A.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CardAuthenticationRelatedData {
    /// fDDA Version Number, byte 1.
    pub version: u8,
    /// Unpredictable Number (Card), bytes 2 to 5.
    pub unpredictable_number: [u8; 4],
    /// Card Transaction Qualifiers, bytes 6 and 7, if there are as many.
    pub ctq: Option<Ctq>,
}

impl CardAuthenticationRelatedData {
    /// The fDDA version that Book C-3 defines.
    pub const VERSION: u8 = 0x01;

    /// Reads the parts; what follows byte 7 is not looked at.
    ///
    /// # Errors
    /// If it has not 5 to 16 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        match bytes {
            [version, n1, n2, n3, n4, rest @ ..] if bytes.len() <= 16 => Ok(CardAuthenticationRelatedData {
                version: *version,
                unpredictable_number: [*n1, *n2, *n3, *n4],
                ctq: rest.first_chunk().copied().map(Ctq::from_bytes),
            }),
            _ => Err(Error::CardAuthenticationRelatedDataLength(bytes.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_s_number_and_its_ctq_are_found() {
        let data = CardAuthenticationRelatedData::from_bytes(&[0x01, 1, 2, 3, 4, 0x28, 0x80]).unwrap();
        assert_eq!((data.version, data.unpredictable_number), (0x01, [1, 2, 3, 4]));
        assert_eq!(data.ctq, Some(Ctq::from_bytes([0x28, 0x80])));
        assert_eq!(CardAuthenticationRelatedData::from_bytes(&[0x01, 1, 2, 3, 4, 0x28]).unwrap().ctq, None);
    }

    #[test]
    fn other_lengths_are_refused() {
        for length in [0, 4, 17] {
            assert!(CardAuthenticationRelatedData::from_bytes(&[1; 17][..length]).is_err());
        }
    }
}
