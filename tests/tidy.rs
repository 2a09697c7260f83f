//! The rules of this house that a machine can hold.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Longer than other files may be, each for a reason.
const LONG_FILES: [(&str, &str); 0] = [];
const LINES_MAX: usize = 600;

/// A file of the repository.
struct Source {
    /// From the root, such as `emv/src/lib.rs`.
    path: String,
    text: String,
}

impl Source {
    /// Its code up to its unit tests, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test_file = self.path.contains("/tests") || self.path.starts_with("tests/");
        let lines = if is_test_file { "" } else { self.text.as_str() };
        let code = lines.lines().enumerate().take_while(|(_, line)| *line != "#[cfg(test)]");
        code.map(|(index, line)| (index + 1, line.split("//").next().unwrap_or(line)))
    }

    fn is_below(&self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| self.path.starts_with(folder))
    }
}

/// All files below a folder with one of these extensions; what was built is left out.
fn files(folder: &str, extensions: &[&str]) -> Vec<Source> {
    let mut folders = vec![PathBuf::from(ROOT).join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("the folder can be read").path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|found| extensions.iter().any(|wanted| found == *wanted)) {
                let relative = path.strip_prefix(ROOT).expect("it was found below").display().to_string();
                let text = fs::read_to_string(&path).expect("a source is text");
                files.push(Source { path: relative, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Every Rust file but this one, which names what it forbids.
fn rust() -> Vec<Source> {
    let mut files = files("", &["rs"]);
    files.retain(|file| file.path != "tests/tidy.rs");
    assert!(files.len() > 100, "the sources were found");
    files
}

/// Fails with the list of what was found, a line each.
fn assert_none(found: Vec<String>, rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

/// Each place in the code of `files` that has one of `words`.
fn places<'f>(files: impl Iterator<Item = &'f Source>, words: &[&str]) -> Vec<String> {
    files
        .flat_map(|file| {
            let found = file.code().filter(|(_, line)| words.iter().any(|word| line.contains(word)));
            found.map(|(number, line)| format!("{}:{number}: {}", file.path, line.trim())).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn arrows_between_the_crates_point_down() {
    let dependencies = |manifest: &str| -> toml::Table {
        let text = fs::read_to_string(Path::new(ROOT).join(manifest)).expect("the manifest is there");
        let manifest: toml::Table = text.parse().expect("a manifest is TOML");
        manifest["dependencies"].as_table().expect("dependencies are a table").clone()
    };
    let emv = dependencies("emv/Cargo.toml");
    let sim = dependencies("sim/Cargo.toml");
    assert!(!emv.contains_key("tenderd") && !emv.contains_key("tender-sim"), "emv knows nobody");
    assert!(!sim.contains_key("tenderd"), "the simulator does not know the daemon");
    for impure in ["tokio", "rand", "getrandom", "jiff", "chrono", "tracing", "log", "pcsc", "rusqlite"] {
        assert!(!emv.contains_key(impure), "emv is a pure room: no {impure}");
    }
    let shares_kernels = ["emv::kernel", "emv::entry", "emv::tap", "emv::oda"];
    let found = places(rust().iter().filter(|file| file.is_below(&["sim/src/"])), &shares_kernels);
    assert_none(found, "a simulator that shared the kernels' logic would prove nothing");
}

#[test]
fn emv_has_no_clock_no_files_and_no_network() {
    let sources = rust();
    let impure =
        ["std::time", "std::fs", "std::net", "std::env", "std::thread", "std::io", "println!", "thread_local!"];
    assert_none(places(sources.iter().filter(|file| file.is_below(&["emv/src/"])), &impure), "emv is a pure room");
    let root = sources.iter().find(|file| file.path == "emv/src/lib.rs").expect("emv has a root");
    assert!(root.text.contains("no_std"), "emv is no_std");
}

#[test]
fn tags_stand_in_the_dictionary_alone() {
    let elsewhere =
        |file: &&Source| file.is_below(&["emv/src/", "src/", "sim/src/"]) && !file.is_below(&["emv/src/dict"]);
    let sources = rust();
    assert_none(places(sources.iter().filter(elsewhere), &["Tag::new(0x"]), "a tag has a name in emv/src/dict");
}

#[test]
fn nothing_is_unfinished_switched_off_or_unsafe() {
    let words = ["todo!", "unimplemented!", "dbg!", "#[ignore", "#[cfg(any())]", "FIXME", "XXX:"];
    let everywhere = rust().into_iter().flat_map(|file| {
        let found = file.text.lines().enumerate().filter(|(_, line)| words.iter().any(|word| line.contains(word)));
        found.map(|(index, line)| format!("{}:{}: {}", file.path, index + 1, line.trim())).collect::<Vec<_>>()
    });
    assert_none(everywhere.collect(), "finish it or leave it out");
    assert_none(
        places(rust().iter(), &["unsafe {", "unsafe fn", "unsafe impl", "allow(unsafe"]),
        "unsafe is forbidden",
    );
}

#[test]
fn faults_can_still_be_planted() {
    let patches = files("tests/simulation/faults", &["patch"]);
    assert!(patches.len() > 10, "the planted faults were found");
    let unfit = patches.iter().flat_map(|patch| {
        patch.text.split("--- ").skip(1).flat_map(|change| {
            let (path, hunks) = change.split_once('\n').expect("a path, and what changes");
            let source = fs::read_to_string(Path::new(ROOT).join(path.trim())).unwrap_or_default();
            let hunks = hunks.split("\n@@").skip(1).map(|hunk| hunk.lines().skip(1));
            let before = hunks.map(|hunk| hunk.filter_map(|line| line.strip_prefix([' ', '-'])).collect::<Vec<_>>());
            let missing = before.filter(|lines| !source.contains(&lines.join("\n"))).count();
            (missing > 0).then(|| format!("{}: not as {path} is now", patch.path))
        })
    });
    assert_none(unfit.collect(), "have the patch say what the source says now");
}

#[test]
fn files_are_short_enough_to_be_read() {
    let is_excused = |path: &str| LONG_FILES.iter().any(|(long, _)| *long == path);
    let long = rust().into_iter().filter(|file| file.text.lines().count() > LINES_MAX && !is_excused(&file.path));
    let long = long.map(|file| format!("{}: {} lines", file.path, file.text.lines().count()));
    assert_none(long.collect(), "split it along a real seam, or excuse it above with a reason");
}

/// How the test numbers begin that card schemes, certification bodies and payment gateways publish.
const TEST_PANS: [&str; 11] =
    ["411111", "401288", "400551", "400000", "424242", "476173", "541333", "555555", "510510", "222300", "679999"];

#[test]
fn every_card_number_is_a_published_test_number() {
    let mut texts = rust();
    for folder in ["tests", "sim", "emv", "demo", "docs", "fuzz"] {
        texts.extend(files(folder, &["toml", "json", "jsonl", "txt", "log", "md", "xml", "scr"]));
    }
    let found = texts.iter().flat_map(|file| {
        let numbers = file.text.split(|c: char| !c.is_ascii_alphanumeric()).flat_map(card_numbers);
        numbers.map(|number| format!("{}: {number}", file.path)).collect::<Vec<_>>()
    });
    assert_none(found.collect(), "take a number of a test range");
}

/// What may be a card's number in a word: Track 2 with its separator, or digits of a usual length that pass the check
/// and begin as a scheme's numbers do.
fn card_numbers(word: &str) -> Vec<String> {
    let before_separator = word.find('D').map(|separator| &word[..separator]);
    let track2 = before_separator.and_then(|text| text.get(text.len().checked_sub(16)?..));
    let whole = (word.len() == 16).then_some(word);
    let is_number = |digits: &&str| {
        digits.bytes().all(|byte| byte.is_ascii_digit())
            && matches!(digits.as_bytes(), [b'4', ..] | [b'5', b'1'..=b'5', ..] | [b'2', b'2'..=b'7', ..])
            && emv::fields::Pan::from_digits(digits).is_ok_and(|pan| pan.passes_luhn())
            && !TEST_PANS.iter().any(|start| digits.starts_with(start))
    };
    [track2, whole].into_iter().flatten().filter(is_number).map(str::to_owned).collect()
}

#[test]
fn a_card_number_that_is_no_test_number_is_found() {
    // Luhn-valid, of a range that nobody publishes for tests: built here, so that this file has none.
    let digits = format!("{}{}", "45678901", "23456783");
    assert_eq!(card_numbers(&digits), std::slice::from_ref(&digits));
    assert_eq!(card_numbers(&format!("5713{digits}D4912201")), [digits]);
    assert!(card_numbers("4761739001010119").is_empty());
}

#[test]
fn every_error_is_documented() {
    let documented = fs::read_to_string(Path::new(ROOT).join("docs/errors.md")).expect("errors have a page");
    let sources = rust();
    let sources =
        sources.iter().filter(|file| file.is_below(&["src/bus/", "src/journal/", "src/terminal/", "src/upstream/"]));
    let code: String = sources.flat_map(|file| file.code().map(|(_, line)| line).collect::<Vec<_>>()).collect();
    // A name is the text before its advice. That something was approved is no error.
    let names = code.split("\", Retry::").filter_map(|before| before.rsplit('"').next());
    let names = names.filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let missing: Vec<String> = names
        .filter(|name| !documented.contains(&format!("`{name}`")) && !name.starts_with("Approved"))
        .map(str::to_owned)
        .collect();
    assert!(documented.contains("`ReaderBusy`") && code.contains("\"ReaderBusy\", Retry::"), "the names are found");
    assert_none(missing, "add it to docs/errors.md");
}
