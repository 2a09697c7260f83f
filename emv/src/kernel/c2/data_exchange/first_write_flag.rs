//! S6, Waiting for EMV Mode First Write Flag: the terminal wants to see what was read before the
//! cryptogram is asked for (Book C-2, S6).

use super::update;
use crate::kernel::c2::context::Context;
use crate::kernel::c2::reading::Reading;
use crate::kernel::c2::{Fault, State, decision};

/// The terminal was told what was read.
#[derive(Debug)]
pub(in super::super) struct FirstWriteFlag {
    pub(in super::super) reading: Reading,
}

impl FirstWriteFlag {
    /// DET: the terminal has answered, and perhaps asked for more.
    //= C-2 S6.5-7, S6.8-11
    pub(in super::super) fn data(mut self, objects: &[u8], context: &mut Context) -> Result<State, Fault> {
        update(objects, context);
        let next = self.reading.next(context);
        decision::go_on(next, self.reading, context)
    }
}
