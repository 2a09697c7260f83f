//! tenderd: the daemon.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tenderd::bus::{self, Bus};
use tenderd::config::{AcquirerKeys, Config};
use tenderd::daemon;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Takes contactless payments: readers on one side, the bus and an acquirer on the other.
///
/// Register apps talk to it as org.tenderd on D-Bus; people use tenderctl. It needs a configuration:
/// `tenderctl config example` prints a commented one.
///
/// Exit codes: 0 stopped by a signal; 1 could not start or go on; 2 wrong arguments or configuration.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE", default_value = "/etc/tenderd/tenderd.toml")]
    config: PathBuf,

    /// Serve the session bus instead of the system bus: for development.
    #[arg(long)]
    session: bool,

    /// Serve the bus at this address.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "session")]
    bus: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let to_stderr = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    tracing_subscriber::registry().with(to_stderr).with(log_filter()).init();
    // Keys that can't be read are found now, and not at the till.
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let with_keys = |config: Config| {
        let keys = config.acquirer_keys.read(credentials.as_deref())?;
        Ok((Arc::new(config), keys))
    };
    let (config, keys) = match Config::load(&arguments.config).and_then(with_keys) {
        Ok(read) => read,
        Err(error) => {
            eprintln!("tenderd: {error}");
            return ExitCode::from(2);
        }
    };
    let bus = match arguments {
        Arguments { session: true, .. } => Bus::Session,
        Arguments { bus: Some(address), .. } => Bus::Address(address),
        _ => Bus::System,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run(config, keys, bus)),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tenderd: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is logged: `TENDERD_LOG` tells, such as `debug` or `info,tenderd::reader=trace`; where it doesn't, everything of
/// level info and above.
fn log_filter() -> Targets {
    let told: Targets = std::env::var("TENDERD_LOG").ok().and_then(|told| told.parse().ok()).unwrap_or_default();
    match told.default_level() {
        Some(_) => told,
        None => told.with_default(tracing::Level::INFO),
    }
}

async fn run(config: Arc<Config>, keys: AcquirerKeys, bus: Bus) -> Result<(), Box<dyn std::error::Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let daemon = daemon::start(config, keys)?;
    let terminal = daemon.terminal.clone();
    let ready = || tracing::info!("ready: org.tenderd is on the bus");
    tokio::select! {
        ended = bus::serve(&bus, daemon.terminal, daemon.status, daemon.changes, ready) => {
            // Without the bus nobody can see or stop a transaction: end, and take them up again later.
            let _ = terminal.stop().await;
            ended.map_err(|error| format!("the bus: {error}").into())
        }
        _ = terminate.recv() => Ok(terminal.stop().await?),
        _ = interrupt.recv() => Ok(terminal.stop().await?),
    }
}
