//! Pre-Processing: Start A (EMV Contactless Book B, 3.1).

use crate::fields::{Amount, Ttq};
use crate::kernel::{Indicators, Transaction};
use crate::profile::Combination;

/// The Entry Point Pre-Processing Indicators of a combination for a transaction
/// (EMV Contactless Book B, 3.1.1).
///
/// An absent limit is never exceeded, and an absent amount exceeds none.
pub(super) fn pre_process(combination: &Combination, transaction: &Transaction) -> Indicators {
    let limits = &combination.limits;
    let amount = transaction.amount_authorised;
    let above = |limit: Option<Amount>| limit.zip(amount).is_some_and(|(limit, amount)| amount > limit);
    let at_or_above = |limit: Option<Amount>| limit.zip(amount).is_some_and(|(limit, amount)| amount >= limit);

    // 3.1.1.1, 3.1.1.2
    let mut indicators = Indicators { ttq: limits.ttq.map(without_requirements), ..Indicators::default() };

    // 3.1.1.3
    indicators.status_check_requested = limits.status_check_supported && amount == single_unit(transaction);

    // 3.1.1.4
    if amount == Some(Amount::ZERO) && !limits.zero_amount_for_offline_allowed {
        let is_allowed = limits.zero_amount_allowed.unwrap_or(true);
        indicators.zero_amount = is_allowed;
        indicators.contactless_application_not_allowed = !is_allowed;
    }

    // 3.1.1.5
    indicators.contactless_application_not_allowed |= at_or_above(limits.contactless_transaction_limit);

    // 3.1.1.6, 3.1.1.7
    indicators.reader_contactless_floor_limit_exceeded =
        above(limits.contactless_floor_limit.or(limits.terminal_floor_limit));

    // 3.1.1.8
    indicators.reader_cvm_required_limit_exceeded = at_or_above(limits.cvm_required_limit);

    if let Some(ttq) = &mut indicators.ttq {
        // 3.1.1.9 to 3.1.1.11
        let zero_amount_goes_online = indicators.zero_amount && !ttq.has(Ttq::OFFLINE_ONLY_READER);
        let zero_amount_cannot = indicators.zero_amount && ttq.has(Ttq::OFFLINE_ONLY_READER);
        let goes_online = indicators.reader_contactless_floor_limit_exceeded
            || indicators.status_check_requested
            || zero_amount_goes_online;
        ttq.put(Ttq::ONLINE_CRYPTOGRAM_REQUIRED, goes_online);
        indicators.contactless_application_not_allowed |= zero_amount_cannot;

        // 3.1.1.12
        ttq.put(Ttq::CVM_REQUIRED, indicators.reader_cvm_required_limit_exceeded);
    }
    indicators
}

/// The indicators of a combination where nothing is pre-processed: a new transaction at Start B
/// (EMV Contactless Book B, 3.2.1.1).
pub(super) fn without_pre_processing(combination: &Combination) -> Indicators {
    Indicators { ttq: combination.limits.ttq, ..Indicators::default() }
}

/// The configured TTQ without the bits that each transaction sets anew (3.1.1.2).
fn without_requirements(mut ttq: Ttq) -> Ttq {
    ttq.clear(Ttq::ONLINE_CRYPTOGRAM_REQUIRED);
    ttq.clear(Ttq::CVM_REQUIRED);
    ttq
}

/// One of the currency's major unit: 1.00 (EMV Contactless Book B, Annex B, Status Check Support).
fn single_unit(transaction: &Transaction) -> Option<Amount> {
    let minor_units = 10u64.checked_pow(transaction.currency_exponent.into())?;
    Amount::new(minor_units).ok()
}
