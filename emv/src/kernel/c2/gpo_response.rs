//! S3, Waiting for GPO Response (Book C-2, S3 and S3R1).

use super::card_response::{self, Refused};
use super::context::Context;
use super::record_response::RecordResponse;
use super::{Fault, State};
use crate::apdu::Response;
use crate::dict;
use crate::fields::c2::KernelConfiguration;
use crate::fields::{Afl, AflRecord, Aip, RelayResistance, TerminalCapabilities, Tvr};
use alloc::collections::VecDeque;

/// GET PROCESSING OPTIONS was sent.
#[derive(Debug)]
pub(super) struct GpoResponse;

/// The most records that are read. The book sets no bound; a card with more would hold the reader
/// for as long as it likes, and none in use comes near it.
const MAX_RECORDS: usize = 128;

impl GpoResponse {
    /// RA.
    pub(super) fn response(self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        // S3.8
        if !response.status.is_success() {
            return Err(Fault::GpoRefused(response.status));
        }
        // S3.10 to S3.14
        store(&response, context).map_err(|_| Fault::GpoMalformed)?;
        if context.database.value(dict::AIP).is_none() || context.database.value(dict::AFL).is_none() {
            return Err(Fault::GpoDataMissing);
        }
        // S3.15 to S3.18
        let kernel = context.configuration.kernel;
        if kernel.has(KernelConfiguration::EMV_MODE_NOT_SUPPORTED) || !context.aip().has(Aip::C2_EMV_MODE_SUPPORTED) {
            return Err(Fault::MagStripeNotSupported);
        }
        // S3.65: the relay resistance protocol was not performed.
        context.set_relay_resistance(RelayResistance::NotPerformed);
        start_reading(context)
    }
}

/// A response of format 1 or of format 2 (EMV Book 3, 6.5.8.4).
fn store(response: &Response<'_>, context: &mut Context) -> Result<(), Refused> {
    match card_response::format_1(response) {
        Some(value) => {
            let objects = [(dict::AIP, Some(Aip::LENGTH)), (dict::AFL, None)];
            card_response::store_format_1(&mut context.database, value, &objects)
        }
        None => card_response::store(&mut context.database, response.data),
    }
}

/// S3R1: which records are read, and whether they will be authenticated.
fn start_reading(context: &mut Context) -> Result<State, Fault> {
    // S3.30 to S3.32, S3R1.5
    let records = records_to_read(context).filter(|records| records.len() <= MAX_RECORDS).ok_or(Fault::AflInvalid)?;

    // S3R1.17 to S3R1.20
    let card = context.aip().has(Aip::CDA_SUPPORTED);
    let terminal = context.configuration.terminal_capabilities(Default::default()).has(TerminalCapabilities::CDA);
    let cda = card && terminal;
    if !cda {
        context.set_tvr(Tvr::OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED);
    }
    RecordResponse::first(records, cda, context).ok_or(Fault::AflInvalid)
}

/// The records of the AFL. A card that serves mag-stripe mode too lists that mode's record first;
/// where the reader would use that mode, the record is no part of EMV mode.
fn records_to_read(context: &Context) -> Option<VecDeque<AflRecord>> {
    const MAG_STRIPE_RECORD: &[u8; 4] = &[0x08, 0x01, 0x01, 0x00];
    let afl = context.database.value(dict::AFL)?;
    let kernel = context.configuration.kernel;
    let afl = match afl.split_first_chunk::<4>() {
        Some((MAG_STRIPE_RECORD, rest)) if !kernel.has(KernelConfiguration::MAG_STRIPE_MODE_NOT_SUPPORTED) => rest,
        _ => afl,
    };
    Afl::from_bytes(afl).ok().map(|afl| afl.records().take(MAX_RECORDS + 1).collect())
}
