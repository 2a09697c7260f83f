//! What can be wrong with a dialect, and where.

use std::ops::Range;

use super::super::encode::EncodeError;
use super::super::field::{InvalidFormat, NoSuchField};
use super::{Element, InvalidComposition, Purpose};

/// What is wrong with a dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDialect {
    /// No dialect has this name.
    #[error(
        "`{0}` is no dialect: `tenderctl dialect list` lists the names; a file has a slash in it, or ends in .toml"
    )]
    NoSuchDialect(String),
    /// What it begins with can't be used.
    #[error("{0}")]
    Preset(String),
    /// Files begin with one another.
    #[error("the dialects begin with one another, without an end")]
    Circle,
    /// It begins with no other, and leaves something out.
    #[error("`{0}` is missing, and there is no preset to take it from")]
    Missing(&'static str),
    /// Something is not the number of a field.
    #[error(transparent)]
    NoSuchField(#[from] NoSuchField),
    /// A value of `fields` is not a format.
    #[error("field {0}: {1}")]
    Format(u8, InvalidFormat),
    /// A field that no answer is held to.
    #[error("echo: field {0} is none of those that an answer may be held to: {1:?}")]
    Echo(u8, Vec<u8>),
    /// An element stands in two fields.
    #[error("{0} stands in field {1} already")]
    PlacedTwice(Element, u8),
    /// A secret would stand where logs show it.
    #[error("{0} can't stand in field {1}: that field is shown in logs")]
    Shown(Element, u8),
    /// A message has a field in which nothing stands.
    #[error("nothing stands in field {0}: place a data element there, under [elements], or give it a constant value")]
    Empty(u8),
    /// A constant would say what is sold.
    #[error("field {0} can't be constant: its {1} says what is sold, to whom or in which message")]
    Constant(u8, Element),
    /// A composed field that can't be composed.
    #[error("field {0}: {1}")]
    Composition(u8, InvalidComposition),
    /// A secret in a composed field.
    #[error("{0} can't stand in a composed field: it is secret, and has a field of its own")]
    Composed(Element),
    /// A field has two things to say.
    #[error("field {0} is composed, and so neither constant nor one of the `fields`")]
    ComposedTwice(u8),
    /// A constant does not fit its field.
    #[error(transparent)]
    Unfit(#[from] EncodeError),
    /// A message lacks what it can't be understood without.
    #[error("{0} lacks {1}: without it the host can't tell what is asked, or of which request")]
    Lacks(Purpose, Element),
    /// Answers can't be understood.
    #[error("no field has the {0}: without it no answer can be understood")]
    NoField(Element),
    /// The dialect says how a card was read, and not by which codes.
    #[error("{0} stands in field {1}, and `entry_modes` does not say how each card is read")]
    EntryModes(Element, u8),
    /// No kind of transaction has this name.
    #[error("`{0}` is no kind of transaction: purchase, refund and void are some")]
    Kind(String),
    /// A processing code that is none.
    #[error("a processing code has six digits")]
    ProcessingCode,
    /// A code of ISO 8583:1987 has two characters.
    #[error("`{0}` is no response code of ISO 8583:1987: two letters or digits are")]
    ResponseCode(String),
    /// A MAC that says too little, or more than there is.
    #[error("a MAC has 4 to 8 bytes")]
    MacLength,
    /// Derived keys, and no place to name them.
    #[error("keys by DUKPT need a field for key_serial_number, under [elements]")]
    NoSerialNumber,
    /// Keys by sign-on, and nothing says how they come.
    #[error("keys by sign-on need a [working_keys] table with a key for \"mac\", in a field that exists")]
    WorkingKeys,
    /// A key that nothing can be done with.
    #[error(
        "a working key has whole blocks of 8 bytes, as many as the MAC's algorithm takes, and up to 8 bytes of check value; \
         key blocks have none for union-pay-ecb"
    )]
    WorkingKeyLength,
    /// The message that brings the keys would need one.
    #[error("{0} brings the keys, and so can have no MAC under them: leave it out of the MAC's messages")]
    MacBeforeKeys(Purpose),
    /// A field of the MAC is used otherwise.
    #[error("field {number} must be free for the MAC, and hold {length} bytes at least, with a format such as b8")]
    MacField {
        /// The field.
        number: u8,
        /// How long the MAC is.
        length: usize,
    },
    /// A message that the terminal can't do without.
    #[error("the dialect has no message for {0}")]
    NoMessage(Purpose),
}

/// What is wrong with a dialect, and the bytes of the text that say it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Misplaced {
    /// Where; nothing where it concerns the whole.
    pub at: Option<Range<usize>>,
    /// What.
    pub error: InvalidDialect,
}

impl From<InvalidDialect> for Misplaced {
    fn from(error: InvalidDialect) -> Self {
        Self { at: None, error }
    }
}

impl<E: Into<InvalidDialect>> From<(Range<usize>, E)> for Misplaced {
    fn from((at, error): (Range<usize>, E)) -> Self {
        Self { at: Some(at), error: error.into() }
    }
}
