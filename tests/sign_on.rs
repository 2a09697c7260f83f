//! Keys by sign-on: a terminal of `union-pay`, and an acquirer that hands out real keys, withholds them and forgets them.

#[path = "support/terminal.rs"]
mod terminal;
#[path = "support/upstream.rs"]
mod upstream;

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use tender_sim::acquirer::{Acquirer, Desk, Rules, SignOn, WireFormat};
use tenderd::keys::{KeyForm, MasterKey};
use tenderd::terminal::{BatchNumber, Stan, TransactionType};
use tenderd::upstream::{
    Advice, Decision, Host, HostError, MacKeys, NetworkPurpose, NetworkRequest, NoAnswer, NotSent, OnReversal, Ticket,
};
use terminal::{Readers, Terminal};
use tokio::sync::{mpsc, oneshot};
use upstream::{acceptor, config, reversal, sale};

const MASTER_KEY: [u8; 16] = 0x0123_4567_89AB_CDEF_FEDC_BA98_7654_3210_u128.to_be_bytes();
const PATIENCE: Duration = Duration::from_secs(10);

/// An acquirer that hands out keys.
fn acquirer(dialect: &str, algorithm: &str, rules: &str) -> Acquirer {
    acquirer_with(dialect, SignOn::new(algorithm, MASTER_KEY).unwrap(), rules)
}

fn acquirer_with(dialect: &str, sign_on: SignOn, rules: &str) -> Acquirer {
    let desk = Desk::new(WireFormat::named(dialect).unwrap(), Rules::parse(rules).unwrap()).with_sign_on(sign_on);
    Acquirer::open("127.0.0.1:0", desk).unwrap()
}

/// A link in this dialect. The messages of its own have the numbers from 900 on.
fn link(acquirer: &Acquirer, dialect: &str, more: &str) -> Host {
    let settings = format!("backoff_initial_ms = 10\n{more}\n{dialect}");
    let master = MasterKey::new(KeyForm::TdesEcb, &MASTER_KEY).unwrap();
    let host = Host::start_with(config(acquirer.address(), &settings), acceptor(), MacKeys::by_sign_on(master));
    let (desk, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<Ticket>>();
    tokio::spawn(async move {
        let mut stan = Stan::try_from(900).unwrap();
        while let Some(ticket) = asked.recv().await {
            // A link that has ended needs none.
            let _ = ticket.send(Ticket { stan, at: sale(1, 0).at, batch: BatchNumber::FIRST, jitter: 0 });
            stan = stan.next();
        }
    });
    host.sign_on_by(desk);
    host
}

fn signed_on(acquirer: &Acquirer) -> Host {
    link(acquirer, "dialect = 'union-pay'", "response_timeout_ms = 500\nmessage_class = 'financial'")
}

/// Why a sale was not sent.
async fn refused(host: &Host, stan: u32) -> String {
    match host.authorise(&sale(stan, 1250)).await.unwrap_err() {
        HostError::NotSent(NotSent::NotSignedOn(reason)) => reason,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn every_kind_of_message_is_booked_under_the_keys_of_one_sign_on() {
    let acquirer = acquirer("union-pay", "union-pay-ecb", "");
    let host = signed_on(&acquirer);
    assert_eq!(host.authorise(&sale(1, 1250)).await.unwrap().decision, Decision::Approved);
    let taken_back = sale(3, 700);
    assert!(host.authorise(&taken_back).await.unwrap().decision.is_approved());
    assert_eq!(host.reverse(&reversal(&taken_back)).await.unwrap().says, OnReversal::Settles);
    let advice = Advice { request: sale(5, 300), is_repeat: false };
    assert!(host.advise(&advice).await.unwrap().is_taken());
    let mut refund = sale(7, 100);
    refund.kind = TransactionType::Refund;
    assert!(host.authorise(&refund).await.unwrap().decision.is_approved());
    let ledger = acquirer.ledger();
    assert_eq!((ledger.takings(), ledger.reversals), (1250 + 300 - 100, 1));
    assert_eq!((ledger.network_requests, ledger.unauthenticated, ledger.malformed), (1, 0, 0));
}

#[tokio::test]
async fn keys_with_a_wrong_check_value_are_not_used_and_the_next_sale_asks_again() {
    let rules = "[[rule]]\nwhen.mti = ['0800']\nthen.delivery = 'wrong-check-value'\ntimes = 1";
    let acquirer = acquirer("union-pay", "union-pay-ecb", rules);
    let host = signed_on(&acquirer);
    let reason = refused(&host, 1).await;
    assert!(reason.contains("check value of the PIN key is wrong") && reason.contains("[keys.master]"), "{reason}");
    assert!(host.authorise(&sale(2, 700)).await.unwrap().decision.is_approved());
    let ledger = acquirer.ledger();
    assert_eq!((ledger.total(), ledger.network_requests, ledger.unauthenticated), (700, 2, 0));
}

#[tokio::test]
async fn a_host_that_refuses_the_sign_on_is_asked_again_by_the_next_sale() {
    let rules = "[[rule]]\nwhen.mti = ['0800']\nthen.response = '58'\ntimes = 1";
    let acquirer = acquirer("union-pay", "union-pay-ecb", rules);
    let host = signed_on(&acquirer);
    let reason = refused(&host, 1).await;
    assert!(reason.contains("refuses the sign-on with code 58"), "{reason}");
    assert!(host.authorise(&sale(2, 700)).await.unwrap().decision.is_approved());
}

#[tokio::test]
async fn a_lost_sign_on_is_sent_again_and_no_sale_is_in_doubt_for_it() {
    let rules = "[[rule]]\nwhen.mti = ['0800']\nthen.delivery = 'none'\ntimes = 1";
    let acquirer = acquirer("union-pay", "union-pay-ecb", rules);
    let host = signed_on(&acquirer);
    let reason = refused(&host, 1).await;
    assert!(reason.contains("time-out"), "{reason}");
    assert!(host.authorise(&sale(2, 700)).await.unwrap().decision.is_approved());
    assert_eq!(acquirer.ledger().entries.len(), 1, "the first sale was never sent");
}

#[tokio::test]
async fn a_sale_waits_for_keys_no_longer_than_for_a_connection() {
    let acquirer = acquirer("union-pay", "union-pay-ecb", "[[rule]]\nwhen.mti = ['0800']\nthen.delivery = 'none'");
    let patient = "connect_timeout_ms = 300\nresponse_timeout_ms = 60000\nmessage_class = 'financial'";
    let host = link(&acquirer, "dialect = 'union-pay'", patient);
    let begun = Instant::now();
    assert_eq!(host.authorise(&sale(1, 1250)).await.unwrap_err(), NotSent::TooLate.into());
    assert!(begun.elapsed() < PATIENCE);
    assert_eq!(acquirer.ledger().entries.len(), 0);
}

#[tokio::test]
async fn keys_that_the_host_forgets_in_mid_day_are_replaced_and_what_it_refused_is_reversed() {
    let acquirer = acquirer("union-pay", "union-pay-ecb", "");
    let host = signed_on(&acquirer);
    assert!(host.authorise(&sale(1, 1250)).await.unwrap().decision.is_approved());
    acquirer.expire_keys();
    let refused = sale(3, 700);
    let error = host.authorise(&refused).await.unwrap_err();
    assert_eq!(error, NoAnswer::KeysRefused.into());
    assert!(error.is_reversal_needed(), "nobody can believe an answer without MAC");
    assert_eq!(host.reverse(&reversal(&refused)).await.unwrap().says, OnReversal::NotFound);
    assert!(host.authorise(&sale(5, 300)).await.unwrap().decision.is_approved());
    let ledger = acquirer.ledger();
    assert_eq!((ledger.total(), ledger.network_requests, ledger.unauthenticated), (1550, 2, 1));
}

#[tokio::test]
async fn a_terminal_signs_on_as_often_as_its_keys_wear_out() {
    let sign_on = SignOn::new("union-pay-ecb", MASTER_KEY).unwrap().with_lifetime(3);
    let acquirer = acquirer_with("union-pay", sign_on, "");
    let host = signed_on(&acquirer);
    let mut approved = 0;
    for stan in 1..=12 {
        match host.authorise(&sale(2 * stan, 100)).await {
            Ok(answer) => approved += u32::from(answer.decision.is_approved()),
            Err(error) => {
                assert_eq!(error, NoAnswer::KeysRefused.into());
                assert_eq!(host.reverse(&reversal(&sale(2 * stan, 100))).await.unwrap().says, OnReversal::NotFound);
            }
        }
    }
    let ledger = acquirer.ledger();
    assert_eq!((approved, ledger.total()), (9, 900));
    assert_eq!((ledger.network_requests, ledger.unauthenticated), (4, 3));
}

#[tokio::test]
async fn hosts_of_1987_hand_out_keys_in_a_key_exchange() {
    let dialect = "[dialect]\npreset = 'ascii'\n\
        mac = { algorithm = 'retail-padding-1', key = 'sign-on' }\n\
        [dialect.fields]\n62 = 'ans...999'\n\
        [dialect.working_keys]\nmessage = 'key_exchange'\nfield = 62\nform = 'tdes-ecb'\nrenew_on = ['63']\n\
        keys = [{ key = 'pin', length = 16, check_value = 4 }, { key = 'mac', length = 16, check_value = 4 }]";
    let acquirer = acquirer("ascii", "retail-padding-1", "");
    let host = link(&acquirer, dialect, "response_timeout_ms = 500");
    assert!(host.authorise(&sale(1, 1250)).await.unwrap().decision.is_approved());
    acquirer.expire_keys();
    assert_eq!(host.authorise(&sale(3, 700)).await.unwrap_err(), NoAnswer::KeysRefused.into());
    assert!(host.authorise(&sale(5, 300)).await.unwrap().decision.is_approved());
    let ledger = acquirer.ledger();
    assert_eq!((ledger.total(), ledger.network_requests, ledger.unauthenticated), (1550, 2, 1));
}

#[tokio::test]
async fn after_a_sign_off_the_keys_are_good_for_nothing() {
    let acquirer = acquirer("union-pay", "union-pay-ecb", "");
    let host = signed_on(&acquirer);
    assert!(host.authorise(&sale(1, 1250)).await.unwrap().decision.is_approved());
    let sale_2 = sale(2, 0);
    let sign_off =
        NetworkRequest { stan: sale_2.stan, at: sale_2.at, purpose: NetworkPurpose::SignOff, batch: sale_2.batch };
    assert_eq!(host.manage(sign_off).await.unwrap().to_string(), "00");
    assert_eq!(host.authorise(&sale(3, 700)).await.unwrap_err(), NoAnswer::KeysRefused.into());
}

#[test]
fn a_terminal_signs_on_with_the_master_key_of_its_configuration_and_off_when_it_is_stopped() {
    let changes = [
        ("dialect = \"bcd\"", "message_class = \"financial\"\ndialect = \"union-pay\""),
        ("[keys]\n", "[keys.master]\nfile = \"master.key\"\n\n[keys]\n"),
    ];
    let acquirer = acquirer("union-pay", "union-pay-ecb", "");
    let mut terminal = Terminal::prepare_for(acquirer, Readers::Simulated(&["visa-online"]), &changes);
    let key = OpenOptions::new().write(true).create_new(true).mode(0o600).open(terminal.file("master.key"));
    key.unwrap().write_all(b"0123456789ABCDEFFEDCBA9876543210").unwrap();
    terminal.resume();
    let sale = terminal.tenderctl(&["sale", "49.00", "EUR"]);
    assert!(sale.status.success(), "{}", String::from_utf8_lossy(&sale.stderr));
    assert!(terminal.stop().success());
    let ledger = terminal.acquirer.ledger();
    assert_eq!((ledger.total(), ledger.unauthenticated, ledger.network_requests), (4900, 0, 2));
    assert!(!terminal.log().contains("the host has not confirmed the sign-off"));
}
