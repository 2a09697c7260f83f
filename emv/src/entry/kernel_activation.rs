//! Kernel Activation: Start D (EMV Contactless Book B, 3.4).

use alloc::boxed::Box;

use super::{Context, Input, Output, Selected, State, fci, outcome_processing};
use crate::dict;
use crate::fields::RegisteredValues;
use crate::kernel::c2::TornLog;
use crate::kernel::{Event, Start};

/// Has the kernel of the selected combination activated (3.4.1.1).
///
/// Where the kernel starts again at Start D, it is given the FCI and status word of the selection
/// that went before, although it needs neither (3.4.1.3).
//= B 3.4.1.1, 3.4.1.3
//= A 8.1.1.7
pub(super) fn start(selected: Selected, context: &mut Context) -> State {
    let candidate = selected.candidates.selected().expect("the one that was selected");
    let combination = candidate.combination;
    let start = Start {
        transaction: context.transaction.clone(),
        //= A 8.1.1.8
        unpredictable_number: context.unpredictable_numbers.draw(),
        unpredictable_numbers: context.unpredictable_numbers.fork(),
        //= B 3.4.1.2
        indicators: context.indicators[combination].expect("only combinations with indicators are candidates"),
        df_name: candidate.df_name.to_vec(),
        fci: selected.fci.clone(),
        select_status: selected.select_status,
        is_restart: context.is_restart,
        online_response: context.online_response.clone(),
        is_removal_timed_out: context.is_removal_timed_out,
        torn_log: TornLog::new(),
        mag_stripe_failures: 0,
    };
    context.push(Output::Record(selected_event(&selected, context)));
    record_proprietary_data(&selected, context);
    context.push(Output::Activate { combination, start: Box::new(start) });
    State::ExpectOutcome(ExpectOutcome { selected })
}

/// What a journal or a receipt says of the application, its name with its extension first of all.
//= B 3.5.1.5
fn selected_event(selected: &Selected, context: &Context) -> Event {
    let candidate = selected.candidates.selected().expect("the one that was selected");
    let proprietary = fci::proprietary_template(&selected.fci);
    let find = |tag| proprietary.and_then(|objects| objects.find(tag)).unwrap_or_default();
    let name = |tag| find(tag).iter().copied().take(16).collect();
    Event::Selected {
        df_name: candidate.df_name.clone(),
        kernel_id: context.combinations[candidate.combination].kernel_id.clone(),
        label: name(dict::APPLICATION_LABEL),
        preferred_name: name(dict::APPLICATION_PREFERRED_NAME),
        issuer_code_table_index: find(dict::ISSUER_CODE_TABLE_INDEX).first().copied(),
    }
}

/// Records what the card's Application Selection Registered Proprietary Data says behind identifiers that
/// the terminal knows, in the Directory Entry and in the FCI. An instance of the wrong form is passed over
/// (3.3.1.2, 3.3.3.8).
//= B 3.3.1.2, 3.3.3.8
fn record_proprietary_data(selected: &Selected, context: &mut Context) {
    let candidate = selected.candidates.selected().expect("the one that was selected");
    let of_fci = fci::issuer_discretionary_data(&selected.fci).and_then(|objects| objects.find(dict::ASRPD));
    for instance in [&candidate.proprietary_data[..], of_fci.unwrap_or_default()] {
        let values = RegisteredValues::parse(instance).into_iter().flat_map(|values| values.iter());
        for (identifier, value) in values {
            if context.point_of_interaction.proprietary_data_identifiers.contains(&identifier) {
                context.push(Output::Record(Event::ProprietaryData { identifier, value: value.to_vec() }));
            }
        }
    }
}

/// Waits for the kernel, which has the card.
#[derive(Debug)]
pub(super) struct ExpectOutcome {
    selected: Selected,
}

impl ExpectOutcome {
    pub(super) fn handle(self, input: Input<'_>, context: &mut Context) -> State {
        match input {
            Input::KernelOutcome(outcome) => outcome_processing::start(outcome, self.selected, context),
            _ => State::ExpectOutcome(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    use crate::apdu::StatusWord;
    use crate::entry::testing::{MASTERCARD, Reader, activated, application, entry, fci, purchase};
    use crate::kernel::{Decision, Indicators, Outcome};
    use crate::profile::{KernelId, PointOfInteraction};

    //= test B 3.4.1.1, 3.4.1.2, 3.4.1.3
    //= test A 8.1.1.4, 8.1.1.7
    #[test]
    fn a_kernel_starts_with_the_transaction_and_what_was_selected() {
        let mut reader = Reader::new();
        reader.present(&[application(MASTERCARD, 1)]);
        let answer = fci(|_| {});
        let (combination, start) = activated(&reader.respond(&answer));
        assert_eq!(combination, 0);
        assert_eq!(start.transaction, purchase(1000));
        assert_eq!(start.indicators, Indicators::default());
        assert_eq!((start.df_name.as_slice(), start.fci.as_slice()), (MASTERCARD, answer.as_slice()));
        assert_eq!(start.select_status, StatusWord::SUCCESS);
        assert_eq!((start.is_restart, start.online_response), (false, None));
    }

    //= test A 8.1.1.8
    #[test]
    fn each_activation_has_an_unpredictable_number_of_its_own() {
        let mut reader = Reader::new();
        let first = reader.activate();
        reader.outcome(Outcome::new(Decision::TryAgain));
        let second = reader.activate();
        assert_ne!(first.unpredictable_number, second.unpredictable_number);
        assert_ne!(first.unpredictable_numbers, second.unpredictable_numbers);
        assert!(!second.is_restart, "Try Again starts anew");
    }

    //= test B 3.5.1.5
    #[test]
    fn the_names_of_the_application_are_recorded() {
        let mut reader = Reader::new();
        reader.present(&[application(MASTERCARD, 1)]);
        let outputs = reader.respond(&fci(|proprietary| {
            proprietary.put(dict::APPLICATION_LABEL, b"MASTERCARD").put(dict::ISSUER_CODE_TABLE_INDEX, &[0x01]);
            proprietary.put(dict::APPLICATION_PREFERRED_NAME, b"A NAME THAT IS TOO LONG");
        }));
        let expected = Event::Selected {
            df_name: MASTERCARD.iter().copied().collect(),
            kernel_id: KernelId::emvco(2),
            label: b"MASTERCARD".iter().copied().collect(),
            preferred_name: b"A NAME THAT IS T".iter().copied().collect(),
            issuer_code_table_index: Some(1),
        };
        assert_eq!(outputs[0], Output::Record(expected));
    }

    /// What is recorded of a card whose Directory Entry and FCI hold these, at a terminal that knows 0001.
    fn proprietary_data(of_entry: &[u8], of_fci: &[u8]) -> Vec<(u16, Vec<u8>)> {
        let mut reader = Reader::at(PointOfInteraction {
            proprietary_data_identifiers: [0x0001].into(),
            ..PointOfInteraction::default()
        });
        reader.present(&[entry(|entry| {
            entry.put(dict::ADF_NAME, MASTERCARD).put(dict::ASRPD, of_entry);
        })]);
        let outputs = reader.respond(&fci(|proprietary| {
            proprietary.template(dict::FCI_ISSUER_DISCRETIONARY_DATA, |data| {
                data.put(dict::ASRPD, of_fci);
            });
        }));
        activated(&outputs);
        let recorded = outputs.into_iter().filter_map(|output| match output {
            Output::Record(Event::ProprietaryData { identifier, value }) => Some((identifier, value)),
            _ => None,
        });
        recorded.collect()
    }

    //= test B 3.3.1.2, 3.3.3.8
    #[test]
    fn registered_proprietary_data_that_the_terminal_knows_are_recorded() {
        let recorded = proprietary_data(&[0x00, 0x02, 0x00, 0x00, 0x01, 0x01, 0xAA], &[0x00, 0x01, 0x02, 0xBB, 0xCC]);
        assert_eq!(recorded, [(0x0001, [0xAA].to_vec()), (0x0001, [0xBB, 0xCC].to_vec())]);
    }

    //= test B 3.3.1.2, 3.3.3.8
    #[test]
    fn registered_proprietary_data_of_the_wrong_form_do_not_matter() {
        let whole = &[0x00, 0x01, 0x01, 0xAA];
        for cut_short in [&[0x00][..], &[0x00, 0x01], &[0x00, 0x01, 0x01], &[0x00, 0x01, 0x01, 0xAA, 0x00]] {
            assert_eq!(proprietary_data(cut_short, whole), [(0x0001, [0xAA].to_vec())]);
            assert_eq!(proprietary_data(whole, cut_short), [(0x0001, [0xAA].to_vec())]);
        }
    }

    #[test]
    fn the_card_belongs_to_the_kernel_until_it_finishes() {
        let mut reader = Reader::new();
        reader.activate();
        for input in [Input::CardPresent, Input::Response(&[0x90, 0x00]), Input::CardLost, Input::Deadline] {
            assert_eq!(reader.handle(input), []);
        }
        assert_eq!(reader.outcome(Outcome::new(Decision::Approved)).len(), 2);
    }
}
