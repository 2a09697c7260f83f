//! A Mastercard card: GENERATE AC decides the transaction (EMV Book 3, 9; EMV Contactless Book C-2).

use emv::dict;
use emv::fields::{Aip, CryptogramInformationData, CryptogramType, ReferenceControlParameter};
use emv::tlv::Writer;
use sha1::{Digest, Sha1};

use super::data;
use super::data_storage::{self, Stored};
use super::dol::{self, Values};
use super::issued::Issued;
use super::personality::{ApplicationTable, Authentication, Cvm, Decision};
use super::phone::Holder;
use super::recovery;
use super::relay_resistance::Exchange;
use crate::ca::SignedDataFormat;

/// What the card asks the terminal for with GENERATE AC.
pub(super) const CDOL1: dol::List = &[
    (dict::AMOUNT_AUTHORISED_NUMERIC, 6),
    (dict::AMOUNT_OTHER_NUMERIC, 6),
    (dict::TERMINAL_COUNTRY_CODE, 2),
    (dict::TVR, 5),
    (dict::TRANSACTION_CURRENCY_CODE, 2),
    (dict::TRANSACTION_DATE, 3),
    (dict::TRANSACTION_TYPE, 1),
    (dict::UNPREDICTABLE_NUMBER, 4),
    (dict::TERMINAL_TYPE, 1),
    (dict::DATA_AUTHENTICATION_CODE, 2),
    (dict::ICC_DYNAMIC_NUMBER, 8),
    (dict::CVM_RESULTS, 3),
    (dict::MERCHANT_CATEGORY_CODE, 2),
];

/// The transaction that a cryptogram is for.
#[derive(Clone, Copy)]
pub(super) struct Circumstances<'a> {
    pub(super) atc: [u8; 2],
    /// What the terminal sent for the PDOL.
    pub(super) options: &'a [u8],
    pub(super) holder: Holder,
    /// What was exchanged, where the terminal ran the relay resistance protocol.
    pub(super) relay_resistance: Option<&'a Exchange>,
    /// What became of the storage, where the terminal was told of it.
    pub(super) stored: Option<Stored>,
}

pub(super) fn aip(table: &ApplicationTable) -> Aip {
    let mut aip = Aip::default()
        .with(Aip::CARDHOLDER_VERIFICATION_SUPPORTED)
        .with(Aip::TERMINAL_RISK_MANAGEMENT)
        .with(Aip::C2_EMV_MODE_SUPPORTED);
    aip.put(Aip::CDA_SUPPORTED, table.authentication == Authentication::Cda);
    aip.put(Aip::C2_ON_DEVICE_CVM_SUPPORTED, table.on_device_cvm);
    aip.put(Aip::C2_RELAY_RESISTANCE_SUPPORTED, table.relay_resistance.is_some());
    aip
}

/// The data that are read, and signed where the card authenticates itself.
pub(super) fn application_data(table: &ApplicationTable) -> Vec<u8> {
    let mut writer = Writer::new();
    writer
        .put(dict::TRACK_2_EQUIVALENT_DATA, &data::track_2(table))
        .put(dict::PAN, &data::pan(&table.pan))
        .put(dict::PAN_SEQUENCE_NUMBER, &[data::two_digits(table.sequence_number)])
        .put(dict::CARDHOLDER_NAME, table.cardholder_name.as_bytes())
        .put(dict::APPLICATION_EXPIRATION_DATE, &table.expiry.to_bcd())
        .put(dict::APPLICATION_EFFECTIVE_DATE, &table.effective.to_bcd())
        .put(dict::ISSUER_COUNTRY_CODE, &table.country.bcd())
        .put(dict::APPLICATION_CURRENCY_CODE, &table.currency.bcd())
        .put(dict::APPLICATION_USAGE_CONTROL, table.usage.as_bytes())
        .put(dict::APPLICATION_VERSION_NUMBER_CARD, &[0x00, 0x02])
        .put(dict::CDOL1, &dol::encode(CDOL1))
        .put(dict::CVM_LIST, &cvm_list(&table.cvm))
        .put(dict::ISSUER_ACTION_CODE_DENIAL, &table.action_codes.denial)
        .put(dict::ISSUER_ACTION_CODE_ONLINE, &table.action_codes.online)
        .put(dict::ISSUER_ACTION_CODE_DEFAULT, &table.action_codes.default);
    if table.recovers {
        writer.put(dict::DRDOL, &dol::encode(recovery::DRDOL));
    }
    if table.data_storage {
        writer.put(dict::DSDOL, &dol::encode(data_storage::DSDOL));
    }
    if table.authentication == Authentication::Cda {
        writer.put(dict::SDA_TAG_LIST, &[dict::AIP.number() as u8]);
    }
    writer.into_bytes()
}

/// No amounts, and a rule for each method (EMV Book 3, Annex C3): the next is tried where the
/// terminal does not support it.
fn cvm_list(methods: &[Cvm]) -> Vec<u8> {
    let rules = methods.iter().flat_map(|cvm| match cvm {
        Cvm::OnlinePin => [0x42, 0x03],
        Cvm::Signature => [0x5E, 0x03],
        Cvm::None => [0x1F, 0x03],
    });
    [0; 8].into_iter().chain(rules).collect()
}

/// The answer to GET PROCESSING OPTIONS; `stored` are the data objects of the card's storage.
pub(super) fn processing_options(card: &Issued, stored: &[u8]) -> Vec<u8> {
    let mut options = Writer::new();
    options.put(dict::AIP, card.aip.as_bytes()).put(dict::AFL, &card.afl);
    let mut writer = Writer::new();
    writer.put(dict::RESPONSE_MESSAGE_TEMPLATE_FORMAT_2, &[&options.into_bytes(), stored].concat());
    writer.into_bytes()
}

/// The answer to GENERATE AC. `asked` says what the terminal wants.
pub(super) fn generate_ac(
    card: &Issued,
    circumstances: Circumstances<'_>,
    asked: ReferenceControlParameter,
    terminal: Values<'_>,
) -> Vec<u8> {
    let Circumstances { atc, options, holder, relay_resistance, stored } = circumstances;
    let table = &card.application.table;
    let cryptogram_type = match stored {
        Some(Stored { must_decline: true, .. }) => CryptogramType::Aac,
        _ => decide(table, holder, asked.cryptogram_type(), terminal),
    };
    let combined = asked.has(ReferenceControlParameter::CDA_REQUESTED)
        && table.authentication == Authentication::Cda
        && (cryptogram_type != CryptogramType::Aac || table.data_storage);

    let iad = issuer_application_data(card, holder, cryptogram_type, combined, terminal);
    let cid = CryptogramInformationData::new(cryptogram_type);
    let cryptogram = card.cryptogram(|tag| match tag {
        dict::AIP => Some(card.aip.as_bytes()),
        dict::ATC => Some(&atc),
        dict::ISSUER_APPLICATION_DATA => Some(&iad),
        _ => terminal.find(tag),
    });

    let mut head = Writer::new();
    head.put(dict::CRYPTOGRAM_INFORMATION_DATA, cid.as_bytes()).put(dict::ATC, &atc);
    let mut tail = Writer::new();
    tail.put(dict::ISSUER_APPLICATION_DATA, &iad);
    if let Some(interaction) = holder.interaction() {
        tail.put(dict::POS_CARDHOLDER_INTERACTION_INFORMATION, interaction.as_bytes());
    }
    let (head, tail) = (head.into_bytes(), tail.into_bytes());

    let mut proof = Writer::new();
    if combined {
        // What the terminal sent for PDOL and CDOL1, and all of the answer but the signature itself (EMV Book 2, 6.6.1).
        // What it sent to be stored is told by the summaries.
        let sent = Sha1::new().chain_update(options).chain_update(terminal.as_bytes());
        let hash = sent.chain_update(&head).chain_update(&tail).finalize();
        let mut dynamic_data = [&[8][..], &card.dynamic_number(atc), cid.as_bytes(), &cryptogram, &hash].concat();
        dynamic_data.extend(stored.iter().flat_map(|stored| stored.summaries.as_flattened()));
        dynamic_data.extend(relay_resistance.map(|exchange| exchange.signed(card)).iter().flatten());
        let unpredictable_number: [u8; 4] = terminal.array(dict::UNPREDICTABLE_NUMBER);
        let signature = card.sign(SignedDataFormat::Dynamic, &dynamic_data, &unpredictable_number);
        proof.put(dict::SIGNED_DYNAMIC_APPLICATION_DATA, &signature);
    } else {
        proof.put(dict::APPLICATION_CRYPTOGRAM, &cryptogram);
    }
    let mut writer = Writer::new();
    writer.put(dict::RESPONSE_MESSAGE_TEMPLATE_FORMAT_2, &[head, proof.into_bytes(), tail].concat());
    writer.into_bytes()
}

/// Which cryptogram: never a stronger one than the terminal asks for (EMV Book 3, 9.3).
fn decide(table: &ApplicationTable, holder: Holder, asked: CryptogramType, terminal: Values<'_>) -> CryptogramType {
    match (asked, table.decision) {
        _ if holder.must_act() => CryptogramType::Aac,
        (CryptogramType::Aac | CryptogramType::Rfu, _) | (_, Decision::Decline) => CryptogramType::Aac,
        (CryptogramType::Tc, Decision::Offline) if data::within_offline_limit(table, terminal) => CryptogramType::Tc,
        (CryptogramType::Tc | CryptogramType::Arqc, _) => CryptogramType::Arqc,
    }
}

/// Issuer Application Data of an M/Chip card, 18 bytes: derivation key index, cryptogram version, card
/// verification results (6), data authentication code (2), counters (8).
fn issuer_application_data(
    card: &Issued,
    holder: Holder,
    cryptogram_type: CryptogramType,
    combined: bool,
    terminal: Values<'_>,
) -> [u8; 18] {
    const SECOND_CRYPTOGRAM_NOT_REQUESTED: u8 = 0x80;
    const PIN_VERIFIED_ON_DEVICE: u8 = 0x05;
    const CDA_PERFORMED: u8 = 0x40;
    const OFFLINE_PIN_NOT_PERFORMED: u8 = 0x20;
    const INTERNATIONAL: u8 = 0x04;
    const DOMESTIC: u8 = 0x02;

    let table = &card.application.table;
    let first_cryptogram = CryptogramInformationData::new(cryptogram_type).as_bytes()[0] >> 2;
    let domestic = terminal.array(dict::TERMINAL_COUNTRY_CODE) == table.country.bcd();

    let mut iad = [0; 18];
    iad[0] = 0x01;
    iad[1] = card.application.version.number;
    iad[2] = SECOND_CRYPTOGRAM_NOT_REQUESTED | first_cryptogram;
    if holder == Holder::Verified {
        iad[2] |= PIN_VERIFIED_ON_DEVICE;
    } else {
        iad[5] |= OFFLINE_PIN_NOT_PERFORMED;
    }
    if combined {
        iad[3] |= CDA_PERFORMED;
    }
    iad[5] |= if domestic { DOMESTIC } else { INTERNATIONAL };
    iad
}
