//! Derived unique key per transaction, on the terminal's side: every message has keys of its own, and the host finds
//! them by the key serial number that travels with it (ANSI X9.24-3:2017 for AES, X9.24-1:2009 for triple DES).
//!
//! A terminal is given an [`InitialKey`]. From it follow the keys of all transactions, each of which is taken once:
//! [`Dukpt::take`] has the counter written down before it hands a key out, so that no restart uses one twice.

mod aes;
mod registers;
mod tdes;

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use self::aes::AesDukpt;
use self::registers::Registers;
use self::tdes::TdesDukpt;
use super::block_cipher::{AesKey, BlockCipher, TdesKey};
use super::mac::{MacAlgorithm, MacKey, MacKeyError};
use crate::terminal::Hex;

/// For what a working key is, seen from the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUsage {
    /// Encrypting a PIN block.
    PinEncryption,
    /// The MAC of a request; with triple DES also of an answer, where both have the same key.
    MacGeneration,
    /// The MAC of an answer.
    MacVerification,
    /// The MACs of request and answer.
    MacBothWays,
    /// Data of a request; with triple DES also of an answer, where both have the same key.
    DataEncryption,
    /// Data of an answer.
    DataDecryption,
    /// Data of request and answer.
    DataBothWays,
}

/// Algorithm and length of a working key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkingKeyType {
    /// Triple DES with two parts, 16 bytes.
    TwoKeyTdes,
    /// Triple DES with three parts, 24 bytes.
    ThreeKeyTdes,
    /// AES, 16 bytes.
    Aes128,
    /// AES, 24 bytes.
    Aes192,
    /// AES, 32 bytes.
    Aes256,
}

impl WorkingKeyType {
    /// How many bytes such a key has.
    pub fn length(self) -> usize {
        match self {
            WorkingKeyType::TwoKeyTdes | WorkingKeyType::Aes128 => 16,
            WorkingKeyType::ThreeKeyTdes | WorkingKeyType::Aes192 => 24,
            WorkingKeyType::Aes256 => 32,
        }
    }
}

/// By which an initial key is known: with AES the Initial Key ID of 8 bytes, with triple DES the initial key serial
/// number of 10.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InitialKeyId(Hex);

impl fmt::Display for InitialKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// By which the host finds the keys of a message: 12 bytes with AES, 10 with triple DES.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeySerialNumber(Hex);

/// A key serial number of another length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key serial number has 12 bytes with AES DUKPT and 10 with TDES DUKPT, not {0}")]
pub struct KeySerialNumberError(usize);

impl KeySerialNumber {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0.0
    }

    /// Whether it is one of TDES DUKPT.
    pub fn is_of_tdes(&self) -> bool {
        self.as_bytes().len() == 10
    }
}

impl TryFrom<&[u8]> for KeySerialNumber {
    type Error = KeySerialNumberError;

    fn try_from(bytes: &[u8]) -> Result<Self, KeySerialNumberError> {
        let length = bytes.len();
        if matches!(length, 10 | 12) {
            Ok(KeySerialNumber(Hex(bytes.to_vec())))
        } else {
            Err(KeySerialNumberError(length))
        }
    }
}

impl fmt::Display for KeySerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a terminal was given by its acquirer. It is wiped when dropped and never printed.
pub struct InitialKey(Initial);

enum Initial {
    Aes(AesDukpt, AesKey),
    Tdes(TdesDukpt, TdesKey),
}

/// An initial key that can't be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InitialKeyError {
    /// An AES key of another length.
    #[error("an initial key of AES DUKPT has 16, 24 or 32 bytes, not {0}")]
    AesLength(usize),
    /// A triple DES key of another length.
    #[error("an initial key of TDES DUKPT has 16 bytes, not {0}")]
    TdesLength(usize),
    /// An Initial Key ID of another length.
    #[error("an Initial Key ID has 8 bytes, not {0}")]
    IdLength(usize),
    /// An initial key serial number of another length.
    #[error("an initial key serial number has 10 bytes, not {0}")]
    SerialNumberLength(usize),
    /// An initial key serial number that has counted already.
    #[error("the last 21 bits of an initial key serial number are 0, but here they count {0}: take the number without")]
    Counted(u32),
}

impl InitialKey {
    /// An initial key of AES DUKPT, with its Initial Key ID.
    ///
    /// # Errors
    /// If a length is wrong.
    pub fn aes(key: &[u8], id: &[u8]) -> Result<Self, InitialKeyError> {
        let initial_key_id = id.try_into().map_err(|_| InitialKeyError::IdLength(id.len()))?;
        let key = AesKey::new(key).ok_or(InitialKeyError::AesLength(key.len()))?;
        Ok(InitialKey(Initial::Aes(AesDukpt { initial_key_id }, key)))
    }

    /// An initial key of TDES DUKPT, with its initial key serial number.
    ///
    /// # Errors
    /// If a length is wrong, or the serial number is not an initial one.
    pub fn tdes(key: &[u8], serial_number: &[u8]) -> Result<Self, InitialKeyError> {
        let initial_serial_number: [u8; 10] =
            serial_number.try_into().map_err(|_| InitialKeyError::SerialNumberLength(serial_number.len()))?;
        let [.., a, b, c] = initial_serial_number;
        let counted = u32::from_be_bytes([0, a & 0x1F, b, c]);
        if counted != 0 {
            return Err(InitialKeyError::Counted(counted));
        }
        let length = key.len();
        let key = TdesKey::new(key).filter(|_| length == 16).ok_or(InitialKeyError::TdesLength(length))?;
        Ok(InitialKey(Initial::Tdes(TdesDukpt { initial_serial_number }, key)))
    }

    /// By which it is known.
    pub fn id(&self) -> InitialKeyId {
        InitialKeyId(Hex(match &self.0 {
            Initial::Aes(dukpt, _) => dukpt.initial_key_id.to_vec(),
            Initial::Tdes(dukpt, _) => dukpt.initial_serial_number.to_vec(),
        }))
    }
}

impl fmt::Debug for InitialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InitialKey({}, ..)", self.id())
    }
}

/// Keys that a terminal may use from now on, and never after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyReservation {
    /// Of which initial key.
    pub initial_key_id: InitialKeyId,
    /// The last counter that belongs to it.
    pub last_counter: u32,
}

/// The keys of a terminal that are not used yet. They are wiped when used or dropped, and the initial key is not among
/// them: what is in memory does not lead to a key that was used before.
pub struct Dukpt {
    id: InitialKeyId,
    future: Future,
    reserved: u32,
}

enum Future {
    Aes(Registers<AesDukpt>),
    Tdes(Registers<TdesDukpt>),
}

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TakeError<E> {
    /// All are used.
    #[error(
        "every key of the initial key {0} is used: ask the acquirer for a new one, and put it into the configuration"
    )]
    Exhausted(InitialKeyId),
    /// That one is taken can't be written down, so none is.
    #[error(transparent)]
    NotWritten(E),
}

impl Dukpt {
    /// How many counters are written down at once. A restart gives away what is left of them, at most one fewer; TDES
    /// DUKPT has a million, AES DUKPT two thousand million.
    const RESERVED_AT_ONCE: u32 = 16;

    /// The keys that follow once all counters up to `last_reserved` were reserved; 0 is a terminal without history. The
    /// initial key is wiped.
    pub fn new(initial_key: InitialKey, last_reserved: u32) -> Self {
        let id = initial_key.id();
        let future = match initial_key.0 {
            Initial::Aes(dukpt, key) => Future::Aes(Registers::after(dukpt, &key, last_reserved)),
            Initial::Tdes(dukpt, key) => Future::Tdes(Registers::after(dukpt, &key, last_reserved)),
        };
        Dukpt { id, future, reserved: last_reserved }
    }

    fn next(&self) -> Option<u32> {
        match &self.future {
            Future::Aes(registers) => registers.next(),
            Future::Tdes(registers) => registers.next(),
        }
    }

    /// What must be written down and synced before the next key is taken; nothing where a reservation covers it, or no
    /// key is left.
    pub fn due(&self) -> Option<KeyReservation> {
        let next = self.next().filter(|next| *next > self.reserved)?;
        let last_counter = next.saturating_add(Self::RESERVED_AT_ONCE - 1);
        Some(KeyReservation { initial_key_id: self.id.clone(), last_counter })
    }

    /// This reservation is written down and synced.
    pub fn reserved(&mut self, written: &KeyReservation) {
        if written.initial_key_id == self.id {
            self.reserved = self.reserved.max(written.last_counter);
        }
    }

    /// Takes the keys of the next transaction.
    ///
    /// `write` writes a reservation down and syncs it. It is called before a key is taken that no reservation covers; where
    /// it fails, none is taken.
    ///
    /// # Errors
    /// See [`TakeError`].
    pub fn take<E>(
        &mut self,
        write: impl FnOnce(KeyReservation) -> Result<(), E>,
    ) -> Result<TransactionKeys, TakeError<E>> {
        if let Some(reservation) = self.due() {
            write(reservation.clone()).map_err(TakeError::NotWritten)?;
            self.reserved(&reservation);
        }
        let exhausted = || TakeError::Exhausted(self.id.clone());
        let (serial_number, key) = match &mut self.future {
            Future::Aes(registers) => {
                let (counter, key) = registers.take().ok_or_else(exhausted)?;
                let dukpt = *registers.derivation();
                (dukpt.serial_number(counter), Transaction::Aes(dukpt, counter, key))
            }
            Future::Tdes(registers) => {
                let (counter, key) = registers.take().ok_or_else(exhausted)?;
                let dukpt = *registers.derivation();
                (dukpt.serial_number(counter).to_vec(), Transaction::Tdes(dukpt, key))
            }
        };
        Ok(TransactionKeys { serial_number: KeySerialNumber(Hex(serial_number)), key })
    }
}

impl fmt::Debug for Dukpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dukpt({}, reserved to {}, ..)", self.id, self.reserved)
    }
}

/// The keys of one transaction. They are wiped when dropped and never printed.
pub struct TransactionKeys {
    serial_number: KeySerialNumber,
    key: Transaction,
}

enum Transaction {
    Aes(AesDukpt, u32, AesKey),
    Tdes(TdesDukpt, TdesKey),
}

/// Why there is no such working key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WorkingKeyError {
    /// TDES DUKPT derives no other keys than those of triple DES with two parts; AES DUKPT none that are longer than the
    /// initial key (ANSI X9.24-3:2017, 6.1.3).
    #[error("a key of type {0:?} can't be derived from this initial key")]
    KeyType(WorkingKeyType),
    /// The derived key has a form that the MAC algorithm refuses.
    #[error(transparent)]
    Mac(#[from] MacKeyError),
}

impl TransactionKeys {
    /// What the host is told of them.
    pub fn serial_number(&self) -> &KeySerialNumber {
        &self.serial_number
    }

    /// A key for MACs. Retail MACs take two parts of triple DES; CMAC takes AES of the initial key's length.
    ///
    /// # Errors
    /// If such a key can't be derived.
    pub fn mac_key(&self, usage: KeyUsage, algorithm: MacAlgorithm) -> Result<MacKey, WorkingKeyError> {
        let key_type = match algorithm {
            MacAlgorithm::AesCmac => self.longest_aes(),
            MacAlgorithm::RetailPadding1 | MacAlgorithm::RetailPadding2 | MacAlgorithm::UnionPayEcb => {
                WorkingKeyType::TwoKeyTdes
            }
        };
        Ok(MacKey::new(algorithm, &self.working_key(usage, key_type)?)?)
    }

    /// Encrypts data of a request: CBC from a block of zeros, the data filled with zeros to whole blocks. The key is of
    /// the same algorithm and length as the initial one.
    pub fn encrypt(&self, usage: KeyUsage, plain: &[u8]) -> Vec<u8> {
        let mut data = plain.to_vec();
        match &self.key {
            Transaction::Aes(dukpt, counter, key) => {
                let working = dukpt.working_key(key, *counter, usage, self.longest_aes());
                let working = working.and_then(|bytes| AesKey::new(&bytes)).expect("it is as long as the initial key");
                data.resize(data.len().next_multiple_of(16), 0);
                working.encrypt_cbc([0; 16], &mut data);
            }
            Transaction::Tdes(dukpt, key) => {
                data.resize(data.len().next_multiple_of(8), 0);
                dukpt.working_key(key, usage).encrypt_cbc([0; 8], &mut data);
            }
        }
        data
    }

    fn working_key(&self, usage: KeyUsage, key_type: WorkingKeyType) -> Result<Zeroizing<Vec<u8>>, WorkingKeyError> {
        let bytes = match &self.key {
            Transaction::Aes(dukpt, counter, key) => dukpt.working_key(key, *counter, usage, key_type),
            Transaction::Tdes(dukpt, key) if key_type == WorkingKeyType::TwoKeyTdes => {
                Some(Zeroizing::new(dukpt.working_key(key, usage).as_bytes().to_vec()))
            }
            Transaction::Tdes(..) => None,
        };
        bytes.ok_or(WorkingKeyError::KeyType(key_type))
    }

    /// The AES key type of the initial key's length; with triple DES the shortest, which it can't derive.
    fn longest_aes(&self) -> WorkingKeyType {
        match &self.key {
            Transaction::Aes(_, _, key) => aes::key_type(key),
            Transaction::Tdes(..) => WorkingKeyType::Aes128,
        }
    }
}

impl fmt::Debug for TransactionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransactionKeys({}, ..)", self.serial_number)
    }
}

#[cfg(test)]
mod tests;
