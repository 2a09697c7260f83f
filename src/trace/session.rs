//! A tap with a pencil: everything that goes into it and comes out of it is written down.

use std::sync::Arc;

use emv::Instant;
use emv::apdu::Command;
use emv::kernel::{Transaction, UnpredictableNumbers};
use emv::profile::Profile;
use emv::tap::{Autorun, Input, Output, Tap};

use super::entry::{CardEvent, Entry, Field, What};
use crate::terminal::Hex;

/// What a tap waits for.
#[derive(Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A card in the field.
    Card,
    /// The answer to this command.
    Response(Vec<u8>),
    /// The card's removal.
    Removal,
    /// The issuer's answer.
    OnlineResponse,
    /// This moment.
    Timer(Instant),
    /// Nothing: it is finished.
    Nothing,
}

/// A tap and what was written down of it.
pub struct Session {
    tap: Tap,
    timer: Option<Instant>,
    /// The command that the card has not answered yet.
    command: Option<Command>,
    now: Instant,
    entries: Vec<Entry>,
}

impl Session {
    /// A tap that begins.
    pub fn new(profile: Arc<Profile>, transaction: Transaction, numbers: UnpredictableNumbers) -> Self {
        let tap = Tap::new(profile, transaction, numbers, Autorun::No);
        Session { tap, timer: None, command: None, now: Instant::default(), entries: Vec::new() }
    }

    /// Writes down what the tap wants, up to the first thing that it waits for.
    pub fn advance(&mut self) -> Wanted {
        loop {
            let Some(output) = self.tap.poll() else {
                if let Some(command) = &self.command {
                    return Wanted::Response(command.to_bytes());
                }
                let moment = self.timer.expect("a tap that wants nothing waits for a moment");
                return Wanted::Timer(moment);
            };
            match output {
                Output::Ui(request) => self.write(What::Ui((&request).into())),
                Output::Record(event) => self.write(What::Event((&event).into())),
                Output::FieldOn => self.write(What::Field(Field::On)),
                Output::FieldOff { hold_time } => {
                    let ms = hold_time.as_millis().try_into().unwrap_or(u64::MAX);
                    self.write(What::Field(Field::OffMs(ms)));
                }
                Output::Wait(moment) => self.timer = Some(moment),
                Output::DataExchange { needed, sent } => {
                    if !needed.is_empty() {
                        self.write(What::DataNeeded(needed.iter().map(ToString::to_string).collect()));
                    }
                    if !sent.as_bytes().is_empty() {
                        self.write(What::DataSent(Hex(sent.as_bytes().to_vec())));
                    }
                }
                Output::Poll => return Wanted::Card,
                Output::Transmit(command) => {
                    let bytes = command.to_bytes();
                    self.command = Some(command);
                    self.write(What::Command(Hex(bytes.clone())));
                    return Wanted::Response(bytes);
                }
                Output::AwaitRemoval => return Wanted::Removal,
                Output::AwaitOnlineResponse(outcome) => {
                    self.write(What::OnlineRequest((&outcome).into()));
                    return Wanted::OnlineResponse;
                }
                Output::Finished(outcome) => {
                    self.write(What::Outcome((&outcome).into()));
                    return Wanted::Nothing;
                }
            }
        }
    }

    /// Hands in what happened; outputs are not taken.
    pub fn hand_in(&mut self, what: What, now: Instant) {
        self.now = now;
        let input = match &what {
            What::Card(CardEvent::Sent) => Input::Sent,
            What::Card(CardEvent::Present) => Input::CardPresent,
            What::Card(CardEvent::Collision) => Input::Collision,
            What::Card(CardEvent::CollisionOver) => Input::CollisionOver,
            What::Card(CardEvent::Lost) => Input::CardLost,
            What::Card(CardEvent::Removed) => Input::CardRemoved,
            What::Response(response) => Input::Response(&response.0),
            What::Data(objects) => Input::Data(&objects.0),
            What::OnlineResponse(response) => Input::OnlineResponse(response.as_ref().map(|hex| &hex.0[..])),
            What::Timer(_) => Input::Deadline,
            What::Operator(_) => Input::Cancel,
            _ => return,
        };
        self.tap.handle(input, now);
        self.timer = None;
        if what != What::Card(CardEvent::Sent) {
            self.command = None;
        }
        self.write(what);
    }

    /// Hands in when the last command was sent, if that is looked at.
    pub fn command_sent(&mut self, at: Instant) {
        if self.command.as_ref().is_some_and(Command::is_timed) {
            self.hand_in(What::Card(CardEvent::Sent), at);
        }
    }

    /// What was written down so far.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What was written down.
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    fn write(&mut self, what: What) {
        self.entries.push(Entry { t_us: self.now.as_micros(), what });
    }
}
