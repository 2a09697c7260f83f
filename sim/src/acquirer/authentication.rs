//! The MACs of messages about money, where the acquirer wants them: in field 64, or in 128 of a message with fields
//! beyond 64; over all that comes before, from the message type on.

use super::wire::{Message, WireFormat};
use crate::crypto::MessageMac;

/// How many bytes a MAC has.
const LENGTH: usize = 8;

/// Bytes of a TPDU, which no MAC covers.
const TPDU: usize = 5;

/// Whether a message and its answer have a MAC: those of network management have none.
pub(super) fn is_needed(message: &Message) -> bool {
    message.mti.as_bytes().get(1) != Some(&b'8')
}

/// Whether the MAC of a message is right; `frame` is what it was read from.
pub(super) fn is_right(mac: &MessageMac, frame: &[u8], message: &Message, format: &WireFormat) -> bool {
    let last = message.fields.last_key_value();
    let covered = covered(frame, message, format);
    last.zip(covered)
        .is_some_and(|((number, sent), covered)| matches!(number, 64 | 128) && mac.of(covered)[..] == sent[..])
}

/// The bytes of a message with its MAC, or with one that is wrong.
pub(super) fn encode(mac: &MessageMac, message: &Message, is_wrong: bool, format: &WireFormat) -> Vec<u8> {
    let mut message = message.clone();
    let number = if message.fields.keys().any(|number| *number > 64) { 128 } else { 64 };
    message.set(number, [0; LENGTH]);
    let bytes = message.encode(format);
    let mut value = mac.of(covered(&bytes, &message, format).unwrap_or_default());
    if is_wrong {
        value[0] ^= 0x01;
    }
    message.set(number, value);
    message.encode(format)
}

/// What the MAC at the end of a message covers.
fn covered<'a>(frame: &'a [u8], message: &Message, format: &WireFormat) -> Option<&'a [u8]> {
    let before = if message.tpdu.is_some() { TPDU } else { 0 };
    frame.get(before..frame.len().checked_sub(format.binary_size(LENGTH))?)
}
