//! Data objects: a record's, and a list of those that a card asks for.

use std::hint::black_box;

use emv::dict;
use emv::kernel::Database;
use emv::tlv::{Dol, Tlvs, Writer};

/// A record of 191 bytes with the kinds of objects that a card's records hold, a certificate among them.
fn record() -> Vec<u8> {
    let mut writer = Writer::new();
    writer.template(dict::READ_RECORD_RESPONSE_MESSAGE_TEMPLATE, |record| {
        record
            .put(dict::APPLICATION_EXPIRATION_DATE, &[0x49, 0x12, 0x31])
            .put(dict::ISSUER_COUNTRY_CODE, &[0x00, 0x56])
            .put(dict::APPLICATION_USAGE_CONTROL, &[0xFF, 0xC0])
            .put(dict::CVM_LIST, &[0; 14])
            .put(dict::ISSUER_PUBLIC_KEY_EXPONENT, &[0x03])
            .put(dict::ISSUER_PUBLIC_KEY_REMAINDER, &[0; 14])
            .put(dict::ICC_PUBLIC_KEY_CERTIFICATE, &[0; 132]);
    });
    let record = writer.into_bytes();
    assert_eq!(record.len(), 191);
    record
}

/// Every object, those of the template included: how many there are.
fn walk(objects: Tlvs<'_>) -> usize {
    objects.into_iter().map(|object| 1 + if object.tag.is_constructed() { walk(object.children()) } else { 0 }).sum()
}

pub(crate) fn parse() -> Box<dyn Fn()> {
    let record = record();
    Box::new(move || {
        black_box(Tlvs::parse(black_box(&record)).expect("data objects"));
    })
}

pub(crate) fn parse_and_walk() -> Box<dyn Fn()> {
    let record = record();
    Box::new(move || {
        black_box(walk(Tlvs::parse(black_box(&record)).expect("data objects")));
    })
}

/// A CDOL1, parsed and answered out of a database.
pub(crate) fn list() -> Box<dyn Fn()> {
    let cdol1 = super::hex("9F02069F03069F1A0295055F2A029A039C019F37049F35019F34039F4502");
    let mut database = Database::new();
    for entry in Dol::parse(&cdol1).expect("a list").iter() {
        database.set(entry.tag, &[0x11; 8][..entry.length]);
    }
    Box::new(move || {
        black_box(database.dol_data(Dol::parse(black_box(&cdol1)).expect("a list")));
    })
}
