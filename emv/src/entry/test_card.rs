//! What cards answer in tests.

use alloc::vec::Vec;

use crate::dict;
use crate::tlv::Writer;

/// The content of a Directory Entry.
pub(super) fn entry(fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new();
    fill(&mut writer);
    writer.into_bytes()
}

/// The FCI of a PPSE with these Directory Entries.
pub(super) fn ppse(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut fci = Writer::new();
    fci.template(dict::FCI_TEMPLATE, |fci| {
        fci.put(dict::DF_NAME, super::ppse::NAME);
        fci.template(dict::FCI_PROPRIETARY_TEMPLATE, |proprietary| {
            proprietary.template(dict::FCI_ISSUER_DISCRETIONARY_DATA, |directory| {
                for entry in entries {
                    directory.put(dict::APPLICATION_TEMPLATE, entry);
                }
            });
        });
    });
    fci.into_bytes()
}
