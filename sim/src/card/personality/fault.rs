//! What is wrong with a card.

use std::collections::BTreeMap;

use emv::tlv::{Tag, Tlvs, Writer};
use serde::Deserialize;

use super::values;

/// What is wrong with the card.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::card) struct Fault {
    /// Its signatures are not those of its key.
    pub(in crate::card) signature: bool,
    /// It names another key of the certification authority than the one that certified its issuer.
    #[serde(deserialize_with = "values::ca_index")]
    pub(in crate::card) ca_index: Option<u8>,
    /// It signs another transmission time than it told in the relay resistance protocol.
    pub(in crate::card) relay_data: bool,
    /// Data objects that it leaves out, by tag.
    #[serde(deserialize_with = "values::tags")]
    missing: Vec<Tag>,
    /// Data objects that it gives twice.
    #[serde(deserialize_with = "values::tags")]
    twice: Vec<Tag>,
    /// Data objects with another value than theirs.
    #[serde(deserialize_with = "values::by_tag")]
    changed: BTreeMap<Tag, Vec<u8>>,
}

impl Fault {
    /// Spoils a signature where the card's are wrong.
    pub(in crate::card) fn apply(&self, signature: &mut [u8]) {
        if let (true, Some(last)) = (self.signature, signature.last_mut()) {
            *last ^= 0x01;
        }
    }

    /// The card's data objects as it gives them, those within others too: some may be missing, there twice, or
    /// changed. What it signs of them is what it gives.
    ///
    /// # Panics
    /// If they are no data objects: the card makes them itself.
    pub(in crate::card) fn spoil(&self, objects: &[u8]) -> Vec<u8> {
        let mut spoilt = Writer::new();
        for object in Tlvs::parse(objects).expect("the card writes data objects").iter() {
            let value = match self.changed.get(&object.tag) {
                Some(other) => other.clone(),
                None if object.tag.is_constructed() => self.spoil(object.value),
                None => object.value.to_vec(),
            };
            let times = match object.tag {
                tag if self.missing.contains(&tag) => 0,
                tag if self.twice.contains(&tag) => 2,
                _ => 1,
            };
            for _ in 0..times {
                spoilt.put(object.tag, &value);
            }
        }
        spoilt.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use emv::dict;

    use super::*;

    #[test]
    fn objects_are_left_out_doubled_and_changed_at_every_depth() {
        let fault = Fault {
            missing: vec![dict::CDOL1],
            twice: vec![dict::PAN],
            changed: [(dict::AFL, vec![0xFF])].into(),
            ..Fault::default()
        };
        let mut objects = Writer::new();
        objects.put(dict::CDOL1, &[1]).template(dict::RESPONSE_MESSAGE_TEMPLATE_FORMAT_2, |template| {
            template.put(dict::AFL, &[0x10, 1, 1, 0]).put(dict::PAN, &[0x47]).put(dict::CDOL1, &[2]);
        });
        let objects = objects.into_bytes();
        assert_eq!(fault.spoil(&objects), [0x77, 0x09, 0x94, 0x01, 0xFF, 0x5A, 0x01, 0x47, 0x5A, 0x01, 0x47]);
        assert_eq!(Fault::default().spoil(&objects), objects);
    }
}
