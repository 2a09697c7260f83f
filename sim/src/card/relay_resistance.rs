//! The relay resistance protocol: the card says how long it takes to answer, and signs that it said so (EMV
//! Contactless Book C-2, SR1).

use std::time::Duration;

use emv::dict;
use emv::tlv::Writer;
use serde::Deserialize;

use super::command::{Command, Status};
use super::issued::Issued;

/// The times of a card, in units of 100 microseconds.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RelayResistance {
    /// The least that it says it takes for processing.
    min: u16,
    /// The most that it says.
    max: u16,
    /// How long it says that its response is under way.
    transmission: u16,
    /// How long it really takes, until the response is with the terminal.
    taken: u16,
}

impl RelayResistance {
    /// How long the card takes for EXCHANGE RELAY RESISTANCE DATA.
    pub(super) fn delay(&self) -> Duration {
        Duration::from_micros(100) * u32::from(self.taken)
    }
}

/// What terminal and card told each other, 14 bytes, as it ends the signed data: both sides' entropy, the least and
/// the most time for processing, the transmission time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exchange([u8; 14]);

impl Exchange {
    /// Answers EXCHANGE RELAY RESISTANCE DATA in the transaction that `atc` counts.
    pub(super) fn run(card: &Issued, atc: [u8; 2], command: Command<'_>) -> Result<(Vec<u8>, Self), Status> {
        let times = card.application.table.relay_resistance.ok_or(Status::INSTRUCTION_NOT_SUPPORTED)?;
        if (command.p1, command.p2) != (0x00, 0x00) {
            return Err(Status::INCORRECT_P1_P2);
        }
        let terminal: [u8; 4] = command.data.try_into().map_err(|_| Status::WRONG_LENGTH)?;

        let mut exchanged = Vec::from(terminal);
        exchanged.extend(&card.device_entropy(terminal, atc));
        for time in [times.min, times.max, times.transmission] {
            exchanged.extend(time.to_be_bytes());
        }
        let mut writer = Writer::new();
        writer.put(dict::RESPONSE_MESSAGE_TEMPLATE_FORMAT_1, &exchanged[4..]);
        let exchange = exchanged.try_into().expect("four bytes, four bytes and three numbers of two");
        Ok((writer.into_bytes(), Exchange(exchange)))
    }

    /// What the card signs of it: another transmission time than it told where the personality says so.
    pub(super) fn signed(&self, card: &Issued) -> [u8; 14] {
        let mut signed = self.0;
        signed[13] ^= u8::from(card.application.table.fault.relay_data);
        signed
    }
}
