//! S456, common processing once the records are read: what to ask the card for (Book C-2, S456).

use super::balance::BalanceBefore;
use super::context::Context;
use super::data_exchange::first_write_flag::FirstWriteFlag;
use super::data_exchange::put_data_response;
use super::reading::{Next, Reading};
use super::record_response::MAX_STATIC_DATA;
use super::{Fault, State, balance, cvm_selection, data_storage, restrictions};
use crate::dict;
use crate::fields::{Aip, Amount, Tvr};
use crate::kernel::shared::{IssuerActionCodes, analyse};
use crate::oda::{self, StaticData};

/// What CDA needs of the card (S456.25).
const CDA_DATA: &[crate::tlv::Tag] = &[
    dict::CA_PUBLIC_KEY_INDEX,
    dict::ISSUER_PUBLIC_KEY_CERTIFICATE,
    dict::ISSUER_PUBLIC_KEY_EXPONENT,
    dict::ICC_PUBLIC_KEY_CERTIFICATE,
    dict::ICC_PUBLIC_KEY_EXPONENT,
    dict::SDA_TAG_LIST,
];

/// Goes on reading, or decides once all is read and the terminal has seen what it wants to see.
//= C-2 S456.1-4, S456.5-11
pub(super) fn go_on(next: Option<Next>, reading: Reading, context: &mut Context) -> Result<State, Fault> {
    if let Some(next) = next {
        context.answer_terminal();
        return Ok(next.ask(reading, context));
    }
    match context.database.get(dict::PROCEED_TO_FIRST_WRITE_FLAG) {
        Some([]) => context.exchange.need(dict::PROCEED_TO_FIRST_WRITE_FLAG),
        Some([0]) => {}
        _ => return decide(reading.static_data, context),
    }
    context.exchange_data();
    context.start_timer();
    Ok(State::FirstWriteFlag(FirstWriteFlag { reading }))
}

/// All is read. `static_data` is there where the ODA status is CDA.
fn decide(mut static_data: Option<StaticData>, context: &mut Context) -> Result<State, Fault> {
    //= C-2 S456.12-13
    let amount = context.transaction.amount_authorised.ok_or(Fault::AmountMissing)?;
    //= C-2 S456.14-15
    if amount > context.transaction_limit() {
        return Err(Fault::TransactionLimitExceeded);
    }
    //= C-2 S456.16-17
    let mandatory = [dict::APPLICATION_EXPIRATION_DATE, dict::PAN, dict::CDOL1];
    if mandatory.iter().any(|tag| context.database.value(*tag).is_none()) {
        return Err(Fault::MandatoryDataMissing);
    }
    data_storage::check_card(context)?;
    context.answer_terminal_at_last();
    //= C-2 S456.24-28
    if let Some(static_data) = &mut static_data {
        prepare_cda(static_data, context)?;
    }
    //= C-2 S456.30-33
    let configuration = &context.configuration;
    let cvm_capability = if amount > configuration.cvm_required_limit {
        context.receipt = true;
        configuration.cvm_capability_cvm_required
    } else {
        configuration.cvm_capability_no_cvm_required
    };
    let capabilities = configuration.terminal_capabilities(cvm_capability);
    context.database.set(dict::TERMINAL_CAPABILITIES, capabilities.as_bytes());

    //= C-2 S456.34
    if balance::is_wanted(dict::BALANCE_READ_BEFORE_GEN_AC, context) {
        return Ok(BalanceBefore { amount, static_data }.ask(context));
    }
    choose_cryptogram(amount, static_data, context)
}

/// The balance was read, where it is read before GENERATE AC: which cryptogram is asked for?
pub(super) fn choose_cryptogram(
    amount: Amount,
    static_data: Option<StaticData>,
    context: &mut Context,
) -> Result<State, Fault> {
    //= C-2 S456.35-36
    restrictions::check(context);
    cvm_selection::select(amount, context)?;
    //= C-2 S456.37-38
    if amount > context.configuration.floor_limit {
        context.set_tvr(Tvr::EXCEEDS_FLOOR_LIMIT);
    }
    //= C-2 S456.39
    let asked_for = analyse(
        context.tvr(),
        &context.configuration.action_codes,
        &issuer_action_codes(context),
        context.terminal_environment(),
    );
    put_data_response::before_generate_ac(asked_for, static_data, context)
}

/// S456.25 to S456.28: whether CDA has what it needs, and the last of the static data.
fn prepare_cda(static_data: &mut StaticData, context: &mut Context) -> Result<(), Fault> {
    if CDA_DATA.iter().any(|tag| context.database.value(*tag).is_none()) {
        context.set_tvr(Tvr::ICC_DATA_MISSING);
        context.set_tvr(Tvr::CDA_FAILED);
    }
    if let Some(&[index]) = context.database.value(dict::CA_PUBLIC_KEY_INDEX)
        && !is_ca_key_usable(index, context)
    {
        context.set_tvr(Tvr::CDA_FAILED);
    }
    let Some(list) = context.database.value(dict::SDA_TAG_LIST) else { return Err(Fault::SdaTagListInvalid) };
    if !add_tag_list(static_data, list, context.aip())? {
        context.set_tvr(Tvr::CDA_FAILED);
    }
    Ok(())
}

/// Adds what the SDA Tag List names. Tells whether the data have not become too many.
fn add_tag_list(static_data: &mut StaticData, list: &[u8], aip: Aip) -> Result<bool, Fault> {
    static_data.add_tag_list(list, aip).map_err(|_: oda::Fault| Fault::SdaTagListInvalid)?;
    Ok(static_data.as_bytes().len() <= MAX_STATIC_DATA)
}

/// Whether the key of this index is there, and its expiry date is not over.
fn is_ca_key_usable(index: u8, context: &Context) -> bool {
    context.rid().is_some_and(|rid| context.profile.ca_keys.usable(rid, index, context.transaction.date).is_ok())
}

/// A code that is not five bytes was refused when it was read.
fn issuer_action_codes(context: &Context) -> IssuerActionCodes {
    let code = |tag| context.read::<Tvr>(tag).and_then(Result::ok);
    IssuerActionCodes {
        denial: code(dict::ISSUER_ACTION_CODE_DENIAL),
        online: code(dict::ISSUER_ACTION_CODE_ONLINE),
        default: code(dict::ISSUER_ACTION_CODE_DEFAULT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= test C-2 S456.24-28
    #[test]
    fn the_aip_counts_among_the_static_data() {
        let added = |length: usize, list: &[u8]| {
            let mut static_data = StaticData::from(&[0x5A; MAX_STATIC_DATA][..length]);
            add_tag_list(&mut static_data, list, Aip::from_bytes([0x19, 0x80]))
        };
        let list = [dict::AIP.number() as u8];
        assert_eq!(added(MAX_STATIC_DATA - 2, &list), Ok(true));
        assert_eq!(added(MAX_STATIC_DATA - 1, &list), Ok(false));
        assert_eq!(added(MAX_STATIC_DATA - 1, &[]), Ok(true));
        assert_eq!(added(0, &[0x5A]), Err(Fault::SdaTagListInvalid));
    }
}
