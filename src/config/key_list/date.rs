//! The last day of a key.

use emv::fields::Date;

/// The last day of a key as tools write it: `2031-12-31`, `311231` or `20311231`, or `1231` for the last day of a
/// month (MMYY); nothing where it is made of zeros.
pub(super) fn expiry(text: &str) -> Result<Option<Date>, String> {
    if text.contains('-') {
        return day(text).map(Some);
    }
    let digits: String = text.chars().filter(|c| *c != '/').collect();
    let wrong = || format!("`{text}` must be a date such as 2031-12-31");
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    if digits.bytes().all(|digit| digit == b'0') {
        return Ok(None);
    }
    let number: u32 = digits.parse().map_err(|_| wrong())?;
    let century = |year: u32| if year < 50 { 2000 + year } else { 1900 + year };
    let date = match digits.len() {
        4 => last_day(century(number % 100), number / 100),
        6 => date(century(number / 10_000), number / 100 % 100, number % 100),
        8 => date(number / 10_000, number / 100 % 100, number % 100),
        _ => None,
    };
    date.map(Some).ok_or_else(wrong)
}

/// `2031-12-31`.
///
/// # Errors
/// If it is no day from 1950 to 2049.
pub fn day(text: &str) -> Result<Date, String> {
    let day: jiff::civil::Date = text.parse().map_err(|_| format!("`{text}` must be a date such as 2031-12-31"))?;
    date(day.year().unsigned_abs().into(), day.month().unsigned_abs().into(), day.day().unsigned_abs().into())
        .ok_or_else(|| format!("`{text}`: certificates and cards know the years 1950 to 2049"))
}

fn date(year: u32, month: u32, day: u32) -> Option<Date> {
    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

fn last_day(year: u32, month: u32) -> Option<Date> {
    (28..=31).rev().find_map(|day| date(year, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_day_is_understood_as_tools_write_it() {
        let last = |year, month, day| Ok(Some(Date::new(year, month, day).unwrap()));
        for text in ["2031-12-31", "311231", "20311231", "1231", "12/31"] {
            assert_eq!(expiry(text), last(2031, 12, 31), "{text}");
        }
        assert_eq!(expiry("0228"), last(2028, 2, 29));
        assert_eq!(expiry("991231"), last(1999, 12, 31));
        assert_eq!((expiry("000000"), expiry("0000")), (Ok(None), Ok(None)));
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in ["2031-02-30", "2050-01-01", "1331", "310230", "never", "31/12/2031", "1"] {
            assert!(expiry(text).is_err(), "{text}");
        }
    }
}
