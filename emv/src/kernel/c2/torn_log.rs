//! The Torn Transaction Log: transactions whose card was lost after GENERATE AC, and may have decided
//! (Book C-2, S9.11 to S9.13; Annex A, Torn Record).

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::dict;
use crate::fields::Date;
use crate::fields::c2::IdsStatus;
use crate::kernel::{Database, Record, Transaction};
use crate::tlv::{Tag, Tlvs, Writer};

/// The torn transactions of a reader, the oldest first.
///
/// Whoever owns the reader keeps it, across restarts too: it holds cardholder data, to be encrypted at
/// rest. A kernel is given the log and tells of each change with
/// [`Event::TornLog`](crate::kernel::Event::TornLog), which is applied to the log that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TornLog {
    records: VecDeque<TornRecord>,
}

/// A change of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TornChange {
    /// A card was lost: its transaction is to be remembered.
    Added(TornRecord),
    /// The card has answered for its transaction.
    Settled(TornRecord),
    /// A transaction was not recovered in time, or made room for a newer one.
    Released(TornRecord),
}

/// What the kernel remembers of one torn transaction. It prints no value, and is wiped when dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornRecord {
    objects: Database,
}

/// Bytes that are no torn transaction log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a torn transaction log: {0}")]
pub struct InvalidTornLog(crate::tlv::Error);

impl TornLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads what [`TornLog::to_record`] wrote.
    ///
    /// # Errors
    /// If the bytes are no data objects. Objects that are no Torn Record are passed over.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidTornLog> {
        let objects = Tlvs::parse(bytes).map_err(InvalidTornLog)?;
        let records = objects.iter().filter(|object| object.tag == dict::TORN_RECORD);
        Ok(TornLog { records: records.map(|record| TornRecord::from_objects(record.children())).collect() })
    }

    /// The log as data objects: a Torn Record (`FF8101`) for each transaction.
    pub fn to_record(&self) -> Record {
        let mut writer = Writer::new();
        for record in &self.records {
            writer.put(dict::TORN_RECORD, record.to_record().as_bytes());
        }
        writer.into_bytes().into()
    }

    /// Changes the log.
    pub fn apply(&mut self, change: &TornChange) {
        match change {
            TornChange::Added(record) => self.records.push_back(record.clone()),
            TornChange::Settled(record) | TornChange::Released(record) => self.records.retain(|other| other != record),
        }
    }

    /// The transactions that are older than `max_lifetime` when `transaction` starts, and those that
    /// are of no time before it: a clock that was set back does not make a record young again.
    pub(super) fn expired(&self, transaction: &Transaction, max_lifetime: Duration) -> Vec<TornRecord> {
        let now = seconds(transaction.date, transaction.time);
        let is_expired = |record: &&TornRecord| {
            let age = record.started().and_then(|started| now.checked_sub(started));
            age.is_none_or(|age| age > max_lifetime.as_secs())
        };
        self.records.iter().filter(is_expired).cloned().collect()
    }

    /// The oldest record, where there are `max` or more: it makes room for a new one.
    pub(super) fn in_the_way(&self, max: usize) -> Option<&TornRecord> {
        self.records.front().filter(|_| self.records.len() >= max)
    }

    /// The newest record of the card whose account number the database holds.
    pub(super) fn find(&self, database: &Database) -> Option<&TornRecord> {
        self.records.iter().rev().find(|record| record.is_of_card(database))
    }
}

/// What a Torn Record holds, where it is not empty.
const OBJECTS: &[Tag] = &[
    dict::AMOUNT_AUTHORISED_NUMERIC,
    dict::AMOUNT_OTHER_NUMERIC,
    dict::PAN,
    dict::PAN_SEQUENCE_NUMBER,
    dict::BALANCE_READ_BEFORE_GEN_AC,
    dict::CDOL1_RELATED_DATA,
    dict::CVM_RESULTS,
    dict::DRDOL_RELATED_DATA,
    dict::DS_SUMMARY_1,
    dict::IDS_STATUS,
    dict::IFD_SERIAL_NUMBER,
    dict::PDOL_RELATED_DATA,
    dict::REFERENCE_CONTROL_PARAMETER,
    dict::TERMINAL_CAPABILITIES,
    dict::TERMINAL_COUNTRY_CODE,
    dict::TERMINAL_TYPE,
    dict::TVR,
    dict::TRANSACTION_CATEGORY_CODE,
    dict::TRANSACTION_CURRENCY_CODE,
    dict::TRANSACTION_DATE,
    dict::TRANSACTION_TIME,
    dict::TRANSACTION_TYPE,
    dict::UNPREDICTABLE_NUMBER,
    dict::TERMINAL_RELAY_RESISTANCE_ENTROPY,
    dict::DEVICE_RELAY_RESISTANCE_ENTROPY,
    dict::MIN_TIME_FOR_PROCESSING_RELAY_RESISTANCE_APDU,
    dict::MAX_TIME_FOR_PROCESSING_RELAY_RESISTANCE_APDU,
    dict::DEVICE_ESTIMATED_TRANSMISSION_TIME_R_APDU,
    dict::MEASURED_RELAY_RESISTANCE_PROCESSING_TIME,
    dict::RRP_COUNTER,
];

impl TornRecord {
    /// The transaction as the database has it.
    pub(super) fn of(database: &Database) -> Self {
        let mut objects = Database::new();
        for &tag in OBJECTS {
            if let Some(value) = database.value(tag) {
                objects.set(tag, value);
            }
        }
        TornRecord { objects }
    }

    fn from_objects(objects: Tlvs<'_>) -> Self {
        let mut database = Database::new();
        database.set_all(objects);
        TornRecord { objects: database }
    }

    /// The value of Torn Record (`FF8101`): its objects, one after another.
    pub fn to_record(&self) -> Record {
        self.objects.record(OBJECTS).into()
    }

    /// The objects that it holds.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Tag, &[u8])> {
        self.objects.iter()
    }

    /// An object that it holds.
    pub(super) fn get(&self, tag: Tag) -> Option<&[u8]> {
        self.objects.value(tag)
    }

    /// Whether the card was given data to store: 'Write' in IDS Status.
    pub(super) fn wrote_data(&self) -> bool {
        let status = self.get(dict::IDS_STATUS).and_then(|status| IdsStatus::try_from(status).ok());
        status.is_some_and(|status| status.has(IdsStatus::WRITE))
    }

    /// Whether it is of the card whose account number the database holds: the PAN is the same, and
    /// so is its sequence number, or neither has one (S456.44).
    fn is_of_card(&self, database: &Database) -> bool {
        [dict::PAN, dict::PAN_SEQUENCE_NUMBER].iter().all(|tag| self.get(*tag) == database.value(*tag))
    }

    /// When the transaction started, if it says so.
    fn started(&self) -> Option<u64> {
        let date = Date::try_from(self.get(dict::TRANSACTION_DATE)?).ok()?;
        let time = self.get(dict::TRANSACTION_TIME)?.try_into().ok()?;
        Some(seconds(date, time))
    }
}

/// Seconds from the first day of the calendar to this time, HHMMSS.
fn seconds(date: Date, time: [u8; 3]) -> u64 {
    let [hours, minutes, seconds] = time.map(|bcd| u64::from(bcd >> 4) * 10 + u64::from(bcd & 0x0F));
    ((u64::from(date.day_number()) * 24 + hours) * 60 + minutes) * 60 + seconds
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    const PAN: &[u8] = &[0x54, 0x13, 0x33, 0x00, 0x89, 0x60, 0x10, 0x34];

    fn transaction(date: [u8; 3], time: [u8; 3]) -> Transaction {
        Transaction {
            amount_authorised: None,
            amount_other: None,
            currency: [0x09, 0x78],
            currency_exponent: 2,
            transaction_type: 0x00,
            date: Date::from_bcd(date).unwrap(),
            time,
            sequence_counter: 1,
        }
    }

    fn database(sequence_number: &[u8], date: [u8; 3], time: [u8; 3]) -> Database {
        let mut database = Database::new();
        database.set(dict::PAN, PAN);
        database.set(dict::PAN_SEQUENCE_NUMBER, sequence_number);
        database.set(dict::TRANSACTION_DATE, &date);
        database.set(dict::TRANSACTION_TIME, &time);
        database
    }

    const EVENING: ([u8; 3], [u8; 3]) = ([0x26, 0x12, 0x31], [0x23, 0x59, 0x00]);

    fn log_of<const N: usize>(transactions: [Database; N]) -> TornLog {
        let mut log = TornLog::new();
        for transaction in &transactions {
            log.apply(&TornChange::Added(TornRecord::of(transaction)));
        }
        log
    }

    fn log_of_evening() -> TornLog {
        log_of([database(&[1], EVENING.0, EVENING.1)])
    }

    //= test C-2 S1.5
    #[test]
    fn a_record_expires_after_its_lifetime() {
        let lifetime = Duration::from_secs(300);
        for (date, time, expired) in [
            ([0x26, 0x12, 0x31], [0x23, 0x59, 0x00], 0),
            ([0x27, 0x01, 0x01], [0x00, 0x04, 0x00], 0),
            ([0x27, 0x01, 0x01], [0x00, 0x04, 0x01], 1),
            ([0x26, 0x12, 0x31], [0x23, 0x58, 0x59], 1),
        ] {
            let found = log_of_evening().expired(&transaction(date, time), lifetime);
            assert_eq!(found.len(), expired, "{date:02X?} {time:02X?}");
        }
    }

    #[test]
    fn a_record_that_does_not_say_when_it_was_made_has_expired() {
        let mut timeless = database(&[2], EVENING.0, EVENING.1);
        timeless.remove(dict::TRANSACTION_TIME);
        let log = log_of([database(&[1], EVENING.0, [0; 3]), timeless.clone()]);
        let expired = log.expired(&transaction(EVENING.0, [0; 3]), Duration::from_secs(300));
        assert_eq!(expired, [TornRecord::of(&timeless)]);
    }

    //= test C-2 S456.43-49
    #[test]
    fn a_record_is_found_by_pan_and_sequence_number() {
        let log = log_of_evening();
        let with = |sequence_number: &[u8]| log.find(&database(sequence_number, EVENING.0, EVENING.1)).is_some();
        assert!(with(&[1]));
        assert!(!with(&[2]));
        assert!(!with(&[]));
        let mut other = database(&[1], EVENING.0, EVENING.1);
        other.set(dict::PAN, &[0x41; 8]);
        assert_eq!(log.find(&other), None);
    }

    //= test C-2 S9.9-15
    #[test]
    fn the_oldest_record_makes_room_for_a_new_one() {
        let of_card = |number| database(&[number], EVENING.0, EVENING.1);
        let mut log = log_of([of_card(1), of_card(2)]);
        let oldest = TornRecord::of(&of_card(1));
        assert_eq!([0, 1, 2, 3].map(|max| log.in_the_way(max) == Some(&oldest)), [true, true, true, false]);
        log.apply(&TornChange::Released(oldest));
        assert_eq!(log, log_of([of_card(2)]));
        log.apply(&TornChange::Settled(TornRecord::of(&of_card(2))));
        assert_eq!(log, TornLog::new());
    }

    #[test]
    fn a_log_is_read_as_it_was_written() {
        let log = log_of_evening();
        let written = log.to_record();
        assert_eq!(TornLog::from_bytes(written.as_bytes()), Ok(log));
        assert_eq!(TornLog::from_bytes(&[]), Ok(TornLog::new()));
        assert!(TornLog::from_bytes(&written.as_bytes()[..9]).is_err());
    }

    #[test]
    fn a_debug_print_holds_no_value() {
        let printed = std::format!("{:?}", log_of_evening());
        assert!(printed.contains("5A") && !printed.contains("0x54") && !printed.contains("84,"), "{printed}");
    }
}
