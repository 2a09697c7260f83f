//! What the terminal keeps of a card.

use std::fmt;

use emv::fields::{Pan, YearMonth};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A PAN as it may be shown and stored, such as `476173******0119` (see [`Pan::masked`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MaskedPan(String);

impl MaskedPan {
    /// The masked digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same with the last four digits alone, as a customer's receipt shows it.
    pub fn last_four_only(&self) -> Self {
        let hidden = self.0.len() - 4;
        MaskedPan(format!("{}{}", "*".repeat(hidden), &self.0[hidden..]))
    }
}

impl From<&Pan> for MaskedPan {
    fn from(pan: &Pan) -> Self {
        MaskedPan(pan.masked())
    }
}

/// A text that is no masked PAN: 8 to 19 digits and `*`, at most ten of them digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a masked PAN has 8 to 19 characters, digits and *, and shows at most ten digits")]
pub struct MaskedPanError;

impl TryFrom<String> for MaskedPan {
    type Error = MaskedPanError;

    fn try_from(text: String) -> Result<Self, MaskedPanError> {
        let shown = text.bytes().filter(u8::is_ascii_digit).count();
        let hidden = text.bytes().filter(|&b| b == b'*').count();
        let valid = (8..=19).contains(&text.len()) && shown + hidden == text.len() && shown <= 10;
        if valid { Ok(MaskedPan(text)) } else { Err(MaskedPanError) }
    }
}

impl From<MaskedPan> for String {
    fn from(masked: MaskedPan) -> String {
        masked.0
    }
}

impl fmt::Display for MaskedPan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The part of a card's data that a later message to the acquirer needs: a reversal after a
/// restart, say. It exists in clear only in memory; the journal holds it sealed
/// ([`crate::keys::StorageKey::seal`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The number.
    pub pan: Pan,
    /// The last month in which it is valid.
    pub expiry: YearMonth,
    /// Application PAN Sequence Number, where the card has one.
    pub sequence_number: Option<u8>,
}

/// Bytes that are no card in its stored form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no stored card: PAN=YYMM with an optional =NNN")]
pub struct CardFormatError;

impl Card {
    /// The form that is sealed: `PAN=YYMM` or `PAN=YYMM=NNN`, ASCII.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(32));
        bytes.extend_from_slice(self.pan.digits().as_bytes());
        bytes.extend_from_slice(format!("={:02}{:02}", self.expiry.year() % 100, self.expiry.month()).as_bytes());
        if let Some(number) = self.sequence_number {
            bytes.extend_from_slice(format!("={number:03}").as_bytes());
        }
        bytes
    }

    /// The card that [`Card::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CardFormatError> {
        let text = std::str::from_utf8(bytes).map_err(|_| CardFormatError)?;
        let mut parts = text.split('=');
        let (Some(pan), Some(expiry), number, None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(CardFormatError);
        };
        let pan = Pan::from_digits(pan).map_err(|_| CardFormatError)?;
        let (yy, mm) = expiry.split_at_checked(2).ok_or(CardFormatError)?;
        let number_of = |text: &str| text.parse::<u8>().map_err(|_| CardFormatError);
        let expiry = YearMonth::new(number_of(yy)?, number_of(mm)?).map_err(|_| CardFormatError)?;
        let sequence_number = number.map(number_of).transpose()?;
        Ok(Card { pan, expiry, sequence_number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_pan_is_no_masked_pan() {
        let pan = Pan::from_digits("4761739001010119").unwrap();
        assert_eq!(MaskedPan::from(&pan).as_str(), "476173******0119");
        assert_eq!(MaskedPan::try_from("4761739001010119".to_owned()), Err(MaskedPanError));
        assert_eq!(MaskedPan::try_from("47617390****0119".to_owned()), Err(MaskedPanError));
        assert!(MaskedPan::try_from("476173******0119".to_owned()).is_ok());
        assert_eq!(MaskedPan::from(&pan).last_four_only().as_str(), "************0119");
        assert!(MaskedPan::try_from("****5678".to_owned()).is_ok());
    }

    #[test]
    fn a_card_survives_its_stored_form() {
        let pan = Pan::from_digits("5413330089601034").unwrap();
        for sequence_number in [None, Some(0), Some(255)] {
            let card = Card { pan: pan.clone(), expiry: YearMonth::new(31, 12).unwrap(), sequence_number };
            assert_eq!(Card::from_bytes(&card.to_bytes()), Ok(card));
        }
        for wrong in
            ["", "5413330089601034", "5413330089601034=31", "5413330089601034=311X", "5413330089601034=3112=1=2"]
        {
            assert_eq!(Card::from_bytes(wrong.as_bytes()), Err(CardFormatError), "{wrong}");
        }
    }
}
