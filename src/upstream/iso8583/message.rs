//! A message as values: a message type and its fields, in no dialect yet.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use emv::dict::Sensitivity;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::field;

/// The Message Type Indicator: version, class, function and originator, a digit each (ISO 8583:1987, 4.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Mti(u16);

/// A text that is not a message type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a message type: four digits are")]
pub struct InvalidMti(String);

impl TryFrom<String> for Mti {
    type Error = InvalidMti;

    fn try_from(text: String) -> Result<Self, InvalidMti> {
        text.parse()
    }
}

impl FromStr for Mti {
    type Err = InvalidMti;

    fn from_str(text: &str) -> Result<Self, InvalidMti> {
        let digits =
            <[u8; 4]>::try_from(text.as_bytes()).ok().map(|digits| digits.map(|digit| digit.wrapping_sub(b'0')));
        digits.and_then(Self::from_digits).ok_or_else(|| InvalidMti(text.to_owned()))
    }
}

impl Mti {
    /// The indicator with these four digits, or nothing where they are not digits.
    pub fn from_digits(digits: [u8; 4]) -> Option<Self> {
        digits.iter().try_fold(0, |mti, digit| (*digit <= 9).then(|| mti << 4 | u16::from(*digit))).map(Self)
    }

    /// The four digits, each 0 to 9.
    pub fn digits(self) -> [u8; 4] {
        [12, 8, 4, 0].map(|shift| (self.0 >> shift) as u8 & 0xF)
    }

    /// The type that answers this request, or this request's repeat: 0110 for 0100 and for 0101.
    pub fn answer(self) -> Self {
        Self((self.0 | 0x0010) & 0xFFFE)
    }

    /// The type under which this request is sent again: 0401 for 0400.
    pub fn repeat(self) -> Self {
        Self(self.0 | 1)
    }
}

impl fmt::Display for Mti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

impl fmt::Debug for Mti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A message: its type, and its fields by number.
///
/// The value of a `b` field is its bytes; of any other, its characters in ASCII. Values are wiped when the message is
/// dropped, and [`Debug`] shows only those that are public.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The message type.
    pub mti: Mti,
    fields: BTreeMap<u8, Zeroizing<Vec<u8>>>,
}

impl Message {
    /// A message without fields.
    pub fn new(mti: Mti) -> Self {
        Self { mti, fields: BTreeMap::new() }
    }

    /// Sets field `number`; whether it may hold `value` is checked when the message is encoded.
    pub fn set(&mut self, number: u8, value: impl Into<Vec<u8>>) -> &mut Self {
        self.fields.insert(number, Zeroizing::new(value.into()));
        self
    }

    /// Sets field `number` where there is a value for it.
    pub fn set_if(&mut self, number: u8, value: Option<impl Into<Vec<u8>>>) -> &mut Self {
        match value {
            Some(value) => self.set(number, value),
            None => self,
        }
    }

    /// Takes field `number` out.
    pub fn remove(&mut self, number: u8) {
        self.fields.remove(&number);
    }

    /// The value of field `number`.
    pub fn bytes(&self, number: u8) -> Option<&[u8]> {
        self.fields.get(&number).map(|value| value.as_slice())
    }

    /// The characters of field `number`, without the spaces that fill it on the right.
    pub fn text(&self, number: u8) -> Option<&str> {
        let text = std::str::from_utf8(self.bytes(number)?).ok()?;
        Some(text.trim_end_matches(' '))
    }

    /// Field `number` read as a decimal number.
    pub fn number(&self, number: u8) -> Option<u64> {
        let text = self.text(number)?;
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
    }

    /// Every field and its value, in order of the number.
    pub fn fields(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.fields.iter().map(|(number, value)| (*number, value.as_slice()))
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.mti)?;
        for (number, value) in self.fields() {
            match field::find(number).map(|field| field.sensitivity) {
                Some(Sensitivity::Public) => write!(f, " {number}={}", value.escape_ascii())?,
                _ => write!(f, " {number}=[{}]", value.len())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mti(text: &str) -> Mti {
        text.parse().unwrap()
    }

    #[test]
    fn a_message_type_names_its_answer_and_its_repeat() {
        assert_eq!(mti("0100").answer().to_string(), "0110");
        assert_eq!(mti("0400").repeat().to_string(), "0401");
        assert_eq!(mti("0400").repeat().answer().to_string(), "0410");
        assert_eq!(Mti::from_digits([0, 8, 0, 0]), Some(mti("0800")));
        assert_eq!(mti("1804").answer().to_string(), "1814");
        assert_eq!(Mti::from_digits([0, 8, 0, 10]), None);
        assert_eq!("08 0".parse::<Mti>(), Err(InvalidMti("08 0".to_owned())));
    }

    #[test]
    fn debug_shows_nothing_of_the_card() {
        let mut message = Message::new(mti("0100"));
        message.set(2, "4761739001010119").set(4, "000000001250").set(14, "3012");
        message.set(35, "4761739001010119=30122011234599999999").set(52, [0x12; 8]).set(55, [0x34; 5]);
        assert_eq!(format!("{message:?}"), "0100 2=[16] 4=000000001250 14=[4] 35=[37] 52=[8] 55=[5]");
    }

    #[test]
    fn a_number_has_digits_only() {
        let mut message = Message::new(mti("0100"));
        message.set(4, "000000001250").set(11, "+12").set(38, "A1    ");
        assert_eq!((message.number(4), message.number(11), message.text(38)), (Some(1250), None, Some("A1")));
    }
}
