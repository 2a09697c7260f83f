//! The commands of docs/dialects.md, run as they stand there: what they print is what the page says.

use std::fs;
use std::process::Command;

/// The blocks of one language in the page, without their fences.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}

#[test]
fn every_command_of_the_guide_prints_what_the_guide_says() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/dialects.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = blocks(&page, "toml");
    // The page's dialect: how it begins, and what it says of elements and messages.
    fs::write(folder.path().join("bank.toml"), files[..2].concat()).unwrap();
    let commands = blocks(&page, "console");
    assert!(commands.len() == 3, "the page has its three commands");
    for command in commands {
        let (line, expected) = command.split_once('\n').unwrap();
        let arguments = line.strip_prefix("$ tenderctl ").unwrap().split(' ');
        let output = Command::new(env!("CARGO_BIN_EXE_tenderctl"))
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .expect("tenderctl runs");
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.stderr.is_empty(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        match expected.strip_suffix("...\n") {
            Some(beginning) => assert!(printed.starts_with(beginning), "{line}:\n{printed}"),
            None => assert_eq!(printed, expected, "{line}"),
        }
    }
}
