//! The parts of the daemon, put together.

use std::sync::Arc;

use jiff::Timestamp;
use tender_sim::card::{Card, Personality};
use tokio::sync::mpsc;

use crate::config::{AcquirerKeys, Config};
use crate::reader::pcsc::{self, PcscReaders};
use crate::reader::simulated::SimulatedReader;
use crate::reader::{Clock, Event};
use crate::terminal::{Change, Engine, Fault, Inputs, StartError, Status, Terminal};
use crate::upstream::{Host, LinkInputs, MacKeys};

/// A running daemon, without its face on the bus.
#[derive(Debug)]
pub struct Daemon {
    /// The terminal, for callers.
    pub terminal: Terminal,
    /// How it was when it started.
    pub status: Status,
    /// What changes from then on.
    pub changes: mpsc::UnboundedReceiver<Change>,
}

/// Why the daemon can't start.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The terminal's engine can't.
    #[error(transparent)]
    Engine(#[from] StartError),
    /// A thread for the readers can't be started.
    #[error("a thread for the readers: {0}")]
    Readers(#[from] std::io::Error),
}

/// Starts the terminal: on the caller's runtime, with a thread for each reader.
///
/// # Errors
/// See [`DaemonError`].
pub fn start(config: Arc<Config>, keys: AcquirerKeys) -> Result<Daemon, DaemonError> {
    let mac_keys = match (keys.mac, keys.dukpt, keys.master) {
        (Some(key), ..) => MacKeys::Configured(Arc::new(key)),
        (None, Some(initial_key), _) => MacKeys::Derived(initial_key),
        (None, None, Some(master)) => MacKeys::by_sign_on(master),
        (None, None, None) => MacKeys::None,
    };
    let inputs = LinkInputs { mac_keys, identity: keys.identity, jitter: Box::new(random_number) };
    let host = Host::start_with(config.host.clone(), config.card_acceptor.clone(), inputs);
    let (events, readers) = mpsc::unbounded_channel();
    let (changes_in, changes) = mpsc::unbounded_channel();
    let clock = Clock::start();
    let inputs = Inputs { readers, clock, randomness: Box::new(random_seed), now: Box::new(Timestamp::now) };
    let (engine, terminal) = match Engine::start(config.clone(), host, inputs, changes_in.clone()) {
        Ok(started) => started,
        Err(StartError::Journal(error)) if error.is_damage() => {
            tracing::error!(%error, "no transaction is taken until an operator has decided");
            let (terminal, status) = Terminal::closed(config.mode, Fault::from(&error), changes_in);
            return Ok(Daemon { terminal, status, changes });
        }
        Err(error) => return Err(error.into()),
    };
    let status = engine.status();
    let readers = attach_readers(&config, clock, events)?;
    tokio::spawn(async move {
        engine.run().await;
        drop(readers);
    });
    Ok(Daemon { terminal, status, changes })
}

/// The readers, for as long as they are held.
struct Attached {
    _pcsc: Option<PcscReaders>,
    _simulated: Vec<SimulatedReader>,
}

fn attach_readers(config: &Config, clock: Clock, events: mpsc::UnboundedSender<Event>) -> std::io::Result<Attached> {
    let pcsc = if config.readers.pcsc {
        Some(PcscReaders::start(pcsc::Settings::default(), clock, events.clone())?)
    } else {
        None
    };
    let mut simulated = Vec::new();
    for name in &config.readers.simulated {
        let personality = Personality::built_in(name).expect("checked when the configuration was read");
        let reader = SimulatedReader::attach(&format!("simulated {name}"), clock, events.clone())?;
        reader.present_when_armed(Card::new(&personality), config.readers.simulated_delay);
        simulated.push(reader);
    }
    Ok(Attached { _pcsc: pcsc, _simulated: simulated })
}

/// 32 bytes from the operating system.
fn random_seed() -> [u8; 32] {
    random_bytes()
}

fn random_number() -> u32 {
    u32::from_ne_bytes(random_bytes())
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes once it has started");
    bytes
}
