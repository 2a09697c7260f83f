//! tenderd as a process of its own: on a private bus, with an acquirer in the test's process.

#![allow(dead_code, reason = "every test program uses its part of this")]

use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use emv::profile::Profile;
use tempfile::TempDir;
use tender_sim::acquirer::{Acquirer, Rules, WireFormat};
use tenderd::config::{Config, EXAMPLE};

const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(5);
const BUS_CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/bus.conf");
const TEST_CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sim/keys/test-ca.toml");

/// An address with a free port.
pub(crate) const ANYWHERE: (&str, u16) = ("127.0.0.1", 0);

/// What is changed in the example configuration: a text that it has, and what stands there instead.
pub(crate) type Change<'a> = (&'a str, &'a str);

/// An acquirer that says nothing ends no sale before the test has done what it means to do.
pub(crate) const PATIENT: Change<'_> = ("response_timeout_ms = 700", "response_timeout_ms = 60000");

/// Where the terminal finds readers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Readers<'a> {
    /// In the PC/SC service that this process uses too.
    Pcsc,
    /// In itself: one on which a card of each of these personalities appears whenever it is armed.
    Simulated(&'a [&'a str]),
}

/// An acquirer that speaks the dialect of the example configuration.
pub(crate) fn acquirer(address: impl ToSocketAddrs, rules: Rules) -> Acquirer {
    let format = WireFormat::named("bcd").expect("the example configuration has this dialect");
    Acquirer::start(address, format, rules).expect("the address is free")
}

/// Rules for it. Without any it approves everything.
pub(crate) fn rules(text: &str) -> Rules {
    Rules::parse(text).expect("the test's rules are rules")
}

/// What a terminal accepts by the example configuration.
pub(crate) fn profile() -> Arc<Profile> {
    let directory = tempfile::tempdir().expect("the temporary directory can be written");
    let path = directory.path().join("tenderd.toml");
    let text = configuration(directory.path(), ([127, 0, 0, 1], 1).into(), Readers::Simulated(&[]), &[]);
    fs::write(&path, text).expect("the directory is ours");
    Config::load(&path).expect("the example is a configuration").profile
}

/// The example configuration, with places of the test's own and short time-outs.
fn configuration(directory: &Path, host: SocketAddr, readers: Readers<'_>, changes: &[Change<'_>]) -> String {
    let (pcsc, cards) = match readers {
        Readers::Pcsc => (true, &[][..]),
        Readers::Simulated(cards) => (false, cards),
    };
    let own = [
        ("127.0.0.1:8583", &*host.to_string()),
        ("/var/lib/tenderd", &directory.display().to_string()),
        ("/usr/share/tenderd/keys/test-ca.toml", TEST_CA),
        ("response_timeout_ms = 30000", "response_timeout_ms = 700\nbackoff_initial_ms = 10"),
        ("floor_limit = \"0.00\"", "floor_limit = \"25.00\""),
        ("pcsc = true", &format!("pcsc = {pcsc}")),
        ("simulated = []", &format!("simulated = {cards:?}")),
    ];
    own.iter().chain(changes).fold(EXAMPLE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the example configuration has no {from:?}");
        text.replace(from, to)
    })
}

/// A terminal with all that is around it. Everything ends when it is dropped.
pub(crate) struct Terminal {
    tenderd: Option<Running>,
    _bus: Running,
    bus_address: String,
    pub(crate) acquirer: Acquirer,
    directory: TempDir,
}

impl Terminal {
    /// A terminal of the example configuration, and an acquirer with these rules; it is running.
    pub(crate) fn start(readers: Readers<'_>, rules: Rules, changes: &[Change<'_>]) -> Self {
        let mut terminal = Self::prepare(readers, rules, changes);
        terminal.resume();
        terminal
    }

    /// The same, not running yet.
    pub(crate) fn prepare(readers: Readers<'_>, rules: Rules, changes: &[Change<'_>]) -> Self {
        Self::prepare_for(acquirer(ANYWHERE, rules), readers, changes)
    }

    /// A terminal of this acquirer's, not running yet.
    pub(crate) fn prepare_for(acquirer: Acquirer, readers: Readers<'_>, changes: &[Change<'_>]) -> Self {
        let directory = tempfile::tempdir().expect("the temporary directory can be written");
        let configuration = configuration(directory.path(), acquirer.address(), readers, changes);
        fs::write(directory.path().join("tenderd.toml"), configuration).expect("the directory is ours");
        let (bus, bus_address) = start_bus(directory.path());
        Terminal { tenderd: None, _bus: bus, bus_address, acquirer, directory }
    }

    /// A file of the terminal's: `tenderd.toml`, `journal.db`, `storage.key`, `tenderd.log`, `bus.log`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The address of its bus.
    pub(crate) fn bus_address(&self) -> &str {
        &self.bus_address
    }

    /// tenderd's command line, for this terminal. It logs everything.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenderd"));
        command.arg("--config").arg(self.file("tenderd.toml")).args(["--bus", &self.bus_address]);
        command.env("TENDERD_LOG", "trace");
        command
    }

    /// Starts tenderd, again if need be, and waits until it is on the bus.
    pub(crate) fn resume(&mut self) {
        self.resume_as(self.command());
    }

    /// As [`Terminal::resume`], with a command that ends in [`Terminal::command`].
    pub(crate) fn resume_as(&mut self, command: Command) {
        let logged = self.log().len();
        self.spawn(command);
        eventually(|| {
            let log = self.log().split_off(logged);
            let ended = self.running().0.try_wait().expect("a child can be asked");
            assert!(ended.is_none(), "tenderd did not start");
            log.contains("ready: org.tenderd is on the bus").then_some(()).ok_or("tenderd is not on the bus")
        });
    }

    /// Starts tenderd and does not wait.
    pub(crate) fn spawn(&mut self, mut command: Command) {
        let log = File::options().create(true).append(true).open(self.file("tenderd.log"));
        command.stdout(Stdio::null()).stderr(log.expect("the directory is ours"));
        self.tenderd = Some(Running(command.spawn().expect("tenderd was built with this program")));
    }

    /// Kills tenderd, as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.tenderd = None;
    }

    /// Asks tenderd to end, as systemd does, and waits for it.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        signal("TERM", self.process());
        let status = self.running().0.wait().expect("it was started here");
        self.tenderd = None;
        status
    }

    /// Its process identifier.
    pub(crate) fn process(&self) -> u32 {
        self.tenderd.as_ref().expect("it runs").0.id()
    }

    fn running(&mut self) -> &mut Running {
        self.tenderd.as_mut().expect("it runs")
    }

    /// Everything that tenderd has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.file("tenderd.log")).unwrap_or_default()
    }

    /// Runs a `tenderctl` that talks to this terminal.
    pub(crate) fn tenderctl(&self, arguments: &[&str]) -> Output {
        self.spawn_tenderctl(arguments).wait_with_output().expect("a child can be waited for")
    }

    /// Starts it.
    pub(crate) fn spawn_tenderctl(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_tenderctl"))
            .args(["--bus", &self.bus_address])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tenderctl was built with this program")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("tenderd:\n{}", self.log());
        }
    }
}

fn start_bus(directory: &Path) -> (Running, String) {
    let mut bus = Command::new("dbus-daemon")
        .args(["--nofork", "--nopidfile", "--print-address=1", "--config-file", BUS_CONFIGURATION])
        .arg(format!("--address=unix:path={}/bus", directory.display()))
        .stdout(Stdio::piped())
        .stderr(File::create(directory.join("bus.log")).expect("the directory is ours"))
        .spawn()
        .expect("dbus-daemon can be run: install the package dbus-daemon");
    let mut address = String::new();
    let stdout = bus.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut address).expect("dbus-daemon prints its address");
    (Running(bus), address.trim().to_owned())
}

/// Sends a process a signal. The shell does it: `kill` as a program is in a package that a small system lacks.
pub(crate) fn signal(name: &str, process: u32) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status();
    assert!(sent.is_ok_and(|status| status.success()), "a process of ours can be sent a signal");
}

/// Tries until it succeeds; fails with what was last in its way.
pub(crate) fn eventually<T, E: Debug>(mut attempt: impl FnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(obstacle) => assert!(Instant::now() < deadline, "waited in vain: {obstacle:?}"),
        }
        std::thread::sleep(PAUSE);
    }
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
