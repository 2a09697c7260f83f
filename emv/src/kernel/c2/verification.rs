//! S910, common processing once there is a cryptogram: is it the card's, and what does it say
//! (Book C-2, S910).

use super::context::Context;
use super::data_exchange::put_data_response;
use super::generate_ac_response::GenerateAcResponse;
use super::outcome::{self, DiscretionaryData};
use super::{Fault, State, balance, data_storage, relay_resistance_track, second_tap};
use crate::dict;
use crate::fields::c2::{PosCardholderInteractionInformation, ThirdPartyData};
use crate::fields::{
    CryptogramInformationData, CryptogramType, ReferenceControlParameter, RelayResistance, TerminalCapabilities, Tvr,
};
use crate::kernel::shared::{TransactionKind, icc_key};
use crate::kernel::{Cvm, Decision, Event, MessageId, OdaMethod, Outcome, Status, UiRequest};
use crate::oda::{self, CombinedDynamicData, CombinedSignature, StaticData};
use crate::tlv::{Tag, Tlv};

/// The response to GENERATE AC was stored; `response` are its data.
pub(super) fn verify(
    state: GenerateAcResponse,
    cid: CryptogramInformationData,
    response: &[u8],
    context: &mut Context,
) -> Result<State, Fault> {
    //= C-2 S9.28, S11.25
    if context.database.value(dict::SIGNED_DYNAMIC_APPLICATION_DATA).is_some() {
        with_cda(state.static_data.unwrap_or_default(), response, context)?;
    } else {
        without_cda(cid, state.parameter, context)?;
    }
    Ok(valid(cid.cryptogram_type(), context))
}

/// There is a signature: it must verify.
//= C-2 S910.1-4, S910.7, S11.40-43, S11.46
fn with_cda(static_data: StaticData, response: &[u8], context: &mut Context) -> Result<(), Fault> {
    let verified = verify_cda(&static_data, response, context);
    context.record(Event::OfflineDataAuthentication {
        method: OdaMethod::Cda,
        result: verified.as_ref().map(|_| ()).map_err(|fault| *fault),
    });
    match verified {
        Ok(signed) => {
            context.database.set(dict::APPLICATION_CRYPTOGRAM, &signed.application_cryptogram);
            context.database.set(dict::ICC_DYNAMIC_NUMBER, signed.icc_dynamic_number());
            data_storage::take(signed.remaining(), context);
            data_storage::check(context)
        }
        Err(fault) => {
            context.set_tvr(Tvr::CDA_FAILED);
            Err(Fault::CdaFailed(fault))
        }
    }
}

/// The chain of keys, then the signature (EMV Book 2, 6.6.2).
fn verify_cda(static_data: &StaticData, response: &[u8], context: &Context) -> Result<CombinedDynamicData, oda::Fault> {
    let object = |tag: Tag| context.database.value(tag).unwrap_or_default();
    let icc_key = icc_key(&context.database, &context.profile, context.rid(), static_data, context.transaction.date)?;
    let template = Tlv::parse(response).map_err(|_| oda::Fault::MissingSignature)?;
    let unpredictable_number = object(dict::UNPREDICTABLE_NUMBER).try_into().map_err(|_| oda::Fault::HashMismatch)?;
    let signed = oda::verify_combined(
        &icc_key,
        &CombinedSignature {
            unpredictable_number,
            sent: &[object(dict::PDOL_RELATED_DATA), object(dict::CDOL1_RELATED_DATA)],
            response: template.children(),
        },
    )?;
    verify_relay_resistance(&signed, context)?;
    Ok(signed)
}

/// Where relay resistance was performed, the card signs what was exchanged.
//= C-2 S910.2.2
fn verify_relay_resistance(signed: &CombinedDynamicData, context: &Context) -> Result<(), oda::Fault> {
    if context.tvr().relay_resistance() != RelayResistance::Performed {
        return Ok(());
    }
    let exchanged = [
        dict::TERMINAL_RELAY_RESISTANCE_ENTROPY,
        dict::DEVICE_RELAY_RESISTANCE_ENTROPY,
        dict::MIN_TIME_FOR_PROCESSING_RELAY_RESISTANCE_APDU,
        dict::MAX_TIME_FOR_PROCESSING_RELAY_RESISTANCE_APDU,
        dict::DEVICE_ESTIMATED_TRANSMISSION_TIME_R_APDU,
    ];
    let exchanged = exchanged.map(|tag| context.database.value(tag).unwrap_or_default()).concat();
    if signed.remaining().ends_with(&exchanged) { Ok(()) } else { Err(oda::Fault::RelayResistanceData) }
}

/// There is no signature: one that was asked for must be there; only a refusal may lack it, where no stored
/// data were read.
//= C-2 S910.30-31, S910.32-37, S11.70-71, S11.72-77
fn without_cda(
    cid: CryptogramInformationData,
    parameter: ReferenceControlParameter,
    context: &mut Context,
) -> Result<(), Fault> {
    if context.database.value(dict::APPLICATION_CRYPTOGRAM).is_none() {
        return Err(Fault::CryptogramMissing);
    }
    let refused = cid.cryptogram_type() == CryptogramType::Aac;
    let refusal_asked_for = parameter.cryptogram_type() == CryptogramType::Aac;
    let signature_asked_for = parameter.has(ReferenceControlParameter::CDA_REQUESTED);
    if (signature_asked_for && (!refused || refusal_asked_for)) || (refused && data_storage::reads(context)) {
        return Err(Fault::SignatureMissing);
    }
    if !refused {
        relay_resistance_track::write(context);
    }
    Ok(())
}

/// The cryptogram counts.
//= C-2 S910.70-71, S11.110-121
fn valid(cryptogram: CryptogramType, context: &mut Context) -> State {
    let interaction = context
        .read::<PosCardholderInteractionInformation>(dict::POS_CARDHOLDER_INTERACTION_INFORMATION)
        .and_then(Result::ok)
        .filter(|interaction| interaction.needs_second_tap());
    let completion = match interaction {
        Some(interaction) => Completion {
            outcome: second_tap::outcome(interaction, context),
            on_phone: Some(second_tap::request(interaction, context)),
        },
        None => Completion { outcome: by_cryptogram(cryptogram, context), on_phone: None },
    };
    put_data_response::after_generate_ac(completion, context)
}

/// How the transaction ends once the last object is written to the card.
#[derive(Debug)]
pub(super) struct Completion {
    outcome: Outcome,
    /// What to show where the cardholder is to look at the phone.
    on_phone: Option<UiRequest>,
}

impl Completion {
    /// Ends the transaction, with nothing written.
    //= C-2 S910.79-80, S910.81
    pub(super) fn finish(self, context: &mut Context) -> State {
        if let Some(request) = self.on_phone {
            context.show(request);
        }
        let mut outcome = self.outcome;
        outcome.cvm = context.cvm;
        outcome.receipt = context.receipt;
        outcome.field_off = context.field_off;
        outcome.data_record = Some(outcome::data_record(context));
        outcome.discretionary_data = Some(outcome::discretionary_data(context, DiscretionaryData::Whole));
        context.finish(outcome)
    }

    /// Ends the transaction after writing: only now may the card go.
    //= C-2 S15.5-13
    pub(super) fn finish_after_writing(mut self, context: &mut Context) -> State {
        match &mut self.on_phone {
            Some(request) => request.status = Status::CardReadSuccessfully,
            None => context.show(UiRequest::new(MessageId::ClearDisplay, Status::CardReadSuccessfully)),
        }
        self.finish(context)
    }
}

/// What a cryptogram means, and what is shown for it.
//= C-2 S910.74, S910.75
fn by_cryptogram(cryptogram: CryptogramType, context: &Context) -> Outcome {
    let hold_time = context.configuration.message_hold_time;
    let not_ready = |message| UiRequest::new(message, Status::NotReady);
    let (decision, request) = match cryptogram {
        CryptogramType::Tc if context.cvm == Some(Cvm::ObtainSignature) => {
            (Decision::Approved, not_ready(MessageId::ApprovedPleaseSign).held_for(hold_time))
        }
        CryptogramType::Tc => (Decision::Approved, not_ready(MessageId::Approved).held_for(hold_time)),
        CryptogramType::Arqc => (Decision::OnlineRequest, not_ready(MessageId::Authorising)),
        CryptogramType::Aac | CryptogramType::Rfu => match TransactionKind::of(context.transaction.transaction_type) {
            TransactionKind::Other => (Decision::EndApplication, not_ready(MessageId::ClearDisplay)),
            _ if may_use_contacts(context) => {
                (Decision::TryAnotherInterface, not_ready(MessageId::InsertCard).held_for(hold_time))
            }
            _ => (Decision::Declined, not_ready(MessageId::NotAuthorised).held_for(hold_time)),
        },
    };
    let value = balance::shown(context).filter(|_| decision == Decision::Approved);
    let mut outcome = Outcome::new(decision);
    outcome.ui_on_outcome = Some(context.in_language(UiRequest { value, ..request }));
    outcome
}

/// Whether terminal and device both have contacts.
fn may_use_contacts(context: &Context) -> bool {
    const CARD: &[u8; 2] = b"00";
    let terminal = context.read::<TerminalCapabilities>(dict::TERMINAL_CAPABILITIES).and_then(Result::ok);
    let third_party = context.database.value(dict::THIRD_PARTY_DATA).map(ThirdPartyData::from_bytes);
    let device_type = third_party.and_then(Result::ok).and_then(|data| data.device_type);
    terminal.is_some_and(|terminal| terminal.has(TerminalCapabilities::IC_WITH_CONTACTS))
        && device_type.is_none_or(|device_type| device_type == *CARD)
}
