//! S7, Waiting for Mag-stripe Read Record Response (Book C-2, S7).

use alloc::boxed::Box;

use super::tracks::Tracks;
use super::{Context, Fault, State, checksum};
use crate::apdu::{Command, Response};
use crate::dict;
use crate::fields::AflRecord;
use crate::kernel::c2::{card_response, reading};
use crate::kernel::shared::{Records, records};
use crate::tlv::Tag;

/// READ RECORD was sent.
#[derive(Debug)]
pub(in crate::kernel::c2) struct MagStripeRecordResponse {
    awaited: AflRecord,
    to_read: Records,
}

/// What mag-stripe mode can't do without (S7.20).
const MANDATORY: [Tag; 4] = [dict::TRACK_2_DATA, dict::PUNATC_TRACK2, dict::PCVC3_TRACK2, dict::NATC_TRACK2];

impl MagStripeRecordResponse {
    /// Asks for the first record. Where the AFL begins with mag-stripe mode's own entry, no other is
    /// read.
    //= C-2 S3.70-72, S3.79-80
    pub(in crate::kernel::c2) fn first(context: &mut Context) -> Result<State, Fault> {
        let afl = context.database.value(dict::AFL).unwrap_or_default();
        let active = if afl.starts_with(&reading::MAG_STRIPE_ENTRY) { &reading::MAG_STRIPE_ENTRY } else { afl };
        let mut to_read = records(active).ok_or(Fault::AflInvalid)?;
        let awaited = to_read.next().ok_or(Fault::AflInvalid)?;
        //= C-2 S3.76-78
        context.exchange_data();
        Ok(MagStripeRecordResponse { awaited, to_read }.wait(context))
    }

    fn wait(self, context: &mut Context) -> State {
        context.transmit(Command::read_record(self.awaited.sfi, self.awaited.number));
        State::MagStripeRecordResponse(self)
    }

    /// RA.
    //= C-2 S7.9-10, S7.11-13, S7.16-19, S7.20-21
    pub(in crate::kernel::c2) fn response(
        mut self,
        response: Response<'_>,
        context: &mut Context,
    ) -> Result<State, Fault> {
        // S7.9
        if !response.status.is_success() {
            return Err(Fault::MagStripeRecordRefused(response.status));
        }
        // S7.11 to S7.13
        card_response::store_record(&mut context.database, self.awaited.sfi, response.data)
            .map_err(|_| Fault::MagStripeRecordMalformed)?;
        //= C-2 S7.14-15
        context.exchange.need_what_is_empty(context.database.value(dict::UDOL).unwrap_or_default(), &context.database);
        // S7.16 to S7.19
        if let Some(awaited) = self.to_read.next() {
            return Ok(MagStripeRecordResponse { awaited, ..self }.wait(context));
        }
        // S7.20
        if MANDATORY.iter().any(|tag| context.database.value(*tag).is_none()) {
            return Err(Fault::MagStripeDataMissing);
        }
        let tracks = Tracks::read(&context.database).ok_or(Fault::MagStripeDataInvalid)?;
        store_discretionary_data(&tracks, context);
        checksum::go_on(Box::new(tracks), context)
    }
}

/// Keeps the discretionary data as the card gave them.
//= C-2 S7.23
fn store_discretionary_data(tracks: &Tracks, context: &mut Context) {
    context.database.set(dict::DD_CARD_TRACK2, &tracks.discretionary_data_of_track_2());
    if let Some(discretionary_data) = tracks.discretionary_data_of_track_1() {
        context.database.set(dict::DD_CARD_TRACK1, discretionary_data.as_bytes());
    }
}
