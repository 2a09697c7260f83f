//! What a failed handshake says, in words that tell what to do.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

/// The failure of a connection over TLS, where it is TLS that failed, in words; otherwise as it was.
pub(crate) fn explain(error: io::Error) -> io::Error {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else { return error };
    io::Error::new(error.kind(), words(tls))
}

fn words(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::AlertReceived(alert) => refusal(*alert),
        Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13)
        | Error::PeerIncompatible(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig) => {
            "the host speaks no version of TLS that `min_version` allows".to_owned()
        }
        Error::InvalidMessage(_) => "what the host says is not TLS: is it the right port?".to_owned(),
        other => format!("TLS: {other}"),
    }
}

/// What is wrong with the host's certificate.
fn certificate(error: &CertificateError) -> String {
    match error {
        // The second is an authority of the same name with another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the host's certificate is signed by nobody whom `ca` names".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the host's certificate has expired; is this machine's clock right?".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the host's certificate is not valid yet; is this machine's clock right?".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the host's certificate is for another name; `server_name` says which it must be for".to_owned()
        }
        CertificateError::Other(other) => other.0.to_string(),
        other => format!("the host's certificate: {other}"),
    }
}

/// What the host holds against us.
fn refusal(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "the host wants a certificate of this terminal: name it in `certificate` and `key`".to_owned()
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied => format!("the host refuses this terminal's certificate ({alert:?})"),
        // What TLS 1.2 says for the lack of a certificate too.
        AlertDescription::HandshakeFailure => "the host breaks off the handshake (HandshakeFailure): it may want a \
             certificate of this terminal, or a cipher suite that is not spoken here"
            .to_owned(),
        AlertDescription::ProtocolVersion => "the host speaks no version of TLS that `min_version` allows".to_owned(),
        other => format!("the host breaks off the handshake ({other:?})"),
    }
}
