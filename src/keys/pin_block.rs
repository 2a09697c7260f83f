//! PIN blocks as a PIN-entry device gives them: sealed under a key that only it and the host have (ISO 9564-1:2017).

use std::fmt;

use zeroize::Zeroizing;

use super::dukpt::KeySerialNumber;

/// How a PIN block is made (ISO 9564-1:2017, 9.3 and 9.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PinBlockFormat {
    /// Format 0: 8 bytes under triple DES.
    Format0,
    /// Format 4: 16 bytes under AES.
    Format4,
}

/// An enciphered PIN block. Nothing here can open it; it is wiped when dropped and never printed.
#[derive(Clone)]
pub struct PinBlock {
    format: PinBlockFormat,
    block: Zeroizing<Vec<u8>>,
    serial_number: Option<KeySerialNumber>,
}

/// What is no PIN block of this format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinBlockError {
    /// It has another length.
    #[error("a PIN block of {format:?} has {} bytes, not {length}", format.length())]
    Length {
        /// What it should be.
        format: PinBlockFormat,
        /// How many bytes it has.
        length: usize,
    },
    /// Its key is one of triple DES, and format 4 is for AES.
    #[error("a PIN block of format 4 under a key of TDES DUKPT, whose block is too short for it")]
    Key,
}

impl PinBlockFormat {
    /// How many bytes a block has.
    pub fn length(self) -> usize {
        match self {
            PinBlockFormat::Format0 => 8,
            PinBlockFormat::Format4 => 16,
        }
    }
}

impl PinBlock {
    /// What a PIN-entry device gave: a block, and the serial number of its key where that is one of DUKPT.
    ///
    /// # Errors
    /// If it can't be a block of this format.
    pub fn new(
        format: PinBlockFormat,
        block: &[u8],
        serial_number: Option<KeySerialNumber>,
    ) -> Result<Self, PinBlockError> {
        if block.len() != format.length() {
            return Err(PinBlockError::Length { format, length: block.len() });
        }
        if format == PinBlockFormat::Format4 && serial_number.as_ref().is_some_and(KeySerialNumber::is_of_tdes) {
            return Err(PinBlockError::Key);
        }
        Ok(PinBlock { format, block: Zeroizing::new(block.to_vec()), serial_number })
    }

    /// Its format.
    pub fn format(&self) -> PinBlockFormat {
        self.format
    }

    /// The enciphered bytes (ISO 8583:1987, data element 52).
    pub fn as_bytes(&self) -> &[u8] {
        &self.block
    }

    /// By which the host finds the key, where it is one of DUKPT.
    pub fn serial_number(&self) -> Option<&KeySerialNumber> {
        self.serial_number.as_ref()
    }
}

impl fmt::Debug for PinBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinBlock({:?}, ..)", self.format)
    }
}

#[cfg(test)]
mod tests {
    use tender_sim::crypto::{BaseDerivationKey, Pin, Usage};

    use super::*;
    use crate::terminal::Hex;

    fn bytes(hex: &str) -> Vec<u8> {
        hex.parse::<Hex>().unwrap().0
    }

    fn serial_number(hex: &str) -> KeySerialNumber {
        KeySerialNumber::try_from(&bytes(hex)[..]).unwrap()
    }

    #[test]
    fn the_host_opens_a_block_by_what_it_carries() {
        // ANSI X9.24-3:2017, supplement; openemv/dukpt, test/dukpt_aes128_test.c.
        let block = bytes("A912150391AB65A67E52883D81CE2D15");
        let number = serial_number("123456789012345600000001");
        let block = PinBlock::new(PinBlockFormat::Format4, &block, Some(number)).unwrap();
        let base = bytes("FEDCBA9876543210F1F1F1F1F1F1F1F1").try_into().unwrap();
        let base = BaseDerivationKey::Aes(Zeroizing::new(base));
        let key = base.key(block.serial_number().unwrap().as_bytes(), Usage::PinBlock).unwrap();
        let pan = emv::fields::Pan::from_digits("4111111111111111").unwrap();
        assert!(Pin::from_format_4(&key, block.as_bytes().try_into().unwrap(), &pan).unwrap().is("1234"));
    }

    #[test]
    fn what_can_not_be_a_block_of_its_format_is_refused() {
        use PinBlockFormat::{Format0, Format4};
        let new = |format, length, number: Option<&str>| {
            PinBlock::new(format, &vec![7; length], number.map(serial_number)).map(|block| block.format())
        };
        assert_eq!(new(Format0, 8, Some("FFFF9876543210E00001")), Ok(Format0));
        assert_eq!(new(Format4, 16, None), Ok(Format4));
        assert_eq!(new(Format0, 16, None), Err(PinBlockError::Length { format: Format0, length: 16 }));
        assert_eq!(new(Format4, 8, None), Err(PinBlockError::Length { format: Format4, length: 8 }));
        assert_eq!(new(Format4, 16, Some("FFFF9876543210E00001")), Err(PinBlockError::Key));
    }

    #[test]
    fn a_block_is_not_printed() {
        let block = PinBlock::new(PinBlockFormat::Format0, &[0x12; 8], None).unwrap();
        assert_eq!(format!("{block:?}"), "PinBlock(Format0, ..)");
    }
}
