//! The readers, and for whom each of them works.

use std::collections::BTreeMap;

use emv::kernel::Status as CardStatus;

use super::super::view::{ReaderState, ReaderView};
use super::super::{Fault, Retry, Token};
use crate::reader::{Indication, Reader, ReaderId};

/// All readers that are attached.
#[derive(Debug, Default)]
pub(super) struct Stations(BTreeMap<ReaderId, Station>);

#[derive(Debug)]
struct Station {
    reader: Reader,
    view: ReaderView,
    has_card: bool,
}

impl Stations {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn views(&self) -> impl Iterator<Item = ReaderView> {
        self.0.values().map(|station| station.view.clone())
    }

    /// Takes in a reader that was attached; one that comes back goes on with what it did.
    pub(super) fn attach(&mut self, reader: Reader) -> ReaderView {
        let view = ReaderView::idle(&reader);
        let station = self.0.entry(reader.id().clone()).or_insert(Station { reader, view, has_card: false });
        station.view.clone()
    }

    pub(super) fn detach(&mut self, id: &ReaderId) -> bool {
        self.0.remove(id).is_some()
    }

    /// Whether a new transaction finds a reader: the one that it names, or any. Without any reader
    /// it waits for one.
    pub(super) fn check_free(&self, wanted: Option<&str>) -> Result<(), Fault> {
        let busy =
            |what: String| Fault::new("ReaderBusy", Retry::Same, format!("{what} busy with another transaction"));
        match wanted {
            Some(name) => match self.0.get(&ReaderId::new(name)) {
                None => {
                    let message = format!("there is no reader `{name}`; `tenderctl readers` lists them");
                    Err(Fault::new("UnknownReader", Retry::AfterOperator, message))
                }
                Some(station) if station.view.token.is_some() => Err(busy(format!("reader `{name}` is"))),
                Some(_) => Ok(()),
            },
            None if self.0.is_empty() || self.0.values().any(|station| station.view.token.is_none()) => Ok(()),
            None => Err(busy("every reader is".to_owned())),
        }
    }

    /// The readers that a transaction may be armed at: those that are free or already work for it.
    pub(super) fn available(&self, token: &Token, wanted: Option<&str>) -> Vec<Reader> {
        self.0
            .values()
            .filter(|station| wanted.is_none_or(|name| station.reader.id().as_str() == name))
            .filter(|station| station.view.token.as_ref().is_none_or(|other| other == token))
            .map(|station| station.reader.clone())
            .collect()
    }

    /// Notes for whom a reader works, and what it does; gives what callers see then.
    pub(super) fn assign(&mut self, id: &ReaderId, token: Option<&Token>, state: ReaderState) -> Option<ReaderView> {
        let station = self.0.get_mut(id)?;
        station.view.token = token.cloned();
        station.view.state = state;
        Some(station.view.clone())
    }

    /// Notes whether a card is in a reader's field.
    pub(super) fn note_card(&mut self, id: &ReaderId, has_card: bool) {
        if let Some(station) = self.0.get_mut(id) {
            station.has_card = has_card;
        }
    }

    /// Whether a card is in the field of a reader that works for a transaction.
    pub(super) fn is_card_present(&self, token: &Token) -> bool {
        self.0.values().any(|station| station.has_card && station.view.token.as_ref() == Some(token))
    }

    /// The transaction that a reader works for.
    pub(super) fn token_of(&self, id: &ReaderId) -> Option<Token> {
        self.0.get(id)?.view.token.clone()
    }

    /// The readers that work for a transaction.
    pub(super) fn working_for(&self, token: &Token) -> Vec<Reader> {
        let works = |station: &&Station| station.view.token.as_ref() == Some(token);
        self.0.values().filter(works).map(|station| station.reader.clone()).collect()
    }

    /// Shows a status on the readers that work for a transaction.
    pub(super) fn indicate(&self, token: &Token, status: CardStatus) {
        let indication = match status {
            CardStatus::NotReady | CardStatus::Idle => Indication::Idle,
            CardStatus::ReadyToRead => Indication::Ready,
            CardStatus::CardReadSuccessfully => Indication::Success,
            CardStatus::ProcessingError => Indication::Failure,
            // Between two commands nothing is shown: some readers stop to do so.
            CardStatus::Processing | CardStatus::NotApplicable => return,
        };
        for reader in self.working_for(token) {
            reader.indicate(indication);
        }
    }
}
