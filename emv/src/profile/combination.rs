//! Combinations of an application and a kernel, and how Entry Point treats them
//! (EMV Contactless Book A, 5.3 and 8.1.1.2; Book B, 3.1).

use alloc::vec::Vec;
use core::fmt;

use arrayvec::ArrayVec;

use crate::fields::{Amount, Ttq};

/// An application identifier: a RID of five bytes and up to eleven more (EMV Book 1, 12.2.1).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Aid(ArrayVec<u8, 16>);

/// An AID has 5 to 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an AID has 5 to 16 bytes, not {0}")]
pub struct InvalidAid(pub usize);

impl Aid {
    /// All bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The registered application provider identifier: whose scheme it is.
    pub fn rid(&self) -> [u8; 5] {
        self.0[..5].try_into().expect("an AID has at least five bytes")
    }
}

impl TryFrom<&[u8]> for Aid {
    type Error = InvalidAid;
    fn try_from(bytes: &[u8]) -> Result<Self, InvalidAid> {
        if !(5..=16).contains(&bytes.len()) {
            return Err(InvalidAid(bytes.len()));
        }
        Ok(Aid(bytes.iter().copied().collect()))
    }
}

impl fmt::Display for Aid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Aid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A kernel identifier as Entry Point compares them: one byte, or up to eight for a kernel that is
/// not EMVCo's (EMV Contactless Book B, 3.3.2.5, Table 3-6).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KernelId(ArrayVec<u8, 8>);

/// A kernel identifier has 1 to 8 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a kernel identifier has 1 to 8 bytes, not {0}")]
pub struct InvalidKernelId(pub usize);

impl KernelId {
    /// An EMVCo kernel: `KernelId::emvco(2)` is that of Book C-2.
    pub fn emvco(number: u8) -> Self {
        KernelId(core::iter::once(number).collect())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<&[u8]> for KernelId {
    type Error = InvalidKernelId;
    fn try_from(bytes: &[u8]) -> Result<Self, InvalidKernelId> {
        if !(1..=8).contains(&bytes.len()) {
            return Err(InvalidKernelId(bytes.len()));
        }
        Ok(KernelId(bytes.iter().copied().collect()))
    }
}

impl fmt::Debug for KernelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

/// One combination the terminal supports, with its Entry Point configuration data.
//= A 8.1.1.1, 8.1.1.2
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Combination {
    /// The application, whole or the beginning of it.
    pub aid: Aid,
    /// The kernel that runs it.
    pub kernel_id: KernelId,
    /// The transaction types (`9C`) for which it is offered.
    pub transaction_types: Vec<u8>,
    /// What pre-processing compares with.
    pub limits: Limits,
}

impl Combination {
    /// The same, with a floor limit of zero.
    pub(super) fn online(mut self) -> Self {
        self.limits.contactless_floor_limit = Some(Amount::ZERO);
        self
    }
}

/// Entry Point configuration data of a combination (EMV Contactless Book A, 5.3.1). Every limit may
/// be absent, which is not the same as zero.
//= A 5.6.5
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Status Check Support flag.
    pub status_check_supported: bool,
    /// Zero Amount Allowed flag; absent means that zero amounts are allowed, online.
    pub zero_amount_allowed: Option<bool>,
    /// Zero Amount for Offline Allowed flag: a zero amount is treated like any other.
    pub zero_amount_for_offline_allowed: bool,
    /// Reader Contactless Transaction Limit: at or above it contactless is not allowed.
    pub contactless_transaction_limit: Option<Amount>,
    /// Reader Contactless Floor Limit: above it the transaction goes online.
    pub contactless_floor_limit: Option<Amount>,
    /// Terminal Floor Limit (`9F1B`), used where there is no reader contactless floor limit.
    pub terminal_floor_limit: Option<Amount>,
    /// Reader CVM Required Limit: at or above it the cardholder is verified.
    pub cvm_required_limit: Option<Amount>,
    /// Terminal Transaction Qualifiers.
    pub ttq: Option<Ttq>,
    /// Extended Selection Support flag.
    pub extended_selection_supported: bool,
}
