//! What happens in a run, in the words of the cases.

use emv::kernel::{
    AlternateInterface, Cvm, Decision, OnlineResponseData, Outcome, StartPoint, Status, UiRequest, ValueQualifier,
};
use serde_json::{Map, Value, json};

use crate::in_hex;

/// Checks that the events that a case asserts happened, in its order.
pub(crate) fn check(expected: &[Value], happened: &[Value]) -> Result<(), String> {
    let mut happened = happened.iter();
    for event in expected.iter().filter(|event| event["asserted"] == true) {
        let event = essential(event);
        if !happened.any(|happened| *happened == event) {
            return Err(format!("this did not happen, or not in its turn: {event}"));
        }
    }
    Ok(())
}

/// An event of a case without what says nothing about the run: the text of a message stands beside
/// its identifier, and a GPO's volatile objects differ in every run.
fn essential(event: &Value) -> Value {
    match event {
        Value::Object(members) => members
            .iter()
            .filter(|(key, _)| !["asserted", "message"].contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), if key == "fields" { constant_fields(value) } else { essential(value) }))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn constant_fields(fields: &Value) -> Value {
    let is_constant = |field: &&Value| !["9A", "9F21", "9F37", "9F41"].iter().any(|volatile| field[0] == *volatile);
    crate::list(fields).iter().filter(is_constant).cloned().collect()
}

/// A user interface request, with what it is called where it stands.
pub(crate) fn ui_request(request: &UiRequest) -> Map<String, Value> {
    let mut event = Map::new();
    let status = match request.status {
        Status::NotReady => "not_ready",
        Status::Idle => "idle",
        Status::ReadyToRead => "ready_to_read",
        Status::Processing => "processing",
        Status::CardReadSuccessfully => "card_read_successfully",
        Status::ProcessingError => "processing_error",
        Status::NotApplicable => "na",
    };
    event.insert("message_id".into(), in_hex(&[request.message.code()]).into());
    event.insert("status".into(), status.into());
    if !request.hold_time.is_zero() {
        event.insert("hold_time_100ms".into(), tenths_of_a_second(request.hold_time).into());
    }
    if !request.language_preference.is_empty() {
        let language = String::from_utf8(request.language_preference.to_vec()).expect("letters");
        event.insert("language_preference".into(), language.into());
    }
    if let Some(value) = request.value {
        let qualifier = match value.qualifier {
            ValueQualifier::Amount => "amount",
            ValueQualifier::Balance => "balance",
        };
        event.insert("value_qualifier".into(), qualifier.into());
        event.insert("value".into(), format!("{:012}", value.minor_units).into());
        event.insert("currency".into(), in_hex(&value.currency).into());
    }
    event
}

/// A Final Outcome.
pub(crate) fn outcome(outcome: &Outcome) -> Value {
    let mut event = json!({
        "event": "outcome",
        "outcome": decision(outcome.decision),
        "start": outcome.start.map_or("na", start_point),
        "online_response_type": match outcome.online_response_data {
            None => "na",
            Some(OnlineResponseData::EmvData) => "emv_data",
            Some(OnlineResponseData::Any) => "any",
        },
        "cvm": match outcome.cvm {
            None => "na",
            Some(Cvm::NoCvm) => "no_cvm",
            Some(Cvm::ObtainSignature) => "obtain_signature",
            Some(Cvm::OnlinePin) => "online_pin",
            Some(Cvm::ConfirmationCodeVerified) => "confirmation_code_verified",
        },
        "receipt": outcome.receipt,
        "alternate_interface": match outcome.alternate_interface {
            None => "na",
            Some(AlternateInterface::ContactChip) => "contact_chip",
            Some(AlternateInterface::MagStripe) => "mag_stripe",
        },
        "removal_timeout": tenths_of_a_second(outcome.removal_timeout),
    });
    if let Some(hold_time) = outcome.field_off {
        event["field_off_hold"] = tenths_of_a_second(hold_time).into();
    }
    if let Some(request) = &outcome.ui_on_outcome {
        event["ui_on_outcome"] = ui_request(request).into();
    }
    if let Some(request) = &outcome.ui_on_restart {
        event["ui_on_restart"] = ui_request(request).into();
    }
    if let Some(record) = &outcome.data_record {
        event["data_record"] = in_hex(record.as_bytes()).into();
    }
    event
}

fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::SelectNext => "select_next",
        Decision::TryAgain => "try_again",
        Decision::Approved => "approved",
        Decision::Declined => "declined",
        Decision::OnlineRequest => "online_request",
        Decision::RequestOnlinePin => "request_online_pin",
        Decision::TryAnotherInterface => "try_another_interface",
        Decision::EndApplication => "end_application",
    }
}

/// A start point by its letter.
pub(crate) fn start_point(point: StartPoint) -> &'static str {
    match point {
        StartPoint::A => "A",
        StartPoint::B => "B",
        StartPoint::C => "C",
        StartPoint::D => "D",
    }
}

fn tenths_of_a_second(duration: std::time::Duration) -> u64 {
    duration.as_secs() * 10 + u64::from(duration.subsec_millis()) / 100
}
