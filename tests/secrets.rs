//! Card numbers, Track 2 and keys are nowhere in what the terminal writes: log, journal, bus, receipts.

#[path = "support/register.rs"]
mod register;
#[path = "support/terminal.rs"]
mod terminal;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command};

use register::{Register, start};
use tender_sim::acquirer::Rules;
use terminal::{Readers, Terminal};

const CARDS: [&str; 5] =
    ["visa-online", "visa-offline-fdda", "visa-phone-cdcvm", "mastercard-online-cda", "mastercard-offline-cda"];

/// What must not be found: its name, and how it would look.
type Secrets = Vec<(String, Vec<u8>)>;

/// Everything that was written, by the place it was written to.
type Written = BTreeMap<String, Vec<u8>>;

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).expect("it is hexadecimal") as u8;
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// A key as it is, and in hexadecimal.
fn key(secrets: &mut Secrets, name: &str, key: &[u8]) {
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    secrets.push((format!("{name} in upper-case hexadecimal"), hex.to_uppercase().into()));
    secrets.push((format!("{name} in hexadecimal"), hex.into()));
    secrets.push((name.to_owned(), key.to_owned()));
}

/// The numbers of all cards that the simulator has, and the keys of their issuers. Track 2 begins with the number.
fn secrets() -> Secrets {
    let sim = Path::new(env!("CARGO_MANIFEST_DIR")).join("sim");
    let table = |path: &Path| -> toml::Table {
        fs::read_to_string(path).expect("the simulator's files are there").parse().expect("they are TOML")
    };
    let mut secrets = Secrets::new();
    for entry in fs::read_dir(sim.join("personalities")).expect("the simulator has personalities") {
        let personality = table(&entry.expect("the folder can be read").path());
        for application in personality["application"].as_array().expect("it has applications") {
            let pan = application["pan"].as_str().expect("it has a number");
            let groups: Vec<_> = pan.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group)).collect();
            secrets.push((format!("the number {pan}"), pan.into()));
            secrets.push((format!("the number {pan} in groups"), groups.join(" ").into()));
            secrets.push((format!("the number {pan} in BCD"), bytes(pan)));
            secrets.push((format!("the number {pan} in BCD, shifted"), bytes(&format!("{}0", &pan[1..]))[..7].into()));
        }
    }
    for scheme in ["visa", "mastercard"] {
        let keys = table(&sim.join("keys").join(scheme).with_extension("toml"));
        let text = keys.to_string();
        for line in
            text.lines().filter(|line| line.starts_with("ac_master_key") || line.starts_with("private_exponent"))
        {
            let hex = line.split('"').nth(1).expect("a key is a text");
            key(&mut secrets, &format!("a key of {scheme}"), &bytes(hex)[..16]);
        }
    }
    assert!(secrets.len() > 80, "the simulator's numbers and keys were found");
    secrets.sort();
    secrets.dedup();
    secrets
}

/// What of `secrets` is found, and where.
fn found(secrets: &Secrets, written: &Written) -> Vec<String> {
    let holds = |text: &[u8], secret: &[u8]| text.windows(secret.len()).any(|window| window == secret);
    let places = |(name, secret): &(String, Vec<u8>)| {
        let places = written.iter().filter(|(_, text)| holds(text, secret));
        places.map(|(place, _)| format!("{name} is in {place}")).collect::<Vec<_>>()
    };
    secrets.iter().flat_map(places).collect()
}

/// Writes down all that passes over the terminal's bus.
fn monitor(terminal: &Terminal, register: &Register) -> Child {
    let traffic = terminal.file("bus.traffic");
    let monitor = Command::new("dbus-monitor")
        .args(["--address", terminal.bus_address(), "--binary"])
        .stdout(File::create(&traffic).expect("the directory is the test's"))
        .spawn()
        .expect("dbus-monitor comes with dbus");
    while fs::metadata(&traffic).expect("it was made above").len() == 0 {
        register.property("Version");
    }
    monitor
}

/// Sales that end in every way, and their receipts.
fn trade(terminal: &mut Terminal, register: &Register, receipts: &mut Vec<u8>) {
    let mut tokens = Vec::new();
    for card in CARDS {
        // Small and large, declined, and without an answer: by the acquirer's default rules.
        for minor in [1250, 6000, 3051, 3096] {
            let token = format!("{card}-{minor}");
            register.sell(&token, minor, Some(&format!("simulated {card}"))).expect("the reader is free");
            register.done(&token);
            tokens.push(token);
        }
    }
    register.sell("cut", 3096, Some("simulated visa-online")).expect("the reader is free");
    register.when("cut", |sale| matches!(&*sale.state(), "authorising" | "reversing" | "done"));
    terminal.kill();
    terminal.resume();
    register.done("cut");
    tokens.push("cut".to_owned());
    for token in &tokens {
        for copy in ["customer", "merchant"] {
            for format in ["text", "json"] {
                let options = vec![("copy", copy.into()), ("format", format.into())];
                receipts.extend(register.receipt(token, options).expect("a receipt of what is done").bytes());
            }
        }
    }
    let results: Vec<_> = register.list_all().iter().map(|sale| sale.result()).collect();
    for result in ["approved", "declined", "reversed"] {
        assert!(results.iter().any(|found| found == result), "one is {result}: {results:?}");
    }
}

#[test]
fn what_is_written_holds_no_card_number_and_no_key() {
    let (mut terminal, register) = start(Readers::Simulated(&CARDS), Rules::default(), &[]);
    let mut monitor = monitor(&terminal, &register);
    let mut written = Written::new();
    let receipts = written.entry("receipts".to_owned()).or_default();
    trade(&mut terminal, &register, receipts);

    // Before the journal is closed, it has rows in its write-ahead log.
    for name in ["journal.db", "journal.db-wal"] {
        written.insert(name.to_owned(), fs::read(terminal.file(name)).expect("the journal is open"));
    }
    assert!(terminal.stop().success());
    monitor.kill().expect("it runs");
    monitor.wait().expect("it was started here");
    for name in ["journal.db", "tenderd.log", "bus.log", "bus.traffic"] {
        written.insert(format!("{name} in the end"), fs::read(terminal.file(name)).expect("it was written"));
    }
    let mut secrets = secrets();
    key(&mut secrets, "the storage key", &fs::read(terminal.file("storage.key")).expect("it was made"));
    let found = found(&secrets, &written);
    assert!(found.is_empty(), "{}", found.join("\n"));

    // What may be shown is there: these are the places to look at.
    let masked: Secrets = vec![("a masked number".to_owned(), "476173******0119".into())];
    for place in ["journal.db in the end", "bus.traffic in the end"] {
        let text = written.remove_entry(place).expect("it was read");
        assert_eq!(self::found(&masked, &[text].into()).len(), 1, "{place}");
    }
}

#[test]
fn a_secret_in_any_form_is_found() {
    let secrets = secrets();
    let track2 = bytes("4761739001010119D49122010000000000000F");
    let shifted = bytes("05413330089601034D491220100000000000");
    let texts = ["card 4761739001010119", "5413 3300 8960 1034"].map(|text| text.as_bytes().to_vec());
    for text in texts.into_iter().chain([track2, shifted]) {
        let written = Written::from([("a place".to_owned(), [b"before".to_vec(), text, b"after".to_vec()].concat())]);
        assert!(!found(&secrets, &written).is_empty(), "{written:?}");
    }
    assert!(found(&secrets, &Written::from([("a place".to_owned(), b"476173******0119".to_vec())])).is_empty());
}
