//! Scenarios of the kernels: each file of `golden/` is one, run by this harness.
//!
//! A file names the card it begins with (`golden/cards/NAME.json`) and says what is different: in the
//! card's answers, in the kernel's configuration, in the transaction. Differences are merged as in
//! RFC 7386: an object is merged into an object, `null` takes away, anything else takes the place.
//!
//! | key | what |
//! |---|---|
//! | `title` | what happens, as a sentence |
//! | `proves` | the requirements that it proves, such as `C-2 S3.10` (see `docs/conformance`) |
//! | `from` | the card |
//! | `card` | its answers, by `SELECT`, `GPO`, `RECORD sfi number`, `GENERATE AC`, ... (see [`name`]) |
//! | `takes` | how long it takes to answer, in microseconds, by the same names; a list where it takes longer at one time than at another |
//! | `ca_keys_expire` | the day after which the scheme's keys are not used, YYMMDD |
//! | `configuration` | objects of the kernel's configuration, by tag |
//! | `options` | what of Kernel 3's options is enabled |
//! | `programs` | limits of Kernel 3 by Application Program Identifier, amounts in minor units |
//! | `exception_file` | card numbers on it |
//! | `ttq` | Terminal Transaction Qualifiers, as pre-processing leaves them |
//! | `transaction` | `amount` and `amount_other` in minor units, `type`, `date`, `time` |
//! | `mag_stripe_failures` | how often in a row mag-stripe mode failed before |
//! | `terminal` | what the terminal gives in a data exchange: objects by tag, while the card has the command of this name; in `waits` a list for the times that the kernel waits for it, each objects or `cancel`, and its time-out once there are no more |
//! | `online_response` | the issuer's answer, where the card is presented once more |
//! | `torn_log` | the torn transactions before this one, the oldest first: objects by tag |
//! | `cancel_at` | the command during which the cashier cancels, though the card answers |
//! | `expect` | what must come of it: `commands` (CLA INS P1 P2 of each), `data` (what was sent with each), `shown`, `outcome`, ... |
//!
//! An answer is a tree of objects by tag, which ends in `9000`; or the bytes of a response; or
//! `lost`, where the card doesn't answer; or `cancel`, where the cashier cancels instead.

mod vectors;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use emv::apdu::{Command, Response};
use emv::fields::{AdditionalTerminalCapabilities, Amount, CvmResults, Date, Pan, TerminalCapabilities, Ttq, Tvr};
use emv::kernel::c2::{TornChange, TornLog};
use emv::kernel::{
    Database, Event, Indicators, Input, Kernel, Outcome, Output, Start, Transaction, UiRequest, UnpredictableNumbers,
    c2, c3,
};
use emv::oda::{CaKey, CaKeys, Environment, RevocationList};
use emv::profile::{Aid, Combination, KernelConfiguration, KernelId, Limits, Profile, TerminalData};
use emv::tlv::{Tlvs, Writer};
use emv::{Instant, dict};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use vectors::{Tally, digits, encoded, hex};

#[test]
fn every_scenario_ends_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut tally = Tally::new("golden");
    let mut paths: Vec<_> =
        fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    // Those of Entry Point have a harness of their own.
    let is_of_entry_point =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("entry-"));
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json") && !is_of_entry_point(path));
    paths.sort();
    for path in paths {
        let whole = whole(&folder, read(&path));
        tally.record(&path.file_stem().expect("a name").to_string_lossy(), run(&whole));
    }
    tally.finish();
}

/// How an answer is spoilt.
#[derive(Debug, Clone)]
enum Spoilt {
    Not,
    Byte(prop::sample::Index, u8),
    CutAt(prop::sample::Index),
    Otherwise(Vec<u8>),
}

fn spoilt() -> impl Strategy<Value = Spoilt> {
    prop_oneof![
        4 => Just(Spoilt::Not),
        4 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(index, byte)| Spoilt::Byte(index, byte)),
        1 => any::<prop::sample::Index>().prop_map(Spoilt::CutAt),
        1 => prop::collection::vec(any::<u8>(), 0..300).prop_map(Spoilt::Otherwise),
    ]
}

impl Spoilt {
    fn spoil(&self, mut answer: Vec<u8>) -> Vec<u8> {
        match self {
            Spoilt::Not => {}
            Spoilt::Byte(index, byte) => {
                let index = index.index(answer.len());
                answer[index] = *byte;
            }
            Spoilt::CutAt(index) => answer.truncate(index.index(answer.len())),
            Spoilt::Otherwise(bytes) => answer.clone_from(bytes),
        }
        answer
    }
}

proptest! {
    #[test]
    fn no_answer_of_a_card_is_too_much_for_kernel_2(spoilt in prop::collection::vec(spoilt(), 6)) {
        ends_well("c2-approved-offline.json", "Cda Ok(())", &spoilt)?;
    }

    #[test]
    fn no_answer_of_a_card_is_too_much_for_relay_resistance(spoilt in prop::collection::vec(spoilt(), 9)) {
        ends_well("c2-relay-repeated.json", "Cda Ok(())", &spoilt)?;
    }

    #[test]
    fn no_answer_of_a_card_is_too_much_for_balance_reading(spoilt in prop::collection::vec(spoilt(), 8)) {
        ends_well("c2-balance-before-and-after.json", "Cda Ok(())", &spoilt)?;
    }

    #[test]
    fn no_answer_of_a_card_is_too_much_for_mag_stripe_mode(spoilt in prop::collection::vec(spoilt(), 4)) {
        ends_well("c2-mag-stripe-online.json", "", &spoilt)?;
    }

    #[test]
    fn no_answer_of_a_phone_is_too_much_for_mag_stripe_mode(spoilt in prop::collection::vec(spoilt(), 4)) {
        ends_well("c2-mag-stripe-phone-verified.json", "", &spoilt)?;
    }

    #[test]
    fn no_answer_of_a_card_is_too_much_for_kernel_3(spoilt in prop::collection::vec(spoilt(), 7)) {
        ends_well("c3-approved-offline.json", "Fdda Ok(())", &spoilt)?;
    }
}

/// Whatever a card answers, the kernel comes to an outcome after a bounded number of commands, and
/// does not approve what it did not verify.
fn ends_well(scenario: &str, verified: &str, spoilt: &[Spoilt]) -> Result<(), TestCaseError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let whole = whole(&folder, read(&folder.join(scenario)));
    let mut spoilt = spoilt.iter();
    let came = came_of(&whole, &mut |answer| match spoilt.next() {
        Some(spoilt) => spoilt.spoil(answer),
        None => answer,
    });
    prop_assert!(came["commands"].as_array().unwrap().len() <= 135);
    if came["outcome"] == "Approved" {
        prop_assert_eq!(&came["authentication"], &json!([verified]));
    }
    Ok(())
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A scenario merged into the card that it begins with. What it expects is taken as it stands: there a
/// `null` is a value.
fn whole(folder: &Path, mut scenario: Value) -> Value {
    let card = scenario["from"].as_str().expect("`from` names a card").to_owned();
    let expected = scenario["expect"].take();
    let mut whole = read(&folder.join("cards").join(card).with_extension("json"));
    merge(&mut whole, scenario);
    whole["expect"] = expected;
    whole
}

/// RFC 7386.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let target = target.as_object_mut().expect("made one above");
    for (key, value) in patch {
        if value.is_null() {
            target.remove(&key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

fn run(scenario: &Value) -> Result<(), String> {
    let expected = &scenario["expect"];
    let came = came_of(scenario, &mut |answer| answer);
    for (key, value) in expected.as_object().expect("`expect`") {
        if !agrees(&came[key], value) {
            return Err(format!("{key} is {}, expected is {value}", came[key]));
        }
    }
    Ok(())
}

/// Whether something came as expected. Of the data that were sent, a file names those it is about.
fn agrees(came: &Value, expected: &Value) -> bool {
    match (came, expected) {
        (Value::Object(came), Value::Object(expected)) if came.contains_key("GPO") => {
            expected.iter().all(|(name, data)| came.get(name) == Some(data))
        }
        _ => came == expected,
    }
}

/// Runs the scenario, each answer of the card altered; gives everything that a file may expect.
fn came_of(scenario: &Value, alter: &mut dyn FnMut(Vec<u8>) -> Vec<u8>) -> Value {
    let card = &scenario["card"];
    let profile = Arc::new(profile(scenario));
    let selected = answer(card, "SELECT").expect("an answer to SELECT");
    let selected = Response::parse(&selected).expect("a response to SELECT");
    let mut kernel = Kernel::activate(
        &profile,
        0,
        Start {
            transaction: transaction(&scenario["transaction"]),
            unpredictable_number: hex(text(&scenario["unpredictable_number"])).try_into().expect("four bytes"),
            unpredictable_numbers: UnpredictableNumbers::from_seed([0; 32]),
            indicators: Indicators { ttq: ttq(scenario), ..Indicators::default() },
            df_name: profile.combinations()[0].aid.as_bytes().to_vec(),
            fci: alter(selected.data.to_vec()),
            select_status: selected.status,
            is_restart: !scenario["online_response"].is_null(),
            online_response: scenario.get("online_response").map(encoded),
            is_removal_timed_out: false,
            torn_log: torn_log(scenario),
            mag_stripe_failures: mag_stripe_failures(scenario),
        },
        Instant::default(),
    );

    let mut clock = Clock::new(&scenario["takes"]);
    let (mut commands, mut shown, mut faults, mut authentications) = (vec![], vec![], vec![], vec![]);
    let mut data = BTreeMap::new();
    let (mut waits, mut mag_stripe_failures) = (vec![], mag_stripe_failures(scenario));
    let mut results = (Tvr::default(), CvmResults::default());
    let mut answers = scenario["terminal"]["waits"].as_array().into_iter().flatten();
    let mut exchanged = vec![];
    let (mut log, mut released) = (torn_log(scenario), vec![]);
    let mut script_results = None;
    loop {
        match kernel.poll().expect("the kernel ends with an outcome") {
            Output::Ui(request) => shown.push(ui(&request)),
            Output::Record(Event::CardFault(fault)) => faults.push(fault),
            Output::Record(Event::OfflineDataAuthentication { method, result }) => {
                authentications.push(format!("{method:?} {result:?}"));
            }
            Output::Record(Event::MagStripeFailures(failures)) => mag_stripe_failures = failures,
            Output::Record(Event::Results { tvr, cvm_results }) => results = (tvr, cvm_results),
            Output::Record(Event::IssuerScriptResults(results)) => script_results = Some(digits(&results)),
            Output::Record(Event::TornLog(change)) => {
                log.apply(&change);
                if let TornChange::Released(record) = change {
                    released.push(objects(record.to_record().as_bytes()));
                }
            }
            Output::Record(_) => {}
            Output::DataExchange { needed, sent } => exchanged.push(json!({
                "needed": needed.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "sent": objects(sent.as_bytes()),
            })),
            Output::Wait(moment) => match answers.next() {
                Some(Value::String(stop)) if stop == "cancel" => kernel.handle(Input::Cancel, clock.now),
                Some(answer) => kernel.handle(Input::Data(&encoded(answer)), clock.now),
                None => {
                    waits.push((moment - clock.now).as_millis() as u64);
                    clock.now = moment;
                    kernel.handle(Input::Deadline, moment);
                }
            },
            Output::Transmit(command) => {
                commands.push(digits(&command.to_bytes()[..4]));
                let name = name(&command);
                data.insert(name.clone(), digits(command.data()));
                kernel.handle(Input::Sent, clock.sending());
                if let Some(objects) = scenario["terminal"].get(&name) {
                    kernel.handle(Input::Data(&encoded(objects)), clock.now);
                }
                let answered = clock.answering(&name);
                if scenario["cancel_at"] == name.as_str() {
                    kernel.handle(Input::Cancel, answered);
                }
                match card[&name].as_str() {
                    Some("lost") => kernel.handle(Input::CardLost, answered),
                    Some("cancel") => kernel.handle(Input::Cancel, answered),
                    _ => {
                        let response = answer(card, &name).unwrap_or_else(|| vec![0x6A, 0x83]);
                        kernel.handle(Input::Response(&alter(response)), answered);
                    }
                }
            }
            Output::Finished(outcome) => {
                assert_eq!(kernel.poll(), None, "nothing follows the outcome");
                let (tvr, cvm_results) = results;
                return described(
                    &outcome,
                    json!({
                        "commands": commands,
                        "data": data,
                        "shown": shown,
                        "faults": faults,
                        "authentication": authentications,
                        "tvr": digits(tvr.as_bytes()),
                        "waits_ms": waits,
                        "mag_stripe_failures": mag_stripe_failures,
                        "cvm_results": digits(cvm_results.as_bytes()),
                        "exchanged": exchanged,
                        "torn_log": records(&log),
                        "released": released,
                        "issuer_script_results": script_results,
                    }),
                );
            }
        }
    }
}

/// The time, as it passes in a scenario.
struct Clock<'a> {
    now: Instant,
    takes: &'a Value,
    asked: BTreeMap<String, usize>,
}

impl<'a> Clock<'a> {
    /// How long the terminal takes from its decision to send a command to the command's first byte:
    /// no kernel may count it as the card's.
    const SENDING: Duration = Duration::from_millis(40);

    fn new(takes: &'a Value) -> Self {
        Clock { now: Instant::default(), takes, asked: BTreeMap::new() }
    }

    fn sending(&mut self) -> Instant {
        self.now = self.now + Self::SENDING;
        self.now
    }

    fn answering(&mut self, name: &str) -> Instant {
        let asked = self.asked.entry(name.to_owned()).or_insert(0);
        let micros = match &self.takes[name] {
            Value::Array(micros) => micros[*asked].as_u64(),
            micros => micros.as_u64(),
        };
        *asked += 1;
        self.now = self.now + Duration::from_micros(micros.unwrap_or_default());
        self.now
    }
}

fn described(outcome: &Outcome, mut came: Value) -> Value {
    let record =
        |record: &Option<emv::kernel::Record>| objects(record.as_ref().map_or(&[], |record| record.as_bytes()));
    let discretionary_data = record(&outcome.discretionary_data);
    let further = json!({
        "outcome": format!("{:?}", outcome.decision),
        "start": outcome.start.map(|start| format!("{start:?}")),
        "online_response_data": outcome.online_response_data.map(|data| format!("{data:?}")),
        "cvm": outcome.cvm.map(|cvm| format!("{cvm:?}")),
        "receipt": outcome.receipt,
        "on_outcome": outcome.ui_on_outcome.as_ref().map(ui),
        "on_restart": outcome.ui_on_restart.as_ref().map(ui),
        "alternate_interface": outcome.alternate_interface.map(|interface| format!("{interface:?}")),
        "field_off_ms": outcome.field_off.map(|time| time.as_millis() as u64),
        "error": discretionary_data.get(&dict::ERROR_INDICATION.to_string()),
        "discretionary_data": discretionary_data,
        "data_record": outcome.data_record.is_some().then(|| record(&outcome.data_record)),
    });
    came.as_object_mut().expect("an object").extend(further.as_object().expect("an object").clone());
    came
}

/// Objects by tag.
fn objects(bytes: &[u8]) -> Map<String, Value> {
    let objects = Tlvs::parse(bytes).expect("a record of objects");
    objects.iter().map(|object| (object.tag.to_string(), digits(object.value).into())).collect()
}

/// The torn transactions before the scenario's own.
fn torn_log(scenario: &Value) -> TornLog {
    let mut log = Writer::new();
    for record in scenario["torn_log"].as_array().into_iter().flatten() {
        log.put(dict::TORN_RECORD, &encoded(record));
    }
    TornLog::from_bytes(&log.into_bytes()).expect("a log")
}

/// How often in a row mag-stripe mode failed before the scenario.
fn mag_stripe_failures(scenario: &Value) -> u8 {
    scenario["mag_stripe_failures"].as_u64().unwrap_or(0) as u8
}

/// The torn transactions of a log, each as its objects by tag.
fn records(log: &TornLog) -> Vec<Map<String, Value>> {
    let log = log.to_record();
    let records = Tlvs::parse(log.as_bytes()).expect("a log");
    records.iter().map(|record| objects(record.value)).collect()
}

fn ui(request: &UiRequest) -> String {
    let hold = match request.hold_time.as_millis() {
        0 => String::new(),
        millis => format!(", {millis} ms"),
    };
    let value = request.value.map(|value| format!(", {:?} {}", value.qualifier, value.minor_units)).unwrap_or_default();
    format!("{:?}, {:?}{hold}{value}", request.message, request.status)
}

/// The name under which a card's file has the answer.
fn name(command: &Command) -> String {
    let bytes = command.to_bytes();
    match command.instruction() {
        0xA8 => "GPO".to_owned(),
        0xB2 => format!("RECORD {} {}", bytes[3] >> 3, bytes[2]),
        0xAE => "GENERATE AC".to_owned(),
        0xEA => "RELAY RESISTANCE".to_owned(),
        0x2A => "CHECKSUM".to_owned(),
        0xCA => format!("GET DATA {}", digits(&bytes[2..4])),
        0xD0 => "RECOVER AC".to_owned(),
        0xE0 => "EGPO".to_owned(),
        0x82 => "EXTERNAL AUTHENTICATE".to_owned(),
        _ => digits(&bytes),
    }
}

/// The response under this name.
fn answer(card: &Value, name: &str) -> Option<Vec<u8>> {
    match card.get(name)? {
        Value::String(bytes) => Some(hex(bytes)),
        tree => {
            let mut response = encoded(tree);
            response.extend([0x90, 0x00]);
            Some(response)
        }
    }
}

fn profile(scenario: &Value) -> Profile {
    let mut objects = Database::new();
    for (tag, value) in scenario["configuration"].as_object().expect("`configuration`") {
        objects.set(tag.parse().expect("a tag"), &hex(text(value)));
    }
    let configuration = match scenario["kernel"].as_u64() {
        Some(2) => {
            KernelConfiguration::C2(Arc::new(c2::Configuration::from_objects(&objects).expect("a configuration")))
        }
        Some(3) => KernelConfiguration::C3(Arc::new(c3::Configuration {
            options: options(scenario),
            dynamic_reader_limits: programs(scenario),
            exception_file: scenario["exception_file"].as_array().map(|pans| exception_file(pans)),
            ..c3::Configuration::from_objects(objects).expect("a configuration")
        })),
        other => panic!("there is no kernel {other:?}"),
    };
    let combination = Combination {
        aid: Aid::try_from(&hex(text(&scenario["aid"]))[..]).expect("an AID"),
        kernel_id: KernelId::emvco(scenario["kernel"].as_u64().expect("a kernel") as u8),
        transaction_types: vec![0x00],
        limits: Limits::default(),
    };
    let mut ca_keys = CaKeys::new(Environment::Test);
    for key in scenario["ca_keys"].as_array().into_iter().flatten() {
        let rid = hex(text(&key["rid"])).try_into().expect("a RID");
        let index = hex(text(&key["index"]))[0];
        let key = CaKey::without_checksum(rid, index, &hex(text(&key["modulus"])), &hex(text(&key["exponent"])));
        let key = key.expect("a key");
        let key = match scenario["ca_keys_expire"].as_str() {
            Some(expiry) => key.expiring(Date::try_from(&hex(expiry)[..]).expect("a date")),
            None => key,
        };
        ca_keys.insert(key).expect("keys with different indices");
    }
    let terminal = TerminalData {
        terminal_type: 0x22,
        country: [0x05, 0x28],
        capabilities: TerminalCapabilities::default(),
        additional_capabilities: AdditionalTerminalCapabilities::default(),
        terminal_id: *b"00000001",
        merchant_id: *b"MERCHANT0000001",
        merchant_category_code: [0x58, 0x12],
        merchant_name_and_location: b"CAFE".to_vec(),
        acquirer_id: [0, 0, 0, 0, 0, 1],
        ifd_serial_number: *b"00000001",
    };
    Profile::new(terminal, ca_keys, RevocationList::new(), [(combination, configuration)])
}

fn options(scenario: &Value) -> c3::Options {
    let mut options = c3::Options::default();
    for option in scenario["options"].as_array().into_iter().flatten() {
        options.enable(text(option)).expect("an option");
    }
    options
}

fn programs(scenario: &Value) -> Vec<c3::DynamicReaderLimits> {
    let programs = scenario["programs"].as_array().into_iter().flatten();
    programs
        .map(|program| {
            let amount = |key: &str| program[key].as_u64().map(|amount| Amount::new(amount).expect("an amount"));
            c3::DynamicReaderLimits {
                program_id: hex(text(&program["id"])).into_iter().collect(),
                limits: Limits {
                    status_check_supported: program["status_check"].as_bool().unwrap_or(false),
                    zero_amount_allowed: program["zero_amount"].as_bool(),
                    contactless_transaction_limit: amount("transaction_limit"),
                    contactless_floor_limit: amount("floor_limit"),
                    cvm_required_limit: amount("cvm_limit"),
                    ..Limits::default()
                },
            }
        })
        .collect()
}

fn exception_file(pans: &[Value]) -> c3::ExceptionFile {
    pans.iter().map(|pan| Pan::from_digits(text(pan)).expect("a card number")).collect()
}

fn ttq(scenario: &Value) -> Option<Ttq> {
    let ttq = scenario["ttq"].as_str()?;
    Some(Ttq::try_from(&hex(ttq)[..]).expect("four bytes"))
}

fn transaction(given: &Value) -> Transaction {
    let amount = |key: &str| given[key].as_u64().map(|minor_units| Amount::new(minor_units).expect("an amount"));
    Transaction {
        amount_authorised: amount("amount"),
        amount_other: amount("amount_other"),
        currency: [0x09, 0x78],
        currency_exponent: 2,
        transaction_type: hex(text(&given["type"]))[0],
        date: Date::try_from(&hex(text(&given["date"]))[..]).expect("a date"),
        time: given["time"].as_str().map_or([0x12, 0x00, 0x00], |time| hex(time).try_into().expect("a time")),
        sequence_counter: 1,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
