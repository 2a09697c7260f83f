//! AES DUKPT (ANSI X9.24-3:2017).

use zeroize::Zeroizing;

use super::registers::Derivation;
use super::{KeyUsage, WorkingKeyType};
use crate::keys::block_cipher::{AesKey, BlockCipher};

/// The usage of keys from which further ones are derived (ANSI X9.24-3:2017, 6.3.2).
const KEY_DERIVATION: u16 = 0x8000;

/// The derivation of one terminal's keys.
#[derive(Clone, Copy)]
pub(super) struct AesDukpt {
    /// Initial Key ID: BDK ID and derivation ID, 4 bytes each.
    pub(super) initial_key_id: [u8; 8],
}

impl Derivation for AesDukpt {
    type Key = AesKey;
    const COUNTER_BITS: u32 = 32;
    const ONES_MAX: u32 = 16;

    fn derive(&self, key: &AesKey, counter: u32) -> AesKey {
        AesKey::new(&derived(key, KEY_DERIVATION, key_type(key), self.context(counter)))
            .expect("it is as long as the other")
    }
}

impl AesDukpt {
    /// A working key, from the key of its transaction; nothing where that is weaker than a key of this type (6.1.3).
    pub(super) fn working_key(
        &self,
        key: &AesKey,
        counter: u32,
        usage: KeyUsage,
        key_type: WorkingKeyType,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let is_aes = !matches!(key_type, WorkingKeyType::TwoKeyTdes | WorkingKeyType::ThreeKeyTdes);
        let too_strong = is_aes && key_type.length() > key.as_bytes().len();
        (!too_strong).then(|| derived(key, code(usage), key_type, self.context(counter)))
    }

    /// Key serial number: Initial Key ID and counter, 12 bytes.
    pub(super) fn serial_number(&self, counter: u32) -> Vec<u8> {
        [&self.initial_key_id[..], &counter.to_be_bytes()].concat()
    }

    /// What a key is derived for: derivation ID and counter.
    fn context(&self, counter: u32) -> [u8; 8] {
        let [_, _, _, _, a, b, c, d] = self.initial_key_id;
        let [e, f, g, h] = counter.to_be_bytes();
        [a, b, c, d, e, f, g, h]
    }
}

/// The type of an AES key of this one's length.
pub(super) fn key_type(key: &AesKey) -> WorkingKeyType {
    match key.as_bytes().len() {
        16 => WorkingKeyType::Aes128,
        24 => WorkingKeyType::Aes192,
        _ => WorkingKeyType::Aes256,
    }
}

/// The key usage indicator of a working key (6.3.2).
fn code(usage: KeyUsage) -> u16 {
    match usage {
        KeyUsage::PinEncryption => 0x1000,
        KeyUsage::MacGeneration => 0x2000,
        KeyUsage::MacVerification => 0x2001,
        KeyUsage::MacBothWays => 0x2002,
        KeyUsage::DataEncryption => 0x3000,
        KeyUsage::DataDecryption => 0x3001,
        KeyUsage::DataBothWays => 0x3002,
    }
}

/// The algorithm indicator (6.3.2).
fn algorithm(key_type: WorkingKeyType) -> u16 {
    match key_type {
        WorkingKeyType::TwoKeyTdes => 0,
        WorkingKeyType::ThreeKeyTdes => 1,
        WorkingKeyType::Aes128 => 2,
        WorkingKeyType::Aes192 => 3,
        WorkingKeyType::Aes256 => 4,
    }
}

/// Encrypts the derivation data, once for each 16 bytes that are needed (6.3.1 and 6.3.3).
fn derived(key: &AesKey, usage: u16, key_type: WorkingKeyType, context: [u8; 8]) -> Zeroizing<Vec<u8>> {
    let length = key_type.length();
    let mut data = [0; 16];
    data[0] = 1; // version
    data[2..4].copy_from_slice(&usage.to_be_bytes());
    data[4..6].copy_from_slice(&algorithm(key_type).to_be_bytes());
    data[6..8].copy_from_slice(&(8 * length as u16).to_be_bytes());
    data[8..].copy_from_slice(&context);
    let mut bytes = Zeroizing::new(Vec::with_capacity(32));
    while bytes.len() < length {
        data[1] += 1; // which block
        bytes.extend_from_slice(&Zeroizing::new(key.encrypt(data))[..]);
    }
    bytes.truncate(length);
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::registers::Registers;
    use super::*;
    use crate::terminal::Hex;

    const DUKPT: AesDukpt = AesDukpt { initial_key_id: [0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56] };
    const AES_128: &str = "1273671EA26AC29AFA4D1084127652A1";
    const AES_256: &str = "CE9CE0C101D1138F97FB6CAD4DF045A7083D4EAE2D35A31789D01CCF0949550F";

    fn key(hex: &str) -> AesKey {
        AesKey::new(&hex.parse::<Hex>().unwrap().0).unwrap()
    }

    fn hex(bytes: &[u8]) -> String {
        Hex(bytes.to_vec()).to_string()
    }

    // All values: ANSI X9.24-3:2017, supplement with test vectors; openemv/dukpt, test/dukpt_aes128_test.c and
    // test/dukpt_aes256_test.c.

    #[test]
    fn the_first_and_the_last_keys_are_those_published() {
        for (last, expected) in [
            (
                0,
                &[
                    (0x0000_0001, "4F21B565BAD9835E112B6465635EAE44"),
                    (0x0000_0002, "2F34D68DE10F68D38091A73B9E7C437C"),
                    (0x0000_0003, "031504E530365CF81264238540518318"),
                    (0x0000_0004, "0EEFC7ADA628BA68878DA9165A8A1887"),
                    (0x0000_0005, "C2A7AC328A5DA2D6002D62465BFC028B"),
                    (0x0000_0006, "D30F7D9351DA58448A2F5E92B4EE3B7D"),
                    (0x0000_0007, "A8253CEED9AC042C54F75D35C8352278"),
                    (0x0000_0008, "718EE6CF0B27E53D5F7AF99C4D8146A2"),
                ][..],
            ),
            (
                0x0001_FFFD,
                &[
                    (0x0001_FFFE, "E21E8C8D347F8561A2BE752DAA85A111"),
                    (0x0002_0000, "F7AE9025468A25D37B7249CFFED224C8"),
                    (0x0002_0001, "692C8EA4013645135B36497131DF9D2C"),
                ],
            ),
            (
                0xFFFE_1FFF,
                &[
                    (0xFFFE_2000, "48E585B694EB0B18D5C35443E163C0BA"),
                    (0xFFFE_4000, "396C2C7CA1EA701C03B86B7D41F0C562"),
                    (0xFFFE_8000, "0387625F189B58AE03EF0E8CCA41105E"),
                    (0xFFFF_0000, "F6BA59389BD14A9855BE9727E7C52E3C"),
                ],
            ),
        ] {
            let mut registers = Registers::after(DUKPT, &key(AES_128), last);
            for (counter, expected) in expected {
                let (taken, key) = registers.take().unwrap();
                assert_eq!((taken, hex(key.as_bytes()).as_str()), (*counter, *expected));
            }
            assert_eq!(registers.take().is_none(), last > 0xFFFE_0000, "the last is followed by none");
        }
    }

    #[test]
    fn working_keys_are_those_published() {
        let working = |initial: &str, counter: u32, usage, key_type| {
            let (_, key) = Registers::after(DUKPT, &key(initial), counter - 1).take().unwrap();
            hex(&DUKPT.working_key(&key, counter, usage, key_type).unwrap())
        };
        use KeyUsage::{DataEncryption, MacGeneration, PinEncryption};
        use WorkingKeyType::{Aes128, Aes256};
        for (initial, counter, usage, key_type, expected) in [
            (AES_128, 1, PinEncryption, Aes128, "AF8CB133A78F8DC2D1359F18527593FB"),
            (AES_128, 1, MacGeneration, Aes128, "A2DC23DE6FDE0824A2BC321E08E4B8B7"),
            (AES_128, 1, DataEncryption, Aes128, "A35C412EFD41FDB98B69797C02DCD08F"),
            (AES_128, 8, PinEncryption, Aes128, "4D9DF3FBEE3448FC3E676D04320A90F5"),
            (AES_128, 8, MacGeneration, Aes128, "6FD572E5D59E618875F193484F9178FB"),
            (AES_128, 8, DataEncryption, Aes128, "650F34204ABD4E57764D61AC3D266FB1"),
            (AES_256, 1, PinEncryption, Aes128, "09C9C432966811D6B2C3336BAC1B1202"),
            (AES_256, 1, MacGeneration, Aes128, "F04A1FABD4176E15490CEC82E217A96D"),
            (AES_256, 1, PinEncryption, Aes256, "8C1AB7BEE973829E30242E0BBBDD4946D540C98FC1B5BDCF94790001A23FD502"),
            (AES_256, 8, PinEncryption, Aes256, "173A45284262A3E292D86D08FD6DE9167963214450D1D48F6103BD2EB08E61B5"),
        ] {
            assert_eq!(working(initial, counter, usage, key_type), expected, "{usage:?} {counter}");
        }
    }

    #[test]
    fn a_key_is_derived_for_each_length_and_algorithm() {
        // The update key of the same vectors has several: key usage 0002 (6.3.2) at a counter with all bits (6.5.3).
        let counters = (0..32).map(|bit| 0xFFFF_FFFF << (31 - bit));
        let last = counters.fold(key(AES_128), |key, counter| DUKPT.derive(&key, counter));
        let update = |key_type| hex(&derived(&last, 0x0002, key_type, DUKPT.context(0xFFFF_FFFF)));
        assert_eq!(update(WorkingKeyType::Aes128), "9A9770AEE1ACD1B13473D0463A1883B9");
        assert_eq!(update(WorkingKeyType::TwoKeyTdes), "4744A5ECBC62B5C4BB76FBEAE1E244A3");
        assert_eq!(update(WorkingKeyType::ThreeKeyTdes), "AF82BE8533CFCA526DA71708667AD0BBC7A7517504C78C8A");
        let mut next = Registers::after(DUKPT, &key(&AES_256[..48]), 0);
        let (_, key) = next.take().unwrap();
        assert_eq!(key.as_bytes().len(), 24);
    }

    #[test]
    fn no_working_key_is_stronger_than_what_it_is_derived_from() {
        let working = |key_type| DUKPT.working_key(&key(AES_128), 1, KeyUsage::MacGeneration, key_type);
        assert!(working(WorkingKeyType::Aes192).is_none() && working(WorkingKeyType::Aes256).is_none());
        assert!(working(WorkingKeyType::ThreeKeyTdes).is_some());
    }

    #[test]
    fn the_serial_number_has_the_initial_key_and_the_counter() {
        assert_eq!(hex(&DUKPT.serial_number(0x0102_0304)), "123456789012345601020304");
    }
}
