//! The public keys of the schemes' certification authorities.

use emv::fields::Date;
use emv::oda::{CaKey, CaKeys, Environment, Revocation, RevocationList};

use super::Mode;
use super::file::{Key, KeyFile, Keys};
use super::source::{ConfigError, Source, hex, hex_array};

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
        let file: KeyFile = source.deserialise()?;
        for key in &file.key {
            if key.test && mode == Mode::Live {
                return Err(source.error(key.index.span(), "a test key in a live terminal"));
            }
            ca_keys.insert(read_key(&source, key)?).map_err(|error| source.error(key.index.span(), error))?;
        }
        for revoked in &file.revoked {
            revocations.push(Revocation {
                rid: source.check(&revoked.rid, hex_array)?,
                ca_key_index: source.check(&revoked.index, hex_array::<1>)?[0],
                serial: source.check(&revoked.serial, hex_array)?,
            });
        }
    }
    Ok((ca_keys, revocations.into_iter().collect()))
}

fn read_key(source: &Source, key: &Key) -> Result<CaKey, ConfigError> {
    let rid = source.check(&key.rid, hex_array)?;
    let [index] = source.check(&key.index, hex_array)?;
    let exponent = source.check(&key.exponent, hex)?;
    let checksum = source.check(&key.checksum, hex_array)?;
    let ca_key = source.check(&key.modulus, |text| {
        CaKey::new(rid, index, &hex(text)?, &exponent, checksum).map_err(|error| error.to_string())
    })?;
    match &key.expiry {
        None => Ok(ca_key),
        Some(expiry) => Ok(ca_key.expiring(source.check(expiry, date)?)),
    }
}

/// `2031-12-31`.
fn date(text: &str) -> Result<Date, String> {
    let wrong = || format!("`{text}` must be a date such as 2031-12-31");
    let day: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
    if !(1950..=2049).contains(&day.year()) {
        return Err(format!("`{text}`: certificates and cards know the years 1950 to 2049"));
    }
    let bcd = |number: i16| (number / 10 % 10 * 16 + number % 10) as u8;
    Date::from_bcd([bcd(day.year()), bcd(day.month().into()), bcd(day.day().into())]).map_err(|_| wrong())
}
