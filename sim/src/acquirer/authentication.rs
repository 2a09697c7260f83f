//! The MACs of messages about money, where the acquirer wants them: in field 64, or in 128 of a message with fields
//! beyond 64; over all that comes before, from the message type on.

use super::wire::{Message, WireFormat};
use crate::crypto::{BaseDerivationKey, MessageMac, Usage};
use crate::hex;

/// How many bytes a MAC has.
const LENGTH: usize = 8;

/// The keys of the MACs that an acquirer wants.
#[derive(Debug)]
pub enum Macs {
    /// One for all messages.
    Fixed(MessageMac),
    /// Those of each message follow from its key serial number (DUKPT).
    Derived {
        /// The algorithm's name, one of [`MessageMac::NAMES`].
        algorithm: String,
        /// From what they are derived.
        base: BaseDerivationKey,
        /// The field in which requests have their key serial number, as hexadecimal digits.
        serial_number_field: u8,
    },
}

impl Macs {
    /// Those of one key; nothing where the algorithm has no such name.
    pub fn fixed(algorithm: &str, key: [u8; 16]) -> Option<Self> {
        MessageMac::named(algorithm, key).map(Self::Fixed)
    }

    /// Those derived from a base derivation key: of AES for `aes-cmac`, of triple DES for retail MACs.
    pub fn derived(algorithm: &str, base: [u8; 16], serial_number_field: u8) -> Option<Self> {
        let base = MessageMac::base_derivation_key(algorithm, base)?;
        Some(Self::Derived { algorithm: algorithm.to_owned(), base, serial_number_field })
    }

    /// The key serial number of a request, where its keys are derived.
    pub(super) fn serial_number<'a>(&self, request: &'a Message) -> Option<&'a str> {
        match self {
            Self::Fixed(_) => None,
            Self::Derived { serial_number_field, .. } => request.text(*serial_number_field),
        }
    }

    /// The MAC of a request or of its answer.
    pub(super) fn of(&self, request: &Message, usage: Usage) -> Option<MessageMac> {
        match self {
            Self::Fixed(mac) => Some(mac.clone()),
            Self::Derived { algorithm, base, .. } => {
                let serial_number = hex::decode(self.serial_number(request)?)?;
                MessageMac::named(algorithm, *base.key(&serial_number, usage)?)
            }
        }
    }
}

/// Whether a message and its answer have a MAC: those of network management have none.
pub(super) fn is_needed(message: &Message) -> bool {
    message.mti.as_bytes().get(1) != Some(&b'8')
}

/// Whether the MAC of a message is right; `frame` is what it was read from.
pub(super) fn is_right(mac: &MessageMac, frame: &[u8], message: &Message, format: &WireFormat) -> bool {
    let last = message.fields.last_key_value();
    let covered = covered(frame, format);
    let is_right = |((number, sent), covered): ((&u8, &Vec<u8>), &[u8])| {
        matches!(number, 64 | 128) && mac.of(covered)[..] == sent[..]
    };
    last.zip(covered).is_some_and(is_right)
}

/// The bytes of a message with its MAC, or with one that is wrong.
pub(super) fn encode(mac: &MessageMac, message: &Message, is_wrong: bool, format: &WireFormat) -> Vec<u8> {
    let mut message = message.clone();
    let number = if message.fields.keys().any(|number| *number > 64) { 128 } else { 64 };
    message.set(number, [0; LENGTH]);
    let bytes = message.encode(format);
    let mut value = mac.of(covered(&bytes, format).unwrap_or_default());
    if is_wrong {
        value[0] ^= 0x01;
    }
    message.set(number, value);
    message.encode(format)
}

/// What the MAC at the end of a message covers: neither TPDU nor message header.
fn covered<'a>(frame: &'a [u8], format: &WireFormat) -> Option<&'a [u8]> {
    frame.get(format.before_message()..frame.len().checked_sub(format.binary_size(LENGTH))?)
}
