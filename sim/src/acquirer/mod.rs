//! A simulated acquirer, with the issuers behind it.
//!
//! It answers authorisation and financial requests (0100, 0200), advices of offline approvals (0220, 0221), reversals
//! (0400, 0401) and network management (0800), and the same messages of 1993, over TCP. Where a request has chip data, the Application Cryptogram among
//! them is verified, and the answer carries Issuer Authentication Data, and a script if a rule has one; the dynamic code
//! of a contactless magnetic stripe is verified too. [`Rules`] decide the rest, also that answers are late, lost or
//! wrong. The [`Ledger`] says what became of the money.

mod authentication;
mod decide;
mod ledger;
mod line;
mod rules;
mod sign_on;
mod tls;
mod wire;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use authentication::Macs;
pub use ledger::{Cryptogram, Entry, Kind, Ledger};
pub use rules::{Rules, RulesError};
pub use sign_on::SignOn;
pub use tls::{Tls, TlsError};
pub use wire::WireFormat;

use self::decide::{ECHOED, action_code};
use self::line::Line;
use crate::crypto::{MessageMac, Usage};
use rules::{Decision, Delivery};
use wire::Message;

/// A running acquirer. It stops when it is dropped.
pub struct Acquirer {
    address: SocketAddr,
    exchange: Arc<Exchange>,
    listening: Option<JoinHandle<()>>,
}

/// The acquirer itself, without the lines to it: a request comes in and an answer goes out. The threads of an
/// [`Acquirer`] share one; a simulation carries its messages there and back itself.
pub struct Desk {
    format: WireFormat,
    macs: Option<Macs>,
    sign_on: Option<SignOn>,
    rules: Mutex<Rules>,
    ledger: Mutex<Ledger>,
    ledger_changed: Condvar,
}

/// An answer, and how its MAC is computed, if it has one.
struct Answer {
    message: Message,
    mac: Option<MessageMac>,
}

impl Answer {
    /// Its bytes, with the MAC that it must have, or a wrong one.
    fn encode(&self, has_wrong_mac: bool, format: &WireFormat) -> Vec<u8> {
        match &self.mac {
            Some(mac) => authentication::encode(mac, &self.message, has_wrong_mac, format),
            None => self.message.encode(format),
        }
    }
}

/// What the acquirer's threads share.
struct Exchange {
    desk: Desk,
    /// A handle on each connection, to close it by.
    lines: Mutex<Vec<Line>>,
    tls: Option<Tls>,
    is_closed: AtomicBool,
}

impl Acquirer {
    /// Listens at `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// If the address can't be listened at.
    pub fn start(address: impl ToSocketAddrs, format: WireFormat, rules: Rules) -> io::Result<Self> {
        Self::open(address, Desk::new(format, rules))
    }

    /// Listens at `address` for whoever comes to this desk.
    ///
    /// # Errors
    /// If the address can't be listened at.
    pub fn open(address: impl ToSocketAddrs, desk: Desk) -> io::Result<Self> {
        Self::open_with_tls(address, desk, None)
    }

    /// The same, over TLS where there is some.
    ///
    /// # Errors
    /// If the address can't be listened at.
    pub fn open_with_tls(address: impl ToSocketAddrs, desk: Desk, tls: Option<Tls>) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let exchange = Arc::new(Exchange { desk, lines: Mutex::default(), tls, is_closed: AtomicBool::new(false) });
        let listening = thread::spawn({
            let exchange = exchange.clone();
            move || exchange.accept(&listener)
        });
        Ok(Self { address, exchange, listening: Some(listening) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has seen until now.
    pub fn ledger(&self) -> Ledger {
        self.exchange.desk.ledger()
    }

    /// Has every terminal sign on again before anything else is done for it.
    pub fn expire_keys(&self) {
        self.exchange.desk.expire_keys();
    }

    /// Waits until the ledger is as `is_so` says, and no longer than `limit`; returns it as it then is.
    pub fn ledger_when(&self, limit: Duration, is_so: impl Fn(&Ledger) -> bool) -> Ledger {
        let ledger = lock(&self.exchange.desk.ledger);
        let waited = self.exchange.desk.ledger_changed.wait_timeout_while(ledger, limit, |ledger| !is_so(ledger));
        waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0.clone()
    }

    /// Closes every connection, as a host does that restarts. New ones are accepted.
    pub fn drop_lines(&self) {
        for line in lock(&self.exchange.lines).drain(..) {
            line.close();
        }
    }
}

impl Drop for Acquirer {
    fn drop(&mut self) {
        self.exchange.is_closed.store(true, Ordering::Relaxed);
        // The listening thread waits for a connection: this one ends it. Where it fails, the thread is gone. Nobody is
        // listened to once this is done.
        if TcpStream::connect(self.address).is_ok()
            && let Some(listening) = self.listening.take()
        {
            let _ = listening.join();
        }
        self.drop_lines();
    }
}

impl Exchange {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for line in listener.incoming() {
            if self.is_closed.load(Ordering::Relaxed) {
                return;
            }
            // A connection that failed before it was accepted is the other side's affair.
            let Ok(line) = line else { continue };
            let exchange = self.clone();
            thread::spawn(move || exchange.serve(line));
        }
    }

    /// Answers the requests of one connection, until it ends or breaks.
    fn serve(self: &Arc<Self>, stream: TcpStream) -> io::Result<()> {
        let mut line = Line::new(stream, self.tls.as_ref().map(|tls| &tls.0))?;
        lock(&self.lines).push(line.clone());
        while let Some(frame) = self.desk.format.read_frame(&mut line)? {
            let Some((decision, answer)) = self.desk.receive(&frame) else { continue };
            if decision.delay_ms == 0 {
                self.deliver(&line, &decision, answer)?;
            } else {
                let (exchange, line) = (self.clone(), line.clone());
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(decision.delay_ms));
                    exchange.deliver(&line, &decision, answer)
                });
            }
        }
        Ok(())
    }

    fn deliver(&self, line: &Line, decision: &Decision, mut answer: Answer) -> io::Result<()> {
        let format = &self.desk.format;
        let body = match decision.delivery {
            Delivery::None => return Ok(()),
            Delivery::DropLine => {
                line.close();
                return Ok(());
            }
            Delivery::Malformed => vec![0xFF],
            Delivery::Answer | Delivery::WrongCheckValue => answer.encode(false, format),
            Delivery::WrongMac => answer.encode(true, format),
            Delivery::NoMac => answer.message.encode(format),
            Delivery::OtherStan => {
                let stan = answer.message.number(11).unwrap_or(0) % 999_999 + 1;
                answer.message.set(11, format!("{stan:06}"));
                answer.encode(false, format)
            }
        };
        line.send(&format.frame(&body))
    }
}

impl Desk {
    /// A desk that nobody has been at yet.
    pub fn new(format: WireFormat, rules: Rules) -> Self {
        let (rules, ledger, ledger_changed) = (Mutex::new(rules), Mutex::default(), Condvar::new());
        Self { format, macs: None, sign_on: None, rules, ledger, ledger_changed }
    }

    /// The same, where messages about money have MACs.
    pub fn with_macs(self, macs: Macs) -> Self {
        Self { macs: Some(macs), ..self }
    }

    /// The same, where messages about money have MACs under keys that terminals get when they sign on.
    pub fn with_sign_on(self, sign_on: SignOn) -> Self {
        Self { sign_on: Some(sign_on), ..self }
    }

    /// Has every terminal sign on again before anything else is done for it.
    pub fn expire_keys(&self) {
        if let Some(sign_on) = &self.sign_on {
            sign_on.expire();
        }
    }

    /// The first whole frame of a stream's bytes, without its header, which it takes away; nothing while it is not
    /// whole.
    pub fn take_frame(&self, stream: &mut Vec<u8>) -> Option<Vec<u8>> {
        let mut rest = &stream[..];
        let frame = self.format.read_frame(&mut rest).ok()??;
        let taken = stream.len() - rest.len();
        stream.drain(..taken);
        Some(frame)
    }

    /// Does what a frame asks, and gives the framed answer, whatever the rules say of its delivery; nothing where the
    /// frame is no message that the acquirer knows.
    pub fn answer(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let (_, answer) = self.receive(frame)?;
        Some(self.format.frame(&answer.encode(false, &self.format)))
    }

    /// What it has seen until now.
    pub fn ledger(&self) -> Ledger {
        lock(&self.ledger).clone()
    }

    fn receive(&self, frame: &[u8]) -> Option<(Decision, Answer)> {
        let Some(request) = Message::decode(frame, &self.format) else {
            self.record(|ledger| ledger.malformed += 1);
            return None;
        };
        let mac = match (&self.macs, &self.sign_on) {
            (Some(macs), _) if authentication::is_needed(&request) => {
                let mac = macs.of(&request, Usage::AnswerMac);
                if !self.is_authentic(macs, frame, &request) {
                    return Some((Decision::default(), Answer { message: self.refusal(&request), mac }));
                }
                mac
            }
            (None, Some(sign_on)) if authentication::is_needed(&request) => {
                let mac = sign_on.mac_of(&request);
                let is_right =
                    mac.as_ref().is_some_and(|mac| authentication::is_right(mac, frame, &request, &self.format));
                if !is_right {
                    self.record(|ledger| ledger.unauthenticated += 1);
                    return Some((Decision::default(), Answer { message: self.refusal(&request), mac: None }));
                }
                sign_on.used(&request);
                mac
            }
            _ => None,
        };
        let (decision, message) = self.decide(&request);
        let mut message = message?;
        if let Some(sign_on) = &self.sign_on {
            sign_on.answer(&request, decision.delivery, &mut message);
        }
        Some((decision, Answer { message, mac }))
    }

    /// What a request is answered with whose MAC is wrong.
    fn refusal(&self, request: &Message) -> Message {
        let mut message = request.answer(ECHOED);
        message.set(39, action_code(&request.mti, self.format.mac_wrong(), &self.format));
        message
    }

    /// Whether a request's MAC is right, and its key was not used before.
    fn is_authentic(&self, macs: &Macs, frame: &[u8], request: &Message) -> bool {
        let mac = macs.of(request, Usage::RequestMac);
        let is_right = mac.is_some_and(|mac| authentication::is_right(&mac, frame, request, &self.format));
        let serial_number = macs.serial_number(request);
        self.record(|ledger| {
            let is_new =
                serial_number.is_none_or(|number| !ledger.key_serial_numbers.iter().any(|used| used == number));
            ledger.key_serial_numbers.extend(serial_number.map(str::to_owned));
            let is_authentic = is_right && is_new;
            ledger.unauthenticated += u32::from(!is_authentic);
            is_authentic
        })
    }

    fn record<T>(&self, change: impl FnOnce(&mut Ledger) -> T) -> T {
        let changed = change(&mut lock(&self.ledger));
        self.ledger_changed.notify_all();
        changed
    }
}

/// Nobody leaves what is locked here half changed, so a thread that panicked does no harm to it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests;
