//! A file that holds a storage key: 32 bytes, mode 0600, the daemon's own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::super::source::{PRIVATE, exposed, foreign_owner};
use super::StorageKey;

/// The bytes of a key. They are wiped when dropped.
pub(super) type Bytes = Zeroizing<[u8; StorageKey::LENGTH]>;

/// Why there is no storage key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file could not be read, made or destroyed.
    #[error("storage key {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is gone, and with it the key to what the journal holds.
    #[error(
        "storage key {path}: the file is missing, and unfinished transactions in the journal were sealed under it; \
         restore it from a backup, or settle them by hand and move the journal away to begin a new one",
        path = path.display()
    )]
    Lost {
        /// The file.
        path: PathBuf,
    },
    /// The file has another length.
    #[error(
        "storage key {path}: {length} bytes, 32 expected; restore it from a backup (a new key can't open what the \
         journal holds)",
        path = path.display()
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// How many bytes it has.
        length: u64,
    },
    /// Others can read the file.
    #[error("storage key {path}: mode {mode:03o} lets others read it; run chmod 600 on it", path = path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode bits.
        mode: u32,
    },
    /// The file belongs to somebody else, who could read it.
    #[error("storage key {path}: belongs to user {owner}; run chown on it", path = path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// The owner's number.
        owner: u32,
    },
    /// The system has no randomness to make a key of.
    #[error("storage key {path}: no randomness from the system: {source}", path = path.display())]
    Randomness {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: getrandom::Error,
    },
}

/// Reads a key.
pub(super) fn read(path: &Path) -> Result<Bytes, KeyError> {
    let io = |source| KeyError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if let Some(mode) = exposed(&metadata, PRIVATE) {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    if let Some(owner) = foreign_owner(&metadata) {
        return Err(KeyError::Owner { path: path.to_owned(), owner });
    }
    if metadata.len() != StorageKey::LENGTH as u64 {
        return Err(KeyError::Length { path: path.to_owned(), length: metadata.len() });
    }
    let mut bytes = Bytes::default();
    file.read_exact(&mut *bytes).map_err(io)?;
    Ok(bytes)
}

/// Makes a key, and syncs its file before anything is sealed under it. It is written under another name first, so that
/// a power cut leaves the whole file or none.
pub(super) fn create(path: &Path) -> Result<Bytes, KeyError> {
    let mut bytes = Bytes::default();
    getrandom::fill(&mut *bytes).map_err(|source| KeyError::Randomness { path: path.to_owned(), source })?;
    let mut staged = path.as_os_str().to_owned();
    staged.push(".new");
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&staged)?;
        file.write_all(&*bytes)?;
        file.sync_all()?;
        fs::rename(&staged, path)?;
        sync_folder(path)
    };
    write().map_err(|source| KeyError::Io { path: path.to_owned(), source })?;
    Ok(bytes)
}

/// Overwrites a key and removes its file. A disk may keep what was overwritten (flash memory does, for a while).
pub(super) fn destroy(path: &Path) -> Result<(), KeyError> {
    let overwrite = || {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.write_all(&[0; StorageKey::LENGTH])?;
        file.sync_all()?;
        fs::remove_file(path)?;
        sync_folder(path)
    };
    overwrite().map_err(|source| KeyError::Io { path: path.to_owned(), source })
}

/// The folder of a file.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}
