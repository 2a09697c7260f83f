//! Transactions and cards that others recorded: one JSON document with `card_table` or `card_responses`, and perhaps
//! the reader's configuration, the transaction and what became of it.

use std::collections::BTreeMap;

use emv::apdu::StatusWord;
use emv::dict;
use emv::fields::TerminalType;
use emv::kernel::Database;
use emv::oda::CaKey;
use emv::tlv::{Tag, Tlvs, Writer};
use serde_json::Value;

use super::card_script::{CardScript, Unmatched};
use super::entry::What;
use super::file::{FileError, Inputs};
use super::replay::Run;
use super::settings::{Application, ApplicationLimits, Key, Settings, Terminal};
use super::told::Event;
use crate::terminal::Hex;

/// A recording of a card, perhaps with the terminal that read it.
pub struct RecordedTransaction {
    /// The card.
    pub script: CardScript,
    /// The terminal and its transaction.
    pub terminal: Option<(Settings, Inputs)>,
    /// What became of it.
    pub expectation: Option<Expectation>,
}

/// What a recording says of a transaction's end.
pub struct Expectation(Value);

type Result<T> = std::result::Result<T, FileError>;

fn wrong(reason: impl ToString) -> FileError {
    FileError::new(1, reason)
}

impl RecordedTransaction {
    /// Reads a document.
    ///
    /// # Errors
    /// [`FileError`] that names the key which is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let document: Value = serde_json::from_str(text).map_err(|error| FileError::json(error.line(), &error))?;
        let pairs = [&document["card_table"], &document["card_responses"]].into_iter().find_map(Value::as_array);
        let pairs = pairs.ok_or_else(|| wrong("neither card_table nor card_responses is there"))?;
        let unmatched = match &document["unmatched_command_answer"] {
            Value::Null => Unmatched::default(),
            answer => Unmatched::Answer(hex("unmatched_command_answer", answer)?),
        };
        let mut script = CardScript::new(unmatched);
        let mut label = "";
        for (number, pair) in pairs.iter().enumerate() {
            label = document["labels"][number.to_string()].as_str().unwrap_or(label);
            let response = match &pair[1] {
                Value::Null => None,
                response => Some(hex("card_responses", response)?),
            };
            match (&pair[0], label) {
                // The recording doesn't fix the command, because its data depends on the terminal.
                (Value::Null, "GPO") => script.add_instruction(GET_PROCESSING_OPTIONS, response),
                (Value::Null, _) => {}
                (command, _) => script.add(&hex("card_responses", command)?, response),
            }
        }
        let terminal = match &document["config"] {
            Value::Null => None,
            config => {
                let settings = settings(config, &script)?;
                let (name, fci) = selected(&document, &settings.applications[0].aid.0);
                script.complete_with_application(&name, &fci);
                Some((settings, inputs(config, &document["transaction"])?))
            }
        };
        let expectation = (!document["expect"].is_null()).then(|| Expectation(document["expect"].clone()));
        Ok(RecordedTransaction { script, terminal, expectation })
    }
}

/// The instruction byte of GET PROCESSING OPTIONS (EMV Book 3, 6.5.8).
const GET_PROCESSING_OPTIONS: u8 = 0xA8;

fn hex(key: &str, value: &Value) -> Result<Vec<u8>> {
    let text = value.as_str().ok_or_else(|| wrong(format!("{key}: expected hex digits")))?;
    text.parse::<Hex>().map(|hex| hex.0).map_err(|error| wrong(format!("{key}: {error}")))
}

/// The configuration's sections one above the other, in the order of precedence that such a file names. The recorded
/// implementation passes over what is no tag.
fn merged(config: &Value) -> Result<Database> {
    let mut objects = Database::new();
    for section in ["terminal", "kernel_config", "aid_config", "transaction_config"] {
        for (tag, value) in config[section].as_object().into_iter().flatten() {
            if let Ok(parsed) = tag.parse::<Tag>() {
                objects.set(parsed, &hex(tag, value)?);
            }
        }
    }
    Ok(objects)
}

/// The name of the recorded application, and what it answers when it is selected: the FCI that the recording has
/// somewhere, or else one that asks for the least that Entry Point takes (EMV Contactless Book B, 3.3.3.6).
fn selected(document: &Value, aid: &[u8]) -> (Vec<u8>, Vec<u8>) {
    fci_in(document, aid).unwrap_or_else(|| {
        let mut fci = Writer::new();
        fci.template(dict::FCI_TEMPLATE, |fci| {
            fci.put(dict::DF_NAME, aid);
            fci.template(dict::FCI_PROPRIETARY_TEMPLATE, |proprietary| {
                let ttq_alone = [&dict::TTQ.number().to_be_bytes()[2..], &[4]].concat();
                proprietary.put(dict::PDOL, &ttq_alone);
            });
        });
        (aid.to_vec(), fci.into_bytes())
    })
}

/// The first FCI of this application at whatever depth, and its DF name.
fn fci_in(value: &Value, aid: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    match value {
        Value::String(text) => {
            let bytes = text.parse::<Hex>().ok()?.0;
            let fci = bytes.strip_suffix(&StatusWord::SUCCESS.to_bytes()).unwrap_or(&bytes);
            let name = Tlvs::parse(fci).ok()?.find_template(dict::FCI_TEMPLATE)?.find(dict::DF_NAME)?;
            name.starts_with(aid).then(|| (name.to_vec(), fci.to_vec()))
        }
        Value::Array(values) => values.iter().find_map(|value| fci_in(value, aid)),
        Value::Object(fields) => fields.values().find_map(|value| fci_in(value, aid)),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The value in exactly this many bytes, cut or filled with zeros on the right.
fn fitted(objects: &Database, tag: Tag, length: usize) -> Hex {
    let mut value = objects.get(tag).unwrap_or_default().to_vec();
    value.resize(length, 0);
    Hex(value)
}

fn settings(config: &Value, script: &CardScript) -> Result<Settings> {
    let mut objects = merged(config)?;
    let kernel = hex("config.kernel_id", &config["kernel_id"])?;
    // The recorded implementation asks for an ARQC on every terminal that can go online, whatever the action codes say.
    let asked_for_arqc = script.asks_for_arqc();
    let online = objects
        .value(dict::TERMINAL_TYPE)
        .and_then(|value| TerminalType::try_from(value).ok())
        .is_some_and(|terminal| terminal.environment().online);
    let terminal = Terminal {
        terminal_type: fitted(&objects, dict::TERMINAL_TYPE, 1),
        country: fitted(&objects, dict::TERMINAL_COUNTRY_CODE, 2),
        capabilities: fitted(&objects, dict::TERMINAL_CAPABILITIES, 3),
        additional_capabilities: fitted(&objects, dict::ADDITIONAL_TERMINAL_CAPABILITIES, 5),
        terminal_id: fitted(&objects, dict::TERMINAL_IDENTIFICATION, 8),
        merchant_id: fitted(&objects, dict::MERCHANT_IDENTIFIER, 15),
        merchant_category_code: fitted(&objects, dict::MERCHANT_CATEGORY_CODE, 2),
        merchant_name_and_location: Hex(objects.get(dict::MERCHANT_NAME_AND_LOCATION).unwrap_or_default().to_vec()),
        acquirer_id: fitted(&objects, dict::ACQUIRER_IDENTIFIER, 6),
        ifd_serial_number: fitted(&objects, dict::IFD_SERIAL_NUMBER, 8),
        poi_information: None,
        proprietary_data_identifiers: Vec::new(),
    };
    let flags = &config["kernel_flags"];
    let mut options = Vec::new();
    if kernel == [3] {
        let enabled = OPTIONS.iter().filter(|(flag, _)| flags[flag].as_bool() == Some(true));
        options.extend(enabled.map(|(_, option)| (*option).to_owned()));
    } else if online && asked_for_arqc {
        objects.set(dict::TERMINAL_ACTION_CODE_ONLINE, &[0xFF; 5]);
    }
    let limits = &config["limits"];
    let application = Application {
        aid: Hex(hex("config.aid", &config["aid"])?),
        kernel: Hex(kernel),
        transaction_types: fitted(&objects, dict::TRANSACTION_TYPE, 1),
        limits: ApplicationLimits {
            status_check_supported: limits["statusCheckSupportFlag"].as_bool().unwrap_or(false),
            zero_amount_allowed: limits["zeroAmountAllowedFlag"].as_bool(),
            zero_amount_for_offline_allowed: false,
            contactless_transaction_limit: limits["readerContactlessTransactionLimit"].as_u64(),
            contactless_floor_limit: limits["readerContactlessFloorLimit"].as_u64(),
            terminal_floor_limit: limits["terminalFloorLimit"].as_u64(),
            cvm_required_limit: limits["readerCVMRequiredLimit"].as_u64(),
            ttq: objects.value(dict::TTQ).map(|value| Hex(value.to_vec())),
            extended_selection_supported: limits["extendedSelectionSupportFlag"].as_bool().unwrap_or(false),
        },
        options,
        programs: Vec::new(),
        objects: objects.iter().map(|(tag, value)| (tag.to_string(), Hex(value.to_vec()))).collect::<BTreeMap<_, _>>(),
    };
    let mut ca_keys = Vec::<Key>::new();
    for key in config["ca_keys"].as_array().into_iter().flatten().filter_map(ca_key) {
        if !ca_keys.iter().any(|other| (&other.rid, &other.index) == (&key.rid, &key.index)) {
            ca_keys.push(key);
        }
    }
    Ok(Settings { terminal, applications: vec![application], ca_keys, revoked: Vec::new() })
}

/// A key of the recording, if it is one: what is misprinted matters only to the card that wants it. The recorded
/// implementation takes keys whose expiry date has passed.
fn ca_key(key: &Value) -> Option<Key> {
    let part = |name: &str| key[name].as_str()?.parse::<Hex>().ok();
    let (rid, index, exponent, modulus) = (part("rid")?, part("index")?, part("exponent")?, part("modulus")?);
    let [number] = index.0[..] else { return None };
    CaKey::without_checksum(rid.0[..].try_into().ok()?, number, &modulus.0, &exponent.0).ok()?;
    Some(Key { rid, index, exponent, modulus, expiry: None })
}

/// The recorded implementation's names for the options of Kernel 3.
const OPTIONS: &[(&str, &str)] = &[
    ("fddaForOnlineSupported", "fdda_for_online"),
    ("displayAvailableSpendingAmount", "display_available_spending_amount"),
    ("aucManualCheckSupported", "manual_cash_check"),
    ("aucCashbackCheckSupported", "cashback_check"),
];

fn inputs(config: &Value, transaction: &Value) -> Result<Inputs> {
    let configured = merged(config)?;
    let request = hex("transaction.request_tlv", &transaction["request_tlv"])?;
    let request = Tlvs::parse(&request).map_err(|error| wrong(format!("transaction.request_tlv: {error}")))?;
    let amount = |tag| -> Result<Option<u64>> {
        let Some(value) = request.find(tag) else { return Ok(None) };
        let amount = emv::fields::Amount::try_from(value).map_err(|error| wrong(format!("{tag}: {error}")))?;
        Ok(Some(amount.minor_units()))
    };
    let currency = request.find(dict::TRANSACTION_CURRENCY_CODE).or(configured.value(dict::TRANSACTION_CURRENCY_CODE));
    let transaction_type = request.find(dict::TRANSACTION_TYPE).unwrap_or(&[0x00]);
    let varying = |key: &str| hex(key, &transaction[key]).map(Hex);
    Ok(Inputs {
        amount: amount(dict::AMOUNT_AUTHORISED_NUMERIC)?,
        amount_other: amount(dict::AMOUNT_OTHER_NUMERIC)?,
        currency: Hex(currency.unwrap_or(&[0; 2]).to_vec()),
        currency_exponent: fitted(&configured, dict::TRANSACTION_CURRENCY_EXPONENT, 1).0[0],
        transaction_type: Hex(transaction_type.to_vec()),
        date: varying(&dict::TRANSACTION_DATE.to_string())?,
        time: varying(&dict::TRANSACTION_TIME.to_string())?,
        sequence_counter: 1,
        unpredictable_number: Some(varying(&dict::UNPREDICTABLE_NUMBER.to_string())?),
        seed: Hex(vec![0; 32]),
    })
}

impl Expectation {
    /// What a run gave otherwise than it was recorded; nothing where all is the same. The recorded records may leave
    /// out objects that the book lists, so a run's may hold more.
    pub fn difference(&self, run: &Run) -> Option<String> {
        let expected = &self.0;
        if let Some(command) = run.unmatched.first() {
            return Some(format!("the recorded card was never sent {command}"));
        }
        let Some(outcome) = run.outcome() else { return Some("there is no outcome".into()) };
        let same = |what: &str, ours: &str, recorded: &str| {
            (ours != recorded).then(|| format!("{what} is {ours}, recorded is {recorded}"))
        };
        let none = |words: &str| if words == "N/A" { "none".into() } else { snake(words) };
        let text = |key: &str| expected[key].as_str().unwrap_or_default();
        same("outcome", &outcome.decision, &snake(text("outcome")))
            .or_else(|| {
                same("restart", &outcome.start.as_deref().unwrap_or("none").to_lowercase(), &none(text("restart")))
            })
            .or_else(|| {
                let ours = match outcome.cvm.as_deref() {
                    Some("confirmation_code_verified") => "confirm_code_verified",
                    other => other.unwrap_or("none"),
                };
                same("CVM", ours, &none(text("cvm")))
            })
            .or_else(|| self.messages(run))
            .or_else(|| holds("data record", outcome.data_record.as_ref(), &expected["data_record"]))
            .or_else(|| {
                holds("discretionary data", outcome.discretionary_data.as_ref(), &expected["discretionary_data"])
            })
            .or_else(|| self.authentication(run))
    }

    fn messages(&self, run: &Run) -> Option<String> {
        let recorded = self.0["ui_messages"].as_array()?;
        let recorded: Vec<_> = recorded
            .iter()
            .map(|shown| {
                let words = shown["message"].as_str().unwrap_or_default();
                let message = MESSAGES.iter().find(|(known, _)| *known == words).map_or(words, |(_, name)| name);
                format!("{message}/{}", snake(shown["status"].as_str().unwrap_or_default()))
            })
            .collect();
        let ours: Vec<_> = run
            .entries
            .iter()
            .filter_map(|entry| match &entry.what {
                What::Ui(ui) => Some(format!("{}/{}", ui.message, ui.status.replace("not_applicable", ""))),
                _ => None,
            })
            .collect();
        // Where a recording begins later, our asking for the card comes before it.
        let invitation = "present_card/ready_to_read";
        let ours = match &ours[..] {
            [first, rest @ ..] if first == invitation && recorded.first().is_none_or(|first| first != invitation) => {
                rest
            }
            all => all,
        };
        (ours != recorded).then(|| format!("shown is {}, recorded is {}", ours.join(" "), recorded.join(" ")))
    }

    fn authentication(&self, run: &Run) -> Option<String> {
        let verified = self.0["oda_steps_verified"].as_array().is_some_and(|steps| !steps.is_empty());
        let results: Vec<_> = run
            .entries
            .iter()
            .filter_map(|entry| match &entry.what {
                What::Event(Event::OfflineDataAuthentication { result, .. }) => Some(result.as_str()),
                _ => None,
            })
            .collect();
        let expected: &[&str] = if verified { &[Event::VERIFIED] } else { &[] };
        (results != expected).then(|| format!("offline data authentication gave {results:?}, recorded is {expected:?}"))
    }
}

/// Every object of the recorded record is in ours, with the same value. Values are not told.
fn holds(what: &str, ours: Option<&Hex>, recorded: &Value) -> Option<String> {
    let recorded: Hex = recorded.as_str().unwrap_or_default().parse().ok()?;
    let recorded = Tlvs::parse(&recorded.0).ok()?;
    let ours = Tlvs::parse(ours.map_or(&[], |hex| &hex.0)).ok()?;
    recorded.iter().find_map(|object| match ours.find(object.tag) {
        Some(value) if value == object.value => None,
        Some(_) => Some(format!("{what}: {} differs", object.tag)),
        None => Some(format!("{what}: {} is missing", object.tag)),
    })
}

/// `Card Read Successfully (Remove Card)` as `card_read_successfully`.
fn snake(words: &str) -> String {
    words.split('(').next().unwrap_or_default().trim().to_lowercase().replace(' ', "_")
}

/// The recorded implementation's words for messages, and the names of Book A, 9.4.
const MESSAGES: &[(&str, &str)] = &[
    ("Approved", "approved"),
    ("Not Authorised", "not_authorised"),
    ("Please enter your PIN", "enter_pin"),
    ("Processing error", "processing_error"),
    ("Please remove card", "remove_card"),
    ("Welcome", "welcome"),
    ("Present card", "present_card"),
    ("Processing", "processing"),
    ("Card read OK, Please remove card", "card_read_ok"),
    ("Please insert or swipe card", "insert_or_swipe_card"),
    ("Please present one card only", "present_one_card_only"),
    ("Approved Please sign", "approved_please_sign"),
    ("Authorising Please Wait", "authorising"),
    ("Insert, swipe or try another card", "try_another_card"),
    ("Please insert card", "insert_card"),
    ("*** CLEAR ****", "clear_display"),
    ("See Phone for Instructions", "see_phone"),
    ("Present card again", "present_card_again"),
    ("", "not_applicable"),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SELECT: &str = "00A4040007A0000000031010";
    const GPO: [&str; 2] = ["80A8000006830426000000", "6985"];

    /// A recording of these answers, and of the application's own when it was selected, if that is there.
    fn recording(table: Value, fci: Option<&str>) -> RecordedTransaction {
        let document = json!({
            "config": {
                "kernel_id": "02", "aid": "A0000000031010", "terminal": { "9F35": "22", "8F6D": "00" },
                "preselected": fci,
            },
            "transaction": { "request_tlv": "9F0206000000001250", "9A": "261124", "9F21": "143000", "9F37": "01020304" },
            "card_table": table,
        });
        RecordedTransaction::parse(&document.to_string()).unwrap()
    }

    fn answer_to_select(recording: &RecordedTransaction) -> String {
        let mut answers = recording.script.pairs().into_iter().filter(|(command, _)| command == SELECT);
        let (Some((_, Some(answer))), None) = (answers.next(), answers.next()) else { panic!("one answer") };
        answer
    }

    #[test]
    fn a_recording_that_begins_with_an_application_selected_is_given_the_selection() {
        assert_eq!(answer_to_select(&recording(json!([GPO]), None)), "6F118407A0000000031010A5069F38039F66049000");
        let fci = "6F148407A0000000031010A5099F38069F66049F37";
        assert!(answer_to_select(&recording(json!([GPO]), Some(fci))).starts_with("6F118407"), "no FCI: cut short");
        let fci = "6F148407A0000000031010A5099F38069F66049F3704";
        assert_eq!(answer_to_select(&recording(json!([GPO]), Some(fci))), format!("{fci}9000"));
        let recorded = ["00A4040007A000000003101000", "6A82"];
        assert_eq!(answer_to_select(&recording(json!([recorded, GPO]), Some(fci))), "6A82", "it has its own");
    }

    #[test]
    fn action_codes_ask_for_an_arqc_where_the_recorded_card_was_asked_for_one() {
        for (reference_control, expected) in [("90", Some(vec![0xFF; 5])), ("80", Some(vec![0xFF; 5])), ("50", None)] {
            let table = json!([GPO, [format!("80AE{reference_control}000100"), "6985"]]);
            let (settings, _) = recording(table, None).terminal.unwrap();
            let online = settings.applications[0].objects.get("DF8122").map(|hex| hex.0.clone());
            assert_eq!(online, expected, "{reference_control}");
        }
    }
}
