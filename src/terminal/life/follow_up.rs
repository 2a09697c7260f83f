//! A follow-up begins: the acquirer is asked at once, without a card.

use std::collections::VecDeque;

use super::super::event::{Event, Original, Record};
use super::super::request::Request;
use super::super::transaction::Transaction;
use super::{Context, Life, Output};

impl Life {
    /// Begins the life of a follow-up whose token is new, with what it takes over from its original.
    ///
    /// What is wanted, of what, and under which numbers the acquirer is asked is written at once: the journal never
    /// holds a follow-up that was not to be sent. From there it goes the way of a sale that waits for the bank, and after a
    /// power cut it is taken back as one.
    pub fn follow_up(request: Request, original: Original, context: Context<'_>) -> Self {
        let now = context.now;
        let created = Record { at: now, token: request.token.clone(), event: Event::Created(request.clone()) };
        let outputs = VecDeque::from([Output::Note(created)]);
        let mut life = Life { outputs, ..Life::of(Transaction::new(request, now)) };
        life.note(Event::OriginalRead(Box::new(original)), now);
        life.ask_acquirer(context);
        life
    }
}
