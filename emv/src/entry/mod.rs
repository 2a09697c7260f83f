//! Entry Point: finds the application and the kernel, and processes what the kernel decides
//! (EMV Contactless Book B; the reader's part of Book A, 8).
//!
//! It knows no kernels: where one is to run it says so with [`Output::Activate`], and its owner hands
//! in the outcome.
//!
//! Each file is a section of the book. A state is a type that holds what is valid there; it takes an
//! input and is consumed.

mod combination_selection;
mod fci;
mod final_selection;
mod kernel_activation;
mod outcome_processing;
mod poi_information;
mod ppse;
mod pre_processing;
mod protocol_activation;
mod requested_kernel;
#[cfg(test)]
mod testing;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use combination_selection::{Candidates, ExpectPpse};
use final_selection::ExpectFci;
use kernel_activation::ExpectOutcome;
use outcome_processing::{ExpectOnlineResponse, ExpectRemoval};
use poi_information::ExpectApplications;
pub(crate) use pre_processing::pre_process;
use protocol_activation::ExpectCard;

use crate::Instant;
use crate::apdu::{Command, Response, StatusWord};
use crate::kernel::{
    Decision, Event, Indicators, MessageId, Outcome, Start, Status, Transaction, UiRequest, UnpredictableNumbers,
};
use crate::profile::{Combination, PointOfInteraction};

/// How transactions begin at this reader (EMV Contactless Book A, 5.6.2).
//= A 5.6.2
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Autorun {
    /// Each with its own amount: Entry Point starts at Start A, and the field is off in between.
    No,
    /// By themselves, with an amount that is fixed or unknown: Entry Point starts at Start B, without
    /// pre-processing, and the field stays on in between.
    Yes,
}

/// What happened outside.
///
/// An input that nothing waits for is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<'a> {
    /// One card is in the field, and activated.
    CardPresent,
    /// More than one card is in the field.
    Collision,
    /// No longer is more than one card in the field.
    CollisionOver,
    /// The card answered the last command.
    Response(&'a [u8]),
    /// The card did not answer: it left the field, or the exchange failed for good.
    CardLost,
    /// The field is empty.
    CardRemoved,
    /// The kernel finished.
    KernelOutcome(Outcome),
    /// The issuer's answer, as TLV objects; nothing where there was none.
    OnlineResponse(Option<&'a [u8]>),
    /// The moment of the last [`Output::Wait`] has come.
    Deadline,
    /// The cashier or the register wants to stop.
    Cancel,
}

/// What Entry Point wants done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Show this.
    Ui(UiRequest),
    /// Something worth writing down happened.
    Record(Event),
    /// Power the field, where it is off, once a hold time of the last `FieldOff` is over.
    FieldOn,
    /// Turn the field off, and leave it off for this long at least.
    FieldOff {
        /// How long at least.
        hold_time: Duration,
    },
    /// Look for a card; hand in `CardPresent` or `Collision`.
    Poll,
    /// Send this command; hand in `Response` or `CardLost`.
    Transmit(Command),
    /// Run the kernel of this combination; hand in `KernelOutcome`.
    Activate {
        /// Which of the combinations that Entry Point was given.
        combination: usize,
        /// What the kernel starts with.
        start: Box<Start>,
    },
    /// Hand in `Deadline` at this moment if nothing else comes first.
    Wait(Instant),
    /// Wait until the field is empty; hand in `CardRemoved`.
    AwaitRemoval,
    /// A Final Outcome whose kernel may want to go on with the issuer's answer; hand in
    /// `OnlineResponse`.
    AwaitOnlineResponse(Outcome),
    /// The Final Outcome; nothing follows.
    Finished(Outcome),
}

/// Entry Point for one transaction.
#[derive(Debug)]
pub struct EntryPoint {
    state: State,
    context: Context,
}

impl EntryPoint {
    /// Starts a transaction with those of the reader's combinations that support its type
    /// (EMV Contactless Book A, 8.1.1.5 and 8.1.1.6).
    //= A 8.1.1.4, 8.1.1.5, 8.1.1.6
    pub fn new(
        combinations: Arc<[Combination]>,
        point_of_interaction: PointOfInteraction,
        transaction: Transaction,
        unpredictable_numbers: UnpredictableNumbers,
        autorun: Autorun,
    ) -> Self {
        let mut context = Context {
            indicators: Vec::with_capacity(combinations.len()),
            combinations,
            point_of_interaction,
            transaction,
            unpredictable_numbers,
            is_field_on_between_transactions: autorun == Autorun::Yes,
            is_restart: false,
            ui_on_restart: None,
            online_response: None,
            is_removal_timed_out: false,
            now: Instant::default(),
            outputs: VecDeque::with_capacity(4),
        };
        let state = match autorun {
            Autorun::No => start_a(&mut context),
            Autorun::Yes => {
                //= B 3.2.1.1
                context.set_indicators(|combination, _| pre_processing::without_pre_processing(combination));
                protocol_activation::start(None, &mut context)
            }
        };
        EntryPoint { state, context }
    }

    /// Takes what happened, and when.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        let input = match input {
            // As for the kernels, a response without a status word is a protocol error.
            Input::Response(bytes) if Response::parse(bytes).is_err() => Input::CardLost,
            input => input,
        };
        self.context.now = now;
        self.state = mem::replace(&mut self.state, State::Finished).handle(input, &mut self.context);
    }

    /// Gives the next thing to do, if there is one.
    pub fn poll(&mut self) -> Option<Output> {
        self.context.outputs.pop_front()
    }
}

/// What Entry Point waits for.
#[derive(Debug)]
enum State {
    ExpectCard(ExpectCard),
    ExpectPpse(ExpectPpse),
    ExpectApplications(ExpectApplications),
    ExpectFci(ExpectFci),
    ExpectOutcome(ExpectOutcome),
    ExpectOnlineResponse(ExpectOnlineResponse),
    ExpectRemoval(ExpectRemoval),
    Finished,
}

impl State {
    fn handle(self, input: Input<'_>, context: &mut Context) -> State {
        match self {
            State::Finished => State::Finished,
            //= A 5.5.3
            // It is too late to stop what the issuer decides.
            State::ExpectOnlineResponse(state) => state.handle(input, context),
            _ if input == Input::Cancel => outcome_processing::finish(Outcome::new(Decision::EndApplication), context),
            State::ExpectCard(state) => state.handle(input, context),
            State::ExpectPpse(state) => state.handle(input, context),
            State::ExpectApplications(state) => state.handle(input, context),
            State::ExpectFci(state) => state.handle(input, context),
            State::ExpectOutcome(state) => state.handle(input, context),
            State::ExpectRemoval(state) => state.handle(input, context),
        }
    }
}

/// What holds for the whole transaction.
#[derive(Debug)]
struct Context {
    combinations: Arc<[Combination]>,
    point_of_interaction: PointOfInteraction,
    transaction: Transaction,
    unpredictable_numbers: UnpredictableNumbers,
    is_field_on_between_transactions: bool,
    /// The Entry Point Pre-Processing Indicators of each combination; nothing for one that is not
    /// offered for this type of transaction. They hold for the whole transaction.
    //= A 5.7, 5.8.1
    indicators: Vec<Option<Indicators>>,
    /// The Restart flag (Book A, 8.1.1.20).
    is_restart: bool,
    /// The retained UI Request on Restart (Book A, 8.1.1.19).
    ui_on_restart: Option<UiRequest>,
    /// The issuer's answer to the last online request.
    online_response: Option<Vec<u8>>,
    /// The time-out indicator of the Removal Timeout (Book A, 8.1.1.21).
    is_removal_timed_out: bool,
    now: Instant,
    outputs: VecDeque<Output>,
}

impl Context {
    fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    fn show(&mut self, request: UiRequest) {
        self.push(Output::Ui(request));
    }

    fn show_on_restart(&mut self) {
        if let Some(request) = self.ui_on_restart.clone() {
            self.show(request);
        }
    }

    //= A 5.6.4
    fn set_indicators(&mut self, indicators: impl Fn(&Combination, &Transaction) -> Indicators) {
        let transaction = &self.transaction;
        let offered = self.combinations.iter().map(|combination| {
            let is_offered = combination.transaction_types.contains(&transaction.transaction_type);
            is_offered.then(|| indicators(combination, transaction))
        });
        self.indicators.clear();
        self.indicators.extend(offered);
    }

    /// The combinations that this transaction may take place with, and their indices.
    //= B 3.1.1.13
    fn allowed_combinations(&self) -> impl Iterator<Item = (usize, &Combination)> {
        self.combinations.iter().zip(&self.indicators).enumerate().filter_map(|(index, (combination, indicators))| {
            let is_allowed = indicators.is_some_and(|indicators| !indicators.contactless_application_not_allowed);
            is_allowed.then_some((index, combination))
        })
    }

    /// Whether Issuer Authentication Data or an Issuer Script is present.
    fn has_issuer_data(&self) -> bool {
        self.online_response.as_deref().is_some_and(outcome_processing::has_issuer_data)
    }
}

/// The candidates, and what the first of them answered to SELECT.
#[derive(Debug)]
struct Selected {
    candidates: Candidates,
    fci: Vec<u8>,
    select_status: StatusWord,
}

/// Start A: Pre-Processing of all combinations (3.1.1), then Start B.
//= B 3.1.1.13
//= A 5.8.1
fn start_a(context: &mut Context) -> State {
    context.set_indicators(|combination, transaction| pre_process(&combination.limits, transaction));
    if context.allowed_combinations().next().is_some() {
        protocol_activation::start(None, context)
    } else {
        let outcome = Outcome {
            ui_on_outcome: Some(UiRequest::new(MessageId::InsertOrSwipeCard, Status::ProcessingError)),
            ..Outcome::new(Decision::TryAnotherInterface)
        };
        outcome_processing::finish(outcome, context)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::testing::{MASTERCARD, OTHER, Reader, VISA, application, entry, finished, ppse};
    use super::*;
    use crate::dict;

    //= test A 5.5.3
    #[test]
    fn a_transaction_can_be_cancelled_until_a_final_outcome() {
        for inputs_before in 0..4 {
            let mut reader = Reader::new();
            let inputs: [fn(&mut Reader); 3] = [
                |reader| drop(reader.handle(Input::CardPresent)),
                |reader| drop(reader.respond(&ppse(&[application(MASTERCARD, 1)]))),
                |reader| drop(reader.respond(&[])),
            ];
            inputs[..inputs_before].iter().for_each(|input| input(&mut reader));
            let outputs = reader.handle(Input::Cancel);
            assert_eq!(finished(&outputs), Some(&Outcome::new(Decision::EndApplication)));
            assert_eq!(reader.handle(Input::CardPresent), []);
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs() {
        let run = || {
            let mut reader = Reader::new();
            let mut outputs = reader.poll();
            outputs.extend(reader.present(&[application(MASTERCARD, 1)]));
            outputs.extend(reader.respond(&[]));
            outputs
        };
        assert_eq!(run(), run());
    }

    /// Drives a card that answers with these bytes, whatever it is asked, until there is an outcome;
    /// kernels always want the next application. Gives the number of commands it took.
    fn drive(responses: &[Vec<u8>]) -> usize {
        let mut reader = Reader::new();
        let mut responses = responses.iter();
        let mut outputs = reader.poll();
        let mut command_count = 0;
        loop {
            outputs = match outputs.last() {
                Some(Output::Poll) => reader.handle(Input::CardPresent),
                Some(Output::Transmit(_)) => {
                    command_count += 1;
                    let response = responses.next().map_or(&[0x6F, 0x00][..], Vec::as_slice);
                    reader.handle(Input::Response(response))
                }
                Some(Output::Activate { .. }) => reader.outcome(Outcome::new(Decision::SelectNext)),
                Some(Output::Finished(_)) => return command_count,
                other => panic!("waits for {other:?}"),
            };
        }
    }

    /// Directory entries as hostile as they come: names and objects of any length, doubled, empty.
    fn any_directory() -> impl Strategy<Value = Vec<u8>> {
        let name = prop_oneof![
            Just(MASTERCARD.to_vec()),
            Just(VISA.to_vec()),
            Just(OTHER.to_vec()),
            prop::collection::vec(any::<u8>(), 0..20),
        ];
        let bytes = || prop::collection::vec(any::<u8>(), 0..10);
        let one = (name, bytes(), bytes(), bytes()).prop_map(|(name, priority, kernel, extension)| {
            entry(|entry| {
                entry.put(dict::ADF_NAME, &name).put(dict::APPLICATION_PRIORITY_INDICATOR, &priority);
                entry.put(dict::KERNEL_IDENTIFIER, &kernel).put(dict::EXTENDED_SELECTION, &extension);
            })
        });
        prop::collection::vec(one, 0..8).prop_map(|entries| [ppse(&entries), vec![0x90, 0x00]].concat())
    }

    proptest! {
        #[test]
        fn any_card_leads_to_an_outcome_in_bounded_time(
            directory in prop_oneof![any_directory(), prop::collection::vec(any::<u8>(), 0..300)],
            cut in 0usize..300,
            answers in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
        ) {
            let cut = cut.min(directory.len());
            for directory in [directory.clone(), directory[..cut].to_vec()] {
                let responses = [vec![directory], answers.clone()].concat();
                prop_assert!(drive(&responses) <= 1 + 28 * 3, "as many as entries and combinations allow");
            }
        }
    }
}
