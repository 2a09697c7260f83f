//! The Primary Account Number.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

use super::{Error, digits};

/// A Primary Account Number of 8 to 19 digits (ISO/IEC 7812-1; EMV Book 3, Annex A).
///
/// What it prints is [masked](Pan::masked), its memory is cleared when it goes, and its digits are
/// had by asking for them by name.
#[derive(Clone, PartialEq, Eq)]
pub struct Pan(Zeroizing<String>);

impl Pan {
    /// The fewest and the most digits.
    const DIGITS: core::ops::RangeInclusive<usize> = 8..=19;

    /// A PAN written as decimal digits.
    ///
    /// # Errors
    /// If there is anything else than digits, or not 8 to 19 of them.
    pub fn from_digits(text: &str) -> Result<Self, Error> {
        if !text.bytes().all(|c| c.is_ascii_digit()) {
            return Err(Error::NotDecimal { field: "Pan" });
        }
        if !Self::DIGITS.contains(&text.len()) {
            return Err(Error::PanLength { digits: text.len() });
        }
        Ok(Pan(Zeroizing::new(String::from(text))))
    }

    /// A PAN as compressed numeric: two digits a byte, filled with `F` on the right.
    ///
    /// # Errors
    /// If there is anything else than digits before the filling, or anything else than filling
    /// after it, or not 8 to 19 digits.
    pub fn from_cn(bytes: &[u8]) -> Result<Self, Error> {
        Pan::from_digits(&digits::compressed("Pan", bytes)?)
    }

    /// The digits in clear. Take care where they go.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// The digits with those in the middle hidden: of 15 digits and more the first six and the last
    /// four are shown, of fewer the last four alone.
    pub fn masked(&self) -> String {
        masked(&self.0)
    }

    /// The last four digits.
    pub fn last_four(&self) -> &str {
        &self.0[self.0.len() - 4..]
    }

    /// Whether the last digit is the check digit of the others (ISO/IEC 7812-1, Annex B). EMV
    /// doesn't ask for it.
    pub fn passes_luhn(&self) -> bool {
        let sum: u32 = self.0.bytes().rev().enumerate().map(|(position, c)| weighted(position, c - b'0')).sum();
        sum.is_multiple_of(10)
    }
}

/// A digit's part in the Luhn sum, by its position from the right.
fn weighted(position: usize, digit: u8) -> u32 {
    let weighted = if position.is_multiple_of(2) { digit } else { digit * 2 };
    u32::from(weighted / 10 + weighted % 10)
}

/// The digits of a PAN, masked.
fn masked(digits: &str) -> String {
    let first = if digits.len() >= 15 { 6 } else { 0 };
    let last = digits.len().saturating_sub(4);
    digits.char_indices().map(|(i, digit)| if i < first || i >= last { digit } else { '*' }).collect()
}

impl TryFrom<&[u8]> for Pan {
    type Error = Error;

    /// As [`Pan::from_cn`].
    fn try_from(value: &[u8]) -> Result<Self, Error> {
        Pan::from_cn(value)
    }
}

impl fmt::Display for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pan({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn odd_and_even_numbers_of_digits_are_read() {
        let sixteen = Pan::from_cn(&[0x47, 0x61, 0x73, 0x90, 0x01, 0x01, 0x01, 0x19]).unwrap();
        assert_eq!(sixteen.digits(), "4761739001010119");
        let fifteen = Pan::from_cn(&[0x37, 0x82, 0x82, 0x24, 0x63, 0x10, 0x00, 0x5F]).unwrap();
        assert_eq!(fifteen.digits(), "378282246310005");
        let filled = Pan::from_cn(&[0x47, 0x61, 0x73, 0x90, 0x01, 0x01, 0x01, 0x19, 0xFF, 0xFF]).unwrap();
        assert_eq!(filled, sixteen);
    }

    #[test]
    fn digits_after_the_filling_are_refused() {
        let digits = [0x47, 0x61, 0x73, 0x90, 0x01, 0xF1, 0x01, 0x19];
        assert_eq!(Pan::from_cn(&digits), Err(Error::NotDecimal { field: "Pan" }));
        assert_eq!(Pan::from_cn(&[0x47, 0x61, 0x7D, 0x90, 0x01]), Err(Error::NotDecimal { field: "Pan" }));
        assert_eq!(Pan::from_digits("4761 7390 0101 0119"), Err(Error::NotDecimal { field: "Pan" }));
    }

    #[test]
    fn too_few_and_too_many_digits_are_refused() {
        assert_eq!(Pan::from_cn(&[]), Err(Error::PanLength { digits: 0 }));
        assert_eq!(Pan::from_cn(&[0x12, 0x34, 0x56, 0x7F]), Err(Error::PanLength { digits: 7 }));
        assert_eq!(Pan::from_cn(&[0x11; 10]), Err(Error::PanLength { digits: 20 }));
    }

    #[test]
    fn what_is_printed_never_shows_more_than_six_and_four_digits() {
        for length in 8..=19 {
            let digits = &"4761739001010119123"[..length];
            let pan = Pan::from_digits(digits).unwrap();
            for printed in [format!("{pan}"), pan.masked()] {
                assert_eq!(printed.len(), length);
                let shown = printed.bytes().filter(u8::is_ascii_digit).count();
                assert!(shown <= if length < 15 { 4 } else { 10 }, "{printed}");
                assert!(printed.ends_with(&digits[length - 4..]));
            }
            assert!(!format!("{pan:?}").contains(digits));
        }
        assert_eq!(format!("{:?}", Pan::from_digits("4761739001010119").unwrap()), "Pan(476173******0119)");
    }

    #[test]
    fn luhn_tells_a_mistyped_digit() {
        assert!(Pan::from_digits("4761739001010119").unwrap().passes_luhn());
        assert!(Pan::from_digits("5413330089601034").unwrap().passes_luhn());
        assert!(Pan::from_digits("378282246310005").unwrap().passes_luhn());
        assert!(!Pan::from_digits("4761739001010118").unwrap().passes_luhn());
    }
}
