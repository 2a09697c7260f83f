//! A shop with two tills and a terminal that is killed again and again.

use std::process::Command;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use emv::fields::Amount;
use rustix::process::{Pid, Signal, kill_process};
use tender_sim::acquirer::{Acquirer, Ledger};
use tender_sim::card::{Card, Personality};
use tender_sim::vpcd::Slot;
use tenderd::journal::Journal;
use tenderd::terminal::{FinalResult, Request};

use crate::books::Books;
use crate::pcscd::Pcscd;
use crate::random::Random;
use crate::register::{Options, Refused, Register, Transaction};
use crate::terminal::{Readers, Terminal, eventually, rules};

/// What the acquirer does with an amount that ends in these cents; all else it approves at once. It is slow with every
/// tenth reversal, and loses the first advices of some amounts.
const RULES: &str = "
    [[rule]]
    when.cents = 51
    then.response = '51'
    [[rule]]
    when.cents = 10
    then.response = '10'
    [[rule]]
    when.cents = 30
    then.delay_ms = 250
    [[rule]]
    when.cents = 97
    then.delay_ms = 900
    [[rule]]
    when.cents = 98
    then.delivery = 'drop-line'
    [[rule]]
    when.cents = 99
    then.delivery = 'none'
    [[rule]]
    when = { mti = ['0400'], cents = 30 }
    then.delay_ms = 400
    [[rule]]
    when = { mti = ['0400'], cents = 98 }
    then.delivery = 'none'
    [[rule]]
    when = { mti = ['0220'], cents = 5 }
    then.delivery = 'none'
    [[rule]]
    when = { mti = ['0220'], cents = 30 }
    then.delay_ms = 300
";

/// Minor units. Up to 25.00 some cards approve themselves.
const AMOUNTS: [u64; 14] = [1200, 1250, 1205, 1230, 1251, 1210, 1297, 1299, 4930, 4900, 4910, 4997, 4998, 6600];

/// A card of each of these. To issue one takes longer than a tap.
static CARDS: LazyLock<Vec<Card>> = LazyLock::new(|| {
    let names = [
        "mastercard-offline-cda",
        "mastercard-online",
        "mastercard-online-cda",
        "torn",
        "visa-issuer-update",
        "visa-offline-fdda",
        "visa-online",
    ];
    names.map(|name| Card::new(&Personality::built_in(name).expect("it is built in"))).to_vec()
});

/// Who reads what the terminal tells.
const TILL: &str = "the till";

/// pcscd looks a few times a second whether a card has gone.
const TIME_TO_NOTICE: Duration = Duration::from_millis(600);

/// A transaction that somebody still wants to know the end of.
struct Sale {
    request: Request,
    /// When its till calls it off.
    cancelled_at: Option<Instant>,
}

/// A reader, with the customer before it.
struct Counter {
    reader: &'static str,
    slot: Slot,
    /// The card that this customer has in the hand, or in the slot.
    card: Option<Card>,
    /// When a card was last taken away.
    emptied: Instant,
    sale: Option<Sale>,
}

/// The shop.
pub(crate) struct Shop {
    terminal: Terminal,
    register: Register,
    counters: [Counter; 2],
    books: Books,
    random: Random,
    kills: u64,
    sales: u64,
}

/// When the terminal is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So long after trade began.
    After(Duration),
    /// So long after the acquirer heard something.
    Heard(Duration),
}

impl Moment {
    fn draw(random: &mut Random) -> Self {
        match random.percent(50) {
            true => Moment::After(Duration::from_micros(random.between(0, 1_600_000))),
            false => Moment::Heard(Duration::from_micros(random.between(0, 25_000))),
        }
    }

    /// Waits for it.
    fn wait(self, acquirer: &Acquirer) {
        let heard = |ledger: &Ledger| (ledger.entries.len(), ledger.reversals);
        match self {
            Moment::After(pause) => thread::sleep(pause),
            Moment::Heard(pause) => {
                let before = heard(&acquirer.ledger());
                acquirer.ledger_when(Duration::from_secs(3), |ledger| heard(ledger) != before);
                thread::sleep(pause);
            }
        }
    }
}

impl Shop {
    /// Opens it: the terminal runs.
    pub(crate) fn open(pcscd: &Pcscd, random: Random) -> Self {
        let mut terminal = Terminal::prepare(Readers::Pcsc, rules(RULES), &[]);
        terminal.resume_as(quiet(&terminal));
        let register = Register::of(&terminal);
        let counter = |number: u16| Counter {
            reader: Pcscd::READERS[usize::from(number)],
            slot: Slot::new(([127, 0, 0, 1], pcscd.port(number)).into()),
            card: None,
            emptied: Instant::now(),
            sale: None,
        };
        let counters = [counter(0), counter(1)];
        Shop { terminal, register, counters, books: Books::default(), random, kills: 0, sales: 0 }
    }

    /// How often the terminal was killed.
    pub(crate) fn kills(&self) -> u64 {
        self.kills
    }

    /// Sells at both counters until somebody kills the terminal.
    pub(crate) fn trade_until_killed(&mut self) {
        let moment = Moment::draw(&mut self.random);
        for index in 0..self.counters.len() {
            if self.counters[index].sale.is_none() {
                self.new_customer(index);
            }
        }
        let process = Pid::from_raw(self.terminal.process().cast_signed()).expect("it is a process");
        let Shop { terminal, register, counters, books, .. } = self;
        thread::scope(|scope| {
            let acquirer = &terminal.acquirer;
            let killer = scope.spawn(move || {
                moment.wait(acquirer);
                kill_process(process, Signal::KILL).expect("it is our own");
            });
            while !killer.is_finished() {
                counters.iter_mut().for_each(|counter| counter.serve(register, books));
            }
        });
        self.count_kill();
    }

    fn count_kill(&mut self) {
        self.terminal.kill();
        self.kills += 1;
    }

    /// Starts the terminal again; now and then it is killed once more while it starts.
    pub(crate) fn power_up(&mut self) {
        if self.random.percent(25) {
            self.terminal.spawn(quiet(&self.terminal));
            thread::sleep(Duration::from_micros(self.random.between(0, 300_000)));
            self.count_kill();
        }
        self.terminal.resume_as(quiet(&self.terminal));
    }

    /// Somebody else comes to a counter: with another card and another wish, or to give back what was bought.
    fn new_customer(&mut self, index: usize) {
        let sold = self.books.sold();
        let random = &mut self.random;
        let counter = &mut self.counters[index];
        counter.take_away();
        counter.card = Some(CARDS[random.below(CARDS.len())].clone());
        self.sales += 1;
        let mut request = serde_json::json!({
            "token": format!("sale-{}", self.sales),
            "type": if random.percent(15) { "refund" } else { "purchase" },
            "amount": random.pick(&AMOUNTS),
            "currency": "EUR",
            "reader": counter.reader,
            "accept_partial": random.percent(50),
        });
        if !sold.is_empty() && random.percent(30) {
            let (original, paid) = &sold[random.below(sold.len())];
            let is_void = random.percent(40);
            request["original"] = original.as_str().into();
            request["type"] = if is_void { "void" } else { "refund" }.into();
            request["amount"] = if is_void { paid.minor_units() } else { random.pick(&AMOUNTS) }.into();
            request["reader"] = serde_json::Value::Null;
            request["accept_partial"] = false.into();
        }
        let request = serde_json::from_value(request).expect("it is a request");
        let cancelled_after = random.percent(20).then(|| Duration::from_millis(random.between(0, 1_500)));
        self.books.asked(&request);
        counter.sale = Some(Sale { request, cancelled_at: cancelled_after.map(|after| Instant::now() + after) });
    }

    /// Waits until every sale has its end, and the terminal nothing left to do.
    pub(crate) fn settle(&mut self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while self.counters.iter().any(|counter| counter.sale.is_some()) {
            self.counters.iter_mut().for_each(|counter| counter.serve(&self.register, &mut self.books));
            assert!(Instant::now() < deadline, "no end after {limit:?}: {:?}", self.books.open());
        }
        loop {
            let left =
                ["OpenTransactions", "OutstandingReversals", "OutstandingAdvices"].map(|p| self.register.count(p));
            if left == [0; 3] {
                return;
            }
            assert!(Instant::now() < deadline, "open, to be reversed, to be advised after {limit:?}: {left:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Closes the shop and compares the books. Gives how many transactions came to which end.
    pub(crate) fn reconcile(&mut self) -> Vec<String> {
        assert!(self.terminal.stop().success());
        let journal = Journal::open(&self.terminal.file("journal.db")).expect("it is a journal");
        let ledger = self.terminal.acquirer.ledger();
        self.books.reconcile(&journal, &ledger);
        assert_eq!(self.books.complaint(), None, "{ledger:#?}");
        let money = ledger.total();
        let ends = self.books.tally().into_iter().map(|(end, count)| format!("{count} {end}"));
        ends.chain([format!("{} requests and {} reversals at the acquirer", ledger.entries.len(), ledger.reversals)])
            .chain([format!("EUR {}.{:02} in both books", money / 100, money % 100)])
            .collect()
    }
}

/// tenderd's command line, without the traces of hundreds of lives.
fn quiet(terminal: &Terminal) -> Command {
    let mut command = terminal.command();
    command.env("TENDERD_LOG", "info");
    command
}

impl Counter {
    /// Does what till and customer do next. The terminal may die meanwhile.
    fn serve(&mut self, register: &Register, books: &mut Books) {
        let Some(sale) = &mut self.sale else { return thread::sleep(Duration::from_millis(1)) };
        let request = &sale.request;
        let token = request.token.as_str();
        let transaction = match register.find(token) {
            Ok(transaction) => transaction,
            // Nobody has heard of it: it is asked for, with the same token as before, if it was before.
            Err(Refused { name, .. }) if name == "UnknownToken" => {
                match register.create(token, options(request)) {
                    // Of what was bought, too much was given back already.
                    Err(refused) if refused.text.ends_with("(retry: never)") => {
                        books.forget(&request.token);
                        self.sale = None;
                    }
                    _ => {}
                }
                return;
            }
            Err(_) => return thread::sleep(Duration::from_millis(1)),
        };
        let ending = ending(&transaction);
        books.saw(TILL, &request.token, ending, &format!("{transaction:?}"));
        if ending.is_some() {
            self.sale = None;
            return self.take_away();
        }
        if sale.cancelled_at.is_some_and(|at| Instant::now() >= at) {
            sale.cancelled_at = None;
            // Too late is an answer too.
            let _ = register.cancel(token);
        }
        let is_to_be_taken_away = transaction.text("CashierMessage").contains("take card or phone away");
        if self.slot.is_occupied() && is_to_be_taken_away {
            self.take_away();
        } else if !self.slot.is_occupied() && transaction.state() != "created" && request.original.is_none() {
            self.lay();
        }
    }

    /// Lays the card into the field, where pcscd has noticed that the one before is gone.
    fn lay(&mut self) {
        // One that was torn off comes back into the hand first.
        self.take_away();
        if self.emptied.elapsed() > TIME_TO_NOTICE
            && let Some(card) = self.card.take()
        {
            eventually(|| self.slot.insert(card.clone()));
        }
    }

    fn take_away(&mut self) {
        if let Some(card) = self.slot.remove() {
            self.card = Some(card);
            self.emptied = Instant::now();
        }
    }
}

/// What a till is told of an end.
fn ending(transaction: &Transaction) -> Option<(FinalResult, Option<Amount>)> {
    let result = serde_json::from_value(transaction.result().into()).ok()?;
    let approved = transaction.number("AmountApproved");
    let approved =
        (approved > 0).then(|| Amount::from(u32::try_from(approved).expect("it is no more than was asked for")));
    Some((result, approved))
}

/// A request as it goes over the bus.
fn options(request: &Request) -> Options<'_> {
    let mut options = vec![
        ("type", request.kind.name().into()),
        ("amount", request.amount.minor_units().into()),
        ("currency", request.currency.alpha().into()),
    ];
    match (&request.original, &request.reader) {
        (Some(original), _) => options.push(("original", original.as_str().into())),
        (None, reader) => {
            options.push(("reader", reader.as_deref().expect("each counter has its reader").into()));
            options.push(("accept_partial", request.accept_partial.into()));
        }
    }
    options
}
