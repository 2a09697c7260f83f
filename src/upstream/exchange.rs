//! Which answer belongs to which request. No clock and no socket: bytes and times come in, bytes and outcomes go out.

use std::sync::Arc;
use std::time::Instant;

use zeroize::Zeroizing;

use super::answer::Answered;
use super::failure::{HostError, MalformedAnswer, NoAnswer, NotSent};
use super::iso8583::{Dialect, Element, FrameError, Framer, Message, Mti, check_mac, decode, encode, encode_with_mac};
use super::response_code::Action;
use crate::keys::MacKey;
use crate::terminal::Stan;

/// What must be ours in every answer that has it.
const ALWAYS_ECHOED: [Element; 2] = [Element::TerminalId, Element::Currency];

/// What an answer must hold to be the answer to a request: what the request held.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    /// The type.
    mti: Mti,
    /// The STAN, which every answer has: the request's, or that of its original, where the dialect names it by that.
    stan: Stan,
    /// Fields that must be ours where an answer has them.
    echoed: Vec<(u8, String)>,
    /// The amount: where the answer has it, it must be ours; in a partial approval, at most ours.
    amount: Option<u64>,
    /// The key of its MAC, where request and answer have one.
    mac_key: Option<Arc<MacKey>>,
}

impl Expected {
    /// What answers `request`, which has this STAN, in this dialect; with a MAC under this key, if there is one.
    pub(super) fn to(request: &Message, stan: Stan, mac_key: Option<Arc<MacKey>>, dialect: &Dialect) -> Self {
        let ours = |number: u8| Some((number, request.text(number)?.to_owned()));
        let sent = Answered::new(request, dialect).number(Element::Stan).and_then(|stan| u32::try_from(stan).ok());
        let always = ALWAYS_ECHOED.iter().filter_map(|element| dialect.field_of(*element));
        Self {
            mti: request.mti.answer(),
            stan: sent.and_then(|stan| stan.try_into().ok()).unwrap_or(stan),
            echoed: always.chain(dialect.echo.iter().copied()).filter_map(ours).collect(),
            amount: Answered::new(request, dialect).number(Element::Amount),
            mac_key,
        }
    }

    /// Why a message of the expected type, which was read from these bytes, does not count as the answer; nothing where
    /// it does.
    fn disagreement(&self, message: &Message, bytes: &[u8], dialect: &Dialect) -> Option<NoAnswer> {
        let other = self.foreign_field(message, dialect).map(NoAnswer::Mismatched);
        other.or_else(|| {
            let (rule, key) = (dialect.mac.as_ref()?, self.mac_key.as_ref()?);
            check_mac(bytes, message, dialect, rule, key).err().map(NoAnswer::NotAuthentic)
        })
    }

    /// Whether a message would be the answer but for its MAC, and says that the host has other keys.
    fn is_refused_for_its_key(&self, message: &Message, dialect: &Dialect) -> bool {
        let is_ours = message.mti == self.mti && self.foreign_field(message, dialect).is_none();
        is_ours && self.mac_key.is_some() && dialect.says_that_keys_are_due(message)
    }

    /// The first field by which a message of the expected type answers another request; nothing where it answers this
    /// one.
    fn foreign_field(&self, message: &Message, dialect: &Dialect) -> Option<u8> {
        let answer = Answered::new(message, dialect);
        if answer.number(Element::Stan) != Some(self.stan.number().into()) {
            return dialect.field_of(Element::Stan);
        }
        let differs = |(number, ours): &&(u8, String)| message.text(*number).is_some_and(|theirs| theirs != ours);
        let echoed = self.echoed.iter().find(differs).map(|(number, _)| *number);
        echoed.or_else(|| dialect.field_of(Element::Amount).filter(|_| !self.agrees_with_amount(answer)))
    }

    fn agrees_with_amount(&self, answer: Answered<'_>) -> bool {
        let Some(ours) = self.amount.filter(|_| answer.bytes(Element::Amount).is_some()) else { return true };
        let Some(theirs) = answer.number(Element::Amount) else { return false };
        let is_partial = answer.response_code().is_ok_and(|code| code.meaning().action == Action::ApprovePartially);
        if is_partial { theirs <= ours } else { theirs == ours }
    }
}

/// How a request ended: `T` says which.
pub(super) type Ended<T> = (T, Result<Message, HostError>);

struct Waiting<T> {
    expected: Expected,
    deadline: Instant,
    /// Why the last message that might have been the answer was none.
    mismatch: Option<NoAnswer>,
    token: T,
}

/// The requests that wait for their answers on one connection.
pub(super) struct Exchange<T> {
    dialect: Dialect,
    framer: Framer,
    waiting: Vec<Waiting<T>>,
    /// Requests whose time is over, the latest last: an answer may still come, and is worth knowing of.
    overdue: Vec<(Expected, T)>,
}

impl<T: Clone> Exchange<T> {
    /// How many requests whose time is over are remembered.
    const OVERDUE_MAX: usize = 32;

    pub(super) fn new(dialect: Dialect, frame_bytes_max: usize) -> Self {
        let framer = Framer::new(dialect.header, dialect.tpdu, frame_bytes_max);
        let framer = framer.with_message_header(dialect.message_header.as_ref());
        Self { dialect, framer, waiting: Vec::new(), overdue: Vec::new() }
    }

    /// What answers `request`, which has this STAN, and a MAC under this key, if there is one.
    pub(super) fn expected(&self, request: &Message, stan: Stan, mac_key: Option<Arc<MacKey>>) -> Expected {
        Expected::to(request, stan, mac_key, &self.dialect)
    }

    /// The bytes to send for `message`, with a MAC under this key, if there is one.
    ///
    /// # Errors
    /// If it can't be written, or a request with the same answer type and STAN waits.
    pub(super) fn frame(
        &self,
        message: &Message,
        mac_key: Option<&MacKey>,
        expected: &Expected,
    ) -> Result<Zeroizing<Vec<u8>>, NotSent> {
        let is_same =
            |waiting: &Waiting<T>| (waiting.expected.mti, waiting.expected.stan) == (expected.mti, expected.stan);
        if self.waiting.iter().any(is_same) {
            return Err(NotSent::StanInUse(expected.stan));
        }
        let bytes = match self.dialect.mac.as_ref().zip(mac_key) {
            Some((rule, key)) => encode_with_mac(message, &self.dialect, rule, key)?,
            None => encode(message, &self.dialect)?,
        };
        Ok(self.framer.frame(&bytes)?)
    }

    /// The request of `token` has been sent, and waits for its answer until `deadline`.
    pub(super) fn sent(&mut self, expected: Expected, deadline: Instant, token: T) {
        self.waiting.push(Waiting { expected, deadline, mismatch: None, token });
    }

    /// Bytes arrived: which requests do they end?
    ///
    /// A message that answers none of them, or has not the MAC that it must have, is logged and dropped; a request that it might have been meant for remembers
    /// it, and says so when its time is over. One that is no message at all ends the request that waits alone; where
    /// several wait, nobody can say whose it was, and each waits on. The answer to a request whose time is over is given
    /// once more for that.
    ///
    /// # Errors
    /// If the stream can't be cut into frames: close the connection, and call [`lost`](Self::lost).
    pub(super) fn received(&mut self, bytes: &[u8]) -> Result<Vec<Ended<T>>, FrameError> {
        let frames = self.framer.receive(bytes)?;
        Ok(frames.iter().filter_map(|frame| self.received_frame(frame)).collect())
    }

    fn received_frame(&mut self, frame: &[u8]) -> Option<Ended<T>> {
        match decode(frame, &self.dialect) {
            Ok(message) => self.received_message(message, frame),
            Err(error) => {
                tracing::warn!(%error, bytes = frame.len(), "an answer is malformed");
                let alone = if self.waiting.len() == 1 { self.waiting.pop() } else { None };
                alone.map(|waiting| (waiting.token, Err(MalformedAnswer::Decode(error).into())))
            }
        }
    }

    fn received_message(&mut self, message: Message, bytes: &[u8]) -> Option<Ended<T>> {
        let answers = |expected: &Expected| {
            message.mti == expected.mti && expected.disagreement(&message, bytes, &self.dialect).is_none()
        };
        if let Some(index) = self.waiting.iter().position(|waiting| answers(&waiting.expected)) {
            return Some((self.waiting.remove(index).token, Ok(message)));
        }
        if let Some(index) = self.overdue.iter().position(|(expected, _)| answers(expected)) {
            return Some((self.overdue.remove(index).1, Ok(message)));
        }
        if let Some(index) =
            self.waiting.iter().position(|waiting| waiting.expected.is_refused_for_its_key(&message, &self.dialect))
        {
            return Some((self.waiting.remove(index).token, Err(NoAnswer::KeysRefused.into())));
        }
        tracing::warn!(?message, "dropped: it answers no request that waits");
        let is_alone = self.waiting.len() == 1;
        let stan_field = self.dialect.field_of(Element::Stan);
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.expected.mti == message.mti) {
            match waiting.expected.disagreement(&message, bytes, &self.dialect) {
                Some(NoAnswer::Mismatched(field)) if Some(field) == stan_field && !is_alone => {}
                why => waiting.mismatch = why,
            }
        }
        None
    }

    /// When the next request has waited long enough.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.deadline).min()
    }

    /// Ends the requests that have waited long enough.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<Ended<T>> {
        let mut ended = Vec::new();
        for waiting in self.waiting.extract_if(.., |waiting| waiting.deadline <= now) {
            let why = waiting.mismatch.unwrap_or(NoAnswer::TimedOut);
            ended.push((waiting.token.clone(), Err(why.into())));
            self.overdue.push((waiting.expected, waiting.token));
        }
        let forgotten = self.overdue.len().saturating_sub(Self::OVERDUE_MAX);
        self.overdue.drain(..forgotten);
        ended
    }

    /// Whether a frame has begun and not ended. After a time-out it never will, and what follows would be taken for
    /// its rest: the connection is of no more use.
    pub(super) fn is_inside_a_frame(&self) -> bool {
        self.framer.is_inside_a_frame()
    }

    /// The connection is gone, and with it every answer.
    pub(super) fn lost(&mut self, why: &NoAnswer) -> Vec<Ended<T>> {
        self.framer.reset();
        self.overdue.clear();
        self.waiting.drain(..).map(|waiting| (waiting.token, Err(why.clone().into()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::authorisation::tests::request;
    use super::super::config::HostConfig;
    use super::super::config::tests::{acceptor, config};
    use super::super::iso8583::MacError;
    use super::*;
    use crate::keys::MacAlgorithm;

    struct Link {
        config: HostConfig,
        exchange: Exchange<u32>,
        mac_key: Option<Arc<MacKey>>,
        start: Instant,
    }

    impl Link {
        fn new() -> Self {
            Self::configured(config(""))
        }

        fn configured(config: HostConfig) -> Self {
            let algorithm = config.dialect.mac.as_ref().map(|rule| rule.algorithm);
            let mac_key = algorithm.map(|algorithm| Arc::new(MacKey::new(algorithm, b"sixteen bytes: a").unwrap()));
            Self { exchange: Exchange::new(config.dialect.clone(), 500), config, mac_key, start: Instant::now() }
        }

        /// Sends the request with this STAN; it waits for `stan` seconds.
        fn send(&mut self, stan: u32) {
            let message = request(stan).to_message(&self.config, &acceptor()).unwrap();
            let expected = self.exchange.expected(&message, request(stan).stan, self.mac_key.clone());
            self.exchange.frame(&message, self.mac_key.as_deref(), &expected).unwrap();
            self.exchange.sent(expected, self.at(stan), stan);
        }

        fn at(&self, seconds: u32) -> Instant {
            self.start + Duration::from_secs(seconds.into())
        }

        fn framed(&self, message: &Message) -> Vec<u8> {
            let body = encode(message, &self.config.dialect).unwrap();
            Framer::new(self.config.dialect.header, None, 500).frame(&body).unwrap().to_vec()
        }

        fn receive(&mut self, message: &Message) -> Vec<Ended<u32>> {
            let frame = self.framed(message);
            self.exchange.received(&frame).unwrap()
        }
    }

    /// An approval of the request with STAN `stan`.
    fn approval(stan: u32) -> Message {
        let mut message = Message::new("0110".parse().unwrap());
        message.set(4, "000000001250").set(11, format!("{stan:06}")).set(37, request(stan).rrn.as_str()).set(39, "00");
        message.set(41, "TERM0001");
        message
    }

    #[test]
    fn answers_find_their_requests_in_any_order() {
        let mut link = Link::new();
        link.send(1);
        link.send(2);
        assert_eq!(link.receive(&approval(2)), [(2, Ok(approval(2)))]);
        assert_eq!(link.receive(&approval(1)), [(1, Ok(approval(1)))]);
        assert_eq!(link.exchange.next_deadline(), None);
    }

    #[test]
    fn an_answer_to_another_transaction_is_not_taken_for_ours() {
        let mut financial = approval(1);
        financial.mti = "0210".parse().unwrap();
        let mut unnumbered = approval(1);
        unnumbered.remove(11);
        let other = |number: u8, value: &str| {
            let mut message = approval(1);
            message.set(number, value);
            message
        };
        let mut link = Link::new();
        link.send(1);
        for other in [
            financial,
            unnumbered,
            other(4, "000000001251"),
            other(11, "000002"),
            other(37, "620212000043"),
            other(41, "TERM0002"),
            other(49, "840"),
        ] {
            assert_eq!(link.receive(&other), [], "{other:?}");
        }
        assert_eq!(link.receive(&approval(1)).len(), 1, "the request has kept waiting");
    }

    #[test]
    fn a_partial_approval_may_be_for_less_and_never_for_more() {
        let partial = |amount: &str| {
            let mut message = approval(1);
            message.set(39, "10").set(4, amount);
            message
        };
        let mut link = Link::new();
        link.send(1);
        assert_eq!(link.receive(&partial("000000001251")), []);
        assert_eq!(link.receive(&partial("000000000500")).len(), 1);
    }

    #[test]
    fn a_host_that_echoes_little_is_understood() {
        let mut bare = approval(1);
        for number in [4, 37, 41] {
            bare.remove(number);
        }
        let mut link = Link::new();
        link.send(1);
        assert_eq!(link.receive(&bare), [(1, Ok(bare.clone()))]);
    }

    #[test]
    fn a_host_that_assigns_its_own_reference_is_understood_where_the_dialect_says_so() {
        let mut own_reference = approval(1);
        own_reference.set(37, "HOST00000042");
        let mut link = Link::new();
        link.send(1);
        assert_eq!(link.receive(&own_reference), []);
        let mut does_not_echo = config("");
        does_not_echo.dialect.echo.clear();
        for config in [does_not_echo, config("omit = [37]")] {
            let mut link = Link::configured(config);
            link.send(1);
            assert_eq!(link.receive(&own_reference).len(), 1);
            link.send(1);
            let mut other = own_reference.clone();
            other.set(49, "840");
            assert_eq!(link.receive(&other), [], "no dialect sells in another currency");
        }
    }

    #[test]
    fn a_request_that_got_the_answer_to_another_says_so_when_its_time_is_over() {
        let mut link = Link::new();
        link.send(1);
        let mut dollars = approval(1);
        dollars.set(49, "840");
        assert_eq!(link.receive(&dollars), []);
        assert_eq!(link.exchange.expired(link.at(1)), [(1, Err(NoAnswer::Mismatched(49).into()))]);
        link.send(2);
        link.send(3);
        assert_eq!(link.receive(&approval(4)), []);
        assert_eq!(link.exchange.expired(link.at(2)), [(2, Err(NoAnswer::TimedOut.into()))], "it may have been for 3");
    }

    #[test]
    fn an_answer_without_the_right_mac_is_none() {
        let mac = "[dialect]\npreset = 'bcd'\nmac = { algorithm = 'retail-padding-1', key = 'configured' }";
        let settings = format!("address = 'localhost:8583'\n{mac}");
        let sealed = |link: &Link, message: &Message, key: &MacKey| {
            let (dialect, rule) = (&link.config.dialect, link.config.dialect.mac.as_ref().unwrap());
            let body = encode_with_mac(message, dialect, rule, key).unwrap();
            Framer::new(dialect.header, None, 500).frame(&body).unwrap().to_vec()
        };
        let mut link = Link::configured(toml::from_str(&settings).unwrap());
        let key = link.mac_key.clone().unwrap();
        link.send(1);
        assert_eq!(link.receive(&approval(1)), [], "it has no MAC");
        assert_eq!(link.exchange.expired(link.at(1)), [(1, Err(NoAnswer::NotAuthentic(MacError::Missing).into()))]);
        link.send(2);
        let other = MacKey::new(MacAlgorithm::RetailPadding1, b"another key of 1").unwrap();
        for frame in [sealed(&link, &approval(2), &other), sealed(&link, &approval(1), &other)] {
            assert_eq!(link.exchange.received(&frame), Ok(vec![]));
        }
        let mut changed = sealed(&link, &approval(2), &key);
        let digit = changed.iter().position(|byte| *byte == 0x12).unwrap();
        changed[digit] = 0x11;
        assert_eq!(link.exchange.received(&changed), Ok(vec![]), "somebody has made it 11.50");
        let frame = sealed(&link, &approval(2), &key);
        assert_eq!(link.exchange.received(&frame).map(|ended| ended.len()), Ok(1), "the request has kept waiting");
        let late = sealed(&link, &approval(1), &key);
        assert_eq!(link.exchange.received(&late).map(|ended| ended.len()), Ok(1), "a late one is believed by its MAC");
        link.send(3);
        let frame = sealed(&link, &approval(3), &other);
        assert_eq!(link.exchange.received(&frame), Ok(vec![]));
        assert_eq!(link.exchange.expired(link.at(3)), [(3, Err(NoAnswer::NotAuthentic(MacError::Wrong).into()))]);
    }

    #[test]
    fn a_late_answer_is_given_once_more_while_the_connection_lasts() {
        let mut link = Link::new();
        link.send(1);
        link.send(2);
        assert_eq!(link.exchange.next_deadline(), Some(link.at(1)));
        let ended = link.exchange.expired(link.at(1));
        assert_eq!(ended, [(1, Err(NoAnswer::TimedOut.into()))]);
        assert_eq!(link.receive(&approval(1)), [(1, Ok(approval(1)))]);
        assert_eq!(link.receive(&approval(1)), []);
        assert_eq!(link.exchange.expired(link.at(2)).len(), 1);
        link.exchange.lost(&NoAnswer::Stopped);
        assert_eq!(link.receive(&approval(2)), []);
    }

    #[test]
    fn an_answer_of_one_byte_ends_the_request_that_waits_alone() {
        let mut link = Link::new();
        link.send(1);
        let ended = link.exchange.received(&[0, 1, 0x01]).unwrap();
        assert!(matches!(ended[..], [(1, Err(HostError::MalformedAnswer(MalformedAnswer::Decode(_))))]), "{ended:?}");
        link.send(1);
        link.send(2);
        assert_eq!(link.exchange.received(&[0, 1, 0x01]), Ok(vec![]));
        assert_eq!(link.receive(&approval(2)).len(), 1);
    }

    #[test]
    fn a_header_that_promises_too_little_costs_its_request_and_the_stream() {
        let mut link = Link::new();
        link.send(1);
        let mut frame = link.framed(&approval(1));
        frame[1] -= 8;
        // The last eight bytes are the terminal's name: read as a header, they announce a frame that is too long.
        assert_eq!(link.exchange.received(&frame), Err(FrameError::TooLong { length: 0x5445, limit: 500 }));
        let ended = link.exchange.lost(&NoAnswer::Stream(FrameError::Header));
        assert!(ended.iter().all(|(_, result)| result.as_ref().is_err_and(HostError::is_reversal_needed)));
    }

    #[test]
    fn a_header_that_promises_too_much_is_seen_when_time_is_up() {
        let mut link = Link::new();
        link.send(1);
        let mut frame = link.framed(&approval(1));
        frame[1] += 1;
        assert_eq!(link.exchange.received(&frame), Ok(vec![]));
        assert_eq!(link.exchange.expired(link.at(1)), [(1, Err(NoAnswer::TimedOut.into()))]);
        assert!(link.exchange.is_inside_a_frame());
    }

    #[test]
    fn a_lost_connection_ends_every_request_and_what_had_begun_to_arrive() {
        let mut link = Link::new();
        link.send(1);
        link.send(2);
        link.exchange.received(&[0]).unwrap();
        let why = NoAnswer::ConnectionLost("reset".into());
        assert_eq!(link.exchange.lost(&why), [(1, Err(why.clone().into())), (2, Err(why.clone().into()))]);
        assert!(!link.exchange.is_inside_a_frame());
    }

    #[test]
    fn a_stan_that_waits_is_not_used_again() {
        let mut link = Link::new();
        link.send(1);
        let again = request(1).to_message(&link.config, &acceptor()).unwrap();
        let framed = link.exchange.frame(&again, None, &link.exchange.expected(&again, request(1).stan, None));
        assert_eq!(framed.map(drop), Err(NotSent::StanInUse(request(1).stan)));
    }
}
