//! Recorded taps run again bit for bit, tell where they left the recording, and hold no card number.

#[path = "support/pcscd.rs"]
mod pcscd;
#[path = "support/terminal.rs"]
mod terminal;

use std::io::{Write, stderr};
use std::net::Ipv4Addr;
use std::process::{Command, Output};
use std::sync::Arc;

use emv::tlv::Tlvs;
use pcscd::{Pcscd, isolated};
use tender_sim::card::{Card, Personality};
use tender_sim::vpcd::Slot;
use tenderd::reader::Clock;
use tenderd::terminal::Hex;
use tenderd::trace::recorder::{CardInProcess, record_in_process};
use tenderd::trace::{CardScript, Event, Header, Inputs, Session, Settings, Trace, Unmatched, What};
use tenderd::trace::{replay, run_script};
use terminal::{eventually, profile};

fn record(personality: &str) -> Trace {
    record_card(personality, &Personality::built_in(personality).unwrap())
}

fn record_card(name: &str, personality: &Personality) -> Trace {
    let settings = Settings::of(&profile());
    let inputs = Inputs {
        amount: Some(1250),
        amount_other: None,
        currency: Hex(vec![0x09, 0x78]),
        currency_exponent: 2,
        transaction_type: Hex(vec![0x00]),
        date: Hex(vec![0x26, 0x11, 0x24]),
        time: Hex(vec![0x14, 0x30, 0x00]),
        sequence_counter: 1,
        unpredictable_number: None,
        seed: Hex(vec![7; 32]),
    };
    let (transaction, numbers) = inputs.to_transaction().unwrap();
    let mut session = Session::new(settings.to_profile().unwrap(), transaction, numbers);
    let mut card = CardInProcess::new(personality, Clock::start());
    record_in_process(&mut session, &mut card);
    let header = Header::new(name, "2026-11-24T14:30:00Z".into(), inputs);
    Trace { header, settings, entries: session.into_entries(), first_entry_line: 0 }
}

/// Written and read again, as a file is.
fn read(text: &str) -> Trace {
    Trace::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn each_personality_s_tap_runs_again_bit_for_bit() {
    for name in Personality::names() {
        let recorded = record(name);
        let trace = read(&recorded.to_text());
        assert!(trace.entries == recorded.entries && trace.settings == recorded.settings, "{name}: written and read");
        let run = replay(&trace).unwrap();
        if let Some(difference) = &run.difference {
            let shown = |what: &Option<What>| what.as_ref().map(|what| serde_json::to_string(what).unwrap());
            panic!("{name}: {} {:?} {:?}", difference.line, shown(&difference.recorded), shown(&difference.replayed));
        }
        assert!(run.entries == trace.entries, "{name}");
    }
}

#[test]
fn a_torn_transaction_and_its_recovery_are_one_trace_and_run_again_bit_for_bit() {
    const RECOVER_AC: u8 = 0xD0;
    let trace = read(&record("torn-at-cryptogram").to_text());
    for trace in [&trace, &trace.masked()] {
        let changes: Vec<_> = trace
            .entries
            .iter()
            .filter_map(|entry| match &entry.what {
                What::Event(Event::TornLog(change)) => Some(change.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(changes, ["added", "settled"]);
        let is_recovery = |what: &What| matches!(what, What::Command(Hex(command)) if command[1] == RECOVER_AC);
        assert!(trace.entries.iter().any(|entry| is_recovery(&entry.what)));
    }
    assert!(replay(&trace).unwrap().entries == trace.entries);
}

#[test]
fn a_card_that_answers_by_command_gives_the_same_outcome() {
    for name in ["mastercard-online-cda", "mastercard-offline-cda", "visa-online", "visa-offline-fdda"] {
        let trace = record(name);
        let (transaction, numbers) = trace.header.transaction.to_transaction().unwrap();
        let script = CardScript::of(&trace, Unmatched::default());
        let run = run_script(trace.settings.to_profile().unwrap(), transaction, numbers, &script);
        let outcome = trace.entries.iter().find_map(|entry| match &entry.what {
            What::Outcome(outcome) | What::OnlineRequest(outcome) => Some(outcome),
            _ => None,
        });
        assert!(run.outcome() == outcome && run.unmatched.is_empty(), "{name}");
    }
}

#[test]
fn a_response_that_was_tampered_with_diverges_and_the_line_is_told() {
    let mut trace = read(&record("mastercard-offline-cda").to_text());
    let index = trace.entries.iter().rposition(|entry| matches!(entry.what, What::Response(_))).unwrap();
    let What::Response(Hex(response)) = &mut trace.entries[index].what else { unreachable!("it was looked for") };
    // The last response is that of GENERATE AC; its signature is near the end.
    let at = response.len() - 40;
    response[at] ^= 0x01;
    let difference = replay(&trace).unwrap().difference.expect("the signature is wrong");
    assert!(difference.line > trace.first_entry_line + index, "{} comes after the response", difference.line);
    assert!(difference.recorded.is_some() && difference.replayed.is_some());

    // A status word that is not the recorded one is seen in the very next line.
    let mut trace = read(&record("mastercard-online").to_text());
    let index = trace.entries.iter().position(|entry| matches!(entry.what, What::Response(_))).unwrap();
    trace.entries[index].what = What::Response(Hex(vec![0x6A, 0x82]));
    let difference = replay(&trace).unwrap().difference.unwrap();
    assert_eq!(difference.line, trace.first_entry_line + index + 1);
}

#[test]
fn other_inputs_diverge_where_they_reach_the_card() {
    let mut trace = read(&record("visa-online").to_text());
    trace.header.transaction.amount = Some(1251);
    let difference = replay(&trace).unwrap().difference.expect("the amount is in the PDOL data");
    assert!(
        matches!(difference.recorded, Some(What::Command(_))) && matches!(difference.replayed, Some(What::Command(_)))
    );
}

#[test]
fn a_file_that_was_cut_short_is_refused_with_its_line() {
    let text = record("mastercard-online").to_text();
    let lines = text.lines().count();
    let cut = &text[..text.len() - 20];
    let error = Trace::parse(cut).unwrap_err();
    assert_eq!(error.line, lines);
    let without_last_line = text.trim_end().rsplit_once('\n').unwrap().0;
    let error = Trace::parse(without_last_line).unwrap_err();
    assert_eq!((error.line, error.to_string().contains("cut short")), (lines - 1, true));
    for end in (0..text.len() - 2).step_by(97) {
        assert!(Trace::parse(&text[..end]).is_err(), "{end} bytes");
    }
}

#[test]
fn a_masked_trace_holds_no_account_number_and_is_as_long_as_the_clear_one() {
    for name in Personality::names() {
        let clear = record(name);
        let pans = pans(&clear);
        let text = clear.masked().to_text();
        for pan in &pans {
            assert!(!text.contains(pan.as_str()), "{name}: a card number in hex");
            let ascii: String = pan.bytes().map(|digit| format!("{digit:02X}")).collect();
            assert!(!text.contains(&ascii), "{name}: a card number in ASCII");
            assert!(clear.to_text().contains(pan.as_str()), "{name}: the clear trace holds it");
        }
        let masked = read(&text);
        assert!(masked.header.masked && masked.entries.len() == clear.entries.len());
        for (masked, clear) in masked.entries.iter().zip(&clear.entries) {
            if let (What::Response(masked), What::Response(clear)) = (&masked.what, &clear.what) {
                assert_eq!(masked.0.len(), clear.0.len(), "{name}");
            }
        }
    }
}

#[test]
fn a_masked_trace_holds_no_account_number_that_a_card_asked_for() {
    for (like, instruction, list) in [
        ("mastercard-online", 0xAE, "8C = '5A08'"),
        ("mastercard-online", 0xAE, "8C = '571357085708'"),
        ("torn-at-cryptogram", 0xD0, "9F51 = '5A08'"),
        ("mastercard-mag-stripe", 0x2A, "9F69 = '9F6B13'"),
    ] {
        let text = std::fs::read_to_string(format!("sim/personalities/{like}.toml")).unwrap();
        let curious = format!("{text}fault = {{ changed = {{ {list} }} }}\n");
        let trace = record_card(like, &Personality::parse(like, &curious).unwrap());
        let told = |trace: &Trace| {
            trace.entries.iter().any(|entry| {
                matches!(&entry.what, What::Command(Hex(command))
                    if command[1] == instruction && Hex(command.clone()).to_string().contains("5413330089601034"))
            })
        };
        assert!(told(&trace), "{like} is told its number by {list}");
        let masked = trace.masked();
        assert!(!told(&masked) && !masked.to_text().contains("5413330089601034"), "{list}");
    }
}

#[test]
fn a_masked_trace_runs_again_where_no_signature_decides() {
    let masked = read(&record("visa-online").masked().to_text());
    assert!(replay(&masked).unwrap().difference.is_none());
}

/// The account numbers that the card told, as digits.
fn pans(trace: &Trace) -> Vec<String> {
    let mut pans = Vec::new();
    for entry in &trace.entries {
        let What::Outcome(outcome) = &entry.what else { continue };
        let Some(record) = &outcome.data_record else { continue };
        let objects = Tlvs::parse(&record.0).unwrap();
        let values = [emv::dict::PAN, emv::dict::TRACK_2_EQUIVALENT_DATA].map(|tag| objects.find(tag));
        for value in values.into_iter().flatten() {
            let digits = Hex(value.to_vec()).to_string();
            pans.push(digits.split(['D', 'F']).next().unwrap().to_owned());
        }
    }
    pans
}

#[test]
fn a_trace_tells_what_a_person_looks_for() {
    let trace = record("mastercard-offline-cda");
    let told = trace.entries.iter().any(|entry| {
        matches!(&entry.what, What::Event(Event::OfflineDataAuthentication { method, result })
            if method == "CDA" && result == Event::VERIFIED)
    });
    assert!(told, "{:?}", trace.entries);
    let text = trace.to_text();
    assert!(text.starts_with("{\"format\":\"tenderd-trace\",\"version\":1,"));
    assert!(text.lines().any(|line| line.contains("\"command\":\"00A404000E325041592E5359532E444446303100\"")));
}

fn tenderctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tenderctl")).args(arguments).output().expect("tenderctl runs")
}

#[test]
fn exit_codes_tell_same_diverged_and_bad_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tap.jsonl");
    let file = path.to_str().unwrap();
    let recorded = tenderctl(&["record", "--card", "mastercard-offline-cda", "--reveal", "-o", file]);
    assert!(recorded.status.success(), "{}", String::from_utf8_lossy(&recorded.stderr));

    let same = tenderctl(&["replay", file, "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&same.stdout).unwrap();
    assert_eq!((same.status.code(), &document["same"]), (Some(0), &serde_json::json!(true)));
    assert!(document["outcome"]["decision"].is_string());
    assert!(document["tvr"].is_string() && document["commands"].as_array().unwrap().len() >= 4);

    let diverged = tenderctl(&["replay", file, "--amount", "99.99"]);
    assert_eq!(diverged.status.code(), Some(1), "{}", String::from_utf8_lossy(&diverged.stdout));
    let by_command = tenderctl(&["replay", file, "--by-command", "--unmatched", "6985", "--amount", "99.99"]);
    assert_eq!(by_command.status.code(), Some(0));

    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    let bad = tenderctl(&["replay", file]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&bad.stderr).contains(": line "), "{}", String::from_utf8_lossy(&bad.stderr));
}

#[test]
fn a_tap_on_a_pcsc_reader_is_recorded_and_runs_again() {
    isolated("a_tap_on_a_pcsc_reader_is_recorded_and_runs_again", |pcscd| {
        pcscd.start();
        let mut slot = Slot::new((Ipv4Addr::LOCALHOST, pcscd.port(0)).into());
        eventually(|| slot.insert(Card::new(&Personality::built_in("visa-online").unwrap())));
        let recorded = tenderctl(&["record", "--reader", Pcscd::READERS[0], "--reveal", "--timeout", "20"]);
        assert!(recorded.status.success(), "{}", String::from_utf8_lossy(&recorded.stderr));
        let trace = read(&String::from_utf8(recorded.stdout).unwrap());
        assert_eq!(trace.header.reader, Pcscd::READERS[0]);
        assert!(trace.header.atr.is_some());
        assert!(replay(&trace).unwrap().difference.is_none());
        slot.remove();
    });
}

#[test]
fn recorded_transactions_and_cards_of_others_are_replayed() {
    let Some(folder) = vectors() else { return };
    let mut transactions = Vec::new();
    for entry in std::fs::read_dir(folder.join("transactions")).into_iter().flatten() {
        let path = entry.unwrap().path();
        let output = tenderctl(&["replay", path.to_str().unwrap(), "--json"]);
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        transactions.push((path, output.status.code(), document["difference"].clone()));
    }
    assert!(transactions.iter().all(|(_, code, _)| *code == Some(0)), "{transactions:#?}");
    for entry in std::fs::read_dir(folder.join("cards")).into_iter().flatten() {
        let path = entry.unwrap().path();
        let output = tenderctl(&["replay", path.to_str().unwrap(), "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", path.display());
    }
}

/// The folder of cases that were recorded elsewhere, or nothing, having said why.
fn vectors() -> Option<Arc<std::path::Path>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors");
    let folder = std::env::var_os("TENDER_VECTORS").map_or_else(|| beside.into(), std::path::PathBuf::from);
    if folder.is_dir() {
        return Some(folder.into());
    }
    // Past the capture of the test harness, which hides what a test that passed has printed.
    let _ = writeln!(stderr(), "skipped: TENDER_VECTORS is not set and ../shared/vectors does not exist");
    None
}
