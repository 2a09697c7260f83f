//! S4, Waiting for EMV Read Record Response (Book C-2, S4).

use alloc::collections::VecDeque;

use super::context::Context;
use super::{Fault, State, card_response, decision};
use crate::apdu::{Command, Response};
use crate::fields::{AflRecord, Tvr};
use crate::oda::StaticData;

/// READ RECORD was sent.
#[derive(Debug)]
pub(super) struct RecordResponse {
    awaited: AflRecord,
    to_read: VecDeque<AflRecord>,
    /// Static Data To Be Authenticated, where the ODA status is CDA.
    static_data: Option<StaticData>,
}

/// The most static data that are kept for authentication (Book C-2, Annex A).
const MAX_STATIC_DATA: usize = 2048;

impl RecordResponse {
    /// Asks for the first record; nothing where there is none.
    pub(super) fn first(mut to_read: VecDeque<AflRecord>, cda: bool, context: &mut Context) -> Option<State> {
        let awaited = to_read.pop_front()?;
        let state = RecordResponse { awaited, to_read, static_data: cda.then(StaticData::new) };
        Some(state.wait(context))
    }

    fn wait(self, context: &mut Context) -> State {
        context.transmit(Command::read_record(self.awaited.sfi, self.awaited.number));
        State::RecordResponse(self)
    }

    /// RA.
    pub(super) fn response(mut self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        // S4.9
        if !response.status.is_success() {
            return Err(Fault::RecordRefused(response.status));
        }
        // S4.24 to S4.27
        card_response::store_record(&mut context.database, self.awaited.sfi, response.data)
            .map_err(|_| Fault::RecordMalformed)?;
        self.authenticate(response.data, context);

        match self.to_read.pop_front() {
            Some(awaited) => Ok(RecordResponse { awaited, ..self }.wait(context)),
            None => decision::decide(self.static_data, context),
        }
    }

    /// S4.34 and S4.35: a signed record becomes part of the data to be authenticated.
    fn authenticate(&mut self, record: &[u8], context: &mut Context) {
        let AflRecord { sfi, signed, .. } = self.awaited;
        if let Some(static_data) = self.static_data.as_mut().filter(|_| signed) {
            let fits = static_data.as_bytes().len() + record.len() <= MAX_STATIC_DATA;
            if !fits || static_data.add_record(sfi, record).is_err() {
                context.set_tvr(Tvr::CDA_FAILED);
            }
        }
    }
}
