//! A card that answers anything: each tap ends, within a bounded number of commands, and keeps the promises of every
//! tap.

use std::sync::Arc;

use emv::Instant;
use emv::kernel::UnpredictableNumbers;
use emv::tap::{Autorun, Input, Output, Tap};

use super::promises::Promises;
use super::terminal::{PROFILE, transaction};

/// More than any card needs: two directories, some applications, and every record of one of them.
const COMMANDS_MAX: usize = 2_000;

/// The input is a list of answers, each after its length in two bytes; then the card is gone.
pub fn run(bytes: &[u8]) {
    let mut rest = bytes;
    let mut answers = std::iter::from_fn(|| {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (answer, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        rest = after;
        Some(answer)
    })
    .peekable();
    let numbers = UnpredictableNumbers::from_seed([7; 32]);
    let mut tap = Tap::new(Arc::clone(&PROFILE), transaction(0x00, 1250), numbers, Autorun::No);
    let (mut commands, mut promises) = (0, Promises::default());
    let (mut now, mut moment) = (Instant::default(), None);
    loop {
        let Some(output) = tap.poll() else {
            now = moment.take().expect("a tap that wants nothing waits for a moment");
            tap.handle(Input::Deadline, now);
            continue;
        };
        promises.hold(&output, &PROFILE);
        match output {
            Output::Transmit(_) => {
                commands += 1;
                assert!(commands < COMMANDS_MAX, "no end");
                match answers.next() {
                    Some(answer) => tap.handle(Input::Response(answer), now),
                    None => tap.handle(Input::CardLost, now),
                }
            }
            Output::Poll if answers.peek().is_none() => tap.handle(Input::Cancel, now),
            Output::Poll => tap.handle(Input::CardPresent, now),
            Output::AwaitRemoval => tap.handle(Input::CardRemoved, now),
            Output::AwaitOnlineResponse(_) => tap.handle(Input::OnlineResponse(None), now),
            Output::DataExchange { .. } => tap.handle(Input::Data(&[]), now),
            Output::Wait(at) => moment = Some(at),
            Output::Finished(_) => return,
            _ => {}
        }
    }
}
