//! The link over pipes, under virtual time: what the host does is written out, byte by byte where it matters.

use std::time::Duration;

use tokio::io::DuplexStream;

use super::*;
use crate::terminal::Stan;
use crate::upstream::authorisation::tests::request;
use crate::upstream::config::tests::{acceptor, config};
use crate::upstream::failure::MalformedAnswer;
use crate::upstream::iso8583::{Framer, Mti, decode, encode};
use crate::upstream::reversal::tests::reversal;
use crate::upstream::{Decision, NetworkPurpose};

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
    let host = Host::start_over(config.clone(), acceptor(), move || {
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
        assert!(host.reverse(&reversal(1)).await.unwrap().is_final());
        let echo =
            NetworkRequest { stan: Stan::try_from(9).unwrap(), at: request(1).at, purpose: NetworkPurpose::EchoTest };
        assert_eq!(host.manage(echo).await.unwrap().characters(), *b"00");
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
async fn a_host_that_cannot_be_reached_was_sent_nothing_and_is_not_tried_again_at_once() {
    let (host, _connections) = link(&[false, false, false]);
    let mut waited = Vec::new();
    for _ in 0..3 {
        let start = Instant::now();
        let error = host.authorise(&request(1)).await.unwrap_err();
        assert!(matches!(error, HostError::NotSent(NotSent::Connect { .. })), "{error}");
        waited.push(start.elapsed().as_millis());
    }
    assert_eq!(waited, [0, 250, 500]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_takes_too_long_was_sent_nothing() {
    let never = || std::future::pending::<io::Result<DuplexStream>>();
    let host = Host::start_over(config(""), acceptor(), never);
    let start = Instant::now();
    assert!(!host.authorise(&request(1)).await.unwrap_err().is_reversal_needed());
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_nobodys_and_the_next_request_goes_on_the_same_connection() {
    let (host, mut connections) = link(&[]);
    let (first, second) = (request(1), request(2));
    let start = Instant::now();
    let mut end = {
        let (end, answer) = tokio::join!(connections.next(), host.authorise(&first));
        assert_eq!(answer, Err(NoAnswer::TimedOut.into()));
        end
    };
    assert_eq!(start.elapsed(), Duration::from_secs(30));
    let late = end.request().await;
    let serve = async {
        end.answer(&approval(&late)).await;
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
    let host = Host::start_over(config, acceptor(), move || {
        let (ours, theirs) = tokio::io::duplex(4096);
        let _ = sender.send(theirs);
        std::future::ready(Ok(ours))
    });
    let one = request(1);
    let serve = async {
        let mut end = ends.recv().await.unwrap();
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
    // The first attempt fails, so that the next request waits for the second; by then its caller is gone.
    assert!(host.authorise(&request(1)).await.is_err());
    let (two, three, four) = (request(2), request(3), request(4));
    let given_up = async {
        let waiting = host.authorise(&two);
        assert!(
            timeout(Duration::from_millis(300), async { tokio::join!(waiting, abandoned(&host, &three)) })
                .await
                .is_err()
        );
    };
    assert!(connections.ends.recv().await.unwrap().is_none());
    let (mut end, ()) = tokio::join!(connections.next(), given_up);
    let serve = async {
        assert_eq!(end.request().await.number(11), Some(2), "this one was sent before its caller went");
        let request = end.request().await;
        assert_eq!(request.number(11), Some(4));
        end.answer(&approval(&request)).await;
    };
    let ((), answer) = tokio::join!(serve, host.authorise(&four));
    assert!(answer.is_ok());
}

/// Asks, and goes away at once.
async fn abandoned(host: &Host, request: &AuthorisationRequest) {
    let _ = timeout(Duration::from_millis(1), host.authorise(request)).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_another_type_of_message_is_not_ours() {
    let (sender, mut ends) = mpsc::unbounded_channel();
    let config = config("message_class = 'financial'");
    let host = Host::start_over(config.clone(), acceptor(), move || {
        let (ours, stream) = tokio::io::duplex(4096);
        let _ = sender.send(HostEnd { stream, config: config.clone() });
        std::future::ready(Ok(ours))
    });
    let one = request(1);
    let serve = async {
        let mut end = ends.recv().await.unwrap();
        let request = end.request().await;
        let mut other = approval(&request);
        other.mti = Mti::AUTHORISATION_REQUEST.answer();
        end.answer(&other).await;
        end.answer(&approval(&request)).await;
        end
    };
    let (_end, answer) = tokio::join!(serve, host.authorise(&one));
    assert!(answer.unwrap().decision.is_approved());
}
