//! Cardholder Verification (Book C-3, 5.7): which method is to be performed, or was.

use super::context::Context;
use crate::dict;
use crate::fields::c3::CardAuthenticationRelatedData;
use crate::fields::{AdditionalTerminalCapabilities, CryptogramType, Ctq, Ttq};
use crate::kernel::Cvm;
use crate::kernel::shared::ServiceRequest;

/// Finds the method that card and reader have in common. ATMs verify by themselves, and who gets money back
/// is not verified.
//= C-3 5.7.1
pub(super) fn select_cvm(context: &mut Context) {
    if is_atm(context) {
        context.cvm = None;
        return;
    }
    if context.decline_required || context.is_refund() {
        return;
    }
    match context.ctq() {
        None => without_ctq(context),
        Some(ctq) => with_ctq(ctq, context),
    }
    //= C-3 5.7.1.3
    if context.ttq.has(Ttq::CVM_REQUIRED) && context.cvm == Some(Cvm::NoCvm) {
        context.decline_required = true;
    }
}

fn is_atm(context: &Context) -> bool {
    let capabilities = context.database.value(dict::ADDITIONAL_TERMINAL_CAPABILITIES);
    let capabilities = capabilities.and_then(|value| AdditionalTerminalCapabilities::try_from(value).ok());
    let terminal_type = context.database.value(dict::TERMINAL_TYPE).and_then(|value| value.first());
    terminal_type.is_some_and(|terminal_type| ServiceRequest::is_atm(*terminal_type, capabilities.unwrap_or_default()))
}

/// Without a method that both know, 5.7.1.3 declines.
//= C-3 5.7.1.1
fn without_ctq(context: &mut Context) {
    if !context.ttq.has(Ttq::CVM_REQUIRED) {
        return;
    }
    if context.ttq.has(Ttq::SIGNATURE_SUPPORTED) {
        context.cvm = Some(Cvm::ObtainSignature);
    } else if context.ttq.has(Ttq::ONLINE_PIN_SUPPORTED) {
        context.cvm = Some(Cvm::OnlinePin);
        context.online_required = true;
    }
}

/// The methods in the order in which the card's wishes count.
//= C-3 5.7.1.2
fn with_ctq(ctq: Ctq, context: &mut Context) {
    if ctq.has(Ctq::ONLINE_PIN_REQUIRED) && context.ttq.has(Ttq::ONLINE_PIN_SUPPORTED) {
        context.cvm = Some(Cvm::OnlinePin);
        context.online_required = true;
    } else if ctq.has(Ctq::CONSUMER_DEVICE_CVM_PERFORMED) {
        if is_device_believed(ctq, context) {
            context.cvm = Some(Cvm::ConfirmationCodeVerified);
        } else {
            context.decline_required = true;
        }
    } else if ctq.has(Ctq::SIGNATURE_REQUIRED) && context.ttq.has(Ttq::SIGNATURE_SUPPORTED) {
        context.cvm = Some(Cvm::ObtainSignature);
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

#[cfg(test)]
mod tests {
    use super::super::testing::context;
    use super::*;
    use crate::fields::Bit;

    const PIN: Bit<Ttq> = Ttq::ONLINE_PIN_SUPPORTED;
    const SIGNATURE: Bit<Ttq> = Ttq::SIGNATURE_SUPPORTED;
    const REQUIRED: Bit<Ttq> = Ttq::CVM_REQUIRED;

    /// The method, and whether the kernel goes online, or declines, on its account.
    fn selected(mut context: Context) -> (Cvm, bool, bool) {
        select_cvm(&mut context);
        (context.cvm.expect("no ATM"), context.online_required, context.decline_required)
    }

    //= test C-3 5.7.1
    #[test]
    fn an_atm_verifies_by_itself() {
        for decline in [false, true] {
            let mut context = context(&[REQUIRED, PIN]).with_ctq(&[Ctq::ONLINE_PIN_REQUIRED]);
            context.decline_required = decline;
            context.database.set(dict::TERMINAL_TYPE, &[0x14]);
            let cash = AdditionalTerminalCapabilities::default().with(AdditionalTerminalCapabilities::CASH);
            context.database.set(dict::ADDITIONAL_TERMINAL_CAPABILITIES, cash.as_bytes());
            select_cvm(&mut context);
            assert_eq!((context.cvm, context.indicators()), (None, (false, decline)));
        }
    }

    #[test]
    fn a_terminal_of_no_type_is_no_atm() {
        let mut context = context(&[REQUIRED, SIGNATURE]);
        context.database.remove(dict::TERMINAL_TYPE);
        assert_eq!(selected(context), (Cvm::ObtainSignature, false, false));
    }

    //= test C-3 3.4.1.3
    #[test]
    fn nobody_is_verified_for_a_refund() {
        let mut context = context(&[REQUIRED, PIN, SIGNATURE]);
        context.transaction.transaction_type = 0x20;
        assert_eq!(selected(context), (Cvm::NoCvm, false, false));
    }

    //= test C-3 5.7.1.1, 5.7.1.3
    #[test]
    fn a_card_without_ctq_leaves_the_method_to_the_reader() {
        for (ttq, expected) in [
            (&[PIN, SIGNATURE][..], (Cvm::NoCvm, false, false)),
            (&[REQUIRED, PIN, SIGNATURE], (Cvm::ObtainSignature, false, false)),
            (&[REQUIRED, SIGNATURE], (Cvm::ObtainSignature, false, false)),
            (&[REQUIRED, PIN], (Cvm::OnlinePin, true, false)),
            (&[REQUIRED], (Cvm::NoCvm, false, true)),
        ] {
            assert_eq!(selected(context(ttq)), expected);
        }
    }

    //= test C-3 5.7.1.2, 5.7.1.3
    #[test]
    fn the_first_method_that_both_know_is_taken() {
        let both = &[Ctq::ONLINE_PIN_REQUIRED, Ctq::SIGNATURE_REQUIRED][..];
        for (ttq, ctq, expected) in [
            (&[REQUIRED, PIN, SIGNATURE][..], both, (Cvm::OnlinePin, true, false)),
            (&[REQUIRED, SIGNATURE], both, (Cvm::ObtainSignature, false, false)),
            (&[REQUIRED, PIN], &[Ctq::SIGNATURE_REQUIRED], (Cvm::NoCvm, false, true)),
            (&[REQUIRED, PIN, SIGNATURE], &[], (Cvm::NoCvm, false, true)),
            (&[PIN, SIGNATURE], &[], (Cvm::NoCvm, false, false)),
            // What the card asks for is done even where the reader doesn't need it.
            (&[PIN], &[Ctq::ONLINE_PIN_REQUIRED], (Cvm::OnlinePin, true, false)),
        ] {
            assert_eq!(selected(context(ttq).with_ctq(ctq)), expected);
        }
    }

    fn phone(ttq: &[Bit<Ttq>], cryptogram_type: CryptogramType) -> Context {
        context(ttq).with_cryptogram(cryptogram_type).with_ctq(&[Ctq::CONSUMER_DEVICE_CVM_PERFORMED])
    }

    //= test C-3 5.7.1.2
    #[test]
    fn a_device_that_signed_its_ctq_is_believed_and_one_that_signed_another_is_not() {
        for (related, expected) in [
            (&[0x01, 1, 2, 3, 4, 0x00, 0x80][..], (Cvm::ConfirmationCodeVerified, false, false)),
            (&[0x01, 1, 2, 3, 4, 0x00, 0x80, 0xFF], (Cvm::ConfirmationCodeVerified, false, false)),
            (&[0x01, 1, 2, 3, 4, 0x00, 0x00], (Cvm::NoCvm, false, true)),
            (&[0x01, 1, 2, 3, 4, 0x00], (Cvm::NoCvm, false, true)),
            (&[0x01, 1, 2, 3, 4], (Cvm::NoCvm, false, true)),
        ] {
            let phone = phone(&[REQUIRED], CryptogramType::Tc).given(dict::CARD_AUTHENTICATION_RELATED_DATA, related);
            assert_eq!(selected(phone), expected, "{related:02X?}");
        }
    }

    //= test C-3 5.7.1.2
    #[test]
    fn a_device_that_signed_nothing_is_believed_only_where_the_issuer_is_asked() {
        for required in [&[][..], &[REQUIRED]] {
            let believed = (Cvm::ConfirmationCodeVerified, false, false);
            assert_eq!(selected(phone(required, CryptogramType::Arqc)), believed);
            assert_eq!(selected(phone(required, CryptogramType::Tc)), (Cvm::NoCvm, false, true));
        }
    }

    //= test C-3 5.7.1.2
    #[test]
    fn a_pin_goes_before_the_device_and_the_device_before_a_signature() {
        let ctq = &[Ctq::ONLINE_PIN_REQUIRED, Ctq::SIGNATURE_REQUIRED, Ctq::CONSUMER_DEVICE_CVM_PERFORMED];
        let card = |ttq| context(ttq).with_cryptogram(CryptogramType::Arqc).with_ctq(ctq);
        assert_eq!(selected(card(&[PIN, SIGNATURE])).0, Cvm::OnlinePin);
        assert_eq!(selected(card(&[SIGNATURE])).0, Cvm::ConfirmationCodeVerified);
    }

    #[test]
    fn a_transaction_that_is_declined_already_needs_no_method() {
        let mut context = context(&[REQUIRED, PIN, SIGNATURE]);
        context.decline_required = true;
        assert_eq!(selected(context), (Cvm::NoCvm, false, true));
    }
}
