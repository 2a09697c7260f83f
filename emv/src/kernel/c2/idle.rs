//! S1, Idle: from the selected application to GET PROCESSING OPTIONS (Book C-2, S1).

use super::card_response;
use super::context::Context;
use super::data_exchange::pdol_data::PdolData;
use super::gpo_response::GpoResponse;
use super::{Fault, State, data_storage, torn_recovery};
use crate::apdu::Command;
use crate::dict;
use crate::fields::c2::ApplicationCapabilitiesInformation;
use crate::kernel::Start;
use crate::tlv::Dol;

/// The most that fits GET PROCESSING OPTIONS beside tag and length of the command template.
const MAX_PDOL_DATA: usize = 252;

/// ACT.
pub(super) fn start(start: &Start, context: &mut Context) -> Result<State, Fault> {
    torn_recovery::clean(context);
    //= C-2 S1.7
    card_response::store(&mut context.database, &start.fci).map_err(|_| Fault::FciMalformed)?;
    if context.database.value(dict::DF_NAME).is_none() {
        return Err(Fault::DfNameMissing);
    }
    let capabilities = context.read::<ApplicationCapabilitiesInformation>(dict::APPLICATION_CAPABILITIES_INFORMATION);
    if let Some(Ok(capabilities)) = capabilities
        && capabilities.has(ApplicationCapabilitiesInformation::FIELD_OFF_DETECTION_SUPPORTED)
    {
        context.field_off = Some(context.configuration.field_off_time);
    }

    data_storage::start(context);
    if is_pdol_data_missing(context) {
        return Ok(PdolData::ask(context));
    }
    get_processing_options(context)
}

/// Whether the PDOL asks for objects that the terminal is yet to give; they are asked for then.
//= C-2 S1.11-12, S2.7-10
pub(super) fn is_pdol_data_missing(context: &mut Context) -> bool {
    let pdol = context.database.value(dict::PDOL).unwrap_or_default();
    context.exchange.need_what_is_empty(pdol, &context.database)
}

/// Sends GET PROCESSING OPTIONS.
//= C-2 S1.13-14, S2.7-10
pub(super) fn get_processing_options(context: &mut Context) -> Result<State, Fault> {
    let pdol = Dol::parse(context.database.value(dict::PDOL).unwrap_or_default()).map_err(|_| Fault::FciMalformed)?;
    if pdol.data_length() > MAX_PDOL_DATA {
        return Err(Fault::FciMalformed);
    }
    let data = context.database.dol_data(pdol);
    context.database.set(dict::PDOL_RELATED_DATA, &data);
    context.transmit(Command::get_processing_options(&data));
    Ok(State::GpoResponse(GpoResponse))
}
