//! Follow-ups: what is done with an earlier transaction of this terminal, without its card.
//!
//! Whether it may be done, and with how much, follows from the journal alone: from what was approved for the original,
//! and from its other follow-ups. One that takes, and is not done yet, counts as if it were approved; one that adds counts
//! once it is. So two that cross, be it around a power cut, never come to more than the original.

mod error;

use emv::fields::Amount;

use super::money::Currency;
use super::request::{OnlineMode, Request, RequestError, TransactionType, validate_reference};
use super::token::Token;
use super::transaction::{Phase, Transaction};
use super::{FinalResult, TokenReused};
pub use error::FollowUpError;

/// A follow-up as its caller wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUp {
    /// The caller's name for it.
    pub token: Token,
    /// Refund, void, capture ...
    pub kind: TransactionType,
    /// The transaction that it follows up.
    pub original: Token,
    /// How much. Where nothing is said, all that is left of the original; what adds to it must say so.
    pub amount: Option<Amount>,
    /// What the original comes to with an adjustment: instead of its amount.
    pub total: Option<Amount>,
    /// The currency, which must be the original's.
    pub currency: Option<Currency>,
    /// The caller's own words for it (see [`Request::reference`]).
    pub reference: Option<String>,
}

/// What a follow-up comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// What is done.
    pub request: Request,
    /// What the original came to before: what was approved, with all that was added since.
    pub whole: Amount,
}

/// How much of its original a follow-up is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// All that is left, or less.
    Part,
    /// The whole, always.
    Whole,
    /// Something on top.
    More,
}

/// What a kind of follow-up is possible for.
struct Rule {
    kind: TransactionType,
    /// Kinds of originals.
    of: &'static [TransactionType],
    /// Follow-ups after which it is possible no more.
    unless: &'static [TransactionType],
    /// Follow-ups that it waits for: they must be done, and the acquirer must know of them.
    after: &'static [TransactionType],
    extent: Extent,
}

use Extent::{More, Part, Whole};
use TransactionType::{
    Adjustment, Capture, CashAdvance, Cashback, Increment, PreAuthorisation, Purchase, Refund, Release, Void,
};

#[rustfmt::skip]
const RULES: &[Rule] = &[
    Rule { kind: Refund, of: &[Purchase, Cashback, Capture], unless: &[Void], after: &[Adjustment], extent: Part },
    Rule { kind: Void, of: &[Purchase, Cashback, CashAdvance, Refund, Capture], unless: &[Void, Refund], after: &[Adjustment], extent: Whole },
    Rule { kind: Increment, of: &[PreAuthorisation], unless: &[Capture, Release], after: &[], extent: More },
    Rule { kind: Capture, of: &[PreAuthorisation], unless: &[Capture, Release], after: &[Increment], extent: Part },
    Rule { kind: Release, of: &[PreAuthorisation], unless: &[Capture, Release], after: &[Increment], extent: Whole },
    Rule { kind: Adjustment, of: &[Purchase], unless: &[Void, Refund, Adjustment], after: &[], extent: More },
];

impl FollowUp {
    /// What this comes to, for an original with these other follow-ups, those that were voided themselves left out.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn agree(&self, original: &Transaction, others: &[Transaction]) -> Result<Agreed, FollowUpError> {
        let of = original.request();
        let token = || of.token.clone();
        let rule = RULES.iter().find(|rule| rule.kind == self.kind && rule.of.contains(&of.kind));
        let rule = rule.ok_or_else(|| FollowUpError::Unsuitable { original: token(), kind: self.kind, of: of.kind })?;
        if original.phase() != Phase::Done {
            return Err(FollowUpError::NotDone(token()));
        }
        let approved = original.approved_amount().ok_or_else(|| FollowUpError::NotApproved(token()))?;
        if original.message_to_acquirer().is_none() {
            return Err(FollowUpError::UnknownToAcquirer(token()));
        }
        if original.is_advice_outstanding() {
            return Err(FollowUpError::NotAdvised(token()));
        }
        if self.currency.is_some_and(|currency| currency != of.currency) {
            return Err(FollowUpError::WrongCurrency(token(), of.currency));
        }
        let others: Vec<&Transaction> = others.iter().filter(|other| counts(other)).collect();
        if let Some(bar) = others.iter().find(|other| rule.unless.contains(&other.request().kind)) {
            return Err(match bar.result() {
                None => FollowUpError::Pending(token()),
                Some(_) => FollowUpError::Already { original: token(), other: bar.request().kind },
            });
        }
        let is_on_its_way = |other: &&Transaction| other.result().is_none() || other.is_advice_outstanding();
        let awaited = |other: &&Transaction| rule.after.contains(&other.request().kind) && is_on_its_way(other);
        if others.iter().any(awaited) {
            return Err(FollowUpError::Pending(token()));
        }
        let whole = with_raises(approved, &others).ok_or_else(|| FollowUpError::TooMuch(token()))?;
        let amount = match rule.extent {
            More => self.amount_on_top(original, whole, &others)?,
            Part | Whole => self.amount_within(rule.extent, original, whole, &others)?,
        };
        if let Some(reference) = &self.reference {
            validate_reference(reference)?;
        }
        let request = Request {
            token: self.token.clone(),
            kind: self.kind,
            original: Some(token()),
            amount,
            amount_other: None,
            currency: of.currency,
            reader: None,
            reference: self.reference.clone(),
            accept_partial: false,
            online: OnlineMode::default(),
        };
        Ok(Agreed { request, whole })
    }

    /// The amount that is added. Others that add may be under way: with all of them, the whole is still an amount.
    fn amount_on_top(
        &self,
        original: &Transaction,
        whole: Amount,
        others: &[&Transaction],
    ) -> Result<Amount, FollowUpError> {
        let currency = original.request().currency;
        let amount = match (self.amount, self.total) {
            (Some(amount), None) => amount,
            (None, Some(total)) if self.kind == Adjustment => {
                let tip = total.checked_sub(whole).filter(|tip| *tip > Amount::ZERO);
                tip.ok_or(FollowUpError::Total { whole, currency })?
            }
            (_, Some(_)) => return Err(FollowUpError::Total { whole, currency }),
            (None, None) => return Err(FollowUpError::NoAmount(self.kind)),
        };
        if amount == Amount::ZERO {
            return Err(RequestError::Zero.into());
        }
        let on_their_way = others.iter().filter(|other| other.request().kind.raises() && other.result().is_none());
        let sum = on_their_way.map(|other| other.request().amount).try_fold(whole, Amount::checked_add);
        let sum = sum.and_then(|sum| sum.checked_add(amount));
        sum.map(|_| amount).ok_or_else(|| FollowUpError::TooMuch(original.token().clone()))
    }

    /// The amount, which is no more than what the others have left.
    fn amount_within(
        &self,
        extent: Extent,
        original: &Transaction,
        whole: Amount,
        others: &[&Transaction],
    ) -> Result<Amount, FollowUpError> {
        let currency = original.request().currency;
        let refunds = others.iter().filter(|other| other.request().kind == Refund);
        let (pending, done): (Vec<&Transaction>, Vec<_>) = refunds.partition(|refund| refund.result().is_none());
        let without = |whole: Amount, refunds: &[&Transaction]| {
            let less = |left: Amount, refund: &&Transaction| left.checked_sub(refund.request().amount);
            refunds.iter().try_fold(whole, less).unwrap_or(Amount::ZERO)
        };
        let left = without(whole, &done);
        let left_for_sure = without(left, &pending);
        let amount = self.amount.unwrap_or(left_for_sure);
        match () {
            () if self.total.is_some() => Err(FollowUpError::Total { whole, currency }),
            () if self.amount == Some(Amount::ZERO) => Err(RequestError::Zero.into()),
            () if extent == Whole && amount != whole => {
                Err(FollowUpError::NotTheWhole { kind: self.kind, whole, currency })
            }
            () if Amount::ZERO < amount && amount <= left_for_sure => Ok(amount),
            () if !pending.is_empty() && amount <= left => Err(FollowUpError::Pending(original.token().clone())),
            () => Err(FollowUpError::MoreThanIsLeft { original: original.token().clone(), left, currency }),
        }
    }

    /// Whether this asks for that very transaction again: in all that it says.
    ///
    /// # Errors
    /// If the token stands for something else.
    pub fn asks_again_for(&self, known: &Transaction) -> Result<(), TokenReused> {
        let request = known.request();
        let total = || known.original()?.amount?.checked_add(request.amount);
        let is_same = self.kind == request.kind
            && Some(&self.original) == request.original.as_ref()
            && self.amount.is_none_or(|amount| amount == request.amount)
            && self.total.is_none_or(|asked| Some(asked) == total())
            && self.currency.is_none_or(|currency| currency == request.currency)
            && self.reference == request.reference;
        if is_same { Ok(()) } else { Err(TokenReused(self.token.clone())) }
    }
}

/// Whether a follow-up has moved money, or may yet.
fn counts(follow_up: &Transaction) -> bool {
    follow_up.result().is_none_or(|result| result == FinalResult::Approved)
}

/// What was approved, with all that was added since. What is not done yet has added nothing; nothing where it comes to
/// more than an amount can be.
fn with_raises(approved: Amount, others: &[&Transaction]) -> Option<Amount> {
    let raises = others.iter().filter(|other| other.request().kind.raises());
    raises.filter_map(|raise| raise.approved_amount()).try_fold(approved, Amount::checked_add)
}

#[cfg(test)]
mod tests;
