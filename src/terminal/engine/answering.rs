//! What callers ask, and what they are told.

use super::super::handle::{Call, Reply, Status};
use super::super::view::TransactionView;
use super::super::{
    Agreed, Amount, CardOnRecord, Context, Fault, FinalResult, FollowUp, FollowUpError, Input, Life, Original, Phase,
    Request, Retry, Token, TokenReused, Transaction, TransactionType,
};
use super::{Engine, Open};
use crate::journal::JournalError;
use crate::receipt::{Receipt, Recipient};

impl Engine {
    pub(super) fn answer(&mut self, call: Call) {
        match call {
            Call::Create(request, reply) => send(reply, self.create(request)),
            Call::FollowUp(follow_up, reply) => send(reply, self.follow_up(&follow_up)),
            Call::Cancel(token, reply) => send(reply, self.cancel(&token)),
            Call::Find(token, reply) => send(reply, self.find(&token)),
            Call::List { before, limit, reply } => send(reply, self.list(before.as_ref(), limit)),
            Call::Receipt(token, copy, reply) => send(reply, self.receipt(&token, copy)),
            Call::Status(reply) => send(reply, Ok(self.status())),
            Call::TestHost(reply) => self.echo(Some(reply)),
            Call::Stop(_) => unreachable!("the loop takes this one"),
        }
    }

    /// How the terminal is at this moment.
    pub fn status(&self) -> Status {
        let interrupted = self.interrupted.values().filter_map(|interrupted| interrupted.view.as_ref());
        let phases: Vec<Phase> = self
            .open
            .values()
            .map(|open| open.transaction().phase())
            .chain(interrupted.map(|view| view.state))
            .collect();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Status {
            readers: self.stations.views().collect(),
            open_transactions: count(phases.iter().filter(|phase| **phase != Phase::Done).count()),
            outstanding_reversals: count(phases.iter().filter(|phase| **phase == Phase::Reversing).count()),
            outstanding_advices: count(self.queue.len()),
            acquirers: vec![self.acquirer.view("host", self.config.host.address.as_str())],
            ..self.status.clone()
        }
    }

    fn create(&mut self, request: Request) -> Result<TransactionView, Fault> {
        if let Some(known) = self.asked_before(&request.token, |known| known.is_asked_again_by(&request))? {
            return Ok(known);
        }
        request.validate()?;
        if request.currency != self.config.currency {
            let message = format!("this terminal takes {}, not {}", self.config.currency, request.currency);
            return Err(Fault::new("WrongCurrency", Retry::Never, message));
        }
        let code = request.kind.code();
        let mut combinations = self.config.profile.combinations().iter();
        if !combinations.any(|combination| combination.transaction_types.contains(&code)) {
            let message = format!("no card scheme of this terminal offers {}", request.kind.name());
            return Err(Fault::new("TypeNotOffered", Retry::Never, message));
        }
        if !self.config.host.offers(request.kind, false) {
            let message = format!("the acquirer's dialect has no message for a {}", request.kind.name());
            return Err(Fault::new("TypeNotOffered", Retry::Never, message));
        }
        self.stations.check_free(request.reader.as_deref())?;
        let life = Life::open(request, (self.inputs.now)());
        self.begin(life)
    }

    fn follow_up(&mut self, follow_up: &FollowUp) -> Result<TransactionView, Fault> {
        if let Some(known) = self.asked_before(&follow_up.token, |known| follow_up.asks_again_for(known))? {
            return Ok(known);
        }
        let of_journal = |error| Fault::from(&error);
        let original = self.journal.find(&follow_up.original).map_err(of_journal)?;
        let original = original.ok_or_else(|| FollowUpError::UnknownOriginal(follow_up.original.clone()))?;
        let others = self.standing_follow_ups(&follow_up.original).map_err(of_journal)?;
        let Agreed { request, whole } = follow_up.agree(&original, &others)?;
        if !self.config.host.offers(request.kind, true) {
            let message = format!("the acquirer's dialect has no message for a {} of this kind", request.kind.name());
            return Err(Fault::new("TypeNotOffered", Retry::Never, message));
        }
        let original = self.take_over(&original, whole, &request.token)?;
        let context = Context { now: (self.inputs.now)(), stans: &mut self.stans, acceptor: &self.acceptor };
        let life = Life::follow_up(request, original, context);
        self.begin(life)
    }

    /// The follow-ups of this transaction, but for refunds that were voided: it is as if there had been none.
    fn standing_follow_ups(&self, original: &Token) -> Result<Vec<Transaction>, JournalError> {
        let is_void = |each: &Transaction| {
            each.request().kind == TransactionType::Void && each.result() == Some(FinalResult::Approved)
        };
        let mut standing = Vec::new();
        for follow_up in self.journal.follow_ups(original)? {
            let can_be_voided = follow_up.request().kind == TransactionType::Refund;
            if !can_be_voided || !self.journal.follow_ups(follow_up.token())?.iter().any(is_void) {
                standing.push(follow_up);
            }
        }
        Ok(standing)
    }

    /// What a follow-up with this token takes over. The card is sealed anew: each transaction has its own.
    fn take_over(&self, original: &Transaction, whole: Amount, token: &Token) -> Result<Original, Fault> {
        let message = original.message_to_acquirer().expect("a follow-up is refused where the acquirer knows nothing");
        let card = self.sealed_card(original).ok_or_else(|| self.card_is_gone(original))?;
        Ok(Original {
            kind: original.request().kind,
            message: message.clone(),
            is_advised: original.online_request().is_none(),
            is_follow_up: original.is_follow_up(),
            amount: Some(whole),
            rrn: original.rrn().unwrap_or(&message.rrn).clone(),
            authorisation_code: original.answer().and_then(|answer| answer.authorisation_code.clone()),
            batch: self.batch,
            card: CardOnRecord {
                card: Some(self.storage_keys.seal(token.as_str(), &card.to_bytes())),
                ..original.card_on_record().unwrap_or_default()
            },
        })
    }

    /// Why the card of a transaction can't be read.
    fn card_is_gone(&self, transaction: &Transaction) -> Fault {
        let token = transaction.token();
        if transaction.storage_keys().any(|key| !self.storage_keys.holds(key)) {
            let message =
                format!("the card of transaction {token} was forgotten, as card_data_days says; pay back otherwise");
            return Fault::new("CardForgotten", Retry::Never, message);
        }
        let message = format!("the card of transaction {token} can't be read any more; pay back otherwise");
        Fault::new("CardNotReadable", Retry::AfterOperator, message)
    }

    /// How the transaction of this token stands, where there is one and `is_same` finds that it is asked for again.
    ///
    /// # Errors
    /// If the token is spent on something else; and if nothing new can be begun.
    fn asked_before(
        &self,
        token: &Token,
        is_same: impl Fn(&Transaction) -> Result<(), TokenReused>,
    ) -> Result<Option<TransactionView>, Fault> {
        if let Some(open) = self.open.get(token) {
            is_same(open.transaction())?;
            return self.find(token).map(Some);
        }
        if let Some(past) = self.journal.find(token).map_err(|error| Fault::from(&error))? {
            is_same(&past)?;
            return Ok(Some(self.view_interrupted(token).unwrap_or_else(|| self.view_past(&past))));
        }
        self.status.fault.clone().map_or(Ok(None), Err)
    }

    fn begin(&mut self, life: Life) -> Result<TransactionView, Fault> {
        let token = life.transaction().token().clone();
        self.open.insert(token.clone(), Open::new(life));
        if let Err(error) = self.carry_out(&token) {
            self.journal_failed(&error);
        }
        match (self.view_open(&token).or_else(|| self.view_interrupted(&token)), &self.status.fault) {
            (Some(view), _) => Ok(view),
            (None, Some(fault)) => Err(fault.clone()),
            // It has ended already.
            (None, None) => self.find(&token),
        }
    }

    fn cancel(&mut self, token: &Token) -> Result<(), Fault> {
        if let Some(view) = self.view_interrupted(token) {
            return Err(view.error.expect("it says why it was interrupted"));
        }
        let Some(open) = self.open.get_mut(token) else {
            let past = self.find(token)?;
            return Err(Fault::new("AlreadyDone", Retry::Never, format!("transaction {} is done", past.token)));
        };
        if open.transaction().phase() == Phase::Reversing {
            let message = format!("transaction {token} is being reversed already");
            return Err(Fault::new("NotNow", Retry::Never, message));
        }
        if let Some(seat) = &open.seat {
            seat.cancel();
        }
        self.feed(token, Input::Cancel);
        Ok(())
    }

    fn find(&self, token: &Token) -> Result<TransactionView, Fault> {
        match self.view_open(token).or_else(|| self.view_interrupted(token)) {
            Some(view) => Ok(view),
            None => Ok(self.view_past(&self.past(token)?)),
        }
    }

    fn list(&self, before: Option<&Token>, limit: u32) -> Result<Vec<TransactionView>, Fault> {
        if let Some(token) = before {
            self.find(token)?;
        }
        let page = self.journal.page(before, limit).map_err(|error| Fault::from(&error))?;
        let view = |past: &Transaction| {
            let live = self.view_open(past.token()).or_else(|| self.view_interrupted(past.token()));
            live.unwrap_or_else(|| self.view_past(past))
        };
        Ok(page.iter().map(view).collect())
    }

    fn receipt(&self, token: &Token, copy: Recipient) -> Result<Receipt, Fault> {
        let past = self.past(token)?;
        Receipt::new(&past, &self.config.letterhead, copy, &self.config.time_zone)
            .ok_or_else(|| Fault::new("NotNow", Retry::Same, format!("transaction {token} is not done yet")))
    }

    fn past(&self, token: &Token) -> Result<Transaction, Fault> {
        let found = self.journal.find(token).map_err(|error| Fault::from(&error))?;
        found.ok_or_else(|| Fault::new("UnknownToken", Retry::Never, format!("there is no transaction {token}")))
    }

    fn view_interrupted(&self, token: &Token) -> Option<TransactionView> {
        self.interrupted.get(token)?.view.clone()
    }

    pub(super) fn view_past(&self, transaction: &Transaction) -> TransactionView {
        TransactionView::new(transaction, "", !self.stations.is_empty())
    }
}

impl Call {
    /// The transaction that it concerns.
    pub(super) fn token(&self) -> Option<&Token> {
        match self {
            Call::Create(request, _) => Some(&request.token),
            Call::FollowUp(follow_up, _) => Some(&follow_up.token),
            Call::Cancel(token, _) | Call::Find(token, _) | Call::Receipt(token, ..) => Some(token),
            Call::List { .. } | Call::Status(_) | Call::TestHost(_) | Call::Stop(_) => None,
        }
    }
}

/// Answers a caller, who may have gone.
pub(super) fn send<T>(reply: Reply<T>, answer: Result<T, Fault>) {
    let _ = reply.send(answer);
}
