//! Every simulated card, with its real signatures, against the whole of `emv`: each must end as its
//! personality says, also after it left the field at any of its commands.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use emv::Instant;
use emv::fields::{Amount, Date};
use emv::kernel::{Cvm, Decision, Event, OdaMethod, Outcome, Transaction, UnpredictableNumbers};
use emv::profile::Profile;
use emv::tap::{Autorun, Input, Output, Tap};
use tender_sim::card::{Card, Personality};
use tenderd::config::Config;

use Cvm::{ConfirmationCodeVerified, NoCvm, ObtainSignature};
use Decision::{Approved, Declined, EndApplication, OnlineRequest};

/// Transaction Types.
const PURCHASE: u8 = 0x00;
const REFUND: u8 = 0x20;

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

/// Each personality, below the floor limit of 25.00 and above the CVM limit of 50.00.
#[rustfmt::skip]
const ENDINGS: &[(&str, Ending, Ending)] = &[
    ("declined", ending(Declined, NoCvm, None), ending(Declined, ObtainSignature, None)),
    ("expired", ending(Declined, NoCvm, None), ending(Declined, ObtainSignature, None)),
    ("mastercard-offline-cda", ending(Approved, NoCvm, Some(true)), ending(OnlineRequest, ObtainSignature, Some(true))),
    ("mastercard-online", ending(Declined, NoCvm, None), ending(Declined, ObtainSignature, None)),
    ("mastercard-online-cda", ending(OnlineRequest, NoCvm, Some(true)), ending(OnlineRequest, ObtainSignature, Some(true))),
    ("mastercard-phone-cdcvm", ending(OnlineRequest, NoCvm, Some(true)), ending(OnlineRequest, ConfirmationCodeVerified, Some(true))),
    ("refused-by-tac", ending(Declined, NoCvm, None), ending(Declined, ObtainSignature, None)),
    ("several-applications", ending(OnlineRequest, NoCvm, None), ending(OnlineRequest, ObtainSignature, None)),
    ("slow", ending(OnlineRequest, NoCvm, None), ending(OnlineRequest, ObtainSignature, None)),
    ("torn", ending(OnlineRequest, NoCvm, Some(true)), ending(OnlineRequest, ObtainSignature, Some(true))),
    ("visa-declined", ending(Declined, NoCvm, None), ending(Declined, NoCvm, None)),
    ("visa-expired", ending(Declined, NoCvm, None), ending(OnlineRequest, ObtainSignature, None)),
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
        let (_, commands) = tap_card(&profile, &stays, PURCHASE, 1250);
        for number in 1..=commands {
            let mut leaves = stays.clone();
            leaves.torn_at = NonZeroU32::new(number);
            let (ended, _) = tap_card(&profile, &leaves, PURCHASE, 1250);
            assert_eq!(ended, *ending, "{name}, gone at command {number} of {commands}");
        }
    }
}

//= test C-3 3.4.1.3
#[test]
fn a_refund_is_the_acquirer_s_to_decide_whatever_a_visa_card_says() {
    let profile = profile();
    for name in ["visa-declined", "visa-online", "visa-phone-cdcvm"] {
        for amount in [1250, 6000] {
            let (ended, _) = tap_card(&profile, &Personality::built_in(name).unwrap(), REFUND, amount);
            assert_eq!(ended, ending(OnlineRequest, NoCvm, None), "{name}, {amount}");
        }
    }
}

/// The terminal of the demo: floor limit 25.00, CVM limit 50.00, no PIN pad.
fn profile() -> Arc<Profile> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/tenderd.toml");
    Config::load(Path::new(file)).unwrap().profile
}

fn tap(profile: &Arc<Profile>, name: &str, minor_units: u64) -> Ending {
    tap_card(profile, &Personality::built_in(name).unwrap(), PURCHASE, minor_units).0
}

/// Taps a card for a transaction of this type, presenting it again as often as it is asked for; also tells how
/// many commands it was sent.
fn tap_card(
    profile: &Arc<Profile>,
    personality: &Personality,
    transaction_type: u8,
    minor_units: u64,
) -> (Ending, u32) {
    let mut card = Card::new(personality);
    let transaction = Transaction {
        amount_authorised: Some(Amount::new(minor_units).unwrap()),
        amount_other: Some(Amount::ZERO),
        currency: [0x09, 0x78],
        currency_exponent: 2,
        transaction_type,
        date: Date::from_bcd([0x26, 0x11, 0x24]).unwrap(),
        time: [0x12, 0x00, 0x00],
        sequence_counter: 1,
    };
    let numbers = UnpredictableNumbers::from_seed([7; 32]);
    let mut tap = Tap::new(Arc::clone(profile), transaction, numbers, Autorun::No);
    let (mut signature, mut commands) = (None, 0);
    let now = Instant::default();
    loop {
        match tap.poll().expect("a tap wants something until it is finished") {
            Output::Transmit(command) => {
                commands += 1;
                match card.transmit(&command.to_bytes()).response {
                    Some(response) => tap.handle(Input::Response(&response), now),
                    None => tap.handle(Input::CardLost, now),
                }
            }
            Output::Poll => {
                card.reset();
                tap.handle(Input::CardPresent, now);
            }
            Output::AwaitRemoval => tap.handle(Input::CardRemoved, now),
            Output::Record(Event::OfflineDataAuthentication { method, result }) => {
                assert!(matches!(method, OdaMethod::Cda | OdaMethod::Fdda));
                signature = Some(result.is_ok());
            }
            Output::Finished(Outcome { decision, cvm, .. }) => {
                return (Ending { decision, cvm, signature }, commands);
            }
            _ => {}
        }
    }
}
