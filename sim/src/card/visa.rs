//! A Visa card: one GET PROCESSING OPTIONS decides the transaction (EMV Contactless Book C-3).

use emv::dict;
use emv::fields::{Aip, CryptogramInformationData, CryptogramType, Ctq, Ttq};
use emv::tlv::Writer;

use super::command::Status;
use super::data;
use super::dol::{self, Values};
use super::issued::{Issued, record};
use super::personality::{ApplicationTable, Authentication, Cvm, Decision};
use crate::ca::SignedDataFormat;
use crate::crypto::ScriptedTransaction;

/// What the card asks the terminal for.
pub(super) const PDOL: dol::List = &[
    (dict::TTQ, 4),
    (dict::AMOUNT_AUTHORISED_NUMERIC, 6),
    (dict::AMOUNT_OTHER_NUMERIC, 6),
    (dict::TERMINAL_COUNTRY_CODE, 2),
    (dict::TVR, 5),
    (dict::TRANSACTION_CURRENCY_CODE, 2),
    (dict::TRANSACTION_DATE, 3),
    (dict::TRANSACTION_TYPE, 1),
    (dict::UNPREDICTABLE_NUMBER, 4),
];

/// The answer to GET PROCESSING OPTIONS, and the record that belongs to it.
pub(super) struct Processed {
    pub(super) response: Vec<u8>,
    pub(super) dynamic_record: Option<Vec<u8>>,
    /// The cryptogram whose answer the card will take when it is presented again.
    pub(super) awaited: Option<ScriptedTransaction>,
}

/// What the card decided.
struct Verdict {
    cryptogram_type: CryptogramType,
    ctq: Ctq,
}

pub(super) fn aip(table: &ApplicationTable) -> Aip {
    match table.authentication {
        Authentication::Sda => Aip::default().with(Aip::SDA_SUPPORTED),
        Authentication::Fdda => Aip::default().with(Aip::DDA_SUPPORTED),
        Authentication::None | Authentication::Cda => Aip::default(),
    }
}

/// The data that are signed; a card that never authenticates itself offline has no records.
pub(super) fn application_data(table: &ApplicationTable) -> Option<Vec<u8>> {
    if table.authentication == Authentication::None {
        return None;
    }
    let mut writer = Writer::new();
    writer
        .put(dict::PAN, &data::pan(&table.pan))
        .put(dict::APPLICATION_EXPIRATION_DATE, &table.expiry.to_bcd())
        .put(dict::ISSUER_COUNTRY_CODE, &table.country.bcd())
        .put(dict::APPLICATION_USAGE_CONTROL, table.usage.as_bytes())
        .put(dict::APPLICATION_CURRENCY_CODE, &table.currency.bcd())
        .put(dict::SDA_TAG_LIST, &[dict::AIP.number() as u8]);
    Some(writer.into_bytes())
}

/// Carries out GET PROCESSING OPTIONS for the transaction that `atc` counts.
pub(super) fn process(card: &Issued, atc: [u8; 2], terminal: Values<'_>) -> Result<Processed, Status> {
    let ttq = Ttq::from_bytes(terminal.array(dict::TTQ));
    if !ttq.has(Ttq::EMV_MODE_SUPPORTED) {
        return Err(Status::CONDITIONS_NOT_SATISFIED);
    }
    let table = &card.application.table;
    let Verdict { cryptogram_type, ctq } = decide(table, ttq, terminal);
    let iad = issuer_application_data(card.application.version.number, cryptogram_type);
    let cryptogram = card.cryptogram(|tag| match tag {
        dict::AIP => Some(card.aip.as_bytes()),
        dict::ATC => Some(&atc),
        dict::ISSUER_APPLICATION_DATA => Some(&iad),
        _ => terminal.find(tag),
    });
    let authentication = match (cryptogram_type, ttq.has(Ttq::ODA_FOR_ONLINE_SUPPORTED)) {
        (CryptogramType::Tc, _) => Some(SignedDataFormat::Dynamic),
        (CryptogramType::Arqc, true) => Some(SignedDataFormat::DynamicForOnline),
        _ => None,
    };
    let signed = match authentication {
        Some(format) if table.authentication == Authentication::Fdda => Some(sign(card, atc, ctq, format, terminal)),
        _ => None,
    };

    let mut writer = Writer::new();
    writer.template(dict::RESPONSE_MESSAGE_TEMPLATE_FORMAT_2, |response| {
        response.put(dict::AIP, card.aip.as_bytes());
        if authentication.is_some() && !card.afl.is_empty() {
            response.put(dict::AFL, &card.afl);
        }
        response
            .put(dict::TRACK_2_EQUIVALENT_DATA, &data::track_2(table))
            .put(dict::PAN_SEQUENCE_NUMBER, &[data::two_digits(table.sequence_number)])
            .put(dict::ISSUER_APPLICATION_DATA, &iad)
            .put(dict::APPLICATION_CRYPTOGRAM, &cryptogram)
            .put(dict::CRYPTOGRAM_INFORMATION_DATA, CryptogramInformationData::new(cryptogram_type).as_bytes())
            .put(dict::ATC, &atc)
            .put(dict::CTQ, ctq.as_bytes());
        if let Some(indicator) = &table.form_factor_indicator {
            response.put(dict::FORM_FACTOR_INDICATOR, indicator);
        }
        if let Some(Signed { signature, .. }) = &signed {
            response.put(dict::SIGNED_DYNAMIC_APPLICATION_DATA, signature);
        }
    });
    let is_awaited = cryptogram_type == CryptogramType::Arqc && ctq.has(Ctq::ISSUER_UPDATE_PROCESSING_SUPPORTED);
    Ok(Processed {
        response: writer.into_bytes(),
        dynamic_record: signed.map(|signed| signed.record),
        awaited: is_awaited.then_some(ScriptedTransaction { atc, arqc: cryptogram }),
    })
}

/// Which cryptogram, and which CVM.
fn decide(table: &ApplicationTable, ttq: Ttq, terminal: Values<'_>) -> Verdict {
    let mut ctq = table.ctq;
    let mut online_required = ttq.has(Ttq::ONLINE_CRYPTOGRAM_REQUIRED);
    let mut verifiable = true;
    if table.on_device_cvm {
        ctq.put(Ctq::CONSUMER_DEVICE_CVM_PERFORMED, ttq.has(Ttq::CONSUMER_DEVICE_CVM_SUPPORTED));
    } else if ttq.has(Ttq::CVM_REQUIRED) {
        let common = table.cvm.iter().find(|cvm| match cvm {
            Cvm::OnlinePin => ttq.has(Ttq::ONLINE_PIN_SUPPORTED),
            Cvm::Signature => ttq.has(Ttq::SIGNATURE_SUPPORTED),
            Cvm::None => false,
        });
        match common {
            Some(Cvm::OnlinePin) => {
                ctq.set(Ctq::ONLINE_PIN_REQUIRED);
                online_required = true;
            }
            Some(Cvm::Signature) => ctq.set(Ctq::SIGNATURE_REQUIRED),
            Some(Cvm::None) | None => verifiable = false,
        }
    }

    let cryptogram_type = if table.decision == Decision::Decline || !verifiable {
        CryptogramType::Aac
    } else if table.decision == Decision::Offline && data::within_offline_limit(table, terminal) && !online_required {
        CryptogramType::Tc
    } else if ttq.has(Ttq::OFFLINE_ONLY_READER) {
        CryptogramType::Aac
    } else {
        CryptogramType::Arqc
    };
    Verdict { cryptogram_type, ctq }
}

/// Issuer Application Data of format 1: length, derivation key index, cryptogram version and the
/// card verification results, which repeat what the first cryptogram is and that no second was asked
/// for.
fn issuer_application_data(version: u8, cryptogram_type: CryptogramType) -> [u8; 7] {
    let first_cryptogram = CryptogramInformationData::new(cryptogram_type).as_bytes()[0] >> 2;
    [0x06, 0x01, version, 0x03, 0x80 | first_cryptogram, 0x00, 0x00]
}

struct Signed {
    signature: Vec<u8>,
    /// The record with what was signed beside the terminal's data.
    record: Vec<u8>,
}

/// fDDA (EMV Contactless Book C-3, Annex C).
fn sign(card: &Issued, atc: [u8; 2], ctq: Ctq, format: SignedDataFormat, terminal: Values<'_>) -> Signed {
    let [a, b, c, d, ..] = card.dynamic_number(atc);
    let [e, f] = *ctq.as_bytes();
    let related_data = [0x01, a, b, c, d, e, f];
    let terminal_data = [
        &terminal.array::<4>(dict::UNPREDICTABLE_NUMBER)[..],
        &terminal.array::<6>(dict::AMOUNT_AUTHORISED_NUMERIC),
        &terminal.array::<2>(dict::TRANSACTION_CURRENCY_CODE),
        &related_data,
    ];
    // The ICC Dynamic Number of these cards is the ATC.
    let dynamic_data = [2, atc[0], atc[1]];
    let mut writer = Writer::new();
    writer.put(dict::CARD_AUTHENTICATION_RELATED_DATA, &related_data);
    Signed {
        signature: card.sign(format, &dynamic_data, &terminal_data.concat()),
        record: record(&writer.into_bytes()),
    }
}
