use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc as blocking;

use tempfile::TempDir;
use tender_sim::card::{Card, Personality};
use tokio::sync::oneshot;

use super::*;
use crate::keys::{InitialKey, KeyReservation};
use crate::reader::simulated::{SimulatedCard, SimulatedReader};
use crate::reader::{Clock, Event, ReaderId};
use crate::terminal::testing::{at, purchase};
use crate::terminal::view::ReaderState;
use crate::terminal::{Amount, Fault, FinalResult, FollowUp, Request, Retry, TransactionType};
use crate::upstream::{AdviceAnswer, OnReversal, ResponseCode};

/// An engine of the example configuration with Visa alone, and nobody at the other ends.
struct Bench {
    engine: Engine,
    changes: mpsc::UnboundedReceiver<Change>,
    events: mpsc::UnboundedSender<Event>,
    clock_panics: Arc<AtomicBool>,
    /// How many days have gone by.
    days: Arc<AtomicI64>,
    /// What its configuration ends with.
    lines: &'static str,
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::configured("")
    }

    /// With these lines at the end of its configuration.
    fn configured(lines: &'static str) -> Self {
        Self::on(tempfile::tempdir().unwrap(), lines)
    }

    /// The next life, on the same journal.
    fn restart(self) -> Self {
        let Bench { engine, folder, lines, .. } = self;
        drop(engine);
        Self::on(folder, lines)
    }

    fn on(folder: TempDir, lines: &'static str) -> Self {
        let path = folder.path().join("tenderd.toml");
        let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/sim/keys/test-ca.toml");
        let text = crate::config::EXAMPLE
            .replace("/usr/share/tenderd/keys/test-ca.toml", keys)
            .replace("/var/lib/tenderd", folder.path().to_str().unwrap())
            .replace("floor_limit = \"0.00\"", "floor_limit = \"25.00\"");
        let second_scheme = text.rfind("[[scheme]]").unwrap();
        std::fs::write(&path, format!("{}{lines}", &text[..second_scheme])).unwrap();
        let config = Arc::new(Config::load(&path).unwrap());
        let host = Host::start(config.host.clone(), config.card_acceptor.clone());
        let (events, readers) = mpsc::unbounded_channel();
        let (changes_in, changes) = mpsc::unbounded_channel();
        let clock_panics = Arc::new(AtomicBool::new(false));
        let days = Arc::new(AtomicI64::new(0));
        let (panics, passed) = (clock_panics.clone(), days.clone());
        let now = move || {
            assert!(!panics.swap(false, Ordering::Relaxed), "a bug, for the test");
            at(86_400 * passed.load(Ordering::Relaxed))
        };
        let inputs = Inputs { readers, clock: Clock::start(), randomness: Box::new(|| [7; 32]), now: Box::new(now) };
        let (engine, _terminal) = Engine::start(config, host, inputs, changes_in).unwrap();
        Bench { engine, changes, events, clock_panics, days, lines, folder }
    }

    /// Lets SQL change what the journal takes.
    fn journal(&self, sql: &str) {
        let journal = rusqlite::Connection::open(self.folder.path().join("journal.db")).unwrap();
        journal.execute_batch(sql).unwrap();
    }

    /// From now on, events of this type can't be written; `_` is any.
    fn break_journal(&self, event: &str) {
        self.journal(&format!(
            "CREATE TRIGGER broken BEFORE INSERT ON journal WHEN NEW.event LIKE '{event}'
             BEGIN SELECT RAISE(ABORT, 'broken, for the test'); END"
        ));
    }

    fn mend_journal(&self) {
        self.journal("DROP TRIGGER broken");
    }

    fn create(&mut self, request: Request) -> Result<TransactionView, Fault> {
        let (reply, mut answer) = oneshot::channel();
        self.engine.handle(Message::Call(Call::Create(request, reply)));
        answer.try_recv().expect("it is answered at once")
    }

    fn find(&mut self, token: &str) -> TransactionView {
        let (reply, mut answer) = oneshot::channel();
        self.engine.handle(Message::Call(Call::Find(token.parse().unwrap(), reply)));
        answer.try_recv().expect("it is answered at once").expect("it was created")
    }

    fn cancel(&mut self, token: &str) {
        let (reply, _answer) = oneshot::channel();
        self.engine.handle(Message::Call(Call::Cancel(token.parse().unwrap(), reply)));
    }

    /// A reader on which this card is laid whenever it is armed.
    fn reader(&self, personality: &str) -> SimulatedReader {
        let reader = SimulatedReader::attach("simulated", self.engine.inputs.clock, self.events.clone()).unwrap();
        reader.present_when_armed(Card::new(&Personality::built_in(personality).unwrap()), Duration::ZERO);
        reader
    }

    /// Handles messages until something has changed as `is_so` says; gives all that was told up to then.
    async fn until(&mut self, is_so: impl Fn(&Change) -> bool) -> Vec<Change> {
        let mut told = Vec::new();
        loop {
            while let Ok(change) = self.changes.try_recv() {
                let is_it = is_so(&change);
                told.push(change);
                if is_it {
                    return told;
                }
            }
            let patience = Duration::from_secs(20);
            let message = tokio::time::timeout(patience, self.engine.next_message()).await;
            let message = message.unwrap_or_else(|_| panic!("waited in vain: {told:#?}")).expect("it runs");
            self.engine.handle_guarded(message);
            self.engine.serve_waiting();
        }
    }

    async fn until_done(&mut self, token: &str) -> (TransactionView, Vec<Change>) {
        let told = self.until(|change| transaction(change, token).is_some_and(|view| view.result.is_some())).await;
        (told.last().and_then(|change| transaction(change, token)).unwrap().clone(), told)
    }
}

fn transaction<'a>(change: &'a Change, name: &str) -> Option<&'a TransactionView> {
    match change {
        Change::Transaction(view) if view.token.as_str() == name => Some(view),
        _ => None,
    }
}

#[tokio::test]
async fn approved_is_shown_once_it_is_written_and_never_before() {
    let mut bench = Bench::new();
    bench.break_journal("completed");
    let _reader = bench.reader("visa-offline-fdda");
    bench.create(purchase("t1")).unwrap();
    let told = bench.until(|change| transaction(change, "t1").is_some_and(|view| view.error.is_some())).await;
    let customer = |change: &Change| transaction(change, "t1").map(|view| view.customer.clone());
    assert!(!told.iter().filter_map(customer).any(|text| text.contains("Approved")), "{told:#?}");
    let view = bench.find("t1");
    assert_eq!((view.state, view.result), (Phase::CardRead, None));
    assert_eq!(view.error.unwrap().name, "JournalFailed");
    assert!(view.cashier.starts_with("Not known yet"), "{}", view.cashier);
    assert_eq!(bench.engine.status().open_transactions, 1);

    bench.mend_journal();
    let (view, _) = bench.until_done("t1").await;
    assert_eq!((view.result, view.error.unwrap().name), (Some(FinalResult::Aborted), "JournalFailed"));

    bench.create(purchase("t2")).unwrap();
    let (view, _) = bench.until_done("t2").await;
    assert_eq!((view.result, &*view.customer), (Some(FinalResult::Approved), "Approved"));
}

#[tokio::test(start_paused = true)]
async fn a_broken_journal_is_tried_again_by_one_timer_and_healthy_once_all_were_taken_up() {
    let mut bench = Bench::new();
    for token in ["t1", "t2", "t3"] {
        bench.create(purchase(token)).unwrap();
    }
    bench.break_journal("%");
    for token in ["t1", "t2", "t3"] {
        bench.cancel(token);
        assert_eq!(bench.find(token).error.unwrap().name, "JournalFailed");
    }
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(6)).await;
        let due: Vec<Message> = std::iter::from_fn(|| bench.engine.messages.try_recv().ok()).collect();
        let retries = due.iter().filter(|message| matches!(message, Message::RetryJournal)).count();
        assert_eq!(retries, 1, "however many sales are unfinished");
        bench.engine.handle(Message::RetryJournal);
        assert!(bench.engine.status().fault.is_some(), "it is still broken");
    }
    bench.mend_journal();
    bench.engine.handle(Message::RetryJournal);
    assert_eq!(bench.engine.status().fault, None);
    for token in ["t1", "t2", "t3"] {
        assert_eq!(bench.find(token).result, Some(FinalResult::Aborted));
    }
}

#[tokio::test]
async fn sales_that_waited_for_a_reader_get_it_one_after_the_other() {
    let mut bench = Bench::new();
    bench.create(purchase("t1")).unwrap();
    bench.create(purchase("t2")).unwrap();
    let _reader = bench.reader("visa-offline-fdda");
    let is_done = |change: &Change| matches!(change, Change::Transaction(view) if view.result.is_some());
    for _ in 0..2 {
        bench.until(is_done).await;
    }
    for token in ["t1", "t2"] {
        assert_eq!(bench.find(token).result, Some(FinalResult::Approved));
    }
}

/// A card that answers its first command once it is told to.
struct Waiting(blocking::Receiver<()>);

impl SimulatedCard for Waiting {
    fn power(&mut self) -> Vec<u8> {
        Card::ATR.to_vec()
    }

    fn transmit(&mut self, _command: &[u8]) -> (Option<Vec<u8>>, Duration) {
        let _ = self.0.recv();
        (None, Duration::ZERO)
    }
}

#[tokio::test]
async fn a_reader_that_goes_while_it_reads_the_card_ends_the_sale_and_says_so() {
    let mut bench = Bench::new();
    let reader = SimulatedReader::attach("simulated", bench.engine.inputs.clock, bench.events.clone()).unwrap();
    let (resume, told_to) = blocking::channel();
    reader.present(Waiting(told_to));
    bench.until(|change| matches!(change, Change::Reader(_))).await;
    bench.create(purchase("t1")).unwrap();
    bench.until(|change| transaction(change, "t1").is_some_and(|view| view.state == Phase::CardSeen)).await;
    bench.events.send(Event::Detached(ReaderId::new("simulated"))).unwrap();
    let (view, _) = bench.until_done("t1").await;
    assert_eq!((view.result, view.error.unwrap().name), (Some(FinalResult::Aborted), "ReaderFailed"));
    drop(resume);
}

#[tokio::test]
async fn what_the_next_tap_is_to_know_is_kept_also_from_a_tap_that_goes_on_without_a_card() {
    let mut bench = Bench::new();
    bench.create(purchase("t1")).unwrap();
    let told = Progress::Record(KernelEvent::MagStripeFailures(3));
    bench.engine.tap_progress(&"t1".parse().unwrap(), told);
    assert_eq!(bench.engine.mag_stripe_failures, 3);
    bench.cancel("t1");
    let told = Progress::Record(KernelEvent::MagStripeFailures(4));
    bench.engine.handle(Message::Tap("t1".parse().unwrap(), told));
    assert_eq!(bench.engine.mag_stripe_failures, 4, "its transaction is over, the count is not");
}

#[tokio::test]
async fn a_panic_while_a_readers_event_is_handled_ends_the_sale_at_that_reader_as_an_internal_error() {
    let mut bench = Bench::new();
    let reader = SimulatedReader::attach("simulated", bench.engine.inputs.clock, bench.events.clone()).unwrap();
    bench.until(|change| matches!(change, Change::Reader(_))).await;
    bench.create(purchase("t1")).unwrap();
    bench.clock_panics.store(true, Ordering::Relaxed);
    let id = reader.reader().id().clone();
    bench.engine.handle_guarded(Message::Reader(Event::Fault(id, reader::Fault::Panicked)));
    assert_eq!(bench.find("t1").error.unwrap().name, "InternalError");
    let readers = bench.engine.status().readers;
    assert_eq!(readers.iter().map(|view| view.state).collect::<Vec<_>>(), [ReaderState::Idle]);
}

#[tokio::test]
async fn what_no_scheme_offers_is_refused_and_what_is_too_much_ends_without_a_card() {
    let mut bench = Bench::new();
    let cash = Request { kind: TransactionType::CashAdvance, ..purchase("t1") };
    assert_eq!(bench.create(cash).unwrap_err().name, "TypeNotOffered");
    let much = Request { amount: Amount::new(99_999_999).unwrap(), ..purchase("t2") };
    let _reader = bench.reader("visa-offline-fdda");
    bench.until(|change| matches!(change, Change::Reader(_))).await;
    bench.create(much).unwrap();
    let (view, told) = bench.until_done("t2").await;
    assert_eq!(view.result, Some(FinalResult::OtherInterface));
    let states: Vec<Phase> = told.iter().filter_map(|change| Some(transaction(change, "t2")?.state)).collect();
    assert!(states.iter().all(|state| matches!(state, Phase::Created | Phase::Done)), "no card was shown: {states:?}");
}

#[tokio::test]
async fn no_reader_is_armed_for_a_card_while_the_field_must_stay_off() {
    let mut bench = Bench::new();
    bench.create(purchase("t1")).unwrap();
    let token: Token = "t1".parse().unwrap();
    let tap = bench.engine.open[&token].seat.as_ref().and_then(|seat| seat.take()).unwrap();
    bench.engine.arm(&token, tap, Duration::from_millis(50));
    let _reader = bench.reader("visa-offline-fdda");
    bench.until(|change| matches!(change, Change::Reader(_))).await;
    assert_eq!(bench.find("t1").state, Phase::Created, "the reader that came waits too");
    assert_eq!(bench.until_done("t1").await.0.result, Some(FinalResult::Approved));
}

#[tokio::test(start_paused = true)]
async fn a_terminal_starts_on_a_journal_that_can_not_be_written_and_waits_until_it_can() {
    let mut bench = Bench::new();
    bench.create(purchase("t1")).unwrap();
    bench.break_journal("%");
    let mut bench = bench.restart();
    assert!(bench.engine.status().fault.unwrap().message.contains("broken, for the test"));
    assert_eq!(bench.create(purchase("t2")).unwrap_err().name, "JournalFailed");
    assert_eq!(bench.find("t1").state, Phase::Created);

    bench.mend_journal();
    let (view, _) = bench.until_done("t1").await;
    assert_eq!((view.result, view.error.unwrap().name), (Some(FinalResult::Aborted), "Restarted"));
    assert_eq!(bench.create(purchase("t2")).unwrap().state, Phase::Created);
}

fn error_name(view: &TransactionView) -> Option<&str> {
    view.error.as_ref().map(|fault| fault.name)
}

#[tokio::test]
async fn what_is_under_way_counts_and_where_no_more_is_admitted_the_card_goes_online() {
    let mut bench = Bench::configured("[[offline.limit]]\nscheme = \"Visa\"\ncount = 1\n");
    bench.create(purchase("t1")).unwrap();
    bench.create(purchase("t2")).unwrap();
    let _reader = bench.reader("visa-offline-fdda");
    bench.until_done("t2").await;
    assert_eq!(bench.find("t1").result, Some(FinalResult::Approved));
    let second = bench.find("t2");
    assert_eq!((second.result, error_name(&second)), (Some(FinalResult::Declined), Some("UnableToGoOnline")));

    let answer = AdviceAnswer { response_code: ResponseCode::new(b"00").unwrap(), says: OnReversal::Settles };
    bench.engine.forwarded(vec![Forwarded { token: "t1".parse().unwrap(), answer: Ok(answer) }]);
    bench.create(purchase("t3")).unwrap();
    assert_eq!(bench.until_done("t3").await.0.result, Some(FinalResult::Approved));
}

#[tokio::test]
async fn an_approval_for_which_there_is_no_room_any_more_is_not_accepted_nor_shown() {
    let mut bench = Bench::configured("[[offline.limit]]\nsum = \"20.00\"\n");
    bench.create(purchase("t1")).unwrap();
    let joined = Outstanding {
        token: "t0".parse().unwrap(),
        kind: TransactionType::Purchase,
        stan: crate::terminal::Stan::try_from(7).unwrap(),
        since: at(0),
        amount: Amount::from(1000),
        currency: bench.engine.config.currency,
        scheme: None,
        refusal: None,
    };
    bench.engine.queue.push(joined, false);
    let _reader = bench.reader("visa-offline-fdda");
    let (view, told) = bench.until_done("t1").await;
    assert_eq!((view.result, error_name(&view)), (Some(FinalResult::Declined), Some("OfflineLimitReached")));
    let customer = |change: &Change| transaction(change, "t1").map(|view| view.customer.clone());
    assert!(!told.iter().filter_map(customer).any(|text| text.contains("Approved")), "{told:#?}");
}

#[tokio::test]
async fn a_sale_that_requires_the_issuer_has_the_card_ask_for_it() {
    let mut bench = Bench::new();
    let _reader = bench.reader("visa-offline-fdda");
    bench.create(Request { online: crate::terminal::OnlineMode::RequireOnline, ..purchase("t1") }).unwrap();
    let (view, _) = bench.until_done("t1").await;
    assert_eq!(error_name(&view), Some("UnableToGoOnline"));
}

#[tokio::test]
async fn keys_are_in_the_journal_before_the_link_hears_that_it_may_use_them() {
    let mut bench = Bench::new();
    let initial_key_id = InitialKey::aes(&[7; 16], &[1; 8]).unwrap().id();
    let reserve = |bench: &mut Bench, last_counter| {
        let (written, mut is_written) = oneshot::channel();
        let reservation = KeyReservation { initial_key_id: initial_key_id.clone(), last_counter };
        bench.engine.handle(Message::ReserveKeys(Reserve { reservation, written }));
        (is_written.try_recv().is_ok(), bench.engine.journal.last_reserved_counter(&initial_key_id).unwrap())
    };
    assert_eq!(reserve(&mut bench, 16), (true, 16));
    bench.break_journal("keys_reserved");
    assert_eq!(reserve(&mut bench, 32), (false, 16));
}

#[tokio::test]
async fn a_card_is_forgotten_when_its_time_is_over_and_nothing_of_it_is_outstanding() {
    let mut bench = Bench::new();
    let _reader = bench.reader("visa-offline-fdda");
    bench.create(purchase("t1")).unwrap();
    bench.until_done("t1").await;
    let days_later = |bench: &mut Bench, days| {
        bench.days.store(days, Ordering::Relaxed);
        bench.engine.handle(Message::KeepStorageKeys);
        let numbers = bench.engine.storage_keys.generations().map(|generation| generation.to_string());
        numbers.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(days_later(&mut bench, 29), "1");
    assert_eq!(days_later(&mut bench, 30), "1 2");
    assert_eq!(days_later(&mut bench, 30), "1 2", "once");
    assert_eq!(days_later(&mut bench, 209), "1 2 3");
    assert_eq!(days_later(&mut bench, 210), "1 2 3", "the acquirer has not taken the advice");
    let answer = AdviceAnswer { response_code: ResponseCode::new(b"00").unwrap(), says: OnReversal::Settles };
    bench.engine.forwarded(vec![Forwarded { token: "t1".parse().unwrap(), answer: Ok(answer) }]);
    let refund = |bench: &mut Bench| {
        let (token, original) = ("f1".parse().unwrap(), "t1".parse().unwrap());
        let kind = TransactionType::Refund;
        let follow_up = FollowUp { token, kind, original, amount: None, total: None, currency: None, reference: None };
        let (reply, mut answer) = oneshot::channel();
        bench.engine.handle(Message::Call(Call::FollowUp(follow_up, reply)));
        answer.try_recv().expect("it is answered at once").map(|view| view.state)
    };
    bench.break_journal("storage_key_destroyed");
    assert_eq!(days_later(&mut bench, 210), "1 2 3", "what can't be written down is not done");
    bench.mend_journal();
    bench.engine.handle(Message::RetryJournal);
    assert_eq!(days_later(&mut bench, 210), "2 3");
    assert!(!bench.folder.path().join("storage.key").exists());
    let fault = refund(&mut bench).unwrap_err();
    assert_eq!((fault.name, fault.retry), ("CardForgotten", Retry::Never));
    let bench = bench.restart();
    assert_eq!(bench.engine.storage_keys.generations().count(), 2);
}
