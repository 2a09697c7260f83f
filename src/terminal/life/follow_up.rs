//! A follow-up begins, without a card: the acquirer is asked at once, or told.

use std::collections::VecDeque;

use super::super::ending::Reason;
use super::super::event::{Event, OnlineRequest, Original, Record};
use super::super::request::Request;
use super::super::transaction::Transaction;
use super::{Context, Life, Output};

impl Life {
    /// Begins the life of a follow-up whose token is new, with what it takes over from its original.
    ///
    /// What is wanted, of what, and under which numbers the acquirer is asked is written at once: the journal never
    /// holds a follow-up that was not to be sent. From there it goes the way of a sale that waits for the bank, and after a
    /// power cut it is taken back as one.
    ///
    /// What only follows from an earlier approval is done as soon as it is written, and goes the way of an offline
    /// approval: the acquirer is told until it has taken that, and after a power cut again.
    pub fn follow_up(request: Request, original: Original, context: Context<'_>) -> Self {
        let now = context.now;
        let created = Record { at: now, token: request.token.clone(), event: Event::Created(request.clone()) };
        let outputs = VecDeque::from([Output::Note(created)]);
        let mut life = Life { outputs, ..Life::of(Transaction::new(request, now)) };
        life.note(Event::OriginalRead(Box::new(original)), now);
        if life.transaction.request().kind.is_advised() {
            life.note(Event::AdviceRequested(OnlineRequest::new(context)), now);
            life.complete(Reason::ApprovedBefore, now);
        } else {
            life.ask_acquirer(context);
        }
        life
    }
}
