//! Integrated Data Storage (Book C-3, 7): before the transaction begins, an IDS operator's application at
//! the terminal may read its records on the card, and have the card update them.
//!
//! The book leaves the words between kernel and application open. Here, the application is sent the IDS
//! Directory and asked for instructions in a data exchange. It answers by
//! - an Application File Locator (`94`): read these records, send them, and ask again;
//! - an IDS Record Update Template (`BF60`): begin the transaction, and update the records with it;
//! - anything else, or nothing in time: begin the transaction.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::context::Context;
use super::initiate;
use super::{Fault, State};
use crate::apdu::{Command, Response};
use crate::dict;
use crate::fields::{Afl, AflRecord};
use crate::kernel::{Output, Record};
use crate::tlv::{Level, Tag, Writer};

/// How long the application has for its answer. The card is in the field meanwhile.
const INSTRUCTION_TIME: Duration = Duration::from_millis(500);

fn exchange(needed: &[Tag], sent: Vec<u8>, context: &mut Context) {
    context.outputs.push_back(Output::DataExchange { needed: needed.to_vec(), sent: Record::from(sent) });
}

/// Whether the kernel is configured for it, and the card has a directory (4.4.1.1).
pub(super) fn is_supported(context: &Context) -> bool {
    context.configuration.options.integrated_data_storage && context.database.value(dict::IDS_DIRECTORY).is_some()
}

/// Sends the directory to the application (2.5.2).
//= C-3 2.5.2
pub(super) fn start(context: &mut Context) -> State {
    let directory = context.database.record(&[dict::IDS_DIRECTORY]);
    Instruction::awaited(directory, context)
}

/// The application is to say what is to be done.
#[derive(Debug)]
pub(super) struct Instruction;

impl Instruction {
    fn awaited(sent: Vec<u8>, context: &mut Context) -> State {
        exchange(&[dict::AFL, dict::IDS_RECORD_UPDATE_TEMPLATE], sent, context);
        context.outputs.push_back(Output::Wait(context.now + INSTRUCTION_TIME));
        State::IdsInstruction(Instruction)
    }

    /// 7.1.1.1 and 7.2.2.1.
    pub(super) fn given(self, objects: &[u8], context: &mut Context) -> Result<State, Fault> {
        let objects = Level::parse(objects).map_err(|_| Fault::IdsInstructionMalformed)?;
        if let Some(afl) = objects.find(dict::AFL) {
            let afl = Afl::from_bytes(afl).map_err(|_| Fault::IdsInstructionMalformed)?;
            return Ok(IdsRecordResponse::next(afl.records().collect(), Vec::new(), context));
        }
        match objects.find(dict::IDS_RECORD_UPDATE_TEMPLATE) {
            None => initiate::send_gpo(context),
            Some(update) => send_egpo(update, context),
        }
    }
}

/// EXTENDED GET PROCESSING OPTIONS; what the card answers is as for the other.
//= C-3 7.2.1.1, 7.2.2.1
fn send_egpo(update: &[u8], context: &mut Context) -> Result<State, Fault> {
    let pdol_data = initiate::pdol_data(context)?;
    let mut template = Writer::new();
    template.put(dict::IDS_RECORD_UPDATE_TEMPLATE, update);
    let command = Command::extended_get_processing_options(&pdol_data, &template.into_bytes());
    context.transmit(command.ok_or(Fault::IdsInstructionMalformed)?);
    Ok(State::GpoResponse(initiate::GpoResponse))
}

/// READ RECORD of an IDS record was sent.
#[derive(Debug)]
pub(super) struct IdsRecordResponse {
    to_read: VecDeque<AflRecord>,
}

impl IdsRecordResponse {
    /// Asks for the next record, and sends what was read; the application has the word again where there is
    /// none left.
    fn next(mut to_read: VecDeque<AflRecord>, read: Vec<u8>, context: &mut Context) -> State {
        let Some(record) = to_read.pop_front() else { return Instruction::awaited(read, context) };
        if !read.is_empty() {
            exchange(&[], read, context);
        }
        context.transmit(Command::read_record(record.sfi, record.number));
        State::IdsRecordResponse(IdsRecordResponse { to_read })
    }

    /// Sends what the card answered: nothing where there is no such record.
    //= C-3 7.1.1.1
    pub(super) fn response(self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        let is_record = response.status.is_success() && Level::parse(response.data).is_ok();
        let read = if is_record { response.data.to_vec() } else { Vec::new() };
        Ok(IdsRecordResponse::next(self.to_read, read, context))
    }
}
