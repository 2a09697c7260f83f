//! ISO 8583: a message as values, and as bytes in the dialect that an acquirer speaks.
//!
//! [`Message`] holds values only. [`encode`] and [`decode`] write and read it by a [`Dialect`], which is data. A
//! [`Framer`] puts the bytes on a stream and finds them again.

mod decode;
mod dialect;
mod encode;
mod examine;
pub mod field;
mod framing;
mod mac;
mod message;

pub use decode::{DecodeError, Part, Readable, decode, decode_readable};
pub use dialect::{
    Binary, Composition, Description, Dialect, DialectSettings, Digits, ELEMENTS, Element, EntryModes, Filler,
    InvalidComposition, InvalidDialect, KindCodes, Layout, LengthPrefix, MAC_FIELDS, MacKeyOrigin, MacRule, Misplaced,
    NoSuchElement, Purpose, SHIPPED, Shipped, WorkingKeys,
};
pub use encode::{EncodeError, encode};
pub use examine::{Examined, Trouble, examine};
pub use framing::{FrameError, Framer, LengthHeader, MessageHeader, Tpdu};
pub use mac::{MacError, check_mac, encode_with_mac};
pub use message::{InvalidMti, Message, Mti};

#[cfg(test)]
mod tests;
