//! Cards, registers and disks that give anything but what they should.

#[path = "support/pcscd.rs"]
mod pcscd;
#[path = "support/register.rs"]
mod register;
#[path = "support/terminal.rs"]
mod terminal;

use std::fs;
use std::io::{Write, stderr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use emv::fields::{Amount, Date};
use emv::kernel::{Decision, Transaction, UnpredictableNumbers};
use emv::profile::Profile;
use emv::tap::{Autorun, Input, Output, Tap};
use pcscd::{Pcscd, isolated};
use register::{Register, start};
use tender_sim::acquirer::Rules;
use tender_sim::card::{Card, Personality};
use terminal::{Readers, Terminal, eventually, profile};
use zbus::Variant;

/// More commands than any card is sent in one transaction.
const COMMANDS_MAX: usize = 200;

/// How a tap ends with a card that gives what `answer` makes of the number of a command, from 1 on, and the command. A
/// customer whose card is asked for again gives up after a while.
fn tap(profile: &Arc<Profile>, mut answer: impl FnMut(usize, &[u8]) -> Vec<u8>) -> Decision {
    let transaction = Transaction {
        amount_authorised: Some(Amount::new(1250).expect("an amount")),
        amount_other: Some(Amount::ZERO),
        currency: [0x09, 0x78],
        currency_exponent: 2,
        transaction_type: 0x00,
        date: Date::from_bcd([0x26, 0x11, 0x24]).expect("a date"),
        time: [0x12, 0x00, 0x00],
        sequence_counter: 1,
    };
    let numbers = UnpredictableNumbers::from_seed([7; 32]);
    let mut tap = Tap::new(Arc::clone(profile), transaction, numbers, Autorun::No);
    let now = emv::Instant::default();
    let (mut commands, mut presented) = (0, 0);
    loop {
        match tap.poll().expect("a tap wants something until it is finished") {
            Output::Transmit(command) => {
                commands += 1;
                assert!(commands <= COMMANDS_MAX, "the tap comes to no end");
                tap.handle(Input::Response(&answer(commands, &command.to_bytes())), now);
            }
            Output::Poll if presented == 3 => tap.handle(Input::Cancel, now),
            Output::Poll => {
                presented += 1;
                tap.handle(Input::CardPresent, now);
            }
            Output::AwaitRemoval => tap.handle(Input::CardRemoved, now),
            Output::AwaitOnlineResponse(outcome) | Output::Finished(outcome) => return outcome.decision,
            _ => {}
        }
    }
}

/// A card for which the acquirer is asked.
const VISA: Readers<'_> = Readers::Simulated(&["visa-online"]);

fn is_paid_or_asked_for(decision: Decision) -> bool {
    matches!(decision, Decision::Approved | Decision::OnlineRequest)
}

#[test]
fn cards_that_answer_every_command_with_rubbish_pay_nothing() {
    let profile = profile();
    // A template in a template in a template ...
    let nested = (0..200).fold(vec![0x90, 0x00], |inside, _| {
        let length = u16::try_from(inside.len() - 2).expect("a few hundred bytes").to_be_bytes();
        [&[0x6F, 0x82], &length[..], &inside].concat()
    });
    let answers: [(&str, Vec<u8>); 10] = [
        ("an error", vec![0x6F, 0x00]),
        ("more data", vec![0x61, 0x10]),
        ("another length", vec![0x6C, 0x10]),
        ("success and no data", vec![0x90, 0x00]),
        ("no answer", vec![]),
        ("one byte", vec![0x90]),
        ("65,536 bytes of data", [vec![0xFF; 65_536], vec![0x90, 0x00]].concat()),
        ("65,536 bytes of padding", [vec![0x00; 65_536], vec![0x90, 0x00]].concat()),
        ("a length of 4 GB", vec![0x6F, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x84, 0x00, 0x90, 0x00]),
        ("200 templates in each other", nested),
    ];
    for (name, answer) in answers {
        let decision = tap(&profile, |_, _| answer.clone());
        assert!(!is_paid_or_asked_for(decision), "{name}: {decision:?}");
    }
}

#[test]
fn a_card_that_goes_wrong_from_any_command_on_pays_nothing() {
    let profile = profile();
    for name in ["visa-online", "visa-offline-fdda", "mastercard-online-cda", "mastercard-offline-cda"] {
        let personality = Personality::built_in(name).expect("the simulator brings it along");
        let mut commands = 0;
        let mut card = Card::new(&personality);
        let honest = tap(&profile, |number, command| {
            commands = number;
            card.transmit(command).response.expect("it stays in the field")
        });
        assert!(is_paid_or_asked_for(honest), "{name} pays if nothing goes wrong");
        for wrong in 1..=commands {
            for (what, spoil) in SPOILERS {
                let mut card = Card::new(&personality);
                let decision = tap(&profile, |number, command| {
                    let response = card.transmit(command).response.expect("it stays in the field");
                    if number >= wrong { spoil(response) } else { response }
                });
                assert!(!is_paid_or_asked_for(decision), "{name}: {what} from command {wrong} on: {decision:?}");
            }
        }
    }
}

type Spoiler = fn(Vec<u8>) -> Vec<u8>;

/// What can go wrong with a response: data objects, SW1 and SW2.
const SPOILERS: [(&str, Spoiler); 6] = [
    ("an error", |_| vec![0x6F, 0x00]),
    ("data and an error", |response| [&response[..response.len() - 2], &[0x6F, 0x00]].concat()),
    ("no status word", |response| response[..1].to_vec()),
    ("an end in the middle", |response| [&response[..response.len() / 2], &[0x90, 0x00]].concat()),
    ("the last byte missing", |response| [&response[..response.len() - 3], &[0x90, 0x00]].concat()),
    ("a byte too many", |response| [&response[..response.len() - 2], &[0x5A, 0x90, 0x00]].concat()),
];

#[test]
fn after_cards_that_answer_with_rubbish_the_next_one_pays() {
    isolated("after_cards_that_answer_with_rubbish_the_next_one_pays", |pcscd| {
        pcscd.start();
        let (terminal, register) = start(Readers::Pcsc, Rules::default(), &[]);
        register.has_readers(&Pcscd::READERS);
        let answers = [
            ("error", vec![0x6F, 0x00]),
            ("more", vec![0x61, 0x00]),
            ("short", vec![0x90]),
            ("long", vec![0x6F; 65_535]),
        ];
        for (token, answer) in answers {
            register.sell(token, 1250, Some(Pcscd::READERS[0])).unwrap();
            let card = pcscd.lay(0, move |_| Some(answer.clone()));
            register.when(token, |sale| sale.state() != "armed");
            // The card can't be used, or it is tried again until the cashier loses patience: perhaps just now.
            if let Err(error) = register.cancel(token) {
                assert_eq!(error.name, "AlreadyDone");
            }
            pcscd.notices_a_card(0);
            assert!(matches!(&*register.done(token).result(), "aborted" | "cancelled" | "other_interface"), "{token}");
            drop(card);
            pcscd.notices_an_empty(0);
        }
        register.sell("good", 1250, Some(Pcscd::READERS[0])).unwrap();
        let mut card = Card::new(&Personality::built_in("visa-online").expect("the simulator brings it along"));
        let _card = pcscd.lay(0, move |command| card.transmit(command).response);
        assert_eq!(register.done("good").result(), "approved");
        assert_eq!(terminal.acquirer.ledger().total(), 1250);
    });
}

#[test]
fn requests_that_make_no_sense_are_refused_by_name_and_leave_nothing_behind() {
    let (terminal, register) = start(VISA, Rules::default(), &[]);
    let eur = || ("currency", Variant::from("EUR"));
    let amounts: [(Variant<'_>, &str); 8] = [
        ((-1i64).into(), "negative"),
        (i64::MIN.into(), "very negative"),
        ("-12.50".into(), "a negative text"),
        (0u32.into(), "nothing"),
        (1_000_000_000_000u64.into(), "13 digits"),
        (u64::MAX.into(), "the largest number"),
        ("12.505".into(), "half a cent"),
        (12.5f64.into(), "a binary fraction"),
    ];
    for (amount, what) in amounts {
        let error = register.create("refused", vec![("amount", amount), eur()]).unwrap_err();
        assert!(matches!(&*error.name, "InvalidAmount" | "InvalidArgument"), "{what}: {error:?}");
    }
    let requests: [(Vec<(&str, Variant<'_>)>, &str); 5] = [
        (vec![("amount", 1250u32.into()), ("currency", "USD".into())], "WrongCurrency"),
        (vec![("amount", 1250u32.into()), ("currency", "???".into())], "InvalidCurrency"),
        (vec![("amount", 1250u32.into()), eur(), ("ammount_other", 100u32.into())], "InvalidArgument"),
        (vec![("amount", 1250u32.into()), eur(), ("reader", "the blue one".into())], "UnknownReader"),
        (vec![eur()], "InvalidArgument"),
    ];
    for (options, expected) in requests {
        let what = format!("{options:?}");
        assert_eq!(register.create("refused", options).unwrap_err().name, expected, "{what}");
    }
    assert!(register.list_all().is_empty() && terminal.acquirer.ledger().entries.is_empty());

    register.sell("once", 1250, None).unwrap();
    assert_eq!(register.sell("once", 1251, None).unwrap_err().name, "TokenReused");
    assert_eq!(register.done("once").number("AmountApproved"), 1250);
    assert_eq!(register.sell("once", 1251, None).unwrap_err().name, "TokenReused");
    register.sell("once", 1250, None).unwrap();
    assert_eq!(terminal.acquirer.ledger().total(), 1250);
}

/// Starts the daemon, which must not come up, and gives what it says on its way out.
fn refuses_to_start(terminal: &Terminal) -> String {
    let output = terminal.command().stdout(Stdio::null()).output().expect("the daemon was built with this test");
    let said = String::from_utf8(output.stderr).expect("it speaks UTF-8");
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

/// A journal with a sale of 12.50 EUR in it, of a terminal that has ended.
fn journal_with_a_sale() -> (Terminal, Vec<u8>) {
    let (mut terminal, register) = start(VISA, Rules::default(), &[]);
    register.sell("kept", 1250, None).unwrap();
    assert_eq!(register.done("kept").result(), "approved");
    assert!(terminal.stop().success());
    let journal = fs::read(terminal.file("journal.db")).expect("the terminal has a journal");
    (terminal, journal)
}

#[test]
fn a_journal_that_is_damaged_takes_no_sale_and_is_left_as_it_is() {
    let (mut terminal, sound) = journal_with_a_sale();
    let path = terminal.file("journal.db");
    let name = path.display().to_string();
    let written = b"\"amount\":1250";
    let amount = sound.windows(written.len()).position(|window| window == written).expect("the sale is written there");
    let mut changed = sound.clone();
    changed[amount + written.len() - 1] = b'1';
    let damages: [(&str, Vec<u8>); 4] = [
        ("another amount", changed),
        ("half of it", sound[..sound.len() / 2].to_vec()),
        ("another file", b"Dear diary, today nothing happened. ".repeat(200)),
        ("another database's header", [b"SQLite format 3\0", &[0xFF; 4080][..]].concat()),
    ];
    for (what, damaged) in damages {
        fs::write(&path, &damaged).expect("the directory is the test's");
        terminal.resume();
        let refused = Register::of(&terminal).sell("new", 1250, None).unwrap_err();
        assert_eq!(refused.name, "JournalDamaged", "{what}: {refused:?}");
        assert!(refused.text.contains(&name), "{what}: {refused:?}");
        assert!(terminal.stop().success(), "{what}");
        assert!(fs::read(&path).expect("it is still there") == damaged, "{what}: nothing is changed");
    }
    fs::write(&path, sound).expect("the directory is the test's");
    terminal.resume();
    assert_eq!(Register::of(&terminal).find("kept").unwrap().number("AmountApproved"), 1250);
}

#[test]
fn a_storage_key_that_is_none_is_named() {
    let (terminal, _) = journal_with_a_sale();
    let path = terminal.file("storage.key");
    fs::write(&path, b"too short").expect("the directory is the test's");
    assert!(refuses_to_start(&terminal).contains(&path.display().to_string()));
}

/// A disk of a megabyte on which a daemon keeps its journal; only that daemon sees it.
fn with_a_small_disk(daemon: Command, directory: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--user", "--map-root-user", "sh", "-ec"]);
    command.arg("mount -t tmpfs -o size=1m none \"$DISK\"; exec \"$0\" \"$@\"").env("DISK", directory);
    command.arg(daemon.get_program()).args(daemon.get_args());
    command
}

#[test]
fn a_full_disk_stops_sales_loses_nothing_and_needs_no_restart() {
    let mut terminal = Terminal::prepare(VISA, Rules::default(), &[("/journal.db", "/disk/journal.db")]);
    let register = Register::of(&terminal);
    let disk = terminal.file("disk");
    fs::create_dir(&disk).expect("the directory is the test's");
    let command = with_a_small_disk(Command::new("true"), &disk).stderr(Stdio::null()).status();
    if !command.is_ok_and(|status| status.success()) {
        // Past the capture of the test harness, which hides what a test that passed has printed.
        let _ =
            writeln!(stderr(), "skipped: this user may not mount a small disk; run as root, or allow user namespaces");
        return;
    }
    let command = with_a_small_disk(terminal.command(), &disk);
    terminal.resume_as(command);
    register.sell("before", 1250, None).unwrap();
    assert_eq!(register.done("before").result(), "approved");

    // The disk as the daemon sees it.
    let filler = format!("/proc/{}/root{}/filler", terminal.process(), disk.display());
    assert!(fs::write(&filler, vec![0; 2 << 20]).is_err(), "it takes a megabyte and no more");
    assert_eq!(register.sell("full", 1250, None).unwrap_err().name, "DiskFull");
    assert!(register.property("Fault").contains("full"), "{}", register.property("Fault"));
    assert_eq!(register.find("full").unwrap_err().name, "UnknownToken");
    assert_eq!(register.find("before").unwrap().result(), "approved");

    fs::remove_file(&filler).expect("it was written before");
    eventually(|| register.sell("full", 1250, None));
    assert_eq!(register.done("full").result(), "approved");
    assert_eq!(terminal.acquirer.ledger().total(), 2500);
    register.reconcile(&terminal.acquirer.ledger());
}
