//! `tenderctl keys` on lists as other tools write them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// The simulator's keys: for test cards only.
const TEST_CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sim/keys/test-ca.toml");

fn tenderctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tenderctl")).args(arguments).output().expect("tenderctl runs")
}

/// What a command with `--json` prints, and its exit code.
fn json(arguments: &[&str]) -> (Value, Option<i32>) {
    let output = tenderctl(&[arguments, &["--json"]].concat());
    let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (document, output.status.code())
}

/// The first of the simulator's keys, by its fields.
fn key() -> toml::Table {
    let file: toml::Table = fs::read_to_string(TEST_CA).unwrap().parse().unwrap();
    file["key"][0].as_table().unwrap().clone()
}

fn text<'t>(key: &'t toml::Table, field: &str) -> &'t str {
    key[field].as_str().expect("a text")
}

/// The same key in every format, by the name of its file.
fn lists() -> [(&'static str, String); 4] {
    let key = key();
    let [rid, index, modulus, exponent, checksum] =
        ["rid", "index", "modulus", "exponent", "checksum"].map(|field| text(&key, field));
    [
        ("capk.txt", format!("# a key\n{rid} {index} 491231 rsa {exponent} {modulus} sha1 {checksum}\n")),
        (
            "keys.json",
            format!(
                r#"{{"publicKey": [{{"rId": "{rid}", "index": "{index}", "modulus": "{modulus}", "exponent": "{exponent}",
                "expiryDate": "1249", "checksum": "{checksum}"}}]}}"#
            ),
        ),
        (
            "keys.csv",
            format!(
                "RID,RID Index,Exponent,Modulus,SHA1,Key Type,Expires\n\
                 {rid},{index},{exponent},{modulus},{checksum},Test,2049-12-31\n"
            ),
        ),
        (
            "config.xml",
            format!(
                "<emv><capk rid='{rid}' index='{index}' hash_id='01' expiry='491231'><modulus>{modulus}</modulus>\
                 <exponent>{exponent}</exponent><hash>{checksum}</hash></capk></emv>"
            ),
        ),
    ]
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn every_format_becomes_the_same_key_file() {
    let folder = TempDir::new().unwrap();
    for (name, list) in lists() {
        let list = write(folder.path(), name, &list);
        let key_file = folder.path().join(format!("{name}.toml"));
        let key_file = key_file.to_str().unwrap();
        let output = tenderctl(&["keys", "import", &list, "--set", "test", "--output", key_file]);
        assert!(output.status.success(), "{name}: {output:?}");
        let written: toml::Table = fs::read_to_string(key_file).unwrap().parse().unwrap();
        assert_eq!(written["key"][0].as_table(), Some(&key()), "{name}");
        let (verified, code) = json(&["keys", "verify", key_file, "--on", "2026-11-24"]);
        assert_eq!((&verified["ok"], code), (&Value::Bool(true), Some(0)), "{name}: {verified}");
        let again = tenderctl(&["keys", "import", &list, "--set", "test", "--output", key_file]);
        assert_eq!(again.status.code(), Some(2), "keys are not overwritten");
    }
}

#[test]
fn keys_of_the_other_set_are_left_out() {
    let (imported, code) = json(&["keys", "import", TEST_CA, "--set", "live"]);
    assert_eq!((&imported["keys"], code), (&0.into(), Some(0)));
    assert!(imported["left_out"].as_u64() > Some(0));
    assert!(!imported["key_file"].as_str().unwrap().contains("[[key]]"));
}

#[test]
fn what_is_wrong_in_a_list_is_told_by_line_and_key_and_nothing_is_written() {
    let folder = TempDir::new().unwrap();
    let (name, good) = &lists()[0];
    let list =
        write(folder.path(), name, &format!("{good}{}", good.replace(" 03 ", " 010001 ").replace("# a key\n", "")));
    let key_file = folder.path().join("out.toml");
    let output = tenderctl(&["keys", "import", &list, "--set", "test", "-o", key_file.to_str().unwrap()]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("capk.txt:3: A000000003 C1 checksum: "), "{error}");
    assert!(!key_file.exists());

    let (imported, code) = json(&["keys", "import", &list, "--set", "test", "--partly"]);
    assert_eq!((&imported["keys"], code), (&1.into(), Some(0)), "{imported}");
    assert!(imported["problems"][0].as_str().unwrap().contains("capk.txt:3: A000000003 C1"), "{imported}");
}

#[test]
fn a_key_without_checksum_is_taken_only_where_that_is_asked_for() {
    let folder = TempDir::new().unwrap();
    let (name, list) = &lists()[1];
    let list = write(folder.path(), name, &list.replace("checksum", "remark"));
    assert_eq!(tenderctl(&["keys", "import", &list, "--set", "test"]).status.code(), Some(1));
    let (imported, code) = json(&["keys", "import", &list, "--set", "test", "--without-checksum"]);
    assert_eq!((&imported["keys"], code), (&1.into(), Some(0)));
    assert!(imported["key_file"].as_str().unwrap().contains(text(&key(), "checksum")), "it was computed");
}

#[test]
fn verifying_finds_expired_keys_doubles_and_certificates_of_nobody() {
    let folder = TempDir::new().unwrap();
    let revoked = "[[revoked]]\nrid = \"A000000003\"\nindex = \"01\"\nserial = \"000001\"\n";
    let revoked = write(folder.path(), "revoked.toml", revoked);
    let (verified, code) = json(&["keys", "verify", TEST_CA, TEST_CA, &revoked, "--on", "2049-12-31"]);
    let problems: Vec<&str> = verified["problems"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(code, Some(1));
    assert!(problems[0].contains("test-ca.toml:4: A000000003 C1: it stands at"), "{problems:?}");
    assert!(
        problems.last().unwrap().ends_with("revoked.toml:1: A000000003 01: a certificate of a key that is not there")
    );
    let (listed, _) = json(&["keys", "list", TEST_CA, "--on", "2049-12-31"]);
    assert_eq!((&listed["keys"][0]["scheme"], &listed["keys"][0]["expired"]), (&"Visa".into(), &false.into()));
}

#[test]
fn the_keys_of_a_terminal_are_those_that_its_configuration_names() {
    let folder = TempDir::new().unwrap();
    let example = String::from_utf8(tenderctl(&["config", "example"]).stdout).unwrap();
    let config =
        write(folder.path(), "tenderd.toml", &example.replace("/usr/share/tenderd/keys/test-ca.toml", TEST_CA));
    let output = tenderctl(&["keys", "list", "--config", &config]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && table.starts_with("SCHEME"), "{table}");
    assert!(table.contains("Visa        A000000003  C1"), "{table}");
    let missing = tenderctl(&["keys", "list", "--config", "/nowhere/tenderd.toml"]);
    assert_eq!(missing.status.code(), Some(2));
}
