//! A real pcscd with the virtual reader driver of vsmartcard, for one test alone.
//!
//! pcscd has its socket at a fixed place, so each one gets a mount namespace in which that place is a directory of the
//! test's. Clients find the socket through `PCSCLITE_CSOCK_NAME`; as a process cannot safely change its own
//! environment, [`isolated`] runs the test's body in a second process of the same test program.

#![allow(dead_code, reason = "every test program uses its part of this")]

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::SockRef;

const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";
/// Where clients of PC/SC look for the path of the socket.
pub(crate) const SOCKET_VARIABLE: &str = "PCSCLITE_CSOCK_NAME";
const PATIENCE: Duration = Duration::from_secs(10);

/// The ATR that a contactless reader composes for an ISO/IEC 14443-4 card of type A without historical bytes.
pub(crate) const CONTACTLESS_ATR: [u8; 5] = [0x3B, 0x80, 0x80, 0x01, 0x01];

/// Runs `body` with a pcscd of its own, not started yet; `test` is the full name of the test that calls. Where no
/// pcscd can be run, says why and skips the test.
pub(crate) fn isolated(test: &str, body: impl FnOnce(&mut Pcscd)) {
    if let Some(reason) = unavailable() {
        // Past the capture of the test harness, which hides what a test that passed has printed.
        let _ = writeln!(io::stderr(), "skipped: {test}, because {reason}");
        return;
    }
    if let Some(mut pcscd) = own() {
        return body(&mut pcscd);
    }
    let directory = tempfile::tempdir().expect("the temporary directory can be written");
    let output = Command::new(std::env::current_exe().expect("a running program has a path"))
        .args(["--exact", test, "--nocapture"])
        .env(SOCKET_VARIABLE, directory.path().join("pcscd.comm"))
        .output()
        .expect("this program can be run again");
    let log = fs::read_to_string(directory.path().join("log")).unwrap_or_default();
    assert!(
        output.status.success(),
        "{}{}pcscd:\n{log}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The pcscd of this process, where [`SOCKET_VARIABLE`] says that it has one of its own. It is not started yet.
pub(crate) fn own() -> Option<Pcscd> {
    let socket = std::env::var_os(SOCKET_VARIABLE)?;
    let directory = Path::new(&socket).parent().expect("it is a file in a directory");
    Some(Pcscd::new(directory).expect("a directory of the test's own can be written"))
}

/// Why no pcscd of our own can be run here, if so.
pub(crate) fn unavailable() -> Option<String> {
    if !Path::new(DRIVER).exists() {
        return Some(format!("{DRIVER} is not there: install vsmartcard-vpcd"));
    }
    if !Command::new("pcscd").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return Some("pcscd cannot be run: install pcscd".into());
    }
    let namespace = in_namespace("mount -t tmpfs none /run").stderr(Stdio::null()).status();
    (!namespace.is_ok_and(|status| status.success()))
        .then(|| "this user may not make a mount namespace: run as root, or allow user namespaces".into())
}

/// A shell with this script, root in namespaces of its own: what it mounts, nobody else sees.
pub(crate) fn in_namespace(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--user", "--map-root-user", "sh", "-e", "-c", script]);
    command
}

/// A pcscd with two virtual readers, [`Pcscd::READERS`].
pub(crate) struct Pcscd {
    directory: PathBuf,
    /// Where the first reader listens for its card; the second does at the port above.
    port: u16,
    daemon: Option<Child>,
}

impl Pcscd {
    /// The names of the readers.
    pub(crate) const READERS: [&'static str; 2] = ["Virtual PCD 00 00", "Virtual PCD 00 01"];

    /// A pcscd whose socket will be `pcscd.comm` in that directory.
    pub(crate) fn new(directory: &Path) -> io::Result<Self> {
        let port = two_free_ports()?;
        let configuration = directory.join("reader.conf.d");
        fs::create_dir_all(&configuration)?;
        let entry = format!(
            "FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME /dev/null:0x{port:04X}\nLIBPATH {DRIVER}\nCHANNELID 0x{port:04X}\n"
        );
        fs::write(configuration.join("vpcd"), entry)?;
        Ok(Pcscd { directory: directory.to_owned(), port, daemon: None })
    }

    /// What `PCSCLITE_CSOCK_NAME` must be for clients.
    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.join("pcscd.comm")
    }

    /// The TCP port at which reader 0 or 1 listens for its card.
    pub(crate) fn port(&self, reader: u16) -> u16 {
        self.port + reader
    }

    /// Starts it and waits until it takes clients.
    pub(crate) fn start(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.directory.join("log"));
        let log = log.expect("the test's directory can be written");
        let script = "mount -t tmpfs none /run; mkdir /run/pcscd; mount --bind \"$DIRECTORY\" /run/pcscd
            exec pcscd --foreground --info --config \"$DIRECTORY/reader.conf.d\"";
        let daemon = in_namespace(script)
            .env("DIRECTORY", &self.directory)
            .stdout(log.try_clone().expect("a file can be duplicated"))
            .stderr(log)
            .spawn()
            .expect("it ran when it was tried");
        self.daemon = Some(daemon);
        eventually("pcscd takes clients", || UnixStream::connect(self.socket()).ok());
    }

    /// Waits until it has noticed that a card is on reader 0 or 1.
    pub(crate) fn notices_a_card(&self, reader: usize) {
        self.notices(reader, "pcscd notices the card", |laid, taken| laid > taken);
    }

    /// Waits until it has noticed that no card is on reader 0 or 1 any more. It looks a few times a second, and takes a
    /// card that is laid in between for the one before.
    pub(crate) fn notices_an_empty(&self, reader: usize) {
        self.notices(reader, "pcscd notices that the card is gone", |laid, taken| laid == taken);
    }

    /// Waits until its log, which counts cards laid and taken, is as `is_so` says.
    fn notices(&self, reader: usize, what: &str, is_so: impl Fn(usize, usize) -> bool) {
        let name = Self::READERS[reader];
        eventually(what, || {
            let log = fs::read_to_string(self.directory.join("log")).expect("it was started");
            // A pcscd that was killed told nothing of the card that it had.
            let log = log.rsplit("daemon ready").next().unwrap_or_default();
            let count = |event: &str| log.matches(&format!("{event} {name}")).count();
            is_so(count("Card inserted into"), count("Card Removed From")).then_some(())
        });
    }

    /// Kills it as a crash would: nothing is cleaned up.
    pub(crate) fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().expect("it runs until here");
            daemon.wait().expect("it was started here");
        }
    }

    /// Lays a card on reader 0 or 1. It answers each command with what `answer` returns, and is torn off instead where
    /// that is nothing.
    pub(crate) fn lay(
        &self,
        reader: u16,
        answer: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static,
    ) -> VirtualCard {
        self.lay_to_be_powered(reader, usize::MAX, answer)
    }

    /// As [`lay`](Self::lay); the card is torn off when it is to be powered once more than `times`.
    pub(crate) fn lay_to_be_powered(
        &self,
        reader: u16,
        times: usize,
        answer: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static,
    ) -> VirtualCard {
        let port = self.port(reader);
        let stream = eventually("the virtual reader takes a card", || TcpStream::connect(("127.0.0.1", port)).ok());
        stream.set_nodelay(true).expect("a socket takes this option");
        let link = stream.try_clone().expect("a socket can be duplicated");
        let (unpowered, unpowers) = mpsc::channel();
        let thread = std::thread::spawn(move || serve(link, times, &unpowered, answer));
        VirtualCard { stream, thread: Some(thread), unpowers }
    }
}

impl Drop for Pcscd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A card on a virtual reader. Dropping it takes it away.
pub(crate) struct VirtualCard {
    stream: TcpStream,
    thread: Option<JoinHandle<()>>,
    /// Something each time that the field was switched off.
    unpowers: mpsc::Receiver<()>,
}

impl VirtualCard {
    /// Waits until the field is switched off.
    pub(crate) fn until_unpowered(&self) {
        self.unpowers.recv_timeout(PATIENCE).expect("the field is switched off");
    }

    /// Waits until it is torn off.
    pub(crate) fn until_torn_off(mut self) {
        let thread = self.thread.take().expect("taken here only");
        thread.join().expect("a card answers any command");
    }
}

impl Drop for VirtualCard {
    fn drop(&mut self) {
        // It may have been torn off before.
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The card's side of vpcd's protocol: two bytes of length, then a command APDU, or one byte of control.
fn serve(
    mut link: TcpStream,
    mut times: usize,
    unpowered: &mpsc::Sender<()>,
    mut answer: impl FnMut(&[u8]) -> Option<Vec<u8>>,
) {
    const POWER_OFF: u8 = 0;
    const POWER_ON: u8 = 1;
    const GET_ATR: u8 = 4;
    let mut length = [0; 2];
    loop {
        // vpcd sends length and message apart: a delayed acknowledgement of the first holds the second back for 40 ms.
        if SockRef::from(&link).set_tcp_quickack(true).is_err() || link.read_exact(&mut length).is_err() {
            break;
        }
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        if link.read_exact(&mut message).is_err() {
            break;
        }
        let reply = match *message {
            [GET_ATR] => CONTACTLESS_ATR.to_vec(),
            [POWER_ON] if times == 0 => break,
            [POWER_ON] => {
                times -= 1;
                continue;
            }
            [POWER_OFF] => {
                let _ = unpowered.send(());
                continue;
            }
            [_] => continue,
            _ => match answer(&message) {
                Some(reply) => reply,
                None => break,
            },
        };
        let length = u16::try_from(reply.len()).expect("tests keep to what the protocol can carry");
        if link.write_all(&[&length.to_be_bytes(), &*reply].concat()).is_err() {
            break;
        }
    }
    // The reader may have gone first.
    let _ = link.shutdown(Shutdown::Both);
}

fn two_free_ports() -> io::Result<u16> {
    loop {
        let first = TcpListener::bind(("0.0.0.0", 0))?;
        let port = first.local_addr()?.port();
        if port < u16::MAX && TcpListener::bind(("0.0.0.0", port + 1)).is_ok() {
            return Ok(port);
        }
    }
}

/// Tries until there is a result.
fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
