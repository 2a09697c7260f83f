//! Dialects: how one acquirer writes ISO 8583 on the wire, as data.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::field::{self, Format, InvalidFormat, NoSuchField};
use super::framing::{LengthHeader, Tpdu};

/// How digits are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Digits {
    /// A character each.
    Ascii,
    /// Two in a byte.
    Bcd,
}

/// How bytes are written: the bitmap, and fields of content `b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binary {
    /// As they are.
    Raw,
    /// Two hexadecimal characters each, upper case; the length of a variable field counts the characters.
    Hex,
}

/// How the length of a variable field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LengthPrefix {
    /// Two or three characters.
    Ascii,
    /// One byte or two, of packed digits.
    Bcd,
    /// One byte or two, as a binary number.
    Binary,
}

/// Where an odd count of packed digits leaves room for one more nibble, and what stands there. Fixed numeric fields
/// are right-aligned in every dialect; this is about variable ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filler {
    /// A zero before the digits.
    LeftZero,
    /// A zero after the digits.
    RightZero,
    /// An `F` after the digits.
    RightF,
}

/// One acquirer's way of writing messages: read by [`encode`](super::encode) and [`decode`](super::decode), so that a
/// new acquirer is new data and not new code.
///
/// In a configuration it is the name of a preset, `ascii`, `ascii-binary` or `bcd`, or a preset and what differs:
///
/// ```toml
/// [host.dialect]
/// preset = "bcd"
/// header = "4-ascii"       # the length header: 2 or 4, binary or ascii
/// tpdu = "6000010000"
/// fields = { 39 = "n2" }   # this acquirer packs the response code
/// echo = [7, 42]           # and assigns retrieval reference numbers of its own
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// The length header before each message.
    pub header: LengthHeader,
    /// The TPDU between header and message, if there is one.
    pub tpdu: Option<Tpdu>,
    /// How the message type is written.
    pub mti: Digits,
    /// How the bitmap is written.
    pub bitmap: Binary,
    /// How the length of a variable field is written.
    pub length_prefix: LengthPrefix,
    /// How `n` and `z` fields are written.
    pub numeric: Digits,
    /// How `b` fields are written.
    pub binary: Binary,
    /// How an odd count of packed digits is filled.
    pub filler: Filler,
    /// Fields whose format is not the standard's.
    pub fields: BTreeMap<u8, Format>,
    /// Fields that an answer gives back as the request had them, where it has them. Besides, the STAN (11), the
    /// terminal (41), the currency (49) and the amount (4) always must agree, whatever the dialect.
    pub echo: Vec<u8>,
}

/// Fields that a host may or may not give back as they were. The retrieval reference number (37) is one: some hosts
/// assign their own.
const MAY_BE_ECHOED: &[u8] = &[3, 7, 12, 13, 32, 37, 42];

impl Dialect {
    /// Text throughout: digits as characters, bitmap and binary fields in hexadecimal.
    pub fn ascii() -> Self {
        Self { bitmap: Binary::Hex, binary: Binary::Hex, ..Self::ascii_binary() }
    }

    /// Text, with the bitmap and binary fields as bytes.
    pub fn ascii_binary() -> Self {
        Self {
            header: LengthHeader::BINARY_2,
            tpdu: None,
            mti: Digits::Ascii,
            bitmap: Binary::Raw,
            length_prefix: LengthPrefix::Ascii,
            numeric: Digits::Ascii,
            binary: Binary::Raw,
            filler: Filler::LeftZero,
            fields: BTreeMap::new(),
            echo: vec![37],
        }
    }

    /// Packed digits, as terminals' links commonly have them; text in ASCII, the rest as bytes.
    pub fn bcd() -> Self {
        Self { mti: Digits::Bcd, length_prefix: LengthPrefix::Bcd, numeric: Digits::Bcd, ..Self::ascii_binary() }
    }

    /// The format of field `number` in this dialect.
    pub fn format(&self, number: u8) -> Option<Format> {
        self.fields.get(&number).copied().or_else(|| field::find(number).map(|field| field.format))
    }
}

/// What is wrong with a dialect in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDialect {
    /// A key of `fields` is not the number of a field.
    #[error(transparent)]
    Field(#[from] NoSuchField),
    /// A value of `fields` is not a format.
    #[error("field {0}: {1}")]
    Format(u8, InvalidFormat),
    /// A field that no answer is held to.
    #[error("echo: field {0} is none of those that an answer may be held to: {MAY_BE_ECHOED:?}")]
    Echo(u8),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Preset {
    Ascii,
    AsciiBinary,
    Bcd,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    preset: Preset,
    header: Option<LengthHeader>,
    tpdu: Option<Tpdu>,
    mti: Option<Digits>,
    bitmap: Option<Binary>,
    length_prefix: Option<LengthPrefix>,
    numeric: Option<Digits>,
    binary: Option<Binary>,
    filler: Option<Filler>,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    echo: Option<Vec<u8>>,
}

impl Preset {
    fn dialect(self) -> Dialect {
        match self {
            Self::Ascii => Dialect::ascii(),
            Self::AsciiBinary => Dialect::ascii_binary(),
            Self::Bcd => Dialect::bcd(),
        }
    }
}

impl<'de> Deserialize<'de> for Dialect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrTable;

        impl<'de> Visitor<'de> for NameOrTable {
            type Value = Dialect;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a preset, or a table with a preset and what differs")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Dialect, E> {
                Preset::deserialize(StrDeserializer::<E>::new(name)).map(Preset::dialect)
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Dialect, A::Error> {
                let settings = Settings::deserialize(MapAccessDeserializer::new(table))?;
                settings.try_into().map_err(serde::de::Error::custom)
            }
        }

        deserializer.deserialize_any(NameOrTable)
    }
}

impl TryFrom<Settings> for Dialect {
    type Error = InvalidDialect;

    fn try_from(settings: Settings) -> Result<Self, InvalidDialect> {
        let preset = settings.preset.dialect();
        let fields = settings.fields.into_iter().map(|(number, format)| {
            let number = field::number(&number)?;
            let format = format.parse().map_err(|error| InvalidDialect::Format(number, error))?;
            Ok((number, format))
        });
        if let Some(number) = settings.echo.iter().flatten().find(|number| !MAY_BE_ECHOED.contains(number)) {
            return Err(InvalidDialect::Echo(*number));
        }
        Ok(Self {
            header: settings.header.unwrap_or(preset.header),
            tpdu: settings.tpdu.or(preset.tpdu),
            mti: settings.mti.unwrap_or(preset.mti),
            bitmap: settings.bitmap.unwrap_or(preset.bitmap),
            length_prefix: settings.length_prefix.unwrap_or(preset.length_prefix),
            numeric: settings.numeric.unwrap_or(preset.numeric),
            binary: settings.binary.unwrap_or(preset.binary),
            filler: settings.filler.unwrap_or(preset.filler),
            fields: fields.collect::<Result<_, InvalidDialect>>()?,
            echo: settings.echo.unwrap_or(preset.echo),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_is_a_preset_and_what_differs_from_it() {
        let text = "preset = 'bcd'\nheader = '4-ascii'\ntpdu = '6000010000'\nfiller = 'right-f'\nfields = { 39 = 'n2' }\necho = []";
        let dialect: Dialect = toml::from_str(text).unwrap();
        let expected = Dialect {
            header: LengthHeader::ASCII_4,
            tpdu: Some(Tpdu([0x60, 0x00, 0x01, 0x00, 0x00])),
            filler: Filler::RightF,
            fields: BTreeMap::from([(39, "n2".parse().unwrap())]),
            echo: Vec::new(),
            ..Dialect::bcd()
        };
        assert_eq!(dialect, expected);
        assert_eq!(dialect.format(39), "n2".parse().ok());
        assert_eq!(dialect.format(38), "an6".parse().ok());
    }

    #[test]
    fn the_name_of_a_preset_is_a_dialect() {
        #[derive(Deserialize)]
        struct Host {
            dialect: Dialect,
        }
        let dialect = |text: &str| toml::from_str::<Host>(text).map(|host| host.dialect).map_err(|e| e.to_string());
        assert_eq!(dialect("dialect = 'ascii-binary'"), Ok(Dialect::ascii_binary()));
        assert_eq!(dialect("[dialect]\npreset = 'ascii'"), Ok(Dialect::ascii()));
        assert!(dialect("dialect = 'ebcdic'").unwrap_err().contains("unknown variant `ebcdic`"));
        assert!(dialect("dialect = 8583").unwrap_err().contains("expected the name of a preset"));
    }

    #[test]
    fn an_error_in_a_dialect_names_what_is_wrong() {
        let error = |text: &str| toml::from_str::<Dialect>(text).unwrap_err().to_string();
        assert!(error("preset = 'ebcdic'").contains("unknown variant `ebcdic`"));
        assert!(error("preset = 'bcd'\nheader = '3-binary'").contains("`3-binary` is not a length header"));
        assert!(error("preset = 'bcd'\ntpdu = '60'").contains("`60` is not a TPDU"));
        assert!(error("preset = 'bcd'\nfields = { 65 = 'n1' }").contains("`65` is not a field"));
        assert!(error("preset = 'bcd'\nfields = { 39 = 'q2' }").contains("field 39: `q2` is not a field format"));
        assert!(error("preset = 'bcd'\necho = [37, 39]").contains("echo: field 39 is none of those"));
        assert!(error("preset = 'bcd'\ncolour = 'red'").contains("unknown field `colour`"));
    }
}
