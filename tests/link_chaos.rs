//! The host link through a line on which anything may happen at any byte: it ends, falls silent, crawls, or has a bit
//! turned over. Whatever does, the link says where the money is, and the acquirer's book agrees.
//!
//! What happens to each connection follows from a seed; when exactly, the system's scheduler has a say in.

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/random.rs"]
mod random;
#[path = "support/upstream.rs"]
mod upstream;

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use certificates::{Authority, NOW};
use random::Random;
use tender_sim::acquirer::{Acquirer, Desk, Ledger, Macs, Rules, Tls, WireFormat};
use tenderd::keys::MacKey;
use tenderd::upstream::{AuthorisationRequest, Host, MacKeys, OnReversal};
use upstream::{acceptor, config, reversal, sale};

const HOST: &str = "gateway.bank.example";
const KEY: [u8; 16] = *b"0123456789ABCDEF";

/// So many acquirers, each with lines of its own seed.
const SEEDS: u64 = 4;

/// What happens on a line.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    /// It ends.
    Cut,
    /// What is sent from then on arrives nowhere.
    Silence,
    /// A bit of the byte is turned over.
    Flip,
    /// From then on a byte arrives at a time.
    Crawl,
}

/// Something happens, once so many bytes have passed in one direction.
type Fate = Option<(Trouble, usize)>;

/// Passes on what comes from one side, until its fate is fulfilled or a side closes.
fn relay(mut from: TcpStream, mut to: TcpStream, fate: Fate) -> io::Result<()> {
    let mut buffer = [0; 1024];
    let mut passed = 0;
    loop {
        let bytes = from.read(&mut buffer)?;
        if bytes == 0 {
            return Ok(());
        }
        let (before, end) = (passed, passed + bytes);
        passed = end;
        match fate.filter(|(_, at)| *at < end).map(|(trouble, at)| (trouble, at.saturating_sub(before))) {
            None => to.write_all(&buffer[..bytes])?,
            Some((Trouble::Cut, at)) => return to.write_all(&buffer[..at]),
            Some((Trouble::Silence, at)) => {
                to.write_all(&buffer[..at])?;
                return io::copy(&mut from, &mut io::sink()).map(drop);
            }
            Some((Trouble::Flip, at)) => {
                // Once: later bytes are beyond it.
                buffer[at] ^= if fate.is_some_and(|(_, fated)| fated >= before) { 0x10 } else { 0 };
                to.write_all(&buffer[..bytes])?;
            }
            Some((Trouble::Crawl, _)) => {
                for byte in &buffer[..bytes] {
                    to.write_all(&[*byte])?;
                    thread::sleep(Duration::from_micros(100));
                }
            }
        }
    }
}

/// A line to the acquirer at `to` with such troubles; where it begins.
fn line(to: SocketAddr, mut random: Random, troubles: &'static [Trouble]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // The acquirer is gone when the test is over.
            let Ok(host) = TcpStream::connect(to) else { return };
            let mut fate = || random.percent(60).then(|| (random.pick(troubles), random.below(3000)));
            for (from, to, fate) in [(&client, &host, fate()), (&host, &client, fate())] {
                let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                thread::spawn(move || {
                    let _ = relay(from.try_clone().unwrap(), to.try_clone().unwrap(), fate);
                    [from, to].map(|side| side.shutdown(Shutdown::Both))
                });
            }
        }
    });
    address
}

/// What the link says has become of a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Approved,
    Declined,
    NotSent,
    Reversed,
}

/// Sells, and takes back what is in doubt.
async fn sell(host: &Host, sale: &AuthorisationRequest) -> End {
    match host.authorise(sale).await {
        Ok(answer) if answer.decision.is_approved() => return End::Approved,
        Ok(_) => return End::Declined,
        Err(error) if !error.is_reversal_needed() => return End::NotSent,
        Err(_) => {}
    }
    let mut reversal = reversal(sale);
    let mut times_not_found = 0;
    while times_not_found < 6 {
        match host.reverse(&reversal).await.map(|answer| answer.says) {
            Ok(OnReversal::Settles) => break,
            Ok(OnReversal::NotFound) => times_not_found += 1,
            Ok(_) | Err(_) => times_not_found = 0,
        }
        reversal.is_repeat = true;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    End::Reversed
}

/// What the acquirer's book must say of a sale that ended so.
fn check(ledger: &Ledger, sale: &AuthorisationRequest, end: End, seed: u64) {
    let entry = ledger.find(&sale.rrn.to_string());
    let stands = entry.map_or(0, |entry| entry.stands());
    let is_right = match end {
        End::Approved => stands == 1250,
        End::Declined | End::Reversed => stands == 0,
        End::NotSent => entry.is_none(),
    };
    assert!(is_right, "seed {seed}: STAN {} is {end:?}, and the acquirer has {entry:?}", sale.stan);
}

/// Sells over bad lines to this acquirer, and compares the books; how the sales ended.
async fn trouble(
    acquirer: impl Fn() -> Acquirer,
    settings: &str,
    keys: impl Fn() -> MacKeys,
    troubles: &'static [Trouble],
) -> BTreeSet<End> {
    let mut ends = BTreeSet::new();
    for seed in 0..SEEDS {
        let acquirer = acquirer();
        let line = line(acquirer.address(), Random::new(seed), troubles);
        let settings = format!(
            "connect_timeout_ms = 400\nresponse_timeout_ms = 200\nbackoff_initial_ms = 5\nbackoff_max_ms = 20\n{settings}"
        );
        let host = Host::start_with(config(line, &settings), acceptor(), keys());
        let mut sales = Vec::new();
        for number in 0..30 {
            let sale = sale(2 * number + 1, 1250);
            let end = tokio::time::timeout(Duration::from_secs(30), sell(&host, &sale)).await;
            sales.push((sale, end.unwrap_or_else(|_| panic!("seed {seed}: no end of sale {number}"))));
        }
        let ledger = acquirer.ledger();
        for (sale, end) in sales {
            check(&ledger, &sale, end, seed);
            ends.insert(end);
        }
    }
    assert!(ends.is_superset(&[End::Approved, End::Reversed].into()), "the lines are too good, or too bad: {ends:?}");
    ends
}

fn desk() -> Desk {
    Desk::new(WireFormat::named("bcd").unwrap(), Rules::default())
}

#[tokio::test]
async fn over_tls_no_trouble_on_the_line_moves_money_that_nobody_knows_of() {
    let folder = tempfile::tempdir().unwrap();
    let issued = Authority::new(folder.path(), "bank").issue(HOST, NOW);
    let acquirer = || {
        let tls = Tls::read(&issued.certificate, &issued.key, None, None).unwrap();
        Acquirer::open_with_tls("127.0.0.1:0", desk(), Some(tls)).unwrap()
    };
    let ca = folder.path().join("bank.pem");
    let settings = format!("dialect = 'bcd'\ntls = {{ ca = '{}', server_name = '{HOST}' }}", ca.display());
    let troubles = &[Trouble::Cut, Trouble::Silence, Trouble::Flip, Trouble::Crawl];
    let ends = trouble(acquirer, &settings, || MacKeys::None, troubles).await;
    assert!(ends.contains(&End::NotSent), "some handshakes come to nothing: {ends:?}");
}

#[tokio::test]
async fn in_clear_with_macs_neither() {
    let acquirer = || {
        let desk = desk().with_macs(Macs::fixed("aes-cmac", KEY).unwrap());
        Acquirer::open("127.0.0.1:0", desk).unwrap()
    };
    let settings = "[dialect]\npreset = 'bcd'\nmac = { algorithm = 'aes-cmac', key = 'configured' }";
    let keys = || {
        let rule = config("127.0.0.1:1", settings).dialect.mac.unwrap();
        MacKeys::Configured(Arc::new(MacKey::new(rule.algorithm, &KEY).unwrap()))
    };
    let troubles = &[Trouble::Cut, Trouble::Silence, Trouble::Flip, Trouble::Crawl];
    trouble(acquirer, settings, keys, troubles).await;
}

#[tokio::test]
async fn in_clear_nothing_that_cuts_or_delays_does() {
    let acquirer = || Acquirer::open("127.0.0.1:0", desk()).unwrap();
    trouble(acquirer, "dialect = 'bcd'", || MacKeys::None, &[Trouble::Cut, Trouble::Silence, Trouble::Crawl]).await;
}
