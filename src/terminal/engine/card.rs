//! The way to the card: beginning a tap, following it, and what it leaves behind.

use std::time::Duration;

use emv::fields::Date;
use emv::kernel::{Decision, Event, MessageId, Outcome, Status, Transaction as TapTransaction, UiRequest};
use emv::tap::{Autorun, Input as TapInput, Tap};
use jiff::Timestamp;
use tokio::time::Instant;

use super::super::driver::{self, Next, Pause, Progress, Seat};
use super::super::{Input, Phase, Reason, Request, Token, tap_result};
use super::{Engine, Message, torn};

/// How long to wait before a card is tried again. One that lies in the field and does not work would otherwise be
/// tried without a pause.
const PAUSE_BEFORE_RETRY: Duration = Duration::from_millis(250);

impl Engine {
    /// Begins the tap of a transaction.
    pub(super) fn start_tap(&mut self, token: &Token) {
        let numbers = self.unpredictable_numbers();
        let request = self.open[token].transaction().request().clone();
        let profile = self.profile_for_tap(&request);
        self.sequence_counter = self.sequence_counter.wrapping_add(1);
        let transaction = tap_transaction(&request, self.sequence_counter, (self.inputs.now)(), &self.config);
        let tap = Tap::new(profile, transaction, numbers, Autorun::No);
        let tap = tap.with_torn_log(self.torn_log.clone()).with_mag_stripe_failures(self.mag_stripe_failures);
        self.continue_tap(token, Box::new(tap));
    }

    /// Gives what the issuer sent to a tap that asked for it (EMV Contactless Book A, 8.1.1.22).
    pub(super) fn resume_tap(&mut self, token: &Token) {
        let Some(open) = self.open.get_mut(token) else { return };
        open.deadline = None;
        let objects = std::mem::take(&mut open.issuer_data).for_card();
        let Some(mut tap) = open.waiting_tap.take() else { return self.feed(token, Input::InternalError) };
        tap.handle(TapInput::OnlineResponse(Some(&objects)), self.reader_time());
        self.continue_tap(token, tap);
    }

    /// Carries out what a tap wants without a card, and arms readers where it wants one.
    pub(super) fn continue_tap(&mut self, token: &Token, mut tap: Box<Tap>) {
        let told = std::cell::RefCell::new(Vec::new());
        let pause = driver::drain(&mut tap, &|progress| told.borrow_mut().push(progress));
        for progress in told.into_inner() {
            self.tap_progress(token, progress);
        }
        self.paused(token, tap, pause, Duration::ZERO);
    }

    /// Arms every reader that the transaction may use; the first that sees a card takes the tap.
    pub(super) fn arm(&mut self, token: &Token, tap: Box<Tap>, field_off: Duration) {
        let Some(open) = self.open.get_mut(token) else { return };
        open.waits += 1;
        let wait = open.waits;
        open.seat = Some(Seat::new(tap));
        open.is_field_off = !field_off.is_zero();
        let timeout = self.config.card_timeout;
        match open.deadline {
            // A card that fails again and again does not hold the terminal for longer.
            Some(deadline) if deadline <= Instant::now() => return self.time_out(token),
            Some(_) => {}
            None => {
                open.deadline = Some(Instant::now() + timeout);
                self.later(timeout, Message::Deadline(token.clone()));
            }
        }
        if field_off.is_zero() {
            self.field_on(token, wait);
        } else {
            // A phone needs the time to notice that the field is gone.
            self.later(field_off, Message::FieldOn(token.clone(), wait));
        }
    }

    /// The time for presenting a card is over. A card that is being read is not disturbed: if it is to
    /// be presented once more after that, `arm` ends it, and `look_after` if it falls silent.
    pub(super) fn deadline(&mut self, token: &Token) {
        let Some(open) = self.open.get(token) else { return };
        let is_read = open.seat.as_ref().is_some_and(|seat| !seat.is_free()) && !open.awaits_removal;
        if is_read || open.deadline.is_none_or(|deadline| deadline > Instant::now()) {
            return;
        }
        self.time_out(token);
    }

    /// Ends a transaction for which no card was presented in time, or none that could be read.
    fn time_out(&mut self, token: &Token) {
        let Some(open) = self.open.get(token) else { return };
        if open.transaction().phase() == Phase::CardSeen {
            let reader = open.transaction().reader().unwrap_or_default().to_owned();
            self.feed(token, Input::ReaderArmed { reader });
        }
        self.feed(token, Input::Deadline);
    }

    /// The field has been off for long enough.
    pub(super) fn field_on(&mut self, token: &Token, wait: u64) {
        let Some(open) = self.open.get_mut(token).filter(|open| open.waits == wait) else { return };
        open.is_field_off = false;
        let transaction = open.transaction();
        // The customer stands where the card was read first.
        let wanted = if transaction.awaits_second_tap() {
            transaction.reader()
        } else {
            transaction.request().reader.as_deref()
        };
        let wanted = wanted.map(str::to_owned);
        self.arm_readers(token, wanted.as_deref());
    }

    /// More than one card is in the field, while the tap waits for one.
    pub(super) fn collision(&mut self, token: &Token) {
        let seat = self.open.get(token).and_then(|open| open.seat.clone());
        let Some(mut tap) = seat.and_then(|seat| seat.take()) else { return };
        tap.handle(TapInput::Collision, self.reader_time());
        self.continue_tap(token, tap);
    }

    /// The card has left the field of a transaction that waits for that.
    pub(super) fn card_removed(&mut self, token: &Token) {
        let Some(open) = self.open.get_mut(token).filter(|open| open.awaits_removal) else { return };
        open.awaits_removal = false;
        let Some(mut tap) = open.waiting_tap.take() else { return };
        tap.handle(TapInput::CardRemoved, self.reader_time());
        self.continue_tap(token, tap);
    }

    pub(super) fn tap_progress(&mut self, token: &Token, progress: Progress) {
        match progress {
            Progress::Claimed(id) => self.claimed(token, &id),
            Progress::Ui(request) => self.show(token, &request),
            Progress::Record(Event::TornLog(change)) => self.change_torn_log(&change),
            Progress::Record(Event::MagStripeFailures(failures)) => self.mag_stripe_failures = failures,
            Progress::Record(event) => {
                if let Some(open) = self.open.get_mut(token) {
                    open.records.note(&event);
                }
            }
            Progress::Paused(tap, pause) => self.paused(token, tap, pause, PAUSE_BEFORE_RETRY),
        }
    }

    /// Goes on from where a tap waits. A card is not asked for before this time is over.
    fn paused(&mut self, token: &Token, tap: Box<Tap>, pause: Pause, card_pause: Duration) {
        let Some(open) = self.open.get_mut(token) else { return };
        match pause.next {
            Next::Card(field_off) => return self.arm(token, tap, field_off.max(card_pause)),
            Next::Finished(outcome) => return self.tap_ended(token, *outcome),
            Next::Response(command) => unreachable!("{command:?} without a card"),
            Next::Removal => {
                open.waiting_tap = Some(tap);
                open.awaits_removal = true;
                self.publish(token);
                if !self.stations.is_card_present(token) {
                    self.card_removed(token);
                }
            }
            Next::OnlineResponse(outcome) => {
                open.waiting_tap = Some(tap);
                self.tap_ended(token, *outcome);
            }
            Next::Same => open.waiting_tap = Some(tap),
        }
        if let Some(moment) = pause.until
            && let Some(open) = self.open.get_mut(token)
        {
            open.waits += 1;
            let wait = open.waits;
            self.later(moment - self.reader_time(), Message::Moment(token.clone(), wait));
        }
    }

    /// The moment has come that a tap wants to be told of while it waits for something else.
    pub(super) fn moment(&mut self, token: &Token, wait: u64) {
        let Some(open) = self.open.get_mut(token).filter(|open| open.waits == wait) else { return };
        let Some(mut tap) = open.waiting_tap.take() else { return };
        tap.handle(TapInput::Deadline, self.reader_time());
        self.continue_tap(token, tap);
    }

    /// The kernel's part is done: journal it, and go where the Outcome says.
    fn tap_ended(&mut self, token: &Token, mut outcome: Outcome) {
        let Some(open) = self.open.get_mut(token) else { return };
        if !torn::is_for(&outcome, open.transaction().request()) {
            tracing::warn!(token = token.as_str(), "the card completed an earlier transaction, which was another one");
            outcome = Outcome::new(Decision::EndApplication);
        }
        let records = std::mem::take(&mut open.records);
        let scheme = records.df_name().and_then(|aid| self.config.scheme_of(aid));
        let seal = |bytes: &[u8]| self.storage_keys.seal(token.as_str(), bytes);
        let card_read = tap_result::card_read(&outcome, &records, scheme, seal);
        let refusal = self.refuses(token, card_read.outcome, card_read.scheme.as_deref());
        if let Some(open) = self.open.get_mut(token) {
            let transaction = open.transaction();
            let waits = matches!(transaction.phase(), Phase::Created | Phase::Armed);
            if waits && !transaction.admits_end_of_tap(card_read.outcome) {
                // Passed over, it would be lost, and the transaction never end. The acquirer has not been asked.
                tracing::error!(token = token.as_str(), "a tap ended that nobody waited for: a bug");
                return self.feed(token, Input::InternalError);
            }
            open.shows_once_written = match refusal {
                Some(_) => Some(UiRequest::new(MessageId::NotAuthorised, Status::CardReadSuccessfully)),
                None => outcome.ui_on_outcome.clone(),
            };
            open.outcome = Some(outcome);
            open.records = records;
        }
        let card_read = Box::new(card_read);
        self.feed(
            token,
            match refusal {
                Some(Reason::OfflineLimitReached) => Input::LimitReached(card_read),
                _ => Input::CardRead(card_read),
            },
        );
    }
}

/// The transaction as kernels see it, in the terminal's local time.
//= A 8.1.1.3
fn tap_transaction(
    request: &Request,
    sequence_counter: u32,
    now: Timestamp,
    config: &crate::config::Config,
) -> TapTransaction {
    let local = config.time_zone.to_datetime(now);
    let bcd = |number: i8| (number / 10 * 16 + number % 10) as u8;
    let year = (local.year() % 100) as i8;
    let date = Date::from_bcd([bcd(year), bcd(local.month()), bcd(local.day())]);
    TapTransaction {
        amount_authorised: Some(request.amount),
        amount_other: Some(request.amount_other.unwrap_or_default()),
        currency: bcd_numeric(request.currency.numeric()),
        currency_exponent: request.currency.exponent(),
        transaction_type: request.kind.code(),
        date: date.expect("a calendar date"),
        time: [bcd(local.hour()), bcd(local.minute()), bcd(local.second())],
        sequence_counter,
    }
}

pub(super) fn bcd_numeric(numeric: u16) -> [u8; 2] {
    let digit = |power: u16| (numeric / power % 10) as u8;
    [digit(1000) << 4 | digit(100), digit(10) << 4 | digit(1)]
}

#[cfg(test)]
mod tests {
    use emv::fields::Amount;

    use super::*;
    use crate::config::{Config, EXAMPLE};
    use crate::terminal::testing::purchase;
    use crate::terminal::{Currency, TransactionType};

    //= test A 8.1.1.3
    #[test]
    fn kernels_see_the_amounts_the_type_and_the_local_time_of_what_was_asked_for() {
        let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/sim/keys/test-ca.toml");
        let text = EXAMPLE.replace("/usr/share/tenderd/keys/test-ca.toml", keys);
        let config = Config::parse("example.toml".as_ref(), &text).unwrap();
        let request = Request {
            kind: TransactionType::Cashback,
            amount: Amount::from(2500),
            amount_other: Some(Amount::from(500)),
            currency: Currency::from_alpha("USD").unwrap(),
            ..purchase("t1")
        };
        let now = "2026-12-31T23:30:05Z".parse().unwrap();
        let seen = tap_transaction(&request, 7, now, &config);
        let local = config.time_zone.to_datetime(now);
        let expected = TapTransaction {
            amount_authorised: Some(Amount::from(2500)),
            amount_other: Some(Amount::from(500)),
            currency: [0x08, 0x40],
            currency_exponent: 2,
            transaction_type: 0x09,
            date: Date::new(local.year() as u16, local.month() as u8, local.day() as u8).unwrap(),
            time: [(local.hour() / 10 * 16 + local.hour() % 10) as u8, 0x30, 0x05],
            sequence_counter: 7,
        };
        assert_eq!(seen, expected);
        let without_cash = tap_transaction(&purchase("t2"), 8, now, &config);
        assert_eq!((without_cash.amount_other, without_cash.transaction_type), (Some(Amount::ZERO), 0x00));
    }
}
