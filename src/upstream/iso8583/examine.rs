//! A frame from the line, examined: how far it can be read in a dialect, and in which dialect it can be read whole.

use super::decode::{DecodeError, Readable, decode, decode_readable};
use super::dialect::{Binary, Dialect, Digits, Filler, LengthPrefix};
use super::framing::{FrameError, Framer, LengthHeader, MessageHeader, Tpdu};

/// The longest frame that is examined, bytes after the length header.
const FRAME_BYTES_MAX: usize = 0xFFFF;

/// What was found in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// What could be read of its message; nothing where the frame itself can't be.
    pub readable: Option<Readable>,
    /// Why reading stopped; nothing where the frame can be read whole.
    pub trouble: Option<Trouble>,
    /// What to change, so that it can: keys of the dialect and their values, as few as possible. Empty where nothing is
    /// wrong, or no change helps.
    pub remedy: Vec<(&'static str, String)>,
}

/// Where a frame stops making sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// At its header or its TPDU.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The length header is right for another number of bytes.
    #[error("the length header does not count the bytes that follow it: check the dialect's header")]
    Length,
    /// In its message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// Examines `frame`, with its length header and TPDU, as `dialect` has it.
pub fn examine(frame: &[u8], dialect: &Dialect) -> Examined {
    let (readable, trouble) = match message_of(frame, dialect.header, dialect.tpdu, dialect.message_header.as_ref()) {
        Err(trouble) => (None, Some(trouble)),
        Ok(message) => {
            let readable = decode_readable(&message, dialect);
            let trouble = readable.error.map(Trouble::Decode);
            (Some(readable), trouble)
        }
    };
    let remedy = if trouble.is_some() { remedy(frame, dialect) } else { Vec::new() };
    Examined { readable, trouble, remedy }
}

/// The message in a frame that is whole and alone.
fn message_of(
    frame: &[u8],
    header: LengthHeader,
    tpdu: Option<Tpdu>,
    message_header: Option<&MessageHeader>,
) -> Result<Vec<u8>, Trouble> {
    let mut framer = Framer::new(header, tpdu, FRAME_BYTES_MAX).with_message_header(message_header);
    match framer.receive(frame)?.as_slice() {
        [message] if !framer.is_inside_a_frame() => Ok(message.to_vec()),
        _ => Err(Trouble::Length),
    }
}

/// Tries every way of writing, and takes the one that differs least from `dialect` of those that read the frame whole.
fn remedy(frame: &[u8], dialect: &Dialect) -> Vec<(&'static str, String)> {
    let headers =
        LengthHeader::ALL.into_iter().flat_map(|header| [None, Some(tpdu_in(frame, header))].map(|t| (header, t)));
    let headers = headers.flat_map(|(header, tpdu)| {
        let before = header.size() + tpdu.map_or(0, |tpdu| tpdu.0.len());
        [None, message_header_in(frame, before, dialect)].map(|message_header| (header, tpdu, message_header))
    });
    let mut best: Option<Vec<(&'static str, String)>> = None;
    for (header, tpdu, message_header) in headers {
        let Ok(message) = message_of(frame, header, tpdu, message_header.as_ref()) else { continue };
        for written in ways_of_writing(dialect) {
            if decode(&message, &written).is_err() {
                continue;
            }
            let message_header = message_header.clone();
            let differences = differences(&Dialect { header, tpdu, message_header, ..written }, dialect);
            if best.as_ref().is_none_or(|best| differences.len() < best.len()) {
                best = Some(differences);
            }
        }
    }
    best.unwrap_or_default()
}

/// The five bytes after the header, as a TPDU.
fn tpdu_in(frame: &[u8], header: LengthHeader) -> Tpdu {
    Tpdu(std::array::from_fn(|index| frame.get(header.size() + index).copied().unwrap_or(0)))
}

/// The bytes at this place, as a message header: as long as the dialect has it, or else six, as is usual.
fn message_header_in(frame: &[u8], at: usize, dialect: &Dialect) -> Option<MessageHeader> {
    let length = dialect.message_header.as_ref().map_or(6, |header| header.as_bytes().len());
    frame.get(at..at + length).map(MessageHeader::from)
}

fn ways_of_writing(dialect: &Dialect) -> Vec<Dialect> {
    let mut ways = Vec::new();
    for mti in [Digits::Ascii, Digits::Bcd] {
        for bitmap in [Binary::Raw, Binary::Hex] {
            for numeric in [Digits::Ascii, Digits::Bcd] {
                for binary in [Binary::Raw, Binary::Hex] {
                    for length_prefix in [LengthPrefix::Ascii, LengthPrefix::Bcd, LengthPrefix::Binary] {
                        for filler in [Filler::LeftZero, Filler::RightZero, Filler::RightF] {
                            let mut way = dialect.clone();
                            (way.mti, way.bitmap, way.numeric) = (mti, bitmap, numeric);
                            (way.binary, way.length_prefix, way.filler) = (binary, length_prefix, filler);
                            ways.push(way);
                        }
                    }
                }
            }
        }
    }
    ways
}

/// The keys by which `found` differs from `dialect`, and its values. Of a TPDU and a message header it is compared only
/// whether there is one.
fn differences(found: &Dialect, dialect: &Dialect) -> Vec<(&'static str, String)> {
    let tpdu = |tpdu: Option<Tpdu>| tpdu.map_or("none".to_owned(), |tpdu| tpdu.to_string());
    let keys = [
        ("header", found.header.to_string(), dialect.header.to_string()),
        ("mti", found.mti.to_string(), dialect.mti.to_string()),
        ("bitmap", found.bitmap.to_string(), dialect.bitmap.to_string()),
        ("length_prefix", found.length_prefix.to_string(), dialect.length_prefix.to_string()),
        ("numeric", found.numeric.to_string(), dialect.numeric.to_string()),
        ("binary", found.binary.to_string(), dialect.binary.to_string()),
        ("filler", found.filler.to_string(), dialect.filler.to_string()),
    ];
    let mut differences: Vec<_> =
        keys.into_iter().filter(|(_, found, said)| found != said).map(|(key, found, _)| (key, found)).collect();
    if found.tpdu.is_some() != dialect.tpdu.is_some() {
        differences.push(("tpdu", tpdu(found.tpdu)));
    }
    if found.message_header.is_some() != dialect.message_header.is_some() {
        let header = found.message_header.as_ref().map_or("none".to_owned(), MessageHeader::to_string);
        differences.push(("message_header", header));
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::super::{Message, encode};
    use super::*;

    fn frame(dialect: &Dialect) -> Vec<u8> {
        let mut message = Message::new("0100".parse().unwrap());
        message.set(2, "4761739001010119").set(4, "000000001250").set(11, "000042").set(41, "TERM0001").set(49, "978");
        let body = encode(&message, dialect).unwrap();
        let framer = Framer::new(dialect.header, dialect.tpdu, 999);
        framer.with_message_header(dialect.message_header.as_ref()).frame(&body).unwrap().to_vec()
    }

    #[test]
    fn a_frame_of_the_dialect_has_no_trouble() {
        let examined = examine(&frame(&Dialect::bcd()), &Dialect::bcd());
        assert_eq!((examined.trouble, examined.remedy.len()), (None, 0));
        assert_eq!(examined.readable.unwrap().message.unwrap().text(41), Some("TERM0001"));
    }

    #[test]
    fn a_frame_of_another_dialect_is_read_as_far_as_it_goes_and_says_what_to_change() {
        let tpdu = Some(Tpdu([0x60, 0, 1, 0, 0]));
        for (sent, expected) in [
            (Dialect { header: LengthHeader::ASCII_4, ..Dialect::bcd() }, "header=4-ascii"),
            (Dialect { tpdu, ..Dialect::bcd() }, "tpdu=6000010000"),
            (
                Dialect { tpdu, message_header: "603100311305".to_owned().try_into().ok(), ..Dialect::bcd() },
                "tpdu=6000010000 message_header=603100311305",
            ),
            (Dialect { mti: Digits::Ascii, ..Dialect::bcd() }, "mti=ascii"),
            (Dialect { bitmap: Binary::Hex, ..Dialect::bcd() }, "bitmap=hex"),
            (Dialect::ascii_binary(), "mti=ascii length_prefix=ascii numeric=ascii"),
        ] {
            let examined = examine(&frame(&sent), &Dialect::bcd());
            assert!(examined.trouble.is_some(), "{expected}");
            let remedy: Vec<_> = examined.remedy.iter().map(|(key, value)| format!("{key}={value}")).collect();
            assert_eq!(remedy.join(" "), expected);
        }
    }

    #[test]
    fn a_frame_that_is_cut_is_read_up_to_there() {
        let mut cut = frame(&Dialect::bcd());
        cut.truncate(cut.len() - 5);
        cut[1] -= 5;
        let examined = examine(&cut, &Dialect::bcd());
        let message = examined.readable.unwrap().message.unwrap();
        assert_eq!((message.text(11), message.text(41)), (Some("000042"), None));
        assert!(examined.trouble.unwrap().to_string().contains("ends inside its field 41"));
        assert!(examined.remedy.is_empty());
    }

    #[test]
    fn bytes_that_are_no_frame_are_trouble_and_nothing_else() {
        for bytes in [&b""[..], b"0", b"\0\x05hi", b"garbage that nobody would send"] {
            assert!(examine(bytes, &Dialect::bcd()).trouble.is_some());
        }
    }
}
