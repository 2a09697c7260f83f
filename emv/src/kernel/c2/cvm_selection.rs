//! CVM Selection (Book C-2, CVM).

use super::Fault;
use super::context::Context;
use crate::dict;
use crate::fields::{Aip, Amount, CvMethod, CvRule, CvmList, CvmResult, CvmResults, TerminalCapabilities, Tvr};
use crate::kernel::Cvm;
use crate::kernel::shared::CvmTransaction;

/// Chooses how the cardholder is verified. `amount` is Amount, Authorised.
//= C-2 CVM.1-4, CVM.5-6, CVM.7-8
pub(super) fn select(amount: Amount, context: &mut Context) -> Result<(), Fault> {
    // CVM.1 to CVM.4
    if context.on_device_cvm() {
        if amount > context.configuration.cvm_required_limit {
            // What the phone did counts as a PIN it verified.
            let results = CvmResults::of(CvRule::PLAINTEXT_PIN_ALWAYS, CvmResult::Successful);
            choose(context, Cvm::ConfirmationCodeVerified, results);
        } else {
            choose(context, Cvm::NoCvm, CvmResults::no_cvm_performed(CvmResult::Successful));
        }
        return Ok(());
    }
    // CVM.5, CVM.6
    if !context.aip().has(Aip::CARDHOLDER_VERIFICATION_SUPPORTED) {
        choose(context, Cvm::NoCvm, CvmResults::no_cvm_performed(CvmResult::Unknown));
        return Ok(());
    }
    // CVM.7, CVM.8: a list without rules is none (EMV Book 3, 10.5).
    let list = context.read::<CvmList>(dict::CVM_LIST).transpose().map_err(|_| Fault::CardListMalformed)?;
    match list.filter(|list| !list.rules().is_empty()) {
        Some(list) => walk(&list, amount, context),
        None => {
            choose(context, Cvm::NoCvm, CvmResults::no_cvm_performed(CvmResult::Unknown));
            context.set_tvr(Tvr::ICC_DATA_MISSING);
        }
    }
    Ok(())
}

/// The first rule whose condition holds and whose method is supported; a rule that can't be carried out
/// ends the walk unless it says that the next one may be tried, and there is one.
//= C-2 CVM.9-13, CVM.15-16, CVM.17, CVM.19-21
fn walk(list: &CvmList, amount: Amount, context: &mut Context) {
    let capabilities = terminal_capabilities(context);
    let transaction = cvm_transaction(amount, context);
    let mut rules = list.rules().iter().peekable();
    while let Some(&rule) = rules.next() {
        let method = rule.method();
        let supported = is_supported(method, capabilities);
        // CVM.10 to CVM.14
        if !transaction.meets(rule.condition(), list, supported) {
            continue;
        }
        // CVM.15, CVM.16
        if !is_recognised(method) {
            context.set_tvr(Tvr::UNRECOGNISED_CVM);
        }
        // CVM.17, CVM.18
        if supported {
            return perform(rule, context);
        }
        // CVM.19 to CVM.21
        if !rule.continues_if_unsuccessful() || rules.peek().is_none() {
            return fail(Some(rule).filter(|_| method == CvMethod::Fail), context);
        }
    }
    fail(None, context);
}

/// A method that is supported.
//= C-2 CVM.18
fn perform(rule: CvRule, context: &mut Context) {
    let (cvm, result) = match rule.method() {
        CvMethod::OnlinePin => (Cvm::OnlinePin, CvmResult::Unknown),
        CvMethod::Signature => (Cvm::ObtainSignature, CvmResult::Unknown),
        _ => (Cvm::NoCvm, CvmResult::Successful),
    };
    choose(context, cvm, CvmResults::of(rule.alone(), result));
    match cvm {
        Cvm::OnlinePin => context.set_tvr(Tvr::ONLINE_CVM_CAPTURED),
        Cvm::ObtainSignature => context.receipt = true,
        Cvm::NoCvm | Cvm::ConfirmationCodeVerified => {}
    }
}

/// No method could be carried out, or a rule said that this is a failure.
//= C-2 CVM.14, CVM.22-25
fn fail(rule: Option<CvRule>, context: &mut Context) {
    let results = match rule {
        Some(rule) => CvmResults::of(rule.alone(), CvmResult::Failed),
        None => CvmResults::no_cvm_performed(CvmResult::Failed),
    };
    choose(context, Cvm::NoCvm, results);
    context.set_tvr(Tvr::CARDHOLDER_VERIFICATION_NOT_SUCCESSFUL);
}

fn choose(context: &mut Context, cvm: Cvm, results: CvmResults) {
    context.cvm = Some(cvm);
    context.set_cvm_results(results);
}

fn terminal_capabilities(context: &Context) -> TerminalCapabilities {
    context.read(dict::TERMINAL_CAPABILITIES).and_then(Result::ok).unwrap_or_default()
}

fn cvm_transaction(amount: Amount, context: &Context) -> CvmTransaction {
    let application_currency = context.database.value(dict::APPLICATION_CURRENCY_CODE);
    CvmTransaction {
        amount,
        in_application_currency: application_currency.map(|currency| currency == context.transaction.currency),
        transaction_type: context.transaction.transaction_type,
        attended: context.terminal_environment().attended,
    }
}

/// Which methods the reader can have carried out. A PIN that the card verifies needs the card's
/// contacts.
fn is_supported(method: CvMethod, capabilities: TerminalCapabilities) -> bool {
    match method {
        CvMethod::OnlinePin => capabilities.has(TerminalCapabilities::ENCIPHERED_PIN_ONLINE),
        CvMethod::Signature => capabilities.has(TerminalCapabilities::SIGNATURE),
        CvMethod::NoCvm => capabilities.has(TerminalCapabilities::NO_CVM),
        _ => false,
    }
}

/// Which codes the book knows (CVM.15).
fn is_recognised(method: CvMethod) -> bool {
    !matches!(method, CvMethod::Unrecognised(_) | CvMethod::Biometric { .. })
}
