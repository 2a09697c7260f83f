//! S10, Waiting for Recover AC Response (Book C-2, S10).

use super::context::Context;
use super::generate_ac_response::GenerateAcResponse;
use super::torn_log::{TornChange, TornRecord};
use super::{Fault, State, card_response, generate_ac, torn_recovery};
use crate::apdu::Response;
use crate::dict;
use crate::fields::{CryptogramType, ReferenceControlParameter};
use crate::oda::StaticData;

/// RECOVER AC was sent.
#[derive(Debug)]
pub(super) struct RecoverAcResponse {
    /// What terminal action analysis asks the card for, if it has nothing to recover.
    pub(super) asked_for: CryptogramType,
    /// The data that a signature is checked with, where the ODA status is CDA.
    pub(super) static_data: Option<StaticData>,
    /// The torn transaction: Torn Temp Record.
    pub(super) record: TornRecord,
}

impl RecoverAcResponse {
    /// RA.
    //= C-2 S10.7-22
    pub(super) fn response(self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        if !response.status.is_success() {
            context.torn_temp_record = Some(self.record);
            return generate_ac::prepare(self.asked_for, self.static_data, context);
        }
        torn_recovery::restore(&self.record, context);
        context.change_torn_log(TornChange::Settled(self.record));
        card_response::store_format_2(&mut context.database, response.data).map_err(|_| Fault::GenerateAcMalformed)?;
        let parameter = context.read::<ReferenceControlParameter>(dict::REFERENCE_CONTROL_PARAMETER);
        let parameter = parameter.and_then(Result::ok).unwrap_or_default();
        GenerateAcResponse { parameter, static_data: self.static_data }.answered(response.data, context)
    }
}
