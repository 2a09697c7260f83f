//! The acquirer is told what card and terminal approved without it, until it has taken that.

use std::time::Duration;

use jiff::Timestamp;

use super::super::ending::Reason;
use super::super::event::{Event, OnlineRequest, SendFailure};
use super::{Context, Life, Output, Untimely, pause};

impl Life {
    pub(super) fn advice_answered(&mut self, response_code: String, now: Timestamp) -> Result<(), Untimely> {
        self.expect(self.transaction.is_advice_outstanding(), "an answer to an advice")?;
        self.write(Event::AdviceAnswered { response_code }, now);
        Ok(())
    }

    pub(super) fn advice_failed(&mut self, failure: SendFailure, now: Timestamp) -> Result<(), Untimely> {
        self.expect(self.transaction.is_advice_outstanding(), "a failure of an advice")?;
        if self.transaction.advice_failure() != Some(&failure) {
            self.write(Event::AdviceFailed(failure), now);
        }
        self.send_advice(true, pause(self.advice_attempts));
        Ok(())
    }

    pub(super) fn approved_offline(&mut self, context: Context<'_>) {
        let now = context.now;
        if self.transaction.card_read().is_some_and(|card_read| card_read.icc_data.is_some()) {
            self.note(Event::AdviceRequested(OnlineRequest::new(context)), now);
        }
        self.complete(Reason::ApprovedOffline, now);
        if self.transaction.is_advice_outstanding() {
            self.send_advice(false, Duration::ZERO);
        }
    }

    pub(super) fn send_advice(&mut self, repeated: bool, after: Duration) {
        let advice = self.transaction.advice().expect("an advice is outstanding: the callers checked").clone();
        self.advice_attempts = self.advice_attempts.saturating_add(1);
        self.push(Output::Advise { advice, repeated, after });
    }
}
