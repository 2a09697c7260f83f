//! Follow-ups: what is done with an earlier transaction of this terminal, without its card.
//!
//! Whether it may be done, and with how much, follows from the journal alone: from what was approved for the original,
//! and from its other follow-ups. One that is not done yet counts as if it were approved, so that two that cross, be it
//! around a power cut, never come to more than the original.

use emv::fields::Amount;

use super::money::Currency;
use super::request::{OnlineMode, Request, RequestError, TransactionType, validate_reference};
use super::token::Token;
use super::transaction::{Phase, Transaction};
use super::{FinalResult, TokenReused};

/// A follow-up as its caller wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUp {
    /// The caller's name for it.
    pub token: Token,
    /// Refund or void.
    pub kind: TransactionType,
    /// The transaction that it follows up.
    pub original: Token,
    /// How much; all that is left of the original where nothing is said.
    pub amount: Option<Amount>,
    /// The currency, which must be the original's.
    pub currency: Option<Currency>,
    /// The caller's own words for it (see [`Request::reference`]).
    pub reference: Option<String>,
}

/// What a kind of follow-up is possible for.
struct Rule {
    kind: TransactionType,
    /// Kinds of originals.
    of: &'static [TransactionType],
    /// Follow-ups after which it is possible no more.
    unless: &'static [TransactionType],
    /// Whether it is for the whole original, always.
    is_whole: bool,
}

use TransactionType::{CashAdvance, Cashback, Purchase, Refund, Void};

const RULES: &[Rule] = &[
    Rule { kind: Refund, of: &[Purchase, Cashback], unless: &[Void], is_whole: false },
    Rule { kind: Void, of: &[Purchase, Cashback, CashAdvance], unless: &[Void, Refund], is_whole: true },
];

/// Why a follow-up is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FollowUpError {
    /// The journal has no transaction of the original's token.
    #[error("there is no transaction {0} to follow up")]
    UnknownOriginal(Token),
    /// The original has not ended.
    #[error("transaction {0} is not done yet; ask again when it is")]
    NotDone(Token),
    /// The original moved no money.
    #[error("transaction {0} was not approved: there is nothing to give back")]
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
    /// The original was approved offline, and the acquirer has yet to take its advice.
    #[error("the acquirer has not taken transaction {0} yet, which the card approved; ask again when it has")]
    NotAdvised(Token),
    /// Another follow-up is under way, on which this one depends.
    #[error("transaction {0} of the same original is not done yet; ask again when it is")]
    Pending(Token),
    /// The original was voided.
    #[error("transaction {0} was voided already")]
    AlreadyVoided(Token),
    /// The original was refunded, if only in part: a void would give that back twice.
    #[error("transaction {0} was refunded already; refund what is left of it")]
    AlreadyRefunded(Token),
    /// The original is in another currency.
    #[error("transaction {0} is in {1}")]
    WrongCurrency(Token, Currency),
    /// The amount is more than what is left.
    #[error("{} {currency} are left of transaction {original}, and no more", .currency.decimal(*.left))]
    MoreThanIsLeft {
        /// The original.
        original: Token,
        /// What was approved and not given back.
        left: Amount,
        /// In this currency.
        currency: Currency,
    },
    /// Less than the whole was to be voided.
    #[error("a void takes back the whole, {} {currency}; refund a part", .currency.decimal(*.whole))]
    NotTheWhole {
        /// What was approved.
        whole: Amount,
        /// In this currency.
        currency: Currency,
    },
    /// The request itself can't be.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl FollowUp {
    /// The request that this comes to, for an original with these other follow-ups.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn request(&self, original: &Transaction, others: &[Transaction]) -> Result<Request, FollowUpError> {
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
            return Err(match bar.request().kind {
                _ if bar.result().is_none() => FollowUpError::Pending(bar.token().clone()),
                Void => FollowUpError::AlreadyVoided(token()),
                _ => FollowUpError::AlreadyRefunded(token()),
            });
        }
        let amount = self.amount_within(rule, approved, original, &others)?;
        if let Some(reference) = &self.reference {
            validate_reference(reference)?;
        }
        Ok(Request {
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
        })
    }

    /// The amount, which is no more than what the others have left.
    fn amount_within(
        &self,
        rule: &Rule,
        approved: Amount,
        original: &Transaction,
        others: &[&Transaction],
    ) -> Result<Amount, FollowUpError> {
        let currency = original.request().currency;
        let refunds = others.iter().filter(|other| other.request().kind == Refund);
        let (pending, done): (Vec<&Transaction>, Vec<_>) = refunds.partition(|refund| refund.result().is_none());
        let without = |whole: Amount, refunds: &[&Transaction]| {
            let less = |left: Amount, refund: &&Transaction| left.checked_sub(refund.request().amount);
            refunds.iter().try_fold(whole, less).unwrap_or(Amount::ZERO)
        };
        let left = without(approved, &done);
        let left_for_sure = without(left, &pending);
        let amount = self.amount.unwrap_or(left_for_sure);
        match pending.first() {
            _ if self.amount == Some(Amount::ZERO) => Err(RequestError::Zero.into()),
            _ if rule.is_whole && amount != approved => Err(FollowUpError::NotTheWhole { whole: approved, currency }),
            _ if Amount::ZERO < amount && amount <= left_for_sure => Ok(amount),
            Some(pending) if amount <= left => Err(FollowUpError::Pending(pending.token().clone())),
            _ => Err(FollowUpError::MoreThanIsLeft { original: original.token().clone(), left, currency }),
        }
    }

    /// Whether this asks for that very transaction again: in all that it says.
    ///
    /// # Errors
    /// If the token stands for something else.
    pub fn asks_again_for(&self, known: &Transaction) -> Result<(), TokenReused> {
        let request = known.request();
        let is_same = self.kind == request.kind
            && Some(&self.original) == request.original.as_ref()
            && self.amount.is_none_or(|amount| amount == request.amount)
            && self.currency.is_none_or(|currency| currency == request.currency)
            && self.reference == request.reference;
        if is_same { Ok(()) } else { Err(TokenReused(self.token.clone())) }
    }
}

/// Whether a follow-up has moved money, or may yet.
fn counts(follow_up: &Transaction) -> bool {
    follow_up.result().is_none_or(|result| result == FinalResult::Approved)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{acceptor, approval, at, purchase, refusal, tap};
    use super::super::{Event, Fault, OnlineRequest, Reason, Record, Retry, Rrn, Stan, TapOutcome};
    use super::*;

    fn follow_up(kind: TransactionType, amount: Option<u32>) -> FollowUp {
        let amount = amount.map(Amount::from);
        FollowUp {
            token: "f1".parse().unwrap(),
            kind,
            original: "t1".parse().unwrap(),
            amount,
            currency: None,
            reference: None,
        }
    }

    fn fold(request: Request, events: impl IntoIterator<Item = Event>) -> Transaction {
        let token = request.token.clone();
        let events = std::iter::once(Event::Created(request)).chain(events);
        let records = events.map(|event| Record { at: at(0), token: token.clone(), event });
        Transaction::fold(records).unwrap().unwrap()
    }

    fn online_request() -> Event {
        let stan = Stan::try_from(1).unwrap();
        Event::OnlineRequested(OnlineRequest { stan, rrn: Rrn::new(at(0), stan), at: at(0), acceptor: acceptor() })
    }

    /// A sale of 12.50 EUR, as far as these events tell it after its tap.
    fn sale(events: impl IntoIterator<Item = Event>) -> Transaction {
        let tapped = [
            Event::Armed { reader: "counter".to_owned() },
            Event::CardSeen,
            Event::CardRead(Box::new(tap("t1", TapOutcome::OnlineRequest))),
            online_request(),
        ];
        fold(purchase("t1"), tapped.into_iter().chain(events))
    }

    fn approved_sale() -> Transaction {
        sale([Event::OnlineAnswered(approval()), Event::completed(Reason::ApprovedOnline)])
    }

    /// A follow-up of that sale: done, if it has an answer.
    fn other(kind: TransactionType, amount: u32, is_approved: Option<bool>) -> Transaction {
        let request = Request {
            kind,
            original: Some("t1".parse().unwrap()),
            amount: Amount::from(amount),
            ..purchase(&format!("o{amount}"))
        };
        let original = super::super::testing::original("t1");
        let asked = [Event::OriginalRead(Box::new(original)), online_request()];
        let done = match is_approved {
            None => vec![],
            Some(true) => vec![Event::OnlineAnswered(approval()), Event::completed(Reason::ApprovedOnline)],
            Some(false) => vec![Event::OnlineAnswered(refusal()), Event::completed(Reason::DeclinedOnline)],
        };
        fold(request, asked.into_iter().chain(done))
    }

    /// The amount that is agreed to, or the error's name and what to do.
    fn outcome(asked: &FollowUp, original: &Transaction, others: &[Transaction]) -> Result<u64, (&'static str, Retry)> {
        let request =
            asked.request(original, others).map_err(Fault::from).map_err(|fault| (fault.name, fault.retry))?;
        assert_eq!((request.original.as_ref(), request.currency), (Some(&asked.original), purchase("t1").currency));
        Ok(request.amount.minor_units())
    }

    #[test]
    fn refunds_come_to_the_sale_and_no_further_those_under_way_included() {
        let sale = approved_sale();
        let refund = |amount, others: &[Transaction]| outcome(&follow_up(Refund, amount), &sale, others);
        let too_much = Err(("MoreThanIsLeft", Retry::Never));
        assert_eq!((refund(None, &[]), refund(Some(1250), &[])), (Ok(1250), Ok(1250)));
        assert_eq!(refund(Some(1251), &[]), too_much);
        assert_eq!(refund(Some(0), &[]), Err(("InvalidAmount", Retry::Never)));
        let others = [other(Refund, 1000, Some(true)), other(Refund, 700, Some(false))];
        assert_eq!((refund(None, &others), refund(Some(250), &others)), (Ok(250), Ok(250)));
        assert_eq!(refund(Some(251), &others), too_much);
        let others = [other(Refund, 1000, None)];
        assert_eq!((refund(None, &others), refund(Some(250), &others)), (Ok(250), Ok(250)));
        assert_eq!(refund(Some(251), &others), Err(("NotNow", Retry::Same)), "it may be declined yet");
        assert_eq!(refund(Some(1251), &others), too_much, "that will never be");
        assert_eq!(refund(None, &[other(Refund, 1250, Some(true))]), too_much);
    }

    #[test]
    fn a_void_is_for_the_whole_of_what_was_neither_refunded_nor_voided() {
        let sale = approved_sale();
        let void = |amount, others: &[Transaction]| outcome(&follow_up(Void, amount), &sale, others);
        assert_eq!((void(None, &[]), void(Some(1250), &[])), (Ok(1250), Ok(1250)));
        assert_eq!(void(Some(1249), &[]), Err(("InvalidAmount", Retry::Never)));
        assert_eq!(void(None, &[other(Refund, 1, Some(true))]), Err(("AlreadyRefunded", Retry::Never)));
        assert_eq!(void(None, &[other(Void, 1250, Some(true))]), Err(("AlreadyVoided", Retry::Never)));
        assert_eq!(void(None, &[other(Void, 1250, None)]), Err(("NotNow", Retry::Same)));
        assert_eq!(void(None, &[other(Void, 1250, Some(false))]), Ok(1250));
        let refund = outcome(&follow_up(Refund, None), &sale, &[other(Void, 1250, Some(true))]);
        assert_eq!(refund, Err(("AlreadyVoided", Retry::Never)));
    }

    #[test]
    fn only_what_was_approved_can_be_followed_up_and_in_its_own_currency() {
        let refund = follow_up(Refund, None);
        let declined = sale([Event::OnlineAnswered(refusal()), Event::completed(Reason::DeclinedOnline)]);
        assert_eq!(outcome(&refund, &declined, &[]), Err(("OriginalNotApproved", Retry::Never)));
        assert_eq!(outcome(&refund, &sale([]), &[]), Err(("NotNow", Retry::Same)));
        assert_eq!(outcome(&refund, &other(Refund, 5, Some(true)), &[]), Err(("OriginalUnsuitable", Retry::Never)));
        let dollars = FollowUp { currency: Some(Currency::from_alpha("USD").unwrap()), ..refund };
        assert_eq!(outcome(&dollars, &approved_sale(), &[]), Err(("WrongCurrency", Retry::Never)));
    }

    #[test]
    fn an_offline_approval_is_followed_up_once_the_acquirer_has_it() {
        let approved = tap("t1", TapOutcome::Approved);
        let Event::OnlineRequested(advice) = online_request() else { unreachable!("it is one") };
        let tapped = |is_told: bool| {
            let read = super::super::CardRead { icc_data: approved.card.clone(), ..approved.clone() };
            let events =
                vec![Event::Armed { reader: "counter".to_owned() }, Event::CardSeen, Event::CardRead(Box::new(read))];
            let advised = is_told.then(|| Event::AdviceRequested(advice.clone()));
            events.into_iter().chain(advised).chain([Event::completed(Reason::ApprovedOffline)])
        };
        let refund = |events: Vec<Event>| outcome(&follow_up(Refund, None), &fold(purchase("t1"), events), &[]);
        assert_eq!(refund(tapped(true).collect()), Err(("NotNow", Retry::Same)));
        let answered = Event::AdviceAnswered { response_code: "00".to_owned() };
        assert_eq!(refund(tapped(true).chain([answered]).collect()), Ok(1250));
        assert_eq!(refund(tapped(false).collect()), Err(("OriginalUnsuitable", Retry::Never)));
    }

    #[test]
    fn a_token_asks_again_for_the_same_follow_up_alone() {
        let known = other(Refund, 1250, None);
        let again = FollowUp { token: known.token().clone(), ..follow_up(Refund, None) };
        assert_eq!(again.asks_again_for(&known), Ok(()), "with what is left unsaid");
        assert_eq!(FollowUp { amount: Some(Amount::from(1250)), ..again.clone() }.asks_again_for(&known), Ok(()));
        for reused in [
            FollowUp { amount: Some(Amount::from(1)), ..again.clone() },
            FollowUp { kind: Void, ..again.clone() },
            FollowUp { original: "t2".parse().unwrap(), ..again.clone() },
            FollowUp { reference: Some("other".to_owned()), ..again },
        ] {
            assert!(reused.asks_again_for(&known).is_err(), "{reused:?}");
        }
    }
}
