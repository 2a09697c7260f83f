//! The D-Bus face of the terminal: `org.tenderd`, objects under `/org/tenderd`.
//!
//! | object | interface | what it is |
//! |---|---|---|
//! | `/org/tenderd` | `org.tenderd.Terminal1` | where transactions are created and found |
//! | `/org/tenderd/transaction/TOKEN` | `org.tenderd.Transaction1` | a live transaction: state, result, texts |
//! | `/org/tenderd/reader/NAME` | `org.tenderd.Reader1` | a reader |
//!
//! Each object's state is in properties, announced by `PropertiesChanged`, so that a register that
//! crashed can come back and read it. The ObjectManager stands before the name is owned. Interfaces
//! grow by keys of their `a{sv}` arguments and by new properties; a change that would break a caller
//! gets a new number in the interface's name.

mod acquirer;
mod error;
mod options;
mod path;
mod reader;
mod terminal;
mod transaction;

use std::collections::{HashMap, VecDeque};

use tokio::sync::{mpsc, oneshot};
use zbus::object_server::{Interface, InterfaceRef};
use zbus::{Connection, OwnedVariant, connection, fdo};

pub use error::Error;
pub use path::{reader_path, transaction_path};
pub use reader::Reader1;
pub use terminal::Terminal1;
pub use transaction::Transaction1;

use crate::terminal::{Change, ReaderView, Status, Terminal, Token, TransactionView};

/// The well-known name.
pub const NAME: &str = "org.tenderd";

/// The path of the ObjectManager and of `org.tenderd.Terminal1`.
pub const ROOT: &str = "/org/tenderd";

/// How many transactions that are done stay on the bus. Older ones are found by their token.
const DONE_TRANSACTIONS_MAX: usize = 32;

/// Which bus to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bus {
    /// The system bus: where register apps of any user find the terminal.
    System,
    /// The session bus, for development.
    Session,
    /// A bus at this address.
    Address(String),
}

impl Bus {
    /// A connection that is not yet set up.
    pub fn builder(&self) -> connection::Builder<'_> {
        match self {
            Bus::System => connection::Builder::system(),
            Bus::Session => connection::Builder::session(),
            Bus::Address(address) => connection::Builder::address(address.as_str()),
        }
    }
}

/// Connects, exports the terminal, owns the name, and follows changes until there are no more.
///
/// `ready` is called once the name is owned.
///
/// # Errors
/// If the bus can't be reached, or the name belongs to somebody else already.
pub async fn serve(
    bus: &Bus,
    terminal: Terminal,
    status: Status,
    changes: mpsc::UnboundedReceiver<Change>,
    ready: impl FnOnce(),
) -> zbus::Result<()> {
    let (asking, asked) = mpsc::unbounded_channel();
    let face = Terminal1::new(terminal.clone(), status, asking);
    // A name that could be taken over would be taken over by a second daemon that somebody starts by mistake.
    let builder = bus.builder().replace_existing_names(false).allow_name_replacements(false);
    let connection = builder.serve_at(ROOT, fdo::ObjectManager).serve_at(ROOT, face).name(NAME).build().await?;
    ready();
    Publisher { connection, terminal, done: VecDeque::new() }.run(changes, asked).await
}

/// A transaction that must have an object on the bus before its caller is told of it; and where to say that it has.
struct ToPublish {
    view: TransactionView,
    published: oneshot::Sender<()>,
}

/// Keeps the objects on the bus as the terminal is.
struct Publisher {
    connection: Connection,
    terminal: Terminal,
    done: VecDeque<Token>,
}

impl Publisher {
    async fn run(
        mut self,
        mut changes: mpsc::UnboundedReceiver<Change>,
        mut asked: mpsc::UnboundedReceiver<ToPublish>,
    ) -> zbus::Result<()> {
        loop {
            // Changes first: what is asked for is no older than they are.
            tokio::select! {
                biased;
                change = changes.recv() => match change {
                    Some(change) => self.change(change).await?,
                    None => return Ok(()),
                },
                Some(ToPublish { view, published }) = asked.recv() => {
                    let server = self.connection.object_server();
                    if server.interface::<_, Transaction1>(transaction_path(&view.token)).await.is_err() {
                        self.transaction(view).await?;
                    }
                    // The caller may have gone.
                    let _ = published.send(());
                }
            }
        }
    }

    async fn change(&mut self, change: Change) -> zbus::Result<()> {
        match change {
            Change::Transaction(view) => self.transaction(*view).await,
            Change::Reader(view) => self.reader(view).await,
            Change::ReaderGone(name) => {
                self.connection.object_server().remove::<Reader1, _>(reader_path(&name)).await.map(drop)
            }
            Change::Terminal(status) => self.status(status).await,
        }
    }

    /// A call may wait long in the terminal's object, for the acquirer, say; so this needs no more than to read it.
    async fn status(&self, status: Status) -> zbus::Result<()> {
        let server = self.connection.object_server();
        let object = server.interface::<_, Terminal1>(ROOT).await?;
        let face = object.get().await;
        let before = face.get_all(server, &self.connection, None, object.signal_emitter()).await?;
        face.update(status);
        announce(&self.connection, &object, &*face, before).await
    }

    async fn transaction(&mut self, view: TransactionView) -> zbus::Result<()> {
        let server = self.connection.object_server();
        let path = transaction_path(&view.token);
        if view.result.is_some() && !self.done.contains(&view.token) {
            self.done.push_back(view.token.clone());
        }
        match server.interface::<_, Transaction1>(&path).await {
            Ok(object) => update(&self.connection, &object, |object| object.update(view)).await?,
            Err(_) => {
                server.at(&path, Transaction1::new(view, self.terminal.clone())).await?;
            }
        }
        while self.done.len() > DONE_TRANSACTIONS_MAX {
            let oldest = self.done.pop_front().expect("there is more than the limit");
            server.remove::<Transaction1, _>(transaction_path(&oldest)).await?;
        }
        Ok(())
    }

    async fn reader(&self, view: ReaderView) -> zbus::Result<()> {
        let server = self.connection.object_server();
        let path = reader_path(&view.name);
        match server.interface::<_, Reader1>(&path).await {
            Ok(object) => update(&self.connection, &object, |object| object.update(view)).await?,
            Err(_) => {
                server.at(&path, Reader1::new(view)).await?;
            }
        }
        Ok(())
    }
}

/// Changes an object and announces, in one signal, the properties that are now different.
async fn update<I: Interface>(
    connection: &Connection,
    object: &InterfaceRef<I>,
    change: impl FnOnce(&mut I),
) -> zbus::Result<()> {
    let mut interface = object.get_mut().await;
    let before = interface.get_all(connection.object_server(), connection, None, object.signal_emitter()).await?;
    change(&mut interface);
    announce(connection, object, &*interface, before).await
}

/// Announces, in one signal, the properties of an object that were different before.
async fn announce<I: Interface>(
    connection: &Connection,
    object: &InterfaceRef<I>,
    interface: &I,
    before: HashMap<String, OwnedVariant>,
) -> zbus::Result<()> {
    let emitter = object.signal_emitter();
    let after = interface.get_all(connection.object_server(), connection, None, emitter).await?;
    let changed: HashMap<_, _> = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(value))
        .map(|(name, value)| (name.as_str(), (**value).clone()))
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    fdo::Properties::properties_changed(emitter, I::name(), changed, [].as_slice().into()).await
}
