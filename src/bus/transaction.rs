//! `org.tenderd.Transaction1`.

use emv::fields::Amount;

use super::Error;
use crate::terminal::{Cvm, FinalResult, Terminal, TransactionView};

/// A transaction that is live, or was a while ago.
pub struct Transaction1 {
    view: TransactionView,
    terminal: Terminal,
}

impl Transaction1 {
    pub(super) fn new(view: TransactionView, terminal: Terminal) -> Self {
        Transaction1 { view, terminal }
    }

    pub(super) fn update(&mut self, view: TransactionView) {
        self.view = view;
    }
}

/// D-Bus has no "nothing": an empty string stands for it.
fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or_default()
}

fn minor(amount: Option<Amount>) -> u64 {
    amount.map_or(0, Amount::minor_units)
}

/// A transaction. Values that are not known, or not yet, are empty strings and zeros.
#[zbus::interface(name = "org.tenderd.Transaction1")]
impl Transaction1 {
    /// Calls the transaction off. Where the acquirer was asked already, the request is reversed.
    async fn cancel(&self) -> Result<(), Error> {
        Ok(self.terminal.cancel(self.view.token.clone()).await?)
    }

    /// The caller's name for it.
    #[zbus(property(emits_changed_signal = "const"))]
    fn token(&self) -> &str {
        self.view.token.as_str()
    }

    /// `purchase`, `cash_advance`, `cashback`, `refund` or `void`.
    #[zbus(property(emits_changed_signal = "const"), name = "Type")]
    fn kind(&self) -> &str {
        self.view.kind.name()
    }

    /// The token of the transaction that it follows up.
    #[zbus(property(emits_changed_signal = "const"))]
    fn original(&self) -> &str {
        self.view.original.as_ref().map_or("", |original| original.as_str())
    }

    /// What was asked for, in minor units, cash included.
    #[zbus(property(emits_changed_signal = "const"))]
    fn amount(&self) -> u64 {
        self.view.amount.minor_units()
    }

    /// The cash in it, in minor units.
    #[zbus(property(emits_changed_signal = "const"))]
    fn amount_other(&self) -> u64 {
        minor(self.view.amount_other)
    }

    /// What was paid, in minor units: 0 unless `Result` is `approved`.
    #[zbus(property)]
    fn amount_approved(&self) -> u64 {
        minor(self.view.amount_approved)
    }

    /// ISO 4217, three letters.
    #[zbus(property(emits_changed_signal = "const"))]
    fn currency(&self) -> &str {
        self.view.currency.alpha()
    }

    /// The caller's own words for it.
    #[zbus(property(emits_changed_signal = "const"))]
    fn reference(&self) -> &str {
        text(&self.view.reference)
    }

    /// `created`, `armed`, `card_seen`, `card_read`, `authorising`, `reversing` or `done`.
    #[zbus(property)]
    fn state(&self) -> &str {
        self.view.state.name()
    }

    /// `approved`, `declined`, `cancelled`, `timed_out`, `other_interface`, `aborted` or `reversed`;
    /// empty until `State` is `done`.
    #[zbus(property)]
    fn result(&self) -> &str {
        self.view.result.map_or("", FinalResult::name)
    }

    /// Why it was not approved, as a stable name. Before `State` is `done`: `JournalFailed` while its end is
    /// not known yet (ask again later, don't charge again), or what stands in the way of its reversal.
    #[zbus(property)]
    fn error_name(&self) -> String {
        self.view.error.as_ref().map(|fault| format!("{}{}", Error::PREFIX, fault.name)).unwrap_or_default()
    }

    /// Why it was not approved, in words.
    #[zbus(property)]
    fn error_message(&self) -> &str {
        self.view.error.as_ref().map_or("", |fault| &fault.message)
    }

    /// What to do about it: `never`, `same`, `new_token` or `after_operator`.
    #[zbus(property)]
    fn retry(&self) -> &str {
        self.view.error.as_ref().map_or("", |fault| fault.retry.name())
    }

    /// What to show the cashier now.
    #[zbus(property)]
    fn cashier_message(&self) -> &str {
        &self.view.cashier
    }

    /// What to show the customer now.
    #[zbus(property)]
    fn customer_message(&self) -> &str {
        &self.view.customer
    }

    /// The reader that waits for the card, or read it.
    #[zbus(property)]
    fn reader(&self) -> &str {
        text(&self.view.reader)
    }

    /// The card scheme, as the configuration names it.
    #[zbus(property)]
    fn scheme(&self) -> &str {
        text(&self.view.scheme)
    }

    /// The application's name, as the card gives it.
    #[zbus(property)]
    fn application_label(&self) -> &str {
        text(&self.view.application_label)
    }

    /// Application identifier, in hexadecimal.
    #[zbus(property)]
    fn aid(&self) -> &str {
        text(&self.view.aid)
    }

    /// The PAN with only its first six and last four digits.
    #[zbus(property)]
    fn masked_pan(&self) -> &str {
        text(&self.view.masked_pan)
    }

    /// How the cardholder was verified: `no_cvm`, `signature`, `online_pin` or `on_device`.
    #[zbus(property)]
    fn cvm(&self) -> &str {
        self.view.cvm.map_or("", Cvm::name)
    }

    /// The issuer's authorisation code.
    #[zbus(property)]
    fn authorisation_code(&self) -> &str {
        text(&self.view.authorisation_code)
    }

    /// The acquirer's response code (ISO 8583:1987, data element 39).
    #[zbus(property)]
    fn response_code(&self) -> &str {
        text(&self.view.response_code)
    }

    /// The systems trace audit number of the request to the acquirer, or of the advice.
    #[zbus(property)]
    fn stan(&self) -> u32 {
        self.view.stan.map_or(0, |stan| stan.number())
    }

    /// The retrieval reference number by which the acquirer knows the sale.
    #[zbus(property)]
    fn retrieval_reference_number(&self) -> String {
        self.view.rrn.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    /// When the caller asked: ISO 8601, UTC.
    #[zbus(property(emits_changed_signal = "const"))]
    fn created_at(&self) -> String {
        self.view.created_at.to_string()
    }

    /// When it ended: ISO 8601, UTC.
    #[zbus(property)]
    fn ended_at(&self) -> String {
        self.view.ended_at.map(|at| at.to_string()).unwrap_or_default()
    }
}
