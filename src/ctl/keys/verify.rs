//! `tenderctl keys verify`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use emv::fields::Date;
use serde_json::json;

use super::{Lists, is_expired};
use crate::config::{ConfigError, KeyList, key_name};
use crate::ctl::{Failure, Output, Style};

/// Arguments of `tenderctl keys verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What is verified of each key: that modulus and exponent are such as EMV allows, that the SHA-1 checksum over
RID, index, modulus and exponent is right, that it has not expired, and that no other has its RID and index.
Of each revoked certificate: that there is the key which issued it.

Examples:
  tenderctl keys verify                       the keys of this terminal
  tenderctl keys verify capk.txt              a list that somebody sent

Exit codes:
  0 all is well    1 something is not: each by file, line and key    2 a list can't be read")]
pub struct Args {
    #[command(flatten)]
    lists: Lists,
}

/// Prints what is wrong, or that nothing is.
pub(super) fn run(args: &Args, output: &Output) -> Result<ExitCode, Failure> {
    let lists = args.lists.read()?;
    let problems = problems(&lists, args.lists.day()?);
    let keys: usize = lists.iter().map(|(_, list)| list.keys.len()).sum();
    let revoked: usize = lists.iter().map(|(_, list)| list.revoked.len()).sum();
    if output.is_json() {
        output.document(&json!({ "ok": problems.is_empty(), "keys": keys, "revoked": revoked, "problems": problems }));
    } else {
        problems.iter().for_each(|problem| output.line(problem));
        let counted = format!("{keys} keys, {revoked} revoked certificates");
        match problems.len() {
            0 => output.line(&format!("{}   {counted}", output.styled(Style::Good, "ok"))),
            count => output.line(&format!("{}   {counted}", output.styled(Style::Bad, &format!("{count} problems")))),
        }
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(Failure::FAILED) })
}

fn problems<P: AsRef<Path>>(lists: &[(P, KeyList)], on: Date) -> Vec<String> {
    let mut problems = Vec::new();
    let mut places = BTreeMap::new();
    for (file, list) in lists {
        let place = |line: usize| format!("{}:{line}", file.as_ref().display());
        problems.extend(list.problems.iter().map(ConfigError::to_string));
        for listed in &list.keys {
            let (key, place) = (&listed.key, place(listed.line));
            let name = key_name(key.rid(), key.index());
            if let Some(expiry) = key.expiry().filter(|_| is_expired(key, on)) {
                problems.push(format!("{place}: {name}: its last day was {expiry}"));
            }
            if !listed.has_checksum {
                problems.push(format!("{place}: {name}: there is no checksum to verify it by"));
            }
            if let Some(first) = places.insert((key.rid(), key.index()), place.clone()) {
                problems.push(format!("{place}: {name}: it stands at {first} already"));
            }
        }
    }
    for (file, list) in lists {
        for listed in &list.revoked {
            let (rid, index) = (listed.revocation.rid, listed.revocation.ca_key_index);
            if !places.contains_key(&(rid, index)) {
                let place = format!("{}:{}", file.as_ref().display(), listed.line);
                problems.push(format!("{place}: {}: a certificate of a key that is not there", key_name(rid, index)));
            }
        }
    }
    problems
}
