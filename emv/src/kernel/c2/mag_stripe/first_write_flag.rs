//! S8, Waiting for Mag-stripe First Write Flag: the terminal wants to see what was read before the
//! checksum is asked for (Book C-2, S8).

use alloc::boxed::Box;

use super::tracks::Tracks;
use super::{Context, Fault, State, checksum};
use crate::kernel::c2::data_exchange;

/// The terminal was told what was read.
#[derive(Debug)]
pub(in crate::kernel::c2) struct MagStripeFirstWriteFlag(pub(super) Box<Tracks>);

impl MagStripeFirstWriteFlag {
    /// DET: the terminal has answered.
    //= C-2 S8.5-7
    pub(in crate::kernel::c2) fn data(self, objects: &[u8], context: &mut Context) -> Result<State, Fault> {
        data_exchange::update(objects, context);
        checksum::go_on(self.0, context)
    }
}
