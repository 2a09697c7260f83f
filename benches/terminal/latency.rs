//! What the terminal adds to a tap, beside what the card and the way to it take.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tender_sim::card::{Card, Personality};

use crate::pcscd::Pcscd;
use crate::stand::Stand;
use crate::table::{Aim, Samples, print_row, print_section};
use crate::terminal::Readers;

const RUNS: usize = 20;
/// Between two who use the reader. What powers a card down is not answered, so that TCP acknowledges it late, and the
/// next message to the virtual reader's card waits for that.
const SILENCE: Duration = Duration::from_millis(60);
/// The reader's thread tells at this level how long each conversation took.
const LOG: &str = "error,tenderd::reader::station=debug";
/// Cards that approve offline: nobody waits for an acquirer.
const PERSONALITIES: [(&str, &str); 2] =
    [("Mastercard, CDA", "mastercard-offline-cda"), ("Visa, fDDA", "visa-offline-fdda")];

/// Measures with real PC/SC, and the same commands sent by a bare client in turn.
pub(crate) fn with_pcsc(pcscd: &Pcscd) {
    let mut stand = Stand::new(Readers::Pcsc);
    stand.start(LOG);
    stand.register.has_readers(&Pcscd::READERS);
    for (number, (title, personality)) in (0..).zip(PERSONALITIES) {
        let reader = Pcscd::READERS[usize::from(number)];
        let heard = Arc::new(Mutex::new(Heard::default()));
        let mut card = card(personality);
        let _card = pcscd.lay(number, {
            let heard = heard.clone();
            move |command| {
                let thinking = lock(&heard).thinking;
                std::thread::sleep(thinking);
                let response = card.transmit(command).response;
                let mut heard = lock(&heard);
                heard.commands.push(command.to_vec());
                heard.last_at = Some(Instant::now());
                response
            }
        });
        for (answers, thinking) in [("at once", Duration::ZERO), ("after 20 ms", Duration::from_millis(20))] {
            print_section(&format!(
                "A tap on pcscd and a virtual reader: {title}, offline; the card answers {answers}"
            ));
            let mut taps = Taps::default();
            let (mut bare, mut told) = (Samples::default(), Samples::default());
            // The first is for the caches.
            for run in 0..=RUNS {
                let token = format!("bench-{personality}-{}-{run}", thinking.as_millis());
                lock(&heard).thinking = thinking;
                std::thread::sleep(SILENCE);
                let (took, on_air, at) = tap(&mut stand, &token, reader);
                let commands = std::mem::take(&mut lock(&heard).commands);
                let last_at = lock(&heard).last_at.expect("the card was asked");
                std::thread::sleep(SILENCE);
                let bare_took = send_bare(reader, &commands);
                lock(&heard).commands.clear();
                if run > 0 {
                    taps.push(took, on_air);
                    bare.push_ms(bare_took);
                    told.push_ms(at - last_at);
                }
            }
            taps.print();
            print_row("the same commands from a bare client", "ms", &bare, Aim::None);
            let share = Samples::from(taps.own.median() / bare.median() * 100.0);
            print_row("the terminal's own time in that", "%", &share, Aim::Under(2.0));
            print_row("last answer to result on the bus, journal synced", "ms", &told, Aim::None);
        }
    }
}

/// Measures with simulated readers, where there is no pcscd.
pub(crate) fn simulated() {
    let mut stand = Stand::new(Readers::Simulated(&PERSONALITIES.map(|(_, personality)| personality)));
    stand.start(LOG);
    for (title, personality) in PERSONALITIES {
        print_section(&format!(
            "A tap on a simulated reader, NOT through PC/SC, so with no bare client: {title}, offline"
        ));
        let mut taps = Taps::default();
        for run in 0..=RUNS {
            let reader = format!("simulated {personality}");
            let (took, on_air, _) = tap(&mut stand, &format!("bench-{personality}-{run}"), &reader);
            if run > 0 {
                taps.push(took, on_air);
            }
        }
        taps.print();
    }
}

/// What a card was asked, and how it answers.
#[derive(Default)]
struct Heard {
    /// How long it takes for each answer.
    thinking: Duration,
    commands: Vec<Vec<u8>>,
    /// When it had its last answer.
    last_at: Option<Instant>,
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().expect("nobody panics with it")
}

#[derive(Default)]
struct Taps {
    whole: Samples,
    own: Samples,
}

impl Taps {
    fn push(&mut self, took: Duration, on_air: Duration) {
        self.whole.push_ms(took);
        self.own.push_ms(took - on_air);
    }

    fn print(&self) {
        print_row("card seen to Outcome", "ms", &self.whole, Aim::None);
        print_row("less the card's and the transport's time", "ms", &self.own, Aim::Under(2.0));
    }
}

fn card(personality: &str) -> Card {
    Card::new(&Personality::built_in(personality).expect("the simulator brings this personality along"))
}

/// One sale: how long the conversation took, how long of this it waited for answers, and when the result was heard.
fn tap(stand: &mut Stand, token: &str, reader: &str) -> (Duration, Duration, Instant) {
    let (result, at) = stand.sell(token, reader);
    assert_eq!(result, "approved", "what is measured is a whole tap");
    let line = stand.next_log_line("conversation over");
    (micros(&line, "took_us="), micros(&line, "on_air_us="), at)
}

fn micros(line: &str, key: &str) -> Duration {
    let value = line.split(' ').find_map(|word| word.strip_prefix(key)?.parse().ok());
    Duration::from_micros(value.expect("the line has this field"))
}

/// How long the answers to these commands take, if nothing is done with them.
fn send_bare(reader: &str, commands: &[Vec<u8>]) -> Duration {
    let context = pcsc::Context::establish(pcsc::Scope::User).expect("pcscd runs");
    let name = std::ffi::CString::new(reader).expect("a name without zeros");
    let card = loop {
        match context.connect(&name, pcsc::ShareMode::Exclusive, pcsc::Protocols::ANY) {
            Ok(card) => break card,
            // The terminal tells the result before it lets the card go.
            Err(pcsc::Error::SharingViolation) => std::thread::sleep(Duration::from_millis(1)),
            Err(error) => panic!("the card lies there: {error}"),
        }
    };
    let mut answer = [0; pcsc::MAX_BUFFER_SIZE];
    let begun_at = Instant::now();
    for command in commands {
        card.transmit(command, &mut answer).expect("it answered this before");
    }
    let took = begun_at.elapsed();
    // As the terminal does, so that both find the same.
    card.disconnect(pcsc::Disposition::UnpowerCard).unwrap_or_else(|(_, error)| panic!("it is connected: {error}"));
    took
}
