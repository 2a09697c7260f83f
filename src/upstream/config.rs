//! What the host link must know of the acquirer, and the acquirer of the terminal.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use toml::Spanned;

use super::address::HostAddress;
use super::facts::Facts;
use super::iso8583::{
    Dialect, DialectSettings, Element, EncodeError, InvalidDialect, Layout, MAC_FIELDS, Message, Purpose, field,
};
use super::tls::{InvalidTls, Tls, TlsSettings};
use crate::config::SecretKey;
use crate::terminal::{Acceptor, TransactionType};

/// The host: how to reach it, and how it wants its messages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "HostSettings")]
pub struct HostConfig {
    /// Where it listens.
    pub address: HostAddress,
    /// Where else the same host listens, for when it can't be reached there.
    pub backups: Vec<HostAddress>,
    /// How TLS is spoken with it; nothing where it is not.
    pub tls: Option<Tls>,
    /// The HTTP proxy through which it is reached; nothing where it is reached directly.
    pub proxy: Option<HostAddress>,
    /// How messages are written, and what stands in their fields.
    pub dialect: Dialect,
    /// Under which message type a sale is authorised.
    pub message_class: MessageClass,
    /// Fields that this acquirer does not want: no message has them.
    omit: Vec<u8>,
    /// Fields that every message has with the same value, such as the Network International Identifier.
    constant: BTreeMap<u8, String>,
    /// How long a connection may take to be made, milliseconds.
    pub connect_timeout_ms: u64,
    /// How long an answer may take once the request is written, milliseconds.
    pub response_timeout_ms: u64,
    /// How long to wait after a failed connection before the next, milliseconds. It doubles with each failure.
    pub backoff_initial_ms: u64,
    /// What that wait grows to at most, milliseconds.
    pub backoff_max_ms: u64,
    /// After how long a silence the system asks whether the other end is still there (TCP keep-alive), seconds; never
    /// where it is 0.
    pub keep_alive_s: u32,
    /// After how long a silence an echo test is sent, seconds; never where nothing is said.
    pub echo_every_s: Option<u32>,
    /// After how long a connection is closed that no request has used, seconds; never where nothing is said.
    pub close_when_idle_s: Option<u32>,
    /// The longest frame that is taken, bytes after the length header.
    pub frame_bytes_max: usize,
}

/// The `[host]` table of a configuration, before what it says is held against its dialect.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostSettings {
    address: Spanned<HostAddress>,
    #[serde(default)]
    backups: Vec<HostAddress>,
    #[serde(default)]
    tls: Option<TlsSettings>,
    #[serde(default)]
    proxy: Option<HostAddress>,
    dialect: Spanned<DialectSettings>,
    #[serde(default)]
    message_class: Option<Spanned<MessageClass>>,
    #[serde(default)]
    omit: Option<Spanned<Vec<u8>>>,
    #[serde(default)]
    constant: Option<Spanned<BTreeMap<String, String>>>,
    #[serde(default = "defaults::connect_timeout_ms", deserialize_with = "not_zero")]
    connect_timeout_ms: u64,
    #[serde(default = "defaults::response_timeout_ms", deserialize_with = "not_zero")]
    response_timeout_ms: u64,
    #[serde(default = "defaults::backoff_initial_ms")]
    backoff_initial_ms: u64,
    #[serde(default = "defaults::backoff_max_ms")]
    backoff_max_ms: u64,
    #[serde(default = "defaults::keep_alive_s")]
    keep_alive_s: u32,
    #[serde(default)]
    echo_every_s: Option<Spanned<NonZeroU32>>,
    #[serde(default)]
    close_when_idle_s: Option<NonZeroU32>,
    #[serde(default = "defaults::frame_bytes_max")]
    frame_bytes_max: usize,
}

impl HostSettings {
    /// Where the secret key of the terminal's certificate is, if it has one.
    pub(crate) fn tls_key(&self) -> Option<&Spanned<SecretKey>> {
        self.tls.as_ref().and_then(TlsSettings::key)
    }

    /// Whether somebody has decided about TLS.
    pub(crate) fn says_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Where in the text the address stands.
    pub(crate) fn address_at(&self) -> Range<usize> {
        self.address.span()
    }

    /// The host; files of dialects are looked for in `folder`.
    ///
    /// # Errors
    /// What is wrong, and where in the text of the configuration.
    pub(crate) fn check(self, folder: &Path) -> Result<HostConfig, (Range<usize>, InvalidRule)> {
        let whole = self.dialect.span();
        let dialect = self.dialect.into_inner().resolve(folder);
        let dialect = dialect.map_err(|wrong| (wrong.at.unwrap_or(whole.clone()), wrong.error.into()))?;
        let (at, message_class) =
            self.message_class.map_or((whole, MessageClass::default()), |class| (class.span(), class.into_inner()));
        if !dialect.messages.contains_key(&message_class.into()) {
            return Err((at, InvalidDialect::NoMessage(message_class.into()).into()));
        }
        let said = |at: Range<usize>| move |error: InvalidRule| (at.clone(), error);
        let omit = self.omit.map_or(Ok(Vec::new()), |omit| {
            let at = omit.span();
            omissions(omit.into_inner(), &dialect).map_err(said(at))
        })?;
        let constant = self.constant.map_or(Ok(BTreeMap::new()), |constant| {
            let at = constant.span();
            constants(constant.into_inner(), &dialect).map_err(said(at))
        })?;
        let tls = match self.tls {
            Some(tls) => {
                let checked = tls.check(self.address.get_ref().host(), self.address.span(), folder);
                checked.map_err(|(at, error)| (at, error.into()))?
            }
            None => None,
        };
        if let Some(echo) = self.echo_every_s.as_ref() {
            if !dialect.messages.contains_key(&Purpose::Echo) {
                return Err((echo.span(), InvalidDialect::NoMessage(Purpose::Echo).into()));
            }
            if self.close_when_idle_s.is_some_and(|idle| idle <= *echo.get_ref()) {
                return Err((echo.span(), InvalidRule::NeverIdle));
            }
        }
        Ok(HostConfig {
            address: self.address.into_inner(),
            backups: self.backups,
            tls,
            proxy: self.proxy,
            dialect,
            message_class,
            omit,
            constant,
            connect_timeout_ms: self.connect_timeout_ms,
            response_timeout_ms: self.response_timeout_ms,
            backoff_initial_ms: self.backoff_initial_ms,
            backoff_max_ms: self.backoff_max_ms,
            keep_alive_s: self.keep_alive_s,
            echo_every_s: self.echo_every_s.map(|seconds| seconds.into_inner().get()),
            close_when_idle_s: self.close_when_idle_s.map(NonZeroU32::get),
            frame_bytes_max: self.frame_bytes_max,
        })
    }
}

impl TryFrom<HostSettings> for HostConfig {
    type Error = InvalidRule;

    /// Files of dialects are looked for in the working directory.
    fn try_from(settings: HostSettings) -> Result<Self, InvalidRule> {
        settings.check(Path::new("")).map_err(|(_, error)| error)
    }
}

/// Constants by number. None of them says what is sold.
fn constants(settings: BTreeMap<String, String>, dialect: &Dialect) -> Result<BTreeMap<u8, String>, InvalidRule> {
    let constant = |(number, value): (String, String)| {
        let number = field::number(&number)?;
        let is_mac = dialect.mac.is_some() && MAC_FIELDS.contains(&number);
        if is_mac || dialect.elements.get(&number).is_some_and(|element| element.is_never_constant()) {
            return Err(InvalidRule::Constant(number));
        }
        dialect.fits(number, &value)?;
        Ok((number, value))
    };
    settings.into_iter().map(constant).collect()
}

/// Numbers of fields that no message has. None of them is one that the money depends on.
fn omissions(numbers: Vec<u8>, dialect: &Dialect) -> Result<Vec<u8>, InvalidRule> {
    for number in &numbers {
        field::number(&number.to_string())?;
        if dialect.elements.get(number).is_some_and(|element| element.is_never_omitted()) {
            return Err(InvalidRule::Omitted(*number));
        }
    }
    Ok(numbers)
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
    /// A firewall that forgets silent connections does so after some minutes.
    pub(super) fn keep_alive_s() -> u32 {
        60
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

    /// After how long a silence an echo test is sent.
    pub(super) fn echo_every(&self) -> Option<Duration> {
        self.echo_every_s.map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// After how long a connection is closed that no request has used.
    pub(super) fn close_when_idle(&self) -> Option<Duration> {
        self.close_when_idle_s.map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// How long to wait after that many failed connections in a row, less up to half of it: `random` says how much less,
    /// so that the terminals of a shop, which lose their host at the same moment, don't come back at the same moment.
    pub(super) fn backoff(&self, failures: u32, random: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let wait_ms = self.backoff_initial_ms.saturating_mul(2u64.saturating_pow(doublings)).min(self.backoff_max_ms);
        let less_ms = u128::from(wait_ms / 2) * u128::from(random) / u128::from(u32::MAX);
        Duration::from_millis(wait_ms - less_ms as u64)
    }

    /// All addresses of the host, in the order in which they are tried.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &HostAddress> {
        std::iter::once(&self.address).chain(&self.backups)
    }

    /// Whether the way to the host crosses no network.
    pub(crate) fn is_on_this_machine(&self) -> bool {
        self.proxy.is_none() && self.addresses().all(HostAddress::is_loopback)
    }

    /// Whether the dialect has a message for a transaction of this kind, with a card or as a follow-up.
    pub fn offers(&self, kind: TransactionType, is_follow_up: bool) -> bool {
        self.dialect.messages.contains_key(&self.purpose_of(kind, is_follow_up))
    }

    /// For what the acquirer hears of a transaction of this kind. What the dialect need not have a message for is not sent
    /// as anything else, but for a refund without its original.
    pub(super) fn purpose_of(&self, kind: TransactionType, is_follow_up: bool) -> Purpose {
        match kind {
            TransactionType::Purchase | TransactionType::CashAdvance | TransactionType::Cashback => {
                self.message_class.into()
            }
            TransactionType::Refund if is_follow_up => Purpose::ReferencedRefund,
            TransactionType::Refund if self.dialect.messages.contains_key(&Purpose::Refund) => Purpose::Refund,
            TransactionType::Refund => self.message_class.into(),
            TransactionType::Void => Purpose::Void,
            TransactionType::PreAuthorisation => Purpose::PreAuthorisation,
            TransactionType::Increment => Purpose::Increment,
            TransactionType::Capture => Purpose::Completion,
            TransactionType::Release => Purpose::Release,
            TransactionType::Adjustment => Purpose::Adjustment,
            TransactionType::Verification => Purpose::Verification,
        }
    }

    /// For what the acquirer is told of a transaction of this kind, where it was not asked.
    pub(super) fn advice_purpose_of(&self, kind: TransactionType) -> Purpose {
        if kind.is_advised() { self.purpose_of(kind, true) } else { Purpose::Advice }
    }

    /// The layout under which the acquirer got a message for this. A dialect that has lost it since has another idea of it.
    pub(super) fn layout_once_of(&self, purpose: Purpose) -> &Layout {
        self.dialect.messages.get(&purpose).unwrap_or_else(|| self.layout(self.message_class.into()))
    }

    /// The processing code that the dialect has for messages of this layout; nothing where it is the transaction's.
    pub(super) fn processing_code_of<'a>(&self, layout: &'a Layout) -> Option<&'a str> {
        layout.constants.get(&self.dialect.field_of(Element::ProcessingCode)?).map(String::as_str)
    }

    /// The layout of a message that every dialect has.
    pub(super) fn layout(&self, purpose: Purpose) -> &Layout {
        self.dialect.messages.get(&purpose).expect("the dialect was checked when it was read")
    }

    /// A message that the dialect has: what is known, in its fields, with what this acquirer always wants and
    /// without what it never wants.
    pub(super) fn message(&self, purpose: Purpose, is_repeat: bool, facts: &Facts<'_>) -> Message {
        let layout = self.layout(purpose);
        let mti = if is_repeat { layout.repeat } else { layout.mti };
        let mut message = facts.message(mti, layout, &self.dialect);
        for (number, value) in &self.constant {
            message.set(*number, value.as_bytes());
        }
        for number in &self.omit {
            message.remove(*number);
        }
        message
    }
}

/// A rule of the configuration that would make a message say something else than was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// There is no such field.
    #[error(transparent)]
    NoSuchField(#[from] field::NoSuchField),
    /// The field belongs to the transaction.
    #[error("field {0} can't be constant: it says what is sold, to whom or in which message")]
    Constant(u8),
    /// The value does not fit its field.
    #[error(transparent)]
    Unfit(#[from] EncodeError),
    /// The dialect can't be used.
    #[error(transparent)]
    Dialect(#[from] InvalidDialect),
    /// TLS can't be spoken so.
    #[error(transparent)]
    Tls(#[from] InvalidTls),
    /// Echo tests that would never be sent.
    #[error("must be less than close_when_idle_s: a connection that is closed by then needs no echo test")]
    NeverIdle,
    /// The field is needed.
    #[error("field {0} can't be omitted: without it the host can't tell what is asked, or of which request")]
    Omitted(u8),
}

/// Under which message type a sale is authorised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageClass {
    /// In ISO 8583:1987 0100 and 0110: the answer authorises; clearing follows by other means. The usual case of an acquirer that
    /// captures by batch, and the default.
    #[default]
    Authorisation,
    /// In ISO 8583:1987 0200 and 0210: the answer authorises and posts, a single message for both.
    Financial,
}

impl From<MessageClass> for Purpose {
    fn from(class: MessageClass) -> Self {
        match class {
            MessageClass::Authorisation => Self::Authorisation,
            MessageClass::Financial => Self::Financial,
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
        assert_eq!(config.message_class, MessageClass::Authorisation);
        assert_eq!((config.response_timeout().as_secs(), config.frame_bytes_max), (30, 8192));
    }

    #[test]
    fn an_acquirer_may_want_other_fields() {
        let rules = "message_class = 'financial'\nomit = [2, 43]\nconstant = { 24 = '001' }";
        let message = super::super::authorisation::tests::request(42).to_message(&config(rules), &acceptor()).unwrap();
        assert_eq!(message.mti.to_string(), "0200");
        assert_eq!((message.text(2), message.text(3), message.text(24)), (None, Some("000000"), Some("001")));
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
        for number in [2, 3, 4, 7, 11, 35, 37, 38, 39, 41, 49, 52, 54, 55, 90, 95] {
            let refused = refusal(&format!("constant = {{ 24 = '001', {number} = '000000000100' }}"));
            assert!(refused.starts_with(&format!("host.constant: field {number} can't be constant")), "{refused}");
        }
        for number in [3, 4, 7, 11, 39, 49, 90] {
            let refused = refusal(&format!("omit = [32, {number}]"));
            assert!(refused.starts_with(&format!("host.omit: field {number} can't be omitted")), "{refused}");
        }
        assert!(refusal("constant = { 1 = '001' }").contains("`1` is not a field"));
        assert!(refusal("constant = { 24 = '00001' }").starts_with("host.constant: field 24 (n3): 5 are too many"));
        assert!(refusal("omit = [129]").contains("`129` is not a field"));
    }

    #[test]
    fn a_wait_doubles_up_to_its_cap_and_is_shortened_by_chance() {
        let config = config("backoff_max_ms = 1500");
        let waits = |random| [0, 1, 2, 3, 4, 99].map(|failures| config.backoff(failures, random).as_millis());
        assert_eq!(waits(0), [0, 250, 500, 1000, 1500, 1500]);
        assert_eq!(waits(u32::MAX / 2), [0, 188, 376, 751, 1126, 1126]);
        assert_eq!(waits(u32::MAX), [0, 125, 250, 500, 750, 750], "never less than half");
    }
}
