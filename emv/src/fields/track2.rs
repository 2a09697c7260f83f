//! Track 2.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::digits::nibbles;
use super::{Error, Pan, YearMonth};

/// Track 2 Equivalent Data, 19 bytes at most: PAN, separator, expiration date, service code and
/// discretionary data (EMV Book 3, Annex A; ISO/IEC 7813).
///
/// What it prints shows the PAN masked and nothing else; its memory is cleared when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Track2 {
    pan: Pan,
    expiry: YearMonth,
    service_code: Zeroizing<String>,
    discretionary_data: Zeroizing<String>,
}

impl Track2 {
    /// The most bytes.
    pub const MAX_LENGTH: usize = 19;

    /// Reads two digits a byte, `D` as separator, `F` as filling on the right.
    ///
    /// Service code and discretionary data are the issuer's: cards exist that put other half bytes
    /// there than digits, and no kernel reads them.
    ///
    /// # Errors
    /// If it is too long, the separator is missing, the PAN is no PAN, the month doesn't exist, or the
    /// expiration date or the service code is cut short.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > Self::MAX_LENGTH {
            return Err(Error::Length { field: "Track2", expected: Self::MAX_LENGTH, actual: bytes.len() });
        }
        let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len()));
        text.extend(nibbles(bytes).map(|nibble| char::from(b"0123456789ABCDEF"[usize::from(nibble)])));
        Self::from_text(text.trim_end_matches('F'))
    }

    /// Reads track data as text, with `D` or `=` between PAN and expiration date.
    ///
    /// # Errors
    /// As [`Track2::from_bytes`].
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let (pan, rest) = text.split_once(['D', '=']).ok_or(Error::NoSeparator)?;
        let pan = Pan::from_digits(pan)?;
        if !rest.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Err(Error::NotDecimal { field: "Track2" });
        }
        let (expiry, rest) = rest.split_at_checked(4).ok_or(Error::TrackTruncated)?;
        if !expiry.bytes().all(|c| c.is_ascii_digit()) {
            return Err(Error::NotDecimal { field: "Track2" });
        }
        let (service_code, discretionary_data) = rest.split_at_checked(3).ok_or(Error::TrackTruncated)?;
        let two_digits = |text: &str| text.bytes().fold(0, |number, c| number * 10 + (c - b'0'));
        Ok(Track2 {
            pan,
            expiry: YearMonth::new(two_digits(&expiry[..2]), two_digits(&expiry[2..]))?,
            service_code: Zeroizing::new(String::from(service_code)),
            discretionary_data: Zeroizing::new(String::from(discretionary_data)),
        })
    }

    /// The account number.
    pub fn pan(&self) -> &Pan {
        &self.pan
    }

    /// The expiration date.
    pub fn expiry(&self) -> YearMonth {
        self.expiry
    }

    /// The service code, three characters: digits, where the issuer keeps to ISO/IEC 7813.
    pub fn service_code(&self) -> &str {
        &self.service_code
    }

    /// What follows the service code, as the issuer chose it. Take care where it goes.
    pub fn discretionary_data(&self) -> &str {
        &self.discretionary_data
    }

    /// The same track with other discretionary data, which are digits. What is too long for a track
    /// is cut.
    pub fn with_discretionary_data(&self, digits: &str) -> Self {
        let mut track = self.clone();
        let before = self.pan.digits().len() + "D2812201".len();
        let room = (2 * Self::MAX_LENGTH).saturating_sub(before);
        track.discretionary_data = Zeroizing::new(digits.chars().take(room).collect());
        track
    }

    /// Two digits a byte, `D` as separator, `F` as filling on the right.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        compressed(&self.digits('D'))
    }

    /// What follows the service code, two digits a byte, `F` as filling on the right.
    pub fn discretionary_data_to_bytes(&self) -> Zeroizing<Vec<u8>> {
        compressed(&self.discretionary_data)
    }

    /// The whole track in clear, with this separator: `D` in ISO 8583 messages that carry it as in
    /// the card, `=` in those that carry it as on a stripe. Take care where it goes.
    pub fn digits(&self, separator: char) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(2 * Self::MAX_LENGTH));
        text.push_str(self.pan.digits());
        text.push(separator);
        for number in [(self.expiry.year() % 100) as u8, self.expiry.month()] {
            text.push(char::from(b'0' + number / 10));
            text.push(char::from(b'0' + number % 10));
        }
        text.push_str(&self.service_code);
        text.push_str(&self.discretionary_data);
        text
    }

    /// The PAN, [masked](Pan::masked).
    pub fn masked(&self) -> String {
        self.pan.masked()
    }
}

/// The characters of a track, two a byte.
fn compressed(characters: &str) -> Zeroizing<Vec<u8>> {
    let nibble = |c: u8| char::from(c).to_digit(16).expect("a track holds hexadecimal digits") as u8;
    let pair = |pair: &[u8]| nibble(pair[0]) << 4 | pair.get(1).map_or(0xF, |c| nibble(*c));
    Zeroizing::new(characters.as_bytes().chunks(2).map(pair).collect())
}

impl TryFrom<&[u8]> for Track2 {
    type Error = Error;

    /// As [`Track2::from_bytes`].
    fn try_from(value: &[u8]) -> Result<Self, Error> {
        Track2::from_bytes(value)
    }
}

impl fmt::Display for Track2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for Track2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Track2({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    const SIXTEEN: [u8; 18] =
        [0x47, 0x61, 0x73, 0x90, 0x01, 0x01, 0x01, 0x19, 0xD2, 0x21, 0x22, 0x01, 0x11, 0x43, 0x80, 0x04, 0x40, 0x0F];

    #[test]
    fn a_track_comes_apart_at_its_separator() {
        let track = Track2::from_bytes(&SIXTEEN).unwrap();
        assert_eq!(track.pan().digits(), "4761739001010119");
        assert_eq!(track.expiry(), YearMonth::new(22, 12).unwrap());
        assert_eq!(track.service_code(), "201");
        assert_eq!(track.discretionary_data(), "11438004400");
        assert_eq!(track.digits('=').as_str(), "4761739001010119=221220111438004400");
    }

    #[test]
    fn an_odd_number_of_digits_before_the_separator_is_read() {
        let track = Track2::from_bytes(&[0x37, 0x82, 0x82, 0x24, 0x63, 0x10, 0x00, 0x5D, 0x28, 0x06, 0x70, 0x21, 0x5F])
            .unwrap();
        assert_eq!(track.pan().digits(), "378282246310005");
        assert_eq!((track.service_code(), track.discretionary_data()), ("702", "15"));
    }

    #[test]
    fn other_discretionary_data_leave_the_rest_as_it_is() {
        let track = Track2::from_bytes(&SIXTEEN).unwrap();
        assert_eq!(track.to_bytes().as_slice(), SIXTEEN);
        let other = track.with_discretionary_data("0123456789012");
        assert_eq!(other.digits('=').as_str(), "4761739001010119=22122010123456789012");
        assert_eq!(Track2::from_bytes(&other.to_bytes()).unwrap(), other);
        let too_long = track.with_discretionary_data("012345678901234");
        assert_eq!(too_long.digits('=').as_str(), "4761739001010119=221220101234567890123");
    }

    #[test]
    fn what_the_issuer_puts_after_the_expiration_date_need_not_be_digits() {
        let mut blanked = SIXTEEN;
        blanked[11..].fill(0xFF);
        blanked[17] = 0x0F;
        let track = Track2::from_bytes(&blanked).unwrap();
        assert_eq!((track.expiry(), track.service_code()), (YearMonth::new(22, 12).unwrap(), "2FF"));
    }

    #[test]
    fn what_is_printed_shows_the_masked_pan_and_nothing_else() {
        let track = Track2::from_bytes(&SIXTEEN).unwrap();
        assert_eq!(format!("{track:?} {track}"), "Track2(476173******0119) 476173******0119");
    }

    #[test]
    fn tracks_that_are_not_whole_are_refused() {
        assert_eq!(Track2::from_bytes(&[0x47; 8]), Err(Error::NoSeparator));
        assert_eq!(Track2::from_bytes(&SIXTEEN[..11]), Err(Error::TrackTruncated));
        assert_eq!(Track2::from_bytes(&SIXTEEN[5..]), Err(Error::PanLength { digits: 6 }));
        assert!(matches!(Track2::from_bytes(&[0x11; 20]), Err(Error::Length { actual: 20, .. })));
        let mut month_13 = SIXTEEN;
        month_13[9] = 0x31;
        month_13[10] = 0x32;
        assert_eq!(Track2::from_bytes(&month_13), Err(Error::NoSuchDate));
        let mut expiry_blanked = SIXTEEN;
        expiry_blanked[9] = 0xFF;
        assert_eq!(Track2::from_bytes(&expiry_blanked), Err(Error::NotDecimal { field: "Track2" }));
    }
}
