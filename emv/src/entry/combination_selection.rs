//! Combination Selection, steps 1 and 2: the directory of the card, and the Candidate List
//! (EMV Contactless Book B, 3.3.2).

use alloc::vec::Vec;
use core::cmp::Reverse;

use arrayvec::ArrayVec;

use super::ppse::{self, DirectoryEntry};
use super::requested_kernel::RequestedKernel;
use super::{Context, Input, Output, State, final_selection, protocol_activation};
use crate::apdu::{Command, Response};
use crate::profile::{Aid, Combination};

/// The name of an application as it is selected: at most sixteen bytes
/// (EMV Contactless Book B, Table A-1, Extended Selection).
pub(super) type DfName = ArrayVec<u8, 16>;

/// A combination that card and reader both support.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Which of the reader's combinations.
    pub(super) combination: usize,
    /// The ADF name of the card's application, with its Extended Selection where the reader supports
    /// that.
    pub(super) df_name: DfName,
}

/// The Candidate List, in the order in which its combinations are to be selected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Candidates {
    /// The next one is the last.
    reversed: Vec<Candidate>,
}

impl Candidates {
    /// Finds the combinations that the directory in this FCI and the reader have in common (3.3.2.5).
    fn find(fci: &[u8], context: &Context) -> Self {
        let entries = ppse::directory_entries(fci).enumerate();
        let mut found = Vec::new();
        for (index, combination) in context.allowed_combinations() {
            for (position, entry) in entries.clone() {
                if let Some(df_name) = match_entry(combination, &entry) {
                    // 3.3.3.2: by priority, then by the place in the directory. Where one entry
                    // matches several combinations of the reader, the reader's order decides.
                    let order = (entry.priority.rank(), position, index);
                    found.push((order, Candidate { combination: index, df_name }));
                }
            }
        }
        found.sort_unstable_by_key(|(order, _)| Reverse(*order));
        Candidates { reversed: found.into_iter().map(|(_, candidate)| candidate).collect() }
    }

    /// The combination to select (3.3.3.1, 3.3.3.2).
    pub(super) fn selected(&self) -> Option<&Candidate> {
        self.reversed.last()
    }

    /// Takes the selected combination from the list.
    pub(super) fn remove_selected(&mut self) {
        self.reversed.pop();
    }
}

/// The name to select, where an entry and a combination match (3.3.2.5, A to E).
fn match_entry(combination: &Combination, entry: &DirectoryEntry<'_>) -> Option<DfName> {
    // A: an ADF name is coded as an AID.
    let adf_name = Aid::try_from(entry.adf_name?).ok()?;
    // B
    if !adf_name.as_bytes().starts_with(combination.aid.as_bytes()) {
        return None;
    }
    // C, D
    let requested = RequestedKernel::determine(entry.kernel_identifier, &combination.aid)?;
    if !requested.is_supported_by(&combination.kernel_id) {
        return None;
    }
    // E, and 3.3.3.3. An extension that makes the name longer than a name may be is not one.
    let mut df_name: DfName = adf_name.as_bytes().iter().copied().collect();
    if combination.limits.extended_selection_supported {
        let _ = df_name.try_extend_from_slice(entry.extended_selection);
    }
    Some(df_name)
}

/// Step 1: asks the card for its directory (3.3.2.2).
pub(super) fn start(context: &mut Context) -> State {
    context.push(Output::Transmit(Command::select(ppse::NAME)));
    State::ExpectPpse(ExpectPpse)
}

/// Waits for the card's directory.
#[derive(Debug)]
pub(super) struct ExpectPpse;

impl ExpectPpse {
    pub(super) fn handle(self, input: Input<'_>, context: &mut Context) -> State {
        match input {
            Input::Response(bytes) => {
                // 3.3.2.3, 3.3.2.4
                let candidates = match Response::parse(bytes) {
                    Ok(response) if response.status.is_success() => Candidates::find(response.data, context),
                    _ => Candidates::default(),
                };
                final_selection::start(candidates, context)
            }
            // 3.3.3.7
            Input::CardLost => protocol_activation::start(None, context),
            _ => State::ExpectPpse(self),
        }
    }
}
