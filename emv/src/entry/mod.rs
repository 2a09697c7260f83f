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
use protocol_activation::ExpectCard;

use crate::Instant;
use crate::apdu::{Command, StatusWord};
use crate::kernel::{
    Decision, Event, Indicators, MessageId, Outcome, Start, Status, Transaction, UiRequest, UnpredictableNumbers,
};
use crate::profile::Combination;

/// How transactions begin at this reader (EMV Contactless Book A, 5.6.2).
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
    pub fn new(
        combinations: Arc<[Combination]>,
        transaction: Transaction,
        unpredictable_numbers: UnpredictableNumbers,
        autorun: Autorun,
    ) -> Self {
        let mut context = Context {
            indicators: Vec::with_capacity(combinations.len()),
            combinations,
            transaction,
            unpredictable_numbers,
            is_field_on_between_transactions: autorun == Autorun::Yes,
            is_restart: false,
            ui_on_restart: None,
            online_response: None,
            now: Instant::default(),
            outputs: VecDeque::with_capacity(4),
        };
        let state = match autorun {
            Autorun::No => start_a(&mut context),
            Autorun::Yes => {
                // 3.2.1.1
                context.set_indicators(|combination, _| pre_processing::without_pre_processing(combination));
                protocol_activation::start(None, &mut context)
            }
        };
        EntryPoint { state, context }
    }

    /// Takes what happened, and when.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
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
            // Book A, 5.5.3. It is too late to stop what the issuer decides.
            State::ExpectOnlineResponse(state) => state.handle(input, context),
            _ if input == Input::Cancel => outcome_processing::finish(Outcome::new(Decision::EndApplication), context),
            State::ExpectCard(state) => state.handle(input, context),
            State::ExpectPpse(state) => state.handle(input, context),
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
    transaction: Transaction,
    unpredictable_numbers: UnpredictableNumbers,
    is_field_on_between_transactions: bool,
    /// The Entry Point Pre-Processing Indicators of each combination; nothing for one that is not
    /// offered for this type of transaction.
    indicators: Vec<Option<Indicators>>,
    /// The Restart flag (Book A, 8.1.1.20).
    is_restart: bool,
    /// The retained UI Request on Restart (Book A, 8.1.1.19).
    ui_on_restart: Option<UiRequest>,
    /// The issuer's answer to the last online request.
    online_response: Option<Vec<u8>>,
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
fn start_a(context: &mut Context) -> State {
    context.set_indicators(pre_processing::pre_process);
    if context.allowed_combinations().next().is_some() {
        protocol_activation::start(None, context)
    } else {
        // 3.1.1.13
        let outcome = Outcome {
            ui_on_outcome: Some(UiRequest::new(MessageId::InsertOrSwipeCard, Status::ProcessingError)),
            ..Outcome::new(Decision::TryAnotherInterface)
        };
        outcome_processing::finish(outcome, context)
    }
}
