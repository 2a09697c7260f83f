//! What a terminal is told it is: configurations, traces with the profile in them, and configuration objects of
//! Kernel 2. Each is taken as a whole or refused with a reason.

use std::path::Path;

use emv::kernel::{Database, c2};
use emv::tlv::Tlvs;
use tenderd::config::{Config, EXAMPLE};
use tenderd::trace::Trace;

use super::choices::Choices;

/// The input: which of the three, then a text; or what a text of ours is changed to, at which place.
pub fn run(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    match choices.byte() % 4 {
        0 => refused_or_taken(&String::from_utf8_lossy(choices.0)),
        1 => {
            let example = EXAMPLE.replace("\"/usr/share/tenderd/keys/test-ca.toml\"", "");
            let place = choices.below(example.len());
            let end = example.len().min(place + usize::from(choices.byte()));
            if let (Some(before), Some(after)) = (example.get(..place), example.get(end..)) {
                let changed = String::from_utf8_lossy(choices.0);
                refused_or_taken(&format!("{before}{changed}{after}"));
            }
        }
        2 => {
            let _ = Trace::parse(&String::from_utf8_lossy(choices.0)).map(|trace| trace.settings.to_profile());
        }
        _ => {
            if let Ok(objects) = Tlvs::parse(choices.0) {
                let mut database = Database::new();
                database.set_all(objects);
                let _ = c2::Configuration::from_objects(&database);
            }
        }
    }
}

/// An error says what is wrong; what is taken is taken again.
fn refused_or_taken(text: &str) {
    let parse = || Config::parse(Path::new("tenderd.toml"), text);
    match parse() {
        Ok(config) => assert_eq!(config.fingerprint, parse().expect("it was taken").fingerprint),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
