//! `tenderctl replay`.

use std::path::PathBuf;
use std::process::ExitCode;

use emv::dict;
use emv::tlv::{Tag, Tlvs};
use serde_json::{Value, json};

use super::tap_inputs::TapArgs;
use super::{Failure, Output, Style, input};
use crate::terminal::Hex;
use crate::trace::import::Program;
use crate::trace::{
    CardScript, Difference, Event, Expectation, FileError, Masking, RecordedTransaction, Run, Trace, Unmatched, What,
    replay, run_script,
};

/// Arguments of `tenderctl replay`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenderctl replay tap.jsonl                        does it still go as it went?
  tenderctl replay tap.jsonl --by-command --amount 80.00
  tenderctl replay pcsc-spy.log --amount 12.50 --currency EUR --json

FILE is a trace, a card script, or a log of pcsc-spy, pcscd --apdu or scriptor; - is standard input.

Exit codes:
  0 the same as recorded, or run where nothing was recorded to compare with
  1 it diverged: the first difference is printed
  2 a bad file, wrong arguments or a wrong configuration")]
pub struct Args {
    /// The file
    file: PathBuf,

    /// Answer by command instead of by order, so that inputs may change
    #[arg(long)]
    by_command: bool,

    /// What the card answers to a command that it has no answer for: SW1 SW2 as hex, or `lost`
    #[arg(long, value_name = "ANSWER", value_parser = unmatched)]
    unmatched: Option<Unmatched>,

    #[command(flatten)]
    tap: TapArgs,

    /// Show account data in clear
    #[arg(long)]
    reveal: bool,
}

fn unmatched(text: &str) -> Result<Unmatched, String> {
    if text == "lost" {
        return Ok(Unmatched::Lost);
    }
    let hex: Hex = text.parse().map_err(|error| format!("{error}"))?;
    if hex.0.len() < 2 { Err("an answer has two bytes at least".into()) } else { Ok(Unmatched::Answer(hex.0)) }
}

/// What is in a file.
enum Recording {
    Trace(Box<Trace>),
    Transaction(Box<RecordedTransaction>),
}

/// Reads a trace, a recorded card or the log of another program.
fn read(text: &str) -> Result<Recording, FileError> {
    let first = text.lines().next().unwrap_or_default();
    if first.contains("\"format\"") {
        return Trace::parse(text).map(|trace| Recording::Trace(Box::new(trace)));
    }
    if text.trim_start().starts_with('{') {
        return RecordedTransaction::parse(text).map(|recorded| Recording::Transaction(Box::new(recorded)));
    }
    let Some(program) = Program::of(text) else {
        let reason = "neither a trace, nor a card script, nor a log of pcsc-spy, pcscd --apdu or scriptor";
        return Err(FileError { line: 1, reason: reason.into() });
    };
    let script = program.read(text)?;
    Ok(Recording::Transaction(Box::new(RecordedTransaction { script, terminal: None, expectation: None })))
}

/// Replays a file.
pub fn run(args: &Args, output: &Output) -> Result<ExitCode, Failure> {
    let name = args.file.display();
    let text = input::text(&args.file)?;
    let recording = read(&text).map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    let wrong = |error: &dyn ToString| Failure::usage(format!("{name}: {}", error.to_string()));
    let settings = args.tap.named_settings()?;
    let (run, expectation, strict) = match recording {
        Recording::Trace(mut trace) => {
            args.tap.change(&mut trace.header.transaction)?;
            if let Some(settings) = settings {
                trace.settings = settings;
            }
            if args.by_command {
                let script = CardScript::of(&trace, args.unmatched.clone().unwrap_or_default());
                let (transaction, numbers) =
                    trace.header.transaction.to_transaction().map_err(|error| wrong(&error))?;
                let profile = trace.settings.to_profile().map_err(|error| wrong(&error))?;
                (run_script(profile, transaction, numbers, &script), None, false)
            } else {
                let run = replay(&trace).map_err(|error| wrong(&error))?;
                if trace.header.masked && run.difference.as_ref().is_some_and(is_authentication) {
                    eprintln!("{name} is masked, so its signatures don't verify; record with --reveal to compare them");
                }
                (run, None, true)
            }
        }
        Recording::Transaction(recorded) => {
            let RecordedTransaction { mut script, terminal, expectation } = *recorded;
            if let Some(unmatched) = &args.unmatched {
                script.set_unmatched(unmatched.clone());
            }
            let (recorded_settings, mut inputs) = match terminal {
                Some((settings, inputs)) => (settings, inputs),
                None => (args.tap.settings()?, args.tap.inputs([0; 32])?),
            };
            args.tap.change(&mut inputs)?;
            let settings = settings.unwrap_or(recorded_settings);
            if expectation.is_some() {
                let aids: Vec<_> = settings.applications.iter().map(|application| &application.aid.0[..]).collect();
                script.complete_with_ppse(&aids);
            }
            let (transaction, numbers) = inputs.to_transaction().map_err(|error| wrong(&error))?;
            let profile = settings.to_profile().map_err(|error| wrong(&error))?;
            (run_script(profile, transaction, numbers, &script), expectation, false)
        }
    };
    let compared = strict || expectation.is_some();
    Ok(report(&run, expectation.as_ref(), compared, args.reveal, output))
}

fn is_authentication(difference: &Difference) -> bool {
    matches!(difference.recorded, Some(What::Event(Event::OfflineDataAuthentication { .. })))
}

/// Prints what a run gave; diverged is exit code 1.
fn report(run: &Run, expectation: Option<&Expectation>, compared: bool, reveal: bool, output: &Output) -> ExitCode {
    let mut masking = Masking::new();
    let masked: Vec<_> = run.entries.iter().map(|entry| masking.entry(entry)).collect();
    let entries = if reveal { run.entries.clone() } else { masked };
    let differs = expectation.and_then(|expectation| expectation.difference(run));
    let same = run.difference.is_none() && differs.is_none();
    let shown = Run { entries, difference: None, unmatched: Vec::new() };
    let unmatched: Vec<_> = run.unmatched.iter().map(|Hex(command)| Hex(masking.command(command))).collect();
    let masking = (!reveal).then_some(masking);
    let difference = run.difference.as_ref().map(|difference| difference_json(difference, masking));

    let mut document = summary(&shown);
    document["same"] = json!(compared.then_some(same));
    if let Some(difference) = &difference {
        document["difference"] = difference.clone();
    } else if let Some(differs) = &differs {
        document["difference"] = json!({ "text": differs });
    }
    if !unmatched.is_empty() {
        document["unmatched_commands"] = json!(unmatched);
    }
    if output.is_json() {
        output.document(&document);
    } else {
        print(&document, output);
    }
    if same { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn difference_json(difference: &Difference, mut masking: Option<Masking>) -> Value {
    let mut shown = |what: &Option<What>| {
        let Some(what) = what else { return Value::Null };
        let entry = crate::trace::Entry { t_us: 0, what: what.clone() };
        let entry = masking.as_mut().map_or_else(|| entry.clone(), |masking| masking.entry(&entry));
        json!(entry.what)
    };
    json!({
        "line": difference.line,
        "recorded": shown(&difference.recorded),
        "replayed": shown(&difference.replayed),
    })
}

/// Outcome, results and commands, as people ask for them first.
fn summary(run: &Run) -> Value {
    let mut document = json!({ "outcome": run.outcome() });
    let record = run.outcome().and_then(|outcome| outcome.data_record.as_ref());
    let object = |tag: Tag| {
        let objects = Tlvs::parse(&record?.0).ok()?;
        objects.find(tag).map(|value| Hex(value.to_vec()))
    };
    document["tvr"] = json!(object(dict::TVR));
    document["cvm_results"] = json!(object(dict::CVM_RESULTS));
    let mut authentications = Vec::new();
    let mut commands = Vec::new();
    for entry in &run.entries {
        match &entry.what {
            What::Event(Event::Results { tvr, cvm_results }) => {
                document["tvr"] = json!(tvr);
                document["cvm_results"] = json!(cvm_results);
            }
            What::Event(Event::Selected { aid, kernel, .. }) => {
                document["aid"] = json!(aid);
                document["kernel"] = json!(kernel);
            }
            What::Event(Event::OfflineDataAuthentication { method, result }) => {
                authentications.push(json!({ "method": method, "result": result }));
            }
            What::Command(command) => commands.push(json!({ "command": command, "response": null })),
            What::Response(response) => {
                if let Some(last) = commands.last_mut() {
                    last["response"] = json!(response);
                }
            }
            _ => {}
        }
    }
    document["offline_data_authentication"] = json!(authentications);
    document["commands"] = json!(commands);
    document
}

fn print(document: &Value, output: &Output) {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let verdict = match document["same"].as_bool() {
        Some(true) => output.styled(Style::Good, "same"),
        Some(false) => output.styled(Style::Bad, "diverged"),
        None => output.styled(Style::Busy, "nothing to compare with"),
    };
    let outcome = &document["outcome"];
    output.line(&format!(
        "{verdict}   {}, CVM {}",
        output.styled(Style::Bold, &text(&outcome["decision"])),
        text(&outcome["cvm"])
    ));
    output.line(&format!("  AID {}, kernel {}", text(&document["aid"]), text(&document["kernel"])));
    output.line(&format!("  TVR {}, CVM Results {}", text(&document["tvr"]), text(&document["cvm_results"])));
    for authentication in document["offline_data_authentication"].as_array().into_iter().flatten() {
        output.line(&format!("  {}: {}", text(&authentication["method"]), text(&authentication["result"])));
    }
    for exchange in document["commands"].as_array().into_iter().flatten() {
        output.line(&format!("  > {}", text(&exchange["command"])));
        output.line(&output.styled(Style::Dim, &format!("  < {}", text(&exchange["response"]))));
    }
    for command in document["unmatched_commands"].as_array().into_iter().flatten() {
        output.line(&format!("  no answer for {}", text(command)));
    }
    let difference = &document["difference"];
    if let Some(words) = difference["text"].as_str() {
        output.line(&format!("first difference: {words}"));
    } else if !difference.is_null() {
        output.line(&format!("first difference, line {}:", difference["line"]));
        output.line(&format!("  recorded  {}", difference["recorded"]));
        output.line(&format!("  replayed  {}", difference["replayed"]));
    }
}
