//! Why a follow-up is refused.

use emv::fields::Amount;

use super::super::money::Currency;
use super::super::request::{RequestError, TransactionType};
use super::super::token::Token;

/// Why a follow-up is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FollowUpError {
    /// The journal has no transaction of the original's token.
    #[error("there is no transaction {0} to follow up")]
    UnknownOriginal(Token),
    /// The original has not ended.
    #[error("transaction {0} is not done yet; ask again when it is")]
    NotDone(Token),
    /// Nothing was approved for the original.
    #[error("transaction {0} was not approved: there is nothing to follow up")]
    NotApproved(Token),
    /// Transactions like the original have no follow-up of this kind.
    #[error("transaction {original} is a {}: no {} of it is possible", .of.name(), .kind.name())]
    Unsuitable {
        /// The original.
        original: Token,
        /// What was to be done.
        kind: TransactionType,
        /// What the original is.
        of: TransactionType,
    },
    /// The original was approved offline, and the acquirer was never told of it.
    #[error("the acquirer does not know transaction {0}, which the card approved; pay back otherwise")]
    UnknownToAcquirer(Token),
    /// The acquirer has yet to take the advice by which it hears of the original.
    #[error("the acquirer has not taken transaction {0} yet; ask again when it has")]
    NotAdvised(Token),
    /// Another follow-up of this original is under way, on which this one depends. It may be another caller's, and is not
    /// named.
    #[error("another follow-up of transaction {0} is not done yet; ask again when it is")]
    Pending(Token),
    /// Another follow-up has had the last word on the original.
    #[error("{}", already(.original, *.other))]
    Already {
        /// The original.
        original: Token,
        /// What became of it.
        other: TransactionType,
    },
    /// The original is in another currency.
    #[error("transaction {0} is in {1}")]
    WrongCurrency(Token, Currency),
    /// The amount is more than what is left.
    #[error("{} {currency} are left of transaction {original}, and no more", .currency.decimal(*.left))]
    MoreThanIsLeft {
        /// The original.
        original: Token,
        /// What was approved, and neither given back nor captured.
        left: Amount,
        /// In this currency.
        currency: Currency,
    },
    /// Less than the whole was to be voided or released.
    #[error("a {} is of the whole, {} {currency}", .kind.name(), .currency.decimal(*.whole))]
    NotTheWhole {
        /// What was to be done.
        kind: TransactionType,
        /// What was approved.
        whole: Amount,
        /// In this currency.
        currency: Currency,
    },
    /// Nobody said what is to be added.
    #[error("how much is to be added? A {} has an amount", .0.name())]
    NoAmount(TransactionType),
    /// What is to be added comes to more than a message to the acquirer can say.
    #[error("with that, transaction {0} would come to more than an amount can be")]
    TooMuch(Token),
    /// A new total that adds nothing, or where none belongs.
    #[error("the new total is of an adjustment alone, and more than the {} {currency} that were approved", .currency.decimal(*.whole))]
    Total {
        /// What was approved.
        whole: Amount,
        /// In this currency.
        currency: Currency,
    },
    /// The request itself can't be.
    #[error(transparent)]
    Request(#[from] RequestError),
}

fn already(original: &Token, other: TransactionType) -> String {
    match other {
        TransactionType::Refund => format!("transaction {original} was refunded already; refund what is left of it"),
        TransactionType::Capture => format!("pre-authorisation {original} was captured already"),
        TransactionType::Release => format!("pre-authorisation {original} was released already"),
        TransactionType::Adjustment => format!("transaction {original} has its tip already"),
        _ => format!("transaction {original} was voided already"),
    }
}
