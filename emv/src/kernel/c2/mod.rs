//! Kernel 2 (EMV Contactless Book C-2).
//!
//! The states are those of the book, a file each, and so are the procedures:
//!
//! | file | in the book |
//! |---|---|
//! | `idle` | S1, Idle |
//! | `gpo_response` | S3, Waiting for GPO Response |
//! | `relay_resistance_response` | SR1, Waiting for Exchange Relay Resistance Data Response |
//! | `reading` | S3R1, common processing before the records |
//! | `record_response` | S4, Waiting for EMV Read Record Response |
//! | `decision` | S456, common processing after the records |
//! | `generate_ac_response` | S9 and S11, Waiting for Generate AC Response – 1 and – 2 |
//! | `recover_ac_response` | S10, Waiting for Recover AC Response |
//! | `balance` | S16 and S17, Waiting for Pre- and for Post-Gen AC Balance |
//! | `verification` | S910, common processing after the cryptogram |
//! | `data_storage` | an operator's data in the card |
//! | `data_exchange` | DEK and DET, and the states for them: S2, S5, S6, S12 and S15 |
//! | `second_tap` | what both modes do where a phone is to be presented again |
//! | `mag_stripe` | S7, S78, S13 and S14, mag-stripe mode |
//! | `restrictions`, `cvm_selection`, `generate_ac` | procedures PRE, CVM and GAC |
//! | `torn_log`, `torn_recovery` | the Torn Transaction Log, and what is done with it |
//!
//! What the card does wrong is a [`Fault`]; how each ends the transaction stands in one table.

mod balance;
mod card_response;
mod configuration;
mod context;
mod cvm_selection;
mod data_exchange;
mod data_storage;
mod decision;
mod fault;
mod generate_ac;
mod generate_ac_response;
mod gpo_response;
mod idle;
mod mag_stripe;
mod outcome;
mod reading;
mod record_response;
mod recover_ac_response;
mod relay_resistance_response;
mod relay_resistance_track;
mod restrictions;
mod second_tap;
mod torn_log;
mod torn_recovery;
mod verification;

use alloc::sync::Arc;
use core::mem;

pub use configuration::{Configuration, InvalidConfiguration, Reason, RelayResistanceTimes};
pub use fault::Fault;
pub use torn_log::{InvalidTornLog, TornChange, TornLog, TornRecord};

use super::{Input, Output, Start};
use crate::Instant;
use crate::apdu::Response;
use crate::fields::c2::L1Error;
use crate::profile::Profile;
use context::Context;
use mag_stripe::{Delay, Ending};

/// Kernel 2, from its activation to its outcome.
#[derive(Debug)]
pub struct Kernel2 {
    state: State,
    context: Context,
}

/// What the kernel waits for. A state is consumed by the signal that ends it.
#[derive(Debug)]
enum State {
    /// S2.
    PdolData(data_exchange::pdol_data::PdolData),
    /// S3.
    GpoResponse(gpo_response::GpoResponse),
    /// SR1.
    RelayResistanceResponse(relay_resistance_response::RelayResistanceResponse),
    /// S4.
    RecordResponse(record_response::RecordResponse),
    /// S5.
    GetDataResponse(data_exchange::get_data_response::GetDataResponse),
    /// S6.
    FirstWriteFlag(data_exchange::first_write_flag::FirstWriteFlag),
    /// S12.
    PutDataBefore(data_exchange::put_data_response::PutDataBefore),
    /// S15.
    PutDataAfter(data_exchange::put_data_response::PutDataAfter),
    /// S10.
    RecoverAcResponse(recover_ac_response::RecoverAcResponse),
    /// S9, and S11 where RECOVER AC was refused.
    GenerateAcResponse(generate_ac_response::GenerateAcResponse),
    /// S16.
    BalanceBefore(balance::BalanceBefore),
    /// S17.
    BalanceAfter(balance::BalanceAfter),
    /// S7.
    MagStripeRecordResponse(mag_stripe::MagStripeRecordResponse),
    /// S8.
    MagStripeFirstWriteFlag(mag_stripe::MagStripeFirstWriteFlag),
    /// S13.
    ChecksumResponse1(mag_stripe::ChecksumResponse1),
    /// S14.
    ChecksumResponse2(mag_stripe::ChecksumResponse2),
    /// The outcome of mag-stripe mode is held back.
    MagStripeDelay(mag_stripe::Delay),
    /// The outcome was given.
    Finished,
}

/// The signals of the book that reach a waiting kernel.
enum Signal<'a> {
    /// The command was handed to the card.
    Sent,
    /// RA: a response of the card.
    Response(Response<'a>),
    /// L1RSP: there is none.
    NoResponse(L1Error),
    /// STOP.
    Stop,
    /// DET: the terminal's data.
    Data(&'a [u8]),
    /// TIMEOUT.
    TimeOut,
}

impl Kernel2 {
    /// Starts the kernel, up to its first command.
    pub fn activate(profile: Arc<Profile>, configuration: &Arc<Configuration>, start: Start, now: Instant) -> Self {
        let mut context = Context::new(profile, Arc::clone(configuration), &start, now);
        let state = idle::start(&start, &mut context).unwrap_or_else(|fault| context.fail(fault));
        Kernel2 { state, context }
    }

    /// Takes what happened. A kernel that has finished takes nothing.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        let signal = match input {
            Input::Sent => Signal::Sent,
            Input::Response(bytes) => match Response::parse(bytes) {
                Ok(response) => Signal::Response(response),
                Err(_) => Signal::NoResponse(L1Error::Protocol),
            },
            Input::CardLost => Signal::NoResponse(L1Error::TimeOut),
            Input::Cancel => Signal::Stop,
            Input::Data(objects) => Signal::Data(objects),
            Input::Deadline => Signal::TimeOut,
        };
        self.context.now = now;
        let state = mem::replace(&mut self.state, State::Finished);
        self.state = state.next(signal, &mut self.context).unwrap_or_else(|fault| self.context.fail(fault));
    }

    /// Gives the next thing to do, if there is one.
    pub fn poll(&mut self) -> Option<Output> {
        self.context.outputs.pop_front()
    }
}

impl State {
    fn next(self, signal: Signal<'_>, context: &mut Context) -> Result<State, Fault> {
        match (self, signal) {
            (State::PdolData(state), Signal::Data(objects)) => state.data(objects, context),
            //= C-2 S2.1-4
            (State::PdolData(_), Signal::TimeOut) => Err(Fault::TimeOutBeforeRecords),
            (State::PdolData(_), Signal::Stop) => Err(Fault::StoppedBeforeRecords),

            (State::GpoResponse(state), Signal::Response(response)) => state.response(response, context),
            //= C-2 S3.4-5
            (State::GpoResponse(_), Signal::NoResponse(error)) => Err(Fault::NoGpoResponse(error)),
            //= C-2 S3.6-7
            (State::GpoResponse(_), Signal::Stop) => Err(Fault::StoppedBeforeRecords),

            (State::RelayResistanceResponse(state), Signal::Sent) => Ok(state.sent(context.now)),
            (State::RelayResistanceResponse(state), Signal::Response(response)) => state.response(response, context),
            //= C-2 SR1.3-5
            (State::RelayResistanceResponse(_), Signal::NoResponse(error)) => {
                Err(Fault::NoRelayResistanceResponse(error))
            }
            //= C-2 SR1.6-7
            (State::RelayResistanceResponse(_), Signal::Stop) => Err(Fault::StoppedAtRelayResistance),

            (State::RecordResponse(state), Signal::Response(response)) => state.response(response, context),
            //= C-2 S4.4-6
            (State::RecordResponse(_), Signal::NoResponse(error)) => Err(Fault::NoRecordResponse(error)),
            //= C-2 S4.7-8
            (State::RecordResponse(_), Signal::Stop) => Err(Fault::StoppedAtRecords),

            (State::GetDataResponse(state), Signal::Response(response)) => state.response(response, context),
            //= C-2 S5.4-8
            (State::GetDataResponse(_), Signal::NoResponse(error)) => Err(Fault::NoGetDataResponse(error)),
            (State::GetDataResponse(_), Signal::Stop) => Err(Fault::StoppedAtRecords),

            (State::FirstWriteFlag(state), Signal::Data(objects)) => state.data(objects, context),
            //= C-2 S6.1-4
            (State::FirstWriteFlag(_), Signal::TimeOut) => Err(Fault::TimeOutAtFirstWrite),
            (State::FirstWriteFlag(_), Signal::Stop) => Err(Fault::StoppedAtRecords),

            (State::PutDataBefore(state), Signal::Response(response)) => state.response(response, context),
            //= C-2 S12.1-7
            (State::PutDataBefore(_), Signal::NoResponse(error)) => Err(Fault::NoPutDataResponse(error)),
            (State::PutDataBefore(_), Signal::Stop) => Err(Fault::StoppedAtRecords),

            (State::PutDataAfter(state), Signal::Response(response)) => {
                Ok(state.answered(Some(response.status), context))
            }
            (State::PutDataAfter(state), Signal::NoResponse(_)) => Ok(state.answered(None, context)),

            (State::RecoverAcResponse(state), Signal::Response(response)) => state.response(response, context),
            //= C-2 S10.1-6
            (State::RecoverAcResponse(_), Signal::NoResponse(error)) => Err(Fault::NoRecoverAcResponse(error)),

            (State::GenerateAcResponse(state), Signal::Response(response)) => state.response(response, context),
            (State::GenerateAcResponse(state), Signal::NoResponse(error)) => Err(state.no_response(error, context)),
            // The card may have decided already: the cryptogram is waited for.
            (
                state @ (State::RecoverAcResponse(_) | State::GenerateAcResponse(_) | State::PutDataAfter(_)),
                Signal::Stop,
            ) => Ok(state),

            (
                state @ (State::GpoResponse(_)
                | State::RelayResistanceResponse(_)
                | State::RecordResponse(_)
                | State::GetDataResponse(_)
                | State::BalanceBefore(_)
                | State::MagStripeRecordResponse(_)),
                Signal::Data(objects),
            ) => {
                data_exchange::update(objects, context);
                Ok(state)
            }

            (State::BalanceBefore(state), Signal::Response(response)) => state.response(response, context),
            //= C-2 S16.1-3
            (State::BalanceBefore(_), Signal::NoResponse(error)) => Err(Fault::NoBalanceResponse(error)),
            //= C-2 S16.6
            (State::BalanceBefore(_), Signal::Stop) => Err(Fault::StoppedAtBalance),
            (State::BalanceAfter(state), Signal::Response(response)) => state.response(response, context),
            (State::BalanceAfter(state), Signal::NoResponse(_)) => state.go_on(context),
            //= C-2 S17.3
            (state @ State::BalanceAfter(_), Signal::Stop) => Ok(state),

            (State::MagStripeRecordResponse(state), Signal::Response(response)) => state.response(response, context),
            //= C-2 S7.4-6
            (State::MagStripeRecordResponse(_), Signal::NoResponse(error)) => {
                Err(Fault::NoMagStripeRecordResponse(error))
            }
            //= C-2 S7.7-8
            (State::MagStripeRecordResponse(_), Signal::Stop) => Err(Fault::StoppedAtMagStripeRecords),

            (State::MagStripeFirstWriteFlag(state), Signal::Data(objects)) => state.data(objects, context),
            //= C-2 S8.1-2
            (State::MagStripeFirstWriteFlag(_), Signal::TimeOut) => Err(Fault::TimeOutAtMagStripeFirstWrite),
            //= C-2 S8.3-4
            (State::MagStripeFirstWriteFlag(_), Signal::Stop) => Err(Fault::StoppedAtMagStripeRecords),

            (State::ChecksumResponse1(state), Signal::Response(response)) => {
                state.response(response, context).or_else(|fault| Ok(Delay::before(Ending::Fault(fault), context)))
            }
            (State::ChecksumResponse2(state), Signal::Response(response)) => {
                state.response(response, context).or_else(|fault| Ok(Delay::before(Ending::Fault(fault), context)))
            }
            //= C-2 S13.1-5, S14.1-5
            (State::ChecksumResponse1(_) | State::ChecksumResponse2(_), Signal::NoResponse(error)) => {
                Ok(Delay::before(Ending::Fault(Fault::NoChecksumResponse(error)), context))
            }
            // The card may have counted the transaction already: its answer is waited for.
            //= C-2 S13.6-8, S14.6-8
            (state @ (State::ChecksumResponse1(_) | State::ChecksumResponse2(_)), Signal::Stop) => Ok(state),
            (State::MagStripeDelay(delay), Signal::TimeOut) => delay.over(context),
            (state @ State::MagStripeDelay(_), _) => Ok(state),

            // Nothing waits for these.
            (state, Signal::Data(_) | Signal::TimeOut | Signal::Sent) => Ok(state),
            (
                state @ (State::PdolData(_) | State::FirstWriteFlag(_) | State::MagStripeFirstWriteFlag(_)),
                Signal::Response(_) | Signal::NoResponse(_),
            ) => Ok(state),
            (State::Finished, _) => Ok(State::Finished),
        }
    }
}
