//! An acquirer: the link to it, and how well it is.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::super::acquirer_view::AcquirerView;
use super::super::handle::Reply;
use super::super::{Fault, Retry};
use super::answering::send;
use super::{Engine, Message};
use crate::upstream::iso8583::Purpose;
use crate::upstream::{Host, HostError, LinkState, NetworkPurpose, NetworkRequest, Ticket};

/// How long before a host's certificate expires the log warns.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long the terminal's end waits for the host to confirm its sign-off.
const SIGN_OFF_TIMEOUT: Duration = Duration::from_secs(2);

/// An acquirer.
pub(super) struct Acquirer {
    pub(super) host: Host,
    link: LinkState,
    /// Requests in a row that the host has not answered.
    unanswered: u32,
    failure: Option<String>,
    last_contact: Option<Timestamp>,
}

impl Acquirer {
    /// The acquirer behind this link. What changes there is told to the engine.
    pub(super) fn new(host: Host, inbox: mpsc::UnboundedSender<Message>) -> Self {
        let mut state = host.state();
        tokio::spawn(async move {
            while state.changed().await.is_ok() {
                let link = state.borrow_and_update().clone();
                if inbox.send(Message::Link(link)).is_err() {
                    return;
                }
            }
        });
        Acquirer { host, link: LinkState::default(), unanswered: 0, failure: None, last_contact: None }
    }

    /// What came of a request: whatever the host answers, it is there.
    fn heard<T>(&mut self, answer: &Result<T, HostError>, now: Timestamp) {
        match answer {
            Ok(_) => (self.unanswered, self.failure, self.last_contact) = (0, None, Some(now)),
            Err(error) => {
                self.unanswered = self.unanswered.saturating_add(1);
                self.failure = Some(error.to_string());
            }
        }
    }

    pub(super) fn view(&self, name: &str, address: &str) -> AcquirerView {
        AcquirerView {
            name: name.to_owned(),
            address: address.to_owned(),
            peer: self.link.peer.clone(),
            failures: self.unanswered.max(self.link.failures),
            failure: self.failure.clone().or_else(|| self.link.failure.clone()),
            last_contact: self.last_contact,
        }
    }
}

impl Engine {
    pub(super) fn note_contact<T>(&mut self, answer: &Result<T, HostError>) {
        let now = (self.inputs.now)();
        self.acquirer.heard(answer, now);
        self.status.last_host_contact = self.acquirer.last_contact;
    }

    /// The link has changed. Where the host has been silent for long, it is asked whether it is there.
    pub(super) fn link_changed(&mut self, link: LinkState) {
        let before = std::mem::replace(&mut self.acquirer.link, link);
        if before.silences != self.acquirer.link.silences {
            self.echo(None);
        }
        let tls = self.acquirer.link.peer.as_ref().and_then(|peer| peer.tls.as_ref());
        let expires = tls.and_then(|tls| tls.certificate_expires).filter(|_| before.peer.is_none());
        if let Some(expires) = expires.filter(|expires| expires.duration_since((self.inputs.now)()) < EXPIRES_SOON) {
            tracing::warn!(%expires, "the host's certificate expires soon: ask the acquirer for its new one, and pin its key");
        }
    }

    /// Sends an echo test. Who asked for it hears when the host answers.
    pub(super) fn echo(&mut self, reply: Option<Reply<String>>) {
        let request = self.network_request(NetworkPurpose::EchoTest);
        let (host, inbox) = (self.acquirer.host.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let answer = host.manage(request).await.map(|code| code.to_string());
            // Where the engine has stopped meanwhile, the caller hears so.
            let _ = inbox.send(Message::Echo(reply, answer));
        });
    }

    fn network_request(&mut self, purpose: NetworkPurpose) -> NetworkRequest {
        NetworkRequest { stan: self.stans.take(), at: (self.inputs.now)(), purpose, batch: self.batch }
    }

    /// Gives the link what a message of its own needs.
    pub(super) fn grant_ticket(&mut self, ticket: oneshot::Sender<Ticket>) {
        let [a, b, c, d, ..] = (self.inputs.randomness)();
        let (stan, at, jitter) = (self.stans.take(), (self.inputs.now)(), u32::from_be_bytes([a, b, c, d]));
        // A link that has ended needs none.
        let _ = ticket.send(Ticket { stan, at, batch: self.batch, jitter });
    }

    /// Tells a host that hands out keys that the terminal ends its work, where its dialect has words for it. Nobody waits
    /// long for its answer.
    pub(super) async fn sign_off(&mut self) {
        let host = self.acquirer.host.clone();
        if host.signs_on() && self.config.host.dialect.messages.contains_key(&Purpose::SignOff) {
            let request = self.network_request(NetworkPurpose::SignOff);
            let signed_off = tokio::time::timeout(SIGN_OFF_TIMEOUT, host.manage(request)).await;
            if !matches!(signed_off, Ok(Ok(_))) {
                tracing::info!("the host has not confirmed the sign-off");
            }
        }
    }

    pub(super) fn echo_answered(&mut self, reply: Option<Reply<String>>, answer: Result<String, HostError>) {
        self.note_contact(&answer);
        match reply {
            Some(reply) => {
                let unavailable = |error: HostError| {
                    Fault::new("HostUnavailable", Retry::AfterOperator, format!("the acquirer: {error}"))
                };
                send(reply, answer.map_err(unavailable));
            }
            None => {
                if let Err(error) = answer {
                    tracing::warn!(%error, "the host is silent, and does not answer an echo test");
                }
            }
        }
    }
}
