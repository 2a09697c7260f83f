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
