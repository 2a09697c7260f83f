//! A card that answers anything: each tap ends, within a bounded number of commands, and none is
//! approved without a signature that was verified.
#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use emv::Instant;
use emv::fields::{Amount, Date};
use emv::kernel::{Decision, Event, Transaction, UnpredictableNumbers};
use emv::profile::Profile;
use emv::tap::{Autorun, Input, Output, Tap};
use tenderd::config::Config;

/// More than any card needs: two directories, some applications, and every record of one of them.
const MAX_COMMANDS: usize = 2_000;

static PROFILE: LazyLock<Arc<Profile>> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("tenderd-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    for file in ["demo/tenderd.toml", "sim/keys/test-ca.toml"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        std::fs::copy(&from, folder.join(from.file_name().expect("a file"))).expect("a copy");
    }
    Config::load(&folder.join("tenderd.toml")).expect("the demo's configuration").profile
});

// The input is a list of answers, each after its length in two bytes; then the card is gone.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    let mut answers = std::iter::from_fn(|| {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (answer, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        rest = after;
        Some(answer)
    });
    let transaction = Transaction {
        amount_authorised: Some(Amount::from(1250)),
        amount_other: None,
        currency: [0x09, 0x78],
        currency_exponent: 2,
        transaction_type: 0x00,
        date: Date::from_bcd([0x26, 0x11, 0x24]).expect("a date"),
        time: [0x12, 0x00, 0x00],
        sequence_counter: 1,
    };
    let numbers = UnpredictableNumbers::from_seed([7; 32]);
    let mut tap = Tap::new(Arc::clone(&PROFILE), transaction, numbers, Autorun::No);
    let (mut commands, mut verified) = (0, false);
    let now = Instant::default();
    loop {
        match tap.poll().expect("a tap wants something until it is finished") {
            Output::Transmit(_) => {
                commands += 1;
                assert!(commands < MAX_COMMANDS, "no end");
                match answers.next() {
                    Some(answer) => tap.handle(Input::Response(answer), now),
                    None => tap.handle(Input::Cancel, now),
                }
            }
            Output::Poll => tap.handle(Input::CardPresent, now),
            Output::AwaitRemoval => tap.handle(Input::CardRemoved, now),
            Output::AwaitOnlineResponse(_) => tap.handle(Input::OnlineResponse(None), now),
            Output::DataNeeded(_) => tap.handle(Input::Data(&[]), now),
            Output::Record(Event::OfflineDataAuthentication { result, .. }) => verified = result.is_ok(),
            Output::Finished(outcome) => {
                assert!(outcome.decision != Decision::Approved || verified, "approved without a signature");
                return;
            }
            Output::Ui(_) | Output::Record(_) | Output::FieldOn | Output::FieldOff { .. } | Output::Wait(_) => {}
        }
    }
});
