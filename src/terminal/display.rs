//! What the customer and the cashier read.

use emv::kernel::{MessageId, UiRequest, ValueQualifier};

use emv::fields::Amount;

use super::{Currency, Cvm, FinalResult, Phase, Transaction};

/// The text of a standard message (EMV Contactless Book A, 9.4). Messages that are not known leave
/// the display as it is.
fn message_text(message: MessageId) -> Option<&'static str> {
    Some(match message {
        MessageId::Approved => "Approved",
        MessageId::NotAuthorised => "Not authorised",
        MessageId::EnterPin => "Please enter your PIN",
        MessageId::ProcessingError => "Processing error",
        MessageId::RemoveCard => "Please remove card",
        MessageId::Welcome => "Welcome",
        MessageId::PresentCard => "Present card",
        MessageId::Processing => "Processing",
        MessageId::CardReadOk => "Card read OK, please remove card",
        MessageId::InsertOrSwipeCard => "Please insert or swipe card",
        MessageId::PresentOneCardOnly => "Please present one card only",
        MessageId::ApprovedPleaseSign => "Approved, please sign",
        MessageId::Authorising => "Authorising, please wait",
        MessageId::TryAnotherCard => "Insert, swipe or try another card",
        MessageId::InsertCard => "Please insert card",
        MessageId::SeePhone => "See phone for instructions",
        MessageId::PresentCardAgain => "Present card again",
        MessageId::ClearDisplay => "",
        MessageId::NotApplicable | MessageId::Other(_) => return None,
    })
}

/// What a User Interface Request puts on the customer's display; nothing where it leaves the display
/// as it is.
pub(super) fn customer_text(request: &UiRequest) -> Option<String> {
    let text = message_text(request.message)?;
    let Some(value) = request.value else { return Some(text.to_owned()) };
    let numeric =
        value.currency.iter().fold(0, |number, byte| number * 100 + u16::from(byte >> 4) * 10 + u16::from(byte & 0xF));
    let Ok(currency) = Currency::from_numeric(numeric) else { return Some(text.to_owned()) };
    let Ok(amount) = Amount::new(value.minor_units) else { return Some(text.to_owned()) };
    let label = match value.qualifier {
        ValueQualifier::Amount => "",
        ValueQualifier::Balance => "Balance ",
    };
    Some(format!("{text}\n{label}{} {currency}", currency.decimal(amount)))
}

/// What the customer's display says once the transaction has ended.
pub(super) fn customer_ending(result: FinalResult) -> &'static str {
    match result {
        FinalResult::Approved => "Approved",
        FinalResult::Declined => "Not authorised",
        FinalResult::Cancelled => "Cancelled",
        FinalResult::TimedOut => "No card presented",
        FinalResult::OtherInterface => "Insert, swipe or try another card",
        FinalResult::Aborted | FinalResult::Reversed => "Not paid",
    }
}

/// What the cashier's screen says.
pub(super) fn cashier_text(transaction: &Transaction, has_reader: bool) -> String {
    match transaction.phase() {
        Phase::Created if has_reader => "Preparing the reader".to_owned(),
        Phase::Created => "No reader: connect one".to_owned(),
        Phase::Armed if transaction.awaits_second_tap() => "Customer: present the card again".to_owned(),
        Phase::Armed => "Customer: present the card".to_owned(),
        Phase::CardSeen => "Reading the card".to_owned(),
        Phase::CardRead => "Card read; it may be removed".to_owned(),
        Phase::Authorising => "Waiting for the bank".to_owned(),
        Phase::Reversing => "Not paid; taking the request back from the bank".to_owned(),
        Phase::Done => ending_text(transaction),
    }
}

fn ending_text(transaction: &Transaction) -> String {
    let ending = transaction.ending().expect("a transaction that is done has its ending");
    match (ending.reason.fault(), transaction.approved_amount()) {
        (Some(fault), _) => fault.message,
        (None, Some(amount)) => {
            let currency = transaction.request().currency;
            let signature = match transaction.card_read().map(|card_read| card_read.cvm) {
                Some(Cvm::Signature) => "; obtain a signature",
                _ => "",
            };
            format!("Approved: {} {currency}{signature}", currency.decimal(amount))
        }
        (None, None) => "Done".to_owned(),
    }
}
