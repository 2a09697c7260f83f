//! What `scriptor` of pcsc-tools prints: `> 00 A4 04 00 00`, then `< 6F 00 90 00 : Normal processing.`, with a line
//! feed after each sixteen bytes of a long answer.

use super::{Exchange, bytes, plain, response};
use crate::trace::FileError;

/// Whether the line shows a command that was sent.
pub(super) fn is_command(line: &str) -> bool {
    line.strip_prefix("> ").is_some_and(|rest| rest.as_bytes().first().is_some_and(u8::is_ascii_hexdigit))
}

pub(super) fn read(text: &str) -> Result<Vec<Exchange>, FileError> {
    let mut exchanges = Vec::new();
    let mut command = None;
    let mut lines = (1..).zip(text.lines().map(plain)).peekable();
    while let Some((number, line)) = lines.next() {
        if is_command(&line) {
            command = Some(bytes(number, &line[2..])?);
        } else if let Some(first) = line.strip_prefix("< ")
            && let Some(command) = command.take()
        {
            let mut digits = String::new();
            let mut line = first.to_owned();
            // The status word's meaning ends the answer.
            while !line.contains(':') {
                digits += &line;
                digits.push(' ');
                let cut_short = || FileError::new(number, "the answer is cut short");
                line = lines.next().ok_or_else(cut_short)?.1;
            }
            digits += line.split(':').next().unwrap_or_default();
            exchanges.push(Exchange { command, response: response(number, &digits)? });
        }
    }
    Ok(exchanges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_answers_are_put_together_and_resets_passed_over() {
        let log = "\
Using T=1 protocol
> RESET
< OK: 3B 80 80 01 01 
00 A4 04 00 02 AA BB
> 00 A4 04 00 02 AA BB
< 6F 12 84 10 01 02 03 04 05 06 07 08 09 0A 0B 0C 
0D 0E 0F 10 90 00 : Normal processing.
> 00 B2 01 0C 00
< 6A 83 : Wrong parameter(s) P1-P2. Record not found.
";
        let exchanges = read(log).unwrap();
        assert_eq!(exchanges.len(), 2);
        assert_eq!(exchanges[0].response.as_ref().unwrap().len(), 22);
        assert!(exchanges[1].response == Some(vec![0x6A, 0x83]));
    }

    #[test]
    fn an_answer_that_is_cut_short_is_told_with_its_line() {
        let error = read("> 00 A4 04 00 00\n< 6F 12 84 10\n").err().unwrap();
        assert_eq!(error.to_string(), "line 2: the answer is cut short");
    }
}
