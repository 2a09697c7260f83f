//! A transaction's life as it is announced on the bus.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedObjectPath, message};

use super::client::{TERMINAL, TRANSACTION};
use super::object::Properties;
use crate::bus;
use crate::terminal::Token;

/// What is heard of one transaction, from before it is created.
#[derive(Debug)]
pub struct Following {
    path: OwnedObjectPath,
    /// Signals of the daemon.
    changes: MessageStream,
    /// Who owns its name.
    owners: MessageStream,
}

/// Something that was heard.
#[derive(Debug)]
pub enum News {
    /// Properties of the transaction that are new, or different now.
    Changed(Properties),
    /// Why the terminal starts no transaction now; empty once it does.
    Fault(String),
    /// The daemon has left the bus.
    DaemonGone,
}

impl Following {
    pub(super) async fn begin(connection: &Connection, token: &Token) -> zbus::Result<Self> {
        let signals = || MatchRule::builder().msg_type(message::Type::Signal);
        let changes = signals().sender(bus::NAME).path_namespace(bus::ROOT).build()?;
        let owners = signals()
            .sender("org.freedesktop.DBus")
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .add_arg(bus::NAME)
            .build()?;
        Ok(Following {
            path: bus::transaction_path(token),
            changes: MessageStream::for_match_rule(changes, connection, None).await?,
            owners: MessageStream::for_match_rule(owners, connection, None).await?,
        })
    }

    /// What comes next.
    pub async fn next(&mut self) -> News {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<News> {
        while let Poll::Ready(message) = Pin::new(&mut self.changes).poll_next(context) {
            // The connection's end is the daemon's, as far as anybody can tell from here.
            let Some(Ok(message)) = message else { return Poll::Ready(News::DaemonGone) };
            if let Some(news) = self.news(&message) {
                return Poll::Ready(news);
            }
        }
        while let Poll::Ready(message) = Pin::new(&mut self.owners).poll_next(context) {
            let owner = message.and_then(Result::ok).and_then(|message| {
                let (_, _, new): (String, String, String) = message.body().deserialize().ok()?;
                Some(new)
            });
            if owner.is_none_or(|owner| owner.is_empty()) {
                return Poll::Ready(News::DaemonGone);
            }
        }
        Poll::Pending
    }

    /// What a signal says of the transaction, or of the terminal, if anything.
    fn news(&self, message: &Message) -> Option<News> {
        let header = message.header();
        match header.member()?.as_str() {
            "InterfacesAdded" => {
                let body = message.body();
                let (path, mut interfaces): (OwnedObjectPath, HashMap<String, Properties>) = body.deserialize().ok()?;
                if path == self.path { interfaces.remove(TRANSACTION).map(News::Changed) } else { None }
            }
            "PropertiesChanged" => {
                let body = message.body();
                let (interface, mut changed, _): (String, Properties, Vec<String>) = body.deserialize().ok()?;
                if *header.path()? == *self.path {
                    Some(News::Changed(changed))
                } else if interface == TERMINAL {
                    changed.remove("Fault")?.try_into().ok().map(News::Fault)
                } else {
                    None
                }
            }
            _ => None,
        }
    }
}
