//! `org.tenderd.Terminal1`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use zbus::object_server::{Interface, SignalEmitter};
use zbus::{OwnedObjectPath, OwnedVariant};

use super::acquirer::acquirer;
use super::options::{Asked, Options, ReceiptFormat};
use super::transaction::Transaction1;
use super::{Error, ToPublish, transaction_path};
use crate::receipt::text;
use crate::terminal::{Status, Terminal, Token, TransactionView};

/// The terminal.
pub struct Terminal1 {
    terminal: Terminal,
    status: Mutex<Status>,
    /// Asks for a transaction's object.
    asking: mpsc::UnboundedSender<ToPublish>,
}

impl Terminal1 {
    pub(super) fn new(terminal: Terminal, status: Status, asking: mpsc::UnboundedSender<ToPublish>) -> Self {
        Terminal1 { terminal, status: Mutex::new(status), asking }
    }

    pub(super) fn update(&self, status: Status) {
        *self.status() = status;
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a transaction has its object.
    async fn publish(&self, view: TransactionView) {
        let (published, is_published) = oneshot::channel();
        if self.asking.send(ToPublish { view, published }).is_ok() {
            // It is not answered if the daemon ends meanwhile.
            let _ = is_published.await;
        }
    }

    /// What a transaction's object says, or would say if it were still on the bus.
    async fn properties(&self, view: TransactionView, emitter: &SignalEmitter<'_>) -> HashMap<String, OwnedVariant> {
        let connection = emitter.connection();
        let object = Transaction1::new(view, self.terminal.clone());
        let properties = object.get_all(connection.object_server(), connection, None, emitter).await;
        properties.expect("no property of a transaction can fail")
    }
}

/// The terminal: where transactions are created and found.
#[zbus::interface(name = "org.tenderd.Terminal1")]
impl Terminal1 {
    /// Starts a transaction and gives its object, `/org/tenderd/transaction/TOKEN`.
    ///
    /// Keys: `token` (s, required: 1 to 64 of A-Z a-z 0-9 _ - .), `amount` (minor units as any
    /// integer type, or a decimal as s; required), `currency` (s, ISO 4217; required), `type` (s:
    /// `purchase`, `cash_advance`, `cashback`, `refund`, `pre_authorisation`, `verification`, or a follow-up),
    /// `amount_other` (the cash in a cashback), `reader` (s: a reader's name), `reference` (s: your own words),
    /// `accept_partial` (b), `online` (s: `prefer_online`, `require_online` or `force_offline`).
    ///
    /// With `original` (s: the token of an approved transaction), `type` is a follow-up, and no card is asked
    /// for: a `refund` gives money back; a `void` undoes the whole before it is settled; an `adjustment` adds a
    /// tip, as `amount` or as the new `total`, once; an `increment` raises a pre-authorisation by an amount, a
    /// `capture` collects what it holds or a part, once, and a `release` gives it up. `amount` and `currency` may
    /// be left out where all that is left is meant; and `amount_other`, `reader`, `accept_partial` and
    /// `online` have no place. However many there are, they never come to more than the original: `MoreThanIsLeft`.
    ///
    /// A `verification` asks the issuer about a card; it has no amount. It and a `pre_authorisation` are nothing
    /// without the issuer, and never approved offline.
    ///
    /// Calling again with the same token and the same values gives the same object and starts
    /// nothing; with other values it fails with `org.tenderd.Error.TokenReused`. A type that no card
    /// scheme is configured for fails with `TypeNotOffered`, a reader that is stuck with `ReaderFailed`.
    #[zbus(out_args("transaction"))]
    async fn create_transaction(&self, options: HashMap<String, OwnedVariant>) -> Result<OwnedObjectPath, Error> {
        let view = match Options::new(options).asked()? {
            Asked::New(request) => self.terminal.create(request).await?,
            Asked::FollowUp(follow_up) => self.terminal.follow_up(follow_up).await?,
        };
        let path = transaction_path(&view.token);
        self.publish(view).await;
        Ok(path)
    }

    /// The properties of `org.tenderd.Transaction1` of the transaction with this token, be it live or
    /// years old.
    #[zbus(out_args("properties"))]
    async fn find_transaction(
        &self,
        token: &str,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<HashMap<String, OwnedVariant>, Error> {
        let view = self.terminal.find(token.parse::<Token>()?).await?;
        Ok(self.properties(view, &emitter).await)
    }

    /// Transactions, latest first, as `FindTransaction` gives them.
    ///
    /// Keys: `limit` (u: at most so many, 20 unless told, 1000 at the most), `before` (s: a token; only
    /// those created before it).
    #[zbus(out_args("transactions"))]
    async fn list_transactions(
        &self,
        options: HashMap<String, OwnedVariant>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<Vec<HashMap<String, OwnedVariant>>, Error> {
        let mut options = Options::new(options);
        let limit = options.unsigned("limit")?.unwrap_or(20).min(1000);
        let before = options.token("before")?;
        options.finish()?;
        let mut transactions = Vec::new();
        for view in self.terminal.list(before, limit).await? {
            transactions.push(self.properties(view, &emitter).await);
        }
        Ok(transactions)
    }

    /// A receipt.
    ///
    /// Keys: `copy` (s: `customer` or `merchant`), `format` (s: `text` or `json`), `columns` (u: the
    /// width of the text).
    #[zbus(out_args("receipt"))]
    async fn get_receipt(&self, token: &str, options: HashMap<String, OwnedVariant>) -> Result<String, Error> {
        let (copy, format) = Options::new(options).receipt()?;
        let receipt = self.terminal.receipt(token.parse::<Token>()?, copy).await?;
        Ok(match format {
            ReceiptFormat::Text { columns } => text::render(&receipt, columns),
            ReceiptFormat::Json => serde_json::to_string_pretty(&receipt).expect("a receipt has string keys only"),
        })
    }

    /// Asks the acquirer whether it is there; gives its response code, `00` where all is well.
    #[zbus(out_args("response_code"))]
    async fn test_host(&self) -> Result<String, Error> {
        Ok(self.terminal.test_host().await?)
    }

    /// The version of the daemon.
    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    /// `live`, or `test`: no money moves, and every receipt says so.
    #[zbus(property(emits_changed_signal = "const"))]
    fn mode(&self) -> &str {
        self.status().mode.name()
    }

    /// Whether the PC/SC service answers.
    #[zbus(property)]
    fn reader_service(&self) -> bool {
        self.status().reader_service
    }

    /// How many transactions are not done.
    #[zbus(property)]
    fn open_transactions(&self) -> u32 {
        self.status().open_transactions
    }

    /// How many reversals the acquirer has not answered yet.
    #[zbus(property)]
    fn outstanding_reversals(&self) -> u32 {
        self.status().outstanding_reversals
    }

    /// How many offline approvals the acquirer has not taken yet.
    #[zbus(property)]
    fn outstanding_advices(&self) -> u32 {
        self.status().outstanding_advices
    }

    /// Why no transaction can be started, in words; empty while one can.
    #[zbus(property)]
    fn fault(&self) -> String {
        self.status().fault.as_ref().map(|fault| fault.message.clone()).unwrap_or_default()
    }

    /// When an acquirer last answered anything: ISO 8601, UTC; empty if none has since the daemon was started.
    #[zbus(property)]
    fn last_host_contact(&self) -> String {
        self.status().last_host_contact.map(|at| at.to_string()).unwrap_or_default()
    }

    /// The acquirers, and how the link to each is.
    ///
    /// Keys: `name` (s), `address` (s), `connected` (b), `failures` (u: requests and connections in a row that came to
    /// nothing), and where they are known, `failure` (s: why the last of them did), `last_contact` (s: ISO 8601, UTC),
    /// `peer` (s: who is at the other end), `tls` (s: `TLS 1.3` or `TLS 1.2`), `cipher` (s: its suite) and
    /// `certificate_expires` (s: ISO 8601, UTC).
    #[zbus(property)]
    fn acquirers(&self) -> Vec<HashMap<&'static str, OwnedVariant>> {
        self.status().acquirers.iter().map(acquirer).collect()
    }
}
