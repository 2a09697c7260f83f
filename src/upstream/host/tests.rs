//! The link over pipes, under virtual time: what the host does is written out, byte by byte where it matters.

use std::time::Duration;

use tokio::io::DuplexStream;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::*;
use crate::keys::InitialKey;
use crate::terminal::Stan;
use crate::upstream::authorisation::tests::request;
use crate::upstream::config::tests::{acceptor, config};
use crate::upstream::iso8583::{Framer, decode, encode};
use crate::upstream::reversal::tests::reversal;
use crate::upstream::{Decision, NetworkPurpose, OnReversal, Reserve};

/// The host's ends of the connections that the link makes; `None` where it could not connect.
struct Connections {
    ends: mpsc::UnboundedReceiver<Option<HostEnd>>,
}

impl Connections {
    async fn next(&mut self) -> HostEnd {
        self.ends.recv().await.flatten().expect("the link connects")
    }
}

struct HostEnd {
    stream: DuplexStream,
    config: HostConfig,
}

impl HostEnd {
    fn framer(&self) -> Framer {
        Framer::new(self.config.dialect.header, None, 0xFFFF)
    }

    /// The next request.
    async fn request(&mut self) -> Message {
        let mut framer = self.framer();
        loop {
            let byte = [self.stream.read_u8().await.expect("the link sends a whole frame")];
            if let Some(frame) = framer.receive(&byte).unwrap().first() {
                return decode(frame, &self.config.dialect).unwrap();
            }
        }
    }

    async fn answer(&mut self, message: &Message) {
        let body = encode(message, &self.config.dialect).unwrap();
        self.stream.write_all(&self.framer().frame(&body).unwrap()).await.unwrap();
    }

    async fn is_closed(&mut self) -> bool {
        self.stream.read_u8().await.is_err()
    }
}

/// An approval of `request`.
fn approval(request: &Message) -> Message {
    let mut answer = Message::new(request.mti.answer());
    for number in [4, 11, 37, 41] {
        answer.set_if(number, request.bytes(number));
    }
    answer.set(38, "A1B2C3").set(39, "00");
    answer
}

/// A link whose connections succeed as `successes` say, and after that always.
fn link(successes: &'static [bool]) -> (Host, Connections) {
    let (sender, ends) = mpsc::unbounded_channel();
    let config = config("frame_bytes_max = 500");
    let mut successes = successes.iter().copied();
    let host = Host::start_over(config.clone(), acceptor(), MacKeys::None, move || {
        let result = if successes.next().unwrap_or(true) {
            let (ours, stream) = tokio::io::duplex(4096);
            // Where the test no longer looks, the connection is closed at once.
            let _ = sender.send(Some(HostEnd { stream, config: config.clone() }));
            Ok(ours)
        } else {
            let _ = sender.send(None);
            Err(io::ErrorKind::ConnectionRefused.into())
        };
        std::future::ready(result)
    });
    (host, Connections { ends })
}

#[tokio::test(start_paused = true)]
async fn a_sale_a_reversal_and_an_echo_share_one_connection() {
    let (host, mut connections) = link(&[]);
    let serve = async {
        let mut end = connections.next().await;
        for mti in ["0100", "0400", "0800"] {
            let request = end.request().await;
            assert_eq!(request.mti.to_string(), mti);
            end.answer(&approval(&request)).await;
        }
        end
    };
    let ask = async {
        let answer = host.authorise(&request(1)).await.unwrap();
        assert_eq!((answer.decision, answer.authorisation_code.as_deref()), (Decision::Approved, Some("A1B2C3")));
        assert_eq!(host.reverse(&reversal(1)).await.unwrap().says, OnReversal::Settles);
        let echo = NetworkRequest {
            stan: Stan::try_from(9).unwrap(),
            at: request(1).at,
            purpose: NetworkPurpose::EchoTest,
            batch: request(1).batch,
        };
        assert_eq!(host.manage(echo).await.unwrap().to_string(), "00");
    };
    tokio::join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn requests_at_the_same_time_get_each_its_own_answer() {
    let (host, mut connections) = link(&[]);
    let serve = async {
        let mut end = connections.next().await;
        let (first, second) = (end.request().await, end.request().await);
        let mut declined = approval(&second);
        declined.set(39, "51");
        end.answer(&declined).await;
        end.answer(&approval(&first)).await;
        (end, first.number(11), second.number(11))
    };
    let (one, two) = (request(1), request(2));
    let (served, one, two) = tokio::join!(serve, host.authorise(&one), host.authorise(&two));
    assert_eq!((served.1, served.2), (Some(1), Some(2)));
    assert_eq!((one.unwrap().decision, two.unwrap().decision), (Decision::Approved, Decision::Declined));
}

#[tokio::test(start_paused = true)]
async fn what_can_wait_tries_a_host_that_cannot_be_reached_less_and_less_often() {
    let (host, _connections) = link(&[false, false, false]);
    let mut waited = Vec::new();
    for _ in 0..3 {
        let start = Instant::now();
        let error = host.reverse(&reversal(1)).await.unwrap_err();
        assert!(matches!(error, HostError::NotSent(NotSent::Connect { .. })), "{error}");
        waited.push(start.elapsed().as_millis());
    }
    assert_eq!(waited, [0, 250, 500]);
}

#[tokio::test(start_paused = true)]
async fn a_sale_is_told_at_once_that_the_host_cannot_be_reached_however_many_reversals_wait_for_it() {
    let (host, _connections) = link(&[false; 20]);
    let start = Instant::now();
    let reversals: Vec<_> = (1..=6)
        .map(|stan| {
            let host = host.clone();
            tokio::spawn(
                async move { (host.reverse(&reversal(10 * stan)).await.is_err(), start.elapsed().as_millis()) },
            )
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    for stan in 1..=3 {
        let start = Instant::now();
        let error = host.authorise(&request(stan)).await.unwrap_err();
        assert!(matches!(error, HostError::NotSent(NotSent::Connect { .. })), "{error}");
        assert_eq!(start.elapsed(), Duration::ZERO, "sale {stan}");
    }
    for reversal in reversals {
        assert!(reversal.await.unwrap().0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sale_goes_before_the_reversals_that_wait() {
    let (host, mut connections) = link(&[false]);
    assert!(host.reverse(&reversal(10)).await.is_err());
    assert!(connections.ends.recv().await.unwrap().is_none());
    // These wait until a connection may be tried again; the sale tries it at once.
    let reversals = [20, 30].map(|stan| {
        let host = host.clone();
        tokio::spawn(async move { host.reverse(&reversal(stan)).await })
    });
    tokio::task::yield_now().await;
    let one = request(1);
    let serve = async {
        let mut end = connections.next().await;
        let mut order = Vec::new();
        for _ in 0..3 {
            let request = end.request().await;
            order.push(request.mti.to_string());
            end.answer(&approval(&request)).await;
        }
        (end, order)
    };
    let ((_end, order), answer) = tokio::join!(serve, host.authorise(&one));
    assert!(answer.unwrap().decision.is_approved());
    assert_eq!(order, ["0100", "0400", "0400"]);
    for reversal in reversals {
        assert!(reversal.await.unwrap().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_sale_waits_no_longer_for_a_line_that_takes_nothing_than_for_a_connection() {
    let (host, mut connections) = link(&[true, false, false, false, false, false]);
    let (one, two) = (request(1), request(2));
    // The host reads nothing, and the line holds 4096 bytes: reversals fill it.
    let full = (0..60).map(|n| {
        let host = host.clone();
        tokio::spawn(async move { host.reverse(&reversal(100 + 10 * n)).await })
    });
    let full: Vec<_> = full.collect();
    let end = connections.next().await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    let start = Instant::now();
    let (one, two) = tokio::join!(host.authorise(&one), host.authorise(&two));
    assert!(!one.unwrap_err().is_reversal_needed() && !two.unwrap_err().is_reversal_needed());
    assert!(start.elapsed() <= Duration::from_secs(5), "{:?}", start.elapsed());
    drop(end);
    full.into_iter().for_each(|reversal| reversal.abort());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_journal_does_not_write_down_in_time_is_not_used_and_the_link_goes_on() {
    let (stream, mut end) = tokio::io::duplex(4096);
    let settings = "address = 'localhost:8583'\n[dialect]\npreset = 'bcd'\nelements = { 63 = 'key_serial_number' }\n\
                    mac = { algorithm = 'aes-cmac', key = 'dukpt' }";
    let keys = MacKeys::Derived(InitialKey::aes(&[7; 16], &[1; 8]).unwrap());
    let mut stream = Some(stream);
    let host = Host::start_over(toml::from_str(settings).unwrap(), acceptor(), keys, move || {
        std::future::ready(stream.take().ok_or_else(|| io::ErrorKind::ConnectionRefused.into()))
    });
    let (ledger, mut reservations) = mpsc::unbounded_channel();
    host.derive_keys_after(0, ledger);
    let start = Instant::now();
    for error in [host.authorise(&request(1)).await.unwrap_err(), host.reverse(&reversal(1)).await.unwrap_err()] {
        assert_eq!(error, NotSent::KeyNotReserved.into());
    }
    assert_eq!(start.elapsed(), 2 * host.config.connect_timeout());
    // The journal works again; what it wrote too late is given away.
    let write = async {
        while let Some(Reserve { written, .. }) = reservations.recv().await {
            let _ = written.send(());
        }
    };
    let ask = async {
        let sale = host.begin(&request(5));
        let header = end.read_u16().await.unwrap();
        assert!(header > 100, "it is sent");
        drop(sale);
    };
    tokio::select! { () = write => {}, () = ask => {} }
}

#[tokio::test(start_paused = true)]
async fn a_connection_behind_which_nobody_answers_is_given_up() {
    let (host, mut connections) = link(&[]);
    let serve = async {
        let mut silent = connections.next().await;
        let mut lively = connections.next().await;
        assert!((silent.request().await, silent.request().await, silent.is_closed().await).2);
        let request = lively.request().await;
        lively.answer(&approval(&request)).await;
        lively
    };
    let ask = async {
        assert_eq!(host.authorise(&request(1)).await.unwrap_err(), NoAnswer::TimedOut.into());
        assert_eq!(host.reverse(&reversal(1)).await.unwrap_err(), NoAnswer::TimedOut.into());
        assert_eq!(host.reverse(&reversal(1)).await.unwrap().says, OnReversal::Settles);
    };
    tokio::join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_closes_each_connection_at_once_is_one_that_cannot_be_reached() {
    let (host, mut connections) = link(&[]);
    let close = async {
        while let Some(end) = connections.ends.recv().await {
            drop(end)
        }
    };
    let ask = async {
        let sale = host.authorise(&request(1)).await.unwrap_err();
        let reversal = host.reverse(&reversal(3)).await.unwrap_err();
        for error in [sale, reversal] {
            let HostError::NotSent(NotSent::Connect { reason, .. }) = error else { panic!("{error}") };
            assert_eq!(reason, "the connection was lost: the host closed it");
        }
        assert_eq!(host.state().borrow().failures, 2, "each has had one attempt");
    };
    tokio::select! { () = close => {}, () = ask => {} }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_takes_too_long_was_sent_nothing() {
    let never = || std::future::pending::<io::Result<DuplexStream>>();
    let host = Host::start_over(config(""), acceptor(), MacKeys::None, never);
    let start = Instant::now();
    assert!(!host.authorise(&request(1)).await.unwrap_err().is_reversal_needed());
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_told_and_the_next_request_goes_on_the_same_connection() {
    let (host, mut connections) = link(&[]);
    let second = request(2);
    let start = Instant::now();
    let mut first = host.begin(&request(1));
    let mut end = {
        let (end, answer) = tokio::join!(connections.next(), first.answer());
        assert_eq!(answer, Err(NoAnswer::TimedOut.into()));
        end
    };
    assert_eq!(start.elapsed(), Duration::from_secs(30));
    let late = end.request().await;
    let serve = async {
        end.answer(&approval(&late)).await;
        assert!(first.late_answer().await.unwrap().decision.is_approved());
        let request = end.request().await;
        assert_eq!(request.number(11), Some(2));
        end.answer(&approval(&request)).await;
    };
    let ((), answer) = tokio::join!(serve, host.authorise(&second));
    assert!(answer.unwrap().decision.is_approved());
}

#[tokio::test(start_paused = true)]
async fn a_line_dropped_after_the_request_leaves_it_in_doubt_and_the_next_request_connects_anew() {
    let (host, mut connections) = link(&[]);
    let (first, second) = (request(1), request(2));
    let drop_the_line = async { drop(connections.next().await.request().await) };
    let ((), answer) = tokio::join!(drop_the_line, host.authorise(&first));
    assert!(matches!(answer, Err(HostError::NoAnswer(NoAnswer::ConnectionLost(_)))), "{answer:?}");
    let serve = async {
        let mut end = connections.next().await;
        let request = end.request().await;
        end.answer(&approval(&request)).await;
    };
    let ((), answer) = tokio::join!(serve, host.authorise(&second));
    assert!(answer.unwrap().decision.is_approved());
}

#[tokio::test(start_paused = true)]
async fn a_frame_of_65538_bytes_closes_the_line() {
    let (sender, mut ends) = mpsc::unbounded_channel();
    let mut config = config("");
    config.dialect.header = crate::upstream::iso8583::LengthHeader::BINARY_4;
    let host = Host::start_over(config, acceptor(), MacKeys::None, move || {
        let (ours, theirs) = tokio::io::duplex(4096);
        let _ = sender.send(theirs);
        std::future::ready(Ok(ours))
    });
    let one = request(1);
    let serve = async {
        let mut end = ends.recv().await.unwrap();
        end.read_u8().await.unwrap();
        end.write_u32(65_538).await.unwrap();
        end
    };
    let (_end, answer) = tokio::join!(serve, host.authorise(&one));
    assert!(matches!(answer, Err(HostError::NoAnswer(NoAnswer::Stream(_)))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_header_that_promises_too_much_costs_the_connection_when_time_is_up() {
    let (host, mut connections) = link(&[]);
    let one = request(1);
    let serve = async {
        let mut end = connections.next().await;
        let request = end.request().await;
        let body = encode(&approval(&request), &end.config.dialect).unwrap();
        end.stream.write_u16(body.len() as u16 + 1).await.unwrap();
        end.stream.write_all(&body).await.unwrap();
        end
    };
    let (mut end, answer) = tokio::join!(serve, host.authorise(&one));
    assert_eq!(answer, Err(NoAnswer::TimedOut.into()));
    assert!(end.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_message_or_says_nothing_leaves_the_request_in_doubt() {
    let (host, mut connections) = link(&[]);
    let (one, two) = (request(1), request(2));
    let serve = async {
        let mut end = connections.next().await;
        end.request().await;
        end.stream.write_all(&[0, 1, 0xFF]).await.unwrap();
        let mut answer = approval(&end.request().await);
        answer.remove(39);
        end.answer(&answer).await;
        end
    };
    let ask = async { (host.authorise(&one).await.unwrap_err(), host.authorise(&two).await.unwrap_err()) };
    let (_end, (first, second)) = tokio::join!(serve, ask);
    assert!(matches!(first, HostError::MalformedAnswer(MalformedAnswer::Decode(_))), "{first}");
    assert_eq!(second, MalformedAnswer::Field(39).into());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_waits_for_any_more_is_not_sent() {
    let (host, mut connections) = link(&[false]);
    // The first attempt fails, so that the next reversal waits for the second; by then its caller is gone.
    assert!(host.reverse(&reversal(10)).await.is_err());
    assert!(connections.ends.recv().await.unwrap().is_none());
    assert!(timeout(Duration::from_millis(1), host.reverse(&reversal(20))).await.is_err());
    let one = request(1);
    let serve = async {
        let mut end = connections.next().await;
        let request = end.request().await;
        assert_eq!(request.number(11), Some(1));
        end.answer(&approval(&request)).await;
        end
    };
    let (end, answer) = tokio::join!(serve, host.authorise(&one));
    assert!(answer.is_ok());
    drop(host);
    assert!({ end }.is_closed().await, "and nothing else came");
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_another_type_of_message_is_not_ours() {
    let (sender, mut ends) = mpsc::unbounded_channel();
    let config = config("message_class = 'financial'");
    let host = Host::start_over(config.clone(), acceptor(), MacKeys::None, move || {
        let (ours, stream) = tokio::io::duplex(4096);
        let _ = sender.send(HostEnd { stream, config: config.clone() });
        std::future::ready(Ok(ours))
    });
    let one = request(1);
    let serve = async {
        let mut end = ends.recv().await.unwrap();
        let request = end.request().await;
        let mut other = approval(&request);
        other.mti = "0110".parse().unwrap();
        end.answer(&other).await;
        end.answer(&approval(&request)).await;
        end
    };
    let (_end, answer) = tokio::join!(serve, host.authorise(&one));
    assert!(answer.unwrap().decision.is_approved());
}
