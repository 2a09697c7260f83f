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

/// Whether money may have moved, as far as the journal knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// The acquirer was not asked, or declined, or took the reversal.
    None,
    /// The acquirer may have approved, or did, and no reversal is under way.
    Open,
    /// A reversal is written and not answered.
    Reversing,
}

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

    /// Whether the event can come next.
    fn admits(&self, event: &Event) -> bool {
        match event {
            Event::Created(_) => false,
            Event::Armed { .. } => self.awaits_first_tap() || self.awaits_second_tap(),
            Event::CardSeen => self.phase == Phase::Armed,
            Event::CardRead(card_read) => self.admits_end_of_tap(card_read.outcome),
            Event::OriginalRead(_) => self.phase == Phase::Created && self.is_follow_up() && self.original.is_none(),
            Event::OnlineRequested(_) => self.may_go_online(),
            Event::OnlineAnswered(_) | Event::OnlineFailed { .. } => self.awaits_answer(),
            Event::CancelRequested => self.awaits_answer() && !self.is_cancel_requested,
            Event::LateAnswer(_) => {
                self.online_request.is_some() && matches!(self.phase, Phase::Reversing | Phase::Done)
            }
            Event::ReversalRequested(_) => self.phase != Phase::Done && self.exposure() == Exposure::Open,
            Event::ReversalFailed(_) | Event::ReversalAnswered { .. } => self.exposure() == Exposure::Reversing,
            Event::AdviceRequested(_) => {
                self.phase == Phase::CardRead && self.advice.is_none() && self.outcome() == Some(TapOutcome::Approved)
            }
            Event::AdviceFailed(_) | Event::AdviceAnswered { .. } => self.is_advice_outstanding(),
            Event::Completed { result, reason } => {
                self.phase != Phase::Done && *result == reason.result() && self.admits_ending(*reason)
            }
        }
    }

    /// Whether there is something to ask the acquirer, and it was not asked.
    fn may_go_online(&self) -> bool {
        let is_wanted =
            self.outcome() == Some(TapOutcome::OnlineRequest) && self.request.refuses(self.outcome()).is_none();
        let after_tap = self.phase == Phase::CardRead && is_wanted;
        let after_original = self.phase == Phase::Created && self.original.is_some();
        self.online_request.is_none() && (after_tap || after_original)
    }

    /// Whether the card is awaited, or is being read, for the first time.
    pub fn awaits_first_tap(&self) -> bool {
        matches!(self.phase, Phase::Created | Phase::Armed | Phase::CardSeen) && !self.is_follow_up()
    }

    /// Whether it follows up an earlier transaction, and asks for no card.
    pub fn is_follow_up(&self) -> bool {
        self.request.original.is_some()
    }

    /// Whether a tap can end so now. Pre-processing may end one before any card was seen, without a
    /// decision about money (EMV Contactless Book B, 3.1.1.13).
    pub fn admits_end_of_tap(&self, outcome: TapOutcome) -> bool {
        let without_card = matches!(outcome, TapOutcome::TryAnotherInterface | TapOutcome::EndApplication);
        let before_card = self.phase == Phase::Created && without_card && !self.is_follow_up();
        self.phase == Phase::CardSeen || before_card || self.awaits_second_tap()
    }

    /// Whether the transaction can end for this reason.
    fn admits_ending(&self, reason: Reason) -> bool {
        let outcome = self.outcome();
        // Where pre-processing finds no application for the amount, no card is asked for (EMV Contactless Book B, 3.1.1.13).
        let without_card = self.phase == Phase::Created && !self.is_follow_up();
        match reason {
            Reason::ApprovedOnline => self.exposure() == Exposure::Open && self.is_approved_online(),
            Reason::ApprovedOffline => outcome == Some(TapOutcome::Approved) && self.request.refuses(outcome).is_none(),
            Reason::DeclinedOnline => self.answer.as_ref().is_some_and(|answer| !answer.approved),
            Reason::DeclinedOffline => outcome == Some(TapOutcome::Declined),
            Reason::TryAnotherInterface => without_card || outcome == Some(TapOutcome::TryAnotherInterface),
            Reason::EndApplication => without_card || outcome == Some(TapOutcome::EndApplication),
            Reason::OnlineRequired | Reason::OfflineNotPossible => {
                self.request.refuses(outcome) == Some(reason) && self.online_request.is_none()
            }
            Reason::OfflineLimitReached => outcome == Some(TapOutcome::Approved) && self.online_request.is_none(),
            // The host link knows that nothing was sent.
            Reason::UnableToGoOnline => {
                self.online_request.is_some() && self.answer.is_none() && self.reversal.is_none()
            }
            Reason::Reversed => self.reversal_response_code.is_some(),
            Reason::NoCard => self.exposure() == Exposure::None && self.card_read.is_none(),
            // Called off while the acquirer was to be asked, and then it never was.
            Reason::CancelledByCaller if self.is_cancel_requested => self.answer.is_none() && self.reversal.is_none(),
            Reason::CancelledByCaller
            | Reason::ReaderFailed
            | Reason::Restarted
            | Reason::JournalFailed
            | Reason::InternalError => self.exposure() == Exposure::None && self.online_request.is_none(),
        }
    }

    /// Whether the answer approves, and an amount that the caller takes.
    pub fn takes(&self, answer: &Answer) -> bool {
        let asked = self.request.amount;
        let takes_part = |part: Amount| self.request.accept_partial && Amount::ZERO < part && part < asked;
        answer.approved && answer.amount.is_none_or(|amount| amount == asked || takes_part(amount))
    }

    /// Whether the acquirer has answered by an approval that the caller takes.
    pub fn is_approved_online(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| self.takes(answer))
    }

    /// Whether money may have moved.
    pub fn exposure(&self) -> Exposure {
        let declined = self.answer.as_ref().is_some_and(|answer| !answer.approved);
        match (&self.online_request, &self.reversal, &self.reversal_response_code) {
            (None, ..) | (Some(_), Some(_), Some(_)) => Exposure::None,
            (Some(_), Some(_), None) => Exposure::Reversing,
            (Some(_), None, _) if declined => Exposure::None,
            (Some(_), None, _) => Exposure::Open,
        }
    }

    /// Whether the acquirer is being asked, and no answer has come.
    pub fn awaits_answer(&self) -> bool {
        self.phase == Phase::Authorising && self.answer.is_none()
    }

    /// Whether the card is to come back for the issuer's answer.
    pub fn awaits_second_tap(&self) -> bool {
        self.phase != Phase::Reversing
            && self.phase != Phase::Done
            && self.answer.as_ref().is_some_and(|answer| self.is_wanted_by_card(answer))
    }

    /// Whether there is something for the card in the answer, and the card asked to come back for it.
    pub fn is_wanted_by_card(&self, answer: &Answer) -> bool {
        answer.is_for_card() && self.card_read.as_ref().is_some_and(|card_read| card_read.present_again)
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

    /// Whether the acquirer has yet to hear of an offline approval.
    pub fn is_advice_outstanding(&self) -> bool {
        let is_approved = self.ending.is_some_and(|ending| ending.reason == Reason::ApprovedOffline);
        is_approved && self.advice.is_some() && self.advice_response_code.is_none()
    }

    /// The retrieval reference number by which the acquirer knows the request: its own, where it assigned one.
    pub fn rrn(&self) -> Option<&Rrn> {
        let acquirers = self.answer.as_ref().and_then(|answer| answer.acquirer_rrn.as_ref());
        acquirers.or_else(|| self.message_to_acquirer().map(|message| &message.rrn))
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
mod tests {
    use super::super::testing::{approval, at, purchase, tap};
    use super::super::{ReversalReason, Rrn, Stan};
    use super::*;

    fn online_request() -> Event {
        let stan = Stan::try_from(1).unwrap();
        let acceptor = super::super::testing::acceptor();
        Event::OnlineRequested(OnlineRequest { stan, rrn: Rrn::new(at(3), stan), at: at(3), acceptor })
    }

    fn failed() -> Event {
        Event::OnlineFailed { reason: "the response time-out passed".to_owned() }
    }

    fn reversal() -> Event {
        let stan = Stan::try_from(2).unwrap();
        Event::ReversalRequested(Reversal { stan, at: at(4), reason: ReversalReason::NoAnswer })
    }

    fn sale(events: &[Event]) -> Result<Transaction, Impossible> {
        let mut transaction = Transaction::new(purchase("t1"), at(0));
        let up_to_the_bank = [
            Event::Armed { reader: "counter".to_owned() },
            Event::CardSeen,
            Event::CardRead(Box::new(tap("t1", TapOutcome::OnlineRequest))),
        ];
        for event in up_to_the_bank.iter().chain(events) {
            transaction.apply(at(1), event)?;
        }
        Ok(transaction)
    }

    #[test]
    fn exposure_follows_the_request_the_answer_and_the_reversal() {
        let refused = Event::OnlineAnswered(super::super::testing::refusal());
        let taken_back = Event::ReversalAnswered { response_code: "00".to_owned() };
        for (events, exposure) in [
            (vec![], Exposure::None),
            (vec![online_request()], Exposure::Open),
            (vec![online_request(), Event::OnlineAnswered(approval())], Exposure::Open),
            (vec![online_request(), refused], Exposure::None),
            (vec![online_request(), reversal()], Exposure::Reversing),
            (vec![online_request(), reversal(), taken_back], Exposure::None),
        ] {
            assert_eq!(sale(&events).unwrap().exposure(), exposure, "{events:?}");
        }
    }

    #[test]
    fn events_out_of_order_are_refused() {
        let answered = Event::OnlineAnswered(approval());
        let approved = Event::completed(Reason::ApprovedOnline);
        let twisted = Event::Completed { result: FinalResult::Approved, reason: Reason::NoCard };
        for events in [
            vec![answered.clone()],
            vec![reversal()],
            vec![online_request(), online_request()],
            vec![online_request(), approved.clone()],
            vec![online_request(), Event::completed(Reason::CancelledByCaller)],
            vec![online_request(), answered.clone(), answered.clone()],
            vec![online_request(), answered.clone(), Event::completed(Reason::UnableToGoOnline)],
            vec![online_request(), answered.clone(), reversal(), approved.clone()],
            vec![online_request(), reversal(), Event::completed(Reason::Reversed)],
            vec![online_request(), answered.clone(), approved.clone(), reversal()],
            vec![online_request(), answered.clone(), approved.clone(), approved.clone()],
            vec![online_request(), Event::LateAnswer(approval())],
            vec![online_request(), answered.clone(), failed()],
            vec![online_request(), answered.clone(), Event::CancelRequested],
            vec![online_request(), Event::CancelRequested, Event::CancelRequested],
            vec![
                online_request(),
                Event::CancelRequested,
                answered.clone(),
                Event::completed(Reason::CancelledByCaller),
            ],
            vec![Event::Created(purchase("t1"))],
            vec![Event::completed(Reason::ApprovedOffline)],
            vec![Event::CardSeen],
            vec![twisted],
        ] {
            let impossible = sale(&events).unwrap_err();
            assert_eq!(impossible.event, events.last().unwrap().name());
        }
    }

    #[test]
    fn a_token_stands_for_one_request() {
        let transaction = Transaction::new(purchase("t1"), at(0));
        assert_eq!(transaction.is_asked_again_by(&purchase("t1")), Ok(()));
        let other = Request { amount: Amount::from(1251), ..purchase("t1") };
        let reused = transaction.is_asked_again_by(&other).unwrap_err();
        assert_eq!(super::super::Fault::from(reused).name, "TokenReused");
    }
}
