//! Whole transactions with cards of the simulator, whose answers the input spoils: each ends within a bounded number
//! of commands, keeps the promises of every tap, and comes to the same end again.

use std::sync::{Arc, LazyLock};

use emv::Instant;
use emv::kernel::UnpredictableNumbers;
use emv::tap::{Autorun, Input, Output, Tap};
use tender_sim::card::{Card, Personality};

use super::choices::Choices;
use super::promises::Promises;
use super::spoilt::spoil;
use super::terminal::{CREDULOUS, PROFILE, transaction};

/// More than any card needs: two directories, some applications, and every record of one of them.
const COMMANDS_MAX: usize = 2_000;
/// How often a customer presents a card before the cashier gives up.
const PRESENTED_MAX: usize = 4;

/// A card of each personality. To issue one takes longer than to run it.
static CARDS: LazyLock<Vec<Card>> = LazyLock::new(|| {
    let issue = |name| Card::new(&Personality::built_in(name).expect("one of the built-in"));
    Personality::names().map(issue).collect()
});

/// Purchases and refunds of nothing, little, much, and one of the currency.
const TYPES: [u8; 2] = [0x00, 0x20];
const AMOUNTS: [u32; 5] = [1250, 100, 0, 9_999, 2_000_000];

/// The input: personality, type and terminal, and amount; then what is done to each answer.
pub fn run(bytes: &[u8]) {
    let mut card = CARDS[usize::from(Choices(bytes).byte()) % CARDS.len()].clone();
    let mut answers = Vec::new();
    let first = tap(bytes, &mut |command, choices| {
        let honest = match command {
            Some(command) => card.transmit(command).response,
            None => {
                card.reset();
                None
            }
        };
        let answer = honest.and_then(|honest| spoil(choices, honest));
        answers.push((answer.clone(), choices.0));
        answer
    });
    // The second time without the card, whose signatures take most of the time.
    let mut answers = answers.into_iter();
    let again = tap(bytes, &mut |_, choices| {
        let (answer, left) = answers.next().expect("as much is asked for as before");
        choices.0 = left;
        answer
    });
    assert_eq!(first, again, "the same answers lead to the same end");
}

/// What a card gives to a command; nothing where it is lost, and where it is presented without a command.
type Answer<'a, 'b> = &'a mut dyn FnMut(Option<&[u8]>, &mut Choices<'b>) -> Option<Vec<u8>>;

/// Runs a tap; gives all that it wanted.
fn tap<'b>(bytes: &'b [u8], answer: Answer<'_, 'b>) -> Vec<Output> {
    let mut choices = Choices(bytes);
    let _personality = choices.byte();
    let kind = choices.byte();
    let profile = if kind & 0x80 == 0 { &*PROFILE } else { &*CREDULOUS };
    let transaction_type = TYPES[usize::from(kind) % TYPES.len()];
    let transaction = transaction(transaction_type, AMOUNTS[usize::from(choices.byte()) % AMOUNTS.len()]);
    let numbers = UnpredictableNumbers::from_seed([7; 32]);
    let mut tap = Tap::new(Arc::clone(profile), transaction, numbers, Autorun::No);
    let (mut presented, mut commands, mut outputs) = (0, 0, Vec::new());
    let mut promises = Promises::default();
    let (mut now, mut moment) = (Instant::default(), None);
    loop {
        let Some(output) = tap.poll() else {
            now = moment.take().expect("a tap that wants nothing waits for a moment");
            tap.handle(Input::Deadline, now);
            continue;
        };
        promises.hold(&output, profile);
        outputs.push(output.clone());
        match output {
            Output::Transmit(command) => {
                commands += 1;
                assert!(commands < COMMANDS_MAX, "no end");
                match answer(Some(&command.to_bytes()), &mut choices) {
                    Some(response) => tap.handle(Input::Response(&response), now),
                    None => tap.handle(Input::CardLost, now),
                }
            }
            Output::Poll if presented == PRESENTED_MAX => tap.handle(Input::Cancel, now),
            Output::Poll => {
                presented += 1;
                let _ = answer(None, &mut choices);
                tap.handle(Input::CardPresent, now);
            }
            Output::AwaitRemoval => tap.handle(Input::CardRemoved, now),
            Output::AwaitOnlineResponse(_) => {
                let response = choices.bytes();
                tap.handle(Input::OnlineResponse((!response.is_empty()).then_some(response)), now);
            }
            Output::DataExchange { .. } => tap.handle(Input::Data(choices.bytes()), now),
            Output::Wait(at) => moment = Some(at),
            Output::Finished(_) => {
                assert_eq!(tap.poll(), None, "nothing follows the Final Outcome");
                return outputs;
            }
            _ => {}
        }
    }
}
