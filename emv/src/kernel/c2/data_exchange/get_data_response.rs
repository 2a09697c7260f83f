//! S5, Waiting for Get Data Response (Book C-2, S5).

use crate::apdu::Response;
use crate::kernel::c2::context::Context;
use crate::kernel::c2::reading::Reading;
use crate::kernel::c2::{Fault, State, card_response, decision};
use crate::tlv::Tag;

/// GET DATA was sent.
#[derive(Debug)]
pub(in super::super) struct GetDataResponse {
    /// Current Tag: what the card was asked for.
    pub(in super::super) tag: Tag,
    pub(in super::super) reading: Reading,
}

impl GetDataResponse {
    /// RA: the terminal is told what the card gave, be it nothing.
    //= C-2 S5.9-18, S5.19-24
    pub(in super::super) fn response(mut self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        let next = self.reading.next(context);
        let stored = response.status.is_success()
            && card_response::store_asked_for(&mut context.database, self.tag, response.data).is_ok();
        let value = context.database.get(self.tag).filter(|_| stored).unwrap_or_default();
        context.exchange.tell(self.tag, value);
        decision::go_on(next, self.reading, context)
    }
}
