//! The test kernel of the suite: it asks the card what its outcome is to be, and sends what it was
//! started with.

use std::time::Duration;

use emv::apdu::{Command, Response};
use emv::dict::{self, Format};
use emv::kernel::{
    AlternateInterface, Cvm, Decision, MessageId, OnlineResponseData, Outcome, Start, StartPoint, Status, UiRequest,
    Value, ValueQualifier,
};
use emv::profile::Combination;
use emv::tlv::{Dol, Level, Tag, Writer};

use crate::settings::{Terminal, amount};
use crate::vectors::hex;
use crate::{in_hex, text};

/// The data objects of the test kernel: flags, start point and status word for the card; outcome and
/// user interface requests from it.
const FLAGS: Tag = Tag::new(0xD1);
const START_POINT: Tag = Tag::new(0xD2);
const SELECT_STATUS: Tag = Tag::new(0xD3);
const OUTCOME: Tag = Tag::new(0xD4);
const UI_ON_OUTCOME: Tag = Tag::new(0xD5);
const UI_ON_RESTART: Tag = Tag::new(0xD6);

/// What the test kernel takes for its data record, which the suite then takes for the issuer's answer.
const RECORD: [Tag; 3] =
    [dict::ISSUER_AUTHENTICATION_DATA, dict::ISSUER_SCRIPT_TEMPLATE_1, dict::ISSUER_SCRIPT_TEMPLATE_2];

/// Objects whose value the terminal makes up for each transaction.
const VOLATILE: [Tag; 4] =
    [dict::TRANSACTION_DATE, dict::TRANSACTION_TIME, dict::UNPREDICTABLE_NUMBER, dict::TRANSACTION_SEQUENCE_COUNTER];

/// The test kernel, and what its commands held.
#[derive(Default)]
pub(crate) struct TestKernel {
    /// For each GPO, the objects that the PDOL asked for.
    sent: Vec<Vec<(Tag, Vec<u8>)>>,
}

impl TestKernel {
    /// The GPO with which the kernel starts.
    pub(crate) fn command(
        &mut self,
        combination: &Combination,
        start: &Start,
        point: StartPoint,
        terminal: &Terminal,
    ) -> Command {
        let objects = asked_for(&start.fci, |tag| value(tag, combination, start, point, terminal));
        let data: Vec<u8> = objects.iter().flat_map(|(_, value)| value).copied().collect();
        self.sent.push(objects);
        Command::new([0x80, 0xA8, 0x00, 0x00], &data)
    }

    /// The event of the last GPO, without what varies.
    pub(crate) fn event(&self) -> serde_json::Value {
        let objects = self.sent.last().expect("a GPO was sent");
        let fields: Vec<_> = objects
            .iter()
            .filter(|(tag, _)| !VOLATILE.contains(tag))
            .map(|(tag, value)| serde_json::json!([tag.to_string(), in_hex(value)]))
            .collect();
        serde_json::json!({ "event": "gpo", "index": self.sent.len() - 1, "fields": fields })
    }

    /// Compares one object of one GPO with what a case expects; where it expects no value the object
    /// must have been sent.
    pub(crate) fn check(&self, check: &serde_json::Value) -> Result<(), String> {
        let index = check["gpo_index"].as_u64().expect("a number") as usize;
        let tag: Tag = text(&check["tag"]).parse().expect("a tag");
        let gpo = self.sent.get(index).ok_or_else(|| format!("there was no GPO number {index}"))?;
        let (_, sent) = gpo.iter().find(|(sent, _)| *sent == tag).ok_or_else(|| format!("GPO {index} has no {tag}"))?;
        let Some(expected) = check["value"].as_str().map(hex) else { return Ok(()) };
        let mask = check["mask"].as_str().map_or_else(|| vec![0xFF; expected.len()], hex);
        let is_same = sent.len() == expected.len()
            && sent.iter().zip(&expected).zip(&mask).all(|((sent, expected), mask)| sent & mask == expected & mask);
        if is_same { Ok(()) } else { Err(format!("GPO {index} has {tag} {}, not {}", in_hex(sent), in_hex(&expected))) }
    }
}

/// The objects that the PDOL of a FCI asks for, in the lengths it asks for.
fn asked_for(fci: &[u8], value: impl Fn(Tag) -> Vec<u8>) -> Vec<(Tag, Vec<u8>)> {
    let pdol = find(fci, &[dict::FCI_TEMPLATE, dict::FCI_PROPRIETARY_TEMPLATE, dict::PDOL]).unwrap_or_default();
    let entries = Dol::parse(pdol).unwrap_or_else(|error| panic!("the PDOL of a case: {error}"));
    entries.iter().map(|entry| (entry.tag, fit(entry.tag, value(entry.tag), entry.length))).collect()
}

/// The value of the object at the end of a path of templates.
fn find<'a>(data: &'a [u8], path: &[Tag]) -> Option<&'a [u8]> {
    path.iter().try_fold(data, |data, &tag| Level::parse(data).ok()?.find(tag))
}

/// A value in the length asked for (EMV Book 3, 5.4).
fn fit(tag: Tag, mut value: Vec<u8>, length: usize) -> Vec<u8> {
    match dict::format(tag) {
        Some(Format::Numeric) if value.len() > length => value.split_off(value.len() - length),
        Some(Format::Numeric) => [vec![0; length - value.len()], value].concat(),
        Some(Format::CompressedNumeric) if !value.is_empty() => {
            value.resize(length, 0xFF);
            value
        }
        _ => {
            value.resize(length, 0x00);
            value
        }
    }
}

fn value(tag: Tag, combination: &Combination, start: &Start, point: StartPoint, terminal: &Terminal) -> Vec<u8> {
    let transaction = &start.transaction;
    match tag {
        FLAGS => flags(start).to_vec(),
        START_POINT => vec![point_code(point)],
        SELECT_STATUS => start.select_status.to_bytes().to_vec(),
        dict::FCI_TEMPLATE => find(&start.fci, &[tag]).unwrap_or_default().to_vec(),
        dict::AID_TERMINAL => combination.aid.as_bytes().to_vec(),
        dict::KERNEL_IDENTIFIER => combination.kernel_id.as_bytes().to_vec(),
        dict::TTQ => start.indicators.ttq.map_or_else(Vec::new, |ttq| ttq.as_bytes().to_vec()),
        dict::AMOUNT_AUTHORISED_NUMERIC => transaction.amount_authorised.unwrap_or_default().to_bcd().to_vec(),
        dict::AMOUNT_OTHER_NUMERIC => transaction.amount_other.unwrap_or_default().to_bcd().to_vec(),
        dict::TRANSACTION_CURRENCY_CODE => transaction.currency.to_vec(),
        dict::TRANSACTION_TYPE => vec![transaction.transaction_type],
        dict::TRANSACTION_DATE => transaction.date.to_bcd().to_vec(),
        dict::TRANSACTION_TIME => transaction.time.to_vec(),
        dict::UNPREDICTABLE_NUMBER => start.unpredictable_number.to_vec(),
        _ => terminal.data.get(&tag).cloned().unwrap_or_default(),
    }
}

fn flags(start: &Start) -> [u8; 2] {
    let indicators = &start.indicators;
    let flag = |mask: u8, is_set: bool| if is_set { mask } else { 0x00 };
    [
        flag(0x80, indicators.reader_contactless_floor_limit_exceeded)
            | flag(0x40, indicators.contactless_application_not_allowed)
            | flag(0x20, indicators.reader_cvm_required_limit_exceeded)
            | flag(0x10, indicators.status_check_requested)
            | flag(0x08, indicators.zero_amount),
        flag(0x80, start.is_restart),
    ]
}

const fn point_code(point: StartPoint) -> u8 {
    match point {
        StartPoint::A => 0x0A,
        StartPoint::B => 0x0B,
        StartPoint::C => 0x0C,
        StartPoint::D => 0x0D,
    }
}

/// The outcome that a card's answer to GPO asks for; without one the kernel ends the application.
pub(crate) fn outcome(response: Option<&[u8]>) -> Outcome {
    let parsed = response.and_then(|response| {
        let data = Response::parse(response).ok()?.data;
        read_outcome(Level::parse(find(data, &[dict::RESPONSE_MESSAGE_TEMPLATE_FORMAT_2])?).ok()?)
    });
    parsed.unwrap_or(Outcome::new(Decision::EndApplication))
}

fn read_outcome(objects: Level<'_>) -> Option<Outcome> {
    let &[decision, start, online_response, cvm, interface, receipt, off0, off1, removal0, removal1] =
        objects.find(OUTCOME)?.first_chunk()?;
    let mut record = Writer::new();
    for (tag, value) in objects.iter().filter(|(tag, _)| RECORD.contains(tag)) {
        record.put(tag, value);
    }
    let record = record.into_bytes();
    Some(Outcome {
        decision: match decision {
            1 => Decision::SelectNext,
            2 => Decision::TryAgain,
            3 => Decision::Approved,
            4 => Decision::Declined,
            5 => Decision::OnlineRequest,
            6 => Decision::TryAnotherInterface,
            _ => Decision::EndApplication,
        },
        start: [StartPoint::A, StartPoint::B, StartPoint::C, StartPoint::D]
            .into_iter()
            .find(|point| point_code(*point) == start),
        online_response_data: match online_response {
            1 => Some(OnlineResponseData::EmvData),
            2 => Some(OnlineResponseData::Any),
            _ => None,
        },
        cvm: match cvm {
            1 => Some(Cvm::OnlinePin),
            2 => Some(Cvm::ConfirmationCodeVerified),
            3 => Some(Cvm::ObtainSignature),
            4 => Some(Cvm::NoCvm),
            _ => None,
        },
        ui_on_outcome: objects.find(UI_ON_OUTCOME).and_then(read_ui_request),
        ui_on_restart: objects.find(UI_ON_RESTART).and_then(read_ui_request),
        data_record: (!record.is_empty()).then(|| record.into()),
        discretionary_data: None,
        alternate_interface: match interface {
            1 => Some(AlternateInterface::ContactChip),
            2 => Some(AlternateInterface::MagStripe),
            _ => None,
        },
        receipt: receipt == 1,
        field_off: match u16::from_be_bytes([off0, off1]) {
            0xFFFF => None,
            tenths => Some(tenths_of_a_second(tenths)),
        },
        removal_timeout: tenths_of_a_second(u16::from_be_bytes([removal0, removal1])),
    })
}

fn read_ui_request(bytes: &[u8]) -> Option<UiRequest> {
    let &[message, status, hold0, hold1, l0, l1, qualifier, v0, v1, v2, v3, v4, v5, c0, c1] = bytes.first_chunk()?;
    let status = match status {
        1 => Status::NotReady,
        2 => Status::Idle,
        3 => Status::ReadyToRead,
        4 => Status::Processing,
        5 => Status::CardReadSuccessfully,
        6 => Status::ProcessingError,
        _ => Status::NotApplicable,
    };
    let digits: u64 = in_hex(&[v0, v1, v2, v3, v4, v5]).parse().ok()?;
    let value = |qualifier| Value { qualifier, minor_units: amount(digits).minor_units(), currency: [c0, c1] };
    let language: &[u8] = if [l0, l1] == [0, 0] { &[] } else { &[l0, l1] };
    Some(UiRequest {
        value: match qualifier {
            1 => Some(value(ValueQualifier::Amount)),
            2 => Some(value(ValueQualifier::Balance)),
            _ => None,
        },
        ..UiRequest::new(MessageId::from_code(message), status)
            .held_for(tenths_of_a_second(u16::from_be_bytes([hold0, hold1])))
            .in_language(language)
    })
}

fn tenths_of_a_second(tenths: u16) -> Duration {
    Duration::from_millis(100 * u64::from(tenths))
}
