//! A register: calls a terminal over D-Bus, and waits for what becomes of its sales.

#![allow(dead_code, reason = "every test program uses its part of this")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

use tender_sim::acquirer::{Ledger, Rules};
use tenderd::bus;
use tokio::runtime::Runtime;
use zbus::{Connection, DBusError as _, OwnedObjectPath, OwnedVariant, Variant};

use crate::terminal::{Change, Readers, Terminal, eventually};

const PATIENCE: Duration = Duration::from_secs(30);
const TERMINAL: &str = "org.tenderd.Terminal1";

/// What a call is given beside its token. What comes later counts.
pub(crate) type Options<'a> = Vec<(&'a str, Variant<'a>)>;

/// A running terminal, as [`Terminal::start`] makes it, and a register on its bus.
pub(crate) fn start(readers: Readers<'_>, rules: Rules, changes: &[Change<'_>]) -> (Terminal, Register) {
    let terminal = Terminal::start(readers, rules, changes);
    let register = Register::of(&terminal);
    (terminal, register)
}

/// A register app, which waits for each of its calls.
pub(crate) struct Register {
    pub(crate) connection: Connection,
    pub(crate) runtime: Runtime,
}

/// Why a call came to nothing: the error's name without `org.tenderd.Error.`, and its text.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Register {
    /// A register on the terminal's bus.
    pub(crate) fn of(terminal: &Terminal) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let builder = zbus::connection::Builder::address(terminal.bus_address());
        let connection = runtime.block_on(async { builder.build().await }).expect("the bus takes clients");
        Register { connection, runtime }
    }

    /// Calls a method of the object at this path.
    pub(crate) fn call<B, R>(&self, path: &str, interface: &str, method: &str, body: &B) -> Result<R, Refused>
    where
        B: serde::Serialize + zbus::DynamicType,
        R: for<'d> zbus::wire::DynamicDeserialize<'d>,
    {
        let call = self.connection.call_method(Some(bus::NAME), path, Some(interface), method, body);
        match self.runtime.block_on(async { tokio::time::timeout(PATIENCE, call).await }).expect("tenderd answers") {
            Ok(reply) => Ok(reply.body().deserialize().expect("the reply has the type that the interface promises")),
            Err(zbus::Error::MethodError(name, text, _)) => Err(Refused {
                name: name.trim_start_matches("org.tenderd.Error.").to_owned(),
                text: text.unwrap_or_default(),
            }),
            // The bus itself says that tenderd is not there, or that it went before it answered.
            Err(zbus::Error::FDO(error)) => Err(Refused { name: error.name().to_string(), text: error.to_string() }),
            Err(error) => panic!("{method}: {error}"),
        }
    }

    /// Starts a sale in EUR.
    pub(crate) fn sell(&self, token: &str, minor: u64, reader: Option<&str>) -> Result<OwnedObjectPath, Refused> {
        let reader = reader.map(|name| ("reader", name.into()));
        self.create(token, [("amount", minor.into()), ("currency", "EUR".into())].into_iter().chain(reader).collect())
    }

    /// Starts a transaction of these options.
    pub(crate) fn create(&self, token: &str, options: Options<'_>) -> Result<OwnedObjectPath, Refused> {
        let options: HashMap<_, _> = options.into_iter().chain([("token", token.into())]).collect();
        self.call(bus::ROOT, TERMINAL, "CreateTransaction", &options)
    }

    /// Calls a transaction off.
    pub(crate) fn cancel(&self, token: &str) -> Result<(), Refused> {
        let path = bus::transaction_path(&token.parse().expect("a token"));
        self.call(path.as_str(), "org.tenderd.Transaction1", "Cancel", &())
    }

    /// How a transaction stands.
    pub(crate) fn find(&self, token: &str) -> Result<Transaction, Refused> {
        self.call(bus::ROOT, TERMINAL, "FindTransaction", &token).map(Transaction)
    }

    /// Transactions, latest first.
    pub(crate) fn list(&self, options: Options<'_>) -> Vec<Transaction> {
        let options: HashMap<_, _> = options.into_iter().collect();
        let listed: Vec<_> = self.call(bus::ROOT, TERMINAL, "ListTransactions", &options).expect("they can be listed");
        listed.into_iter().map(Transaction).collect()
    }

    /// As many transactions as the terminal lists at once.
    pub(crate) fn list_all(&self) -> Vec<Transaction> {
        self.list(vec![("limit", 1000u32.into())])
    }

    /// A receipt.
    pub(crate) fn receipt(&self, token: &str, options: Options<'_>) -> Result<String, Refused> {
        let options: HashMap<_, _> = options.into_iter().collect();
        self.call(bus::ROOT, TERMINAL, "GetReceipt", &(token, options))
    }

    /// A property of the terminal that is a text.
    pub(crate) fn property(&self, name: &str) -> String {
        <&str>::try_from(&self.value(name)).expect("it is a text").to_owned()
    }

    /// A property of the terminal that is a number.
    pub(crate) fn count(&self, name: &str) -> u32 {
        u32::try_from(&self.value(name)).expect("it is a number")
    }

    fn value(&self, name: &str) -> OwnedVariant {
        self.call(bus::ROOT, "org.freedesktop.DBus.Properties", "Get", &(TERMINAL, name)).expect("the terminal has it")
    }

    /// Waits until a transaction is as `is_so` says.
    pub(crate) fn when(&self, token: &str, is_so: impl Fn(&Transaction) -> bool) -> Transaction {
        eventually(|| {
            let transaction = self.find(token).expect("the transaction was created");
            if is_so(&transaction) { Ok(transaction) } else { Err(transaction) }
        })
    }

    /// Waits until a transaction is done.
    pub(crate) fn done(&self, token: &str) -> Transaction {
        self.when(token, |transaction| transaction.state() == "done")
    }

    /// Waits until a reader is in this state.
    pub(crate) fn reader_is(&self, name: &str, state: &str) {
        let path = bus::reader_path(name);
        eventually(|| {
            let property = ("org.tenderd.Reader1", "State");
            let found: OwnedVariant = self
                .call(path.as_str(), "org.freedesktop.DBus.Properties", "Get", &property)
                .map_err(|refused| refused.text)?;
            let found = <&str>::try_from(&found).expect("it is a text");
            if found == state { Ok(()) } else { Err(found.to_owned()) }
        });
    }

    /// Waits until the readers of these names are on the bus, and no others.
    pub(crate) fn has_readers(&self, names: &[&str]) {
        type Objects = HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>>;
        let expected: BTreeSet<_> = names.iter().map(|name| bus::reader_path(name).to_string()).collect();
        eventually(|| {
            let objects: Objects = self
                .call(bus::ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", &())
                .expect("the object manager answers");
            let paths = objects.keys().map(ToString::to_string);
            let found: BTreeSet<_> = paths.filter(|path| path.starts_with("/org/tenderd/reader/")).collect();
            if found == expected { Ok(()) } else { Err(found) }
        });
    }

    /// Holds what callers were told against what the acquirer has: each approval there was told as one, with the same
    /// amount, or taken back; and each that was told is there.
    pub(crate) fn reconcile(&self, ledger: &Ledger) {
        let told = self.list_all();
        for entry in &ledger.entries {
            let transaction = told.iter().find(|transaction| transaction.text("RetrievalReferenceNumber") == entry.rrn);
            let transaction = transaction.unwrap_or_else(|| panic!("nobody was told of {entry:?}"));
            assert_eq!(transaction.number("AmountApproved"), entry.stands(), "{entry:?} {transaction:?}");
        }
        for transaction in told.iter().filter(|transaction| transaction.text("ResponseCode") == "00") {
            assert!(ledger.find(&transaction.text("RetrievalReferenceNumber")).is_some(), "{transaction:?}");
        }
    }
}

/// A transaction, as the terminal tells it.
#[derive(PartialEq)]
pub(crate) struct Transaction(HashMap<String, OwnedVariant>);

/// Its properties that are not empty, a line each.
impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (property, value) in self.0.iter().collect::<BTreeMap<_, _>>() {
            match &**value {
                Variant::Str(text) if !text.is_empty() => writeln!(f, "{property}: {text}")?,
                Variant::U64(number) if *number > 0 => writeln!(f, "{property}: {number}")?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl Transaction {
    pub(crate) fn text(&self, property: &str) -> String {
        match &*self.0[property] {
            Variant::Str(text) => text.to_string(),
            other => panic!("{property} is no text: {other:?}"),
        }
    }

    pub(crate) fn number(&self, property: &str) -> u64 {
        match &*self.0[property] {
            Variant::U64(number) => *number,
            Variant::U32(number) => (*number).into(),
            other => panic!("{property} is no number: {other:?}"),
        }
    }

    pub(crate) fn state(&self) -> String {
        self.text("State")
    }

    pub(crate) fn result(&self) -> String {
        self.text("Result")
    }

    /// The name of its error, without `org.tenderd.Error.`; empty where it is approved.
    pub(crate) fn error(&self) -> String {
        self.text("ErrorName").trim_start_matches("org.tenderd.Error.").to_owned()
    }
}
