//! The journal: the one durable state of the daemon.
//!
//! It is an SQLite file that anybody can read with `sqlite3 journal.db 'SELECT * FROM transactions'`.
//! Rows are only ever appended, each chained to the one before by SHA-256; what the daemon knows of
//! a transaction is the fold over its rows. Nothing is stored that can be folded.

mod chain;
mod entry;
mod error;
mod set_aside;
mod storage_keys;

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, Row, Transaction as SqlTransaction, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::keys::{InitialKeyId, Sealed};
use crate::terminal::{Event, JournalSetAside, Record, Stan, TerminalEvent, Token, Transaction};
pub use chain::Link;
pub use entry::Entry;
pub use error::{Damage, JournalError};
pub use set_aside::{SetAside, Unsettled, is_being_set_aside, set_aside};
pub use storage_keys::StorageKeyRecord;

/// The number of a row: 1, 2, 3 ...
pub type Seq = u64;

/// The journal, opened for appending. One process writes; others may read.
#[derive(Debug)]
pub struct Journal {
    connection: Connection,
    path: PathBuf,
    last: Option<(Seq, Link)>,
    /// Locked for as long as this journal may be written. A reader has none.
    _lock: Option<File>,
}

/// A row as it is stored.
struct Stored {
    seq: Seq,
    at: String,
    token: Option<String>,
    event: String,
    body: String,
    chain: String,
}

impl Journal {
    /// The version of tables and views, kept in `PRAGMA user_version`.
    pub const SCHEMA_VERSION: i64 = 1;
    /// Marks the file as ours (`tndr`), kept in `PRAGMA application_id`.
    const APPLICATION_ID: i64 = 0x746E_6472;
    /// How many rows at the end are verified when the journal is opened: a busy day of a
    /// till, and a few milliseconds. [`Journal::verify`] goes through all.
    const VERIFIED_AT_OPEN: Seq = 1024;

    /// Opens the journal, or creates it with mode 0600, and verifies the chain of its last rows.
    ///
    /// Until it is dropped, nobody else can open it: two terminals on one journal would reverse each other's sales. A
    /// file beside it, its name with `.lock` appended, is locked (flock).
    ///
    /// What a power cut left half-written is SQLite's to roll back; a journal that is damaged in any
    /// other way is refused and left as it is.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let lock = lock(path)?;
        if is_being_set_aside(path) {
            return Err(JournalError::BeingSetAside { path: path.to_owned() });
        }
        let create = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        create.map_err(|source| JournalError::File { path: path.to_owned(), source })?;
        let on = |source| JournalError::from_sqlite(path, source);
        let mut connection = Connection::open(path).map_err(on)?;
        connection.busy_timeout(Duration::from_secs(5)).map_err(on)?;
        prepare(&mut connection, path)?;
        let mut journal = Journal { connection, path: path.to_owned(), last: None, _lock: Some(lock) };
        let end: Seq = journal.query_one("SELECT coalesce(max(seq), 0) FROM journal")?;
        journal.last = journal.verify_from(end.saturating_sub(Self::VERIFIED_AT_OPEN) + 1)?;
        Ok(journal)
    }

    /// Has `may_commit` asked before anything is written; where it says no, nothing is, and the write fails. For tests of
    /// what follows on a disk that fails, or a power cut there.
    ///
    /// # Errors
    /// If SQLite takes no hook.
    pub fn on_commit(&mut self, mut may_commit: impl FnMut() -> bool + Send + 'static) -> Result<(), JournalError> {
        let hook = self.connection.commit_hook(Some(move || !may_commit()));
        hook.map_err(|source| JournalError::from_sqlite(&self.path, source))
    }

    /// Opens a journal for reading alone, beside the daemon that may be writing it; verifies nothing yet.
    pub fn read(path: &Path) -> Result<Self, JournalError> {
        let on = |source| JournalError::from_sqlite(path, source);
        File::open(path).map_err(|source| JournalError::File { path: path.to_owned(), source })?;
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(on)?;
        connection.busy_timeout(Duration::from_secs(5)).map_err(on)?;
        if is_new(&connection, path)? {
            return Err(JournalError::NotAJournal { path: path.to_owned() });
        }
        Ok(Journal { connection, path: path.to_owned(), last: None, _lock: None })
    }

    /// Verifies the whole file: SQLite's own structures, and the chain from the first row on.
    /// Returns how many rows there are.
    pub fn verify(&self) -> Result<Seq, JournalError> {
        let message: String = self.query_one("PRAGMA integrity_check(1)")?;
        if message != "ok" {
            return Err(JournalError::Malformed { path: self.path.clone(), message });
        }
        Ok(self.verify_from(1)?.map_or(0, |(seq, _)| seq))
    }

    /// Appends events of transactions, all or none, and syncs them. On an error nothing was written.
    pub fn append(&mut self, records: &[Record]) -> Result<Seq, JournalError> {
        let rows = records.iter().map(|record| {
            let (event, body) = encode(&record.event);
            (record.at, Some(&record.token), event, body)
        });
        self.append_rows(rows.collect())
    }

    /// Appends an event of the terminal itself.
    pub fn append_terminal(&mut self, at: Timestamp, event: &TerminalEvent) -> Result<Seq, JournalError> {
        let (event, body) = encode(event);
        self.append_rows(vec![(at, None, event, body)])
    }

    fn append_rows(&mut self, rows: Vec<(Timestamp, Option<&Token>, String, String)>) -> Result<Seq, JournalError> {
        let path = &self.path;
        let on = |source| JournalError::from_sqlite(path, source);
        let mut last = self.last;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(on)?;
        for (at, token, event, body) in rows {
            let (seq, previous) = last.map_or((1, Link::GENESIS), |(seq, link)| (seq + 1, link));
            let at = format!("{at:.3}");
            let token = token.map(Token::as_str);
            let link = previous.next(seq, &at, token, &event, &body);
            insert(&transaction, seq, &at, token, &event, &body, &link).map_err(on)?;
            last = Some((seq, link));
        }
        transaction.commit().map_err(on)?;
        self.last = last;
        Ok(self.last.as_ref().map_or(0, |(seq, _)| *seq))
    }

    /// The transaction of this token.
    pub fn find(&self, token: &Token) -> Result<Option<Transaction>, JournalError> {
        let rows = self.rows("WHERE token = ?1 ORDER BY seq", [token.as_str()])?;
        let last_seq = rows.last().map_or(0, |row| row.seq);
        let records = rows.into_iter().map(|row| self.record(row)).collect::<Result<Vec<_>, _>>()?;
        Transaction::fold(records).map_err(|why| self.damage(last_seq, Damage::Impossible(why)))
    }

    /// Transactions, newest first: at most `limit` of those that were created before `before`.
    pub fn page(&self, before: Option<&Token>, limit: u32) -> Result<Vec<Transaction>, JournalError> {
        let tokens = self.tokens(
            "SELECT token FROM journal WHERE event = 'created' AND seq < coalesce(
                 (SELECT seq FROM journal WHERE event = 'created' AND token = ?1), ?2) ORDER BY seq DESC LIMIT ?3",
            params![before.map(Token::as_str), i64::MAX, limit],
        )?;
        self.find_all(&tokens)
    }

    /// The transactions that follow up the one of this token, oldest first, whatever became of them.
    ///
    /// # Errors
    /// If the journal can't be read.
    pub fn follow_ups(&self, original: &Token) -> Result<Vec<Transaction>, JournalError> {
        let sql = "SELECT token FROM journal WHERE event = 'created' AND body ->> 'original' = ?1 ORDER BY seq";
        self.find_all(&self.tokens(sql, [original.as_str()])?)
    }

    /// Transactions that have no final result yet, oldest first: after a restart each of them must be brought to its end.
    pub fn unfinished(&self) -> Result<Vec<Transaction>, JournalError> {
        self.find_all(&self.open_ends("event = 'created'", "event = 'completed'")?)
    }

    /// Transactions of which the acquirer has yet to take an advice, in the order in which they were approved.
    ///
    /// # Errors
    /// If the journal can't be read.
    pub fn outstanding_advices(&self) -> Result<Vec<Transaction>, JournalError> {
        self.find_all(&self.open_ends("event = 'advice_requested'", "event = 'advice_answered'")?)
    }

    /// Transactions that go on, or have to be told of: what is sealed in the journal for them is needed.
    ///
    /// # Errors
    /// If the journal can't be read.
    pub fn with_open_ends(&self) -> Result<Vec<Transaction>, JournalError> {
        Ok([self.unfinished()?, self.outstanding_advices()?].concat())
    }

    /// The transactions with a row that begins something and none that ends it, in the order of their beginnings.
    ///
    /// Each ends once at most, so the numbers of both rows tell how many are open, and they are mostly among the last:
    /// reading back from the end stops at the oldest of them.
    fn open_ends(&self, begins: &str, ends: &str) -> Result<Vec<Token>, JournalError> {
        let count = |what| self.query_one::<u64>(&format!("SELECT count(*) FROM journal WHERE {what}"));
        let open = count(begins)?.saturating_sub(count(ends)?);
        if open == 0 {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT token FROM journal AS begun WHERE {begins} AND NOT EXISTS (
                 SELECT 1 FROM journal WHERE token = begun.token AND {ends}
             ) ORDER BY seq DESC LIMIT ?1"
        );
        let mut tokens = self.tokens(&sql, [open])?;
        tokens.reverse();
        Ok(tokens)
    }

    /// Transactions whose reversal the acquirer has not yet answered, oldest first.
    pub fn outstanding_reversals(&self) -> Result<Vec<Transaction>, JournalError> {
        let tokens = self.tokens("SELECT token FROM outstanding_reversals ORDER BY seq", [])?;
        self.find_all(&tokens)
    }

    /// How many transactions there are, modulo 2^32.
    ///
    /// # Errors
    /// If the journal can't be read.
    pub fn transaction_count(&self) -> Result<u32, JournalError> {
        let count: i64 = self.query_one("SELECT count(*) FROM journal WHERE event = 'created'")?;
        Ok(count as u32)
    }

    /// The STAN that was used last, here or in the journal whose place this one took.
    pub fn last_stan(&self) -> Result<Option<Stan>, JournalError> {
        let here = self.last_stan_here()?;
        Ok(match self.set_aside_before()? {
            Some(before) if here.is_none_or(|(seq, _)| seq <= 1 + before.rows_taken_over) => before.last_stan,
            _ => here.map(|(_, stan)| stan),
        })
    }

    /// What the first row tells of a damaged journal whose place this one took.
    fn set_aside_before(&self) -> Result<Option<JournalSetAside>, JournalError> {
        let Some(row) = self.rows("WHERE seq = 1 AND event = 'journal_set_aside'", [])?.pop() else { return Ok(None) };
        match decode(&row.event, &row.body).map_err(|why| self.damage(row.seq, Damage::Event(why)))? {
            TerminalEvent::JournalSetAside(before) => Ok(Some(before)),
            _ => Ok(None),
        }
    }

    fn last_stan_here(&self) -> Result<Option<(Seq, Stan)>, JournalError> {
        let rows = self.rows(
            "WHERE event IN ('online_requested', 'reversal_requested', 'advice_requested') ORDER BY seq DESC LIMIT 1",
            [],
        )?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let seq = row.seq;
        Ok(match self.record(row)?.event {
            Event::OnlineRequested(message) | Event::AdviceRequested(message) => Some((seq, message.stan)),
            Event::ReversalRequested(reversal) => Some((seq, reversal.stan)),
            _ => None,
        })
    }

    /// The torn transactions as they were written last.
    ///
    /// # Errors
    /// If the journal can't be read.
    pub fn torn_transactions(&self) -> Result<Option<Sealed>, JournalError> {
        let rows = self.rows("WHERE event = 'torn_transactions' ORDER BY seq DESC LIMIT 1", [])?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        match decode(&row.event, &row.body).map_err(|why| self.damage(row.seq, Damage::Event(why)))? {
            TerminalEvent::TornTransactions { sealed } => Ok(Some(sealed)),
            _ => Ok(None),
        }
    }

    /// The last counter of DUKPT that was reserved under this initial key; 0 where none was.
    ///
    /// # Errors
    /// If the journal can't be read.
    pub fn last_reserved_counter(&self, key: &InitialKeyId) -> Result<u32, JournalError> {
        let rows = self.rows(
            "WHERE event = 'keys_reserved' AND body ->> 'initial_key_id' = ?1 ORDER BY seq DESC LIMIT 1",
            [key.to_string()],
        )?;
        let Some(row) = rows.into_iter().next() else { return Ok(0) };
        match decode(&row.event, &row.body).map_err(|why| self.damage(row.seq, Damage::Event(why)))? {
            TerminalEvent::KeysReserved(reservation) => Ok(reservation.last_counter),
            _ => Ok(0),
        }
    }

    fn find_all(&self, tokens: &[Token]) -> Result<Vec<Transaction>, JournalError> {
        tokens.iter().filter_map(|token| self.find(token).transpose()).collect()
    }

    fn tokens(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<Vec<Token>, JournalError> {
        let on = |source| JournalError::from_sqlite(&self.path, source);
        let mut statement = self.connection.prepare_cached(sql).map_err(on)?;
        let texts = statement.query_map(parameters, |row| row.get::<_, String>(0)).map_err(on)?;
        let tokens = texts.map(|text| {
            let text = text.map_err(on)?;
            text.parse().map_err(|_| self.damage(0, Damage::Token))
        });
        tokens.collect()
    }

    fn rows(&self, condition: &str, parameters: impl rusqlite::Params) -> Result<Vec<Stored>, JournalError> {
        let on = |source| JournalError::from_sqlite(&self.path, source);
        let sql = format!("SELECT seq, at, token, event, body, chain FROM journal {condition}");
        let mut statement = self.connection.prepare_cached(&sql).map_err(on)?;
        let rows = statement.query_map(parameters, stored).map_err(on)?;
        rows.map(|row| row.map_err(on)).collect()
    }

    fn query_one<T: rusqlite::types::FromSql>(&self, sql: &str) -> Result<T, JournalError> {
        let result = self.connection.query_one(sql, [], |row| row.get(0));
        result.map_err(|source| JournalError::from_sqlite(&self.path, source))
    }

    fn record(&self, row: Stored) -> Result<Record, JournalError> {
        let seq = row.seq;
        let damage = |damage| self.damage(seq, damage);
        let at = row.at.parse().map_err(|_| damage(Damage::Time))?;
        let token = row.token.as_deref().unwrap_or_default().parse().map_err(|_| damage(Damage::Token))?;
        let event = decode(&row.event, &row.body).map_err(|why| damage(Damage::Event(why)))?;
        Ok(Record { at, token, event })
    }

    fn damage(&self, seq: Seq, damage: Damage) -> JournalError {
        JournalError::Damaged { path: self.path.clone(), seq, damage }
    }

    /// Verifies the chain from row `first` on, taking the row before on trust, and returns its end.
    fn verify_from(&self, first: Seq) -> Result<Option<(Seq, Link)>, JournalError> {
        let mut last = None;
        if first > 1 {
            let before = self.rows("WHERE seq = ?1", [first - 1])?.pop();
            let before = before.ok_or_else(|| self.damage(first - 1, Damage::Missing))?;
            last = Some((before.seq, self.link(&before)?));
        }
        let on = |source| JournalError::from_sqlite(&self.path, source);
        let sql = "SELECT seq, at, token, event, body, chain FROM journal WHERE seq >= ?1 ORDER BY seq";
        let mut statement = self.connection.prepare(sql).map_err(on)?;
        for row in statement.query_map([first], stored).map_err(on)? {
            let row = row.map_err(on)?;
            let (expected, previous) = last.map_or((1, Link::GENESIS), |(seq, link)| (seq + 1, link));
            if row.seq != expected {
                return Err(self.damage(expected, Damage::Missing));
            }
            let link = self.link(&row)?;
            if previous.next(row.seq, &row.at, row.token.as_deref(), &row.event, &row.body) != link {
                return Err(self.damage(row.seq, Damage::Chain));
            }
            last = Some((row.seq, link));
        }
        Ok(last)
    }

    fn link(&self, row: &Stored) -> Result<Link, JournalError> {
        Link::parse(&row.chain).ok_or_else(|| self.damage(row.seq, Damage::Chain))
    }
}

/// Takes the journal at this path for this process; an error if another has it.
fn lock(path: &Path) -> Result<File, JournalError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let create = OpenOptions::new().create(true).append(true).mode(0o600).open(beside);
    let failed = |source| JournalError::File { path: path.to_owned(), source };
    let file = create.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Whether the file is empty; an error if it is anything but a journal of this version.
fn is_new(connection: &Connection, path: &Path) -> Result<bool, JournalError> {
    let on = |source| JournalError::from_sqlite(path, source);
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(on);
    let (application_id, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 = connection.query_one("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(on)?;
    match (application_id, version) {
        (0, _) if tables == 0 => Ok(true),
        (Journal::APPLICATION_ID, Journal::SCHEMA_VERSION) => Ok(false),
        (Journal::APPLICATION_ID, _) => Err(JournalError::Version { path: path.to_owned(), version }),
        _ => Err(JournalError::NotAJournal { path: path.to_owned() }),
    }
}

/// Sets the connection up, and creates the tables in a new file.
fn prepare(connection: &mut Connection, path: &Path) -> Result<(), JournalError> {
    let on = |source| JournalError::from_sqlite(path, source);
    let is_new = is_new(connection, path)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(on)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(on)?;
    if is_new {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(on)?;
        transaction.execute_batch(include_str!("schema.sql")).map_err(on)?;
        transaction.pragma_update(None, "application_id", Journal::APPLICATION_ID).map_err(on)?;
        transaction.pragma_update(None, "user_version", Journal::SCHEMA_VERSION).map_err(on)?;
        transaction.commit().map_err(on)?;
    }
    Ok(())
}

fn insert(
    transaction: &SqlTransaction<'_>,
    seq: Seq,
    at: &str,
    token: Option<&str>,
    event: &str,
    body: &str,
    link: &Link,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO journal (seq, at, token, event, body, chain) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut statement = transaction.prepare_cached(sql)?;
    statement.execute(params![seq, at, token, event, body, link.to_string()]).map(drop)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        seq: row.get(0)?,
        at: row.get(1)?,
        token: row.get(2)?,
        event: row.get(3)?,
        body: row.get(4)?,
        chain: row.get(5)?,
    })
}

/// An event as its name and its particulars.
fn encode(event: &impl Serialize) -> (String, String) {
    let value = serde_json::to_value(event).expect("events are made of strings, numbers and lists");
    let name = value["event"].as_str().expect("the enums are tagged by `event`").to_owned();
    let body = value.get("body").map_or_else(|| "null".to_owned(), ToString::to_string);
    (name, body)
}

fn decode<E: DeserializeOwned>(event: &str, body: &str) -> Result<E, serde_json::Error> {
    let body: serde_json::Value = serde_json::from_str(body)?;
    serde_json::from_value(serde_json::json!({ "event": event, "body": body }))
}

#[cfg(test)]
mod tests;
