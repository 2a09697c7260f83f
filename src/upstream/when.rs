//! Times as messages have them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Field 7, Transmission Date and Time: MMDDhhmmss, UTC.
pub(super) fn transmission(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::UTC).strftime("%m%d%H%M%S").to_string()
}

/// Field 12, Time, Local Transaction: hhmmss.
pub(super) fn local_time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%H%M%S").to_string()
}

/// Field 13, Date, Local Transaction: MMDD.
pub(super) fn local_date(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%m%d").to_string()
}

/// Date and time where the terminal stands: YYMMDDhhmmss (ISO 8583:1993, data element 12).
pub(super) fn local_date_time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%y%m%d%H%M%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_sent_in_utc_and_as_the_terminal_sees_it() {
        let at = "2026-01-31T22:30:05Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(transmission(at), "0131223005");
        assert_eq!((local_time(at, &zone).as_str(), local_date(at, &zone).as_str()), ("003005", "0201"));
        assert_eq!(local_date_time(at, &zone), "260201003005");
    }
}
