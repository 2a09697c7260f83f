//! A reader whose card answers what a recorded card answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use emv::apdu::Command;
use emv::kernel::{Event, UnpredictableNumbers};
use emv::profile::{Aid, Profile};
use emv::tap::{Autorun, Input, Output, Tap};
use emv::tlv::{Dol, Tag, Tlvs, Writer};
use emv::{Instant, dict};
use serde_json::Value;

use super::configuration::{merged, transaction};
use super::vectors::hex;
use super::{Ran, object, text};

/// A reader whose card answers by command.
pub(crate) struct Reader {
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
    pub(crate) fn new(case: &Value, aid: &Aid) -> Self {
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
    pub(crate) fn transaction(&self, profile: &Arc<Profile>, case: &Value) -> Result<Ran, String> {
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
pub(crate) fn card(case: &Value) -> BTreeMap<Vec<u8>, Vec<u8>> {
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
