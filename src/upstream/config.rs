//! What the host link must know of the acquirer, and the acquirer of the terminal.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::iso8583::{Dialect, Message, Mti, field};
use crate::terminal::Acceptor;

/// The host: how to reach it, and how it wants its messages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostConfig {
    /// `name:port`, or `address:port`.
    #[serde(deserialize_with = "address")]
    pub address: String,
    /// How messages are written.
    pub dialect: Dialect,
    /// Under which message type a sale is authorised.
    #[serde(default)]
    pub message_class: MessageClass,
    /// Fields that this acquirer does not want: no message has them.
    #[serde(default)]
    pub omit: Omissions,
    /// Fields that every message has with the same value, such as the Network International Identifier.
    #[serde(default)]
    pub constant: Constants,
    /// How long a connection may take to be made, milliseconds.
    #[serde(default = "defaults::connect_timeout_ms", deserialize_with = "not_zero")]
    pub connect_timeout_ms: u64,
    /// How long an answer may take once the request is written, milliseconds.
    #[serde(default = "defaults::response_timeout_ms", deserialize_with = "not_zero")]
    pub response_timeout_ms: u64,
    /// How long to wait after a failed connection before the next, milliseconds. It doubles with each failure.
    #[serde(default = "defaults::backoff_initial_ms")]
    pub backoff_initial_ms: u64,
    /// What that wait grows to at most, milliseconds.
    #[serde(default = "defaults::backoff_max_ms")]
    pub backoff_max_ms: u64,
    /// The longest frame that is taken, bytes after the length header.
    #[serde(default = "defaults::frame_bytes_max")]
    pub frame_bytes_max: usize,
}

/// A name or an address, and a port.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let port = text.rsplit_once(':').filter(|(name, _)| !name.is_empty()).and_then(|(_, port)| port.parse().ok());
    match port {
        Some(1..=u16::MAX) => Ok(text),
        _ => Err(D::Error::custom(format!("`{text}` is not of the form name:port"))),
    }
}

/// A time that is some.
fn not_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match u64::deserialize(deserializer)? {
        0 => Err(D::Error::custom("must be more than 0: nobody answers at once")),
        milliseconds => Ok(milliseconds),
    }
}

mod defaults {
    pub(super) fn connect_timeout_ms() -> u64 {
        5_000
    }
    pub(super) fn response_timeout_ms() -> u64 {
        30_000
    }
    pub(super) fn backoff_initial_ms() -> u64 {
        250
    }
    pub(super) fn backoff_max_ms() -> u64 {
        5_000
    }
    pub(super) fn frame_bytes_max() -> usize {
        8_192
    }
}

impl HostConfig {
    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(super) fn response_timeout(&self) -> Duration {
        Duration::from_millis(self.response_timeout_ms)
    }

    /// How long to wait after that many failed connections in a row.
    pub(super) fn backoff(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let wait_ms = self.backoff_initial_ms.saturating_mul(2u64.saturating_pow(doublings));
        Duration::from_millis(wait_ms.min(self.backoff_max_ms))
    }

    /// Adds to a message what is constant, and takes out what is not wanted.
    pub(super) fn finish(&self, mut message: Message) -> Message {
        for (number, value) in &self.constant.0 {
            message.set(*number, value.as_bytes());
        }
        for number in &self.omit.0 {
            message.remove(*number);
        }
        message
    }
}

/// Fields that no configuration may give a value: they say whose money moves, how much of it, and in which message.
const NEVER_CONSTANT: &[u8] = &[2, 3, 4, 7, 11, 35, 37, 38, 39, 41, 49, 52, 54, 55, 90, 95];

/// Fields that no configuration may take out: without them no host can tell one request from another, or what is asked.
const NEVER_OMITTED: &[u8] = &[3, 4, 7, 11, 39, 49, 90];

/// A rule of the configuration that would make a message say something else than was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// There is no such field.
    #[error(transparent)]
    NoSuchField(#[from] field::NoSuchField),
    /// The field belongs to the transaction.
    #[error("field {0} can't be constant: it says what is sold, to whom or in which message")]
    Constant(u8),
    /// The field is needed.
    #[error("field {0} can't be omitted: without it the host can't tell what is asked, or of which request")]
    Omitted(u8),
}

/// Fields with a constant value, by number. None of them says what is bought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct Constants(BTreeMap<u8, String>);

impl TryFrom<BTreeMap<String, String>> for Constants {
    type Error = InvalidRule;

    fn try_from(settings: BTreeMap<String, String>) -> Result<Self, InvalidRule> {
        let constant = |(number, value): (String, String)| match field::number(&number)? {
            number if NEVER_CONSTANT.contains(&number) => Err(InvalidRule::Constant(number)),
            number => Ok((number, value)),
        };
        settings.into_iter().map(constant).collect::<Result<_, _>>().map(Self)
    }
}

/// The numbers of fields that no message has. None of them is one that the money depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<u8>")]
pub struct Omissions(Vec<u8>);

impl TryFrom<Vec<u8>> for Omissions {
    type Error = InvalidRule;

    fn try_from(numbers: Vec<u8>) -> Result<Self, InvalidRule> {
        for number in &numbers {
            field::number(&number.to_string())?;
        }
        match numbers.iter().find(|number| NEVER_OMITTED.contains(number)) {
            Some(number) => Err(InvalidRule::Omitted(*number)),
            None => Ok(Self(numbers)),
        }
    }
}

/// Under which message type a sale is authorised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageClass {
    /// 0100 and 0110: the answer authorises; clearing follows by other means. The usual case of an acquirer that
    /// captures by batch, and the default.
    #[default]
    Authorisation,
    /// 0200 and 0210: the answer authorises and posts, a single message for both.
    Financial,
}

impl MessageClass {
    /// The type of the request.
    pub fn mti(self) -> Mti {
        match self {
            Self::Authorisation => Mti::AUTHORISATION_REQUEST,
            Self::Financial => Mti::FINANCIAL_REQUEST,
        }
    }
}

/// Who accepts the card, and where: what is the same in each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardAcceptor {
    /// Fields 41 and 42: the terminal and the merchant.
    pub identity: Acceptor,
    /// Field 43: name, city and country, ans 40.
    pub name_location: Option<String>,
    /// Field 18: the merchant's category (ISO 18245), n 4.
    pub category_code: Option<u16>,
    /// Field 19: the acquirer's country (ISO 3166-1 numeric), n 3.
    pub country_code: Option<u16>,
    /// Field 32: the acquirer, n ..11.
    pub acquirer_id: Option<String>,
    /// The last digit of field 22: whether the terminal can take a PIN.
    pub takes_pin: bool,
    /// Fields 12 and 13: where the terminal stands, in time.
    pub time_zone: TimeZone,
}

impl CardAcceptor {
    /// Sets what says who the acceptor is; `identity` is that of the transaction, which may be older than this.
    pub(super) fn apply(&self, identity: &Acceptor, message: &mut Message) {
        message
            .set_if(18, self.category_code.map(|code| format!("{code:04}")))
            .set_if(19, self.country_code.map(|code| format!("{code:03}")))
            .set_if(32, self.acquirer_id.as_deref())
            .set(41, identity.terminal_id.as_str())
            .set(42, identity.merchant_id.as_str())
            .set_if(43, self.name_location.as_deref());
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const SMALLEST: &str = "address = 'localhost:8583'\ndialect = 'bcd'";

    /// The smallest configuration, and what `more` adds to it.
    pub(in crate::upstream) fn config(more: &str) -> HostConfig {
        toml::from_str(&format!("{SMALLEST}\n{more}")).unwrap()
    }

    /// A grocer, two hours ahead of UTC.
    pub(in crate::upstream) fn acceptor() -> CardAcceptor {
        CardAcceptor {
            identity: Acceptor { terminal_id: "TERM0001".to_owned(), merchant_id: "MERCHANT0000001".to_owned() },
            name_location: None,
            category_code: Some(5411),
            country_code: Some(56),
            acquirer_id: Some("123456".to_owned()),
            takes_pin: true,
            time_zone: TimeZone::fixed(jiff::tz::offset(2)),
        }
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let config = config("");
        assert_eq!(config.message_class.mti(), Mti::AUTHORISATION_REQUEST);
        assert_eq!((config.response_timeout().as_secs(), config.frame_bytes_max), (30, 8192));
    }

    #[test]
    fn an_acquirer_may_want_other_fields() {
        let rules = "message_class = 'financial'\nomit = [2, 43]\nconstant = { 24 = '001' }";
        let config = config(rules);
        let mut message = Message::new(config.message_class.mti());
        message.set(2, "4761739001010119").set(3, "000000");
        assert_eq!(format!("{:?}", config.finish(message)), "0200 3=000000 24=001");
    }

    /// What is wrong with the example configuration once its host has this rule as well, but for the file's name.
    fn refusal(rule: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tenderd.toml");
        let text = crate::config::EXAMPLE.replace("[host]\n", &format!("[host]\n{rule}\n"));
        std::fs::write(&path, &text).unwrap();
        let error = crate::config::Config::load(&path).unwrap_err().to_string();
        let line = text.lines().position(|line| line == rule).unwrap() + 1;
        let place = format!("{}:{line}: ", path.display());
        error.strip_prefix(&place).unwrap_or_else(|| panic!("{error} is not at {place}")).to_owned()
    }

    #[test]
    fn no_configuration_rewrites_what_is_sold_or_leaves_it_out() {
        for number in NEVER_CONSTANT {
            let refused = refusal(&format!("constant = {{ 24 = '001', {number} = '000000000100' }}"));
            assert!(refused.starts_with(&format!("host.constant: field {number} can't be constant")), "{refused}");
        }
        for number in NEVER_OMITTED {
            let refused = refusal(&format!("omit = [32, {number}]"));
            assert!(refused.starts_with(&format!("host.omit: field {number} can't be omitted")), "{refused}");
        }
        assert!(refusal("constant = { 1 = '001' }").contains("`1` is not a field"));
        assert!(refusal("omit = [129]").contains("`129` is not a field"));
    }

    #[test]
    fn a_wait_doubles_up_to_its_cap() {
        let config = config("backoff_max_ms = 1500");
        let waits = [0, 1, 2, 3, 4, 99].map(|failures| config.backoff(failures).as_millis());
        assert_eq!(waits, [0, 250, 500, 1000, 1500, 1500]);
    }
}
