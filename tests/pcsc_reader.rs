//! Readers through a real pcscd, with virtual cards.

#[path = "support/pcscd.rs"]
mod pcscd;

use std::ffi::CString;
use std::sync::mpsc;
use std::time::Duration;

use pcsc::{Context, ReaderState, Scope, State};
use pcscd::{CONTACTLESS_ATR, Pcscd, isolated};
use tenderd::reader::pcsc::{PcscReaders, Settings};
use tenderd::reader::{CardChannel, ChannelError, Clock, Conversation, Event, Reader};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const PATIENCE: Duration = Duration::from_secs(10);
const SELECT_PPSE: &[u8] = b"\x00\xA4\x04\x00\x0E2PAY.SYS.DDF01\x00";
const OK: [u8; 2] = [0x90, 0x00];

/// The readers, and what they told.
struct Terminal {
    events: UnboundedReceiver<Event>,
    runtime: tokio::runtime::Runtime,
    // Dropped last: it stops the readers' threads.
    _readers: PcscReaders,
}

impl Terminal {
    fn start() -> Self {
        let (sender, events) = unbounded_channel();
        let readers = PcscReaders::start(Settings::default(), Clock::start(), sender).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Terminal { events, runtime, _readers: readers }
    }

    fn next(&mut self) -> Event {
        let next = async { tokio::time::timeout(PATIENCE, self.events.recv()).await };
        self.runtime.block_on(next).expect("an event comes in time").expect("the readers run")
    }

    /// The two virtual readers, in the order of their names.
    fn two_readers(&mut self) -> [Reader; 2] {
        let mut readers = [self.attached(), self.attached()];
        readers.sort_by(|a, b| a.id().cmp(b.id()));
        readers
    }

    fn attached(&mut self) -> Reader {
        match self.next() {
            Event::Attached(reader) => reader,
            other => panic!("a reader attached was expected: {other:?}"),
        }
    }

    /// The next event in a line, for comparison.
    fn next_line(&mut self) -> String {
        match self.next() {
            Event::Attached(reader) => format!("attached {}", reader.id()),
            Event::Detached(reader) => format!("detached {reader}"),
            Event::CardSeen(reader, card) if card.already_present => format!("card already on {reader}"),
            Event::CardSeen(reader, _) => format!("card on {reader}"),
            Event::CardLost(reader) => format!("card lost on {reader}"),
            Event::Released(reader) => format!("released {reader}"),
            Event::CardRemoved(reader) => format!("card removed from {reader}"),
            Event::ServiceLost => "service lost".into(),
            Event::ServiceBack => "service back".into(),
            other => format!("{other:?}"),
        }
    }

    fn expect(&mut self, lines: &[&str]) {
        for line in lines {
            assert_eq!(self.next_line(), *line);
        }
    }

    /// As [`Terminal::expect`], where threads decide on the order.
    fn expect_in_any_order(&mut self, lines: &[&str]) {
        let mut told: Vec<String> = lines.iter().map(|_| self.next_line()).collect();
        let mut expected = lines.to_vec();
        told.sort();
        expected.sort();
        assert_eq!(told, expected);
    }
}

type Answers = Vec<Result<Vec<u8>, ChannelError>>;

/// A conversation of the given commands, and where its answers will be.
fn conversation(commands: &'static [&'static [u8]]) -> (Conversation, mpsc::Receiver<Answers>) {
    let (sender, answers) = mpsc::channel();
    let talk = move |card: &mut dyn CardChannel| {
        let exchange = |command: &&[u8]| card.transmit(command).map(|exchange| exchange.response.to_vec());
        sender.send(commands.iter().map(exchange).collect()).unwrap();
    };
    (Box::new(talk), answers)
}

fn answers(receiver: &mpsc::Receiver<Answers>) -> Answers {
    receiver.recv_timeout(PATIENCE).expect("the conversation is held")
}

fn until_the_service_sees_a_card(reader: usize) {
    let context = Context::establish(Scope::User).unwrap();
    let name = CString::new(Pcscd::READERS[reader]).unwrap();
    let mut states = [ReaderState::new(name, State::UNAWARE)];
    while !states[0].event_state().contains(State::PRESENT) {
        context.get_status_change(PATIENCE, &mut states).unwrap();
        states[0].sync_current_state();
    }
}

#[test]
fn every_reader_of_the_service_is_attached() {
    isolated("every_reader_of_the_service_is_attached", |pcscd| {
        pcscd.start();
        let readers = Terminal::start().two_readers();
        assert_eq!(readers.each_ref().map(|reader| reader.id().as_str()), Pcscd::READERS);
        assert_eq!(readers[0].family().name, "generic");
    });
}

#[test]
fn a_card_laid_on_an_armed_reader_is_powered_and_answers() {
    isolated("a_card_laid_on_an_armed_reader_is_powered_and_answers", |pcscd| {
        pcscd.start();
        let mut terminal = Terminal::start();
        let [reader, _] = terminal.two_readers();
        let (talk, told) = conversation(&[SELECT_PPSE]);
        reader.arm(talk);
        let card = pcscd.lay(0, |command| (command == SELECT_PPSE).then(|| vec![0x6F, 0x00, 0x90, 0x00]));

        match terminal.next() {
            Event::CardSeen(id, seen) => {
                assert_eq!(id, *reader.id());
                assert_eq!(seen.atr, CONTACTLESS_ATR);
                assert!(!seen.already_present);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(answers(&told), [Ok(vec![0x6F, 0x00, 0x90, 0x00])]);
        terminal.expect(&["released Virtual PCD 00 00"]);
        drop(card);
        terminal.expect(&["card removed from Virtual PCD 00 00"]);
    });
}

#[test]
fn a_card_that_lay_there_before_is_said_to_be_already_present() {
    isolated("a_card_that_lay_there_before_is_said_to_be_already_present", |pcscd| {
        pcscd.start();
        let _card = pcscd.lay(1, |_| Some(OK.into()));
        until_the_service_sees_a_card(1);
        let mut terminal = Terminal::start();
        let [_, reader] = terminal.two_readers();
        let (talk, told) = conversation(&[SELECT_PPSE]);
        reader.arm(talk);
        terminal.expect(&["card already on Virtual PCD 00 01", "released Virtual PCD 00 01"]);
        assert_eq!(answers(&told), [Ok(OK.into())]);
        // And again: releasing it changed nothing.
        let (talk, told) = conversation(&[SELECT_PPSE]);
        reader.arm(talk);
        terminal.expect(&["card already on Virtual PCD 00 01", "released Virtual PCD 00 01"]);
        assert_eq!(answers(&told), [Ok(OK.into())]);
    });
}

#[test]
fn a_card_pulled_in_its_conversation_is_lost_and_the_next_one_is_served() {
    isolated("a_card_pulled_in_its_conversation_is_lost_and_the_next_one_is_served", |pcscd| {
        pcscd.start();
        let mut terminal = Terminal::start();
        let [reader, _] = terminal.two_readers();
        let (talk, told) = conversation(&[b"\x00\x01\x00\x00", b"\x00\x02\x00\x00", b"\x00\x03\x00\x00"]);
        reader.arm(talk);
        let card = pcscd.lay(0, |command| (command[1] == 1).then(|| OK.into()));
        terminal.expect(&["card on Virtual PCD 00 00"]);
        assert_eq!(answers(&told), [Ok(OK.into()), Err(ChannelError::CardLost), Err(ChannelError::CardLost)]);
        terminal.expect(&["card lost on Virtual PCD 00 00", "released Virtual PCD 00 00"]);
        terminal.expect(&["card removed from Virtual PCD 00 00"]);
        drop(card);

        let (talk, told) = conversation(&[SELECT_PPSE]);
        reader.arm(talk);
        let _card = pcscd.lay(0, |_| Some(OK.into()));
        terminal.expect(&["card on Virtual PCD 00 00", "released Virtual PCD 00 00"]);
        assert_eq!(answers(&told), [Ok(OK.into())]);
    });
}

#[test]
fn a_card_pulled_while_it_is_powered_leaves_the_reader_to_the_next_one() {
    isolated("a_card_pulled_while_it_is_powered_leaves_the_reader_to_the_next_one", |pcscd| {
        pcscd.start();
        let mut terminal = Terminal::start();
        let [reader, _] = terminal.two_readers();
        // The service powers a card when it comes, switches it off as nobody wants it, and powers it when somebody does.
        let card = pcscd.lay_to_be_powered(0, 1, |_| Some(OK.into()));
        card.until_unpowered();
        let (talk, told) = conversation(&[SELECT_PPSE]);
        reader.arm(talk);
        card.until_torn_off();
        let _next = pcscd.lay(0, |_| Some(OK.into()));
        assert_eq!(answers(&told), [Ok(OK.into())]);
    });
}

#[test]
fn two_armed_readers_each_hold_their_own_conversation() {
    isolated("two_armed_readers_each_hold_their_own_conversation", |pcscd| {
        pcscd.start();
        let mut terminal = Terminal::start();
        let [first, second] = terminal.two_readers();
        let ((talk_first, told_first), (talk_second, told_second)) =
            (conversation(&[SELECT_PPSE]), conversation(&[SELECT_PPSE]));
        first.arm(talk_first);
        second.arm(talk_second);
        let _one = pcscd.lay(0, |_| Some(vec![0x01, 0x90, 0x00]));
        let _two = pcscd.lay(1, |_| Some(vec![0x02, 0x90, 0x00]));
        assert_eq!(answers(&told_first), [Ok(vec![0x01, 0x90, 0x00])]);
        assert_eq!(answers(&told_second), [Ok(vec![0x02, 0x90, 0x00])]);
    });
}

#[test]
fn a_disarmed_reader_leaves_cards_alone() {
    isolated("a_disarmed_reader_leaves_cards_alone", |pcscd| {
        pcscd.start();
        let mut terminal = Terminal::start();
        let [reader, other] = terminal.two_readers();
        let (talk, told) = conversation(&[SELECT_PPSE]);
        reader.arm(talk);
        reader.disarm();
        let _card = pcscd.lay(0, |_| Some(OK.into()));
        until_the_service_sees_a_card(0);
        // Once a later card is served on the other reader, this one was passed over.
        other.arm(Box::new(|_| ()));
        let _marker = pcscd.lay(1, |_| Some(OK.into()));
        terminal.expect(&["card on Virtual PCD 00 01", "released Virtual PCD 00 01"]);
        assert!(told.recv().is_err(), "the conversation was dropped unheld");
        reader.arm(Box::new(|_| ()));
        terminal.expect(&["card already on Virtual PCD 00 00"]);
    });
}

#[test]
fn answers_are_passed_on_as_they_are_and_those_without_status_word_are_faults() {
    isolated("answers_are_passed_on_as_they_are_and_those_without_status_word_are_faults", |pcscd| {
        pcscd.start();
        let mut terminal = Terminal::start();
        let [reader, _] = terminal.two_readers();
        let (talk, told) = conversation(&[&[0, 1, 0, 0], &[0, 2, 0, 0], &[0, 3, 0, 0], &[0, 4, 0, 0], &[0, 5, 0, 0]]);
        reader.arm(talk);
        let _card = pcscd.lay(0, |command| {
            Some(match command[1] {
                1 => vec![0x61, 0x10],
                2 => vec![0x6C, 0x20],
                3 => vec![0x90],
                4 => vec![0xAA; 65_535],
                _ => OK.into(),
            })
        });
        let told = answers(&told);
        assert_eq!(told[0], Ok(vec![0x61, 0x10]));
        assert_eq!(told[1], Ok(vec![0x6C, 0x20]));
        assert_eq!(told[2], Err(ChannelError::ResponseTooShort(1)));
        assert!(told[3] == Ok(vec![0xAA; 65_535]), "{:?}", told[3].as_ref().map(Vec::len));
        assert_eq!(told[4], Ok(OK.into()), "the card is still there");
    });
}

#[test]
fn a_service_killed_while_armed_comes_back_and_the_reader_is_still_armed() {
    isolated("a_service_killed_while_armed_comes_back_and_the_reader_is_still_armed", |pcscd| {
        pcscd.start();
        let mut terminal = Terminal::start();
        let [reader, _] = terminal.two_readers();
        let (talk, told) = conversation(&[SELECT_PPSE]);
        reader.arm(talk);

        pcscd.kill();
        terminal.expect_in_any_order(&["service lost", "detached Virtual PCD 00 00", "detached Virtual PCD 00 01"]);
        pcscd.start();
        terminal.expect(&["service back"]);
        terminal.expect_in_any_order(&["attached Virtual PCD 00 00", "attached Virtual PCD 00 01"]);

        let _card = pcscd.lay(0, |_| Some(OK.into()));
        terminal.expect(&["card on Virtual PCD 00 00", "released Virtual PCD 00 00"]);
        assert_eq!(answers(&told), [Ok(OK.into())]);
    });
}

#[test]
fn a_service_killed_in_a_conversation_ends_it_and_the_next_one_works() {
    isolated("a_service_killed_in_a_conversation_ends_it_and_the_next_one_works", |pcscd| {
        pcscd.start();
        let mut terminal = Terminal::start();
        let [reader, _] = terminal.two_readers();
        let (midway, at_command) = mpsc::channel();
        let (resume, killed) = mpsc::channel::<()>();
        let (talk, told) = conversation(&[SELECT_PPSE, SELECT_PPSE]);
        reader.arm(talk);
        let card = pcscd.lay(0, move |_| {
            midway.send(()).unwrap();
            killed.recv().ok().map(|()| OK.into())
        });
        at_command.recv_timeout(PATIENCE).unwrap();
        pcscd.kill();
        drop(resume);
        assert_eq!(answers(&told), [Err(ChannelError::ServiceLost), Err(ChannelError::ServiceLost)]);
        drop(card);
        pcscd.start();
        while terminal.next_line() != "service back" {}
        let (talk, told) = conversation(&[SELECT_PPSE]);
        reader.arm(talk);
        let _card = pcscd.lay(0, |_| Some(OK.into()));
        assert_eq!(answers(&told), [Ok(OK.into())]);
    });
}

#[test]
fn a_service_that_is_absent_at_start_is_waited_for() {
    isolated("a_service_that_is_absent_at_start_is_waited_for", |pcscd| {
        let mut terminal = Terminal::start();
        terminal.expect(&["service lost"]);
        pcscd.start();
        terminal.expect(&["service back"]);
        let [reader, _] = terminal.two_readers();
        let (talk, told) = conversation(&[SELECT_PPSE]);
        reader.arm(talk);
        let _card = pcscd.lay(0, |_| Some(OK.into()));
        assert_eq!(answers(&told), [Ok(OK.into())]);
    });
}

#[test]
fn a_conversation_that_panics_costs_the_reader_nothing() {
    isolated("a_conversation_that_panics_costs_the_reader_nothing", |pcscd| {
        pcscd.start();
        let mut terminal = Terminal::start();
        let [reader, _] = terminal.two_readers();
        reader.arm(Box::new(|_| panic!("a bug, for the test")));
        let _card = pcscd.lay(0, |_| Some(OK.into()));
        terminal.expect(&["card on Virtual PCD 00 00"]);
        assert!(matches!(terminal.next(), Event::Fault(id, _) if id == *reader.id()));
        terminal.expect(&["released Virtual PCD 00 00"]);
        let (talk, told) = conversation(&[SELECT_PPSE]);
        reader.arm(talk);
        assert_eq!(answers(&told), [Ok(OK.into())]);
    });
}

#[test]
fn nothing_wakes_up_while_nothing_happens() {
    isolated("nothing_wakes_up_while_nothing_happens", |pcscd| {
        pcscd.start();
        let mut terminal = Terminal::start();
        let [reader, other] = terminal.two_readers();
        let (talk, told) = conversation(&[SELECT_PPSE]);
        reader.arm(talk);
        let _card = pcscd.lay(0, |_| Some(OK.into()));
        answers(&told);
        let (talk, _told) = conversation(&[]);
        other.arm(talk);
        // One reader has a card lying on it, the other is armed. What follows a change of readers comes within 1 s.
        std::thread::sleep(Duration::from_millis(1500));
        let before = wake_ups();
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(wake_ups(), before);
        assert_eq!(before.len(), 3, "the watch and two readers");
    });
}

/// How often each thread of the readers went to sleep so far.
fn wake_ups() -> Vec<(String, u64)> {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().map(|thread| thread.unwrap().path());
    let ours = threads.filter_map(|thread| {
        let name = std::fs::read_to_string(thread.join("comm")).unwrap();
        let status = std::fs::read_to_string(thread.join("status")).unwrap();
        let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
        ["pcsc-watch\n", "reader\n"].contains(&&*name).then(|| (name, count.trim().parse().unwrap()))
    });
    ours.collect()
}
