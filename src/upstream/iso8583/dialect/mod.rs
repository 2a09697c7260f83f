//! Dialects: how one acquirer writes ISO 8583 on the wire, and what it wants in which field, as data.

mod composition;
mod element;
mod error;
mod layout;
mod mac;
mod settings;
mod shipped;
mod working_keys;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;

pub use composition::{Composition, InvalidComposition};
pub use element::{Description, ELEMENTS, Element, NoSuchElement};
pub use error::{InvalidDialect, Misplaced};
pub use layout::{Layout, Purpose};
pub use mac::{MAC_FIELDS, MacKeyOrigin, MacRule};
pub use settings::DialectSettings;
pub use shipped::{SHIPPED, Shipped};
pub use working_keys::WorkingKeys;

use super::field::{self, Format};
use super::framing::{LengthHeader, MessageHeader, Tpdu};
use super::message::{Message, Mti};
use crate::terminal::TransactionType;

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

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ascii => "ascii",
            Self::Bcd => "bcd",
        })
    }
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw",
            Self::Hex => "hex",
        })
    }
}

impl fmt::Display for LengthPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ascii => "ascii",
            Self::Bcd => "bcd",
            Self::Binary => "binary",
        })
    }
}

impl fmt::Display for Filler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LeftZero => "left-zero",
            Self::RightZero => "right-zero",
            Self::RightF => "right-f",
        })
    }
}

/// One acquirer's dialect: how messages are written, read by [`encode`](super::encode) and [`decode`](super::decode),
/// and which [`Element`] stands in which field of which message. A new acquirer is new data and not new code.
///
/// It is a file: one of those [`SHIPPED`], or an acquirer's own, which says what differs from another. A configuration
/// names the file, or says itself what differs:
///
/// ```toml
/// [host.dialect]
/// preset = "iso-1987-bcd"
/// header = "4-ascii"       # the length header: 2 or 4, binary or ascii
/// tpdu = "6000010000"
/// fields = { 39 = "n2" }   # this acquirer packs the response code
/// echo = [7, 42]           # and assigns retrieval reference numbers of its own
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// What it is, in a line.
    pub description: String,
    /// The length header before each message.
    pub header: LengthHeader,
    /// The TPDU between header and message, if there is one.
    pub tpdu: Option<Tpdu>,
    /// What follows the TPDU, before the message, if anything.
    pub message_header: Option<MessageHeader>,
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
    /// Fields whose format is not that of ISO 8583:1987.
    pub fields: BTreeMap<u8, Format>,
    /// Fields that an answer gives back as the request had them, where it has them. Besides, the STAN, the terminal,
    /// the currency and the amount always must agree, whatever the dialect.
    pub echo: Vec<u8>,
    /// What the point of service elements say of how a card was read.
    pub entry_modes: EntryModes,
    /// Codes of kinds of transactions that are not those of ISO 8583:1987, by the kind's name.
    pub kinds: BTreeMap<String, KindCodes>,
    /// What stands in which field, in every message and answer that has it.
    pub elements: BTreeMap<u8, Element>,
    /// Response codes that are not those of ISO 8583:1987, and the code of 1987 that says the same.
    pub response_codes: BTreeMap<String, String>,
    /// The messages.
    pub messages: BTreeMap<Purpose, Layout>,
    /// Their message authentication codes, where the acquirer wants any.
    pub mac: Option<MacRule>,
    /// How the host hands out the keys for them, where it does.
    pub working_keys: Option<WorkingKeys>,
}

/// How a card was read, as the dialect's point of service elements say it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EntryModes {
    /// Contactless, with chip data.
    pub contactless_chip: String,
    /// Contactless, with magnetic stripe data.
    pub contactless_magnetic_stripe: String,
}

/// How a dialect writes a kind of transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KindCodes {
    /// Six digits; where absent, Transaction Type and the default accounts.
    pub processing_code: Option<String>,
    /// What `kind_code` says.
    pub kind_code: Option<String>,
}

impl Dialect {
    /// The processing code of a kind of transaction: six digits.
    pub fn processing_code(&self, kind: TransactionType) -> String {
        let own = self.kinds.get(kind.name()).and_then(|codes| codes.processing_code.clone());
        own.unwrap_or_else(|| format!("{:02X}0000", kind.code()))
    }

    /// The format of field `number` in this dialect.
    pub fn format(&self, number: u8) -> Option<Format> {
        self.fields.get(&number).copied().or_else(|| field::find(number).map(|field| field.format))
    }

    /// The numbers of the fields that a message may have, in their order.
    pub fn numbers(&self, layout: &Layout) -> BTreeSet<u8> {
        layout.fields.iter().chain(layout.constants.keys()).chain(layout.compositions.keys()).copied().collect()
    }

    /// The field in which `element` stands.
    pub fn field_of(&self, element: Element) -> Option<u8> {
        self.elements.iter().find(|(_, placed)| **placed == element).map(|(number, _)| *number)
    }

    /// Whether an answer says that new working keys are due.
    pub fn says_that_keys_are_due(&self, answer: &Message) -> bool {
        let code = self.field_of(Element::ResponseCode).and_then(|number| answer.text(number));
        code.zip(self.working_keys.as_ref()).is_some_and(|(code, rule)| rule.are_due_on(code))
    }

    /// The code of ISO 8583:1987 that says what this one says in an answer of this type. One that the dialect does not
    /// name is its own.
    pub fn response_code<'a>(&'a self, answer: Mti, code: &'a str) -> &'a str {
        let answered = self.messages.values().filter(|layout| layout.mti.answer() == answer);
        let of_message = answered.filter_map(|layout| layout.response_codes.get(code)).next();
        of_message.or_else(|| self.response_codes.get(code)).map_or(code, String::as_str)
    }
}
