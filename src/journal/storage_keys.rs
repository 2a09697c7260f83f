//! What the journal knows of the keys that seal card data in it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Damage, Journal, JournalError, decode};
use crate::keys::Generation;
use crate::terminal::TerminalEvent;

/// The storage keys as the journal tells of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageKeyRecord {
    /// When each was begun. One that is not among them was made by a version that did not write it down, or told of in
    /// a journal that was set aside.
    pub begun: BTreeMap<Generation, Timestamp>,
    /// Those that were to be destroyed.
    pub destroyed: Vec<Generation>,
}

impl Journal {
    /// The storage keys that were begun and destroyed.
    ///
    /// # Errors
    /// If the journal can't be read.
    pub fn storage_keys(&self) -> Result<StorageKeyRecord, JournalError> {
        let mut record = StorageKeyRecord::default();
        for row in self.rows("WHERE event IN ('storage_key_begun', 'storage_key_destroyed') ORDER BY seq", [])? {
            let event = decode(&row.event, &row.body).map_err(|why| self.damage(row.seq, Damage::Event(why)))?;
            match event {
                TerminalEvent::StorageKeyBegun { generation } => {
                    let at = row.at.parse().map_err(|_| self.damage(row.seq, Damage::Time))?;
                    record.begun.insert(generation, at);
                }
                TerminalEvent::StorageKeyDestroyed { generation } => record.destroyed.push(generation),
                _ => {}
            }
        }
        Ok(record)
    }
}
