//! Who this terminal is to a host that asks for a certificate.

use std::fmt;
use std::sync::Arc;

use rustls::InconsistentKeys;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::provider;

/// The terminal's certificate, and its secret key.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

/// Why a key gives no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The text is no key.
    #[error("no private key in PEM (`-----BEGIN PRIVATE KEY-----`), or one that is encrypted")]
    NoKey,
    /// The key is of a kind that is not known.
    #[error("the key can't be used: {0}")]
    Unusable(String),
    /// It is another certificate's.
    #[error("the key is not that of `certificate`")]
    OtherKey,
}

impl Identity {
    /// The certificates with the key that is in this PEM: PKCS #8, PKCS #1 or SEC 1.
    ///
    /// # Errors
    /// If that is no key, or not that of the first certificate.
    pub fn new(certificates: &[CertificateDer<'static>], pem: &str) -> Result<Self, IdentityError> {
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| IdentityError::NoKey)?;
        let signing_key = provider().key_provider.load_private_key(key);
        let signing_key = signing_key.map_err(|error| IdentityError::Unusable(error.to_string()))?;
        let certified = CertifiedKey::new(certificates.to_vec(), signing_key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Identity(certified.into())),
            Err(_) => Err(IdentityError::OtherKey),
        }
    }

    pub(super) fn resolver(&self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(self.0.clone()))
    }
}

/// The key is a secret, and who sees the certificate learns nothing by it here.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}
