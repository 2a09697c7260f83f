//! Prepare GENERATE AC Command (Book C-2, GAC).

use super::context::Context;
use super::data_storage::{self, Writing};
use super::generate_ac_response::GenerateAcResponse;
use super::{Fault, State};
use crate::apdu::Command;
use crate::dict;
use crate::fields::c2::ApplicationCapabilitiesInformation;
use crate::fields::{CryptogramType, ReferenceControlParameter, Tvr};
use crate::oda::StaticData;
use crate::tlv::{Dol, DolData};

/// Sends GENERATE AC. `asked_for` is what terminal action analysis decided; `static_data` is there
/// where the ODA status is CDA.
//= C-2 GAC.29
pub(super) fn prepare(
    asked_for: CryptogramType,
    static_data: Option<StaticData>,
    context: &mut Context,
) -> Result<State, Fault> {
    let (parameter, stored) = ask(asked_for, static_data.is_some(), context)?;
    let [reference_control] = *parameter.as_bytes();
    context.database.set(dict::REFERENCE_CONTROL_PARAMETER, &[reference_control]);

    // GAC.29, GAC.47
    let cdol1 = Dol::parse(context.database.value(dict::CDOL1).unwrap_or_default());
    let mut data = context.database.dol_data(cdol1.map_err(|_| Fault::CardListMalformed)?);
    context.database.set(dict::CDOL1_RELATED_DATA, &data);
    if let Some(stored) = stored {
        data.try_extend_from_slice(&stored).map_err(|_| Fault::CardListMalformed)?;
        data_storage::note_writing(context);
    }
    context.transmit(Command::generate_ac(reference_control, &data));
    Ok(State::GenerateAcResponse(GenerateAcResponse { parameter, static_data }))
}

/// What the card is asked for, and the data that it is to store.
fn ask(
    asked_for: CryptogramType,
    is_cda: bool,
    context: &mut Context,
) -> Result<(ReferenceControlParameter, Option<DolData>), Fault> {
    let cda = is_cda && !context.tvr().has(Tvr::CDA_FAILED);
    //= C-2 GAC.1-2
    if cda && data_storage::reads(context) {
        return Ok(match Writing::decide(asked_for, context)? {
            Writing::Nothing => (reference_control_parameter(asked_for, true), None),
            Writing::Data(cryptogram) => {
                (reference_control_parameter(cryptogram, true), Some(data_storage::data_to_write(context)?))
            }
        });
    }
    let parameter = if cda {
        //= C-2 GAC.20-21, GAC.24-25, GAC.27
        let signed = asked_for != CryptogramType::Aac || signs_any_cryptogram(context);
        reference_control_parameter(asked_for, signed)
    } else if context.on_device_cvm() {
        //= C-2 GAC.22-23
        // What a phone says of its holder does not count without a signature.
        reference_control_parameter(CryptogramType::Aac, false)
    } else {
        //= C-2 GAC.26
        reference_control_parameter(asked_for, false)
    };
    Ok((parameter, None))
}

fn reference_control_parameter(asked_for: CryptogramType, signed: bool) -> ReferenceControlParameter {
    let mut parameter = ReferenceControlParameter::new(asked_for);
    parameter.put(ReferenceControlParameter::CDA_REQUESTED, signed);
    parameter
}

fn signs_any_cryptogram(context: &Context) -> bool {
    context
        .read::<ApplicationCapabilitiesInformation>(dict::APPLICATION_CAPABILITIES_INFORMATION)
        .and_then(Result::ok)
        .is_some_and(|capabilities| capabilities.has(ApplicationCapabilitiesInformation::CDA_OVER_TC_ARQC_AND_AAC))
}
