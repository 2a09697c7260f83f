//! Pins: the public keys that a host may have, whatever its certificate says besides (RFC 7469, 2.4).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use sha2::{Digest, Sha256};

use super::certificate::Certificate;
use crate::terminal::Hex;

/// The SHA-256 of a public key, `subjectPublicKeyInfo` in DER. Its text is 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin([u8; 32]);

impl Pin {
    /// The pin of a certificate's key; nothing where this is no certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let public_key = Certificate::parse(certificate)?.public_key;
        Some(Pin(Sha256::digest(public_key).into()))
    }
}

impl FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digest = text.parse::<Hex>().ok().and_then(|hex| hex.0.try_into().ok());
        digest.map(Pin).ok_or_else(|| {
            format!("`{text}` is no pin: 64 hexadecimal digits are, the SHA-256 of the host's public key in DER")
        })
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The host has another key than those that are pinned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the host's public key is none of `pins`: its SHA-256 is {0}")]
pub(super) struct OtherKey(Pin);

/// Takes a certificate that is signed, named and dated as it should be, where its key is one of the pins as well.
/// Without pins, any key.
#[derive(Debug)]
pub(super) struct PinningVerifier {
    pub(super) chain: Arc<WebPkiServerVerifier>,
    pub(super) pins: Vec<Pin>,
}

impl PinningVerifier {
    fn check_pin(&self, certificate: &CertificateDer<'_>) -> Result<(), CertificateError> {
        let pin = Pin::of(certificate).ok_or(CertificateError::BadEncoding)?;
        let is_known = self.pins.is_empty() || self.pins.contains(&pin);
        if is_known { Ok(()) } else { Err(CertificateError::Other(OtherError(Arc::new(OtherKey(pin))))) }
    }
}

impl ServerCertVerifier for PinningVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        self.check_pin(end_entity)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
