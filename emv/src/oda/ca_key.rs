//! The certification authorities' public keys that a terminal holds (EMV Book 2, 11.2.2).

use alloc::vec::Vec;

use super::recovery::sha1;
use super::{Fault, InvalidKey, PublicKey};
use crate::fields::Date;

/// Registered Application Provider Identifier: the first 5 bytes of an AID.
pub type Rid = [u8; 5];

/// Why a CA key can't be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CaKeyError {
    /// Modulus or exponent are not such as the book allows.
    #[error(transparent)]
    InvalidKey(#[from] InvalidKey),
    /// RID, index, modulus and exponent do not have this checksum (EMV Book 2, Table 27).
    #[error("the SHA-1 checksum does not match: compare RID, index, modulus and exponent with their source")]
    Checksum,
    /// The set holds a key with this RID and index already.
    #[error("there is a key with this RID and index already: remove one of the two")]
    Duplicate,
}

/// One Certification Authority Public Key (EMV Book 2, Table 27).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaKey {
    rid: Rid,
    index: u8,
    key: PublicKey,
    expiry: Option<Date>,
}

impl CaKey {
    /// Takes a key whose Certification Authority Public Key Check Sum proves it unaltered.
    ///
    /// # Errors
    /// [`CaKeyError::InvalidKey`] and [`CaKeyError::Checksum`].
    pub fn new(rid: Rid, index: u8, modulus: &[u8], exponent: &[u8], checksum: [u8; 20]) -> Result<Self, CaKeyError> {
        let key = Self::without_checksum(rid, index, modulus, exponent)?;
        if key.checksum() == checksum { Ok(key) } else { Err(CaKeyError::Checksum) }
    }

    /// Takes a key that came without a checksum: its integrity must be ensured in another way
    /// (EMV Book 2, 11.2.2).
    ///
    /// # Errors
    /// [`CaKeyError::InvalidKey`].
    pub fn without_checksum(rid: Rid, index: u8, modulus: &[u8], exponent: &[u8]) -> Result<Self, CaKeyError> {
        Ok(CaKey { rid, index, key: PublicKey::new(modulus, exponent)?, expiry: None })
    }

    /// The same key, not to be used after this day.
    #[must_use]
    pub fn expiring(self, expiry: Date) -> Self {
        CaKey { expiry: Some(expiry), ..self }
    }

    /// Registered Application Provider Identifier.
    pub fn rid(&self) -> Rid {
        self.rid
    }

    /// Certification Authority Public Key Index.
    pub fn index(&self) -> u8 {
        self.index
    }

    /// The key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The last day on which the key may be used, where there is one.
    pub fn expiry(&self) -> Option<Date> {
        self.expiry
    }

    /// The check sum over RID, index, modulus and exponent.
    pub fn checksum(&self) -> [u8; 20] {
        sha1([&self.rid[..], &[self.index], self.key.modulus(), self.key.exponent()])
    }
}

/// What a set of keys is for. Keys of test cards must never vouch for real ones, so the two are
/// kept in different sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Development and certification.
    Test,
    /// Cards of customers.
    Production,
}

/// The CA keys of any number of payment systems.
#[derive(Debug, Clone)]
pub struct CaKeys {
    environment: Environment,
    keys: Vec<CaKey>,
}

impl CaKeys {
    /// An empty set.
    pub const fn new(environment: Environment) -> Self {
        CaKeys { environment, keys: Vec::new() }
    }

    /// What the keys are for.
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// Adds a key.
    ///
    /// # Errors
    /// [`CaKeyError::Duplicate`].
    pub fn insert(&mut self, key: CaKey) -> Result<(), CaKeyError> {
        if self.get(key.rid, key.index).is_some() {
            return Err(CaKeyError::Duplicate);
        }
        self.keys.push(key);
        Ok(())
    }

    /// The key with this RID and index, expired or not.
    pub fn get(&self, rid: Rid, index: u8) -> Option<&CaKey> {
        self.keys.iter().find(|key| key.rid == rid && key.index == index)
    }

    /// The key with this RID and index, where it may be used on this day (EMV Book 2, 5.2 and 6.2).
    ///
    /// # Errors
    /// [`Fault::CaKeyNotFound`] and [`Fault::CaKeyExpired`].
    pub fn usable(&self, rid: Rid, index: u8, date: Date) -> Result<&CaKey, Fault> {
        let key = self.get(rid, index).ok_or(Fault::CaKeyNotFound)?;
        match key.expiry {
            Some(expiry) if expiry < date => Err(Fault::CaKeyExpired),
            _ => Ok(key),
        }
    }

    /// All keys, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &CaKey> {
        self.keys.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CA, ISSUER, ca_key};
    use super::*;

    const RID: Rid = [0xA0, 0, 0, 0, 0x03];

    fn date(year: u16) -> Date {
        Date::new(year, 6, 15).unwrap()
    }

    #[test]
    fn a_checksum_covers_everything() {
        let checksum = ca_key().checksum();
        let new = |rid, index, modulus: &[u8], exponent: &[u8]| {
            CaKey::new(rid, index, modulus, exponent, checksum).map(|_| ())
        };
        assert_eq!(new(RID, 0x99, &CA.modulus(), &[3]), Ok(()));
        assert_eq!(new([0xA0, 0, 0, 0, 0x04], 0x99, &CA.modulus(), &[3]), Err(CaKeyError::Checksum));
        assert_eq!(new(RID, 0x98, &CA.modulus(), &[3]), Err(CaKeyError::Checksum));
        assert_eq!(new(RID, 0x99, &ISSUER.modulus(), &[3]), Err(CaKeyError::Checksum));
        assert_eq!(new(RID, 0x99, &CA.modulus(), &[1, 0, 1]), Err(CaKeyError::Checksum));
    }

    #[test]
    fn a_key_that_is_none_is_told_from_a_wrong_checksum() {
        let new = |modulus: &[u8], exponent: &[u8]| CaKey::new(RID, 0x99, modulus, exponent, [0; 20]);
        assert_eq!(new(&[], &[3]), Err(CaKeyError::InvalidKey(InvalidKey::Length)));
        assert_eq!(new(&CA.modulus(), &[2]), Err(CaKeyError::InvalidKey(InvalidKey::Exponent)));
        assert_eq!(new(&CA.modulus(), &[3]), Err(CaKeyError::Checksum));
    }

    #[test]
    fn a_key_is_found_by_rid_and_index() {
        let mut keys = CaKeys::new(Environment::Test);
        keys.insert(ca_key()).unwrap();
        assert_eq!(keys.usable(RID, 0x99, date(2026)), Ok(&ca_key()));
        assert_eq!(keys.usable(RID, 0x98, date(2026)), Err(Fault::CaKeyNotFound));
        assert_eq!(keys.usable([0xA0, 0, 0, 0, 0x04], 0x99, date(2026)), Err(Fault::CaKeyNotFound));
    }

    #[test]
    fn a_key_can_not_be_replaced_unnoticed() {
        let mut keys = CaKeys::new(Environment::Production);
        keys.insert(ca_key()).unwrap();
        assert_eq!(keys.insert(ca_key()), Err(CaKeyError::Duplicate));
        assert_eq!(keys.iter().count(), 1);
    }

    #[test]
    fn an_expired_key_is_there_but_not_usable() {
        let mut keys = CaKeys::new(Environment::Test);
        keys.insert(ca_key().expiring(date(2026))).unwrap();
        assert!(keys.usable(RID, 0x99, date(2026)).is_ok(), "usable on its last day");
        assert_eq!(keys.usable(RID, 0x99, Date::new(2026, 6, 16).unwrap()), Err(Fault::CaKeyExpired));
        assert!(keys.get(RID, 0x99).is_some());
    }
}
