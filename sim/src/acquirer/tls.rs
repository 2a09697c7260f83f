//! Who the acquirer is, and whom it lets in, where it speaks TLS.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};

/// What an acquirer speaks TLS with.
#[derive(Debug, Clone)]
pub struct Tls(pub(super) Arc<ServerConfig>);

/// Why it can't.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file has no certificate or key.
    #[error("{0}: {1}")]
    Pem(String, rustls::pki_types::pem::Error),
    /// Certificate or key can't be used.
    #[error("{0}")]
    Unusable(String),
    /// There is no such version.
    #[error("`{0}` is no version of TLS that is spoken here: 1.2 and 1.3 are")]
    Version(String),
}

impl Tls {
    /// With the certificates and the key of these PEM files. Terminals need a certificate that an authority of
    /// `client_ca` has signed, where there is one. `version` is the only one that is spoken; without it, 1.2 and 1.3 are.
    ///
    /// # Errors
    /// If a file can't be read or used, or there is no such version.
    pub fn read(
        certificate: &Path,
        key: &Path,
        client_ca: Option<&Path>,
        version: Option<&str>,
    ) -> Result<Self, TlsError> {
        let versions = match version {
            None => &[&TLS13, &TLS12][..],
            Some("1.2") => &[&TLS12],
            Some("1.3") => &[&TLS13],
            Some(other) => return Err(TlsError::Version(other.to_owned())),
        };
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions);
        let config = config.map_err(unusable)?;
        let config = match client_ca {
            None => config.with_no_client_auth(),
            Some(path) => {
                let mut authorities = RootCertStore::empty();
                for authority in certificates(path)? {
                    authorities.add(authority).map_err(unusable)?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(authorities.into(), provider).build();
                config.with_client_cert_verifier(verifier.map_err(unusable)?)
            }
        };
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| TlsError::Pem(key.display().to_string(), error))?;
        Ok(Tls(Arc::new(config.with_single_cert(certificates(certificate)?, key).map_err(unusable)?)))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |error| TlsError::Pem(path.display().to_string(), error);
    CertificateDer::pem_file_iter(path).map_err(wrong)?.collect::<Result<_, _>>().map_err(wrong)
}

fn unusable(error: impl std::fmt::Display) -> TlsError {
    TlsError::Unusable(error.to_string())
}
