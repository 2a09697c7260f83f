//! Recording: a tap with a card on a reader.

use std::time::Duration;

use emv::Instant;
use tender_sim::card::{Answer, Card, Personality};

use super::entry::{CardEvent, Operator, Timer, What};
use super::session::{Session, Wanted};
use crate::reader::{CardChannel, CardInfo, ChannelError, Clock, Exchange, Indication};
use crate::terminal::Hex;

/// Drives a tap with a powered card, up to what the card can't give. Nobody answers in a data exchange.
pub fn converse(session: &mut Session, card: &mut dyn CardChannel) -> Wanted {
    loop {
        let (what, now) = match session.advance() {
            Wanted::Response(command) => match card.transmit(&command) {
                Ok(Exchange { response, sent_at, received_at }) => {
                    let response = What::Response(Hex(response.to_vec()));
                    session.command_sent(instant(sent_at));
                    (response, received_at)
                }
                Err(ChannelError::Collision) => (What::Card(CardEvent::Collision), card.now()),
                Err(_) => (What::Card(CardEvent::Lost), card.now()),
            },
            Wanted::Timer(moment) => {
                std::thread::sleep(moment - instant(card.now()));
                (What::Timer(Timer::Expired), card.now())
            }
            other => return other,
        };
        session.hand_in(what, instant(now));
    }
}

/// A reading of a reader's clock as kernels take it.
pub fn instant(since_start: Duration) -> Instant {
    Instant::from_micros(since_start.as_micros().try_into().unwrap_or(u64::MAX))
}

/// A simulated card in a field of its own, without a reader's thread.
pub struct CardInProcess {
    card: Card,
    info: CardInfo,
    clock: Clock,
    answer: Vec<u8>,
}

impl CardInProcess {
    /// A new card of this personality, powered.
    pub fn new(personality: &Personality, clock: Clock) -> Self {
        let info = CardInfo { atr: Card::ATR.to_vec(), already_present: true };
        CardInProcess { card: Card::new(personality), info, clock, answer: Vec::new() }
    }

    /// Takes the card out of the field and puts it back.
    pub fn present_again(&mut self) {
        self.card.reset();
    }
}

impl CardChannel for CardInProcess {
    fn card(&self) -> &CardInfo {
        &self.info
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Exchange<'_>, ChannelError> {
        let sent_at = self.clock.now();
        let Answer { response, delay } = self.card.transmit(command);
        std::thread::sleep(delay);
        self.answer = response.ok_or(ChannelError::CardLost)?;
        Ok(Exchange { response: &self.answer, sent_at, received_at: self.clock.now() })
    }

    fn indicate(&mut self, _: Indication) {}

    fn now(&self) -> Duration {
        self.clock.now()
    }
}

/// How often a card in process is presented before the tap is stopped.
const PRESENTATIONS: usize = 3;

/// Runs a whole tap with a simulated card, which is presented again when it is asked for.
pub fn record_in_process(session: &mut Session, card: &mut CardInProcess) {
    let mut presented = 0;
    loop {
        let what = match converse(session, card) {
            Wanted::Card if presented == PRESENTATIONS => What::Operator(Operator::Cancel),
            Wanted::Card => {
                presented += 1;
                card.present_again();
                What::Card(CardEvent::Present)
            }
            Wanted::Removal => What::Card(CardEvent::Removed),
            _ => return,
        };
        session.hand_in(what, instant(card.now()));
    }
}
