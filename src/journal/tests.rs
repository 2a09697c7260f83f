use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::keys::{Dukpt, InitialKey};
use crate::terminal::testing::{acceptor, approval, at, purchase, tap};
use crate::terminal::{
    FinalResult, OnlineRequest, Phase, Reason, Reversal, ReversalReason, Rrn, TapOutcome, TerminalEvent,
};

pub(super) fn token(text: &str) -> Token {
    text.parse().unwrap()
}

pub(super) fn record(second: i64, name: &str, event: Event) -> Record {
    Record { at: at(second), token: token(name), event }
}

/// The events of a sale up to the request to the acquirer.
pub(super) fn up_to_the_bank(name: &str, stan: u32) -> Vec<Record> {
    let stan = Stan::try_from(stan).unwrap();
    let request = OnlineRequest { stan, rrn: Rrn::new(at(3), stan), at: at(3), acceptor: acceptor() };
    vec![
        record(0, name, Event::Created(purchase(name))),
        record(1, name, Event::Armed { reader: "counter".to_owned() }),
        record(2, name, Event::CardSeen),
        record(3, name, Event::CardRead(Box::new(tap(name, TapOutcome::OnlineRequest)))),
        record(3, name, Event::OnlineRequested(request)),
    ]
}

/// The events of an approved sale.
pub(super) fn approved(name: &str, stan: u32) -> Vec<Record> {
    let mut records = up_to_the_bank(name, stan);
    records.push(record(4, name, Event::OnlineAnswered(approval())));
    records.push(record(4, name, Event::completed(Reason::ApprovedOnline)));
    records
}

pub(super) fn reversing(name: &str, stan: u32) -> Vec<Record> {
    let mut records = up_to_the_bank(name, stan);
    let stan = Stan::try_from(stan + 1).unwrap();
    let reversal = Reversal { stan, at: at(9), reason: ReversalReason::NoAnswer };
    records.push(record(9, name, Event::ReversalRequested(reversal)));
    records
}

pub(super) fn new_journal() -> (TempDir, PathBuf, Journal) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = Journal::open(&path).unwrap();
    (folder, path, journal)
}

/// Writes into the file behind the journal's back, triggers out of the way.
pub(super) fn tamper(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("DROP TRIGGER no_update; DROP TRIGGER no_delete").unwrap();
    connection.execute_batch(sql).unwrap();
}

#[test]
fn what_was_appended_is_there_after_reopening() {
    let (_folder, path, mut journal) = new_journal();
    let started = TerminalEvent::Started { version: "0.1.0".to_owned(), config: "00".repeat(32) };
    assert_eq!(journal.append_terminal(at(0), &started).unwrap(), 1);
    assert_eq!(journal.append(&approved("t1", 1)).unwrap(), 8);
    let told = journal.find(&token("t1")).unwrap().unwrap();
    assert_eq!(told.result(), Some(FinalResult::Approved));
    assert_eq!(told.ending().unwrap().at, at(4));
    drop(journal);

    let journal = Journal::open(&path).unwrap();
    assert_eq!(journal.find(&token("t1")).unwrap(), Some(told));
    assert_eq!(journal.find(&token("t2")).unwrap(), None);
    assert_eq!(journal.verify().unwrap(), 8);
}

#[test]
fn no_restart_uses_a_key_twice() {
    let (_folder, path, mut journal) = new_journal();
    let initial_key = |id| InitialKey::aes(&[7; 16], &[id; 8]).unwrap();
    let mut used = Vec::new();
    for takes in [1, 20, 3] {
        for id in [1, 2] {
            let key_id = initial_key(id).id();
            let mut terminal = Dukpt::new(initial_key(id), journal.last_reserved_counter(&key_id).unwrap());
            for _ in 0..takes {
                let write =
                    |reservation| journal.append_terminal(at(0), &TerminalEvent::KeysReserved(reservation)).map(drop);
                let serial_number = terminal.take(write).unwrap().serial_number().clone();
                assert!(!used.contains(&serial_number), "{serial_number}");
                used.push(serial_number);
                // Cut here, before or after the key was used: what a restart would take is another.
                let written = Journal::read(&path).unwrap();
                let mut restarted = Dukpt::new(initial_key(id), written.last_reserved_counter(&key_id).unwrap());
                let next = restarted.take(|_| Ok::<_, JournalError>(())).unwrap();
                assert!(!used.contains(next.serial_number()), "{next:?}");
            }
        }
        drop(journal);
        journal = Journal::open(&path).unwrap();
    }
    let other = InitialKey::tdes(&[7; 16], &[1, 1, 1, 1, 1, 1, 1, 0, 0, 0]).unwrap();
    assert_eq!(journal.last_reserved_counter(&other.id()).unwrap(), 0);
}

#[test]
fn the_file_is_for_its_owner_alone() {
    let (_folder, path, mut journal) = new_journal();
    journal.append(&approved("t1", 1)).unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", path.display());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
}

#[test]
fn no_card_number_stands_in_the_file() {
    let (_folder, path, mut journal) = new_journal();
    journal.append(&approved("t1", 1)).unwrap();
    for suffix in ["", "-wal"] {
        let bytes = fs::read(format!("{}{suffix}", path.display())).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("4761739001010119") && !text.contains("34373631373339"));
    }
}

#[test]
fn pages_run_from_the_newest_backwards() {
    let (_folder, _path, mut journal) = new_journal();
    for number in 1..=5 {
        journal.append(&approved(&format!("t{number}"), number)).unwrap();
    }
    let tokens = |page: Vec<Transaction>| page.iter().map(|t| t.token().to_string()).collect::<Vec<_>>();
    assert_eq!(tokens(journal.page(None, 2).unwrap()), ["t5", "t4"]);
    assert_eq!(tokens(journal.page(Some(&token("t4")), 2).unwrap()), ["t3", "t2"]);
    assert_eq!(tokens(journal.page(Some(&token("t2")), 2).unwrap()), ["t1"]);
    assert!(journal.page(Some(&token("t1")), 2).unwrap().is_empty());
}

#[test]
fn what_is_not_done_and_what_is_not_taken_back_is_found() {
    let (_folder, _path, mut journal) = new_journal();
    journal.append(&approved("done", 1)).unwrap();
    journal.append(&up_to_the_bank("asking", 2)).unwrap();
    journal.append(&reversing("reversing", 3)).unwrap();
    let unfinished = journal.unfinished().unwrap();
    assert_eq!(unfinished.iter().map(Transaction::phase).collect::<Vec<_>>(), [Phase::Authorising, Phase::Reversing]);
    let outstanding = journal.outstanding_reversals().unwrap();
    assert_eq!(outstanding.iter().map(|t| t.token().as_str()).collect::<Vec<_>>(), ["reversing"]);
    assert_eq!(journal.last_stan().unwrap().unwrap().number(), 4);

    let answered = Event::ReversalAnswered { response_code: "00".to_owned() };
    journal
        .append(&[record(10, "reversing", answered), record(10, "reversing", Event::completed(Reason::Reversed))])
        .unwrap();
    assert!(journal.outstanding_reversals().unwrap().is_empty());
    assert_eq!(journal.unfinished().unwrap().len(), 1);
}

#[test]
fn what_was_approved_offline_is_outstanding_until_the_acquirer_has_taken_its_advice() {
    let (_folder, _path, mut journal) = new_journal();
    let stan = Stan::try_from(7).unwrap();
    let advice = OnlineRequest { stan, rrn: Rrn::new(at(3), stan), at: at(3), acceptor: acceptor() };
    let events = [
        Event::Created(purchase("t1")),
        Event::Armed { reader: "counter".to_owned() },
        Event::CardSeen,
        Event::CardRead(Box::new(tap("t1", TapOutcome::Approved))),
        Event::AdviceRequested(advice),
        Event::completed(Reason::ApprovedOffline),
    ];
    journal.append(&events.map(|event| record(3, "t1", event))).unwrap();
    assert!(journal.unfinished().unwrap().is_empty(), "it has ended");
    assert_eq!(journal.outstanding_advices().unwrap(), [journal.find(&token("t1")).unwrap().unwrap()]);
    assert_eq!(journal.with_open_ends().unwrap().len(), 1);
    assert_eq!(journal.last_stan().unwrap(), Some(stan));
    let answered = Event::AdviceAnswered { response_code: "00".to_owned() };
    journal.append(&[record(9, "t1", answered)]).unwrap();
    assert!(journal.outstanding_advices().unwrap().is_empty());
    assert!(journal.with_open_ends().unwrap().is_empty());
}

#[test]
fn a_token_is_created_once_and_ends_once() {
    let (_folder, path, mut journal) = new_journal();
    journal.append(&approved("t1", 1)).unwrap();
    let again = record(5, "t1", Event::Created(purchase("t1")));
    assert!(matches!(journal.append(&[again]), Err(JournalError::Twice { .. })));
    let again = record(5, "t1", Event::completed(Reason::Reversed));
    assert!(matches!(journal.append(&[again]), Err(JournalError::Twice { .. })));
    journal.append(&approved("t2", 2)).unwrap();
    drop(journal);
    assert_eq!(Journal::open(&path).unwrap().verify().unwrap(), 14);
}

#[test]
fn rows_can_be_neither_changed_nor_deleted() {
    let (_folder, path, mut journal) = new_journal();
    journal.append(&approved("t1", 1)).unwrap();
    let stranger = Connection::open(&path).unwrap();
    for sql in ["UPDATE journal SET body = '{}'", "DELETE FROM journal"] {
        let refused = stranger.execute_batch(sql).unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
}

#[test]
fn a_changed_row_is_named_and_the_file_left_alone() {
    let change = |sql: &str| {
        let (_folder, path, mut journal) = new_journal();
        journal.append(&approved("t1", 1)).unwrap();
        drop(journal);
        tamper(&path, sql);
        let before = fs::read(&path).unwrap();
        let error = Journal::open(&path).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), before);
        let JournalError::Damaged { seq, damage, .. } = error else { panic!("{error}") };
        (seq, damage.to_string())
    };
    let changed = "its content does not fit its chain value: the row was changed after it was written";
    for column in ["at", "token", "event", "body", "chain"] {
        let sql = format!("UPDATE journal SET {column} = {column} || ' ' WHERE seq = 6");
        assert_eq!(change(&sql), (6, changed.to_owned()), "{column}");
    }
    assert_eq!(change("UPDATE journal SET token = NULL WHERE seq = 2"), (2, changed.to_owned()));
    assert_eq!(change("DELETE FROM journal WHERE seq = 3"), (3, "the row is missing".to_owned()));
    assert_eq!(change("DELETE FROM journal WHERE seq = 1"), (1, "the row is missing".to_owned()));
}

#[test]
fn a_row_that_fits_the_chain_and_not_the_story_is_refused() {
    let (_folder, _path, mut journal) = new_journal();
    journal.append(&up_to_the_bank("t1", 1)).unwrap();
    journal.append(&[record(5, "t1", Event::CardSeen)]).unwrap();
    let error = journal.find(&token("t1")).unwrap_err();
    assert!(matches!(error, JournalError::Damaged { seq: 6, damage: Damage::Impossible(_), .. }), "{error}");
}

#[test]
fn what_is_no_journal_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    fs::write(&text, "not a database, and rather longer than SQLite's header of one hundred bytes, so that it is read")
        .unwrap();
    assert!(matches!(Journal::open(&text), Err(JournalError::NotAJournal { .. })));

    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(Journal::open(&other), Err(JournalError::NotAJournal { .. })));

    let newer = folder.path().join("newer.db");
    drop(Journal::open(&newer).unwrap());
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 2).unwrap();
    assert!(matches!(Journal::open(&newer), Err(JournalError::Version { version: 2, .. })));
}

#[test]
fn pages_that_were_overwritten_are_noticed() {
    let (_folder, path, mut journal) = new_journal();
    for number in 1..=20 {
        journal.append(&approved(&format!("t{number}"), number)).unwrap();
    }
    drop(journal);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xA5);
    fs::write(&path, &bytes).unwrap();
    let noticed = Journal::open(&path).and_then(|journal| journal.verify());
    assert!(noticed.is_err());
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing_half_written() {
    let (_folder, path, mut journal) = new_journal();
    journal.append(&approved("t1", 1)).unwrap();
    let pages: u32 = journal.query_one("PRAGMA page_count").unwrap();
    let limit = |journal: &Journal, pages: u32| {
        journal.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    };
    limit(&journal, pages);
    let mut written = 1;
    let error = loop {
        match journal.append(&approved(&format!("t{}", written + 1), written + 1)) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, JournalError::Full { .. }), "{error}");
    assert_eq!(crate::terminal::Fault::from(&error).name, "DiskFull");
    let lost = token(&format!("t{}", written + 1));
    assert_eq!(journal.find(&lost).unwrap(), None, "all or nothing");

    limit(&journal, pages + 100);
    journal.append(&approved(lost.as_str(), written + 1)).unwrap();
    drop(journal);
    assert_eq!(Journal::open(&path).unwrap().verify().unwrap(), u64::from(written + 1) * 7);
}

#[test]
fn a_journal_has_one_owner_and_another_writer_is_noticed() {
    let (_folder, path, mut journal) = new_journal();
    assert!(matches!(Journal::open(&path), Err(JournalError::InUse { .. })));

    journal.append(&approved("t1", 1)).unwrap();
    let foreign = "INSERT INTO journal SELECT 8, at, 't2', event, body, chain FROM journal WHERE seq = 1";
    Connection::open(&path).unwrap().execute_batch(foreign).unwrap();
    assert!(matches!(journal.append(&approved("t3", 3)), Err(JournalError::InUse { .. })));
    drop(journal);
    assert!(matches!(Journal::open(&path), Err(JournalError::Damaged { seq: 8, .. })));
}

#[test]
fn a_reader_verifies_while_the_daemon_writes_and_changes_nothing() {
    let (folder, path, mut journal) = new_journal();
    journal.append(&approved("t1", 1)).unwrap();
    let mut reader = Journal::read(&path).unwrap();
    assert_eq!(reader.verify().unwrap(), 7);
    journal.append(&approved("t2", 2)).unwrap();
    assert_eq!(reader.verify().unwrap(), 14);
    assert!(reader.append(&approved("t3", 3)).is_err());

    let nowhere = folder.path().join("nowhere.db");
    assert!(matches!(Journal::read(&nowhere), Err(JournalError::File { .. })));
    assert!(!nowhere.exists());
    fs::write(&nowhere, "").unwrap();
    assert!(matches!(Journal::read(&nowhere), Err(JournalError::NotAJournal { .. })));
}

#[test]
fn the_views_show_one_row_a_transaction() {
    let (_folder, path, mut journal) = new_journal();
    journal.append(&approved("t1", 1)).unwrap();
    journal.append(&reversing("t2", 2)).unwrap();
    drop(journal);
    let reader = Connection::open(&path).unwrap();
    let row = |name: &str| {
        let sql = "SELECT concat_ws('|', created, type, amount, currency, result, approved_amount, scheme, pan,
                       response_code, authorisation_code, stan, rrn, reversal_reason, completed)
                   FROM transactions WHERE token = ?1";
        reader.query_one(sql, [name], |row| row.get::<_, String>(0)).unwrap()
    };
    assert_eq!(
        row("t1"),
        "2026-11-24T05:36:00.000Z|purchase|1250|EUR|approved|1250|visa|476173******0119|00|A1B2C3|1|632805000001|\
         2026-11-24T05:36:04.000Z"
    );
    assert_eq!(
        row("t2"),
        "2026-11-24T05:36:00.000Z|purchase|1250|EUR|in progress|visa|476173******0119|2|632805000002|no_answer"
    );
    let outstanding: String =
        reader.query_one("SELECT token || ' ' || reason FROM outstanding_reversals", [], |row| row.get(0)).unwrap();
    assert_eq!(outstanding, "t2 no_answer");
}

#[test]
fn a_long_journal_is_verified_at_its_end_when_opened_and_whole_on_demand() {
    let (_folder, path, mut journal) = new_journal();
    let records: Vec<Record> = (1..=1_000).flat_map(|number| approved(&format!("t{number}"), number)).collect();
    journal.append(&records).unwrap();
    drop(journal);
    tamper(&path, "UPDATE journal SET body = body || ' ' WHERE seq = 10");
    let journal = Journal::open(&path).unwrap();
    assert!(matches!(journal.verify(), Err(JournalError::Damaged { seq: 10, damage: Damage::Chain, .. })));
    drop(journal);
    tamper_again(&path, "UPDATE journal SET body = body || ' ' WHERE seq = 6999");
    assert!(matches!(Journal::open(&path), Err(JournalError::Damaged { seq: 6999, damage: Damage::Chain, .. })));
}

/// As [`tamper`], where the triggers are gone already.
fn tamper_again(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}
