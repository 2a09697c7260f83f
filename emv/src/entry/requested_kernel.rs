//! Which kernel a directory entry asks for (EMV Contactless Book B, 3.3.2.5, C and D).

use crate::fields::KernelType;
use crate::profile::{Aid, KernelId};

/// The kernel that the schemes' cards mean when they name none, by the RID of the matching AID
/// (EMV Contactless Book B, Table 3-6).
const DEFAULTS: [([u8; 5], u8); 7] = [
    ([0xA0, 0x00, 0x00, 0x00, 0x25], 4), // American Express
    ([0xA0, 0x00, 0x00, 0x01, 0x52], 6), // Discover
    ([0xA0, 0x00, 0x00, 0x03, 0x24], 6), // Discover
    ([0xA0, 0x00, 0x00, 0x00, 0x65], 5), // JCB
    ([0xA0, 0x00, 0x00, 0x00, 0x04], 2), // Mastercard
    ([0xA0, 0x00, 0x00, 0x03, 0x33], 7), // UnionPay
    ([0xA0, 0x00, 0x00, 0x00, 0x03], 3), // Visa
];

/// How many bytes of a domestic Kernel Identifier name the kernel: Short and Extended Kernel ID.
const DOMESTIC_LENGTH: usize = 3;

/// The Requested Kernel ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestedKernel<'a> {
    /// Zero: whichever kernel the reader runs the application with.
    Any,
    /// An international kernel.
    International(u8),
    /// A domestic kernel, by three bytes.
    Domestic(&'a [u8]),
}

impl<'a> RequestedKernel<'a> {
    /// Determines the Requested Kernel ID from the Kernel Identifier (`9F2A`) of an entry whose ADF
    /// name matches this AID; nothing where the entry must be passed over (3.3.2.5, C).
    //= B 3.3.2.5.C
    pub(super) fn determine(kernel_identifier: Option<&'a [u8]>, matching_aid: &Aid) -> Option<Self> {
        let identifier = kernel_identifier.unwrap_or_default();
        match identifier {
            [] | [0x00] => Some(Self::default_of(matching_aid)),
            [0x00, ..] => Some(RequestedKernel::Any),
            [first, ..] if !KernelType(*first).is_domestic() => Some(RequestedKernel::International(*first)),
            // A Short Kernel ID of zero is left to agreements that there are none of here.
            [first, ..] if KernelType(*first).short_kernel_id() == 0 => None,
            _ => identifier.get(..DOMESTIC_LENGTH).map(RequestedKernel::Domestic),
        }
    }

    fn default_of(aid: &Aid) -> Self {
        let found = DEFAULTS.iter().find(|(rid, _)| *rid == aid.rid());
        found.map_or(RequestedKernel::Any, |&(_, kernel)| RequestedKernel::International(kernel))
    }

    /// Whether the kernel of a combination is the one asked for (3.3.2.5, D).
    //= B 3.3.2.5.D
    pub(super) fn is_supported_by(self, kernel_id: &KernelId) -> bool {
        match self {
            RequestedKernel::Any => true,
            RequestedKernel::International(number) => kernel_id.as_bytes() == [number],
            RequestedKernel::Domestic(bytes) => kernel_id.as_bytes() == bytes,
        }
    }
}

/// Whether an AID is Visa's (EMV Contactless Book B, 3.3.3.6).
pub(super) fn is_visa(aid: &Aid) -> bool {
    RequestedKernel::default_of(aid) == RequestedKernel::International(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aid(bytes: &[u8]) -> Aid {
        Aid::try_from(bytes).unwrap()
    }

    fn kernel(bytes: &[u8]) -> KernelId {
        KernelId::try_from(bytes).unwrap()
    }

    //= test B 3.3.2.5.C
    #[test]
    fn the_schemes_have_their_kernels_where_the_card_names_none() {
        for (rid, number) in DEFAULTS {
            for absent in [None, Some(&[][..]), Some(&[0x00][..])] {
                let requested = RequestedKernel::determine(absent, &aid(&rid));
                assert_eq!(requested, Some(RequestedKernel::International(number)));
            }
        }
    }

    //= test B 3.3.2.5.C, 3.3.2.5.D
    #[test]
    fn other_cards_that_name_no_kernel_take_any() {
        let requested = RequestedKernel::determine(None, &aid(&[0xB0, 0, 0, 0, 1, 1])).unwrap();
        assert_eq!(requested, RequestedKernel::Any);
        assert!(requested.is_supported_by(&KernelId::emvco(0x21)));
        assert!(requested.is_supported_by(&kernel(&[0x81, 0x09, 0x78])));
    }

    //= test B 3.3.2.5.C, 3.3.2.5.D
    #[test]
    fn kernel_zero_with_more_behind_it_is_any_kernel_whatever_the_scheme() {
        let visa = aid(&[0xA0, 0, 0, 0, 3, 0x10, 0x10]);
        let requested = RequestedKernel::determine(Some(&[0x00, 0x09, 0x78]), &visa).unwrap();
        assert!([2, 3].iter().all(|number| requested.is_supported_by(&KernelId::emvco(*number))));
    }

    //= test B 3.3.2.5.C, 3.3.2.5.D
    #[test]
    fn an_international_kernel_is_named_by_its_first_byte_alone() {
        let mastercard = aid(&[0xA0, 0, 0, 0, 4, 0x10, 0x10]);
        for identifier in [&[0x03][..], &[0x03, 0x01], &[0x03, 0x09, 0x78], &[0x03, 1, 2, 3, 4, 5, 6, 7]] {
            let requested = RequestedKernel::determine(Some(identifier), &mastercard).unwrap();
            assert!(requested.is_supported_by(&KernelId::emvco(3)));
            assert!(!requested.is_supported_by(&KernelId::emvco(2)));
        }
    }

    //= test B 3.3.2.5.C
    #[test]
    fn a_reserved_type_of_kernel_is_not_the_international_kernel_of_that_number() {
        let requested = RequestedKernel::determine(Some(&[0x43]), &aid(&[0xA0, 0, 0, 0, 3])).unwrap();
        assert!(!requested.is_supported_by(&KernelId::emvco(3)));
    }

    //= test B 3.3.2.5.C, 3.3.2.5.D
    #[test]
    fn a_domestic_kernel_is_named_by_three_bytes() {
        let aid = aid(&[0xB0, 0, 0, 0, 1, 1]);
        for identifier in [&[0x81, 0x09, 0x78][..], &[0x81, 0x09, 0x78, 0xFF]] {
            let requested = RequestedKernel::determine(Some(identifier), &aid).unwrap();
            assert!(requested.is_supported_by(&kernel(&[0x81, 0x09, 0x78])));
            assert!(!requested.is_supported_by(&kernel(&[0x81, 0x08, 0x40])));
            assert!(!requested.is_supported_by(&KernelId::emvco(0x81)));
        }
        for passed_over in [&[0x81][..], &[0x81, 0x09], &[0xC1, 0x11], &[0x80, 0x09, 0x78], &[0xC0, 0x09, 0x78]] {
            assert_eq!(RequestedKernel::determine(Some(passed_over), &aid), None);
        }
    }
}
