//! How a connection to the host is made: TCP, a proxy where there is one, and TLS.

use std::io::{self, ErrorKind, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ProtocolVersion};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::super::address::HostAddress;
use super::super::config::HostConfig;
use super::super::tls::{Identity, explain};
use super::stream::Stream;

/// A proxy's answer is no longer, bytes.
const PROXY_ANSWER_MAX: usize = 4096;

/// Makes connections to one host.
pub(super) struct Connector {
    /// Where it listens, the preferred address first.
    addresses: Vec<HostAddress>,
    /// Which of them was reached last.
    reached: AtomicUsize,
    /// How long each may take, where there are several.
    share: Duration,
    proxy: Option<HostAddress>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    keep_alive: Option<TcpKeepalive>,
    /// For how long the other end may leave unacknowledged what was sent.
    unacknowledged_max: Duration,
}

impl Connector {
    /// How often the system asks before it takes a silent connection for lost, and how long it waits in between.
    const KEEP_ALIVE_PROBES: u32 = 3;
    const KEEP_ALIVE_PAUSE: Duration = Duration::from_secs(5);

    /// The least time that a host has to refuse our certificate.
    const REFUSAL_MIN: Duration = Duration::from_millis(20);

    pub(super) fn new(config: &HostConfig, identity: Option<&Identity>) -> Self {
        let tls = config.tls.as_ref();
        let keep_alive = (config.keep_alive_s > 0).then(|| {
            TcpKeepalive::new()
                .with_time(Duration::from_secs(config.keep_alive_s.into()))
                .with_interval(Self::KEEP_ALIVE_PAUSE)
                .with_retries(Self::KEEP_ALIVE_PROBES)
        });
        Connector {
            addresses: config.addresses().cloned().collect(),
            reached: AtomicUsize::new(0),
            share: config.connect_timeout() / (1 + config.backups.len() as u32),
            proxy: config.proxy.clone(),
            tls: tls.map(|tls| (tls.client_config(identity).into(), tls.server_name().clone())),
            keep_alive,
            unacknowledged_max: config.response_timeout(),
        }
    }

    /// Opens a connection that sends at once what it is given: to the address that was reached last, or to the next that
    /// can be. Where the last connection has failed, somebody may listen there who has nothing to say: the next goes first.
    pub(super) async fn connect(&self, has_failed: bool) -> io::Result<Box<dyn Stream + Send>> {
        let [address] = &*self.addresses else { return self.connect_to_any(has_failed).await };
        self.connect_to(address).await
    }

    async fn connect_to_any(&self, has_failed: bool) -> io::Result<Box<dyn Stream + Send>> {
        let begin = (self.reached.load(Ordering::Relaxed) + usize::from(has_failed)) % self.addresses.len();
        let mut failures = Vec::new();
        for index in (begin..self.addresses.len()).chain(0..begin) {
            let address = &self.addresses[index];
            let late =
                |_| Err(io::Error::new(ErrorKind::TimedOut, "it takes longer than its part of connect_timeout_ms"));
            match timeout(self.share, self.connect_to(address)).await.unwrap_or_else(late) {
                Ok(stream) => {
                    self.reached.store(index, Ordering::Relaxed);
                    return Ok(stream);
                }
                Err(error) => failures.push(format!("{address}: {error}")),
            }
        }
        Err(io::Error::other(format!("at none of its addresses: {}", failures.join("; "))))
    }

    async fn connect_to(&self, address: &HostAddress) -> io::Result<Box<dyn Stream + Send>> {
        let stream = match &self.proxy {
            Some(proxy) => connect_by(proxy, address).await.map_err(|error| by_proxy(proxy, error))?,
            None => TcpStream::connect(address.as_str()).await?,
        };
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        if let Some(keep_alive) = &self.keep_alive {
            socket.set_tcp_keepalive(keep_alive)?;
        }
        // A request whose time is over has no use for a line that has not even acknowledged it, and nor has the next.
        socket.set_tcp_user_timeout(Some(self.unacknowledged_max))?;
        let Some((connector, name)) = &self.tls else { return Ok(Box::new(stream)) };
        let start = Instant::now();
        let mut stream = connector.connect(name.clone(), stream).await.map_err(explain)?;
        let (socket, session) = stream.get_mut();
        if session.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
            let patience = start.elapsed().max(Self::REFUSAL_MIN);
            hear_refusal(socket, session, patience).await.map_err(explain)?;
        }
        Ok(Box::new(stream))
    }
}

/// A tunnel to this address through a proxy (RFC 9110, 9.3.6).
async fn connect_by(proxy: &HostAddress, address: &HostAddress) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(proxy.as_str()).await?;
    let request = format!("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n", address);
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // Byte by byte, so that nothing is taken of what the host says behind it.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() == PROXY_ANSWER_MAX {
            return Err(io::Error::other("what it answers is not HTTP"));
        }
        answer.push(stream.read_u8().await?);
    }
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.lines().next().unwrap_or_default();
    let is_open = status.starts_with("HTTP/1.") && status.split(' ').nth(1).is_some_and(|code| code.starts_with('2'));
    if is_open { Ok(stream) } else { Err(io::Error::other(format!("it answers `{status}`"))) }
}

fn by_proxy(proxy: &HostAddress, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("the proxy {proxy}: {error}"))
}

/// Gives the host the time to refuse us. In TLS 1.3 a client has done its part of the handshake before the host has seen
/// its certificate; a request that is sent now would be in doubt, though the host never read it. A host that takes us says
/// so by its session tickets, or by nothing.
async fn hear_refusal(socket: &TcpStream, session: &mut ClientConnection, patience: Duration) -> io::Result<()> {
    let heard = timeout(patience, async {
        loop {
            socket.readable().await?;
            match session.read_tls(&mut Arrived(socket)) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => return session.process_new_packets().map(drop).map_err(io::Error::other),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    });
    heard.await.unwrap_or(Ok(()))
}

/// What has arrived, without waiting for more.
struct Arrived<'a>(&'a TcpStream);

impl Read for Arrived<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}
