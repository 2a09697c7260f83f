//! Sales over D-Bus while the journal can't be written: callers are told so and nobody waits for ever; and what callers
//! find again after a restart.

#[path = "support/register.rs"]
mod register;
#[path = "support/terminal.rs"]
mod terminal;

use std::fs;
use std::time::{Duration, Instant};

use register::Register;
use terminal::{Readers, Terminal, rules};

/// How long an end may take that is to be prompt.
const PROMPT: Duration = Duration::from_secs(4);

/// A terminal with a card that approves small amounts itself.
fn start() -> (Terminal, Register) {
    register::start(Readers::Simulated(&["mastercard-offline-cda"]), rules(""), &[])
}

/// Lets SQL change what the journal takes.
fn journal(terminal: &Terminal, sql: &str) {
    let journal = rusqlite::Connection::open(terminal.file("journal.db")).expect("the terminal has a journal");
    journal.execute_batch(sql).expect("the test knows the journal's tables");
}

/// From now on no end of a transaction can be written.
fn break_journal(terminal: &Terminal) {
    journal(
        terminal,
        "CREATE TRIGGER broken BEFORE INSERT ON journal WHEN NEW.event = 'completed'
         BEGIN SELECT RAISE(ABORT, 'broken, for the test'); END",
    );
}

#[test]
fn a_sale_whose_end_can_not_be_written_is_not_known_yet_and_the_daemon_stops_promptly_all_the_same() {
    let (mut terminal, register) = start();
    break_journal(&terminal);
    let sale = terminal.tenderctl(&["sale", "12.50", "EUR", "--token", "t1"]);
    assert_eq!(sale.status.code(), Some(9), "{sale:?}");
    let said = String::from_utf8_lossy(&sale.stderr);
    assert!(said.contains("not known yet") && said.contains("--token t1"), "{said}");
    let sale = register.find("t1").expect("it was created");
    assert_eq!((sale.state(), sale.error()), ("card_read".to_owned(), "JournalFailed".to_owned()));
    assert!(register.property("Fault").contains("broken, for the test"));
    assert_eq!(register.sell("t2", 100, None).unwrap_err().name, "JournalFailed");

    let asked = Instant::now();
    assert!(terminal.stop().success());
    assert!(asked.elapsed() < PROMPT, "{:?}", asked.elapsed());
    journal(&terminal, "DROP TRIGGER broken");
    terminal.resume();
    assert_eq!(register.done("t1").error(), "Restarted");
    let sale = terminal.tenderctl(&["sale", "12.50", "EUR", "--token", "t1"]);
    assert_eq!(sale.status.code(), Some(8), "{sale:?}");
}

#[test]
fn a_journal_that_works_again_ends_the_sale_where_it_is_watched() {
    let (terminal, register) = start();
    break_journal(&terminal);
    register.sell("t1", 1250, None).expect("it can be created");
    register.when("t1", |sale| sale.error() == "JournalFailed");
    journal(&terminal, "DROP TRIGGER broken");
    let sale = register.done("t1");
    assert_eq!((sale.result(), sale.error()), ("aborted".to_owned(), "JournalFailed".to_owned()));
    assert_eq!(register.property("Fault"), "");
}

#[test]
fn a_token_that_is_known_has_its_object_after_a_restart_too() {
    let (mut terminal, register) = start();
    register.sell("t1", 1250, None).unwrap();
    assert_eq!(register.done("t1").result(), "approved");
    assert!(terminal.stop().success());
    terminal.resume();
    register.sell("t1", 1250, None).unwrap();
    assert_eq!(register.cancel("t1").unwrap_err().name, "AlreadyDone", "there is an object that knows");
}

/// Runs `tenderctl journal` on the terminal's journal; gives its exit code and what it printed.
fn tenderctl_journal(terminal: &Terminal, command: &str, more: &[&str]) -> (Option<i32>, String) {
    let file = terminal.file("journal.db").display().to_string();
    let output = terminal.tenderctl(&[&["journal", command, &file], more].concat());
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn a_damaged_journal_takes_no_sales_until_somebody_sets_it_aside_and_is_kept_as_it_is() {
    let (mut terminal, register) = start();
    for token in ["good", "changed"] {
        register.sell(token, 1250, None).unwrap();
        assert_eq!(register.done(token).result(), "approved");
    }
    assert!(terminal.stop().success());
    let (code, said) = tenderctl_journal(&terminal, "set-aside", &[]);
    assert!(code == Some(1) && said.contains("every row is as it was written"), "{said}");
    let change = "UPDATE journal SET body = replace(body, '1250', '1') WHERE token = 'changed' AND event = 'created'";
    journal(&terminal, &format!("DROP TRIGGER no_update; {change}"));
    let damaged = fs::read(terminal.file("journal.db")).expect("it is there");

    terminal.resume();
    let refused = register.sell("new", 1250, None).unwrap_err();
    assert_eq!(refused.name, "JournalDamaged");
    assert!(refused.text.contains("tenderctl journal set-aside"), "{refused:?}");
    assert_eq!(register.find("good").unwrap_err().name, "JournalDamaged");
    let status = terminal.tenderctl(&["status"]);
    let status = String::from_utf8_lossy(&status.stdout);
    assert!(status.contains("the row was changed after it was written"), "{status}");
    assert!(terminal.stop().success());

    let (code, said) = tenderctl_journal(&terminal, "set-aside", &["--json"]);
    assert_eq!(code, Some(0), "{said}");
    let done: serde_json::Value = serde_json::from_str(&said).expect("it is JSON");
    assert_eq!((&done["unsettled"][0]["token"], &done["taken_over"]), (&"changed".into(), &1.into()), "{said}");
    assert_eq!(fs::read(done["file"].as_str().expect("it has a name")).expect("it is kept"), damaged);
    terminal.resume();
    assert_eq!(register.find("good").unwrap().result(), "approved");
    register.sell("new", 1250, None).unwrap();
    assert_eq!(register.done("new").result(), "approved");
}

#[test]
fn an_export_has_every_row_and_what_is_sealed_in_none() {
    let (mut terminal, register) = start();
    register.sell("t1", 1250, None).unwrap();
    assert_eq!(register.done("t1").result(), "approved");
    assert!(terminal.stop().success());
    let (code, said) = tenderctl_journal(&terminal, "export", &["--json"]);
    assert_eq!(code, Some(0), "{said}");
    let rows: Vec<serde_json::Value> =
        said.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    assert!(rows.iter().zip(1..).all(|(row, number)| row["seq"] == number && row["intact"] == true), "{said}");
    assert_eq!(rows.first().map(|row| row["event"].clone()), Some("started".into()));
    assert_eq!(rows.last().map(|row| row["event"].clone()), Some("stopped".into()));
    let card = rows.iter().find(|row| row["event"] == "card_read").expect("a card was read");
    assert!(card["token"] == "t1" && card["data"]["pan"].as_str().is_some_and(|pan| pan.contains("******")), "{card}");
    assert!(card["data"].get("card").is_none() && card["data"].get("icc_data").is_none(), "{card}");

    let (code, said) = tenderctl_journal(&terminal, "export", &["--to", "2020-01-01"]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    journal(&terminal, "DROP TRIGGER no_update; UPDATE journal SET at = 'never' WHERE seq = 2");
    let (code, said) = tenderctl_journal(&terminal, "export", &["--from", "2020-01-01"]);
    assert_eq!((code, said.lines().filter(|line| line.starts_with('!')).count()), (Some(1), 1), "{said}");
    assert!(said.contains("row 2"), "{said}");
}

#[test]
fn whether_the_acquirer_answers_is_asked_and_seen() {
    let (terminal, register) = start();
    let unknown = terminal.tenderctl(&["status"]);
    assert!(String::from_utf8_lossy(&unknown.stdout).contains("none since tenderd was started"), "{unknown:?}");
    assert_eq!(register.property("LastHostContact"), "");
    assert_eq!(terminal.tenderctl(&["host"]).status.code(), Some(0));
    assert!(register.property("LastHostContact").starts_with("20"));
    let (mute, _register) =
        register::start(Readers::Simulated(&[]), rules("[[rule]]\nwhen.mti = ['0800']\nthen.delivery = 'none'\n"), &[]);
    let silent = mute.tenderctl(&["host"]);
    assert_eq!(silent.status.code(), Some(1), "{silent:?}");
}

#[test]
fn sales_go_on_while_the_acquirer_lets_a_question_wait() {
    let slow = rules("[[rule]]\nwhen.mti = ['0800']\nthen.delay_ms = 15000\n");
    let readers = Readers::Simulated(&["mastercard-offline-cda"]);
    let terminal = Terminal::start(readers, slow, &[terminal::PATIENT]);
    let mut question = terminal.spawn_tenderctl(&["host"]);
    let sale = terminal.tenderctl(&["sale", "12.50", "EUR"]);
    assert!(sale.status.success(), "{sale:?}");
    assert!(question.try_wait().expect("it is ours").is_none(), "the acquirer has not answered yet");
    question.kill().and_then(|()| question.wait()).expect("it is ours");
}
