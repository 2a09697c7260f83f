//! Whole transactions with cards of the simulator, whose answers the input spoils: each ends within a bounded number
//! of commands, approves nothing offline without a signature that was verified, and comes to the same end again.

use std::sync::Arc;

use emv::Instant;
use emv::fields::Tvr;
use emv::kernel::{Decision, Event, UnpredictableNumbers};
use emv::tap::{Autorun, Input, Output, Tap};
use tender_sim::card::{Card, Personality};

use super::choices::Choices;
use super::spoilt::spoil;
use super::terminal::{PROFILE, transaction};

/// More than any card needs: two directories, some applications, and every record of one of them.
const COMMANDS_MAX: usize = 2_000;
/// How often a customer presents a card before the cashier gives up.
const PRESENTED_MAX: usize = 4;
/// Purchases and refunds of nothing, little, much, and one of the currency.
const TYPES: [u8; 2] = [0x00, 0x20];
const AMOUNTS: [u32; 5] = [1250, 100, 0, 9_999, 2_000_000];

/// The input: personality, type and amount, then what is done to each answer.
pub fn run(bytes: &[u8]) {
    let mut answers = Vec::new();
    let first = tap(bytes, &mut |answer, choices| {
        let answer = spoil(choices, answer);
        answers.push(answer.clone());
        answer
    });
    let mut answers = answers.into_iter();
    let again = tap(bytes, &mut |answer, choices| {
        // The choices are used up as before.
        let _ = spoil(choices, answer);
        answers.next().expect("as many commands as before")
    });
    assert_eq!(first, again, "the same answers lead to the same end");
}

/// What becomes of a card's answer; nothing where it is lost.
type Alter<'a> = &'a mut dyn FnMut(Vec<u8>, &mut Choices<'_>) -> Option<Vec<u8>>;

/// Runs a tap; gives all that it wanted.
fn tap(bytes: &[u8], answer: Alter<'_>) -> Vec<Output> {
    let mut choices = Choices(bytes);
    let names: Vec<_> = Personality::names().collect();
    let name = names[usize::from(choices.byte()) % names.len()];
    let mut card = Card::new(&Personality::built_in(name).expect("one of the built-in"));
    let transaction_type = TYPES[usize::from(choices.byte()) % TYPES.len()];
    let transaction = transaction(transaction_type, AMOUNTS[usize::from(choices.byte()) % AMOUNTS.len()]);
    let numbers = UnpredictableNumbers::from_seed([7; 32]);
    let mut tap = Tap::new(Arc::clone(&PROFILE), transaction, numbers, Autorun::No);
    let (mut presented, mut commands, mut outputs) = (0, 0, Vec::new());
    let (mut is_verified, mut last_tvr) = (false, Tvr::default());
    let (mut now, mut moment) = (Instant::default(), None);
    loop {
        let Some(output) = tap.poll() else {
            now = moment.take().expect("a tap that wants nothing waits for a moment");
            tap.handle(Input::Deadline, now);
            continue;
        };
        outputs.push(output.clone());
        match output {
            Output::Transmit(command) => {
                commands += 1;
                assert!(commands < COMMANDS_MAX, "no end");
                let honest = card.transmit(&command.to_bytes()).response;
                match honest.and_then(|honest| answer(honest, &mut choices)) {
                    Some(response) => tap.handle(Input::Response(&response), now),
                    None => tap.handle(Input::CardLost, now),
                }
            }
            Output::Poll if presented == PRESENTED_MAX => tap.handle(Input::Cancel, now),
            Output::Poll => {
                presented += 1;
                card.reset();
                tap.handle(Input::CardPresent, now);
            }
            Output::AwaitRemoval => tap.handle(Input::CardRemoved, now),
            Output::AwaitOnlineResponse(_) => {
                let response = choices.bytes();
                tap.handle(Input::OnlineResponse((!response.is_empty()).then_some(response)), now);
            }
            Output::DataExchange { .. } => tap.handle(Input::Data(choices.bytes()), now),
            Output::Wait(at) => moment = Some(at),
            Output::Record(Event::OfflineDataAuthentication { result, .. }) => is_verified = result.is_ok(),
            Output::Record(Event::Results { tvr, .. }) => last_tvr = tvr,
            Output::Finished(outcome) => {
                if outcome.decision == Decision::Approved {
                    assert!(is_verified, "approved without a signature that was verified");
                    assert!(!last_tvr.has(Tvr::CDA_FAILED), "approved with a signature that failed");
                }
                assert_eq!(tap.poll(), None, "nothing follows the Final Outcome");
                return outputs;
            }
            _ => {}
        }
    }
}
