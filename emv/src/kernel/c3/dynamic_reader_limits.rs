//! Dynamic Reader Limits (Book C-3 2.9, 5.1): limits that follow the card's Application Program Identifier.
//!
//! The book dropped them with 2.10; merchants whose programs have limits of their own still have them.

use arrayvec::ArrayVec;

use super::Fault;
use super::context::Context;
use crate::dict;
use crate::entry;
use crate::profile::Limits;

/// The limits for the cards of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamicReaderLimits {
    /// Application Program Identifier (`9F5A`), whole or the beginning of it: 1 to 16 bytes. Of those that
    /// fit a card the longest counts.
    pub program_id: ArrayVec<u8, 16>,
    /// What takes the place of the combination's limits. The TTQ is always the combination's.
    pub limits: Limits,
}

/// Pre-processes the transaction anew with the limits of the card's program, where there are any.
//= C-3 5.1
pub(super) fn apply(context: &mut Context) -> Result<(), Fault> {
    let Some(program_id) = context.database.value(dict::APPLICATION_PROGRAM_IDENTIFIER) else { return Ok(()) };
    let configuration = &context.configuration;
    let fitting = configuration.dynamic_reader_limits.iter().filter(|set| program_id.starts_with(&set.program_id));
    let Some(set) = fitting.max_by_key(|set| set.program_id.len()) else { return Ok(()) };
    let limits = Limits { ttq: Some(context.ttq), ..set.limits.clone() };
    let indicators = entry::pre_process(&limits, &context.transaction);
    if indicators.contactless_application_not_allowed {
        return Err(Fault::ProgramNotAllowed);
    }
    context.set_ttq(indicators.ttq.unwrap_or_default());
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    use super::super::Configuration;
    use super::super::testing::context;
    use super::*;
    use crate::fields::{Amount, Bit, Ttq};

    const ONLINE: Bit<Ttq> = Ttq::ONLINE_CRYPTOGRAM_REQUIRED;
    const CVM: Bit<Ttq> = Ttq::CVM_REQUIRED;
    const PROGRAM: &[u8] = &[0x31, 0x02, 0x68, 0x26];

    fn limit(minor_units: u32) -> Option<Amount> {
        Some(Amount::from(minor_units))
    }

    /// Requirements for a purchase of this amount with a card of this program: online and CVM.
    fn applied(sets: &[(&[u8], Limits)], card: &[u8], amount: u32) -> Result<(bool, bool), Fault> {
        let mut context = context(&[ONLINE]).given(dict::APPLICATION_PROGRAM_IDENTIFIER, card);
        context.transaction.amount_authorised = limit(amount);
        let sets: Vec<_> = sets
            .iter()
            .map(|(id, limits)| DynamicReaderLimits {
                program_id: id.iter().copied().collect(),
                limits: limits.clone(),
            })
            .collect();
        context.configuration = Arc::new(Configuration { dynamic_reader_limits: sets, ..Configuration::default() });
        apply(&mut context)?;
        assert_eq!(context.database.get(dict::TTQ), Some(&context.ttq.as_bytes()[..]), "the card is told the same");
        Ok((context.ttq.has(ONLINE), context.ttq.has(CVM)))
    }

    //= test C-3 5.1
    #[test]
    fn each_limit_is_on_where_it_is_there() {
        let with = |limits: Limits| move |amount| applied(&[(PROGRAM, limits.clone())], PROGRAM, amount);
        let none = with(Limits::default());
        assert_eq!([none(0), none(1), none(100_000)], [Ok((true, false)), Ok((false, false)), Ok((false, false))]);
        let floor = with(Limits { contactless_floor_limit: limit(500), ..Limits::default() });
        assert_eq!([floor(500), floor(501)], [Ok((false, false)), Ok((true, false))]);
        let cvm = with(Limits { cvm_required_limit: limit(500), ..Limits::default() });
        assert_eq!([cvm(499), cvm(500)], [Ok((false, false)), Ok((false, true))]);
        let transaction = with(Limits { contactless_transaction_limit: limit(500), ..Limits::default() });
        assert_eq!([transaction(499), transaction(500)], [Ok((false, false)), Err(Fault::ProgramNotAllowed)]);
        let status_check = with(Limits { status_check_supported: true, ..Limits::default() });
        assert_eq!([status_check(99), status_check(100)], [Ok((false, false)), Ok((true, false))]);
    }

    //= test C-3 5.1
    #[test]
    fn an_amount_of_zero_goes_online_or_nowhere_or_is_an_amount_like_others() {
        let with = |limits: Limits| applied(&[(PROGRAM, limits)], PROGRAM, 0);
        let option_1 = Limits { zero_amount_allowed: Some(true), ..Limits::default() };
        let option_2 = Limits { zero_amount_allowed: Some(false), ..Limits::default() };
        let offline = Limits { zero_amount_for_offline_allowed: true, ..Limits::default() };
        assert_eq!(with(option_1), Ok((true, false)));
        assert_eq!(with(option_2), Err(Fault::ProgramNotAllowed));
        assert_eq!(with(offline), Ok((false, false)));
    }

    //= test C-3 5.1
    #[test]
    fn the_longest_beginning_of_the_card_s_program_counts() {
        let floor = |amount| Limits { contactless_floor_limit: limit(amount), ..Limits::default() };
        let sets = [(PROGRAM, floor(2000)), (&[0x31, 0x02, 0x68, 0x26, 0x12][..], floor(100)), (&[0x31], floor(50))];
        for (card, online) in [
            (&[0x31, 0x02, 0x68, 0x26][..], false),
            (&[0x31, 0x02, 0x68, 0x26, 0x20], false),
            (&[0x31, 0x02, 0x68, 0x26, 0x12], true),
            (&[0x31, 0x02, 0x68, 0x26, 0x12, 0x00, 0x00, 0x03], true),
            (&[0x31, 0x02], true),
        ] {
            assert_eq!(applied(&sets, card, 1000), Ok((online, false)), "{card:02X?}");
        }
    }

    //= test C-3 5.1
    #[test]
    fn a_card_of_another_program_or_of_none_has_the_limits_of_the_combination() {
        for card in [&[][..], &[0x31, 0x02, 0x68], &[0x32, 0x02, 0x68, 0x26]] {
            let sets = [(PROGRAM, Limits { contactless_transaction_limit: limit(0), ..Limits::default() })];
            assert_eq!(applied(&sets, card, 1000), Ok((true, false)), "{card:02X?}");
        }
    }
}
