//! One transaction, from the wish to its end, as a person at a shell sees it.

use std::process::ExitCode;

use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};

use super::client::{Client, Options};
use super::following::News;
use super::object::Object;
use super::progress::Progress;
use super::{Failure, Output, outcome};
use crate::terminal::Token;

/// Asks for a transaction, shows its phases, and tells how it ended. One whose token the caller chose may be known.
pub(super) async fn carry_through(
    client: &Client,
    token: &Token,
    may_be_known: bool,
    options: &Options<'_>,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| Failure::new(error.to_string()))?;
    let mut following = client.follow(token).await?;
    let mut transaction = if may_be_known { known(client, token).await? } else { Object::default() };
    client.create(options).await?;
    let mut progress = Progress::new(output);
    let mut cancelled = false;
    while transaction.text("state") != "done" {
        progress.show(&transaction);
        if transaction.text("error_name") == "org.tenderd.Error.JournalFailed" {
            return Err(not_known_yet(token, &transaction));
        }
        tokio::select! {
            news = following.next() => match news {
                News::Changed(changed) => transaction.merge(changed),
                News::Fault(fault) if fault.is_empty() => progress.remark("The terminal works again"),
                News::Fault(fault) => progress.remark(&format!("The terminal starts no other transaction now: {fault}")),
                News::DaemonGone => return Err(daemon_gone(token)),
            },
            _ = interrupt.recv() => {
                if cancelled {
                    return Err(unwatched(token));
                }
                cancelled = true;
                progress.remark("Cancelling");
                // If it is too late for that, its end is awaited all the same.
                if let Err(failure) = client.cancel(token).await {
                    progress.remark(&failure.message);
                }
            }
        }
    }
    progress.show(&transaction);
    if output.is_json() {
        output.record(&transaction);
    } else {
        outcome::print(&transaction, output);
    }
    Ok(outcome::exit_code(&transaction))
}

/// What is known of a transaction that may be asked for again: what has happened to it is not announced once more.
async fn known(client: &Client, token: &Token) -> Result<Object, Failure> {
    match client.find(token).await {
        Err(failure) if failure.name.as_deref() == Some("org.tenderd.Error.UnknownToken") => Ok(Object::default()),
        found => found,
    }
}

/// A token that tells the time, and that nobody else makes up: `ctl-20261124-091502-7f3a9c21`.
pub(super) fn made_up_token() -> Token {
    let mut random = [0; 4];
    getrandom::fill(&mut random).expect("the operating system has random bytes once it has started");
    let token = format!("ctl-{}-{:08x}", Timestamp::now().strftime("%Y%m%d-%H%M%S"), u32::from_be_bytes(random));
    token.parse().expect("letters, digits and hyphens form a token")
}

/// The terminal can't tell the end, and a caller must not wait for a repair.
fn not_known_yet(token: &Token, transaction: &Object) -> Failure {
    Failure::new(format!("the end of transaction {token} is not known yet: {}", transaction.text("error_message")))
        .advise(format!(
            "Mend the terminal, which goes on by itself; then the same command with `--token {token}` shows the end. It \
             never charges twice"
        ))
        .exit(outcome::NOT_KNOWN_YET)
}

fn daemon_gone(token: &Token) -> Failure {
    Failure::new(format!("tenderd has stopped; what became of transaction {token} is not known here"))
        .advise(format!(
            "Once it is back, the same command with `--token {token}` shows its end; it never charges twice"
        ))
        .exit(Failure::UNAVAILABLE)
}

fn unwatched(token: &Token) -> Failure {
    Failure::new(format!("transaction {token} goes on unwatched"))
        .advise(format!("The same command with `--token {token}` shows its end; it never charges twice"))
}
