//! What the customer and the cashier read.

use std::time::Duration;

use emv::kernel::{MessageId, UiRequest, ValueQualifier};

use emv::fields::Amount;

use super::{Currency, Cvm, FinalResult, Phase, Transaction};

/// A display whose messages may have to stay for a while (EMV Contactless Book A, 8.1.1.16).
#[derive(Debug, Default)]
pub(super) struct Display {
    text: String,
    is_held: bool,
    next: Option<(String, Duration)>,
}

impl Display {
    /// What it says.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Shows a text, or keeps it until the present one has stood for as long as it must; gives for how
    /// long the new one must stand, if it is shown and new.
    //= A 8.1.1.16
    pub(super) fn show(&mut self, text: String, hold_time: Duration) -> Option<Duration> {
        if self.is_held {
            self.next = Some((text, hold_time));
            return None;
        }
        let is_new = self.text != text;
        self.text = text;
        self.is_held = !hold_time.is_zero();
        (is_new || self.is_held).then_some(hold_time)
    }

    /// The present text has stood for as long as it must: shows what was kept.
    pub(super) fn hold_is_over(&mut self) -> Option<Duration> {
        self.is_held = false;
        let (text, hold_time) = self.next.take()?;
        self.show(text, hold_time)
    }
}

/// The text of a standard message (EMV Contactless Book A, 9.4). Messages that are not known leave
/// the display as it is.
//= A 7.1, 9.4
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
//= A 8.1.1.15, 8.1.1.18
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
pub(super) fn customer_ending(transaction: &Transaction, result: FinalResult) -> &'static str {
    let of_issuer = transaction.answer_meaning().map(|meaning| meaning.customer);
    match result {
        FinalResult::Approved => of_issuer.unwrap_or("Approved"),
        FinalResult::Declined => of_issuer.unwrap_or("Not authorised"),
        FinalResult::Cancelled => "Cancelled",
        FinalResult::TimedOut => "No card presented",
        FinalResult::OtherInterface => "Insert, swipe or try another card",
        FinalResult::Aborted | FinalResult::Reversed => "Not paid",
    }
}

/// What the cashier's screen says while a card or phone is to leave the field and come back.
pub(super) const TAKE_AWAY_AND_PRESENT_AGAIN: &str = "Customer: take card or phone away, then present it again";

/// What the cashier's screen says.
pub(super) fn cashier_text(transaction: &Transaction, has_reader: bool) -> String {
    match transaction.phase() {
        Phase::Created if has_reader => "Preparing the reader".to_owned(),
        Phase::Created => "No reader: connect one".to_owned(),
        Phase::Armed if transaction.awaits_second_tap() => "Customer: present the card again".to_owned(),
        Phase::Armed => "Customer: present the card".to_owned(),
        Phase::CardSeen => "Reading the card".to_owned(),
        Phase::CardRead => "Card read; it may be removed".to_owned(),
        Phase::Authorising if transaction.is_cancel_requested() => {
            "Cancelled; waiting for the bank, to take the request back".to_owned()
        }
        Phase::Authorising => "Waiting for the bank".to_owned(),
        Phase::Reversing => match transaction.fault() {
            Some(fault) => fault.message,
            None => "Not paid; taking the request back from the bank".to_owned(),
        },
        Phase::Done => ending_text(transaction),
    }
}

fn ending_text(transaction: &Transaction) -> String {
    match (transaction.fault(), transaction.approved_amount()) {
        (Some(fault), _) => fault.message,
        (None, Some(amount)) => {
            let currency = transaction.request().currency;
            let signature = match transaction.card_read().map(|card_read| card_read.cvm) {
                Some(Cvm::Signature) => "; obtain a signature",
                _ => "",
            };
            let instruction = match transaction.answer_meaning().map(|meaning| meaning.cashier.text) {
                Some(text) if !text.is_empty() => format!("; {text}"),
                _ => String::new(),
            };
            format!("Approved: {} {currency}{instruction}{signature}", currency.decimal(amount))
        }
        (None, None) => "Done".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: Duration = Duration::from_millis(1300);

    //= test A 8.1.1.16
    #[test]
    fn a_held_message_stays_until_its_time_is_over() {
        let mut display = Display::default();
        assert_eq!(display.show("See phone".into(), HELD), Some(HELD));
        assert_eq!(display.show("Present card".into(), Duration::ZERO), None);
        assert_eq!(display.show("Processing".into(), Duration::ZERO), None);
        assert_eq!(display.text(), "See phone");
        assert_eq!(display.hold_is_over(), Some(Duration::ZERO));
        assert_eq!(display.text(), "Processing", "the latest of those that waited");
    }

    //= test A 7.1, 8.1.1.15
    #[test]
    fn a_message_that_nobody_knows_leaves_the_display_as_it_is() {
        let text = |message| customer_text(&UiRequest::new(message, emv::kernel::Status::ReadyToRead));
        assert_eq!(text(MessageId::PresentCard).as_deref(), Some("Present card"));
        assert_eq!((text(MessageId::Other(0x55)), text(MessageId::NotApplicable)), (None, None));
    }

    //= test A 8.1.1.18
    #[test]
    fn a_balance_is_shown_in_its_currency() {
        let mut request = UiRequest::new(MessageId::Approved, emv::kernel::Status::NotApplicable);
        request.value =
            Some(emv::kernel::Value { qualifier: ValueQualifier::Balance, minor_units: 9, currency: [0x09, 0x78] });
        assert_eq!(customer_text(&request).unwrap(), "Approved\nBalance 0.09 EUR");
    }
}
