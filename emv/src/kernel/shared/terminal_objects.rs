//! The data objects with which every kernel starts: those of the terminal and of the transaction.

use super::super::{Database, Transaction};
use crate::dict;
use crate::profile::TerminalData;

/// Sets the objects that describe the terminal (EMV Book 4, Annex A; Contactless Book A, Annex A).
pub(crate) fn set_terminal_objects(database: &mut Database, terminal: &TerminalData) {
    database.set(dict::TERMINAL_TYPE, &[terminal.terminal_type]);
    database.set(dict::TERMINAL_COUNTRY_CODE, &terminal.country);
    database.set(dict::TERMINAL_CAPABILITIES, terminal.capabilities.as_bytes());
    database.set(dict::ADDITIONAL_TERMINAL_CAPABILITIES, terminal.additional_capabilities.as_bytes());
    database.set(dict::TERMINAL_IDENTIFICATION, &terminal.terminal_id);
    database.set(dict::MERCHANT_IDENTIFIER, &terminal.merchant_id);
    database.set(dict::MERCHANT_CATEGORY_CODE, &terminal.merchant_category_code);
    database.set(dict::MERCHANT_NAME_AND_LOCATION, &terminal.merchant_name_and_location);
    database.set(dict::ACQUIRER_IDENTIFIER, &terminal.acquirer_id);
    database.set(dict::IFD_SERIAL_NUMBER, &terminal.ifd_serial_number);
}

/// Sets the objects of the transaction. An amount that is absent stays absent.
pub(crate) fn set_transaction_objects(database: &mut Database, transaction: &Transaction) {
    if let Some(amount) = transaction.amount_authorised {
        database.set(dict::AMOUNT_AUTHORISED_NUMERIC, &amount.to_bcd());
    }
    if let Some(amount) = transaction.amount_other {
        database.set(dict::AMOUNT_OTHER_NUMERIC, &amount.to_bcd());
    }
    database.set(dict::TRANSACTION_CURRENCY_CODE, &transaction.currency);
    database.set(dict::TRANSACTION_CURRENCY_EXPONENT, &[transaction.currency_exponent]);
    database.set(dict::TRANSACTION_TYPE, &[transaction.transaction_type]);
    database.set(dict::TRANSACTION_DATE, &transaction.date.to_bcd());
    database.set(dict::TRANSACTION_TIME, &transaction.time);
    database.set(dict::TRANSACTION_SEQUENCE_COUNTER, &bcd(transaction.sequence_counter));
}

/// The last eight digits of a counter, in BCD.
fn bcd(counter: u32) -> [u8; 4] {
    let mut bytes = [0; 4];
    let mut rest = counter;
    for byte in bytes.iter_mut().rev() {
        *byte = (rest / 10 % 10 * 16 + rest % 10) as u8;
        rest /= 100;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_written_in_decimal() {
        assert_eq!(bcd(0), [0; 4]);
        assert_eq!(bcd(12_345), [0x00, 0x01, 0x23, 0x45]);
        assert_eq!(bcd(4_294_967_295), [0x94, 0x96, 0x72, 0x95]);
    }
}
