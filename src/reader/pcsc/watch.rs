//! The watch over all PC/SC readers: which there are, and what is in their fields.

use std::collections::HashMap;
use std::ffi::CString;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use pcsc::{Context, Error, PNP_NOTIFICATION, ReaderState, Scope, State};

use super::Settings;
use super::slot::PcscSlot;
use super::socket_notice::SocketNotice;
use super::stop::Stop;
use crate::reader::station::{Presence, Station, Worker};
use crate::reader::{Clock, Event, Events, Kind, ReaderId};

/// How long to leave an absent service alone: at first, doubled each time, and at most. A service whose socket is not
/// there is asked that often in case it is about to come, and then left alone until the socket is.
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// A reader that arrives between the listing and the wait gives no notice; so each change is followed by a second
/// look, after this time.
const SECOND_LOOK: Duration = Duration::from_secs(1);

struct Known {
    station: Station,
    presence: Presence,
}

impl Known {
    fn tell(&mut self, presence: Presence) {
        if self.presence != presence {
            self.presence = presence;
            self.station.tell(presence);
        }
    }
}

pub(super) struct Watch {
    settings: Settings,
    clock: Clock,
    events: Events,
    stop: Arc<Stop>,
    /// Every reader that was ever seen.
    readers: HashMap<CString, Known>,
}

impl Watch {
    pub(super) fn new(settings: Settings, clock: Clock, events: Events, stop: Arc<Stop>) -> Self {
        Watch { settings, clock, events, stop, readers: HashMap::new() }
    }

    pub(super) fn run(mut self) {
        let mut available = true;
        let mut delay = RETRY_MIN;
        while !self.stop.is_requested() {
            // Before the attempt, so that nothing is missed between it and the wait.
            let notice = SocketNotice::new().ok();
            let mut has_socket = true;
            match Context::establish(Scope::User) {
                Ok(context) => {
                    self.stop.set_context(Some(context.clone()));
                    if !available {
                        available = true;
                        self.tell(Event::ServiceBack);
                    }
                    let error = self.watch(&context);
                    self.stop.set_context(None);
                    for known in self.readers.values_mut() {
                        known.tell(Presence::Detached);
                    }
                    if !self.stop.is_requested() {
                        tracing::warn!(%error, "the PC/SC service went away");
                    }
                    delay = RETRY_MIN;
                }
                Err(error) => {
                    has_socket = error != Error::NoService;
                    tracing::debug!(%error, "the PC/SC service does not answer");
                }
            }
            if self.stop.is_requested() {
                break;
            }
            if available {
                available = false;
                self.tell(Event::ServiceLost);
            }
            match notice {
                Some(notice) if !has_socket && delay == RETRY_MAX => {
                    self.stop.wait(Some(notice.as_fd()), None);
                    delay = RETRY_MIN;
                }
                _ => {
                    self.stop.wait(None, Some(delay));
                    delay = (delay * 2).min(RETRY_MAX);
                }
            }
        }
        Station::stop(self.readers.drain().map(|(_, known)| known.station).collect());
    }

    fn tell(&self, event: Event) {
        // Nobody listens any more only while the daemon ends.
        let _ = self.events.send(event);
    }

    /// Watches until the service fails or the end is requested.
    fn watch(&mut self, context: &Context) -> Error {
        let mut states = vec![ReaderState::new(PNP_NOTIFICATION(), State::UNAWARE)];
        let mut changed = match self.list(context, &mut states) {
            Ok(changed) => changed,
            Err(error) => return error,
        };
        loop {
            if self.stop.is_requested() {
                return Error::Cancelled;
            }
            let relist = match context.get_status_change(changed.then_some(SECOND_LOOK), &mut states) {
                Ok(()) => self.note(&mut states),
                Err(Error::Timeout | Error::UnknownReader) => true,
                Err(Error::Cancelled) => false,
                Err(error) => return error,
            };
            if relist {
                changed = match self.list(context, &mut states) {
                    Ok(changed) => changed,
                    Err(error) => return error,
                };
            }
        }
    }

    /// Brings `states` in line with the readers there are, and says whether that changed anything.
    fn list(&mut self, context: &Context, states: &mut Vec<ReaderState>) -> Result<bool, Error> {
        let names = match context.list_readers_owned() {
            Ok(names) => names,
            Err(Error::NoReadersAvailable) => Vec::new(),
            Err(error) => return Err(error),
        };
        let before = states.len();
        states.retain(|state| {
            let stays = state.name() == PNP_NOTIFICATION() || names.iter().any(|name| **name == *state.name());
            if !stays && let Some(known) = self.readers.get_mut(state.name()) {
                known.tell(Presence::Detached);
            }
            stays
        });
        let mut changed = states.len() != before;
        for name in names {
            let text = name.to_string_lossy();
            if states.iter().any(|state| *state.name() == *name) || !self.settings.takes(&text) {
                continue;
            }
            if !self.readers.contains_key(&name) {
                match self.station(&name, &text) {
                    Ok(station) => {
                        self.readers.insert(name.clone(), Known { station, presence: Presence::Detached });
                    }
                    Err(error) => {
                        tracing::error!(reader = %text, %error, "there is no thread for the reader; it is left out");
                        continue;
                    }
                }
            }
            states.push(ReaderState::new(name.clone(), State::UNAWARE));
            changed = true;
        }
        Ok(changed)
    }

    fn station(&self, name: &CString, text: &str) -> std::io::Result<Station> {
        Station::spawn(Worker::new(
            ReaderId::new(text),
            Kind::Pcsc,
            self.settings.families.of(text),
            self.clock,
            self.events.clone(),
            Box::new(PcscSlot::new(name.clone())),
        ))
    }

    /// Tells the readers' threads what is new, and says whether readers came or went.
    fn note(&mut self, states: &mut [ReaderState]) -> bool {
        let mut relist = false;
        for state in states {
            let event = state.event_state();
            if let Some(known) = self.readers.get_mut(state.name()) {
                let presence = if event.intersects(State::UNKNOWN | State::UNAVAILABLE | State::IGNORE) {
                    relist = true;
                    Presence::Detached
                } else if event.contains(State::PRESENT) || known.presence == Presence::Card(state.event_count()) {
                    // Only a card that comes or goes is counted: without that a reader that is said to be empty is not
                    // known to be (see `PcscSlot::power`).
                    Presence::Card(state.event_count())
                } else {
                    Presence::Empty
                };
                known.tell(presence);
            } else {
                relist |= event.contains(State::CHANGED);
            }
            state.sync_current_state();
        }
        relist
    }
}
