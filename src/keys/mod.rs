//! Keys: the one that protects what is at rest, and those that terminal and acquirer share.
//!
//! Secrets live in types that are wiped when dropped and that print as nothing.

mod block_cipher;
mod dukpt;
mod key_block;
mod mac;
mod pin_block;
mod source;
mod storage;
mod working_key;

pub use dukpt::{
    Dukpt, InitialKey, InitialKeyError, InitialKeyId, KeyReservation, KeySerialNumber, KeySerialNumberError, KeyUsage,
    TakeError, TransactionKeys, WorkingKeyError, WorkingKeyType,
};
pub use key_block::{KeyBlockError, KeyPurpose, open_key_block};
pub use mac::{MacAlgorithm, MacKey, MacKeyError};
pub use pin_block::{PinBlock, PinBlockError, PinBlockFormat};
pub use source::{KeySource, KeySourceError};
pub use storage::{Generation, KeyError, KeyHistory, NotSealed, Sealed, StorageKey, StorageKeys, Unsealable};
pub(crate) use working_key::is_mac_key_length;
pub use working_key::{KeyForm, MasterKey, MasterKeyError, WorkingKeyPlace, WorkingKeyUse, WorkingKeysError};
