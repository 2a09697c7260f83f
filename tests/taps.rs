//! Every simulated card, with its real signatures, against the whole of `emv`: each must end as its
//! personality says, also after it left the field at any of its commands.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use emv::fields::{Amount, Date, Track2};
use emv::kernel::c2::{TornChange, TornLog};
use emv::kernel::{Cvm, Decision, Event, OdaMethod, Outcome, Transaction, UnpredictableNumbers};
use emv::profile::Profile;
use emv::tap::{Autorun, Input, Output, Tap};
use emv::tlv::{Tlvs, Writer};
use emv::{Instant, dict};
use tender_sim::card::{Card, Personality};
use tender_sim::crypto::Issuer;
use tenderd::config::Config;

use Cvm::{ConfirmationCodeVerified, NoCvm, ObtainSignature};
use Decision::{Approved, Declined, EndApplication, OnlineRequest};

/// What the issuer writes into a card, and how that is read.
const PUT_DATA: &[u8] = &[0x04, 0xDA, 0x9F, 0x58, 0x05];
const GET_DATA: &[u8] = &[0x80, 0xCA, 0x9F, 0x58, 0x00];

/// What is asked of a card.
#[derive(Clone, Copy)]
struct Asked {
    transaction_type: u8,
    minor_units: u64,
}

const fn purchase(minor_units: u64) -> Asked {
    Asked { transaction_type: 0x00, minor_units }
}

const fn refund(minor_units: u64) -> Asked {
    Asked { transaction_type: 0x20, minor_units }
}

/// How a tap ended: decision, cardholder verification, and whether a signature was verified, if one
/// was looked at.
#[derive(Debug, PartialEq, Eq)]
struct Ending {
    decision: Decision,
    cvm: Option<Cvm>,
    signature: Option<bool>,
}

const fn ending(decision: Decision, cvm: Cvm, signature: Option<bool>) -> Ending {
    Ending { decision, cvm: Some(cvm), signature }
}

/// The card can't be used, and nobody is verified for it.
const FAILED: Ending = Ending { decision: EndApplication, cvm: None, signature: None };

/// Each personality, below the floor limit of 25.00 and above the CVM limit of 50.00.
#[rustfmt::skip]
const ENDINGS: &[(&str, Ending, Ending)] = &[
    ("declined", ending(Declined, NoCvm, None), ending(Declined, ObtainSignature, None)),
    ("expired", ending(Declined, NoCvm, None), ending(Declined, ObtainSignature, None)),
    ("malformed-afl", FAILED, FAILED),
    ("malformed-answers", FAILED, FAILED),
    ("malformed-length", FAILED, FAILED),
    ("malformed-missing", FAILED, FAILED),
    ("malformed-twice", FAILED, FAILED),
    ("mastercard-data-storage", ending(OnlineRequest, NoCvm, Some(true)), ending(OnlineRequest, ObtainSignature, Some(true))),
    ("mastercard-mag-stripe", ending(OnlineRequest, NoCvm, None), ending(OnlineRequest, ObtainSignature, None)),
    ("mastercard-offline-cda", ending(Approved, NoCvm, Some(true)), ending(OnlineRequest, ObtainSignature, Some(true))),
    ("mastercard-online", ending(Declined, NoCvm, None), ending(Declined, ObtainSignature, None)),
    ("mastercard-online-cda", ending(OnlineRequest, NoCvm, Some(true)), ending(OnlineRequest, ObtainSignature, Some(true))),
    ("mastercard-phone-cdcvm", ending(OnlineRequest, NoCvm, Some(true)), ending(OnlineRequest, ConfirmationCodeVerified, Some(true))),
    ("mastercard-relay-altered", ending(EndApplication, NoCvm, Some(false)), ending(EndApplication, ObtainSignature, Some(false))),
    ("mastercard-relay-resistance", ending(OnlineRequest, NoCvm, Some(true)), ending(OnlineRequest, ObtainSignature, Some(true))),
    ("mastercard-relayed", ending(Declined, NoCvm, None), ending(Declined, ObtainSignature, None)),
    ("mastercard-see-phone", ending(OnlineRequest, NoCvm, Some(true)), ending(OnlineRequest, ConfirmationCodeVerified, Some(true))),
    ("refused-by-tac", ending(Declined, NoCvm, None), ending(Declined, ObtainSignature, None)),
    ("several-applications", ending(OnlineRequest, NoCvm, None), ending(OnlineRequest, ObtainSignature, None)),
    ("slow", ending(OnlineRequest, NoCvm, None), ending(OnlineRequest, ObtainSignature, None)),
    ("torn", ending(OnlineRequest, NoCvm, Some(true)), ending(OnlineRequest, ObtainSignature, Some(true))),
    ("torn-at-cryptogram", ending(OnlineRequest, NoCvm, Some(true)), ending(OnlineRequest, ObtainSignature, Some(true))),
    ("visa-declined", ending(Declined, NoCvm, None), ending(Declined, NoCvm, None)),
    ("visa-expired", ending(Declined, NoCvm, None), ending(OnlineRequest, ObtainSignature, None)),
    ("visa-issuer-update", ending(OnlineRequest, NoCvm, None), ending(OnlineRequest, ObtainSignature, None)),
    ("visa-offline-fdda", ending(Approved, NoCvm, Some(true)), ending(OnlineRequest, ObtainSignature, None)),
    ("visa-online", ending(OnlineRequest, NoCvm, None), ending(OnlineRequest, ObtainSignature, None)),
    ("visa-online-cvn10", ending(OnlineRequest, NoCvm, None), ending(OnlineRequest, ObtainSignature, None)),
    ("visa-online-cvn17", ending(OnlineRequest, NoCvm, None), ending(OnlineRequest, ObtainSignature, None)),
    ("visa-phone-cdcvm", ending(OnlineRequest, ConfirmationCodeVerified, None), ending(OnlineRequest, ConfirmationCodeVerified, None)),
    ("visa-sda", ending(OnlineRequest, NoCvm, None), ending(OnlineRequest, ObtainSignature, None)),
    ("visa-wrong-signature", ending(Declined, NoCvm, Some(false)), ending(OnlineRequest, ObtainSignature, None)),
    ("wrong-ca-index", ending(Declined, NoCvm, None), ending(Declined, ObtainSignature, None)),
    ("wrong-signature", ending(EndApplication, NoCvm, Some(false)), ending(EndApplication, ObtainSignature, Some(false))),
];

#[test]
fn every_personality_ends_as_it_must() {
    let profile = profile();
    let mut wrong = Vec::new();
    for name in Personality::names() {
        let Some((_, low, high)) = ENDINGS.iter().find(|(known, ..)| *known == name) else {
            wrong.push(format!("{name}: not in the table"));
            continue;
        };
        for (amount, expected) in [(1250, low), (6000, high)] {
            let ended = tap(&profile, name, amount);
            if ended != *expected {
                wrong.push(format!("{name}, {amount}: {ended:?}, not {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn nothing_is_approved_offline_without_a_verified_signature() {
    let profile = profile();
    for name in Personality::names() {
        for amount in [1, 1250, 2500, 2501, 6000] {
            let ended = tap(&profile, name, amount);
            assert!(ended.decision != Approved || ended.signature == Some(true), "{name}, {amount}: {ended:?}");
        }
    }
}

#[test]
fn a_card_that_leaves_at_any_command_ends_as_it_must_once_it_comes_back() {
    let profile = profile();
    for (name, ending, _) in ENDINGS {
        let mut stays = Personality::built_in(name).unwrap();
        stays.torn_at = None;
        let commands = tap_card(&profile, &stays, purchase(1250)).commands;
        for number in 1..=commands {
            let mut leaves = stays.clone();
            leaves.torn_at = NonZeroU32::new(number);
            let tapped = tap_card(&profile, &leaves, purchase(1250));
            assert_eq!(tapped.ending, *ending, "{name}, gone at command {number} of {commands}");
        }
    }
}

//= test C-3 3.4.1.3
#[test]
fn a_refund_is_the_acquirer_s_to_decide_whatever_a_visa_card_says() {
    let profile = profile();
    for name in ["visa-declined", "visa-online", "visa-phone-cdcvm"] {
        for amount in [1250, 6000] {
            let ended = tap_card(&profile, &Personality::built_in(name).unwrap(), refund(amount)).ending;
            assert_eq!(ended, ending(OnlineRequest, NoCvm, None), "{name}, {amount}");
        }
    }
}

#[test]
fn a_cryptogram_that_was_lost_is_given_once_more_when_the_card_comes_back() {
    let profile = profile();
    let tapped = tap_card(&profile, &Personality::built_in("torn-at-cryptogram").unwrap(), purchase(1250));
    assert!(matches!(tapped.torn_changes[..], [TornChange::Added(_), TornChange::Settled(_)]));
    assert_eq!(tapped.atc, Some([0, 1]), "the transaction that was torn");
    assert_eq!(tapped.torn_log, TornLog::new());
}

#[test]
fn a_cryptogram_that_was_lost_is_given_once_more_in_a_later_tap() {
    let profile = profile();
    let mut card = Card::new(&Personality::built_in("torn-at-cryptogram").unwrap());
    let lost = present(&profile, &mut card, purchase(1250), TornLog::new(), 1).unwrap_err();
    assert_ne!(lost, TornLog::new());
    let recovered = present(&profile, &mut card, purchase(1250), lost, 1).unwrap();
    assert_eq!(recovered.atc, Some([0, 1]), "the transaction that was torn");
    assert_eq!(recovered.torn_log, TornLog::new());
    let next = present(&profile, &mut card, purchase(1250), recovered.torn_log, 1).unwrap();
    assert_eq!(next.atc, Some([0, 3]), "a transaction of its own");
}

#[test]
fn a_card_that_is_presented_again_gets_what_its_issuer_sends() {
    let mut card = Card::new(&Personality::built_in("visa-issuer-update").unwrap());
    let tapped = present(&profile(), &mut card, purchase(1250), TornLog::new(), 2).unwrap();
    assert_eq!(tapped.script_results, [0x20, 0, 0, 0, 1]);
    assert_eq!(card.transmit(GET_DATA).response.unwrap(), [0x9F, 0x58, 0x01, 0x05, 0x90, 0x00]);
}

/// The terminal of the demo: floor limit 25.00, CVM limit 50.00, no PIN pad.
fn profile() -> Arc<Profile> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/tenderd.toml");
    Config::load(Path::new(file)).unwrap().profile
}

fn tap(profile: &Arc<Profile>, name: &str, minor_units: u64) -> Ending {
    tap_card(profile, &Personality::built_in(name).unwrap(), purchase(minor_units)).ending
}

/// What came of a tap.
#[derive(Debug)]
struct Tapped {
    ending: Ending,
    /// How many commands the card was sent.
    commands: u32,
    /// Which of its transactions the card decided, where the kernel tells.
    atc: Option<[u8; 2]>,
    torn_changes: Vec<TornChange>,
    torn_log: TornLog,
    /// What became of the issuer's script.
    script_results: Vec<u8>,
}

/// Taps a card, presenting it again as often as it is asked for.
fn tap_card(profile: &Arc<Profile>, personality: &Personality, asked: Asked) -> Tapped {
    present(profile, &mut Card::new(personality), asked, TornLog::new(), u32::MAX).unwrap()
}

/// Taps a card that is presented so often, and no more: the tap is given up then, and what is left is
/// the log of torn transactions.
fn present(
    profile: &Arc<Profile>,
    card: &mut Card,
    asked: Asked,
    mut torn_log: TornLog,
    mut presentations: u32,
) -> Result<Tapped, TornLog> {
    let transaction = Transaction {
        amount_authorised: Some(Amount::new(asked.minor_units).unwrap()),
        amount_other: Some(Amount::ZERO),
        currency: [0x09, 0x78],
        currency_exponent: 2,
        transaction_type: asked.transaction_type,
        date: Date::from_bcd([0x26, 0x11, 0x24]).unwrap(),
        time: [0x12, 0x00, 0x00],
        sequence_counter: 1,
    };
    let numbers = UnpredictableNumbers::from_seed([7; 32]);
    let mut tap = Tap::new(Arc::clone(profile), transaction, numbers, Autorun::No).with_torn_log(torn_log.clone());
    let (mut signature, mut commands, mut torn_changes, mut script_results) = (None, 0, Vec::new(), Vec::new());
    let (mut awaited, mut deadline) = (None, None);
    let mut now = Instant::default();
    loop {
        let Some(output) = tap.poll() else {
            now = deadline.take().expect("a tap wants something until it is finished");
            tap.handle(Input::Deadline, now);
            continue;
        };
        match output {
            Output::Transmit(command) => {
                commands += 1;
                let answer = card.transmit(&command.to_bytes());
                now = now + answer.delay;
                match answer.response {
                    Some(response) => tap.handle(Input::Response(&response), now),
                    None => tap.handle(Input::CardLost, now),
                }
            }
            Output::Wait(moment) => deadline = Some(moment),
            Output::AwaitOnlineResponse(outcome) => {
                let answer = issuer_data(&outcome);
                awaited = Some(outcome);
                tap.handle(Input::OnlineResponse(Some(&answer)), now);
            }
            Output::Poll if presentations == 0 => return Err(torn_log),
            Output::Poll => {
                presentations -= 1;
                card.reset();
                tap.handle(Input::CardPresent, now);
            }
            Output::AwaitRemoval => tap.handle(Input::CardRemoved, now),
            Output::Record(Event::OfflineDataAuthentication { method, result }) => {
                assert!(matches!(method, OdaMethod::Cda | OdaMethod::Fdda));
                signature = Some(result.is_ok());
            }
            Output::Record(Event::TornLog(change)) => {
                torn_log.apply(&change);
                torn_changes.push(change);
            }
            Output::Record(Event::IssuerScriptResults(results)) => script_results = results,
            Output::Finished(outcome) => {
                // What the issuer decided stands, whatever the card makes of it.
                let Outcome { decision, cvm, data_record, .. } = awaited.unwrap_or(outcome);
                let objects = data_record.as_ref().and_then(|record| Tlvs::parse(record.as_bytes()).ok());
                let atc = objects.and_then(|objects| objects.find(dict::ATC)?.try_into().ok());
                let ending = Ending { decision, cvm, signature };
                return Ok(Tapped { ending, commands, atc, torn_changes, torn_log, script_results });
            }
            _ => {}
        }
    }
}

/// What the issuer has for the card: the answer to its cryptogram, and a new limit.
fn issuer_data(outcome: &Outcome) -> Vec<u8> {
    let record = outcome.data_record.as_ref().expect("a request has its data");
    let objects = Tlvs::parse(record.as_bytes()).unwrap();
    let pan = objects.find(dict::TRACK_2_EQUIVALENT_DATA).map(|track| Track2::try_from(track).unwrap().pan().clone());
    let pan = pan.expect("a Visa card gives its track");
    let issuer = Issuer::of_pan(pan.digits()).unwrap().verify(pan.digits(), 1, |tag| objects.find(tag)).unwrap();
    let mut data = Writer::new();
    data.put(dict::ISSUER_AUTHENTICATION_DATA, &issuer.issuer_authentication_data(true, *b"00"));
    data.template(dict::ISSUER_SCRIPT_TEMPLATE_2, |script| {
        script.put(dict::ISSUER_SCRIPT_IDENTIFIER, &[0, 0, 0, 1]);
        script.put(dict::ISSUER_SCRIPT_COMMAND, &issuer.secure(PUT_DATA).unwrap());
    });
    data.into_bytes()
}
