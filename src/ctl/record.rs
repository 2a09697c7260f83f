//! `tenderctl record`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use tender_sim::card::Personality;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::tap_inputs::TapArgs;
use super::{Failure, Output};
use crate::reader::pcsc::{PcscReaders, Settings as PcscSettings};
use crate::reader::{Clock, Event, Reader};
use crate::terminal::Hex;
use crate::trace::recorder::{CardInProcess, converse, instant, record_in_process};
use crate::trace::{CardEvent, Header, Session, Trace, Wanted, What};

/// Arguments of `tenderctl record`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenderctl record --card visa-online > tap.jsonl
  tenderctl record --reader ACR1252 --amount 12.50 --currency EUR -o tap.jsonl

Account data is masked; `docs/traces.md` tells how. The terminal does not ask the acquirer.

Exit codes:
  0 recorded    1 no card, or the reader failed    2 wrong arguments or configuration")]
#[command(group = clap::ArgGroup::new("from").required(true))]
pub struct Args {
    /// A simulated card: one of the simulator's personalities, or a file that describes one
    #[arg(long, value_name = "PERSONALITY", group = "from")]
    card: Option<String>,

    /// A PC/SC reader: a part of its name
    #[arg(long, value_name = "NAME", group = "from")]
    reader: Option<String>,

    #[command(flatten)]
    tap: TapArgs,

    /// How long to wait for a card
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,

    /// Where to write [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write account data in clear: only so do signatures verify when the trace is replayed
    #[arg(long)]
    reveal: bool,
}

/// Records a tap.
pub fn run(args: &Args, output: &Output) -> Result<ExitCode, Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| Failure::new(format!("no random numbers: {error}")))?;
    let settings = args.tap.settings()?;
    let inputs = args.tap.inputs(seed)?;
    let usage = |error: &dyn ToString| Failure::usage(error.to_string());
    let (transaction, numbers) = inputs.to_transaction().map_err(|error| usage(&error))?;
    let profile = settings.to_profile().map_err(|error| usage(&error))?;
    let name = args.card.as_deref().or(args.reader.as_deref()).unwrap_or_default();
    let mut header = Header::new(name, Timestamp::now().strftime("%FT%TZ").to_string(), inputs);
    let mut session = Session::new(profile, transaction, numbers);
    match &args.card {
        Some(name) => {
            let path = PathBuf::from(name);
            let personality = if path.is_file() { Personality::load(&path) } else { Personality::built_in(name) };
            let mut card = CardInProcess::new(&personality.map_err(|error| usage(&error))?, Clock::start());
            header.atr = Some(Hex(tender_sim::card::Card::ATR.to_vec()));
            record_in_process(&mut session, &mut card);
        }
        None => session = record_at_reader(session, &mut header, Duration::from_secs(args.timeout), output)?,
    }
    let trace = Trace { header, settings, entries: session.into_entries(), first_entry_line: 0 };
    let text = if args.reveal { trace.to_text() } else { trace.masked().to_text() };
    let Some(path) = &args.output else {
        output.print(&text);
        return Ok(ExitCode::SUCCESS);
    };
    std::fs::write(path, text).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    if output.is_json() {
        output.document(&json!({ "file": path, "entries": trace.entries.len(), "masked": !args.reveal }));
    } else {
        output.line(&format!("{}: {} entries", path.display(), trace.entries.len()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits for the reader that the header names, and holds the tap there.
fn record_at_reader(
    session: Session,
    header: &mut Header,
    timeout: Duration,
    output: &Output,
) -> Result<Session, Failure> {
    let clock = Clock::start();
    let until = Instant::now() + timeout;
    let (sender, mut events) = unbounded_channel();
    let settings = PcscSettings { only: vec![header.reader.clone()], ..PcscSettings::default() };
    let _readers = PcscReaders::start(settings, clock, sender)
        .map_err(|error| Failure::new(format!("the readers can't be watched: {error}")))?;
    let no_reader = format!("no reader whose name holds `{}`", header.reader);
    let reader = await_event(&mut events, until, &no_reader, |event| match event {
        Event::Attached(reader) => Some(reader),
        _ => None,
    })?;
    header.reader = reader.id().to_string();
    if output.is_interactive() {
        eprintln!("{}: present the card", reader.id());
    }
    let session = Arc::new(Mutex::new(session));
    let lock = || session.lock().unwrap_or_else(PoisonError::into_inner);
    let mut wanted = lock().advance();
    loop {
        wanted = match wanted {
            Wanted::Card => {
                let (next, atr) = present(&reader, &session, &mut events, until)?;
                header.atr = Some(Hex(atr));
                next
            }
            Wanted::Removal => {
                await_event(&mut events, until, "the card was not removed", |event| {
                    matches!(event, Event::CardRemoved(_)).then_some(())
                })?;
                let mut session = lock();
                session.hand_in(What::Card(CardEvent::Removed), instant(clock.now()));
                session.advance()
            }
            _ => break,
        };
    }
    reader.disarm();
    drop(reader);
    Arc::into_inner(session)
        .map(|session| session.into_inner().unwrap_or_else(PoisonError::into_inner))
        .ok_or_else(|| Failure::new("the reader still holds the tap"))
}

/// Holds one conversation; says what the tap wants then, and the card's answer to reset.
fn present(
    reader: &Reader,
    session: &Arc<Mutex<Session>>,
    events: &mut UnboundedReceiver<Event>,
    until: Instant,
) -> Result<(Wanted, Vec<u8>), Failure> {
    let (tell, told) = std::sync::mpsc::channel();
    let session = Arc::clone(session);
    reader.arm(Box::new(move |card| {
        let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
        session.hand_in(What::Card(CardEvent::Present), instant(card.now()));
        let wanted = converse(&mut session, card);
        drop(session);
        // Nobody listens any more only if the time was over.
        let _ = tell.send((wanted, card.card().atr.clone()));
    }));
    await_event(events, until, "no card was presented", |event| matches!(event, Event::Released(_)).then_some(()))?;
    told.recv().map_err(|_| Failure::new("the conversation with the card failed"))
}

fn await_event<T>(
    events: &mut UnboundedReceiver<Event>,
    until: Instant,
    otherwise: &str,
    mut take: impl FnMut(Event) -> Option<T>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|error| Failure::new(error.to_string()))?;
    runtime.block_on(async {
        loop {
            match tokio::time::timeout_at(until.into(), events.recv()).await {
                Ok(Some(event)) => {
                    if let Event::Fault(_, fault) = &event {
                        return Err(Failure::new(fault.to_string()));
                    }
                    if let Some(taken) = take(event) {
                        return Ok(taken);
                    }
                }
                _ => return Err(Failure::new(otherwise).advise("Is pcscd running, and the reader connected?")),
            }
        }
    })
}
