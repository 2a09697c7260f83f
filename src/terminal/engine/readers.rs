//! The readers: who comes and goes, for whom each works, and what becomes of a sale whose reader fails.

use emv::tap::Input as TapInput;

use super::super::driver;
use super::super::view::{Change, ReaderState};
use super::super::{Input, Phase, Token};
use super::{Engine, Message, Open};
use crate::reader::{self, Reader, ReaderId, SILENCE_MAX};

impl Engine {
    pub(super) fn reader_event(&mut self, event: reader::Event) {
        match event {
            reader::Event::Attached(reader) => {
                tracing::info!(reader = reader.id().as_str(), "reader attached");
                let view = self.stations.attach(reader);
                self.tell(Change::Reader(view));
            }
            reader::Event::Detached(id) => {
                tracing::warn!(reader = id.as_str(), "reader detached");
                if let Some(token) = self.stations.token_of(&id) {
                    // What its conversation told before comes first.
                    let _ = self.inbox.send(Message::ReaderLost(token));
                }
                if self.stations.detach(&id) {
                    self.tell(Change::ReaderGone(id.as_str().to_owned()));
                }
            }
            reader::Event::ServiceLost => {
                tracing::warn!("the PC/SC service does not answer; waiting for it");
                self.status.reader_service = false;
            }
            reader::Event::ServiceBack => {
                tracing::info!("the PC/SC service answers");
                self.status.reader_service = true;
            }
            reader::Event::Fault(id, fault) => {
                tracing::error!(reader = id.as_str(), %fault, "reader fault");
                if fault == reader::Fault::Panicked
                    && let Some(token) = self.stations.token_of(&id)
                {
                    self.feed(&token, Input::InternalError);
                }
            }
            reader::Event::Collision(id) => {
                if let Some(token) = self.stations.token_of(&id) {
                    self.collision(&token);
                }
            }
            reader::Event::CardSeen(id, _) => self.stations.note_card(&id, true),
            reader::Event::CardRemoved(id) => {
                self.stations.note_card(&id, false);
                if let Some(token) = self.stations.token_of(&id) {
                    self.card_removed(&token);
                }
            }
            reader::Event::Answers(id) => {
                tracing::info!(reader = id.as_str(), "the reader answers again");
                if self.stations.get(&id).is_some_and(|(_, view)| view.state == ReaderState::Faulty) {
                    self.assign(&id, None, ReaderState::Idle);
                }
            }
            // The conversation itself tells what concerns a transaction.
            reader::Event::CardLost(_) | reader::Event::Released(_) => {}
        }
    }

    /// Arms the readers that a transaction may use, all those that work for nobody else.
    pub(super) fn arm_readers(&mut self, token: &Token, wanted: Option<&str>) {
        let readers = self.stations.available(token, wanted);
        for reader in &readers {
            self.arm_reader(token, reader);
        }
        match readers.first() {
            Some(first) => self.feed(token, Input::ReaderArmed { reader: first.id().as_str().to_owned() }),
            // A card was being read, and there is nothing to read it with any more.
            None if self.phase(token) == Some(Phase::CardSeen) => self.feed(token, Input::ReaderFailed),
            // It waits for a reader.
            None => {}
        }
    }

    fn arm_reader(&mut self, token: &Token, reader: &Reader) {
        let Some(seat) = self.open.get(token).and_then(|open| open.seat.clone()) else { return };
        let (inbox, about) = (self.inbox.clone(), token.clone());
        // A conversation that outlives the engine talks to nobody.
        let tell = move |progress| drop(inbox.send(Message::Tap(about.clone(), progress)));
        reader.arm(driver::conversation(reader.id().clone(), seat, tell));
        self.assign(reader.id(), Some(token), ReaderState::Armed);
        if self.stations.look_after(reader.id(), true) {
            self.later(SILENCE_MAX, Message::LookAfter(reader.id().clone()));
        }
    }

    /// Arms each reader that works for nobody for a transaction that waits for a card and may use it, best for one that
    /// has no reader yet, and of those for the one that waits longest.
    pub(super) fn serve_waiting(&mut self) {
        if !self.open.values().any(Open::waits_for_card) {
            return;
        }
        for reader in self.stations.free() {
            let may_use = |open: &Open| {
                let wanted = open.transaction().request().reader.as_deref();
                wanted.is_none_or(|name| name == reader.id().as_str())
            };
            let waiting = self.open.iter().filter(|(_, open)| open.waits_for_card() && may_use(open));
            let first = waiting
                .min_by_key(|(token, open)| (self.stations.working_for(token).len(), open.transaction().created_at()));
            let Some(token) = first.map(|(token, _)| token.clone()) else { continue };
            let has_none = self.stations.working_for(&token).is_empty();
            self.arm_reader(&token, &reader);
            if has_none {
                self.feed(&token, Input::ReaderArmed { reader: reader.id().as_str().to_owned() });
            }
        }
    }

    pub(super) fn release_readers(&mut self, token: &Token) {
        if let Some(seat) = self.open.get_mut(token).and_then(|open| open.seat.take()) {
            seat.cancel();
        }
        for reader in self.stations.working_for(token) {
            reader.disarm();
            self.assign(reader.id(), None, ReaderState::Idle);
        }
    }

    /// One reader has the card of a transaction: the others are free.
    pub(super) fn claimed(&mut self, token: &Token, id: &ReaderId) {
        for other in self.stations.working_for(token) {
            if other.id() != id {
                other.disarm();
                self.assign(other.id(), None, ReaderState::Idle);
            }
        }
        self.assign(id, Some(token), ReaderState::CardSeen);
        let reader = id.as_str().to_owned();
        if self.open.get(token).is_some_and(|open| open.transaction().reader() != Some(&reader)) {
            self.feed(token, Input::ReaderArmed { reader });
        }
        self.feed(token, Input::CardSeen);
    }

    /// A reader that a transaction had is gone. Where a card had been presented to it, the cashier hears at once that no
    /// reader is left; a transaction that still waits for its card waits for a reader too.
    pub(super) fn reader_lost(&mut self, token: &Token) {
        let Some(open) = self.open.get(token) else { return };
        // The first wait is the one before any card.
        if open.transaction().phase() == Phase::CardSeen || open.waits > 1 {
            self.fail_without_reader(token);
        }
    }

    /// Ends a transaction that no reader is left for.
    fn fail_without_reader(&mut self, token: &Token) {
        let Some(open) = self.open.get(token) else { return };
        let wanted = open.transaction().request().reader.clone();
        if self.stations.available(token, wanted.as_deref()).is_empty() {
            self.feed(token, Input::ReaderFailed);
        }
    }

    /// Looks whether a reader that works is stuck: its thread can't tell, since it waits for the reader or the card.
    pub(super) fn look_after(&mut self, id: &ReaderId) {
        self.stations.look_after(id, false);
        let Some((reader, view)) = self.stations.get(id) else { return };
        let (silence, token) = (reader.silent_for(), view.token.clone());
        if silence < SILENCE_MAX {
            if token.is_some() || !silence.is_zero() {
                self.stations.look_after(id, true);
                self.later(SILENCE_MAX - silence, Message::LookAfter(id.clone()));
            }
            return;
        }
        tracing::error!(reader = id.as_str(), ?silence, "the reader or its card does not answer");
        self.assign(id, None, ReaderState::Faulty);
        let Some(token) = token else { return };
        let seat = self.open.get(&token).and_then(|open| open.seat.clone());
        match seat.and_then(|seat| seat.take_from_silent_card(SILENCE_MAX)) {
            Some(mut tap) => {
                tap.handle(TapInput::CardLost, self.reader_time());
                self.continue_tap(&token, tap);
            }
            // The card does not even answer to being powered.
            None => self.fail_without_reader(&token),
        }
    }

    fn assign(&mut self, id: &ReaderId, token: Option<&Token>, state: ReaderState) {
        if let Some(view) = self.stations.assign(id, token, state) {
            self.tell(Change::Reader(view));
        }
    }
}
