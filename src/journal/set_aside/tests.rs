use rusqlite::Connection;

use super::super::tests::{approved, new_journal, record, reversing, tamper, token, up_to_the_bank};
use super::*;
use crate::terminal::testing::{acceptor, at, purchase, tap};
use crate::terminal::{OnlineRequest, Reason, Rrn, TapOutcome};

fn offline(name: &str, stan: u32) -> Vec<Record> {
    let stan = Stan::try_from(stan).unwrap();
    let advice = OnlineRequest { stan, rrn: Rrn::new(at(3), stan), at: at(3), acceptor: acceptor() };
    let events = [
        Event::Created(purchase(name)),
        Event::Armed { reader: "counter".to_owned() },
        Event::CardSeen,
        Event::CardRead(Box::new(tap(name, TapOutcome::Approved))),
        Event::AdviceRequested(advice),
        Event::completed(Reason::ApprovedOffline),
    ];
    events.map(|event| record(3, name, event)).to_vec()
}

/// A journal with a sale that is done, one whose reversal is under way, one that was approved offline, one that waits
/// for the acquirer, and again one that is done: rows 1 to 7, 8 to 13, 14 to 19, 20 to 24 and 25 to 31.
fn busy_journal() -> (tempfile::TempDir, PathBuf) {
    let (folder, path, mut journal) = new_journal();
    let sales = [approved("done", 1), reversing("reversing", 2), offline("offline", 4), up_to_the_bank("asking", 5)];
    for records in sales.into_iter().chain([approved("later", 6)]) {
        journal.append(&records).unwrap();
    }
    (folder, path)
}

fn tokens<'a>(transactions: impl IntoIterator<Item = &'a Transaction>) -> Vec<&'a str> {
    transactions.into_iter().map(|transaction| transaction.token().as_str()).collect()
}

#[test]
fn what_is_certain_goes_on_in_the_new_journal_and_the_rest_is_named() {
    let (_folder, path) = busy_journal();
    tamper(&path, "UPDATE journal SET body = body || ' ' WHERE seq = 31");
    assert!(Journal::open(&path).is_err());
    let done = set_aside(&path, at(60)).unwrap();
    assert_eq!(tokens(&done.kept), ["done", "reversing", "offline"]);
    assert_eq!(tokens(done.outstanding()), ["reversing", "offline"]);
    let unsettled: Vec<_> = done.unsettled.iter().map(|left| left.token.as_str()).collect();
    assert_eq!(unsettled, ["asking", "later"]);
    assert_eq!(done.last_good, 30);

    let journal = Journal::open(&path).unwrap();
    assert_eq!(journal.verify().unwrap(), 1 + 7 + 6 + 6);
    let mut rows = Vec::new();
    assert!(journal.visit_entries(|entry| rows.push(entry)).is_none());
    let name = done.file.file_name().unwrap().to_str().unwrap();
    assert_eq!((rows[0].event.as_str(), rows[0].data()["file"].as_str()), ("journal_set_aside", Some(name)));
    let old: String = Connection::open(&done.file)
        .unwrap()
        .query_one("SELECT chain FROM journal WHERE seq = 30", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows[0].data()["last_good_chain"], old);
    assert_eq!(tokens(&journal.unfinished().unwrap()), ["reversing"]);
    assert_eq!(tokens(&journal.outstanding_advices().unwrap()), ["offline"]);
    assert_eq!(journal.find(&token("done")).unwrap(), Some(done.kept[0].clone()), "its token stays spent");
}

#[test]
fn no_stan_is_used_again_in_the_new_journal() {
    let (_folder, path) = busy_journal();
    tamper(&path, "DELETE FROM journal WHERE seq > 30 OR seq = 25");
    set_aside(&path, at(60)).unwrap();
    let mut journal = Journal::open(&path).unwrap();
    assert_eq!(journal.last_stan().unwrap().unwrap().number(), 1006);
    journal.append(&up_to_the_bank("new", 1007)).unwrap();
    assert_eq!(journal.last_stan().unwrap().unwrap().number(), 1007);
}

#[test]
fn a_journal_that_is_whole_or_in_use_stays_where_it_is() {
    let (_folder, path) = busy_journal();
    assert!(matches!(set_aside(&path, at(60)), Err(JournalError::Whole { .. })));
    let owner = Journal::open(&path).unwrap();
    assert!(matches!(set_aside(&path, at(60)), Err(JournalError::InUse { .. })));
    assert_eq!(owner.verify().unwrap(), 31);
}

#[test]
fn pages_that_were_overwritten_are_read_around() {
    let (_folder, path, mut journal) = new_journal();
    for number in 1..=60 {
        journal.append(&approved(&format!("t{number}"), number)).unwrap();
    }
    drop(journal);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xA5);
    fs::write(&path, &bytes).unwrap();
    let done = set_aside(&path, at(60)).unwrap();
    assert_eq!(fs::read(&done.file).unwrap(), bytes, "nothing of it has changed");
    assert!(done.kept.len() > 10 && done.kept.len() < 60, "{}", done.kept.len());
    Journal::open(&path).unwrap().verify().unwrap();
}

#[test]
fn a_file_of_which_nothing_can_be_read_is_kept_too() {
    let (_folder, path, journal) = new_journal();
    drop(journal);
    fs::write(&path, [0xA5; 8192]).unwrap();
    let done = set_aside(&path, at(60)).unwrap();
    assert_eq!((done.kept.len(), done.last_good), (0, 0));
    assert_eq!(fs::read(&done.file).unwrap(), [0xA5; 8192]);
    assert_eq!(Journal::open(&path).unwrap().verify().unwrap(), 1);
}

#[test]
fn what_a_power_cut_interrupts_is_finished_the_next_time_and_no_journal_begins_meanwhile() {
    let (_folder, path) = busy_journal();
    tamper(&path, "UPDATE journal SET body = body || ' ' WHERE seq = 31");
    let file = beside(&path, ".damaged-20261124T053700Z");
    let found = Findings::of(&path).unwrap();
    found.begin_journal(&staged(&path), &file, at(60)).unwrap();
    fs::rename(&path, &file).unwrap();
    // Here the power went.
    assert!(matches!(Journal::open(&path), Err(JournalError::BeingSetAside { .. })));
    assert!(!path.exists());
    let done = set_aside(&path, at(90)).unwrap();
    assert_eq!((done.file, done.kept.len()), (file, 3));
    assert_eq!(Journal::open(&path).unwrap().verify().unwrap(), 20);
}
