//! How a transaction ended: exit code, colour, and the lines that sum it up.

use std::process::ExitCode;

use super::object::Object;
use super::{Failure, Output, Style, bus_error};

/// Results, with the exit code of `tenderctl sale` and the word for a person.
const RESULTS: [(&str, u8, &str); 7] = [
    ("approved", 0, "Approved"),
    ("declined", 3, "Declined"),
    ("cancelled", 4, "Cancelled"),
    ("timed_out", 5, "Timed out"),
    ("other_interface", 6, "Use chip or stripe"),
    ("reversed", 7, "Reversed: not paid"),
    ("aborted", 8, "Aborted: not paid"),
];

/// What `tenderctl sale --help` says of them.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0 approved         4 cancelled          7 reversed: the bank's answer was lost, or came to nothing
  1 failed           5 no card came       8 aborted: a fault on this side
  2 wrong arguments  6 use chip or stripe   9 not known yet: the terminal can't write its journal
  3 declined                               69 tenderd is not running";

/// The exit code where the end is not known yet.
pub(super) const NOT_KNOWN_YET: u8 = 9;

/// The exit code of a transaction that is done.
pub(super) fn exit_code(transaction: &Object) -> ExitCode {
    let found = RESULTS.iter().find(|(name, ..)| *name == transaction.text("result"));
    ExitCode::from(found.map_or(Failure::FAILED, |(_, code, _)| *code))
}

/// The colour of its state.
pub(super) fn style(transaction: &Object) -> Style {
    match transaction.text("result") {
        "" => Style::Busy,
        "approved" => Style::Good,
        "cancelled" | "timed_out" | "other_interface" => Style::Dim,
        _ => Style::Bad,
    }
}

/// Prints how it ended.
pub(super) fn print(transaction: &Object, output: &Output) {
    let result = transaction.text("result");
    let word = RESULTS.iter().find(|(name, ..)| *name == result).map_or(result, |(.., word)| word);
    let amount = match result {
        "approved" => transaction.money("amount_approved"),
        _ => transaction.money("amount"),
    };
    let heading = output.styled(style(transaction), word);
    output.line(&format!("{heading}  {}", output.styled(Style::Bold, &amount)));
    let card = format!("{} {}", transaction.text("scheme"), transaction.text("masked_pan"));
    let stan = match transaction.number("stan") {
        0 => String::new(),
        stan => format!("{stan:06}"),
    };
    let advice = bus_error::retry_advice(transaction.text("retry")).unwrap_or_default();
    let lines = [
        ("reason", transaction.text("error_message")),
        ("advice", advice),
        ("card", card.trim()),
        ("cardholder", if result == "approved" { verification(transaction.text("cvm")) } else { "" }),
        ("authorisation", transaction.text("authorisation_code")),
        ("STAN", &stan),
        ("of", transaction.text("original")),
        ("token", transaction.text("token")),
    ];
    for (name, value) in lines.into_iter().filter(|(_, value)| !value.is_empty()) {
        output.line(&format!("  {}{value}", output.styled(Style::Dim, &format!("{name:<15}"))));
    }
}

fn verification(cvm: &str) -> &str {
    match cvm {
        "no_cvm" => "no verification needed",
        "signature" => "obtain a signature",
        "online_pin" => "PIN, checked by the bank",
        "on_device" => "verified on their device",
        other => other,
    }
}
