//! The file of a dialect: what it says, and what of that can't be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::super::encode::{EncodeError, fill};
use super::super::field::{self, Format};
use super::super::framing::{LengthHeader, MessageHeader, Tpdu};
use super::super::message::Mti;
use super::error::{InvalidDialect, Misplaced};
use super::mac::MacTable;
use super::{
    Binary, Composition, Dialect, Digits, Element, EntryModes, Filler, KindCodes, Layout, LengthPrefix, Purpose,
    Shipped, WorkingKeys,
};
use crate::config::Source;
use crate::terminal::TransactionType;

/// How many files may begin with one another. None of ours needs more than three.
const DEPTH_MAX: usize = 8;

/// A dialect as a configuration or a file says it, with its preset not looked up yet.
#[derive(Debug)]
pub enum DialectSettings {
    /// The name of a shipped dialect, or of a file.
    Named(String),
    /// A table, which may begin with another dialect.
    Table(Box<Table>),
}

/// The keys of a dialect's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    preset: Option<Spanned<String>>,
    description: Option<String>,
    header: Option<LengthHeader>,
    tpdu: Option<Tpdu>,
    message_header: Option<MessageHeader>,
    mti: Option<Digits>,
    bitmap: Option<Binary>,
    length_prefix: Option<LengthPrefix>,
    numeric: Option<Digits>,
    binary: Option<Binary>,
    filler: Option<Filler>,
    #[serde(default)]
    fields: BTreeMap<Spanned<String>, Spanned<String>>,
    echo: Option<Spanned<Vec<u8>>>,
    entry_modes: Option<EntryModes>,
    #[serde(default)]
    kinds: BTreeMap<Spanned<String>, Spanned<KindCodes>>,
    #[serde(default)]
    elements: BTreeMap<Spanned<String>, Spanned<Element>>,
    #[serde(default)]
    response_codes: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    messages: BTreeMap<Spanned<Purpose>, MessageTable>,
    mac: Option<Spanned<MacTable>>,
    working_keys: Option<Spanned<WorkingKeys>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageTable {
    #[serde(rename = "type")]
    mti: Mti,
    repeat: Option<Mti>,
    fields: Spanned<Vec<u8>>,
    #[serde(default)]
    constant: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    compose: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    response_codes: BTreeMap<Spanned<String>, Spanned<String>>,
}

impl<'de> Deserialize<'de> for DialectSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrTable;

        impl<'de> Visitor<'de> for NameOrTable {
            type Value = DialectSettings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a dialect, or a table with a preset and what differs")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<DialectSettings, E> {
                Ok(DialectSettings::Named(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<DialectSettings, A::Error> {
                Table::deserialize(MapAccessDeserializer::new(table)).map(Box::new).map(DialectSettings::Table)
            }
        }

        deserializer.deserialize_any(NameOrTable)
    }
}

impl<'de> Deserialize<'de> for Dialect {
    /// Files that it names are relative to the working directory.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let settings = DialectSettings::deserialize(deserializer)?;
        settings.resolve(Path::new("")).map_err(serde::de::Error::custom)
    }
}

impl Dialect {
    /// Reads a dialect's file.
    ///
    /// # Errors
    /// What is wrong, with file, line and key.
    pub fn read(path: &Path) -> Result<Self, crate::config::ConfigError> {
        read(path, DEPTH_MAX)
    }
}

fn read(path: &Path, depth: usize) -> Result<Dialect, crate::config::ConfigError> {
    let source = Source::open(path)?;
    let table: Table = source.deserialise()?;
    let folder = path.parent().unwrap_or(Path::new(""));
    table.resolve(folder, depth).map_err(|misplaced| source.error(misplaced.at.unwrap_or(0..0), misplaced.error))
}

/// The dialect of this name: a shipped one, or a file of `folder`.
fn named(name: &str, folder: &Path, depth: usize) -> Result<Dialect, InvalidDialect> {
    let depth = depth.checked_sub(1).ok_or(InvalidDialect::Circle)?;
    if name.contains('/') || name.ends_with(".toml") {
        return read(&folder.join(name), depth).map_err(|error| InvalidDialect::Preset(error.to_string()));
    }
    Shipped::find(name).map(Shipped::dialect).ok_or_else(|| InvalidDialect::NoSuchDialect(name.to_owned()))
}

impl DialectSettings {
    /// The dialect; files are looked for in `folder`.
    ///
    /// # Errors
    /// What is wrong, and where; nowhere in particular where that is the name itself.
    pub fn resolve(self, folder: &Path) -> Result<Dialect, Misplaced> {
        match self {
            Self::Named(name) => Ok(named(&name, folder, DEPTH_MAX)?),
            Self::Table(table) => table.resolve(folder, DEPTH_MAX),
        }
    }
}

impl Table {
    fn resolve(self, folder: &Path, depth: usize) -> Result<Dialect, Misplaced> {
        let preset = match &self.preset {
            Some(name) => Some(named(name.get_ref(), folder, depth).map_err(|error| (name.span(), error))?),
            None => None,
        };
        let mut dialect = match preset {
            Some(preset) => self.differing(preset),
            None => self.written()?,
        };
        for (number, format) in &self.fields {
            let field = field_number(number)?;
            let format: Format =
                format.get_ref().parse().map_err(|error| (format.span(), InvalidDialect::Format(field, error)))?;
            dialect.fields.insert(field, format);
        }
        for (name, codes) in &self.kinds {
            if TransactionType::from_name(name.get_ref()).is_none() {
                return Err((name.span(), InvalidDialect::Kind(name.get_ref().clone())).into());
            }
            let is_code = |code: &String| code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit());
            if !codes.get_ref().processing_code.as_ref().is_none_or(is_code) {
                return Err((codes.span(), InvalidDialect::ProcessingCode).into());
            }
            dialect.kinds.insert(name.get_ref().clone(), codes.get_ref().clone());
        }
        self.place(&mut dialect)?;
        dialect.response_codes.extend(response_codes(self.response_codes)?);
        let mut said = BTreeMap::new();
        for (purpose, message) in self.messages {
            said.insert(*purpose.get_ref(), message.fields.span());
            dialect.messages.insert(purpose.into_inner(), message.layout(&dialect)?);
        }
        for (purpose, layout) in &dialect.messages {
            dialect.check_layout(*purpose, layout).map_err(|error| Misplaced { at: said.remove(purpose), error })?;
        }
        if let Some(echo) = self.echo {
            let may_be_echoed =
                |number: &&u8| dialect.elements.get(number).is_some_and(|placed| placed.may_be_echoed());
            if let Some(number) = echo.get_ref().iter().find(|number| !may_be_echoed(number)) {
                let allowed = dialect.elements.keys().filter(may_be_echoed).copied().collect();
                return Err((echo.span(), InvalidDialect::Echo(*number, allowed)).into());
            }
            dialect.echo = echo.into_inner();
        }
        if let Some(working_keys) = self.working_keys {
            dialect.working_keys = Some(WorkingKeys::check(working_keys, &dialect)?);
        }
        let at = self.mac.as_ref().map(Spanned::span);
        if let Some(mac) = self.mac {
            dialect.mac = Some(mac.into_inner().rule(&dialect)?);
        }
        if let Some(mac) = &dialect.mac {
            mac.check(&dialect).map_err(|error| Misplaced { at, error })?;
        }
        dialect.check()?;
        Ok(dialect)
    }

    /// What differs from `preset` in how messages are written.
    fn differing(&self, preset: Dialect) -> Dialect {
        Dialect {
            description: self.description.clone().unwrap_or(preset.description),
            header: self.header.unwrap_or(preset.header),
            tpdu: self.tpdu.or(preset.tpdu),
            message_header: self.message_header.clone().or(preset.message_header),
            mti: self.mti.unwrap_or(preset.mti),
            bitmap: self.bitmap.unwrap_or(preset.bitmap),
            length_prefix: self.length_prefix.unwrap_or(preset.length_prefix),
            numeric: self.numeric.unwrap_or(preset.numeric),
            binary: self.binary.unwrap_or(preset.binary),
            filler: self.filler.unwrap_or(preset.filler),
            entry_modes: self.entry_modes.clone().unwrap_or(preset.entry_modes),
            ..preset
        }
    }

    /// How messages are written, where nothing is taken over.
    fn written(&self) -> Result<Dialect, InvalidDialect> {
        let missing = InvalidDialect::Missing;
        Ok(Dialect {
            description: self.description.clone().unwrap_or_default(),
            header: self.header.ok_or(missing("header"))?,
            tpdu: self.tpdu,
            message_header: self.message_header.clone(),
            mti: self.mti.ok_or(missing("mti"))?,
            bitmap: self.bitmap.ok_or(missing("bitmap"))?,
            length_prefix: self.length_prefix.ok_or(missing("length_prefix"))?,
            numeric: self.numeric.ok_or(missing("numeric"))?,
            binary: self.binary.ok_or(missing("binary"))?,
            filler: self.filler.ok_or(missing("filler"))?,
            fields: BTreeMap::new(),
            echo: Vec::new(),
            entry_modes: self.entry_modes.clone().unwrap_or_default(),
            kinds: BTreeMap::new(),
            elements: BTreeMap::new(),
            response_codes: BTreeMap::new(),
            messages: BTreeMap::new(),
            mac: None,
            working_keys: None,
        })
    }

    /// Puts the elements into their fields. One that its preset has elsewhere moves, with every message that has it.
    fn place(&self, dialect: &mut Dialect) -> Result<(), Misplaced> {
        let moved: Vec<Element> = self.elements.values().map(|element| *element.get_ref()).collect();
        let before = dialect.elements.clone();
        dialect.elements.retain(|_, element| !moved.contains(element));
        for (number, element) in &self.elements {
            let (field, at) = (field_number(number)?, element.span());
            let element = *element.get_ref();
            if let Some(other) = dialect.field_of(element) {
                return Err((at, InvalidDialect::PlacedTwice(element, other)).into());
            }
            if is_shown(field) && element.description().sensitivity != emv::dict::Sensitivity::Public {
                return Err((at, InvalidDialect::Shown(element, field)).into());
            }
            dialect.elements.insert(field, element);
        }
        let after = dialect.clone();
        for layout in dialect.messages.values_mut() {
            let elements = layout.fields.iter().filter_map(|number| before.get(number));
            layout.fields = elements.filter_map(|element| after.field_of(*element)).collect();
        }
        Ok(())
    }
}

impl MessageTable {
    fn layout(self, dialect: &Dialect) -> Result<Layout, Misplaced> {
        let mut constants = BTreeMap::new();
        for (number, value) in self.constant {
            let field = field_number(&number)?;
            dialect.fits(field, value.get_ref()).map_err(|error| (value.span(), error))?;
            constants.insert(field, value.into_inner());
        }
        let repeat = self.repeat.unwrap_or(self.mti.repeat());
        let fields: BTreeSet<u8> = self.fields.into_inner().into_iter().collect();
        let mut compositions = BTreeMap::new();
        for (number, text) in self.compose {
            let field = field_number(&number)?;
            let composition: Composition =
                text.get_ref().parse().map_err(|error| (text.span(), InvalidDialect::Composition(field, error)))?;
            dialect.fits(field, &composition.sample()).map_err(|error| (text.span(), error))?;
            let secret = |element: &Element| element.description().sensitivity != emv::dict::Sensitivity::Public;
            if let Some(element) = composition.elements().find(secret) {
                return Err((text.span(), InvalidDialect::Composed(element)).into());
            }
            if fields.contains(&field) || constants.contains_key(&field) {
                return Err((text.span(), InvalidDialect::ComposedTwice(field)).into());
            }
            compositions.insert(field, composition);
        }
        let response_codes = response_codes(self.response_codes)?;
        Ok(Layout { mti: self.mti, repeat, fields, constants, compositions, response_codes })
    }
}

/// What every terminal sends: without it a dialect is of no use.
const ALWAYS_SENT: [Purpose; 3] = [Purpose::Advice, Purpose::Reversal, Purpose::Echo];

impl Dialect {
    /// Whether `value` may stand in this field.
    pub(in crate::upstream) fn fits(&self, number: u8, value: &str) -> Result<(), EncodeError> {
        let format = self.format(number).ok_or(EncodeError::NoSuchField(number))?;
        fill(number, format, value.as_bytes()).map(drop)
    }

    /// Whether a message says what it must, and nothing that it may not.
    fn check_layout(&self, purpose: Purpose, layout: &Layout) -> Result<(), InvalidDialect> {
        let mut elements: Vec<Element> = layout.compositions.values().flat_map(Composition::elements).collect();
        for number in layout.constants.keys() {
            match self.elements.get(number) {
                Some(element) if purpose.may_have_constant(*element) => elements.push(*element),
                Some(element) if element.is_never_constant() => {
                    return Err(InvalidDialect::Constant(*number, *element));
                }
                _ => {}
            }
        }
        for number in layout.fields.iter().filter(|number| !layout.constants.contains_key(number)) {
            elements.push(*self.elements.get(number).ok_or(InvalidDialect::Empty(*number))?);
        }
        // Some hosts know a reversal by the number of what it takes back.
        let is_known_by_original = purpose == Purpose::Reversal && elements.contains(&Element::OriginalStan);
        let is_said =
            |element: &Element| elements.contains(element) || (is_known_by_original && *element == Element::Stan);
        if let Some(element) = purpose.needs().iter().find(|element| !is_said(element)) {
            return Err(InvalidDialect::Lacks(purpose, *element));
        }
        let names_original = [Element::OriginalDataElements, Element::OriginalData, Element::OriginalStan];
        let names_original = names_original.iter().any(|element| elements.contains(element));
        if purpose.names_original() && !names_original {
            return Err(InvalidDialect::Lacks(purpose, Element::OriginalDataElements));
        }
        Ok(())
    }

    /// What concerns the whole.
    fn check(&self) -> Result<(), InvalidDialect> {
        for element in [Element::Stan, Element::ResponseCode, Element::Amount] {
            self.field_of(element).ok_or(InvalidDialect::NoField(element))?;
        }
        let EntryModes { contactless_chip, contactless_magnetic_stripe } = &self.entry_modes;
        for (element, pin) in [(Element::PosEntryMode, "1"), (Element::PosDataCode, "")] {
            let Some(number) = self.field_of(element) else { continue };
            for mode in [contactless_chip, contactless_magnetic_stripe] {
                if mode.is_empty() {
                    return Err(InvalidDialect::EntryModes(element, number));
                }
                self.fits(number, &format!("{mode}{pin}"))?;
            }
        }
        let is_missing = |purpose: &&Purpose| !self.messages.contains_key(purpose);
        match ALWAYS_SENT.iter().find(is_missing) {
            Some(purpose) => Err(InvalidDialect::NoMessage(*purpose)),
            None => Ok(()),
        }
    }
}

fn field_number(text: &Spanned<String>) -> Result<u8, Misplaced> {
    field::number(text.get_ref()).map_err(|error| (text.span(), error).into())
}

fn response_codes(settings: BTreeMap<Spanned<String>, Spanned<String>>) -> Result<BTreeMap<String, String>, Misplaced> {
    let checked = |(code, same_as): (Spanned<String>, Spanned<String>)| {
        let standard = same_as.get_ref();
        if standard.len() != 2 || !standard.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err((same_as.span(), InvalidDialect::ResponseCode(standard.clone())).into());
        }
        Ok((code.into_inner(), same_as.into_inner()))
    };
    settings.into_iter().map(checked).collect()
}

/// Whether logs show what stands in the field.
fn is_shown(number: u8) -> bool {
    field::find(number).is_some_and(|field| field.sensitivity == emv::dict::Sensitivity::Public)
}

#[cfg(test)]
mod tests {
    use super::super::super::framing::{LengthHeader, Tpdu};
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
        assert!(dialect("dialect = 'ebcdic'").unwrap_err().contains("`ebcdic` is no dialect"));
        assert!(dialect("dialect = 8583").unwrap_err().contains("expected the name of a dialect"));
    }

    #[test]
    fn an_error_in_a_dialect_names_what_is_wrong() {
        let error = |text: &str| toml::from_str::<Dialect>(text).unwrap_err().to_string();
        assert!(error("preset = 'ebcdic'").contains("`ebcdic` is no dialect"));
        assert!(error("preset = 'bcd'\nheader = '3-binary'").contains("`3-binary` is not a length header"));
        assert!(error("preset = 'bcd'\ntpdu = '60'").contains("`60` is not a TPDU"));
        assert!(error("preset = 'bcd'\nfields = { 65 = 'n1' }").contains("`65` is not a field"));
        assert!(error("preset = 'bcd'\nfields = { 39 = 'q2' }").contains("field 39: `q2` is not a field format"));
        assert!(error("preset = 'bcd'\necho = [37, 39]").contains("echo: field 39 is none of those"));
        assert!(error("preset = 'bcd'\ncolour = 'red'").contains("unknown field `colour`"));
    }

    /// What is wrong with the file of these lines, which begins with `iso-1987-bcd`.
    fn refusal(lines: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bank.toml");
        std::fs::write(&path, format!("preset = 'iso-1987-bcd'\n{lines}\n")).unwrap();
        let error = Dialect::read(&path).unwrap_err().to_string();
        error.strip_prefix(&format!("{}/", folder.path().display())).expect("the file is named").to_owned()
    }

    #[test]
    fn an_error_in_a_file_names_file_line_and_key() {
        let reversal = "[messages.reversal]\ntype = '0400'\n";
        for (lines, expected) in [
            ("[elements]\n48 = 'stn'", "bank.toml:3: elements.48: `stn` is no data element"),
            ("[elements]\n48 = 'pan'\n47 = 'pan'", "bank.toml:3: elements.48: pan stands in field 47 already"),
            ("[elements]\n44 = 'pan'", "bank.toml:3: elements.44: pan can't stand in field 44: that field is shown"),
            ("[messages.reversal]\ntype = '400'", "bank.toml:3: messages.reversal.type: `400` is not a message type"),
            (&format!("{reversal}fields = [3, 4, 11, 41, 49, 48]"), "bank.toml:4: messages.reversal.fields: nothing"),
            (
                &format!("{reversal}fields = [3, 4, 41, 49, 90]"),
                "bank.toml:4: messages.reversal.fields: reversal lacks stan",
            ),
            (
                &format!("{reversal}fields = [3, 4, 11, 41, 49]"),
                "bank.toml:4: messages.reversal.fields: reversal lacks orig",
            ),
            ("[response_codes]\n000 = '0'", "bank.toml:3: response_codes.000: `0` is no response code"),
            ("preset = 'bank.toml'", "bank.toml:2: preset: duplicate key"),
        ] {
            let error = refusal(lines);
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn no_dialect_says_what_is_sold() {
        let fields = "type = '0200'\nfields = [3, 4, 11, 41, 49]";
        let error = refusal(&format!("[messages.financial]\n{fields}\nconstant = {{ 4 = '000000000100' }}"));
        assert!(error.starts_with("bank.toml:4: messages.financial.fields: field 4 can't be constant"), "{error}");
        let error = refusal(&format!("[messages.financial]\n{fields}\nconstant = {{ 25 = '000' }}"));
        assert!(
            error.starts_with("bank.toml:5: messages.financial.constant: field 25 (n2): 3 are too many"),
            "{error}"
        );
    }

    #[test]
    fn files_that_begin_with_one_another_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bank.toml");
        std::fs::write(&path, "preset = './bank.toml'").unwrap();
        assert!(Dialect::read(&path).unwrap_err().to_string().ends_with("begin with one another, without an end"));
    }

    #[test]
    fn an_element_moves_with_every_message_that_has_it() {
        let dialect: Dialect = toml::from_str("preset = 'bcd'\n[elements]\n62 = 'merchant_category'").unwrap();
        assert_eq!((dialect.field_of(Element::MerchantCategory), dialect.elements.get(&18)), (Some(62), None));
        let has = |purpose, number| dialect.messages[&purpose].fields.contains(&number);
        assert!(has(Purpose::Authorisation, 62) && has(Purpose::Reversal, 62) && !has(Purpose::Reversal, 18));
        assert!(!has(Purpose::Echo, 62));
    }
}
