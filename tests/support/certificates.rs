//! Certificates for TLS, made when a test runs.

#![allow(dead_code, reason = "every test program uses its part of this")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData, SerialNumber, date_time_ymd,
};
use sha2::{Digest, Sha256};

/// Years in which a certificate is valid: from the first day of one to the first day of another.
pub(crate) type Years = (i32, i32);

/// Valid now.
pub(crate) const NOW: Years = (2020, 2099);

/// Whoever signs certificates, and writes them into a folder.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
}

/// A certificate with its key: `NAME.pem` and `NAME.key` in the folder of its authority.
pub(crate) struct Issued {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// The SHA-256 of its public key, in hexadecimal.
    pub(crate) pin: String,
}

impl Authority {
    /// An authority, whose certificate is `NAME.pem` in this folder.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key can be made");
        let mut parameters = parameters(name, NOW);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = parameters.self_signed(&key).expect("it can sign itself");
        fs::write(folder.join(name).with_extension("pem"), certificate.pem()).expect("the folder is the test's");
        Authority { issuer: Issuer::new(parameters, key), folder: folder.to_owned() }
    }

    /// A certificate for a host or a terminal of this name, which is the name of its files as well.
    pub(crate) fn issue(&self, name: &str, years: Years) -> Issued {
        self.issue_for(name, name, years)
    }

    /// The same, with files of another name.
    pub(crate) fn issue_for(&self, subject: &str, name: &str, years: Years) -> Issued {
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = parameters(subject, years).signed_by(&key, &self.issuer).expect("the authority can sign");
        let file = |extension: &str, text: String| {
            let path = self.folder.join(format!("{name}.{extension}"));
            fs::write(&path, text).expect("the folder is the test's");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the file is the test's");
            path
        };
        let digest = Sha256::digest(key.subject_public_key_info());
        Issued {
            certificate: file("pem", certificate.pem()),
            key: file("key", key.serialize_pem()),
            pin: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

fn parameters(name: &str, (from, to): Years) -> CertificateParams {
    let mut parameters = CertificateParams::new([name.to_owned()]).expect("it is a name");
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.serial_number = Some(SerialNumber::from(1));
    (parameters.not_before, parameters.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
    parameters
}
