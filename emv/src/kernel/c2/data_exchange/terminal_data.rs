//! DET: which objects the terminal may give while the kernel runs (Book C-2, 4.1: UpdateWithDetData;
//! Annex A, update conditions).

use crate::dict::{self, Book, Format};
use crate::kernel::Database;
use crate::kernel::c2::context::Context;
use crate::tlv::{Tag, Tlvs};

/// The objects whose update conditions include DET.
const OBJECTS: &[Tag] = &[
    dict::ACCOUNT_TYPE,
    dict::AMOUNT_AUTHORISED_NUMERIC,
    dict::AMOUNT_OTHER_NUMERIC,
    dict::BALANCE_READ_AFTER_GEN_AC,
    dict::BALANCE_READ_BEFORE_GEN_AC,
    dict::DS_AC_TYPE,
    dict::DS_INPUT_CARD,
    dict::DS_INPUT_TERM,
    dict::DS_ODS_INFO,
    dict::DS_ODS_INFO_FOR_READER,
    dict::DS_ODS_TERM,
    dict::DS_REQUESTED_OPERATOR_ID,
    dict::MERCHANT_CUSTOM_DATA,
    dict::PROCEED_TO_FIRST_WRITE_FLAG,
    dict::PROTECTED_DATA_ENVELOPE_1,
    dict::PROTECTED_DATA_ENVELOPE_2,
    dict::PROTECTED_DATA_ENVELOPE_3,
    dict::PROTECTED_DATA_ENVELOPE_4,
    dict::PROTECTED_DATA_ENVELOPE_5,
    dict::TRANSACTION_CATEGORY_CODE,
    dict::TRANSACTION_CURRENCY_CODE,
    dict::TRANSACTION_CURRENCY_EXPONENT,
    dict::TRANSACTION_DATE,
    dict::TRANSACTION_TIME,
    dict::TRANSACTION_TYPE,
    dict::UNPROTECTED_DATA_ENVELOPE_1,
    dict::UNPROTECTED_DATA_ENVELOPE_2,
    dict::UNPROTECTED_DATA_ENVELOPE_3,
    dict::UNPROTECTED_DATA_ENVELOPE_4,
    dict::UNPROTECTED_DATA_ENVELOPE_5,
];

/// Whether the terminal may give an object: one whose update conditions say so, or one that the book
/// doesn't know and the configuration keeps a place for.
pub(super) fn is_given_by_terminal(tag: Tag, database: &Database) -> bool {
    OBJECTS.contains(&tag) || (dict::find_in(Book::C2, tag).is_none() && database.is_present(tag))
}

/// Takes the terminal's objects: lists are added to, objects take the place of earlier values. What is
/// no list of objects, or no value of the book's length, is passed over.
//= C-2 S2.5-6, S3.1-3, S4.1-3, S5.1-2, S6.5-7, S7.1-3, S16.5
pub(in super::super) fn update(objects: &[u8], context: &mut Context) {
    for object in Tlvs::parse(objects).into_iter().flatten() {
        match object.tag {
            dict::TAGS_TO_READ | dict::TAGS_TO_WRITE_BEFORE_GEN_AC | dict::TAGS_TO_WRITE_AFTER_GEN_AC => {
                context.exchange.take_list(object.tag, object.value);
            }
            tag if is_given_by_terminal(tag, &context.database) && is_valid(tag, object.value) => {
                context.database.set(tag, object.value);
            }
            _ => {}
        }
    }
    context.update_transaction();
}

/// Whether a value has the length and the format that the book gives it.
fn is_valid(tag: Tag, value: &[u8]) -> bool {
    let is_decimal = |byte: &u8| byte >> 4 <= 9 && byte & 0x0F <= 9;
    dict::find_in(Book::C2, tag).is_none_or(|object| {
        let (min, max) = object.length;
        (min..=max).contains(&value.len()) && (object.format != Format::Numeric || value.iter().all(is_decimal))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    //= test C-2 S2.5-6, S4.1-3
    #[test]
    fn a_value_must_have_the_length_and_the_digits_of_its_object() {
        let amount = |value: &[u8]| is_valid(dict::AMOUNT_AUTHORISED_NUMERIC, value);
        assert!(amount(&[0, 0, 0, 0, 0x12, 0x99]));
        assert!(!amount(&[0, 0, 0, 0x12, 0x99]));
        assert!(!amount(&[0, 0, 0, 0, 0x12, 0x9A]));
        assert!(!amount(&[0, 0, 0, 0, 0x12, 0xA9]));
        assert!(is_valid(dict::MERCHANT_CUSTOM_DATA, &[0xFF; 20]));
        assert!(!is_valid(dict::MERCHANT_CUSTOM_DATA, &[0xFF; 19]));
        assert!(is_valid(Tag::new(0xDF_8777), &[0xFF; 3]));
    }
}
