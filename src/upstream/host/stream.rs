//! What a link needs of a connection, and what it tells of it.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::super::tls::TlsPeer;

/// A connection to a host.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {
    /// Who is at the other end, as far as that is known.
    fn peer(&self) -> Peer;
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its address, or its proxy's.
    pub address: Option<SocketAddr>,
    /// How the connection is protected; nothing where it is not.
    pub tls: Option<TlsPeer>,
}

impl Stream for TcpStream {
    fn peer(&self) -> Peer {
        Peer { address: self.peer_addr().ok(), tls: None }
    }
}

impl Stream for TlsStream<TcpStream> {
    fn peer(&self) -> Peer {
        let (stream, session) = self.get_ref();
        Peer { tls: Some(TlsPeer::of(session)), ..stream.peer() }
    }
}

/// A pipe, where both ends are in this process.
impl Stream for DuplexStream {
    fn peer(&self) -> Peer {
        Peer::default()
    }
}

impl<S: Stream + ?Sized> Stream for Box<S> {
    fn peer(&self) -> Peer {
        (**self).peer()
    }
}
