//! Combination Selection, steps 1 and 2: the directory of the card, and the Candidate List
//! (EMV Contactless Book B, 3.3.2).

use alloc::vec::Vec;
use core::cmp::Reverse;

use arrayvec::ArrayVec;

use super::ppse::{self, DirectoryEntry};
use super::requested_kernel::RequestedKernel;
use super::{Context, Input, Output, State, final_selection, poi_information, protocol_activation};
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
    /// Application Selection Registered Proprietary Data (`9F0A`) of its Directory Entry.
    pub(super) proprietary_data: Vec<u8>,
}

/// The Candidate List, in the order in which its combinations are to be selected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Candidates {
    /// The next one is the last.
    reversed: Vec<Candidate>,
}

impl Candidates {
    /// Finds the combinations that the directory in this FCI and the reader have in common (3.3.2.5).
    //= B 3.3.2.5
    pub(super) fn find(fci: &[u8], context: &Context) -> Self {
        let entries = ppse::directory_entries(fci).enumerate();
        let mut found = Vec::new();
        for (index, combination) in context.allowed_combinations() {
            for (position, entry) in entries.clone() {
                if let Some(df_name) = match_entry(combination, &entry) {
                    //= B 3.3.3.2
                    // By priority, then by the place in the directory. Where one entry matches several
                    // combinations of the reader, the reader's order decides.
                    let order = (entry.priority.rank(), position, index);
                    let proprietary_data = entry.proprietary_data.to_vec();
                    found.push((order, Candidate { combination: index, df_name, proprietary_data }));
                }
            }
        }
        found.sort_unstable_by_key(|(order, _)| Reverse(*order));
        Candidates { reversed: found.into_iter().map(|(_, candidate)| candidate).collect() }
    }

    /// The combination to select (3.3.3.1, 3.3.3.2).
    //= B 3.3.3.1
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
    //= B 3.3.2.5.A
    // An ADF name is coded as an AID.
    let adf_name = Aid::try_from(entry.adf_name?).ok()?;
    //= B 3.3.2.5.B
    if !adf_name.as_bytes().starts_with(combination.aid.as_bytes()) {
        return None;
    }
    //= B 3.3.2.5.C, 3.3.2.5.D
    let requested = RequestedKernel::determine(entry.kernel_identifier, &combination.aid)?;
    if !requested.is_supported_by(&combination.kernel_id) {
        return None;
    }
    //= B 3.3.2.5.E, 3.3.3.3
    // An extension that makes the name longer than a name may be is not one.
    let mut df_name: DfName = adf_name.as_bytes().iter().copied().collect();
    if combination.limits.extended_selection_supported {
        let _ = df_name.try_extend_from_slice(entry.extended_selection);
    }
    Some(df_name)
}

/// Step 1: asks the card for its directory (3.3.2.2).
//= B 3.3.2.2
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
            //= B 3.3.2.3
            Input::Response(bytes) => match fci_of(bytes) {
                None => final_selection::start(Candidates::default(), context),
                Some(fci) => match poi_information::asked_for(fci, context) {
                    Some(data) => poi_information::start(&data, context),
                    None => final_selection::start(Candidates::find(fci, context), context),
                },
            },
            //= B 3.3.3.7
            Input::CardLost => protocol_activation::start(None, context),
            _ => State::ExpectPpse(self),
        }
    }
}

/// The data of a response with success.
pub(super) fn fci_of(response: &[u8]) -> Option<&[u8]> {
    Response::parse(response).ok().filter(|response| response.status.is_success()).map(|response| response.data)
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;
    use alloc::vec;

    use super::*;
    use crate::dict;
    use crate::entry::Autorun;
    use crate::entry::testing::{MASTERCARD, OTHER, Reader, VISA, application, combination, entry, finished, selected};
    use crate::kernel::{Decision, MessageId};
    use crate::profile::Limits;

    /// The names that are selected one after another, while the card refuses each.
    fn order(reader: &mut Reader, entries: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut outputs = reader.present(entries);
        let mut order = vec![];
        while let Some(name) = selected(&outputs) {
            order.push(name.to_vec());
            outputs = reader.refuse();
        }
        assert_eq!(finished(&outputs).unwrap().decision, Decision::EndApplication);
        order
    }

    fn other(last: u8) -> Vec<u8> {
        [OTHER, &[last]].concat()
    }

    //= test B 3.3.2.2
    #[test]
    fn the_directory_is_asked_for_by_name() {
        let outputs = Reader::new().handle(Input::CardPresent);
        assert_eq!(selected(&outputs), Some(&b"2PAY.SYS.DDF01"[..]));
    }

    //= test B 3.3.1.1, 3.3.3.2
    #[test]
    fn applications_come_by_priority_and_then_by_their_place_in_the_directory() {
        let entries = [(1, 0x02), (2, 0x00), (3, 0x01), (4, 0x0F), (5, 0xF2), (6, 0x01)]
            .map(|(last, priority)| application(&other(last), priority));
        let expected = [3, 6, 1, 5, 2, 4].map(other);
        assert_eq!(order(&mut Reader::new(), &entries), expected);
    }

    //= test B 3.3.2.5, 3.3.3.2
    #[test]
    fn one_entry_runs_with_each_kernel_that_the_reader_has_for_it_in_the_readers_order() {
        let combinations: Vec<_> =
            [0x22, 0x21].map(|kernel| combination(&OTHER[..5], kernel, Limits::default())).into();
        let mut reader = Reader::with(combinations.into(), Autorun::No);
        assert_eq!(order(&mut reader, &[application(OTHER, 1)]), [OTHER, OTHER]);
    }

    //= test B 3.3.2.5
    #[test]
    fn the_same_application_twice_is_tried_twice() {
        let entries = [application(OTHER, 1), application(OTHER, 1)];
        assert_eq!(order(&mut Reader::new(), &entries), [OTHER, OTHER]);
    }

    //= test B 3.3.2.5.B
    #[test]
    fn a_name_matches_where_it_begins_with_the_readers() {
        let longer = [MASTERCARD, &[0xD0]].concat();
        let entries = [application(&longer, 1), application(&MASTERCARD[..6], 2), application(MASTERCARD, 3)];
        assert_eq!(order(&mut Reader::new(), &entries), [&longer[..], MASTERCARD]);
    }

    //= test B 3.3.2.5.A
    #[test]
    fn names_that_are_none_are_passed_over() {
        let entries = [
            entry(|entry| {
                entry.put(dict::APPLICATION_LABEL, b"NAMELESS");
            }),
            application(&MASTERCARD[..4], 1),
            application(&[MASTERCARD, &[0; 10]].concat(), 1),
            application(&[], 1),
            vec![0x4F, 0x07, 0xA0],
            vec![],
            application(VISA, 9),
        ];
        assert_eq!(order(&mut Reader::new(), &entries), [VISA]);
    }

    //= test B 3.3.2.5.D
    #[test]
    fn a_kernel_that_the_reader_has_not_is_passed_over() {
        let with_kernel = |name: &[u8], kernel: &[u8]| {
            entry(|entry| {
                entry.put(dict::ADF_NAME, name).put(dict::KERNEL_IDENTIFIER, kernel);
            })
        };
        let entries = [with_kernel(MASTERCARD, &[0x07]), with_kernel(VISA, &[0x81, 0x09]), with_kernel(OTHER, &[0x21])];
        assert_eq!(order(&mut Reader::new(), &entries), [OTHER]);
    }

    //= test B 3.1.1.13, 3.3.2.5
    //= test A 5.6.4
    #[test]
    fn combinations_that_the_transaction_may_not_use_are_not_candidates() {
        let refunds = Combination { transaction_types: vec![0x20], ..combination(VISA, 3, Limits::default()) };
        let limits = Limits { contactless_transaction_limit: Some(100u32.into()), ..Limits::default() };
        let combinations =
            Arc::new([refunds, combination(MASTERCARD, 2, limits), combination(OTHER, 0x21, Limits::default())]);
        let entries = [application(VISA, 1), application(MASTERCARD, 1), application(OTHER, 1)];
        assert_eq!(order(&mut Reader::with(combinations, Autorun::No), &entries), [OTHER]);
    }

    //= test B 3.3.2.3, 3.3.2.4, 3.3.2.7
    #[test]
    fn a_card_without_a_directory_is_another_card_to_try() {
        for response in [&[0x6A, 0x82][..], &[0x90, 0x00], &[0x6F, 0x05, 0x84, 0x90, 0x00]] {
            let mut reader = Reader::new();
            reader.handle(Input::CardPresent);
            let outputs = reader.handle(Input::Response(response));
            let outcome = finished(&outputs).unwrap();
            assert_eq!(outcome.decision, Decision::EndApplication);
            assert_eq!(outcome.ui_on_outcome.as_ref().unwrap().message, MessageId::TryAnotherCard);
        }
    }

    //= test B 3.3.2.5.E, 3.3.3.3
    #[test]
    fn the_name_is_extended_where_both_sides_support_it_and_the_result_is_a_name() {
        let extended = |extension: &[u8]| {
            entry(|entry| {
                entry.put(dict::ADF_NAME, OTHER).put(dict::EXTENDED_SELECTION, extension);
            })
        };
        let nine = [0xEE; 9];
        for (supported, extension, expected) in [
            (true, &[0xEE][..], [OTHER, &[0xEE]].concat()),
            (true, &nine, [OTHER, &nine].concat()),
            (true, &[0xEE; 10], OTHER.to_vec()),
            (true, &[], OTHER.to_vec()),
            (false, &[0xEE], OTHER.to_vec()),
        ] {
            let limits = Limits { extended_selection_supported: supported, ..Limits::default() };
            let mut reader = Reader::with(Arc::new([combination(OTHER, 0x21, limits)]), Autorun::No);
            assert_eq!(order(&mut reader, &[extended(extension)]), [expected]);
        }
    }
}
