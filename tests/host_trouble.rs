//! Sales over D-Bus while the acquirer is slow, silent, wrong or gone, and while the daemon is killed: whatever
//! happens, what callers are told is where the money is.

#[path = "support/register.rs"]
mod register;
#[path = "support/terminal.rs"]
mod terminal;

use std::time::Duration;

use register::{Register, start};
use tender_sim::acquirer::Rules;
use terminal::{ANYWHERE, Change, PATIENT, Readers, Terminal, acquirer, rules};
use zbus::Variant;

const PATIENCE: Duration = Duration::from_secs(20);

/// A terminal with a card of this personality on it, and its register.
fn terminal_with(personality: &str, rules: Rules, changes: &[Change<'_>]) -> (Terminal, Register) {
    start(Readers::Simulated(&[personality]), rules, changes)
}

fn result_of(register: &Register, token: &str, minor: u64) -> (String, String) {
    register.sell(token, minor, None).unwrap();
    let done = register.done(token);
    (done.result(), done.error())
}

fn pair(result: &str, error: &str) -> (String, String) {
    (result.to_owned(), error.to_owned())
}

#[test]
fn an_approval_whose_answer_is_lost_is_taken_back_and_told_so() {
    let (terminal, register) = terminal_with("visa-online", Rules::default(), &[]);
    let troubles = [("to-another", 1295), ("none", 1296), ("late", 1297), ("dropped", 1298), ("malformed", 1299)];
    for (token, minor) in troubles {
        assert_eq!(result_of(&register, token, minor), pair("reversed", "Reversed"), "{token}");
        let ledger = terminal.acquirer.ledger();
        let entry = ledger.entries.last().expect("the acquirer was asked");
        assert_eq!((entry.approved, entry.is_reversed), (minor, true), "{token}");
    }
    assert_eq!(result_of(&register, "after", 1250), pair("approved", ""));
    assert_eq!(terminal.acquirer.ledger().total(), 1250);
    register.reconcile(&terminal.acquirer.ledger());
}

#[test]
fn an_answer_that_comes_after_its_reversal_changes_nothing() {
    let (terminal, register) =
        terminal_with("visa-online", rules("[[rule]]\nwhen.amount = 1250\nthen.delay_ms = 1000"), &[]);
    assert_eq!(result_of(&register, "late", 1250), pair("reversed", "Reversed"));
    // This one waits until well after the late answer of the first.
    assert_eq!(result_of(&register, "later", 1250), pair("reversed", "Reversed"));
    assert_eq!(register.find("late").unwrap().result(), "reversed");
    assert_eq!(result_of(&register, "after", 700), pair("approved", ""));
    assert_eq!(terminal.acquirer.ledger().total(), 700);
    register.reconcile(&terminal.acquirer.ledger());
}

#[test]
fn declines_say_why_and_an_approval_of_a_part_is_taken_where_it_is_welcome() {
    let (terminal, register) = terminal_with("mastercard-online", Rules::default(), &[]);
    for (token, minor, code) in [("do-not-honour", 1205, "05"), ("funds", 1251, "51"), ("inoperative", 1291, "91")] {
        assert_eq!(result_of(&register, token, minor), pair("declined", "DeclinedOnline"), "{token}");
        assert_eq!(register.find(token).unwrap().text("ResponseCode"), code);
    }
    assert_eq!(result_of(&register, "all-or-nothing", 1210), pair("reversed", "Reversed"));
    let options = vec![("amount", Variant::from(1210u32)), ("currency", "EUR".into()), ("accept_partial", true.into())];
    register.create("a-part", options).unwrap();
    let part = register.done("a-part");
    assert_eq!((part.result().as_str(), part.number("AmountApproved")), ("approved", 605));
    register.reconcile(&terminal.acquirer.ledger());
}

#[test]
fn without_a_host_a_sale_is_declined_unless_the_card_approves_it_and_the_host_is_found_when_it_comes() {
    let (mut terminal, register) = terminal_with("visa-offline-fdda", Rules::default(), &[]);
    let address = terminal.acquirer.address();
    terminal.acquirer = acquirer(ANYWHERE, Rules::default());
    assert_eq!(result_of(&register, "small", 1250), pair("approved", ""));
    assert_eq!(result_of(&register, "large", 3000), pair("declined", "UnableToGoOnline"));
    terminal.acquirer = acquirer(address, Rules::default());
    assert_eq!(result_of(&register, "large-again", 3000), pair("approved", ""));
    assert_eq!(terminal.acquirer.ledger().total(), 3000);
}

#[test]
fn a_sale_cancelled_while_the_bank_is_asked_is_taken_back() {
    let (terminal, register) = terminal_with("visa-online", rules("[[rule]]\nthen.delivery = 'none'"), &[PATIENT]);
    register.sell("regretted", 1250, None).unwrap();
    terminal.acquirer.ledger_when(PATIENCE, |ledger| !ledger.entries.is_empty());
    register.cancel("regretted").unwrap();
    assert_eq!(register.done("regretted").result(), "reversed");
    assert_eq!(register.cancel("regretted").unwrap_err().name, "AlreadyDone");
    register.reconcile(&terminal.acquirer.ledger());
}

#[test]
fn a_daemon_killed_before_the_answer_takes_the_request_back_when_it_is_started_again() {
    let (mut terminal, register) =
        terminal_with("visa-online", rules("[[rule]]\nthen.delivery = 'none'\ntimes = 1"), &[PATIENT]);
    register.sell("cut", 1250, None).unwrap();
    terminal.acquirer.ledger_when(PATIENCE, |ledger| !ledger.entries.is_empty());
    terminal.kill();
    assert_eq!(terminal.acquirer.ledger().total(), 1250);
    terminal.resume();
    assert_eq!(register.done("cut").result(), "reversed");
    assert_eq!(terminal.acquirer.ledger().total(), 0);
    // The same token asks for the same sale: it is not made a second time.
    register.sell("cut", 1250, None).unwrap();
    assert_eq!(register.find("cut").unwrap().result(), "reversed");
    assert_eq!(result_of(&register, "after", 700), pair("approved", ""));
    register.reconcile(&terminal.acquirer.ledger());
}

#[test]
fn a_daemon_told_to_end_while_the_bank_is_asked_takes_the_request_back_later() {
    let (mut terminal, register) =
        terminal_with("visa-online", rules("[[rule]]\nthen.delivery = 'none'\ntimes = 1"), &[PATIENT]);
    register.sell("cut", 1250, None).unwrap();
    terminal.acquirer.ledger_when(PATIENCE, |ledger| !ledger.entries.is_empty());
    assert!(terminal.stop().success());
    terminal.resume();
    assert_eq!(register.done("cut").result(), "reversed");
    register.reconcile(&terminal.acquirer.ledger());
}

#[test]
fn a_reversal_is_sent_until_it_is_answered_through_any_number_of_restarts() {
    // The first is never answered, its repeats from the third on.
    let silence = "
        [[rule]]
        then.delivery = 'none'
        times = 1
        [[rule]]
        when.mti = ['0400']
        then.delivery = 'none'
        [[rule]]
        when.mti = ['0401']
        then.delivery = 'none'
        times = 2
    ";
    let (mut terminal, register) = terminal_with("visa-online", rules(silence), &[]);
    register.sell("stubborn", 1250, None).unwrap();
    for sent in 1..=3 {
        let ledger = terminal.acquirer.ledger_when(PATIENCE, |ledger| ledger.reversals >= sent);
        assert!(ledger.reversals >= sent, "reversal {sent} is sent");
        assert_eq!(register.find("stubborn").unwrap().state(), "reversing");
        terminal.kill();
        terminal.resume();
    }
    assert_eq!(register.done("stubborn").result(), "reversed");
    let ledger = terminal.acquirer.ledger();
    assert_eq!((ledger.entries.len(), ledger.total()), (1, 0));
    register.reconcile(&ledger);
}

#[test]
fn a_daemon_killed_while_it_waits_for_a_card_ends_the_sale_when_it_is_started_again() {
    let (mut terminal, register) = start(Readers::Simulated(&[]), Rules::default(), &[]);
    register.sell("waiting", 1250, None).unwrap();
    terminal.kill();
    terminal.resume();
    let waiting = register.done("waiting");
    assert_eq!((waiting.result().as_str(), waiting.error().as_str()), ("aborted", "Restarted"));
    assert!(terminal.acquirer.ledger().entries.is_empty());
}
