//! What is fuzzed: each target takes any bytes, and panics where something holds that must not.
//!
//! `fuzz/targets` gives them to libFuzzer; `tests/fuzz_seeds.rs` runs the seeds in `fuzz/seeds`, and bytes near
//! them, in every test run.

mod card;
mod certificates;
mod choices;
mod dol;
mod host_answer;
mod key_list;
mod profile;
mod promises;
mod spoilt;
mod terminal;
mod tlv;
mod transaction;

/// What takes any bytes, by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All that there are.
pub const TARGETS: [Target; 8] = [
    ("card", card::run),
    ("certificates", certificates::run),
    ("dol", dol::run),
    ("host_answer", host_answer::run),
    ("key_list", key_list::run),
    ("profile", profile::run),
    ("tlv", tlv::run),
    ("transaction", transaction::run),
];

/// Runs the target of this name.
///
/// # Panics
/// Where there is no such target, and where the target finds something.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, run) = TARGETS.iter().find(|(target, _)| *target == name).expect("a target of this name");
    run(bytes);
}
