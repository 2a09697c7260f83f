//! Cardholder Verification (Book C-3, 5.7): which method is to be performed, or was.

use super::context::Context;
use crate::dict;
use crate::fields::c3::CardAuthenticationRelatedData;
use crate::fields::{CryptogramType, Ctq, Ttq};
use crate::kernel::Cvm;

/// 5.7.1. ATMs verify by themselves.
pub(super) fn select_cvm(context: &mut Context) {
    if context.decline_required {
        return;
    }
    match context.ctq() {
        None => without_ctq(context),
        Some(ctq) => with_ctq(ctq, context),
    }
    // 5.7.1.3
    if context.ttq.has(Ttq::CVM_REQUIRED) && context.cvm == Cvm::NoCvm {
        context.decline_required = true;
    }
}

/// 5.7.1.1. Without a method that both know, 5.7.1.3 declines.
fn without_ctq(context: &mut Context) {
    if !context.ttq.has(Ttq::CVM_REQUIRED) {
        return;
    }
    if context.ttq.has(Ttq::SIGNATURE_SUPPORTED) {
        context.cvm = Cvm::ObtainSignature;
    } else if context.ttq.has(Ttq::ONLINE_PIN_SUPPORTED) {
        context.cvm = Cvm::OnlinePin;
        context.online_required = true;
    }
}

/// 5.7.1.2.
fn with_ctq(ctq: Ctq, context: &mut Context) {
    if ctq.has(Ctq::ONLINE_PIN_REQUIRED) && context.ttq.has(Ttq::ONLINE_PIN_SUPPORTED) {
        context.cvm = Cvm::OnlinePin;
        context.online_required = true;
    } else if ctq.has(Ctq::CONSUMER_DEVICE_CVM_PERFORMED) {
        if is_device_believed(ctq, context) {
            context.cvm = Cvm::ConfirmationCodeVerified;
        } else {
            context.decline_required = true;
        }
    } else if ctq.has(Ctq::SIGNATURE_REQUIRED) && context.ttq.has(Ttq::SIGNATURE_SUPPORTED) {
        context.cvm = Cvm::ObtainSignature;
    }
}

/// The signed copy of the CTQ, in bytes 6 and 7 of the Card Authentication Related Data, must agree;
/// where there is none, the issuer will see.
fn is_device_believed(ctq: Ctq, context: &Context) -> bool {
    match context.database.value(dict::CARD_AUTHENTICATION_RELATED_DATA) {
        Some(related) => CardAuthenticationRelatedData::from_bytes(related).is_ok_and(|data| data.ctq == Some(ctq)),
        None => context.cryptogram_type() == CryptogramType::Arqc,
    }
}
