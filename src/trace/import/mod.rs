//! Logs of other programs as card scripts.

mod pcsc_spy;
mod pcscd;
mod scriptor;

use super::card_script::{CardScript, Unmatched};
use super::file::FileError;
use crate::terminal::Hex;

/// A program whose logs are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// `pcsc-spy`, what it prints.
    PcscSpy,
    /// `pcscd --apdu`, what it prints or sends to the system's log.
    Pcscd,
    /// `scriptor` of pcsc-tools, what it prints.
    Scriptor,
}

impl Program {
    /// The program that wrote this, told by the lines that only it writes.
    pub fn of(text: &str) -> Option<Self> {
        text.lines().find_map(|line| {
            let line = plain(line);
            let line = line.trim_end();
            if line.ends_with("SCardTransmit") || line.ends_with("SCardEstablishContext") {
                return Some(Program::PcscSpy);
            }
            if pcscd::is_line(line) {
                return Some(Program::Pcscd);
            }
            scriptor::is_command(line).then_some(Program::Scriptor)
        })
    }

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Program::PcscSpy => "pcsc-spy",
            Program::Pcscd => "pcscd",
            Program::Scriptor => "scriptor",
        }
    }

    /// Reads a log of this program.
    ///
    /// # Errors
    /// [`FileError`] with the first line that can't be read, or that says that there is no answer in the log.
    pub fn read(self, text: &str) -> Result<CardScript, FileError> {
        let exchanges = match self {
            Program::PcscSpy => pcsc_spy::read(text),
            Program::Pcscd => pcscd::read(text),
            Program::Scriptor => scriptor::read(text),
        }?;
        if exchanges.is_empty() {
            return Err(FileError::new(text.lines().count().max(1), "no command with an answer in the whole file"));
        }
        let mut script = CardScript::new(Unmatched::default());
        for Exchange { command, response } in exchanges {
            script.add(&command, response);
        }
        Ok(script)
    }
}

/// A command and its answer, if there was one.
#[derive(PartialEq, Eq)]
struct Exchange {
    command: Vec<u8>,
    response: Option<Vec<u8>>,
}

/// A line without the colours that a terminal was shown (ECMA-48, 8.3.117).
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut parts = line.split('\x1b');
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        text.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    text
}

/// Hex digits with or without spaces between the bytes.
fn bytes(number: usize, digits: &str) -> Result<Vec<u8>, FileError> {
    let digits: String = digits.split_whitespace().collect();
    digits.parse::<Hex>().map(|hex| hex.0).map_err(|error| FileError::new(number, error))
}

/// A response of a card that answered has two bytes at least.
fn response(number: usize, digits: &str) -> Result<Option<Vec<u8>>, FileError> {
    match bytes(number, digits)? {
        bytes if bytes.is_empty() => Ok(None),
        bytes if bytes.len() < 2 => Err(FileError::new(number, "an answer of one byte has no status word")),
        bytes => Ok(Some(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_told_by_its_lines() {
        assert_eq!(Program::of("SCardEstablishContext\n i dwScope: SCARD_SCOPE_SYSTEM"), Some(Program::PcscSpy));
        assert_eq!(Program::of("00000017 APDU: 00 A4 04 00 00 \n"), Some(Program::Pcscd));
        assert_eq!(Program::of("Using T=1 protocol\n> 00 A4 04 00 00\n"), Some(Program::Scriptor));
        assert_eq!(Program::of("{\"format\":\"tenderd-trace\"}"), None);
    }

    #[test]
    fn a_log_without_an_answer_is_refused() {
        let error = Program::Scriptor.read("# only a script\n00 A4 04 00 00\n").err().unwrap();
        assert_eq!(error.to_string(), "line 2: no command with an answer in the whole file");
    }
}
