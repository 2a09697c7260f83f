//! What callers see of the terminal: plain data, the same for the bus and for a person.

use emv::fields::Amount;
use jiff::Timestamp;

use super::display;
use super::handle::Status;
use super::{Currency, Cvm, Fault, FinalResult, Phase, Rrn, Stan, Token, Transaction, TransactionType};
use crate::reader;

/// A transaction as its caller sees it. Nothing in it is secret: the PAN is masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionView {
    /// The caller's name for it.
    pub token: Token,
    /// What kind of transaction it is.
    pub kind: TransactionType,
    /// The transaction that it follows up.
    pub original: Option<Token>,
    /// What was asked for, cash included.
    pub amount: Amount,
    /// The cash in it.
    pub amount_other: Option<Amount>,
    /// What was paid; nothing unless the result is approved.
    pub amount_approved: Option<Amount>,
    /// The currency of all amounts.
    pub currency: Currency,
    /// The caller's own words for it.
    pub reference: Option<String>,
    /// Where it stands.
    pub state: Phase,
    /// How it ended.
    pub result: Option<FinalResult>,
    /// Why it ended so, where it was not approved, and what to do about it; or why its end is not known yet.
    pub error: Option<Fault>,
    /// What to show the cashier.
    pub cashier: String,
    /// What to show the customer.
    pub customer: String,
    /// The reader that waits for the card, or read it.
    pub reader: Option<String>,
    /// The card scheme, as the configuration names it.
    pub scheme: Option<String>,
    /// The application's name, as the card gives it.
    pub application_label: Option<String>,
    /// Application identifier, in hexadecimal.
    pub aid: Option<String>,
    /// The PAN with only its first six and last four digits.
    pub masked_pan: Option<String>,
    /// How the cardholder was verified.
    pub cvm: Option<Cvm>,
    /// The issuer's authorisation code.
    pub authorisation_code: Option<String>,
    /// The acquirer's response code (ISO 8583:1987, data element 39).
    pub response_code: Option<String>,
    /// The number of the request to the acquirer, or of the advice.
    pub stan: Option<Stan>,
    /// The retrieval reference number by which the acquirer knows the request.
    pub rrn: Option<Rrn>,
    /// When the caller asked.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl TransactionView {
    /// A transaction, and what its customer sees at this moment.
    pub fn new(transaction: &Transaction, customer: &str, has_reader: bool) -> Self {
        let request = transaction.request();
        let card = transaction.card_on_record().unwrap_or_default();
        let answer = transaction.answer();
        let online = transaction.message_to_acquirer();
        TransactionView {
            token: request.token.clone(),
            kind: request.kind,
            original: request.original.clone(),
            amount: request.amount,
            amount_other: request.amount_other,
            amount_approved: transaction.approved_amount(),
            currency: request.currency,
            reference: request.reference.clone(),
            state: transaction.phase(),
            result: transaction.result(),
            error: transaction.fault(),
            cashier: display::cashier_text(transaction, has_reader),
            customer: match transaction.result() {
                Some(result) => display::customer_ending(transaction, result).to_owned(),
                None => customer.to_owned(),
            },
            reader: transaction.reader().map(str::to_owned),
            scheme: card.scheme,
            application_label: card.application_label,
            aid: card.aid.as_ref().map(ToString::to_string),
            masked_pan: card.pan.map(String::from),
            cvm: transaction.card_read().map(|card| card.cvm),
            authorisation_code: transaction.authorisation_code().map(str::to_owned),
            response_code: answer.map(|answer| answer.response_code.clone()),
            stan: online.map(|online| online.stan),
            rrn: transaction.rrn().cloned(),
            created_at: transaction.created_at(),
            ended_at: transaction.ending().map(|ending| ending.at),
        }
    }

    /// The same, of a transaction whose end is not known yet because of a fault.
    pub(super) fn interrupted(self, fault: Fault) -> Self {
        TransactionView {
            cashier: format!("Not known yet, don't charge again: {}", fault.message),
            customer: "Please wait".to_owned(),
            error: Some(fault),
            ..self
        }
    }
}

/// A reader as callers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderView {
    /// Its name, as PC/SC or the configuration gives it.
    pub name: String,
    /// `pcsc` or `simulated`.
    pub kind: &'static str,
    /// The family of products it belongs to.
    pub family: String,
    /// What it does.
    pub state: ReaderState,
    /// The transaction it works for.
    pub token: Option<Token>,
}

impl ReaderView {
    /// A reader that nobody uses.
    pub fn idle(reader: &reader::Reader) -> Self {
        ReaderView {
            name: reader.id().as_str().to_owned(),
            kind: match reader.kind() {
                reader::Kind::Pcsc => "pcsc",
                reader::Kind::Simulated => "simulated",
            },
            family: reader.family().name.clone(),
            state: ReaderState::Idle,
            token: None,
        }
    }
}

/// What a reader does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReaderState {
    /// `idle`: nothing.
    Idle,
    /// `armed`: it waits for a card.
    Armed,
    /// `card_seen`: it talks with a card.
    CardSeen,
    /// `faulty`: it does not answer, and works for nobody until it does.
    Faulty,
}

impl ReaderState {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            ReaderState::Idle => "idle",
            ReaderState::Armed => "armed",
            ReaderState::CardSeen => "card_seen",
            ReaderState::Faulty => "faulty",
        }
    }
}

/// Something that callers can see has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A transaction.
    Transaction(Box<TransactionView>),
    /// A reader, or a new one.
    Reader(ReaderView),
    /// The reader of this name is gone.
    ReaderGone(String),
    /// The terminal as a whole.
    Terminal(Status),
}
