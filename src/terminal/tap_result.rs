//! What a tap left behind, sorted: what the journal may keep, and what only the acquirer may see.

use emv::dict;
use emv::fields::{Date, Pan, Track2, YearMonth};
use emv::kernel::{Cvm as KernelCvm, Decision, Event, Outcome, Record};
use emv::tlv::{Tag, Tlvs};

use super::{Card, CardRead, Cvm, Hex, MaskedPan, TapData, TapOutcome};
use crate::keys::Sealed;
use crate::upstream::icc_data;

/// What was told of a tap while it went on.
#[derive(Debug, Default)]
pub(super) struct TapRecords {
    df_name: Option<Vec<u8>>,
    label: Option<String>,
    tvr: Option<Vec<u8>>,
    cvm_results: Option<Vec<u8>>,
    issuer_script_results: Option<Vec<u8>>,
}

impl TapRecords {
    /// Remembers what a receipt or a dispute will need.
    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::Selected { df_name, label, preferred_name, issuer_code_table_index, .. } => {
                self.df_name = Some(df_name.to_vec());
                // ISO/IEC 8859-1 is the one part whose characters are those of Unicode.
                let preferred = (*issuer_code_table_index == Some(1)).then(|| printable(preferred_name)).flatten();
                self.label = preferred.or_else(|| printable(label));
            }
            Event::IssuerScriptResults(results) => self.issuer_script_results = Some(results.clone()),
            Event::Results { tvr, cvm_results } => {
                self.tvr = Some(tvr.as_bytes().to_vec());
                self.cvm_results = Some(cvm_results.as_bytes().to_vec());
            }
            _ => {}
        }
    }

    /// The AID that was selected.
    pub(super) fn df_name(&self) -> Option<&[u8]> {
        self.df_name.as_deref()
    }
}

fn printable(text: &[u8]) -> Option<String> {
    let text: String = text.iter().map(|byte| char::from(*byte)).filter(|c| !c.is_control()).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The card as an authorisation needs it.
pub(super) struct ReadCard {
    pub(super) card: Card,
    pub(super) track2: Option<Track2>,
}

/// Reads the card's data out of a kernel's data record; nothing where it holds no card number. Number and
/// expiry are those of Track 2, where there is one.
//= C-3 B.1.2.1, B.1.2.2
pub(super) fn read_card(record: &Record) -> Option<ReadCard> {
    let objects = Tlvs::parse(record.as_bytes()).ok()?;
    let track2 = [dict::TRACK_2_EQUIVALENT_DATA, dict::TRACK_2_DATA]
        .into_iter()
        .find_map(|tag| Track2::try_from(objects.find(tag)?).ok());
    let pan = || objects.find(dict::PAN).and_then(|value| Pan::try_from(value).ok());
    let expiry = || objects.find(dict::APPLICATION_EXPIRATION_DATE).and_then(|value| Date::try_from(value).ok());
    let card = Card {
        pan: track2.as_ref().map(|track2| track2.pan().clone()).or_else(pan)?,
        expiry: track2.as_ref().map(Track2::expiry).or_else(|| expiry().map(YearMonth::from))?,
        sequence_number: objects.find(dict::PAN_SEQUENCE_NUMBER).and_then(bcd_byte),
    };
    Some(ReadCard { card, track2 })
}

/// What may be shown of the amount that can be spent offline (Book C-3, 4.3.1.1).
fn spending_amount(outcome: &Outcome) -> Option<Hex> {
    let objects = Tlvs::parse(outcome.discretionary_data.as_ref()?.as_bytes()).ok()?;
    let amount = objects.find(dict::AVAILABLE_OFFLINE_SPENDING_AMOUNT).filter(|value| value.len() == 6)?;
    Some(Hex(amount.to_vec()))
}

fn bcd_byte(value: &[u8]) -> Option<u8> {
    match value {
        [byte] if byte >> 4 <= 9 && byte & 0xF <= 9 => Some((byte >> 4) * 10 + (byte & 0xF)),
        _ => None,
    }
}

/// A tap as the journal keeps it: nothing in it is secret, but for the card, which `seal` encrypts together with what an
/// advice needs.
pub(super) fn card_read(
    outcome: &Outcome,
    records: &TapRecords,
    scheme: Option<&str>,
    seal: impl Fn(&[u8]) -> Sealed,
) -> CardRead {
    let record = outcome.data_record.as_ref();
    let objects = record.and_then(|record| Tlvs::parse(record.as_bytes()).ok());
    let object = |tag: Tag| objects.as_ref().and_then(|objects| objects.find(tag)).map(|value| Hex(value.to_vec()));
    let card = record.and_then(read_card);
    let tap_outcome = match outcome.decision {
        Decision::Approved => TapOutcome::Approved,
        Decision::Declined => TapOutcome::Declined,
        Decision::OnlineRequest => TapOutcome::OnlineRequest,
        Decision::TryAnotherInterface => TapOutcome::TryAnotherInterface,
        // Entry Point carries out the first two; a PIN for the issuer needs a PIN pad.
        Decision::SelectNext | Decision::TryAgain | Decision::RequestOnlinePin | Decision::EndApplication => {
            TapOutcome::EndApplication
        }
    };
    let wants_card = matches!(tap_outcome, TapOutcome::Approved | TapOutcome::OnlineRequest);
    CardRead {
        outcome: tap_outcome,
        present_again: outcome.decision == Decision::OnlineRequest && outcome.start.is_some(),
        cvm: match outcome.cvm {
            Some(KernelCvm::ObtainSignature) => Cvm::Signature,
            Some(KernelCvm::OnlinePin) => Cvm::OnlinePin,
            Some(KernelCvm::ConfirmationCodeVerified) => Cvm::OnDevice,
            Some(KernelCvm::NoCvm) | None => Cvm::NoCvm,
        },
        scheme: scheme.map(str::to_owned),
        application_label: records.label.clone(),
        pan: card.as_ref().map(|read| MaskedPan::from(&read.card.pan)),
        card: card.as_ref().filter(|_| wants_card).map(|read| seal(&read.card.to_bytes())),
        icc_data: objects.filter(|_| card.is_some() && tap_outcome == TapOutcome::Approved).map(|objects| {
            seal(&icc_data::from_data_record(objects, icc_data::wanted(records.df_name().unwrap_or_default())))
        }),
        data: TapData {
            aid: records.df_name.clone().map(Hex),
            tvr: object(dict::TVR).or_else(|| records.tvr.clone().map(Hex)),
            cvm_results: object(dict::CVM_RESULTS).or_else(|| records.cvm_results.clone().map(Hex)),
            application_cryptogram: object(dict::APPLICATION_CRYPTOGRAM),
            cryptogram_information_data: object(dict::CRYPTOGRAM_INFORMATION_DATA),
            application_transaction_counter: object(dict::ATC),
            unpredictable_number: object(dict::UNPREDICTABLE_NUMBER),
            available_offline_spending_amount: spending_amount(outcome),
            issuer_script_results: records.issuer_script_results.clone().map(Hex),
        },
    }
}

#[cfg(test)]
mod tests {
    use emv::tlv::Writer;

    use super::*;

    fn read(objects: &[(Tag, &[u8])]) -> Option<ReadCard> {
        let mut record = Writer::new();
        for (tag, value) in objects {
            record.put(*tag, value);
        }
        read_card(&Record::from(record.into_bytes()))
    }

    const PAN: (Tag, &[u8]) = (dict::PAN, &[0x54, 0x13, 0x33, 0x00, 0x89, 0x60, 0x10, 0x34]);
    const EXPIRY: (Tag, &[u8]) = (dict::APPLICATION_EXPIRATION_DATE, &[0x27, 0x01, 0x31]);
    const TRACK_2: (Tag, &[u8]) =
        (dict::TRACK_2_EQUIVALENT_DATA, &[0x41, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0xD4, 0x91, 0x22, 0x01]);

    //= test C-3 B.1.2.1, B.1.2.2
    #[test]
    fn the_card_s_number_and_expiry_are_those_of_track_2() {
        let ReadCard { card, track2 } = read(&[PAN, EXPIRY, TRACK_2]).unwrap();
        assert_eq!((card.pan.digits(), card.expiry), ("4111111111111111", YearMonth::new(49, 12).unwrap()));
        assert_eq!(*track2.unwrap().pan(), card.pan);
    }

    #[test]
    fn without_track_2_number_and_expiry_stand_by_themselves() {
        let ReadCard { card, track2 } = read(&[PAN, EXPIRY]).unwrap();
        assert_eq!((card.pan.digits(), card.expiry), ("5413330089601034", YearMonth::new(27, 1).unwrap()));
        assert!(track2.is_none());
        assert!(read(&[PAN]).is_none() && read(&[EXPIRY]).is_none());
    }
}
