//! `tenderctl journal set-aside`.

use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::failure;
use crate::ctl::{Failure, Output, Style};
use crate::journal::{self, SetAside, Unsettled};
use crate::terminal::{Phase, Transaction};

/// Which journal.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Keep a damaged journal as it is under another name, and begin a new one with all that is certain of \
                  the old: transactions that have ended, and the reversals and offline approvals that the acquirer has \
                  yet to take. The others are listed: settle them with the acquirer. Stop tenderd first. A journal \
                  that is not damaged stays where it is.",
    after_help = "\
Example:
  systemctl stop tenderd
  sudo -u tenderd tenderctl journal set-aside /var/lib/tenderd/journal.db
  systemctl start tenderd

Exit codes:
  0 set aside    1 it is not damaged, or in use, or the disk fails: nothing has changed    2 there is no such journal"
)]
pub struct Args {
    /// The file
    file: PathBuf,
}

/// Sets it aside, and says what became of everything.
pub(super) fn run(args: &Args, output: &Output) -> Result<ExitCode, Failure> {
    if !args.file.exists() && !journal::is_being_set_aside(&args.file) {
        return Err(Failure::usage(format!("there is no journal {}", args.file.display())));
    }
    let done = journal::set_aside(&args.file, Timestamp::now()).map_err(failure)?;
    if output.is_json() {
        output.document(&document(&done));
    } else {
        tell(&done, output);
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(done: &SetAside, output: &Output) {
    output.line(&format!("{}   {}", output.styled(Style::Good, "set aside"), done.file.display()));
    output.line(&format!("  its damage      {}", done.damage));
    output.line(&format!("  good up to row  {}", done.last_good));
    output.line(&format!("  taken over      {} transactions", done.kept.len()));
    for transaction in done.outstanding() {
        output.line(&format!("  goes on         {} of {}", what_goes_on(transaction), words(transaction)));
    }
    for Unsettled { token, transaction } in &done.unsettled {
        let told = transaction.as_ref().map_or_else(|| token.clone(), words);
        output.line(&format!("  {}  {told}", output.styled(Style::Bad, "settle by hand")));
    }
    output.line(
        "If the acquirer gave this terminal a DUKPT key, ask for a new one: rows that can't be read may have used it.",
    );
}

fn what_goes_on(transaction: &Transaction) -> &'static str {
    if transaction.phase() == Phase::Reversing { "the reversal" } else { "the advice" }
}

/// What a person needs to find it in the acquirer's books.
fn words(transaction: &Transaction) -> String {
    let request = transaction.request();
    let asked =
        transaction.message_to_acquirer().map(|message| format!(", STAN {}, RRN {}", message.stan, message.rrn));
    let card = transaction.card_read().and_then(|card| card.pan.as_ref()).map(|pan| format!(", card {pan}"));
    format!(
        "{}: {} {} on {}, {}{}{}",
        request.token,
        request.currency.decimal(request.amount),
        request.currency.alpha(),
        transaction.created_at(),
        transaction.phase().name(),
        asked.unwrap_or_default(),
        card.unwrap_or_default(),
    )
}

fn document(done: &SetAside) -> Value {
    let entry = |token: &str, transaction: Option<&Transaction>| {
        let message = transaction.and_then(Transaction::message_to_acquirer);
        json!({
            "token": token,
            "state": transaction.map(|transaction| transaction.phase().name()),
            "amount": transaction.map(|transaction| transaction.request().amount.minor_units()),
            "currency": transaction.map(|transaction| transaction.request().currency.alpha()),
            "created_at": transaction.map(|transaction| transaction.created_at().to_string()),
            "stan": message.map(|message| message.stan.to_string()),
            "retrieval_reference_number": message.map(|message| message.rrn.as_str().to_owned()),
        })
    };
    let outstanding = done.outstanding().map(|transaction| entry(transaction.token().as_str(), Some(transaction)));
    let unsettled = done.unsettled.iter().map(|left| entry(&left.token, left.transaction.as_ref()));
    json!({
        "file": done.file.display().to_string(),
        "damage": done.damage.to_string(),
        "last_good_row": done.last_good,
        "taken_over": done.kept.len(),
        "outstanding": outstanding.collect::<Vec<_>>(),
        "unsettled": unsettled.collect::<Vec<_>>(),
    })
}
