//! Receipts: what is printed of a transaction, as data and as text.
//!
//! A [`Receipt`] is made from the transaction as the journal tells it and from the merchant's
//! letterhead, on demand and any number of times. It serialises to JSON, and [`text`] lays it out for
//! a printer.

pub mod text;

use emv::fields::Amount;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::terminal::{
    Acceptor, Currency, Cvm, FinalResult, Hex, MaskedPan, Reason, Rrn, Stan, Token, Transaction, TransactionType,
};

/// What stands at the head of every receipt of a merchant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letterhead {
    /// The merchant's name.
    pub name: String,
    /// Address, telephone, tax number: a line each.
    #[serde(default)]
    pub address: Vec<String>,
    /// Whether the terminal is in test mode; every receipt then says so.
    #[serde(default)]
    pub test: bool,
    /// By which names the acquirer knows the terminal; a request that was sent has its own.
    #[serde(flatten)]
    pub acceptor: Acceptor,
}

/// For whom a receipt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// The customer: of the PAN only the last four digits.
    Customer,
    /// The merchant: the PAN as the journal has it, the data objects for a dispute, and a line to sign.
    Merchant,
}

/// One receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// For whom it is.
    pub copy: Recipient,
    /// The merchant.
    #[serde(flatten)]
    pub letterhead: Letterhead,
    /// The time of the end, where the terminal stands.
    pub time: DateTime,
    /// The caller's name for the transaction.
    pub token: Token,
    /// The caller's words for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Purchase, refund ...
    #[serde(rename = "type")]
    pub kind: TransactionType,
    /// The transaction that it follows up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original: Option<Token>,
    /// The currency of all amounts.
    pub currency: Currency,
    /// The amount asked for, as a decimal.
    pub amount: String,
    /// The cash in it, as a decimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cash: Option<String>,
    /// What the original comes to with what was added to it, as a decimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
    /// The amount that was paid, as a decimal; absent if nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_amount: Option<String>,
    /// What became of it.
    pub result: FinalResult,
    /// Why.
    pub reason: Reason,
    /// The card, if one was read, be it for the original.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardLines>,
    /// The acquirer, if it was asked.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostLines>,
}

/// What a receipt says of the card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CardLines {
    /// The application's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_label: Option<String>,
    /// The PAN, masked as the copy demands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pan: Option<MaskedPan>,
    /// The AID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aid: Option<Hex>,
    /// How the cardholder was verified, where a card was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cvm: Option<Cvm>,
    /// What the card may still spend without its issuer, as a decimal; on the customer's copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_offline_spending_amount: Option<String>,
    /// Terminal Verification Results; on the merchant's copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tvr: Option<Hex>,
    /// Application Cryptogram; on the merchant's copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_cryptogram: Option<Hex>,
}

/// What a receipt says of the acquirer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostLines {
    /// The request's STAN.
    pub stan: Stan,
    /// The retrieval reference number.
    pub rrn: Rrn,
    /// The response code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_code: Option<String>,
    /// The authorisation code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorisation_code: Option<String>,
}

impl Receipt {
    /// The receipt of a transaction; none before it has ended.
    //= C-3 3.1.1.1
    pub fn new(transaction: &Transaction, letterhead: &Letterhead, copy: Recipient, zone: &TimeZone) -> Option<Self> {
        let ending = transaction.ending()?;
        let request = transaction.request();
        let decimal = |amount: Amount| request.currency.decimal(amount);
        let answer = transaction.answer();
        // Of an offline approval the customer knows no other number than the card's.
        let advice = transaction.advice().filter(|_| transaction.is_follow_up());
        let message = transaction.online_request().or(advice);
        let host = message.map(|online| HostLines {
            stan: online.stan,
            rrn: transaction.rrn().unwrap_or(&online.rrn).clone(),
            response_code: answer.map(|answer| answer.response_code.clone()),
            authorisation_code: transaction.authorisation_code().map(str::to_owned),
        });
        let mut letterhead = letterhead.clone();
        if let Some(online) = message {
            letterhead.acceptor = online.acceptor.clone();
        }
        Some(Receipt {
            copy,
            letterhead,
            time: ending.at.to_zoned_datetime(zone.clone()).datetime(),
            token: request.token.clone(),
            reference: request.reference.clone(),
            kind: request.kind,
            original: request.original.clone(),
            currency: request.currency,
            amount: decimal(request.amount),
            cash: request.amount_other.map(decimal),
            total: total(transaction).map(decimal),
            approved_amount: transaction.approved_amount().map(decimal),
            result: ending.result,
            reason: ending.reason,
            card: CardLines::new(transaction, copy),
            host,
        })
    }

    /// Whether the merchant must have this copy signed.
    pub fn wants_signature(&self) -> bool {
        let signature = self.card.as_ref().is_some_and(|card| card.cvm == Some(Cvm::Signature));
        signature && self.copy == Recipient::Merchant && self.result == FinalResult::Approved
    }
}

/// What the original of an approved addition comes to.
fn total(transaction: &Transaction) -> Option<Amount> {
    let added = transaction.approved_amount().filter(|_| transaction.request().kind.raises())?;
    transaction.original()?.amount?.checked_add(added)
}

impl CardLines {
    //= C-3 4.3.1.1
    fn new(transaction: &Transaction, copy: Recipient) -> Option<Self> {
        let card = transaction.card_on_record()?;
        let (read, currency) = (transaction.card_read(), transaction.request().currency);
        let data = read.map(|read| read.data.clone()).unwrap_or_default();
        let spending_amount = data.available_offline_spending_amount.as_ref();
        let spending_amount = spending_amount.and_then(|amount| Amount::try_from(&amount.0[..]).ok());
        let for_merchant = |value: Option<Hex>| value.filter(|_| copy == Recipient::Merchant);
        Some(CardLines {
            application_label: card.application_label,
            pan: card.pan.map(|pan| match copy {
                Recipient::Customer => pan.last_four_only(),
                Recipient::Merchant => pan,
            }),
            aid: card.aid,
            cvm: read.map(|read| read.cvm),
            available_offline_spending_amount: spending_amount
                .filter(|_| copy == Recipient::Customer)
                .map(|amount| currency.decimal(amount)),
            tvr: for_merchant(data.tvr),
            application_cryptogram: for_merchant(data.application_cryptogram),
        })
    }
}

#[cfg(test)]
mod tests;
