//! Kernel 3 in EMV mode: qVSDC (EMV Contactless Book C-3 2.10).
//!
//! A file for each section of chapter 5: 5.2 [`initiate`], 5.3 [`read_application_data`], 5.4
//! [`card_read_complete`], 5.5 [`restrictions`], 5.6 [`authentication`], 5.7 [`verification`], 5.8
//! and 5.9 [`completion`]. The card has done its part when 5.3 ends; the rest is the kernel's alone.
//! What its issuer sends goes to the card when it is presented once more: 6, [`issuer_update`]. Records of
//! others on the card are read and updated before the transaction begins: 7, [`integrated_data_storage`].

mod authentication;
mod card_read_complete;
mod completion;
mod configuration;
mod context;
mod dynamic_reader_limits;
mod exception_file;
mod fault;
mod initiate;
mod integrated_data_storage;
mod issuer_update;
mod read_application_data;
mod restrictions;
#[cfg(test)]
mod testing;
mod verification;

use alloc::sync::Arc;
use core::mem;

pub use configuration::{Configuration, InvalidConfiguration, OfflineUpdate, Options, Reason, UnknownOption};
pub use dynamic_reader_limits::DynamicReaderLimits;
pub use exception_file::ExceptionFile;
pub use fault::Fault;

use super::{Input, Output, Start};
use crate::Instant;
use crate::apdu::Response;
use crate::profile::Profile;
use context::Context;
use issuer_update::IssuerUpdateData;

/// Kernel 3, from its activation to its outcome.
#[derive(Debug)]
pub struct Kernel3 {
    state: State,
    context: Context,
}

/// What the kernel waits for. A state is consumed by the response that ends it.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a box for what is yet to be read would ask for memory with each record")]
enum State {
    /// GET PROCESSING OPTIONS was sent (5.2).
    GpoResponse(initiate::GpoResponse),
    /// READ RECORD was sent (5.3).
    RecordResponse(read_application_data::RecordResponse),
    /// The IDS operator's application was asked for instructions (7.1, 7.2).
    IdsInstruction(integrated_data_storage::Instruction),
    /// READ RECORD of an IDS record was sent (7.1).
    IdsRecordResponse(integrated_data_storage::IdsRecordResponse),
    /// EXTERNAL AUTHENTICATE was sent (6.2.1.1).
    ExternalAuthenticateResponse(issuer_update::ExternalAuthenticateResponse),
    /// An issuer script command was sent (6.2.1.2).
    IssuerScriptResponse(issuer_update::IssuerScriptResponse),
    /// The outcome was given.
    Finished,
}

impl Kernel3 {
    /// Starts the kernel, up to its first command: with a new transaction, or with what the issuer sends
    /// the card.
    //= C-3 4.4.1.1
    pub fn activate(profile: Arc<Profile>, configuration: &Arc<Configuration>, start: Start, now: Instant) -> Self {
        let mut context = Context::new(profile, Arc::clone(configuration), &start, now);
        let state = match IssuerUpdateData::find(start.online_response.as_deref()) {
            Some(data) => issuer_update::start(data, &mut context),
            None => initiate::start(&start, &mut context).unwrap_or_else(|fault| context.fail(fault)),
        };
        Kernel3 { state, context }
    }

    /// Takes what happened. A kernel that has finished takes nothing.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        self.context.now = now;
        let response = match input {
            Input::Response(bytes) => Response::parse(bytes).map_err(|_| Fault::NoResponse),
            Input::CardLost => Err(Fault::NoResponse),
            Input::Cancel => Err(Fault::Cancelled),
            Input::Data(objects) => return self.step(|state, context| state.instructed(objects, context)),
            Input::Deadline => return self.step(|state, context| state.instructed(&[], context)),
            Input::Sent => return,
        };
        self.step(|state, context| state.next(response, context));
    }

    fn step(&mut self, step: impl FnOnce(State, &mut Context) -> Result<State, Fault>) {
        let state = mem::replace(&mut self.state, State::Finished);
        self.state = step(state, &mut self.context).unwrap_or_else(|fault| self.context.fail(fault));
    }

    /// Gives the next thing to do, if there is one.
    pub fn poll(&mut self) -> Option<Output> {
        self.context.outputs.pop_front()
    }
}

impl State {
    fn next(self, response: Result<Response<'_>, Fault>, context: &mut Context) -> Result<State, Fault> {
        match self {
            State::GpoResponse(state) => state.response(response?, context),
            State::RecordResponse(state) => state.response(response?, context),
            // The card has nothing to say before the application has.
            State::IdsInstruction(state) => response.map(|_| State::IdsInstruction(state)),
            State::IdsRecordResponse(state) => state.response(response?, context),
            State::ExternalAuthenticateResponse(state) => state.response(response?, context),
            State::IssuerScriptResponse(state) => match response {
                Ok(response) => state.response(response, context),
                Err(fault) => Err(state.no_response(fault, context)),
            },
            State::Finished => Ok(State::Finished),
        }
    }

    /// Takes what the terminal says in a data exchange, nothing where its time is over; where nobody asked, it
    /// is passed over.
    fn instructed(self, objects: &[u8], context: &mut Context) -> Result<State, Fault> {
        match self {
            State::IdsInstruction(state) => state.given(objects, context),
            other => Ok(other),
        }
    }
}
