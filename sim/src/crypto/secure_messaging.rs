//! Secure messaging: the MAC by which a card knows its issuer's script commands (EMV Book 2, 9.2, format 2).

use super::{Key, Padding, common_session_key};
use crate::Scheme;

/// How many bytes of MAC end the data field of a command.
pub const MAC_LENGTH: usize = 8;

/// The transaction whose cryptogram brought the script: it makes the MAC another one each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptedTransaction {
    /// Application Transaction Counter.
    pub atc: [u8; 2],
    /// The cryptogram that the issuer answers.
    pub arqc: [u8; 8],
}

impl ScriptedTransaction {
    /// The key of this transaction: Visa's comes from the ATC, Mastercard's from the cryptogram (EMV Book 2,
    /// Annex A1.3).
    pub fn session_key(&self, scheme: Scheme, icc_master_key: &Key) -> Key {
        match scheme {
            Scheme::Visa => icc_master_key.combined_with(self.atc),
            Scheme::Mastercard => common_session_key(icc_master_key, self.arqc),
        }
    }

    /// The MAC of a command. `header` ends in Lc, which counts the MAC too; `data` are without it.
    pub fn mac(&self, session_key: &Key, header: [u8; 5], data: &[u8]) -> [u8; MAC_LENGTH] {
        session_key.mac(&[&header[..], &self.atc, &self.arqc, data].concat(), Padding::Marked)
    }

    /// A whole command with its MAC. `command` is CLA, INS, P1, P2 and the data; nothing where it is too short or
    /// too long to be one.
    pub fn secure(&self, session_key: &Key, command: &[u8]) -> Option<Vec<u8>> {
        let (&[cla, ins, p1, p2], data) = command.split_first_chunk()?;
        let lc = u8::try_from(data.len() + MAC_LENGTH).ok()?;
        let header = [cla, ins, p1, p2, lc];
        Some([&header[..], data, &self.mac(session_key, header, data)].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::icc_master_key_a;
    use crate::hex;

    const APPLICATION_UNBLOCK: &[u8] = &[0x84, 0x18, 0x00, 0x00];
    const PIN_UNBLOCK: &[u8] = &[0x84, 0x24, 0x00, 0x00];

    /// knovichikhin/pyemv, tests/test_cvn_hsm.py: PAN 1234567890123456, sequence number 0.
    fn secured(scheme: Scheme, arqc: &str, command: &[u8]) -> Vec<u8> {
        let issuer = Key::try_from(hex::decode("FEDCBA98765432100123456789ABCDEF").unwrap()).unwrap();
        let master = icc_master_key_a(&issuer, "1234567890123456", 0);
        let arqc = hex::decode(arqc).unwrap().try_into().unwrap();
        let transaction = ScriptedTransaction { atc: [0x00, 0x1C], arqc };
        transaction.secure(&transaction.session_key(scheme, &master), command).unwrap()
    }

    #[test]
    fn commands_have_the_peer_s_macs() {
        for (scheme, arqc, command, expected) in [
            (Scheme::Visa, "7A788EA6B8A3E733", APPLICATION_UNBLOCK, "841800000804EDE90BC24CC35E"),
            (Scheme::Visa, "29CCA15AE665FA2E", APPLICATION_UNBLOCK, "8418000008DB56BA60087CEFD3"),
            (Scheme::Mastercard, "C30E54BE496CF5E5", PIN_UNBLOCK, "84240000085E89E990C51CEE94"),
        ] {
            assert_eq!(secured(scheme, arqc, command), hex::decode(expected).unwrap(), "{scheme:?}");
        }
    }

    #[test]
    fn what_is_no_command_is_not_secured() {
        let transaction = ScriptedTransaction { atc: [0; 2], arqc: [0; 8] };
        let key = Key::from_bytes([1; 16]);
        assert_eq!(transaction.secure(&key, &[0x84, 0x1E, 0x00]), None);
        assert_eq!(transaction.secure(&key, &[0x84; 4 + 248]), None);
        assert!(transaction.secure(&key, &[0x84; 4 + 247]).is_some());
    }
}
