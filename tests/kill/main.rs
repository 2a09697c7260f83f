//! tenderd as a process of its own, killed with SIGKILL at random moments of real sales, and started again.
//!
//! Around it are a pcscd with virtual readers, a bus, a register, customers with cards, and an acquirer that keeps its
//! own book. When the last kill is over the terminal gets the time to finish; then register, journal and acquirer must
//! agree on every single transaction. After that a machine comes up again with everything missing that can be missing.
//!
//! `make kill KILLS=300`, or `make kill SEED=42` for the moments and sales of an earlier run. What happens in a moment
//! is the machine's affair, so a seed brings a failure back only mostly.

#[allow(dead_code, reason = "every shop uses its part of this")]
#[path = "../simulation/books.rs"]
mod books;
#[path = "../support/pcscd.rs"]
mod pcscd;
#[path = "../support/random.rs"]
mod random;
mod reboot;
#[path = "../support/register.rs"]
mod register;
mod shop;
#[path = "../support/terminal.rs"]
mod terminal;

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pcscd::{Pcscd, SOCKET_VARIABLE};
use random::Random;
use shop::Shop;

/// How many kills a run of all tests has the time for.
const KILLS: u64 = 10;

/// How long the terminal may take to bring everything to its end, once nothing goes wrong any more. A reversal that the
/// host does not know is sent six times in half a minute.
const TIME_TO_FINISH: Duration = Duration::from_secs(90);

fn main() -> ExitCode {
    let number = |name: &str| env::var(name).ok().filter(|text| !text.is_empty()).map(|text| text.parse::<u64>());
    let (Ok(seed), Ok(kills)) = (number("SEED").transpose(), number("KILLS").transpose()) else {
        eprintln!("SEED and KILLS are numbers");
        return ExitCode::from(2);
    };
    let seed = seed.unwrap_or_else(any_seed);
    if let Some(mut pcscd) = pcscd::own() {
        pcscd.start();
        kill(&pcscd, seed, kills.unwrap_or(KILLS));
        reboot::with_everything_missing(&mut pcscd);
        return ExitCode::SUCCESS;
    }
    if let Some(reason) = pcscd::unavailable() {
        eprintln!("skipped: the kills, because {reason}");
        return ExitCode::SUCCESS;
    }
    let directory = tempfile::tempdir().expect("the temporary directory can be written");
    println!("kill: SEED={seed}");
    // In a mount namespace, for a disk that can be full; with a name for the socket of the pcscd that will be there.
    let again = pcscd::in_namespace("exec \"$0\" \"$@\"")
        .arg(env::current_exe().expect("a running program has a path"))
        .envs([
            ("SEED", seed.to_string()),
            (SOCKET_VARIABLE, directory.path().join("pcscd.comm").display().to_string()),
        ])
        .status();
    if again.is_ok_and(|status| status.success()) {
        return ExitCode::SUCCESS;
    }
    eprintln!("again: make kill SEED={seed} KILLS={}", kills.unwrap_or(KILLS));
    ExitCode::FAILURE
}

/// A seed that is another one next time.
fn any_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("1970 is over");
    since.as_millis() as u64 % 1_000_000
}

/// Kills so often, and then compares the books.
fn kill(pcscd: &Pcscd, seed: u64, kills: u64) {
    let begun = Instant::now();
    let mut shop = Shop::open(pcscd, Random::new(seed));
    while shop.kills() < kills {
        shop.trade_until_killed();
        shop.power_up();
        if shop.kills().is_multiple_of(50) {
            println!("kill: {} of {kills} kills", shop.kills());
        }
    }
    let settling = Instant::now();
    shop.settle(TIME_TO_FINISH);
    let settled = settling.elapsed();
    let ends = shop.reconcile();
    let took = begun.elapsed().as_secs();
    println!("kill: {} kills in {took} s, all settled {:.1} s after the last", shop.kills(), settled.as_secs_f64());
    println!("kill: register, journal and acquirer agree: {}", ends.join(", "));
}
