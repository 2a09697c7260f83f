//! What can go wrong in one run: drawn once from the seed, so that some runs are calm and others are not.

use std::sync::{Arc, Mutex};

use crate::people::lock;
use crate::random::Random;

/// The troubles of one life. Copies mean the same ones, which may end for all at once.
#[derive(Clone)]
pub(crate) struct Troubles(Arc<Mutex<Trouble>>);

impl Troubles {
    pub(crate) fn new(trouble: &Trouble) -> Self {
        Troubles(Arc::new(Mutex::new(trouble.clone())))
    }

    pub(crate) fn now(&self) -> Trouble {
        lock(&self.0).clone()
    }

    /// From now on nothing goes wrong.
    pub(crate) fn end(&self) {
        *lock(&self.0) = Trouble::none();
    }
}

/// How likely each trouble is, in hundredths, and how often.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    /// Nothing goes wrong any more, and nobody buys.
    pub(crate) is_over: bool,
    /// A request never reaches the host.
    pub(crate) request_lost: usize,
    /// An answer never comes back.
    pub(crate) answer_lost: usize,
    /// An answer comes when nobody waits any more.
    pub(crate) answer_late: usize,
    /// An answer comes twice.
    pub(crate) answer_doubled: usize,
    /// An answer is no message.
    pub(crate) answer_malformed: usize,
    /// Somebody on the line changes an answer, and has no key for its MAC.
    pub(crate) answer_forged: usize,
    /// The line breaks instead of an answer.
    pub(crate) line_broken: usize,
    /// No connection can be made.
    pub(crate) no_connection: usize,
    /// A write to the journal fails.
    pub(crate) write_fails: usize,
    /// The disk is full for a while: nothing can be written.
    pub(crate) disk_full: usize,
    /// A card is torn off at some command.
    pub(crate) card_torn: usize,
    /// The power goes so many times.
    pub(crate) power_cuts: usize,
    /// Of a hundred cuts, so many come at a write.
    pub(crate) cut_at_write: usize,
    /// The clock jumps.
    pub(crate) clock_jumps: usize,
    /// A register cancels.
    pub(crate) cancels: usize,
    /// A register asks again with the same token before it knows the end.
    pub(crate) repeats: usize,
    /// A register stops asking, and comes back after everything else is over.
    pub(crate) vanishes: usize,
}

impl Trouble {
    pub(crate) fn draw(random: &mut Random) -> Self {
        // Each one is absent in a third of the runs, so that it hides no other.
        let mut rate = |most: u64| if random.percent(33) { 0 } else { random.between(1, most) as usize };
        Trouble {
            is_over: false,
            request_lost: rate(20),
            answer_lost: rate(20),
            answer_late: rate(20),
            answer_doubled: rate(10),
            answer_malformed: rate(10),
            line_broken: rate(15),
            no_connection: rate(25),
            write_fails: rate(8),
            card_torn: rate(30),
            power_cuts: rate(4),
            cut_at_write: rate(100),
            clock_jumps: rate(50),
            cancels: rate(30),
            repeats: rate(40),
            vanishes: rate(30),
            answer_forged: rate(15),
            disk_full: rate(40),
        }
    }

    /// What remains when all is to come to its end.
    pub(crate) fn none() -> Self {
        Trouble {
            is_over: true,
            request_lost: 0,
            answer_lost: 0,
            answer_late: 0,
            answer_doubled: 0,
            answer_malformed: 0,
            line_broken: 0,
            no_connection: 0,
            write_fails: 0,
            card_torn: 0,
            power_cuts: 0,
            cut_at_write: 0,
            clock_jumps: 0,
            cancels: 0,
            repeats: 0,
            vanishes: 0,
            answer_forged: 0,
            disk_full: 0,
        }
    }
}
