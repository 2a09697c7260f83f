//! A connection to the acquirer, in clear or over TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::{ServerConfig, ServerConnection};

use super::lock;

/// One connection. Its copies are the same: one thread reads, and any may write.
#[derive(Clone)]
pub(super) struct Line {
    stream: Arc<TcpStream>,
    session: Option<Arc<Mutex<ServerConnection>>>,
}

impl Line {
    /// A connection that was accepted. The handshake goes on with the first that is read.
    pub(super) fn new(stream: TcpStream, tls: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let session = tls.map(|config| ServerConnection::new(config.clone())).transpose().map_err(io::Error::other)?;
        Ok(Line { stream: Arc::new(stream), session: session.map(|session| Arc::new(Mutex::new(session))) })
    }

    /// Sends it all.
    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let Some(session) = &self.session else { return (&*self.stream).write_all(bytes) };
        let mut session = lock(session);
        session.writer().write_all(bytes)?;
        flush(&mut session, &self.stream)
    }

    /// Closes it. One that the other side has closed already needs no closing.
    pub(super) fn close(&self) {
        if let Some(session) = &self.session {
            let mut session = lock(session);
            session.send_close_notify();
            let _ = flush(&mut session, &self.stream);
        }
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Reads what comes next; 0 bytes are the end.
impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(session) = &self.session else { return (&*self.stream).read(buffer) };
        loop {
            match lock(session).reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            // Nobody is kept from writing while this thread waits.
            let mut arrived = [0; 4096];
            let bytes = (&*self.stream).read(&mut arrived)?;
            let mut session = lock(session);
            let mut arrived = &arrived[..bytes];
            loop {
                session.read_tls(&mut arrived)?;
                let processed = session.process_new_packets();
                // What is wrong is told the other side as well.
                flush(&mut session, &self.stream)?;
                processed.map_err(io::Error::other)?;
                if arrived.is_empty() {
                    break;
                }
            }
        }
    }
}

fn flush(session: &mut ServerConnection, mut stream: &TcpStream) -> io::Result<()> {
    while session.wants_write() {
        session.write_tls(&mut stream)?;
    }
    Ok(())
}
