//! The configuration: one TOML file, parsed into types that can't be wrong.
//!
//! Whatever is wrong is found when the file is read, and the error names file, line and key.

mod acquirer_keys;
mod exceptions;
mod file;
mod kernel_3;
mod key_list;
mod keys;
mod locate;
mod offline;
mod scheme;
mod source;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use emv::fields::{AdditionalTerminalCapabilities, TerminalCapabilities, TerminalType};
use emv::profile::{Combination, KernelConfiguration, PoiInformation, PointOfInteraction, Profile, TerminalData};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::Spanned;

pub use acquirer_keys::{AcquirerKeySettings, AcquirerKeys};
pub(crate) use file::SecretKey;
pub use key_list::{KeyList, KeyListFormat, KeySet, ListedKey, ListedRevocation, day, key_files, name as key_name};
pub use offline::Offline;
pub use source::ConfigError;
pub(crate) use source::Source;

use crate::receipt::Letterhead;
use crate::terminal::{Acceptor, Currency};
use crate::upstream::{CardAcceptor, HostConfig};

/// A commented configuration for test mode: what `tenderctl config example` prints.
pub const EXAMPLE: &str = include_str!("example.toml");

/// A card must not be told that there is a PIN pad.
const NO_PIN_PAD: &str = "a PIN needs a PIN pad, which this terminal has not";

const NO_DATA_EXCHANGE: &str = "needs an application that answers while the card waits, and none can yet";

/// Card data of real customers need a reason to cross a network unprotected.
const LIVE_IN_CLEAR: &str = "mode = \"live\" without TLS: card data would cross the network in clear; add [host.tls], or \
                             say tls = false where a tunnel protects the whole way";

/// For how long a card may be awaited, seconds.
const CARD_TIMEOUT_S: RangeInclusive<u32> = 5..=3600;

/// For how long a storage key encrypts, where nothing is said.
const STORAGE_KEY_DAYS: u16 = 30;

/// For how long card data can be read after that: a refund needs them.
const CARD_DATA_DAYS: u16 = 180;

/// Whether money is real.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Simulated readers and test keys are allowed, and every receipt says TEST.
    Test,
    /// Neither is allowed.
    Live,
}

impl Mode {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Test => "test",
            Mode::Live => "live",
        }
    }
}

/// A checked configuration.
#[derive(Debug)]
pub struct Config {
    /// Whether money is real.
    pub mode: Mode,
    /// What stands at the head of every receipt.
    pub letterhead: Letterhead,
    /// Terminal Identification: 8 characters.
    pub terminal_id: String,
    /// The only currency of this terminal.
    pub currency: Currency,
    /// Where the terminal's days begin.
    pub time_zone: TimeZone,
    /// How long to wait for a card.
    pub card_timeout: Duration,
    /// The link to the acquirer.
    pub host: HostConfig,
    /// The secret keys that the acquirer shares with this terminal.
    pub acquirer_keys: AcquirerKeySettings,
    /// How the acquirer knows this terminal.
    pub card_acceptor: CardAcceptor,
    /// Where the terminal's memory is.
    pub journal: JournalPaths,
    /// What may be approved without the acquirer.
    pub offline: Offline,
    /// Which readers to use.
    pub readers: Readers,
    /// What the kernels need.
    pub profile: Arc<Profile>,
    /// SHA-256 of the file, in hexadecimal: the journal says by it which configuration was in force.
    pub fingerprint: String,
    /// The name of each combination's scheme, in the profile's order.
    scheme_names: Vec<String>,
}

/// The files that hold the terminal's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalPaths {
    /// The journal.
    pub path: PathBuf,
    /// The first key that encrypts card numbers in it; later ones are beside it.
    pub storage_key: PathBuf,
    /// For how long one of these keys encrypts.
    pub storage_key_age: SignedDuration,
    /// For how long it is kept after that, so that what it has encrypted can be read.
    pub card_data_age: SignedDuration,
}

/// Which readers to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readers {
    /// Whether to use the readers of the PC/SC service.
    pub pcsc: bool,
    /// The personalities of the simulated readers.
    pub simulated: Vec<String>,
    /// How long it takes their customers to present the card.
    pub simulated_delay: Duration,
}

impl Config {
    /// Reads a configuration file and the key files that it names.
    ///
    /// # Errors
    /// [`ConfigError`] says what is wrong, and where.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::read(&Source::open(path)?)
    }

    /// Reads a configuration that was read already, as from this file.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        Self::read(&Source::of_text(path, text))
    }

    /// The [`EXAMPLE`] without its key files: for tools that run before a terminal is configured.
    pub fn example() -> Self {
        let text = EXAMPLE.replace("\"/usr/share/tenderd/keys/test-ca.toml\"", "");
        Self::read(&Source::of_text("example.toml", &text)).expect("a test holds the example to be good")
    }

    fn read(source: &Source) -> Result<Self, ConfigError> {
        let file: file::File = source.deserialise()?;
        let host_at = file.host.span();
        let settings = file.host.into_inner();
        let (tls_key, says_tls) = (settings.tls_key().cloned(), settings.says_tls());
        let address_at = settings.address_at();
        let host = settings.check(&source.relative(Path::new(""))).map_err(|(at, error)| source.error(at, error))?;
        if file.mode == Mode::Live && !says_tls && !host.is_on_this_machine() {
            return Err(source.error(address_at, LIVE_IN_CLEAR));
        }
        let terminal = &file.terminal;
        let merchant = &file.merchant;
        let currency = source.check(&terminal.currency, Currency::from_alpha)?;
        let terminal_id = source.check(&terminal.id, |text| characters::<8>(text).map(|_| text.to_owned()))?;
        let merchant_id = source.check(&merchant.id, |text| up_to(text, 15).map(str::to_owned))?;
        let country = source.check(&terminal.country, digits::<2>)?;
        let category = source.check(&merchant.category, digits::<2>)?;
        let time_zone = match &terminal.time_zone {
            Some(name) => source.check(name, TimeZone::get)?,
            None => TimeZone::system(),
        };
        let capabilities = source.check(&terminal.capabilities, |text| {
            let capabilities = TerminalCapabilities::from_bytes(source::hex_array(text)?);
            if capabilities.has(TerminalCapabilities::ENCIPHERED_PIN_ONLINE) {
                Err(NO_PIN_PAD.to_owned())
            } else {
                Ok(capabilities)
            }
        })?;
        let name_and_location = [&[merchant.name.clone()][..], &merchant.address].concat().join(", ");
        let data = TerminalData {
            terminal_type: source.check(&terminal.kind, terminal_type)?,
            country,
            capabilities,
            additional_capabilities: AdditionalTerminalCapabilities::from_bytes(
                source.check(&terminal.additional_capabilities, source::hex_array)?,
            ),
            terminal_id: source.check(&terminal.id, characters)?,
            merchant_id: padded(&merchant_id),
            merchant_category_code: category,
            merchant_name_and_location: name_and_location.clone().into_bytes(),
            acquirer_id: source.check(&terminal.acquirer, |text| digits::<6>(&format!("{text:0>12}")))?,
            ifd_serial_number: source.check(&terminal.serial, characters)?,
        };
        let point_of_interaction = PointOfInteraction {
            country,
            information: match &terminal.poi_information {
                Some(information) => source.check(information, poi_information)?,
                None => PoiInformation::default(),
            },
            proprietary_data_identifiers: terminal
                .proprietary_data
                .iter()
                .map(|identifier| source.check(identifier, source::hex_array).map(u16::from_be_bytes))
                .collect::<Result<_, _>>()?,
        };
        if file.mode == Mode::Live && !file.readers.get_ref().simulated.is_empty() {
            return Err(source.error(file.readers.span(), "simulated readers need mode = \"test\""));
        }
        for name in &file.readers.get_ref().simulated {
            if let Err(error) = tender_sim::card::Personality::built_in(name) {
                return Err(source.error(file.readers.span(), error));
            }
        }
        if !CARD_TIMEOUT_S.contains(terminal.card_timeout_s.get_ref()) {
            let (least, most) = (CARD_TIMEOUT_S.start(), CARD_TIMEOUT_S.end());
            return Err(source.error(terminal.card_timeout_s.span(), format!("must be {least} to {most} seconds")));
        }
        let acquirer_keys = AcquirerKeySettings::check(source, &file.keys, &host, tls_key.as_ref(), host_at)?;
        let (ca_keys, revoked) = keys::load(source, &file.keys, file.mode)?;
        if file.schemes.get_ref().is_empty() {
            return Err(source.error(file.schemes.span(), "without a [[scheme]] no card is accepted"));
        }
        let mut scheme_names = Vec::new();
        let mut applications: Vec<(Combination, KernelConfiguration)> = Vec::new();
        for scheme in file.schemes.get_ref() {
            for application in scheme::applications(source, scheme, currency)? {
                let combination = &application.0;
                let same =
                    |known: &Combination| known.aid == combination.aid && known.kernel_id == combination.kernel_id;
                if applications.iter().any(|(known, _)| same(known)) {
                    let message = format!("AID {} is there twice for the same kernel", combination.aid);
                    return Err(source.error(scheme.aids.span(), message));
                }
                scheme_names.push(scheme.name.get_ref().clone());
                applications.push(application);
            }
        }
        let offline = Offline::check(source, &file.offline, currency, &scheme_names)?;
        let mut profile = Profile::new(data, ca_keys, revoked, applications);
        profile.point_of_interaction = point_of_interaction;
        let acceptor = Acceptor { terminal_id: terminal_id.clone(), merchant_id };
        let number = |bcd: [u8; 2]| bcd.iter().fold(0, |n, b| n * 100 + u16::from(b >> 4) * 10 + u16::from(b & 0xF));
        Ok(Config {
            mode: file.mode,
            letterhead: Letterhead {
                name: merchant.name.clone(),
                address: merchant.address.clone(),
                test: file.mode == Mode::Test,
                acceptor: acceptor.clone(),
            },
            terminal_id,
            currency,
            time_zone: time_zone.clone(),
            card_timeout: Duration::from_secs(u64::from(*terminal.card_timeout_s.get_ref())),
            host,
            acquirer_keys,
            card_acceptor: CardAcceptor {
                identity: acceptor,
                name_location: Some(name_and_location.chars().take(40).collect()),
                category_code: Some(number(category)),
                country_code: Some(number(country)),
                acquirer_id: Some(terminal.acquirer.get_ref().clone()),
                takes_pin: false,
                time_zone,
            },
            journal: JournalPaths {
                path: source.relative(&file.journal.path),
                storage_key: source.relative(&file.journal.storage_key),
                storage_key_age: days(source, file.journal.storage_key_days.as_ref(), STORAGE_KEY_DAYS)?,
                card_data_age: days(source, file.journal.card_data_days.as_ref(), CARD_DATA_DAYS)?,
            },
            offline,
            readers: {
                let readers = file.readers.into_inner();
                Readers {
                    pcsc: readers.pcsc,
                    simulated: readers.simulated,
                    simulated_delay: Duration::from_millis(readers.simulated_delay_ms.into()),
                }
            },
            profile: Arc::new(profile),
            fingerprint: Sha256::digest(source.text()).iter().map(|byte| format!("{byte:02x}")).collect(),
            scheme_names,
        })
    }

    /// By which names the acquirer knows this terminal.
    pub fn acceptor(&self) -> Acceptor {
        self.card_acceptor.identity.clone()
    }

    /// The names of the schemes; one is there for each of its applications.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.scheme_names.iter().map(String::as_str)
    }

    /// What the kernels need for a transaction that may be approved offline with cards of these schemes alone.
    pub fn profile_where_offline(&self, may_be_offline: impl Fn(&str) -> bool) -> Arc<Profile> {
        if self.schemes().all(&may_be_offline) {
            return Arc::clone(&self.profile);
        }
        Arc::new(self.profile.online_for(|index| !may_be_offline(&self.scheme_names[index])))
    }

    /// The name of the scheme whose application has this DF name.
    pub fn scheme_of(&self, df_name: &[u8]) -> Option<&str> {
        let mut combinations = self.profile.combinations().iter();
        let index = combinations.position(|combination| df_name.starts_with(combination.aid.as_bytes()))?;
        self.scheme_names.get(index).map(String::as_str)
    }
}

/// POI Information in hexadecimal digits.
fn poi_information(text: &str) -> Result<PoiInformation, String> {
    PoiInformation::try_from(&source::hex(text)?[..]).map_err(|error| error.to_string())
}

/// Exactly `N` printable ASCII characters.
fn characters<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let bytes: Option<[u8; N]> = text.as_bytes().try_into().ok();
    bytes.filter(|bytes| is_printable(bytes)).ok_or_else(|| format!("`{text}` must be {N} printable characters"))
}

/// One to `most` printable ASCII characters.
fn up_to(text: &str, most: usize) -> Result<&str, String> {
    let fits = (1..=most).contains(&text.len()) && is_printable(text.as_bytes());
    if fits { Ok(text) } else { Err(format!("`{text}` must be 1 to {most} printable characters")) }
}

fn is_printable(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
}

/// Exactly `2 * N` digits, two in a byte.
fn digits<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let only_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match source::hex_array(text) {
        Ok(bytes) if only_digits => Ok(bytes),
        _ => Err(format!("`{text}` must be {} digits", 2 * N)),
    }
}

/// Terminal Type (EMV Book 4, Annex A1).
fn terminal_type(text: &str) -> Result<u8, String> {
    let [code] = digits::<1>(text)?;
    match TerminalType::new(code) {
        Ok(_) => Ok(code),
        Err(_) => {
            Err(format!("`{text}` is no Terminal Type; 22 is an attended terminal of a merchant, 25 an unattended one"))
        }
    }
}

/// A time of at least a day.
fn days(source: &Source, given: Option<&Spanned<u16>>, default: u16) -> Result<SignedDuration, ConfigError> {
    let number = match given {
        Some(number) if *number.get_ref() == 0 => return Err(source.error(number.span(), "must be a day at least")),
        number => number.map_or(default, |number| *number.get_ref()),
    };
    Ok(SignedDuration::from_hours(24 * i64::from(number)))
}

fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [b' '; N];
    field[..text.len()].copy_from_slice(text.as_bytes());
    field
}

#[cfg(test)]
mod tests;
