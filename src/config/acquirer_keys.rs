//! The secret keys that the acquirer shares with this terminal: what each is for, and where it is.
//!
//! That they are described well is checked with the rest of the configuration. They themselves are read when the daemon
//! starts: nobody else can read them, and `tenderctl config check` has no need to.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use zeroize::Zeroizing;

use super::file;
use super::source::{ConfigError, Place, Source, hex};
use crate::keys::{InitialKey, InitialKeyError, KeyPurpose, KeySource, MacAlgorithm, MacKey};

/// What the acquirer's keys are for, and where they are.
#[derive(Debug, Default)]
pub struct AcquirerKeySettings {
    mac: Option<Setting<MacAlgorithm>>,
    dukpt: Option<Setting<Initial>>,
    protection: Option<Setting<()>>,
}

/// The acquirer's keys.
#[derive(Debug, Default)]
pub struct AcquirerKeys {
    /// The key of message MACs that stays the same.
    pub mac: Option<MacKey>,
    /// The initial key of DUKPT.
    pub dukpt: Option<InitialKey>,
}

/// A key's particulars, where it is, and where the configuration says so.
#[derive(Debug)]
struct Setting<T> {
    particulars: T,
    source: KeySource,
    place: Place,
}

#[derive(Debug)]
struct Initial {
    scheme: DukptScheme,
    id: Vec<u8>,
}

/// The two schemes of DUKPT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum DukptScheme {
    /// ANSI X9.24-3:2017.
    Aes,
    /// ANSI X9.24-1:2009.
    Tdes,
}

impl AcquirerKeySettings {
    pub(super) fn check(source: &Source, keys: &file::Keys) -> Result<Self, ConfigError> {
        let mac = keys.mac.as_ref().map(|mac| {
            let table = mac.get_ref();
            let place = source.place(mac.span());
            setting(source, place, (&table.credential, &table.file), table.algorithm)
        });
        let dukpt = keys.dukpt.as_ref().map(|dukpt| {
            let table = dukpt.get_ref();
            let place = source.place(dukpt.span());
            let scheme = table.scheme;
            let id = source.check(&table.id, |text| {
                // With a key of any value: what is wrong now is the identifier.
                let id = hex(text)?;
                initial_key(scheme, &[0; 16], &id).map(|_| id).map_err(|error| error.to_string())
            })?;
            setting(source, place, (&table.credential, &table.file), Initial { scheme, id })
        });
        let protection = keys.protection.as_ref().map(|protection| {
            let table = protection.get_ref();
            let place = source.place(protection.span());
            setting(source, place, (&table.credential, &table.file), ())
        });
        Ok(AcquirerKeySettings {
            mac: mac.transpose()?,
            dukpt: dukpt.transpose()?,
            protection: protection.transpose()?,
        })
    }

    /// Refuses keys that would protect nothing: no message carries a MAC or encrypted card data yet.
    ///
    /// # Errors
    /// If there is one.
    pub fn check_used(&self) -> Result<(), ConfigError> {
        let places = [self.mac.as_ref().map(|mac| &mac.place), self.dukpt.as_ref().map(|dukpt| &dukpt.place)];
        match places.into_iter().flatten().next() {
            Some(place) => Err(place.error(
                "this version sends no MAC and encrypts no card data for the acquirer, so the key would protect nothing; \
                 leave it out",
            )),
            None => Ok(()),
        }
    }

    /// Reads the keys; `credentials` is the folder of the service's credentials, `$CREDENTIALS_DIRECTORY`.
    ///
    /// # Errors
    /// If one can't be read, is not for its purpose or has a wrong length.
    pub fn read(&self, credentials: Option<&Path>) -> Result<AcquirerKeys, ConfigError> {
        let protection = match &self.protection {
            Some(setting) => Some(setting.read(credentials, KeyPurpose::Protection, None)?),
            None => None,
        };
        let protection = protection.as_ref().map(|bytes| &bytes[..]);
        let mut keys = AcquirerKeys::default();
        if let Some(setting) = &self.mac {
            let algorithm = setting.particulars;
            let bytes = setting.read(credentials, KeyPurpose::Mac(algorithm), protection)?;
            keys.mac = Some(MacKey::new(algorithm, &bytes).map_err(|error| setting.place.error(error))?);
        }
        if let Some(setting) = &self.dukpt {
            let Initial { scheme, id } = &setting.particulars;
            let purpose = match scheme {
                DukptScheme::Aes => KeyPurpose::AesInitialKey,
                DukptScheme::Tdes => KeyPurpose::TdesInitialKey,
            };
            let bytes = setting.read(credentials, purpose, protection)?;
            keys.dukpt = Some(initial_key(*scheme, &bytes, id).map_err(|error| setting.place.error(error))?);
        }
        Ok(keys)
    }
}

impl<T> Setting<T> {
    fn read(
        &self,
        credentials: Option<&Path>,
        purpose: KeyPurpose,
        protection: Option<&[u8]>,
    ) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        self.source.read(credentials, purpose, protection).map_err(|error| self.place.error(error))
    }
}

fn setting<T>(
    source: &Source,
    place: Place,
    (credential, file): (&Option<String>, &Option<PathBuf>),
    particulars: T,
) -> Result<Setting<T>, ConfigError> {
    let source = match (credential, file) {
        (Some(name), None) => KeySource::Credential(name.clone()),
        (None, Some(path)) => KeySource::File(source.relative(path)),
        _ => return Err(place.error("needs either `credential` or `file`, to say where the key is")),
    };
    Ok(Setting { particulars, source, place })
}

fn initial_key(scheme: DukptScheme, key: &[u8], id: &[u8]) -> Result<InitialKey, InitialKeyError> {
    match scheme {
        DukptScheme::Aes => InitialKey::aes(key, id),
        DukptScheme::Tdes => InitialKey::tdes(key, id),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::super::Config;
    use super::*;
    use crate::config::EXAMPLE;

    /// What comes of these lines in a configuration, whose folder has these files.
    fn read(lines: &str, files: &[(&str, &str)]) -> Result<AcquirerKeys, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let example = EXAMPLE.replace("\"/usr/share/tenderd/keys/test-ca.toml\"", "");
        let path = folder.path().join("tenderd.toml");
        let config = Config::parse(&path, &format!("{example}\n{lines}"));
        let keys = config.and_then(|config| config.acquirer_keys.read(Some(folder.path())));
        keys.map_err(|error| error.to_string().replace(&*folder.path().to_string_lossy(), ""))
    }

    const MAC: &str = "[keys.mac]\nfile = 'mac.key'\nalgorithm = 'retail-padding-1'";
    const DUKPT: &str = "[keys.dukpt]\ncredential = 'dukpt'\nscheme = 'aes'\nid = '1234567890123456'";

    #[test]
    fn a_terminal_without_keys_has_none() {
        let keys = read("", &[]).unwrap();
        assert!(keys.mac.is_none() && keys.dukpt.is_none());
    }

    #[test]
    fn a_key_that_would_protect_nothing_is_refused() {
        let check = |lines: &str| {
            let example = EXAMPLE.replace("\"/usr/share/tenderd/keys/test-ca.toml\"", "");
            let config = Config::parse(Path::new("tenderd.toml"), &format!("{example}\n{lines}")).unwrap();
            config.acquirer_keys.check_used().map_err(|error| error.to_string())
        };
        assert_eq!(check(""), Ok(()));
        for (lines, key) in [(MAC, "keys.mac"), (DUKPT, "keys.dukpt")] {
            let error = check(lines).unwrap_err();
            assert!(
                error.starts_with("tenderd.toml:") && error.contains(key) && error.contains("leave it out"),
                "{error}"
            );
        }
    }

    #[test]
    fn keys_are_read_from_files_and_credentials() {
        let files = [("mac.key", "0123456789ABCDEFFEDCBA9876543210"), ("dukpt", "1273671EA26AC29AFA4D1084127652A1\n")];
        let keys = read(&format!("{MAC}\n{DUKPT}"), &files).unwrap();
        assert!(keys.mac.is_some());
        assert_eq!(keys.dukpt.unwrap().id().to_string(), "1234567890123456");
    }

    #[test]
    fn a_key_block_is_opened_with_the_protection_key() {
        // knovichikhin/psec, tests/test_tr31.py.
        let block = "B0096M3TC00E0000C7C6FE86A5DE769C20DCA238C52341378B484D544A9764D43963C3B2824AE56C2D07A565DD3AB342";
        let protection = "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCC";
        let lines = format!("{MAC}\n[keys.protection]\ncredential = 'protection'");
        assert!(read(&lines, &[("mac.key", block), ("protection", protection)]).unwrap().mac.is_some());
        let wrong = read(&lines, &[("mac.key", block), ("protection", &protection.replace('C', "D"))]).unwrap_err();
        assert!(wrong.contains("keys.mac") && wrong.contains("the MAC of the key block is wrong"), "{wrong}");
    }

    #[test]
    fn an_error_names_file_line_and_key_and_no_secret() {
        let key = "0123456789ABCDEFFEDCBA987654321";
        for (lines, message) in [
            ("[keys.mac]\nalgorithm = 'aes-cmac'", "keys.mac: needs either `credential` or `file`"),
            ("[keys.mac]\nalgorithm = 'aes-cmac'\nfile = 'a'\ncredential = 'a'", "keys.mac: needs either"),
            ("[keys.mac]\nalgorithm = 'md5'\nfile = 'a'", "keys.mac.algorithm: unknown variant `md5`"),
            ("[keys.mac]\nalgorithm = 'aes-cmac'\nfile = 'none'", "keys.mac: /none: No such file"),
            ("[keys.mac]\nalgorithm = 'aes-cmac'\nfile = 'odd'", "keys.mac: /odd: neither hexadecimal digits nor"),
            ("[keys.mac]\nalgorithm = 'aes-cmac'\nfile = 'short'", "keys.mac: a MAC key of 15 bytes; aes-cmac takes"),
            (&DUKPT.replace("6'", "'"), "keys.dukpt.id: `123456789012345`: not an even number of hex digits"),
            (&DUKPT.replace("3456'", "'"), "keys.dukpt.id: an Initial Key ID has 8 bytes, not 6"),
            (&DUKPT.replace("'aes'", "'tdes'"), "keys.dukpt.id: an initial key serial number has 10 bytes, not 8"),
            (&DUKPT.replace("'dukpt'", "'short'"), "keys.dukpt: an initial key of AES DUKPT has 16, 24 or 32 bytes"),
            ("[keys.dukpt]\nfile = 'a'\nscheme = 'aes'", "missing field `id`"),
        ] {
            let error = read(lines, &[("odd", key), ("short", &key[..30])]).unwrap_err();
            assert!(error.starts_with("/tenderd.toml:") && error.contains(message), "{error}");
            assert!(!error.contains(&key[..16]), "{error}");
        }
    }
}
