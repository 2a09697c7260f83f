//! The public keys of the schemes' certification authorities.

use emv::oda::{CaKeys, Environment, RevocationList};

use super::Mode;
use super::file::Keys;
use super::key_list::{KeyList, KeyListFormat, KeySet, name};
use super::source::{ConfigError, Source};

/// Reads every key file. A live terminal takes no test key: whoever has its private half could make
/// cards.
pub(super) fn load(config: &Source, keys: &Keys, mode: Mode) -> Result<(CaKeys, RevocationList), ConfigError> {
    let environment = match mode {
        Mode::Test => Environment::Test,
        Mode::Live => Environment::Production,
    };
    let mut ca_keys = CaKeys::new(environment);
    let mut revocations = Vec::new();
    for path in &keys.files {
        let source =
            Source::open(&config.relative(path.get_ref())).map_err(|error| config.error(path.span(), error))?;
        let list = KeyList::of(&source, KeyListFormat::Toml)?;
        if let Some(problem) = list.problems.into_iter().next() {
            return Err(problem);
        }
        for listed in list.keys {
            let name = name(listed.key.rid(), listed.key.index());
            if listed.set == Some(KeySet::Test) && mode == Mode::Live {
                return Err(source.invalid(listed.line, name, "a test key in a live terminal"));
            }
            ca_keys.insert(listed.key).map_err(|error| source.invalid(listed.line, name, error))?;
        }
        revocations.extend(list.revoked.into_iter().map(|listed| listed.revocation));
    }
    Ok((ca_keys, revocations.into_iter().collect()))
}
