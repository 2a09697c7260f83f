//! Processing Restrictions (Book C-3, 5.5).

use super::Fault;
use super::context::Context;
use crate::dict;
use crate::fields::{Amount, Auc, Bit, CryptogramType, Ctq, Date, Track2};
use crate::kernel::shared::TransactionKind;

/// What the card must not be used for: after its last day, where it is on a list, for cash.
pub(super) fn check(context: &mut Context) -> Result<(), Fault> {
    if context.cryptogram_type() == CryptogramType::Tc {
        check_expiry(context)?;
        check_exception_file(context);
    }
    check_cash(context)?;
    check_cashback(context)
}

/// A card that approved by itself must not have expired.
//= C-3 5.5.1.1
fn check_expiry(context: &mut Context) -> Result<(), Fault> {
    let expiry = context.database.value(dict::APPLICATION_EXPIRATION_DATE).map(Date::try_from);
    let expiry = expiry.transpose().map_err(|_| Fault::DataMalformed)?;
    if expiry.is_none_or(|expiry| context.transaction.date > expiry) {
        if context.ctq().is_some_and(|ctq| ctq.has(Ctq::GO_ONLINE_IF_EXPIRED)) {
            context.online_required = true;
        } else {
            context.decline_required = true;
        }
    }
    Ok(())
}

/// A card that approved by itself must not be on the merchant's list.
//= C-3 5.5.1.2
fn check_exception_file(context: &mut Context) {
    if let Some(exceptions) = &context.configuration.exception_file
        && let Some(Ok(track2)) = context.database.value(dict::TRACK_2_EQUIVALENT_DATA).map(Track2::try_from)
        && exceptions.contains(track2.pan())
    {
        context.decline_required = true;
    }
}

//= C-3 3.4.1.2, 5.5.1.3
fn check_cash(context: &mut Context) -> Result<(), Fault> {
    let cash = TransactionKind::of(context.transaction.transaction_type) == TransactionKind::Cash;
    let is_checked = cash && context.configuration.options.manual_cash_check;
    if is_checked && !is_allowed(context, Auc::DOMESTIC_CASH, Auc::INTERNATIONAL_CASH) {
        switch_or_decline(context, Ctq::SWITCH_INTERFACE_FOR_CASH, Fault::CashNotAllowed)?;
    }
    Ok(())
}

//= C-3 3.4.1.1, 5.5.1.4
fn check_cashback(context: &mut Context) -> Result<(), Fault> {
    let cashback = context.transaction.amount_other.is_some_and(|amount| amount > Amount::ZERO);
    let is_checked = cashback && context.configuration.options.cashback_check;
    if is_checked && !is_allowed(context, Auc::DOMESTIC_CASHBACK, Auc::INTERNATIONAL_CASHBACK) {
        switch_or_decline(context, Ctq::SWITCH_INTERFACE_FOR_CASHBACK, Fault::CashbackNotAllowed)?;
    }
    Ok(())
}

/// Whether the Application Usage Control allows what it has two bits for: at home and abroad.
fn is_allowed(context: &Context, at_home: Bit<Auc>, abroad: Bit<Auc>) -> bool {
    let auc = context.database.value(dict::APPLICATION_USAGE_CONTROL).and_then(|value| Auc::try_from(value).ok());
    let issuer = context.database.value(dict::ISSUER_COUNTRY_CODE);
    let (Some(auc), Some(issuer)) = (auc, issuer) else { return false };
    let is_home = context.database.value(dict::TERMINAL_COUNTRY_CODE) == Some(issuer);
    auc.has(if is_home { at_home } else { abroad })
}

fn switch_or_decline(context: &mut Context, switch: Bit<Ctq>, fault: Fault) -> Result<(), Fault> {
    if context.ctq().is_some_and(|ctq| ctq.has(switch)) {
        return Err(fault);
    }
    context.decline_required = true;
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use super::super::testing::context;
    use super::super::{Configuration, Options};
    use super::*;
    use crate::fields::Pan;

    /// Of an approval by the card alone: Online Required and Decline Required.
    fn expiry_checked(expiry: Option<&[u8]>, ctq: &[Bit<Ctq>]) -> (bool, bool) {
        let mut context = context(&[]).with_cryptogram(CryptogramType::Tc).with_ctq(ctq);
        if let Some(expiry) = expiry {
            context = context.given(dict::APPLICATION_EXPIRATION_DATE, expiry);
        }
        check(&mut context).unwrap();
        context.indicators()
    }

    //= test C-3 5.5.1.1
    #[test]
    fn the_last_day_is_not_expired_and_the_next_is() {
        assert_eq!(expiry_checked(Some(&[0x26, 0x11, 0x24]), &[]), (false, false));
        assert_eq!(expiry_checked(Some(&[0x26, 0x11, 0x23]), &[]), (false, true));
    }

    //= test C-3 5.5.1.1
    #[test]
    fn an_expiration_date_that_is_missing_has_passed() {
        assert_eq!(expiry_checked(None, &[]), (false, true));
    }

    //= test C-3 4.1.1.4
    #[test]
    fn an_expiration_date_that_is_no_date_is_malformed() {
        let mut context = context(&[])
            .with_cryptogram(CryptogramType::Tc)
            .given(dict::APPLICATION_EXPIRATION_DATE, &[0x26, 0x13, 0x01]);
        assert_eq!(check(&mut context), Err(Fault::DataMalformed));
    }

    //= test C-3 5.5.1.2
    #[test]
    fn a_listed_card_doesn_t_approve_by_itself_and_may_ask_its_issuer() {
        let checked = |cryptogram_type, listed: &str| {
            let mut context = context(&[])
                .with_cryptogram(cryptogram_type)
                .given(dict::APPLICATION_EXPIRATION_DATE, &[0x30, 0x12, 0x31])
                .given(
                    dict::TRACK_2_EQUIVALENT_DATA,
                    &[0x41, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0xD4, 0x91, 0x22, 0x01],
                );
            let exception_file = Some([Pan::from_digits(listed).unwrap()].into_iter().collect());
            context.configuration = Arc::new(Configuration { exception_file, ..Configuration::default() });
            check(&mut context).unwrap();
            context.indicators()
        };
        assert_eq!(checked(CryptogramType::Tc, "4111111111111111"), (false, true));
        assert_eq!(checked(CryptogramType::Tc, "4761739001010119"), (false, false));
        assert_eq!(checked(CryptogramType::Arqc, "4111111111111111"), (false, false));
    }

    //= test C-3 5.5.1.1
    #[test]
    fn an_expired_card_goes_online_where_it_prefers_that() {
        assert_eq!(expiry_checked(Some(&[0x20, 0x01, 0x31]), &[Ctq::GO_ONLINE_IF_EXPIRED]), (true, false));
    }

    //= test C-3 5.5.1.1
    #[test]
    fn only_approvals_of_the_card_are_checked_for_expiry() {
        for cryptogram_type in [CryptogramType::Arqc, CryptogramType::Aac] {
            let mut context = context(&[]).with_cryptogram(cryptogram_type);
            check(&mut context).unwrap();
            assert_eq!(context.indicators(), (false, false));
        }
    }

    const GERMANY: &[u8] = &[0x02, 0x76];
    const FRANCE: &[u8] = &[0x02, 0x50];

    /// A transaction of this kind with a card of that country: cash, or with cashback.
    fn used(kind: TransactionKind, issuer: &[u8], auc: Auc, ctq: &[Bit<Ctq>]) -> Result<bool, Fault> {
        let mut context = context(&[])
            .with_cryptogram(CryptogramType::Arqc)
            .with_ctq(ctq)
            .with_options(Options { manual_cash_check: true, cashback_check: true, ..Options::default() })
            .given(dict::ISSUER_COUNTRY_CODE, issuer)
            .given(dict::APPLICATION_USAGE_CONTROL, auc.as_bytes());
        if kind == TransactionKind::Cash {
            context.transaction.transaction_type = 0x01;
        } else {
            context.transaction.amount_other = Some(Amount::from(500));
        }
        check(&mut context).map(|()| !context.decline_required)
    }

    //= test C-3 5.5.1.3, 5.5.1.4
    #[test]
    fn cash_and_cashback_have_a_bit_for_home_and_one_for_abroad() {
        for (kind, at_home, abroad) in [
            (TransactionKind::Cash, Auc::DOMESTIC_CASH, Auc::INTERNATIONAL_CASH),
            (TransactionKind::Purchase, Auc::DOMESTIC_CASHBACK, Auc::INTERNATIONAL_CASHBACK),
        ] {
            for (issuer, bit, allowed) in [
                (GERMANY, at_home, true),
                (GERMANY, abroad, false),
                (FRANCE, abroad, true),
                (FRANCE, at_home, false),
                (&[], at_home, false),
            ] {
                assert_eq!(used(kind, issuer, Auc::default().with(bit), &[]), Ok(allowed), "{kind:?} {issuer:02X?}");
            }
        }
    }

    //= test C-3 5.5.1.3, 5.5.1.4
    #[test]
    fn a_card_that_is_not_for_it_may_prefer_another_interface() {
        let (cash, cashback) = (Ctq::SWITCH_INTERFACE_FOR_CASH, Ctq::SWITCH_INTERFACE_FOR_CASHBACK);
        let nothing = Auc::default();
        assert_eq!(used(TransactionKind::Cash, GERMANY, nothing, &[cash]), Err(Fault::CashNotAllowed));
        assert_eq!(used(TransactionKind::Cash, GERMANY, nothing, &[cashback]), Ok(false));
        assert_eq!(used(TransactionKind::Purchase, GERMANY, nothing, &[cashback]), Err(Fault::CashbackNotAllowed));
        assert_eq!(used(TransactionKind::Purchase, GERMANY, nothing, &[cash]), Ok(false));
    }

    //= test C-3 5.5.1.1, 5.5.1.3, 5.5.1.4
    #[test]
    fn a_card_without_ctq_prefers_nothing() {
        let checks = Options { manual_cash_check: true, cashback_check: true, ..Options::default() };
        let mut expired = context(&[]).with_cryptogram(CryptogramType::Tc);
        let mut cash = context(&[]).with_cryptogram(CryptogramType::Arqc).with_options(checks);
        cash.transaction.transaction_type = 0x01;
        for context in [&mut expired, &mut cash] {
            check(context).unwrap();
            assert_eq!(context.indicators(), (false, true));
        }
    }

    //= test C-3 5.5.1.4
    #[test]
    fn an_other_amount_of_zero_is_no_cashback() {
        let checks = Options { cashback_check: true, ..Options::default() };
        for (amount_other, is_checked) in [(None, false), (Some(Amount::ZERO), false), (Some(Amount::from(1)), true)] {
            let mut context = context(&[]).with_cryptogram(CryptogramType::Arqc).with_options(checks);
            context.transaction.amount_other = amount_other;
            check(&mut context).unwrap();
            assert_eq!(context.decline_required, is_checked, "{amount_other:?}");
        }
    }

    //= test C-3 5.5.1.3, 5.5.1.4
    #[test]
    fn what_the_merchant_has_not_enabled_is_not_checked() {
        let mut context = context(&[]).with_cryptogram(CryptogramType::Arqc);
        context.transaction.transaction_type = 0x01;
        context.transaction.amount_other = Some(Amount::from(500));
        check(&mut context).unwrap();
        assert_eq!(context.indicators(), (false, false));
    }
}
