//! Processing Restrictions (Book C-2, PRE).

use super::context::Context;
use crate::dict;
use crate::fields::{AdditionalTerminalCapabilities, Amount, Auc, Date, Tvr};
use crate::kernel::shared::{ServiceRequest, TransactionKind, is_service_allowed};

/// Sets the bits of the Terminal Verification Results for whatever the application is not meant for.
/// A date that is no date counts against the card.
//= C-2 PRE.1-3, PRE.4-6, PRE.7-8, PRE.9
pub(super) fn check(context: &mut Context) {
    // PRE.1 to PRE.3
    let card_version = context.database.value(dict::APPLICATION_VERSION_NUMBER_CARD);
    if card_version.is_some_and(|card| context.database.value(dict::APPLICATION_VERSION_NUMBER_TERMINAL) != Some(card))
    {
        context.set_tvr(Tvr::DIFFERENT_APPLICATION_VERSIONS);
    }
    // PRE.4 to PRE.6
    let today = context.transaction.date;
    let effective = context.read::<Date>(dict::APPLICATION_EFFECTIVE_DATE);
    if effective.is_some_and(|date| date.is_ok_and(|date| date > today) || date.is_err()) {
        context.set_tvr(Tvr::APPLICATION_NOT_YET_EFFECTIVE);
    }
    // PRE.7, PRE.8
    let expiry = context.read::<Date>(dict::APPLICATION_EXPIRATION_DATE);
    if !expiry.is_some_and(|date| date.is_ok_and(|date| date >= today)) {
        context.set_tvr(Tvr::EXPIRED_APPLICATION);
    }
    // PRE.9 to PRE.29
    if let Some(Ok(auc)) = context.read::<Auc>(dict::APPLICATION_USAGE_CONTROL)
        && !is_service_allowed(auc, &request(context))
    {
        context.set_tvr(Tvr::SERVICE_NOT_ALLOWED);
    }
}

fn request(context: &Context) -> ServiceRequest {
    let database = &context.database;
    let capabilities = context.read::<AdditionalTerminalCapabilities>(dict::ADDITIONAL_TERMINAL_CAPABILITIES);
    let issuer_country = database.value(dict::ISSUER_COUNTRY_CODE);
    ServiceRequest {
        kind: TransactionKind::of(context.transaction.transaction_type),
        cashback: context.transaction.amount_other.is_some_and(|amount| amount > Amount::ZERO),
        at_atm: ServiceRequest::is_atm(context.terminal_type(), capabilities.and_then(Result::ok).unwrap_or_default()),
        domestic: issuer_country.map(|country| database.value(dict::TERMINAL_COUNTRY_CODE) == Some(country)),
    }
}
