//! The wait after a failure: longer with each in a row, so that nobody collects checksums by trying
//! (Book C-2, S13.2 and S14.2).

use alloc::boxed::Box;
use core::time::Duration;

use super::{Context, Fault, State};
use crate::kernel::{Outcome, Output};

/// A transaction that has ended, and whose end is held back.
#[derive(Debug)]
pub(in crate::kernel::c2) struct Delay(Ending);

/// How a transaction ends once the wait is over.
#[derive(Debug)]
pub(in crate::kernel::c2) enum Ending {
    Fault(Fault),
    Outcome(Box<Outcome>),
}

/// The wait after a first failure; each further one doubles it.
const SHORTEST: Duration = Duration::from_millis(300);

/// Failed MS Cntr counts no further.
const MOST_FAILURES: u8 = 5;

impl Delay {
    /// Counts a failure, and waits before it ends the transaction.
    //= C-2 S13.2-3, S13.30-31, S13.42.1-2, S13.44.1-2, S14.2-3, S14.40-43
    pub(in crate::kernel::c2) fn before(ending: Ending, context: &mut Context) -> State {
        let failures = context.mag_stripe_failures();
        context.set_mag_stripe_failures((failures + 1).min(MOST_FAILURES));
        context.outputs.push_back(Output::Wait(context.now + SHORTEST * (1 << failures)));
        State::MagStripeDelay(Delay(ending))
    }

    /// TIMEOUT.
    pub(in crate::kernel::c2) fn over(self, context: &mut Context) -> Result<State, Fault> {
        match self.0 {
            Ending::Fault(fault) => Err(fault),
            Ending::Outcome(outcome) => Ok(context.finish(*outcome)),
        }
    }
}
