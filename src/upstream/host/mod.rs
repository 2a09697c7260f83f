//! The link to the host: handles that ask it, and one task that owns the connection.

mod connect;
mod link;
mod sign_on;
mod stream;
mod usage;

use std::io;
use std::sync::Arc;

use emv::fields::Amount;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use self::connect::Connector;
use self::link::{Answers, Command, Link, Order};
use self::sign_on::SignOn;
pub use self::sign_on::{Ticket, TicketDesk};
use super::advice::{Advice, AdviceAnswer};
use super::answer::Answered;
use super::authorisation::{AuthorisationAnswer, AuthorisationRequest};
use super::config::{CardAcceptor, HostConfig};
use super::failure::{HostError, MalformedAnswer, NoAnswer, NotSent};
use super::iso8583::{Message, Purpose};
use super::mac_keys::{KeyDesk, KeyLedger, MacKeys};
use super::network::NetworkRequest;
use super::response_code::ResponseCode;
use super::reversal::{Reversal, ReversalAnswer};
use super::tls::Identity;
use crate::keys::InitialKeyId;
use crate::terminal::{Rrn, Stan};

pub use self::stream::{Peer, Stream};

/// A handle to the host link; clones share the connection.
///
/// Any number of requests may be under way at once. The connection is made when a request needs it, and kept. Nothing
/// is ever sent twice on the link's own account: whoever asks decides, by the [`HostError`], what follows. The link
/// ends when its last handle is dropped.
///
/// Where the host can't be reached, whoever waits at the counter is told at once: an authorisation tries to connect
/// itself, whatever the pause that reversals keep between two attempts, and goes before all of them.
#[derive(Debug, Clone)]
pub struct Host {
    config: Arc<HostConfig>,
    acceptor: Arc<CardAcceptor>,
    initial_key_id: Option<InitialKeyId>,
    desk: Option<Arc<KeyDesk>>,
    orders: mpsc::UnboundedSender<Order>,
    state: watch::Receiver<LinkState>,
}

/// How the link is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkState {
    /// Who is at the other end of the connection; nothing where there is none.
    pub peer: Option<Peer>,
    /// Connections in a row that could not be made, or that were closed before the host had said anything.
    pub failures: u32,
    /// Why the last of them failed; nothing once the host has said something.
    pub failure: Option<String>,
    /// How often the host was silent for as long as the configuration allows. Whenever it is once more, an echo test is
    /// to be [sent](Host::manage), under the terminal's next STAN; a connection that does not answer it is closed.
    pub silences: u32,
}

/// Where a link's pauses take what is random in them: each time another number.
pub type Jitter = Box<dyn FnMut() -> u32 + Send>;

/// What a link needs besides its configuration.
pub struct LinkInputs {
    /// The keys of its dialect's MACs.
    pub mac_keys: MacKeys,
    /// Who the terminal is, to a host that asks for a certificate.
    pub identity: Option<Identity>,
    /// What shortens the pauses between two attempts to connect.
    pub jitter: Jitter,
}

/// These keys, no certificate, and pauses that are never shortened.
impl From<MacKeys> for LinkInputs {
    fn from(mac_keys: MacKeys) -> Self {
        LinkInputs { mac_keys, identity: None, jitter: Box::new(|| 0) }
    }
}

/// An authorisation that the host was asked for.
#[derive(Debug)]
pub struct Authorisation {
    config: Arc<HostConfig>,
    amount: Amount,
    rrn: Rrn,
    answers: Answers,
}

impl Host {
    /// Starts the link to `config.address` over TCP, on the runtime of the caller. It connects when it is first asked.
    /// Its dialect wants no MACs, and the host no certificate.
    pub fn start(config: HostConfig, acceptor: CardAcceptor) -> Self {
        Self::start_with(config, acceptor, MacKeys::None)
    }

    /// Starts the link with all that it needs.
    pub fn start_with(config: HostConfig, acceptor: CardAcceptor, inputs: impl Into<LinkInputs>) -> Self {
        let inputs = inputs.into();
        let connector = Arc::new(Connector::new(&config, inputs.identity.as_ref()));
        let (tell, state) = watch::channel(LinkState::default());
        let seen = state.clone();
        let connect = move || {
            let (connector, has_failed) = (connector.clone(), seen.borrow().failures > 0);
            async move { connector.connect(has_failed).await }
        };
        Self::start_telling(config, acceptor, inputs, connect, (tell, state))
    }

    /// Starts the link over whatever `connect` opens.
    pub fn start_over<S, F, C>(
        config: HostConfig,
        acceptor: CardAcceptor,
        inputs: impl Into<LinkInputs>,
        connect: C,
    ) -> Self
    where
        S: Stream + Send + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
        C: FnMut() -> F + Send + 'static,
    {
        Self::start_telling(config, acceptor, inputs.into(), connect, watch::channel(LinkState::default()))
    }

    fn start_telling<S, F, C>(
        config: HostConfig,
        acceptor: CardAcceptor,
        inputs: LinkInputs,
        connect: C,
        (tell, state): (watch::Sender<LinkState>, watch::Receiver<LinkState>),
    ) -> Self
    where
        S: Stream + Send + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
        C: FnMut() -> F + Send + 'static,
    {
        let LinkInputs { mac_keys, jitter, .. } = inputs;
        let (orders, receiver) = mpsc::unbounded_channel();
        let (initial_key_id, desk) = (mac_keys.initial_key_id(), mac_keys.desk());
        let config = Arc::new(config);
        tokio::spawn(Link::new(config.clone(), mac_keys, jitter, connect, tell).run(receiver));
        Self { config, acceptor: Arc::new(acceptor), initial_key_id, desk, orders, state }
    }

    /// How the link is, now and whenever that changes.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    /// From which initial key the keys of messages are derived, if they are.
    pub fn initial_key_id(&self) -> Option<&InitialKeyId> {
        self.initial_key_id.as_ref()
    }

    /// Has keys derived, after the last that was reserved in earlier runs. Before a key is used, it goes to the ledger.
    pub fn derive_keys_after(&self, last_reserved: u32, ledger: KeyLedger) {
        // A link that has ended sends nothing, and needs no key.
        let _ = self.orders.send(Order::DeriveKeys { last_reserved, ledger });
    }

    /// Whether the host hands out the keys of messages, and the terminal has to sign on for them.
    pub fn signs_on(&self) -> bool {
        self.desk.is_some()
    }

    /// Has the link sign on, now and whenever new keys are due. The numbers of the messages for that come from `tickets`.
    /// Until there are keys, what needs one is held, no longer than whoever asked waits for it.
    pub fn sign_on_by(&self, tickets: TicketDesk) {
        let Some(desk) = self.desk.clone() else { return };
        let (config, acceptor) = (self.config.clone(), self.acceptor.clone());
        let orders = self.orders.downgrade();
        tokio::spawn(SignOn { config, acceptor, desk, tickets, orders }.run());
    }

    /// Asks for an authorisation, once. Journal the request first.
    pub fn begin(&self, request: &AuthorisationRequest) -> Authorisation {
        let purpose = self.config.purpose_of(request.kind, request.original.is_some());
        let answers = match request.to_message(&self.config, &self.acceptor) {
            Ok(message) => self.send_soon(message, purpose, request.stan),
            Err(unsent) => not_sent(unsent),
        };
        Authorisation { config: self.config.clone(), amount: request.amount, rrn: request.rrn.clone(), answers }
    }

    /// Asks for an authorisation, once, and waits for the answer. Journal the request first.
    ///
    /// # Errors
    /// See [`HostError`]; where [a reversal is needed](HostError::is_reversal_needed), the host may have approved.
    pub async fn authorise(&self, request: &AuthorisationRequest) -> Result<AuthorisationAnswer, HostError> {
        self.begin(request).answer().await
    }

    /// Sends a reversal, once. Until the answer [settles it](ReversalAnswer::says), send it again as a repeat.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn reverse(&self, reversal: &Reversal) -> Result<ReversalAnswer, HostError> {
        let message = reversal.to_message(&self.config, &self.acceptor);
        let answer = first(&mut self.send(message, Purpose::Reversal, reversal.stan, None)).await?;
        Ok(ReversalAnswer::read(self.read(&answer), reversal)?)
    }

    /// Sends an advice, once. Until the answer [takes it](AdviceAnswer::is_taken), send it again as a repeat.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn advise(&self, advice: &Advice) -> Result<AdviceAnswer, HostError> {
        let message = advice.to_message(&self.config, &self.acceptor)?;
        let purpose = advice.purpose(&self.config);
        let answer = first(&mut self.send(message, purpose, advice.request.stan, None)).await?;
        Ok(AdviceAnswer::read(self.read(&answer), advice)?)
    }

    /// Sends an echo test, a sign-on or a sign-off; returns what the host says to it.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn manage(&self, request: NetworkRequest) -> Result<ResponseCode, HostError> {
        let message = request.to_message(&self.config, &self.acceptor)?;
        let answer = first(&mut self.send_soon(message, request.purpose.into(), request.stan)).await?;
        Ok(self.read(&answer).response_code()?)
    }

    fn read<'a>(&'a self, answer: &'a Message) -> Answered<'a> {
        Answered::new(answer, &self.config.dialect)
    }

    /// Sends what somebody waits for. It has as much time as a connection may take, counted from now.
    fn send_soon(&self, message: Message, purpose: Purpose, stan: Stan) -> Answers {
        self.send(message, purpose, stan, Some(Instant::now() + self.config.connect_timeout()))
    }

    fn send(&self, message: Message, purpose: Purpose, stan: Stan, send_by: Option<Instant>) -> Answers {
        let (reply, answers) = mpsc::unbounded_channel();
        let order = Order::Send(Command { message, purpose, stan, send_by, reply });
        if let Err(mpsc::error::SendError(Order::Send(command))) = self.orders.send(order) {
            command.end(Err(NotSent::Stopped.into()));
        }
        answers
    }
}

impl Authorisation {
    /// The answer.
    ///
    /// # Errors
    /// See [`HostError`]; where [a reversal is needed](HostError::is_reversal_needed), the host may have approved.
    pub async fn answer(&mut self) -> Result<AuthorisationAnswer, HostError> {
        let answer = first(&mut self.answers).await?;
        Ok(self.read(&answer)?)
    }

    /// The answer that comes after its time was over, once [`answer`](Self::answer) has said so. It changes nothing,
    /// and tells afterwards what the host had decided. Nothing, where none comes on this connection.
    pub async fn late_answer(mut self) -> Option<AuthorisationAnswer> {
        let answer = self.answers.recv().await?.ok()?;
        self.read(&answer).ok()
    }

    fn read(&self, answer: &Message) -> Result<AuthorisationAnswer, MalformedAnswer> {
        AuthorisationAnswer::read(Answered::new(answer, &self.config.dialect), self.amount, &self.rrn)
    }
}

/// The answer to what can't be sent.
fn not_sent(why: NotSent) -> Answers {
    let (reply, answers) = mpsc::unbounded_channel();
    reply.send(Err(why.into())).expect("the other end is at hand");
    answers
}

async fn first(answers: &mut Answers) -> Result<Message, HostError> {
    // The task has the request: if it is gone now, nobody knows how far the request came.
    answers.recv().await.unwrap_or_else(|| Err(NoAnswer::Stopped.into()))
}

#[cfg(test)]
mod tests;
