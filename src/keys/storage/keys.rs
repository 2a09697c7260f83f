//! All storage keys that are there, the latest of which seals.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::file::{self, KeyError};
use super::{Generation, Sealed, StorageKey, Unsealable};

/// The storage keys: each in a file of its own, the first at the configured path, later ones beside it with their number
/// after a dot, as `storage.key.2`.
#[derive(Debug)]
pub struct StorageKeys {
    path: PathBuf,
    keys: BTreeMap<Generation, StorageKey>,
    current: Generation,
}

/// What the journal knows of storage keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyHistory {
    /// The latest that was begun, if one was.
    pub last: Option<Generation>,
    /// Those that were to be destroyed. Their files may still be there.
    pub destroyed: Vec<Generation>,
    /// Whether something is sealed that will be needed: without its key nothing can begin.
    pub is_needed: bool,
}

impl StorageKeys {
    /// Reads the keys that are there, and destroys those that were to be. Where there is none, makes one, unless a new
    /// one would be of no use.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn load_or_create(path: &Path, history: &KeyHistory) -> Result<Self, KeyError> {
        let mut keys = BTreeMap::new();
        for generation in generations(path)? {
            let file = file_of(path, generation);
            if history.destroyed.contains(&generation) {
                file::destroy(&file)?;
            } else {
                keys.insert(generation, StorageKey::from_bytes(generation, &*file::read(&file)?));
            }
        }
        if let Some((&current, _)) = keys.last_key_value() {
            return Ok(StorageKeys { path: path.to_owned(), keys, current });
        }
        if history.is_needed {
            let last = history.last.unwrap_or(Generation::FIRST);
            return Err(KeyError::Lost { path: file_of(path, last) });
        }
        let current = history.last.map_or(Generation::FIRST, Generation::next);
        let key = StorageKey::from_bytes(current, &*file::create(&file_of(path, current))?);
        Ok(StorageKeys { path: path.to_owned(), keys: [(current, key)].into(), current })
    }

    /// The one that seals.
    pub fn current(&self) -> Generation {
        self.current
    }

    /// Those that are there, in the order in which they were made.
    pub fn generations(&self) -> impl Iterator<Item = Generation> {
        self.keys.keys().copied()
    }

    /// Whether this one is there.
    pub fn holds(&self, generation: Generation) -> bool {
        self.keys.contains_key(&generation)
    }

    /// Makes a new key, which seals from now on.
    ///
    /// # Errors
    /// See [`KeyError`]. The one before goes on sealing then.
    pub fn begin(&mut self) -> Result<Generation, KeyError> {
        let next = self.current.next();
        let key = StorageKey::from_bytes(next, &*file::create(&file_of(&self.path, next))?);
        self.keys.insert(next, key);
        self.current = next;
        Ok(next)
    }

    /// Forgets a key, and destroys its file. Write it down before: what a power cut leaves of it is then destroyed when
    /// the keys are read again.
    ///
    /// # Errors
    /// If the file can't be destroyed. The key is forgotten all the same.
    ///
    /// # Panics
    /// If it is the one that seals.
    pub fn destroy(&mut self, generation: Generation) -> Result<(), KeyError> {
        assert_ne!(generation, self.current, "the key that seals is needed");
        if self.keys.remove(&generation).is_none() {
            return Ok(());
        }
        file::destroy(&file_of(&self.path, generation))
    }

    /// Seals under the current key: see [`StorageKey::seal`].
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Sealed {
        self.keys[&self.current].seal(purpose, plain)
    }

    /// Opens what was sealed under any key that is there.
    ///
    /// # Errors
    /// See [`Unsealable`].
    pub fn open(&self, purpose: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let generation = sealed.generation();
        self.keys.get(&generation).ok_or(Unsealable::Forgotten(generation))?.open(purpose, sealed)
    }
}

fn file_of(path: &Path, generation: Generation) -> PathBuf {
    if generation == Generation::FIRST {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{generation}"));
    name.into()
}

/// The keys whose files are there.
fn generations(path: &Path) -> Result<Vec<Generation>, KeyError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let generation = |file: &str| match file.strip_prefix(&name)? {
        "" => Some(Generation::FIRST),
        // What is left of a file that was being made has a name that is no number.
        rest => rest.strip_prefix('.')?.parse().ok().map(Generation).filter(|number| *number > Generation::FIRST),
    };
    let io = |source| KeyError::Io { path: path.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(file::folder(path)).map_err(io)? {
        found.extend(generation(&entry.map_err(io)?.file_name().to_string_lossy()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    const SECOND: Generation = Generation(2);

    fn folder() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("storage.key");
        (folder, path)
    }

    fn load(path: &Path) -> Result<StorageKeys, KeyError> {
        StorageKeys::load_or_create(path, &KeyHistory::default())
    }

    fn needed(path: &Path) -> Result<StorageKeys, KeyError> {
        StorageKeys::load_or_create(path, &KeyHistory { is_needed: true, ..KeyHistory::default() })
    }

    #[test]
    fn a_key_is_made_once_and_then_read() {
        let (_folder, path) = folder();
        let sealed = load(&path).unwrap().seal("t1", b"card");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(needed(&path).unwrap().open("t1", &sealed).is_ok());
        fs::remove_file(&path).unwrap();
        assert!(matches!(needed(&path), Err(KeyError::Lost { .. })));
        assert!(!path.exists());
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_cut_short_is_refused() {
        let (_folder, path) = folder();
        load(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load(&path), Err(KeyError::Exposed { mode: 0o640, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, [0; 31]).unwrap();
        assert!(matches!(load(&path), Err(KeyError::Length { length: 31, .. })));
    }

    #[test]
    fn the_latest_key_seals_and_the_older_ones_open_until_they_are_destroyed() {
        let (folder, path) = folder();
        let mut keys = load(&path).unwrap();
        let old = keys.seal("t1", b"card");
        assert_eq!(keys.begin().unwrap(), SECOND);
        let new = keys.seal("t1", b"card");
        assert_eq!((old.generation(), new.generation()), (Generation::FIRST, SECOND));
        let mut keys = load(&path).unwrap();
        assert!(keys.open("t1", &old).is_ok() && keys.open("t1", &new).is_ok());
        keys.destroy(Generation::FIRST).unwrap();
        assert!(!path.exists() && folder.path().join("storage.key.2").exists());
        assert_eq!(keys.open("t1", &old), Err(Unsealable::Forgotten(Generation::FIRST)));
        assert_eq!(load(&path).unwrap().open("t1", &old), Err(Unsealable::Forgotten(Generation::FIRST)));
        assert!(load(&path).unwrap().open("t1", &new).is_ok());
    }

    #[test]
    fn a_power_cut_before_a_key_is_destroyed_or_made_changes_nothing() {
        let (folder, path) = folder();
        let mut keys = load(&path).unwrap();
        keys.begin().unwrap();
        fs::write(folder.path().join("storage.key.3.new"), [0; 16]).unwrap();
        let history = KeyHistory { last: Some(SECOND), destroyed: vec![Generation::FIRST], ..KeyHistory::default() };
        let keys = StorageKeys::load_or_create(&path, &history).unwrap();
        assert_eq!(keys.generations().collect::<Vec<_>>(), [SECOND]);
        assert!(!path.exists());
    }

    #[test]
    fn no_number_comes_twice() {
        let (folder, path) = folder();
        load(&path).unwrap().begin().unwrap();
        fs::remove_file(&path).unwrap();
        fs::remove_file(folder.path().join("storage.key.2")).unwrap();
        let history = KeyHistory { last: Some(SECOND), ..KeyHistory::default() };
        assert_eq!(StorageKeys::load_or_create(&path, &history).unwrap().current(), Generation(3));
    }
}
