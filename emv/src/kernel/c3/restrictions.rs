//! Processing Restrictions (Book C-3, 5.5).

use super::Fault;
use super::context::Context;
use crate::dict;
use crate::fields::{Amount, Auc, Bit, CryptogramType, Ctq, Date};
use crate::kernel::shared::TransactionKind;

/// 5.5.1. The Terminal Exception File (5.5.1.2) is an option of the implementation that is not taken.
pub(super) fn check(context: &mut Context) -> Result<(), Fault> {
    check_expiry(context);
    let options = context.configuration.options;
    let cash = TransactionKind::of(context.transaction.transaction_type) == TransactionKind::Cash;
    if options.manual_cash_check && cash && !is_allowed(context, Auc::DOMESTIC_CASH, Auc::INTERNATIONAL_CASH) {
        switch_or_decline(context, Ctq::SWITCH_INTERFACE_FOR_CASH, Fault::CashNotAllowed)?;
    }
    let cashback = context.transaction.amount_other.is_some_and(|amount| amount > Amount::ZERO);
    if options.cashback_check && cashback && !is_allowed(context, Auc::DOMESTIC_CASHBACK, Auc::INTERNATIONAL_CASHBACK) {
        switch_or_decline(context, Ctq::SWITCH_INTERFACE_FOR_CASHBACK, Fault::CashbackNotAllowed)?;
    }
    Ok(())
}

/// 5.5.1.1: a card that approved by itself must not have expired.
fn check_expiry(context: &mut Context) {
    if context.cryptogram_type() != CryptogramType::Tc {
        return;
    }
    let expiry = context.database.value(dict::APPLICATION_EXPIRATION_DATE).and_then(|value| Date::try_from(value).ok());
    if expiry.is_none_or(|expiry| context.transaction.date > expiry) {
        if context.ctq().is_some_and(|ctq| ctq.has(Ctq::GO_ONLINE_IF_EXPIRED)) {
            context.online_required = true;
        } else {
            context.decline_required = true;
        }
    }
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
    use super::super::Options;
    use super::super::testing::context;
    use super::*;

    /// Of an approval by the card alone: Online Required and Decline Required.
    fn expiry_checked(expiry: Option<&[u8]>, ctq: &[Bit<Ctq>]) -> (bool, bool) {
        let mut context = context(&[]).with_cryptogram(CryptogramType::Tc).with_ctq(ctq);
        if let Some(expiry) = expiry {
            context = context.given(dict::APPLICATION_EXPIRATION_DATE, expiry);
        }
        check(&mut context).unwrap();
        context.indicators()
    }

    #[test]
    fn the_last_day_is_not_expired_and_the_next_is() {
        assert_eq!(expiry_checked(Some(&[0x26, 0x11, 0x24]), &[]), (false, false));
        assert_eq!(expiry_checked(Some(&[0x26, 0x11, 0x23]), &[]), (false, true));
    }

    #[test]
    fn an_expiration_date_that_is_missing_or_no_date_has_passed() {
        assert_eq!(expiry_checked(None, &[]), (false, true));
        assert_eq!(expiry_checked(Some(&[0x26, 0x13, 0x01]), &[]), (false, true));
    }

    #[test]
    fn an_expired_card_goes_online_where_it_prefers_that() {
        assert_eq!(expiry_checked(Some(&[0x20, 0x01, 0x31]), &[Ctq::GO_ONLINE_IF_EXPIRED]), (true, false));
    }

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

    #[test]
    fn a_card_that_is_not_for_it_may_prefer_another_interface() {
        let (cash, cashback) = (Ctq::SWITCH_INTERFACE_FOR_CASH, Ctq::SWITCH_INTERFACE_FOR_CASHBACK);
        let nothing = Auc::default();
        assert_eq!(used(TransactionKind::Cash, GERMANY, nothing, &[cash]), Err(Fault::CashNotAllowed));
        assert_eq!(used(TransactionKind::Cash, GERMANY, nothing, &[cashback]), Ok(false));
        assert_eq!(used(TransactionKind::Purchase, GERMANY, nothing, &[cashback]), Err(Fault::CashbackNotAllowed));
        assert_eq!(used(TransactionKind::Purchase, GERMANY, nothing, &[cash]), Ok(false));
    }

    #[test]
    fn what_the_merchant_has_not_enabled_is_not_checked() {
        let mut context = context(&[]).with_cryptogram(CryptogramType::Arqc);
        context.transaction.transaction_type = 0x01;
        context.transaction.amount_other = Some(Amount::from(500));
        check(&mut context).unwrap();
        assert_eq!(context.indicators(), (false, false));
    }
}
