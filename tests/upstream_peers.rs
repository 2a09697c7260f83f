//! The host link and peers that nobody here wrote, each a process of its own: PyPI's iso8583sim as the host, pyiso8583
//! to read what is sent, pyemv to verify the cryptogram in it.
//!
//! `TENDER_PYTHON` names a Python in which `tests/peers/requirements.txt` is installed; without it the tests say that
//! they skip.

#[path = "support/chip_data.rs"]
mod chip_data;
#[path = "support/python.rs"]
mod python;
#[path = "support/upstream.rs"]
mod upstream;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use python::python;
use tender_sim::acquirer::{Acquirer, Rules, WireFormat};
use tenderd::upstream::{
    AuthorisationRequest, Decision, Host, HostConfig, HostError, NetworkPurpose, NetworkRequest, NoAnswer, OnReversal,
};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use upstream::{acceptor, chip_sale, config, reversal, sale};

/// Runs a script of `tests/peers` and returns what it prints.
fn run(python: &OsString, script: &str, arguments: &[&str], input: &str) -> String {
    let mut command = python::script(python, script, arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("TENDER_PYTHON runs");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("the script reads its input");
    let output = child.wait_with_output().expect("the script ends");
    assert!(output.status.success(), "{script} failed");
    String::from_utf8(output.stdout).expect("the script prints text")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02X}").expect("a string takes everything");
        text
    })
}

/// iso8583sim as a host. It ends with this value.
struct MockHost {
    process: Child,
    address: String,
    // The rules are read when it starts, and the file goes with it.
    _rules: tempfile::NamedTempFile,
}

impl MockHost {
    /// Amounts from 900.00 up choose: decline, no answer, the connection closed, an answer after 900 ms.
    const RULES: &str = r#"{"rules": [
        {"match": {"mti": ["0100", "0200"], "fields": {"4": "000000090051"}}, "respond": "51"},
        {"match": {"mti": ["0100", "0200"], "fields": {"4": "000000090096"}}, "action": "drop"},
        {"match": {"mti": ["0100", "0200"], "fields": {"4": "000000090098"}}, "action": "close"},
        {"match": {"mti": ["0100", "0200"], "fields": {"4": "000000090097"}}, "delay_ms": 900}
    ]}"#;

    fn start(python: &OsString, format: &str, more: &[&str]) -> Self {
        let mut rules = tempfile::Builder::new().suffix(".json").tempfile().expect("a temporary file");
        rules.write_all(Self::RULES.as_bytes()).expect("room for the rules");
        let mut command = Command::new(python);
        command.args(["-c", "from iso8583sim.cli.commands import main; main()", "serve", "--port", "0"]);
        command.args(["--format", format]).args(more).arg("--rules").arg(rules.path());
        command.env("COLUMNS", "200").stdout(Stdio::piped());
        let mut process = command.spawn().expect("TENDER_PYTHON runs");
        let mut first_line = String::new();
        let stdout = process.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut first_line).expect("iso8583sim says where it listens");
        let address = first_line.split_whitespace().find(|word| word.starts_with("127.0.0.1:"));
        let address = address.unwrap_or_else(|| panic!("no address in {first_line:?}")).to_owned();
        Self { process, address, _rules: rules }
    }
}

impl Drop for MockHost {
    fn drop(&mut self) {
        // A process that has ended by itself needs no ending.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One host, in one format, through everything that it can do.
async fn approve_decline_drop_and_delay(python: &OsString, format: &str, more: &[&str], dialect: &str) {
    let mock = MockHost::start(python, format, more);
    let settings = format!("response_timeout_ms = 600\nbackoff_initial_ms = 10\n{dialect}");
    let host = Host::start(config(&mock.address, &settings), acceptor());

    let echo = NetworkRequest {
        stan: sale(1, 0).stan,
        at: sale(1, 0).at,
        purpose: NetworkPurpose::EchoTest,
        batch: sale(1, 0).batch,
    };
    assert_eq!(host.manage(echo).await.map(|code| code.to_string()), Ok("00".to_owned()), "{format}");

    let record = chip_data::data_record("visa-online");
    let chip = chip_sale(2, &record, chip_data::track2(&record), VISA);
    let approved = host.authorise(&chip).await.unwrap();
    assert_eq!((approved.decision, approved.authorisation_code.as_deref()), (Decision::Approved, Some("A00002")));
    assert_eq!(approved.acquirer_rrn, None, "{format}: it gives ours back");

    let declined = host.authorise(&sale(3, 90_051)).await.unwrap();
    assert_eq!(
        (declined.decision, declined.response_code.to_string().as_str()),
        (Decision::Declined, "51"),
        "{format}"
    );

    for (stan, amount) in [(10, 90_096), (20, 90_098), (30, 90_097)] {
        let sale = sale(stan, amount);
        let error = host.authorise(&sale).await.unwrap_err();
        match amount {
            90_098 => assert!(matches!(error, HostError::NoAnswer(NoAnswer::ConnectionLost(_))), "{format}: {error}"),
            _ => assert_eq!(error, NoAnswer::TimedOut.into(), "{format}"),
        }
        assert_eq!(host.reverse(&reversal(&sale)).await.unwrap().says, OnReversal::Settles, "{format}");
    }
    // The late answer comes now or has come, and is nobody's.
    assert_eq!(
        host.authorise(&sale(40, 1250)).await.unwrap().authorisation_code.as_deref(),
        Some("A00040"),
        "{format}"
    );
}

const VISA: &[u8] = &[0xA0, 0x00, 0x00, 0x00, 0x03, 0x10, 0x10];
const MASTERCARD: &[u8] = &[0xA0, 0x00, 0x00, 0x00, 0x04, 0x10, 0x10];

#[tokio::test]
async fn iso8583sim_approves_declines_drops_and_delays_in_ascii() {
    let Some(python) = python() else { return };
    let dialect = "dialect = { preset = 'ascii', header = '4-ascii' }";
    approve_decline_drop_and_delay(&python, "ascii-hex", &["--header", "4a"], dialect).await;
}

#[tokio::test]
async fn iso8583sim_approves_declines_drops_and_delays_in_ascii_with_binary_fields() {
    let Some(python) = python() else { return };
    let dialect = "dialect = { preset = 'ascii-binary', header = '4-binary' }";
    approve_decline_drop_and_delay(&python, "ascii-binary", &["--header", "4b"], dialect).await;
}

#[tokio::test]
async fn iso8583sim_approves_declines_drops_and_delays_in_bcd_with_a_tpdu() {
    let Some(python) = python() else { return };
    // This host packs the response code.
    let dialect = "dialect = { preset = 'bcd', tpdu = '6000010000', fields = { 39 = 'n2' } }";
    approve_decline_drop_and_delay(&python, "bcd", &["--header", "2b", "--tpdu", "6000010000"], dialect).await;
}

/// The message that the link sends for `request`, without its length header of two bytes.
async fn sent(dialect: &str, request: &AuthorisationRequest) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let settings: HostConfig = config(address, &format!("dialect = '{dialect}'"));
    let host = Host::start(settings, acceptor());
    let take = async {
        let (mut line, _) = listener.accept().await.expect("the link connects");
        let length = line.read_u16().await.expect("a length header");
        let mut message = vec![0; length.into()];
        line.read_exact(&mut message).await.expect("a message");
        message
    };
    let (message, answer) = tokio::join!(take, host.authorise(request));
    assert!(answer.is_err(), "nobody answers");
    message
}

#[tokio::test]
async fn pyiso8583_reads_what_is_sent_field_by_field() {
    let Some(python) = python() else { return };
    let record = chip_data::data_record("visa-online");
    let request = chip_sale(42, &record, chip_data::track2(&record), VISA);
    let track2 = request.track2.as_ref().unwrap().digits('=');
    let expiry = request.card.expiry;
    for dialect in ["ascii", "ascii-binary", "bcd"] {
        // Packed digits have no `=`: the separator of a track is the nibble D.
        let track2 = if dialect == "bcd" { track2.replace('=', "D") } else { track2.to_string() };
        let expected: BTreeMap<u8, String> = [
            (0, "0100"),
            (2, "4761739001010119"),
            (3, "000000"),
            (4, "000000001250"),
            (7, "0721123005"),
            (11, "000042"),
            (12, "143005"),
            (13, "0721"),
            (14, &format!("{:02}{:02}", expiry.year() % 100, expiry.month())),
            (18, "5411"),
            (19, "056"),
            (22, "071"),
            (23, "001"),
            (25, "00"),
            (32, "123456"),
            (35, &track2),
            (37, "620212000042"),
            (41, "TERM0001"),
            (42, "MERCHANT0000001"),
            (43, "Grocer           Antwerp      BE        "),
            (49, "978"),
            (55, &hex(&request.icc_data)),
        ]
        .into_iter()
        .map(|(number, value)| (number, value.to_owned()))
        .collect();
        let printed = run(&python, "decode_fields.py", &[dialect], &hex(&sent(dialect, &request).await));
        let field =
            |line: &str| line.split_once(' ').map(|(number, value)| (number.parse().unwrap(), value.to_owned()));
        let decoded: BTreeMap<u8, String> = printed.lines().filter_map(field).collect();
        assert_eq!(decoded, expected, "{dialect}");
    }
}

#[tokio::test]
async fn pyiso8583_reads_what_is_sent_in_1993() {
    let Some(python) = python() else { return };
    let record = chip_data::data_record("visa-online");
    let request = chip_sale(42, &record, chip_data::track2(&record), VISA);
    let printed = run(&python, "decode_fields.py", &["iso-1993"], &hex(&sent("iso-1993", &request).await));
    for line in [
        "0 1100",
        "2 4761739001010119",
        "4 000000001250",
        "11 000042",
        "12 260721143005",
        "22 M00101M99000",
        "24 100",
        "26 5411",
        "43 Grocer           Antwerp      BE",
        &format!("55 {}", hex(&request.icc_data)),
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} is not in\n{printed}");
    }
    assert_eq!(printed.lines().count(), 21, "{printed}");
}

/// The key in one of the simulated issuers' key files.
fn issuer_master_key(scheme: &str) -> String {
    let path = format!("{}/sim/keys/{scheme}.toml", env!("CARGO_MANIFEST_DIR"));
    let keys: toml::Table = std::fs::read_to_string(path).expect("the key file").parse().expect("it is TOML");
    keys["issuer"]["ac_master_key"].as_str().expect("a key").to_owned()
}

#[tokio::test]
async fn pyemv_verifies_the_cryptogram_in_what_is_sent_and_the_issuers_answer() {
    let Some(python) = python() else { return };
    let format = WireFormat::named("bcd").unwrap();
    let acquirer = Acquirer::start("127.0.0.1:0", format, Rules::parse("").unwrap()).unwrap();
    let host = Host::start(config(acquirer.address(), "dialect = 'bcd'"), acceptor());
    let personalities = [
        ("visa-online-cvn10", "visa", VISA, "0A"),
        ("visa-online-cvn17", "visa", VISA, "11"),
        ("visa-online", "visa", VISA, "12"),
        ("mastercard-online", "mastercard", MASTERCARD, "10"),
    ];
    for (stan, (personality, scheme, aid, version)) in (1..).zip(personalities) {
        let record = chip_data::data_record(personality);
        let request = chip_sale(stan, &record, chip_data::track2(&record), aid);
        let answer = host.authorise(&request).await.unwrap().issuer_data.issuer_authentication_data.unwrap();
        let (key, pan) = (issuer_master_key(scheme), request.card.pan.digits());
        let printed = run(&python, "verify_cryptogram.py", &[&key, pan, "01", &hex(&answer)], &hex(&request.icc_data));
        assert_eq!(printed, format!("version {version}: verified\nanswer: verified\n"), "{personality}");
    }
}
