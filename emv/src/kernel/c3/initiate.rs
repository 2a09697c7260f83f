//! Initiate Application Processing (Book C-3, 5.2).

use super::context::Context;
use super::read_application_data::RecordResponse;
use super::{Fault, State, card_read_complete};
use crate::apdu::{Command, Response, StatusWord};
use crate::dict::{self, Book, Source};
use crate::fields::Afl;
use crate::kernel::Start;
use crate::tlv::{Dol, Tag, Tlv, Tlvs};

/// GET PROCESSING OPTIONS was sent.
#[derive(Debug)]
pub(super) struct GpoResponse;

/// The most PDOL data that a command holds, in a template of three bytes.
const MAX_PDOL_DATA: usize = 252;

/// The most records that are read. The book sets no bound; none in use comes near it.
const MAX_RECORDS: usize = 128;

/// 5.2.2.1. Entry Point has checked that there is a PDOL that asks for the TTQ.
pub(super) fn start(start: &Start, context: &mut Context) -> Result<State, Fault> {
    let fci = Tlv::parse(&start.fci).map_err(|_| Fault::FciMalformed)?;
    store_fci(fci.children(), context);
    let pdol = context.copy(dict::PDOL);
    let pdol = Dol::parse(&pdol).map_err(|_| Fault::FciMalformed)?;
    if pdol.data_length() > MAX_PDOL_DATA {
        return Err(Fault::FciMalformed);
    }
    let data = context.database.dol_data(pdol);
    context.transmit(Command::get_processing_options(&data));
    Ok(State::GpoResponse(GpoResponse))
}

/// Stores the primitive objects of the FCI, templates opened.
fn store_fci(objects: Tlvs<'_>, context: &mut Context) {
    for object in objects {
        if object.tag.is_constructed() {
            store_fci(object.children(), context);
        } else if is_for_card(object.tag) {
            context.database.set(object.tag, object.value);
        }
    }
}

impl GpoResponse {
    /// 5.2.2.2.
    pub(super) fn response(self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        match response.status {
            StatusWord::SUCCESS => {}
            StatusWord::REFERENCE_DATA_NOT_USABLE => return Err(Fault::OtherInterfaceWanted),
            StatusWord::CONDITIONS_NOT_SATISFIED => return Err(Fault::NextApplicationWanted),
            StatusWord::COMMAND_NOT_ALLOWED => return Err(Fault::SeePhone),
            status => return Err(Fault::GpoRefused(status)),
        }
        // 5.2.1.2
        let template = Tlv::parse(response.data).map_err(|_| Fault::GpoMalformed)?;
        if template.tag != dict::RESPONSE_MESSAGE_TEMPLATE_FORMAT_2 {
            return Err(Fault::GpoMalformed);
        }
        store_card_data(template.children(), context)?;

        // 5.3.2.1
        let Some(afl) = context.database.value(dict::AFL) else { return card_read_complete::complete(context) };
        let afl = Afl::from_bytes(afl).map_err(|_| Fault::AflInvalid)?;
        if afl.records().count() > MAX_RECORDS {
            return Err(Fault::AflInvalid);
        }
        RecordResponse::next(afl.records().collect(), context)
    }
}

/// Whether the kernel takes an object from the card: it knows it (5.2.1.3), and its value is not the
/// terminal's to say.
fn is_for_card(tag: Tag) -> bool {
    dict::find_in(Book::C3, tag).is_some_and(|known| known.source != Source::Terminal)
}

/// 5.2.1.3 and 5.4.2.2: stores what the card gives, each object once.
pub(super) fn store_card_data(objects: Tlvs<'_>, context: &mut Context) -> Result<(), Fault> {
    for object in objects {
        if object.tag.is_constructed() {
            store_card_data(object.children(), context)?;
        } else if is_for_card(object.tag) {
            if !context.card_data.insert(object.tag) {
                return Err(Fault::DataRedundant);
            }
            context.database.set(object.tag, object.value);
        }
    }
    Ok(())
}
