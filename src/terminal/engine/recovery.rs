//! What becomes of transactions that nobody works on any more: after a restart, a failure of the journal or a panic.
//!
//! What was not written has not happened. So such a transaction is dropped as it is, its caller is told that its end is
//! not known yet, and it is taken up again as the journal knows it, as soon as the journal can be read and written.

use std::time::Duration;

use super::super::view::{Change, TransactionView};
use super::super::{Context, Fault, Interruption, Life, Retry, TerminalEvent, Token};
use super::{Engine, Message, Open};
use crate::journal::JournalError;

/// How long to wait before a journal that failed is tried again.
const JOURNAL_PAUSE: Duration = Duration::from_secs(5);

/// A transaction that was dropped and not taken up again yet.
pub(super) struct Interrupted {
    why: Interruption,
    /// What its caller was told last; nothing if it was never told of.
    pub(super) view: Option<TransactionView>,
}

impl Engine {
    /// Drops a transaction, and tells its caller so.
    pub(super) fn interrupt(&mut self, token: &Token, why: Interruption, fault: Fault) {
        self.release_readers(token);
        let Some(open) = self.open.remove(token) else { return };
        let shown = open.shown.map(|shown| TransactionView::new(&shown, "", !self.stations.is_empty()));
        let before = self.interrupted.remove(token);
        let why = before.as_ref().map_or(why, |before| before.why);
        let view = shown.map(|view| view.interrupted(fault)).or(before.and_then(|before| before.view));
        if let Some(view) = &view {
            self.tell(Change::Transaction(Box::new(view.clone())));
        }
        self.interrupted.insert(token.clone(), Interrupted { why, view });
    }

    /// Takes up every transaction that the journal knows as unfinished and nobody works on, and what it knows to be
    /// outstanding.
    ///
    /// # Errors
    /// If the journal fails; the others wait for the next attempt.
    pub(super) fn take_up_unfinished(&mut self) -> Result<(), JournalError> {
        self.take_up_outstanding()?;
        for transaction in self.journal.unfinished()? {
            let token = transaction.token().clone();
            if self.open.contains_key(&token) {
                continue;
            }
            let why = self.interrupted.get(&token).map_or(Interruption::Restart, |interrupted| interrupted.why);
            let context = Context { now: (self.inputs.now)(), stans: &mut self.stans, acceptor: &self.acceptor };
            if let Some(life) = Life::recover(transaction, why, context) {
                tracing::info!(token = token.as_str(), ?why, "taking up a transaction that was not finished");
                self.open.insert(token.clone(), Open::new(life));
                self.carry_out(&token)?;
                self.interrupted.remove(&token);
            }
        }
        // What is left had come to its end, or was never begun.
        for token in self.interrupted.keys().cloned().collect::<Vec<_>>() {
            if let Some(past) = self.journal.find(&token)? {
                self.tell(Change::Transaction(Box::new(self.view_past(&past))));
            }
            self.interrupted.remove(&token);
        }
        Ok(())
    }

    /// Notes that no transaction can be carried out, and sees to it that the journal is tried again.
    pub(super) fn journal_failed(&mut self, error: &JournalError) {
        tracing::error!(%error, "the journal failed; no transaction is started until it works again");
        self.status.fault = Some(error.into());
        if !std::mem::replace(&mut self.journal_retry_is_due, true) {
            self.later(JOURNAL_PAUSE, Message::RetryJournal);
        }
    }

    /// Tries the journal again. It works if everything could be taken up, and something be written.
    pub(super) fn retry_journal(&mut self) {
        self.journal_retry_is_due = false;
        let now = (self.inputs.now)();
        let taken_up = self.take_up_unfinished();
        match taken_up.and_then(|()| self.journal.append_terminal(now, &TerminalEvent::Resumed)) {
            Err(error) => self.journal_failed(&error),
            // Another write failed meanwhile, and will be tried again.
            Ok(_) if self.journal_retry_is_due => {}
            Ok(_) => {
                tracing::info!("the journal works again");
                self.status.fault = None;
            }
        }
    }
}

/// What the caller of a transaction is told whose end is not known before the journal works again.
pub(super) fn not_known_yet(error: &JournalError) -> Fault {
    Fault::new("JournalFailed", Retry::AfterOperator, error.to_string())
}
