//! The timed lines of a trace: what happened, and what the tap wanted.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::told::{Event, Outcome, Ui};
use crate::terminal::Hex;

/// One line: `{"t_us":1250,"command":"00A40400..."}`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Entry {
    /// When, in microseconds since the reader's clock started.
    pub t_us: u64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What a line tells. The first six are inputs of the tap, the others are its outputs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Something happened to the card.
    Card(CardEvent),
    /// The card answered: data, SW1 and SW2.
    Response(Hex),
    /// The terminal's answer in a data exchange: TLV objects.
    Data(Hex),
    /// The issuer's answer as TLV objects; `null` where there was none.
    OnlineResponse(Option<Hex>),
    /// The moment came that the tap had waited for.
    Timer(Timer),
    /// Somebody stopped the tap.
    Operator(Operator),
    /// A command for the card.
    Command(Hex),
    /// Something to show.
    Ui(Ui),
    /// Something worth writing down.
    Event(Event),
    /// The field is to be powered or turned off.
    Field(Field),
    /// These data objects are asked for, by tag.
    DataNeeded(Vec<String>),
    /// The terminal is told these data objects: TLV objects.
    DataSent(Hex),
    /// An outcome that the issuer decides, and after which the card may be needed once more.
    OnlineRequest(Outcome),
    /// The Final Outcome.
    Outcome(Outcome),
}

/// What can happen to a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CardEvent {
    /// One card is in the field and powered.
    Present,
    /// More than one card is in the field.
    Collision,
    /// No longer is more than one card in the field.
    CollisionOver,
    /// The last command was handed to it. Written where the time it takes is looked at.
    Sent,
    /// The card did not answer.
    Lost,
    /// The field is empty.
    Removed,
}

/// What a timer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// Its moment has come.
    Expired,
}

/// What whoever runs the terminal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// Stops the tap.
    Cancel,
}

/// What the field is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Be powered.
    On,
    /// Be off for this many milliseconds at least.
    OffMs(u64),
}

impl What {
    /// Whether it is an input of the tap, and not what the tap wanted.
    pub fn is_input(&self) -> bool {
        matches!(
            self,
            What::Card(_)
                | What::Response(_)
                | What::Data(_)
                | What::OnlineResponse(_)
                | What::Timer(_)
                | What::Operator(_)
        )
    }

    /// The key under which it stands in its line.
    pub fn key(&self) -> &'static str {
        match self {
            What::Card(_) => "card",
            What::Response(_) => "response",
            What::Data(_) => "data",
            What::OnlineResponse(_) => "online_response",
            What::Timer(_) => "timer",
            What::Operator(_) => "operator",
            What::Command(_) => "command",
            What::Ui(_) => "ui",
            What::Event(_) => "event",
            What::Field(_) => "field",
            What::DataNeeded(_) => "data_needed",
            What::DataSent(_) => "data_sent",
            What::OnlineRequest(_) => "online_request",
            What::Outcome(_) => "outcome",
        }
    }
}

impl TryFrom<Map<String, Value>> for Entry {
    type Error = serde_json::Error;

    /// Exactly a time and one thing more.
    fn try_from(mut line: Map<String, Value>) -> Result<Self, serde_json::Error> {
        let t_us = u64::deserialize(line.remove("t_us").unwrap_or_default())?;
        Ok(Entry { t_us, what: What::deserialize(Value::Object(line))? })
    }
}

impl fmt::Debug for Entry {
    /// Time and kind: what a card answers may be a card number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} us: {}", self.t_us, self.what.key())
    }
}
