//! The power goes at every point of a transaction's life, and once more while it recovers.
//!
//! Each life follows a script drawn from a seed: what the card says, what the host does with the
//! request and with the reversal, what comes in between. It runs once to count its outputs, and then
//! again and again, cut after every single one. After each cut the journal is opened anew and what
//! is unfinished is recovered, often with another cut. In the end the journal, the merchant and a
//! model of the host must agree. A failure names seed and cut, which bring it back.

#[path = "support/random.rs"]
mod random;

use std::collections::{HashMap, HashSet, VecDeque};
use std::num::NonZero;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tenderd::journal::Journal;
use tenderd::keys::{Generation, StorageKey};
use tenderd::terminal::{
    Acceptor, Amount, Answer, CardRead, Context, Currency, Cvm, Delivery, Event, FinalResult, ForwardingQueue,
    HostFailure, Input, Interruption, Life, OnlineMode, Output, Outstanding, Record, Request, Rrn, SendFailure,
    Sending, Stan, StanCounter, TapData, TapOutcome, Token, Transaction, TransactionType,
};

use random::Random;

const SEEDS: u64 = 120;
const ASKED: u32 = 1250;

/// What the host link and the host do with a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum OnRequest {
    Approved,
    ApprovedInPart,
    Declined,
    ApprovedAnswerLost,
    LostOnItsWay,
    NotSent,
}

/// What happens to one attempt of a reversal.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Attempt {
    Answered,
    AnswerLost,
    LostOnItsWay,
}

/// What happens in one life, but for the cuts.
#[derive(Debug, Clone)]
struct Script {
    accept_partial: bool,
    tap: TapOutcome,
    second_tap: Option<TapOutcome>,
    host: OnRequest,
    /// Attempts of the reversal, or of the advice, that fail before one is answered.
    reversal: Vec<Attempt>,
    /// Something that comes in before the n-th input.
    disturbance: Option<(usize, Input)>,
}

impl Script {
    fn draw(random: &mut Random) -> Self {
        use OnRequest::*;
        use TapOutcome::{Declined as Refused, EndApplication, OnlineRequest, TryAnotherInterface};
        let tap = random.pick(&[
            OnlineRequest,
            OnlineRequest,
            OnlineRequest,
            OnlineRequest,
            TapOutcome::Approved,
            Refused,
            TryAnotherInterface,
            EndApplication,
        ]);
        let disturbances = [Input::Cancel, Input::Deadline, Input::ReaderFailed, Input::InternalError];
        Script {
            accept_partial: random.below(2) == 0,
            tap,
            second_tap: (random.below(4) == 0).then(|| random.pick(&[EndApplication, Refused])),
            host: random.pick(&[
                Approved,
                Approved,
                ApprovedInPart,
                Declined,
                ApprovedAnswerLost,
                LostOnItsWay,
                NotSent,
            ]),
            reversal: (0..random.below(3))
                .map(|_| random.pick(&[Attempt::AnswerLost, Attempt::LostOnItsWay]))
                .collect(),
            disturbance: (random.below(3) == 0).then(|| (random.below(7), disturbances[random.below(4)].clone())),
        }
    }
}

/// What the host holds for one request: the amount, and whether it was taken back.
#[derive(Debug, Clone, PartialEq)]
struct Hold {
    token: Token,
    amount: u32,
    reversed: bool,
}

/// A host that does what it is told by the script, and keeps its books.
#[derive(Default)]
struct Host {
    holds: HashMap<Rrn, Hold>,
    stans: HashSet<Stan>,
}

impl Host {
    fn authorise(&mut self, token: &Token, rrn: Rrn, stan: Stan, amount: u32) {
        assert!(self.stans.insert(stan), "STAN {stan} was used for two messages");
        let hold = Hold { token: token.clone(), amount, reversed: false };
        assert_eq!(self.holds.insert(rrn, hold), None, "one request, one retrieval reference number");
    }

    /// Books what was approved offline, however often it hears of it.
    fn advise(&mut self, token: &Token, rrn: Rrn, amount: u32) {
        self.holds.insert(rrn, Hold { token: token.clone(), amount, reversed: false });
    }

    fn reverse(&mut self, rrn: &Rrn) {
        if let Some(hold) = self.holds.get_mut(rrn) {
            hold.reversed = true;
        }
    }

    fn standing(&self, token: &Token) -> Vec<&Hold> {
        self.holds.values().filter(|hold| hold.token == *token && !hold.reversed).collect()
    }
}

/// The whole world: a terminal with its journal, the host, and what the merchant was told.
struct World {
    _folder: TempDir,
    path: PathBuf,
    journal: Option<Journal>,
    stans: StanCounter,
    host: Host,
    told_approved: HashSet<Token>,
    queue: ForwardingQueue,
    now: Timestamp,
    /// When it all began, by both clocks.
    origin: (Timestamp, Instant),
}

/// How far a life got.
#[derive(Debug, PartialEq)]
enum Run {
    Ended { outputs: usize },
    Cut,
}

impl World {
    fn new() -> Self {
        // In memory where possible: what is tested is the order of writes, not the disk.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let path = folder.path().join("journal.db");
        let journal = Journal::open(&path).unwrap();
        let now = "2026-11-24T05:36:00Z".parse().unwrap();
        World {
            _folder: folder,
            path,
            journal: Some(journal),
            stans: StanCounter::after(None),
            host: Host::default(),
            told_approved: HashSet::new(),
            queue: ForwardingQueue::new(NonZero::<usize>::MIN),
            now,
            origin: (now, Instant::now()),
        }
    }

    fn journal(&mut self) -> &mut Journal {
        self.journal.as_mut().unwrap()
    }

    /// The power comes back: everything but journal, host and merchant is gone.
    fn restart(&mut self) -> Vec<Transaction> {
        self.journal = None;
        let journal = Journal::open(&self.path).unwrap();
        self.stans = StanCounter::after(journal.last_stan().unwrap());
        let unfinished = journal.unfinished().unwrap();
        self.queue = ForwardingQueue::new(NonZero::<usize>::MIN);
        for transaction in journal.outstanding_advices().unwrap() {
            self.queue.push(Outstanding::of(&transaction).unwrap(), true);
        }
        self.journal = Some(journal);
        unfinished
    }

    fn recover(&mut self, transaction: Transaction) -> Life {
        let context = Context { now: self.now, stans: &mut self.stans, acceptor: &acceptor() };
        Life::recover(transaction, Interruption::Restart, context).expect("the journal said it is unfinished")
    }

    /// Drives a life to its end, or until so many outputs were carried out.
    fn drive(&mut self, mut life: Life, script: &Script, cut: Option<usize>) -> Run {
        let mut inputs = VecDeque::new();
        let mut notes: Vec<Record> = Vec::new();
        let mut reversal = script.reversal.iter().copied();
        let mut carried_out = 0;
        for step in 0.. {
            loop {
                if cut == Some(carried_out) {
                    return Run::Cut;
                }
                let Some(output) = life.poll_output() else { break };
                self.carry_out(output, &life, script, &mut notes, &mut reversal, &mut inputs);
                carried_out += 1;
            }
            if life.is_over() {
                break;
            }
            let disturbance = script.disturbance.as_ref().filter(|(at, _)| *at == step).map(|(_, input)| input.clone());
            let input =
                disturbance.or_else(|| inputs.pop_front()).expect("a life that is not over waits for something");
            self.now += SignedDuration::from_secs(1);
            let context = Context { now: self.now, stans: &mut self.stans, acceptor: &acceptor() };
            let _untimely = life.handle(input, context);
        }
        self.forward(&mut reversal, carried_out, cut)
    }

    /// Sends what the queue holds until the host has taken it, or until so many things were done in all.
    fn forward(
        &mut self,
        attempts: &mut impl Iterator<Item = Attempt>,
        mut carried_out: usize,
        cut: Option<usize>,
    ) -> Run {
        while !self.queue.is_empty() {
            if cut == Some(carried_out) {
                return Run::Cut;
            }
            let now = self.instant();
            let Some(Sending { token, .. }) = self.queue.next(now) else {
                self.now += SignedDuration::from_secs(1);
                continue;
            };
            let written = self.journal().find(&token).unwrap().unwrap();
            assert_eq!(written.result(), Some(FinalResult::Approved), "advised before it was approved");
            let attempt = attempts.next().unwrap_or(Attempt::Answered);
            if attempt != Attempt::LostOnItsWay {
                self.host.advise(&token, written.advice().expect("it is outstanding").rrn.clone(), ASKED);
            }
            let response_code = "00".to_owned();
            let delivery = match attempt {
                Attempt::Answered => {
                    let event = Event::AdviceAnswered { response_code: response_code.clone() };
                    let record = Record { at: self.now, token: token.clone(), event };
                    self.journal().append(&[record]).unwrap();
                    Delivery::Taken { response_code }
                }
                Attempt::AnswerLost | Attempt::LostOnItsWay => Delivery::Unanswered,
            };
            self.queue.delivered(&token, &delivery, now, 0);
            carried_out += 1;
        }
        Run::Ended { outputs: carried_out }
    }

    fn instant(&self) -> Instant {
        self.origin.1 + Duration::try_from(self.now.duration_since(self.origin.0)).expect("time goes on")
    }

    fn carry_out(
        &mut self,
        output: Output,
        life: &Life,
        script: &Script,
        notes: &mut Vec<Record>,
        reversal: &mut impl Iterator<Item = Attempt>,
        inputs: &mut VecDeque<Input>,
    ) {
        let token = life.transaction().token().clone();
        match output {
            Output::Note(record) => notes.push(record),
            Output::Write(record) => {
                notes.push(record);
                self.journal().append(notes).unwrap();
                notes.clear();
                if let Some(outstanding) = Outstanding::of(life.transaction()) {
                    self.queue.push(outstanding, false);
                }
            }
            Output::Arm { .. } => inputs.extend(tap(script.tap, script.second_tap.is_some())),
            Output::ArmForAnswer => {
                let outcome = script.second_tap.expect("the card asked for it");
                inputs.extend(tap(outcome, false));
            }
            Output::Disarm => {}
            Output::Authorise(request) => {
                assert!(self.is_written(&token, |event| event == &Event::OnlineRequested(request.clone())));
                let amount = if script.host == OnRequest::ApprovedInPart { ASKED / 2 } else { ASKED };
                use OnRequest::*;
                if matches!(script.host, Approved | ApprovedInPart | ApprovedAnswerLost) {
                    self.host.authorise(&token, request.rrn, request.stan, amount);
                }
                inputs.push_back(match script.host {
                    Approved | ApprovedInPart => Input::HostAnswered(answer(true, amount)),
                    Declined => Input::HostAnswered(answer(false, 0)),
                    ApprovedAnswerLost | LostOnItsWay => host_failed(HostFailure::NoAnswer),
                    NotSent => host_failed(HostFailure::NotSent),
                });
            }
            Output::Reverse { reversal: message, .. } => {
                assert!(self.is_written(&token, |event| event == &Event::ReversalRequested(message.clone())));
                let rrn = &life.transaction().online_request().expect("only a request can be reversed").rrn;
                let attempt = reversal.next().unwrap_or(Attempt::Answered);
                if attempt != Attempt::LostOnItsWay {
                    self.host.reverse(rrn);
                }
                inputs.push_back(match attempt {
                    Attempt::Answered => Input::ReversalAnswered { response_code: "00".to_owned() },
                    Attempt::AnswerLost | Attempt::LostOnItsWay => Input::ReversalFailed(unanswered()),
                });
            }
            Output::Publish(shown) => {
                if shown.result().is_some() {
                    let written = self.journal().find(&token).unwrap().unwrap();
                    assert_eq!(written.result(), shown.result(), "told before it was written");
                }
                if shown.result() == Some(FinalResult::Approved) {
                    self.told_approved.insert(token);
                }
            }
        }
    }

    fn is_written(&mut self, token: &Token, wanted: impl Fn(&Event) -> bool) -> bool {
        let transaction = self.journal().find(token).unwrap().unwrap();
        let request = transaction.online_request().cloned().map(Event::OnlineRequested);
        let reversal = transaction.reversal().cloned().map(Event::ReversalRequested);
        request.iter().chain(&reversal).any(wanted)
    }

    /// What must hold for a token when all is quiet again.
    fn check(&mut self, token: &Token, context: &str) {
        let told = self.told_approved.contains(token);
        let Some(transaction) = self.journal().find(token).unwrap() else {
            assert!(!told && self.host.standing(token).is_empty(), "{context}: a sale that nobody wrote down");
            return;
        };
        let result = transaction.result().unwrap_or_else(|| panic!("{context}: no final result"));
        let standing = self.host.standing(token);
        if result == FinalResult::Approved {
            assert_eq!(standing.len(), 1, "{context}: approved, and the host agrees");
            for hold in standing {
                assert_eq!(
                    transaction.approved_amount(),
                    Some(Amount::from(hold.amount)),
                    "{context}: the same amount"
                );
            }
        } else {
            assert!(!told, "{context}: the merchant was told approved, and now it is {result:?}");
            assert!(standing.is_empty(), "{context}: {result:?}, but the host holds {standing:?}");
        }
    }
}

fn acceptor() -> Acceptor {
    Acceptor { terminal_id: "TERM0001".to_owned(), merchant_id: "MERCHANT0000001".to_owned() }
}

fn request(token: &Token, accept_partial: bool) -> Request {
    Request {
        token: token.clone(),
        kind: TransactionType::Purchase,
        original: None,
        amount: Amount::from(ASKED),
        amount_other: None,
        currency: Currency::from_alpha("EUR").unwrap(),
        reader: None,
        reference: None,
        accept_partial,
        online: OnlineMode::default(),
    }
}

fn tap(outcome: TapOutcome, present_again: bool) -> [Input; 3] {
    let card_read = CardRead {
        outcome,
        present_again,
        cvm: Cvm::NoCvm,
        scheme: Some("visa".to_owned()),
        application_label: None,
        pan: None,
        card: None,
        icc_data: (outcome == TapOutcome::Approved)
            .then(|| StorageKey::from_bytes(Generation::FIRST, &[7; 32]).seal("a card", b"")),
        data: TapData::default(),
    };
    [Input::ReaderArmed { reader: "counter".to_owned() }, Input::CardSeen, Input::CardRead(Box::new(card_read))]
}

fn unanswered() -> SendFailure {
    SendFailure { reason: "no answer".to_owned(), response_code: None }
}

fn host_failed(failure: HostFailure) -> Input {
    Input::HostFailed { failure, reason: "no answer".to_owned() }
}

fn answer(approved: bool, amount: u32) -> Answer {
    Answer {
        approved,
        response_code: if approved { "00" } else { "05" }.to_owned(),
        authorisation_code: approved.then(|| "A1B2C3".to_owned()),
        amount: (approved && amount != ASKED).then(|| Amount::from(amount)),
        acquirer_rrn: None,
        issuer_authentication_data: None,
        has_issuer_scripts: true,
    }
}

#[test]
fn whenever_the_power_goes_terminal_host_and_merchant_agree_in_the_end() {
    let mut results = HashMap::<Option<FinalResult>, usize>::new();
    let mut cuts = 0;
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let script = Script::draw(&mut random);
        let mut world = World::new();
        let open = |world: &World, token: &Token| Life::open(request(token, script.accept_partial), world.now);

        let whole: Token = format!("s{seed}").parse().unwrap();
        let life = open(&world, &whole);
        let Run::Ended { outputs } = world.drive(life, &script, None) else { panic!("nobody cut it") };
        world.check(&whole, &format!("seed {seed}, no cut, {script:?}"));

        for cut in 0..=outputs {
            let token: Token = format!("s{seed}-{cut}").parse().unwrap();
            let context = format!("seed {seed}, cut {cut}, {script:?}");
            let life = open(&world, &token);
            world.drive(life, &script, Some(cut));
            cuts += 1;
            let mut second_cuts = random.below(3);
            loop {
                let mut quiet = true;
                for transaction in world.restart() {
                    assert_eq!(*transaction.token(), token, "{context}: an older one came back");
                    let second_cut = (second_cuts > 0).then(|| random.below(5));
                    let life = world.recover(transaction);
                    let undisturbed = Script { disturbance: None, ..script.clone() };
                    quiet &= world.drive(life, &undisturbed, second_cut) != Run::Cut;
                }
                let second_cut = (second_cuts > 0).then(|| random.below(3));
                quiet &= world.forward(&mut script.reversal.iter().copied(), 0, second_cut) != Run::Cut;
                if quiet {
                    break;
                }
                cuts += 1;
                second_cuts -= 1;
            }
            world.check(&token, &context);
            let result = world.journal().find(&token).unwrap().and_then(|transaction| transaction.result());
            *results.entry(result).or_default() += 1;
        }
        world.journal().verify().unwrap();
    }
    println!("{cuts} cuts in {SEEDS} lives; {results:?}");
    for result in [FinalResult::Approved, FinalResult::Declined, FinalResult::Aborted, FinalResult::Reversed] {
        assert!(results.contains_key(&Some(result)), "the scripts never led to {result:?}");
    }
}
