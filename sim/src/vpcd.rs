//! A card in a virtual PC/SC reader: the card's side of the protocol of vsmartcard's vpcd.
//!
//! The reader driver listens; a card is in the field as long as it is connected. Each message is a
//! length of two bytes, big-endian, and so many bytes: a command APDU, or a single byte that switches
//! the field or asks for the ATR.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};

use socket2::SockRef;

use crate::card::{Answer, Card};

/// The port of the first reader; the next has the port above.
pub const PORT: u16 = 35963;

/// How a card left the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// The card went: it was torn off, or [`Slot::remove`] took it away.
    Card,
    /// The reader went: pcscd was stopped.
    Reader,
}

/// Presents a card to the reader that listens at `address`, until one of the two goes.
///
/// # Errors
/// What the network says where the reader can't be reached.
pub fn present(card: &mut Card, address: SocketAddr) -> io::Result<Departure> {
    serve(card, &connect(address)?)
}

/// A place at a reader, into which a test puts cards and out of which it pulls them.
#[derive(Debug)]
pub struct Slot {
    address: SocketAddr,
    inserted: Option<Inserted>,
}

#[derive(Debug)]
struct Inserted {
    stream: TcpStream,
    thread: JoinHandle<Card>,
}

impl Slot {
    /// The place at the reader that listens at `address`; no card is in it.
    pub fn new(address: SocketAddr) -> Self {
        Slot { address, inserted: None }
    }

    /// Puts a card into the field, in place of the one that was there. It answers from a thread of
    /// its own until it is removed, torn off, or the reader goes.
    ///
    /// # Errors
    /// What the network says where the reader can't be reached.
    pub fn insert(&mut self, mut card: Card) -> io::Result<()> {
        self.remove();
        let stream = connect(self.address)?;
        let link = stream.try_clone()?;
        let thread = thread::spawn(move || {
            // However the link ends, the card is out of the field, and that is all there is to it.
            let _ = serve(&mut card, &link);
            card
        });
        self.inserted = Some(Inserted { stream, thread });
        Ok(())
    }

    /// Whether there is a card in the field. One that was torn off, or whose reader went, is not.
    pub fn is_occupied(&self) -> bool {
        self.inserted.as_ref().is_some_and(|inserted| !inserted.thread.is_finished())
    }

    /// Takes the card out of the field, in the middle of a command if need be, and gives it back;
    /// nothing where there is none.
    pub fn remove(&mut self) -> Option<Card> {
        let Inserted { stream, thread } = self.inserted.take()?;
        // The reader may have gone first.
        let _ = stream.shutdown(Shutdown::Both);
        Some(thread.join().expect("a card answers any command"))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.remove();
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Switches the field off.
const POWER_OFF: u8 = 0;
/// Switches it on.
const POWER_ON: u8 = 1;
/// Off and on.
const RESET: u8 = 2;
/// Asks for the ATR. The other three have no answer.
const GET_ATR: u8 = 4;

fn serve(card: &mut Card, stream: &TcpStream) -> io::Result<Departure> {
    card.reset();
    while let Some(message) = receive(stream)? {
        match *message {
            [POWER_OFF | POWER_ON | RESET] => card.reset(),
            [GET_ATR] => send(stream, &Card::ATR)?,
            _ => {
                let Answer { response, delay } = card.transmit(&message);
                thread::sleep(delay);
                match response {
                    Some(response) => send(stream, &response)?,
                    None => {
                        stream.shutdown(Shutdown::Both)?;
                        return Ok(Departure::Card);
                    }
                }
            }
        }
    }
    Ok(Departure::Reader)
}

/// The next message; nothing where the reader closed the link between two.
///
/// The reader writes length and bytes in two segments and holds the second back until the first is
/// acknowledged: without an immediate acknowledgement each command costs 40 ms. The kernel forgets
/// the option, so it is set for each message.
fn receive(mut stream: &TcpStream) -> io::Result<Option<Vec<u8>>> {
    SockRef::from(stream).set_tcp_quickack(true)?;
    let mut length = [0; 2];
    match stream.read_exact(&mut length) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    Ok(Some(message))
}

fn send(mut stream: &TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).expect("a response of the short form has 258 bytes at most");
    stream.write_all(&[&length.to_be_bytes(), message].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Personality;
    use std::net::TcpListener;
    use std::num::NonZeroU32;

    /// The reader's side.
    struct Reader(TcpListener);

    impl Reader {
        fn new() -> Self {
            Reader(TcpListener::bind("127.0.0.1:0").unwrap())
        }

        fn slot(&self) -> Slot {
            Slot::new(self.0.local_addr().unwrap())
        }

        fn card(&self) -> TcpStream {
            self.0.accept().unwrap().0
        }
    }

    fn card(torn_at: Option<u32>) -> Card {
        let mut personality = Personality::built_in("visa-online").unwrap();
        personality.torn_at = torn_at.map(|number| NonZeroU32::new(number).unwrap());
        Card::new(&personality)
    }

    /// SELECT of an application that no card has.
    const SELECT: [u8; 10] = [0x00, 0xA4, 0x04, 0x00, 0x05, 0xA0, 0x00, 0x00, 0x99, 0x99];

    fn exchange(stream: &TcpStream, message: &[u8]) -> Option<Vec<u8>> {
        send(stream, message).unwrap();
        receive(stream).unwrap()
    }

    #[test]
    fn a_card_gives_its_atr_and_answers_commands() {
        let reader = Reader::new();
        let mut slot = reader.slot();
        slot.insert(card(None)).unwrap();
        let stream = reader.card();
        send(&stream, &[POWER_ON]).unwrap();
        assert_eq!(exchange(&stream, &[GET_ATR]), Some(Card::ATR.to_vec()));
        assert_eq!(exchange(&stream, &SELECT), Some(vec![0x6A, 0x82]));
    }

    #[test]
    fn a_card_that_is_removed_is_gone_and_can_be_inserted_again() {
        let reader = Reader::new();
        let mut slot = reader.slot();
        slot.insert(card(None)).unwrap();
        let stream = reader.card();
        let card = slot.remove().expect("it was inserted");
        assert_eq!(receive(&stream).unwrap(), None);
        assert!(slot.remove().is_none());
        slot.insert(card).unwrap();
        assert_eq!(exchange(&reader.card(), &SELECT), Some(vec![0x6A, 0x82]));
    }

    #[test]
    fn a_torn_card_closes_the_link_in_place_of_its_answer() {
        let reader = Reader::new();
        let address = reader.0.local_addr().unwrap();
        let presented = thread::spawn(move || present(&mut card(Some(2)), address).unwrap());
        let stream = reader.card();
        assert!(exchange(&stream, &SELECT).is_some());
        assert_eq!(exchange(&stream, &SELECT), None);
        assert_eq!(presented.join().unwrap(), Departure::Card);
    }

    #[test]
    fn a_reader_that_goes_is_told_from_a_card_that_goes() {
        let reader = Reader::new();
        let address = reader.0.local_addr().unwrap();
        let presented = thread::spawn(move || present(&mut card(None), address).unwrap());
        drop(reader.card());
        assert_eq!(presented.join().unwrap(), Departure::Reader);
    }
}
