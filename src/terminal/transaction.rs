//! A transaction as its events tell it.

use emv::fields::Amount;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ending::{FinalResult, Reason};
use super::event::{
    Answer, CardOnRecord, CardRead, Event, OnlineRequest, Original, Record, Reversal, SendFailure, TapOutcome,
};
use super::fault::{Fault, Retry};
use super::request::Request;
use super::token::Token;
use super::trace_number::Rrn;
use crate::keys::Generation;
use crate::upstream::{Meaning, OnReversal};

mod admission;
mod standing;

pub use standing::Exposure;

/// Where a transaction stands, as the cashier must see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// `created`: written down; no reader waits yet.
    Created,
    /// `armed`: a reader waits; present the card.
    Armed,
    /// `card_seen`: a card is being read; hold it there.
    CardSeen,
    /// `card_read`: the card has done its part; remove it.
    CardRead,
    /// `authorising`: waiting for the bank.
    Authorising,
    /// `reversing`: not paid; the request to the bank is being taken back.
    Reversing,
    /// `done`: see the result.
    Done,
}

impl Phase {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Created => "created",
            Phase::Armed => "armed",
            Phase::CardSeen => "card_seen",
            Phase::CardRead => "card_read",
            Phase::Authorising => "authorising",
            Phase::Reversing => "reversing",
            Phase::Done => "done",
        }
    }
}

/// How a transaction ended, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// What became of it.
    pub result: FinalResult,
    /// Why.
    pub reason: Reason,
    /// When.
    pub at: Timestamp,
}

/// One transaction: the fold over its events. It changes by [`Transaction::apply`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    request: Request,
    created_at: Timestamp,
    phase: Phase,
    reader: Option<String>,
    card_read: Option<CardRead>,
    original: Option<Original>,
    online_request: Option<OnlineRequest>,
    answer: Option<Answer>,
    is_cancel_requested: bool,
    reversal: Option<Reversal>,
    reversal_failure: Option<SendFailure>,
    reversal_response_code: Option<String>,
    advice: Option<OnlineRequest>,
    advice_failure: Option<SendFailure>,
    advice_response_code: Option<String>,
    ending: Option<Ending>,
}

/// An event that can't follow on what happened before. It points to a defect or to a journal that
/// somebody wrote into.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("transaction {token}: {event} can't happen in phase {}", .phase.map_or("(none)", Phase::name))]
pub struct Impossible {
    /// The transaction.
    pub token: Token,
    /// The phase it was in; none before it was created.
    pub phase: Option<Phase>,
    /// The name of the event's type.
    pub event: &'static str,
}

/// A token that was given again with another request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("token {0} already stands for another request; choose a new token")]
pub struct TokenReused(pub Token);

impl Transaction {
    /// A transaction that was just asked for.
    pub fn new(request: Request, created_at: Timestamp) -> Self {
        Transaction {
            request,
            created_at,
            phase: Phase::Created,
            reader: None,
            card_read: None,
            original: None,
            online_request: None,
            answer: None,
            is_cancel_requested: false,
            reversal: None,
            reversal_failure: None,
            reversal_response_code: None,
            advice: None,
            advice_failure: None,
            advice_response_code: None,
            ending: None,
        }
    }

    /// The transaction that these events tell, or none if there are no events.
    pub fn fold(records: impl IntoIterator<Item = Record>) -> Result<Option<Self>, Impossible> {
        let mut records = records.into_iter();
        let Some(first) = records.next() else { return Ok(None) };
        let Event::Created(request) = first.event else {
            return Err(Impossible { token: first.token, phase: None, event: first.event.name() });
        };
        let mut transaction = Transaction::new(request, first.at);
        for record in records {
            transaction.apply(record.at, &record.event)?;
        }
        Ok(Some(transaction))
    }

    /// Takes one more event in, or refuses one that can't follow and changes nothing.
    pub fn apply(&mut self, at: Timestamp, event: &Event) -> Result<(), Impossible> {
        if !self.admits(event) {
            let token = self.request.token.clone();
            return Err(Impossible { token, phase: Some(self.phase), event: event.name() });
        }
        self.phase = match event {
            Event::Created(_) | Event::OnlineFailed { .. } | Event::LateAnswer(_) => self.phase,
            Event::Armed { reader } => {
                self.reader = Some(reader.clone());
                Phase::Armed
            }
            Event::CardSeen => Phase::CardSeen,
            Event::CardRead(card_read) => {
                // The second tap only carries the issuer's answer to the card: what the first one
                // read, and the acquirer was told, stands.
                match &mut self.card_read {
                    None => self.card_read = Some((**card_read).clone()),
                    Some(first) => {
                        first.data.issuer_script_results.clone_from(&card_read.data.issuer_script_results);
                    }
                }
                Phase::CardRead
            }
            Event::OriginalRead(original) => {
                self.original = Some((**original).clone());
                self.phase
            }
            Event::OnlineRequested(request) => {
                self.online_request = Some(request.clone());
                Phase::Authorising
            }
            Event::OnlineAnswered(answer) => {
                self.answer = Some(answer.clone());
                Phase::Authorising
            }
            Event::CancelRequested => {
                self.is_cancel_requested = true;
                self.phase
            }
            Event::ReversalRequested(reversal) => {
                self.reversal = Some(reversal.clone());
                Phase::Reversing
            }
            Event::ReversalFailed(failure) => {
                self.reversal_failure = Some(failure.clone());
                Phase::Reversing
            }
            Event::ReversalAnswered { response_code } => {
                self.reversal_response_code = Some(response_code.clone());
                Phase::Reversing
            }
            Event::AdviceRequested(advice) => {
                self.advice = Some(advice.clone());
                self.phase
            }
            Event::AdviceFailed(failure) => {
                self.advice_failure = Some(failure.clone());
                self.phase
            }
            Event::AdviceAnswered { response_code } => {
                self.advice_response_code = Some(response_code.clone());
                self.phase
            }
            Event::Completed { result, reason } => {
                self.ending = Some(Ending { result: *result, reason: *reason, at });
                Phase::Done
            }
        };
        Ok(())
    }

    /// Whether this call asks for this very transaction again.
    pub fn is_asked_again_by(&self, request: &Request) -> Result<(), TokenReused> {
        if self.request == *request { Ok(()) } else { Err(TokenReused(request.token.clone())) }
    }

    /// The caller's name for it.
    pub fn token(&self) -> &Token {
        &self.request.token
    }

    /// What the caller asked for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// When the caller asked.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The reader that waits, or read the card.
    pub fn reader(&self) -> Option<&str> {
        self.reader.as_deref()
    }

    /// What the tap left behind.
    pub fn card_read(&self) -> Option<&CardRead> {
        self.card_read.as_ref()
    }

    /// What a follow-up took over from its original.
    pub fn original(&self) -> Option<&Original> {
        self.original.as_ref()
    }

    /// The card, read for this transaction or for its original.
    pub fn card_on_record(&self) -> Option<CardOnRecord> {
        let read = self.card_read.as_ref().map(CardRead::on_record);
        read.or_else(|| self.original.as_ref().map(|original| original.card.clone()))
    }

    /// The storage keys under which it holds anything.
    pub fn storage_keys(&self) -> impl Iterator<Item = Generation> {
        let card = self.card_on_record().and_then(|card| card.card);
        let icc_data = self.card_read.as_ref().and_then(|read| read.icc_data.clone());
        card.into_iter().chain(icc_data).map(|sealed| sealed.generation())
    }

    /// The request to the acquirer.
    pub fn online_request(&self) -> Option<&OnlineRequest> {
        self.online_request.as_ref()
    }

    /// The acquirer's answer.
    pub fn answer(&self) -> Option<&Answer> {
        self.answer.as_ref()
    }

    /// Whether the caller wanted to cancel while the acquirer was being asked.
    pub fn is_cancel_requested(&self) -> bool {
        self.is_cancel_requested
    }

    /// The request to the acquirer, or the advice of what was approved offline.
    pub fn message_to_acquirer(&self) -> Option<&OnlineRequest> {
        self.online_request.as_ref().or(self.advice.as_ref())
    }

    /// The advice by which the acquirer hears of an offline approval.
    pub fn advice(&self) -> Option<&OnlineRequest> {
        self.advice.as_ref()
    }

    /// Why the advice was not taken when it was sent last, as far as that is written.
    pub fn advice_failure(&self) -> Option<&SendFailure> {
        self.advice_failure.as_ref()
    }

    /// The retrieval reference number by which the acquirer knows the request: its own, where it assigned one.
    pub fn rrn(&self) -> Option<&Rrn> {
        let acquirers = self.answer.as_ref().and_then(|answer| answer.acquirer_rrn.as_ref());
        acquirers.or_else(|| self.message_to_acquirer().map(|message| &message.rrn))
    }

    /// The code under which it was approved; of what follows from an earlier approval, that one's.
    pub fn authorisation_code(&self) -> Option<&str> {
        let own = self.answer.as_ref().and_then(|answer| answer.authorisation_code.as_deref());
        let of_original = self.original.as_ref().filter(|_| self.request.kind.is_advised());
        own.or_else(|| of_original?.authorisation_code.as_deref())
    }

    /// What the acquirer's answer means.
    pub fn answer_meaning(&self) -> Option<&'static Meaning> {
        self.answer.as_ref().map(|answer| Meaning::of(&answer.response_code))
    }

    /// The reversal.
    pub fn reversal(&self) -> Option<&Reversal> {
        self.reversal.as_ref()
    }

    /// Why the reversal was not settled when it was sent last, as far as that is written.
    pub fn reversal_failure(&self) -> Option<&SendFailure> {
        self.reversal_failure.as_ref()
    }

    /// What a caller is told: why nothing was paid, or what keeps the reversal from its end.
    pub fn fault(&self) -> Option<Fault> {
        match (self.ending.map(|ending| ending.reason), self.answer_meaning()) {
            (Some(Reason::DeclinedOnline), Some(meaning)) => {
                let instruction = meaning.cashier;
                Some(Fault::new(instruction.error, instruction.retry, instruction.text))
            }
            (Some(reason), _) => reason.fault(),
            (None, _) => self.reversal_refusal(),
        }
    }

    /// Says so while the acquirer refuses to take the request back.
    fn reversal_refusal(&self) -> Option<Fault> {
        let code = self.reversal_failure.as_ref()?.response_code.as_ref()?;
        let meaning = Meaning::of(code);
        (meaning.on_reversal == OnReversal::Refuses).then(|| {
            let message = format!(
                "not paid, but the acquirer refuses to take the request back (code {code}, {}); call the acquirer",
                meaning.meaning
            );
            Fault::new("ReversalRefused", Retry::AfterOperator, message)
        })
    }

    /// How it ended.
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// What became of it.
    pub fn result(&self) -> Option<FinalResult> {
        self.ending.map(|ending| ending.result)
    }

    /// The amount that was paid: none unless approved; less than asked after a partial approval.
    pub fn approved_amount(&self) -> Option<Amount> {
        let asked = self.request.amount;
        let granted = self.answer.as_ref().and_then(|answer| answer.amount).unwrap_or(asked);
        (self.result() == Some(FinalResult::Approved)).then_some(granted)
    }

    fn outcome(&self) -> Option<TapOutcome> {
        self.card_read.as_ref().map(|card_read| card_read.outcome)
    }
}

#[cfg(test)]
mod tests;
