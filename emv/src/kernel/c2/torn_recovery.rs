//! Torn transaction recovery: what is remembered when a card is lost, and RECOVER AC, which asks that
//! card for the same cryptogram again (Book C-2, S1.5, S9.11, S456.43 to S456.49).

use super::context::Context;
use super::recover_ac_response::RecoverAcResponse;
use super::torn_log::{TornChange, TornRecord};
use super::{Fault, State, generate_ac};
use crate::apdu::Command;
use crate::dict;
use crate::fields::{CryptogramType, CvmResults, Tvr};
use crate::oda::StaticData;
use crate::tlv::Dol;

/// Takes out of the log what is too old.
//= C-2 S1.5
pub(super) fn clean(context: &mut Context) {
    let max_lifetime = context.configuration.max_lifetime_of_torn_record;
    for record in context.torn_log.expired(&context.transaction, max_lifetime) {
        context.change_torn_log(TornChange::Released(record));
    }
}

/// Whether terminal and card both take part: the log has room, and the card says with its DRDOL what
/// RECOVER AC is to hold. A DRDOL that is malformed says nothing.
//= C-2 S9.5
pub(super) fn is_supported(context: &Context) -> bool {
    context.configuration.max_number_of_torn_records > 0 && drdol(context).is_some()
}

fn drdol(context: &Context) -> Option<Dol<'_>> {
    context.database.value(dict::DRDOL).and_then(|list| Dol::parse(list).ok())
}

/// Asks for the cryptogram of a torn transaction, where there is one of this card, and else for a new
/// one.
//= C-2 S456.43-49
pub(super) fn recover_or_generate(
    asked_for: CryptogramType,
    static_data: Option<StaticData>,
    context: &mut Context,
) -> Result<State, Fault> {
    let torn = context.torn_log.find(&context.database).filter(|_| is_supported(context)).cloned();
    let Some(record) = torn else {
        return generate_ac::prepare(asked_for, static_data, context);
    };
    context.transmit(Command::recover_ac(record.get(dict::DRDOL_RELATED_DATA).unwrap_or_default()));
    Ok(State::RecoverAcResponse(RecoverAcResponse { asked_for, static_data, record }))
}

/// Adds the transaction to the log: its card was lost and may have decided. The oldest record makes
/// room where there is none, and becomes Torn Record of the discretionary data.
//= C-2 S9.9-15, S11.11-17
pub(super) fn remember(context: &mut Context) {
    let Some(drdol) = drdol(context) else { return };
    let data = context.database.dol_data(drdol);
    context.database.set(dict::DRDOL_RELATED_DATA, &data);
    let max = context.configuration.max_number_of_torn_records.into();
    while let Some(oldest) = context.torn_log.in_the_way(max).cloned() {
        context.database.set(dict::TORN_RECORD, oldest.to_record().as_bytes());
        context.change_torn_log(TornChange::Released(oldest));
    }
    context.change_torn_log(TornChange::Added(TornRecord::of(&context.database)));
}

/// Makes the torn transaction the one that is completed: its objects take the place of those of the
/// transaction that the card was presented for.
//= C-2 S10.7-22
pub(super) fn restore(record: &TornRecord, context: &mut Context) {
    for (tag, value) in record.iter() {
        context.database.set(tag, value);
    }
    context.update_transaction();
    if let Some(Ok(tvr)) = context.read::<Tvr>(dict::TVR) {
        context.write_tvr(tvr);
    }
    if let Some(Ok(results)) = context.read::<CvmResults>(dict::CVM_RESULTS) {
        context.set_cvm_results(results);
    }
}
