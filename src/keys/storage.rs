//! The storage key, under which the journal holds card data that a later message will need.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::source::{PRIVATE, exposed, foreign_owner};
use crate::terminal::Hex;

/// Something encrypted and authenticated under the storage key: nonce (12 bytes), ciphertext, tag
/// (16 bytes).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(Hex);

/// The storage key: AES-256-GCM-SIV (RFC 8452), 32 bytes in a file of their own. It lives in a
/// cipher that is wiped when dropped.
pub struct StorageKey {
    cipher: Aes256GcmSiv,
}

/// Why there is no storage key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file could not be read or created.
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

/// A sealed value that was not sealed under this key for this purpose, or was changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed card data does not open: it was changed, moved, or sealed under another storage key")]
pub struct Unsealable;

impl StorageKey {
    /// The length of the key in bytes.
    pub const LENGTH: usize = 32;
    const NONCE_LENGTH: usize = 12;

    /// A key from its bytes.
    pub fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Self {
        StorageKey { cipher: Aes256GcmSiv::new(bytes.into()) }
    }

    /// Reads the key from its file; if there is none, makes one, mode 0600 and synced. Where a new key would be of no
    /// use, because something was sealed under the one that is gone (`is_needed`), it makes none.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn load_or_create(path: &Path, is_needed: bool) -> Result<Self, KeyError> {
        let io = |source| KeyError::Io { path: path.to_owned(), source };
        match File::open(path) {
            Ok(file) => Self::read(file, path),
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_needed => {
                Err(KeyError::Lost { path: path.to_owned() })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut bytes = Zeroizing::new([0; Self::LENGTH]);
                getrandom::fill(&mut *bytes)
                    .map_err(|source| KeyError::Randomness { path: path.to_owned(), source })?;
                create_synced(path, &*bytes).map_err(io)?;
                Ok(Self::from_bytes(&bytes))
            }
            Err(error) => Err(io(error)),
        }
    }

    fn read(mut file: File, path: &Path) -> Result<Self, KeyError> {
        let io = |source| KeyError::Io { path: path.to_owned(), source };
        let metadata = file.metadata().map_err(io)?;
        if let Some(mode) = exposed(&metadata, PRIVATE) {
            return Err(KeyError::Exposed { path: path.to_owned(), mode });
        }
        if let Some(owner) = foreign_owner(&metadata) {
            return Err(KeyError::Owner { path: path.to_owned(), owner });
        }
        if metadata.len() != Self::LENGTH as u64 {
            return Err(KeyError::Length { path: path.to_owned(), length: metadata.len() });
        }
        let mut bytes = Zeroizing::new([0; Self::LENGTH]);
        file.read_exact(&mut *bytes).map_err(io)?;
        Ok(Self::from_bytes(&bytes))
    }

    /// Seals `plain` for `purpose` (a transaction's token, say); only the same purpose opens it.
    ///
    /// The nonce is derived from the purpose, so sealing draws no randomness and the same input
    /// gives the same output. That is safe here: GCM-SIV tolerates a repeated nonce, which shows no
    /// more than whether the same value was sealed twice for one purpose.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Sealed {
        let digest = Sha256::digest(purpose.as_bytes());
        let nonce: [u8; Self::NONCE_LENGTH] = std::array::from_fn(|i| digest[i]);
        let payload = Payload { msg: plain, aad: purpose.as_bytes() };
        let ciphertext = self
            .cipher
            .encrypt(&Nonce::from(nonce), payload)
            .expect("encryption fails only beyond 2^36 bytes, and card data is short");
        Sealed(Hex([&nonce[..], &ciphertext].concat()))
    }

    /// Opens what [`StorageKey::seal`] sealed for this purpose.
    pub fn open(&self, purpose: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let (nonce, ciphertext) = sealed.0.0.split_first_chunk::<{ Self::NONCE_LENGTH }>().ok_or(Unsealable)?;
        let payload = Payload { msg: ciphertext, aad: purpose.as_bytes() };
        self.cipher.decrypt(&Nonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| Unsealable)
    }
}

impl std::fmt::Debug for StorageKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StorageKey(..)")
    }
}

/// Writes a new file under another name first, so that a power cut leaves the whole file or none.
fn create_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut staged = path.as_os_str().to_owned();
    staged.push(".new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&staged)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&staged, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_sealed_opens_for_the_same_purpose_only() {
        let key = StorageKey::from_bytes(&[7; 32]);
        let sealed = key.seal("t1", b"4761739001010119=3112");
        assert_eq!(key.open("t1", &sealed).unwrap().as_slice(), b"4761739001010119=3112");
        assert_eq!(key.open("t2", &sealed), Err(Unsealable));
        assert_eq!(StorageKey::from_bytes(&[8; 32]).open("t1", &sealed), Err(Unsealable));
        for index in 0..sealed.0.0.len() {
            let mut changed = sealed.clone();
            changed.0.0[index] ^= 1;
            assert_eq!(key.open("t1", &changed), Err(Unsealable), "byte {index}");
        }
        assert_eq!(key.open("t1", &Sealed(Hex(vec![0; 11]))), Err(Unsealable));
    }

    #[test]
    fn nothing_of_the_plain_text_stands_in_its_stored_form() {
        let sealed = StorageKey::from_bytes(&[7; 32]).seal("t1", b"4761739001010119=3112");
        let stored = serde_json::to_string(&sealed).unwrap();
        let in_hex = Hex(b"4761739001010119".to_vec()).to_string();
        assert!(!stored.contains("4761739001010119") && !stored.contains(&in_hex), "{stored}");
        assert_eq!(serde_json::from_str::<Sealed>(&stored).unwrap(), sealed);
    }

    #[test]
    fn the_key_is_made_once_and_then_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("storage.key");
        let sealed = StorageKey::load_or_create(&path, false).unwrap().seal("t1", b"card");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(StorageKey::load_or_create(&path, true).unwrap().open("t1", &sealed).is_ok());
        fs::remove_file(&path).unwrap();
        assert!(matches!(StorageKey::load_or_create(&path, true), Err(KeyError::Lost { .. })));
        assert!(!path.exists());
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_cut_short_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("storage.key");
        StorageKey::load_or_create(&path, false).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(StorageKey::load_or_create(&path, false), Err(KeyError::Exposed { mode: 0o640, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, [0; 31]).unwrap();
        assert!(matches!(StorageKey::load_or_create(&path, false), Err(KeyError::Length { length: 31, .. })));
    }
}
