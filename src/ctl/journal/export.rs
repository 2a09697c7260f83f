//! `tenderctl journal export`.

use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

use super::failure;
use crate::ctl::{Failure, Output};
use crate::journal::{Entry, Journal};

/// Which rows to print.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Print a journal, a row a line and in order: for bookkeepers, and for disputes. Card numbers are \
                  truncated, and what is encrypted is left out. It only reads, also while tenderd runs, and also a \
                  damaged journal: rows that are not as they were written are marked.",
    after_help = "\
Examples:
  tenderctl journal export /var/lib/tenderd/journal.db --json > journal.jsonl
  tenderctl journal export /var/lib/tenderd/journal.db --from 2026-11-01 --to 2026-11-30

Exit codes:
  0 every row is as it was written    1 one is not: all that can be read is printed, and the first is named
  2 not a journal"
)]
pub struct Args {
    /// The file
    file: PathBuf,
    /// From this day (UTC) or time on: 2026-11-01, or 2026-11-01T06:00:00+01:00
    #[arg(long, value_name = "WHEN", value_parser = beginning)]
    from: Option<Timestamp>,
    /// Up to this day (UTC), all of it, or up to this time
    #[arg(long, value_name = "WHEN", value_parser = end)]
    to: Option<Timestamp>,
}

/// Prints.
pub(super) fn run(args: &Args, output: &Output) -> Result<ExitCode, Failure> {
    let journal = Journal::read(&args.file).map_err(failure)?;
    let damage = journal.visit_entries(|entry| {
        if args.covers(&entry) {
            print(&entry, output);
        }
    });
    damage.map_or(Ok(ExitCode::SUCCESS), |damage| Err(failure(damage)))
}

impl Args {
    /// A row whose time can't be read was changed, and is not left out.
    fn covers(&self, entry: &Entry) -> bool {
        entry
            .at
            .parse()
            .map_or(true, |at: Timestamp| self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to))
    }
}

fn print(entry: &Entry, output: &Output) {
    let Entry { seq, at, token, event, chain, is_intact, .. } = entry;
    let data = entry.data();
    if output.is_json() {
        let row = json!({
            "seq": seq, "time": at, "token": token, "event": event, "data": data, "chain": chain, "intact": is_intact,
        });
        return output.record(&row);
    }
    let mark = if *is_intact { ' ' } else { '!' };
    let token = token.as_deref().unwrap_or("-");
    let data = if data.is_null() { String::new() } else { data.to_string() };
    output.line(format!("{mark}{seq:>8}  {at}  {token:<20}  {event:<20}  {data}").trim_end());
}

fn beginning(text: &str) -> Result<Timestamp, String> {
    moment(text, Ok)
}

fn end(text: &str) -> Result<Timestamp, String> {
    moment(text, Date::tomorrow)
}

/// A time, or the midnight (UTC) with which the day begins that `day` makes of a date.
fn moment(text: &str, day: impl Fn(Date) -> Result<Date, jiff::Error>) -> Result<Timestamp, String> {
    let of_day = |date: Date| TimeZone::UTC.to_timestamp(day(date)?.at(0, 0, 0, 0));
    let parsed = match text.parse::<Date>() {
        Ok(date) if !text.contains('T') => of_day(date),
        _ => text.parse(),
    };
    parsed.map_err(|_| "expected a day, such as 2026-11-01, or a time with its offset".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_meant_from_its_beginning_to_its_end() {
        assert_eq!(beginning("2026-11-01").unwrap().to_string(), "2026-11-01T00:00:00Z");
        assert_eq!(end("2026-11-30").unwrap().to_string(), "2026-12-01T00:00:00Z");
        let time = "2026-11-01T06:00:00+01:00";
        assert_eq!(beginning(time).unwrap().to_string(), "2026-11-01T05:00:00Z");
        assert_eq!(end(time), beginning(time));
        assert!(beginning("yesterday").is_err() && end("2026-13-01").is_err());
    }
}
