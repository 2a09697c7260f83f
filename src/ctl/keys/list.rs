//! `tenderctl keys list`.

use std::process::ExitCode;

use serde_json::json;

use super::{Lists, document, is_expired, scheme};
use crate::config::KeySet;
use crate::ctl::table::Table;
use crate::ctl::{Failure, Output, Style};
use crate::terminal::Hex;

/// Arguments of `tenderctl keys list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenderctl keys list                         the keys of this terminal
  tenderctl keys list capk.txt visa.json      the keys in two lists
  tenderctl keys list --on 2031-01-01         which of them will have expired then

Exit codes:
  0 listed    1 something in a list is no key: `tenderctl keys verify` says what    2 a list can't be read")]
pub struct Args {
    #[command(flatten)]
    lists: Lists,
}

/// Prints a table of keys, and one of revoked certificates.
pub(super) fn run(args: &Args, output: &Output) -> Result<ExitCode, Failure> {
    let lists = args.lists.read()?;
    let on = args.lists.day()?;
    let problems: usize = lists.iter().map(|(_, list)| list.problems.len()).sum();
    if output.is_json() {
        let keys = lists.iter().flat_map(|(file, list)| list.keys.iter().map(move |key| document(file, key, on)));
        let revoked = lists.iter().flat_map(|(file, list)| list.revoked.iter().map(move |listed| (file, listed)));
        let revoked = revoked.map(|(file, listed)| {
            json!({
                "rid": Hex(listed.revocation.rid.to_vec()),
                "index": Hex(vec![listed.revocation.ca_key_index]),
                "serial": Hex(listed.revocation.serial.to_vec()),
                "file": file,
                "line": listed.line,
            })
        });
        output.document(&json!({
            "keys": keys.collect::<Vec<_>>(),
            "revoked": revoked.collect::<Vec<_>>(),
            "problems": problems,
        }));
        return Ok(exit(problems));
    }
    let mut table = Table::new(["SCHEME", "RID", "INDEX", "BITS", "EXPONENT", "LAST DAY", "SET", "CHECKSUM"]);
    for listed in lists.iter().flat_map(|(_, list)| &list.keys) {
        let key = &listed.key;
        let expiry = key.expiry().map_or("-".to_owned(), |expiry| expiry.to_string());
        let row = [
            scheme::name(key.rid()).unwrap_or("-").to_owned(),
            Hex(key.rid().to_vec()).to_string(),
            Hex(vec![key.index()]).to_string(),
            (8 * key.key().length()).to_string(),
            Hex(key.key().exponent().to_vec()).to_string(),
            if is_expired(key, on) { format!("{expiry} expired") } else { expiry },
            listed.set.map_or("-", KeySet::name).to_owned(),
            Hex(key.checksum()[..4].to_vec()).to_string(),
        ];
        table.row(row, is_expired(key, on).then_some((5, Style::Bad)));
    }
    table.print(output);
    let revoked: Vec<_> = lists.iter().flat_map(|(_, list)| &list.revoked).collect();
    if !revoked.is_empty() {
        output.line("");
        let mut table = Table::new(["REVOKED", "RID", "INDEX", "SERIAL"]);
        for revocation in revoked.iter().map(|listed| listed.revocation) {
            let row = [
                scheme::name(revocation.rid).unwrap_or("-").to_owned(),
                Hex(revocation.rid.to_vec()).to_string(),
                Hex(vec![revocation.ca_key_index]).to_string(),
                Hex(revocation.serial.to_vec()).to_string(),
            ];
            table.row(row, None);
        }
        table.print(output);
    }
    Ok(exit(problems))
}

fn exit(problems: usize) -> ExitCode {
    if problems == 0 { ExitCode::SUCCESS } else { ExitCode::from(Failure::FAILED) }
}
