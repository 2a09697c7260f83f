//! TDES DUKPT (ANSI X9.24-1:2009; since then X9.24-3:2017, Annex C).

use zeroize::Zeroizing;

use super::KeyUsage;
use super::registers::Derivation;
use crate::keys::block_cipher::{BlockCipher, TdesKey, xor};

/// The derivation of one terminal's keys.
#[derive(Clone, Copy)]
pub(super) struct TdesDukpt {
    /// Initial key serial number: 10 bytes, the last 21 bits of them 0.
    pub(super) initial_serial_number: [u8; 10],
}

/// What tells the two halves of a derived key apart (A.2).
const HALF: [u8; 16] = [0xC0, 0xC0, 0xC0, 0xC0, 0, 0, 0, 0, 0xC0, 0xC0, 0xC0, 0xC0, 0, 0, 0, 0];

impl Derivation for TdesDukpt {
    type Key = TdesKey;
    const COUNTER_BITS: u32 = 21;
    const ONES_MAX: u32 = 10;

    /// The Non-reversible Key Generation Process (A.2).
    fn derive(&self, key: &TdesKey, counter: u32) -> TdesKey {
        let serial_number = self.serial_number(counter);
        let block = std::array::from_fn(|i| serial_number[2 + i]);
        let half = |mask| {
            let (left, right) = halves(&masked(key, mask));
            let left = TdesKey::new(&*left).expect("a half of the key is a DES key");
            Zeroizing::new(xor(left.encrypt(xor(block, *right)), *right))
        };
        whole(&half(HALF), &half([0; 16]))
    }
}

impl TdesDukpt {
    /// A working key, from the key of its transaction (A.4.1): a variant, and for data also encrypted under itself.
    pub(super) fn working_key(&self, key: &TdesKey, usage: KeyUsage) -> TdesKey {
        let (byte, is_for_data) = match usage {
            KeyUsage::PinEncryption => (7, false),
            KeyUsage::MacGeneration | KeyUsage::MacBothWays => (6, false),
            KeyUsage::MacVerification => (4, false),
            KeyUsage::DataEncryption | KeyUsage::DataBothWays => (5, true),
            KeyUsage::DataDecryption => (3, true),
        };
        let variant = masked(key, std::array::from_fn(|i| if i % 8 == byte { 0xFF } else { 0 }));
        let variant_key = TdesKey::new(&*variant).expect("it is as long as the other key");
        if is_for_data {
            let (left, right) = halves(&variant);
            let encrypted = |half: &[u8; 8]| Zeroizing::new(variant_key.encrypt(*half));
            whole(&encrypted(&left), &encrypted(&right))
        } else {
            variant_key
        }
    }

    /// Key serial number: 10 bytes, the counter in the last 21 bits.
    pub(super) fn serial_number(&self, counter: u32) -> [u8; 10] {
        let mut number = self.initial_serial_number;
        for (byte, counted) in number[6..].iter_mut().zip(counter.to_be_bytes()) {
            *byte |= counted;
        }
        number
    }
}

fn masked(key: &TdesKey, mask: [u8; 16]) -> Zeroizing<[u8; 16]> {
    Zeroizing::new(std::array::from_fn(|i| key.as_bytes()[i] ^ mask[i]))
}

fn halves(key: &[u8; 16]) -> (Zeroizing<[u8; 8]>, Zeroizing<[u8; 8]>) {
    (Zeroizing::new(std::array::from_fn(|i| key[i])), Zeroizing::new(std::array::from_fn(|i| key[8 + i])))
}

fn whole(left: &[u8; 8], right: &[u8; 8]) -> TdesKey {
    let bytes = Zeroizing::new([*left, *right]);
    TdesKey::new(bytes.as_flattened()).expect("two halves are a key")
}

#[cfg(test)]
mod tests {
    use super::super::registers::Registers;
    use super::*;
    use crate::terminal::Hex;

    const DUKPT: TdesDukpt =
        TdesDukpt { initial_serial_number: [0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0x00, 0x00] };

    fn initial_key() -> TdesKey {
        TdesKey::new(&"6AC292FAA1315B4D858AB3A3D7D5933A".parse::<Hex>().unwrap().0).unwrap()
    }

    fn hex(bytes: &[u8]) -> String {
        Hex(bytes.to_vec()).to_string()
    }

    // The values: ANSI X9.24-1:2009, A.4.2 and A.4.3; openemv/dukpt, test/dukpt_tdes_test.c. Those of MACs, data and PIN
    // blocks are with the terminal's keys.

    #[test]
    fn the_first_keys_are_those_published() {
        let mut registers = Registers::after(DUKPT, &initial_key(), 0);
        for (serial_number, expected) in [
            ("FFFF9876543210E00001", "042666B49184CFA368DE9628D0397BC9"),
            ("FFFF9876543210E00002", "C46551CEF9FD24B0AA9AD834130D3BC7"),
            ("FFFF9876543210E00003", "0DF3D9422ACA56E547676D07AD6BADFA"),
            ("FFFF9876543210E00004", "279C0F6AEED0BE652B2C733E1383AE91"),
            ("FFFF9876543210E00005", "5F8DC6D2C845C125508DDC048093B83F"),
            ("FFFF9876543210E00006", "5E415CB0BAF9F03CD0C14B63FB62FF43"),
            ("FFFF9876543210E00007", "0C8F780B7C8B49D0AE84A9EB2A6CE660"),
        ] {
            let (counter, key) = registers.take().unwrap();
            assert_eq!(
                (hex(&DUKPT.serial_number(counter)).as_str(), hex(key.as_bytes()).as_str()),
                (serial_number, expected)
            );
        }
    }

    #[test]
    fn counters_of_more_than_ten_bits_are_passed_over() {
        let mut registers = Registers::after(DUKPT, &initial_key(), 0xF_F7FF);
        for (serial_number, expected) in [
            ("FFFF9876543210EFF800", "F9CDFEBF4F5B1D9EB3EC12454527E176"),
            ("FFFF9876543210EFF801", "5BEE92627E97825C911BF619DF72CA3B"),
            ("FFFF9876543210EFF802", "64CA2F8AB93F61B01620B00BF77C7301"),
            ("FFFF9876543210EFF804", "35A168695B3BA83307E871C42021DD37"),
            ("FFFF9876543210EFF808", "12C380FCB72ED3C26FC6079AF63F4787"),
            ("FFFF9876543210EFF810", "D8007C833A1E3C49C6889B97A68C54FF"),
            ("FFFF9876543210EFF820", "A9C9FF9B735FDD49591F296B0BF0FD70"),
            ("FFFF9876543210EFF840", "0E3E221062CB5E03A384602783A004FA"),
            ("FFFF9876543210EFF880", "CA8225C587124DFBB87F279C0BE29727"),
            ("FFFF9876543210EFF900", "906AAC1751D4971A144D52C76C6E1F97"),
            ("FFFF9876543210EFFA00", "2B9E2CE7C2750337E10B54D2989EA6AF"),
            ("FFFF9876543210EFFC00", "F9430DF975082491C77BE4EF4FDB91EE"),
            ("FFFF9876543210F00000", "AA4D58DB653EC74A48C75F2F047DD2B5"),
        ] {
            let (counter, key) = registers.take().unwrap();
            assert_eq!(
                (hex(&DUKPT.serial_number(counter)).as_str(), hex(key.as_bytes()).as_str()),
                (serial_number, expected)
            );
        }
    }
}
