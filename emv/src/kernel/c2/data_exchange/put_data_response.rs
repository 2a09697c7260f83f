//! S12 and S15, Waiting for Put Data Response Before and After Generate AC: what the terminal wants
//! written to the card (Book C-2, S12 and S15).

use crate::apdu::{Command, Response, StatusWord};
use crate::dict;
use crate::fields::CryptogramType;
use crate::fields::c2::PutDataStatus;
use crate::kernel::c2::context::Context;
use crate::kernel::c2::verification::Completion;
use crate::kernel::c2::{Fault, State, torn_recovery};
use crate::oda::StaticData;
use crate::tlv::Tag;

/// PUT DATA was sent, before the cryptogram was asked for.
#[derive(Debug)]
pub(in super::super) struct PutDataBefore {
    asked_for: CryptogramType,
    static_data: Option<StaticData>,
}

/// PUT DATA was sent, after the cryptogram came.
#[derive(Debug)]
pub(in super::super) struct PutDataAfter {
    completion: Completion,
}

/// Writes what is to be written first, and then asks for the cryptogram.
//= C-2 S456.42, S456.50-51
pub(in super::super) fn before_generate_ac(
    asked_for: CryptogramType,
    static_data: Option<StaticData>,
    context: &mut Context,
) -> Result<State, Fault> {
    let state = PutDataBefore { asked_for, static_data };
    if write_next_before(context) {
        Ok(State::PutDataBefore(state))
    } else {
        torn_recovery::recover_or_generate(state.asked_for, state.static_data, context)
    }
}

/// Writes what is to be written last, and then ends the transaction.
//= C-2 S910.76-78
pub(in super::super) fn after_generate_ac(completion: Completion, context: &mut Context) -> State {
    if write_next_after(context) {
        State::PutDataAfter(PutDataAfter { completion })
    } else {
        completion.finish(context)
    }
}

impl PutDataBefore {
    /// RA. What the card refuses is not tried again, and neither is what would follow.
    //= C-2 S12.8-12, S12.13-19
    pub(in super::super) fn response(self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        if response.status.is_success() {
            if write_next_before(context) {
                return Ok(State::PutDataBefore(self));
            }
            set_completed(dict::PRE_GEN_AC_PUT_DATA_STATUS, context);
        }
        torn_recovery::recover_or_generate(self.asked_for, self.static_data, context)
    }
}

impl PutDataAfter {
    /// RA, or L1RSP: the transaction is complete whatever the card says, or if it says nothing.
    //= C-2 S15.5-13
    pub(in super::super) fn answered(self, status: Option<StatusWord>, context: &mut Context) -> State {
        if status.is_some_and(StatusWord::is_success) {
            if write_next_after(context) {
                return State::PutDataAfter(self);
            }
            set_completed(dict::POST_GEN_AC_PUT_DATA_STATUS, context);
        }
        self.completion.finish_after_writing(context)
    }
}

fn write_next_before(context: &mut Context) -> bool {
    let next = context.exchange.to_write_before.pop_front();
    next.map(|(tag, value)| context.transmit(Command::put_data(tag, &value))).is_some()
}

fn write_next_after(context: &mut Context) -> bool {
    let next = context.exchange.to_write_after.pop_front();
    next.map(|(tag, value)| context.transmit(Command::put_data(tag, &value))).is_some()
}

fn set_completed(status: Tag, context: &mut Context) {
    context.database.set(status, PutDataStatus::default().with(PutDataStatus::COMPLETED).as_bytes());
}
