//! The directory of a card: the FCI of its PPSE (EMV Contactless Book B, 3.3.1).

use super::fci;
use crate::dict;
use crate::fields::ApplicationPriority;
use crate::tlv::Level;

/// The name under which the directory is selected (EMV Contactless Book B, 3.3.2.2).
pub(super) const NAME: &[u8] = b"2PAY.SYS.DDF01";

/// The most bytes of data a card can send in answer to a command of the short form.
const MAX_DATA: usize = 256;

/// A Directory Entry (`61`): one application of the card (EMV Contactless Book B, Table 3-2).
///
/// Anything else that an entry may hold is passed over, be it the terminal's own or nobody's (3.6.1.1,
/// 3.6.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DirectoryEntry<'a> {
    /// ADF Name (`4F`).
    pub(super) adf_name: Option<&'a [u8]>,
    /// Application Priority Indicator (`87`); no priority where it is absent (3.3.1.1).
    pub(super) priority: ApplicationPriority,
    /// Kernel Identifier (`9F2A`): the kernel that the card asks for.
    pub(super) kernel_identifier: Option<&'a [u8]>,
    /// Extended Selection (`9F29`); empty where it is absent.
    pub(super) extended_selection: &'a [u8],
    /// Application Selection Registered Proprietary Data (`9F0A`); empty where it is absent.
    pub(super) proprietary_data: &'a [u8],
}

impl<'a> DirectoryEntry<'a> {
    /// Reads the content of an entry; nothing where it is not made of data objects.
    //= B 3.3.1.1, 3.6.1.1, 3.6.1.2, 3.6.3.1
    fn read(content: &'a [u8]) -> Option<Self> {
        let objects = Level::parse(content).ok()?;
        let priority = objects.find(dict::APPLICATION_PRIORITY_INDICATOR).and_then(|value| value.first().copied());
        Some(DirectoryEntry {
            adf_name: objects.find(dict::ADF_NAME),
            priority: ApplicationPriority(priority.unwrap_or_default()),
            kernel_identifier: objects.find(dict::KERNEL_IDENTIFIER),
            extended_selection: objects.find(dict::EXTENDED_SELECTION).unwrap_or_default(),
            proprietary_data: objects.find(dict::ASRPD).unwrap_or_default(),
        })
    }
}

/// The Directory Entries of a PPSE's FCI, in order; none where the FCI is not one, or holds none
/// (EMV Contactless Book B, 3.3.2.4).
//= B 3.3.2.4, 3.6.1.2
pub(super) fn directory_entries(fci: &[u8]) -> impl Iterator<Item = DirectoryEntry<'_>> + Clone {
    let objects = directory(fci).into_iter().flat_map(|directory| directory.iter());
    objects
        .filter(|(tag, _)| *tag == dict::APPLICATION_TEMPLATE)
        .filter_map(|(_, content)| DirectoryEntry::read(content))
}

/// The objects among which the entries are. The DF name of the PPSE is not looked at: for a reader
/// it is optional.
pub(super) fn directory(fci: &[u8]) -> Option<Level<'_>> {
    if fci.len() > MAX_DATA {
        return None;
    }
    fci::issuer_discretionary_data(fci)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::entry::testing::{entry, ppse, ppse_with};
    use crate::tlv::Writer;

    //= test B 3.6.3.1
    #[test]
    fn entries_are_read_in_order_whatever_the_order_of_their_objects() {
        let fci = ppse(&[
            entry(|entry| {
                entry.put(dict::KERNEL_IDENTIFIER, &[0x02]).put(dict::APPLICATION_PRIORITY_INDICATOR, &[0x01]);
                entry.put(dict::ADF_NAME, &[0xA0, 0, 0, 0, 4]);
            }),
            entry(|entry| {
                entry.put(dict::ADF_NAME, &[0xA0, 0, 0, 0, 3]).put(dict::EXTENDED_SELECTION, &[0xEE]);
                entry.put(dict::ASRPD, &[0x00, 0x01, 0x00]);
            }),
        ]);
        let entries: Vec<_> = directory_entries(&fci).collect();
        assert_eq!(
            entries,
            [
                DirectoryEntry {
                    adf_name: Some(&[0xA0, 0, 0, 0, 4]),
                    priority: ApplicationPriority(1),
                    kernel_identifier: Some(&[0x02]),
                    extended_selection: &[],
                    proprietary_data: &[],
                },
                DirectoryEntry {
                    adf_name: Some(&[0xA0, 0, 0, 0, 3]),
                    priority: ApplicationPriority(0),
                    kernel_identifier: None,
                    extended_selection: &[0xEE],
                    proprietary_data: &[0x00, 0x01, 0x00],
                },
            ]
        );
    }

    //= test B 3.6.1.2
    #[test]
    fn what_nobody_knows_between_the_entries_is_passed_over() {
        let mut fci = Writer::new();
        fci.template(dict::FCI_TEMPLATE, |fci| {
            fci.template(dict::FCI_PROPRIETARY_TEMPLATE, |proprietary| {
                proprietary.put(dict::LANGUAGE_PREFERENCE, b"en");
                proprietary.template(dict::FCI_ISSUER_DISCRETIONARY_DATA, |directory| {
                    directory.put(dict::LOG_ENTRY, &[0x0B, 0x0A]).put(dict::APPLICATION_TEMPLATE, &[]);
                });
            });
        });
        let fci = fci.into_bytes();
        let entries: Vec<_> = directory_entries(&fci).collect();
        assert_eq!(entries.len(), 1, "an empty entry is an entry");
        assert_eq!(entries[0].adf_name, None);
    }

    //= test B 3.6.1.1
    #[test]
    fn objects_of_the_terminal_and_of_nobody_in_an_entry_are_passed_over() {
        let plain = entry(|entry| {
            entry.put(dict::ADF_NAME, &[0xA0, 0, 0, 0, 4]);
        });
        let with_more = entry(|entry| {
            entry.put(dict::TTQ, &[0xFF; 4]).put(dict::AID_TERMINAL, &[0xA0, 0, 0, 0, 3]);
            entry.put(dict::KERNEL_IDENTIFIER_TERMINAL, &[0x03; 8]).put(dict::ADF_NAME, &[0xA0, 0, 0, 0, 4]);
        });
        let fci = ppse(&[plain, with_more]);
        let entries: Vec<_> = directory_entries(&fci).collect();
        assert_eq!(entries[0], entries[1]);
    }

    //= test B 3.3.2.4
    #[test]
    fn what_is_no_fci_or_is_cut_short_has_no_entries() {
        let whole = ppse(&[entry(|entry| {
            entry.put(dict::ADF_NAME, &[0xA0, 0, 0, 0, 4]);
        })]);
        assert_eq!(directory_entries(&whole).count(), 1);
        for end in 0..whole.len() {
            assert_eq!(directory_entries(&whole[..end]).count(), 0, "{end} bytes");
        }
    }

    #[test]
    fn more_than_a_response_can_hold_is_not_read() {
        let one = entry(|entry| {
            entry.put(dict::ADF_NAME, &[0xA0, 0, 0, 0, 4]);
        });
        assert_eq!(directory_entries(&ppse(&alloc::vec![one.clone(); 20])).count(), 20);
        assert_eq!(directory_entries(&ppse(&alloc::vec![one; 100])).count(), 0);
        let padded = |length| {
            let label = alloc::vec![b'A'; length];
            let fci = ppse_with(&[alloc::vec![]], &[(dict::APPLICATION_LABEL, &label)]);
            (fci.len(), directory_entries(&fci).count())
        };
        let room = (0..256).find(|length| padded(*length).0 == MAX_DATA).expect("one fills it");
        assert_eq!((padded(room).1, padded(room + 1).1), (1, 0));
    }
}
