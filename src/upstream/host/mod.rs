//! The link to the host: one task that owns the connection, and handles that ask it.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use zeroize::{Zeroize, Zeroizing};

use super::authorisation::{AuthorisationAnswer, AuthorisationRequest};
use super::config::{CardAcceptor, HostConfig};
use super::exchange::{Ended, Exchange, Expected};
use super::failure::{HostError, NoAnswer, NotSent};
use super::iso8583::Message;
use super::network::NetworkRequest;
use super::response_code::ResponseCode;
use super::reversal::{Reversal, ReversalAnswer};

/// A handle to the host link; clones share the connection.
///
/// Any number of requests may be under way at once. The connection is made when a request needs it, and kept. Nothing
/// is ever sent twice on the link's own account: whoever asks decides, by the [`HostError`], what follows. The link
/// ends when its last handle is dropped.
#[derive(Debug, Clone)]
pub struct Host {
    config: Arc<HostConfig>,
    acceptor: Arc<CardAcceptor>,
    commands: mpsc::Sender<Command>,
}

impl Host {
    /// Starts the link to `config.address` over TCP, on the runtime of the caller. It connects when it is first asked.
    pub fn start(config: HostConfig, acceptor: CardAcceptor) -> Self {
        let address = config.address.clone();
        Self::start_over(config, acceptor, move || connect(address.clone()))
    }

    /// Starts the link over whatever `connect` opens.
    pub fn start_over<S, F, C>(config: HostConfig, acceptor: CardAcceptor, connect: C) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
        C: FnMut() -> F + Send + 'static,
    {
        let (commands, receiver) = mpsc::channel(16);
        let config = Arc::new(config);
        let link = Link {
            exchange: Exchange::new(config.dialect.clone(), config.frame_bytes_max),
            config: config.clone(),
            connect,
            stream: None,
            failures: 0,
            not_before: Instant::now(),
        };
        tokio::spawn(link.run(receiver));
        Self { config, acceptor: Arc::new(acceptor), commands }
    }

    /// Asks for an authorisation, once. Journal the request first.
    ///
    /// # Errors
    /// See [`HostError`]; where [a reversal is needed](HostError::is_reversal_needed), the host may have approved.
    pub async fn authorise(&self, request: &AuthorisationRequest) -> Result<AuthorisationAnswer, HostError> {
        let answer = self.ask(request.to_message(&self.config, &self.acceptor), request.expected(&self.config)).await?;
        Ok(AuthorisationAnswer::from_message(&answer, request.amount)?)
    }

    /// Sends a reversal, once. Until it is [answered for good](ReversalAnswer::is_final), send it again as a repeat.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn reverse(&self, reversal: &Reversal) -> Result<ReversalAnswer, HostError> {
        let answer = self.ask(reversal.to_message(&self.config, &self.acceptor), reversal.expected()).await?;
        Ok(ReversalAnswer::from_message(&answer)?)
    }

    /// Sends an echo test, a sign-on or a sign-off; returns what the host says to it.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn manage(&self, request: NetworkRequest) -> Result<ResponseCode, HostError> {
        let answer =
            self.ask(request.to_message(&self.config, &self.acceptor), request.expected(&self.acceptor)).await?;
        Ok(ResponseCode::of(&answer)?)
    }

    async fn ask(&self, message: Message, expected: Expected) -> Result<Message, HostError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command { message, expected, reply }).await.map_err(|_| NotSent::Stopped)?;
        // The task has the request: if it is gone now, nobody knows how far the request came.
        answer.await.unwrap_or_else(|_| Err(NoAnswer::Stopped.into()))
    }
}

/// Opens a connection that sends at once what it is given.
async fn connect(address: String) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

type Reply = oneshot::Sender<Result<Message, HostError>>;

#[derive(Debug)]
struct Command {
    message: Message,
    expected: Expected,
    reply: Reply,
}

struct Link<S, C> {
    config: Arc<HostConfig>,
    exchange: Exchange<Reply>,
    connect: C,
    stream: Option<S>,
    /// Failed connections in a row.
    failures: u32,
    /// When the next connection may be tried.
    not_before: Instant,
}

impl<S, F, C> Link<S, C>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = io::Result<S>>,
    C: FnMut() -> F,
{
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut buffer = Zeroizing::new([0; 2048]);
        loop {
            let deadline = self.exchange.next_deadline().map(Instant::from_std);
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.send(command).await,
                    None => return,
                },
                read = read(&mut self.stream, &mut *buffer) => {
                    self.received(read, &*buffer);
                    buffer.zeroize();
                }
                () = until(deadline) => self.expired(),
            }
        }
    }

    async fn send(&mut self, Command { message, expected, reply }: Command) {
        // Whoever asked has given up before anything was sent.
        if reply.is_closed() {
            return;
        }
        match self.write(&message, &expected).await {
            Ok(()) => {
                let deadline = Instant::now() + self.config.response_timeout();
                self.exchange.sent(expected, deadline.into_std(), reply);
            }
            Err(error) => answer([(reply, Err(error))]),
        }
    }

    async fn write(&mut self, message: &Message, expected: &Expected) -> Result<(), HostError> {
        let limit = self.config.response_timeout();
        let frame = self.exchange.frame(message, expected)?;
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => self.open().await?,
        };
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
        let result = timeout(limit, write).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()));
        result.map_err(|error| {
            self.close(NoAnswer::ConnectionLost(error.to_string()));
            match written {
                0 => NotSent::ConnectionLost(error.to_string()).into(),
                _ => NoAnswer::ConnectionLost(error.to_string()).into(),
            }
        })
    }

    async fn open(&mut self) -> Result<&mut S, NotSent> {
        sleep_until(self.not_before).await;
        let connected = timeout(self.config.connect_timeout(), (self.connect)()).await;
        match connected.unwrap_or(Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                self.failures = 0;
                Ok(self.stream.insert(stream))
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                self.not_before = Instant::now() + self.config.backoff(self.failures);
                Err(NotSent::Connect { address: self.config.address.clone(), reason: error.to_string() })
            }
        }
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

    fn expired(&mut self) {
        answer(self.exchange.expired(Instant::now().into_std()));
        if self.exchange.is_inside_a_frame() {
            self.close(NoAnswer::ConnectionLost("a frame came to no end".to_owned()));
        }
    }

    fn close(&mut self, why: NoAnswer) {
        tracing::info!(address = self.config.address, reason = %why, "the connection to the host is closed");
        self.stream = None;
        answer(self.exchange.lost(&why));
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

/// What arrives next; never, where there is no connection.
async fn read(stream: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> io::Result<usize> {
    match stream {
        Some(stream) => stream.read(buffer).await,
        None => std::future::pending().await,
    }
}

/// Waits until `deadline`; for ever, where there is none.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
