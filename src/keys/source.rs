//! Where the keys come from that acquirer and terminal share: a systemd credential, or a file that nobody else can read.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::key_block::{KeyBlockError, KeyPurpose, open_key_block};
use crate::terminal::Hex;

/// Where a key is. Its text is hexadecimal digits, or a key block, which is longer than any key's digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A credential of this name that systemd hands to the service (`LoadCredential=` and the like, systemd.exec(5)).
    Credential(String),
    /// A file.
    File(PathBuf),
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeySourceError {
    /// A credential that can't be the name of one.
    #[error("`{0}` is no name of a credential, which is that of a file without its folder")]
    Name(String),
    /// The service has no credentials.
    #[error(
        "systemd passed no credentials: add `LoadCredential={0}:/path/to/the/key` to the [Service] section of the unit \
         (`systemctl edit tenderd`)"
    )]
    NoCredentials(String),
    /// It can't be read.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is a folder, a device or the like.
    #[error("{path}: not a file", path = path.display())]
    NoFile {
        /// What it is called.
        path: PathBuf,
    },
    /// Others can read or change it.
    #[error("{path}: mode {mode:03o} lets others at the key; run chmod 600 on it", path = path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode bits.
        mode: u32,
    },
    /// It belongs to somebody else.
    #[error("{path}: belongs to user {owner}, who could change the key; run chown on it", path = path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// The owner's number.
        owner: u32,
    },
    /// It is too long, or no text.
    #[error("{path}: neither hexadecimal digits nor a key block", path = path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// It is a key block, and there is no key to open it with.
    #[error("{path}: a key block, and no key to open it with: name one in [keys.protection]", path = path.display())]
    NoProtectionKey {
        /// The file.
        path: PathBuf,
    },
    /// It is a key block that gives no key.
    #[error("{path}: {source}", path = path.display())]
    KeyBlock {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeyBlockError,
    },
}

/// The digits of the longest key, 32 bytes.
const HEX_DIGITS_MAX: usize = 64;

/// No key block is longer: its length has four digits.
const LENGTH_MAX: u64 = 9999;

/// What a file of keys may not let the group and others do.
pub(super) const PRIVATE: u32 = 0o077;

/// The same for a credential: systemd gives the service's user access with an access control list, whose mask shows as
/// the group's permission to read (systemd.exec(5)).
const PRIVATE_BUT_FOR_A_MASK: u32 = 0o037;

impl KeySource {
    /// Reads the key; `credentials` is the folder of the service's credentials (`$CREDENTIALS_DIRECTORY`), and
    /// `protection_key` opens a key block.
    ///
    /// # Errors
    /// See [`KeySourceError`].
    pub fn read(
        &self,
        credentials: Option<&Path>,
        purpose: KeyPurpose,
        protection_key: Option<&[u8]>,
    ) -> Result<Zeroizing<Vec<u8>>, KeySourceError> {
        let (path, text) = self.read_text(credentials)?;
        let text = text.trim();
        if text.len() <= HEX_DIGITS_MAX {
            let hex = text.parse::<Hex>().ok().filter(|hex| !hex.0.is_empty());
            return hex.map(|hex| Zeroizing::new(hex.0)).ok_or(KeySourceError::Form { path });
        }
        let Some(protection_key) = protection_key else { return Err(KeySourceError::NoProtectionKey { path }) };
        open_key_block(text, protection_key, purpose).map_err(|source| KeySourceError::KeyBlock { path, source })
    }

    /// Reads a text that is as secret as a key, and where it is: a private key in PEM, say. No text is longer than
    /// 9999 bytes.
    ///
    /// # Errors
    /// See [`KeySourceError`].
    pub fn read_text(&self, credentials: Option<&Path>) -> Result<(PathBuf, Zeroizing<String>), KeySourceError> {
        let (path, forbidden) = match self {
            KeySource::File(path) => (path.clone(), PRIVATE),
            KeySource::Credential(name) => {
                if name.is_empty() || name.contains('/') || name.starts_with('.') {
                    return Err(KeySourceError::Name(name.clone()));
                }
                let folder = credentials.ok_or_else(|| KeySourceError::NoCredentials(name.clone()))?;
                (folder.join(name), PRIVATE_BUT_FOR_A_MASK)
            }
        };
        let text = read_text(&path, forbidden)?;
        Ok((path, text))
    }
}

fn read_text(path: &Path, forbidden: u32) -> Result<Zeroizing<String>, KeySourceError> {
    let path_of = || path.to_owned();
    let io = |source| KeySourceError::Io { path: path_of(), source };
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(KeySourceError::NoFile { path: path_of() });
    }
    if let Some(mode) = exposed(&metadata, forbidden) {
        return Err(KeySourceError::Exposed { path: path_of(), mode });
    }
    if let Some(owner) = foreign_owner(&metadata) {
        return Err(KeySourceError::Owner { path: path_of(), owner });
    }
    // With room for all of it, so that no part of the key stays behind where the text grew.
    let mut text = Zeroizing::new(String::with_capacity(LENGTH_MAX as usize + 1));
    match file.take(LENGTH_MAX + 1).read_to_string(&mut text) {
        Ok(_) if text.len() as u64 <= LENGTH_MAX => Ok(text),
        Err(error) if error.kind() != io::ErrorKind::InvalidData => Err(io(error)),
        _ => Err(KeySourceError::Form { path: path_of() }),
    }
}

/// The mode of a file that lets others do what is forbidden.
pub(super) fn exposed(metadata: &Metadata, forbidden: u32) -> Option<u32> {
    let mode = metadata.permissions().mode() & 0o777;
    (mode & forbidden != 0).then_some(mode)
}

/// The owner of a file, if that is neither this process's user nor root.
pub(super) fn foreign_owner(metadata: &Metadata) -> Option<u32> {
    let owner = metadata.uid();
    (owner != 0 && owner != rustix::process::geteuid().as_raw()).then_some(owner)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::keys::MacAlgorithm;

    const PURPOSE: KeyPurpose = KeyPurpose::Mac(MacAlgorithm::RetailPadding1);

    fn written(folder: &Path, text: impl AsRef<[u8]>, mode: u32) -> KeySource {
        let path = folder.join("mac.key");
        let _ = fs::remove_file(&path);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        KeySource::File(path)
    }

    #[test]
    fn a_file_of_digits_is_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let source = written(folder.path(), "0123456789abcdefFEDCBA98\n", 0o600);
        let key = source.read(None, PURPOSE, None).unwrap();
        assert_eq!(*key, [0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA, 0x98]);
    }

    #[test]
    fn a_file_with_a_key_block_needs_a_key_to_open_it() {
        // knovichikhin/psec, tests/test_tr31.py.
        let block = "B0096M3TC00E0000C7C6FE86A5DE769C20DCA238C52341378B484D544A9764D43963C3B2824AE56C2D07A565DD3AB342";
        let folder = tempfile::tempdir().unwrap();
        let source = written(folder.path(), block, 0o400);
        let protection = [[0xAA; 8], [0xBB; 8], [0xCC; 8]].concat();
        let key = source.read(None, PURPOSE, Some(&protection)).unwrap();
        assert_eq!(*key, [[0xCC; 8], [0xDD; 8]].concat());
        assert!(matches!(source.read(None, PURPOSE, None), Err(KeySourceError::NoProtectionKey { .. })));
        let refused = source.read(None, KeyPurpose::TdesInitialKey, Some(&protection)).unwrap_err();
        assert!(refused.to_string().ends_with("a key of key usage M3, where B1 is needed"), "{refused}");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            let error = written(folder.path(), "00", mode).read(None, PURPOSE, None).unwrap_err();
            assert!(matches!(error, KeySourceError::Exposed { mode: found, .. } if found == mode), "{error}");
        }
        let error = KeySource::File(folder.path().to_owned()).read(None, PURPOSE, None).unwrap_err();
        assert!(matches!(error, KeySourceError::NoFile { .. }), "{error}");
    }

    #[test]
    fn a_credential_is_looked_for_where_systemd_puts_it() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path(), "0123", 0o440);
        let read = |name: &str, folder| KeySource::Credential(name.to_owned()).read(folder, PURPOSE, None);
        assert_eq!(*read("mac.key", Some(folder.path())).unwrap(), [0x01, 0x23]);
        let none = read("mac.key", None).unwrap_err().to_string();
        assert!(none.contains("LoadCredential=mac.key:"), "{none}");
        for name in ["", "../mac.key", ".", "a/b"] {
            assert!(matches!(read(name, Some(folder.path())), Err(KeySourceError::Name(_))), "{name}");
        }
    }

    #[test]
    fn what_is_no_key_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        for text in [&b"0123456"[..], b"", b"xyz!", &[0xFF; 10], &[b'0'; 10_001]] {
            let error = written(folder.path(), text, 0o600).read(None, PURPOSE, Some(&[1; 16])).unwrap_err();
            assert!(matches!(error, KeySourceError::Form { .. }), "{error}");
            assert!(!error.to_string().contains("0123456"), "{error}");
        }
    }
}
