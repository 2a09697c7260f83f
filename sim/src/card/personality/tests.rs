//! Personalities as files.

use super::*;

#[test]
fn every_built_in_personality_is_one() {
    for name in Personality::names() {
        let personality = Personality::built_in(name).unwrap_or_else(|error| panic!("{error}"));
        assert!(!personality.description.is_empty() && !personality.applications.is_empty(), "{name}");
    }
    assert!(Personality::names().is_sorted());
}

#[test]
fn an_unknown_name_is_answered_with_those_that_there_are() {
    let error = Personality::built_in("visa").unwrap_err().to_string();
    assert!(error.contains("\"visa\"") && error.contains("visa-online, "), "{error}");
}

const MINIMAL: &str = r#"
description = "A card"
[[application]]
aid = "A0000000031010"
label = "VISA"
pan = "4761739001010119"
expiry = "2049-12-31"
cryptogram_version = "12"
"#;

/// The error for the minimal file where `line` comes last, as its tenth line, in place of the
/// one with its key.
fn error(line: &str) -> String {
    let key = line.split(' ').next().unwrap();
    let kept = MINIMAL.trim().lines().filter(|old| old.split(' ').next() != Some(key));
    let mut text: Vec<_> = kept.collect();
    text.resize(9, "");
    text.push(line);
    Personality::parse("card.toml", &text.join("\n")).unwrap_err().to_string()
}

#[test]
fn a_file_with_the_needed_keys_alone_is_a_personality() {
    assert!(Personality::parse("card.toml", MINIMAL).is_ok());
}

#[test]
fn errors_name_file_line_and_key() {
    for (line, reason) in [
        ("colour = 1", "unknown field `colour`"),
        ("pan = \"4761\"", "expected a card number"),
        ("expiry = \"2049-02-30\"", "expected a day"),
        ("priority = 16", "expected a priority"),
        ("aid = \"A0\"", "expected 5 to 16 bytes"),
        ("usage = \"FF\"", "1 bytes are not the right number"),
        ("country = \"56\"", "expected three digits"),
        ("decision = \"perhaps\"", "unknown variant `perhaps`"),
        ("fault = { missing = [\"9F0\"] }", "expected a tag"),
        ("fault = { changed = { 9F02 = \"0\" } }", "expected pairs of hexadecimal digits"),
        ("relay_resistance = { min = 1 }", "missing field `max`"),
    ] {
        let error = error(line);
        let key = line.split(' ').next().unwrap();
        assert!(error.starts_with(&format!("card.toml:10: {key}: ")) && error.contains(reason), "{error}");
    }
}

#[test]
fn an_error_does_not_print_the_value() {
    assert!(!error("pan = \"476173900101011X\"").contains("4761"));
}

#[test]
fn the_example_has_every_key() {
    let example = include_str!("../../../personalities/example.toml");
    Personality::parse("example.toml", example).unwrap();
    let unknown = error("colour = 1");
    let keys = unknown.split('`').skip(3).step_by(2);
    for key in keys {
        assert!(example.contains(&format!("\n{key} = ")), "{key}");
    }
}

#[test]
fn an_application_is_checked_as_a_whole() {
    for (line, reason) in [
        ("aid = \"F000000001\"", "aid: it begins with the RID of no scheme"),
        ("cryptogram_version = \"10\"", "cryptogram_version: Visa has no version 10"),
        ("authentication = \"cda\"", "authentication: Visa has no Cda"),
        ("pan = \"5413330089601034\"", "pan: it is no number of Visa"),
        ("see_phone = true", "see_phone: Visa has none here"),
        ("recovers = true", "recovers: Visa has none here"),
        ("data_storage = true", "data_storage: Visa has none here"),
        ("mag_stripe = true", "mag_stripe: Visa has none here"),
    ] {
        let error = error(line);
        assert!(error.starts_with("card.toml:2: [[application]]: ") && error.contains(reason), "{error}");
    }
}

#[test]
fn what_a_mastercard_application_does_must_go_together() {
    const MASTERCARD: &str = r#"
description = "A card"
[[application]]
aid = "A0000000041010"
label = "MASTERCARD"
pan = "5413330089601034"
expiry = "2049-12-31"
cryptogram_version = "10"
"#;
    for (line, reason) in [
        ("see_phone = true", "see_phone: it needs on_device_cvm"),
        ("data_storage = true", "data_storage: it needs authentication cda"),
        ("mag_stripe = true\nauthentication = \"cda\"", "mag_stripe: it needs a PAN of 16 digits, and no"),
    ] {
        let error = Personality::parse("card.toml", &format!("{MASTERCARD}{line}")).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn answers_are_numbered_from_one() {
    let read = |answers: &str| Personality::parse("card.toml", &format!("answers = {answers}\n{MINIMAL}"));
    assert_eq!(read("{ 3 = \"6F00\" }").unwrap().answers, [(3, vec![0x6F, 0x00])].into());
    for wrong in ["{ 0 = \"6F00\" }", "{ first = \"6F00\" }", "{ 3 = \"6F0\" }"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
