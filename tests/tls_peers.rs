//! The host link and OpenSSL at the other end, with RSA certificates that Python's `cryptography` makes: what is believed,
//! what is refused, and that a refusal of OpenSSL's leaves nothing in doubt either.

#[path = "support/python.rs"]
mod python;
#[path = "support/upstream.rs"]
mod upstream;

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use python::{python, script};
use tempfile::TempDir;
use tender_sim::acquirer::{Acquirer, Rules, WireFormat};
use tenderd::upstream::{Host, HostConfig, HostError, Identity, LinkInputs, MacKeys, NotSent};
use upstream::{acceptor, config, sale};

const HOST: &str = "gateway.bank.example";

/// Two banks: the second has signed for nobody who is asked for here.
struct Banks {
    bank: TempDir,
    stranger: TempDir,
}

impl Banks {
    fn new(python: &OsString) -> Self {
        let bank = || {
            let folder = tempfile::tempdir().unwrap();
            let mut command = script(python, "rsa_certificates.py", &[folder.path().to_str().unwrap(), HOST]);
            assert!(command.status().expect("TENDER_PYTHON runs").success());
            folder
        };
        Banks { bank: bank(), stranger: bank() }
    }
}

/// OpenSSL in front of an acquirer. It ends with this value.
struct OpenSsl(Child, String);

impl OpenSsl {
    fn start(python: &OsString, folder: &Path, acquirer: &Acquirer, [version, tickets, clients]: [&str; 3]) -> Self {
        let (folder, port) = (folder.to_str().unwrap(), acquirer.address().port().to_string());
        let mut command = script(python, "openssl_host.py", &[folder, &port, version, tickets, clients]);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("TENDER_PYTHON runs");
        let mut port = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut port).expect("it says where it listens");
        OpenSsl(process, format!("127.0.0.1:{}", port.trim()))
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        // A process that has ended by itself needs no ending.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How a terminal that trusts the bank speaks with the host at `address`; and shows it the certificate of this folder.
fn settings(address: &str, banks: &Banks, folder: Option<&Path>) -> HostConfig {
    let certificate = folder.map_or(String::new(), |folder| {
        format!(", certificate = '{}', key = {{ file = '-' }}", folder.join("terminal.pem").display())
    });
    let ca = banks.bank.path().join("bank.pem");
    config(
        address,
        &format!(
            "dialect = 'bcd'\nresponse_timeout_ms = 2000\ntls = {{ ca = '{}', server_name = '{HOST}'{certificate} }}",
            ca.display()
        ),
    )
}

fn link(address: &str, banks: &Banks, folder: Option<&Path>) -> Host {
    let config = settings(address, banks, folder);
    let identity = folder.map(|folder| {
        let key = fs::read_to_string(folder.join("terminal.key")).unwrap();
        Identity::new(config.tls.as_ref().unwrap().certificate(), &key).unwrap()
    });
    Host::start_with(config, acceptor(), LinkInputs { identity, ..MacKeys::None.into() })
}

/// Why a sale was not sent.
async fn not_sent(host: &Host) -> String {
    match host.authorise(&sale(1, 1250)).await.unwrap_err() {
        HostError::NotSent(NotSent::Connect { reason, .. }) => reason,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_host_with_openssl_is_sold_by_and_what_it_refuses_was_not_sent() {
    let Some(python) = python() else { return };
    let banks = Banks::new(&python);
    let (bank, stranger) = (banks.bank.path(), banks.stranger.path());
    for (version, tickets) in [("TLSv1_2", "2"), ("TLSv1_3", "2"), ("TLSv1_3", "0")] {
        let acquirer = Acquirer::start("127.0.0.1:0", WireFormat::named("bcd").unwrap(), Rules::default()).unwrap();
        let all = OpenSsl::start(&python, bank, &acquirer, [version, tickets, "all"]);
        let signed = OpenSsl::start(&python, bank, &acquirer, [version, tickets, "signed"]);
        let other = OpenSsl::start(&python, stranger, &acquirer, [version, tickets, "all"]);

        let reason = not_sent(&link(&other.1, &banks, None)).await;
        assert!(reason.contains("signed by nobody"), "{version}: {reason}");
        let reason = not_sent(&link(&signed.1, &banks, None)).await;
        assert!(reason.contains("certificate"), "{version} with {tickets} tickets: {reason}");
        let reason = not_sent(&link(&signed.1, &banks, Some(stranger))).await;
        assert!(reason.contains("refuses this terminal's certificate"), "{version} with {tickets} tickets: {reason}");
        assert!(acquirer.ledger().entries.is_empty());

        for (stan, (address, folder)) in (1..).zip([(&all.1, None), (&signed.1, Some(bank))]) {
            let host = link(address, &banks, folder);
            for stan in [stan * 10, stan * 10 + 1] {
                assert!(host.authorise(&sale(stan, 1250)).await.unwrap().decision.is_approved(), "{version}");
            }
            let tls = host.state().borrow().peer.clone().unwrap().tls.unwrap();
            assert_eq!(tls.version, if version == "TLSv1_2" { "TLS 1.2" } else { "TLS 1.3" });
        }
        assert_eq!(acquirer.ledger().total(), 5000);
    }
}
