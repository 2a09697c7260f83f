//! Keys: the one that protects what is at rest, and those that terminal and acquirer share.

mod block_cipher;
mod mac;
mod storage;

pub use mac::{MacAlgorithm, MacKey, MacKeyError};
pub use storage::{KeyError, Sealed, StorageKey, Unsealable};
