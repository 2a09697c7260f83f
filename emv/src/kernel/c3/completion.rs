//! Online Processing and Offline Completion (Book C-3, 5.8 and 5.9).

use super::State;
use super::context::Context;
use crate::dict;
use crate::fields::Amount;
use crate::fields::c3::{FormFactorIndicator, PaymentTransactionTechnology};
use crate::kernel::{Cvm, Decision, MessageId, Outcome, Record, Status, UiRequest, Value, ValueQualifier};
use crate::tlv::Tag;

/// What authorisation and clearing need (Book C-3, Table B-1), and what identifies the card and the
/// application for the terminal.
const DATA_RECORD: &[Tag] = &[
    dict::AMOUNT_AUTHORISED_NUMERIC,
    dict::AMOUNT_OTHER_NUMERIC,
    dict::APPLICATION_CRYPTOGRAM,
    dict::AIP,
    dict::ATC,
    dict::PAN_SEQUENCE_NUMBER,
    dict::APPLICATION_EXPIRATION_DATE,
    dict::CRYPTOGRAM_INFORMATION_DATA,
    dict::CTQ,
    dict::CUSTOMER_EXCLUSIVE_DATA,
    dict::DF_NAME,
    dict::FORM_FACTOR_INDICATOR,
    dict::IFD_SERIAL_NUMBER,
    dict::ISSUER_APPLICATION_DATA,
    dict::PAYMENT_ACCOUNT_REFERENCE,
    dict::POS_ENTRY_MODE,
    dict::TERMINAL_COUNTRY_CODE,
    dict::TERMINAL_CAPABILITIES,
    dict::TERMINAL_TYPE,
    dict::TRACK_2_EQUIVALENT_DATA,
    dict::TRANSACTION_CURRENCY_CODE,
    dict::TRANSACTION_DATE,
    dict::TRANSACTION_TYPE,
    dict::TTQ,
    dict::UNPREDICTABLE_NUMBER,
    dict::TVR,
];

/// 5.8.1.1, 5.9.1.1 and 5.9.1.2.
pub(super) fn complete(context: &mut Context) -> State {
    mask_form_factor(context);
    let (decision, message) = if context.decline_required {
        (Decision::Declined, MessageId::NotAuthorised)
    } else if !context.online_required {
        (Decision::Approved, MessageId::Approved)
    } else if context.is_online_capable() {
        (Decision::OnlineRequest, MessageId::Authorising)
    } else {
        (Decision::Declined, MessageId::NotAuthorised)
    };
    // The lights go on showing that the card was read.
    let mut request = UiRequest::new(message, Status::NotApplicable);
    let spending_amount = spending_amount(context);
    request.value = spending_amount;
    let mut outcome = Outcome::new(decision);
    outcome.cvm = Some(if decision == Decision::Declined { Cvm::NoCvm } else { context.cvm });
    outcome.ui_on_outcome = Some(context.in_language(request));
    outcome.data_record = Some(Record::from(context.database.record(DATA_RECORD)));
    if spending_amount.is_some() {
        let data = context.database.record(&[dict::AVAILABLE_OFFLINE_SPENDING_AMOUNT]);
        outcome.discretionary_data = Some(Record::from(data));
    }
    context.finish(outcome)
}

/// 4.1.1.1: the transaction went over ISO/IEC 14443.
fn mask_form_factor(context: &mut Context) {
    let indicator = context.copy(dict::FORM_FACTOR_INDICATOR);
    if let Ok(mut indicator) = FormFactorIndicator::try_from(&indicator[..]) {
        indicator.set_technology(PaymentTransactionTechnology::from_code(0));
        context.database.set(dict::FORM_FACTOR_INDICATOR, indicator.as_bytes());
    }
}

/// 4.3.1.1.
fn spending_amount(context: &Context) -> Option<Value> {
    let amount = context.database.value(dict::AVAILABLE_OFFLINE_SPENDING_AMOUNT)?;
    let amount = Amount::from_bcd(amount.try_into().ok()?).ok()?;
    context.configuration.options.display_available_spending_amount.then_some(Value {
        qualifier: ValueQualifier::Balance,
        minor_units: amount.minor_units(),
        currency: context.transaction.currency,
    })
}
