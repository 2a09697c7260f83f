//! Whole contactless transactions that another implementation ran, card replies with real
//! signatures, against the kernels.
//!
//! What is compared: that every command is one the recorded card answers, the outcome, its start and
//! CVM, what is shown, and that every object of the recorded data record and discretionary data is in
//! ours with the same value; that the signatures verify wherever the recording says so.
//!
//! Where the recorded implementation left the book, the harness follows it by configuration and not
//! by the kernel:
//!
//! - Its terminal action analysis asks for an ARQC on every terminal that can go online, whatever
//!   the action codes say (in Book C-2, TAA.12 it goes on to TAA.11). Where that is what the recorded
//!   card was asked for, Terminal Action Code – Online is set to every bit; a terminal that stays
//!   offline, or a recording of a TC, has its own.
//! - It takes CA keys whose expiry date has passed; the keys come without it here. Which keys a
//!   terminal holds is for its operator (EMV Book 2, 11.2).
//! - In mag-stripe mode its Unpredictable Number (Numeric) has eight digits, however few the card has
//!   room for (Book C-2, Annex A wants zeros before those). The recorded number is drawn again here; the
//!   recorded answer to COMPUTE CRYPTOGRAPHIC CHECKSUM is given to whatever has its last digits.
//! - A Mobile Support Indicator that its configuration has empty goes to the card as a zero (the
//!   kernel starts it at 01, as in Book C-2, S1.9). The same answer is given to ours.
//! - Its configuration files hold misprinted tags, which it passes over, and so does the harness.
//! - Its data record leaves out objects that the books list (Kernel 3's Cryptogram Information Data,
//!   Track 2 Data in mag-stripe mode), so ours may hold more.
//!
//! A recording may begin with an application that is already selected. What comes before is then made
//! up: a PPSE with that application alone, and as its answer to SELECT the FCI that the recording has
//! somewhere, or else one with the PDOL that it has. Where it has neither, the recorded answer to GET
//! PROCESSING OPTIONS is given whatever that holds. Where a recording does not begin with asking
//! for the card, that first message of ours is passed over.

mod comparison;
mod configuration;
mod reader;
#[path = "../vectors/mod.rs"]
mod vectors;

use std::sync::Arc;

use comparison::compare;
use configuration::profile;
use emv::kernel::{Database, MessageId, Outcome, Status};
use emv::oda::Fault;
use emv::tlv::Tag;
use reader::Reader;
use serde_json::Value;
use vectors::{Tally, cases};

#[test]
fn recorded_transactions_end_as_recorded() {
    let mut tally = Tally::new("transactions");
    for (name, case) in cases("transactions") {
        tally.record(&name, run(&case));
    }
    tally.finish();
}

/// Runs one recording and says what differs.
fn run(case: &Value) -> Result<(), String> {
    let profile = Arc::new(profile(case)?);
    let ran = Reader::new(case, &profile.combinations()[0].aid).transaction(&profile, case)?;
    compare(&ran, &case["expect"])
}

/// What a run gave.
pub(crate) struct Ran {
    pub(crate) outcome: Outcome,
    pub(crate) shown: Vec<(MessageId, Status)>,
    pub(crate) authentications: Vec<Result<(), Fault>>,
}

// Reading values.

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

pub(crate) fn object(objects: &Database, tag: Tag) -> &[u8] {
    objects.value(tag).unwrap_or_default()
}

/// The value in exactly this many bytes, cut or filled with zeros on the right.
pub(crate) fn array<const N: usize>(objects: &Database, tag: Tag) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.iter_mut().zip(object(objects, tag)).for_each(|(byte, value)| *byte = *value);
    bytes
}
