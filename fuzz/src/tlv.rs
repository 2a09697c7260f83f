//! Data objects and what their values mean, out of any bytes: what is read can be written again, and lists behind
//! registered identifiers are read as a whole or not at all.

use emv::fields::{RegisteredValues, meanings};
use emv::profile::PoiInformation;
use emv::tlv::{Level, Tlvs, Writer};

pub fn run(bytes: &[u8]) {
    if let Ok(objects) = Tlvs::parse(bytes) {
        walk(objects);
        assert!(Level::parse(bytes).is_ok(), "what can be opened is whole on its first level");
        let mut writer = Writer::new();
        for object in objects {
            writer.put(object.tag, object.value);
        }
        let again = writer.into_bytes();
        let again = Tlvs::parse(&again).expect("what was read can be written");
        let content = |objects: Tlvs<'_>| objects.iter().map(|object| (object.tag, object.value.to_vec())).collect();
        let (before, after): (Vec<_>, Vec<_>) = (content(objects), content(again));
        assert_eq!(before, after);
    }
    if let Ok(values) = RegisteredValues::parse(bytes) {
        let length: usize = values.iter().map(|(_, value)| 3 + value.len()).sum();
        assert_eq!(length, bytes.len());
    }
    if let Ok(information) = PoiInformation::try_from(bytes) {
        let _ = information.terminal_category();
        assert_eq!(information.as_bytes(), bytes);
    }
}

fn walk(objects: Tlvs<'_>) {
    for object in objects {
        let _ = meanings(object.tag, object.value);
        walk(object.children());
    }
}
