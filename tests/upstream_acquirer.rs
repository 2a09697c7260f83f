//! The host link and the simulated acquirer: what the terminal believes of the money, and where it is.

#[path = "support/chip_data.rs"]
mod chip_data;
#[path = "support/upstream.rs"]
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use tender_sim::acquirer::{Acquirer, Cryptogram, Desk, Macs, Rules, WireFormat};
use tenderd::keys::{InitialKey, MacKey};
use tenderd::upstream::iso8583::MacError;
use tenderd::upstream::{
    Advice, AuthorisationRequest, Decision, Host, HostError, MacKeys, NetworkPurpose, NetworkRequest, NoAnswer,
    NotSent, OnReversal, Reserve, Reversal,
};
use upstream::{acceptor, chip_sale, config, reversal, sale};

const VISA: &[u8] = &[0xA0, 0x00, 0x00, 0x00, 0x03, 0x10, 0x10];
const MASTERCARD: &[u8] = &[0xA0, 0x00, 0x00, 0x00, 0x04, 0x10, 0x10];
const PATIENCE: Duration = Duration::from_secs(10);

fn acquirer(rules: &str) -> Acquirer {
    acquirer_of("bcd", rules)
}

fn acquirer_of(dialect: &str, rules: &str) -> Acquirer {
    let format = WireFormat::named(dialect).unwrap();
    Acquirer::start("127.0.0.1:0", format, Rules::parse(rules).unwrap()).unwrap()
}

fn host_of(acquirer: &Acquirer) -> Host {
    host_in("bcd", acquirer)
}

fn host_in(dialect: &str, acquirer: &Acquirer) -> Host {
    let settings = format!("dialect = '{dialect}'\nresponse_timeout_ms = 500\nbackoff_initial_ms = 10");
    Host::start(config(acquirer.address(), &settings), acceptor())
}

/// Asks for an authorisation that is not answered for good; takes it back as the terminal does.
async fn in_doubt(host: &Host, sale: &AuthorisationRequest) -> HostError {
    let error = host.authorise(sale).await.unwrap_err();
    assert!(error.is_reversal_needed(), "{error}");
    assert_eq!(host.reverse(&reversal(sale)).await.unwrap().says, OnReversal::Settles);
    error
}

#[tokio::test]
async fn cards_of_each_cryptogram_version_are_verified_and_answered_by_their_issuer() {
    let acquirer = acquirer("");
    let host = host_of(&acquirer);
    let personalities = [
        ("visa-online", VISA),
        ("visa-online-cvn10", VISA),
        ("visa-online-cvn17", VISA),
        ("mastercard-online", MASTERCARD),
    ];
    for (stan, (personality, aid)) in (1..).zip(personalities) {
        let record = chip_data::data_record(personality);
        let answer = host.authorise(&chip_sale(stan, &record, chip_data::track2(&record), aid)).await.unwrap();
        assert_eq!(answer.decision, Decision::Approved, "{personality}");
        assert!(answer.issuer_data.issuer_authentication_data.is_some(), "{personality}");
        let entry = acquirer.ledger().entries.pop().unwrap();
        assert_eq!((entry.cryptogram, entry.stands()), (Cryptogram::Verified, 1250), "{personality}");
    }
}

#[tokio::test]
async fn a_changed_amount_makes_the_cryptogram_wrong() {
    let acquirer = acquirer("");
    let record = chip_data::data_record("visa-online");
    let mut sale = chip_sale(1, &record, chip_data::track2(&record), VISA);
    let amount = sale.icc_data.windows(6).position(|window| window == [0, 0, 0, 0, 0x12, 0x50]).unwrap();
    sale.icc_data[amount + 5] = 0x51;
    let answer = host_of(&acquirer).authorise(&sale).await.unwrap();
    assert_eq!((answer.decision, answer.response_code.to_string().as_str()), (Decision::Declined, "82"));
    assert_eq!(acquirer.ledger().total(), 0);
}

#[tokio::test]
async fn whatever_becomes_of_an_answer_no_money_stays_that_the_terminal_does_not_know_of() {
    for delivery in ["none", "drop-line", "malformed", "other-stan"] {
        let acquirer = acquirer(&format!("[[rule]]\nthen.delivery = '{delivery}'\ntimes = 1"));
        let host = host_of(&acquirer);
        in_doubt(&host, &sale(1, 1250)).await;
        let ledger = acquirer.ledger();
        assert_eq!((ledger.entries[0].approved, ledger.total()), (1250, 0), "{delivery}");
        assert!(host.authorise(&sale(3, 700)).await.unwrap().decision.is_approved(), "{delivery}");
        assert_eq!(acquirer.ledger().total(), 700, "{delivery}");
    }
}

/// An acquirer that wants MACs, and a host link with the key for them.
fn with_macs(dialect: &str, algorithm: &str, rules: &str, key: [u8; 16]) -> (Acquirer, Host) {
    let format = WireFormat::named(dialect).unwrap();
    let macs = Macs::fixed(algorithm, *b"0123456789ABCDEF").unwrap();
    let desk = Desk::new(format, Rules::parse(rules).unwrap()).with_macs(macs);
    let acquirer = Acquirer::open("127.0.0.1:0", desk).unwrap();
    let settings = format!(
        "response_timeout_ms = 500\n[dialect]\npreset = '{dialect}'\n\
         mac = {{ algorithm = '{algorithm}', key = 'configured' }}"
    );
    let config = config(acquirer.address(), &settings);
    let key = MacKey::new(config.dialect.mac.as_ref().unwrap().algorithm, &key).unwrap();
    let host = Host::start_with(config, acceptor(), MacKeys::Configured(Arc::new(key)));
    (acquirer, host)
}

#[tokio::test]
async fn what_carries_a_mac_is_booked_in_every_dialect() {
    for dialect in ["ascii", "ascii-binary", "bcd", "iso-1993"] {
        for algorithm in ["retail-padding-1", "retail-padding-2", "aes-cmac"] {
            let (acquirer, host) = with_macs(dialect, algorithm, "", *b"0123456789ABCDEF");
            let (first, second, offline) = (sale(1, 1250), sale(3, 700), sale(5, 300));
            assert_eq!(host.authorise(&first).await.unwrap().decision, Decision::Approved, "{dialect} {algorithm}");
            assert!(host.authorise(&second).await.unwrap().decision.is_approved());
            assert_eq!(host.reverse(&reversal(&second)).await.unwrap().says, OnReversal::Settles);
            let advice = Advice { request: offline, is_repeat: false };
            assert!(host.advise(&advice).await.unwrap().is_taken(), "{dialect} {algorithm}");
            let ledger = acquirer.ledger();
            assert_eq!((ledger.total(), ledger.reversals, ledger.unauthenticated), (1550, 1, 0));
        }
    }
}

#[tokio::test]
async fn an_answer_with_a_wrong_mac_or_none_is_reversed() {
    for (delivery, error) in [("wrong-mac", MacError::Wrong), ("no-mac", MacError::Missing)] {
        let rules = format!("[[rule]]\nthen.delivery = '{delivery}'");
        let (acquirer, host) = with_macs("bcd", "retail-padding-2", &rules, *b"0123456789ABCDEF");
        assert_eq!(in_doubt(&host, &sale(1, 1250)).await, NoAnswer::NotAuthentic(error).into());
        let ledger = acquirer.ledger();
        assert_eq!((ledger.entries[0].approved, ledger.total()), (1250, 0), "{delivery}");
    }
}

#[tokio::test]
async fn an_acquirer_books_nothing_whose_mac_is_wrong() {
    let (acquirer, host) = with_macs("bcd", "aes-cmac", "", *b"another 16 bytes");
    let error = host.authorise(&sale(1, 1250)).await.unwrap_err();
    assert_eq!(error, NoAnswer::NotAuthentic(MacError::Wrong).into(), "its refusal has a MAC of its own key");
    let ledger = acquirer.ledger();
    assert_eq!((ledger.entries.len(), ledger.unauthenticated), (0, 1));
}

/// The bytes of so many hexadecimal digits.
fn bytes<const N: usize>(digits: u128) -> [u8; N] {
    std::array::from_fn(|index| digits.to_be_bytes()[16 - N + index])
}

#[tokio::test]
async fn each_message_has_keys_that_the_acquirer_derives_and_no_restart_uses_one_twice() {
    // ANSI X9.24-3:2017, supplement, and X9.24-1:2009, A.4: base derivation keys and the initial keys made from them.
    let aes = || InitialKey::aes(&bytes::<16>(0x1273671EA26AC29AFA4D1084127652A1), &bytes::<8>(0x1234567890123456));
    let tdes = || {
        let serial_number = bytes::<10>(0xFFFF9876543210E00000);
        InitialKey::tdes(&bytes::<16>(0x6AC292FAA1315B4D858AB3A3D7D5933A), &serial_number)
    };
    for algorithm in ["aes-cmac", "retail-padding-1"] {
        let is_aes = algorithm == "aes-cmac";
        let base = if is_aes { 0xFEDCBA9876543210F1F1F1F1F1F1F1F1 } else { 0x0123456789ABCDEFFEDCBA9876543210 };
        let desk = Desk::new(WireFormat::named("bcd").unwrap(), Rules::parse("").unwrap());
        let desk = desk.with_macs(Macs::derived(algorithm, bytes(base), 63).unwrap());
        let acquirer = Acquirer::open("127.0.0.1:0", desk).unwrap();
        let settings = format!(
            "response_timeout_ms = 500\n[dialect]\npreset = 'bcd'\nelements = {{ 63 = 'key_serial_number' }}\n\
             mac = {{ algorithm = '{algorithm}', key = 'dukpt' }}"
        );
        let mut last_reserved = 0;
        for life in 0..3 {
            let initial_key = if is_aes { aes() } else { tdes() };
            let keys = MacKeys::Derived(initial_key.unwrap());
            let host = Host::start_with(config(acquirer.address(), &settings), acceptor(), keys);
            let (ledger, mut reservations) = tokio::sync::mpsc::unbounded_channel();
            host.derive_keys_after(last_reserved, ledger);
            let ask = async {
                for sale in (0..10).map(|number| sale(100 * life + 2 * number + 1, 1250)) {
                    assert!(host.authorise(&sale).await.unwrap().decision.is_approved(), "{algorithm}");
                    assert_eq!(host.reverse(&reversal(&sale)).await.unwrap().says, OnReversal::Settles);
                }
            };
            tokio::pin!(ask);
            loop {
                tokio::select! {
                    () = &mut ask => break,
                    Some(Reserve { reservation, written }) = reservations.recv() => {
                        last_reserved = reservation.last_counter;
                        written.send(()).unwrap();
                    }
                }
            }
        }
        let ledger = acquirer.ledger();
        assert_eq!(
            (ledger.key_serial_numbers.len(), ledger.unauthenticated, ledger.total()),
            (60, 0, 0),
            "{algorithm}"
        );
    }
}

#[tokio::test]
async fn a_late_answer_is_reversed_and_then_nobodys() {
    let acquirer = acquirer("[[rule]]\nwhen.amount = 1250\nthen.delay_ms = 700");
    let host = host_of(&acquirer);
    assert_eq!(in_doubt(&host, &sale(1, 1250)).await, NoAnswer::TimedOut.into());
    // The late answer arrives while this one waits for its own.
    let slow = sale(3, 1250);
    assert_eq!(in_doubt(&host, &slow).await, NoAnswer::TimedOut.into());
    assert!(host.authorise(&sale(5, 700)).await.unwrap().decision.is_approved());
    assert_eq!(acquirer.ledger().total(), 700);
}

#[tokio::test]
async fn a_reversal_is_sent_again_until_it_is_answered_and_counts_once() {
    let rules = "
        [[rule]]
        then.delivery = 'none'
        [[rule]]
        when.mti = ['0400']
        then.delivery = 'drop-line'
        [[rule]]
        when.mti = ['0401']
        then.response = '91'
        times = 1
    ";
    let acquirer = acquirer(rules);
    let host = host_of(&acquirer);
    let sale = sale(1, 1250);
    assert!(host.authorise(&sale).await.is_err());
    let first = reversal(&sale);
    assert!(host.reverse(&first).await.unwrap_err().is_reversal_needed());
    let repeat = Reversal { is_repeat: true, ..first };
    assert_eq!(host.reverse(&repeat).await.unwrap().says, OnReversal::Later);
    assert_eq!(host.reverse(&repeat).await.unwrap().says, OnReversal::Settles);
    let ledger = acquirer.ledger();
    assert_eq!((ledger.total(), ledger.reversals), (0, 3));
}

#[tokio::test]
async fn a_part_is_approved_and_declines_say_why() {
    let rules = "
        [[rule]]
        when.cents = 10
        then.response = '10'
        [[rule]]
        when.cents = 51
        then.response = '51'
    ";
    let acquirer = acquirer(rules);
    let host = host_of(&acquirer);
    let partial = host.authorise(&sale(1, 1010)).await.unwrap();
    assert_eq!(partial.decision, Decision::PartiallyApproved(emv::fields::Amount::from(505)));
    let declined = host.authorise(&sale(2, 1051)).await.unwrap();
    assert_eq!(
        (declined.decision, declined.response_code.meaning().customer),
        (Decision::Declined, "Insufficient funds")
    );
    assert_eq!(acquirer.ledger().total(), 505);
}

#[tokio::test]
async fn a_host_that_restarts_between_two_sales_is_connected_to_anew() {
    let acquirer = acquirer("");
    let host = host_of(&acquirer);
    assert!(host.authorise(&sale(1, 100)).await.is_ok());
    acquirer.drop_lines();
    // Whether the link has seen the end of the connection yet or not, no money may be in doubt unnoticed.
    match host.authorise(&sale(2, 200)).await {
        Ok(answer) => assert!(answer.decision.is_approved()),
        Err(error) => {
            assert!(error.is_reversal_needed() || matches!(error, HostError::NotSent(NotSent::ConnectionLost(_))))
        }
    }
    assert!(host.authorise(&sale(3, 300)).await.unwrap().decision.is_approved());
    let address = acquirer.address();
    acquirer.ledger_when(PATIENCE, |ledger| ledger.entries.len() >= 2);
    drop(acquirer);
    let nobody = Host::start(config(address, "dialect = 'bcd'"), acceptor());
    assert!(!nobody.authorise(&sale(4, 400)).await.unwrap_err().is_reversal_needed());
}

#[tokio::test]
async fn an_acquirer_of_1993_approves_declines_and_takes_back() {
    let rules = "
        [[rule]]
        when.cents = 10
        then.response = '10'
        [[rule]]
        when.cents = 51
        then.response = '51'
        [[rule]]
        when.cents = 96
        then.delivery = 'none'
    ";
    let acquirer = acquirer_of("iso-1993", rules);
    let host = host_in("iso-1993", &acquirer);
    let record = chip_data::data_record("visa-online");
    let chip = chip_sale(1, &record, chip_data::track2(&record), VISA);
    assert_eq!(host.authorise(&chip).await.unwrap().decision, Decision::Approved);
    assert_eq!(acquirer.ledger().entries[0].cryptogram, Cryptogram::Verified);
    let declined = host.authorise(&sale(2, 1051)).await.unwrap();
    assert_eq!((declined.decision, declined.response_code.to_string()), (Decision::Declined, "51".to_owned()));
    let partial = host.authorise(&sale(3, 1010)).await.unwrap();
    assert_eq!(partial.decision, Decision::PartiallyApproved(emv::fields::Amount::from(505)));
    in_doubt(&host, &sale(4, 1096)).await;
    assert_eq!(host.reverse(&reversal(&sale(9, 1000))).await.unwrap().says, OnReversal::NotFound);
    let advice = Advice { request: AuthorisationRequest { track2: None, ..sale(11, 700) }, is_repeat: false };
    assert!(host.advise(&advice).await.unwrap().is_taken());
    let echo = NetworkRequest {
        stan: sale(12, 0).stan,
        at: sale(12, 0).at,
        purpose: NetworkPurpose::EchoTest,
        batch: sale(12, 0).batch,
    };
    assert_eq!(host.manage(echo).await.unwrap().to_string(), "00");
    let types: Vec<_> = acquirer.ledger().entries.iter().map(|entry| entry.mti.clone()).collect();
    assert_eq!((types.join(" ").as_str(), acquirer.ledger().total()), ("1100 1100 1100 1100 1220", 1250 + 505 + 700));
}
