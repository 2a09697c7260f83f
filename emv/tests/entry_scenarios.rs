//! Scenarios of Entry Point: each file `golden/entry-*.json` is one, run by this harness.
//!
//! | key | what |
//! |---|---|
//! | `title` | what happens, as a sentence |
//! | `proves` | the requirements that it proves, such as `B 3.2.1.4` (see `docs/conformance`) |
//! | `combinations` | `aid`, `kernel`, `types` and `limits` of each |
//! | `point_of_interaction` | `country`, POI `information`, and the `identifiers` of proprietary data |
//! | `autorun` | whether transactions begin by themselves |
//! | `transaction` | `amount` in minor units, or none; `type` |
//! | `steps` | what happens, and what Entry Point then wants |
//!
//! What happens is a word (`start`, `card`, `collision`, `collision over`, `lost`, `removed`, `deadline`, `cancel`),
//! or one of these: `response` with a tree of objects by tag, which ends in `9000`, or with bytes; `kernel` with an
//! outcome; `issuer` with the answer's bytes, or `null`.

#[path = "vectors/mod.rs"]
mod vectors;

use std::fs;
use std::path::Path;
use std::time::Duration;

use emv::Instant;
use emv::entry::{Autorun, EntryPoint, Input, Output};
use emv::fields::{Amount, Date, Ttq};
use emv::kernel::{
    Decision, Event, MessageId, OnlineResponseData, Outcome, Start, StartPoint, Status, Transaction, UiRequest,
    UnpredictableNumbers,
};
use emv::profile::{Aid, Combination, KernelId, Limits, PoiInformation, PointOfInteraction};
use serde_json::Value;
use vectors::{Tally, digits, encoded, hex};

#[test]
fn every_scenario_goes_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut tally = Tally::new("entry scenarios");
    let entries = fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> = entries.filter(|path| name(path).starts_with("entry-")).collect();
    paths.sort();
    assert!(!paths.is_empty(), "there are scenarios");
    for path in paths {
        let text = fs::read_to_string(&path).expect("a scenario is text");
        let scenario = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        tally.record(&name(&path), run(&scenario));
    }
    tally.finish();
}

fn name(path: &Path) -> String {
    path.file_stem().expect("a file has a name").to_string_lossy().into_owned()
}

fn run(scenario: &Value) -> Result<(), String> {
    let combinations: Vec<_> = list(&scenario["combinations"]).iter().map(combination).collect();
    let autorun = if scenario["autorun"] == true { Autorun::Yes } else { Autorun::No };
    let mut entry_point = EntryPoint::new(
        combinations.into(),
        point_of_interaction(&scenario["point_of_interaction"]),
        transaction(&scenario["transaction"]),
        UnpredictableNumbers::from_seed([0; 32]),
        autorun,
    );
    for (number, step) in list(&scenario["steps"]).iter().enumerate() {
        happen(&mut entry_point, &step[0]);
        let wanted: Vec<_> =
            std::iter::from_fn(|| entry_point.poll()).filter_map(|output| described(&output)).collect();
        let expected: Vec<_> = list(&step[1]).iter().map(text).collect();
        if wanted != expected {
            return Err(format!("step {}, {}: wants {wanted:?}, expected is {expected:?}", number + 1, step[0]));
        }
    }
    Ok(())
}

fn happen(entry_point: &mut EntryPoint, what: &Value) {
    let mut handle = |input| entry_point.handle(input, Instant::default());
    match what {
        Value::String(word) => match word.as_str() {
            "start" => {}
            "card" => handle(Input::CardPresent),
            "collision" => handle(Input::Collision),
            "collision over" => handle(Input::CollisionOver),
            "lost" => handle(Input::CardLost),
            "removed" => handle(Input::CardRemoved),
            "deadline" => handle(Input::Deadline),
            "cancel" => handle(Input::Cancel),
            other => panic!("{other} does not happen"),
        },
        other => match other.as_object().and_then(|object| object.iter().next()).expect("an object with one key") {
            (key, Value::String(bytes)) if key == "response" => handle(Input::Response(&hex(bytes))),
            (key, tree) if key == "response" => handle(Input::Response(&[encoded(tree), vec![0x90, 0x00]].concat())),
            (key, given) if key == "kernel" => handle(Input::KernelOutcome(outcome(given))),
            (key, answer) if key == "issuer" => handle(Input::OnlineResponse(answer.as_str().map(hex).as_deref())),
            (key, _) => panic!("{key} does not happen"),
        },
    }
}

/// What Entry Point wants, in a line; nothing for the record of what was selected.
fn described(output: &Output) -> Option<String> {
    Some(match output {
        Output::Ui(request) => format!("show {}", shown(request)),
        Output::Record(Event::ProprietaryData { identifier, value }) => {
            format!("proprietary data {identifier:04X} {}", digits(value))
        }
        Output::Record(_) => return None,
        Output::FieldOn => "field on".to_owned(),
        Output::FieldOff { hold_time } => format!("field off{}", held(*hold_time)),
        Output::Poll => "poll".to_owned(),
        Output::Transmit(command) => format!("send {}", digits(&command.to_bytes())),
        Output::Activate { combination, start } => format!("activate {combination}{}", started(start)),
        Output::Wait(moment) => format!("wait {} ms", (*moment - Instant::default()).as_millis()),
        Output::AwaitRemoval => "await removal".to_owned(),
        Output::AwaitOnlineResponse(outcome) => format!("await the issuer, {:?}", outcome.decision),
        Output::Finished(outcome) => format!("finished, {:?}", outcome.decision),
    })
}

fn shown(request: &UiRequest) -> String {
    format!("{:?}, {:?}{}", request.message, request.status, held(request.hold_time))
}

fn held(time: Duration) -> String {
    if time.is_zero() { String::new() } else { format!(", {} ms", time.as_millis()) }
}

/// What is remarkable about a kernel's start.
fn started(start: &Start) -> String {
    let indicators = &start.indicators;
    let flags = [
        (indicators.status_check_requested, "status check"),
        (indicators.zero_amount, "zero amount"),
        (indicators.reader_contactless_floor_limit_exceeded, "floor limit exceeded"),
        (indicators.reader_cvm_required_limit_exceeded, "CVM required limit exceeded"),
        (start.is_restart, "restart"),
        (start.is_removal_timed_out, "removal timed out"),
    ];
    let ttq = indicators.ttq.map(|ttq| format!("TTQ {}", digits(ttq.as_bytes())));
    let issuer = start.online_response.as_ref().map(|response| format!("issuer {}", digits(response)));
    let flags = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| (*name).to_owned());
    flags.chain(ttq).chain(issuer).map(|remark| format!(", {remark}")).collect()
}

fn outcome(given: &Value) -> Outcome {
    let request = |key: &str| given[key].as_str().map(request);
    let milliseconds = |key: &str| given[key].as_u64().map(Duration::from_millis);
    Outcome {
        start: given["start"].as_str().map(|point| match point {
            "A" => StartPoint::A,
            "B" => StartPoint::B,
            "C" => StartPoint::C,
            "D" => StartPoint::D,
            other => panic!("there is no Start {other}"),
        }),
        online_response_data: given["online_response_data"].as_str().map(|data| match data {
            "Any" => OnlineResponseData::Any,
            "EmvData" => OnlineResponseData::EmvData,
            other => panic!("{other} is no Online Response Data"),
        }),
        ui_on_outcome: request("on_outcome"),
        ui_on_restart: request("on_restart"),
        field_off: milliseconds("field_off_ms"),
        removal_timeout: milliseconds("removal_timeout_ms").unwrap_or_default(),
        ..Outcome::new(match text(&given["outcome"]) {
            "SelectNext" => Decision::SelectNext,
            "TryAgain" => Decision::TryAgain,
            "Approved" => Decision::Approved,
            "Declined" => Decision::Declined,
            "OnlineRequest" => Decision::OnlineRequest,
            "RequestOnlinePin" => Decision::RequestOnlinePin,
            "TryAnotherInterface" => Decision::TryAnotherInterface,
            "EndApplication" => Decision::EndApplication,
            other => panic!("{other} is no outcome"),
        })
    }
}

/// `21 ReadyToRead`: message identifier and status.
fn request(written: &str) -> UiRequest {
    let (message, status) = written.split_once(' ').expect("a message and a status");
    let status = match status {
        "NotReady" => Status::NotReady,
        "ReadyToRead" => Status::ReadyToRead,
        "Processing" => Status::Processing,
        "CardReadSuccessfully" => Status::CardReadSuccessfully,
        "ProcessingError" => Status::ProcessingError,
        other => panic!("{other} is no status"),
    };
    UiRequest::new(MessageId::from_code(hex(message)[0]), status)
}

fn combination(given: &Value) -> Combination {
    let limits = &given["limits"];
    let flag = |key: &str| limits[key].as_bool();
    let limit = |key: &str| limits[key].as_u64().map(amount);
    Combination {
        aid: Aid::try_from(&hex(text(&given["aid"]))[..]).expect("an AID"),
        kernel_id: KernelId::try_from(&hex(text(&given["kernel"]))[..]).expect("a kernel identifier"),
        transaction_types: given["types"].as_str().map_or_else(|| vec![0x00], hex),
        limits: Limits {
            status_check_supported: flag("status_check").unwrap_or_default(),
            zero_amount_allowed: flag("zero_amount"),
            zero_amount_for_offline_allowed: flag("zero_amount_for_offline").unwrap_or_default(),
            contactless_transaction_limit: limit("transaction_limit"),
            contactless_floor_limit: limit("floor_limit"),
            terminal_floor_limit: limit("terminal_floor_limit"),
            cvm_required_limit: limit("cvm_limit"),
            ttq: limits["ttq"].as_str().map(|ttq| Ttq::try_from(&hex(ttq)[..]).expect("four bytes")),
            extended_selection_supported: flag("extended_selection").unwrap_or_default(),
        },
    }
}

fn point_of_interaction(given: &Value) -> PointOfInteraction {
    let identifiers = given["identifiers"].as_array().into_iter().flatten();
    PointOfInteraction {
        country: [0x02, 0x76],
        information: given["information"].as_str().map_or_else(PoiInformation::default, |information| {
            PoiInformation::try_from(&hex(information)[..]).expect("POI Information")
        }),
        proprietary_data_identifiers: identifiers
            .map(|identifier| u16::from_be_bytes(hex(text(identifier)).try_into().expect("two bytes")))
            .collect(),
    }
}

fn transaction(given: &Value) -> Transaction {
    Transaction {
        amount_authorised: given["amount"].as_u64().map(amount),
        amount_other: None,
        currency: [0x09, 0x78],
        currency_exponent: 2,
        transaction_type: given["type"].as_str().map_or(0x00, |code| hex(code)[0]),
        date: Date::new(2026, 11, 24).expect("a date"),
        time: [0x12, 0x00, 0x00],
        sequence_counter: 1,
    }
}

fn amount(minor_units: u64) -> Amount {
    Amount::new(minor_units).expect("at most twelve digits")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}
