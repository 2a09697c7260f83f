//! Recorded real cards: every answer is read, and what a peer's tests assert of the card is found.
//!
//! The recordings are anonymised, so no signature verifies; this is about selecting and reading.

mod vectors;

use emv::apdu::Response;
use emv::dict;
use emv::fields::{Afl, Aip, Pan, Track2};
use emv::kernel::Database;
use emv::tlv::{Tag, Tlv, Tlvs};
use serde_json::Value;
use vectors::{Tally, cases, hex};

#[test]
fn recorded_cards_say_what_they_said() {
    let mut tally = Tally::new("cards");
    for (name, case) in cases("cards") {
        tally.record(&name, check(&case));
    }
    tally.finish();
}

/// One application of a card, by what was read since it was selected.
type Application = Database;

fn check(case: &Value) -> Result<(), String> {
    let (directory, applications) = read(case)?;
    for (test, expected) in case["tests"].as_object().into_iter().flatten() {
        compare(expected, case, &directory, &applications).map_err(|error| format!("{test}: {error}"))?;
    }
    Ok(())
}

/// Reads the answers in their order: the directory's entries, and the applications.
fn read(case: &Value) -> Result<(Vec<Database>, Vec<Application>), String> {
    let mut directory = Vec::new();
    let mut applications: Vec<Application> = Vec::new();
    for pair in case["card_responses"].as_array().into_iter().flatten() {
        let Some(response) = pair[1].as_str() else { continue };
        let response = hex(response);
        let response = Response::parse(&response).map_err(|error| error.to_string())?;
        // A transaction log is no TLV, and a refusal has no data; a warning has.
        let Ok(objects) = Tlvs::parse(response.data) else { continue };
        if !matches!(response.status.to_bytes()[0], 0x90 | 0x62 | 0x63) {
            continue;
        }
        if let Some(fci) = objects.find_template(dict::FCI_TEMPLATE) {
            match entries(fci) {
                Some(entries) => directory.extend(entries),
                None => applications.push(Database::new()),
            }
        }
        // A recording doesn't fix a command whose data depend on the terminal.
        let gave_options = pair[0].as_str().is_none_or(|command| command.starts_with("80A8"));
        if let Some(application) = applications.last_mut() {
            store(application, objects, gave_options)?;
        }
    }
    Ok((directory, applications))
}

/// The entries of a directory (EMV Contactless Book B, 3.3.1); nothing for an application's FCI.
fn entries(fci: Tlvs<'_>) -> Option<Vec<Database>> {
    let discretionary =
        fci.find_template(dict::FCI_PROPRIETARY_TEMPLATE)?.find_template(dict::FCI_ISSUER_DISCRETIONARY_DATA)?;
    let entries: Vec<_> = discretionary
        .iter()
        .filter(|object| object.tag == dict::APPLICATION_TEMPLATE)
        .map(|object| {
            let mut entry = Database::new();
            entry.set_all(object.children());
            entry
        })
        .collect();
    (!entries.is_empty()).then_some(entries)
}

/// Stores what is in a response. One of format 1 says nothing of what it holds: to GET PROCESSING OPTIONS it is AIP and
/// AFL.
fn store(application: &mut Application, objects: Tlvs<'_>, gave_options: bool) -> Result<(), String> {
    for Tlv { tag, value, .. } in objects {
        if tag == dict::RESPONSE_MESSAGE_TEMPLATE_FORMAT_1 {
            if !gave_options {
                continue;
            }
            let (aip, afl) = value.split_first_chunk::<2>().ok_or("a response of format 1 without AIP")?;
            Aip::from_bytes(*aip);
            Afl::from_bytes(afl).map_err(|error| error.to_string())?;
        } else if tag.is_constructed() {
            store(application, Tlvs::parse(value).map_err(|error| error.to_string())?, gave_options)?;
        } else {
            application.set(tag, value);
        }
    }
    Ok(())
}

fn compare(expected: &Value, case: &Value, directory: &[Database], applications: &[Application]) -> Result<(), String> {
    for (index, wanted) in expected["applications"].as_array().into_iter().flatten().enumerate() {
        let aid = hex(wanted["Aid"].as_str().unwrap_or_default());
        let found = applications.iter().find(|application| application.value(dict::DF_NAME) == Some(&aid[..]));
        let found = found.ok_or_else(|| format!("application {index} was not selected"))?;
        // The peer takes the preferred name first; where a card has no name at all, the scheme's own.
        let name =
            [dict::APPLICATION_PREFERRED_NAME, dict::APPLICATION_LABEL].into_iter().find_map(|tag| found.value(tag));
        if let (Some(name), Some(label)) = (name, wanted["ApplicationLabel"].as_str()) {
            same("ApplicationLabel", String::from_utf8_lossy(name).trim(), label)?;
        }
        if let Some(priority) = wanted["Priority"].as_u64() {
            let read = entry(directory, &aid).and_then(|e| e.value(dict::APPLICATION_PRIORITY_INDICATOR));
            same("Priority", read.map(|value| u64::from(value[0] & 0x0F)), Some(priority))?;
        }
        for (name, tag) in [("LeftPinTry", dict::PIN_TRY_COUNTER), ("TransactionCounter", dict::ATC)] {
            // The peer fills in a number of its own for what the card refuses to tell.
            if let Some(number) = wanted[name].as_u64().filter(|_| gives(case, tag)) {
                same(name, found.value(tag).map(number_of), Some(number))?;
            }
        }
    }
    if let Some(card_number) = expected["CardNumber"].as_str() {
        let read =
            applications.iter().any(|application| pan(application).is_some_and(|pan| pan.digits() == card_number));
        same("CardNumber is found", read, true)?;
    }
    if let Some((month, year)) = expected["ExpireDate"].as_str().and_then(|date| date.split_once('/')) {
        let is_it = |track2: &Track2| {
            let expiry = track2.expiry();
            format!("{:02}", expiry.month()) == month && expiry.year().to_string() == year
        };
        same("ExpireDate is found", applications.iter().filter_map(track2).any(|track2| is_it(&track2)), true)?;
    }
    Ok(())
}

/// Whether the card answered GET DATA for this object.
fn gives(case: &Value, tag: Tag) -> bool {
    let command = format!("80CA{tag}");
    case["card_responses"].as_array().into_iter().flatten().any(|pair| {
        let text = |index: usize| pair[index].as_str().unwrap_or_default();
        text(0).starts_with(&command) && text(1).ends_with("9000")
    })
}

fn entry<'a>(directory: &'a [Database], aid: &[u8]) -> Option<&'a Database> {
    directory.iter().find(|entry| entry.value(dict::ADF_NAME) == Some(aid))
}

/// Of the chip, or of mag-stripe mode.
fn track2(application: &Application) -> Option<Track2> {
    [dict::TRACK_2_EQUIVALENT_DATA, dict::TRACK_2_DATA]
        .into_iter()
        .find_map(|tag| Track2::try_from(application.value(tag)?).ok())
}

fn pan(application: &Application) -> Option<Pan> {
    let pan = application.value(dict::PAN).and_then(|value| Pan::try_from(value).ok());
    pan.or_else(|| track2(application).map(|track2| track2.pan().clone()))
}

fn number_of(value: &[u8]) -> u64 {
    value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, read: T, expected: T) -> Result<(), String> {
    if read == expected { Ok(()) } else { Err(format!("{what}: {read:?}, not {expected:?}")) }
}
