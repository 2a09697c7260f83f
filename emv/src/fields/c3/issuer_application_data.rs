//! Issuer Application Data.

use super::super::{CryptogramType, Error};

/// Issuer Application Data of a Kernel 3 card, 5 to 32 bytes. The kernel reads two bits of it: which
/// cryptogram came back, where Cryptogram Information Data are absent (Book C-3, 5.4.3.1 and A.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IssuerApplicationData<'a>(&'a [u8]);

impl<'a> IssuerApplicationData<'a> {
    /// The value of these bytes.
    ///
    /// # Errors
    /// If it has fewer than 5 bytes or more than 32.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, Error> {
        if (5..=32).contains(&bytes.len()) {
            Ok(IssuerApplicationData(bytes))
        } else {
            Err(Error::IssuerApplicationDataLength(bytes.len()))
        }
    }

    /// The cryptogram in the answer to GET PROCESSING OPTIONS: bits 6 and 5 of byte 5.
    pub const fn cryptogram_type(self) -> CryptogramType {
        CryptogramType::of(self.0[4] << 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cryptogram_is_told_by_bits_6_and_5_of_byte_5() {
        let read = |byte| {
            IssuerApplicationData::from_bytes(&[0x06, 0x01, 0x11, 0x03, byte, 0, 0]).map(|d| d.cryptogram_type())
        };
        assert_eq!(read(0xA0), Ok(CryptogramType::Arqc));
        assert_eq!(read(0x90), Ok(CryptogramType::Tc));
        assert_eq!(read(0x80), Ok(CryptogramType::Aac));
        assert_eq!(IssuerApplicationData::from_bytes(&[0; 4]), Err(Error::IssuerApplicationDataLength(4)));
    }
}
