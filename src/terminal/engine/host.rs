//! The way to the acquirer and back.

use std::time::Duration;

use emv::dict;
use emv::fields::Amount;
use emv::kernel::Cvm;
use emv::tlv::Tlvs;
use zeroize::Zeroizing;

use super::super::{
    BatchNumber, Card, Event, HostFailure, Input, OnlineRequest, Original, Record, Request, Reversal, SendFailure,
    TerminalEvent, Token, Transaction, TransactionType, tap_result,
};
use super::{Engine, Message, Open};
use crate::upstream::{
    self, AuthorisationAnswer, AuthorisationRequest, EntryMode, HostError, OnReversal, Reserve, ReversalAnswer,
    icc_data,
};

impl Engine {
    /// Sends the request, which is in the journal already.
    pub(super) fn authorise(&mut self, token: &Token, online: &OnlineRequest) {
        let Some(mut asked) = self.ask(token, online) else {
            // The kernel wants to go online with a record that names no card, or with a PIN.
            let reason = "the kernel's outcome can't be sent: it lacks a card number, or wants a PIN".to_owned();
            tracing::error!(token = token.as_str(), reason);
            return self.feed(token, Input::HostFailed { failure: HostFailure::NotSent, reason });
        };
        let (inbox, token) = (self.inbox.clone(), token.clone());
        tokio::spawn(async move {
            let answer = asked.answer().await;
            let is_answered = answer.is_ok();
            // Where the engine has stopped meanwhile, the next start reverses.
            let _ = inbox.send(Message::Answer(token.clone(), answer));
            if !is_answered && let Some(late) = asked.late_answer().await {
                let _ = inbox.send(Message::Answer(token, Ok(late)));
            }
        });
    }

    /// Nothing where there is no card to ask for.
    fn ask(&mut self, token: &Token, online: &OnlineRequest) -> Option<upstream::Authorisation> {
        let transaction = self.open.get(token)?.transaction();
        if let Some(original) = transaction.original() {
            let card = self.sealed_card(transaction)?;
            let request = follow_up_request(transaction.request(), online, original, card, self.batch);
            return Some(self.acquirer.host.begin(&request));
        }
        let request = authorisation_request(self.open.get_mut(token)?, online, self.batch)?;
        Some(self.acquirer.host.begin(&request))
    }

    pub(super) fn host_answered(&mut self, token: &Token, answer: Result<AuthorisationAnswer, HostError>) {
        self.note_contact(&answer);
        let input = match answer {
            // What was dropped is taken back once it is taken up, whatever the answer was.
            Ok(_) if self.interrupted.contains_key(token) => return,
            Ok(answer) if !self.open.contains_key(token) => return self.note_late_answer(token, &answer),
            Ok(answer) => {
                if let Some(open) = self.open.get_mut(token) {
                    open.issuer_data = answer.issuer_data.clone();
                }
                Input::HostAnswered(answer.to_journal())
            }
            Err(error) => {
                tracing::warn!(token = token.as_str(), %error, "no authorisation");
                Input::HostFailed { failure: HostFailure::from(&error), reason: error.to_string() }
            }
        };
        self.feed(token, input);
    }

    /// Writes down an answer that came when its transaction was done.
    fn note_late_answer(&mut self, token: &Token, answer: &AuthorisationAnswer) {
        let event = Event::LateAnswer(answer.to_journal());
        let record = Record { at: (self.inputs.now)(), token: token.clone(), event };
        if let Err(error) = self.journal.append(&[record]) {
            self.journal_failed(&error);
        }
    }

    /// Writes down that keys are about to be used. Where that fails the link hears nothing, and uses none.
    pub(super) fn reserve_keys(&mut self, reserve: Reserve) {
        let event = TerminalEvent::KeysReserved(reserve.reservation);
        match self.journal.append_terminal((self.inputs.now)(), &event) {
            // Where the link has ended meanwhile, these keys are given away.
            Ok(_) => drop(reserve.written.send(())),
            Err(error) => self.journal_failed(&error),
        }
    }

    /// Sends the reversal, which is in the journal already, after a while.
    pub(super) fn reverse(&mut self, token: &Token, reversal: &Reversal, is_repeat: bool, after: Duration) {
        let Some(open) = self.open.get(token) else { return };
        let reversal = self.reversal_message(open.transaction(), reversal, is_repeat);
        let (host, inbox, token) = (self.acquirer.host.clone(), self.inbox.clone(), token.clone());
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let answer = host.reverse(&reversal).await;
            // Where the engine has stopped meanwhile, the next start sends it again.
            let _ = inbox.send(Message::Reversal(token, answer));
        });
    }

    pub(super) fn reversal_answered(&mut self, token: &Token, answer: Result<ReversalAnswer, HostError>) {
        self.note_contact(&answer);
        let input = match answer {
            Ok(ReversalAnswer { response_code, says }) => {
                let (meaning, response_code) = (response_code.meaning().meaning, response_code.to_string());
                match says {
                    OnReversal::Settles => Input::ReversalAnswered { response_code },
                    OnReversal::NotFound => Input::ReversalNotFound { response_code },
                    OnReversal::Later | OnReversal::SettlesRepeat | OnReversal::Refuses => {
                        tracing::warn!(token = token.as_str(), response_code, meaning, "a reversal is not taken");
                        let reason = meaning.to_owned();
                        Input::ReversalFailed(SendFailure { reason, response_code: Some(response_code) })
                    }
                }
            }
            Err(error) => {
                tracing::warn!(token = token.as_str(), %error, "a reversal was not answered; it is sent again");
                Input::ReversalFailed(SendFailure { reason: error.to_string(), response_code: None })
            }
        };
        self.feed(token, input);
    }

    fn reversal_message(&self, transaction: &Transaction, reversal: &Reversal, is_repeat: bool) -> upstream::Reversal {
        let request = transaction.request();
        let original = transaction.online_request().expect("only what was requested is reversed").clone();
        upstream::Reversal {
            stan: reversal.stan,
            at: reversal.at,
            is_repeat,
            rrn: transaction.rrn().unwrap_or(&original.rrn).clone(),
            original,
            kind: request.kind,
            is_follow_up: transaction.is_follow_up(),
            amount: request.amount,
            currency: request.currency,
            pan: self.sealed_card(transaction).map(|card| card.pan),
            authorisation_code: transaction.answer().and_then(|answer| answer.authorisation_code.clone()),
            batch: self.batch,
        }
    }

    /// The card of a transaction, out of the journal. Without it, after the storage key was lost, say,
    /// a reversal goes by its original data elements.
    pub(super) fn sealed_card(&self, transaction: &Transaction) -> Option<Card> {
        let sealed = transaction.card_on_record()?.card?;
        let opened = self.storage_keys.open(transaction.token().as_str(), &sealed);
        let card = opened
            .map_err(|error| error.to_string())
            .and_then(|bytes| Card::from_bytes(&bytes).map_err(|error| error.to_string()));
        card.inspect_err(|error| tracing::error!(token = transaction.token().as_str(), error, "the card can't be read"))
            .ok()
    }
}

/// The request to the acquirer. The kernel's data leave memory with it.
fn authorisation_request(open: &mut Open, online: &OnlineRequest, batch: BatchNumber) -> Option<AuthorisationRequest> {
    let outcome = open.outcome.take()?;
    // Without a PIN pad there is no PIN, and no approval can stand on one.
    if outcome.cvm == Some(Cvm::OnlinePin) {
        return None;
    }
    let record = outcome.data_record.as_ref()?;
    let objects = Tlvs::parse(record.as_bytes()).ok()?;
    let read = tap_result::read_card(record)?;
    let (entry_mode, icc_data) = how_read(objects, open.records.df_name().unwrap_or_default());
    Some(AuthorisationRequest {
        entry_mode: Some(entry_mode),
        track2: read.track2,
        icc_data,
        ..request_of(open.transaction().request(), online, read.card, batch)
    })
}

/// The request for a follow-up: the sale's card from the journal, and the sale by which the acquirer knows it.
pub(super) fn follow_up_request(
    request: &Request,
    online: &OnlineRequest,
    original: &Original,
    card: Card,
    batch: BatchNumber,
) -> AuthorisationRequest {
    let amount = match request.kind {
        // What the sale comes to. More than an amount can be was refused when it was asked for.
        TransactionType::Adjustment => original.amount.unwrap_or_default().checked_add(request.amount),
        _ => Some(request.amount),
    };
    AuthorisationRequest {
        entry_mode: None,
        amount: amount.unwrap_or(Amount::MAX),
        original: Some(original.clone()),
        ..request_of(request, online, card, batch)
    }
}

/// A request for what a caller asked, with nothing of the card but its number.
pub(super) fn request_of(
    request: &Request,
    online: &OnlineRequest,
    card: Card,
    batch: BatchNumber,
) -> AuthorisationRequest {
    AuthorisationRequest {
        stan: online.stan,
        rrn: online.rrn.clone(),
        at: online.at,
        acceptor: online.acceptor.clone(),
        kind: request.kind,
        amount: request.amount,
        cashback: request.amount_other.unwrap_or(Amount::ZERO),
        currency: request.currency,
        entry_mode: Some(EntryMode::ContactlessChip),
        card,
        track2: None,
        pin_block: None,
        icc_data: Zeroizing::default(),
        batch,
        original: None,
    }
}

/// How the card was read, and field 55 with it: only a chip gives a cryptogram, and what goes with one.
fn how_read(data_record: Tlvs<'_>, aid: &[u8]) -> (EntryMode, Zeroizing<Vec<u8>>) {
    match data_record.find(dict::APPLICATION_CRYPTOGRAM) {
        Some(_) => (EntryMode::ContactlessChip, icc_data::from_data_record(data_record, icc_data::wanted(aid))),
        None => (EntryMode::ContactlessMagneticStripe, Zeroizing::default()),
    }
}

#[cfg(test)]
mod tests {
    use emv::tlv::Writer;

    use super::*;

    const MASTERCARD: [u8; 7] = [0xA0, 0x00, 0x00, 0x00, 0x04, 0x10, 0x10];

    #[test]
    fn a_cryptogram_tells_a_chip_from_a_stripe() {
        let mut stripe = Writer::new();
        stripe.put(dict::DF_NAME, &MASTERCARD);
        let mut chip = stripe.clone();
        chip.put(dict::APPLICATION_CRYPTOGRAM, &[0x11; 8]);
        let read = |record: Writer| {
            let record = record.into_bytes();
            let (entry_mode, icc_data) = how_read(Tlvs::parse(&record).unwrap(), &MASTERCARD);
            (entry_mode, icc_data.is_empty())
        };
        assert_eq!(read(stripe), (EntryMode::ContactlessMagneticStripe, true));
        assert_eq!(read(chip), (EntryMode::ContactlessChip, false));
    }
}
