//! Authorisation Response Cryptograms (EMV Book 2, 8.2).

use super::{Key, Padding};

/// The ARPC by method 1, 8 bytes, from the ARQC and a response code (EMV Book 2, 8.2.1).
pub fn arpc_method_1(key: &Key, arqc: [u8; 8], response_code: [u8; 2]) -> [u8; 8] {
    let mut block = arqc;
    block[0] ^= response_code[0];
    block[1] ^= response_code[1];
    key.encrypt(block)
}

/// The ARPC by method 2, 4 bytes, from the ARQC, the Card Status Update and up to 8 bytes of the
/// issuer's own (EMV Book 2, 8.2.2).
pub fn arpc_method_2(key: &Key, arqc: [u8; 8], card_status_update: [u8; 4], proprietary: &[u8]) -> [u8; 4] {
    let message = [&arqc[..], &card_status_update, proprietary].concat();
    let [a, b, c, d, ..] = key.mac(&message, Padding::Marked);
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{common_session_key, icc_master_key_a};
    use crate::hex;

    /// knovichikhin/pyemv, tests/test_ac_hsm.py and test_cvn_hsm.py.
    #[test]
    fn both_methods_give_the_peer_s_values() {
        let issuer = Key::try_from(hex::decode("0123456789ABCDEFFEDCBA9876543210").unwrap()).unwrap();
        let master = icc_master_key_a(&issuer, "9901234567890123", 45);
        let arqc = hex::decode("4B46013359B7A58B").unwrap().try_into().unwrap();
        assert_eq!(arpc_method_1(&master, arqc, [0, 0]).to_vec(), hex::decode("F8C9CECAABD55AD1").unwrap());

        let master = icc_master_key_a(&issuer, "1234567890123456", 0);
        let session = common_session_key(&master, [0x00, 0x1C, 0, 0, 0, 0, 0, 0]);
        let arqc = hex::decode("7A788EA6B8A3E733").unwrap().try_into().unwrap();
        assert_eq!(arpc_method_2(&session, arqc, [0; 4], &[]), [0x9A, 0xF5, 0x14, 0xC1]);
    }
}
