//! Whole contactless transactions that another implementation ran, card replies with real
//! signatures, against the kernels.
//!
//! What is compared: that every command is one the recorded card answers, the outcome, its start and
//! CVM, what is shown, and that every object of the recorded data record and discretionary data is in
//! ours with the same value; that the signatures verify wherever the recording says so.
//!
//! Where the recorded implementation left the book, the harness follows it by configuration and not
//! by the kernel:
//!
//! - Its terminal action analysis asks for an ARQC on every terminal that can go online, whatever
//!   the action codes say (in Book C-2, TAA.12 it goes on to TAA.11). Where that is what the recorded
//!   card was asked for, Terminal Action Code – Online is set to every bit; a terminal that stays
//!   offline, or a recording of a TC, has its own.
//! - It takes CA keys whose expiry date has passed; the keys come without it here. Which keys a
//!   terminal holds is for its operator (EMV Book 2, 11.2).
//! - In mag-stripe mode its Unpredictable Number (Numeric) has eight digits, however few the card has
//!   room for (Book C-2, Annex A wants zeros before those). The recorded number is drawn again here; the
//!   recorded answer to COMPUTE CRYPTOGRAPHIC CHECKSUM is given to whatever has its last digits.
//! - A Mobile Support Indicator that its configuration has empty goes to the card as a zero (the
//!   kernel starts it at 01, as in Book C-2, S1.9). The same answer is given to ours.
//! - Its configuration files hold misprinted tags, which it passes over, and so does the harness.
//! - Its data record leaves out objects that the books list (Kernel 3's Cryptogram Information Data,
//!   Track 2 Data in mag-stripe mode), so ours may hold more.
//!
//! A recording may begin with an application that is already selected. What comes before is then made
//! up: a PPSE with that application alone, and as its answer to SELECT the FCI that the recording has
//! somewhere, or else one with the PDOL that it has. Where it has neither, the recorded answer to GET
//! PROCESSING OPTIONS is given whatever that holds. Where a recording does not begin with asking
//! for the card, that first message of ours is passed over.

mod vectors;

use std::collections::BTreeMap;
use std::sync::Arc;

use emv::apdu::Command;
use emv::fields::{AdditionalTerminalCapabilities, Amount, Date, TerminalCapabilities, TerminalType, Ttq};
use emv::kernel::{
    Cvm, Database, Decision, Event, MessageId, Outcome, StartPoint, Status, Transaction, UnpredictableNumbers, c2, c3,
};
use emv::oda::{CaKey, CaKeys, Environment, RevocationList};
use emv::profile::{Aid, Combination, KernelConfiguration, KernelId, Limits, Profile, TerminalData};
use emv::tap::{Autorun, Input, Output, Tap};
use emv::tlv::{Dol, Tag, Tlvs, Writer};
use emv::{Instant, dict};
use serde_json::Value;
use vectors::{Tally, cases, hex};

#[test]
fn recorded_transactions_end_as_recorded() {
    let mut tally = Tally::new("transactions");
    for (name, case) in cases("transactions") {
        tally.record(&name, run(&case));
    }
    tally.finish();
}

/// Runs one recording and says what differs.
fn run(case: &Value) -> Result<(), String> {
    let profile = Arc::new(profile(case)?);
    let ran = Reader::new(case, &profile.combinations()[0].aid).transaction(&profile, case)?;
    compare(&ran, &case["expect"])
}

/// What a run gave.
struct Ran {
    outcome: Outcome,
    shown: Vec<(MessageId, Status)>,
    authentications: Vec<Result<(), emv::oda::Fault>>,
}

// The configuration.

/// The objects of a section of the configuration, as hexadecimal values by tag.
fn objects(section: &Value) -> Database {
    let mut objects = Database::new();
    for (tag, value) in section.as_object().into_iter().flatten() {
        if let Ok(tag) = tag.parse() {
            objects.set(tag, &hex(value.as_str().expect("hexadecimal digits")));
        }
    }
    objects
}

/// The sections one above the other, in the order of precedence that each file names.
fn merged(config: &Value) -> Database {
    let mut merged = Database::new();
    for section in ["terminal", "kernel_config", "aid_config", "transaction_config"] {
        for (tag, value) in objects(&config[section]).iter() {
            merged.set(tag, value);
        }
    }
    merged
}

fn profile(case: &Value) -> Result<Profile, String> {
    let config = &case["config"];
    let objects = merged(config);
    let [kernel_id] = hex(text(&config["kernel_id"]))[..] else { return Err("a kernel identifier of one byte".into()) };
    let configuration = match kernel_id {
        0x02 => KernelConfiguration::C2(Arc::new(kernel_2(objects.clone(), &card(case))?)),
        0x03 => KernelConfiguration::C3(Arc::new(kernel_3(objects.clone(), &config["kernel_flags"]))),
        other => return Err(format!("kernel {other} is not there")),
    };
    let combination = Combination {
        aid: Aid::try_from(&hex(text(&config["aid"]))[..]).map_err(|error| error.to_string())?,
        kernel_id: KernelId::emvco(kernel_id),
        transaction_types: vec![object(&objects, dict::TRANSACTION_TYPE).first().copied().unwrap_or(0)],
        limits: limits(config, &objects)?,
    };
    let terminal = terminal(&objects);
    Ok(Profile::new(terminal, ca_keys(config)?, RevocationList::new(), [(combination, configuration)]))
}

/// Entry Point configuration data; a limit that is not there is absent.
fn limits(config: &Value, objects: &Database) -> Result<Limits, String> {
    let limits = &config["limits"];
    let amount =
        |name: &str| limits[name].as_u64().map(Amount::new).transpose().map_err(|error| format!("{name}: {error}"));
    Ok(Limits {
        status_check_supported: limits["statusCheckSupportFlag"].as_bool().unwrap_or(false),
        zero_amount_allowed: limits["zeroAmountAllowedFlag"].as_bool(),
        contactless_transaction_limit: amount("readerContactlessTransactionLimit")?,
        contactless_floor_limit: amount("readerContactlessFloorLimit")?,
        terminal_floor_limit: amount("terminalFloorLimit")?,
        cvm_required_limit: amount("readerCVMRequiredLimit")?,
        ttq: objects.value(dict::TTQ).map(Ttq::try_from).transpose().map_err(|error| error.to_string())?,
        extended_selection_supported: limits["extendedSelectionSupportFlag"].as_bool().unwrap_or(false),
        ..Limits::default()
    })
}

fn kernel_2(mut objects: Database, card: &BTreeMap<Vec<u8>, Vec<u8>>) -> Result<c2::Configuration, String> {
    let terminal = objects.value(dict::TERMINAL_TYPE).and_then(|value| TerminalType::try_from(value).ok());
    let online = terminal.is_some_and(|terminal| terminal.environment().online);
    if online && card.keys().any(|command| asks_for_arqc(command)) {
        objects.set(dict::TERMINAL_ACTION_CODE_ONLINE, &[0xFF; 5]);
    }
    c2::Configuration::from_objects(&objects).map_err(|error| error.to_string())
}

/// Whether this is a GENERATE AC for an online transaction (EMV Book 3, 6.5.5).
fn asks_for_arqc(command: &[u8]) -> bool {
    matches!(command, [0x80, 0xAE, reference_control, ..] if reference_control & 0xC0 == 0x80)
}

fn kernel_3(objects: Database, flags: &Value) -> c3::Configuration {
    let flag = |name: &str| flags[name].as_bool().unwrap_or(false);
    let options = c3::Options {
        fdda_for_online: flag("fddaForOnlineSupported"),
        display_available_spending_amount: flag("displayAvailableSpendingAmount"),
        manual_cash_check: flag("aucManualCheckSupported"),
        cashback_check: flag("aucCashbackCheckSupported"),
        ..c3::Options::default()
    };
    c3::Configuration { options, objects, ..c3::Configuration::default() }
}

/// The terminal's own data. The objects of the configuration stand above them, so that what the
/// recording has in another length goes to the card as it was.
fn terminal(objects: &Database) -> TerminalData {
    TerminalData {
        terminal_type: array::<1>(objects, dict::TERMINAL_TYPE)[0],
        country: array(objects, dict::TERMINAL_COUNTRY_CODE),
        capabilities: TerminalCapabilities::from_bytes(array(objects, dict::TERMINAL_CAPABILITIES)),
        additional_capabilities: AdditionalTerminalCapabilities::from_bytes(array(
            objects,
            dict::ADDITIONAL_TERMINAL_CAPABILITIES,
        )),
        terminal_id: array(objects, dict::TERMINAL_IDENTIFICATION),
        merchant_id: array(objects, dict::MERCHANT_IDENTIFIER),
        merchant_category_code: array(objects, dict::MERCHANT_CATEGORY_CODE),
        merchant_name_and_location: object(objects, dict::MERCHANT_NAME_AND_LOCATION).to_vec(),
        acquirer_id: array(objects, dict::ACQUIRER_IDENTIFIER),
        ifd_serial_number: array(objects, dict::IFD_SERIAL_NUMBER),
    }
}

fn ca_keys(config: &Value) -> Result<CaKeys, String> {
    let mut keys = CaKeys::new(Environment::Test);
    for key in config["ca_keys"].as_array().into_iter().flatten() {
        let [index] = hex(text(&key["index"]))[..] else { return Err("a CA key index of one byte".into()) };
        let rid = hex(text(&key["rid"])).try_into().map_err(|_| "a RID of five bytes")?;
        let key = CaKey::without_checksum(rid, index, &hex(text(&key["modulus"])), &hex(text(&key["exponent"])));
        keys.insert(key.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }
    Ok(keys)
}

// The reader.

/// A reader whose card answers by command.
struct Reader {
    card: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What the card wants in COMPUTE CRYPTOGRAPHIC CHECKSUM.
    udol: Vec<u8>,
    /// Whether the Mobile Support Indicator went to the card as a zero.
    mobile_support_empty: bool,
    /// Whether nothing says what the card wants in GET PROCESSING OPTIONS.
    pdol_unknown: bool,
}

impl Reader {
    /// The card of a recording. Where that begins with an application already selected, what would have
    /// come before is made up from it.
    fn new(case: &Value, aid: &Aid) -> Self {
        let mut card = card(case);
        let mut pdol_unknown = false;
        let selected = names(&card).find(|name| name.starts_with(aid.as_bytes()));
        let name = selected.unwrap_or_else(|| {
            let (name, fci) = recorded_fci(case, aid).unwrap_or_else(|| {
                let pdol = recorded_pdol(case);
                pdol_unknown = pdol.is_none();
                (aid.as_bytes().to_vec(), application(aid, &pdol.unwrap_or_else(|| TTQ_ALONE.to_vec())))
            });
            card.insert(Command::select(&name).to_bytes(), [fci, SUCCESS.to_vec()].concat());
            name
        });
        card.entry(Command::select(PPSE).to_bytes()).or_insert_with(|| [ppse(&name), SUCCESS.to_vec()].concat());

        let configured = merged(&case["config"]);
        let udol = card.values().find_map(|answer| udol(answer));
        Reader {
            udol: udol.unwrap_or_else(|| object(&configured, dict::DEFAULT_UDOL).to_vec()),
            card,
            mobile_support_empty: configured.get(dict::MOBILE_SUPPORT_INDICATOR).is_some_and(<[u8]>::is_empty),
            pdol_unknown,
        }
    }

    /// What the recorded card answers to a command; nothing to one that it was never sent.
    fn answer(&self, command: &Command) -> Option<&[u8]> {
        let bytes = command.to_bytes();
        let is_recorded = |recorded: &[u8]| {
            recorded == bytes
                || self.is_checksum_of(&bytes, recorded)
                || (self.pdol_unknown && [&bytes, recorded].iter().all(|command| command.starts_with(&OPTIONS)))
        };
        self.card.iter().find(|(recorded, _)| is_recorded(recorded)).map(|(_, answer)| &answer[..])
    }

    /// Whether both ask for a checksum over the same, but for the two objects in which the recorded
    /// implementation left the book.
    fn is_checksum_of(&self, command: &[u8], recorded: &[u8]) -> bool {
        if command.len() != recorded.len() || ![command, recorded].iter().all(|bytes| bytes.starts_with(&CHECKSUM)) {
            return false;
        }
        let recorded = self.checksum_objects(recorded);
        self.checksum_objects(command).into_iter().zip(recorded).all(|((tag, ours), (_, theirs))| match tag {
            dict::UNPREDICTABLE_NUMBER_NUMERIC => {
                (1..=8).any(|digits| number(ours) == number(theirs) % 10_u32.pow(digits))
            }
            dict::MOBILE_SUPPORT_INDICATOR if self.mobile_support_empty => theirs.iter().all(|byte| *byte == 0),
            _ => ours == theirs,
        })
    }

    /// The objects in COMPUTE CRYPTOGRAPHIC CHECKSUM.
    fn checksum_objects<'a>(&self, command: &'a [u8]) -> Vec<(Tag, &'a [u8])> {
        let mut data = command.get(CHECKSUM.len() + 1..).unwrap_or_default();
        let udol = Dol::parse(&self.udol).expect("a list of objects");
        let objects = udol.iter().map_while(|entry| {
            let (value, rest) = data.split_at_checked(entry.length)?;
            data = rest;
            Some((entry.tag, value))
        });
        objects.collect()
    }

    /// The Unpredictable Number (Numeric) that the recorded card was sent, where there was one.
    fn unpredictable_number_numeric(&self) -> Option<[u8; 4]> {
        let command = self.card.keys().find(|command| command.starts_with(&CHECKSUM))?;
        let objects = self.checksum_objects(command);
        let (_, value) = objects.iter().find(|(tag, _)| *tag == dict::UNPREDICTABLE_NUMBER_NUMERIC)?;
        Some(number(value).to_be_bytes())
    }

    /// Runs a whole transaction, from the amount to the Final Outcome.
    fn transaction(&self, profile: &Arc<Profile>, case: &Value) -> Result<Ran, String> {
        let first = hex(text(&case["transaction"]["9F37"])).try_into().map_err(|_| "an unpredictable number")?;
        let numbers = [first].into_iter().chain(self.unpredictable_number_numeric());
        let numbers = UnpredictableNumbers::recorded(numbers, [0; 32]);
        let mut tap = Tap::new(Arc::clone(profile), transaction(case)?, numbers, Autorun::No);
        let now = Instant::default();
        let mut shown = vec![];
        let mut authentications = vec![];
        loop {
            match tap.poll().ok_or("nothing is waited for")? {
                Output::Ui(request) => shown.push((request.message, request.status)),
                Output::Record(Event::OfflineDataAuthentication { result, .. }) => authentications.push(result),
                Output::Record(_) | Output::DataExchange { .. } | Output::FieldOn | Output::FieldOff { .. } => {}
                Output::Wait(moment) => tap.handle(Input::Deadline, moment),
                Output::Poll => tap.handle(Input::CardPresent, now),
                Output::AwaitRemoval => tap.handle(Input::CardRemoved, now),
                Output::Transmit(command) => {
                    let Some(answer) = self.answer(&command) else {
                        let bytes: String = command.to_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
                        return Err(format!("the recorded card was never sent {bytes}"));
                    };
                    tap.handle(Input::Response(answer), now);
                }
                Output::AwaitOnlineResponse(outcome) | Output::Finished(outcome) => {
                    return Ok(Ran { outcome, shown, authentications });
                }
            }
        }
    }
}

/// How GET PROCESSING OPTIONS begins (EMV Book 3, 6.5.8).
const OPTIONS: [u8; 4] = [0x80, 0xA8, 0x00, 0x00];
/// How COMPUTE CRYPTOGRAPHIC CHECKSUM begins (Book C-2, 5.1).
const CHECKSUM: [u8; 4] = [0x80, 0x2A, 0x8E, 0x80];
/// The status bytes of an answer that nothing is wrong with.
const SUCCESS: [u8; 2] = [0x90, 0x00];
/// The name of the Proximity Payment System Environment (EMV Contactless Book B, 3.3.2).
const PPSE: &[u8] = b"2PAY.SYS.DDF01";
/// The least that a card of Kernel 3 asks for (EMV Contactless Book B, 3.3.3.6).
const TTQ_ALONE: [u8; 3] = [0x9F, 0x66, 0x04];

/// Commands and their answers: all that the card has, and where that is not said, those in the order of
/// the run.
fn card(case: &Value) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut card = BTreeMap::new();
    for pair in ["card_table", "card_responses"].iter().flat_map(|table| case[table].as_array().into_iter().flatten()) {
        if let (Some(command), Some(answer)) = (pair[0].as_str(), pair[1].as_str()) {
            card.entry(hex(command)).or_insert_with(|| hex(answer));
        }
    }
    card
}

/// The names that SELECT commands ask for.
fn names(card: &BTreeMap<Vec<u8>, Vec<u8>>) -> impl Iterator<Item = Vec<u8>> {
    card.keys().filter_map(|command| {
        let select = Command::parse(command).ok()?;
        (select.to_bytes() == Command::select(select.data()).to_bytes()).then(|| select.data().to_vec())
    })
}

/// What the application answered when it was selected, with its name. A recording may have it without a
/// command, wherever that stands.
fn recorded_fci(case: &Value, aid: &Aid) -> Option<(Vec<u8>, Vec<u8>)> {
    texts(case).into_iter().find_map(|(_, text)| {
        let bytes = digits(text)?;
        let fci = bytes.strip_suffix(&SUCCESS).unwrap_or(&bytes);
        let name = Tlvs::parse(fci).ok()?.find_template(dict::FCI_TEMPLATE)?.find(dict::DF_NAME)?;
        name.starts_with(aid.as_bytes()).then(|| (name.to_vec(), fci.to_vec()))
    })
}

/// A PDOL that a recording has on its own.
fn recorded_pdol(case: &Value) -> Option<Vec<u8>> {
    let named = |name: &str| name.eq_ignore_ascii_case("pdol") || name == "9F38";
    texts(case).into_iter().find_map(|(name, text)| if named(name) { digits(text) } else { None })
}

/// The texts of a value at every depth, each with the name of the nearest field that has it.
fn texts(value: &Value) -> Vec<(&str, &str)> {
    fn add<'a>(name: &'a str, value: &'a Value, texts: &mut Vec<(&'a str, &'a str)>) {
        match value {
            Value::String(text) => texts.push((name, text)),
            Value::Array(values) => values.iter().for_each(|value| add(name, value, texts)),
            Value::Object(fields) => fields.iter().for_each(|(name, value)| add(name, value, texts)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut texts = vec![];
    add("", value, &mut texts);
    texts
}

/// The bytes of a text that is nothing but hexadecimal digits in pairs.
fn digits(text: &str) -> Option<Vec<u8>> {
    (text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| hex(text))
}

/// The number that packed digits write.
fn number(bcd: &[u8]) -> u32 {
    bcd.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]).fold(0, |number, digit| number * 10 + u32::from(digit))
}

/// The UDOL in an answer to READ RECORD.
fn udol(answer: &[u8]) -> Option<Vec<u8>> {
    let record = Tlvs::parse(answer.strip_suffix(&SUCCESS)?).ok()?;
    Some(record.find_template(dict::READ_RECORD_RESPONSE_MESSAGE_TEMPLATE)?.find(dict::UDOL)?.to_vec())
}

/// A PPSE with one entry.
fn ppse(name: &[u8]) -> Vec<u8> {
    let mut fci = Writer::new();
    fci.template(dict::FCI_TEMPLATE, |fci| {
        fci.put(dict::DF_NAME, PPSE);
        fci.template(dict::FCI_PROPRIETARY_TEMPLATE, |proprietary| {
            proprietary.template(dict::FCI_ISSUER_DISCRETIONARY_DATA, |issuer| {
                issuer.template(dict::APPLICATION_TEMPLATE, |entry| {
                    entry.put(dict::ADF_NAME, name);
                    entry.put(dict::APPLICATION_PRIORITY_INDICATOR, &[0x01]);
                });
            });
        });
    });
    fci.into_bytes()
}

/// An application that asks for these objects.
fn application(aid: &Aid, pdol: &[u8]) -> Vec<u8> {
    let mut fci = Writer::new();
    fci.template(dict::FCI_TEMPLATE, |fci| {
        fci.put(dict::DF_NAME, aid.as_bytes());
        fci.template(dict::FCI_PROPRIETARY_TEMPLATE, |proprietary| {
            proprietary.put(dict::PDOL, pdol);
        });
    });
    fci.into_bytes()
}

fn transaction(case: &Value) -> Result<Transaction, String> {
    let recorded = &case["transaction"];
    let request = hex(text(&recorded["request_tlv"]));
    let request = Tlvs::parse(&request).map_err(|error| error.to_string())?;
    let configured = merged(&case["config"]);
    let amount = |tag| request.find(tag).map(Amount::try_from).transpose().map_err(|error| error.to_string());
    let currency = request.find(dict::TRANSACTION_CURRENCY_CODE).or(configured.value(dict::TRANSACTION_CURRENCY_CODE));
    Ok(Transaction {
        amount_authorised: amount(dict::AMOUNT_AUTHORISED_NUMERIC)?,
        amount_other: amount(dict::AMOUNT_OTHER_NUMERIC)?,
        currency: currency.and_then(|value| value.try_into().ok()).ok_or("a currency")?,
        currency_exponent: array::<1>(&configured, dict::TRANSACTION_CURRENCY_EXPONENT)[0],
        transaction_type: request.find(dict::TRANSACTION_TYPE).map_or(0x00, |value| value[0]),
        date: Date::try_from(&hex(text(&recorded["9A"]))[..]).map_err(|error| error.to_string())?,
        time: hex(text(&recorded["9F21"])).try_into().map_err(|_| "a time of three bytes")?,
        sequence_counter: 1,
    })
}

// What is compared.

fn compare(ran: &Ran, expected: &Value) -> Result<(), String> {
    let outcome = &ran.outcome;
    same("outcome", decision(outcome.decision), text(&expected["outcome"]))?;
    same("restart", outcome.start.map_or("N/A", start_point), text(&expected["restart"]))?;
    same("CVM", outcome.cvm.map_or("N/A", cvm), text(&expected["cvm"]))?;

    let messages = expected["ui_messages"].as_array().into_iter().flatten();
    let messages: Vec<_> = messages.map(|shown| (text(&shown["message"]), text(&shown["status"]))).collect();
    let shown: Vec<_> =
        ran.shown.iter().map(|(message, status)| (message_text(*message), status_text(*status))).collect();
    let invitation = (message_text(MessageId::PresentCard), status_text(Status::ReadyToRead));
    let shown = match &shown[..] {
        [first, rest @ ..] if *first == invitation && messages.first() != Some(&invitation) => rest,
        all => all,
    };
    same("messages", shown, &messages[..])?;

    holds("data record", outcome.data_record.as_ref(), &expected["data_record"])?;
    holds("discretionary data", outcome.discretionary_data.as_ref(), &expected["discretionary_data"])?;

    let verified = expected["oda_steps_verified"].as_array().is_some_and(|steps| !steps.is_empty());
    match &ran.authentications[..] {
        [] if !verified => Ok(()),
        [Ok(())] if verified => Ok(()),
        other => {
            Err(format!("offline data authentication gave {other:?}, recorded is {}", expected["oda_steps_verified"]))
        }
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, recorded: T) -> Result<(), String> {
    if ours == recorded { Ok(()) } else { Err(format!("{what} is {ours:?}, recorded is {recorded:?}")) }
}

/// Every object of the recorded record is in ours, with the same value.
fn holds(what: &str, ours: Option<&emv::kernel::Record>, recorded: &Value) -> Result<(), String> {
    let recorded = hex(recorded.as_str().unwrap_or_default());
    let recorded = Tlvs::parse(&recorded).map_err(|error| error.to_string())?;
    let ours = ours.map_or(&[][..], |record| record.as_bytes());
    let ours = Tlvs::parse(ours).map_err(|error| error.to_string())?;
    for object in recorded {
        match ours.find(object.tag) {
            Some(value) if value == object.value => {}
            Some(value) => {
                return Err(format!("{what}: {} is {value:02X?}, recorded is {:02X?}", object.tag, object.value));
            }
            None => return Err(format!("{what}: {} is missing", object.tag)),
        }
    }
    Ok(())
}

fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::SelectNext => "Select Next",
        Decision::TryAgain => "Try Again",
        Decision::Approved => "Approved",
        Decision::Declined => "Declined",
        Decision::OnlineRequest => "Online Request",
        Decision::RequestOnlinePin => "Request Online PIN",
        Decision::TryAnotherInterface => "Try Another Interface",
        Decision::EndApplication => "End Application",
    }
}

fn start_point(start: StartPoint) -> &'static str {
    match start {
        StartPoint::A => "A",
        StartPoint::B => "B",
        StartPoint::C => "C",
        StartPoint::D => "D",
    }
}

fn cvm(cvm: Cvm) -> &'static str {
    match cvm {
        Cvm::NoCvm => "NO CVM",
        Cvm::ObtainSignature => "Signature",
        Cvm::OnlinePin => "Online PIN",
        Cvm::ConfirmationCodeVerified => "Confirm Code Verified",
    }
}

/// The recorded implementation's words for the messages of Book A, 9.4.
fn message_text(message: MessageId) -> &'static str {
    match message {
        MessageId::Approved => "Approved",
        MessageId::NotAuthorised => "Not Authorised",
        MessageId::EnterPin => "Please enter your PIN",
        MessageId::ProcessingError => "Processing error",
        MessageId::RemoveCard => "Please remove card",
        MessageId::Welcome => "Welcome",
        MessageId::PresentCard => "Present card",
        MessageId::Processing => "Processing",
        MessageId::CardReadOk => "Card read OK, Please remove card",
        MessageId::InsertOrSwipeCard => "Please insert or swipe card",
        MessageId::PresentOneCardOnly => "Please present one card only",
        MessageId::ApprovedPleaseSign => "Approved Please sign",
        MessageId::Authorising => "Authorising Please Wait",
        MessageId::TryAnotherCard => "Insert, swipe or try another card",
        MessageId::InsertCard => "Please insert card",
        MessageId::ClearDisplay => "*** CLEAR ****",
        MessageId::SeePhone => "See Phone for Instructions",
        MessageId::PresentCardAgain => "Present card again",
        MessageId::NotApplicable | MessageId::Other(_) => "",
    }
}

/// The recorded implementation's words for the states of Book A, 9.2.
fn status_text(status: Status) -> &'static str {
    match status {
        Status::NotReady => "Not Ready",
        Status::Idle => "Idle",
        Status::ReadyToRead => "Ready to Read (Present Card)",
        Status::Processing => "Processing",
        Status::CardReadSuccessfully => "Card Read Successfully (Remove Card)",
        Status::ProcessingError => "Processing Error",
        Status::NotApplicable => "",
    }
}

// Reading values.

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn object(objects: &Database, tag: Tag) -> &[u8] {
    objects.value(tag).unwrap_or_default()
}

/// The value in exactly this many bytes, cut or filled with zeros on the right.
fn array<const N: usize>(objects: &Database, tag: Tag) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.iter_mut().zip(object(objects, tag)).for_each(|(byte, value)| *byte = *value);
    bytes
}
