//! What it costs to walk a record's data objects.
//!
//! `cargo bench -p emv --bench tlv`

use divan::Bencher;
use emv::dict;
use emv::tlv::{Tlvs, Writer};

fn main() {
    divan::main();
}

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
    writer.into_bytes()
}

/// Every object, those of the template included: how many there are.
fn walk(objects: Tlvs<'_>) -> usize {
    objects.into_iter().map(|object| 1 + if object.tag.is_constructed() { walk(object.children()) } else { 0 }).sum()
}

#[divan::bench]
fn walk_a_record_of_191_bytes(bencher: Bencher<'_, '_>) {
    let record = record();
    assert_eq!(record.len(), 191);
    bencher.bench(|| walk(Tlvs::parse(divan::black_box(&record)).expect("data objects")));
}
