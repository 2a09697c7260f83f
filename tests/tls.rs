//! The host link over TLS: whom it takes for the host, what it says where it takes nobody, and that no request is in
//! doubt that was never sent.

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/upstream.rs"]
mod upstream;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use certificates::{Authority, Issued, NOW};
use tempfile::TempDir;
use tender_sim::acquirer::{Acquirer, Desk, Rules, Tls, WireFormat};
use tenderd::upstream::{
    Host, HostError, Identity, LinkInputs, MacKeys, NetworkPurpose, NetworkRequest, NoAnswer, NotSent, OnReversal,
};
use upstream::{acceptor, config, reversal, sale};

/// The name of the host in its certificate.
const HOST: &str = "gateway.bank.example";

/// Two authorities, and what they have signed.
struct Certificates {
    folder: TempDir,
    bank: Authority,
    stranger: Authority,
}

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (bank, stranger) = (Authority::new(folder.path(), "bank"), Authority::new(folder.path(), "stranger"));
        Certificates { folder, bank, stranger }
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

/// An acquirer with this certificate, which lets in whom `client_ca` has signed.
fn acquirer(issued: &Issued, client_ca: Option<&str>, version: Option<&str>, rules: &str) -> Acquirer {
    let tls = Tls::read(&issued.certificate, &issued.key, client_ca.map(Path::new), version).unwrap();
    let desk = Desk::new(WireFormat::named("bcd").unwrap(), Rules::parse(rules).unwrap());
    Acquirer::open_with_tls("127.0.0.1:0", desk, Some(tls)).unwrap()
}

/// A link to whoever listens at this address, with these rules of TLS.
fn link(address: impl std::fmt::Display, tls: &str) -> Host {
    Host::start(config(address, &settings(tls)), acceptor())
}

fn settings(tls: &str) -> String {
    format!(
        "dialect = 'bcd'\nconnect_timeout_ms = 5000\nresponse_timeout_ms = 1000\nbackoff_initial_ms = 10\ntls = {tls}"
    )
}

/// The rules of a terminal that trusts the bank's authority, and more.
fn trusting_bank(certificates: &Certificates, more: &str) -> String {
    format!("{{ ca = '{}', server_name = '{HOST}'{more} }}", certificates.file("bank.pem"))
}

/// Why a sale was not sent. It is in no doubt, and the caller has not waited for a time-out.
async fn not_sent(host: &Host) -> String {
    let start = Instant::now();
    let error = host.authorise(&sale(1, 1250)).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_millis(900), "{error} took {:?}", start.elapsed());
    match error {
        HostError::NotSent(NotSent::Connect { reason, .. }) => reason,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn only_who_is_signed_named_dated_and_pinned_as_configured_is_taken_for_the_host() {
    let certificates = Certificates::new();
    let good = certificates.bank.issue(HOST, NOW);
    let other = certificates.stranger.issue_for(HOST, "impostor", NOW);
    let trusting = |more: &str| trusting_bank(&certificates, more);
    let pins = |pins: &[&str]| trusting(&format!(", pins = {pins:?}"));
    let spare = "00".repeat(32);

    let host = acquirer(&good, None, None, "");
    for (stan, tls) in (1..).zip([trusting(""), pins(&[&good.pin]), pins(&[&spare, &good.pin.to_uppercase()])]) {
        assert!(link(host.address(), &tls).authorise(&sale(stan, 1250)).await.unwrap().decision.is_approved(), "{tls}");
    }
    let other_name = format!("{{ ca = '{}', server_name = 'bank.example' }}", certificates.file("bank.pem"));
    let key = format!("is none of `pins`: its SHA-256 is {}", good.pin);
    for (tls, reason) in [
        (format!("{{ ca = '{}', server_name = '{HOST}' }}", certificates.file("stranger.pem")), "signed by nobody"),
        (other_name, "for another name"),
        (format!("{{ ca = '{}' }}", certificates.file("bank.pem")), "for another name"),
        (pins(&[&spare, &other.pin]), &key),
    ] {
        let found = not_sent(&link(host.address(), &tls)).await;
        assert!(found.contains(reason), "{tls}: {found}");
    }
    assert_eq!(host.ledger().entries.len(), 3);

    for (issued, reason) in [
        (other, "signed by nobody"),
        (certificates.bank.issue_for(HOST, "old", (2019, 2020)), "has expired"),
        (certificates.bank.issue_for(HOST, "future", (2090, 2091)), "not valid yet"),
    ] {
        let host = acquirer(&issued, None, None, "");
        let found = not_sent(&link(host.address(), &trusting(""))).await;
        assert!(found.contains(reason), "{found}");
        assert_eq!(host.ledger().entries.len(), 0);
    }
}

#[tokio::test]
async fn both_versions_are_spoken_and_an_old_one_only_where_it_is_allowed() {
    let certificates = Certificates::new();
    let issued = certificates.bank.issue(HOST, NOW);
    for (version, shown) in [("1.2", "TLS 1.2"), ("1.3", "TLS 1.3")] {
        let host = acquirer(&issued, None, Some(version), "");
        let link = link(host.address(), &trusting_bank(&certificates, ""));
        assert!(link.authorise(&sale(1, 1250)).await.unwrap().decision.is_approved(), "{version}");
        let tls = link.state().borrow().peer.clone().unwrap().tls.unwrap();
        assert_eq!(
            (tls.version, tls.certificate_expires.unwrap().to_string().as_str()),
            (shown, "2099-01-01T00:00:00Z")
        );
        assert!(tls.cipher.starts_with("TLS"), "{}", tls.cipher);
    }
    let host = acquirer(&issued, None, Some("1.2"), "");
    let reason = not_sent(&link(host.address(), &trusting_bank(&certificates, ", min_version = '1.3'"))).await;
    assert!(reason.contains("no version of TLS that `min_version` allows"), "{reason}");
}

/// A link that shows a host this certificate.
fn link_as(issued: &Issued, certificates: &Certificates, address: impl std::fmt::Display) -> Host {
    let tls = format!(", certificate = '{}', key = {{ file = '-' }}", issued.certificate.display());
    let config = config(address, &settings(&trusting_bank(certificates, &tls)));
    let key = std::fs::read_to_string(&issued.key).unwrap();
    let identity = Identity::new(config.tls.as_ref().unwrap().certificate(), &key).unwrap();
    let inputs = LinkInputs { identity: Some(identity), ..MacKeys::None.into() };
    Host::start_with(config, acceptor(), inputs)
}

#[tokio::test]
async fn a_host_that_asks_who_we_are_is_shown_our_certificate_and_leaves_nothing_in_doubt_where_it_refuses_it() {
    let certificates = Certificates::new();
    let issued = certificates.bank.issue(HOST, NOW);
    let terminal = certificates.bank.issue("TERM0001", NOW);
    let foreign = certificates.stranger.issue_for("TERM0001", "foreign", NOW);
    let expired = certificates.bank.issue_for("TERM0001", "expired", (2019, 2020));
    for version in ["1.2", "1.3"] {
        let host = acquirer(&issued, Some(&certificates.file("bank.pem")), Some(version), "");
        let address = host.address();
        let answer = link_as(&terminal, &certificates, address).authorise(&sale(1, 1250)).await;
        assert!(answer.unwrap().decision.is_approved(), "{version}");
        let nobody = not_sent(&link(address, &trusting_bank(&certificates, ""))).await;
        assert!(nobody.contains("wants a certificate of this terminal"), "{version}: {nobody}");
        for wrong in [&foreign, &expired] {
            let refused = not_sent(&link_as(wrong, &certificates, address)).await;
            assert!(refused.contains("refuses this terminal's certificate"), "{version}: {refused}");
        }
        assert_eq!(host.ledger().entries.len(), 1, "{version}: what was refused was not read");
    }
}

/// Somebody who accepts connections and treats each as `serve` does; where.
fn peer(mut serve: impl FnMut(TcpStream) + Send + 'static) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().flatten().for_each(&mut serve));
    address
}

#[tokio::test]
async fn a_peer_that_cuts_the_handshake_or_speaks_something_else_was_sent_nothing() {
    let certificates = Certificates::new();
    let tls = trusting_bank(&certificates, "");
    let cuts = peer(|mut stream| stream.read_exact(&mut [0; 10]).unwrap());
    not_sent(&link(cuts, &tls)).await;
    let speaks_http = peer(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let reason = not_sent(&link(speaks_http, &tls)).await;
    assert!(reason.contains("is not TLS"), "{reason}");

    let mut streams = Vec::new();
    let silent = peer(move |stream| streams.push(stream));
    let patient = settings(&tls).replace("connect_timeout_ms = 5000", "connect_timeout_ms = 200");
    let reason = not_sent(&Host::start(config(silent, &patient), acceptor())).await;
    assert!(reason.contains("longer than connect_timeout_ms"), "{reason}");
}

#[tokio::test]
async fn an_answer_that_is_lost_on_the_way_is_taken_back_over_a_new_connection() {
    let certificates = Certificates::new();
    let issued = certificates.bank.issue(HOST, NOW);
    for delivery in ["none", "drop-line", "malformed"] {
        let host = acquirer(&issued, None, None, &format!("[[rule]]\nthen.delivery = '{delivery}'\ntimes = 1"));
        let link = link(host.address(), &trusting_bank(&certificates, ""));
        let error = link.authorise(&sale(1, 1250)).await.unwrap_err();
        assert!(error.is_reversal_needed(), "{delivery}: {error}");
        assert_eq!(link.reverse(&reversal(&sale(1, 1250))).await.unwrap().says, OnReversal::Settles, "{delivery}");
        assert!(link.authorise(&sale(3, 700)).await.unwrap().decision.is_approved());
        assert_eq!(host.ledger().total(), 700, "{delivery}");
    }
}

#[tokio::test]
async fn a_connection_that_the_host_closed_while_it_was_idle_costs_no_sale() {
    let certificates = Certificates::new();
    let issued = certificates.bank.issue(HOST, NOW);
    let in_clear =
        Acquirer::start("127.0.0.1:0", WireFormat::named("bcd").unwrap(), Rules::parse("").unwrap()).unwrap();
    let over_tls = acquirer(&issued, None, None, "");
    for (host, tls) in [(over_tls, trusting_bank(&certificates, "")), (in_clear, "false".to_owned())] {
        let link = link(host.address(), &tls);
        for stan in 1..=20 {
            let answer = link.authorise(&sale(stan, 100)).await;
            assert!(answer.as_ref().is_ok_and(|answer| answer.decision.is_approved()), "{answer:?}");
            host.drop_lines();
            // The end of the connection has arrived, though nobody has looked.
            thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(host.ledger().total(), 2000);
    }
}

/// A proxy that opens tunnels to `to` alone; where it listens.
fn proxy(to: std::net::SocketAddr) -> std::net::SocketAddr {
    peer(move |mut client| {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        let request = String::from_utf8(request).unwrap();
        if !request.starts_with(&format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n")) {
            client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").unwrap();
            return;
        }
        client.write_all(b"HTTP/1.1 200 Connection established\r\nVia: a proxy\r\n\r\n").unwrap();
        let host = TcpStream::connect(to).unwrap();
        for (mut from, mut to) in [(client.try_clone().unwrap(), host.try_clone().unwrap()), (host, client)] {
            thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
        }
    })
}

#[tokio::test]
async fn a_host_behind_a_proxy_is_reached_through_a_tunnel() {
    let certificates = Certificates::new();
    let issued = certificates.bank.issue(HOST, NOW);
    let host = acquirer(&issued, None, None, "");
    let proxy = proxy(host.address());
    let through = |address: &str| {
        let settings = format!("proxy = '{proxy}'\n{}", settings(&trusting_bank(&certificates, "")));
        Host::start(config(address, &settings), acceptor())
    };
    let link = through(&host.address().to_string());
    assert!(link.authorise(&sale(1, 1250)).await.unwrap().decision.is_approved());
    assert_eq!(link.state().borrow().peer.clone().unwrap().address, Some(proxy));
    let reason = not_sent(&through("127.0.0.1:9")).await;
    assert!(reason.contains(&format!("the proxy {proxy}: it answers `HTTP/1.1 403 Forbidden`")), "{reason}");
}

#[tokio::test]
async fn a_host_is_reached_at_whichever_of_its_addresses_it_listens_as_itself() {
    let certificates = Certificates::new();
    let issued = certificates.bank.issue(HOST, NOW);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut streams = Vec::new();
    let silent = peer(move |stream| streams.push(stream));
    let impostor = acquirer(&certificates.stranger.issue_for(HOST, "impostor", NOW), None, None, "");
    let host = acquirer(&issued, None, None, "");
    let backups = [silent, impostor.address(), host.address()].map(|address| format!("'{address}'")).join(", ");
    let tls =
        settings(&trusting_bank(&certificates, "")).replace("connect_timeout_ms = 5000", "connect_timeout_ms = 2000");
    let link = Host::start(config(nobody, &format!("backups = [{backups}]\n{tls}")), acceptor());
    assert!(link.authorise(&sale(1, 1250)).await.unwrap().decision.is_approved());
    assert_eq!(link.state().borrow().peer.clone().unwrap().address, Some(host.address()));

    // The next connection begins there: the silent one would have its part of the time.
    host.drop_lines();
    let start = Instant::now();
    assert!(link.authorise(&sale(2, 700)).await.unwrap().decision.is_approved());
    assert!(start.elapsed() < Duration::from_millis(450), "{:?}", start.elapsed());

    let gone = host.address();
    drop(host);
    link.state().wait_for(|state| state.peer.is_none()).await.unwrap();
    let error = link.authorise(&sale(3, 100)).await.unwrap_err().to_string();
    for reason in [
        format!("not sent: can't connect to {nobody}: at none of its addresses: {gone}: Connection refused"),
        format!("{nobody}: Connection refused"),
        format!("{silent}: it takes longer than its part of connect_timeout_ms"),
        format!("{}: the host's certificate is signed by nobody", impostor.address()),
    ] {
        assert!(error.contains(&reason), "{error} says not: {reason}");
    }
    assert!(impostor.ledger().entries.is_empty());
}

#[tokio::test]
async fn an_address_at_which_nobody_answers_is_left_for_the_next() {
    let mut streams = Vec::new();
    let silent = peer(move |stream| streams.push(stream));
    let host = Acquirer::start("127.0.0.1:0", WireFormat::named("bcd").unwrap(), Rules::parse("").unwrap()).unwrap();
    let settings = settings("false").replace("response_timeout_ms = 1000", "response_timeout_ms = 100");
    let link = Host::start(config(silent, &format!("backups = ['{}']\n{settings}", host.address())), acceptor());
    assert!(link.authorise(&sale(1, 1250)).await.unwrap_err().is_reversal_needed());
    assert_eq!(link.reverse(&reversal(&sale(1, 1250))).await, Err(NoAnswer::TimedOut.into()));
    assert_eq!(link.reverse(&reversal(&sale(1, 1250))).await.unwrap().says, OnReversal::NotFound);
    assert!(link.authorise(&sale(3, 700)).await.unwrap().decision.is_approved());
    assert_eq!(host.ledger().total(), 700);
}

#[tokio::test]
async fn a_silent_host_is_asked_whether_it_is_there_and_an_unused_connection_is_closed() {
    let certificates = Certificates::new();
    let issued = certificates.bank.issue(HOST, NOW);
    // It answers the sale, and never an echo test.
    let host = acquirer(&issued, None, None, "[[rule]]\nwhen.mti = ['0800']\nthen.delivery = 'none'");
    let settings = format!("echo_every_s = 1\n{}", settings(&trusting_bank(&certificates, "")));
    let link = Host::start(config(host.address(), &settings), acceptor());
    assert!(link.authorise(&sale(1, 1250)).await.unwrap().decision.is_approved());
    let mut state = link.state();
    state.wait_for(|state| state.silences == 1).await.unwrap();
    let request = sale(2, 100);
    let echo =
        NetworkRequest { stan: request.stan, at: request.at, purpose: NetworkPurpose::EchoTest, batch: request.batch };
    assert_eq!(link.manage(echo).await, Err(NoAnswer::TimedOut.into()));
    state.wait_for(|state| state.peer.is_none()).await.unwrap();
    assert!(link.authorise(&sale(3, 700)).await.unwrap().decision.is_approved());

    let settings = settings.replace("echo_every_s", "close_when_idle_s");
    let link = Host::start(config(host.address(), &settings), acceptor());
    assert!(link.authorise(&sale(4, 100)).await.unwrap().decision.is_approved());
    link.state().wait_for(|state| state.peer.is_none()).await.unwrap();
    assert!(link.authorise(&sale(5, 100)).await.unwrap().decision.is_approved());
}
