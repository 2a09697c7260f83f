//! Sales over D-Bus while the acquirer is slow, silent, wrong or gone, and while the daemon is killed: whatever
//! happens, what callers are told is where the money is.

#[path = "support/register.rs"]
mod register;
#[path = "support/terminal.rs"]
mod terminal;

use std::time::Duration;

use register::{Register, start};
use tender_sim::acquirer::{Cryptogram, Rules};
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

/// What a register shows of a transaction that is done: the customer, the cashier, the error and what to do.
fn shown(register: &Register, token: &str) -> [String; 4] {
    let done = register.done(token);
    [done.text("CustomerMessage"), done.text("CashierMessage"), done.error(), done.text("Retry")]
}

/// The particulars of the events of this name in a transaction's life, once there is one.
fn journalled(terminal: &Terminal, token: &str, event: &str) -> Vec<String> {
    let journal = rusqlite::Connection::open(terminal.file("journal.db")).expect("the journal is there");
    let sql = "SELECT body FROM journal WHERE token = ?1 AND event = ?2 ORDER BY seq";
    let mut statement = journal.prepare(sql).expect("the journal has this table");
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let rows = statement.query_map([token, event], |row| row.get(0)).expect("the journal can be read");
        let bodies: Vec<String> = rows.collect::<Result<_, _>>().expect("the journal can be read");
        if !bodies.is_empty() || deadline < std::time::Instant::now() {
            return bodies;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
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
    for (token, reason) in [
        ("to-another", "an answer came whose field 11 is not this request's"),
        ("late", "no answer: the response time-out passed"),
        ("dropped", "no answer: the connection was lost"),
        ("malformed", "malformed answer: "),
    ] {
        let failures = journalled(&terminal, token, "online_failed");
        assert!(failures.len() == 1 && failures[0].contains(reason), "{token}: {failures:?}");
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
    assert_eq!(journalled(&terminal, "late", "late_answer").len(), 1, "and yet it is written down");
    assert_eq!(result_of(&register, "after", 700), pair("approved", ""));
    assert_eq!(terminal.acquirer.ledger().total(), 700);
    register.reconcile(&terminal.acquirer.ledger());
}

#[test]
fn declines_say_why_and_an_approval_of_a_part_is_taken_where_it_is_welcome() {
    let (terminal, register) = terminal_with("mastercard-online", Rules::default(), &[]);
    for (token, minor, code) in [("do-not-honour", 1205, "05"), ("funds", 1251, "51"), ("expired", 1254, "54")] {
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
fn customer_and_cashier_are_told_what_the_response_code_asks_of_them() {
    let code = |code: &str, minor: u32| format!("[[rule]]\nwhen.amount = {minor}\nthen.response = '{code}'\n");
    let codes = [("01", 3001), ("08", 3008), ("43", 3043), ("65", 3065), ("1A", 3070), ("91", 3091)];
    let text: String = codes.iter().map(|(number, minor)| code(number, *minor)).collect();
    let (terminal, register) = terminal_with("visa-online", rules(&text), &[]);
    for (token, minor) in codes {
        register.sell(token, minor.into(), None).unwrap();
        register.done(token);
    }
    let calls = "declined; the issuer asks to be called before the card is tried again";
    assert_eq!(shown(&register, "01"), ["Please contact your bank", calls, "CallIssuer", "after_operator"]);
    let checks = "Approved: 30.08 EUR; check the customer's identity";
    assert_eq!(shown(&register, "08"), ["Approved, please show identification", checks, "", ""]);
    let keeps = "declined; the issuer asks you to keep the card, if that is safe";
    assert_eq!(shown(&register, "43"), ["Not authorised", keeps, "KeepCard", "new_token"]);
    let inserts = "the issuer wants the card inserted; insert it, or ask for another card";
    for token in ["65", "1A"] {
        assert_eq!(shown(&register, token), ["Please insert card", inserts, "InsertCard", "new_token"]);
    }
    let waits = "the issuer can't be reached; try again later, or ask for another card";
    assert_eq!(shown(&register, "91"), ["Please try again later", waits, "IssuerUnavailable", "new_token"]);
    register.reconcile(&terminal.acquirer.ledger());
}

#[test]
fn an_approval_in_another_currency_is_none_of_ours() {
    let (terminal, register) = terminal_with("visa-online", rules("[[rule]]\nthen.fields = { 49 = '840' }"), &[]);
    assert_eq!(result_of(&register, "dollars", 1250), pair("reversed", "Reversed"));
    assert_eq!((terminal.acquirer.ledger().entries.len(), terminal.acquirer.ledger().total()), (1, 0));
    let failures = journalled(&terminal, "dollars", "online_failed");
    assert!(failures[0].contains("field 49"), "{failures:?}");
}

#[test]
fn an_acquirer_that_assigns_its_own_references_is_understood_and_reversed_by_them() {
    let assigns = "
        [[rule]]
        when.cents = 10
        then.response = '10'
        then.fields = { 37 = 'HOST00000010' }
        [[rule]]
        then.fields = { 37 = 'HOST00000042' }
    ";
    let own = ("dialect = \"bcd\"", "dialect = { preset = \"bcd\", echo = [] }");
    let (terminal, register) = terminal_with("visa-online", rules(assigns), &[own]);
    assert_eq!(result_of(&register, "sale", 1250), pair("approved", ""));
    assert_eq!(register.find("sale").unwrap().text("RetrievalReferenceNumber"), "HOST00000042");
    assert!(
        register
            .receipt("sale", vec![("copy", "merchant".into()), ("format", "text".into())])
            .unwrap()
            .contains("HOST00000042")
    );
    // A part is not wanted: the reversal goes by the acquirer's reference.
    assert_eq!(result_of(&register, "part", 1210), pair("reversed", "Reversed"));
    assert_eq!(terminal.acquirer.ledger().total(), 1250);
    // Where references must come back, another one is another's.
    let (terminal, register) = terminal_with("visa-online", rules(assigns), &[]);
    assert_eq!(result_of(&register, "sale", 1250), pair("reversed", "Reversed"));
    assert_eq!(terminal.acquirer.ledger().total(), 0);
}

#[test]
fn a_reversal_that_the_host_refuses_is_shown_and_sent_until_it_is_taken() {
    let refuses = "
        [[rule]]
        then.delivery = 'none'
        times = 1
        [[rule]]
        when.mti = ['0400', '0401']
        then.response = '30'
        times = 2
    ";
    let (terminal, register) = terminal_with("visa-online", rules(refuses), &[]);
    register.sell("refused", 1250, None).unwrap();
    let refused = register.when("refused", |sale| !sale.error().is_empty());
    assert_eq!((refused.state().as_str(), refused.error().as_str()), ("reversing", "ReversalRefused"));
    assert!(refused.text("CashierMessage").contains("call the acquirer"), "{refused:?}");
    assert_eq!(terminal.acquirer.ledger().total(), 1250);
    assert_eq!(register.done("refused").result(), "reversed");
    assert_eq!((terminal.acquirer.ledger().reversals, terminal.acquirer.ledger().total()), (3, 0));
    assert_eq!(journalled(&terminal, "refused", "reversal_failed").len(), 1);
    register.reconcile(&terminal.acquirer.ledger());
}

#[test]
fn without_a_host_a_sale_is_declined_unless_the_card_approves_it_and_the_host_is_found_when_it_comes() {
    let (mut terminal, register) = terminal_with("visa-offline-fdda", Rules::default(), &[]);
    let address = terminal.acquirer.address();
    terminal.acquirer = acquirer(ANYWHERE, Rules::default());
    assert_eq!(result_of(&register, "small", 1250), pair("approved", ""));
    assert_eq!(result_of(&register, "large", 3000), pair("declined", "UnableToGoOnline"));
    assert_eq!(register.count("OutstandingAdvices"), 1);
    terminal.acquirer = acquirer(address, Rules::default());
    assert_eq!(result_of(&register, "large-again", 3000), pair("approved", ""));
    // The small one follows by its advice.
    assert_eq!(terminal.acquirer.ledger_when(PATIENCE, |ledger| ledger.total() == 4250).total(), 4250);
}

#[test]
fn what_the_card_approved_is_advised_until_the_acquirer_has_it_through_any_number_of_restarts() {
    // The first is never answered, nor is the first repeat; the next is refused, and only then one is taken.
    let deaf = "
        [[rule]]
        when.mti = ['0220', '0221']
        then.delivery = 'none'
        times = 2
        [[rule]]
        when.mti = ['0220', '0221']
        then.response = '30'
        times = 1
    ";
    let (mut terminal, register) = terminal_with("visa-offline-fdda", rules(deaf), &[]);
    assert_eq!(result_of(&register, "sale", 1250), pair("approved", ""));
    assert_eq!(register.cancel("sale").unwrap_err().name, "AlreadyDone");
    terminal.acquirer.ledger_when(PATIENCE, |ledger| !ledger.entries.is_empty());
    terminal.kill();
    terminal.resume();
    // The same token asks for the same sale: it is not made a second time.
    register.sell("sale", 1250, None).unwrap();
    assert_eq!(journalled(&terminal, "sale", "advice_answered").len(), 1);
    let ledger = terminal.acquirer.ledger();
    assert_eq!((ledger.entries.len(), ledger.total()), (1, 1250), "however often it was advised");
    assert_eq!((&*ledger.entries[0].mti, ledger.entries[0].cryptogram), ("0220", Cryptogram::Verified));
    let failures = journalled(&terminal, "sale", "advice_failed").join(" ");
    assert!(failures.contains("Format error"), "{failures}");
    assert_eq!(register.count("OutstandingAdvices"), 0);
    register.reconcile(&ledger);
}

#[test]
fn a_sale_cancelled_while_the_bank_is_asked_is_taken_back_once_the_bank_has_answered() {
    let slow = "
        [[rule]]
        when.amount = 1205
        then.response = '05'
        then.delay_ms = 500
        [[rule]]
        then.delay_ms = 500
    ";
    let (terminal, register) = terminal_with("visa-online", rules(slow), &[PATIENT]);
    for (token, minor, result) in [("declined", 1205, "declined"), ("approved", 1250, "reversed")] {
        let before = terminal.acquirer.ledger().entries.len();
        register.sell(token, minor, None).unwrap();
        terminal.acquirer.ledger_when(PATIENCE, |ledger| ledger.entries.len() > before);
        register.cancel(token).unwrap();
        assert_eq!(register.find(token).unwrap().state(), "authorising");
        assert_eq!(terminal.acquirer.ledger().reversals, 0, "no reversal overtakes the request");
        assert_eq!(register.done(token).result(), result);
    }
    assert_eq!(terminal.acquirer.ledger().reversals, 1);
    register.reconcile(&terminal.acquirer.ledger());
}

#[test]
fn a_sale_cancelled_while_a_silent_bank_is_asked_is_taken_back_when_its_time_is_over() {
    let (terminal, register) = terminal_with("visa-online", rules("[[rule]]\nthen.delivery = 'none'"), &[]);
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
