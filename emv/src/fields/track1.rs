//! Track 1.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::{Error, Pan};

/// Track 1 Data of format B, 76 characters at most: PAN, cardholder name, expiration date, service
/// code and discretionary data (Book C-2, Annex A; ISO/IEC 7813).
///
/// What it prints shows the PAN masked and nothing else; its memory is cleared when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Track1 {
    pan: Pan,
    /// Everything up to the discretionary data.
    head: Zeroizing<String>,
    discretionary_data: Zeroizing<String>,
}

impl Track1 {
    /// The most characters.
    pub const MAX_LENGTH: usize = 76;

    /// Reads the characters, without start sentinel, end sentinel and LRC.
    ///
    /// # Errors
    /// If it is too long, not of format B or not of ASCII characters, the PAN is no PAN, a separator
    /// is missing, or the expiration date or the service code is cut short.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > Self::MAX_LENGTH {
            return Err(Error::Length { field: "Track1", expected: Self::MAX_LENGTH, actual: bytes.len() });
        }
        let text = core::str::from_utf8(bytes).ok().filter(|text| text.is_ascii()).ok_or(Error::Track1Format)?;
        let (pan, rest) =
            text.strip_prefix('B').ok_or(Error::Track1Format)?.split_once('^').ok_or(Error::NoSeparator)?;
        let (_, rest) = rest.split_once('^').ok_or(Error::NoSeparator)?;
        let (_, discretionary_data) = rest.split_at_checked("YYMMSSS".len()).ok_or(Error::TrackTruncated)?;
        let head = &text[..text.len() - discretionary_data.len()];
        Ok(Track1 {
            pan: Pan::from_digits(pan)?,
            head: Zeroizing::new(String::from(head)),
            discretionary_data: Zeroizing::new(String::from(discretionary_data)),
        })
    }

    /// The account number.
    pub fn pan(&self) -> &Pan {
        &self.pan
    }

    /// What follows the service code. Take care where it goes.
    pub fn discretionary_data(&self) -> &str {
        &self.discretionary_data
    }

    /// The same track with other discretionary data. What is too long for a track is cut.
    pub fn with_discretionary_data(&self, characters: &str) -> Self {
        let room = Self::MAX_LENGTH - self.head.len();
        let discretionary_data = Zeroizing::new(characters.chars().take(room).collect());
        Track1 { discretionary_data, ..self.clone() }
    }

    /// The characters, as [`Track1::from_bytes`] reads them.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([self.head.as_bytes(), self.discretionary_data.as_bytes()].concat())
    }
}

impl TryFrom<&[u8]> for Track1 {
    type Error = Error;

    /// As [`Track1::from_bytes`].
    fn try_from(value: &[u8]) -> Result<Self, Error> {
        Track1::from_bytes(value)
    }
}

impl fmt::Debug for Track1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Track1({})", self.pan.masked())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    const TRACK: &[u8] = b"B5413330089601034^CARDHOLDER/A^3012201000000000000";

    #[test]
    fn a_track_comes_apart_at_its_separators() {
        let track = Track1::from_bytes(TRACK).unwrap();
        assert_eq!(track.pan().digits(), "5413330089601034");
        assert_eq!(track.discretionary_data(), "000000000000");
        assert_eq!(track.to_bytes().as_slice(), TRACK);
    }

    #[test]
    fn other_discretionary_data_leave_the_rest_as_it_is() {
        let track = Track1::from_bytes(TRACK).unwrap().with_discretionary_data("123");
        assert_eq!(track.to_bytes().as_slice(), b"B5413330089601034^CARDHOLDER/A^3012201123");
        let too_long = track.with_discretionary_data(&"9".repeat(100));
        assert_eq!(too_long.to_bytes().len(), Track1::MAX_LENGTH);
    }

    #[test]
    fn tracks_that_are_not_whole_are_refused() {
        assert_eq!(Track1::from_bytes(&TRACK[1..]), Err(Error::Track1Format));
        assert_eq!(Track1::from_bytes(b"B\xFF"), Err(Error::Track1Format));
        assert_eq!(Track1::from_bytes("B5413330089601034^\u{dc}^3012201".as_bytes()), Err(Error::Track1Format));
        assert_eq!(Track1::from_bytes(&TRACK[..17]), Err(Error::NoSeparator));
        assert_eq!(Track1::from_bytes(&TRACK[..30]), Err(Error::NoSeparator));
        assert_eq!(Track1::from_bytes(&TRACK[..37]), Err(Error::TrackTruncated));
        assert_eq!(Track1::from_bytes(b"B541333^A^3012201"), Err(Error::PanLength { digits: 6 }));
        assert!(matches!(Track1::from_bytes(&[b'B'; 77]), Err(Error::Length { actual: 77, .. })));
    }

    #[test]
    fn what_is_printed_shows_the_masked_pan_and_nothing_else() {
        assert_eq!(format!("{:?}", Track1::from_bytes(TRACK).unwrap()), "Track1(541333******1034)");
    }
}
