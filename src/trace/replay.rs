//! Running what was recorded against today's kernels.

use std::sync::Arc;

use emv::Instant;
use emv::kernel::{Transaction, UnpredictableNumbers};
use emv::profile::Profile;

use super::card_script::CardScript;
use super::entry::{CardEvent, Entry, Operator, Timer, What};
use super::file::Trace;
use super::masking::Masking;
use super::session::{Session, Wanted};
use super::settings::SettingsError;
use super::told::Outcome;
use crate::terminal::Hex;

/// What a run gave.
pub struct Run {
    /// Everything that went into the tap and came out of it, in order.
    pub entries: Vec<Entry>,
    /// The first thing that is not as it was recorded.
    pub difference: Option<Difference>,
    /// The commands that the card script has no answer for.
    pub unmatched: Vec<Hex>,
}

/// Where a run first left the recording.
#[derive(Clone, PartialEq, Eq)]
pub struct Difference {
    /// The line of the trace, counted from 1.
    pub line: usize,
    /// What was recorded there; nothing where the recording ends.
    pub recorded: Option<What>,
    /// What the kernels wanted; nothing where they wait for an input that was not recorded.
    pub replayed: Option<What>,
}

impl Run {
    /// The outcome, if the run came to one.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.entries.iter().rev().find_map(|entry| match &entry.what {
            What::Outcome(outcome) | What::OnlineRequest(outcome) => Some(outcome),
            _ => None,
        })
    }
}

/// Runs a trace: hands in what was recorded, when it was recorded, and compares all that is wanted. It ends at the
/// first difference.
///
/// # Errors
/// [`SettingsError`] where the trace's settings or inputs can't be.
pub fn replay(trace: &Trace) -> Result<Run, SettingsError> {
    let (transaction, numbers) = trace.header.transaction.to_transaction()?;
    let mut session = Session::new(trace.settings.to_profile()?, transaction, numbers);
    let mut masking = trace.header.masked.then(Masking::new);
    let mut compared = 0;
    let mut difference = None;
    loop {
        let wanted = session.advance();
        while difference.is_none() && compared < session.entries().len() {
            let entry = &session.entries()[compared];
            let replayed = masking.as_mut().map_or_else(|| entry.what.clone(), |masking| masking.entry(entry).what);
            let recorded = trace.entries.get(compared).map(|entry| &entry.what);
            if recorded != Some(&replayed) {
                difference = Some(Difference {
                    line: trace.first_entry_line + compared,
                    recorded: recorded.cloned(),
                    replayed: Some(replayed),
                });
            }
            compared += 1;
        }
        if difference.is_some() {
            break;
        }
        match trace.entries.get(compared) {
            None => break,
            Some(entry) if entry.what.is_input() && wanted != Wanted::Nothing => {
                session.hand_in(entry.what.clone(), Instant::from_micros(entry.t_us));
            }
            Some(entry) => {
                let line = trace.first_entry_line + compared;
                difference = Some(Difference { line, recorded: Some(entry.what.clone()), replayed: None });
                break;
            }
        }
    }
    Ok(Run { entries: session.into_entries(), difference, unmatched: Vec::new() })
}

/// How often a card that is asked for again is presented, before the tap is stopped.
const PRESENTATIONS: usize = 3;

/// Runs a tap with a card that answers by command. Time passes only where the tap waits for a moment; the issuer is
/// not asked.
pub fn run_script(
    profile: Arc<Profile>,
    transaction: Transaction,
    numbers: UnpredictableNumbers,
    script: &CardScript,
) -> Run {
    let mut session = Session::new(profile, transaction, numbers);
    let mut card = script.card();
    let mut now = Instant::default();
    let mut presented = 0;
    loop {
        let input = match session.advance() {
            Wanted::Nothing | Wanted::OnlineResponse => break,
            Wanted::Card if presented == PRESENTATIONS => What::Operator(Operator::Cancel),
            Wanted::Card => {
                presented += 1;
                What::Card(CardEvent::Present)
            }
            Wanted::Removal => What::Card(CardEvent::Removed),
            Wanted::Timer(moment) => {
                now = moment;
                What::Timer(Timer::Expired)
            }
            Wanted::Response(command) => match card.answer(&command) {
                Some(response) => What::Response(Hex(response)),
                None => What::Card(CardEvent::Lost),
            },
        };
        session.hand_in(input, now);
    }
    Run { entries: session.into_entries(), difference: None, unmatched: card.unmatched() }
}
