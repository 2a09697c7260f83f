//! What `pcscd --apdu` logs: `00000017 APDU: 00 A4 04 00 00`, `00000911 SW: 6F 00 90 00`, with the system's log's own
//! beginning of a line before it where it goes there.

use super::{Exchange, bytes, plain, response};
use crate::trace::FileError;

const COMMAND: &str = "APDU: ";
const RESPONSE: &str = "SW: ";

/// Whether the line is one of a log.
pub(super) fn is_line(line: &str) -> bool {
    find(line, COMMAND).is_some()
}

/// What follows a keyword that begins the line or stands after a space.
fn find<'a>(line: &'a str, keyword: &str) -> Option<&'a str> {
    let (before, rest) = line.split_once(keyword)?;
    (before.is_empty() || before.ends_with(' ')).then_some(rest)
}

pub(super) fn read(text: &str) -> Result<Vec<Exchange>, FileError> {
    let mut exchanges = Vec::new();
    let mut command = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = plain(line);
        if let Some(digits) = find(&line, COMMAND) {
            if let Some(command) = command.replace(bytes(number, digits)?) {
                exchanges.push(Exchange { command, response: None });
            }
        } else if let Some(digits) = find(&line, RESPONSE) {
            let command = command.take().ok_or_else(|| FileError::new(number, "an answer to no command"))?;
            exchanges.push(Exchange { command, response: response(number, digits)? });
        }
    }
    Ok(exchanges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_answers_are_read_between_other_lines() {
        let log = "\
00000000 [140] debuglog.c:289:DebugLogSetLevel() debug level=debug
\x1b[36m00000017\x1b[0m [140] \x1b[34mAPDU: 00 A4 04 00 02 AA BB 00 \x1b[0m
00000911 SW: 6F 00 90 00 
Nov 24 10:00:00 shop pcscd[12]: 00000002 APDU: 00 B2 01 0C 00 
Nov 24 10:00:00 shop pcscd[12]: 00000900 SW: 
";
        let exchanges = read(log).unwrap();
        assert!(exchanges[0].command == [0x00, 0xA4, 0x04, 0x00, 0x02, 0xAA, 0xBB, 0x00]);
        assert!(exchanges[0].response == Some(vec![0x6F, 0x00, 0x90, 0x00]));
        assert!(exchanges[1].response.is_none(), "the card did not answer");
        assert_eq!(exchanges.len(), 2);
    }

    #[test]
    fn what_is_no_hex_is_told_with_its_line() {
        let error = read("APDU: 00 A4\nSW: 9x 00\n").err().unwrap();
        assert_eq!(error.to_string(), "line 2: not an even number of hex digits");
        let error = read("SW: 90 00\n").err().unwrap();
        assert_eq!(error.to_string(), "line 1: an answer to no command");
    }
}
