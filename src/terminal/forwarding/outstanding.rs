//! A transaction of which the acquirer has yet to hear.

use emv::fields::Amount;
use jiff::Timestamp;

use super::super::event::SendFailure;
use super::super::money::Currency;
use super::super::request::TransactionType;
use super::super::token::Token;
use super::super::trace_number::Stan;
use super::super::transaction::Transaction;

/// What the queue knows of an item: enough to count and to show it. The message itself is made of the journal when it
/// is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outstanding {
    /// The transaction.
    pub token: Token,
    /// What kind it is.
    pub kind: TransactionType,
    /// The message's STAN, the same in every repeat.
    pub stan: Stan,
    /// When it was approved.
    pub since: Timestamp,
    /// What is owed.
    pub amount: Amount,
    /// In this currency.
    pub currency: Currency,
    /// The card scheme, as the configuration names it.
    pub scheme: Option<String>,
    /// Why the acquirer did not take it when it was asked last, if it has refused it.
    pub refusal: Option<SendFailure>,
}

impl Outstanding {
    /// What is outstanding of a transaction: nothing where the acquirer knows all.
    pub fn of(transaction: &Transaction) -> Option<Self> {
        if !transaction.is_advice_outstanding() {
            return None;
        }
        Some(Outstanding {
            token: transaction.token().clone(),
            kind: transaction.request().kind,
            stan: transaction.advice()?.stan,
            since: transaction.ending()?.at,
            amount: transaction.approved_amount()?,
            currency: transaction.request().currency,
            scheme: transaction.card_on_record().and_then(|card| card.scheme),
            refusal: transaction.advice_failure().cloned(),
        })
    }
}
