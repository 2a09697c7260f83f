//! What `pcsc-spy` prints of SCardTransmit: the buffers as hex dumps of sixteen bytes a line, ` i  0000 00 A4 ...` for
//! what goes in, ` o  0000 6F ...` for what comes out, each line with its characters at the end; then ` => ` and the
//! return value.

use super::{Exchange, bytes, plain};
use crate::trace::FileError;

/// In which buffer the lines are that are being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Buffer {
    Sent,
    Received,
    Other,
}

pub(super) fn read(text: &str) -> Result<Vec<Exchange>, FileError> {
    let mut exchanges = Vec::new();
    let mut call: Option<(Vec<u8>, Vec<u8>)> = None;
    let mut buffer = Buffer::Other;
    for (number, line) in (1..).zip(text.lines()) {
        let line = plain(line);
        let line = line.trim();
        if line.starts_with("SCar") {
            call = (line == "SCardTransmit").then(Default::default);
            buffer = Buffer::Other;
            continue;
        }
        let Some((sent, received)) = &mut call else { continue };
        if line.starts_with("=>") {
            let command = std::mem::take(sent);
            let answered = line.contains("0x00000000") && received.len() >= 2;
            let response = answered.then(|| std::mem::take(received));
            if command.is_empty() {
                return Err(FileError::new(number, "SCardTransmit without bSendBuffer"));
            }
            exchanges.push(Exchange { command, response });
            call = None;
            continue;
        }
        let Some(field) = line.strip_prefix("i ").or_else(|| line.strip_prefix("o ")) else { continue };
        match (field.trim_end(), dump(field)) {
            ("bSendBuffer", _) => buffer = Buffer::Sent,
            ("bRecvBuffer", _) => buffer = Buffer::Received,
            (_, Some(digits)) if buffer == Buffer::Sent => sent.extend(bytes(number, digits)?),
            (_, Some(digits)) if buffer == Buffer::Received => received.extend(bytes(number, digits)?),
            (_, Some(_)) => {}
            (_, None) => buffer = Buffer::Other,
        }
    }
    Ok(exchanges)
}

/// The digits of a line of a hex dump: an offset of four digits, and sixteen bytes in 47 columns.
fn dump(field: &str) -> Option<&str> {
    let (offset, rest) = field.strip_prefix(' ')?.split_at_checked(4)?;
    let digits = rest.strip_prefix(' ')?;
    let is_offset = offset.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_offset.then(|| digits.get(..47).unwrap_or(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
SCardConnect
 i hContext: 0x11223344
 => Command successful. (SCARD_S_SUCCESS [0x00000000])  [0.012]
SCardTransmit
 i hCard: 0x01020304
 i bSendLength: 0x00000014
 i bSendBuffer
 i  0000 00 A4 04 00 0E 32 50 41 59 2E 53 59 53 2E 44 44 .....2PAY.SYS.DD
 i  0010 46 30 31 00                                     F01.
 o bRecvLength: 0x00000004
 o bRecvBuffer
 o  0000 6F 00 90 00                                     o...
 => Command successful. (SCARD_S_SUCCESS [0x00000000])  [0.004182]
\x1b[34mSCardTransmit\x1b[0m
\x1b[32m i bSendBuffer\x1b[0m
\x1b[32m i  0000 00 B2 01 0C 00                                  .....\x1b[0m
\x1b[35m o bRecvBuffer\x1b[0m
\x1b[01;31m => Transaction failed. (SCARD_E_NOT_TRANSACTED [0x80100016])\x1b[0m [0.2]
SCardDisconnect
";

    #[test]
    fn buffers_of_several_lines_and_failed_calls_are_read() {
        let exchanges = read(LOG).unwrap();
        assert_eq!(exchanges.len(), 2);
        assert_eq!(exchanges[0].command.len(), 20);
        assert!(exchanges[0].response == Some(vec![0x6F, 0x00, 0x90, 0x00]));
        assert!(exchanges[1].command == [0x00, 0xB2, 0x01, 0x0C, 0x00]);
        assert!(exchanges[1].response.is_none());
    }
}
