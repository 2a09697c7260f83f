//! Issuer certificates that a payment system has revoked (EMV Book 2, 5.1.2).

use alloc::collections::BTreeSet;

use super::Rid;

/// One revoked Issuer Public Key Certificate (EMV Book 2, Table 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revocation {
    /// Registered Application Provider Identifier.
    pub rid: Rid,
    /// Certification Authority Public Key Index.
    pub ca_key_index: u8,
    /// Certificate Serial Number.
    pub serial: [u8; 3],
}

/// The Certification Revocation List. It takes any number of entries; the book asks for thirty for
/// each RID.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RevocationList(BTreeSet<Revocation>);

impl RevocationList {
    /// A list on which nothing is.
    pub const fn new() -> Self {
        RevocationList(BTreeSet::new())
    }

    /// Whether this certificate is revoked.
    pub fn contains(&self, rid: Rid, ca_key_index: u8, serial: [u8; 3]) -> bool {
        self.0.contains(&Revocation { rid, ca_key_index, serial })
    }

    /// Every revoked certificate, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Revocation> {
        self.0.iter()
    }

    /// How many certificates are revoked.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is revoked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Revocation> for RevocationList {
    fn from_iter<I: IntoIterator<Item = Revocation>>(revocations: I) -> Self {
        RevocationList(revocations.into_iter().collect())
    }
}
