//! Frames on a byte stream: a length header, perhaps a TPDU and a message header, and a message.

use std::fmt;

use serde::Deserialize;
use zeroize::{Zeroize, Zeroizing};

use crate::terminal::Hex;

/// The length header: how many bytes follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LengthHeader {
    size: usize,
    ascii: bool,
}

impl LengthHeader {
    /// `2-binary`: two bytes, a binary number.
    pub const BINARY_2: Self = Self { size: 2, ascii: false };
    /// `4-binary`: four bytes, a binary number.
    pub const BINARY_4: Self = Self { size: 4, ascii: false };
    /// `2-ascii`: two digits.
    pub const ASCII_2: Self = Self { size: 2, ascii: true };
    /// `4-ascii`: four digits.
    pub const ASCII_4: Self = Self { size: 4, ascii: true };

    /// Each, with its name in a dialect's file.
    const NAMES: [(Self, &'static str); 4] = [
        (Self::BINARY_2, "2-binary"),
        (Self::BINARY_4, "4-binary"),
        (Self::ASCII_2, "2-ascii"),
        (Self::ASCII_4, "4-ascii"),
    ];
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::BINARY_2, Self::BINARY_4, Self::ASCII_2, Self::ASCII_4];

    /// How many bytes it has.
    pub fn size(self) -> usize {
        self.size
    }

    fn base(self) -> u64 {
        if self.ascii { 10 } else { 256 }
    }

    fn write(self, length: usize) -> Result<Vec<u8>, FrameError> {
        let limit = self.base().pow(self.size as u32) - 1;
        if length as u64 > limit {
            return Err(FrameError::TooLong { length, limit: limit as usize });
        }
        let zero = if self.ascii { b'0' } else { 0 };
        let powers = (0..self.size as u32).rev().map(|power| self.base().pow(power));
        Ok(powers.map(|power| zero + (length as u64 / power % self.base()) as u8).collect())
    }

    fn read(self, header: &[u8]) -> Result<usize, FrameError> {
        header.iter().try_fold(0, |length, byte| {
            let digit = match (self.ascii, byte) {
                (true, b'0'..=b'9') => byte - b'0',
                (true, _) => return Err(FrameError::Header),
                (false, _) => *byte,
            };
            Ok(length * self.base() as usize + usize::from(digit))
        })
    }
}

impl TryFrom<String> for LengthHeader {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = Self::NAMES.iter().find(|(_, name)| *name == text).map(|(header, _)| *header);
        known.ok_or_else(|| format!("`{text}` is not a length header: 2-binary, 4-binary, 2-ascii and 4-ascii are"))
    }
}

impl fmt::Display for LengthHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(header, _)| header == self).map(|(_, name)| *name);
        f.write_str(name.expect("the table names every header"))
    }
}

/// A Transport Protocol Data Unit: an identifier, the destination's and the originator's address, 1, 2 and 2 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Tpdu(pub [u8; 5]);

impl TryFrom<String> for Tpdu {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let invalid = || format!("`{text}` is not a TPDU: ten hexadecimal digits are");
        if text.len() != 10 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        let value = u64::from_str_radix(&text, 16).map_err(|_| invalid())?;
        let [_, _, _, tpdu @ ..] = value.to_be_bytes();
        Ok(Self(tpdu))
    }
}

impl fmt::Display for Tpdu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

/// What some links have between TPDU and message, such as the kind and version of the terminal's application: 1 to 32
/// bytes. An answer has as many; what they say is not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MessageHeader(Vec<u8>);

impl MessageHeader {
    const LENGTH_MAX: usize = 32;

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<String> for MessageHeader {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes = text.parse::<Hex>().ok().map(|hex| hex.0);
        let bytes = bytes.filter(|bytes| (1..=Self::LENGTH_MAX).contains(&bytes.len()));
        bytes.map(Self).ok_or_else(|| {
            format!("`{text}` is not a message header: 1 to {} bytes in hexadecimal digits are", Self::LENGTH_MAX)
        })
    }
}

impl From<&[u8]> for MessageHeader {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl fmt::Display for MessageHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

/// A stream that can't be cut into frames. Nothing after it on the connection can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A header of digits holds something else.
    #[error("the length header is not made of digits: check the dialect's header")]
    Header,
    /// A frame is longer than what is allowed.
    #[error("a frame of {length} bytes, where at most {limit} are allowed: check the dialect's header")]
    TooLong {
        /// What the header says.
        length: usize,
        /// What is allowed.
        limit: usize,
    },
    /// A frame is too short for its TPDU and message header.
    #[error(
        "a frame of {0} bytes is too short for what comes before its message: check the dialect's TPDU and message_header"
    )]
    NoMessage(usize),
}

/// Writes frames, and cuts the bytes that arrive into frames. It holds no more than one frame of the allowed length,
/// and wipes what it held.
pub struct Framer {
    header: LengthHeader,
    /// The TPDU and the message header, as far as there are any.
    before_message: Vec<u8>,
    limit: usize,
    buffer: Vec<u8>,
}

impl Framer {
    /// A framer that accepts frames of up to `limit` bytes after the header.
    pub fn new(header: LengthHeader, tpdu: Option<Tpdu>, limit: usize) -> Self {
        let before_message = tpdu.map_or(Vec::new(), |tpdu| tpdu.0.to_vec());
        Self { header, before_message, limit, buffer: Vec::new() }
    }

    /// The same with a message header after the TPDU.
    pub fn with_message_header(mut self, header: Option<&MessageHeader>) -> Self {
        self.before_message.extend_from_slice(header.map_or(&[], MessageHeader::as_bytes));
        self
    }

    /// The frame that carries `message`.
    pub fn frame(&self, message: &[u8]) -> Result<Zeroizing<Vec<u8>>, FrameError> {
        let length = self.before_message.len() + message.len();
        if length > self.limit {
            return Err(FrameError::TooLong { length, limit: self.limit });
        }
        let mut frame = Zeroizing::new(Vec::with_capacity(self.header.size + length));
        frame.extend_from_slice(&self.header.write(length)?);
        frame.extend_from_slice(&self.before_message);
        frame.extend_from_slice(message);
        Ok(frame)
    }

    /// Takes bytes that arrived; returns the messages they complete.
    ///
    /// After an error the stream has lost its frames: close it, and [`reset`](Self::reset).
    pub fn receive(&mut self, mut bytes: &[u8]) -> Result<Vec<Zeroizing<Vec<u8>>>, FrameError> {
        let mut messages = Vec::new();
        loop {
            let wanted = self.wanted()?;
            let take = bytes.len().min(wanted);
            self.extend(&bytes[..take]);
            bytes = &bytes[take..];
            if take < wanted {
                return Ok(messages);
            }
            if self.buffer.len() >= self.header.size && self.wanted()? == 0 {
                messages.push(self.take_message()?);
            }
        }
    }

    /// Whether a frame has begun and not ended.
    pub fn is_inside_a_frame(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Forgets what was received: a new connection begins.
    pub fn reset(&mut self) {
        self.buffer.zeroize();
    }

    /// How many bytes are missing to the end of the header, or of the frame where the header is known.
    fn wanted(&self) -> Result<usize, FrameError> {
        let size = self.header.size;
        if self.buffer.len() < size {
            return Ok(size - self.buffer.len());
        }
        let length = self.header.read(&self.buffer[..size])?;
        if length > self.limit {
            return Err(FrameError::TooLong { length, limit: self.limit });
        }
        Ok(size + length - self.buffer.len())
    }

    /// Appends to the buffer; where it must grow, the old room is wiped before it is given back.
    fn extend(&mut self, bytes: &[u8]) {
        if self.buffer.capacity() < self.buffer.len() + bytes.len() {
            let mut larger = Vec::with_capacity(2 * (self.buffer.len() + bytes.len()));
            larger.extend_from_slice(&self.buffer);
            self.buffer.zeroize();
            self.buffer = larger;
        }
        self.buffer.extend_from_slice(bytes);
    }

    fn take_message(&mut self) -> Result<Zeroizing<Vec<u8>>, FrameError> {
        let start = self.header.size + self.before_message.len();
        let message = self.buffer.get(start..).map(|message| Zeroizing::new(message.to_vec()));
        let length = self.buffer.len() - self.header.size;
        self.buffer.zeroize();
        message.ok_or(FrameError::NoMessage(length))
    }
}

impl Drop for Framer {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

impl fmt::Debug for Framer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Framer({:?}, {} bytes)", self.header, self.buffer.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADERS: [LengthHeader; 4] = LengthHeader::ALL;

    fn messages(received: Vec<Zeroizing<Vec<u8>>>) -> Vec<Vec<u8>> {
        received.iter().map(|message| message.to_vec()).collect()
    }

    #[test]
    fn a_header_counts_what_follows_it() {
        let frame =
            |header: LengthHeader| Framer::new(header, None, 99).frame(&[7; 12]).unwrap()[..header.size].to_vec();
        assert_eq!(HEADERS.map(frame), [vec![0, 12], vec![0, 0, 0, 12], b"12".to_vec(), b"0012".to_vec()]);
        let tpdu = Tpdu([0x60, 0, 1, 0, 2]);
        let frame = Framer::new(LengthHeader::BINARY_2, Some(tpdu), 99).frame(&[7, 8]).unwrap();
        assert_eq!(frame.as_slice(), [0, 7, 0x60, 0, 1, 0, 2, 7, 8]);
    }

    #[test]
    fn a_message_that_the_header_cannot_count_is_not_framed() {
        let framer = Framer::new(LengthHeader::ASCII_2, None, 1000);
        assert_eq!(framer.frame(&[0; 100]), Err(FrameError::TooLong { length: 100, limit: 99 }));
    }

    #[test]
    fn a_frame_of_65538_bytes_is_refused_at_its_header() {
        let mut framer = Framer::new(LengthHeader::BINARY_4, None, 8192);
        let refused = Err(FrameError::TooLong { length: 65_538, limit: 8192 });
        assert_eq!(framer.receive(&[0, 1, 0]), Ok(vec![]));
        assert_eq!(framer.receive(&[2]), refused);
        assert_eq!(framer.receive(&[0; 100]), refused, "the stream stays refused until it is reset");
        framer.reset();
        assert_eq!(framer.receive(&[0, 0, 0, 1, 9]).map(messages), Ok(vec![vec![9]]));
    }

    #[test]
    fn a_header_that_is_not_digits_and_a_frame_without_room_for_its_tpdu_are_refused() {
        assert_eq!(Framer::new(LengthHeader::ASCII_4, None, 99).receive(b"00-1"), Err(FrameError::Header));
        let mut framer = Framer::new(LengthHeader::BINARY_2, Some(Tpdu([0x60, 0, 0, 0, 0])), 99);
        assert_eq!(framer.receive(&[0, 4, 1, 2, 3, 4]), Err(FrameError::NoMessage(4)));
        let header = MessageHeader::try_from("603100311305".to_owned()).unwrap();
        let mut framer = Framer::new(LengthHeader::BINARY_2, None, 99).with_message_header(Some(&header));
        assert_eq!(framer.frame(b"hi").unwrap().as_slice(), b"\0\x08\x60\x31\x00\x31\x13\x05hi");
        let other = b"\0\x08\x61\0\0\0\0\x01hi";
        assert_eq!(framer.receive(other).map(messages), Ok(vec![b"hi".to_vec()]), "whatever the host's header says");
        assert_eq!(framer.receive(&[0, 5, 1, 2, 3, 4, 5]), Err(FrameError::NoMessage(5)));
        for text in ["", "603", "60310031130g", &"00".repeat(33)] {
            assert!(MessageHeader::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_header_that_promises_too_much_leaves_the_framer_inside_a_frame() {
        let mut framer = Framer::new(LengthHeader::BINARY_2, None, 99);
        assert_eq!(framer.receive(&[0, 9, 1, 2, 3]), Ok(vec![]));
        assert!(framer.is_inside_a_frame());
        framer.reset();
        assert!(!framer.is_inside_a_frame());
    }

    proptest! {
        #[test]
        fn frames_survive_however_the_stream_is_cut(
            header in prop::sample::select(HEADERS.to_vec()),
            tpdu in prop::option::of(any::<[u8; 5]>()),
            sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90), 0..6),
            cut in 1usize..40,
        ) {
            let mut framer = Framer::new(header, tpdu.map(Tpdu), 99);
            let frames = sent.iter().map(|message| framer.frame(message).unwrap());
            let stream: Vec<u8> = frames.flat_map(|frame| frame.to_vec()).collect();
            let pieces = stream.chunks(cut).map(|piece| framer.receive(piece).map(messages).unwrap());
            prop_assert_eq!(pieces.flatten().collect::<Vec<_>>(), sent);
            prop_assert!(!framer.is_inside_a_frame());
        }

        #[test]
        fn arbitrary_bytes_never_hold_more_than_one_frame(
            header in prop::sample::select(HEADERS.to_vec()),
            bytes in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            let mut framer = Framer::new(header, None, 64);
            let _ = framer.receive(&bytes);
            prop_assert!(framer.buffer.len() <= header.size + 64);
        }
    }
}
