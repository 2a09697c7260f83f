//! The secret keys that the acquirer shares with this terminal, and the terminal's own: what each is for, and where it is.
//!
//! That they are described well is checked with the rest of the configuration. They themselves are read when the daemon
//! starts: nobody else can read them, and `tenderctl config check` has no need to.

use std::ops::Range;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use serde::Deserialize;
use toml::Spanned;
use zeroize::Zeroizing;

use super::file::{self, SecretKey};
use super::source::{ConfigError, Place, Source, hex};
use crate::keys::{InitialKey, InitialKeyError, KeyForm, KeyPurpose, KeySource, MacAlgorithm, MacKey, MasterKey};
use crate::upstream::iso8583::MacKeyOrigin;
use crate::upstream::{HostConfig, Identity};

/// What the acquirer's keys are for, and where they are.
#[derive(Debug, Default)]
pub struct AcquirerKeySettings {
    mac: Option<Setting<MacAlgorithm>>,
    dukpt: Option<Setting<Initial>>,
    master: Option<Setting<KeyForm>>,
    protection: Option<Setting<()>>,
    identity: Option<Setting<Vec<CertificateDer<'static>>>>,
}

/// The acquirer's keys, and ours.
#[derive(Debug, Default)]
pub struct AcquirerKeys {
    /// The key of message MACs that stays the same.
    pub mac: Option<MacKey>,
    /// The initial key of DUKPT.
    pub dukpt: Option<InitialKey>,
    /// The terminal's master key, which opens those that the host hands out at sign-on.
    pub master: Option<MasterKey>,
    /// Who the terminal is in TLS.
    pub identity: Option<Identity>,
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

impl DukptScheme {
    /// How many bytes a key serial number has.
    fn serial_number_length(self) -> usize {
        match self {
            Self::Aes => 12,
            Self::Tdes => 10,
        }
    }
}

impl AcquirerKeySettings {
    /// Holds the keys against what the host, which stands at `host_at`, needs them for.
    pub(super) fn check(
        source: &Source,
        keys: &file::Keys,
        host: &HostConfig,
        tls_key: Option<&Spanned<SecretKey>>,
        host_at: Range<usize>,
    ) -> Result<Self, ConfigError> {
        let dialect = &host.dialect;
        let algorithm_of = |origin| dialect.mac.as_ref().filter(|rule| rule.key == origin).map(|rule| rule.algorithm);
        let algorithm = algorithm_of(MacKeyOrigin::Configured);
        let mac = match (&keys.mac, algorithm) {
            (Some(mac), Some(algorithm)) => {
                let (table, place) = (mac.get_ref(), source.place(mac.span()));
                Some(setting(source, place, (&table.credential, &table.file), algorithm)?)
            }
            (Some(mac), None) => {
                let message = "the host's dialect has no MACs with such a key, so it would protect nothing; leave it out, \
                               or give the dialect a [mac] table with key = \"configured\"";
                return Err(source.error(mac.span(), message));
            }
            (None, Some(_)) => {
                let message = "its dialect wants MACs with a key of the configuration: name it in [keys.mac]";
                return Err(source.error(host_at, message));
            }
            (None, None) => None,
        };
        let dukpt = keys.dukpt.as_ref().map(|dukpt| {
            let table = dukpt.get_ref();
            let place = source.place(dukpt.span());
            let scheme = table.scheme;
            let id = source.check(&table.id, |text| {
                // With a key of any value: what is wrong now is the identifier.
                let id = hex(text)?;
                initial_key(scheme, &[0; 16], &id).map(|_| id).map_err(|error| error.to_string())
            })?;
            let algorithm = algorithm_of(MacKeyOrigin::Dukpt).ok_or_else(|| {
                let message = "the host's dialect has no MACs with derived keys, so this one would protect nothing; leave \
                               it out, or give the dialect a [mac] table with key = \"dukpt\"";
                place.error(message)
            })?;
            if scheme == DukptScheme::Tdes && algorithm == MacAlgorithm::AesCmac {
                return Err(place.error("the dialect's MACs are aes-cmac, for which TDES DUKPT derives no key"));
            }
            dialect.key_serial_number(&vec![0; scheme.serial_number_length()]).map_err(|error| place.error(error))?;
            setting(source, place, (&table.credential, &table.file), Initial { scheme, id })
        });
        if keys.dukpt.is_none() && algorithm_of(MacKeyOrigin::Dukpt).is_some() {
            return Err(
                source.error(host_at, "its dialect wants MACs with derived keys: name the initial key in [keys.dukpt]")
            );
        }
        let form = algorithm_of(MacKeyOrigin::SignOn).and(dialect.working_keys.as_ref()).map(|rule| rule.form);
        let master = match (&keys.master, form) {
            (Some(master), Some(form)) => {
                let (table, place) = (master.get_ref(), source.place(master.span()));
                Some(setting(source, place, (&table.credential, &table.file), form)?)
            }
            (Some(master), None) => {
                let message = "the host's dialect has no MACs with keys by sign-on, so it would open nothing; leave it out, \
                               or give the dialect a [mac] table with key = \"sign-on\"";
                return Err(source.error(master.span(), message));
            }
            (None, Some(_)) => {
                let message = "its dialect has the host hand out keys at sign-on: name the terminal's master key in \
                               [keys.master]";
                return Err(source.error(host_at, message));
            }
            (None, None) => None,
        };
        let protection = keys.protection.as_ref().map(|protection| {
            let table = protection.get_ref();
            let place = source.place(protection.span());
            setting(source, place, (&table.credential, &table.file), ())
        });
        let identity = tls_key.zip(host.tls.as_ref()).map(|(key, tls)| {
            let (table, place) = (key.get_ref(), source.place(key.span()));
            setting(source, place, (&table.credential, &table.file), tls.certificate().to_vec())
        });
        let (dukpt, protection, identity) = (dukpt.transpose()?, protection.transpose()?, identity.transpose()?);
        Ok(AcquirerKeySettings { mac, dukpt, master, protection, identity })
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
        if let Some(setting) = &self.master {
            let bytes = setting.read(credentials, KeyPurpose::Master, protection)?;
            let key = MasterKey::new(setting.particulars, &bytes).map_err(|error| setting.place.error(error))?;
            keys.master = Some(key);
        }
        if let Some(Setting { particulars: certificate, source, place }) = &self.identity {
            let (path, pem) = source.read_text(credentials).map_err(|error| place.error(error))?;
            let wrong = |error| place.error(format!("{}: {error}", path.display()));
            keys.identity = Some(Identity::new(certificate, &pem).map_err(wrong)?);
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
        let path = folder.path().join("tenderd.toml");
        let config = Config::parse(&path, &with_macs(lines));
        let keys = config.and_then(|config| config.acquirer_keys.read(Some(folder.path())));
        keys.map_err(|error| error.to_string().replace(&*folder.path().to_string_lossy(), ""))
    }

    /// The example with these lines, and a dialect whose MACs need the key that they name.
    fn with_macs(lines: &str) -> String {
        let example = EXAMPLE.replace("\"/usr/share/tenderd/keys/test-ca.toml\"", "");
        let rule = if lines.contains("[keys.mac]") {
            "mac = { algorithm = 'retail-padding-1', key = 'configured' }"
        } else if lines.contains("[keys.master]") {
            "mac = { algorithm = 'retail-padding-1', key = 'sign-on' }, working_keys = { message = 'key_exchange', \
             field = 62, form = 'tdes-ecb', keys = [{ key = 'mac', length = 16, check_value = 3 }] }"
        } else if lines.contains("[keys.dukpt]") {
            "elements = { 63 = 'key_serial_number' }, mac = { algorithm = 'retail-padding-1', key = 'dukpt' }"
        } else {
            return format!("{example}\n{lines}");
        };
        let dialect = format!("dialect = {{ preset = 'bcd', {rule} }}");
        format!("{}\n{lines}", example.replace("dialect = \"bcd\"", &dialect))
    }

    const MAC: &str = "[keys.mac]\nfile = 'mac.key'";
    const MASTER: &str = "[keys.master]\nfile = 'master.key'";
    const DUKPT: &str = "[keys.dukpt]\ncredential = 'dukpt'\nscheme = 'aes'\nid = '1234567890123456'";

    #[test]
    fn a_terminal_without_keys_has_none() {
        let keys = read("", &[]).unwrap();
        assert!(keys.mac.is_none() && keys.dukpt.is_none());
    }

    #[test]
    fn a_key_that_would_protect_nothing_is_refused() {
        for (lines, key) in [(MAC, "keys.mac"), (DUKPT, "keys.dukpt"), (MASTER, "keys.master")] {
            let text = format!("{}\n{lines}", with_macs(""));
            let error = Config::parse(Path::new("tenderd.toml"), &text).unwrap_err().to_string();
            assert!(
                error.starts_with("tenderd.toml:") && error.contains(key) && error.contains("leave it out"),
                "{error}"
            );
            assert!(Config::parse(Path::new("tenderd.toml"), &with_macs(lines)).is_ok(), "{key}");
        }
    }

    #[test]
    fn a_dialect_with_macs_needs_a_key_for_them() {
        for (lines, key) in [(MAC, "[keys.mac]"), (DUKPT, "[keys.dukpt]"), (MASTER, "[keys.master]")] {
            let without_key = with_macs(lines).replace(lines, "");
            let error = Config::parse(Path::new("tenderd.toml"), &without_key).unwrap_err().to_string();
            assert!(error.contains("host: its dialect ") && error.contains(key), "{error}");
        }
    }

    #[test]
    fn derived_keys_must_fit_the_dialect() {
        let error = |text: String| Config::parse(Path::new("tenderd.toml"), &text).unwrap_err().to_string();
        let tdes = with_macs(&DUKPT.replace("'aes'", "'tdes'").replace("1234567890123456", "FFFF9876543210E00000"));
        assert!(error(tdes.replace("retail-padding-1", "aes-cmac")).contains("TDES DUKPT derives no key"));
        let short = with_macs(DUKPT).replace("63 = 'key", "37 = 'key");
        assert!(error(short).contains("field 37"));
        let nowhere = with_macs(DUKPT).replace("elements = { 63 = 'key_serial_number' }, ", "");
        assert!(error(nowhere).contains("keys by DUKPT need a field for key_serial_number"));
    }

    #[test]
    fn keys_are_read_from_files_and_credentials() {
        let files = [("mac.key", "0123456789ABCDEFFEDCBA9876543210"), ("dukpt", "1273671EA26AC29AFA4D1084127652A1\n")];
        assert!(read(MAC, &files).unwrap().mac.is_some());
        let master = [("master.key", "0123456789ABCDEFFEDCBA9876543210")];
        assert!(read(MASTER, &master).unwrap().master.is_some());
        let weak = read(MASTER, &[("master.key", &"0123456789ABCDEF".repeat(2))]).unwrap_err();
        assert!(weak.contains("keys.master: a master key whose halves are the same"), "{weak}");
        assert_eq!(read(DUKPT, &files).unwrap().dukpt.unwrap().id().to_string(), "1234567890123456");
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
            ("[keys.mac]", "keys.mac: needs either `credential` or `file`"),
            ("[keys.mac]\nfile = 'a'\ncredential = 'a'", "keys.mac: needs either"),
            ("[keys.mac]\nalgorithm = 'aes-cmac'\nfile = 'a'", "unknown field `algorithm`"),
            ("[keys.mac]\nfile = 'none'", "keys.mac: /none: No such file"),
            ("[keys.mac]\nfile = 'odd'", "keys.mac: /odd: neither hexadecimal digits nor"),
            ("[keys.mac]\nfile = 'short'", "keys.mac: a MAC key of 15 bytes; retail-padding-1 takes"),
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

    /// A certificate with its key, both in PEM.
    fn certified() -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(["TERM0001".to_owned()]).unwrap();
        (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn the_key_of_the_terminals_certificate_is_read_and_held_against_it() {
        let folder = tempfile::tempdir().unwrap();
        let ((certificate, key), (_, other)) = (certified(), certified());
        let path = folder.path().join("tenderd.toml");
        fs::write(folder.path().join("terminal.pem"), &certificate).unwrap();
        let key_setting = "key = { file = 'terminal.key' }";
        let tls = format!("[host.tls]\nca = 'terminal.pem'\ncertificate = 'terminal.pem'\n{key_setting}\n#");
        let text = with_macs("").replace("# [host.tls]", &tls);
        let line = text.lines().position(|line| line == key_setting).unwrap() + 1;
        let read = |key: &str, mode: u32| {
            let file = folder.path().join("terminal.key");
            fs::write(&file, key).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let keys = Config::parse(&path, &text).unwrap().acquirer_keys.read(None);
            keys.map(|keys| keys.identity).map_err(|error| error.to_string())
        };
        assert_eq!(format!("{:?}", read(&key, 0o600).unwrap()), "Some(Identity(..))");
        for (key, mode, message) in [
            (&*key, 0o644, "mode 644 lets others at the key"),
            (&other, 0o600, "the key is not that of `certificate`"),
            (&certificate, 0o600, "no private key in PEM"),
        ] {
            let error = read(key, mode).unwrap_err();
            assert!(error.contains(&format!("tenderd.toml:{line}: host.tls.key: ")), "{error}");
            assert!(error.contains(message), "{error}");
        }
    }
}
