//! Read Application Data (Book C-3, 5.3; EMV Book 3, 10.2).

use alloc::collections::VecDeque;

use super::context::Context;
use super::{Fault, State, card_read_complete, initiate};
use crate::apdu::{Command, Response};
use crate::dict;
use crate::fields::AflRecord;
use crate::tlv::Tlv;

/// READ RECORD was sent.
#[derive(Debug)]
pub(super) struct RecordResponse {
    awaited: AflRecord,
    to_read: VecDeque<AflRecord>,
}

/// Files with a higher identifier hold what is no concern of the kernel (EMV Book 3, 5.3.2.2).
const LAST_EMV_FILE: u8 = 10;

impl RecordResponse {
    /// Asks for the next record, or goes on where there is none left.
    pub(super) fn next(mut to_read: VecDeque<AflRecord>, context: &mut Context) -> Result<State, Fault> {
        let Some(awaited) = to_read.pop_front() else { return card_read_complete::complete(context) };
        context.transmit(Command::read_record(awaited.sfi, awaited.number));
        Ok(State::RecordResponse(RecordResponse { awaited, to_read }))
    }

    /// Stores the record's objects, and keeps it where it is to be authenticated.
    pub(super) fn response(self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        let AflRecord { sfi, signed, .. } = self.awaited;
        if !response.status.is_success() {
            return Err(Fault::RecordRefused(response.status));
        }
        if sfi <= LAST_EMV_FILE {
            let template = Tlv::parse(response.data).map_err(|_| Fault::RecordMalformed)?;
            if template.tag != dict::READ_RECORD_RESPONSE_MESSAGE_TEMPLATE {
                return Err(Fault::RecordMalformed);
            }
            initiate::store_card_data(template.children(), context)?;
        }
        if signed && context.static_data.add_record(sfi, response.data).is_err() {
            context.static_data_complete = false;
        }
        RecordResponse::next(self.to_read, context)
    }
}
