//! SR1, Waiting for Exchange Relay Resistance Data Response: how long does the card take to answer,
//! and does it say so itself (Book C-2, SR1)?

use core::time::Duration;

use super::context::Context;
use super::{Fault, RelayResistanceTimes, State, reading};
use crate::Instant;
use crate::apdu::{Command, Response};
use crate::dict;
use crate::fields::{RelayResistance, Tvr};
use crate::tlv::Tlv;

/// EXCHANGE RELAY RESISTANCE DATA was sent.
#[derive(Debug)]
pub(super) struct RelayResistanceResponse {
    sent_at: Instant,
    /// RRP Counter: how often the command was sent again.
    repeated: u8,
}

/// How often the command is sent again to a card that took too long.
const MAX_REPEATED: u8 = 2;

impl RelayResistanceResponse {
    /// Asks for the first time.
    pub(super) fn first(context: &mut Context) -> State {
        Self::ask(0, context)
    }

    /// Asks with a new number: it is the Unpredictable Number too, and what the card will sign.
    //= C-2 S3.61-64, SR1.23-27
    fn ask(repeated: u8, context: &mut Context) -> State {
        let entropy = context.draw_unpredictable_number();
        context.database.set(dict::UNPREDICTABLE_NUMBER, &entropy);
        context.database.set(dict::TERMINAL_RELAY_RESISTANCE_ENTROPY, &entropy);
        context.database.set(dict::RRP_COUNTER, &[repeated]);
        context.transmit(Command::exchange_relay_resistance_data(entropy));
        State::RelayResistanceResponse(RelayResistanceResponse { sent_at: context.now, repeated })
    }

    /// The command was handed to the card now: the timer starts.
    pub(super) fn sent(self, now: Instant) -> State {
        State::RelayResistanceResponse(RelayResistanceResponse { sent_at: now, ..self })
    }

    /// RA.
    //= C-2 SR1.10-13, SR1.18, SR1.19-21, SR1.22
    pub(super) fn response(self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        // SR1.10 to SR1.13
        let taken = context.now - self.sent_at;
        if !response.status.is_success() {
            return Err(Fault::RelayResistanceRefused(response.status));
        }
        // SR1.14 to SR1.17
        let estimates = CardEstimates::from_response(response.data).ok_or(Fault::RelayResistanceMalformed)?;
        estimates.store(context);
        // SR1.18
        let reader = context.configuration.relay_resistance;
        let measured = processing_time(taken, &estimates, &reader);
        context.database.set(dict::MEASURED_RELAY_RESISTANCE_PROCESSING_TIME, &measured.to_be_bytes());
        // SR1.19 to SR1.21
        if is_too_fast(measured, &estimates, &reader) {
            return Err(Fault::RelayResistanceTooFast);
        }
        // SR1.22
        let too_slow = is_too_slow(measured, &estimates, &reader);
        if too_slow && self.repeated < MAX_REPEATED {
            return Ok(Self::ask(self.repeated + 1, context));
        }
        judge(measured, too_slow, &estimates, context);
        reading::start(context)
    }
}

/// What the Terminal Verification Results say of a measurement.
//= C-2 SR1.28-32
fn judge(measured: u16, too_slow: bool, estimates: &CardEstimates, context: &mut Context) {
    if too_slow {
        context.set_tvr(Tvr::RELAY_RESISTANCE_TIME_LIMITS_EXCEEDED);
    }
    if is_inaccurate(measured, estimates, &context.configuration.relay_resistance) {
        context.set_tvr(Tvr::RELAY_RESISTANCE_THRESHOLD_EXCEEDED);
    }
    context.set_relay_resistance(RelayResistance::Performed);
}

/// What the card says of its times, in units of 100 microseconds.
#[derive(Debug, Clone, Copy)]
struct CardEstimates {
    entropy: [u8; 4],
    min_processing: u16,
    max_processing: u16,
    response_transmission: u16,
}

impl CardEstimates {
    /// Reads a response of format 1, 10 bytes: entropy, least and most time for processing, time for
    /// transmitting the response.
    //= C-2 SR1.14-17
    fn from_response(response: &[u8]) -> Option<Self> {
        let object = Tlv::parse(response).ok()?;
        let &[e0, e1, e2, e3, min0, min1, max0, max1, t0, t1] = object.value else { return None };
        (object.tag == dict::RESPONSE_MESSAGE_TEMPLATE_FORMAT_1).then_some(CardEstimates {
            entropy: [e0, e1, e2, e3],
            min_processing: u16::from_be_bytes([min0, min1]),
            max_processing: u16::from_be_bytes([max0, max1]),
            response_transmission: u16::from_be_bytes([t0, t1]),
        })
    }

    fn store(&self, context: &mut Context) {
        let database = &mut context.database;
        database.set(dict::DEVICE_RELAY_RESISTANCE_ENTROPY, &self.entropy);
        database.set(dict::MIN_TIME_FOR_PROCESSING_RELAY_RESISTANCE_APDU, &self.min_processing.to_be_bytes());
        database.set(dict::MAX_TIME_FOR_PROCESSING_RELAY_RESISTANCE_APDU, &self.max_processing.to_be_bytes());
        database.set(dict::DEVICE_ESTIMATED_TRANSMISSION_TIME_R_APDU, &self.response_transmission.to_be_bytes());
    }
}

/// Measured Relay Resistance Processing Time: what is left of the time taken without transmission.
/// The card can't make it less by overstating how long it transmits.
fn processing_time(taken: Duration, card: &CardEstimates, reader: &RelayResistanceTimes) -> u16 {
    let response_transmission = card.response_transmission.min(reader.expected_response_transmission);
    let transmission = u128::from(reader.expected_command_transmission) + u128::from(response_transmission);
    u16::try_from((taken.as_micros() / 100).saturating_sub(transmission)).unwrap_or(u16::MAX)
}

fn is_too_fast(measured: u16, card: &CardEstimates, reader: &RelayResistanceTimes) -> bool {
    measured < card.min_processing.saturating_sub(reader.minimum_grace_period)
}

fn is_too_slow(measured: u16, card: &CardEstimates, reader: &RelayResistanceTimes) -> bool {
    u32::from(measured) > u32::from(card.max_processing) + u32::from(reader.maximum_grace_period)
}

/// Whether the two sides see transmission too differently, or the card is slower than need be. Where
/// one side doesn't know how long transmission takes there is nothing to compare.
fn is_inaccurate(measured: u16, card: &CardEstimates, reader: &RelayResistanceTimes) -> bool {
    let device = u32::from(card.response_transmission);
    let terminal = u32::from(reader.expected_response_transmission);
    if device == 0 || terminal == 0 {
        return false;
    }
    let ratio = device.min(terminal) * 100 / device.max(terminal);
    ratio < u32::from(reader.transmission_time_mismatch_threshold)
        || measured.saturating_sub(card.min_processing) > reader.accuracy_threshold
}

#[cfg(test)]
mod tests {
    use super::*;

    const READER: RelayResistanceTimes = RelayResistanceTimes {
        minimum_grace_period: 20,
        maximum_grace_period: 50,
        expected_command_transmission: 18,
        expected_response_transmission: 24,
        accuracy_threshold: 300,
        transmission_time_mismatch_threshold: 50,
    };
    const CARD: CardEstimates =
        CardEstimates { entropy: [0; 4], min_processing: 100, max_processing: 500, response_transmission: 24 };

    //= test C-2 SR1.18
    #[test]
    fn transmission_is_no_part_of_the_processing_time() {
        let measured = |micros, card: &CardEstimates| processing_time(Duration::from_micros(micros), card, &READER);
        assert_eq!(measured(14_299, &CARD), 100);
        assert_eq!(measured(14_300, &CARD), 101);
        assert_eq!(measured(0, &CARD), 0);
        assert_eq!(measured(1_000_000_000_000, &CARD), u16::MAX);
        let quick = CardEstimates { response_transmission: 10, ..CARD };
        assert_eq!(measured(14_200, &quick), 114);
        let overstated = CardEstimates { response_transmission: u16::MAX, ..CARD };
        assert_eq!(measured(14_200, &overstated), 100);
    }

    //= test C-2 SR1.19-21, SR1.22
    #[test]
    fn the_grace_periods_widen_what_the_card_says_of_itself() {
        assert_eq!([79, 80].map(|measured| is_too_fast(measured, &CARD, &READER)), [true, false]);
        assert_eq!([550, 551].map(|measured| is_too_slow(measured, &CARD, &READER)), [false, true]);
        let instant = CardEstimates { min_processing: 19, max_processing: u16::MAX, ..CARD };
        assert!(!is_too_fast(0, &instant, &READER));
        assert!(!is_too_slow(u16::MAX, &instant, &READER));
    }

    //= test C-2 SR1.28-32
    #[test]
    fn the_thresholds_compare_both_sides() {
        assert_eq!([400, 401].map(|measured| is_inaccurate(measured, &CARD, &READER)), [false, true]);
        assert!(!is_inaccurate(0, &CARD, &READER));
        let transmitting =
            |response_transmission| is_inaccurate(100, &CardEstimates { response_transmission, ..CARD }, &READER);
        assert_eq!([0, 11, 12, 48, 49].map(transmitting), [false, true, false, false, true]);
        let unaware = RelayResistanceTimes { expected_response_transmission: 0, ..READER };
        assert!(!is_inaccurate(u16::MAX, &CARD, &unaware));
    }

    //= test C-2 SR1.14-17
    #[test]
    fn only_ten_bytes_in_format_1_are_an_answer() {
        let answer = [0x80, 0x0A, 1, 2, 3, 4, 0, 100, 1, 0xF4, 0, 24];
        let card = CardEstimates::from_response(&answer).unwrap();
        assert_eq!((card.entropy, card.min_processing), ([1, 2, 3, 4], 100));
        assert_eq!((card.max_processing, card.response_transmission), (500, 24));
        assert!(CardEstimates::from_response(&answer[..11]).is_none());
        let mut other = answer;
        other[0] = 0x77;
        assert!(CardEstimates::from_response(&other).is_none());
        assert!(CardEstimates::from_response(&[0x80, 0x09, 1, 2, 3, 4, 0, 100, 1, 0xF4, 0]).is_none());
    }
}
