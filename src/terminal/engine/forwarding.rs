//! Telling the acquirer afterwards what was approved without it.
//!
//! The queue says what is sent and when; here its messages are made of the journal, carried, and what came of them is
//! written: several answers that arrived together in one commit.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tokio::time::Instant;

use super::super::{Delivery, Event, Outstanding, Record, SendFailure, Sending, Token, Transaction};
use super::Engine;
use super::host::{follow_up_request, request_of};
use crate::journal::JournalError;
use crate::upstream::{Advice, AdviceAnswer, AuthorisationRequest, HostError, NotSent, OnReversal};

/// What came of a message of the queue.
pub(super) struct Forwarded {
    pub(super) token: Token,
    pub(super) answer: Result<AdviceAnswer, HostError>,
}

impl Engine {
    /// The most answers that are written in one commit.
    pub(super) const ANSWERS_AT_ONCE: usize = 64;

    /// Takes in what the journal holds and the queue does not: all at the start, and later what was written just before
    /// something went wrong.
    ///
    /// # Errors
    /// If the journal can't be read.
    pub(super) fn take_up_outstanding(&mut self) -> Result<(), JournalError> {
        for transaction in self.journal.outstanding_advices()? {
            if let Some(outstanding) = Outstanding::of(&transaction) {
                self.queue.push(outstanding, true);
            }
        }
        Ok(())
    }

    /// When the queue has something to send, if nothing else happens.
    pub(super) fn forwards_at(&self) -> Option<Instant> {
        // What is taken could not be written.
        let is_writable = self.status.fault.is_none();
        self.queue.wakes_at(Instant::now().into_std()).filter(|_| is_writable).map(Instant::from_std)
    }

    /// Sends what the queue gives.
    pub(super) fn forward(&mut self) {
        while self.status.fault.is_none()
            && let Some(sending) = self.queue.next(Instant::now().into_std())
        {
            match self.journal.find(&sending.token) {
                Ok(transaction) => self.send(sending, transaction.as_ref()),
                Err(error) => {
                    self.journal_failed(&error);
                    self.delivered(&sending.token, &Delivery::NotSent);
                }
            }
        }
    }

    fn send(&mut self, sending: Sending, transaction: Option<&Transaction>) {
        let advice = transaction.and_then(|transaction| self.advice(transaction, sending.is_repeat));
        let (host, inbox, token) = (self.acquirer.host.clone(), self.forwarded_in.clone(), sending.token);
        tokio::spawn(async move {
            let answer = match &advice {
                Some(advice) => host.advise(advice).await,
                None => Err(NotSent::NoCard.into()),
            };
            // Where the engine has stopped meanwhile, the next start sends it again.
            let _ = inbox.send(Forwarded { token, answer });
        });
    }

    /// Nothing where the card can't be read any more.
    fn advice(&self, transaction: &Transaction, is_repeat: bool) -> Option<Advice> {
        let (numbers, card) = (transaction.advice()?, self.sealed_card(transaction)?);
        if let Some(original) = transaction.original() {
            let request = follow_up_request(transaction.request(), numbers, original, card, self.batch);
            return Some(Advice { request, is_repeat });
        }
        let sealed = transaction.card_read()?.icc_data.as_ref()?;
        let icc_data = self.storage_keys.open(transaction.token().as_str(), sealed).ok()?;
        let request = AuthorisationRequest {
            track2: None,
            icc_data,
            ..request_of(transaction.request(), numbers, card, self.batch)
        };
        Some(Advice { request, is_repeat })
    }

    /// Writes down what answers that came together say, and only then believes it.
    pub(super) fn forwarded(&mut self, answers: Vec<Forwarded>) {
        let mut deliveries = Vec::new();
        for Forwarded { token, answer } in answers {
            self.note_contact(&answer);
            deliveries.push((token, delivery(answer)));
        }
        let now = (self.inputs.now)();
        let records = self.records_of(&deliveries, now);
        if !records.is_empty()
            && let Err(error) = self.journal.append(&records)
        {
            self.journal_failed(&error);
            deliveries.iter_mut().for_each(|(_, delivery)| *delivery = Delivery::Unanswered);
        }
        for (token, delivery) in deliveries {
            self.delivered(&token, &delivery);
        }
    }

    /// What is news of these answers. One that comes twice, or to what somebody has settled meanwhile, is none.
    fn records_of(&self, deliveries: &[(Token, Delivery)], at: Timestamp) -> Vec<Record> {
        let mut taken = BTreeSet::new();
        let event = |(token, delivery): &(Token, Delivery)| {
            let outstanding = self.queue.get(token)?;
            let event = match delivery {
                Delivery::Taken { response_code } => Event::AdviceAnswered { response_code: response_code.clone() },
                Delivery::Refused(failure) if outstanding.refusal.as_ref() != Some(failure) => {
                    tracing::warn!(token = token.as_str(), reason = failure.reason, "the acquirer refuses an advice");
                    Event::AdviceFailed(failure.clone())
                }
                _ => return None,
            };
            taken.insert(token.clone()).then(|| Record { at, token: token.clone(), event })
        };
        deliveries.iter().filter_map(event).collect()
    }

    fn delivered(&mut self, token: &Token, delivery: &Delivery) {
        let [a, b, c, d, ..] = (self.inputs.randomness)();
        self.queue.delivered(token, delivery, Instant::now().into_std(), u32::from_be_bytes([a, b, c, d]));
    }
}

/// What an answer means for the queue.
fn delivery(answer: Result<AdviceAnswer, HostError>) -> Delivery {
    match answer {
        Ok(AdviceAnswer { response_code, says }) => match says {
            OnReversal::Settles => Delivery::Taken { response_code: response_code.to_string() },
            OnReversal::SettlesRepeat | OnReversal::Later => Delivery::Unavailable,
            OnReversal::NotFound | OnReversal::Refuses => Delivery::Refused(SendFailure {
                reason: response_code.meaning().meaning.to_owned(),
                response_code: Some(response_code.to_string()),
            }),
        },
        // As it is now it will never be sent, however often it is tried.
        Err(HostError::NotSent(
            why @ (NotSent::NoCard | NotSent::Encode(_) | NotSent::Frame(_) | NotSent::NoMessage(_)),
        )) => Delivery::Refused(SendFailure { reason: HostError::NotSent(why).to_string(), response_code: None }),
        Err(HostError::NotSent(_)) => Delivery::NotSent,
        Err(HostError::NoAnswer(_) | HostError::MalformedAnswer(_)) => Delivery::Unanswered,
    }
}
