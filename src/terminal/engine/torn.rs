//! Torn transactions (EMV Contactless Book C-2): what a card that was lost may have decided, kept in
//! the journal under the storage key until that card comes back.

use emv::kernel::Outcome;
use emv::kernel::c2::{TornChange, TornLog};
use emv::{dict, fields::Amount, tlv::Tlvs};
use jiff::Timestamp;

use super::super::{Request, TerminalEvent, TransactionType};
use super::Engine;
use super::card::bcd_numeric;
use crate::journal::{Journal, JournalError};
use crate::keys::StorageKeys;

/// What the log is sealed for.
const PURPOSE: &str = "torn transactions";

impl Engine {
    /// Changes the log of torn transactions, and writes it down.
    pub(super) fn change_torn_log(&mut self, change: &TornChange) {
        self.torn_log.apply(change);
        if let Err(error) = self.save_torn_log() {
            self.journal_failed(&error);
        }
    }

    /// Writes the log down, under the storage key of the day.
    pub(super) fn save_torn_log(&mut self) -> Result<(), JournalError> {
        save(&self.torn_log, &mut self.journal, &self.storage_keys, (self.inputs.now)())
    }
}

/// Writes the whole log down.
fn save(log: &TornLog, journal: &mut Journal, keys: &StorageKeys, now: Timestamp) -> Result<(), JournalError> {
    let sealed = keys.seal(PURPOSE, log.to_record().as_bytes());
    journal.append_terminal(now, &TerminalEvent::TornTransactions { sealed }).map(drop)
}

/// The log as it was written last. One that does not open, because the storage key is another now, say,
/// is forgotten: its cards are asked for new cryptograms.
pub(super) fn load(journal: &Journal, keys: &StorageKeys) -> Result<TornLog, JournalError> {
    let Some(sealed) = journal.torn_transactions()? else { return Ok(TornLog::new()) };
    let log = keys.open(PURPOSE, &sealed).ok().and_then(|bytes| TornLog::from_bytes(&bytes).ok());
    if log.is_none() {
        tracing::warn!("the log of torn transactions does not open under this storage key: forgotten");
    }
    Ok(log.unwrap_or_default())
}

/// Whether what the card decided is what this caller asked: the same amounts in the same currency, and the same type. A
/// torn transaction that was recovered may have been another one: nobody is charged for that one now, nor paid.
pub(super) fn is_for(outcome: &Outcome, request: &Request) -> bool {
    let objects = outcome.data_record.as_ref().and_then(|record| Tlvs::parse(record.as_bytes()).ok());
    let Some(objects) = objects else { return true };
    let is_amount = |tag, amount: Amount| objects.find(tag).is_none_or(|value| Amount::try_from(value) == Ok(amount));
    // To Kernel 3 a purchase with cashback is a purchase.
    let is_purchase = |value: &[u8]| value == [TransactionType::Purchase.code()];
    let is_type = objects.find(dict::TRANSACTION_TYPE).is_none_or(|value| {
        value == [request.kind.code()] || (request.kind == TransactionType::Cashback && is_purchase(value))
    });
    let is_currency = objects
        .find(dict::TRANSACTION_CURRENCY_CODE)
        .is_none_or(|value| value == bcd_numeric(request.currency.numeric()));
    is_amount(dict::AMOUNT_AUTHORISED_NUMERIC, request.amount)
        && is_amount(dict::AMOUNT_OTHER_NUMERIC, request.amount_other.unwrap_or_default())
        && is_currency
        && is_type
}

#[cfg(test)]
mod tests {
    use emv::kernel::Decision;
    use emv::tlv::Writer;

    use super::*;
    use crate::keys::KeyHistory;
    use crate::terminal::Currency;
    use crate::terminal::testing::purchase;

    fn log() -> TornLog {
        let mut log = Writer::new();
        log.template(dict::TORN_RECORD, |record| {
            record.put(dict::PAN, &[0x54, 0x13, 0x33, 0x00, 0x89, 0x60, 0x10, 0x34]);
        });
        TornLog::from_bytes(&log.into_bytes()).unwrap()
    }

    fn keys(folder: &tempfile::TempDir) -> StorageKeys {
        StorageKeys::load_or_create(&folder.path().join("storage.key"), &KeyHistory::default()).unwrap()
    }

    fn journal(folder: &tempfile::TempDir) -> Journal {
        Journal::open(&folder.path().join("journal.db")).unwrap()
    }

    #[test]
    fn torn_transactions_are_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let key = keys(&folder);
        assert_eq!(load(&journal(&folder), &key).unwrap(), TornLog::new());
        save(&TornLog::new(), &mut journal(&folder), &key, Timestamp::UNIX_EPOCH).unwrap();
        save(&log(), &mut journal(&folder), &key, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(load(&journal(&folder), &key).unwrap(), log());
    }

    #[test]
    fn under_another_storage_key_they_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        save(&log(), &mut journal(&folder), &keys(&folder), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(load(&journal(&folder), &keys(&tempfile::tempdir().unwrap())).unwrap(), TornLog::new());
    }

    #[test]
    fn no_card_number_of_theirs_stands_in_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = journal(&folder);
        save(&log(), &mut journal, &keys(&folder), Timestamp::UNIX_EPOCH).unwrap();
        for file in ["journal.db", "journal.db-wal"] {
            let bytes = std::fs::read(folder.path().join(file)).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains("5413330089601034"), "{file}");
        }
    }

    #[test]
    fn a_recovered_transaction_of_other_amounts_another_currency_or_another_type_is_not_this_one() {
        let mut outcome = Outcome::new(Decision::Approved);
        let asked = Request { amount: Amount::from(1000), ..purchase("t1") };
        assert!(is_for(&outcome, &asked));
        let mut record = Writer::new();
        record
            .put(dict::AMOUNT_AUTHORISED_NUMERIC, &[0x00, 0x00, 0x00, 0x00, 0x10, 0x00])
            .put(dict::AMOUNT_OTHER_NUMERIC, &[0x00; 6])
            .put(dict::TRANSACTION_CURRENCY_CODE, &[0x09, 0x78])
            .put(dict::TRANSACTION_TYPE, &[0x00]);
        outcome.data_record = Some(record.into_bytes().into());
        assert!(is_for(&outcome, &asked));
        assert!(!is_for(&outcome, &Request { amount: Amount::from(2000), ..asked.clone() }));
        assert!(!is_for(&outcome, &Request { amount_other: Some(Amount::from(500)), ..asked.clone() }));
        assert!(is_for(&outcome, &Request { kind: TransactionType::Cashback, ..asked.clone() }));
        assert!(!is_for(&outcome, &Request { kind: TransactionType::Refund, ..asked.clone() }));
        assert!(!is_for(&outcome, &Request { kind: TransactionType::CashAdvance, ..asked.clone() }));
        assert!(!is_for(&outcome, &Request { currency: Currency::from_alpha("USD").unwrap(), ..asked }));
    }
}
