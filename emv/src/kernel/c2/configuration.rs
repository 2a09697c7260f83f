//! What Kernel 2 is configured with (Book C-2, Annex A: configuration data objects).

use core::time::Duration;

use crate::dict::{self, Book};
use crate::fields::c2::{
    CardDataInputCapability, CvmCapability, KernelConfiguration, MagStripeCvmCapability, SecurityCapability,
};
use crate::fields::{Amount, Error, TerminalCapabilities, Tvr};
use crate::kernel::Database;
use crate::kernel::shared::ActionCodes;
use crate::tlv::Tag;

/// The configuration of Kernel 2 for one combination, checked.
///
/// Any further object of the terminal (a Merchant Identifier, a Terminal Country Code) may be among
/// the objects it is made from; there it overrides the terminal's own for this combination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// Which modes and protocols the kernel may use (`DF811B`).
    pub kernel: KernelConfiguration,
    /// The acquirer's action codes (`DF8120`, `DF8121`, `DF8122`).
    pub action_codes: ActionCodes,
    /// Reader Contactless Floor Limit (`DF8123`): above it the transaction goes online.
    pub floor_limit: Amount,
    /// Reader Contactless Transaction Limit (No On-device CVM) (`DF8124`): above it the application
    /// is not used.
    pub transaction_limit_no_on_device_cvm: Amount,
    /// Reader Contactless Transaction Limit (On-device CVM) (`DF8125`): above it the application is
    /// not used.
    pub transaction_limit_on_device_cvm: Amount,
    /// Reader CVM Required Limit (`DF8126`): above it the cardholder is verified.
    pub cvm_required_limit: Amount,
    /// Card Data Input Capability (`DF8117`): the first byte of Terminal Capabilities.
    pub card_data_input_capability: CardDataInputCapability,
    /// CVM Capability – CVM Required (`DF8118`): the second byte above the CVM required limit.
    pub cvm_capability_cvm_required: CvmCapability,
    /// CVM Capability – No CVM Required (`DF8119`): the second byte up to the CVM required limit.
    pub cvm_capability_no_cvm_required: CvmCapability,
    /// Mag-stripe CVM Capability – CVM Required (`DF811E`): how the cardholder is verified in mag-stripe
    /// mode above the CVM required limit.
    pub mag_stripe_cvm_capability_cvm_required: MagStripeCvmCapability,
    /// Mag-stripe CVM Capability – No CVM Required (`DF812C`): how, up to that limit.
    pub mag_stripe_cvm_capability_no_cvm_required: MagStripeCvmCapability,
    /// Security Capability (`DF811F`): the third byte of Terminal Capabilities.
    pub security_capability: SecurityCapability,
    /// What the relay resistance protocol measures against.
    pub relay_resistance: RelayResistanceTimes,
    /// Message Hold Time (`DF812D`): how long a last message stays.
    pub message_hold_time: Duration,
    /// Hold Time Value (`DF8130`): how long the field is turned off for a card that notices.
    pub field_off_time: Duration,
    /// Max Lifetime of Torn Transaction Log Record (`DF811C`): for how long a torn transaction can be
    /// recovered.
    pub max_lifetime_of_torn_record: Duration,
    /// Max Number of Torn Transaction Log Records (`DF811D`): how many are remembered; zero for a
    /// reader that recovers none.
    pub max_number_of_torn_records: u8,
    /// Time Out Value (`DF8127`): how long the terminal has for its answer in a data exchange.
    pub time_out: Duration,
    /// Every object, those above included.
    pub objects: Database,
}

/// What the reader knows and allows of times in the relay resistance protocol, in units of 100
/// microseconds where nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayResistanceTimes {
    /// Minimum Relay Resistance Grace Period (`DF8132`): how much faster than it says a card may be.
    pub minimum_grace_period: u16,
    /// Maximum Relay Resistance Grace Period (`DF8133`): how much slower than it says a card may be.
    pub maximum_grace_period: u16,
    /// Terminal Expected Transmission Time For Relay Resistance C-APDU (`DF8134`).
    pub expected_command_transmission: u16,
    /// Terminal Expected Transmission Time For Relay Resistance R-APDU (`DF8135`).
    pub expected_response_transmission: u16,
    /// Relay Resistance Accuracy Threshold (`DF8136`): how much slower than the fastest it says a card
    /// may be before the terminal is told.
    pub accuracy_threshold: u16,
    /// Relay Resistance Transmission Time Mismatch Threshold (`DF8137`), in percent: how much of the
    /// longer of the card's and the terminal's transmission time the shorter one must be.
    pub transmission_time_mismatch_threshold: u8,
}

/// Why a set of objects is no configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{tag} ({}): {reason}", name(*.tag))]
pub struct InvalidConfiguration {
    /// The object.
    pub tag: Tag,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a configuration object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
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
    #[error("{0}")]
    Value(Error),
}

fn name(tag: Tag) -> &'static str {
    dict::find_in(Book::C2, tag).map_or("unknown", |object| object.name)
}

/// The values that hold where the configuration has none (Book C-2, Annex A).
const DEFAULTS: &[(Tag, &[u8])] = &[
    (dict::APPLICATION_VERSION_NUMBER_TERMINAL, &[0x00, 0x02]),
    (dict::CARD_DATA_INPUT_CAPABILITY, &[0x00]),
    (dict::CVM_CAPABILITY_CVM_REQUIRED, &[0x00]),
    (dict::CVM_CAPABILITY_NO_CVM_REQUIRED, &[0x00]),
    // The Unpredictable Number (Numeric) alone.
    (dict::DEFAULT_UDOL, &[0x9F, 0x6A, 0x04]),
    (dict::HOLD_TIME_VALUE, &[0x0D]),
    (dict::KERNEL_CONFIGURATION, &[0x00]),
    (dict::KERNEL_ID, &[0x02]),
    (dict::MAG_STRIPE_APPLICATION_VERSION_NUMBER_READER, &[0x00, 0x01]),
    (dict::MAG_STRIPE_CVM_CAPABILITY_CVM_REQUIRED, &[0xF0]),
    (dict::MAG_STRIPE_CVM_CAPABILITY_NO_CVM_REQUIRED, &[0xF0]),
    (dict::MAXIMUM_RELAY_RESISTANCE_GRACE_PERIOD, &[0x00, 0x32]),
    (dict::MAX_LIFETIME_OF_TORN_TRANSACTION_LOG_RECORD, &[0x01, 0x2C]),
    (dict::MAX_NUMBER_OF_TORN_TRANSACTION_LOG_RECORDS, &[0x00]),
    (dict::MESSAGE_HOLD_TIME, &[0x00, 0x00, 0x13]),
    (dict::MINIMUM_RELAY_RESISTANCE_GRACE_PERIOD, &[0x00, 0x14]),
    // Each entry: a mask and a value of three bytes, a message, a status.
    (
        dict::PHONE_MESSAGE_TABLE,
        &[
            0x00, 0x00, 0x01, 0x00, 0x00, 0x01, 0x20, 0x00, // see the phone
            0x00, 0x08, 0x00, 0x00, 0x08, 0x00, 0x20, 0x00, // see the phone
            0x00, 0x04, 0x00, 0x00, 0x04, 0x00, 0x20, 0x00, // see the phone
            0x00, 0x01, 0x00, 0x00, 0x01, 0x00, 0x20, 0x00, // see the phone
            0x00, 0x02, 0x00, 0x00, 0x02, 0x00, 0x20, 0x00, // see the phone
            0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07, 0x00, // otherwise: not authorised
        ],
    ),
    (dict::READER_CONTACTLESS_FLOOR_LIMIT, &[0x00; 6]),
    (dict::READER_CONTACTLESS_TRANSACTION_LIMIT_NO_ON_DEVICE_CVM, &[0x00; 6]),
    (dict::READER_CONTACTLESS_TRANSACTION_LIMIT_ON_DEVICE_CVM, &[0x00; 6]),
    (dict::READER_CVM_REQUIRED_LIMIT, &[0x00; 6]),
    (dict::RELAY_RESISTANCE_ACCURACY_THRESHOLD, &[0x01, 0x2C]),
    (dict::RELAY_RESISTANCE_TRANSMISSION_TIME_MISMATCH_THRESHOLD, &[0x32]),
    (dict::SECURITY_CAPABILITY, &[0x00]),
    (dict::TERMINAL_ACTION_CODE_DEFAULT, &[0x84, 0x00, 0x00, 0x00, 0x0C]),
    (dict::TERMINAL_ACTION_CODE_DENIAL, &[0x84, 0x00, 0x00, 0x00, 0x0C]),
    (dict::TERMINAL_ACTION_CODE_ONLINE, &[0x84, 0x00, 0x00, 0x00, 0x0C]),
    (dict::TERMINAL_EXPECTED_TRANSMISSION_TIME_C_APDU, &[0x00, 0x12]),
    (dict::TERMINAL_EXPECTED_TRANSMISSION_TIME_R_APDU, &[0x00, 0x18]),
    (dict::TIME_OUT_VALUE, &[0x01, 0xF4]),
];

impl Configuration {
    //= C-2 A.1
    /// Reads a configuration from its objects. What the book defines a default for and the objects
    /// don't hold, or hold empty, has that default.
    ///
    /// # Errors
    /// [`InvalidConfiguration`] with the first object whose length or format is not the book's.
    pub fn from_objects(objects: &Database) -> Result<Self, InvalidConfiguration> {
        let mut objects = objects.clone();
        for (tag, value) in DEFAULTS {
            if objects.value(*tag).is_none() {
                objects.set(*tag, value);
            }
        }
        for (tag, value) in objects.iter() {
            check_length(tag, value)?;
        }

        Ok(Configuration {
            kernel: read(&objects, dict::KERNEL_CONFIGURATION)?,
            action_codes: ActionCodes {
                default: read::<Tvr>(&objects, dict::TERMINAL_ACTION_CODE_DEFAULT)?,
                denial: read::<Tvr>(&objects, dict::TERMINAL_ACTION_CODE_DENIAL)?,
                online: read::<Tvr>(&objects, dict::TERMINAL_ACTION_CODE_ONLINE)?,
            },
            floor_limit: read(&objects, dict::READER_CONTACTLESS_FLOOR_LIMIT)?,
            transaction_limit_no_on_device_cvm: read(
                &objects,
                dict::READER_CONTACTLESS_TRANSACTION_LIMIT_NO_ON_DEVICE_CVM,
            )?,
            transaction_limit_on_device_cvm: read(&objects, dict::READER_CONTACTLESS_TRANSACTION_LIMIT_ON_DEVICE_CVM)?,
            cvm_required_limit: read(&objects, dict::READER_CVM_REQUIRED_LIMIT)?,
            card_data_input_capability: read(&objects, dict::CARD_DATA_INPUT_CAPABILITY)?,
            cvm_capability_cvm_required: read(&objects, dict::CVM_CAPABILITY_CVM_REQUIRED)?,
            cvm_capability_no_cvm_required: read(&objects, dict::CVM_CAPABILITY_NO_CVM_REQUIRED)?,
            mag_stripe_cvm_capability_cvm_required: MagStripeCvmCapability::from_byte(byte(
                &objects,
                dict::MAG_STRIPE_CVM_CAPABILITY_CVM_REQUIRED,
            )),
            mag_stripe_cvm_capability_no_cvm_required: MagStripeCvmCapability::from_byte(byte(
                &objects,
                dict::MAG_STRIPE_CVM_CAPABILITY_NO_CVM_REQUIRED,
            )),
            security_capability: read(&objects, dict::SECURITY_CAPABILITY)?,
            relay_resistance: RelayResistanceTimes {
                minimum_grace_period: number(&objects, dict::MINIMUM_RELAY_RESISTANCE_GRACE_PERIOD),
                maximum_grace_period: number(&objects, dict::MAXIMUM_RELAY_RESISTANCE_GRACE_PERIOD),
                expected_command_transmission: number(&objects, dict::TERMINAL_EXPECTED_TRANSMISSION_TIME_C_APDU),
                expected_response_transmission: number(&objects, dict::TERMINAL_EXPECTED_TRANSMISSION_TIME_R_APDU),
                accuracy_threshold: number(&objects, dict::RELAY_RESISTANCE_ACCURACY_THRESHOLD),
                transmission_time_mismatch_threshold: byte(
                    &objects,
                    dict::RELAY_RESISTANCE_TRANSMISSION_TIME_MISMATCH_THRESHOLD,
                ),
            },
            message_hold_time: message_hold_time(&objects)?,
            field_off_time: tenths_of_a_second(byte(&objects, dict::HOLD_TIME_VALUE).into()),
            max_lifetime_of_torn_record: Duration::from_secs(
                number(&objects, dict::MAX_LIFETIME_OF_TORN_TRANSACTION_LOG_RECORD).into(),
            ),
            max_number_of_torn_records: byte(&objects, dict::MAX_NUMBER_OF_TORN_TRANSACTION_LOG_RECORDS),
            time_out: Duration::from_millis(number(&objects, dict::TIME_OUT_VALUE).into()),
            objects,
        })
    }

    /// Terminal Capabilities as they stand with this CVM capability (Book C-2, S1.9 and S456.30).
    pub(super) fn terminal_capabilities(&self, cvm_capability: CvmCapability) -> TerminalCapabilities {
        let [input] = *self.card_data_input_capability.as_bytes();
        let [cvm] = *cvm_capability.as_bytes();
        let [security] = *self.security_capability.as_bytes();
        TerminalCapabilities::from_bytes([input, cvm, security])
    }
}

/// The kernel's own objects must have the book's lengths; empty ones are those the terminal is to be
/// asked for. Others go to the card and to the acquirer as they are.
fn check_length(tag: Tag, value: &[u8]) -> Result<(), InvalidConfiguration> {
    match dict::find_in(Book::C2, tag).map(|object| object.length) {
        Some((min, max)) if tag.is_private() && !value.is_empty() && !(min..=max).contains(&value.len()) => {
            Err(InvalidConfiguration { tag, reason: Reason::Length { min, max, actual: value.len() } })
        }
        _ => Ok(()),
    }
}

fn read<'a, T: TryFrom<&'a [u8], Error = Error>>(objects: &'a Database, tag: Tag) -> Result<T, InvalidConfiguration> {
    let value = objects.value(tag).expect("it has a default");
    T::try_from(value).map_err(|error| InvalidConfiguration { tag, reason: Reason::Value(error) })
}

/// A number of one byte.
fn byte(objects: &Database, tag: Tag) -> u8 {
    objects.value(tag).expect("it has a default")[0]
}

/// A number of two bytes.
fn number(objects: &Database, tag: Tag) -> u16 {
    let value = objects.value(tag).expect("it has a default");
    u16::from_be_bytes([value[0], value[1]])
}

/// n 6, in units of 100 ms.
fn message_hold_time(objects: &Database) -> Result<Duration, InvalidConfiguration> {
    let tag = dict::MESSAGE_HOLD_TIME;
    let value = objects.value(tag).expect("it has a default");
    let mut bcd = [0; 6];
    bcd[3..].copy_from_slice(value);
    match Amount::from_bcd(bcd) {
        Ok(tenths) => Ok(tenths_of_a_second(tenths.minor_units())),
        Err(error) => Err(InvalidConfiguration { tag, reason: Reason::Value(error) }),
    }
}

fn tenths_of_a_second(tenths: u64) -> Duration {
    Duration::from_millis(tenths * 100)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    //= test C-2 A.1
    #[test]
    fn without_objects_the_defaults_of_the_book_hold() {
        let configuration = Configuration::from_objects(&Database::new()).unwrap();
        assert_eq!(configuration.action_codes.denial.as_bytes(), &[0x84, 0x00, 0x00, 0x00, 0x0C]);
        assert_eq!(configuration.message_hold_time, Duration::from_millis(1300));
        assert_eq!(configuration.field_off_time, Duration::from_millis(1300));
        assert_eq!(configuration.floor_limit, Amount::ZERO);
        assert_eq!(
            configuration.relay_resistance,
            RelayResistanceTimes {
                minimum_grace_period: 20,
                maximum_grace_period: 50,
                expected_command_transmission: 18,
                expected_response_transmission: 24,
                accuracy_threshold: 300,
                transmission_time_mismatch_threshold: 50,
            }
        );
        assert_eq!(configuration.max_lifetime_of_torn_record, Duration::from_secs(300));
        assert_eq!(configuration.max_number_of_torn_records, 0);
        assert_eq!(configuration.time_out, Duration::from_millis(500));
        assert_eq!(configuration.objects.value(dict::APPLICATION_VERSION_NUMBER_TERMINAL), Some(&[0x00, 0x02][..]));
    }

    //= test C-2 A.1
    #[test]
    fn an_empty_object_takes_its_default_and_others_stay_empty() {
        let mut objects = Database::new();
        objects.set(dict::SECURITY_CAPABILITY, &[]);
        objects.set(dict::MERCHANT_IDENTIFIER, &[]);
        let configuration = Configuration::from_objects(&objects).unwrap();
        assert_eq!(configuration.security_capability, SecurityCapability::default());
        assert_eq!(configuration.objects.get(dict::MERCHANT_IDENTIFIER), Some(&[][..]));
    }

    #[test]
    fn an_error_names_the_object_and_says_what_it_should_be() {
        let mut objects = Database::new();
        objects.set(dict::READER_CVM_REQUIRED_LIMIT, &[0x10, 0x00]);
        let error = Configuration::from_objects(&objects).unwrap_err();
        assert_eq!(error.tag, dict::READER_CVM_REQUIRED_LIMIT);
        assert_eq!(std::format!("{error}"), "DF8126 (Reader CVM Required Limit): must have 6 to 6 bytes, not 2");

        objects.set(dict::READER_CVM_REQUIRED_LIMIT, &[0xAA; 6]);
        let error = Configuration::from_objects(&objects).unwrap_err();
        assert!(matches!(error.reason, Reason::Value(Error::NotDecimal { .. })), "{error}");
        objects.set(dict::READER_CVM_REQUIRED_LIMIT, &[0x00; 6]);

        objects.set(dict::MESSAGE_HOLD_TIME, &[0x00, 0x00, 0x0A]);
        assert_eq!(Configuration::from_objects(&objects).unwrap_err().tag, dict::MESSAGE_HOLD_TIME);
    }
}
