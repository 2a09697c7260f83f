//! Who uses the terminal: registers that sell, and customers that hold cards to readers.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use emv::fields::Amount;
use tender_sim::card::Card;
use tenderd::reader::simulated::{FieldOfReader, SimulatedCard};
use tenderd::terminal::{Currency, FollowUp, OnlineMode, Request, Terminal, Token, TransactionType, TransactionView};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::books::Books;
use crate::random::Random;
use crate::trouble::Troubles;

/// Amounts in minor units. By their last two digits the host declines some, and approves a part of others.
const AMOUNTS: [u32; 10] = [1250, 990, 1251, 905, 1410, 4999, 4951, 6600, 6610, 300];

/// What registers begin with a card.
const KINDS: [TransactionType; 10] = {
    use TransactionType::{PreAuthorisation, Purchase, Refund, Verification};
    [
        Purchase,
        Purchase,
        Purchase,
        Purchase,
        Purchase,
        Refund,
        PreAuthorisation,
        PreAuthorisation,
        PreAuthorisation,
        Verification,
    ]
};

/// What they do with a sale, or with whatever else.
const OF_A_SALE: [TransactionType; 6] = {
    use TransactionType::{Adjustment, Capture, Refund, Void};
    [Refund, Refund, Void, Void, Adjustment, Capture]
};

/// What they do with what is held.
const OF_A_HOLD: [TransactionType; 6] = {
    use TransactionType::{Capture, Increment, Refund, Release};
    [Increment, Increment, Capture, Capture, Release, Refund]
};

pub(crate) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().expect("a panic ends the run")
}

/// Notes what somebody was shown.
pub(crate) fn note(books: &Mutex<Books>, who: &str, view: &TransactionView) {
    let ending = view.result.map(|result| (result, view.amount_approved));
    lock(books).saw(who, &view.token, ending, &format!("{view:?}"));
}

/// What a register knows of a follow-up that has begun. Nobody repeats it: who asks for its end finds it.
fn request_of(view: &TransactionView) -> Request {
    Request {
        token: view.token.clone(),
        kind: view.kind,
        original: view.original.clone(),
        amount: view.amount,
        amount_other: None,
        currency: view.currency,
        reader: None,
        reference: None,
        accept_partial: false,
        online: OnlineMode::default(),
    }
}

/// A register app.
pub(crate) struct Register {
    pub(crate) name: String,
    pub(crate) terminal: Terminal,
    pub(crate) books: Arc<Mutex<Books>>,
    pub(crate) random: Random,
    pub(crate) troubles: Troubles,
}

impl Register {
    /// Sells until the power goes, or the troubles are over.
    pub(crate) async fn sell(mut self) {
        for number in 0.. {
            self.pause(50, 4_000).await;
            if self.troubles.now().is_over {
                return;
            }
            let token = format!("{}-{number}", self.name).parse().expect("letters, digits and a hyphen");
            let kind = self.random.pick(&KINDS);
            let request = Request {
                token,
                kind,
                original: None,
                amount: if kind.is_inquiry() { Amount::ZERO } else { Amount::from(self.random.pick(&AMOUNTS)) },
                amount_other: None,
                currency: Currency::from_alpha("EUR").expect("in the table"),
                reader: None,
                reference: None,
                accept_partial: self.random.percent(30),
                online: OnlineMode::default(),
            };
            self.carry_through(&request).await;
            if self.random.percent(40) {
                self.follow_up(number).await;
            }
        }
    }

    /// Follows up some transaction, its own or another register's, done or not, possible or not, and asks for that one time
    /// or many.
    async fn follow_up(&mut self, number: u32) {
        let asked = lock(&self.books).asked_for();
        let approved = lock(&self.books).approved();
        let asked = if approved.is_empty() || self.random.percent(30) { asked } else { approved };
        let (original, of): (Token, _) = asked[self.random.below(asked.len())].clone();
        let kinds = if of == TransactionType::PreAuthorisation { &OF_A_HOLD } else { &OF_A_SALE };
        let follow_up = FollowUp {
            token: format!("{}-{number}b", self.name).parse().expect("letters, digits and a hyphen"),
            kind: self.random.pick(kinds),
            original,
            amount: self.random.percent(60).then(|| Amount::from(self.random.pick(&AMOUNTS))),
            total: None,
            currency: None,
            reference: None,
        };
        for _ in 0..=self.random.below(3) {
            let patience = Duration::from_secs(5);
            // Where it is refused, or nobody knows, the journal does in the end.
            if let Ok(Ok(view)) = timeout(patience, self.terminal.follow_up(follow_up.clone())).await {
                lock(&self.books).asked(&request_of(&view));
                note(&self.books, &self.name, &view);
            }
            self.pause(0, 2_000).await;
        }
    }

    /// One transaction, from the wish to its end, or until the register loses interest.
    async fn carry_through(&mut self, request: &Request) {
        lock(&self.books).asked(request);
        self.ask(request).await;
        if self.random.percent(self.troubles.now().vanishes) {
            return;
        }
        if self.random.percent(self.troubles.now().cancels) {
            self.pause(0, 3_000).await;
            // Too late is an answer too.
            let _ = self.terminal.cancel(request.token.clone()).await;
        }
        while !self.ask_again(request).await {
            self.pause(100, 5_000).await;
        }
    }

    /// Asks for the end of what was asked for in an earlier life, or by somebody who has vanished.
    pub(crate) async fn ask_for_ends(mut self, requests: Vec<Request>) {
        for request in requests {
            while !self.ask_again(&request).await {
                self.pause(500, 5_000).await;
            }
        }
    }

    async fn ask(&mut self, request: &Request) {
        let patience = Duration::from_secs(5);
        if let Ok(Ok(view)) = timeout(patience, self.terminal.create(request.clone())).await {
            note(&self.books, &self.name, &view);
        }
    }

    /// Whether its end is known.
    async fn ask_again(&mut self, request: &Request) -> bool {
        if self.random.percent(self.troubles.now().repeats) {
            self.ask(request).await;
        }
        match self.terminal.find(request.token.clone()).await {
            Ok(view) => {
                note(&self.books, &self.name, &view);
                view.result.is_some()
            }
            // It was never begun: a register begins it again, with the same token, or lets it be.
            Err(fault) if fault.name == "UnknownToken" => {
                if self.random.percent(30) {
                    lock(&self.books).forget(&request.token);
                    return true;
                }
                self.ask(request).await;
                false
            }
            Err(_) => false,
        }
    }

    async fn pause(&mut self, least: u64, most: u64) {
        sleep(Duration::from_millis(self.random.between(least, most))).await;
    }
}

/// A card in somebody's hand: it may be taken away too early.
struct Held {
    card: Arc<Mutex<Card>>,
    /// After so many commands it is gone.
    commands_left: Option<usize>,
    delay: Duration,
}

impl SimulatedCard for Held {
    fn power(&mut self) -> Vec<u8> {
        lock(&self.card).reset();
        Card::ATR.to_vec()
    }

    fn transmit(&mut self, command: &[u8]) -> (Option<Vec<u8>>, Duration) {
        let answer = lock(&self.card).transmit(command);
        let is_torn = self.commands_left.as_mut().is_some_and(|left| {
            let is_torn = *left == 0;
            *left = left.saturating_sub(1);
            is_torn
        });
        (answer.response.filter(|_| !is_torn), self.delay + answer.delay)
    }
}

/// Customers, one after the other, at one reader.
pub(crate) struct Customers {
    pub(crate) cards: Vec<Arc<Mutex<Card>>>,
    pub(crate) field: FieldOfReader,
    /// Told when a card comes or goes.
    pub(crate) reader_has_work: Arc<Notify>,
    pub(crate) random: Random,
    pub(crate) troubles: Troubles,
}

impl Customers {
    pub(crate) async fn come_and_go(mut self) {
        while !self.troubles.now().is_over {
            self.pause(50, 3_000).await;
            let is_torn = self.random.percent(self.troubles.now().card_torn);
            let card = Held {
                card: self.cards[self.random.below(self.cards.len())].clone(),
                commands_left: is_torn.then(|| self.random.below(8)),
                delay: Duration::from_millis(self.random.between(0, 120)),
            };
            self.field.present(card);
            self.reader_has_work.notify_one();
            self.pause(300, 4_000).await;
            self.field.remove();
            self.reader_has_work.notify_one();
        }
    }

    async fn pause(&mut self, least: u64, most: u64) {
        sleep(Duration::from_millis(self.random.between(least, most))).await;
    }
}
