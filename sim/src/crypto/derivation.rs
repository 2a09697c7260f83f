//! From the issuer's master key to a card's, and from that to a session key
//! (EMV Book 2, Annex A1.3 and A1.4).

use sha1::{Digest, Sha1};

use super::Key;

/// The ICC Master Key by Option A: from the last 16 digits of PAN and PAN sequence number
/// (EMV Book 2, Annex A1.4.1). `pan` is decimal digits; `sequence_number` is 0 to 99, and 0 where
/// the card has none.
pub fn icc_master_key_a(issuer: &Key, pan: &str, sequence_number: u8) -> Key {
    let digits = format!("{pan:0>16}{sequence_number:02}");
    diversify(issuer, &digits[digits.len() - 16..])
}

/// The ICC Master Key by Option B: as Option A for a PAN of at most 16 digits, and otherwise from
/// decimal digits of a hash of PAN and PAN sequence number (EMV Book 2, Annex A1.4.2).
pub fn icc_master_key_b(issuer: &Key, pan: &str, sequence_number: u8) -> Key {
    if pan.len() <= 16 {
        return icc_master_key_a(issuer, pan, sequence_number);
    }
    let digits = format!("{pan}{sequence_number:02}");
    let hash = Sha1::digest(bcd(&format!("{digits:0>width$}", width = digits.len().next_multiple_of(2))));
    let nibbles = || hash.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
    // Decimal digits first; where they are too few, the letters, A standing for 0.
    let decimal = nibbles().filter(|nibble| *nibble <= 9);
    let letters = nibbles().filter(|nibble| *nibble > 9).map(|nibble| nibble - 10);
    let digits: String = decimal.chain(letters).take(16).map(|digit| char::from(b'0' + digit)).collect();
    diversify(issuer, &digits)
}

/// Encrypts 16 decimal digits, and their complement, under the issuer's key.
fn diversify(issuer: &Key, digits: &str) -> Key {
    let left: [u8; 8] = bcd(digits).try_into().expect("16 digits are 8 bytes");
    Key::from_halves(issuer.encrypt(left), issuer.encrypt(left.map(|byte| !byte)))
}

fn bcd(digits: &str) -> Vec<u8> {
    digits.as_bytes().chunks(2).map(|pair| (pair[0] - b'0') << 4 | (pair[1] - b'0')).collect()
}

/// The session key by the Common Session Key Derivation Option (EMV Book 2, Annex A1.3.1).
///
/// `diversifier` is R: for Application Cryptograms the ATC and six zeros, or in Mastercard's own
/// derivation the ATC, two zeros and the Unpredictable Number.
pub fn common_session_key(master: &Key, diversifier: [u8; 8]) -> Key {
    let half = |third_byte| {
        let mut block = diversifier;
        block[2] = third_byte;
        master.encrypt(block)
    };
    Key::from_halves(half(0xF0), half(0x0F))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    // Check values: the first bytes of zeros encrypted under the key. The cases are those of
    // knovichikhin/pyemv, tests/test_kd_hsm.py.
    const R: [u8; 8] = [0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56];

    fn issuer() -> Key {
        Key::try_from(hex::decode("0123456789ABCDEFFEDCBA9876543210").unwrap()).unwrap()
    }

    fn check_value(key: &Key) -> [u8; 2] {
        let [first, second, ..] = key.encrypt([0; 8]);
        [first, second]
    }

    #[test]
    fn option_a_takes_the_last_digits_of_pan_and_sequence_number() {
        let master = icc_master_key_a(&issuer(), "12345678901234567", 45);
        assert_eq!(check_value(&master), [0xFF, 0x08]);
        assert_eq!(check_value(&common_session_key(&master, R)), [0xDF, 0x82]);
        assert_eq!(check_value(&icc_master_key_a(&issuer(), "1234567890123456", 0)), [0xBA, 0xB0]);
    }

    #[test]
    fn option_b_hashes_a_long_pan() {
        for (pan, sequence_number, master_value, session_value) in [
            ("1234567890123456", 0, [0xBA, 0xB0], [0xBC, 0x19]),
            ("12345678901234567", 45, [0x0B, 0xAF], [0x42, 0x62]),
            ("12345678901234567", 0, [0x46, 0x26], [0x7F, 0x36]),
            ("123456789012345679", 0, [0xC2, 0xF3], [0x7C, 0x35]),
        ] {
            let master = icc_master_key_b(&issuer(), pan, sequence_number);
            assert_eq!(check_value(&master), master_value, "{pan}");
            assert_eq!(check_value(&common_session_key(&master, R)), session_value, "{pan}");
        }
    }

    #[test]
    fn option_b_goes_on_with_letters_where_the_hash_has_too_few_decimal_digits() {
        let master = icc_master_key_b(&issuer(), "000000000000000005", 23);
        assert_eq!(check_value(&master), [0xDD, 0x73]);
        assert_eq!(check_value(&common_session_key(&master, [0x00, 0x1C, 0, 0, 0, 0, 0, 0])), [0x04, 0xF8]);
    }
}
