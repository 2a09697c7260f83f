//! The way to the host: a stream that a hostile network carries, and the acquirer's desk at its other end.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tender_sim::acquirer::Desk;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

use crate::people::lock;
use crate::random::Random;
use crate::trouble::{Trouble, Troubles};

/// What the example configuration calls the terminal.
const TERMINAL: &[u8] = b"TERM0001";

/// The network of one life of the terminal.
pub(crate) struct Network {
    pub(crate) desk: Arc<Desk>,
    pub(crate) troubles: Troubles,
    pub(crate) random: Mutex<Random>,
}

/// What comes back over a line.
enum Back {
    Bytes(Vec<u8>),
    Break,
}

impl Network {
    fn happens(&self, trouble: fn(&Trouble) -> usize) -> bool {
        lock(&self.random).percent(trouble(&self.troubles.now()))
    }

    fn milliseconds(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(lock(&self.random).between(least, most))
    }

    /// A line to the desk.
    pub(crate) async fn connect(self: Arc<Self>) -> io::Result<DuplexStream> {
        tokio::time::sleep(self.milliseconds(1, 80)).await;
        if self.happens(|trouble| trouble.no_connection) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (terminals, hosts) = duplex(1 << 16);
        tokio::spawn(self.carry(hosts));
        Ok(terminals)
    }

    /// Brings what the terminal writes to the desk, and the answers back, each in its own time.
    async fn carry(self: Arc<Self>, mut line: DuplexStream) {
        let (back, mut answers) = mpsc::unbounded_channel();
        let (mut stream, mut buffer) = (Vec::new(), [0; 2048]);
        loop {
            tokio::select! {
                biased;
                read = line.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => return,
                    Ok(bytes) => {
                        stream.extend_from_slice(&buffer[..bytes]);
                        while let Some(frame) = self.desk.take_frame(&mut stream) {
                            tokio::spawn(self.clone().deliver(frame, back.clone()));
                        }
                    }
                },
                Some(answer) = answers.recv() => match answer {
                    // The terminal may have closed the line meanwhile.
                    Back::Bytes(bytes) => drop(line.write_all(&bytes).await),
                    Back::Break => return,
                },
            }
        }
    }

    /// An answer with a bit that is changed behind its length header: any, or one of the response code, which stands
    /// before the terminal's name.
    fn forged(&self, mut answer: Vec<u8>) -> Vec<u8> {
        let mut random = lock(&self.random);
        let name = answer.windows(TERMINAL.len()).position(|bytes| bytes == TERMINAL);
        let index = match name {
            Some(name) if random.percent(50) => name - 1,
            _ => random.between(2, answer.len() as u64 - 1) as usize,
        };
        answer[index] ^= 0x01;
        answer
    }

    async fn deliver(self: Arc<Self>, frame: Vec<u8>, back: mpsc::UnboundedSender<Back>) {
        tokio::time::sleep(self.milliseconds(1, 50)).await;
        if self.happens(|trouble| trouble.request_lost) {
            return;
        }
        let Some(answer) = self.desk.answer(&frame) else { return };
        if self.happens(|trouble| trouble.answer_lost) {
            return;
        }
        let late = self.happens(|trouble| trouble.answer_late);
        let delay = if late { self.milliseconds(500, 60_000) } else { self.milliseconds(1, 300) };
        tokio::time::sleep(delay).await;
        if self.happens(|trouble| trouble.line_broken) {
            // Nobody may be there to hear it.
            let _ = back.send(Back::Break);
            return;
        }
        let answer = if self.happens(|trouble| trouble.answer_malformed) { vec![0, 1, 0xFF] } else { answer };
        let answer = if self.happens(|trouble| trouble.answer_forged) { self.forged(answer) } else { answer };
        if self.happens(|trouble| trouble.answer_doubled) {
            let _ = back.send(Back::Bytes(answer.clone()));
        }
        let _ = back.send(Back::Bytes(answer));
    }
}
