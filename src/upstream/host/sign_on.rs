//! Signing on: the task that asks the host for working keys, at the start, each day, and when the host says that its own
//! are lost.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedSender, WeakUnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::super::answer::Answered;
use super::super::config::{CardAcceptor, HostConfig};
use super::super::failure::{HostError, SignOnError};
use super::super::iso8583::{Message, Purpose};
use super::super::mac_keys::KeyDesk;
use super::super::network::{NetworkPurpose, NetworkRequest};
use super::super::response_code::Action;
use super::first;
use super::link::{Command, Order};
use crate::keys::MacKey;
use crate::terminal::{BatchNumber, Stan};

/// What a message needs that the link sends on its own account.
#[derive(Debug)]
pub struct Ticket {
    /// Its number.
    pub stan: Stan,
    /// When it is sent.
    pub at: Timestamp,
    /// The batch that is open.
    pub batch: BatchNumber,
    /// What shortens the pause after a message that comes to nothing, so that terminals don't come back together.
    pub jitter: u32,
}

/// Where the link asks for tickets. Who drops it has ended.
pub type TicketDesk = UnboundedSender<oneshot::Sender<Ticket>>;

/// How long to wait before a host is asked again that refused, or whose keys can't be used: that is for people to mend.
/// Whoever comes with a sale has it asked at once.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(30);

/// Keeps one link signed on, for as long as it lasts.
pub(super) struct SignOn {
    pub(super) config: Arc<HostConfig>,
    pub(super) acceptor: Arc<CardAcceptor>,
    pub(super) desk: Arc<KeyDesk>,
    pub(super) tickets: TicketDesk,
    /// It does not keep the link from ending.
    pub(super) orders: WeakUnboundedSender<Order>,
}

impl SignOn {
    /// Hands the link its keys, again and again, until link or engine are gone.
    pub(super) async fn run(self) {
        let mut failures = 0;
        while let Some(ticket) = self.ticket().await {
            let jitter = ticket.jitter;
            let Some(outcome) = self.sign_on(ticket).await else { return };
            let is_done = outcome.is_ok();
            let pause = match &outcome {
                Ok(_) => {
                    failures = 0;
                    tracing::info!(address = self.config.address.to_string(), "signed on: the host's keys are right");
                    self.renew_after()
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, "not signed on");
                    if matches!(error, SignOnError::Host(_)) {
                        self.config.backoff(failures, jitter)
                    } else {
                        PAUSE_AFTER_REFUSAL
                    }
                }
            };
            let Some(orders) = self.orders.upgrade() else { return };
            if orders.send(Order::HandOut(outcome.map_err(|error| error.to_string()))).is_err() {
                return;
            }
            drop(orders);
            if is_done {
                tokio::select! {
                    () = sleep(pause) => {}
                    () = self.desk.renewal() => {}
                }
            } else {
                tokio::select! {
                    () = sleep(pause) => {}
                    () = self.desk.hurry() => {}
                }
            }
        }
    }

    fn renew_after(&self) -> Duration {
        let hours = self.config.dialect.working_keys.as_ref().map_or(24, |rule| rule.renew_after_h);
        Duration::from_secs(3600 * u64::from(hours.max(1)))
    }

    /// What the next message needs. Nothing where there is nobody left to ask for.
    async fn ticket(&self) -> Option<Ticket> {
        let (ticket, granted) = oneshot::channel();
        self.tickets.send(ticket).ok()?;
        granted.await.ok()
    }

    /// Asks once. Nothing where the link has ended.
    async fn sign_on(&self, ticket: Ticket) -> Option<Result<MacKey, SignOnError>> {
        let Ticket { stan, at, batch, .. } = ticket;
        let rule = self.config.dialect.working_keys.as_ref()?;
        let purpose = match rule.message {
            Purpose::KeyExchange => NetworkPurpose::KeyExchange,
            _ => NetworkPurpose::SignOn,
        };
        let request = NetworkRequest { stan, at, purpose, batch };
        let message = match request.to_message(&self.config, &self.acceptor) {
            Ok(message) => message,
            Err(error) => return Some(Err(HostError::from(error).into())),
        };
        let (reply, mut answers) = unbounded_channel();
        let send_by = Some(Instant::now() + self.config.connect_timeout());
        let command = Command { message, purpose: purpose.into(), stan, send_by, reply };
        self.orders.upgrade()?.send(Order::Send(command)).ok()?;
        Some(match first(&mut answers).await {
            Ok(answer) => self.keys_in(&answer),
            Err(error) => Err(error.into()),
        })
    }

    /// The key for MACs out of the answer, once all that it carries is right.
    fn keys_in(&self, answer: &Message) -> Result<MacKey, SignOnError> {
        let dialect = &self.config.dialect;
        let code = Answered::new(answer, dialect).response_code().map_err(HostError::from)?;
        if code.meaning().action != Action::Approve {
            return Err(SignOnError::Refused { code });
        }
        let (rule, mac) = dialect.working_keys.as_ref().zip(dialect.mac.as_ref()).ok_or(SignOnError::NoKeys(0))?;
        let value = answer.bytes(rule.field).ok_or(SignOnError::NoKeys(rule.field))?;
        let keys = rule.bytes(value, dialect)?;
        Ok(self.desk.master().open(&keys, &rule.keys, mac.algorithm)?)
    }
}
