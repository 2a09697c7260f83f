//! Kernel Activation: Start D (EMV Contactless Book B, 3.4).

use alloc::boxed::Box;

use super::{Context, Input, Output, Selected, State, fci, outcome_processing};
use crate::dict;
use crate::kernel::{Event, Start};

/// Has the kernel of the selected combination activated (3.4.1.1).
///
/// Where the kernel starts again at Start D, it is given the FCI and status word of the selection
/// that went before, although it needs neither (3.4.1.3).
pub(super) fn start(selected: Selected, context: &mut Context) -> State {
    let candidate = selected.candidates.selected().expect("the one that was selected");
    let combination = candidate.combination;
    let start = Start {
        transaction: context.transaction.clone(),
        // Book A, 8.1.1.8
        unpredictable_number: context.unpredictable_numbers.draw(),
        unpredictable_numbers: context.unpredictable_numbers.fork(),
        // 3.4.1.2
        indicators: context.indicators[combination].expect("only combinations with indicators are candidates"),
        df_name: candidate.df_name.to_vec(),
        fci: selected.fci.clone(),
        select_status: selected.select_status,
        is_restart: context.is_restart,
        online_response: context.online_response.clone(),
    };
    context.push(Output::Record(selected_event(&selected, context)));
    context.push(Output::Activate { combination, start: Box::new(start) });
    State::ExpectOutcome(ExpectOutcome { selected })
}

/// What a journal or a receipt says of the application.
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
