//! The task that owns the connection. It makes it, sends over it in the order of hurry, and hands out what comes.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, Timeout, sleep_until, timeout};
use zeroize::{Zeroize, Zeroizing};

use super::super::config::HostConfig;
use super::super::exchange::{Ended, Exchange, Expected};
use super::super::failure::{HostError, NoAnswer, NotSent};
use super::super::iso8583::{Message, Purpose};
use super::super::mac_keys::{KeyLedger, KeySupply, MacKeys, RequestKeys};
use crate::keys::MacKey;
use crate::terminal::Stan;

type Reply = mpsc::UnboundedSender<Result<Message, HostError>>;

/// What comes of a request: how it ended, and perhaps an answer that was late.
pub(super) type Answers = mpsc::UnboundedReceiver<Result<Message, HostError>>;

/// What a handle wants of the task.
#[derive(Debug)]
pub(super) enum Order {
    Send(Command),
    /// Keys may be derived now, after those that were reserved before; the ledger writes down which.
    DeriveKeys {
        last_reserved: u32,
        ledger: KeyLedger,
    },
}

/// A request to send.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) message: Message,
    pub(super) purpose: Purpose,
    pub(super) stan: Stan,
    /// Until when it must have been sent, because somebody waits for it: it goes first. Nothing where it can wait.
    pub(super) send_by: Option<Instant>,
    pub(super) reply: Reply,
}

impl Command {
    fn is_too_late(&self) -> bool {
        self.send_by.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Tells whoever asked how it ended.
    pub(super) fn end(self, result: Result<Message, HostError>) {
        answer([(self.reply, result)]);
    }
}

/// Tells whoever asked. One who no longer listens has written down that the request was sent, and reverses it.
fn answer(ended: impl IntoIterator<Item = Ended<Reply>>) {
    for (reply, result) in ended {
        if reply.send(result).is_err() {
            tracing::warn!("an answer came to a request that nobody waits for any more");
        }
    }
}

/// The connection.
enum Line<S, F> {
    Down,
    Connecting(Pin<Box<Timeout<F>>>),
    Up(S),
}

/// What happened on it.
enum Happened<S> {
    Connected(io::Result<S>),
    Read(io::Result<usize>),
}

impl<S, F> Line<S, F>
where
    S: AsyncRead + Unpin,
    F: Future<Output = io::Result<S>>,
{
    /// What happens next; never anything, where there is no connection.
    async fn next(&mut self, buffer: &mut [u8]) -> Happened<S> {
        match self {
            Self::Down => std::future::pending().await,
            Self::Connecting(attempt) => {
                Happened::Connected(attempt.as_mut().await.unwrap_or(Err(io::ErrorKind::TimedOut.into())))
            }
            Self::Up(stream) => Happened::Read(stream.read(buffer).await),
        }
    }
}

/// The task's state.
pub(super) struct Link<S, F, C> {
    config: Arc<HostConfig>,
    exchange: Exchange<Reply>,
    keys: KeySupply,
    connect: C,
    line: Line<S, F>,
    /// Failed connections in a row.
    failures: u32,
    /// When the next connection may be tried for what can wait.
    not_before: Instant,
    /// What somebody waits for, in the order it came.
    urgent: Vec<Command>,
    /// What can wait, in the order it came.
    patient: VecDeque<Command>,
}

impl<S, F, C> Link<S, F, C>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = io::Result<S>>,
    C: FnMut() -> F,
{
    pub(super) fn new(config: Arc<HostConfig>, mac_keys: MacKeys, connect: C) -> Self {
        Self {
            exchange: Exchange::new(config.dialect.clone(), config.frame_bytes_max),
            config,
            keys: KeySupply::Given(mac_keys),
            connect,
            line: Line::Down,
            failures: 0,
            not_before: Instant::now(),
            urgent: Vec::new(),
            patient: VecDeque::new(),
        }
    }

    pub(super) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut buffer = Zeroizing::new([0; 2048]);
        loop {
            self.connect_if_due();
            self.send_what_waits().await;
            let wake = self.next_deadline();
            tokio::select! {
                order = orders.recv() => {
                    let Some(order) = order else { return };
                    self.take(order);
                    // All that has come by now, so that what is urgent among it goes first.
                    while let Ok(order) = orders.try_recv() {
                        self.take(order);
                    }
                }
                happened = self.line.next(&mut *buffer) => {
                    match happened {
                        Happened::Connected(result) => self.connected(result),
                        Happened::Read(result) => self.received(result, &*buffer),
                    }
                    buffer.zeroize();
                }
                () = until(wake) => self.expired(),
            }
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Send(command) if command.send_by.is_some() => self.urgent.push(command),
            Order::Send(command) => self.patient.push_back(command),
            Order::DeriveKeys { last_reserved, ledger } => self.keys.derive_after(last_reserved, ledger),
        }
    }

    /// Connects where somebody waits, and for the rest once the pause is over.
    fn connect_if_due(&mut self) {
        // Whoever has given up before anything was sent wants no connection either.
        self.urgent.retain(|command| !command.reply.is_closed());
        self.patient.retain(|command| !command.reply.is_closed());
        let is_down = matches!(self.line, Line::Down);
        let is_due = !self.urgent.is_empty() || !self.patient.is_empty() && self.not_before <= Instant::now();
        if is_down && is_due {
            self.line = Line::Connecting(Box::pin(timeout(self.config.connect_timeout(), (self.connect)())));
        }
    }

    fn connected(&mut self, result: io::Result<S>) {
        match result {
            Ok(stream) => {
                self.failures = 0;
                self.line = Line::Up(stream);
            }
            Err(error) => {
                self.line = Line::Down;
                self.failures = self.failures.saturating_add(1);
                self.not_before = Instant::now() + self.config.backoff(self.failures);
                // Whoever waits hears so at once. Of those that can wait one has had its attempt.
                for command in self.urgent.drain(..).chain(self.patient.pop_front()) {
                    let address = self.config.address.clone();
                    command.end(Err(NotSent::Connect { address, reason: error.to_string() }.into()));
                }
            }
        }
    }

    async fn send_what_waits(&mut self) {
        while matches!(self.line, Line::Up(_)) {
            let next = if self.urgent.is_empty() { self.patient.pop_front() } else { Some(self.urgent.remove(0)) };
            let Some(command) = next else { return };
            self.send(command).await;
        }
    }

    async fn send(&mut self, mut command: Command) {
        if command.is_too_late() {
            return command.end(Err(NotSent::TooLate.into()));
        }
        let keys = match self.keys_for(&mut command).await {
            Ok(keys) => keys,
            Err(error) => return command.end(Err(error.into())),
        };
        let (ours, theirs) = keys.map(|keys| (keys.request, keys.answer)).unzip();
        let expected = self.exchange.expected(&command.message, command.stan, theirs);
        match self.write(&command.message, ours.as_deref(), &expected).await {
            Ok(()) => {
                let deadline = Instant::now() + self.config.response_timeout();
                self.exchange.sent(expected, deadline.into_std(), command.reply);
            }
            Err(error) => command.end(Err(error)),
        }
    }

    /// The keys of its MACs, where it has one; the message says then how the host finds them.
    async fn keys_for(&mut self, command: &mut Command) -> Result<Option<RequestKeys>, NotSent> {
        let rule = self.config.dialect.mac.as_ref().filter(|rule| rule.messages.contains(&command.purpose));
        let Some(rule) = rule else { return Ok(None) };
        let keys = self.keys.next(rule.algorithm).await?;
        if let Some(serial_number) = &keys.serial_number {
            let (field, value) = self.config.dialect.key_serial_number(serial_number.as_bytes())?;
            command.message.set(field, value);
        }
        Ok(Some(keys))
    }

    async fn write(
        &mut self,
        message: &Message,
        mac_key: Option<&MacKey>,
        expected: &Expected,
    ) -> Result<(), HostError> {
        let frame = self.exchange.frame(message, mac_key, expected)?;
        let Line::Up(stream) = &mut self.line else { return Err(NotSent::TooLate.into()) };
        let mut written = 0;
        let write = async {
            while written < frame.len() {
                match stream.write(&frame[written..]).await? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    bytes => written += bytes,
                }
            }
            stream.flush().await
        };
        // A line that takes nothing for so long is as good as none.
        let result = timeout(self.config.connect_timeout(), write).await;
        result.unwrap_or(Err(io::ErrorKind::TimedOut.into())).map_err(|error| {
            self.close(NoAnswer::ConnectionLost(error.to_string()));
            match written {
                0 => NotSent::ConnectionLost(error.to_string()).into(),
                _ => NoAnswer::ConnectionLost(error.to_string()).into(),
            }
        })
    }

    fn received(&mut self, read: io::Result<usize>, buffer: &[u8]) {
        match read {
            Ok(0) => self.close(NoAnswer::ConnectionLost("the host closed it".to_owned())),
            Ok(bytes) => match self.exchange.received(&buffer[..bytes]) {
                Ok(ended) => answer(ended),
                Err(error) => self.close(NoAnswer::Stream(error)),
            },
            Err(error) => self.close(NoAnswer::ConnectionLost(error.to_string())),
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let answer = self.exchange.next_deadline().map(Instant::from_std);
        let urgent = self.urgent.first().and_then(|command| command.send_by);
        let is_paused = matches!(self.line, Line::Down) && !self.patient.is_empty();
        [answer, urgent, is_paused.then_some(self.not_before)].into_iter().flatten().min()
    }

    fn expired(&mut self) {
        let expired = self.exchange.expired(Instant::now().into_std());
        let is_stuck = !expired.is_empty() && self.exchange.is_inside_a_frame();
        answer(expired);
        if is_stuck {
            self.close(NoAnswer::ConnectionLost("a frame came to no end".to_owned()));
        }
        for command in self.urgent.extract_if(.., |command| command.is_too_late()) {
            command.end(Err(NotSent::TooLate.into()));
        }
    }

    fn close(&mut self, why: NoAnswer) {
        tracing::info!(address = self.config.address, reason = %why, "the connection to the host is closed");
        self.line = Line::Down;
        answer(self.exchange.lost(&why));
    }
}

/// Waits until `deadline`; for ever, where there is none.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
