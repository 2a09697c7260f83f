//! A real tenderd on a bus of its own, asked over D-Bus as a register asks it, and an acquirer in the test's process.

#![allow(dead_code, reason = "every test program uses its part of this")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tender_sim::acquirer::{Acquirer, Ledger, Rules, WireFormat};
use tokio::runtime::Runtime;
use zbus::{Connection, OwnedObjectPath, OwnedVariant, Variant};

const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);
const BUS_CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/bus.conf");
const TEST_CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sim/keys/test-ca.toml");

/// What is changed in the example configuration: a text that it has, and what stands there instead.
pub(crate) type Change<'a> = (&'a str, &'a str);

/// No PC/SC, but a simulated reader on which a card of this personality appears whenever it is armed.
pub(crate) fn simulated(personality: &str) -> [(&'static str, String); 2] {
    [("pcsc = true", "pcsc = false".into()), ("simulated = []", format!("simulated = [\"{personality}\"]"))]
}

/// An acquirer at a free port that speaks the dialect of the example configuration.
pub(crate) fn acquirer(rules: Rules) -> Acquirer {
    acquirer_at(([127, 0, 0, 1], 0).into(), rules)
}

/// An acquirer at this address.
pub(crate) fn acquirer_at(address: SocketAddr, rules: Rules) -> Acquirer {
    let format = WireFormat::named("bcd").expect("the example configuration has this dialect");
    Acquirer::start(address, format, rules).expect("the address is free")
}

/// A terminal: its files, its bus, its daemon.
pub(crate) struct Terminal {
    daemon: Option<Child>,
    client: Client,
    bus: Child,
    directory: TempDir,
}

/// Somebody on the bus who calls the terminal.
struct Client {
    connection: Connection,
    runtime: Runtime,
}

impl Terminal {
    /// A terminal of the example configuration, whose acquirer is at `host`; it is running.
    pub(crate) fn start(host: SocketAddr, changes: &[Change<'_>]) -> Self {
        let mut terminal = Self::prepare(host, changes);
        terminal.resume();
        terminal
    }

    /// The same, not running yet.
    pub(crate) fn prepare(host: SocketAddr, changes: &[Change<'_>]) -> Self {
        let directory = tempfile::tempdir().expect("the temporary directory can be written");
        let path = |name: &str| directory.path().join(name);
        fs::write(path("tenderd.toml"), configuration(directory.path(), host, changes)).expect("the directory is ours");
        let bus = Command::new("dbus-daemon")
            .args(["--config-file", BUS_CONFIGURATION, "--nofork", "--nopidfile"])
            .arg(format!("--address=unix:path={}", path("bus").display()))
            .stderr(File::create(path("bus.log")).expect("the directory is ours"))
            .spawn()
            .expect("dbus-daemon can be run: install dbus");
        eventually("the bus takes clients", || UnixStream::connect(path("bus")).ok());
        let client = Client::connect(&address(directory.path()));
        Terminal { daemon: None, client, bus, directory }
    }

    /// A file of the terminal's: `tenderd.toml`, `journal.db`, `storage.key`, `tenderd.log`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The address of its bus.
    pub(crate) fn bus_address(&self) -> String {
        address(self.directory.path())
    }

    /// The daemon's command line, for this terminal.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenderd"));
        command.arg("--config").arg(self.file("tenderd.toml")).args(["--bus", &self.bus_address()]);
        command
    }

    /// Starts the daemon, again if need be, and waits until it is on the bus. It logs everything.
    pub(crate) fn resume(&mut self) {
        let command = self.command();
        self.resume_as(command);
    }

    /// As [`Terminal::resume`], with a command that ends in [`Terminal::command`].
    pub(crate) fn resume_as(&mut self, mut command: Command) {
        let log = File::options().create(true).append(true).open(self.file("tenderd.log"));
        let daemon = command
            .env("TENDERD_LOG", "trace")
            .stderr(log.expect("the directory is ours"))
            .stdout(Stdio::null())
            .spawn()
            .expect("the daemon was built with this test");
        self.daemon = Some(daemon);
        eventually("tenderd is on the bus", || self.property("Version").ok());
    }

    /// Kills the daemon, as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().expect("it was started here");
            daemon.wait().expect("it was started here");
        }
    }

    /// Asks the daemon to end, as systemd does, and waits for it.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        let mut daemon = self.daemon.take().expect("it runs");
        // The shell's own: `kill` as a program is in a package that a small system lacks.
        let asked = Command::new("sh").args(["-c", &format!("kill {}", daemon.id())]).status();
        assert!(asked.is_ok_and(|status| status.success()), "a process can be told to end");
        daemon.wait().expect("it was started here")
    }

    /// The daemon's process.
    pub(crate) fn process(&self) -> u32 {
        self.daemon.as_ref().expect("it runs").id()
    }

    /// Everything the daemon has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.file("tenderd.log")).unwrap_or_default()
    }

    /// Starts a sale in EUR; on an error, its name without `org.tenderd.Error.`.
    pub(crate) fn sell(&self, token: &str, minor: u64, reader: Option<&str>) -> Result<(), String> {
        let mut options = vec![("amount", Variant::from(minor)), ("currency", "EUR".into())];
        options.extend(reader.map(|name| ("reader", name.into())));
        self.create(token, options)
    }

    /// Starts a transaction of these options.
    pub(crate) fn create(&self, token: &str, options: Vec<(&str, Variant<'_>)>) -> Result<(), String> {
        let mut options: HashMap<&str, Variant<'_>> = options.into_iter().collect();
        options.insert("token", token.into());
        self.client.call("org.tenderd.Terminal1", "CreateTransaction", &options).map(|_: OwnedObjectPath| ())
    }

    /// Calls a transaction off.
    pub(crate) fn cancel(&self, token: &str) -> Result<(), String> {
        let token = token.parse().expect("a token");
        let path = tenderd::bus::transaction_path(&token);
        self.client.call_at(path.as_str(), "org.tenderd.Transaction1", "Cancel", &())
    }

    /// How a transaction stands.
    pub(crate) fn find(&self, token: &str) -> Result<Transaction, String> {
        self.client.call("org.tenderd.Terminal1", "FindTransaction", &token).map(Transaction)
    }

    /// All transactions, latest first.
    pub(crate) fn list(&self) -> Vec<Transaction> {
        let options = HashMap::from([("limit", Variant::from(1000u32))]);
        let listed: Vec<HashMap<String, OwnedVariant>> =
            self.client.call("org.tenderd.Terminal1", "ListTransactions", &options).expect("they can be listed");
        listed.into_iter().map(Transaction).collect()
    }

    /// A receipt.
    pub(crate) fn receipt(&self, token: &str, copy: &str, format: &str) -> Result<String, String> {
        let options = HashMap::from([("copy", Variant::from(copy)), ("format", format.into())]);
        self.client.call("org.tenderd.Terminal1", "GetReceipt", &(token, options))
    }

    /// A property of the terminal.
    pub(crate) fn property(&self, name: &str) -> Result<OwnedVariant, String> {
        self.client.call("org.freedesktop.DBus.Properties", "Get", &("org.tenderd.Terminal1", name))
    }

    /// A property of the terminal that is a text.
    pub(crate) fn text(&self, name: &str) -> String {
        match &*self.property(name).expect("the terminal has it") {
            Variant::Str(text) => text.to_string(),
            other => panic!("{name} is no text: {other:?}"),
        }
    }

    /// Waits until a transaction is as `is_so` says.
    pub(crate) fn when(&self, token: &str, is_so: impl Fn(&Transaction) -> bool) -> Transaction {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let transaction = self.find(token).expect("the transaction was created");
            if is_so(&transaction) {
                return transaction;
            }
            assert!(Instant::now() < deadline, "waited in vain: {transaction:?}\n{}", self.log());
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until a transaction is done.
    pub(crate) fn done(&self, token: &str) -> Transaction {
        self.when(token, |transaction| transaction.state() == "done")
    }

    /// Waits until the readers of these names are on the bus, and no others.
    pub(crate) fn has_readers(&self, names: &[&str]) {
        type Objects = HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>>;
        let expected: BTreeSet<_> = names.iter().map(|name| tenderd::bus::reader_path(name).to_string()).collect();
        eventually("the readers are as expected", || {
            let objects: Objects = self
                .client
                .call("org.freedesktop.DBus.ObjectManager", "GetManagedObjects", &())
                .expect("the object manager answers");
            let paths = objects.keys().map(ToString::to_string);
            let found: BTreeSet<_> = paths.filter(|path| path.starts_with("/org/tenderd/reader/")).collect();
            (found == expected).then_some(())
        });
    }

    /// Holds what callers were told against what the acquirer has: each approval there was told as one, with the same
    /// amount, or taken back; and each that was told is there.
    pub(crate) fn reconcile(&self, ledger: &Ledger) {
        let told = self.list();
        for entry in &ledger.entries {
            let transaction = told.iter().find(|transaction| transaction.text("RetrievalReferenceNumber") == entry.rrn);
            let transaction = transaction.unwrap_or_else(|| panic!("nobody was told of {entry:?}"));
            assert_eq!(transaction.number("AmountApproved"), entry.stands(), "{entry:?} {transaction:?}");
        }
        for transaction in told.iter().filter(|transaction| transaction.text("ResponseCode") == "00") {
            assert!(ledger.find(&transaction.text("RetrievalReferenceNumber")).is_some(), "{transaction:?}");
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("tenderd:\n{}", self.log());
        }
        self.kill();
        // Whatever becomes of the bus, nobody uses it any more.
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}

impl Client {
    fn connect(address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let connection = runtime.block_on(async { zbus::connection::Builder::address(address).build().await });
        Client { connection: connection.expect("the bus takes clients"), runtime }
    }

    fn call<B, R>(&self, interface: &str, method: &str, body: &B) -> Result<R, String>
    where
        B: serde::Serialize + zbus::DynamicType,
        R: for<'d> zbus::wire::DynamicDeserialize<'d>,
    {
        self.call_at(tenderd::bus::ROOT, interface, method, body)
    }

    fn call_at<B, R>(&self, path: &str, interface: &str, method: &str, body: &B) -> Result<R, String>
    where
        B: serde::Serialize + zbus::DynamicType,
        R: for<'d> zbus::wire::DynamicDeserialize<'d>,
    {
        let call = self.connection.call_method(Some(tenderd::bus::NAME), path, Some(interface), method, body);
        match self.runtime.block_on(async { tokio::time::timeout(PATIENCE, call).await }).expect("the daemon answers") {
            Ok(reply) => Ok(reply.body().deserialize().expect("the reply has the type that the interface promises")),
            Err(zbus::Error::MethodError(name, ..)) => Err(name.trim_start_matches("org.tenderd.Error.").to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A transaction, as the terminal tells it.
pub(crate) struct Transaction(HashMap<String, OwnedVariant>);

/// Its properties that are not empty, a line each.
impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (property, value) in self.0.iter().collect::<BTreeMap<_, _>>() {
            match &**value {
                Variant::Str(text) if !text.is_empty() => writeln!(f, "{property}: {text}")?,
                Variant::U64(number) if *number > 0 => writeln!(f, "{property}: {number}")?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl Transaction {
    pub(crate) fn text(&self, property: &str) -> String {
        match &*self.0[property] {
            Variant::Str(text) => text.to_string(),
            other => panic!("{property} is no text: {other:?}"),
        }
    }

    pub(crate) fn number(&self, property: &str) -> u64 {
        match &*self.0[property] {
            Variant::U64(number) => *number,
            Variant::U32(number) => (*number).into(),
            other => panic!("{property} is no number: {other:?}"),
        }
    }

    pub(crate) fn state(&self) -> String {
        self.text("State")
    }

    pub(crate) fn result(&self) -> String {
        self.text("Result")
    }

    /// The name of its error, without `org.tenderd.Error.`; empty where it is approved.
    pub(crate) fn error(&self) -> String {
        self.text("ErrorName").trim_start_matches("org.tenderd.Error.").to_owned()
    }
}

/// The example configuration, with places of the test's own and short time-outs.
fn configuration(directory: &Path, host: SocketAddr, changes: &[Change<'_>]) -> String {
    let own = [
        ("127.0.0.1:8583", host.to_string()),
        ("/var/lib/tenderd", directory.display().to_string()),
        ("/usr/share/tenderd/keys/test-ca.toml", TEST_CA.to_owned()),
        ("response_timeout_ms = 30000", "response_timeout_ms = 700\nbackoff_initial_ms = 10".to_owned()),
        ("floor_limit = \"0.00\"", "floor_limit = \"25.00\"".to_owned()),
    ];
    let changes = changes.iter().map(|(from, to)| (*from, (*to).to_owned()));
    own.into_iter().chain(changes).fold(tenderd::config::EXAMPLE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the example configuration has no {from:?}");
        text.replace(from, &to)
    })
}

fn address(directory: &Path) -> String {
    format!("unix:path={}", directory.join("bus").display())
}

/// Tries until there is a result.
fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(PAUSE);
    }
}
