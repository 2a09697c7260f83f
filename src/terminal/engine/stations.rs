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
    /// Somebody looks after it from time to time, for as long as it works.
    is_looked_after: bool,
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
        let station = self.0.entry(reader.id().clone()).or_insert(Station {
            reader,
            view,
            has_card: false,
            is_looked_after: false,
        });
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
        let faulty = |what: String| {
            let message = format!("{what}: take the card away, or unplug the reader and plug it in again");
            Fault::new("ReaderFailed", Retry::AfterOperator, message)
        };
        let is_faulty = |station: &Station| station.view.state == ReaderState::Faulty;
        match wanted {
            Some(name) => match self.0.get(&ReaderId::new(name)) {
                None => {
                    let message = format!("there is no reader `{name}`; `tenderctl readers` lists them");
                    Err(Fault::new("UnknownReader", Retry::AfterOperator, message))
                }
                Some(station) if is_faulty(station) => Err(faulty(format!("reader `{name}` does not answer"))),
                Some(station) if station.view.token.is_some() => Err(busy(format!("reader `{name}` is"))),
                Some(_) => Ok(()),
            },
            None if self.0.is_empty() || self.0.values().any(Station::is_free) => Ok(()),
            None if self.0.values().all(is_faulty) => Err(faulty("no reader answers".to_owned())),
            None => Err(busy("every reader is".to_owned())),
        }
    }

    /// The readers that work for nobody, and whose last card is gone.
    pub(super) fn free(&self) -> Vec<Reader> {
        let free = self.0.values().filter(|station| station.is_free() && !station.has_card);
        free.map(|station| station.reader.clone()).collect()
    }

    /// The readers that a transaction may be armed at: those that are free or already work for it.
    pub(super) fn available(&self, token: &Token, wanted: Option<&str>) -> Vec<Reader> {
        self.0
            .values()
            .filter(|station| wanted.is_none_or(|name| station.reader.id().as_str() == name))
            .filter(|station| station.is_free() || station.view.token.as_ref() == Some(token))
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

    /// A reader, and what it does.
    pub(super) fn get(&self, id: &ReaderId) -> Option<(&Reader, &ReaderView)> {
        self.0.get(id).map(|station| (&station.reader, &station.view))
    }

    /// Notes whether somebody looks after a reader; tells whether that is new.
    pub(super) fn look_after(&mut self, id: &ReaderId, is_looked_after: bool) -> bool {
        let station = self.0.get_mut(id);
        station
            .is_some_and(|station| std::mem::replace(&mut station.is_looked_after, is_looked_after) != is_looked_after)
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
    //= A 8.1.1.15, 9.2
    pub(super) fn indicate(&self, token: &Token, status: CardStatus) {
        for reader in self.working_for(token) {
            show(&reader, status);
        }
    }

    /// Shows how a transaction ended on the reader that read its card, unless that works for another one already.
    pub(super) fn indicate_end(&self, name: &str, status: CardStatus) {
        if let Some(station) = self.0.get(&ReaderId::new(name)).filter(|station| station.is_free()) {
            show(&station.reader, status);
        }
    }
}

impl Station {
    fn is_free(&self) -> bool {
        self.view.token.is_none() && self.view.state != ReaderState::Faulty
    }
}

fn show(reader: &Reader, status: CardStatus) {
    let indication = match status {
        CardStatus::NotReady | CardStatus::Idle => Indication::Idle,
        CardStatus::ReadyToRead => Indication::Ready,
        CardStatus::CardReadSuccessfully => Indication::Success,
        CardStatus::ProcessingError => Indication::Failure,
        // Between two commands nothing is shown: some readers stop to do so.
        CardStatus::Processing | CardStatus::NotApplicable => return,
    };
    reader.indicate(indication);
}
