//! tenderd as a process of its own: on a private bus, with a simulated acquirer and simulated readers.

#![allow(dead_code, reason = "every test program uses its part of this")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tender_sim::acquirer::{Acquirer, Rules, WireFormat};

const PATIENCE: Duration = Duration::from_secs(20);
const CONFIGURATION: &str = include_str!("daemon.toml");
const BUS_CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/bus.conf");
const CA_KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sim/keys/test-ca.toml");

/// A terminal with all that is around it. Everything ends when it is dropped.
pub(crate) struct Terminal {
    tenderd: Running,
    _bus: Running,
    bus_address: String,
    acquirer: Acquirer,
    directory: TempDir,
}

impl Terminal {
    /// Starts everything; the readers' cards are the personalities of these names. Without dbus-daemon
    /// it says that the test is skipped, and why.
    pub(crate) fn start(personalities: &[&str]) -> Option<Self> {
        Self::start_with(personalities, "")
    }

    /// The same with rules for the acquirer; where they are empty it has none, and approves.
    pub(crate) fn start_with(personalities: &[&str], rules: &str) -> Option<Self> {
        let directory = tempfile::tempdir().expect("the temporary directory can be written");
        let (bus, bus_address) = start_bus(directory.path())?;
        let format = WireFormat::named("bcd").expect("the dialect exists");
        let rules = Rules::parse(rules).expect("the rules are valid");
        let acquirer = Acquirer::start("127.0.0.1:0", format, rules).expect("a free port");
        let configuration = CONFIGURATION
            .replace("@HOST@", &acquirer.address().to_string())
            .replace("@SIMULATED@", &format!("{personalities:?}"))
            .replace("@CA_KEYS@", CA_KEYS);
        fs::write(directory.path().join("tenderd.toml"), configuration).expect("the test's directory can be written");
        let tenderd = start_tenderd(directory.path(), &bus_address);
        Some(Terminal { tenderd, _bus: bus, bus_address, acquirer, directory })
    }

    /// Ends tenderd as the power does, and starts it again with the same journal.
    pub(crate) fn crash_and_restart(&mut self) {
        self.tenderd.kill();
        self.tenderd = start_tenderd(self.directory.path(), &self.bus_address);
    }

    pub(crate) fn bus_address(&self) -> &str {
        &self.bus_address
    }

    pub(crate) fn acquirer(&self) -> &Acquirer {
        &self.acquirer
    }

    /// Where the configuration is.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.directory.path().join("tenderd.toml")
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
            .expect("tenderctl was built with this test")
    }
}

fn start_bus(directory: &Path) -> Option<(Running, String)> {
    let started = Command::new("dbus-daemon")
        .args(["--nofork", "--print-address=1", "--config-file", BUS_CONFIGURATION])
        .arg(format!("--address=unix:path={}/bus", directory.display()))
        .stdout(Stdio::piped())
        .spawn();
    let mut bus = match started {
        Ok(child) => Running(child),
        Err(error) => {
            println!("skipped: dbus-daemon can't be run ({error}); install the package dbus-daemon");
            return None;
        }
    };
    let mut address = String::new();
    let stdout = bus.0.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut address).expect("dbus-daemon prints its address");
    Some((bus, address.trim().to_owned()))
}

/// Starts tenderd and waits until its name is on the bus.
fn start_tenderd(directory: &Path, bus_address: &str) -> Running {
    let log = directory.join("tenderd.log");
    let mut tenderd = Command::new(env!("CARGO_BIN_EXE_tenderd"));
    tenderd.arg("--config").arg(directory.join("tenderd.toml")).args(["--bus", bus_address]);
    tenderd.stderr(fs::File::create(&log).expect("the test's directory can be written"));
    let mut tenderd = Running(tenderd.spawn().expect("tenderd was built with this test"));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(&log).expect("it was created above");
        if text.contains("ready: org.tenderd is on the bus") {
            return tenderd;
        }
        let ended = tenderd.0.try_wait().expect("a child can be asked");
        assert!(ended.is_none() && Instant::now() < deadline, "tenderd did not start:\n{text}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process that ends with its owner.
struct Running(Child);

impl Running {
    fn kill(&mut self) {
        // One that has ended already needs no killing.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
