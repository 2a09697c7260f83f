//! S4, Waiting for EMV Read Record Response, and S4', Terminate on Next RA (Book C-2, S4).

use super::context::Context;
use super::reading::Reading;
use super::{Fault, State, card_response, decision};
use crate::apdu::Response;
use crate::dict;
use crate::fields::c2::{DsSlotManagementControl, IdsStatus};
use crate::fields::{AflRecord, Tvr};

/// READ RECORD was sent.
#[derive(Debug)]
pub(super) struct RecordResponse {
    pub(super) awaited: AflRecord,
    pub(super) reading: Reading,
}

/// The most static data that are kept for authentication (Book C-2, Annex A).
const MAX_STATIC_DATA: usize = 2048;

impl RecordResponse {
    /// RA. The next command is on its way before the record is looked at: where the record is
    /// malformed, its answer is waited for.
    //= C-2 S4.9-10, S4.24-27
    pub(super) fn response(mut self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        if !response.status.is_success() {
            return Err(Fault::RecordRefused(response.status));
        }
        let next = self.reading.next(context);
        if card_response::store_record(&mut context.database, self.awaited.sfi, response.data).is_err() {
            let Some(next) = next else { return Err(Fault::RecordMalformed) };
            context.transmit(next.command());
            return Ok(State::TerminateOnNextResponse);
        }
        need_what_lists_ask_for(context);
        self.authenticate(response.data, context);
        decision::go_on(next, self.reading, context)
    }

    /// S4.34 and S4.35: a signed record becomes part of the data to be authenticated.
    fn authenticate(&mut self, record: &[u8], context: &mut Context) {
        let AflRecord { sfi, signed, .. } = self.awaited;
        if let Some(static_data) = self.reading.static_data.as_mut().filter(|_| signed) {
            let fits = static_data.as_bytes().len() + record.len() <= MAX_STATIC_DATA;
            if !fits || static_data.add_record(sfi, record).is_err() {
                context.set_tvr(Tvr::CDA_FAILED);
            }
        }
    }
}

/// The terminal is asked for what CDOL1 asks for and the terminal is yet to give; and for what DSDOL
/// does, if the card's slot may be written.
//= C-2 S4.28-33
fn need_what_lists_ask_for(context: &mut Context) {
    let Context { database, exchange, .. } = &mut *context;
    exchange.need_what_is_empty(database.value(dict::CDOL1).unwrap_or_default(), database);
    let bits = |tag| database.value(tag);
    let reads = bits(dict::IDS_STATUS).and_then(|status| IdsStatus::try_from(status).ok()).unwrap_or_default();
    let slot = bits(dict::DS_SLOT_MANAGEMENT_CONTROL).and_then(|slot| DsSlotManagementControl::try_from(slot).ok());
    if reads.has(IdsStatus::READ) && !slot.is_some_and(|slot| slot.has(DsSlotManagementControl::LOCKED_SLOT)) {
        exchange.need_what_is_empty(database.value(dict::DSDOL).unwrap_or_default(), database);
    }
}
