//! Relay resistance for an issuer that sees Track 2 alone: without CDA nothing that the card signed
//! says what was measured, and so it is written where the issuer looks (Book C-2, S910.39).

use alloc::format;
use alloc::string::String;

use zeroize::Zeroizing;

use super::context::Context;
use crate::dict;
use crate::fields::{RelayResistance, Track2};

/// Writes the result of relay resistance into Track 2 Equivalent Data, if there are both.
//= C-2 S910.38-39, S11.78-79
pub(super) fn write(context: &mut Context) {
    if context.tvr().relay_resistance() != RelayResistance::Performed {
        return;
    }
    let Some(Ok(track)) = context.read::<Track2>(dict::TRACK_2_EQUIVALENT_DATA) else { return };
    let digits = discretionary_data(track.pan().digits().len(), context);
    let track = track.with_discretionary_data(&digits).to_bytes();
    context.database.set(dict::TRACK_2_EQUIVALENT_DATA, &track);
}

/// Digits, from left to right: the CA key's index (0 from 10 on), how often was asked again, the last
/// two bytes of the card's entropy, the byte before them where a PAN of up to 16 digits leaves room,
/// the milliseconds measured.
fn discretionary_data(pan_length: usize, context: &Context) -> Zeroizing<String> {
    let byte = |tag| context.database.value(tag).map_or(0, |value| value[0]);
    let index = Some(byte(dict::CA_PUBLIC_KEY_INDEX)).filter(|index| *index < 10).unwrap_or(0);
    let repeated = byte(dict::RRP_COUNTER);
    let entropy = context.database.value(dict::DEVICE_RELAY_RESISTANCE_ENTROPY).and_then(|value| value.try_into().ok());
    let [_, third, second, first] = entropy.unwrap_or([0; 4]);
    let low = u16::from_be_bytes([second, first]);
    let measured = context.database.value(dict::MEASURED_RELAY_RESISTANCE_PROCESSING_TIME);
    let measured = measured.and_then(|value| value.try_into().ok()).map_or(0, u16::from_be_bytes);
    let milliseconds = (measured / 10).min(999);
    let third = if pan_length <= 16 { format!("{third:03}") } else { String::new() };
    Zeroizing::new(format!("{index}{repeated}{low:05}{third}{milliseconds:03}"))
}
