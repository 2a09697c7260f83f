//! Data objects, data object lists and what their values mean, out of any bytes.
#![no_main]

use emv::fields::meanings;
use emv::tlv::{Dol, Tlvs};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(dol) = Dol::parse(bytes) {
        assert_eq!(dol.build(|_| Some(bytes)).len(), dol.data_length());
    }
    if let Ok(objects) = Tlvs::parse(bytes) {
        walk(objects);
    }
});

fn walk(objects: Tlvs<'_>) {
    for object in objects {
        let _ = meanings(object.tag, object.value);
        walk(object.children());
    }
}
