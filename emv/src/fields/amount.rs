//! Amounts of money.

use core::fmt;

use super::{Error, digits, exactly};

/// An amount in minor units of a currency that stands elsewhere, at most twelve digits.
///
/// In messages n 12, 6 bytes (EMV Book 3, Annex A: Amount, Authorised). Adding is checked: there is
/// no amount that overflowed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(u64);

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(0);

    /// The largest amount of twelve digits.
    pub const MAX: Amount = Amount(999_999_999_999);

    /// An amount in minor units: 1250 is 12.50 in a currency with two decimals.
    ///
    /// # Errors
    /// If it has more than twelve digits.
    pub const fn new(minor_units: u64) -> Result<Self, Error> {
        if minor_units > Self::MAX.0 { Err(Error::AmountTooLarge) } else { Ok(Amount(minor_units)) }
    }

    /// The amount in minor units.
    pub const fn minor_units(self) -> u64 {
        self.0
    }

    /// Reads n 12.
    ///
    /// # Errors
    /// If a half byte is not a decimal digit.
    pub fn from_bcd(bytes: [u8; 6]) -> Result<Self, Error> {
        digits::number("Amount", &bytes).map(Amount)
    }

    /// Writes n 12.
    pub const fn to_bcd(self) -> [u8; 6] {
        digits::bcd(self.0)
    }

    /// The sum, unless it has more than twelve digits.
    pub fn checked_add(self, other: Amount) -> Option<Self> {
        Amount::new(self.0 + other.0).ok()
    }

    /// The difference, unless it is negative.
    pub fn checked_sub(self, other: Amount) -> Option<Self> {
        self.0.checked_sub(other.0).map(Amount)
    }
}

impl From<u32> for Amount {
    /// The binary amounts of EMV have four bytes; they always fit.
    fn from(minor_units: u32) -> Self {
        Amount(minor_units.into())
    }
}

impl TryFrom<&[u8]> for Amount {
    type Error = Error;

    fn try_from(value: &[u8]) -> Result<Self, Error> {
        exactly("Amount", value).and_then(Amount::from_bcd)
    }
}

impl fmt::Display for Amount {
    /// The number of minor units.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Amount({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_digits_go_both_ways() {
        for (number, bytes) in [
            (0, [0; 6]),
            (1250, [0x00, 0x00, 0x00, 0x00, 0x12, 0x50]),
            (999_999_999_999, [0x99; 6]),
            (100_000_000_001, [0x10, 0x00, 0x00, 0x00, 0x00, 0x01]),
        ] {
            let amount = Amount::new(number).unwrap();
            assert_eq!(amount.to_bcd(), bytes);
            assert_eq!(Amount::from_bcd(bytes), Ok(amount));
        }
    }

    #[test]
    fn what_is_not_decimal_or_not_six_bytes_is_refused() {
        assert_eq!(Amount::from_bcd([0, 0, 0, 0, 0, 0x0A]), Err(Error::NotDecimal { field: "Amount" }));
        assert!(matches!(Amount::try_from(&[0u8; 5][..]), Err(Error::Length { expected: 6, actual: 5, .. })));
        assert_eq!(Amount::new(1_000_000_000_000), Err(Error::AmountTooLarge));
    }

    #[test]
    fn sums_and_differences_stay_in_range_or_are_none() {
        let one = Amount::from(1);
        assert_eq!(Amount::MAX.checked_add(one), None);
        assert_eq!(Amount::ZERO.checked_sub(one), None);
        assert_eq!(one.checked_add(one), Some(Amount::from(2)));
    }
}
