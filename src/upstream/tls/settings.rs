//! The `tls` of a host in a configuration: what it says, and what of that can't be.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, ServerName};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::certificate::Certificate;
use super::{Pin, Tls, TlsVersion};
use crate::config::SecretKey;

/// The authorities that the system trusts, where Debian, and most others, have them.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What is wrong with the `tls` of a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTls {
    /// The host is known by another name than its address.
    #[error("`{0}` is no name of a host, and no address")]
    ServerName(String),
    /// A file can't be read.
    #[error("{path}: {reason}", path = .0.display(), reason = .1)]
    Unreadable(PathBuf, String),
    /// The system's authorities are not there.
    #[error("{SYSTEM_AUTHORITIES}: {0}; install ca-certificates, or name the acquirer's own authority in `ca`")]
    NoSystemAuthorities(String),
    /// A file of certificates has none, or a broken one.
    #[error("{}: no certificates in PEM (`-----BEGIN CERTIFICATE-----`), or a broken one", .0.display())]
    NoCertificates(PathBuf),
    /// A certificate can't be an authority's.
    #[error("{path}: an authority can't be used: {reason}", path = .0.display(), reason = .1)]
    Authority(PathBuf, String),
    /// What is pinned is no pin.
    #[error("{0}")]
    Pin(String),
    /// No key could match.
    #[error("an empty list matches no key; leave `pins` out to take every key that an authority has signed")]
    NoPins,
    /// The certificate of this terminal needs its key, and the key its certificate.
    #[error("`certificate` and `key` go together: the host asks for both, or for neither")]
    HalfAnIdentity,
}

/// The `tls` of a host, before its files are read.
#[derive(Debug)]
pub(crate) enum TlsSettings {
    /// `true`: TLS, with what the system trusts. `false`: none, and somebody has thought about it.
    Flag(bool),
    /// A table.
    Table(Box<Table>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    ca: Option<Spanned<PathBuf>>,
    server_name: Option<Spanned<String>>,
    pins: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    min_version: TlsVersion,
    certificate: Option<Spanned<PathBuf>>,
    key: Option<Spanned<SecretKey>>,
}

impl<'de> Deserialize<'de> for TlsSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FlagOrTable;

        impl<'de> Visitor<'de> for FlagOrTable {
            type Value = TlsSettings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, or a table that says whom to trust")
            }

            fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<TlsSettings, E> {
                Ok(TlsSettings::Flag(flag))
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<TlsSettings, A::Error> {
                Table::deserialize(MapAccessDeserializer::new(table)).map(Box::new).map(TlsSettings::Table)
            }
        }

        deserializer.deserialize_any(FlagOrTable)
    }
}

impl TlsSettings {
    /// Where the secret key of the terminal's certificate is, if it has one.
    pub(crate) fn key(&self) -> Option<&Spanned<SecretKey>> {
        match self {
            Self::Flag(_) => None,
            Self::Table(table) => table.key.as_ref(),
        }
    }

    /// How TLS is spoken with the host of this name, which stands at `at`; nothing where it is not. Files are looked for
    /// in `folder`.
    ///
    /// # Errors
    /// What is wrong, and where in the text of the configuration.
    pub(crate) fn check(
        self,
        host: &str,
        at: Range<usize>,
        folder: &Path,
    ) -> Result<Option<Tls>, (Range<usize>, InvalidTls)> {
        let table = match self {
            Self::Flag(false) => return Ok(None),
            Self::Flag(true) => Table::default(),
            Self::Table(table) => *table,
        };
        let (name, name_at) = match table.server_name {
            Some(name) => (name.get_ref().clone(), name.span()),
            None => (host.to_owned(), at.clone()),
        };
        let server_name = ServerName::try_from(name.as_str()).map(|name| name.to_owned());
        let server_name = server_name.map_err(|_| (name_at, InvalidTls::ServerName(name)))?;
        if let (Some(key), None) = (&table.key, &table.certificate) {
            return Err((key.span(), InvalidTls::HalfAnIdentity));
        }
        let certificate = match table.certificate {
            Some(certificate) if table.key.is_none() => return Err((certificate.span(), InvalidTls::HalfAnIdentity)),
            Some(path) => certificates(&folder.join(path.get_ref())).map_err(|error| (path.span(), error))?,
            None => Vec::new(),
        };
        let authorities = match table.ca {
            Some(path) => authorities(&folder.join(path.get_ref())).map_err(|error| (path.span(), error))?,
            None => authorities(Path::new(SYSTEM_AUTHORITIES)).map_err(|error| match error {
                InvalidTls::Unreadable(_, reason) => (at, InvalidTls::NoSystemAuthorities(reason)),
                other => (at, other),
            })?,
        };
        let pins = match table.pins {
            Some(pins) if pins.get_ref().is_empty() => return Err((pins.span(), InvalidTls::NoPins)),
            Some(pins) => pins.into_inner(),
            None => Vec::new(),
        };
        let pin =
            |pin: &Spanned<String>| pin.get_ref().parse::<Pin>().map_err(|error| (pin.span(), InvalidTls::Pin(error)));
        let pins = pins.iter().map(pin).collect::<Result<_, _>>()?;
        Ok(Some(Tls { server_name, authorities, pins, min_version: table.min_version, certificate }))
    }
}

/// The certificates of a file, all of which can be read.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, InvalidTls> {
    let unreadable = |error: io::Error| InvalidTls::Unreadable(path.to_owned(), error.to_string());
    let text = std::fs::read(path).map_err(unreadable)?;
    let found: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.unwrap_or_default();
    let are_certificates = found.iter().all(|certificate| Certificate::parse(certificate).is_some());
    if found.is_empty() || !are_certificates {
        return Err(InvalidTls::NoCertificates(path.to_owned()));
    }
    Ok(found)
}

/// The authorities of a file, all of which can be used.
fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, InvalidTls> {
    let found = certificates(path)?;
    let mut store = RootCertStore::empty();
    for certificate in &found {
        let unusable = |error: rustls::Error| InvalidTls::Authority(path.to_owned(), error.to_string());
        store.add(certificate.clone()).map_err(unusable)?;
    }
    Ok(found)
}
