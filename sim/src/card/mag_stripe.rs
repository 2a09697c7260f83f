//! Mastercard's mag-stripe profile: tracks in a record, and COMPUTE CRYPTOGRAPHIC CHECKSUM (EMV Contactless Book
//! C-2, S7 and S13).

use emv::dict;
use emv::fields::Aip;
use emv::tlv::Writer;

use super::dol::{self, Values};
use super::issued::Issued;
use super::personality::ApplicationTable;
use super::phone::Holder;
use crate::crypto::{blank_track_2, cvc3, icc_cvc3_key, layout};

/// What the card asks the terminal for with COMPUTE CRYPTOGRAPHIC CHECKSUM.
pub(super) const UDOL: dol::List = &[(dict::UNPREDICTABLE_NUMBER_NUMERIC, 4)];

/// No EMV mode.
pub(super) fn aip(table: &ApplicationTable) -> Aip {
    let mut aip = Aip::default();
    aip.put(Aip::C2_ON_DEVICE_CVM_SUPPORTED, table.on_device_cvm);
    aip
}

/// The one record: both tracks, and where in them the terminal writes what.
pub(super) fn application_data(table: &ApplicationTable) -> Vec<u8> {
    let of_track_1 = |positions: u16| [&[0; 4][..], &positions.to_be_bytes()].concat();
    let mut writer = Writer::new();
    writer
        .put(dict::TRACK_1_DATA, &track_1(table))
        .put(dict::PCVC3_TRACK1, &of_track_1(layout::PCVC3))
        .put(dict::PUNATC_TRACK1, &of_track_1(layout::PUNATC))
        .put(dict::NATC_TRACK1, &[layout::NATC])
        .put(dict::TRACK_2_DATA, &track_2(table))
        .put(dict::PCVC3_TRACK2, &layout::PCVC3.to_be_bytes())
        .put(dict::PUNATC_TRACK2, &layout::PUNATC.to_be_bytes())
        .put(dict::NATC_TRACK2, &[layout::NATC])
        .put(dict::UDOL, &dol::encode(UDOL));
    writer.into_bytes()
}

/// Track 1 Data of format B, 65 characters at most.
fn track_1(table: &ApplicationTable) -> Vec<u8> {
    let ApplicationTable { pan, cardholder_name, service_code, .. } = table;
    let [year, month, _] = table.expiry.to_bcd();
    let (pan, blank) = (pan.digits(), layout::BLANK);
    format!("B{pan}^{cardholder_name}^{year:02X}{month:02X}{service_code}{blank}").into_bytes()
}

fn track_2(table: &ApplicationTable) -> Vec<u8> {
    let [year, month, _] = table.expiry.to_bcd();
    blank_track_2(&format!("{}D{year:02X}{month:02X}{}", table.pan.digits(), table.service_code))
}

/// The answer to COMPUTE CRYPTOGRAPHIC CHECKSUM in the transaction that `atc` counts: a code for each track, wrong
/// ones where the personality says so. A phone whose holder must act gives none.
pub(super) fn compute_checksum(card: &Issued, atc: [u8; 2], holder: Holder, terminal: Values<'_>) -> Vec<u8> {
    let table = &card.application.table;
    let key = icc_cvc3_key(&card.application.scheme.keys().issuer.dynamic_code_master_key, table.pan.digits());
    let code = |track: &[u8]| {
        let mut code = cvc3(&key, track, terminal.array(dict::UNPREDICTABLE_NUMBER_NUMERIC), atc);
        table.fault.apply(&mut code);
        code
    };
    let mut writer = Writer::new();
    writer.template(dict::RESPONSE_MESSAGE_TEMPLATE_FORMAT_2, |response| {
        if !holder.must_act() {
            response.put(dict::CVC3_TRACK2, &code(&track_2(table))).put(dict::CVC3_TRACK1, &code(&track_1(table)));
        }
        response.put(dict::ATC, &atc);
        if let Some(interaction) = holder.interaction() {
            response.put(dict::POS_CARDHOLDER_INTERACTION_INFORMATION, interaction.as_bytes());
        }
    });
    writer.into_bytes()
}
