//! Opening the PIN blocks that a PIN-entry device sealed (ISO 9564-1:2017, 9.3 and 9.4).

use aes::Aes128;
use cipher::{Array, BlockCipherDecrypt, KeyInit};
use emv::fields::Pan;
use zeroize::Zeroizing;

use super::Key;

/// A PIN: 4 to 12 digits. It is wiped when dropped and never printed.
#[derive(PartialEq, Eq)]
pub struct Pin(Zeroizing<Vec<u8>>);

impl Pin {
    /// Whether it has these digits.
    pub fn is(&self, digits: &str) -> bool {
        self.0.iter().map(|digit| b'0' + digit).eq(digits.bytes())
    }

    /// Opens a block of format 0, encrypted under triple DES, of the card with this number; nothing where it is none: the
    /// wrong key, the wrong card, or a block that was changed.
    pub fn from_format_0(key: &Key, block: [u8; 8], pan: &Pan) -> Option<Pin> {
        // The twelve digits before the check digit, on the right.
        let digits = pan.digits().as_bytes();
        let known = digits[..digits.len() - 1].iter().rev().take(12).rev().map(|digit| digit - b'0');
        let mut field = vec![0; 16 - known.len()];
        field.extend(known);
        let block = Zeroizing::new(key.decrypt(block));
        let nibbles = Zeroizing::new(nibbles(&*block).zip(field).map(|(a, b)| a ^ b).collect::<Vec<u8>>());
        pin(&nibbles, 0, 0xF)
    }

    /// Opens a block of format 4, encrypted under AES-128, of the card with this number; nothing where it is none.
    pub fn from_format_4(key: &[u8; 16], block: [u8; 16], pan: &Pan) -> Option<Pin> {
        let decrypt = |block: [u8; 16]| {
            let mut block = Array(block);
            Aes128::new(&Array(*key)).decrypt_block(&mut block);
            Zeroizing::new(block.0)
        };
        // How many digits there are more than twelve, and at least twelve digits.
        let digits = pan.digits();
        let mut field = format!("{}{digits:0>12}", digits.len().saturating_sub(12)).into_bytes();
        field.resize(32, b'0');
        let mut block = decrypt(block);
        for (byte, pair) in block.iter_mut().zip(field.chunks(2)) {
            *byte ^= (pair[0] - b'0') << 4 | (pair[1] - b'0');
        }
        let nibbles = Zeroizing::new(nibbles(&*decrypt(*block)).take(16).collect::<Vec<u8>>());
        pin(&nibbles, 4, 0xA)
    }
}

impl core::fmt::Debug for Pin {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Pin(..)")
    }
}

fn nibbles(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xF])
}

/// The PIN in a field of format, length, digits and filling.
fn pin(nibbles: &[u8], format: u8, filling: u8) -> Option<Pin> {
    let (&[found, length], rest) = nibbles.split_first_chunk::<2>()?;
    let (digits, filled) = rest.split_at_checked(length.into())?;
    let is_whole = found == format
        && (4..=12).contains(&length)
        && digits.iter().all(|digit| *digit <= 9)
        && filled.iter().all(|nibble| *nibble == filling);
    is_whole.then(|| Pin(Zeroizing::new(digits.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::super::dukpt::{BaseDerivationKey, Usage};
    use super::*;
    use crate::hex;

    fn bytes<const N: usize>(digits: &str) -> [u8; N] {
        hex::decode(digits).unwrap().try_into().unwrap()
    }

    fn pan(digits: &str) -> Pan {
        Pan::from_digits(digits).unwrap()
    }

    #[test]
    fn a_block_of_format_0_opens_for_its_card_alone() {
        // ANSI X9.24-1:2009, A.4; openemv/pinblock, test/pinblock_format0_test.c.
        let base = BaseDerivationKey::Tdes(Zeroizing::new(bytes("0123456789ABCDEFFEDCBA9876543210")));
        for (serial_number, block) in [
            ("FFFF9876543210E00001", "1B9C1845EB993A7A"),
            ("FFFF9876543210E00007", "27711C16CB257F8E"),
            ("FFFF9876543210F00000", "73EC88AD0AC5830E"),
        ] {
            let key = base.key(&hex::decode(serial_number).unwrap(), Usage::PinBlock).unwrap();
            let key = Key::from_bytes(*key);
            let pin = Pin::from_format_0(&key, bytes(block), &pan("4012345678909")).unwrap();
            assert!(pin.is("1234") && !pin.is("1235") && !pin.is("12345"));
            assert!(Pin::from_format_0(&key, bytes(block), &pan("4111111111111111")).is_none());
        }
    }

    #[test]
    fn a_block_of_format_4_opens_for_its_card_alone() {
        // ANSI X9.24-3:2017, supplement; openemv/dukpt, test/dukpt_aes128_test.c.
        let base = BaseDerivationKey::Aes(Zeroizing::new(bytes("FEDCBA9876543210F1F1F1F1F1F1F1F1")));
        for (serial_number, block) in [
            ("123456789012345600000001", "A912150391AB65A67E52883D81CE2D15"),
            ("123456789012345600000002", "52A00503BD34BA1383F6A7EE9FE2547F"),
            ("123456789012345600000008", "8308BB857C17F390369F761F8EB358FA"),
        ] {
            let key = base.key(&hex::decode(serial_number).unwrap(), Usage::PinBlock).unwrap();
            let pin = Pin::from_format_4(&key, bytes(block), &pan("4111111111111111")).unwrap();
            assert!(pin.is("1234"));
            assert!(Pin::from_format_4(&key, bytes(block), &pan("4761739001010119")).is_none());
        }
    }

    #[test]
    fn a_field_that_holds_no_pin_is_refused() {
        let field = |digits: &str| pin(&nibbles(&hex::decode(digits).unwrap()).collect::<Vec<_>>(), 0, 0xF);
        assert!(field("041234FFFFFFFFFF").is_some_and(|pin| pin.is("1234")));
        assert!(field("0C123456789012FF").is_some_and(|pin| pin.is("123456789012")));
        for wrong in
            ["141234FFFFFFFFFF", "03123FFFFFFFFFFF", "0D1234567890123F", "04123AFFFFFFFFFF", "041234FFFFFFFFF0"]
        {
            assert!(field(wrong).is_none(), "{wrong}");
        }
        assert_eq!(format!("{:?}", field("041234FFFFFFFFFF")), "Some(Pin(..))");
    }
}
