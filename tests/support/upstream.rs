//! A grocer's requests to the acquirer.

#![allow(dead_code, reason = "every test program uses its part of this")]

use emv::fields::{Amount, Pan, Track2, YearMonth};
use emv::tlv::Tlvs;
use jiff::tz::TimeZone;
use tenderd::terminal::{Acceptor, BatchNumber, Card, Currency, OnlineRequest, Rrn, Stan, TransactionType};
use tenderd::upstream::{AuthorisationRequest, CardAcceptor, EntryMode, HostConfig, Reversal, icc_data};

/// The configuration of a host at `address`, with `more` lines of TOML.
pub(crate) fn config(address: impl std::fmt::Display, more: &str) -> HostConfig {
    toml::from_str(&format!("address = '{address}'\n{more}")).expect("the configuration is valid")
}

pub(crate) fn acceptor() -> CardAcceptor {
    CardAcceptor {
        identity: Acceptor { terminal_id: "TERM0001".to_owned(), merchant_id: "MERCHANT0000001".to_owned() },
        name_location: Some("Grocer           Antwerp      BE".to_owned()),
        category_code: Some(5411),
        country_code: Some(56),
        acquirer_id: Some("123456".to_owned()),
        takes_pin: true,
        time_zone: TimeZone::fixed(jiff::tz::offset(2)),
    }
}

/// A sale in EUR on the 21st of July 2026 with a card that sent no chip data.
pub(crate) fn sale(stan: u32, amount: u32) -> AuthorisationRequest {
    let at = "2026-07-21T12:30:05Z".parse().expect("a time");
    let stan = Stan::try_from(stan).expect("a STAN");
    AuthorisationRequest {
        stan,
        rrn: Rrn::new(at, stan),
        at,
        acceptor: acceptor().identity,
        kind: TransactionType::Purchase,
        amount: Amount::from(amount),
        cashback: Amount::ZERO,
        currency: Currency::from_alpha("EUR").expect("a currency"),
        entry_mode: Some(EntryMode::ContactlessMagneticStripe),
        card: Card {
            pan: Pan::from_digits("4761739001010119").expect("a PAN"),
            expiry: YearMonth::new(30, 12).expect("a month"),
            sequence_number: Some(1),
        },
        track2: None,
        pin_block: None,
        icc_data: Vec::new().into(),
        batch: BatchNumber::FIRST,
        original: None,
    }
}

/// A sale of 12.50 EUR with chip data from a kernel's data record, or what stands for one.
pub(crate) fn chip_sale(stan: u32, record: &[u8], track2: Track2, aid: &[u8]) -> AuthorisationRequest {
    let record = Tlvs::parse(record).expect("a record is data objects");
    AuthorisationRequest {
        entry_mode: Some(EntryMode::ContactlessChip),
        card: Card { pan: track2.pan().clone(), expiry: track2.expiry(), sequence_number: Some(1) },
        track2: Some(track2),
        icc_data: icc_data::from_data_record(record, icc_data::wanted(aid)),
        ..sale(stan, 1250)
    }
}

/// The reversal of a sale, under the STAN that follows.
pub(crate) fn reversal(sale: &AuthorisationRequest) -> Reversal {
    Reversal {
        stan: sale.stan.next(),
        at: sale.at,
        is_repeat: false,
        rrn: sale.rrn.clone(),
        original: OnlineRequest {
            stan: sale.stan,
            rrn: sale.rrn.clone(),
            at: sale.at,
            acceptor: sale.acceptor.clone(),
        },
        kind: sale.kind,
        is_follow_up: false,
        amount: sale.amount,
        currency: sale.currency,
        pan: Some(sale.card.pan.clone()),
        authorisation_code: None,
        batch: sale.batch,
    }
}
