//! What both schemes' cards hold and look at.

use emv::dict;
use emv::fields::{Amount, Pan};

use super::dol::Values;
use super::personality::ApplicationTable;

/// The PAN as compressed numeric, 10 bytes at most.
pub(super) fn pan(pan: &Pan) -> Vec<u8> {
    packed(pan.digits())
}

/// DS ID, 8 to 11 bytes: the digits of the PAN and of its sequence number, with zeros before them.
pub(super) fn ds_id(table: &ApplicationTable) -> Vec<u8> {
    let digits = format!("{}{:02}", table.pan.digits(), table.sequence_number);
    let whole_bytes = digits.len().next_multiple_of(2).max(16);
    packed(&format!("{digits:0>whole_bytes$}"))
}

/// Track 2 Equivalent Data, 19 bytes at most: PAN, expiration date, service code and, as the
/// issuer's discretionary data, zeros.
pub(super) fn track_2(table: &ApplicationTable) -> Vec<u8> {
    let [year, month, _] = table.expiry.to_bcd();
    let service_code = table.service_code;
    packed(&format!("{}D{year:02X}{month:02X}{service_code}00000", table.pan.digits()))
}

/// Two digits a byte, filled with `F`.
fn packed(digits: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).map_or(0x0F, |digit| digit as u8);
    digits.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | pair.get(1).map_or(0x0F, |c| digit(*c))).collect()
}

/// A number of two digits, as n 2.
pub(super) fn two_digits(number: u8) -> u8 {
    (number / 10) << 4 | (number % 10)
}

/// Whether the card would approve the amount without its issuer: not above its limit, and in its
/// currency.
pub(super) fn within_offline_limit(table: &ApplicationTable, terminal: Values<'_>) -> bool {
    let amount = Amount::from_bcd(terminal.array(dict::AMOUNT_AUTHORISED_NUMERIC));
    amount.is_ok_and(|amount| amount.minor_units() <= table.offline_limit)
        && terminal.array(dict::TRANSACTION_CURRENCY_CODE) == table.currency.bcd()
}
