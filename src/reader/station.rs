//! A reader's thread: an inbox, a slot, and at most one conversation to hold.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroize;

use super::family::Command;
use super::{
    CardChannel, CardInfo, ChannelError, Clock, Conversation, Event, Events, Exchange, Family, Fault, Indication, Kind,
    RESPONSE_LEN_MAX, Reader, ReaderId, SILENCE_MAX,
};

/// What a kind of reader can do. All calls come from the reader's thread.
pub(super) trait Slot: Send {
    /// Powers the card in the field and returns its answer to reset.
    fn power(&mut self) -> Result<Vec<u8>, ChannelError>;
    /// Sends a command to the powered card; the answer's length, however short, or an error if `answer` is too small.
    fn transmit(&mut self, command: &[u8], answer: &mut [u8]) -> Result<usize, ChannelError>;
    /// Ends what [`Slot::power`] began; does nothing where nothing is powered.
    fn release(&mut self);
    /// Sends a command to the reader itself, whether a card is powered or not.
    fn control(&mut self, command: &[u8]) -> Result<(), ChannelError>;
    /// The reader was armed or disarmed.
    fn armed(&mut self, _reader: &Reader, _armed: bool) {}
    /// What is in the field, where it is the slot itself that knows.
    fn presence(&self) -> Option<Presence> {
        None
    }
}

/// What is in the field of a reader, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// The reader itself is not there.
    Detached,
    /// Nothing.
    Empty,
    /// A card. Each number is a new appearance.
    Card(u32),
}

/// What a reader's thread is told.
pub(super) enum Message {
    Arm(Conversation),
    Disarm,
    Indicate(Indication),
    /// This is in the field.
    Presence(Presence),
    /// The slot knows what is in the field.
    Look,
    Stop,
}

/// The call of a slot that a reader's thread waits in.
#[derive(Default)]
pub(super) struct Call(Mutex<Option<Instant>>);

impl Call {
    /// For how long it has waited; zero where it does not.
    pub(super) fn duration(&self) -> Duration {
        self.since().map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn begins(&self) {
        *self.since() = Some(Instant::now());
    }

    /// Gives how long it took.
    fn ends(&self) -> Duration {
        self.since().take().map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn since(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running reader thread, for whoever brought it into being.
pub(super) struct Station {
    pub(super) reader: Reader,
    thread: JoinHandle<()>,
}

impl Station {
    /// Starts a thread for a reader that is not attached yet.
    pub(super) fn spawn(worker: Worker) -> std::io::Result<Self> {
        let reader = worker.reader().clone();
        let thread = thread::Builder::new().name("reader".into()).spawn(move || worker.run())?;
        Ok(Station { reader, thread })
    }

    /// Tells the thread what is in its field.
    pub(super) fn tell(&self, presence: Presence) {
        self.reader.post(Message::Presence(presence));
    }

    /// Ends the threads of readers, each after the conversation it may be in. One whose reader does not answer is left
    /// behind: the process ends without it.
    pub(super) fn stop(stations: Vec<Station>) {
        for station in &stations {
            station.reader.post(Message::Stop);
        }
        let deadline = Instant::now() + STOP_PATIENCE;
        for Station { reader, thread } in stations {
            while !thread.is_finished() && Instant::now() < deadline {
                thread::sleep(STOP_PAUSE);
            }
            if thread.is_finished() {
                // A panic of the thread was reported when it happened.
                let _ = thread.join();
            } else {
                tracing::warn!(reader = %reader.id, "the reader does not answer; it is not waited for");
            }
        }
    }
}

/// How long threads that are to end are waited for, and how often each is looked at.
const STOP_PATIENCE: Duration = Duration::from_secs(2);
const STOP_PAUSE: Duration = Duration::from_millis(2);

/// How long to wait before a card that could not be powered is tried again: it may lie better then, or
/// be another one that came before the reader noticed.
const POWER_PAUSE: Duration = Duration::from_millis(250);

struct Armed {
    conversation: Conversation,
    /// What was in the field at the time.
    presence: Presence,
}

struct State {
    reader: Reader,
    clock: Clock,
    events: Events,
    slot: Box<dyn Slot>,
    presence: Presence,
    armed: Option<Armed>,
    /// The appearance that could not be powered: it is tried again after [`POWER_PAUSE`], as long as
    /// the reader is armed, and complained of once.
    refused: Option<Presence>,
    /// A card was announced, and its leaving will be.
    seen: bool,
    /// The reader does not take its family's light commands; said once.
    mute_indications: bool,
    answer: Vec<u8>,
}

/// A reader with its inbox: a thread [runs](Worker::run) it, or somebody lets it [work](Worker::work) now and then.
pub(super) struct Worker {
    state: State,
    inbox: Receiver<Message>,
}

impl Worker {
    /// A reader that is not attached yet.
    pub(super) fn new(
        id: ReaderId,
        kind: Kind,
        family: Arc<Family>,
        clock: Clock,
        events: Events,
        slot: Box<dyn Slot>,
    ) -> Self {
        let (sender, inbox) = mpsc::channel();
        let state = State {
            reader: Reader { id, kind, family, inbox: sender, call: Arc::default() },
            clock,
            events,
            slot,
            presence: Presence::Detached,
            armed: None,
            refused: None,
            seen: false,
            mute_indications: false,
            answer: vec![0; RESPONSE_LEN_MAX + 1],
        };
        Worker { state, inbox }
    }

    /// The reader's handle.
    pub(super) fn reader(&self) -> &Reader {
        &self.state.reader
    }

    /// Handles messages as they come, until it is told to stop.
    fn run(mut self) {
        loop {
            let message = if self.state.is_to_try_again() {
                match self.inbox.recv_timeout(POWER_PAUSE) {
                    Ok(message) => message,
                    Err(RecvTimeoutError::Timeout) => Message::Look,
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            } else {
                let Ok(message) = self.inbox.recv() else { break };
                message
            };
            if matches!(message, Message::Stop) {
                break;
            }
            self.state.handle(message);
        }
        self.state.slot.release();
    }

    /// Handles what has come up to now.
    pub(super) fn work(&mut self) {
        while let Ok(message) = self.inbox.try_recv() {
            self.state.handle(message);
        }
    }
}

impl State {
    /// Whether it waits for a card that could not be powered, and that may lie better in a moment.
    fn is_to_try_again(&self) -> bool {
        self.armed.is_some() && self.refused == Some(self.presence)
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Arm(conversation) => {
                self.refused = None;
                self.armed = Some(Armed { conversation, presence: self.presence });
                self.slot.armed(&self.reader, true);
                self.look();
            }
            Message::Disarm => {
                self.armed = None;
                self.slot.armed(&self.reader, false);
            }
            Message::Look => self.look(),
            Message::Indicate(indication) => self.indicate(indication),
            Message::Presence(presence) => self.presence_changed(presence),
            // Whoever runs the worker minds this one.
            Message::Stop => {}
        }
        self.serve();
    }

    fn tell(&self, event: Event) {
        // Nobody listens any more only while the daemon ends.
        let _ = self.events.send(event);
    }

    fn id(&self) -> ReaderId {
        self.reader.id.clone()
    }

    /// Lets the slot do something that waits for the reader or its card.
    fn call<T>(&mut self, call: impl FnOnce(&mut dyn Slot) -> T) -> T {
        self.reader.call.begins();
        let result = call(&mut *self.slot);
        if self.reader.call.ends() >= SILENCE_MAX {
            self.tell(Event::Answers(self.id()));
        }
        result
    }

    fn look(&mut self) {
        if let Some(presence) = self.slot.presence() {
            self.presence_changed(presence);
        }
    }

    fn presence_changed(&mut self, presence: Presence) {
        let before = std::mem::replace(&mut self.presence, presence);
        if self.seen && presence != before {
            self.seen = false;
            self.tell(Event::CardRemoved(self.id()));
        }
        match (before, presence) {
            (Presence::Detached, Presence::Detached) => {}
            (Presence::Detached, _) => {
                self.tell(Event::Attached(self.reader.clone()));
                self.control(|family| &family.setup);
            }
            (_, Presence::Detached) => {
                self.mute_indications = false;
                self.refused = None;
                self.tell(Event::Detached(self.id()));
            }
            _ => {}
        }
    }

    /// Holds the conversation that is waiting, if there is a card to hold it with.
    fn serve(&mut self) {
        if !matches!(self.presence, Presence::Card(_)) {
            return;
        }
        let Some(armed) = self.armed.take() else { return };
        match self.call(|slot| slot.power()) {
            Ok(atr) => {
                self.refused = None;
                let card = CardInfo { atr, already_present: armed.presence == self.presence };
                self.seen = true;
                self.tell(Event::CardSeen(self.id(), card.clone()));
                self.converse(card, armed.conversation);
            }
            Err(error) => {
                let is_new = self.refused.replace(self.presence) != Some(self.presence);
                self.armed = Some(armed);
                match error {
                    _ if !is_new => {}
                    // Gone before it could be powered: the next change of presence says so.
                    ChannelError::CardLost | ChannelError::ReaderLost | ChannelError::ServiceLost => {}
                    ChannelError::Collision => self.tell(Event::Collision(self.id())),
                    _ => self.tell(Event::Fault(self.id(), Fault::Power(error))),
                }
            }
        }
    }

    fn converse(&mut self, card: CardInfo, conversation: Conversation) {
        let answer = std::mem::take(&mut self.answer);
        let mut session =
            Session { state: self, card, answer, answer_len_max: 0, lost: None, exchanges: 0, on_air: Duration::ZERO };
        let begun_at = session.now();
        let outcome = catch_unwind(AssertUnwindSafe(|| conversation(&mut session)));
        let took = session.now() - begun_at;
        let Session { mut answer, answer_len_max, lost, exchanges, on_air, .. } = session;
        // What cards answer is cardholder data.
        answer[..answer_len_max].zeroize();
        self.answer = answer;
        // How much of a slow tap is the card's and the reader's.
        tracing::debug!(
            reader = %self.reader.id,
            exchanges,
            on_air_us = on_air.as_micros(),
            took_us = took.as_micros(),
            "conversation over"
        );
        self.call(|slot| slot.release());
        if outcome.is_err() {
            self.tell(Event::Fault(self.id(), Fault::Panicked));
        }
        if lost.is_some() {
            self.tell(Event::CardLost(self.id()));
        }
        self.tell(Event::Released(self.id()));
        self.look();
    }

    fn indicate(&mut self, indication: Indication) {
        self.control(|family| family.commands(indication));
    }

    fn control(&mut self, commands: impl FnOnce(&Family) -> &[Command]) {
        if self.mute_indications {
            return;
        }
        let family = self.reader.family.clone();
        for command in commands(&family) {
            if let Err(error) = self.call(|slot| slot.control(command.as_bytes())) {
                self.mute_indications = true;
                tracing::warn!(reader = %self.reader.id, %error, "the reader takes no light and buzzer commands");
                return;
            }
        }
    }
}

/// The powered card of a conversation.
struct Session<'a> {
    state: &'a mut State,
    card: CardInfo,
    answer: Vec<u8>,
    /// How much of `answer` was ever written.
    answer_len_max: usize,
    /// Why no command can be answered any more.
    lost: Option<ChannelError>,
    exchanges: u32,
    /// What card and transport took of the conversation.
    on_air: Duration,
}

impl CardChannel for Session<'_> {
    fn card(&self) -> &CardInfo {
        &self.card
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Exchange<'_>, ChannelError> {
        if let Some(error) = self.lost {
            return Err(error);
        }
        let sent_at = self.state.clock.now();
        let result = self.state.call(|slot| slot.transmit(command, &mut self.answer));
        let received_at = self.state.clock.now();
        self.exchanges += 1;
        self.on_air += received_at - sent_at;
        match result {
            Ok(len) => {
                self.answer_len_max = self.answer_len_max.max(len);
                match len {
                    0 | 1 => Err(ChannelError::ResponseTooShort(len)),
                    2..=RESPONSE_LEN_MAX => Ok(Exchange { response: &self.answer[..len], sent_at, received_at }),
                    _ => Err(ChannelError::ResponseTooLong),
                }
            }
            Err(error) => {
                if matches!(error, ChannelError::CardLost | ChannelError::ReaderLost | ChannelError::ServiceLost) {
                    self.lost = Some(error);
                }
                Err(error)
            }
        }
    }

    fn indicate(&mut self, indication: Indication) {
        self.state.indicate(indication);
    }

    fn now(&self) -> Duration {
        self.state.clock.now()
    }
}
