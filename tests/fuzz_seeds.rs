//! The fuzzers' seeds, and bytes near them, in every test run. A finding becomes a seed.

#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub, missing_docs, reason = "there it is a library, with a workspace of its own")]
mod targets;

use std::path::Path;
use std::{fs, panic};

/// How many inputs near each seed are tried.
const NEAR: usize = 8;

/// The seeds of a target by their names, in order.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut seeds: Vec<_> = entries
        .map(|entry| entry.expect("the folder can be read"))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("a seed")))
        .collect();
    seeds.sort();
    seeds
}

/// Numbers that are the same in every run (Marsaglia's xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % count.max(1) as u64) as usize
    }
}

/// The seed with a few bytes changed, cut out or put in.
fn near(seed: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(4) {
        let place = numbers.below(bytes.len());
        match numbers.below(4) {
            0 | 1 if !bytes.is_empty() => bytes[place] = numbers.below(256) as u8,
            2 if !bytes.is_empty() => drop(bytes.drain(place..bytes.len().min(place + 1 + numbers.below(8)))),
            _ => bytes.insert(place, numbers.below(256) as u8),
        }
    }
    bytes
}

/// Runs a target; where it finds something, says with which input.
fn run(target: &str, seed: &str, bytes: &[u8]) {
    if panic::catch_unwind(|| targets::run(target, bytes)).is_err() {
        panic!(
            "{target}, near its seed {seed}: {}",
            bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>()
        );
    }
}

#[test]
fn no_seed_and_nothing_near_one_finds_anything() {
    for (target, _) in targets::TARGETS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target} has seeds");
        for (name, seed) in seeds {
            run(target, &name, &seed);
            let mut numbers = Numbers(0x7E4D_E2D0 + seed.len() as u64);
            for _ in 0..NEAR {
                run(target, &name, &near(&seed, &mut numbers));
            }
        }
    }
}

#[test]
fn every_target_has_a_fuzzer() {
    let manifest: toml::Table =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/Cargo.toml")).unwrap().parse().unwrap();
    let fuzzers = manifest["bin"].as_array().unwrap().iter().map(|bin| bin["name"].as_str().unwrap().to_owned());
    let targets = targets::TARGETS.map(|(name, _)| name.to_owned());
    assert_eq!(fuzzers.collect::<Vec<_>>(), targets);
}
