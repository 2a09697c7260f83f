//! Commands as a card reads them, and the status words it answers with (ISO/IEC 7816-4, 5).

/// A command of the short form.
#[derive(Clone, Copy)]
pub(super) struct Command<'a> {
    pub(super) cla: u8,
    pub(super) ins: u8,
    pub(super) p1: u8,
    pub(super) p2: u8,
    /// The data field; empty where the command has none.
    pub(super) data: &'a [u8],
}

impl<'a> Command<'a> {
    /// Reads the four cases: header alone, with Le, with data, with data and Le.
    ///
    /// # Errors
    /// [`Status::WRONG_LENGTH`] where the bytes are no command of the short form.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Status> {
        let (&[cla, ins, p1, p2], body) = bytes.split_first_chunk().ok_or(Status::WRONG_LENGTH)?;
        let data = match body {
            [] | [_] => &[],
            [0, ..] => return Err(Status::WRONG_LENGTH),
            [length, rest @ ..] => {
                let (data, le) = rest.split_at_checked(usize::from(*length)).ok_or(Status::WRONG_LENGTH)?;
                if le.len() > 1 {
                    return Err(Status::WRONG_LENGTH);
                }
                data
            }
        };
        Ok(Command { cla, ins, p1, p2, data })
    }
}

/// Why a card does not carry a command out: SW1 SW2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status(pub(super) [u8; 2]);

impl Status {
    pub(super) const SUCCESS: Self = Status([0x90, 0x00]);
    pub(super) const SELECTED_FILE_INVALIDATED: Self = Status([0x62, 0x83]);
    pub(super) const AUTHENTICATION_FAILED: Self = Status([0x63, 0x00]);
    pub(super) const WRONG_LENGTH: Self = Status([0x67, 0x00]);
    pub(super) const CONDITIONS_NOT_SATISFIED: Self = Status([0x69, 0x85]);
    pub(super) const SECURE_MESSAGING_MISSING: Self = Status([0x69, 0x87]);
    pub(super) const SECURE_MESSAGING_INCORRECT: Self = Status([0x69, 0x88]);
    pub(super) const INCORRECT_DATA: Self = Status([0x6A, 0x80]);
    pub(super) const FILE_NOT_FOUND: Self = Status([0x6A, 0x82]);
    pub(super) const RECORD_NOT_FOUND: Self = Status([0x6A, 0x83]);
    pub(super) const INCORRECT_P1_P2: Self = Status([0x6A, 0x86]);
    pub(super) const REFERENCED_DATA_NOT_FOUND: Self = Status([0x6A, 0x88]);
    pub(super) const INSTRUCTION_NOT_SUPPORTED: Self = Status([0x6D, 0x00]);
    pub(super) const CLASS_NOT_SUPPORTED: Self = Status([0x6E, 0x00]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_cases_are_read_and_others_refused() {
        let data = |bytes: &[u8]| Command::parse(bytes).map(|command| command.data.to_vec());
        assert_eq!(data(&[0x00, 0xB2, 0x01, 0x14]), Ok(vec![]));
        assert_eq!(data(&[0x00, 0xB2, 0x01, 0x14, 0x00]), Ok(vec![]));
        assert_eq!(data(&[0x00, 0xA4, 0x04, 0x00, 0x02, 0xA0, 0x01]), Ok(vec![0xA0, 0x01]));
        assert_eq!(data(&[0x00, 0xA4, 0x04, 0x00, 0x02, 0xA0, 0x01, 0x00]), Ok(vec![0xA0, 0x01]));
        for wrong in [
            &[][..],
            &[0x00, 0xA4, 0x04],
            &[0x00, 0xA4, 0x04, 0x00, 0x02, 0xA0],
            &[0x00, 0xA4, 0x04, 0x00, 0x01, 0xA0, 0x00, 0x00],
            &[0x00, 0xA4, 0x04, 0x00, 0x00, 0x00, 0x01, 0xA0],
        ] {
            assert_eq!(data(wrong), Err(Status::WRONG_LENGTH), "{wrong:02X?}");
        }
    }
}
