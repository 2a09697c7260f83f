//! Pre-Processing: Start A (EMV Contactless Book B, 3.1).

use crate::fields::{Amount, Ttq};
use crate::kernel::{Indicators, Transaction};
use crate::profile::{Combination, Limits};

/// The Entry Point Pre-Processing Indicators of a combination with these limits for a transaction
/// (EMV Contactless Book B, 3.1.1).
///
/// An absent limit is never exceeded, and an absent amount exceeds none.
pub(crate) fn pre_process(limits: &Limits, transaction: &Transaction) -> Indicators {
    let amount = transaction.amount_authorised;
    let above = |limit: Option<Amount>| limit.zip(amount).is_some_and(|(limit, amount)| amount > limit);
    let at_or_above = |limit: Option<Amount>| limit.zip(amount).is_some_and(|(limit, amount)| amount >= limit);

    //= B 3.1.1.1, 3.1.1.2
    let mut indicators = Indicators { ttq: limits.ttq.map(without_requirements), ..Indicators::default() };

    //= B 3.1.1.3
    indicators.status_check_requested =
        limits.status_check_supported && amount.is_some() && amount == single_unit(transaction);

    //= B 3.1.1.4
    if amount == Some(Amount::ZERO) && !limits.zero_amount_for_offline_allowed {
        let is_allowed = limits.zero_amount_allowed.unwrap_or(true);
        indicators.zero_amount = is_allowed;
        indicators.contactless_application_not_allowed = !is_allowed;
    }

    //= B 3.1.1.5
    indicators.contactless_application_not_allowed |= at_or_above(limits.contactless_transaction_limit);

    //= B 3.1.1.6, 3.1.1.7
    indicators.reader_contactless_floor_limit_exceeded =
        above(limits.contactless_floor_limit.or(limits.terminal_floor_limit));

    //= B 3.1.1.8
    indicators.reader_cvm_required_limit_exceeded = at_or_above(limits.cvm_required_limit);

    if let Some(ttq) = &mut indicators.ttq {
        //= B 3.1.1.9, 3.1.1.10, 3.1.1.11
        let zero_amount_goes_online = indicators.zero_amount && !ttq.has(Ttq::OFFLINE_ONLY_READER);
        let zero_amount_cannot = indicators.zero_amount && ttq.has(Ttq::OFFLINE_ONLY_READER);
        let goes_online = indicators.reader_contactless_floor_limit_exceeded
            || indicators.status_check_requested
            || zero_amount_goes_online;
        ttq.put(Ttq::ONLINE_CRYPTOGRAM_REQUIRED, goes_online);
        indicators.contactless_application_not_allowed |= zero_amount_cannot;

        //= B 3.1.1.12
        ttq.put(Ttq::CVM_REQUIRED, indicators.reader_cvm_required_limit_exceeded);
    }
    indicators
}

/// The indicators of a combination where nothing is pre-processed: a new transaction at Start B
/// (EMV Contactless Book B, 3.2.1.1).
//= B 3.2.1.1
pub(super) fn without_pre_processing(combination: &Combination) -> Indicators {
    Indicators { ttq: combination.limits.ttq, ..Indicators::default() }
}

/// The configured TTQ without the bits that each transaction sets anew (3.1.1.2).
//= B 3.1.1.2
fn without_requirements(mut ttq: Ttq) -> Ttq {
    ttq.clear(Ttq::ONLINE_CRYPTOGRAM_REQUIRED);
    ttq.clear(Ttq::CVM_REQUIRED);
    ttq
}

/// One of the currency's major unit: 1.00 (EMV Contactless Book B, Annex B, Status Check Support).
//= B 3.1.1.3
fn single_unit(transaction: &Transaction) -> Option<Amount> {
    let minor_units = 10u64.checked_pow(transaction.currency_exponent.into())?;
    Amount::new(minor_units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::testing::purchase;

    fn indicators(amount: u32, limits: Limits) -> Indicators {
        pre_process(&limits, &purchase(amount))
    }

    fn limit(minor_units: u32) -> Option<Amount> {
        Some(Amount::from(minor_units))
    }

    //= test B 3.1.1.1
    //= test A 5.6.5
    #[test]
    fn nothing_is_indicated_without_configuration() {
        for amount in [1, 100, 4_000_000_000] {
            assert_eq!(indicators(amount, Limits::default()), Indicators::default());
        }
    }

    //= test B 3.1.1.3
    #[test]
    fn a_status_check_is_one_of_the_major_unit() {
        let limits = Limits { status_check_supported: true, ..Limits::default() };
        for (amount, is_status_check) in [(99, false), (100, true), (101, false)] {
            assert_eq!(indicators(amount, limits.clone()).status_check_requested, is_status_check, "{amount}");
        }
        let yen = Transaction { currency_exponent: 0, ..purchase(1) };
        assert!(pre_process(&limits, &yen).status_check_requested);
        let absurd = Transaction { currency_exponent: 255, ..purchase(1) };
        assert!(!pre_process(&limits, &absurd).status_check_requested);
        let without_amount = Transaction { amount_authorised: None, ..absurd };
        assert!(!pre_process(&limits, &without_amount).status_check_requested);
    }

    //= test B 3.1.1.4
    #[test]
    fn a_zero_amount_is_allowed_unless_the_flag_says_not() {
        for (flag, zero_amount, not_allowed) in
            [(None, true, false), (Some(true), true, false), (Some(false), false, true)]
        {
            let found = indicators(0, Limits { zero_amount_allowed: flag, ..Limits::default() });
            assert_eq!((found.zero_amount, found.contactless_application_not_allowed), (zero_amount, not_allowed));
        }
    }

    //= test B 3.1.1.4
    #[test]
    fn a_zero_amount_that_may_stay_offline_is_like_any_other() {
        let limits = Limits {
            zero_amount_for_offline_allowed: true,
            zero_amount_allowed: Some(false),
            ttq: Some(Ttq::default()),
            ..Limits::default()
        };
        let expected = Indicators { ttq: Some(Ttq::default()), ..Indicators::default() };
        assert_eq!(indicators(0, limits), expected);
    }

    //= test B 3.1.1.2, 3.1.1.5, 3.1.1.8, 3.1.1.12
    #[test]
    fn the_transaction_limit_and_the_cvm_limit_are_exceeded_when_they_are_reached() {
        let limits = Limits {
            contactless_transaction_limit: limit(5000),
            cvm_required_limit: limit(2500),
            ttq: Some(Ttq::default().with(Ttq::CVM_REQUIRED)),
            ..Limits::default()
        };
        for (amount, needs_cvm, not_allowed) in
            [(2499, false, false), (2500, true, false), (4999, true, false), (5000, true, true)]
        {
            let found = indicators(amount, limits.clone());
            assert_eq!(found.reader_cvm_required_limit_exceeded, needs_cvm, "{amount}");
            assert_eq!(found.ttq.unwrap().has(Ttq::CVM_REQUIRED), needs_cvm, "{amount}");
            assert_eq!(found.contactless_application_not_allowed, not_allowed, "{amount}");
        }
    }

    //= test B 3.1.1.5
    //= test A 5.6.5
    #[test]
    fn a_limit_of_zero_is_a_limit() {
        let limits = Limits { contactless_transaction_limit: limit(0), ..Limits::default() };
        assert!(indicators(0, limits).contactless_application_not_allowed);
    }

    //= test B 3.1.1.2, 3.1.1.6, 3.1.1.7, 3.1.1.9
    #[test]
    fn a_floor_limit_is_exceeded_above_it_and_the_terminals_counts_where_the_readers_is_absent() {
        for (reader, terminal, exceeded) in [
            (limit(999), None, true),
            (limit(1000), None, false),
            (None, limit(999), true),
            (None, limit(1000), false),
            (limit(1000), limit(0), false),
            (None, None, false),
        ] {
            let limits = Limits {
                contactless_floor_limit: reader,
                terminal_floor_limit: terminal,
                ttq: Some(Ttq::default().with(Ttq::ONLINE_CRYPTOGRAM_REQUIRED)),
                ..Limits::default()
            };
            let found = indicators(1000, limits);
            assert_eq!(found.reader_contactless_floor_limit_exceeded, exceeded, "{reader:?} {terminal:?}");
            assert_eq!(found.ttq.unwrap().has(Ttq::ONLINE_CRYPTOGRAM_REQUIRED), exceeded);
        }
    }

    //= test B 3.1.1.10
    #[test]
    fn a_status_check_goes_online() {
        let limits = Limits { status_check_supported: true, ttq: Some(Ttq::default()), ..Limits::default() };
        assert!(indicators(100, limits).ttq.unwrap().has(Ttq::ONLINE_CRYPTOGRAM_REQUIRED));
    }

    //= test B 3.1.1.11
    #[test]
    fn a_zero_amount_goes_online_where_the_reader_can_and_nowhere_where_it_can_not() {
        let with = |ttq| Limits { ttq: Some(ttq), ..Limits::default() };
        let online = indicators(0, with(Ttq::default()));
        assert!(online.ttq.unwrap().has(Ttq::ONLINE_CRYPTOGRAM_REQUIRED));
        assert!(!online.contactless_application_not_allowed);
        let offline = indicators(0, with(Ttq::default().with(Ttq::OFFLINE_ONLY_READER)));
        assert!(!offline.ttq.unwrap().has(Ttq::ONLINE_CRYPTOGRAM_REQUIRED));
        assert!(offline.contactless_application_not_allowed);
    }

    #[test]
    fn an_absent_amount_is_not_zero_and_exceeds_nothing() {
        let limits = Limits {
            status_check_supported: true,
            zero_amount_allowed: Some(false),
            contactless_transaction_limit: limit(0),
            cvm_required_limit: limit(0),
            ..Limits::default()
        };
        let transaction = Transaction { amount_authorised: None, ..purchase(0) };
        assert_eq!(pre_process(&limits, &transaction), Indicators::default());
    }
}
