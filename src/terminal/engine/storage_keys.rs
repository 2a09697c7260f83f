//! A new key for card data from time to time, and an end to old ones.

use std::time::Duration;

use jiff::Timestamp;

use super::super::TerminalEvent;
use super::{Engine, Message, StartError};
use crate::keys::Generation;

/// How often to see whether a key is old.
const PAUSE: Duration = Duration::from_secs(3600);

impl Engine {
    /// Has a new key seal where the present one is old, and destroys those that nothing needs any more; and does so
    /// again after a while. A failure changes nothing for transactions, and is tried again.
    pub(super) fn keep_storage_keys(&mut self) {
        match self.renew_storage_key().and_then(|()| self.destroy_old_storage_keys()) {
            Ok(()) => {}
            Err(StartError::Journal(error)) => self.journal_failed(&error),
            Err(StartError::Key(error)) => tracing::error!(%error, "storage keys"),
        }
        self.later(PAUSE, Message::KeepStorageKeys);
    }

    fn renew_storage_key(&mut self) -> Result<(), StartError> {
        let now = (self.inputs.now)();
        let begun = self.journal.storage_keys()?.begun;
        let current = self.storage_keys.current();
        if begun.get(&current).is_some_and(|at| now.duration_since(*at) >= self.config.journal.storage_key_age) {
            self.storage_keys.begin()?;
            self.save_torn_log()?;
        }
        let unknown: Vec<Generation> =
            self.storage_keys.generations().filter(|generation| !begun.contains_key(generation)).collect();
        for generation in unknown {
            self.journal.append_terminal(now, &TerminalEvent::StorageKeyBegun { generation })?;
        }
        Ok(())
    }

    fn destroy_old_storage_keys(&mut self) -> Result<(), StartError> {
        let now = (self.inputs.now)();
        let old = self.old_storage_keys(now)?;
        if old.is_empty() {
            return Ok(());
        }
        let open_ends = self.journal.with_open_ends()?;
        let is_needed = |key: &Generation| open_ends.iter().any(|open| open.storage_keys().any(|used| used == *key));
        for generation in old.into_iter().filter(|generation| !is_needed(generation)) {
            self.journal.append_terminal(now, &TerminalEvent::StorageKeyDestroyed { generation })?;
            self.storage_keys.destroy(generation)?;
            tracing::info!(%generation, "a storage key is destroyed, and with it the card data of its time");
        }
        Ok(())
    }

    /// The keys whose successor has been there for as long as card data are kept.
    fn old_storage_keys(&self, now: Timestamp) -> Result<Vec<Generation>, StartError> {
        let begun = self.journal.storage_keys()?.begun;
        let is_old = |generation: &Generation| {
            let successor = begun.iter().find(|(later, _)| *later > generation);
            successor.is_some_and(|(_, at)| now.duration_since(*at) >= self.config.journal.card_data_age)
        };
        Ok(self.storage_keys.generations().filter(is_old).collect())
    }
}
