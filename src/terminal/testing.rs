//! Transactions for tests.

use emv::fields::Amount;
use jiff::Timestamp;

use super::*;
use crate::keys::{Generation, StorageKey};

/// So many seconds into the tests' day.
pub(crate) fn at(second: i64) -> Timestamp {
    let start: Timestamp = "2026-11-24T05:36:00Z".parse().expect("a timestamp");
    start + jiff::SignedDuration::from_secs(second)
}

/// A purchase for 12.50 EUR.
pub(crate) fn purchase(token: &str) -> Request {
    Request {
        token: token.parse().expect("a token"),
        kind: TransactionType::Purchase,
        original: None,
        amount: Amount::from(1250),
        amount_other: None,
        currency: Currency::from_alpha("EUR").expect("in the table"),
        reader: None,
        reference: None,
        accept_partial: false,
        online: OnlineMode::default(),
    }
}

/// A tap of a Visa card with this outcome.
pub(crate) fn tap(token: &str, outcome: TapOutcome) -> CardRead {
    let pan = emv::fields::Pan::from_digits("4761739001010119").expect("a test PAN");
    let expiry = emv::fields::YearMonth::new(31, 12).expect("a month");
    let card = Card { pan, expiry, sequence_number: Some(1) };
    CardRead {
        outcome,
        present_again: false,
        cvm: Cvm::NoCvm,
        scheme: Some("visa".to_owned()),
        application_label: Some("VISA CREDIT".to_owned()),
        pan: Some(MaskedPan::from(&card.pan)),
        card: Some(StorageKey::from_bytes(Generation::FIRST, &[7; 32]).seal(token, &card.to_bytes())),
        icc_data: None,
        data: TapData {
            aid: "A0000000031010".parse().ok(),
            tvr: "0000000000".parse().ok(),
            application_cryptogram: "0011223344556677".parse().ok(),
            ..TapData::default()
        },
    }
}

/// What a follow-up with this token takes over from a sale that was approved online.
pub(crate) fn original(token: &str) -> Original {
    let stan = Stan::try_from(900).expect("a STAN");
    let rrn = Rrn::new(at(0), stan);
    Original {
        kind: TransactionType::Purchase,
        message: OnlineRequest { stan, rrn: rrn.clone(), at: at(0), acceptor: acceptor() },
        is_advised: false,
        is_follow_up: false,
        amount: Some(Amount::from(1250)),
        rrn,
        authorisation_code: Some("A1B2C3".to_owned()),
        batch: BatchNumber::FIRST,
        card: tap(token, TapOutcome::OnlineRequest).on_record(),
    }
}

/// The issuer's approval.
pub(crate) fn approval() -> Answer {
    Answer {
        approved: true,
        response_code: "00".to_owned(),
        authorisation_code: Some("A1B2C3".to_owned()),
        amount: None,
        acquirer_rrn: None,
        issuer_authentication_data: None,
        has_issuer_scripts: false,
    }
}

/// The issuer's refusal.
pub(crate) fn refusal() -> Answer {
    Answer { approved: false, response_code: "05".to_owned(), authorisation_code: None, ..approval() }
}

/// The names by which the acquirer knows the terminal.
pub(crate) fn acceptor() -> Acceptor {
    Acceptor { terminal_id: "TERM0001".to_owned(), merchant_id: "MERCHANT0000001".to_owned() }
}
