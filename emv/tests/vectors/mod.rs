//! Cases that were recorded elsewhere and are not part of this repository.
//!
//! Their folder is named by the environment variable `TENDER_VECTORS`; without it, `../shared/vectors`
//! beside the workspace is taken. Where neither exists a harness says so and passes.

#![allow(dead_code, reason = "each harness uses its own part of this module")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use emv::tlv::Writer;
use serde_json::Value;

/// The folder with the cases, or nothing, having said why.
///
/// # Panics
/// Where `TENDER_VECTORS` names no folder: that is a mistake, not a reason to skip.
pub(crate) fn folder() -> Option<PathBuf> {
    if let Some(named) = env::var_os("TENDER_VECTORS").map(PathBuf::from) {
        assert!(named.is_dir(), "TENDER_VECTORS is {}, which is no folder", named.display());
        return Some(named);
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors");
    if beside.is_dir() {
        return Some(beside);
    }
    say("skipped: TENDER_VECTORS is not set and ../shared/vectors does not exist");
    None
}

/// The JSON files of a subfolder as (file name without extension, content), by name;
/// empty where there is no [`folder`] or no such subfolder.
pub(crate) fn cases(subfolder: &str) -> Vec<(String, Value)> {
    let Some(folder) = folder().map(|folder| folder.join(subfolder)) else { return Vec::new() };
    let Ok(entries) = fs::read_dir(&folder) else {
        say(&format!("skipped: {} does not exist", folder.display()));
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let name = |path: &Path| path.file_stem().expect("it has an extension").to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), read(path))).collect()
}

/// One JSON file of the [`folder`], such as `entry_point/terminal_settings.json`.
pub(crate) fn file(path: &str) -> Option<Value> {
    folder().map(|folder| read(&folder.join(path)))
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The bytes that `text` writes as pairs of hexadecimal digits; spaces are skipped.
///
/// # Panics
/// Where it is something else.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digit = |c: char| c.to_digit(16).unwrap_or_else(|| panic!("{c:?} is no hexadecimal digit")) as u8;
    let digits: Vec<u8> = text.chars().filter(|c| !c.is_whitespace()).map(digit).collect();
    assert!(digits.len().is_multiple_of(2), "an odd number of hexadecimal digits");
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Bytes as pairs of hexadecimal digits.
pub(crate) fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The bytes of a tree of data objects by tag, which ends in hexadecimal digits; a list holds trees, so that a tag can
/// come twice.
///
/// # Panics
/// Where it is something else.
pub(crate) fn encoded(tree: &Value) -> Vec<u8> {
    match tree {
        Value::String(value) => hex(value),
        Value::Array(trees) => trees.iter().flat_map(encoded).collect(),
        Value::Object(objects) => {
            let mut writer = Writer::new();
            for (tag, value) in objects {
                writer.put(tag.parse().unwrap_or_else(|_| panic!("{tag} is no tag")), &encoded(value));
            }
            writer.into_bytes()
        }
        other => panic!("{other} is no data object"),
    }
}

/// Counts what passed and keeps what failed.
pub(crate) struct Tally {
    name: &'static str,
    total: usize,
    failed: BTreeSet<String>,
}

impl Tally {
    pub(crate) fn new(name: &'static str) -> Self {
        Tally { name, total: 0, failed: BTreeSet::new() }
    }

    /// Counts one case; a failure is told at once, with its reason.
    pub(crate) fn record(&mut self, id: &str, result: Result<(), String>) {
        self.total += 1;
        if let Err(reason) = result {
            say(&format!("{}: {id}: {reason}", self.name));
            self.failed.insert(id.to_owned());
        }
    }

    /// The ids that failed so far.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &str> {
        self.failed.iter().map(String::as_str)
    }

    /// Prints `NAME: n of m`, then the ids that failed.
    pub(crate) fn report(&self) {
        say(&format!("{}: {} of {}", self.name, self.total - self.failed.len(), self.total));
        self.failed().for_each(|id| say(&format!("  failed: {id}")));
    }

    /// Prints the [`report`](Self::report).
    ///
    /// # Panics
    /// Where anything failed.
    pub(crate) fn finish(self) {
        self.report();
        assert!(self.failed.is_empty(), "{}: {} failed", self.name, self.failed.len());
    }
}

/// Prints a line past the capturing of test output, so that a passing run shows its figures too.
fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("standard output takes it");
}
