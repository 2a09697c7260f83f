//! The task that owns the connection. It makes it, sends over it in the order of hurry, and hands out what comes.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::task::yield_now;
use tokio::time::{Instant, Timeout, sleep_until, timeout, timeout_at};
use zeroize::{Zeroize, Zeroizing};

use super::super::config::HostConfig;
use super::super::exchange::{Ended, Exchange, Expected};
use super::super::failure::{HostError, NoAnswer, NotSent};
use super::super::iso8583::{Message, Purpose};
use super::super::mac_keys::{KeyLedger, KeySupply, MacKeys, RequestKeys};
use super::super::tls::explain;
use super::stream::Stream;
use super::usage::{Due, Usage};
use super::{Jitter, LinkState};
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
    /// The host has handed out a key, or why it did not.
    HandOut(Result<MacKey, String>),
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
        answer([(self.asker(), result)]);
    }

    fn asker(&self) -> Asker {
        Asker { purpose: self.purpose, reply: self.reply.clone() }
    }
}

/// Who waits for an answer, and to what.
#[derive(Debug, Clone)]
struct Asker {
    purpose: Purpose,
    reply: Reply,
}

/// Tells whoever asked. One who no longer listens has written down that the request was sent, and reverses it.
fn answer(ended: impl IntoIterator<Item = Ended<Asker>>) {
    for (asker, result) in ended {
        if asker.reply.send(result).is_err() {
            tracing::warn!("an answer came to a request that nobody waits for any more");
        }
    }
}

/// Why an attempt to connect is given up.
const SLOW_CONNECTION: &str = "it takes longer than connect_timeout_ms";

/// What a request hears for which there is no connection.
fn no_connection(config: &HostConfig, reason: &str) -> NotSent {
    NotSent::Connect { address: config.address.to_string(), reason: reason.to_owned() }
}

/// The connection.
enum Line<S, F> {
    Down,
    Connecting(Pin<Box<Timeout<F>>>),
    Up(S, Usage),
}

/// What happened on it.
enum Happened<S> {
    Connected(io::Result<S>),
    Read(io::Result<usize>),
}

impl<S, F> Line<S, F>
where
    S: Stream,
    F: Future<Output = io::Result<S>>,
{
    /// What happens next; never anything, where there is no connection.
    async fn next(&mut self, buffer: &mut [u8]) -> Happened<S> {
        match self {
            Self::Down => std::future::pending().await,
            Self::Connecting(attempt) => {
                let late = || Err(io::Error::new(io::ErrorKind::TimedOut, SLOW_CONNECTION));
                Happened::Connected(attempt.as_mut().await.unwrap_or_else(|_| late()))
            }
            Self::Up(stream, _) => Happened::Read(stream.read(buffer).await),
        }
    }

    /// What has happened already; nothing where that is for the future.
    async fn next_now(&mut self, buffer: &mut [u8]) -> Option<Happened<S>> {
        let mut next = pin!(self.next(buffer));
        poll_fn(|context| match next.as_mut().poll(context) {
            Poll::Ready(happened) => Poll::Ready(Some(happened)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    fn usage(&mut self) -> Option<&mut Usage> {
        match self {
            Self::Up(_, usage) => Some(usage),
            Self::Down | Self::Connecting(_) => None,
        }
    }
}

/// The task's state.
pub(super) struct Link<S, F, C> {
    config: Arc<HostConfig>,
    exchange: Exchange<Asker>,
    keys: KeySupply,
    jitter: Jitter,
    connect: C,
    line: Line<S, F>,
    state: watch::Sender<LinkState>,
    /// When the next connection may be tried for what can wait.
    not_before: Instant,
    /// What somebody waits for, in the order it came.
    urgent: Vec<Command>,
    /// What can wait, in the order it came.
    patient: VecDeque<Command>,
}

impl<S, F, C> Link<S, F, C>
where
    S: Stream,
    F: Future<Output = io::Result<S>>,
    C: FnMut() -> F,
{
    pub(super) fn new(
        config: Arc<HostConfig>,
        mac_keys: MacKeys,
        jitter: Jitter,
        connect: C,
        state: watch::Sender<LinkState>,
    ) -> Self {
        Self {
            exchange: Exchange::new(config.dialect.clone(), config.frame_bytes_max),
            config,
            keys: KeySupply::Given(mac_keys),
            jitter,
            connect,
            line: Line::Down,
            state,
            not_before: Instant::now(),
            urgent: Vec::new(),
            patient: VecDeque::new(),
        }
    }

    pub(super) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut buffer = Zeroizing::new([0; 2048]);
        loop {
            self.send_what_waits(&mut *buffer).await;
            self.connect_if_due();
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
                happened = self.line.next(&mut *buffer) => self.happened(happened, &mut *buffer),
                () = until(wake) => self.expired(),
            }
        }
    }

    fn happened(&mut self, happened: Happened<S>, buffer: &mut [u8]) {
        match happened {
            Happened::Connected(result) => self.connected(result),
            Happened::Read(result) => self.received(result, buffer),
        }
        buffer.zeroize();
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Send(command) if command.send_by.is_some() => {
                if !self.may_be_sent(&command) {
                    self.keys.hurry();
                }
                self.urgent.push(command);
            }
            Order::Send(command) => self.patient.push_back(command),
            Order::DeriveKeys { last_reserved, ledger } => self.keys.derive_after(last_reserved, ledger),
            Order::HandOut(Ok(key)) => self.keys.hand_out(key),
            Order::HandOut(Err(reason)) => self.not_signed_on(&reason),
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
                let peer = stream.peer();
                tracing::info!(address = self.config.address.as_str(), ?peer, "connected to the host");
                let usage = Usage::begin(self.config.echo_every(), self.config.close_when_idle(), Instant::now());
                self.line = Line::Up(stream, usage);
                self.state.send_modify(|state| state.peer = Some(peer));
            }
            Err(error) => self.not_connected(&error.to_string()),
        }
    }

    /// An attempt has come to nothing, and nothing was sent.
    fn not_connected(&mut self, reason: &str) {
        self.line = Line::Down;
        self.pause(reason);
        // Whoever waits hears so at once. Of those that can wait one has had its attempt.
        for command in self.urgent.drain(..).chain(self.patient.pop_front()) {
            command.end(Err(no_connection(&self.config, reason).into()));
        }
    }

    /// Sees to it that what can wait is not tried again too soon.
    fn pause(&mut self, reason: &str) {
        self.state.send_modify(|state| {
            state.peer = None;
            state.failures = state.failures.saturating_add(1);
            state.failure = Some(reason.to_owned());
        });
        let failures = self.state.borrow().failures;
        self.not_before = Instant::now() + self.config.backoff(failures, (self.jitter)());
    }

    async fn send_what_waits(&mut self, buffer: &mut [u8]) {
        while self.line.usage().is_some() {
            let Some(command) = self.take_next() else { return };
            self.send(command, buffer).await;
        }
    }

    /// What is to be sent next. While the host has yet to hand out a key, what needs one waits.
    fn take_next(&mut self) -> Option<Command> {
        if let Some(index) = self.urgent.iter().position(|command| self.may_be_sent(command)) {
            return Some(self.urgent.remove(index));
        }
        let index = self.patient.iter().position(|command| self.may_be_sent(command))?;
        self.patient.remove(index)
    }

    fn may_be_sent(&self, command: &Command) -> bool {
        let needs_key = self.config.dialect.mac.as_ref().is_some_and(|rule| rule.messages.contains(&command.purpose));
        !(needs_key && self.keys.is_awaited())
    }

    /// Whoever waits for keys hears at once that there are none. Of those that can wait one has had its attempt.
    fn not_signed_on(&mut self, reason: &str) {
        if !self.keys.is_awaited() {
            return;
        }
        let urgent = std::mem::take(&mut self.urgent);
        let (urgent, held) = urgent.into_iter().partition::<Vec<_>, _>(|command| self.may_be_sent(command));
        self.urgent = urgent;
        let patient = self.patient.iter().position(|command| !self.may_be_sent(command));
        let patient = patient.and_then(|index| self.patient.remove(index));
        for command in held.into_iter().chain(patient) {
            command.end(Err(NotSent::NotSignedOn(reason.to_owned()).into()));
        }
    }

    async fn send(&mut self, mut command: Command, buffer: &mut [u8]) {
        if command.is_too_late() {
            return command.end(Err(NotSent::TooLate.into()));
        }
        let keys = match self.keys_for(&mut command).await {
            Ok(keys) => keys,
            Err(error) => return command.end(Err(error.into())),
        };
        // It waits in its place meanwhile: where the host closes every connection at once, it hears so with all others.
        self.put_back(command);
        if !self.is_still_up(buffer).await {
            return;
        }
        // What has arrived meanwhile may say that the key is lost.
        if keys.is_some() && self.keys.is_awaited() {
            return;
        }
        let Some(command) = self.take_next() else { return };
        let (ours, theirs) = keys.map(|keys| (keys.request, keys.answer)).unzip();
        let expected = self.exchange.expected(&command.message, command.stan, theirs);
        match self.write(&command, ours.as_deref(), &expected).await {
            Ok(()) => {
                let deadline = Instant::now() + self.config.response_timeout();
                self.exchange.sent(expected, deadline.into_std(), command.asker());
            }
            Err(error) => command.end(Err(error)),
        }
    }

    /// Takes in what has arrived: a connection that the host has closed while it was idle must cost no sale.
    async fn is_still_up(&mut self, buffer: &mut [u8]) -> bool {
        // The runtime looks at the sockets meanwhile.
        yield_now().await;
        while self.line.usage().is_some() {
            let Some(happened) = self.line.next_now(buffer).await else { return true };
            self.happened(happened, buffer);
        }
        false
    }

    /// Keeps a request, of which nothing was sent, for the next connection.
    fn put_back(&mut self, command: Command) {
        match command.send_by {
            Some(_) => self.urgent.insert(0, command),
            None => self.patient.push_front(command),
        }
    }

    /// The keys of its MACs, where it has one; the message says then how the host finds them.
    async fn keys_for(&mut self, command: &mut Command) -> Result<Option<RequestKeys>, NotSent> {
        let rule = self.config.dialect.mac.as_ref().filter(|rule| rule.messages.contains(&command.purpose));
        let Some(rule) = rule else { return Ok(None) };
        // Nothing else is done meanwhile, so the journal has no longer for it than a connection has, and what somebody
        // waits for is not sent too late.
        let deadline = command.send_by.unwrap_or_else(|| Instant::now() + self.config.connect_timeout());
        let keys = timeout_at(deadline, self.keys.next(rule.algorithm)).await;
        let keys = keys.unwrap_or(Err(NotSent::KeyNotReserved))?;
        if let Some(serial_number) = &keys.serial_number {
            let (field, value) = self.config.dialect.key_serial_number(serial_number.as_bytes())?;
            command.message.set(field, value);
        }
        Ok(Some(keys))
    }

    async fn write(
        &mut self,
        command: &Command,
        mac_key: Option<&MacKey>,
        expected: &Expected,
    ) -> Result<(), HostError> {
        let frame = self.exchange.frame(&command.message, mac_key, expected)?;
        let Line::Up(stream, usage) = &mut self.line else { return Err(NotSent::TooLate.into()) };
        usage.said(command.purpose == Purpose::Echo, Instant::now());
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
            Ok(bytes) => {
                self.heard();
                match self.exchange.received(&buffer[..bytes]) {
                    Ok(ended) => self.answer(ended),
                    Err(error) => self.close(NoAnswer::Stream(error)),
                }
            }
            Err(error) => self.close(NoAnswer::ConnectionLost(explain(error).to_string())),
        }
    }

    /// The host has said something: it is there.
    fn heard(&mut self) {
        if let Some(usage) = self.line.usage() {
            usage.heard(Instant::now());
        }
        self.state.send_if_modified(|state| {
            let had_failed = state.failures > 0;
            (state.failures, state.failure) = (0, None);
            had_failed
        });
    }

    fn answer(&mut self, ended: Vec<Ended<Asker>>) {
        for (_, result) in &ended {
            self.keys.heed(result, &self.config.dialect);
        }
        answer(ended);
    }

    fn next_deadline(&mut self) -> Option<Instant> {
        let answer = self.exchange.next_deadline().map(Instant::from_std);
        let urgent = self.urgent.first().and_then(|command| command.send_by);
        let is_paused = matches!(self.line, Line::Down) && !self.patient.is_empty();
        let usage = self.line.usage().and_then(|usage| usage.next_deadline());
        [answer, urgent, usage, is_paused.then_some(self.not_before)].into_iter().flatten().min()
    }

    fn expired(&mut self) {
        let now = Instant::now();
        let expired = self.exchange.expired(now.into_std());
        let is_stuck = !expired.is_empty() && self.exchange.is_inside_a_frame();
        let patience = self.config.response_timeout();
        let is_silent = self.line.usage().is_some_and(|usage| usage.silence(now) >= patience);
        let is_dead = is_silent && expired.iter().any(|(asker, _)| asker.purpose == Purpose::Echo);
        let is_given_up = self.line.usage().is_some_and(|usage| {
            usage.expired(expired.len());
            usage.is_given_up()
        });
        self.answer(expired);
        let why = [
            (is_stuck, "a frame came to no end"),
            (is_dead, "an echo test was not answered"),
            (is_given_up, "the host said nothing to several requests in a row"),
        ];
        if let Some((_, why)) = why.into_iter().find(|(is_so, _)| *is_so) {
            self.close(NoAnswer::ConnectionLost(why.to_owned()));
        }
        match self.line.usage().and_then(|usage| usage.due(now)) {
            Some(Due::Echo) => self.state.send_modify(|state| state.silences = state.silences.wrapping_add(1)),
            Some(Due::Close) if self.exchange.next_deadline().is_none() => {
                self.close(NoAnswer::ConnectionLost("nobody has needed it for close_when_idle_s".to_owned()));
            }
            Some(Due::Close) | None => {}
        }
        let is_connecting = matches!(self.line, Line::Connecting(_));
        for command in self.urgent.extract_if(.., |command| command.is_too_late()) {
            let why = if is_connecting { no_connection(&self.config, SLOW_CONNECTION) } else { NotSent::TooLate };
            command.end(Err(why.into()));
        }
    }

    fn close(&mut self, why: NoAnswer) {
        tracing::info!(address = self.config.address.as_str(), reason = %why, "the connection to the host is closed");
        let Line::Up(_, usage) = std::mem::replace(&mut self.line, Line::Down) else { return };
        answer(self.exchange.lost(&why));
        if usage.is_unsaid() {
            return self.not_connected(&why.to_string());
        }
        if usage.is_unheard() {
            return self.pause(&why.to_string());
        }
        self.state.send_modify(|state| state.peer = None);
    }
}

/// Waits until `deadline`; for ever, where there is none.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
