//! Sales from register to acquirer as they are in earnest: over TLS, with certificates on both sides, and with a MAC on
//! every message about money.

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/register.rs"]
mod register;
#[path = "support/terminal.rs"]
mod terminal;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use certificates::{Authority, Issued, NOW};
use register::Register;
use serde_json::Value;
use tempfile::TempDir;
use tender_sim::acquirer::{Acquirer, Desk, Macs, Rules, Tls, WireFormat};
use terminal::{ANYWHERE, Readers, Terminal};

const HOST: &str = "gateway.bank.example";
const CARD: Readers<'_> = Readers::Simulated(&["visa-online"]);

/// Who signs for bank and shop, and what was signed.
struct Certificates {
    folder: TempDir,
    host: Issued,
    terminal: Issued,
}

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bank = Authority::new(folder.path(), "bank");
        let (host, terminal) = (bank.issue(HOST, NOW), bank.issue("TERM0001", NOW));
        Certificates { folder, host, terminal }
    }

    fn authority(&self) -> std::path::PathBuf {
        self.folder.path().join("bank.pem")
    }

    /// An acquirer that lets in whom the bank has signed, and wants these MACs.
    fn acquirer(&self, macs: Option<Macs>) -> Acquirer {
        let tls = Tls::read(&self.host.certificate, &self.host.key, Some(&self.authority()), None).unwrap();
        let desk = Desk::new(WireFormat::named("bcd").unwrap(), Rules::default());
        let desk = if let Some(macs) = macs { desk.with_macs(macs) } else { desk };
        Acquirer::open_with_tls(ANYWHERE, desk, Some(tls)).unwrap()
    }

    /// What the configuration says of TLS.
    fn settings(&self) -> String {
        format!(
            "tls = {{ ca = '{}', server_name = '{HOST}', pins = ['{}'], certificate = '{}', key = {{ file = '{}' }} }}",
            self.authority().display(),
            self.host.pin,
            self.terminal.certificate.display(),
            self.terminal.key.display(),
        )
    }
}

/// A terminal with this dialect, whose configuration says this of `[keys.NAME]`, and its register.
fn start(acquirer: Acquirer, tls: &str, dialect: &str, (table, keys): (&str, &str)) -> (Terminal, Register) {
    let host = format!("dialect = {{ preset = 'bcd'{dialect} }}\n{tls} #");
    let (table, keys) = (format!("# [keys.{table}]"), format!("[keys.{table}]\n{keys}\n#"));
    let changes = [("dialect = \"bcd\"", &*host), (&table, &keys)];
    let mut terminal = Terminal::prepare_for(acquirer, CARD, &changes[..if keys.contains("file") { 2 } else { 1 }]);
    terminal.resume();
    let register = Register::of(&terminal);
    (terminal, register)
}

fn result_of(register: &Register, token: &str, minor: u64) -> String {
    register.sell(token, minor, None).unwrap();
    register.done(token).result()
}

/// A file with a key in it, which nobody else can read.
fn key_file(folder: &Path, digits: &str) -> String {
    let path = folder.join("message.key");
    fs::write(&path, digits).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    format!("file = '{}'", path.display())
}

/// Sells, loses an answer, refunds, and sells again after a power cut: bank and shop agree.
fn sells(terminal: &mut Terminal, register: &Register) {
    assert_eq!(result_of(register, "t1", 1250), "approved");
    assert_eq!(result_of(register, "t2", 1298), "reversed", "the host dropped the line instead of an answer");
    assert_eq!(result_of(register, "t3", 1296), "reversed", "the host did not answer");
    let refund = terminal.tenderctl(&["refund", "t1", "2.50", "--json"]);
    assert!(refund.status.success(), "{refund:?}");
    terminal.kill();
    terminal.resume();
    assert_eq!(result_of(register, "t4", 700), "approved");
    register.reconcile(&terminal.acquirer.ledger());
}

/// Neither the key of the certificate nor this one is in the log, which says everything, or in the journal.
fn keeps_secret(terminal: &Terminal, certificates: &Certificates, digits: &str) {
    let pem = fs::read_to_string(&certificates.terminal.key).unwrap();
    let written = [terminal.log().into_bytes(), fs::read(terminal.file("journal.db")).unwrap()].concat();
    let written = String::from_utf8_lossy(&written).to_uppercase();
    for secret in pem.lines().filter(|line| !line.starts_with("-----")).chain([digits]) {
        assert!(!written.contains(&secret.to_uppercase()), "{secret} was written");
    }
}

#[test]
fn a_sale_over_tls_is_booked_and_the_link_tells_who_is_there() {
    let certificates = Certificates::new();
    let acquirer = certificates.acquirer(None);
    let (mut terminal, register) = start(acquirer, &certificates.settings(), "", ("mac", ""));
    sells(&mut terminal, &register);
    let host = terminal.tenderctl(&["host", "--json"]);
    let host: Value = serde_json::from_slice(&host.stdout).unwrap();
    let link = &host["acquirers"][0];
    assert_eq!(
        (&host["response_code"], &link["connected"], &link["failures"]),
        (&"00".into(), &true.into(), &0.into())
    );
    assert_eq!((&link["tls"], &link["certificate_expires"]), (&"TLS 1.3".into(), &"2099-01-01T00:00:00Z".into()));
    assert_eq!(link["peer"], terminal.acquirer.address().to_string());
    let shown = String::from_utf8(terminal.tenderctl(&["host"]).stdout).unwrap();
    assert!(shown.contains("TLS 1.3 TLS13_AES") && shown.contains("certificate until"), "{shown}");
}

#[test]
fn what_goes_over_tls_has_macs_of_one_key_as_well() {
    let certificates = Certificates::new();
    let digits = "30313233343536373839414243444546";
    let key = key_file(certificates.folder.path(), digits);
    for algorithm in ["retail-padding-2", "aes-cmac"] {
        let acquirer = certificates.acquirer(Macs::fixed(algorithm, *b"0123456789ABCDEF"));
        let dialect = format!(", mac = {{ algorithm = '{algorithm}', key = 'configured' }}");
        let (mut terminal, register) = start(acquirer, &certificates.settings(), &dialect, ("mac", &key));
        sells(&mut terminal, &register);
        for (token, minor) in [("no-mac", 1293), ("wrong-mac", 1294)] {
            assert_eq!(
                result_of(&register, token, minor),
                "reversed",
                "{algorithm} {token}: nobody believes the answer"
            );
        }
        let ledger = terminal.acquirer.ledger();
        assert_eq!(ledger.unauthenticated, 0, "{algorithm}");
        register.reconcile(&ledger);
        keeps_secret(&terminal, &certificates, digits);
    }
}

#[test]
fn what_goes_over_tls_has_macs_of_derived_keys_as_well_and_no_power_cut_uses_one_twice() {
    let certificates = Certificates::new();
    // ANSI X9.24-3:2017, supplement, and X9.24-1:2009, A.4: base derivation keys and the initial keys made from them.
    for (algorithm, base, scheme, initial_key, id) in [
        (
            "aes-cmac",
            0xFEDCBA9876543210F1F1F1F1F1F1F1F1_u128,
            "aes",
            "1273671EA26AC29AFA4D1084127652A1",
            "1234567890123456",
        ),
        (
            "retail-padding-1",
            0x0123456789ABCDEFFEDCBA9876543210,
            "tdes",
            "6AC292FAA1315B4D858AB3A3D7D5933A",
            "FFFF9876543210E00000",
        ),
    ] {
        let acquirer = certificates.acquirer(Macs::derived(algorithm, base.to_be_bytes(), 63));
        let dialect = format!(
            ", elements = {{ 63 = 'key_serial_number' }}, mac = {{ algorithm = '{algorithm}', key = 'dukpt' }}"
        );
        let key = key_file(certificates.folder.path(), initial_key);
        let keys = format!("{key}\nscheme = '{scheme}'\nid = '{id}'");
        let (mut terminal, register) = start(acquirer, &certificates.settings(), &dialect, ("dukpt", &keys));
        sells(&mut terminal, &register);
        // The acquirer books nothing under a key serial number that it has seen.
        let settled = |ledger: &tender_sim::acquirer::Ledger| ledger.key_serial_numbers.len() >= 7;
        let ledger = terminal.acquirer.ledger_when(Duration::from_secs(10), settled);
        assert!(settled(&ledger), "{scheme}: {:?}", ledger.key_serial_numbers);
        assert_eq!(ledger.unauthenticated, 0, "{scheme}");
        keeps_secret(&terminal, &certificates, initial_key);
    }
}
