//! Data object lists out of any bytes: what they ask for is given in exactly the lengths that they ask for.

use emv::tlv::{Dol, DolEntry};

use super::choices::Choices;

/// The input: a list after its length, then the value of each object in it.
pub fn run(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let Ok(dol) = Dol::parse(choices.bytes()) else { return };
    let entries: Vec<DolEntry> = dol.iter().collect();
    assert_eq!(dol.data_length(), entries.iter().map(|entry| entry.length).sum::<usize>());
    assert!(dol.data_length() <= Dol::MAX_DATA);
    let data = dol.build(|_| match choices.byte() % 4 {
        0 => None,
        _ => Some(choices.bytes()),
    });
    assert_eq!(data.len(), dol.data_length());
    assert!(entries.iter().all(|entry| dol.asks_for(entry.tag)));
    assert_eq!(dol.build(|_| None)[..], vec![0; data.len()], "what is not there is zeros");
}
