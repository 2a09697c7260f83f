//! Entry Point against recorded cases of its type approval.
//!
//! Each case drives [`EntryPoint`] with the card and the test kernel that its recording was made
//! with, and compares the values in the test kernel's commands, the events that the case asserts, and
//! the applications in the order of their selection.

mod card;
mod events;
mod reader;
mod settings;
mod test_kernel;
#[path = "../vectors/mod.rs"]
mod vectors;

use serde_json::Value;

use reader::Reader;
use vectors::{Tally, cases, file};

/// Tests whose recorded expectation, that of Books A and B 2.5, version 2.10 contradicts; with the
/// section that does.
const CONTRADICTED: [(&str, &str); 2] = [
    ("2ED.012.00", "Book B, 3.3.2.5 C: a Kernel Identifier of zero stands for the scheme's own kernel, not for any"),
    ("2ED.020.00", "Book B, 3.3.3.6: a Visa application without TTQ is taken from the list; kernel 1 does not run it"),
];

#[test]
fn recorded_cases_of_the_type_approval_pass() {
    let mut tally = Tally::new("entry_point");
    if let Some(settings) = file("entry_point/terminal_settings.json")
        && let Some(cards) = file("entry_point/lower_tester_cards.json")
    {
        for (_, case) in cases("entry_point/cases") {
            tally.record(text(&case["id"]), run(&case, &settings["terminals"], &cards["cards"]));
        }
    }
    tally.report();
    let unexpected: Vec<_> = tally.failed().filter(|id| contradicting_section(id).is_none()).collect();
    assert!(unexpected.is_empty(), "failed, though the books agree with them: {unexpected:?}");
}

/// The section that contradicts a case: those of a test are numbered behind its own number.
fn contradicting_section(id: &str) -> Option<&'static str> {
    let is_of = |test: &str| id.strip_prefix(test).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    CONTRADICTED.iter().find(|(test, _)| is_of(test)).map(|(_, section)| *section)
}

/// Runs the transactions of a case and grades what happened.
fn run(case: &Value, terminals: &Value, cards: &Value) -> Result<(), String> {
    let terminal = settings::Terminal::of(&terminals[text(&case["terminal_settings"])]);
    let card = card::Card::of(case, &cards[text(&case["lower_tester"])]);
    let mut reader = Reader::new(terminal, card, &case["card_polls"]);
    let start = &case["start"];
    match case.get("transactions").and_then(Value::as_array) {
        Some(transactions) => transactions.iter().try_for_each(|transaction| reader.run(start, transaction))?,
        None => reader.run(start, start)?,
    }
    grade(&case["expect"], &reader)
}

fn grade(expect: &Value, reader: &Reader) -> Result<(), String> {
    let selected: Vec<_> = list(&expect["select_order"]).iter().map(text).collect();
    if reader.selected != selected {
        return Err(format!("selected {:?} instead of {selected:?}", reader.selected));
    }
    list(&expect["gpo_checks"]).iter().try_for_each(|check| reader.kernel.check(check))?;
    events::check(list(&expect["events"]), &reader.events)
}

/// A string of a case.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no string"))
}

/// A list of a case.
fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

/// Bytes in hexadecimal, as the cases write them.
fn in_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
