//! A shop in virtual time, with everything that can go wrong in it, from a seed.
//!
//! The terminal is the real one: engine, journal, queue, messages and kernels. Around it are registers that repeat,
//! cancel and vanish, customers whose cards are torn off, a network that loses, delays, doubles, spoils and forges, a host that
//! declines and approves in part, a disk that fails, is full and tears its last write, a clock that jumps, and power cuts, at
//! writes and elsewhere. When the troubles are over the terminal gets the time to finish; then registers, journal and
//! host must agree on every single transaction.
//!
//! `make simulate SEEDS=10000`, or `make simulate SEED=42` for one that failed.

#[allow(dead_code, reason = "every shop uses its part of this")]
mod books;
mod life;
mod network;
mod people;
#[path = "../support/random.rs"]
mod random;
mod trouble;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write, stderr};
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use tempfile::TempDir;
use tender_sim::acquirer::{Desk, Macs, Rules, WireFormat};
use tender_sim::card::{Card, Personality};
use tenderd::config::EXAMPLE;
use tenderd::journal::Journal;

use crate::books::Books;
use crate::life::{Life, World};
use crate::people::lock;
use crate::random::Random;
use crate::trouble::Trouble;

/// How many seeds a run of all tests has the time for.
const SEEDS: u64 = 200;

/// How long the terminal may take to bring everything to its end, once nothing goes wrong any more. A reversal that the
/// host does not know is sent six times in half a minute, and pauses grow to a minute.
const TIME_TO_FINISH: Duration = Duration::from_secs(15 * 60);

const RULES: &str = "
    [[rule]]
    when.cents = 51
    then.response = '51'
    [[rule]]
    when.cents = 5
    then.response = '05'
    [[rule]]
    when.cents = 10
    then.response = '10'
";

/// A card of each personality. To issue one takes longer than a tap.
static CARDS: LazyLock<Vec<Card>> = LazyLock::new(|| {
    let issue = |name| Card::new(&Personality::built_in(name).expect("it is built in"));
    Personality::names().map(issue).collect()
});

fn main() -> ExitCode {
    let number = |name: &str| env::var(name).ok().filter(|text| !text.is_empty()).map(|text| text.parse::<u64>());
    let (seed, seeds) = match (number("SEED").transpose(), number("SEEDS").transpose()) {
        (Ok(seed), Ok(seeds)) => (seed, seeds.unwrap_or(SEEDS)),
        _ => {
            eprintln!("SEED and SEEDS are numbers");
            return ExitCode::from(2);
        }
    };
    let (first, last) = seed.map_or((0, seeds), |seed| (seed, seed + 1));
    // In memory where possible: what is on the disk is simulated.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder for journals");
    let config = configuration(folder.path());
    let begun = Instant::now();
    let (next, done) = (AtomicU64::new(first), AtomicU64::new(0));
    let failed = Mutex::new(None);
    let tally = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while lock(&failed).is_none() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last {
                        return;
                    }
                    match simulate(seed, &config, &folder) {
                        Ok(ends) => {
                            ends.into_iter().for_each(|(end, count)| *lock(&tally).entry(end).or_default() += count)
                        }
                        Err(what) => drop(lock(&failed).get_or_insert((seed, what))),
                    }
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1, last - first);
                }
            });
        }
    });
    if let Some((seed, what)) = failed.into_inner().expect("nobody panics with it") {
        eprintln!("seed {seed}: {what}\nagain: make simulate SEED={seed}");
        return ExitCode::FAILURE;
    }
    let (seeds, took) = (last - first, begun.elapsed().as_secs_f64());
    println!("simulation: {seeds} seeds, nothing lost and nothing doubled; {:.0} seeds a second", seeds as f64 / took);
    let ends = tally.into_inner().expect("nobody panics with it");
    let ends: Vec<String> = ends.iter().map(|(end, count): (&String, &u64)| format!("{count} {end}")).collect();
    println!("transactions: {}", ends.join(", "));
    ExitCode::SUCCESS
}

fn progress(done: u64, all: u64) {
    if stderr().is_terminal() && done.is_multiple_of(100) {
        eprint!("\r{done} of {all} seeds ");
        // It is for people who watch.
        let _ = stderr().flush();
    }
}

/// The base derivation key of the acquirer, and the initial key of this terminal (ANSI X9.24-3:2017, supplement).
const BASE: [u8; 16] = 0xFEDCBA9876543210F1F1F1F1F1F1F1F1_u128.to_be_bytes();
const INITIAL_KEY: &str = "1273671EA26AC29AFA4D1084127652A1";

/// The example configuration, with an offline limit, short time-outs, and messages that carry MACs with derived keys.
fn configuration(folder: &Path) -> PathBuf {
    let changes = [
        ("/usr/share/tenderd/keys/test-ca.toml", concat!(env!("CARGO_MANIFEST_DIR"), "/sim/keys/test-ca.toml")),
        ("floor_limit = \"0.00\"", "floor_limit = \"25.00\""),
        ("response_timeout_ms = 30000", "response_timeout_ms = 8000"),
        (
            "dialect = \"bcd\"",
            "dialect = { preset = 'bcd', elements = { 63 = 'key_serial_number' }, \
             mac = { algorithm = 'aes-cmac', key = 'dukpt' } }",
        ),
        ("\n[readers]", "\n[keys.dukpt]\nfile = 'dukpt.key'\nscheme = 'aes'\nid = '1234567890123456'\n\n[readers]"),
    ];
    let text = changes.iter().fold(EXAMPLE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the example configuration has no {from:?}");
        text.replace(from, to)
    });
    let key = folder.join("dukpt.key");
    fs::write(&key, INITIAL_KEY).expect("there is room");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let path = folder.join("tenderd.toml");
    fs::write(&path, text).expect("there is room");
    path
}

/// How many transactions came to which end.
type Ends = BTreeMap<String, u64>;

/// Runs the world of one seed; an error says what was wrong in it.
fn simulate(seed: u64, config: &Path, folder: &TempDir) -> Result<Ends, String> {
    let folder = tempfile::tempdir_in(folder.path()).expect("there is room");
    let run = catch_unwind(AssertUnwindSafe(|| run(seed, config, folder.path())));
    run.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(text.unwrap_or("a panic").to_owned())
    })
}

fn run(seed: u64, config: &Path, folder: &Path) -> Result<Ends, String> {
    let mut random = Random::new(seed);
    let trouble = Trouble::draw(&mut random);
    let cards = (0..4).map(|_| Arc::new(Mutex::new(CARDS[random.below(CARDS.len())].clone())));
    let format = WireFormat::named("bcd").expect("the example's dialect");
    let desk = Desk::new(format, Rules::parse(RULES).expect("they are rules"));
    let mut world = World {
        config: config.to_owned(),
        folder: folder.to_owned(),
        cards: cards.collect(),
        desk: Arc::new(desk.with_macs(Macs::derived("aes-cmac", BASE, 63).expect("it has such MACs"))),
        books: Arc::new(Mutex::new(Books::default())),
        elapsed: Duration::ZERO,
        clock_error: 0,
        lives: 0,
    };
    let mut life = Life::begin(&world, &trouble, &mut random);
    for _ in 0..trouble.power_cuts {
        life.run(Duration::from_secs(random.between(2, 60)));
        life.end(&mut world);
        complain(&world)?;
        life = Life::begin(&world, &trouble, &mut random);
    }
    life.run(Duration::from_secs(random.between(2, 60)));
    // The troubles end under a terminal that goes on, or with one more power cut.
    if life.is_dead() || random.percent(50) {
        life.end(&mut world);
        life = Life::begin(&world, &Trouble::none(), &mut random);
    } else {
        life.calm_down(&world, &mut random);
    }
    let mut left = TIME_TO_FINISH;
    while !(life.is_at_rest() && lock(&world.books).open().is_empty()) {
        let Some(rest) = left.checked_sub(Duration::from_secs(5)) else {
            let open: Vec<_> = lock(&world.books).open().into_iter().map(|request| request.token).collect();
            let status = life.status();
            return Err(format!("after {TIME_TO_FINISH:?} there is no end of {open:?}; {status:?}"));
        };
        left = rest;
        life.run(Duration::from_secs(5));
    }
    life.end(&mut world);
    let journal = Journal::open(&folder.join(world.lives.to_string()).join("journal.db")).map_err(|e| e.to_string())?;
    lock(&world.books).reconcile(&journal, &world.desk.ledger());
    complain(&world)?;
    Ok(lock(&world.books).tally())
}

fn complain(world: &World) -> Result<(), String> {
    lock(&world.books).complaint().map_or(Ok(()), |what| Err(what.to_owned()))
}
