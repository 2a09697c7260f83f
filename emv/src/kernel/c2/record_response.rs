//! S4, Waiting for EMV Read Record Response (Book C-2, S4).

use super::context::Context;
use super::reading::Reading;
use super::{Fault, State, card_response, data_storage, decision};
use crate::apdu::Response;
use crate::dict;
use crate::fields::c2::{DsSlotManagementControl, KernelConfiguration};
use crate::fields::{AflRecord, Tvr};
use crate::oda::StaticData;
use crate::tlv::Tag;

/// READ RECORD was sent.
#[derive(Debug)]
pub(super) struct RecordResponse {
    pub(super) awaited: AflRecord,
    pub(super) reading: Reading,
}

/// The most static data that are kept for authentication (Book C-2, Annex A).
pub(super) const MAX_STATIC_DATA: usize = 2048;

/// What a transaction without CDA needs of the card's records (S4.37).
const NEEDED_WITHOUT_CDA: &[Tag] = &[
    dict::APPLICATION_EXPIRATION_DATE,
    dict::PAN,
    dict::PAN_SEQUENCE_NUMBER,
    dict::APPLICATION_USAGE_CONTROL,
    dict::CVM_LIST,
    dict::ISSUER_ACTION_CODE_DEFAULT,
    dict::ISSUER_ACTION_CODE_DENIAL,
    dict::ISSUER_ACTION_CODE_ONLINE,
    dict::ISSUER_COUNTRY_CODE,
    dict::TRACK_2_EQUIVALENT_DATA,
    dict::CDOL1,
];

impl RecordResponse {
    /// RA.
    //= C-2 S4.9-10, S4.24-27
    pub(super) fn response(mut self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        if !response.status.is_success() {
            return Err(Fault::RecordRefused(response.status));
        }
        card_response::store_record(&mut context.database, self.awaited.sfi, response.data)
            .map_err(|_| Fault::RecordMalformed)?;
        need_what_lists_ask_for(context);
        self.authenticate(response.data, context);
        if self.has_all_it_needs(context) {
            self.reading.skip_records();
        }
        let next = self.reading.next(context);
        decision::go_on(next, self.reading, context)
    }

    /// Whether the rest of the records can be left: without CDA nobody looks at what the data below
    /// were certified with.
    //= C-2 S4.36-38
    fn has_all_it_needs(&self, context: &Context) -> bool {
        self.reading.static_data.is_none()
            && !context.configuration.kernel.has(KernelConfiguration::READ_ALL_RECORDS_EVEN_WHEN_NO_CDA)
            && NEEDED_WITHOUT_CDA.iter().all(|tag| context.database.value(*tag).is_some())
    }

    /// A signed record becomes part of the data to be authenticated.
    //= C-2 S4.34-35
    fn authenticate(&mut self, record: &[u8], context: &mut Context) {
        let AflRecord { sfi, signed, .. } = self.awaited;
        if let Some(static_data) = self.reading.static_data.as_mut().filter(|_| signed)
            && !add_record(static_data, sfi, record)
        {
            context.set_tvr(Tvr::CDA_FAILED);
        }
    }
}

/// Adds a record. Tells whether it is one, and the data have not become too many.
fn add_record(static_data: &mut StaticData, sfi: u8, record: &[u8]) -> bool {
    static_data.add_record(sfi, record).is_ok() && static_data.as_bytes().len() <= MAX_STATIC_DATA
}

/// The terminal is asked for what CDOL1 asks for and the terminal is yet to give; and for what DSDOL
/// does, if the card's slot may be written.
//= C-2 S4.28-33
fn need_what_lists_ask_for(context: &mut Context) {
    let reads = data_storage::reads(context);
    let slot = context.read::<DsSlotManagementControl>(dict::DS_SLOT_MANAGEMENT_CONTROL).and_then(Result::ok);
    let Context { database, exchange, .. } = &mut *context;
    exchange.need_what_is_empty(database.value(dict::CDOL1).unwrap_or_default(), database);
    if reads && !slot.is_some_and(|slot| slot.has(DsSlotManagementControl::LOCKED_SLOT)) {
        exchange.need_what_is_empty(database.value(dict::DSDOL).unwrap_or_default(), database);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlv::Writer;
    use alloc::vec;

    //= test C-2 S4.34-35
    #[test]
    fn the_static_data_are_2048_bytes_at_most_without_the_templates_of_the_records() {
        let added = |lengths: [usize; 9]| {
            let mut static_data = StaticData::new();
            lengths.map(|length| {
                let mut record = Writer::new();
                record.put(dict::READ_RECORD_RESPONSE_MESSAGE_TEMPLATE, &vec![0x00; length]);
                add_record(&mut static_data, 2, &record.into_bytes())
            })
        };
        assert_eq!(added([253, 253, 253, 253, 253, 253, 253, 253, 24]), [true; 9]);
        let all_but_the_last = [true, true, true, true, true, true, true, true, false];
        assert_eq!(added([253, 253, 253, 253, 253, 253, 253, 253, 25]), all_but_the_last);
    }

    //= test C-2 S4.34-35
    #[test]
    fn a_record_that_is_no_template_makes_cda_fail_whatever_its_file() {
        assert!([2, 11].iter().all(|sfi| !add_record(&mut StaticData::new(), *sfi, &[0x77, 0x00])));
    }
}
