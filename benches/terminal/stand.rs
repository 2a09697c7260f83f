//! A tenderd of its own to measure: private bus, simulated acquirer, the demo's configuration.

use std::collections::HashMap;
use std::fs::{self, File};
use std::future::poll_fn;
use std::io::{BufRead, BufReader};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_core::Stream;
use tempfile::TempDir;
use tender_sim::acquirer::{Acquirer, Rules, WireFormat};
use tenderd::bus;
use tokio::runtime::Runtime;
use zbus::{Connection, MatchRule, MessageStream, OwnedObjectPath, OwnedVariant, Variant, message};

use crate::pcscd::SOCKET_VARIABLE;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const CONFIGURATION: &str = include_str!("../../demo/tenderd.toml");
const PATIENCE: Duration = Duration::from_secs(20);

/// The program that is measured.
pub(crate) const TENDERD: &str = env!("CARGO_BIN_EXE_tenderd");

/// Where the daemon finds readers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Readers<'a> {
    /// In the PC/SC service that this process uses too.
    Pcsc,
    /// In a PC/SC service that is not there.
    NoService,
    /// In itself: one with a card of each of these personalities.
    Simulated(&'a [&'a str]),
}

/// A bus, an acquirer, a configuration, and a tenderd as often as it is started.
pub(crate) struct Stand {
    tenderd: Option<Running>,
    /// How much of its log has been looked through.
    log_read: usize,
    signals: MessageStream,
    connection: Connection,
    runtime: Runtime,
    no_service: bool,
    bus_address: String,
    _bus: Running,
    _acquirer: Acquirer,
    directory: TempDir,
}

impl Stand {
    /// Prepares everything; tenderd is not running yet.
    pub(crate) fn new(readers: Readers<'_>) -> Self {
        let directory = tempfile::tempdir().expect("the temporary directory can be written");
        let format = WireFormat::named("bcd").expect("the simulator has it");
        let rules = Rules::parse("").expect("no rules are valid rules");
        let acquirer = Acquirer::start("127.0.0.1:0", format, rules).expect("there is a free port");
        let (pcsc, simulated) = match readers {
            Readers::Pcsc | Readers::NoService => (true, &[][..]),
            Readers::Simulated(personalities) => (false, personalities),
        };
        let configuration: String = CONFIGURATION
            .lines()
            .map(|line| match line.split_once(" = ").map_or("", |(key, _)| key) {
                "address" if line.contains(':') => format!("address = \"{}\"\n", acquirer.address()),
                "pcsc" => format!("pcsc = {pcsc}\n"),
                "simulated" => format!("simulated = {simulated:?}\n"),
                "files" => format!("files = [\"{ROOT}/sim/keys/test-ca.toml\"]\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        fs::write(directory.path().join("tenderd.toml"), configuration).expect("the directory is ours");

        let (bus, bus_address) = start_bus(directory.path());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let (connection, signals) = runtime.block_on(listen(&bus_address)).expect("the bus takes clients");
        Stand {
            tenderd: None,
            log_read: 0,
            signals,
            connection,
            runtime,
            no_service: matches!(readers, Readers::NoService),
            bus_address,
            _bus: bus,
            _acquirer: acquirer,
            directory,
        }
    }

    /// Starts tenderd with this filter for its log; how long it took to be on the bus, from before the process was.
    pub(crate) fn start(&mut self, log: &str) -> Duration {
        let mut command = Command::new(TENDERD);
        command.arg("--config").arg(self.file("tenderd.toml")).args(["--bus", &self.bus_address]);
        command.env("TENDERD_LOG", log).stderr(File::create(self.log()).expect("the directory is ours"));
        if self.no_service {
            command.env(SOCKET_VARIABLE, self.file("nobody.comm"));
        }
        self.log_read = 0;
        let begun_at = Instant::now();
        self.tenderd = Some(Running(command.spawn().expect("it was built with this program")));
        self.owner_becomes(true);
        begun_at.elapsed()
    }

    /// Ends tenderd, and waits until the bus knows.
    pub(crate) fn stop(&mut self) {
        if self.tenderd.take().is_some() {
            self.owner_becomes(false);
        }
    }

    /// Lets the next start find nothing of earlier ones.
    pub(crate) fn forget(&self) {
        for entry in fs::read_dir(self.directory.path()).expect("the directory is ours").flatten() {
            if entry.file_name().to_string_lossy().starts_with("journal.db") {
                fs::remove_file(entry.path()).expect("the directory is ours");
            }
        }
    }

    /// The process identifier of the running tenderd.
    pub(crate) fn process(&self) -> u32 {
        self.tenderd.as_ref().expect("it was started").0.id()
    }

    /// The next line of its log with these words; waits for it.
    pub(crate) fn next_log_line(&mut self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = fs::read_to_string(self.log()).expect("the directory is ours");
            let mut lines = log[self.log_read..].split_inclusive('\n').filter(|line| line.ends_with('\n'));
            let found = lines.find(|line| {
                self.log_read += line.len();
                line.contains(words)
            });
            if let Some(line) = found {
                return line.trim_end().to_owned();
            }
            assert!(Instant::now() < deadline, "the log does not say {words:?}:\n{log}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn log(&self) -> PathBuf {
        self.file("tenderd.log")
    }

    /// Sells something for 12.50 EUR at that reader; what became of it, and when this was heard.
    pub(crate) fn sell(&mut self, token: &str, reader: &str) -> (String, Instant) {
        let options: HashMap<&str, Variant<'_>> = HashMap::from([
            ("token", token.into()),
            ("amount", Variant::from(1250u64)),
            ("currency", "EUR".into()),
            ("reader", reader.into()),
        ]);
        let path = bus::transaction_path(&token.parse().expect("the caller's tokens are tokens"));
        self.call("CreateTransaction", &options).expect("the terminal is free");
        loop {
            let signal = self.next_signal("PropertiesChanged");
            if signal.header().path().is_none_or(|changed| *changed != *path) {
                continue;
            }
            let (_, changed, _): (String, HashMap<String, OwnedVariant>, Vec<String>) =
                signal.body().deserialize().expect("that is what this signal carries");
            if let Some(Variant::Str(result)) = changed.get("Result").map(|value| &**value)
                && !result.is_empty()
            {
                return (result.to_string(), Instant::now());
            }
        }
    }

    /// Waits until a reader of this name is there.
    pub(crate) fn await_reader(&self, name: &str) {
        let path = bus::reader_path(name);
        let get = || {
            self.runtime.block_on(self.connection.call_method(
                Some(bus::NAME),
                &path,
                Some("org.freedesktop.DBus.Properties"),
                "GetAll",
                &"org.tenderd.Reader1",
            ))
        };
        let deadline = Instant::now() + PATIENCE;
        while get().is_err() {
            assert!(Instant::now() < deadline, "there is no reader {name}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn call(&self, method: &str, options: &HashMap<&str, Variant<'_>>) -> zbus::Result<OwnedObjectPath> {
        let interface = Some("org.tenderd.Terminal1");
        let reply = self.connection.call_method(Some(bus::NAME), bus::ROOT, interface, method, options);
        self.runtime.block_on(reply)?.body().deserialize()
    }

    fn owner_becomes(&mut self, somebody: bool) {
        loop {
            let signal = self.next_signal("NameOwnerChanged");
            let (name, _, owner): (String, String, String) =
                signal.body().deserialize().expect("that is what this signal carries");
            if name == bus::NAME && owner.is_empty() != somebody {
                return;
            }
        }
    }

    fn next_signal(&mut self, member: &str) -> zbus::Message {
        let signals = &mut self.signals;
        let next = async {
            loop {
                let signal = poll_fn(|context| pin!(&mut *signals).poll_next(context)).await;
                let signal = signal.expect("the bus stays").expect("what the bus delivers is valid");
                if signal.header().member().is_some_and(|name| name.as_str() == member) {
                    return signal;
                }
            }
        };
        let next = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, next).await });
        next.unwrap_or_else(|_| panic!("no {member}:\n{}", fs::read_to_string(self.log()).unwrap_or_default()))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

async fn listen(address: &str) -> zbus::Result<(Connection, MessageStream)> {
    let connection = zbus::connection::Builder::address(address).build().await?;
    let signals = MatchRule::builder().msg_type(message::Type::Signal).build()?;
    let signals = MessageStream::for_match_rule(signals, &connection, NonZero::new(1024)).await?;
    Ok((connection, signals))
}

fn start_bus(directory: &Path) -> (Running, String) {
    let mut bus = Command::new("dbus-daemon")
        .args(["--nofork", "--print-address=1", "--config-file", &format!("{ROOT}/demo/bus.conf")])
        .arg(format!("--address=unix:path={}/bus", directory.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("dbus-daemon can be run: install the package dbus-daemon");
    let mut address = String::new();
    let stdout = bus.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut address).expect("dbus-daemon prints its address");
    (Running(bus), address.trim().to_owned())
}

/// A process that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already needs no killing.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
