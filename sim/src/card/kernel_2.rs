//! The commands of a card of Kernel 2, beside those that every card knows (EMV Contactless Book C-2, 5).

use emv::fields::{CryptogramType, ReferenceControlParameter};

use super::command::{Command, Status};
use super::data_storage;
use super::dol::Values;
use super::mastercard::{self, Circumstances};
use super::recovery::{self, LastCryptogram};
use super::relay_resistance::Exchange;
use super::{Application, Card, Transaction, mag_stripe};
use crate::Scheme;

impl Card {
    /// EXCHANGE RELAY RESISTANCE DATA, as often as the terminal likes before the cryptogram (EMV Contactless
    /// Book C-2, 5.3).
    pub(super) fn exchange_relay_resistance_data(&mut self, command: Command<'_>) -> Result<Vec<u8>, Status> {
        let (Application { issued, .. }, transaction) = self.under_way()?;
        if transaction.cryptogram_given {
            return Err(Status::CONDITIONS_NOT_SATISFIED);
        }
        let (response, exchange) = Exchange::run(issued, transaction.atc, command)?;
        transaction.relay_resistance = Some(exchange);
        Ok(response)
    }

    /// GENERATE AC (EMV Book 3, 6.5.5), once in a transaction. A Visa card has given its cryptogram
    /// before.
    pub(super) fn generate_ac(&mut self, command: Command<'_>) -> Result<Vec<u8>, Status> {
        let asked = ReferenceControlParameter::from_bytes([command.p1]);
        if asked.cryptogram_type() == CryptogramType::Rfu || command.p2 != 0x00 {
            return Err(Status::INCORRECT_P1_P2);
        }
        let (Application { issued, holder, last, storage, .. }, transaction) = self.under_way()?;
        let Transaction { atc, options, operator, relay_resistance, cryptogram_given, .. } = transaction;
        let table = &issued.application.table;
        if issued.application.scheme != Scheme::Mastercard || table.mag_stripe || *cryptogram_given {
            return Err(Status::CONDITIONS_NOT_SATISFIED);
        }
        let (terminal, behind) = Values::split(mastercard::CDOL1, command.data).ok_or(Status::WRONG_LENGTH)?;
        let to_store = Values::parse_open_ended(data_storage::DSDOL, behind);
        if !behind.is_empty() && (to_store.is_none() || operator.is_none()) {
            return Err(Status::WRONG_LENGTH);
        }
        let circumstances = Circumstances {
            atc: *atc,
            options,
            holder: *holder,
            relay_resistance: relay_resistance.as_ref(),
            stored: operator.map(|operator| storage.store(operator, issued, *atc, to_store)),
        };
        let response = mastercard::generate_ac(issued, circumstances, asked, terminal);
        let response = table.fault.spoil(&response);
        *cryptogram_given = true;
        *last = table.recovers.then(|| LastCryptogram::new(terminal, &response));
        holder.ask();
        Ok(response)
    }

    /// RECOVER AC (EMV Contactless Book C-2, 5.6): the last cryptogram once more, in place of one of this
    /// transaction.
    pub(super) fn recover_ac(&mut self, command: Command<'_>) -> Result<Vec<u8>, Status> {
        if (command.p1, command.p2) != (0x00, 0x00) {
            return Err(Status::INCORRECT_P1_P2);
        }
        let (Application { issued, last, .. }, transaction) = self.under_way()?;
        if !issued.application.table.recovers {
            return Err(Status::INSTRUCTION_NOT_SUPPORTED);
        }
        let terminal = Values::parse(recovery::DRDOL, command.data).ok_or(Status::WRONG_LENGTH)?;
        let known = last.as_ref().filter(|_| !transaction.cryptogram_given);
        let response = known.and_then(|last| last.recover(terminal)).ok_or(Status::CONDITIONS_NOT_SATISFIED)?;
        transaction.cryptogram_given = true;
        Ok(response.to_vec())
    }

    /// COMPUTE CRYPTOGRAPHIC CHECKSUM (EMV Contactless Book C-2, 5.2), once in a transaction of the mag-stripe
    /// profile.
    pub(super) fn compute_cryptographic_checksum(&mut self, command: Command<'_>) -> Result<Vec<u8>, Status> {
        if (command.p1, command.p2) != (0x8E, 0x80) {
            return Err(Status::INCORRECT_P1_P2);
        }
        let (Application { issued, holder, .. }, transaction) = self.under_way()?;
        if !issued.application.table.mag_stripe || transaction.cryptogram_given {
            return Err(Status::CONDITIONS_NOT_SATISFIED);
        }
        let terminal = Values::parse(mag_stripe::UDOL, command.data).ok_or(Status::WRONG_LENGTH)?;
        let response = mag_stripe::compute_checksum(issued, transaction.atc, *holder, terminal);
        transaction.cryptogram_given = true;
        holder.ask();
        Ok(issued.application.table.fault.spoil(&response))
    }
}
