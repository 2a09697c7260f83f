//! `tenderctl keys`.

mod import;
mod list;
mod scheme;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use emv::fields::Date;
use emv::oda::CaKey;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{Failure, Output};
use crate::config::{KeyList, KeyListFormat, ListedKey, day};
use crate::terminal::Hex;

/// What to do with the schemes' public keys.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List keys and revoked certificates
    List(list::Args),
    /// Make a key file of a list that another tool wrote
    Import(import::Args),
    /// Verify checksums, last days and doubles
    Verify(verify::Args),
}

/// Lists, imports or verifies.
pub fn run(command: &Command, output: &Output) -> Result<ExitCode, Failure> {
    match command {
        Command::List(args) => list::run(args, output),
        Command::Import(args) => import::run(args, output),
        Command::Verify(args) => verify::run(args, output),
    }
}

/// Which lists, and the day for which they are looked at.
#[derive(Debug, clap::Args)]
struct Lists {
    /// Key files, or lists of other tools; without any, the key files of the configuration
    files: Vec<PathBuf>,

    /// The configuration that names the key files
    #[arg(long, value_name = "FILE", default_value = "/etc/tenderd/tenderd.toml")]
    config: PathBuf,

    /// How the lists are written; by default that is seen by their names or beginnings
    #[arg(long, value_enum)]
    format: Option<KeyListFormat>,

    /// The day on which a key is to be used, by default today
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    on: Option<Date>,
}

impl Lists {
    /// Reads them, each with the file it was read from.
    fn read(&self) -> Result<Vec<(PathBuf, KeyList)>, Failure> {
        let usage = |error: crate::config::ConfigError| Failure::usage(error.to_string());
        let files = if self.files.is_empty() {
            crate::config::key_files(&self.config).map_err(usage)?
        } else {
            self.files.clone()
        };
        files
            .into_iter()
            .map(|file| KeyList::read(&file, self.format).map(|list| (file, list)).map_err(usage))
            .collect()
    }

    fn day(&self) -> Result<Date, Failure> {
        self.on.map_or_else(today, Ok)
    }
}

fn today() -> Result<Date, Failure> {
    let now = Timestamp::now().to_zoned_datetime(TimeZone::system());
    day(&now.datetime().date().to_string()).map_err(Failure::new)
}

fn is_expired(key: &CaKey, on: Date) -> bool {
    key.expiry().is_some_and(|expiry| expiry < on)
}

/// A key as programs read it.
fn document(file: &std::path::Path, listed: &ListedKey, on: Date) -> Value {
    let key = &listed.key;
    json!({
        "scheme": scheme::name(key.rid()),
        "rid": Hex(key.rid().to_vec()),
        "index": Hex(vec![key.index()]),
        "bits": 8 * key.key().length(),
        "exponent": Hex(key.key().exponent().to_vec()),
        "expires": key.expiry().map(|expiry| expiry.to_string()),
        "expired": is_expired(key, on),
        "set": listed.set.map(crate::config::KeySet::name),
        "checksum": Hex(key.checksum().to_vec()),
        "file": file,
        "line": listed.line,
    })
}
