//! What Kernel 3 is configured with (Book C-3, 3.3 and Annex A).

use alloc::vec::Vec;

use super::dynamic_reader_limits::DynamicReaderLimits;
use super::exception_file::ExceptionFile;
use crate::dict::{self, Book, Format, Source};
use crate::fields::Ttq;
use crate::kernel::Database;
use crate::tlv::Tag;

/// The configuration of Kernel 3 for one combination.
///
/// The limits and the TTQ are Entry Point's (EMV Contactless Book A, 5.3.1); here are the functions
/// that the book leaves to implementation and merchant, and objects that override the terminal's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Configuration {
    /// Which optional functions are enabled.
    pub options: Options,
    /// Limits for the cards of certain programs, in place of those of the combination.
    pub dynamic_reader_limits: Vec<DynamicReaderLimits>,
    /// Cards that must not approve offline; nothing where the Terminal Exception File Check is off.
    pub exception_file: Option<ExceptionFile>,
    /// Data objects of the terminal for this combination.
    pub objects: Database,
}

macro_rules! options {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        /// The functions that the book leaves to the acquirer and the merchant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Options {
            $($(#[$doc])* pub $name: bool,)*
        }

        impl Options {
            /// The names of all options.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Enables the option of this name.
            ///
            /// # Errors
            /// If there is none.
            pub fn enable(&mut self, name: &str) -> Result<(), UnknownOption> {
                match name {
                    $(stringify!($name) => self.$name = true,)*
                    _ => return Err(UnknownOption),
                }
                Ok(())
            }

            /// The names of those that are enabled.
            pub fn enabled(self) -> impl Iterator<Item = &'static str> {
                [$((stringify!($name), self.$name)),*].into_iter().filter_map(|(name, enabled)| enabled.then_some(name))
            }
        }
    };
}

options! {
    /// fDDA for online transactions, at special purpose readers (3.3.4.1, 5.6.2.1).
    fdda_for_online;
    /// SDA for online transactions, at special purpose readers (Book C-3 2.9, 5.6.2.2).
    sda_for_online;
    /// Display of the Available Offline Spending Amount (4.3.1.1).
    display_available_spending_amount;
    /// The Application Usage Control check for manual cash (5.5.1.3).
    manual_cash_check;
    /// The Application Usage Control check for cashback (5.5.1.4).
    cashback_check;
    /// Integrated Data Storage (3.3.3.1, 7).
    integrated_data_storage;
}

/// The name is no option's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Kernel 3 has the options {}", Options::NAMES.join(", "))]
pub struct UnknownOption;

/// An offline-only reader can't support Issuer Update Processing (3.3.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an offline-only reader gets nothing from an issuer: Issuer Update Processing can't be supported")]
pub struct OfflineUpdate;

impl Options {
    /// The Terminal Transaction Qualifiers as a reader with these options gives them to the card.
    ///
    /// # Errors
    /// If the configured ones contradict themselves.
    //= C-3 3.3.1.3, 3.3.4.3
    pub fn ttq(self, configured: Ttq) -> Result<Ttq, OfflineUpdate> {
        if configured.has(Ttq::ISSUER_UPDATE_PROCESSING_SUPPORTED) && configured.has(Ttq::OFFLINE_ONLY_READER) {
            return Err(OfflineUpdate);
        }
        let authenticates_online = self.fdda_for_online || self.sda_for_online;
        Ok(if authenticates_online { configured.with(Ttq::ODA_FOR_ONLINE_SUPPORTED) } else { configured })
    }
}

/// Why a set of objects is no configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{tag} ({}): {reason}", dict::find_in(Book::C3, *.tag).map_or("unknown", |object| object.name))]
pub struct InvalidConfiguration {
    /// The object.
    pub tag: Tag,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a configuration object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Card or issuer give it.
    #[error("is not the terminal's to give")]
    NotTheTerminals,
    /// Each transaction gives it anew.
    #[error("is set by each transaction")]
    SetByTransaction,
    /// Its length is not one the book allows.
    #[error("must have {min} to {max} bytes, not {actual}")]
    Length {
        /// The least the book allows.
        min: usize,
        /// The most the book allows.
        max: usize,
        /// What it is.
        actual: usize,
    },
    /// Its value has not the format the book asks for.
    #[error("must have the format {0}")]
    Format(Format),
}

/// What the kernel and Entry Point set for each transaction, whatever is configured.
const SET_BY_TRANSACTION: &[Tag] = &[
    dict::AMOUNT_AUTHORISED_NUMERIC,
    dict::AMOUNT_OTHER_NUMERIC,
    dict::POS_ENTRY_MODE,
    dict::TRANSACTION_CURRENCY_CODE,
    dict::TRANSACTION_CURRENCY_EXPONENT,
    dict::TRANSACTION_DATE,
    dict::TRANSACTION_SEQUENCE_COUNTER,
    dict::TRANSACTION_TIME,
    dict::TRANSACTION_TYPE,
    dict::TTQ,
    dict::TVR,
    dict::UNPREDICTABLE_NUMBER,
];

impl Configuration {
    /// A configuration with these objects, and all options off. Objects that no book defines go to a card
    /// that asks for them as they are.
    ///
    /// # Errors
    /// [`InvalidConfiguration`] with the first object that is not the terminal's to give, or not as the
    /// book has it.
    pub fn from_objects(objects: Database) -> Result<Self, InvalidConfiguration> {
        for (tag, value) in objects.iter() {
            check(tag, value).map_err(|reason| InvalidConfiguration { tag, reason })?;
        }
        Ok(Configuration { objects, ..Configuration::default() })
    }
}

fn check(tag: Tag, value: &[u8]) -> Result<(), Reason> {
    if SET_BY_TRANSACTION.contains(&tag) {
        return Err(Reason::SetByTransaction);
    }
    let Some(known) = dict::find_in(Book::C3, tag) else { return Ok(()) };
    let (min, max) = known.length;
    if known.source != Source::Terminal {
        Err(Reason::NotTheTerminals)
    } else if !(min..=max).contains(&value.len()) {
        Err(Reason::Length { min, max, actual: value.len() })
    } else if !known.format.admits(value) {
        Err(Reason::Format(known.format))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    fn configured(tag: Tag, value: &[u8]) -> Result<Configuration, InvalidConfiguration> {
        let mut objects = Database::new();
        objects.set(tag, value);
        Configuration::from_objects(objects)
    }

    #[test]
    fn objects_of_the_terminal_and_unknown_ones_are_kept() {
        for (tag, value) in [
            (dict::MERCHANT_NAME_AND_LOCATION, &b"Caf\xE9"[..]),
            (dict::TERMINAL_COUNTRY_CODE, &[0x08, 0x40]),
            (Tag::new(0x9F7A), &[0x01]),
        ] {
            assert_eq!(configured(tag, value).unwrap().objects.get(tag), Some(value));
        }
    }

    #[test]
    fn what_is_wrong_with_an_object_is_said() {
        for (tag, value, reason) in [
            (dict::CTQ, &[0, 0][..], Reason::NotTheTerminals),
            (dict::ISSUER_AUTHENTICATION_DATA, &[0; 8], Reason::NotTheTerminals),
            (dict::TTQ, &[0; 4], Reason::SetByTransaction),
            (dict::TERMINAL_COUNTRY_CODE, &[0x84], Reason::Length { min: 2, max: 2, actual: 1 }),
            (dict::TERMINAL_COUNTRY_CODE, &[0x08, 0x4F], Reason::Format(Format::Numeric)),
            (dict::IFD_SERIAL_NUMBER, b"1234567\x07", Reason::Format(Format::Alphanumeric)),
        ] {
            assert_eq!(configured(tag, value), Err(InvalidConfiguration { tag, reason }));
        }
        let error = configured(dict::TERMINAL_COUNTRY_CODE, &[0x08, 0x4F]).unwrap_err();
        assert_eq!(std::format!("{error}"), "9F1A (Terminal Country Code): must have the format n");
    }

    #[test]
    fn options_are_known_by_their_names() {
        for name in Options::NAMES {
            let mut options = Options::default();
            assert_eq!(options.enabled().next(), None);
            options.enable(name).unwrap();
            assert_eq!(options.enabled().collect::<Vec<_>>(), [*name]);
        }
        let error = Options::default().enable("fdda").unwrap_err();
        assert!(std::format!("{error}").starts_with("Kernel 3 has the options fdda_for_online, "));
    }

    //= test C-3 3.3.1.3
    #[test]
    fn an_offline_only_reader_supports_no_issuer_update_processing() {
        let (offline_only, update) = (Ttq::OFFLINE_ONLY_READER, Ttq::ISSUER_UPDATE_PROCESSING_SUPPORTED);
        for ttq in [Ttq::default().with(offline_only), Ttq::default().with(update)] {
            assert_eq!(Options::default().ttq(ttq), Ok(ttq));
        }
        assert_eq!(Options::default().ttq(Ttq::default().with(offline_only).with(update)), Err(OfflineUpdate));
    }

    //= test C-3 3.3.4.3
    #[test]
    fn a_reader_that_authenticates_online_transactions_says_so() {
        let told = Ttq::default().with(Ttq::ODA_FOR_ONLINE_SUPPORTED);
        let fdda = Options { fdda_for_online: true, ..Options::default() };
        let sda = Options { sda_for_online: true, ..Options::default() };
        for (options, ttq) in [(fdda, told), (sda, told), (Options::default(), Ttq::default())] {
            assert_eq!(options.ttq(Ttq::default()), Ok(ttq));
        }
    }
}
