//! The acquirer's own reading of ISO 8583:1987 and 1993, apart from the daemon's, so that each checks the other.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::str::FromStr;
use std::sync::OnceLock;

/// How a link writes its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireFormat {
    /// Digits two in a byte: message type, numeric fields, tracks, lengths.
    packed: bool,
    /// Bitmap and binary fields in hexadecimal characters.
    hex: bool,
    /// Bytes of the length header.
    header: usize,
    /// The length header in ASCII digits.
    header_digits: bool,
    /// Whether five bytes of TPDU come before each message.
    tpdu: bool,
    /// Whether messages are those of 1993.
    pub(super) is_1993: bool,
    /// Whether messages are those of UnionPay's terminals: with a TPDU and a message header, and digits of variable length
    /// at the left.
    pub(super) is_union_pay: bool,
}

impl WireFormat {
    /// The longest message that is taken, bytes.
    const MAX_FRAME: usize = 0xFFFF;

    /// How many bytes come between TPDU and message, where there is a message header.
    const MESSAGE_HEADER: usize = 6;

    /// The format with this name: `ascii`, `ascii-binary` or `bcd`, `iso-1993` or `union-pay`; with a binary length header
    /// of two bytes.
    pub fn named(name: &str) -> Option<Self> {
        let (packed, hex) = match name {
            "ascii" => (false, true),
            "ascii-binary" | "iso-1993" => (false, false),
            "bcd" | "union-pay" => (true, false),
            _ => return None,
        };
        let (is_1993, is_union_pay) = (name == "iso-1993", name == "union-pay");
        Some(Self { packed, hex, header: 2, header_digits: false, tpdu: is_union_pay, is_1993, is_union_pay })
    }

    /// The same with another length header: `2-binary`, `4-binary`, `2-ascii` or `4-ascii`.
    pub fn with_header(self, name: &str) -> Option<Self> {
        let (header, header_digits) = match name {
            "2-binary" => (2, false),
            "4-binary" => (4, false),
            "2-ascii" => (2, true),
            "4-ascii" => (4, true),
            _ => return None,
        };
        Some(Self { header, header_digits, ..self })
    }

    /// The same with a TPDU before each message.
    pub fn with_tpdu(self) -> Self {
        Self { tpdu: true, ..self }
    }

    /// The response code for a message whose MAC is wrong.
    pub(super) fn mac_wrong(&self) -> &'static str {
        if self.is_union_pay { "A0" } else { "63" }
    }

    /// What comes before the message in a frame.
    pub(super) fn before_message(&self) -> usize {
        let header = if self.is_union_pay { Self::MESSAGE_HEADER } else { 0 };
        header + if self.tpdu { 5 } else { 0 }
    }

    /// Reads one frame; nothing at the end of the stream.
    pub(super) fn read_frame(&self, stream: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
        let mut header = [0; 4];
        let header = &mut header[..self.header];
        match stream.read_exact(header) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            result => result?,
        }
        let length = if self.header_digits {
            std::str::from_utf8(header).ok().and_then(|digits| digits.parse().ok())
        } else {
            Some(header.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
        };
        let length = length.filter(|length| *length <= Self::MAX_FRAME).ok_or(io::ErrorKind::InvalidData)?;
        let mut frame = vec![0; length];
        stream.read_exact(&mut frame)?;
        Ok(Some(frame))
    }

    /// The frame that carries these bytes.
    pub(super) fn frame(&self, body: &[u8]) -> Vec<u8> {
        let mut frame = if self.header_digits {
            format!("{:0width$}", body.len(), width = self.header).into_bytes()
        } else {
            (body.len() as u32).to_be_bytes()[4 - self.header..].to_vec()
        };
        frame.extend_from_slice(body);
        frame
    }

    /// What a binary field of so many bytes takes on the wire.
    pub(super) fn binary_size(&self, bytes: usize) -> usize {
        if self.hex { 2 * bytes } else { bytes }
    }

    /// What a field takes on the wire: bytes for so many characters, or bytes of a binary field.
    fn size(&self, kind: Kind, count: usize) -> usize {
        match kind {
            Kind::Digits | Kind::Track if self.packed => count.div_ceil(2),
            _ => count,
        }
    }
}

/// A message: the type, and the fields by number. A binary field is its bytes, any other its characters.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// With it, the TPDU it came with, or goes with.
    pub(super) tpdu: Option<[u8; 5]>,
    pub(super) mti: String,
    pub(super) fields: BTreeMap<u8, Vec<u8>>,
}

impl Message {
    /// The characters of a field, without the spaces after them.
    pub(super) fn text(&self, number: u8) -> Option<&str> {
        self.fields.get(&number).and_then(|value| std::str::from_utf8(value).ok()).map(str::trim_end)
    }

    pub(super) fn number(&self, number: u8) -> Option<u64> {
        self.text(number)?.parse().ok()
    }

    pub(super) fn set(&mut self, number: u8, value: impl Into<Vec<u8>>) {
        self.fields.insert(number, value.into());
    }

    /// An answer with these fields of the request. The TPDU goes back with its addresses exchanged.
    pub(super) fn answer(&self, echoed: &[u8]) -> Self {
        // A request is answered by the function after it, a repeat as its first: 0110 for 0101, 0230 for 0221.
        let mut mti = self.mti.clone().into_bytes();
        mti[2] |= 1;
        mti[3] &= !1;
        let fields = echoed.iter().filter_map(|number| Some((*number, self.fields.get(number)?.clone())));
        Self {
            tpdu: self.tpdu.map(|[id, d1, d2, s1, s2]| [id, s1, s2, d1, d2]),
            mti: String::from_utf8(mti).expect("a message type is digits"),
            fields: fields.collect(),
        }
    }

    pub(super) fn decode(frame: &[u8], format: &WireFormat) -> Option<Self> {
        let mut rest = frame;
        let tpdu = if format.tpdu { Some(take(&mut rest, 5)?.try_into().ok()?) } else { None };
        if format.is_union_pay {
            take(&mut rest, WireFormat::MESSAGE_HEADER)?;
        }
        let mti = characters(&mut rest, Kind::Digits, 4, false, format)?;
        let mut bitmap = binary(&mut rest, 8, format)?;
        if bitmap[0] & 0x80 != 0 {
            bitmap.extend(binary(&mut rest, 8, format)?);
        }
        let mut fields = BTreeMap::new();
        for number in 2..=8 * bitmap.len() {
            if bitmap[(number - 1) / 8] >> (7 - (number - 1) % 8) & 1 == 1 {
                let field = format.layout(number as u8)?;
                let length = match field.prefix {
                    0 => field.length,
                    prefix => String::from_utf8(characters(&mut rest, Kind::Digits, prefix, false, format)?)
                        .ok()?
                        .parse()
                        .ok()?,
                };
                let value = match field.kind {
                    Kind::Binary if format.hex && field.prefix > 0 => binary(&mut rest, length / 2, format)?,
                    Kind::Binary => binary(&mut rest, length, format)?,
                    kind => characters(&mut rest, kind, length, format.is_union_pay && field.prefix > 0, format)?,
                };
                fields.insert(number as u8, value);
            }
        }
        rest.is_empty().then_some(Self { tpdu, mti: String::from_utf8(mti).ok()?, fields })
    }

    /// The bytes of a message whose values fit their fields: the acquirer's own do.
    pub(super) fn encode(&self, format: &WireFormat) -> Vec<u8> {
        let mut bytes = self.tpdu.map_or(Vec::new(), |tpdu| tpdu.to_vec());
        bytes.resize(format.before_message(), 0);
        put_characters(&mut bytes, Kind::Digits, self.mti.as_bytes(), false, format);
        let mut bitmap = 0u128;
        for number in self.fields.keys() {
            bitmap |= 1 << (128 - number);
        }
        let is_extended = bitmap as u64 != 0;
        bitmap |= if is_extended { 1 << 127 } else { 0 };
        put_binary(&mut bytes, &bitmap.to_be_bytes()[..if is_extended { 16 } else { 8 }], format);
        for (number, value) in &self.fields {
            let field = format.layout(*number).expect("the acquirer sets fields that it knows");
            if field.prefix > 0 {
                let length = if field.kind == Kind::Binary && format.hex { 2 * value.len() } else { value.len() };
                let prefix = format!("{length:0width$}", width = field.prefix);
                put_characters(&mut bytes, Kind::Digits, prefix.as_bytes(), false, format);
            }
            match field.kind {
                Kind::Binary => put_binary(&mut bytes, value, format),
                kind => {
                    put_characters(&mut bytes, kind, value, format.is_union_pay && field.prefix > 0, format);
                }
            }
        }
        bytes
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Digits,
    Track,
    Text,
    Binary,
}

#[derive(Debug, Clone, Copy)]
struct Layout {
    kind: Kind,
    /// Digits of the length prefix; none for a fixed field.
    prefix: usize,
    /// The length of a fixed field.
    length: usize,
}

/// The fields that the acquirer knows, in the standard's notation; two and three dots stand for LLVAR and LLLVAR.
const LAYOUTS: &str = "
    2 n..19  3 n6     4 n12    7 n10    11 n6   12 n6    13 n4    14 n4    18 n4    19 n3
    22 n3    23 n3    24 n3    25 n2    26 n2   32 n..11 33 n..11 35 z..37 37 an12  38 an6
    39 an2   41 ans8  42 ans15 43 ans40 44 ans..25       48 ans...999      49 n3    52 b8
    53 n16   54 an...120       55 b...999       60 ans...999      61 ans...999
    62 ans...999      63 ans...999      64 b8   70 n3    90 n42   95 an42  128 b8
";

/// What of that is otherwise in ISO 8583:1993.
const LAYOUTS_1993: &str = "
    12 n12  22 an12  25 n4  26 n4  39 n3  43 ans..99  44 ans..99  55 b...255  56 n..35
";

/// What of it is otherwise with UnionPay's terminals.
const LAYOUTS_UNION_PAY: &str = "
    22 n4  48 n...322  49 an3  60 n...17  61 n...29  62 b...512  63 ans...163
";

fn layouts(text: &str) -> BTreeMap<u8, Layout> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let pairs = words.chunks_exact(2).map(|pair| (pair[0].parse(), pair[1].parse()));
    pairs.map(|pair| (pair.0.expect("the table has numbers"), pair.1.expect("the table has layouts"))).collect()
}

impl WireFormat {
    fn layout(&self, number: u8) -> Option<Layout> {
        static OF_1987: OnceLock<BTreeMap<u8, Layout>> = OnceLock::new();
        static OF_1993: OnceLock<BTreeMap<u8, Layout>> = OnceLock::new();
        static OF_UNION_PAY: OnceLock<BTreeMap<u8, Layout>> = OnceLock::new();
        let changed = match (self.is_1993, self.is_union_pay) {
            (true, _) => OF_1993.get_or_init(|| layouts(LAYOUTS_1993)).get(&number),
            (false, true) => OF_UNION_PAY.get_or_init(|| layouts(LAYOUTS_UNION_PAY)).get(&number),
            (false, false) => None,
        };
        changed.or_else(|| OF_1987.get_or_init(|| layouts(LAYOUTS)).get(&number)).copied()
    }
}

impl FromStr for Layout {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let length = text.trim_start_matches(|c: char| !c.is_ascii_digit());
        let kind = match text.chars().next() {
            Some('n') => Kind::Digits,
            Some('z') => Kind::Track,
            Some('a') => Kind::Text,
            Some('b') => Kind::Binary,
            _ => return Err(()),
        };
        Ok(Self { kind, prefix: text.matches('.').count(), length: length.parse().map_err(|_| ())? })
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

/// Characters; packed ones of an odd count have a nibble too many, at the left or at the right.
fn characters(rest: &mut &[u8], kind: Kind, count: usize, begin_at_left: bool, format: &WireFormat) -> Option<Vec<u8>> {
    let bytes = take(rest, format.size(kind, count))?;
    if bytes.len() == count && !(format.packed && matches!(kind, Kind::Digits | Kind::Track)) {
        return Some(bytes.to_vec());
    }
    // `D` is the separator of a track.
    let skip = if begin_at_left { 0 } else { count % 2 };
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]).skip(skip);
    nibbles.take(count).map(|nibble| (nibble <= 9 || kind == Kind::Track).then_some(b'0' + nibble)).collect()
}

fn put_characters(bytes: &mut Vec<u8>, kind: Kind, text: &[u8], begin_at_left: bool, format: &WireFormat) {
    if !(format.packed && matches!(kind, Kind::Digits | Kind::Track)) {
        return bytes.extend_from_slice(text);
    }
    let mut nibbles: Vec<u8> = text.iter().map(|character| character & 0x0F).collect();
    if nibbles.len() % 2 == 1 {
        nibbles.insert(if begin_at_left { nibbles.len() } else { 0 }, 0);
    }
    bytes.extend(nibbles.chunks(2).map(|pair| pair[0] << 4 | pair[1]));
}

fn binary(rest: &mut &[u8], count: usize, format: &WireFormat) -> Option<Vec<u8>> {
    if !format.hex {
        return Some(take(rest, count)?.to_vec());
    }
    crate::hex::decode(std::str::from_utf8(take(rest, 2 * count)?).ok()?)
}

fn put_binary(bytes: &mut Vec<u8>, value: &[u8], format: &WireFormat) {
    if format.hex {
        bytes.extend(value.iter().flat_map(|byte| format!("{byte:02X}").into_bytes()));
    } else {
        bytes.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(fields: &[(u8, &[u8])]) -> Message {
        let fields = fields.iter().map(|(number, value)| (*number, value.to_vec())).collect();
        Message { tpdu: None, mti: "0100".to_owned(), fields }
    }

    #[test]
    fn a_message_comes_back_as_it_was_sent_in_each_format() {
        let mut message = message(&[
            (2, b"4761739001010119"),
            (4, b"000000001250"),
            (35, b"4761739001010119=3012201123450"),
            (39, b"00"),
            (41, b"TERM0001"),
            (55, &[0x9F, 0x36, 0x02, 0x00, 0x01]),
            (90, &[b'7'; 42]),
        ]);
        for name in ["ascii", "ascii-binary", "bcd"] {
            let format = WireFormat::named(name).unwrap();
            assert!(Message::decode(&message.encode(&format), &format).unwrap() == message, "{name}");
        }
        let format = WireFormat::named("bcd").unwrap().with_tpdu();
        message.tpdu = Some([0x60, 0, 1, 0, 2]);
        assert!(Message::decode(&message.encode(&format), &format).unwrap() == message);
        assert_eq!(message.answer(&[]).tpdu, Some([0x60, 0, 2, 0, 1]));
    }

    #[test]
    fn a_message_that_is_cut_or_has_too_much_is_none() {
        let format = WireFormat::named("bcd").unwrap();
        let bytes = message(&[(4, b"000000001250"), (55, &[1, 2, 3])]).encode(&format);
        assert!((0..bytes.len()).all(|end| Message::decode(&bytes[..end], &format).is_none()));
        assert!(Message::decode(&[bytes, vec![0]].concat(), &format).is_none());
    }

    #[test]
    fn a_request_and_its_repeat_have_the_same_answer() {
        let mut request = message(&[]);
        for (mti, answer) in [("0100", "0110"), ("0200", "0210"), ("0400", "0410"), ("0401", "0410"), ("0800", "0810")]
        {
            request.mti = mti.to_owned();
            assert_eq!(request.answer(&[]).mti, answer);
        }
    }

    #[test]
    fn frames_are_read_by_their_header() {
        for (header, expected) in
            [("2-binary", &b"\0\x02hi"[..]), ("4-binary", b"\0\0\0\x02hi"), ("4-ascii", b"0002hi")]
        {
            let format = WireFormat::named("bcd").unwrap().with_header(header).unwrap();
            assert_eq!(format.frame(b"hi"), expected);
            assert_eq!(format.read_frame(&mut &expected[..]).unwrap(), Some(b"hi".to_vec()));
        }
        let format = WireFormat::named("bcd").unwrap();
        assert!(format.read_frame(&mut &b""[..]).unwrap().is_none());
        assert!(format.read_frame(&mut &b"\0\x05hi"[..]).is_err());
    }
}
