//! Initiate Application Processing (Book C-3, 5.2).

use super::context::Context;
use super::read_application_data::RecordResponse;
use super::{Fault, State, card_read_complete, dynamic_reader_limits, integrated_data_storage};
use crate::apdu::{Command, Response, StatusWord};
use crate::dict::{self, Book, Source};
use crate::kernel::Start;
use crate::kernel::shared::records;
use crate::tlv::{Dol, DolData, Tag, Tlv, Tlvs};

/// GET PROCESSING OPTIONS was sent.
#[derive(Debug)]
pub(super) struct GpoResponse;

/// The most PDOL data that a command holds, in a template of three bytes.
const MAX_PDOL_DATA: usize = 252;

/// Takes what the card said when it was selected, and begins.
//= C-3 4.4.1.1
pub(super) fn start(start: &Start, context: &mut Context) -> Result<State, Fault> {
    let fci = Tlv::parse(&start.fci).map_err(|_| Fault::FciMalformed)?;
    store_fci(fci.children(), context);
    dynamic_reader_limits::apply(context)?;
    if integrated_data_storage::is_supported(context) {
        Ok(integrated_data_storage::start(context))
    } else {
        send_gpo(context)
    }
}

/// Begins the transaction with the card.
//= C-3 5.2.1.1, 5.2.2.1
pub(super) fn send_gpo(context: &mut Context) -> Result<State, Fault> {
    let data = pdol_data(context)?;
    context.transmit(Command::get_processing_options(&data));
    Ok(State::GpoResponse(GpoResponse))
}

/// What the card asks for. Entry Point has checked that there is a PDOL that asks for the TTQ.
pub(super) fn pdol_data(context: &Context) -> Result<DolData, Fault> {
    let pdol = Dol::parse(context.database.value(dict::PDOL).unwrap_or_default()).map_err(|_| Fault::FciMalformed)?;
    if pdol.data_length() > MAX_PDOL_DATA {
        return Err(Fault::FciMalformed);
    }
    Ok(context.database.dol_data(pdol))
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
    /// What the card's status word asks for, or its data.
    //= C-3 5.2.2.2, 7.2.2.2
    pub(super) fn response(self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        match response.status {
            StatusWord::SUCCESS => {}
            StatusWord::REFERENCE_DATA_NOT_USABLE => return Err(Fault::OtherInterfaceWanted),
            StatusWord::CONDITIONS_NOT_SATISFIED => return Err(Fault::NextApplicationWanted),
            StatusWord::COMMAND_NOT_ALLOWED => return Err(Fault::SeePhone),
            status => return Err(Fault::GpoRefused(status)),
        }
        //= C-3 5.2.1.2
        let template = Tlv::parse(response.data).map_err(|_| Fault::GpoMalformed)?;
        if template.tag != dict::RESPONSE_MESSAGE_TEMPLATE_FORMAT_2 {
            return Err(Fault::GpoMalformed);
        }
        store_card_data(template.children(), context);

        //= C-3 5.3.2.1
        let Some(afl) = context.database.value(dict::AFL) else { return card_read_complete::complete(context) };
        RecordResponse::next(records(afl).ok_or(Fault::AflInvalid)?, context)
    }
}

/// Whether the kernel takes an object from the card: it knows it, and its value is not the terminal's to
/// say. What only another kernel knows is passed over.
//= C-3 5.2.1.3
fn is_for_card(tag: Tag) -> bool {
    let known = dict::find_in(Book::C3, tag).filter(|known| known.book != Book::C2);
    known.is_some_and(|known| known.source != Source::Terminal)
}

/// Stores what the card gives. What it gives again ends the transaction once everything is read.
//= C-3 5.2.1.3
pub(super) fn store_card_data(objects: Tlvs<'_>, context: &mut Context) {
    for object in objects {
        if object.tag.is_constructed() {
            store_card_data(object.children(), context);
        } else if is_for_card(object.tag) {
            context.card_data.push(object.tag);
            context.database.set(object.tag, object.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::super::testing::{self, context, fault};
    use super::*;
    use crate::fields::Ttq;
    use crate::tlv::Writer;

    /// An FCI with this PDOL.
    fn fci(pdol: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.template(dict::FCI_TEMPLATE, |fci| {
            fci.template(dict::FCI_PROPRIETARY_TEMPLATE, |proprietary| {
                proprietary.put(dict::PDOL, pdol);
            });
        });
        writer.into_bytes()
    }

    fn started(fci: Vec<u8>) -> (Result<State, Fault>, Context) {
        let mut context = context(&[Ttq::EMV_MODE_SUPPORTED]);
        let start = testing::start(context.ttq, fci);
        (super::start(&start, &mut context), context)
    }

    //= test C-3 5.2.1.1, 5.2.2.1
    #[test]
    fn the_card_gets_what_its_pdol_asks_for() {
        // TTQ, Amount Authorised, Unpredictable Number, and an object that nobody knows.
        let (state, context) = started(fci(&[0x9F, 0x66, 4, 0x9F, 0x02, 6, 0x9F, 0x37, 4, 0x9F, 0x7A, 1]));
        assert!(matches!(state, Ok(State::GpoResponse(_))));
        let data = [0x83, 15, 0x20, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0xCA, 0xFE, 0xBA, 0xBE, 0];
        assert_eq!(context.sent().unwrap().data(), data);
    }

    //= test C-3 4.1.1.4
    #[test]
    fn a_pdol_must_be_whole_and_its_data_fit_the_command() {
        assert!(started(fci(&[0x9F, 0x66, 0xFC])).0.is_ok());
        for pdol in [&[0x9F, 0x66, 0xFD][..], &[0x9F, 0x66]] {
            assert_eq!(fault(started(fci(pdol)).0), Fault::FciMalformed, "{pdol:02X?}");
        }
        assert_eq!(fault(started([0x6F, 0x02, 0xA5].into()).0), Fault::FciMalformed);
    }

    fn answered(data: &[u8], status: StatusWord) -> (Result<State, Fault>, Context) {
        let mut context = context(&[]);
        (GpoResponse.response(Response { data, status }, &mut context), context)
    }

    //= test C-3 5.2.2.2
    #[test]
    fn each_status_word_has_its_meaning() {
        let other = StatusWord::RECORD_NOT_FOUND;
        for (status, expected) in [
            (StatusWord::REFERENCE_DATA_NOT_USABLE, Fault::OtherInterfaceWanted),
            (StatusWord::CONDITIONS_NOT_SATISFIED, Fault::NextApplicationWanted),
            (StatusWord::COMMAND_NOT_ALLOWED, Fault::SeePhone),
            (other, Fault::GpoRefused(other)),
        ] {
            assert_eq!(fault(answered(&[], status).0), expected);
        }
    }

    //= test C-3 5.2.1.2
    #[test]
    fn only_format_2_is_understood() {
        for data in [&[][..], &[0x80, 0x02, 0x20, 0x00], &[0x77, 0x04, 0x82]] {
            assert_eq!(fault(answered(data, StatusWord::SUCCESS).0), Fault::GpoMalformed, "{data:02X?}");
        }
    }

    //= test C-3 5.3.2.1
    #[test]
    fn the_records_of_the_afl_are_read_from_the_first_on() {
        let (state, context) = answered(&[0x77, 0x06, 0x94, 0x04, 0x18, 0x02, 0x03, 0x00], StatusWord::SUCCESS);
        assert!(matches!(state, Ok(State::RecordResponse(_))));
        assert_eq!(context.sent(), Some(&Command::read_record(3, 2)));
    }

    //= test C-3 4.1.1.4, 5.3.2.1
    #[test]
    fn an_afl_without_sense_or_without_end_is_refused() {
        let long = [0x77, 0x06, 0x94, 0x04, 0x08, 0x01, 0x80, 0x00];
        assert!(answered(&long, StatusWord::SUCCESS).0.is_ok());
        let endless = [0x77, 0x06, 0x94, 0x04, 0x08, 0x01, 0x81, 0x00];
        for data in [&[0x77, 0x05, 0x94, 0x03, 0x18, 0x02, 0x03][..], &endless] {
            assert_eq!(fault(answered(data, StatusWord::SUCCESS).0), Fault::AflInvalid, "{data:02X?}");
        }
    }

    //= test C-3 5.2.1.3
    #[test]
    fn what_is_the_terminal_s_to_say_the_card_can_t() {
        let mut context = context(&[Ttq::CVM_REQUIRED]);
        let objects = [0x9F, 0x66, 0x04, 0x00, 0x00, 0x00, 0x00, 0x95, 0x05, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
        store_card_data(Tlvs::parse(&objects).unwrap(), &mut context);
        assert_eq!(context.database.get(dict::TTQ), Some(&[0x00, 0x40, 0x00, 0x00][..]));
        assert_eq!(context.database.get(dict::TVR), Some(&[0; 5][..]));
    }
}
