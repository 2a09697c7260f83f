//! Data objects whose value has a structure: bit fields, amounts, dates, the PAN, Track 2, the CVM
//! List, the Application File Locator.
//!
//! The position of a bit stands in this module and nowhere else. Reading a value is all or nothing:
//! what can't be right in a type is refused when it is made.

mod afl;
mod aip;
mod amount;
mod auc;
mod bits;
pub mod c2;
pub mod c3;
mod cid;
mod codes;
mod ctq;
mod cvm;
mod date;
mod digits;
mod meanings;
mod pan;
#[cfg(test)]
mod properties;
mod registered;
mod selection;
mod terminal;
mod track1;
mod track2;
mod tsi;
mod ttq;
mod tvr;

pub use afl::{Afl, AflEntry, AflRecord};
pub use aip::Aip;
pub use amount::Amount;
pub use auc::Auc;
pub use bits::Bit;
pub use cid::{CryptogramInformationData, CryptogramType, ReferenceControlParameter};
pub use ctq::Ctq;
pub use cvm::{Biometric, CvMethod, CvRule, CvmCondition, CvmList, CvmResult, CvmResults};
pub use date::{Date, YearMonth};
pub use meanings::meanings;
pub use pan::Pan;
pub use registered::RegisteredValues;
pub use selection::{ApplicationPriority, KernelType};
pub use terminal::{
    AdditionalTerminalCapabilities, OperationalControl, TerminalCapabilities, TerminalEnvironment, TerminalType,
};
pub use track1::Track1;
pub use track2::Track2;
pub use tsi::Tsi;
pub use ttq::Ttq;
pub use tvr::{RelayResistance, Tvr};

/// Why bytes are not the value they should be. It never holds the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A value of fixed length has another one.
    #[error("{field} has {expected} bytes, not {actual}")]
    Length {
        /// Which type refused.
        field: &'static str,
        /// The length it has by the book.
        expected: usize,
        /// The length it came with.
        actual: usize,
    },
    /// A half byte that must hold a decimal digit holds something else.
    #[error("{field} holds something else than decimal digits")]
    NotDecimal {
        /// Which type refused.
        field: &'static str,
    },
    /// More than twelve digits.
    #[error("an amount has at most 12 digits")]
    AmountTooLarge,
    /// No such day, or no such month.
    #[error("no such date in the calendar")]
    NoSuchDate,
    /// A PAN has 8 to 19 digits.
    #[error("a PAN has 8 to 19 digits, not {digits}")]
    PanLength {
        /// How many digits there were.
        digits: usize,
    },
    /// The track has no separator after the PAN.
    #[error("no separator after the PAN in the track data")]
    NoSeparator,
    /// After the separator, expiration date and service code are not all there.
    #[error("track data ends before the expiration date and service code are complete")]
    TrackTruncated,
    /// Track 1 is not of format B.
    #[error("Track 1 is not of format B, in ASCII characters")]
    Track1Format,
    /// A terminal type that Book 4 doesn't define.
    #[error("there is no terminal type {0:02X}")]
    TerminalType(u8),
    /// Third Party Data (C-2) has 5 to 32 bytes, with the device type it announces.
    #[error("Third Party Data has 5 to 32 bytes and the device type it announces, not {0} bytes")]
    ThirdPartyDataLength(usize),
    /// Card Authentication Related Data (C-3) has 5 to 16 bytes.
    #[error("Card Authentication Related Data has 5 to 16 bytes, not {0}")]
    CardAuthenticationRelatedDataLength(usize),
    /// Issuer Application Data (C-3) has 5 to 32 bytes.
    #[error("Issuer Application Data has 5 to 32 bytes, not {0}")]
    IssuerApplicationDataLength(usize),
    /// A list of registered identifiers and values is cut short.
    #[error("not a list of identifiers, lengths and values: the last is cut short")]
    RegisteredValues,
    /// A data object list is not a list of tags and lengths.
    #[error("not a data object list: {0}")]
    DataObjectList(crate::tlv::Error),
    /// A CVM List is two amounts and then pairs of bytes.
    #[error("a CVM List has 8 bytes and then 2 for each rule, not {0} in all")]
    CvmListLength(usize),
    /// An Application File Locator is groups of four bytes.
    #[error("an AFL has 4 bytes for each entry and at least one entry, not {0} bytes in all")]
    AflLength(usize),
    /// An entry of the Application File Locator names no file or no records, or more signed records
    /// than it lists.
    #[error("AFL entry {0} is not valid")]
    AflEntry(usize),
}

/// The value as an array, if it has that length.
fn exactly<const N: usize>(field: &'static str, value: &[u8]) -> Result<[u8; N], Error> {
    value.try_into().map_err(|_| Error::Length { field, expected: N, actual: value.len() })
}
