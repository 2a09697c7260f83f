//! S3R1, common processing before the first record is read (Book C-2, S3R1).

use core::mem;

use super::context::Context;
use super::data_exchange::get_data_response::GetDataResponse;
use super::record_response::RecordResponse;
use super::{Fault, State, data_storage};
use crate::apdu::Command;
use crate::dict;
use crate::fields::c2::KernelConfiguration;
use crate::fields::{AflRecord, Aip, TerminalCapabilities, Tvr};
use crate::kernel::shared::{Records, records};
use crate::oda::StaticData;
use crate::tlv::Tag;

/// The entry of an AFL that lists mag-stripe mode's record.
pub(super) const MAG_STRIPE_ENTRY: [u8; 4] = [0x08, 0x01, 0x01, 0x00];

/// Reads the first record of EMV mode, and says whether the records will be authenticated.
//= C-2 S3R1.4-7
pub(super) fn start(context: &mut Context) -> Result<State, Fault> {
    let records = records(active_afl(context)).ok_or(Fault::AflInvalid)?;
    let mut reading = Reading { to_read: records, static_data: None };
    let first = reading.next(context).ok_or(Fault::AflInvalid)?;
    data_storage::tell_stored_data(context);
    context.exchange_data();
    if authenticates(context) {
        reading.static_data = Some(mem::take(&mut context.static_data));
    }
    Ok(first.ask(reading, context))
}

/// What is yet to be read, and what was read that will be authenticated.
#[derive(Debug)]
pub(super) struct Reading {
    /// Active AFL.
    to_read: Records,
    /// Static Data To Be Authenticated, where the ODA status is CDA.
    pub(super) static_data: Option<StaticData>,
}

/// What the card is asked for next.
#[derive(Debug)]
pub(super) enum Next {
    /// GET DATA.
    Data(Tag),
    /// READ RECORD.
    Record(AflRecord),
}

impl Reading {
    /// What is to be read next: what the terminal asked for, and then the records. Nothing where all is
    /// read.
    //= C-2 S3R1.1-3, S4.15-23, S5.9-18, S6.8-11
    pub(super) fn next(&mut self, context: &mut Context) -> Option<Next> {
        let tag = context.exchange.next_to_get();
        tag.map(Next::Data).or_else(|| self.to_read.next().map(Next::Record))
    }

    /// Leaves the records that were not read yet.
    pub(super) fn skip_records(&mut self) {
        self.to_read.by_ref().for_each(drop);
    }
}

impl Next {
    /// Sends the command.
    pub(super) fn ask(self, reading: Reading, context: &mut Context) -> State {
        context.transmit(self.command());
        match self {
            Next::Data(tag) => State::GetDataResponse(GetDataResponse { tag, reading }),
            Next::Record(awaited) => State::RecordResponse(RecordResponse { awaited, reading }),
        }
    }

    fn command(&self) -> Command {
        match *self {
            Next::Data(tag) => Command::get_data(tag),
            Next::Record(AflRecord { sfi, number, .. }) => Command::read_record(sfi, number),
        }
    }
}

/// The ODA status: whether CDA will be performed.
//= C-2 S3R1.17-20
fn authenticates(context: &mut Context) -> bool {
    let card = context.aip().has(Aip::CDA_SUPPORTED);
    let terminal = context.configuration.terminal_capabilities(Default::default()).has(TerminalCapabilities::CDA);
    let cda = (card && terminal) || data_storage::reads(context);
    if !cda {
        context.set_tvr(Tvr::OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED);
    }
    cda
}

/// The entries of the AFL that EMV mode reads. A card that serves mag-stripe mode too lists that
/// mode's record first; where the reader would use that mode, the record is no part of EMV mode.
//= C-2 S3.30-32
fn active_afl(context: &Context) -> &[u8] {
    let afl = context.database.value(dict::AFL).unwrap_or_default();
    let kernel = context.configuration.kernel;
    match afl.split_first_chunk() {
        Some((&MAG_STRIPE_ENTRY, rest)) if !kernel.has(KernelConfiguration::MAG_STRIPE_MODE_NOT_SUPPORTED) => rest,
        _ => afl,
    }
}
