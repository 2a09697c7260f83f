//! The terminal of the fuzzed taps: the example configuration with the simulator's keys, and a floor limit below which
//! cards may approve offline.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use emv::fields::{Amount, Date};
use emv::kernel::Transaction;
use emv::profile::Profile;
use tenderd::config::{Config, EXAMPLE};

/// The repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/");

/// What the terminal accepts.
pub static PROFILE: LazyLock<Arc<Profile>> = LazyLock::new(|| profile(&[]));

/// What a terminal accepts whose acquirer asks nothing of a card.
pub static CREDULOUS: LazyLock<Arc<Profile>> = LazyLock::new(|| profile(&[("F45084800C", "0000000000")]));

fn profile(changes: &[(&str, &str)]) -> Arc<Profile> {
    let keys = repository().join("sim/keys/test-ca.toml").display().to_string();
    let text = EXAMPLE.replace("/usr/share/tenderd/keys/test-ca.toml", &keys);
    let text = text.replace("floor_limit = \"0.00\"", "floor_limit = \"100.00\"");
    let text = changes.iter().fold(text, |text, (from, to)| text.replace(from, to));
    Config::parse(Path::new("example.toml"), &text).expect("the example is a configuration").profile
}

/// The folder above `fuzz`, from the fuzzers' manifest and from the tests'.
pub fn repository() -> &'static Path {
    let manifest = Path::new(ROOT);
    if manifest.join("fuzz").is_dir() { manifest } else { manifest.parent().expect("the repository") }
}

/// A transaction of this type and amount, on a day on which the simulator's cards are valid.
pub fn transaction(transaction_type: u8, minor_units: u32) -> Transaction {
    Transaction {
        amount_authorised: Some(Amount::from(minor_units)),
        amount_other: None,
        currency: [0x09, 0x78],
        currency_exponent: 2,
        transaction_type,
        date: Date::new(2026, 11, 24).expect("a date"),
        time: [0x12, 0x00, 0x00],
        sequence_counter: 1,
    }
}
