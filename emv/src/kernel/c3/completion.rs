//! Online Processing and Offline Completion (Book C-3, 5.8 and 5.9).

use core::time::Duration;

use super::State;
use super::context::Context;
use crate::dict;
use crate::fields::c3::{FormFactorIndicator, PaymentTransactionTechnology};
use crate::fields::{Amount, Ctq, Ttq};
use crate::kernel::{
    Cvm, Decision, MessageId, OnlineResponseData, Outcome, Record, StartPoint, Status, UiRequest, Value, ValueQualifier,
};
use crate::tlv::Tag;

/// What authorisation and clearing need (Book C-3, Table B-1), and what identifies the card and the
/// application for the terminal.
//= C-3 3.2.1.1, 3.2.1.2, 3.2.1.3, B.1.1
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

/// What card, reader and merchant came to.
//= C-3 4.1.1.3, 5.8.1.1, 5.9.1.1, 5.9.1.2, 5.9.1.3
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
    outcome.cvm = if decision == Decision::Declined { Some(Cvm::NoCvm) } else { context.cvm };
    outcome.ui_on_outcome = Some(context.in_language(request));
    outcome.data_record = Some(Record::from(context.database.record(DATA_RECORD)));
    if decision == Decision::OnlineRequest && is_update_supported(context) {
        present_again(&mut outcome, context);
    }
    if spending_amount.is_some() {
        let data = context.database.record(&[dict::AVAILABLE_OFFLINE_SPENDING_AMOUNT]);
        outcome.discretionary_data = Some(Record::from(data));
    }
    context.finish(outcome)
}

/// Whether card and reader both know Issuer Update Processing.
fn is_update_supported(context: &Context) -> bool {
    let by_card = context.ctq().is_some_and(|ctq| ctq.has(Ctq::ISSUER_UPDATE_PROCESSING_SUPPORTED));
    by_card && context.ttq.has(Ttq::ISSUER_UPDATE_PROCESSING_SUPPORTED)
}

/// What the issuer sends for the card starts the kernel once more.
//= C-3 5.8.1.2
fn present_again(outcome: &mut Outcome, context: &Context) {
    outcome.start = Some(StartPoint::B);
    outcome.online_response_data = Some(OnlineResponseData::EmvData);
    let request = UiRequest::new(MessageId::PresentCardAgain, Status::ReadyToRead);
    outcome.ui_on_restart = Some(context.in_language(request));
    outcome.field_off = Some(Duration::ZERO);
}

/// The transaction went over ISO/IEC 14443.
//= C-3 4.1.1.1
fn mask_form_factor(context: &mut Context) {
    let indicator = context.copy(dict::FORM_FACTOR_INDICATOR);
    if let Ok(mut indicator) = FormFactorIndicator::try_from(&indicator[..]) {
        indicator.set_technology(PaymentTransactionTechnology::from_code(0));
        context.database.set(dict::FORM_FACTOR_INDICATOR, indicator.as_bytes());
    }
}

/// What is left to spend offline, where the card tells it and the reader shows it.
//= C-3 4.3.1.1
fn spending_amount(context: &Context) -> Option<Value> {
    let amount = context.database.value(dict::AVAILABLE_OFFLINE_SPENDING_AMOUNT)?;
    let amount = Amount::from_bcd(amount.try_into().ok()?).ok()?;
    context.configuration.options.display_available_spending_amount.then_some(Value {
        qualifier: ValueQualifier::Balance,
        minor_units: amount.minor_units(),
        currency: context.transaction.currency,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Options;
    use super::super::testing::context;
    use super::*;
    use crate::fields::{Bit, Ctq};
    use crate::tlv::Tlvs;

    fn completed(mut context: Context) -> Outcome {
        assert!(matches!(complete(&mut context), State::Finished));
        context.outcome().unwrap().clone()
    }

    //= test C-3 4.1.1.3, 5.8.1.1, 5.9.1.1, 5.9.1.2, 5.9.1.3
    #[test]
    fn the_indicators_decide_and_declining_goes_first() {
        for (online, decline, offline_only, decision, message) in [
            (false, false, false, Decision::Approved, MessageId::Approved),
            (true, false, false, Decision::OnlineRequest, MessageId::Authorising),
            (true, false, true, Decision::Declined, MessageId::NotAuthorised),
            (false, false, true, Decision::Approved, MessageId::Approved),
            (false, true, false, Decision::Declined, MessageId::NotAuthorised),
            (true, true, false, Decision::Declined, MessageId::NotAuthorised),
        ] {
            let mut context = context(if offline_only { &[Ttq::OFFLINE_ONLY_READER] } else { &[] });
            (context.online_required, context.decline_required) = (online, decline);
            context.cvm = Some(Cvm::ObtainSignature);
            let outcome = completed(context);
            assert_eq!(outcome.decision, decision);
            assert_eq!(outcome.ui_on_outcome, Some(UiRequest::new(message, Status::NotApplicable)));
            let cvm = if decision == Decision::Declined { Cvm::NoCvm } else { Cvm::ObtainSignature };
            assert_eq!(outcome.cvm, Some(cvm));
            assert!(outcome.data_record.is_some());
            assert_eq!((outcome.start, outcome.field_off, outcome.receipt), (None, None, false));
        }
    }

    //= test C-3 5.8.1.2
    #[test]
    fn the_card_comes_back_where_it_and_the_reader_know_what_for_and_the_issuer_is_asked() {
        let (by_reader, by_card) =
            (&[Ttq::ISSUER_UPDATE_PROCESSING_SUPPORTED], &[Ctq::ISSUER_UPDATE_PROCESSING_SUPPORTED]);
        let without_ctq = || {
            let mut context = context(by_reader);
            context.online_required = true;
            completed(context)
        };
        let ended = |ttq: &[Bit<Ttq>], ctq: &[Bit<Ctq>], online| {
            let mut context = context(ttq).with_ctq(ctq);
            context.online_required = online;
            completed(context)
        };
        let outcome = ended(by_reader, by_card, true);
        assert_eq!((outcome.decision, outcome.start), (Decision::OnlineRequest, Some(StartPoint::B)));
        assert_eq!(outcome.online_response_data, Some(OnlineResponseData::EmvData));
        assert_eq!(outcome.ui_on_restart, Some(UiRequest::new(MessageId::PresentCardAgain, Status::ReadyToRead)));
        assert_eq!(outcome.field_off, Some(Duration::ZERO));
        let others = [ended(&[], by_card, true), ended(by_reader, &[], true), ended(by_reader, by_card, false)];
        for outcome in others.into_iter().chain([without_ctq()]) {
            assert_eq!((outcome.start, outcome.online_response_data), (None, None));
            assert_eq!((outcome.ui_on_restart, outcome.field_off), (None, None));
        }
    }

    fn objects(record: &Option<Record>) -> Tlvs<'_> {
        Tlvs::parse(record.as_ref().unwrap().as_bytes()).unwrap()
    }

    //= test C-3 4.1.1.1
    #[test]
    fn the_form_factor_tells_the_acquirer_that_it_went_over_iso_14443() {
        let outcome = completed(context(&[]).given(dict::FORM_FACTOR_INDICATOR, &[0x20, 0x70, 0x00, 0xA5]));
        let indicator = objects(&outcome.data_record).iter().find(|object| object.tag == dict::FORM_FACTOR_INDICATOR);
        assert_eq!(indicator.unwrap().value, [0x20, 0x70, 0x00, 0xA0]);
    }

    /// What Table B-1 asks for, but for the Terminal Entry Capability: it has no tag, and is 5 or 8 as the TTQ of the
    /// data record say whether the terminal takes chips by contacts too.
    //= test C-3 B.1.1
    #[test]
    fn the_data_record_has_what_the_acquirer_needs_and_a_tvr_of_zero() {
        let card = [
            (dict::AMOUNT_OTHER_NUMERIC, 6),
            (dict::APPLICATION_CRYPTOGRAM, 8),
            (dict::AIP, 2),
            (dict::ATC, 2),
            (dict::PAN_SEQUENCE_NUMBER, 1),
            (dict::CUSTOMER_EXCLUSIVE_DATA, 4),
            (dict::FORM_FACTOR_INDICATOR, 4),
            (dict::ISSUER_APPLICATION_DATA, 7),
            (dict::TRACK_2_EQUIVALENT_DATA, 12),
        ];
        let context =
            card.into_iter().fold(context(&[]), |context, (tag, length)| context.given(tag, &[1; 32][..length]));
        let outcome = completed(context);
        let record = objects(&outcome.data_record);
        let own = [
            dict::AMOUNT_AUTHORISED_NUMERIC,
            dict::POS_ENTRY_MODE,
            dict::TERMINAL_COUNTRY_CODE,
            dict::TRANSACTION_CURRENCY_CODE,
            dict::TRANSACTION_DATE,
            dict::TRANSACTION_TYPE,
            dict::TTQ,
            dict::UNPREDICTABLE_NUMBER,
        ];
        for tag in card.into_iter().map(|(tag, _)| tag).chain(own) {
            assert!(record.find(tag).is_some(), "{tag}");
        }
        assert_eq!(record.find(dict::TVR), Some(&[0; 5][..]));
        assert_eq!(record.find(dict::POS_ENTRY_MODE), Some(&[0x07][..]));
    }

    //= test C-3 4.3.1.1
    #[test]
    fn what_is_left_to_spend_is_shown_where_the_card_tells_it_and_the_reader_wants_it() {
        let enabled = Options { display_available_spending_amount: true, ..Options::default() };
        let amount = [0x00, 0x00, 0x00, 0x00, 0x43, 0x21];
        let told = || context(&[]).given(dict::AVAILABLE_OFFLINE_SPENDING_AMOUNT, &amount);

        let outcome = completed(told().with_options(enabled));
        let balance = Value { qualifier: ValueQualifier::Balance, minor_units: 4321, currency: [0x09, 0x78] };
        assert_eq!(outcome.ui_on_outcome.as_ref().unwrap().value, Some(balance));
        let shown = objects(&outcome.discretionary_data).iter().next().unwrap();
        assert_eq!((shown.tag, shown.value), (dict::AVAILABLE_OFFLINE_SPENDING_AMOUNT, &amount[..]));

        for outcome in [completed(told()), completed(context(&[]).with_options(enabled))] {
            assert_eq!(outcome.ui_on_outcome.unwrap().value, None);
            assert_eq!(outcome.discretionary_data, None);
        }
    }
}
