//! The MAC of a message: where it stands, and which bytes it covers.

use zeroize::Zeroizing;

use super::dialect::{Binary, Dialect, MAC_FIELDS, MacRule};
use super::encode::{EncodeError, encode};
use super::message::Message;
use crate::keys::MacKey;

/// Why a message is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MacError {
    /// It has none.
    #[error("without a MAC")]
    Missing,
    /// The MAC is that of another message, or made with another key.
    #[error("whose MAC is wrong")]
    Wrong,
}

/// Writes `message` in `dialect`, as [`encode`] does, with its MAC in field 64, or in 128 where it has fields beyond 64.
///
/// # Errors
/// If the message can't be written.
pub fn encode_with_mac(
    message: &Message,
    dialect: &Dialect,
    rule: &MacRule,
    key: &MacKey,
) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    let mut message = message.clone();
    MAC_FIELDS.iter().for_each(|number| message.remove(*number));
    let [first, second] = MAC_FIELDS;
    let number = if message.fields().any(|(number, _)| number > first) { second } else { first };
    let room = dialect.format(number).map_or(MacKey::MAC_LENGTH, |format| format.limit);
    // The bitmap that the MAC covers announces it. It is the last field, so its bytes are the last.
    message.set(number, vec![0; room]);
    let unsealed = encode(&message, dialect)?;
    let mut mac = key.mac(covered(&unsealed, room, dialect).unwrap_or_default())[..rule.length].to_vec();
    mac.resize(room, 0);
    message.set(number, mac);
    encode(&message, dialect)
}

/// Holds the MAC of a message against its bytes, from which `message` was read.
///
/// # Errors
/// If there is none, or another.
pub fn check_mac(
    bytes: &[u8],
    message: &Message,
    dialect: &Dialect,
    rule: &MacRule,
    key: &MacKey,
) -> Result<(), MacError> {
    let (_, mac) =
        message.fields().last().filter(|(number, _)| MAC_FIELDS.contains(number)).ok_or(MacError::Missing)?;
    let covered = covered(bytes, mac.len(), dialect).ok_or(MacError::Wrong)?;
    let sent = mac.get(..rule.length).ok_or(MacError::Wrong)?;
    if key.verify(covered, sent) { Ok(()) } else { Err(MacError::Wrong) }
}

/// What comes before a MAC of `length` bytes at the end of a message.
fn covered<'a>(bytes: &'a [u8], length: usize, dialect: &Dialect) -> Option<&'a [u8]> {
    let written = if dialect.binary == Binary::Hex { 2 * length } else { length };
    bytes.get(..bytes.len().checked_sub(written)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::iso8583::decode;

    const KEY: [u8; 16] = *b"\x01\x23\x45\x67\x89\xAB\xCD\xEF\xFE\xDC\xBA\x98\x76\x54\x32\x10";

    fn dialect(preset: &str, mac: &str) -> Dialect {
        toml::from_str(&format!("preset = '{preset}'\n[mac]\nkey = 'configured'\n{mac}")).unwrap()
    }

    fn key(dialect: &Dialect) -> MacKey {
        MacKey::new(dialect.mac.as_ref().unwrap().algorithm, &KEY).unwrap()
    }

    fn echo() -> Message {
        let mut message = Message::new("0800".parse().unwrap());
        message.set(11, "000042").set(41, "TERM0001");
        message
    }

    #[test]
    fn a_mac_covers_everything_before_it() {
        let dialect = dialect("bcd", "algorithm = 'retail-padding-1'");
        let (rule, key) = (dialect.mac.as_ref().unwrap(), key(&dialect));
        let bytes = encode_with_mac(&echo(), &dialect, rule, &key).unwrap();
        let covered = b"\x08\x00\x00\x20\x00\x00\x00\x80\x00\x01\x00\x00\x42TERM0001";
        assert_eq!(bytes[..], [&covered[..], &key.mac(covered)].concat()[..]);
        for index in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[index] ^= 0x01;
            let Ok(message) = decode(&changed, &dialect) else { continue };
            assert!(check_mac(&changed, &message, &dialect, rule, &key).is_err(), "byte {index}");
        }
    }

    #[test]
    fn every_dialect_reads_the_mac_that_it_writes() {
        for preset in ["ascii", "ascii-binary", "bcd", "iso-1993"] {
            for mac in ["algorithm = 'aes-cmac'", "algorithm = 'aes-cmac'\nlength = 4", "algorithm = 'union-pay-ecb'"] {
                let dialect = dialect(preset, mac);
                let (rule, key) = (dialect.mac.as_ref().unwrap(), key(&dialect));
                let mut beyond_64 = echo();
                beyond_64.set(70, "301");
                for (message, field) in [(echo(), 64), (beyond_64, 128)] {
                    let bytes = encode_with_mac(&message, &dialect, rule, &key).unwrap();
                    let read = decode(&bytes, &dialect).unwrap();
                    assert_eq!(check_mac(&bytes, &read, &dialect, rule, &key), Ok(()), "{preset} {mac}");
                    let sent = read.bytes(field).unwrap();
                    assert_eq!(sent[rule.length..], vec![0; 8 - rule.length], "{preset} {mac}");
                    let bare = encode(&message, &dialect).unwrap();
                    assert_eq!(check_mac(&bare, &message, &dialect, rule, &key), Err(MacError::Missing));
                }
            }
        }
    }

    #[test]
    fn the_mac_of_another_key_is_wrong() {
        let dialect = dialect("bcd", "algorithm = 'aes-cmac'");
        let (rule, other) = (dialect.mac.as_ref().unwrap(), MacKey::new(crate::keys::MacAlgorithm::AesCmac, &[9; 16]));
        let bytes = encode_with_mac(&echo(), &dialect, rule, &key(&dialect)).unwrap();
        let read = decode(&bytes, &dialect).unwrap();
        assert_eq!(check_mac(&bytes, &read, &dialect, rule, &other.unwrap()), Err(MacError::Wrong));
    }
}
