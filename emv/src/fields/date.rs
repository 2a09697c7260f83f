//! Dates.

use core::fmt;

use super::{Error, digits, exactly};

/// A day of the calendar, in messages YYMMDD, n 6, 3 bytes. Years 50 to 99 are of the twentieth
/// century, 00 to 49 of the twenty-first (EMV Book 4, 6.7.3), and dates compare accordingly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// A day from 1950-01-01 to 2049-12-31.
    ///
    /// # Errors
    /// If the calendar has no such day, or two digits can't say its year.
    pub const fn new(year: u16, month: u8, day: u8) -> Result<Self, Error> {
        if year < 1950 || year > 2049 || day == 0 || day > days_in(year, month) {
            return Err(Error::NoSuchDate);
        }
        Ok(Date { year, month, day })
    }

    /// Reads n 6.
    ///
    /// # Errors
    /// If a half byte is not a decimal digit, or the calendar has no such day.
    pub fn from_bcd(bytes: [u8; 3]) -> Result<Self, Error> {
        let number = digits::number("Date", &bytes)?;
        let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
        Date::new(full_year(year as u16), month as u8, day as u8)
    }

    /// Writes n 6.
    pub const fn to_bcd(self) -> [u8; 3] {
        digits::bcd(self.year as u64 % 100 * 10_000 + self.month as u64 * 100 + self.day as u64)
    }

    /// The year, four digits.
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, 1 to 31.
    pub const fn day(self) -> u8 {
        self.day
    }

    /// How many days after 1950-01-01 it is, the first day that there is.
    pub const fn day_number(self) -> u32 {
        let years = self.year as u32 - 1950;
        let leap_days = (years + 1) / 4;
        let mut days = years * 365 + leap_days + self.day as u32 - 1;
        let mut month = 1;
        while month < self.month {
            days += days_in(self.year, month) as u32;
            month += 1;
        }
        days
    }
}

impl TryFrom<&[u8]> for Date {
    type Error = Error;

    fn try_from(value: &[u8]) -> Result<Self, Error> {
        exactly("Date", value).and_then(Date::from_bcd)
    }
}

impl fmt::Display for Date {
    /// Year, month, day, as ISO 8601 writes them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A month of the calendar, as track data gives the expiration date: YYMM, with the same centuries
/// as [`Date`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct YearMonth {
    year: u16,
    month: u8,
}

impl YearMonth {
    /// The month `month` (1 to 12) of the year `yy` (0 to 99).
    ///
    /// # Errors
    /// If there is no such month or year.
    pub const fn new(yy: u8, month: u8) -> Result<Self, Error> {
        if yy > 99 || month == 0 || month > 12 {
            return Err(Error::NoSuchDate);
        }
        Ok(YearMonth { year: full_year(yy as u16), month })
    }

    /// The year, four digits.
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The last day of the month: the last on which a card with this expiration date is valid.
    pub const fn last_day(self) -> Date {
        Date { year: self.year, month: self.month, day: days_in(self.year, self.month) }
    }
}

impl From<Date> for YearMonth {
    fn from(date: Date) -> Self {
        YearMonth { year: date.year, month: date.month }
    }
}

impl fmt::Display for YearMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl fmt::Debug for YearMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The year that two digits say.
const fn full_year(yy: u16) -> u16 {
    if yy >= 50 { 1900 + yy } else { 2000 + yy }
}

/// How many days a month has; none where there is no such month. Between 1950 and 2049 every fourth
/// year is a leap year.
const fn days_in(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn date(bytes: [u8; 3]) -> Date {
        Date::from_bcd(bytes).unwrap()
    }

    #[test]
    fn year_49_is_later_than_year_50() {
        assert!(date([0x49, 0x12, 0x31]) > date([0x50, 0x01, 0x01]));
        assert!(date([0x99, 0x12, 0x31]) < date([0x00, 0x01, 0x01]));
        assert!(date([0x26, 0x02, 0x01]) > date([0x26, 0x01, 0x31]));
        assert_eq!(format!("{} {}", date([0x49, 0x12, 0x31]), date([0x50, 0x01, 0x01])), "2049-12-31 1950-01-01");
    }

    #[test]
    fn every_day_of_the_hundred_years_goes_both_ways_and_has_its_number() {
        let mut day_number = 0;
        for year in 1950..2050 {
            for month in 1..=12 {
                for day in 1..=days_in(year, month) {
                    let date = Date::new(year, month, day).unwrap();
                    assert_eq!(Date::from_bcd(date.to_bcd()), Ok(date));
                    assert_eq!(date.day_number(), day_number, "{date}");
                    day_number += 1;
                }
            }
        }
    }

    #[test]
    fn days_that_are_in_no_calendar_are_refused() {
        for bytes in
            [[0x26, 0x13, 0x01], [0x26, 0x00, 0x01], [0x26, 0x02, 0x29], [0x26, 0x04, 0x31], [0x26, 0x01, 0x00]]
        {
            assert_eq!(Date::from_bcd(bytes), Err(Error::NoSuchDate));
        }
        assert_eq!(Date::from_bcd([0x26, 0x1A, 0x01]), Err(Error::NotDecimal { field: "Date" }));
        assert!(Date::from_bcd([0x28, 0x02, 0x29]).is_ok());
    }

    #[test]
    fn a_card_is_valid_until_its_month_ends() {
        assert_eq!(YearMonth::new(28, 2).unwrap().last_day(), Date::new(2028, 2, 29).unwrap());
        assert_eq!(YearMonth::new(28, 13), Err(Error::NoSuchDate));
    }
}
