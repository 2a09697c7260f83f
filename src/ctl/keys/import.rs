//! `tenderctl keys import`.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::{is_expired, scheme, today};
use crate::config::{KeyList, KeyListFormat, KeySet, ListedKey, ListedRevocation, key_name};
use crate::ctl::{Failure, Output, Style};
use crate::terminal::Hex;

/// Arguments of `tenderctl keys import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Lists that are understood (docs/keys.md shows each):
  toml   key files of tenderd                     json   objects with a modulus, wherever they stand
  text   a key a line, as proxmark3 has it        csv    a heading, and a key a line
  xml    the configuration of emv-utils

Nothing is written where anything in the list is wrong; with --partly what is right is written, and the rest told.
Keys that the list says are of the other set are left out: a live terminal takes no test key. A key without checksum
is taken only with --without-checksum: compare it with what the scheme publishes.

Examples:
  tenderctl keys import capk.txt --set test > test.toml
  tenderctl keys import visa.json --set live --output /etc/tenderd/keys/visa.toml

Exit codes:
  0 written    1 something in the list is wrong: each by file, line and key    2 the list can't be read")]
pub struct Args {
    /// The list
    list: PathBuf,

    /// What the keys are for
    #[arg(long, value_enum)]
    set: KeySet,

    /// How the list is written; by default that is seen by its name or beginning
    #[arg(long, value_enum)]
    format: Option<KeyListFormat>,

    /// Where to write the key file, which must not be there yet; by default to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Take keys that come without a checksum
    #[arg(long)]
    without_checksum: bool,

    /// Take what is right, and leave out what is wrong
    #[arg(long)]
    partly: bool,
}

/// Writes a key file.
pub(super) fn run(args: &Args, output: &Output) -> Result<ExitCode, Failure> {
    let list = KeyList::read(&args.list, args.format).map_err(|error| Failure::usage(error.to_string()))?;
    let mut problems: Vec<String> = list.problems.iter().map(ToString::to_string).collect();
    let is_proven = |listed: &&ListedKey| listed.has_checksum || args.without_checksum;
    for listed in list.keys.iter().filter(|listed| !is_proven(listed)) {
        let name = key_name(listed.key.rid(), listed.key.index());
        problems.push(format!("{}:{}: {name}: it has no checksum", args.list.display(), listed.line));
    }
    if !problems.is_empty() && !args.partly {
        let advice = "Nothing was written. Correct the list, or take what is right with --partly.";
        return Err(Failure::new(problems.join("\n")).advise(advice));
    }
    let (keys, other): (Vec<_>, Vec<_>) =
        list.keys.iter().filter(is_proven).partition(|listed| listed.set.is_none_or(|set| set == args.set));
    let text = key_file(&args.list, &keys, &list.revoked, args.set);
    match &args.output {
        Some(path) => write(path, &text)?,
        None if !output.is_json() => output.print(&text),
        None => {}
    }
    let today = today()?;
    let expired = keys.iter().filter(|listed| is_expired(&listed.key, today)).count();
    if output.is_json() {
        output.document(&json!({
            "keys": keys.len(),
            "revoked": list.revoked.len(),
            "left_out": other.len(),
            "expired": expired,
            "problems": problems,
            "set": args.set.name(),
            "file": args.output,
            "key_file": args.output.is_none().then_some(text),
        }));
    } else {
        problems.iter().for_each(|problem| eprintln!("tenderctl: left out: {problem}"));
    }
    if let (Some(path), false) = (&args.output, output.is_json()) {
        let keys = format!("{} keys, {} revoked certificates", keys.len(), list.revoked.len());
        output.line(&format!("{}   {keys} in {}", output.styled(Style::Good, "ok"), path.display()));
        if !other.is_empty() {
            output.line(&format!("  {} left out: the list has them in the other set", other.len()));
        }
        if expired > 0 {
            output.line(&format!("  {expired} have expired: no card will be verified with them"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A new file: keys that a terminal trusts are not overwritten unnoticed.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// The text of a key file.
fn key_file(list: &Path, keys: &[&ListedKey], revoked: &[ListedRevocation], set: KeySet) -> String {
    let source = list.file_name().unwrap_or_default().to_string_lossy();
    let mut text = match set {
        KeySet::Test => format!("# TEST KEYS from {source}: for a terminal in test mode only.\n"),
        KeySet::Live => format!("# From {source}.\n"),
    };
    for ListedKey { key, .. } in keys {
        text += &format!("\n[[key]]   # {}\n", scheme::name(key.rid()).unwrap_or("a scheme of another name"));
        text += &format!("rid = \"{}\"\n", Hex(key.rid().to_vec()));
        text += &format!("index = \"{:02X}\"\n", key.index());
        text += &format!("modulus = \"{}\"\n", Hex(key.key().modulus().to_vec()));
        text += &format!("exponent = \"{}\"\n", Hex(key.key().exponent().to_vec()));
        text += &format!("checksum = \"{}\"\n", Hex(key.checksum().to_vec()));
        if let Some(expiry) = key.expiry() {
            text += &format!("expiry = \"{expiry}\"\n");
        }
        if set == KeySet::Test {
            text += "test = true\n";
        }
    }
    for revocation in revoked.iter().map(|listed| listed.revocation) {
        text += "\n[[revoked]]\n";
        text += &format!("rid = \"{}\"\n", Hex(revocation.rid.to_vec()));
        text += &format!("index = \"{:02X}\"\n", revocation.ca_key_index);
        text += &format!("serial = \"{}\"\n", Hex(revocation.serial.to_vec()));
    }
    text
}
