//! Response APDUs.

use core::fmt;

/// The two bytes with which a response ends (ISO/IEC 7816-4, 5.6).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusWord(pub u16);

impl StatusWord {
    /// The command was carried out.
    pub const SUCCESS: Self = StatusWord(0x9000);
    /// The file or application is deactivated.
    pub const FILE_DEACTIVATED: Self = StatusWord(0x6283);
    /// The conditions of use are not satisfied.
    pub const CONDITIONS_NOT_SATISFIED: Self = StatusWord(0x6985);
    /// The referenced data can't be used: in answer to GET PROCESSING OPTIONS the card wants another
    /// interface (Book C-3, 5.2).
    pub const REFERENCE_DATA_NOT_USABLE: Self = StatusWord(0x6984);
    /// The command is not allowed: in answer to GET PROCESSING OPTIONS a phone wants its holder to
    /// act first (Book C-3, 5.2).
    pub const COMMAND_NOT_ALLOWED: Self = StatusWord(0x6986);
    /// There is no such file or application.
    pub const FILE_NOT_FOUND: Self = StatusWord(0x6A82);
    /// There is no such record.
    pub const RECORD_NOT_FOUND: Self = StatusWord(0x6A83);

    /// Whether the command was carried out.
    pub fn is_success(self) -> bool {
        self == Self::SUCCESS
    }

    /// Whether the command was carried out, and the card adds a warning: `62xx` or `63xx`
    /// (EMV Book 3, 6.3.5).
    pub fn is_warning(self) -> bool {
        matches!(self.to_bytes(), [0x62 | 0x63, _])
    }

    /// The two bytes, SW1 and SW2.
    pub fn to_bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

impl fmt::Debug for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A response: data, and how the command ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Response<'a> {
    /// What precedes the status word; may be empty.
    pub data: &'a [u8],
    /// How the command ended.
    pub status: StatusWord,
}

/// A response of fewer than two bytes has no status word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a response of {0} bytes has no status word")]
pub struct TooShort(pub usize);

impl<'a> Response<'a> {
    /// Takes a response apart.
    ///
    /// # Errors
    /// [`TooShort`] where there is no status word.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, TooShort> {
        let (data, status) = bytes.split_last_chunk().ok_or(TooShort(bytes.len()))?;
        Ok(Response { data, status: StatusWord(u16::from_be_bytes(*status)) })
    }
}

impl fmt::Debug for Response<'_> {
    /// The length of the data, which may hold what must not be logged, and the status word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.data.len(), self.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_two_bytes_are_the_status() {
        let response = Response::parse(&[0x6F, 0x00, 0x90, 0x00]).unwrap();
        assert_eq!(response.data, [0x6F, 0x00]);
        assert!(response.status.is_success());
        assert_eq!(Response::parse(&[0x90]), Err(TooShort(1)));
    }

    #[test]
    fn a_warning_is_neither_success_nor_refusal() {
        for (status, is_warning) in [(0x6200, true), (0x63C2, true), (0x6100, false), (0x6400, false), (0x9000, false)]
        {
            assert_eq!(StatusWord(status).is_warning(), is_warning, "{status:04X}");
        }
    }
}
