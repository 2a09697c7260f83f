//! S2, Waiting for PDOL Data (Book C-2, S2).

use crate::Instant;
use crate::kernel::c2::context::Context;
use crate::kernel::c2::{Fault, State, idle};

use super::update;

/// The terminal was asked for objects of the PDOL.
#[derive(Debug)]
pub(in super::super) struct PdolData {
    deadline: Instant,
}

impl PdolData {
    /// Asks the terminal.
    //= C-2 S1.21-23
    pub(in super::super) fn ask(context: &mut Context) -> State {
        context.send_data();
        let deadline = context.start_timer();
        State::PdolData(PdolData { deadline })
    }

    /// DET: goes on once the PDOL has all that it asks for.
    //= C-2 S2.5-6, S2.7-10
    pub(in super::super) fn data(self, objects: &[u8], context: &mut Context) -> Result<State, Fault> {
        update(objects, context);
        if idle::is_pdol_data_missing(context) {
            context.wait_until(self.deadline);
            return Ok(State::PdolData(self));
        }
        idle::get_processing_options(context)
    }
}
