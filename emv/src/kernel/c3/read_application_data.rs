//! Read Application Data (Book C-3, 5.3; EMV Book 3, 10.2).

use super::context::Context;
use super::{Fault, State, card_read_complete, initiate};
use crate::apdu::{Command, Response};
use crate::dict;
use crate::fields::AflRecord;
use crate::kernel::shared::Records;
use crate::tlv::Tlv;

/// READ RECORD was sent.
#[derive(Debug)]
pub(super) struct RecordResponse {
    awaited: AflRecord,
    to_read: Records,
}

/// Files with a higher identifier hold what is no concern of the kernel (EMV Book 3, 5.3.2.2).
const LAST_EMV_FILE: u8 = 10;

impl RecordResponse {
    /// Asks for the next record, or goes on where there is none left.
    //= C-3 5.3.1.1
    pub(super) fn next(mut to_read: Records, context: &mut Context) -> Result<State, Fault> {
        let Some(awaited) = to_read.next() else { return card_read_complete::complete(context) };
        context.transmit(Command::read_record(awaited.sfi, awaited.number));
        Ok(State::RecordResponse(RecordResponse { awaited, to_read }))
    }

    /// Stores the record's objects, and keeps it where it is to be authenticated.
    //= C-3 5.3.2.1
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
            initiate::store_card_data(template.children(), context);
        }
        if signed && context.static_data.add_record(sfi, response.data).is_err() {
            context.static_data_complete = false;
        }
        RecordResponse::next(self.to_read, context)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{context, fault};
    use arrayvec::ArrayVec;

    use super::*;
    use crate::apdu::StatusWord;

    /// The card answers the only record of a file.
    fn read(sfi: u8, signed: bool, data: &[u8]) -> (Result<State, Fault>, Context) {
        let mut context = context(&[]);
        let awaited = AflRecord { sfi, number: 1, signed };
        let next = AflRecord { sfi: 1, number: 7, signed: false };
        let state = RecordResponse { awaited, to_read: ArrayVec::from_iter([next]).into_iter() };
        (state.response(Response { data, status: StatusWord::SUCCESS }, &mut context), context)
    }

    const RECORD: &[u8] = &[0x70, 0x06, 0x5F, 0x24, 0x03, 0x30, 0x12, 0x31];

    //= test C-3 5.2.1.3, 5.3.1.1
    #[test]
    fn the_objects_of_a_record_are_stored_and_the_next_one_is_asked_for() {
        let (state, context) = read(2, true, RECORD);
        assert!(matches!(state, Ok(State::RecordResponse(_))));
        assert_eq!(context.sent(), Some(&Command::read_record(1, 7)));
        assert_eq!(context.database.value(dict::APPLICATION_EXPIRATION_DATE), Some(&[0x30, 0x12, 0x31][..]));
        assert_eq!((context.static_data.as_bytes(), context.static_data_complete), (&RECORD[2..], true));
    }

    #[test]
    fn a_record_that_is_not_to_be_authenticated_is_not_kept() {
        assert!(read(2, false, RECORD).1.static_data.as_bytes().is_empty());
    }

    //= test C-3 4.1.1.4
    #[test]
    fn a_record_that_is_no_template_is_refused_in_the_files_of_the_book_alone() {
        let malformed = [0x70, 0x06, 0x5F];
        assert_eq!(fault(read(10, false, &malformed).0), Fault::RecordMalformed);
        assert_eq!(fault(read(1, false, &[0x77, 0x00]).0), Fault::RecordMalformed);
        let (state, context) = read(11, true, &malformed);
        assert!(state.is_ok());
        assert!(!context.static_data_complete, "it can't be authenticated");
    }

    //= test C-3 5.3.2.1
    #[test]
    fn a_refused_record_ends_the_reading() {
        let mut context = context(&[]);
        let state = RecordResponse {
            awaited: AflRecord { sfi: 1, number: 1, signed: false },
            to_read: ArrayVec::new().into_iter(),
        };
        let status = StatusWord::RECORD_NOT_FOUND;
        assert_eq!(fault(state.response(Response { data: &[], status }, &mut context)), Fault::RecordRefused(status));
    }
}
