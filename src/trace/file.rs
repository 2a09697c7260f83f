//! The file: JSON Lines, read whole or not at all.

use emv::fields::{Amount, Date};
use emv::kernel::{Transaction, UnpredictableNumbers};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::entry::{Entry, What};
use super::masking::Masking;
use super::settings::{Setting, Settings, SettingsError};
use crate::terminal::Hex;

const FORMAT: &str = "tenderd-trace";
const VERSION: u32 = 1;

/// A recorded tap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The first line.
    pub header: Header,
    /// The configuration it ran with.
    pub settings: Settings,
    /// What happened, in order. The last entry is an outcome.
    pub entries: Vec<Entry>,
    /// The line on which the first entry stands, counted from 1.
    pub first_entry_line: usize,
}

/// The first line of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    format: String,
    version: u32,
    /// Whether account data is masked; signatures of a masked trace don't verify.
    pub masked: bool,
    /// The reader's name.
    pub reader: String,
    /// The card's answer to reset, where a card came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub atr: Option<Hex>,
    /// When the recording began, RFC 3339.
    pub started_at: String,
    /// The inputs of the transaction.
    pub transaction: Inputs,
}

/// What the terminal gave the tap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// Amount, Authorised, in minor units; absent is not zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<u64>,
    /// Amount, Other, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_other: Option<u64>,
    /// ISO 4217 numeric code, four digits.
    pub currency: Hex,
    /// Transaction Currency Exponent.
    pub currency_exponent: u8,
    /// Transaction Type.
    #[serde(rename = "type")]
    pub transaction_type: Hex,
    /// YYMMDD.
    pub date: Hex,
    /// HHMMSS.
    pub time: Hex,
    /// Transaction Sequence Counter.
    pub sequence_counter: u32,
    /// The first Unpredictable Number, where it does not follow from the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpredictable_number: Option<Hex>,
    /// From what the Unpredictable Numbers follow: 32 bytes.
    pub seed: Hex,
}

/// Why a file is no trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct FileError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong. It repeats no value of the file.
    pub reason: String,
}

impl FileError {
    pub(super) fn new(line: usize, reason: impl ToString) -> Self {
        FileError { line, reason: reason.to_string() }
    }

    /// A complaint of serde: where it quotes the value, only what was expected is repeated.
    pub(super) fn json(line: usize, error: &serde_json::Error) -> Self {
        let message = error.to_string();
        let reason = match message.rsplit_once("expected ") {
            Some((quoting, expected)) if quoting.starts_with("invalid") => format!("expected {expected}"),
            _ => message,
        };
        let reason = reason.split(" at line ").next().unwrap_or_default();
        match error.column() {
            0 => FileError::new(line, reason),
            column => FileError::new(line, format!("column {column}: {reason}")),
        }
    }
}

impl Header {
    /// The first line of a recording that begins.
    pub fn new(reader: &str, started_at: String, transaction: Inputs) -> Self {
        Header {
            format: FORMAT.into(),
            version: VERSION,
            masked: false,
            reader: reader.into(),
            atr: None,
            started_at,
            transaction,
        }
    }
}

impl Inputs {
    /// The inputs of a transaction.
    pub fn new(transaction: &Transaction, seed: [u8; 32], unpredictable_number: Option<[u8; 4]>) -> Self {
        Inputs {
            amount: transaction.amount_authorised.map(Amount::minor_units),
            amount_other: transaction.amount_other.map(Amount::minor_units),
            currency: Hex(transaction.currency.to_vec()),
            currency_exponent: transaction.currency_exponent,
            transaction_type: Hex(vec![transaction.transaction_type]),
            date: Hex(transaction.date.to_bcd().to_vec()),
            time: Hex(transaction.time.to_vec()),
            sequence_counter: transaction.sequence_counter,
            unpredictable_number: unpredictable_number.map(|number| Hex(number.to_vec())),
            seed: Hex(seed.to_vec()),
        }
    }

    /// The transaction, and where its Unpredictable Numbers come from.
    ///
    /// # Errors
    /// [`SettingsError`] with the input that can't be.
    pub fn to_transaction(&self) -> Result<(Transaction, UnpredictableNumbers), SettingsError> {
        let error = |what: &str, reason: &dyn ToString| SettingsError { what: what.into(), reason: reason.to_string() };
        let amount = |name, minor_units: Option<u64>| {
            minor_units.map(Amount::new).transpose().map_err(|reason| error(name, &reason))
        };
        let transaction = Transaction {
            amount_authorised: amount("amount", self.amount)?,
            amount_other: amount("amount_other", self.amount_other)?,
            currency: bytes("currency", &self.currency)?,
            currency_exponent: self.currency_exponent,
            transaction_type: bytes::<1>("type", &self.transaction_type)?[0],
            date: Date::try_from(&self.date.0[..]).map_err(|reason| error("date", &reason))?,
            time: bytes("time", &self.time)?,
            sequence_counter: self.sequence_counter,
        };
        let seed = bytes("seed", &self.seed)?;
        let numbers = match &self.unpredictable_number {
            Some(first) => UnpredictableNumbers::starting_with(bytes("unpredictable_number", first)?, seed),
            None => UnpredictableNumbers::from_seed(seed),
        };
        Ok((transaction, numbers))
    }
}

fn bytes<const N: usize>(what: &str, hex: &Hex) -> Result<[u8; N], SettingsError> {
    let reason = || format!("must have {N} bytes, not {}", hex.0.len());
    hex.0[..].try_into().map_err(|_| SettingsError { what: what.into(), reason: reason() })
}

impl Trace {
    /// Reads a whole trace.
    ///
    /// # Errors
    /// [`FileError`] with the first line that is wrong; a trace that ends before its outcome is wrong after its last.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
        let (_, first) = lines.next().ok_or_else(|| FileError::new(1, "the file is empty"))?;
        let header: Header = serde_json::from_str(first).map_err(|error| FileError::json(1, &error))?;
        if header.format != FORMAT {
            return Err(FileError::new(1, format!("the format is not {FORMAT}")));
        }
        if header.version != VERSION {
            return Err(FileError::new(1, format!("version {} is not version {VERSION}", header.version)));
        }
        header.transaction.to_transaction().map_err(|error| FileError::new(1, error))?;

        let mut terminal = None;
        let (mut applications, mut ca_keys, mut revoked) = (Vec::new(), Vec::new(), Vec::new());
        let mut entries: Vec<Entry> = Vec::new();
        let mut first_entry_line = 0;
        let mut last_line = 1;
        for (number, line) in lines {
            last_line = number;
            let wrong = |error: serde_json::Error| FileError::json(number, &error);
            let object: Map<String, Value> = serde_json::from_str(line).map_err(wrong)?;
            if object.contains_key("t_us") {
                if matches!(entries.last(), Some(Entry { what: What::Outcome(_), .. })) {
                    return Err(FileError::new(number, "something follows the outcome"));
                }
                if entries.is_empty() {
                    first_entry_line = number;
                }
                entries.push(Entry::try_from(object).map_err(wrong)?);
                continue;
            }
            if !entries.is_empty() {
                return Err(FileError::new(number, "a setting among the entries: all settings come first"));
            }
            match Setting::deserialize(Value::Object(object)).map_err(wrong)? {
                Setting::Terminal(_) if terminal.is_some() => return Err(FileError::new(number, "a second terminal")),
                Setting::Terminal(setting) => terminal = Some(setting),
                Setting::Application(setting) => applications.push(setting),
                Setting::CaKey(setting) => ca_keys.push(setting),
                Setting::Revoked(setting) => revoked.push(setting),
            }
        }
        if !ended(&entries) {
            return Err(FileError::new(last_line, "the trace ends here, before its outcome: it was cut short"));
        }
        let terminal =
            terminal.ok_or_else(|| FileError::new(first_entry_line, "no terminal before the first entry"))?;
        Ok(Trace { header, settings: Settings { terminal, applications, ca_keys, revoked }, entries, first_entry_line })
    }

    /// The trace with its account data masked.
    pub fn masked(&self) -> Self {
        let mut masking = Masking::new();
        let mut masked = self.clone();
        masked.entries = self.entries.iter().map(|entry| masking.entry(entry)).collect();
        masked.header.masked = true;
        masked
    }

    /// Writes the trace, with a line feed after each line.
    pub fn to_text(&self) -> String {
        let Settings { terminal, applications, ca_keys, revoked } = self.settings.clone();
        let settings = [Setting::Terminal(terminal)]
            .into_iter()
            .chain(applications.into_iter().map(Setting::Application))
            .chain(ca_keys.into_iter().map(Setting::CaKey))
            .chain(revoked.into_iter().map(Setting::Revoked));
        let mut lines = vec![line(&self.header)];
        lines.extend(settings.map(|setting| line(&setting)));
        lines.extend(self.entries.iter().map(line));
        lines.concat()
    }
}

fn line(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("a trace has only text keys");
    format!("{json}\n")
}

/// A trace ends with its outcome; where the issuer is to decide and nobody asked it, with the request.
fn ended(entries: &[Entry]) -> bool {
    matches!(entries.last(), Some(Entry { what: What::Outcome(_) | What::OnlineRequest(_), .. }))
}
