//! The numbers by which terminal and acquirer find a message again.

use std::fmt;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// System trace audit number: 1 to 999999, in use again after that (ISO 8583:1987, data element 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Stan(u32);

impl Stan {
    /// The number that follows.
    pub fn next(self) -> Self {
        Stan(self.0 % 999_999 + 1)
    }

    /// The number itself.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// A number outside 1 to 999999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a STAN is a number from 1 to 999999, not {0}")]
pub struct StanError(u32);

impl TryFrom<u32> for Stan {
    type Error = StanError;

    fn try_from(number: u32) -> Result<Self, StanError> {
        if (1..=999_999).contains(&number) { Ok(Stan(number)) } else { Err(StanError(number)) }
    }
}

impl From<Stan> for u32 {
    fn from(stan: Stan) -> u32 {
        stan.0
    }
}

impl fmt::Display for Stan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

/// Hands out STANs, one a message. It starts after the last one that the journal holds; a number
/// that was handed out but never written was never sent, and may be used again.
#[derive(Debug, Clone)]
pub struct StanCounter {
    next: Stan,
}

impl StanCounter {
    /// Continues after `last`, or starts at 1.
    pub fn after(last: Option<Stan>) -> Self {
        StanCounter { next: last.map_or(Stan(1), Stan::next) }
    }

    /// The next number.
    pub fn take(&mut self) -> Stan {
        let taken = self.next;
        self.next = taken.next();
        taken
    }
}

/// Retrieval reference number: up to twelve letters and digits, kept by every party for a
/// transaction's whole life (ISO 8583:1987, data element 37). Ours are built in the usual way from
/// the year's last digit, the day of the year and the hour (UTC), and the STAN: `YDDDHHnnnnnn`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rrn(String);

impl Rrn {
    /// The number of a message with this STAN at this time.
    pub fn new(at: Timestamp, stan: Stan) -> Self {
        let date = at.to_zoned_datetime(TimeZone::UTC);
        Rrn(format!("{}{:03}{:02}{stan}", date.year().rem_euclid(10), date.day_of_year(), date.hour()))
    }

    /// Its characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Something else than one to twelve letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a retrieval reference number has one to twelve letters and digits")]
pub struct RrnError;

impl TryFrom<String> for Rrn {
    type Error = RrnError;

    fn try_from(text: String) -> Result<Self, RrnError> {
        let valid = (1..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if valid { Ok(Rrn(text)) } else { Err(RrnError) }
    }
}

impl From<Rrn> for String {
    fn from(rrn: Rrn) -> String {
        rrn.0
    }
}

impl fmt::Display for Rrn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_continues_after_the_journal_and_cycles() {
        let mut stans = StanCounter::after(Some(Stan(999_998)));
        assert_eq!([stans.take().number(), stans.take().number(), stans.take().number()], [999_999, 1, 2]);
        assert_eq!(StanCounter::after(None).take().to_string(), "000001");
        assert_eq!(Stan::try_from(0), Err(StanError(0)));
        assert_eq!(Stan::try_from(1_000_000), Err(StanError(1_000_000)));
    }

    #[test]
    fn the_reference_number_holds_day_hour_and_stan() {
        let at: Timestamp = "2026-11-24T05:36:00Z".parse().unwrap();
        assert_eq!(Rrn::new(at, Stan(42)).as_str(), "632805000042");
    }
}
