//! Currencies, and amounts as people write them.

use std::fmt;

use emv::fields::Amount;
use serde::{Deserialize, Serialize};

/// A currency of ISO 4217.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(&'static Row);

/// One line of the table below.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Row {
    alpha: [u8; 3],
    numeric: u16,
    exponent: u8,
}

/// The currencies known here: alphabetic code, numeric code, digits after the decimal point
/// (ISO 4217, list one). Another currency is one more line.
#[rustfmt::skip]
const CURRENCIES: &[Row] = &[
    row(b"AED", 784, 2), row(b"ARS",  32, 2), row(b"AUD",  36, 2), row(b"BGN", 975, 2),
    row(b"BHD",  48, 3), row(b"BRL", 986, 2), row(b"CAD", 124, 2), row(b"CHF", 756, 2),
    row(b"CLP", 152, 0), row(b"CNY", 156, 2), row(b"COP", 170, 2), row(b"CZK", 203, 2),
    row(b"DKK", 208, 2), row(b"EGP", 818, 2), row(b"EUR", 978, 2), row(b"GBP", 826, 2),
    row(b"HKD", 344, 2), row(b"HUF", 348, 2), row(b"IDR", 360, 2), row(b"ILS", 376, 2),
    row(b"INR", 356, 2), row(b"ISK", 352, 0), row(b"JOD", 400, 3), row(b"JPY", 392, 0),
    row(b"KES", 404, 2), row(b"KRW", 410, 0), row(b"KWD", 414, 3), row(b"MAD", 504, 2),
    row(b"MXN", 484, 2), row(b"MYR", 458, 2), row(b"NGN", 566, 2), row(b"NOK", 578, 2),
    row(b"NZD", 554, 2), row(b"OMR", 512, 3), row(b"PEN", 604, 2), row(b"PHP", 608, 2),
    row(b"PLN", 985, 2), row(b"QAR", 634, 2), row(b"RON", 946, 2), row(b"RSD", 941, 2),
    row(b"SAR", 682, 2), row(b"SEK", 752, 2), row(b"SGD", 702, 2), row(b"THB", 764, 2),
    row(b"TND", 788, 3), row(b"TRY", 949, 2), row(b"TWD", 901, 2), row(b"UAH", 980, 2),
    row(b"USD", 840, 2), row(b"VND", 704, 0), row(b"ZAR", 710, 2),
];

const fn row(alpha: &[u8; 3], numeric: u16, exponent: u8) -> Row {
    Row { alpha: *alpha, numeric, exponent }
}

impl Currency {
    /// The currency with this alphabetic code: three capital letters.
    pub fn from_alpha(alpha: &str) -> Result<Self, MoneyError> {
        let found = CURRENCIES.iter().find(|row| row.alpha == *alpha.as_bytes());
        found.map(Currency).ok_or_else(|| MoneyError::UnknownCurrency(alpha.chars().take(8).collect()))
    }

    /// The currency with this numeric code, as in Transaction Currency Code.
    pub fn from_numeric(numeric: u16) -> Result<Self, MoneyError> {
        let found = CURRENCIES.iter().find(|row| row.numeric == numeric);
        found.map(Currency).ok_or_else(|| MoneyError::UnknownCurrency(format!("{numeric:03}")))
    }

    /// The alphabetic code, such as `EUR`.
    pub fn alpha(self) -> &'static str {
        std::str::from_utf8(&self.0.alpha).expect("the table holds capital letters")
    }

    /// The numeric code, such as 978.
    pub fn numeric(self) -> u16 {
        self.0.numeric
    }

    /// How many digits follow the decimal point.
    pub fn exponent(self) -> u8 {
        self.0.exponent
    }

    /// Reads a decimal such as `12.50`. Fewer decimals than the currency has are filled (`12` and
    /// `12.5` are fine for EUR); more are refused, zeros or not, since a caller who writes them means
    /// another currency.
    pub fn parse(self, text: &str) -> Result<Amount, MoneyError> {
        if text.starts_with('-') {
            return Err(MoneyError::Negative);
        }
        let (whole, decimals) = match text.split_once('.') {
            Some((whole, decimals)) if !decimals.is_empty() => (whole, decimals),
            Some(_) => return Err(MoneyError::NotANumber),
            None => (text, ""),
        };
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(decimals) {
            return Err(MoneyError::NotANumber);
        }
        let exponent = usize::from(self.exponent());
        if decimals.len() > exponent {
            return Err(MoneyError::TooManyDecimals { currency: self, exponent: self.exponent() });
        }
        let minor_units: u64 = format!("{whole}{decimals:0<exponent$}").parse().map_err(|_| MoneyError::TooLarge)?;
        amount(minor_units)
    }

    /// An amount as a decimal, such as `12.50`.
    pub fn decimal(self, amount: Amount) -> String {
        let exponent = usize::from(self.exponent());
        let digits = format!("{:0>width$}", amount.minor_units(), width = exponent + 1);
        match digits.split_at(digits.len() - exponent) {
            (whole, "") => whole.to_owned(),
            (whole, decimals) => format!("{whole}.{decimals}"),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.alpha())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.alpha())
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(alpha: String) -> Result<Self, MoneyError> {
        Self::from_alpha(&alpha)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.alpha().to_owned()
    }
}

/// An amount of so many minor units, of at most twelve digits.
pub fn amount(minor_units: u64) -> Result<Amount, MoneyError> {
    Amount::new(minor_units).map_err(|_| MoneyError::TooLarge)
}

/// Why an amount or a currency was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Something other than digits and one decimal point.
    #[error("the amount is not a decimal number such as 12.50")]
    NotANumber,
    /// A minus sign.
    #[error("the amount is negative; a refund is a transaction of type refund with a positive amount")]
    Negative,
    /// More than twelve digits of minor units.
    #[error("the amount is larger than 999999999999 minor units, the most that EMV can carry")]
    TooLarge,
    /// More digits after the point than the currency has.
    #[error("{currency} has {exponent} digits after the decimal point; the amount has more")]
    TooManyDecimals {
        /// The currency.
        currency: Currency,
        /// Its digits after the decimal point.
        exponent: u8,
    },
    /// Not in the table of currencies.
    #[error("currency {0:?} is not known; give an ISO 4217 code in capital letters, such as EUR")]
    UnknownCurrency(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur() -> Currency {
        Currency::from_alpha("EUR").unwrap()
    }

    #[test]
    fn a_decimal_becomes_minor_units_exactly() {
        for (text, minor) in [("12.50", 1250), ("12.5", 1250), ("12", 1200), ("0.01", 1), ("007", 700)] {
            assert_eq!(eur().parse(text).unwrap().minor_units(), minor, "{text}");
        }
        assert_eq!(eur().parse("9999999999.99").unwrap(), Amount::MAX);
        assert_eq!(Currency::from_alpha("JPY").unwrap().parse("1250").unwrap().minor_units(), 1250);
        assert_eq!(Currency::from_alpha("KWD").unwrap().parse("1.234").unwrap().minor_units(), 1234);
    }

    #[test]
    fn what_is_no_amount_is_refused_with_its_reason() {
        let yen = Currency::from_alpha("JPY").unwrap();
        assert_eq!(eur().parse("-1"), Err(MoneyError::Negative));
        assert_eq!(eur().parse("10000000000.00"), Err(MoneyError::TooLarge));
        assert_eq!(eur().parse("99999999999999999999999"), Err(MoneyError::TooLarge));
        assert_eq!(eur().parse("1.000"), Err(MoneyError::TooManyDecimals { currency: eur(), exponent: 2 }));
        assert_eq!(yen.parse("1.0"), Err(MoneyError::TooManyDecimals { currency: yen, exponent: 0 }));
        for text in ["", ".", "1.", ".5", "1,50", "1e3", "+1", " 1", "1.2.3", "0x10", "١"] {
            assert_eq!(eur().parse(text), Err(MoneyError::NotANumber), "{text:?}");
        }
    }

    #[test]
    fn an_amount_prints_as_it_was_written() {
        assert_eq!(eur().decimal(amount(1250).unwrap()), "12.50");
        assert_eq!(eur().decimal(amount(5).unwrap()), "0.05");
        assert_eq!(Currency::from_alpha("JPY").unwrap().decimal(amount(1250).unwrap()), "1250");
        assert_eq!(Currency::from_alpha("KWD").unwrap().decimal(amount(5).unwrap()), "0.005");
    }

    #[test]
    fn the_table_names_each_currency_once_in_order() {
        for pair in CURRENCIES.windows(2) {
            assert!(pair[0].alpha < pair[1].alpha);
        }
        for row in CURRENCIES {
            assert_eq!(Currency::from_numeric(row.numeric).unwrap().alpha().as_bytes(), row.alpha);
        }
        assert!(Currency::from_alpha("eur").is_err());
        assert!(Currency::from_numeric(0).is_err());
    }
}
