//! Reader families: what the lights and buzzer of a product understand, as data.

use std::sync::Arc;

use serde::Deserialize;

/// What a reader shows. Where and how is the family's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Indication {
    /// Nobody is being served.
    Idle,
    /// A card may be presented.
    Ready,
    /// The card is being read and must stay where it is.
    Processing,
    /// The card was read and may be taken away.
    Success,
    /// The card could not be read, or was refused.
    Failure,
}

/// A product family.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// Its name.
    pub name: String,
    /// Parts of PC/SC reader names by which its members are known, in any case.
    #[serde(rename = "match")]
    pub patterns: Vec<String>,
    /// Commands for a reader that was just attached.
    #[serde(default)]
    pub setup: Vec<Command>,
    #[serde(default)]
    idle: Vec<Command>,
    #[serde(default)]
    ready: Vec<Command>,
    #[serde(default)]
    processing: Vec<Command>,
    #[serde(default)]
    success: Vec<Command>,
    #[serde(default)]
    failure: Vec<Command>,
}

/// A command to a reader, written in hex.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Command(Vec<u8>);

impl Command {
    /// The command's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A reader command that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no reader command: write 1 to 261 bytes as pairs of hex digits")]
pub struct InvalidCommand(String);

impl TryFrom<String> for Command {
    type Error = InvalidCommand;

    fn try_from(text: String) -> Result<Self, InvalidCommand> {
        let digit = |c: u8| (c as char).to_digit(16).map(|d| d as u8);
        let bytes: Option<Vec<u8>> = text
            .as_bytes()
            .chunks(2)
            .map(|pair| match *pair {
                [high, low] => Some(digit(high)? << 4 | digit(low)?),
                _ => None,
            })
            .collect();
        match bytes {
            Some(bytes) if (1..=261).contains(&bytes.len()) => Ok(Command(bytes)),
            _ => Err(InvalidCommand(text)),
        }
    }
}

impl Family {
    /// A family without commands.
    pub fn silent(name: &str) -> Self {
        Family { name: name.into(), ..Family::default() }
    }

    /// The commands that show a state; none where the family has no lights or does not say how.
    pub fn commands(&self, indication: Indication) -> &[Command] {
        match indication {
            Indication::Idle => &self.idle,
            Indication::Ready => &self.ready,
            Indication::Processing => &self.processing,
            Indication::Success => &self.success,
            Indication::Failure => &self.failure,
        }
    }
}

/// All families, and which slots are no contactless readers at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Families {
    families: Vec<Arc<Family>>,
    excluded_words: Vec<String>,
    generic: Arc<Family>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    excluded_words: Vec<String>,
    #[serde(default, rename = "family")]
    families: Vec<Family>,
}

impl Default for Families {
    /// The families that tenderd knows by itself.
    fn default() -> Self {
        Families::parse(include_str!("families.toml")).expect("the built-in file is parsed by a test")
    }
}

impl Families {
    /// Reads a file of families, in the format of the built-in one.
    ///
    /// # Errors
    /// What the file's syntax, keys or commands have against them, with line and column.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let file: File = toml::from_str(text)?;
        Ok(Families {
            families: file.families.into_iter().map(Arc::new).collect(),
            excluded_words: file.excluded_words,
            generic: Arc::new(Family::silent("generic")),
        })
    }

    /// These families, where `overrides` has nothing to say. Its families are asked first; its excluded words, if it
    /// has any, replace these.
    pub fn overridden_by(mut self, overrides: Families) -> Self {
        self.families.splice(0..0, overrides.families);
        if !overrides.excluded_words.is_empty() {
            self.excluded_words = overrides.excluded_words;
        }
        self
    }

    /// The family of the reader of that PC/SC name: the first that matches, or one without commands.
    pub fn of(&self, reader_name: &str) -> Arc<Family> {
        let name = reader_name.to_lowercase();
        let matches = |family: &&Arc<Family>| family.patterns.iter().any(|p| name.contains(&p.to_lowercase()));
        self.families.iter().find(matches).unwrap_or(&self.generic).clone()
    }

    /// Whether the name is that of a slot for contact cards or security modules, or the like.
    pub fn excludes(&self, reader_name: &str) -> bool {
        let mut words = reader_name.split(|c: char| !c.is_alphanumeric());
        words.any(|word| self.excluded_words.iter().any(|excluded| word.eq_ignore_ascii_case(excluded)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_belongs_to_the_first_family_its_name_matches() {
        let families = Families::default();
        assert_eq!(families.of("ACS ACR122U PICC Interface 00 00").name, "acr122u");
        assert_eq!(families.of("ACS ACR1252 Dual Reader [ACR1252 Dual Reader PICC] 00 00").name, "acr1252u");
    }

    #[test]
    fn an_unknown_reader_is_generic_and_shows_nothing() {
        let family = Families::default().of("Virtual PCD 00 00");
        assert_eq!(family.name, "generic");
        assert!(family.commands(Indication::Success).is_empty());
    }

    #[test]
    fn slots_for_other_cards_are_left_out_by_whole_words() {
        let families = Families::default();
        assert!(families.excludes("ACS ACR1252 Dual Reader [ACR1252 Dual Reader SAM] 01 00"));
        assert!(families.excludes("Identiv uTrust 4701 F Contact Reader 00 00"));
        assert!(!families.excludes("Identiv uTrust 3700 F Contactless Reader 00 00"));
        assert!(!families.excludes("Samsung Reader 00 00"));
    }

    #[test]
    fn the_acr122u_turns_green_and_beeps_once_for_success() {
        let family = Families::default().of("ACS ACR122U");
        let [command] = family.commands(Indication::Success) else { panic!("one command") };
        let [class, ins, p1, lights, lc, on, off, count, buzzer] = *command.as_bytes() else { panic!("nine bytes") };
        assert_eq!((class, ins, p1, lc), (0xFF, 0x00, 0x40, 4));
        assert_eq!(lights & 0b0000_1111, 0b0000_1110, "green on and red off at the end");
        assert_eq!((on, off, count, buzzer), (2, 1, 1, 1));
    }

    //= test A 9.2
    #[test]
    fn every_family_but_the_generic_one_shows_each_state_with_well_formed_commands() {
        use Indication::*;
        for family in Families::default().families {
            for indication in [Idle, Ready, Processing, Success, Failure] {
                let commands = family.commands(indication);
                assert!(!commands.is_empty(), "{}: {indication:?}", family.name);
                for command in commands {
                    let bytes = command.as_bytes();
                    assert_eq!(usize::from(bytes[4]), bytes.len() - 5, "{}: {indication:?}: Lc", family.name);
                }
            }
        }
    }

    #[test]
    fn a_configuration_overrides_single_families() {
        let own = Families::parse("[[family]]\nname = \"till\"\nmatch = [\"acr122\"]\nready = [\"FF\"]\n").unwrap();
        let families = Families::default().overridden_by(own);
        assert_eq!(families.of("ACS ACR122U").name, "till");
        assert_eq!(families.of("ACS ACR1252").name, "acr1252u");
        assert!(families.excludes("SAM 00 00"), "the excluded words stay");
    }

    #[test]
    fn a_command_that_is_no_hex_is_refused_with_its_line() {
        let error =
            Families::parse("[[family]]\nname = \"x\"\nmatch = []\nidle = [\"FF0\"]\n").unwrap_err().to_string();
        assert!(error.contains("line 4") && error.contains("\"FF0\""), "{error}");
    }
}
