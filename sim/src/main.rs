//! `tender-sim`: the simulated counterparties of a terminal, as programs of their own.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::{Parser, Subcommand};
use tender_sim::acquirer::{Acquirer, Desk, Macs, Rules, SignOn, Tls, WireFormat};
use tender_sim::card::{Card, Personality, PersonalityError};
use tender_sim::crypto::MessageMac;
use tender_sim::vpcd::{self, Departure};

/// The simulated counterparties of a terminal.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    counterparty: Counterparty,
}

#[derive(Subcommand)]
enum Counterparty {
    /// A card in a virtual PC/SC reader (vsmartcard-vpcd)
    Card(CardArguments),
    /// An acquirer on TCP, with the issuers behind it
    Acquirer(Box<AcquirerArguments>),
}

#[derive(clap::Args)]
struct CardArguments {
    /// The name of a personality, or a file that holds one
    #[arg(long, default_value = "visa-online")]
    personality: String,
    /// Leave the field at this command, counted from 1, and end
    #[arg(long, value_name = "N")]
    torn_at: Option<NonZeroU32>,
    /// Where the reader listens for its card
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, vpcd::PORT)))]
    vpcd: SocketAddr,
    /// List the personalities and end
    #[arg(long)]
    list: bool,
}

#[derive(clap::Args)]
struct AcquirerArguments {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8583")]
    listen: SocketAddr,
    /// How messages are written: ascii, ascii-binary, bcd, iso-1993 or union-pay
    #[arg(long, default_value = "bcd", value_parser = |name: &str| WireFormat::named(name).ok_or("no such dialect"))]
    dialect: WireFormat,
    /// The length header: 2-binary, 4-binary, 2-ascii or 4-ascii
    #[arg(long, default_value = "2-binary")]
    header: String,
    /// Expect a TPDU before each message, and answer with one
    #[arg(long)]
    tpdu: bool,
    /// A file of rules; without it, the last two digits of the amount decide: 51 declines, 93 and 94 answer without a MAC
    /// and with a wrong one, 96 does not answer at all
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Expect message authentication codes in fields 64 and 128, and answer with them; requests with a wrong one are
    /// refused and not booked: retail-padding-1, retail-padding-2, aes-cmac or union-pay-ecb
    #[arg(long, value_name = "ALGORITHM", value_parser = MessageMac::NAMES)]
    mac: Option<String>,
    /// The key of those codes: 32 hexadecimal digits
    #[arg(long, value_name = "HEX", requires = "mac", value_parser = key)]
    mac_key: Option<[u8; 16]>,
    /// The base derivation key, from which those codes' keys are derived by each request's key serial number: 32 hexadecimal
    /// digits; of AES DUKPT for aes-cmac, of TDES DUKPT for the others
    #[arg(long, value_name = "HEX", requires = "mac", conflicts_with = "mac_key", value_parser = key)]
    bdk: Option<[u8; 16]>,
    /// The master key of every terminal: it gets the key of those codes when it signs on, enciphered under this one with a
    /// check value, in field 62: 32 hexadecimal digits
    #[arg(long, value_name = "HEX", requires = "mac", conflicts_with_all = ["mac_key", "bdk"], value_parser = key)]
    master_key: Option<[u8; 16]>,
    /// After how many messages a terminal must sign on again
    #[arg(long, value_name = "N", requires = "master_key")]
    keys_expire_after: Option<u32>,
    /// The field that has the key serial number, in hexadecimal digits
    #[arg(long, value_name = "FIELD", requires = "bdk", default_value_t = 63)]
    ksn_field: u8,
    /// Speak TLS, with the certificates of this PEM file, the acquirer's own first
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The secret key of the first certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Let only terminals in whose certificate an authority of this PEM file has signed
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    client_ca: Option<PathBuf>,
    /// Speak this version of TLS alone: 1.2 or 1.3
    #[arg(long, value_name = "VERSION", requires = "tls_cert")]
    tls_version: Option<String>,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().counterparty {
        Counterparty::Card(arguments) => card(&arguments).map_err(Into::into),
        Counterparty::Acquirer(arguments) => acquirer(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tender-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Presents a card until it is torn off. Where no reader is there, or it goes, waits for one.
fn card(arguments: &CardArguments) -> Result<(), PersonalityError> {
    if arguments.list {
        for name in Personality::names() {
            println!("{name:24}{}", Personality::built_in(name)?.description);
        }
        return Ok(());
    }
    let mut personality = personality(&arguments.personality)?;
    personality.torn_at = arguments.torn_at.or(personality.torn_at);
    println!("{}", personality.description);
    let mut card = Card::new(&personality);
    let mut waiting = false;
    loop {
        match vpcd::present(&mut card, arguments.vpcd) {
            Ok(Departure::Card) => {
                println!("The card left the field.");
                return Ok(());
            }
            Ok(Departure::Reader) => waiting = false,
            Err(error) if !waiting => {
                eprintln!("Waiting for a reader at {}: {error}", arguments.vpcd);
                waiting = true;
            }
            Err(_) => {}
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// A name is one that the program brings along; whatever has a slash or a dot in it is a file.
fn personality(name: &str) -> Result<Personality, PersonalityError> {
    if name.contains(['/', '.']) { Personality::load(Path::new(name)) } else { Personality::built_in(name) }
}

/// A key in hexadecimal digits.
fn key(text: &str) -> Result<[u8; 16], String> {
    let is_key = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let key = u128::from_str_radix(text, 16).ok().filter(|_| is_key);
    key.map(u128::to_be_bytes).ok_or_else(|| "32 hexadecimal digits are a key".to_owned())
}

/// Answers until it is ended from outside.
fn acquirer(arguments: &AcquirerArguments) -> Result<(), Box<dyn Error>> {
    let format = arguments.dialect.with_header(&arguments.header).ok_or("no such length header")?;
    let format = if arguments.tpdu { format.with_tpdu() } else { format };
    let rules = arguments.rules.as_deref().map(Rules::read).transpose()?.unwrap_or_default();
    let desk = Desk::new(format, rules);
    let desk = match (&arguments.mac, arguments.mac_key, arguments.bdk) {
        (None, ..) => desk,
        (Some(algorithm), None, None) => {
            let master = arguments.master_key.ok_or("--mac needs --mac-key, --bdk or --master-key")?;
            let sign_on = SignOn::new(algorithm, master).ok_or("no such algorithm with keys by sign-on")?;
            desk.with_sign_on(match arguments.keys_expire_after {
                Some(messages) => sign_on.with_lifetime(messages),
                None => sign_on,
            })
        }
        (Some(algorithm), Some(key), _) => desk.with_macs(Macs::fixed(algorithm, key).ok_or("no such algorithm")?),
        (Some(algorithm), None, Some(base)) => {
            desk.with_macs(Macs::derived(algorithm, base, arguments.ksn_field).ok_or("no such algorithm")?)
        }
    };
    let tls = arguments.tls_cert.as_deref().zip(arguments.tls_key.as_deref());
    let tls = tls.map(|(certificate, key)| {
        Tls::read(certificate, key, arguments.client_ca.as_deref(), arguments.tls_version.as_deref())
    });
    let acquirer = Acquirer::open_with_tls(arguments.listen, desk, tls.transpose()?)?;
    println!("Listening at {}.", acquirer.address());
    loop {
        thread::park();
    }
}
