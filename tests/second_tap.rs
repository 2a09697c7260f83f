//! A card that wants its issuer's answer, from the first presentment to the second: readers, engine, host link and
//! acquirer are the real ones. What the issuer decided must stand, whether or not the card comes back.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use emv::fields::Amount;
use jiff::Timestamp;
use tempfile::TempDir;
use tender_sim::acquirer::{Acquirer, Rules, WireFormat};
use tender_sim::card::{Card, Personality};
use tenderd::config::{Config, EXAMPLE};
use tenderd::journal::Journal;
use tenderd::reader::Clock;
use tenderd::reader::simulated::{SimulatedCard, SimulatedReader};
use tenderd::terminal::{
    Currency, Engine, FinalResult, Inputs, OnlineMode, Request, Terminal, TransactionType, TransactionView,
};
use tenderd::upstream::Host;
use tokio::sync::mpsc;

const GET_PROCESSING_OPTIONS: u8 = 0xA8;
const EXTERNAL_AUTHENTICATE: u8 = 0x82;
const PUT_DATA: u8 = 0xDA;

/// GET DATA of what [`SCRIPT`] writes.
const GET_LIMIT: &[u8] = &[0x80, 0xCA, 0x9F, 0x58, 0x00];

/// The card. It notes which instructions it was given and how it answered; once it has given its cryptogram, it may
/// stay away.
struct WantsAnswer {
    card: Arc<Mutex<Card>>,
    comes_back: bool,
    heard: Arc<Mutex<Vec<Heard>>>,
}

/// An instruction, and the status word that the card answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heard {
    instruction: u8,
    status: [u8; 2],
}

impl SimulatedCard for WantsAnswer {
    fn power(&mut self) -> Vec<u8> {
        self.card.lock().unwrap().power()
    }

    fn transmit(&mut self, command: &[u8]) -> (Option<Vec<u8>>, Duration) {
        let mut heard = self.heard.lock().unwrap();
        if !self.comes_back && heard.iter().any(|heard| heard.instruction == GET_PROCESSING_OPTIONS) {
            return (None, Duration::ZERO);
        }
        let (response, delay) = SimulatedCard::transmit(&mut *self.card.lock().unwrap(), command);
        let status = *response.as_deref().and_then(<[u8]>::last_chunk).expect("this card is never torn off");
        heard.push(Heard { instruction: command[1], status });
        (response, delay)
    }
}

/// A shop with this card at hand.
struct Shop {
    terminal: Terminal,
    acquirer: Acquirer,
    card: Arc<Mutex<Card>>,
    heard: Arc<Mutex<Vec<Heard>>>,
    _reader: SimulatedReader,
    files: TempDir,
}

impl Shop {
    fn open(comes_back: bool, rules: &str) -> Self {
        let format = WireFormat::named("bcd").unwrap();
        let acquirer = Acquirer::start("127.0.0.1:0", format, Rules::parse(rules).unwrap()).unwrap();
        let files = tempfile::tempdir().unwrap();
        let config = Arc::new(config(files.path(), &acquirer));

        let (events, readers) = mpsc::unbounded_channel();
        let clock = Clock::start();
        let reader = SimulatedReader::attach("counter", clock, events).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let card = Arc::new(Mutex::new(Card::new(&Personality::built_in("visa-issuer-update").unwrap())));
        let wants_answer = WantsAnswer { card: Arc::clone(&card), comes_back, heard: Arc::clone(&heard) };
        reader.present_when_armed(wants_answer, Duration::ZERO);

        let host = Host::start(config.host.clone(), config.card_acceptor.clone());
        let inputs = Inputs { readers, clock, randomness: Box::new(|| [7; 32]), now: Box::new(Timestamp::now) };
        // Nobody looks at the changes; the engine tells them all the same.
        let (changes, _) = mpsc::unbounded_channel();
        let (engine, terminal) = Engine::start(config, host, inputs, changes).unwrap();
        tokio::spawn(engine.run());
        Shop { terminal, acquirer, card, heard, _reader: reader, files }
    }

    async fn sell(&self, token: &str) {
        let request = Request {
            token: token.parse().unwrap(),
            kind: TransactionType::Purchase,
            original: None,
            amount: Amount::from(1250),
            amount_other: None,
            currency: Currency::from_alpha("EUR").unwrap(),
            reader: None,
            reference: None,
            accept_partial: false,
            online: OnlineMode::default(),
        };
        self.terminal.create(request).await.unwrap();
    }

    /// The sale, once it is as it should become.
    async fn when(&self, token: &str, is_so: impl Fn(&TransactionView) -> bool) -> TransactionView {
        for _ in 0..1000 {
            let view = self.terminal.find(token.parse().unwrap()).await.unwrap();
            if is_so(&view) {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never came to that: {:?}", self.terminal.find(token.parse().unwrap()).await);
    }

    async fn ended(&self, token: &str) -> Option<FinalResult> {
        self.when(token, |view| view.result.is_some()).await.result
    }

    /// How the card answered this instruction, each time that it got it.
    fn heard(&self, instruction: u8) -> Vec<[u8; 2]> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|heard| heard.instruction == instruction).map(|heard| heard.status).collect()
    }

    /// The money that moved and stays, and how many reversals there were.
    fn money(&self) -> (u64, u32) {
        let ledger = self.acquirer.ledger();
        (ledger.total(), ledger.reversals)
    }
}

/// The example, but that the reader supports Issuer Update Processing and doesn't wait long for a card.
fn config(folder: &Path, acquirer: &Acquirer) -> Config {
    let ca_keys = concat!(env!("CARGO_MANIFEST_DIR"), "/sim/keys/test-ca.toml");
    let text = EXAMPLE
        .replace("/usr/share/tenderd/keys/test-ca.toml", ca_keys)
        .replace("/var/lib/tenderd", folder.to_str().unwrap())
        .replace("127.0.0.1:8583", &acquirer.address().to_string())
        .replace("pcsc = true", "pcsc = false")
        .replace("ttq = \"22004000\"", "ttq = \"2200C000\"")
        .replace("card_timeout_s = 60", "card_timeout_s = 5");
    let path = folder.join("tenderd.toml");
    std::fs::write(&path, text).unwrap();
    Config::load(&path).unwrap()
}

const DECLINES: &str = "[[rule]]\nthen.response = '05'";

/// The issuer approves, and sends its card another limit.
const SCRIPT: &str = "[[rule]]\nthen.script = ['04DA9F5805']";

/// What the card answers to what it carried out.
const SUCCESS: [u8; 2] = [0x90, 0x00];

//= test C-3 2.3.1, 6
#[tokio::test]
async fn a_card_that_comes_back_gets_its_issuer_s_answer_and_the_answer_stands() {
    for (rules, result, money) in [("", FinalResult::Approved, 1250), (DECLINES, FinalResult::Declined, 0)] {
        let shop = Shop::open(true, rules);
        shop.sell("s1").await;
        assert_eq!(shop.ended("s1").await, Some(result));
        assert_eq!(shop.heard(GET_PROCESSING_OPTIONS), [SUCCESS]);
        assert_eq!(shop.heard(EXTERNAL_AUTHENTICATE), [SUCCESS], "the card knows its issuer");
        assert_eq!(shop.money(), (money, 0));
    }
}

//= test C-3 2.3.1, 6
#[tokio::test]
async fn a_script_of_the_issuer_reaches_the_card_which_checks_its_mac_and_keeps_what_it_wrote() {
    let shop = Shop::open(true, SCRIPT);
    shop.sell("s1").await;
    assert_eq!(shop.ended("s1").await, Some(FinalResult::Approved));
    assert_eq!((shop.heard(EXTERNAL_AUTHENTICATE), shop.heard(PUT_DATA)), (vec![SUCCESS], vec![SUCCESS]));
    let kept = shop.card.lock().unwrap().transmit(GET_LIMIT).response;
    assert_eq!(kept, Some(vec![0x9F, 0x58, 0x01, 0x05, 0x90, 0x00]));
    assert_eq!(shop.money(), (1250, 0));
}

//= test C-3 2.3.1, 6.2.1.3
#[tokio::test]
async fn a_card_that_never_comes_back_is_waited_for_and_the_answer_stands() {
    for (rules, result, money) in [("", FinalResult::Approved, 1250), (DECLINES, FinalResult::Declined, 0)] {
        let shop = Shop::open(false, rules);
        shop.sell("s1").await;
        let waiting = shop.when("s1", |view| view.customer == "Present card again").await;
        assert_eq!(waiting.result, None, "nothing is told before the card had its time");
        assert_eq!(shop.ended("s1").await, Some(result));
        assert_eq!(shop.heard(EXTERNAL_AUTHENTICATE), [[0; 2]; 0]);
        assert_eq!(shop.money(), (money, 0));
        let entries = shop.acquirer.ledger().entries.len();
        assert_eq!(entries, 1, "nobody is asked twice");
    }
}

#[tokio::test]
async fn a_sale_that_is_called_off_while_the_card_is_awaited_again_is_taken_back() {
    let shop = Shop::open(false, "");
    shop.sell("s1").await;
    shop.when("s1", |view| view.customer == "Present card again").await;
    shop.terminal.cancel("s1".parse().unwrap()).await.unwrap();
    assert_eq!(shop.ended("s1").await, Some(FinalResult::Reversed));
    assert_eq!(shop.money(), (0, 1));
}

//= test C-3 2.3.1
#[tokio::test]
async fn a_terminal_that_stops_while_the_card_is_awaited_again_keeps_the_answer() {
    let shop = Shop::open(false, "");
    shop.sell("s1").await;
    shop.when("s1", |view| view.customer == "Present card again").await;
    shop.terminal.stop().await.unwrap();
    assert_eq!(shop.money(), (1250, 0));
    let journal = Journal::open(&shop.files.path().join("journal.db")).unwrap();
    let sale = journal.find(&"s1".parse().unwrap()).unwrap().unwrap();
    assert_eq!(sale.result(), Some(FinalResult::Approved));
}
