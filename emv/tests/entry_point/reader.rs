//! The reader of the cases: it drives Entry Point, the card and the test kernel.

use emv::Instant;
use emv::apdu::Command;
use emv::entry::{Autorun, EntryPoint, Input, Output};
use emv::fields::Date;
use emv::kernel::{Decision, Outcome, StartPoint, Transaction, UnpredictableNumbers};
use emv::profile::PointOfInteraction;
use serde_json::{Value, json};

use crate::card::Card;
use crate::events;
use crate::settings::{Terminal, amount};
use crate::test_kernel::{TestKernel, outcome};
use crate::vectors::hex;
use crate::{in_hex, list, text};

/// More commands than any case needs: a run that goes on for longer goes on for ever.
const COMMANDS_MAX: usize = 100;

/// A reader, and what happened at it.
pub(crate) struct Reader<'a> {
    terminal: Terminal,
    card: Card<'a>,
    /// What the next polls find.
    polls: std::slice::Iter<'a, Value>,
    transaction_count: u8,
    is_field_on: bool,
    pub(crate) kernel: TestKernel,
    /// DF names, in the order of their selection.
    pub(crate) selected: Vec<String>,
    pub(crate) events: Vec<Value>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(terminal: Terminal, card: Card<'a>, polls: &'a Value) -> Self {
        Reader {
            terminal,
            card,
            polls: list(polls).iter(),
            transaction_count: 0,
            is_field_on: false,
            kernel: TestKernel::default(),
            selected: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Runs one transaction; `start` says how the reader begins one.
    pub(crate) fn run(&mut self, start: &Value, transaction: &Value) -> Result<(), String> {
        let (autorun, mut point) = match start["autorun"].as_bool().expect("true or false") {
            true => (Autorun::Yes, StartPoint::B),
            false => (Autorun::No, StartPoint::A),
        };
        if autorun == Autorun::No && self.is_field_on {
            return Err("the field is on before the transaction starts".to_owned());
        }
        self.happened(json!({ "event": "transaction_start" }));
        self.activated(point);
        self.transaction_count += 1;
        let mut entry_point = EntryPoint::new(
            self.terminal.combinations.clone().into(),
            PointOfInteraction::default(),
            read_transaction(start, transaction),
            UnpredictableNumbers::from_seed([self.transaction_count; 32]),
            autorun,
        );
        let mut last_outcome = None;
        let mut command_count = 0;
        while let Some(output) = entry_point.poll() {
            match output {
                Output::Ui(request) => {
                    let mut event = events::ui_request(&request);
                    event.insert("event".into(), "ui_request".into());
                    self.happened(event.into());
                }
                Output::Record(_) | Output::Wait(_) => {}
                Output::FieldOn => {
                    self.is_field_on = true;
                    self.happened(json!({ "event": "field_on" }));
                }
                Output::FieldOff { .. } => {
                    self.is_field_on = false;
                    self.happened(json!({ "event": "field_off" }));
                }
                Output::Poll => {
                    let found = self.polls.next().map_or("card_present", text);
                    self.happened(json!({ "event": "poll_card", "result": found }));
                    let input = match found {
                        "card_present" => Input::CardPresent,
                        "collision" => Input::Collision,
                        other => return Err(format!("{other} is nothing that a reader finds")),
                    };
                    entry_point.handle(input, Instant::default());
                }
                Output::Transmit(command) => {
                    command_count += 1;
                    if command_count > COMMANDS_MAX {
                        return Err("it never ends".to_owned());
                    }
                    self.selected.push(in_hex(command.data()));
                    self.happened(json!({ "event": "select", "df_name": in_hex(command.data()) }));
                    match self.transmit(&command) {
                        Some(response) => entry_point.handle(Input::Response(&response), Instant::default()),
                        None => entry_point.handle(Input::CardLost, Instant::default()),
                    }
                }
                Output::Activate { combination, start } => {
                    let combination = &self.terminal.combinations[combination];
                    let command = self.kernel.command(combination, &start, point, &self.terminal);
                    self.happened(self.kernel.event());
                    let outcome = outcome(self.transmit(&command).as_deref());
                    last_outcome = Some(outcome.clone());
                    entry_point.handle(Input::KernelOutcome(outcome), Instant::default());
                }
                Output::AwaitRemoval => {
                    let outcome = last_outcome.take().expect("a kernel asked for it");
                    point = self.restarted(&outcome);
                    entry_point.handle(Input::CardRemoved, Instant::default());
                }
                Output::AwaitOnlineResponse(outcome) => {
                    point = self.restarted(&outcome);
                    let response = outcome.data_record.as_ref().map(|record| record.as_bytes());
                    entry_point.handle(Input::OnlineResponse(response), Instant::default());
                }
                Output::Finished(outcome) => {
                    self.happened(events::outcome(&outcome));
                    self.happened(json!({ "event": "transaction_end" }));
                    return Ok(());
                }
            }
        }
        Err("Entry Point waits for something that it did not ask for".to_owned())
    }

    fn transmit(&mut self, command: &Command) -> Option<Vec<u8>> {
        self.card.respond(&command.to_bytes())
    }

    fn restarted(&mut self, outcome: &Outcome) -> StartPoint {
        assert!(matches!(outcome.decision, Decision::OnlineRequest | Decision::EndApplication));
        let point = outcome.start.expect("it restarts");
        self.happened(events::outcome(outcome));
        self.happened(json!({ "event": "restart" }));
        self.activated(point);
        point
    }

    fn activated(&mut self, point: StartPoint) {
        self.happened(json!({ "event": "activate", "start": events::start_point(point) }));
    }

    fn happened(&mut self, event: Value) {
        self.events.push(event);
    }
}

fn read_transaction(start: &Value, transaction: &Value) -> Transaction {
    let of_amount = |key: &str| transaction[key].as_u64().map(amount);
    Transaction {
        amount_authorised: of_amount("amount_authorized"),
        amount_other: of_amount("amount_other"),
        currency: hex(text(&start["currency"])).try_into().expect("two bytes"),
        currency_exponent: 0,
        transaction_type: hex(text(&transaction["txn_type"]))[0],
        date: Date::new(2026, 11, 24).expect("a date"),
        time: [0x12, 0x34, 0x56],
        sequence_counter: 1,
    }
}
