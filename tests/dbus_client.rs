//! The terminal as a register app meets it: over a real dbus-daemon, with simulated readers and acquirer.

#[path = "support/daemon.rs"]
mod daemon;

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::process::Command;
use std::time::Duration;

use daemon::Terminal;
use serde::Serialize;
use serde_json::Value;
use zbus::wire::DynamicDeserialize;
use zbus::{Connection, DynamicType, OwnedObjectPath, OwnedVariant, Variant};

const ROOT: &str = "/org/tenderd";
const TERMINAL: &str = "org.tenderd.Terminal1";
const TRANSACTION: &str = "org.tenderd.Transaction1";
const PATIENCE: Duration = Duration::from_secs(20);

type Options<'a> = HashMap<&'a str, Variant<'a>>;
type Properties = HashMap<String, OwnedVariant>;

/// A register app.
struct Register(Connection);

impl Register {
    async fn of(terminal: &Terminal) -> Self {
        let builder = zbus::connection::Builder::address(terminal.bus_address());
        Register(builder.build().await.expect("the bus is up"))
    }

    /// The answer to a call, or the error's name without what is before it, and its text.
    async fn call<B, R>(&self, path: &str, interface: &str, method: &str, body: &B) -> Result<R, (String, String)>
    where
        B: Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        match self.0.call_method(Some("org.tenderd"), path, Some(interface), method, body).await {
            Ok(reply) => Ok(reply.body().deserialize().expect("the reply is as the interface says")),
            Err(zbus::Error::MethodError(name, text, _)) => {
                let name = name.strip_prefix("org.tenderd.Error.").unwrap_or(&name).to_owned();
                Err((name, text.unwrap_or_default()))
            }
            Err(other) => panic!("{method}: {other}"),
        }
    }

    async fn create(&self, options: &Options<'_>) -> Result<OwnedObjectPath, (String, String)> {
        self.call(ROOT, TERMINAL, "CreateTransaction", options).await
    }

    async fn find(&self, token: &str) -> Result<Properties, (String, String)> {
        self.call(ROOT, TERMINAL, "FindTransaction", &token).await
    }

    async fn tokens(&self, options: &Options<'_>) -> Vec<String> {
        let list: Vec<Properties> = self.call(ROOT, TERMINAL, "ListTransactions", options).await.unwrap();
        list.iter().map(|transaction| text(transaction, "Token")).collect()
    }

    /// The transaction once it is done.
    async fn done(&self, token: &str) -> Properties {
        self.in_state(token, "done").await
    }

    async fn in_state(&self, token: &str, state: &str) -> Properties {
        let reached = async {
            loop {
                let transaction = self.find(token).await.unwrap();
                if text(&transaction, "State") == state {
                    return transaction;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{token} does not become {state}"))
    }

    async fn sale(&self, options: &Options<'_>) -> Properties {
        let path = self.create(options).await.unwrap();
        assert!(path.starts_with("/org/tenderd/transaction/"));
        self.done(<&str>::try_from(&options["token"]).unwrap()).await
    }
}

fn sale<'a>(token: &'a str, amount: &'a str) -> Options<'a> {
    [("token", token.into()), ("amount", amount.into()), ("currency", "EUR".into())].into()
}

fn text(properties: &Properties, name: &str) -> String {
    <&str>::try_from(&properties[name]).expect("it is a text").to_owned()
}

fn number(properties: &Properties, name: &str) -> u64 {
    u64::try_from(&properties[name]).expect("it is a number of minor units")
}

#[tokio::test]
async fn a_sale_is_approved_by_the_bank() {
    let Some(terminal) = Terminal::start(&["visa-online"]) else { return };
    let sale = Register::of(&terminal).await.sale(&sale("t1", "49.00")).await;
    assert_eq!(text(&sale, "Result"), "approved");
    assert_eq!((number(&sale, "Amount"), number(&sale, "AmountApproved")), (4900, 4900));
    assert_eq!((text(&sale, "Scheme"), text(&sale, "MaskedPan")), ("Visa".to_owned(), "476173******0119".to_owned()));
    assert_eq!(text(&sale, "ResponseCode"), "00");
    assert!(!text(&sale, "AuthorisationCode").is_empty());
    assert_eq!(terminal.acquirer().ledger().entries.len(), 1);
}

#[tokio::test]
async fn asking_again_with_the_same_token_starts_nothing() {
    let Some(terminal) = Terminal::start(&["visa-online"]) else { return };
    let register = Register::of(&terminal).await;
    let first = register.create(&sale("t1", "49.00")).await.unwrap();
    assert_eq!(register.create(&sale("t1", "49.00")).await.unwrap(), first, "while it is live");
    register.done("t1").await;
    let minor_units = [("token", "t1".into()), ("amount", 4900u32.into()), ("currency", "EUR".into())].into();
    assert_eq!(register.create(&minor_units).await.unwrap(), first, "when it is done, in other words");
    assert_eq!(terminal.acquirer().ledger().entries.len(), 1);
    assert_eq!(register.tokens(&Options::new()).await, ["t1"]);
}

#[tokio::test]
async fn requests_that_cannot_be_right_are_refused_by_name_and_leave_nothing_behind() {
    let Some(terminal) = Terminal::start(&["mastercard-offline-cda"]) else { return };
    let register = Register::of(&terminal).await;
    register.sale(&sale("spent", "1.00")).await;
    let with = |key, value| {
        let mut options = sale("t1", "1.00");
        options.insert(key, value);
        options
    };
    let refused = [
        ("TokenReused", sale("spent", "2.00")),
        ("InvalidToken", sale("a/b", "1.00")),
        ("WrongCurrency", with("currency", "USD".into())),
        ("InvalidCurrency", with("currency", "EUX".into())),
        ("InvalidAmount", with("amount", "-1.00".into())),
        ("InvalidAmount", with("amount", Variant::from(-100i64))),
        ("InvalidAmount", with("amount", Variant::from(0u32))),
        ("InvalidAmount", with("amount", Variant::from(u64::MAX))),
        ("InvalidAmount", with("amount", "99999999999999999999".into())),
        ("InvalidAmount", with("amount", "1.001".into())),
        ("InvalidAmount", with("amount_other", "0.50".into())),
        ("InvalidReference", with("reference", "card 4761739001010119".into())),
        ("InvalidArgument", with("amount", Variant::from(1.5f64))),
        ("InvalidArgument", with("tip", "1.00".into())),
        ("InvalidArgument", with("type", "donation".into())),
        ("UnknownReader", with("reader", "nowhere".into())),
    ];
    for (name, options) in refused {
        let (error, text) = register.create(&options).await.unwrap_err();
        assert_eq!(error, name, "{options:?}: {text}");
        assert!(text.contains("(retry: "), "{text}");
        assert!(!text.contains("4761739001010119"), "{text}");
    }
    assert_eq!(register.tokens(&Options::new()).await, ["spent"]);
    assert_eq!(register.find("t1").await.unwrap_err().0, "UnknownToken");
}

#[tokio::test]
async fn a_transaction_is_found_by_its_token_after_a_crash() {
    let Some(mut terminal) = Terminal::start(&["visa-online"]) else { return };
    let before = Register::of(&terminal).await.sale(&sale("t1", "49.00")).await;
    terminal.crash_and_restart();
    let register = Register::of(&terminal).await;
    assert_eq!(register.find("t1").await.unwrap(), before);
    register.create(&sale("t1", "49.00")).await.unwrap();
    assert_eq!(register.create(&sale("t1", "49.01")).await.unwrap_err().0, "TokenReused");
    assert_eq!(terminal.acquirer().ledger().entries.len(), 1);
}

#[tokio::test]
async fn a_crash_while_the_bank_is_asked_ends_in_a_reversal() {
    let unanswered = "[[rule]]\nthen.delivery = 'none'\nwhen.mti = ['0100']\n";
    let Some(mut terminal) = Terminal::start_with(&["visa-online"], unanswered) else { return };
    let register = Register::of(&terminal).await;
    register.create(&sale("t1", "49.00")).await.unwrap();
    register.in_state("t1", "authorising").await;
    terminal.acquirer().ledger_when(PATIENCE, |ledger| !ledger.entries.is_empty());
    terminal.crash_and_restart();
    let transaction = Register::of(&terminal).await.done("t1").await;
    assert_eq!((text(&transaction, "Result").as_str(), number(&transaction, "AmountApproved")), ("reversed", 0));
    assert!(terminal.acquirer().ledger().entries.iter().all(|entry| entry.stands() == 0));
}

#[tokio::test]
async fn transactions_are_listed_page_by_page_latest_first() {
    let Some(terminal) = Terminal::start(&["mastercard-offline-cda"]) else { return };
    let register = Register::of(&terminal).await;
    for token in ["t1", "t2", "t3", "t4", "t5"] {
        register.sale(&sale(token, "1.00")).await;
    }
    let page = |before: Option<&'static str>| {
        let limit = ("limit", Variant::from(2u32));
        before.map(|token| ("before", token.into())).into_iter().chain([limit]).collect::<Options<'_>>()
    };
    assert_eq!(register.tokens(&page(None)).await, ["t5", "t4"]);
    assert_eq!(register.tokens(&page(Some("t4"))).await, ["t3", "t2"]);
    assert_eq!(register.tokens(&page(Some("t2"))).await, ["t1"]);
    assert_eq!(register.tokens(&page(Some("t1"))).await, [""; 0]);
}

#[tokio::test]
async fn a_transaction_that_waits_for_a_reader_is_cancelled() {
    let Some(terminal) = Terminal::start(&[]) else { return };
    let register = Register::of(&terminal).await;
    let path = register.create(&sale("t1", "1.00")).await.unwrap();
    register.call::<_, ()>(&path, TRANSACTION, "Cancel", &()).await.unwrap();
    let transaction = register.done("t1").await;
    assert_eq!(text(&transaction, "Result"), "cancelled");
    let again = register.call::<_, ()>(&path, TRANSACTION, "Cancel", &()).await;
    assert_eq!(again.unwrap_err().0, "AlreadyDone");
}

#[tokio::test]
async fn receipts_are_for_customer_or_merchant_as_text_or_json() {
    let Some(terminal) = Terminal::start(&["visa-online"]) else { return };
    let register = Register::of(&terminal).await;
    register.sale(&sale("t1", "49.00")).await;
    let receipt = async |options: Options<'_>| -> Result<String, (String, String)> {
        register.call(ROOT, TERMINAL, "GetReceipt", &("t1", options)).await
    };
    let customer = receipt(Options::new()).await.unwrap();
    assert!(customer.contains("TEST") && customer.contains("49.00") && customer.contains("APPROVED"), "{customer}");
    assert!(!customer.contains("476173"), "the customer's copy has the last four digits alone:\n{customer}");
    let merchant = receipt([("copy", "merchant".into()), ("format", "json".into())].into()).await.unwrap();
    let merchant: Value = serde_json::from_str(&merchant).unwrap();
    assert_eq!((&merchant["pan"], &merchant["result"]), (&"476173******0119".into(), &"approved".into()));
    assert_eq!(receipt([("copy", "nobody".into())].into()).await.unwrap_err().0, "InvalidArgument");
}

#[tokio::test]
async fn two_sales_run_at_once_on_two_readers() {
    let Some(terminal) = Terminal::start(&["visa-online", "mastercard-online-cda"]) else { return };
    let register = Register::of(&terminal).await;
    let at = |token, reader: &'static str| {
        let mut options = sale(token, "49.00");
        options.insert("reader", reader.into());
        options
    };
    let (visa, mastercard) = (at("t1", "simulated visa-online"), at("t2", "simulated mastercard-online-cda"));
    let (visa, mastercard) = tokio::join!(register.sale(&visa), register.sale(&mastercard));
    assert_eq!((text(&visa, "Result"), text(&visa, "Scheme")), ("approved".to_owned(), "Visa".to_owned()));
    assert_eq!(text(&mastercard, "Result"), "approved");
    assert_eq!(text(&mastercard, "Scheme"), "Mastercard");
    let entries = terminal.acquirer().ledger().entries;
    assert_eq!(entries.iter().map(|entry| entry.stands()).collect::<Vec<_>>(), [4900, 4900]);
}

#[test]
fn tenderctl_shows_each_phase_in_order_and_then_the_transaction() {
    let Some(terminal) = Terminal::start(&["visa-online"]) else { return };
    let sale = terminal.tenderctl(&["sale", "49.00", "EUR", "--json"]);
    let lines = String::from_utf8(sale.stdout).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let states: Vec<&str> = lines.iter().map(|line| line["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["created", "armed", "card_seen", "card_read", "authorising", "done"]);
    let end = lines.last().unwrap();
    assert_eq!((&end["result"], &end["amount_approved"]), (&"approved".into(), &4900.into()));
}

#[test]
fn tenderctl_tells_the_outcome_by_its_exit_code() {
    let Some(terminal) = Terminal::start(&["visa-online"]) else { return };
    let code = |arguments: &[&str]| terminal.tenderctl(arguments).status.code();
    assert_eq!(code(&["sale", "49.00", "EUR", "--token", "t1"]), Some(0));
    assert_eq!(code(&["sale", "49.00", "EUR", "--token", "t1"]), Some(0), "asked again");
    assert_eq!(code(&["sale", "49.01", "EUR", "--token", "t1"]), Some(1), "token reused");
    assert_eq!(code(&["sale", "49.001", "EUR"]), Some(2));
    assert_eq!(code(&["receipt", "t1", "--columns", "32"]), Some(0));
    assert_eq!(code(&["receipt", "t2"]), Some(1));
    assert_eq!(code(&["cancel", "t1"]), Some(1));
    assert_eq!(code(&["transactions", "--json"]), Some(0));
    assert_eq!(code(&["status"]), Some(0));
    assert_eq!(code(&["config", "check", terminal.configuration().to_str().unwrap()]), Some(0));
    assert_eq!(code(&["config", "check", "/nowhere"]), Some(2));
    let declined = Terminal::start_with(&["visa-online"], "[[rule]]\nthen.response = '51'\n").unwrap();
    assert_eq!(declined.tenderctl(&["sale", "49.00", "EUR"]).status.code(), Some(3));
}

#[test]
fn tenderctl_prints_nothing_of_terminals_where_it_writes_to_none() {
    let Some(terminal) = Terminal::start(&["visa-online"]) else { return };
    for arguments in [&["status"][..], &["sale", "49.00", "EUR"], &["transactions"]] {
        let output = terminal.tenderctl(arguments);
        assert!(output.status.success() && !output.stdout.contains(&0x1B), "{output:?}");
    }
}

#[test]
fn an_interrupted_tenderctl_cancels_its_sale_and_waits_for_the_end() {
    let Some(terminal) = Terminal::start(&[]) else { return };
    let mut sale = terminal.spawn_tenderctl(&["sale", "49.00", "EUR", "--token", "t1"]);
    let mut lines = BufReader::new(sale.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "created      No reader: connect one");
    assert!(Command::new("sh").args(["-c", &format!("kill -INT {}", sale.id())]).status().unwrap().success());
    let rest: Vec<String> = lines.collect();
    assert!(rest.iter().any(|line| line.starts_with("Cancelled")), "{rest:?}");
    assert_eq!(sale.wait().unwrap().code(), Some(4));
}

#[test]
fn a_client_that_knows_the_xml_alone_makes_a_sale() {
    let Some(python) = std::env::var_os("TENDER_PYTHON") else {
        println!("skipped: TENDER_PYTHON does not name a Python with tests/peers/requirements.txt installed");
        return;
    };
    let Some(terminal) = Terminal::start(&["visa-online"]) else { return };
    let root = env!("CARGO_MANIFEST_DIR");
    let client = Command::new(python)
        .arg(format!("{root}/tests/peers/dbus_fast_client.py"))
        .args([terminal.bus_address(), &format!("{root}/dbus"), "t-1", "49.00", "EUR"])
        .output()
        .unwrap();
    assert!(client.status.success(), "{client:?}");
    let end: Value = serde_json::from_slice(&client.stdout).unwrap();
    assert_eq!((&end["Result"], &end["AmountApproved"]), (&"approved".into(), &4900.into()));
    let seen: HashSet<&str> = end["seen"].as_array().unwrap().iter().map(|state| state.as_str().unwrap()).collect();
    assert!(seen.is_superset(&["armed", "authorising", "done"].into()), "{seen:?}");
    assert_eq!(terminal.acquirer().ledger().entries.len(), 1);
}
