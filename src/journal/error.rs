//! What can go wrong with the journal.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::Seq;
use crate::terminal::{Fault, Impossible, Retry};

/// Why the journal could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file could not be opened or created.
    #[error("journal {path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is some other database, or none.
    #[error(
        "{path} is not a journal of tenderd, or its beginning is damaged. Name another file in the configuration; or stop \
         tenderd, and `tenderctl journal set-aside {path}` begins a new one",
        path = path.display()
    )]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by another version.
    #[error(
        "journal {path} has schema version {version}, and this tenderd writes version {}; install the version that \
         wrote it",
        super::Journal::SCHEMA_VERSION,
        path = path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i64,
    },
    /// A row is not what was written.
    #[error(
        "journal {path}, row {seq}: {damage}. Nothing was changed, and no transaction is taken. Stop tenderd; \
         `tenderctl journal set-aside {path}` keeps the file, begins a new one and says what must be settled by hand",
        path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The row.
        seq: Seq,
        /// What is wrong with it.
        damage: Damage,
    },
    /// SQLite finds the file damaged.
    #[error(
        "journal {path}: SQLite finds the file damaged ({message}). Nothing was changed, and no transaction is taken. Stop \
         tenderd; `tenderctl journal set-aside {path}` keeps the file, begins a new one and says what must be settled by hand",
        path = path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        message: String,
    },
    /// It was being set aside when the power went.
    #[error("journal {path}: it is being set aside; `tenderctl journal set-aside {path}` finishes that", path = path.display())]
    BeingSetAside {
        /// The file.
        path: PathBuf,
    },
    /// There is nothing wrong with it.
    #[error("journal {path}: every row is as it was written; it stays where it is", path = path.display())]
    Whole {
        /// The file.
        path: PathBuf,
    },
    /// No room is left on the disk.
    #[error("journal {path}: the disk is full; nothing was written. Free some space, no restart is needed", path = path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Another process has written rows, or holds the file.
    #[error("journal {path}: another process writes to it; stop that one, only one tenderd may own a journal", path = path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A token was created, or ended, a second time.
    #[error("journal {path}: the token was already used, or has already ended; nothing was written", path = path.display())]
    Twice {
        /// The file.
        path: PathBuf,
    },
    /// Anything else that SQLite reports.
    #[error("journal {path}: {source}", path = path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

/// What is wrong with a row.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// It is not there.
    #[error("the row is missing")]
    Missing,
    /// Its chain value does not fit.
    #[error("its content does not fit its chain value: the row was changed after it was written")]
    Chain,
    /// Its time can't be read.
    #[error("its time is not an ISO 8601 timestamp")]
    Time,
    /// Its token can't be read.
    #[error("its token is missing or malformed")]
    Token,
    /// Its event can't be read.
    #[error("its event can't be read ({0}); was it written by a newer tenderd?")]
    Event(serde_json::Error),
    /// It can't follow on the rows before.
    #[error("{0}")]
    Impossible(Impossible),
}

impl JournalError {
    /// Whether an operator must decide what becomes of the file.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            JournalError::NotAJournal { .. }
                | JournalError::Damaged { .. }
                | JournalError::Malformed { .. }
                | JournalError::BeingSetAside { .. }
        )
    }

    pub(super) fn from_sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        let (code, extended) =
            source.sqlite_error().map_or((ErrorCode::Unknown, 0), |error| (error.code, error.extended_code));
        match code {
            ErrorCode::DiskFull => JournalError::Full { path },
            ErrorCode::NotADatabase => JournalError::NotAJournal { path },
            ErrorCode::DatabaseCorrupt => JournalError::Malformed { path, message: source.to_string() },
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => JournalError::InUse { path },
            ErrorCode::ConstraintViolation if extended == rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY => {
                JournalError::InUse { path }
            }
            ErrorCode::ConstraintViolation if extended == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE => {
                JournalError::Twice { path }
            }
            _ => JournalError::Sqlite { path, source },
        }
    }
}

impl From<&JournalError> for Fault {
    fn from(error: &JournalError) -> Self {
        let message = error.to_string();
        match error {
            JournalError::Full { .. } => Fault::new("DiskFull", Retry::AfterOperator, message),
            _ if error.is_damage() => Fault::new("JournalDamaged", Retry::AfterOperator, message),
            _ => Fault::new("JournalFailed", Retry::AfterOperator, message),
        }
    }
}
