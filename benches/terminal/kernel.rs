//! The processor's time for a tap, from Entry Point to the Final Outcome, without reader and card: the card's answers
//! are recorded first, and then replayed.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use emv::fields::{Amount, Date};
use emv::kernel::{Decision, Outcome, Transaction, UnpredictableNumbers};
use emv::profile::Profile;
use emv::tap::{Autorun, Input, Output, Tap};
use tender_sim::card::{Card, Personality};

use crate::table::{Aim, Samples, print_row, print_section};
use crate::terminal::profile;

const RUNS: usize = 20;
const TAPS_PER_RUN: u32 = 200;

/// Measures a Mastercard tap with CDA and a Visa tap with fDDA.
pub(crate) fn measure() {
    print_section(&format!("The kernels' processor time for a tap, certificates and all (runs of {TAPS_PER_RUN})"));
    let profile = profile();
    for (title, personality) in [
        ("Mastercard, CDA, approved offline", "mastercard-offline-cda"),
        ("Visa, fDDA, approved offline", "visa-offline-fdda"),
    ] {
        let mut card = Card::new(&Personality::built_in(personality).expect("the simulator brings it along"));
        let mut answers = Vec::new();
        let outcome = run(&profile, |command| {
            answers.push(card.transmit(command).response.expect("it stays in the field"));
            answers.last().expect("just pushed").clone()
        });
        assert_eq!(outcome.decision, Decision::Approved, "what is measured is a whole tap");
        let mut samples = Samples::default();
        for _ in 0..RUNS {
            let begun_at = processor_time();
            for _ in 0..TAPS_PER_RUN {
                let mut answers = answers.iter();
                let outcome = run(&profile, |_| answers.next().expect("the tap goes as it was recorded"));
                assert_eq!(outcome.decision, Decision::Approved);
            }
            samples.push((processor_time() - begun_at).as_secs_f64() * 1e6 / f64::from(TAPS_PER_RUN));
        }
        print_row(title, "us", &samples, Aim::None);
    }
}

/// One tap for 12.50 EUR, always with the same unpredictable numbers.
fn run<R: AsRef<[u8]>>(profile: &Arc<Profile>, mut transmit: impl FnMut(&[u8]) -> R) -> Outcome {
    let transaction = Transaction {
        amount_authorised: Some(Amount::from(1250)),
        amount_other: None,
        currency: [0x09, 0x78],
        currency_exponent: 2,
        transaction_type: 0x00,
        date: Date::new(2026, 11, 24).expect("a day of the calendar"),
        time: [0x12, 0x00, 0x00],
        sequence_counter: 1,
    };
    let mut tap = Tap::new(profile.clone(), transaction, UnpredictableNumbers::from_seed([7; 32]), Autorun::No);
    loop {
        let now = emv::Instant::default();
        match tap.poll().expect("a tap wants something until it is finished") {
            Output::Poll => tap.handle(Input::CardPresent, now),
            Output::Transmit(command) => tap.handle(Input::Response(transmit(&command.to_bytes()).as_ref()), now),
            Output::AwaitRemoval => tap.handle(Input::CardRemoved, now),
            Output::AwaitOnlineResponse(_) => tap.handle(Input::OnlineResponse(None), now),
            Output::Finished(outcome) => return outcome,
            Output::Ui(_)
            | Output::Record(_)
            | Output::DataExchange { .. }
            | Output::FieldOn
            | Output::FieldOff { .. }
            | Output::Wait(_) => {}
        }
    }
}

/// What this thread has used of the processor; on kernels that don't tell, the time of day.
fn processor_time() -> Duration {
    let used = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let used = used.and_then(|text| text.split(' ').next()?.parse().ok());
    used.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
