//! The daemon, seen from the other side of the bus.

use std::collections::HashMap;

use serde::Serialize;
use zbus::wire::DynamicDeserialize;
use zbus::{Connection, DynamicType, OwnedObjectPath, Variant};

use super::following::Following;
use super::object::{Object, Properties};
use super::{Failure, bus_error};
use crate::bus::{self, Bus};
use crate::terminal::Token;

pub(super) const TERMINAL: &str = "org.tenderd.Terminal1";
pub(super) const TRANSACTION: &str = "org.tenderd.Transaction1";
const READER: &str = "org.tenderd.Reader1";

/// On which bus the daemon is.
#[derive(Debug, clap::Args)]
pub struct BusArgs {
    /// Look for tenderd on the session bus: for development
    #[arg(long, global = true, conflicts_with = "bus")]
    session: bool,

    /// Look for tenderd on the bus at this address
    #[arg(long, global = true, value_name = "ADDRESS")]
    bus: Option<String>,
}

impl BusArgs {
    fn bus(&self) -> Bus {
        match self {
            BusArgs { session: true, .. } => Bus::Session,
            BusArgs { bus: Some(address), .. } => Bus::Address(address.clone()),
            _ => Bus::System,
        }
    }
}

/// Options of a call.
pub(super) type Options<'a> = HashMap<&'a str, Variant<'a>>;

/// A connection to the bus on which the daemon is.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
}

impl Client {
    /// Connects to the bus.
    ///
    /// # Errors
    /// If there is no bus, with exit code [`Failure::UNAVAILABLE`].
    pub async fn connect(args: &BusArgs) -> Result<Self, Failure> {
        let bus = args.bus();
        match bus.builder().build().await {
            Ok(connection) => Ok(Client { connection }),
            Err(error) => Err(bus_error::no_bus(&bus, &error)),
        }
    }

    async fn call<B, R>(&self, path: &str, interface: &str, method: &str, body: &B) -> Result<R, Failure>
    where
        B: Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let called = self.connection.call_method(Some(bus::NAME), path, Some(interface), method, body).await;
        let reply = called.map_err(|error| bus_error::failure(&error))?;
        reply.body().deserialize().map_err(|error| bus_error::failure(&error))
    }

    /// The properties of `org.tenderd.Terminal1`.
    ///
    /// # Errors
    /// If the daemon can't be reached.
    pub async fn terminal(&self) -> Result<Object, Failure> {
        let properties: Properties =
            self.call(bus::ROOT, "org.freedesktop.DBus.Properties", "GetAll", &TERMINAL).await?;
        Ok(properties.into())
    }

    /// The properties of each reader, by name.
    ///
    /// # Errors
    /// If the daemon can't be reached.
    pub async fn readers(&self) -> Result<Vec<Object>, Failure> {
        let objects: HashMap<OwnedObjectPath, HashMap<String, Properties>> =
            self.call(bus::ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", &()).await?;
        let readers = objects.into_values().filter_map(|mut interfaces| interfaces.remove(READER));
        let mut readers: Vec<Object> = readers.map(Object::from).collect();
        readers.sort_by(|a, b| a.text("name").cmp(b.text("name")));
        Ok(readers)
    }

    /// Asks the acquirer whether it is there, and gives its response code.
    ///
    /// # Errors
    /// `HostUnavailable` if it does not answer, and if the daemon can't be reached.
    pub async fn test_host(&self) -> Result<String, Failure> {
        self.call(bus::ROOT, TERMINAL, "TestHost", &()).await
    }

    /// Starts a transaction.
    ///
    /// # Errors
    /// What the daemon says, and if it can't be reached.
    pub async fn create(&self, options: &Options<'_>) -> Result<(), Failure> {
        let _: OwnedObjectPath = self.call(bus::ROOT, TERMINAL, "CreateTransaction", options).await?;
        Ok(())
    }

    /// A transaction, be it live or years old.
    ///
    /// # Errors
    /// `UnknownToken`, and if the daemon can't be reached.
    pub async fn find(&self, token: &Token) -> Result<Object, Failure> {
        let properties: Properties = self.call(bus::ROOT, TERMINAL, "FindTransaction", &token.as_str()).await?;
        Ok(properties.into())
    }

    /// Transactions, latest first.
    ///
    /// # Errors
    /// What the daemon says, and if it can't be reached.
    pub async fn list(&self, options: &Options<'_>) -> Result<Vec<Object>, Failure> {
        let list: Vec<Properties> = self.call(bus::ROOT, TERMINAL, "ListTransactions", options).await?;
        Ok(list.into_iter().map(Object::from).collect())
    }

    /// A receipt, as text or as JSON.
    ///
    /// # Errors
    /// What the daemon says, and if it can't be reached.
    pub async fn receipt(&self, token: &Token, options: &Options<'_>) -> Result<String, Failure> {
        self.call(bus::ROOT, TERMINAL, "GetReceipt", &(token.as_str(), options)).await
    }

    /// Calls a transaction off.
    ///
    /// # Errors
    /// `UnknownToken`; `AlreadyDone` or `NotNow` if it is too late; and if the daemon can't be reached.
    pub async fn cancel(&self, token: &Token) -> Result<(), Failure> {
        match self.call(&bus::transaction_path(token), TRANSACTION, "Cancel", &()).await {
            // The object is gone, or was never there: the daemon knows which.
            Err(failure) if failure.name.as_deref() == Some("org.freedesktop.DBus.Error.UnknownObject") => {
                self.find(token).await?;
                Err(Failure::new(format!("transaction {token} is done")))
            }
            cancelled => cancelled,
        }
    }

    /// Begins to follow a transaction, which need not exist yet.
    ///
    /// # Errors
    /// If the bus can't be reached.
    pub async fn follow(&self, token: &Token) -> Result<Following, Failure> {
        Following::begin(&self.connection, token).await.map_err(|error| bus_error::failure(&error))
    }
}
