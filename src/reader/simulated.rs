//! A reader that exists in this process only, for the development of register applications and for tests.
//!
//! Somebody lays cards on it with [`SimulatedReader::present`]; or it does so itself whenever it is armed
//! ([`SimulatedReader::present_when_armed`]), as the simulated readers of other terminals do.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tender_sim::card::{Answer, Card};

use super::station::{Presence, Slot, Station, Worker};
use super::{ChannelError, Clock, Events, Family, Kind, Reader, ReaderId};

/// A card for a simulated reader.
pub trait SimulatedCard: Send {
    /// Begins anew, as when power comes, and gives the answer to reset.
    fn power(&mut self) -> Vec<u8>;

    /// The answer to a command, SW1 SW2 at its end, and how long it takes. Without an answer, the card was torn off.
    fn transmit(&mut self, command: &[u8]) -> (Option<Vec<u8>>, Duration);
}

impl SimulatedCard for Card {
    fn power(&mut self) -> Vec<u8> {
        self.reset();
        Card::ATR.to_vec()
    }

    fn transmit(&mut self, command: &[u8]) -> (Option<Vec<u8>>, Duration) {
        let Answer { response, delay } = self.transmit(command);
        (response, delay)
    }
}

/// A simulated reader. Dropping it stops its thread, after the conversation it may be in.
pub struct SimulatedReader {
    station: Option<Station>,
    field: FieldOfReader,
}

impl SimulatedReader {
    /// Attaches a simulated reader of that name, with nothing in its field.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn attach(name: &str, clock: Clock, events: Events) -> std::io::Result<Self> {
        let (worker, field) = worker(name, clock, events, thread::sleep);
        Ok(SimulatedReader { station: Some(Station::spawn(worker)?), field })
    }

    /// The reader.
    pub fn reader(&self) -> &Reader {
        &self.station.as_ref().expect("only drop takes it").reader
    }

    /// Lays a card on the reader. With one there already, this makes a collision.
    pub fn present(&self, card: impl SimulatedCard + 'static) {
        self.field.present(card);
    }

    /// Takes all cards away; the one in a conversation does not answer any more.
    pub fn remove(&self) {
        self.field.remove();
    }

    /// From now on, lays this card on the reader by itself some time after each arming, if nothing lies there then, and
    /// takes it away when its conversation has ended. It stays the same card, with its counters.
    pub fn present_when_armed(&self, card: impl SimulatedCard + 'static, delay: Duration) {
        let mut field = lock(&self.field.field);
        field.at_hand = Some(Box::new(card));
        field.delay = delay;
    }
}

impl Drop for SimulatedReader {
    fn drop(&mut self) {
        if let Some(station) = self.station.take() {
            Station::stop(vec![station]);
        }
    }
}

/// A simulated reader without a thread, for simulations of whole shops: it works when its owner lets it, and the time
/// that cards take is its owner's to pass. So nothing happens at a time that chance decides.
pub struct SteppedReader {
    worker: Worker,
    field: FieldOfReader,
}

impl SteppedReader {
    /// Attaches a reader of that name, with nothing in its field. `pass` is called for the time that a card takes for
    /// an answer; the card may be taken away meanwhile, through a [`FieldOfReader`].
    pub fn attach(name: &str, clock: Clock, events: Events, pass: impl Fn(Duration) + Send + 'static) -> Self {
        let (worker, field) = worker(name, clock, events, pass);
        SteppedReader { worker, field }
    }

    /// The reader's field, for whoever lays cards there.
    pub fn field(&self) -> FieldOfReader {
        self.field.clone()
    }

    /// Does what the reader was asked to do up to now, a conversation with the card included.
    pub fn work(&mut self) {
        self.worker.work();
    }
}

/// A reader with nothing in its field, and its field.
fn worker(
    name: &str,
    clock: Clock,
    events: Events,
    pass: impl Fn(Duration) + Send + 'static,
) -> (Worker, FieldOfReader) {
    let field = Arc::new(Mutex::new(Field::default()));
    let slot = SimulatedSlot { field: field.clone(), powered: None, pass: Box::new(pass) };
    let family = Arc::new(Family::silent("simulated"));
    let worker = Worker::new(ReaderId::new(name), Kind::Simulated, family, clock, events, Box::new(slot));
    worker.reader().look();
    let reader = worker.reader().clone();
    (worker, FieldOfReader { field, reader })
}

/// The field of a simulated reader. Copies mean the same one.
#[derive(Clone)]
pub struct FieldOfReader {
    field: Arc<Mutex<Field>>,
    reader: Reader,
}

impl FieldOfReader {
    /// Lays a card on the reader. With one there already, this makes a collision.
    pub fn present(&self, card: impl SimulatedCard + 'static) {
        lock(&self.field).lay(Box::new(card), false);
        self.reader.look();
    }

    /// Takes all cards away; the one in a conversation does not answer any more.
    pub fn remove(&self) {
        lock(&self.field).clear();
        self.reader.look();
    }
}

/// A card that panics does so in the reader's thread, where it ends a conversation; the field is still what it was.
fn lock(field: &Mutex<Field>) -> MutexGuard<'_, Field> {
    field.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What lies on the reader, and what will by itself.
#[derive(Default)]
struct Field {
    cards: Vec<Laid>,
    /// Counts appearances.
    appearance: u32,
    /// The card that is laid on by itself, while it is not.
    at_hand: Option<Box<dyn SimulatedCard>>,
    delay: Duration,
    /// How often the reader was armed or disarmed.
    arming: u64,
}

struct Laid {
    card: Box<dyn SimulatedCard>,
    by_itself: bool,
}

impl Field {
    fn lay(&mut self, card: Box<dyn SimulatedCard>, by_itself: bool) {
        self.appearance = self.appearance.wrapping_add(1);
        self.cards.push(Laid { card, by_itself });
    }

    fn lay_by_itself(&mut self) {
        if self.cards.is_empty()
            && let Some(card) = self.at_hand.take()
        {
            self.lay(card, true);
        }
    }

    fn clear(&mut self) {
        for laid in self.cards.drain(..).filter(|laid| laid.by_itself) {
            // Another card may have been put in its place meanwhile.
            self.at_hand.get_or_insert(laid.card);
        }
    }

    fn presence(&self) -> Presence {
        if self.cards.is_empty() { Presence::Empty } else { Presence::Card(self.appearance) }
    }
}

struct SimulatedSlot {
    field: Arc<Mutex<Field>>,
    /// The appearance of the card that is powered.
    powered: Option<Presence>,
    /// Lets the time pass that a card takes.
    pass: Box<dyn Fn(Duration) + Send>,
}

impl Slot for SimulatedSlot {
    fn armed(&mut self, reader: &Reader, armed: bool) {
        let mut field = lock(&self.field);
        field.arming += 1;
        if !armed || field.at_hand.is_none() {
            return;
        }
        if field.delay.is_zero() {
            field.lay_by_itself();
            return;
        }
        let (arming, delay) = (field.arming, field.delay);
        let (field, reader) = (self.field.clone(), reader.clone());
        thread::spawn(move || {
            thread::sleep(delay);
            let mut field = lock(&field);
            if field.arming == arming {
                field.lay_by_itself();
                reader.look();
            }
        });
    }

    fn presence(&self) -> Option<Presence> {
        Some(lock(&self.field).presence())
    }

    fn power(&mut self) -> Result<Vec<u8>, ChannelError> {
        let mut field = lock(&self.field);
        let presence = field.presence();
        match &mut *field.cards {
            [] => Err(ChannelError::CardLost),
            [laid] => {
                self.powered = Some(presence);
                Ok(laid.card.power())
            }
            _ => Err(ChannelError::Collision),
        }
    }

    fn transmit(&mut self, command: &[u8], answer: &mut [u8]) -> Result<usize, ChannelError> {
        let (response, delay) = {
            let mut field = lock(&self.field);
            match (self.powered == Some(field.presence()), &mut *field.cards) {
                (true, [laid]) => laid.card.transmit(command),
                _ => return Err(ChannelError::CardLost),
            }
        };
        (self.pass)(delay);
        let mut field = lock(&self.field);
        if self.powered != Some(field.presence()) {
            return Err(ChannelError::CardLost);
        }
        let Some(response) = response else {
            field.clear();
            return Err(ChannelError::CardLost);
        };
        answer.get_mut(..response.len()).ok_or(ChannelError::ResponseTooLong)?.copy_from_slice(&response);
        Ok(response.len())
    }

    fn release(&mut self) {
        let mut field = lock(&self.field);
        if self.powered.take() == Some(field.presence()) && field.cards.iter().all(|laid| laid.by_itself) {
            field.clear();
        }
    }

    fn control(&mut self, _command: &[u8]) -> Result<(), ChannelError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use tender_sim::card::Personality;

    use super::*;
    use crate::reader::atr::{Atr, CardKind};
    use crate::reader::{Conversation, Event, Fault, RESPONSE_LEN_MAX};

    /// A card that answers every command with the same bytes, or is torn off.
    struct Constant(Option<Vec<u8>>);

    impl SimulatedCard for Constant {
        fn power(&mut self) -> Vec<u8> {
            vec![0x3B, 0x80, 0x80, 0x01, 0x01]
        }

        fn transmit(&mut self, _command: &[u8]) -> (Option<Vec<u8>>, Duration) {
            (self.0.clone(), Duration::ZERO)
        }
    }

    fn card(answer: &[u8]) -> Constant {
        Constant(Some(answer.to_vec()))
    }

    struct Bench {
        events: UnboundedReceiver<Event>,
        simulated: SimulatedReader,
    }

    impl Bench {
        fn new() -> Self {
            let (sender, events) = unbounded_channel();
            let simulated = SimulatedReader::attach("simulated", Clock::start(), sender).unwrap();
            let mut bench = Bench { events, simulated };
            assert!(matches!(bench.next(), Event::Attached(_)));
            bench
        }

        fn next(&mut self) -> Event {
            self.events.blocking_recv().expect("the reader runs")
        }

        fn arm(&self, commands: usize) -> mpsc::Receiver<Vec<Result<Vec<u8>, ChannelError>>> {
            let (sender, answers) = mpsc::channel();
            let conversation: Conversation = Box::new(move |card| {
                let answers = (0..commands).map(|_| card.transmit(&[0; 4]).map(|exchange| exchange.response.to_vec()));
                sender.send(answers.collect()).unwrap();
            });
            self.simulated.reader().arm(conversation);
            answers
        }

        fn seen(&mut self) -> bool {
            match self.next() {
                Event::CardSeen(_, card) => card.already_present,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_card_presented_to_an_armed_reader_holds_the_conversation_and_stays() {
        let mut bench = Bench::new();
        let answers = bench.arm(1);
        bench.simulated.present(card(&[0x90, 0x00]));
        assert!(!bench.seen());
        assert_eq!(answers.recv().unwrap(), [Ok(vec![0x90, 0x00])]);
        assert!(matches!(bench.next(), Event::Released(_)));
        let answers = bench.arm(1);
        assert!(bench.seen(), "it lay there already");
        assert_eq!(answers.recv().unwrap(), [Ok(vec![0x90, 0x00])]);
        assert!(matches!(bench.next(), Event::Released(_)));
        bench.simulated.remove();
        assert!(matches!(bench.next(), Event::CardRemoved(_)));
    }

    #[test]
    fn a_card_at_hand_comes_when_the_reader_is_armed_and_goes_when_it_is_done() {
        for delay in [Duration::ZERO, Duration::from_millis(1)] {
            let mut bench = Bench::new();
            bench.simulated.present_when_armed(card(&[0x90, 0x00]), delay);
            for _ in 0..2 {
                let answers = bench.arm(1);
                assert!(!bench.seen());
                assert_eq!(answers.recv().unwrap(), [Ok(vec![0x90, 0x00])]);
                assert!(matches!(bench.next(), Event::Released(_)));
                assert!(matches!(bench.next(), Event::CardRemoved(_)));
            }
        }
    }

    #[test]
    fn a_personality_answers_from_the_simulated_field() {
        let mut bench = Bench::new();
        let card = Card::new(&Personality::built_in("visa-online").unwrap());
        bench.simulated.present(card);
        let (sender, answer) = mpsc::channel();
        bench.simulated.reader().arm(Box::new(move |card| {
            let kind = Atr::parse(&card.card().atr).unwrap().card_kind();
            let exchange = card.transmit(b"\x00\xA4\x04\x00\x0E2PAY.SYS.DDF01\x00").unwrap();
            assert!(exchange.sent_at <= exchange.received_at);
            sender.send((kind, exchange.response.to_vec())).unwrap();
        }));
        bench.seen();
        let (kind, directory) = answer.recv().unwrap();
        assert_eq!(kind, CardKind::Contactless);
        assert_eq!((directory[0], &directory[directory.len() - 2..]), (0x6F, &[0x90, 0x00][..]));
    }

    #[test]
    fn a_card_torn_off_is_lost_and_leaves_the_field() {
        let mut bench = Bench::new();
        bench.simulated.present(Constant(None));
        let answers = bench.arm(2);
        bench.seen();
        assert_eq!(answers.recv().unwrap(), [Err(ChannelError::CardLost), Err(ChannelError::CardLost)]);
        assert!(matches!(bench.next(), Event::CardLost(_)));
        assert!(matches!(bench.next(), Event::Released(_)));
        assert!(matches!(bench.next(), Event::CardRemoved(_)));
    }

    #[test]
    fn two_cards_collide_and_the_reader_stays_armed() {
        let mut bench = Bench::new();
        bench.simulated.present(card(&[0x90, 0x00]));
        bench.simulated.present(card(&[0x90, 0x00]));
        let answers = bench.arm(1);
        assert!(matches!(bench.next(), Event::Collision(_)));
        bench.simulated.remove();
        bench.simulated.present(card(&[0x90, 0x00]));
        bench.seen();
        assert_eq!(answers.recv().unwrap(), [Ok(vec![0x90, 0x00])]);
    }

    #[test]
    fn answers_without_status_word_and_too_long_ones_are_faults_and_the_longest_is_not() {
        for (len, expected) in [
            (0, Some(ChannelError::ResponseTooShort(0))),
            (1, Some(ChannelError::ResponseTooShort(1))),
            (2, None),
            (RESPONSE_LEN_MAX, None),
            (RESPONSE_LEN_MAX + 1, Some(ChannelError::ResponseTooLong)),
            (65_538, Some(ChannelError::ResponseTooLong)),
        ] {
            let mut bench = Bench::new();
            let answers = bench.arm(1);
            bench.simulated.present(card(&vec![0x90; len]));
            bench.seen();
            let told = answers.recv().unwrap().remove(0);
            assert_eq!(told.as_ref().map(Vec::len), expected.as_ref().map_or(Ok(len), Err), "{len} bytes");
            assert!(matches!(bench.next(), Event::Released(_)), "the card is not lost");
        }
    }

    #[test]
    fn a_disarmed_reader_lays_no_card_on_itself() {
        let mut bench = Bench::new();
        bench.simulated.present_when_armed(card(&[0x90, 0x00]), Duration::from_millis(1));
        let answers = bench.arm(1);
        bench.simulated.reader().disarm();
        assert!(answers.recv().is_err(), "the conversation was dropped unheld");
        bench.simulated.present(card(&[0x61, 0x00]));
        let answers = bench.arm(1);
        bench.seen();
        assert_eq!(answers.recv().unwrap(), [Ok(vec![0x61, 0x00])]);
    }

    #[test]
    fn a_conversation_that_panics_is_reported_and_the_next_one_is_held() {
        let mut bench = Bench::new();
        bench.simulated.present(card(&[0x90, 0x00]));
        bench.simulated.reader().arm(Box::new(|_| panic!("a bug, for the test")));
        bench.seen();
        assert!(matches!(bench.next(), Event::Fault(_, Fault::Panicked)));
        assert!(matches!(bench.next(), Event::Released(_)));
        let answers = bench.arm(1);
        assert!(bench.seen());
        assert_eq!(answers.recv().unwrap(), [Ok(vec![0x90, 0x00])]);
    }
}
