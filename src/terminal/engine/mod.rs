//! The engine: one task that owns the journal, the readers and every open transaction.
//!
//! All that happens comes in through one inbox and is handled to its end before the next; so a
//! transaction never sees another one half done, and what is written precedes what is said. A panic
//! while something is handled ends the transaction that it concerned, and no other.

mod acquirer;
mod answering;
mod card;
mod forwarding;
mod host;
mod offline;
mod readers;
mod recovery;
mod stations;
mod storage_keys;
mod torn;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use emv::kernel::c2::TornLog;
use emv::kernel::{Event as KernelEvent, Outcome, UiRequest, UnpredictableNumbers};
use emv::tap::Tap;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use self::acquirer::Acquirer;
use self::forwarding::Forwarded;
use self::recovery::{Interrupted, not_known_yet};
use self::stations::Stations;
use super::display::{self, Display};
use super::driver::{self, Progress, Seat};
use super::handle::{Call, Reply, Status, Terminal};
use super::tap_result::TapRecords;
use super::view::{Change, TransactionView};
use super::{
    Acceptor, BatchNumber, Context, ForwardingQueue, Input, Interruption, Life, Output, Outstanding, Phase, Prospect,
    Reason, Record, StanCounter, TerminalEvent, Token, Transaction,
};
use crate::config::Config;
use crate::journal::{Journal, JournalError};
use crate::keys::{KeyError, KeyHistory, StorageKeys};
use crate::reader;
use crate::upstream::icc_data::IssuerData;
use crate::upstream::{AuthorisationAnswer, Host, HostError, LinkState, Reserve, ReversalAnswer, Ticket};

/// Why the engine can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The journal can't be opened, read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The storage key can't be read or made.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What comes in from outside.
pub struct Inputs {
    /// What readers tell.
    pub readers: mpsc::UnboundedReceiver<reader::Event>,
    /// The clock of the readers.
    pub clock: reader::Clock,
    /// Where unpredictable numbers come from: 32 random bytes for each transaction.
    pub randomness: Box<dyn FnMut() -> [u8; 32] + Send>,
    /// The time of day.
    pub now: Box<dyn Fn() -> Timestamp + Send>,
}

/// Something the engine has to deal with.
enum Message {
    Call(Call),
    Reader(reader::Event),
    Tap(Token, Progress),
    Answer(Token, Result<AuthorisationAnswer, HostError>),
    Reversal(Token, Result<ReversalAnswer, HostError>),
    Echo(Option<Reply<String>>, Result<String, HostError>),
    /// The host link has changed.
    Link(LinkState),
    /// A reader of the transaction is gone.
    ReaderLost(Token),
    /// It is time to see whether a reader is stuck.
    LookAfter(reader::ReaderId),
    /// What came of messages of the queue.
    Forwarded(Vec<Forwarded>),
    /// The queue may have something to send.
    ForwardingDue,
    /// The time for presenting a card is over.
    Deadline(Token),
    /// The field of the wait with this number has been off for long enough.
    FieldOn(Token, u64),
    /// The moment has come that the tap of the wait with this number asked for.
    Moment(Token, u64),
    /// A message has stood for as long as it must.
    HoldOver(Token),
    RetryJournal,
    /// The host link is about to use keys.
    ReserveKeys(Reserve),
    /// It is time to see whether a storage key is old.
    KeepStorageKeys,
    /// The host link wants to send a message on its own account.
    Ticket(oneshot::Sender<Ticket>),
}

/// An open transaction.
struct Open {
    life: Life,
    /// The transaction as it was last shown: never more than the journal holds.
    shown: Option<Box<Transaction>>,
    /// Events that are noted and go to the journal with the next one that must be written.
    notes: Vec<Record>,
    /// Where the tap waits for a card, or the seat of the conversation that has it.
    seat: Option<Arc<Seat>>,
    /// Whether the field must stay off for a while: no reader is armed meanwhile.
    is_field_off: bool,
    /// The tap, while it waits for the issuer's answer, for the card's removal or for a moment.
    waiting_tap: Option<Box<Tap>>,
    /// Whether it is the card's removal.
    awaits_removal: bool,
    records: TapRecords,
    /// The kernel's data for the acquirer. It is gone once the acquirer has answered.
    outcome: Option<Outcome>,
    /// What is shown of the kernel's outcome: "Approved", say. Nobody sees it before it is written.
    shows_once_written: Option<UiRequest>,
    /// What the issuer sent the card, until the card has it.
    issuer_data: IssuerData,
    /// What the customer's display says.
    customer: Display,
    /// Counts the waits for a card, so that the end of an earlier one's pause is known.
    waits: u64,
    /// Until when a card must have been presented and read.
    deadline: Option<Instant>,
}

/// The engine.
pub struct Engine {
    config: Arc<Config>,
    journal: Journal,
    storage_keys: StorageKeys,
    acquirer: Acquirer,
    stans: StanCounter,
    acceptor: Acceptor,
    /// The batch that is open.
    batch: BatchNumber,
    open: BTreeMap<Token, Open>,
    interrupted: BTreeMap<Token, Interrupted>,
    /// What the acquirer has not taken yet.
    queue: ForwardingQueue,
    /// Offline approvals that may come of taps that are under way.
    prospects: BTreeMap<Token, Prospect>,
    /// The journal failed, and will be tried again.
    journal_retry_is_due: bool,
    stations: Stations,
    status: Status,
    /// The torn transactions of Kernel 2, as the journal has them.
    torn_log: TornLog,
    /// How often in a row mag-stripe mode of Kernel 2 failed since the daemon started.
    mag_stripe_failures: u8,
    /// Transaction Sequence Counter: how many taps were begun.
    sequence_counter: u32,
    inputs: Inputs,
    changes: mpsc::UnboundedSender<Change>,
    /// The status that was told last.
    told_status: Status,
    inbox: mpsc::UnboundedSender<Message>,
    messages: mpsc::UnboundedReceiver<Message>,
    /// Answers to what the queue has sent. They have a way of their own, so that all that have come are taken at once.
    forwarded: mpsc::UnboundedReceiver<Forwarded>,
    forwarded_in: mpsc::UnboundedSender<Forwarded>,
}

impl Engine {
    /// Opens journal and key, and takes up what an earlier run left unfinished.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(
        config: Arc<Config>,
        host: Host,
        inputs: Inputs,
        changes: mpsc::UnboundedSender<Change>,
    ) -> Result<(Self, Terminal), StartError> {
        create_parent(&config.journal.path);
        Self::start_on(Journal::open(&config.journal.path)?, config, host, inputs, changes)
    }

    /// As [`Engine::start`], on a journal that is open already. Where it can't be written, the disk is full, say, the
    /// terminal starts all the same, and takes no transactions until it can.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start_on(
        journal: Journal,
        config: Arc<Config>,
        host: Host,
        inputs: Inputs,
        changes: mpsc::UnboundedSender<Change>,
    ) -> Result<(Self, Terminal), StartError> {
        let record = journal.storage_keys()?;
        let history = KeyHistory {
            last: record.begun.into_keys().max().max(record.destroyed.iter().copied().max()),
            destroyed: record.destroyed,
            is_needed: !journal.with_open_ends()?.is_empty(),
        };
        let storage_keys = StorageKeys::load_or_create(&config.journal.storage_key, &history)?;
        let started = TerminalEvent::Started {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config: config.fingerprint.clone(),
        };
        let (inbox, messages) = mpsc::unbounded_channel();
        let (forwarded_in, forwarded) = mpsc::unbounded_channel();
        let (terminal, calls) = Terminal::new();
        forward(calls, inbox.clone(), Message::Call);
        if let Some(key) = host.initial_key_id() {
            let (ledger, reservations) = mpsc::unbounded_channel();
            forward(reservations, inbox.clone(), Message::ReserveKeys);
            host.derive_keys_after(journal.last_reserved_counter(key)?, ledger);
        }
        if host.signs_on() {
            let (desk, tickets) = mpsc::unbounded_channel();
            forward(tickets, inbox.clone(), Message::Ticket);
            host.sign_on_by(desk);
        }
        let mut engine = Engine {
            stans: StanCounter::after(journal.last_stan()?),
            acceptor: config.acceptor(),
            batch: BatchNumber::FIRST,
            stations: Stations::default(),
            status: Status::idle(config.mode),
            told_status: Status::idle(config.mode),
            torn_log: torn::load(&journal, &storage_keys)?,
            mag_stripe_failures: 0,
            open: BTreeMap::new(),
            interrupted: BTreeMap::new(),
            queue: ForwardingQueue::new(config.offline.in_flight),
            prospects: BTreeMap::new(),
            journal_retry_is_due: false,
            sequence_counter: journal.transaction_count()?,
            config,
            journal,
            storage_keys,
            acquirer: Acquirer::new(host, inbox.clone()),
            inputs,
            changes,
            inbox,
            messages,
            forwarded,
            forwarded_in,
        };
        let now = (engine.inputs.now)();
        let written = engine.journal.append_terminal(now, &started);
        if let Err(error) = written.and_then(|_| engine.take_up_unfinished()) {
            engine.journal_failed(&error);
        }
        engine.keep_storage_keys();
        engine.told_status = engine.status();
        Ok((engine, terminal))
    }

    /// Runs until it is told to stop.
    pub async fn run(mut self) {
        while self.step().await {}
    }

    /// Waits for the next thing to do, and does it; tells whether there will be more. Whoever stops waiting has missed
    /// nothing.
    pub async fn step(&mut self) -> bool {
        let Some(message) = self.next_message().await else { return false };
        if let Message::Call(Call::Stop(reply)) = message {
            self.stop();
            self.sign_off().await;
            // Whoever asked may be gone.
            let _ = reply.send(Ok(()));
            return false;
        }
        self.handle_guarded(message);
        self.serve_waiting();
        self.forward();
        let status = self.status();
        if status != self.told_status {
            self.tell(Change::Terminal(status.clone()));
            self.told_status = status;
        }
        true
    }

    /// What there is to do next.
    async fn next_message(&mut self) -> Option<Message> {
        let mut answers = Vec::new();
        let forwards_at = self.forwards_at();
        tokio::select! {
            // Readers first: that a card came is known before what its conversation tells.
            biased;
            Some(event) = self.inputs.readers.recv() => Some(Message::Reader(event)),
            message = self.messages.recv() => message,
            _ = self.forwarded.recv_many(&mut answers, Self::ANSWERS_AT_ONCE) => Some(Message::Forwarded(answers)),
            () = until(forwards_at) => Some(Message::ForwardingDue),
        }
    }

    /// Handles one message; a panic ends the transaction that it concerned.
    fn handle_guarded(&mut self, message: Message) {
        let token = self.token_of(&message);
        let Err(_) = catch_unwind(AssertUnwindSafe(|| self.handle(message))) else { return };
        tracing::error!(token = token.as_ref().map(Token::as_str), "a panic while a message was handled: a bug");
        self.queue.interrupted(Instant::now().into_std());
        let Some(token) = token else { return };
        let fault = Reason::InternalError.fault().expect("it is no approval");
        self.interrupt(&token, Interruption::Panic, fault);
        if let Err(error) = self.take_up_unfinished() {
            self.journal_failed(&error);
        }
    }

    /// The transaction that a message concerns.
    fn token_of(&self, message: &Message) -> Option<Token> {
        match message {
            Message::Call(call) => call.token().cloned(),
            Message::Reader(event) => self.stations.token_of(event.reader()?),
            Message::LookAfter(reader) => self.stations.token_of(reader),
            Message::Tap(token, _)
            | Message::Answer(token, _)
            | Message::Reversal(token, _)
            | Message::ReaderLost(token)
            | Message::Deadline(token)
            | Message::FieldOn(token, _)
            | Message::Moment(token, _)
            | Message::HoldOver(token) => Some(token.clone()),
            Message::Echo(..)
            | Message::Forwarded(_)
            | Message::ForwardingDue
            | Message::Link(_)
            | Message::RetryJournal
            | Message::ReserveKeys(_)
            | Message::KeepStorageKeys
            | Message::Ticket(_) => None,
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Call(call) => self.answer(call),
            Message::Reader(event) => self.reader_event(event),
            // What a conversation tells once its readers were released, after a cancellation, say, concerns nobody,
            // but for what the next tap is to know.
            Message::Tap(token, progress) => {
                let outlives_tap =
                    matches!(progress, Progress::Record(KernelEvent::TornLog(_) | KernelEvent::MagStripeFailures(_)));
                if outlives_tap || self.open.get(&token).is_some_and(|open| open.seat.is_some()) {
                    self.tap_progress(&token, progress);
                }
            }
            Message::Answer(token, answer) => self.host_answered(&token, answer),
            Message::Reversal(token, answer) => self.reversal_answered(&token, answer),
            Message::Echo(reply, answer) => self.echo_answered(reply, answer),
            Message::Link(link) => self.link_changed(link),
            Message::ReaderLost(token) => self.reader_lost(&token),
            Message::LookAfter(reader) => self.look_after(&reader),
            Message::Forwarded(answers) => self.forwarded(answers),
            // What is due is sent after each message.
            Message::ForwardingDue => {}
            Message::Deadline(token) => self.deadline(&token),
            Message::FieldOn(token, wait) => self.field_on(&token, wait),
            Message::Moment(token, wait) => self.moment(&token, wait),
            Message::HoldOver(token) => {
                let held = self.open.get_mut(&token).and_then(|open| open.customer.hold_is_over());
                if let Some(hold_time) = held {
                    self.shown(&token, hold_time);
                }
            }
            Message::RetryJournal => self.retry_journal(),
            Message::ReserveKeys(reserve) => self.reserve_keys(reserve),
            Message::KeepStorageKeys => self.keep_storage_keys(),
            Message::Ticket(ticket) => self.grant_ticket(ticket),
        }
    }

    /// Gives a transaction's machine an input, and carries out what follows.
    fn feed(&mut self, token: &Token, input: Input) {
        let Some(open) = self.open.get_mut(token) else { return };
        let context = Context { now: (self.inputs.now)(), stans: &mut self.stans, acceptor: &self.acceptor };
        match open.life.handle(input, context) {
            Ok(()) => {
                if let Err(error) = self.carry_out(token) {
                    self.journal_failed(&error);
                }
            }
            // Two things crossed: a deadline and a card, say.
            Err(untimely) => tracing::debug!(token = token.as_str(), %untimely, "passed over"),
        }
    }

    /// Carries out what a transaction's machine asks for, in its order: nothing that follows a
    /// `Write` is done before the journal is synced.
    ///
    /// # Errors
    /// If the journal can't be written. What was not written has not happened: the transaction is dropped then, and
    /// the journal decides what becomes of it.
    fn carry_out(&mut self, token: &Token) -> Result<(), JournalError> {
        while let Some(open) = self.open.get_mut(token) {
            let Some(output) = open.life.poll_output() else { break };
            match output {
                Output::Note(record) => open.notes.push(record),
                Output::Write(record) => {
                    let mut records = std::mem::take(&mut open.notes);
                    records.push(record);
                    if let Err(error) = self.journal.append(&records) {
                        self.interrupt(token, Interruption::JournalFailure, not_known_yet(&error));
                        return Err(error);
                    }
                    if let Some(outstanding) = Outstanding::of(open.transaction()) {
                        self.queue.push(outstanding, false);
                    }
                    if let Some(request) = open.shows_once_written.take() {
                        self.show_outcome(token, &request);
                    }
                }
                Output::Arm { .. } => self.start_tap(token),
                Output::Disarm => self.release_readers(token),
                Output::Authorise(request) => self.authorise(token, &request),
                Output::Reverse { reversal, repeated, after } => self.reverse(token, &reversal, repeated, after),
                Output::ArmForAnswer => self.resume_tap(token),
                Output::Publish(transaction) => {
                    open.shown = Some(transaction);
                    self.publish(token);
                }
            }
        }
        if self.open.get(token).is_some_and(|open| open.life.is_over()) {
            self.release_readers(token);
            self.open.remove(token);
        }
        Ok(())
    }

    /// Tells everybody how a transaction stands.
    fn publish(&mut self, token: &Token) {
        if let Some(view) = self.view_open(token) {
            self.tell(Change::Transaction(Box::new(view)));
        }
    }

    fn view_open(&self, token: &Token) -> Option<TransactionView> {
        let open = self.open.get(token)?;
        let mut view = TransactionView::new(open.shown.as_deref()?, open.customer.text(), !self.stations.is_empty());
        if open.awaits_removal {
            view.cashier = display::TAKE_AWAY_AND_PRESENT_AGAIN.to_owned();
        }
        Some(view)
    }

    fn show(&mut self, token: &Token, request: &UiRequest) {
        self.stations.indicate(token, request.status);
        self.show_text(token, request);
    }

    /// Shows a kernel's outcome, where its card was read. The reader has been released since.
    fn show_outcome(&mut self, token: &Token, request: &UiRequest) {
        if let Some(reader) = self.open.get(token).and_then(|open| open.transaction().reader()) {
            self.stations.indicate_end(reader, request.status);
        }
        self.show_text(token, request);
    }

    fn show_text(&mut self, token: &Token, request: &UiRequest) {
        let (Some(open), Some(text)) = (self.open.get_mut(token), display::customer_text(request)) else { return };
        if let Some(hold_time) = open.customer.show(text, request.hold_time) {
            self.shown(token, hold_time);
        }
    }

    /// A message has been shown: tells so, and minds how long it must stay.
    fn shown(&mut self, token: &Token, hold_time: Duration) {
        if !hold_time.is_zero() {
            self.later(hold_time, Message::HoldOver(token.clone()));
        }
        self.publish(token);
    }

    fn tell(&self, change: Change) {
        // The face on the bus ends before the engine only when the process does.
        let _ = self.changes.send(change);
    }

    /// Now, by the clock of the readers, for a tap that goes on without one.
    fn reader_time(&self) -> emv::Instant {
        driver::instant(self.inputs.clock.now())
    }

    fn phase(&self, token: &Token) -> Option<Phase> {
        self.open.get(token).map(|open| open.transaction().phase())
    }

    /// Puts a message into the inbox after a while.
    fn later(&self, after: Duration, message: Message) {
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            // The engine has stopped meanwhile: nobody waits for it.
            let _ = inbox.send(message);
        });
    }

    fn stop(&mut self) {
        let tokens: Vec<Token> = self.open.keys().cloned().collect();
        for token in tokens {
            let transaction = self.open[&token].transaction();
            let input = match transaction.phase() {
                _ if transaction.awaits_second_tap() => Input::ReaderFailed,
                Phase::Created | Phase::Armed | Phase::CardSeen => Input::Cancel,
                _ => continue,
            };
            // Where the journal fails, each attempt may take its time: the next start ends them.
            match self.status.fault {
                None => self.feed(&token, input),
                Some(_) => self.release_readers(&token),
            }
        }
        if self.status.fault.is_some() {
            return tracing::warn!("stopping without a word in the journal, which does not work");
        }
        if let Err(error) = self.journal.append_terminal((self.inputs.now)(), &TerminalEvent::Stopped) {
            tracing::error!(%error, "the journal failed while stopping");
        }
    }

    /// Unpredictable numbers for one transaction.
    fn unpredictable_numbers(&mut self) -> UnpredictableNumbers {
        UnpredictableNumbers::from_seed((self.inputs.randomness)())
    }
}

impl Open {
    fn new(life: Life) -> Self {
        Open {
            life,
            shown: None,
            notes: Vec::new(),
            seat: None,
            is_field_off: false,
            waiting_tap: None,
            awaits_removal: false,
            records: TapRecords::default(),
            outcome: None,
            shows_once_written: None,
            issuer_data: IssuerData::default(),
            customer: Display::default(),
            waits: 0,
            deadline: None,
        }
    }

    fn transaction(&self) -> &Transaction {
        self.life.transaction()
    }

    /// Whether its tap waits for a card, now, and nobody has it.
    fn waits_for_card(&self) -> bool {
        !self.is_field_off && self.seat.as_ref().is_some_and(|seat| seat.is_free())
    }
}

/// Makes the journal's folder. If it can't be made, opening the journal says why.
fn create_parent(path: &Path) {
    if let Some(folder) = path.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
}

/// Passes what arrives in one channel on to another.
fn forward<T: Send + 'static, U: Send + 'static>(
    mut from: mpsc::UnboundedReceiver<T>,
    to: mpsc::UnboundedSender<U>,
    wrap: fn(T) -> U,
) {
    tokio::spawn(async move {
        while let Some(item) = from.recv().await {
            if to.send(wrap(item)).is_err() {
                return;
            }
        }
    });
}

/// Waits until this moment; for ever, where there is none.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
