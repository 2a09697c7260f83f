//! The terminal as its callers hold it.

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::acquirer_view::AcquirerView;
use super::view::{ReaderView, TransactionView};
use super::{Fault, FollowUp, Request, Retry, Token};
use crate::receipt::{Receipt, Recipient};

/// A handle on the running terminal. Copies are cheap and all mean the same one; every question is
/// answered by the terminal's own task, in the order in which questions arrive.
#[derive(Debug, Clone)]
pub struct Terminal {
    inbox: mpsc::UnboundedSender<Call>,
}

/// The terminal as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Whether money is real.
    pub mode: crate::config::Mode,
    /// Whether the PC/SC service answers; always true where no PC/SC readers are wanted.
    pub reader_service: bool,
    /// The readers there are.
    pub readers: Vec<ReaderView>,
    /// Transactions that are not done.
    pub open_transactions: u32,
    /// Reversals that the acquirer has not answered yet.
    pub outstanding_reversals: u32,
    /// When an acquirer last answered anything, since the terminal was started.
    pub last_host_contact: Option<Timestamp>,
    /// The acquirers.
    pub acquirers: Vec<AcquirerView>,
    /// Offline approvals that the acquirer has not taken yet.
    pub outstanding_advices: u32,
    /// Why no transaction can be started, if so.
    pub fault: Option<Fault>,
}

impl Status {
    /// A terminal without readers and transactions.
    pub(super) fn idle(mode: crate::config::Mode) -> Self {
        Status {
            mode,
            reader_service: true,
            readers: Vec::new(),
            open_transactions: 0,
            outstanding_reversals: 0,
            last_host_contact: None,
            acquirers: Vec::new(),
            outstanding_advices: 0,
            fault: None,
        }
    }
}

/// What a caller wants; the answer goes to the enclosed channel.
#[derive(Debug)]
pub(super) enum Call {
    Create(Request, Reply<TransactionView>),
    FollowUp(FollowUp, Reply<TransactionView>),
    Cancel(Token, Reply<()>),
    Find(Token, Reply<TransactionView>),
    List { before: Option<Token>, limit: u32, reply: Reply<Vec<TransactionView>> },
    Receipt(Token, Recipient, Reply<Receipt>),
    Status(Reply<Status>),
    TestHost(Reply<String>),
    Stop(Reply<()>),
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, Fault>>;

impl Terminal {
    /// A handle, and where its questions arrive.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Call>) {
        let (inbox, calls) = mpsc::unbounded_channel();
        (Terminal { inbox }, calls)
    }

    /// Starts a transaction; or, where its token is known already, tells how that one stands.
    ///
    /// # Errors
    /// `TokenReused` if the token stands for another request, `ReaderBusy`, `ReaderFailed`, `UnknownReader`,
    /// `WrongCurrency`, `TypeNotOffered`, `InvalidAmount`, `DiskFull`, `JournalFailed`.
    pub async fn create(&self, request: Request) -> Result<TransactionView, Fault> {
        self.ask(|reply| Call::Create(request, reply)).await
    }

    /// Follows up an earlier transaction, without a card; or, where the token is known already, tells how that one stands.
    ///
    /// # Errors
    /// `TokenReused` if the token stands for another request; `UnknownOriginal`, `OriginalNotApproved`,
    /// `OriginalUnsuitable`, `AlreadyVoided`, `AlreadyRefunded`, `MoreThanIsLeft`, `WrongCurrency`, `InvalidAmount`;
    /// `NotNow` while the original or another follow-up of it is under way; `TypeNotOffered`, `CardNotReadable`,
    /// `JournalFailed`.
    pub async fn follow_up(&self, follow_up: FollowUp) -> Result<TransactionView, Fault> {
        self.ask(|reply| Call::FollowUp(follow_up, reply)).await
    }

    /// Calls a transaction off. What the acquirer was asked already is reversed.
    ///
    /// # Errors
    /// `UnknownToken`; `AlreadyDone` or `NotNow` if it is too late; `JournalFailed` if its end is not known.
    pub async fn cancel(&self, token: Token) -> Result<(), Fault> {
        self.ask(|reply| Call::Cancel(token, reply)).await
    }

    /// A transaction of today or of long ago.
    ///
    /// # Errors
    /// `UnknownToken`; `JournalFailed`.
    pub async fn find(&self, token: Token) -> Result<TransactionView, Fault> {
        self.ask(|reply| Call::Find(token, reply)).await
    }

    /// At most `limit` transactions, latest first: from the latest, or from the one before `before`.
    ///
    /// # Errors
    /// `UnknownToken`; `JournalFailed`.
    pub async fn list(&self, before: Option<Token>, limit: u32) -> Result<Vec<TransactionView>, Fault> {
        self.ask(|reply| Call::List { before, limit, reply }).await
    }

    /// The receipt of a transaction that is done.
    ///
    /// # Errors
    /// `UnknownToken`; `NotNow` if the transaction is not done; `JournalFailed`.
    pub async fn receipt(&self, token: Token, copy: Recipient) -> Result<Receipt, Fault> {
        self.ask(|reply| Call::Receipt(token, copy, reply)).await
    }

    /// How the terminal is.
    ///
    /// # Errors
    /// `Stopping`, as every question gets once the terminal was told to stop.
    pub async fn status(&self) -> Result<Status, Fault> {
        self.ask(Call::Status).await
    }

    /// Asks the acquirer whether it is there, and gives its response code.
    ///
    /// # Errors
    /// `HostUnavailable` with the reason.
    pub async fn test_host(&self) -> Result<String, Fault> {
        self.ask(Call::TestHost).await
    }

    /// Ends the terminal: transactions that wait for a card are cancelled; those that wait for the
    /// acquirer are taken up at the next start.
    ///
    /// # Errors
    /// `Stopping` if it has ended already.
    pub async fn stop(&self) -> Result<(), Fault> {
        self.ask(Call::Stop).await
    }

    async fn ask<T>(&self, call: impl FnOnce(Reply<T>) -> Call) -> Result<T, Fault> {
        let stopping = || Fault::new("Stopping", Retry::Same, "the terminal is stopping; ask again when it is back");
        let (reply, answer) = oneshot::channel();
        self.inbox.send(call(reply)).map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }
}
