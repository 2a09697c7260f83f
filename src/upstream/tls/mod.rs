//! TLS 1.3 and 1.2 to the host: whom to trust, who we are, and what a failure says.
//!
//! The cryptography is ring's: it builds with the C compiler that SQLite needs already, where aws-lc-rs wants more tools
//! and minutes. Sessions are never resumed and nothing is sent early, so that every connection is judged anew and no
//! request can be replayed.

mod certificate;
mod failure;
mod identity;
mod pin;
mod settings;

use std::sync::Arc;

use jiff::Timestamp;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use serde::Deserialize;

use self::certificate::Certificate;
use self::pin::PinningVerifier;
pub(super) use failure::explain;
pub use identity::{Identity, IdentityError};
pub use pin::Pin;
pub use settings::InvalidTls;
pub(crate) use settings::TlsSettings;

/// How TLS is spoken with a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The name for which its certificate must be.
    server_name: ServerName<'static>,
    /// Who may have signed it. All can be used.
    authorities: Vec<CertificateDer<'static>>,
    /// The public keys it may have; any, where there are none.
    pins: Vec<Pin>,
    /// The oldest version that is spoken.
    min_version: TlsVersion,
    /// The terminal's certificate, and those between it and an authority; empty where the host wants none.
    certificate: Vec<CertificateDer<'static>>,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    Tls13,
}

impl TlsVersion {
    /// This one, and those that are newer.
    fn and_newer(self) -> &'static [&'static SupportedProtocolVersion] {
        const BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self {
            Self::Tls12 => &BOTH,
            Self::Tls13 => &BOTH[..1],
        }
    }
}

/// Where all cryptography of TLS comes from.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

impl Tls {
    /// The name for which the host's certificate must be.
    pub(super) fn server_name(&self) -> &ServerName<'static> {
        &self.server_name
    }

    /// The terminal's certificate, and those between it and an authority; empty where the host wants none.
    pub fn certificate(&self) -> &[CertificateDer<'static>] {
        &self.certificate
    }

    /// What rustls is told. `identity` is who we are, to a host that asks.
    pub(super) fn client_config(&self, identity: Option<&Identity>) -> Arc<ClientConfig> {
        let mut authorities = RootCertStore::empty();
        for authority in &self.authorities {
            authorities.add(authority.clone()).expect("each was tried when the configuration was read");
        }
        let chain = WebPkiServerVerifier::builder_with_provider(authorities.into(), provider()).build();
        let verifier = PinningVerifier { chain: chain.expect("there is an authority"), pins: self.pins.clone() };
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(self.min_version.and_newer())
            .expect("the provider has cipher suites for each version")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match identity {
            Some(identity) => config.with_client_cert_resolver(identity.resolver()),
            None => config.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        Arc::new(config)
    }
}

/// How a connection is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsPeer {
    /// The version: `TLS 1.3` or `TLS 1.2`.
    pub version: &'static str,
    /// The cipher suite, by its registered name.
    pub cipher: String,
    /// Until when the host's certificate is valid.
    pub certificate_expires: Option<Timestamp>,
}

impl TlsPeer {
    /// Who is at the other end, once the handshake is done.
    pub(super) fn of(session: &ClientConnection) -> Self {
        let certificate = session.peer_certificates().and_then(|certificates| certificates.first());
        TlsPeer {
            version: match session.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
                _ => "TLS 1.2",
            },
            cipher: session.negotiated_cipher_suite().map_or_else(String::new, |suite| format!("{:?}", suite.suite())),
            certificate_expires: certificate
                .and_then(|certificate| Certificate::parse(certificate))
                .map(|certificate| certificate.not_after),
        }
    }
}
