//! Combination Selection, step 1a: what a card wants to know of the terminal before it says which of
//! its applications are to be used (EMV Contactless Book B, 3.3.1a and Annex C.1).

use alloc::vec::Vec;

use super::combination_selection::{self, Candidates};
use super::{Context, Input, Output, State, final_selection, ppse, protocol_activation};
use crate::apdu::Command;
use crate::dict;
use crate::tlv::{Dol, DolData};

/// The data that the FCI of a PPSE asks for: the objects of its SDOL, and the terminal's POI
/// Information where its category is one that the card supports (3.3.2.3, C.1.3); nothing where it
/// asks for none. A SDOL that is no list, or asks for more than a command can hold, asks for nothing.
//= B 3.3.2.3, C.1.3
pub(super) fn asked_for(fci: &[u8], context: &Context) -> Option<Vec<u8>> {
    let directory = ppse::directory(fci)?;
    let information = &context.point_of_interaction.information;
    let sdol = directory.find(dict::SDOL).and_then(|sdol| Dol::parse(sdol).ok());
    let categories = directory.find(dict::TERMINAL_CATEGORIES_SUPPORTED_LIST).unwrap_or_default();
    let category = information.terminal_category();
    let is_supported = category.is_some_and(|category| categories.chunks_exact(2).any(|listed| listed == category));

    let mut data = sdol.map(|sdol| objects(&sdol, context).to_vec()).unwrap_or_default();
    if is_supported {
        data.extend_from_slice(information.as_bytes());
    }
    let is_asked_for = sdol.is_some() || is_supported;
    (is_asked_for && data.len() <= Command::MAX_TEMPLATE_DATA).then_some(data)
}

/// The objects that a SDOL can ask for (Table A-1).
//= B C.1.3
fn objects(sdol: &Dol<'_>, context: &Context) -> DolData {
    let amount = context.transaction.amount_authorised.map(|amount| amount.to_bcd());
    sdol.build(|tag| match tag {
        dict::AMOUNT_AUTHORISED_NUMERIC => amount.as_ref().map(|amount| &amount[..]),
        dict::POI_INFORMATION => Some(context.point_of_interaction.information.as_bytes()),
        dict::TERMINAL_COUNTRY_CODE => Some(&context.point_of_interaction.country),
        dict::TRANSACTION_CURRENCY_CODE => Some(&context.transaction.currency),
        _ => None,
    })
}

/// Tells the card what it asked for.
//= B 3.3.2.3a
pub(super) fn start(data: &[u8], context: &mut Context) -> State {
    context.push(Output::Transmit(Command::send_poi_information(data)));
    State::ExpectApplications(ExpectApplications)
}

/// Waits for the list of the applications that the card wants to be used.
#[derive(Debug)]
pub(super) struct ExpectApplications;

impl ExpectApplications {
    pub(super) fn handle(self, input: Input<'_>, context: &mut Context) -> State {
        match input {
            //= B 3.3.2.3b, C.1.4
            Input::Response(bytes) => {
                let fci = combination_selection::fci_of(bytes);
                let candidates = fci.map(|fci| Candidates::find(fci, context)).unwrap_or_default();
                final_selection::start(candidates, context)
            }
            //= B 3.3.3.7
            Input::CardLost => protocol_activation::start(None, context),
            _ => State::ExpectApplications(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::entry::testing::{MASTERCARD, Reader, VISA, application, finished, ppse_with, selected};
    use crate::kernel::{Decision, MessageId};
    use crate::profile::{PoiInformation, PointOfInteraction};
    use crate::tlv::Tag;

    /// A transit gate in Germany, with one more value for its programme.
    fn transit_gate() -> Reader {
        let information = [0x00, 0x01, 0x02, 0x00, 0x01, 0xFF, 0x01, 0x01, 0xAB];
        Reader::at(PointOfInteraction {
            country: [0x02, 0x76],
            information: PoiInformation::try_from(&information[..]).unwrap(),
            ..PointOfInteraction::default()
        })
    }

    /// What the reader does about a card whose PPSE holds one application and this object.
    fn asked_with(reader: &mut Reader, tag: Tag, value: &[u8]) -> Vec<Output> {
        reader.handle(Input::CardPresent);
        reader.respond(&ppse_with(&[application(VISA, 1)], &[(tag, value)]))
    }

    /// The data field of the SEND POI INFORMATION among these.
    fn sent(outputs: &[Output]) -> Option<Vec<u8>> {
        match outputs {
            [Output::Transmit(command)] if command.to_bytes()[..4] == [0x80, 0x1A, 0x00, 0x00] => {
                Some(command.data().to_vec())
            }
            _ => None,
        }
    }

    //= test B 3.3.2.3, 3.3.2.3a, C.1.3
    #[test]
    fn a_card_that_supports_the_terminals_category_is_told_it() {
        let mut reader = transit_gate();
        let outputs = asked_with(&mut reader, dict::TERMINAL_CATEGORIES_SUPPORTED_LIST, &[0x00, 0x02, 0x00, 0x01]);
        assert_eq!(sent(&outputs).unwrap(), [0x83, 9, 0x00, 0x01, 0x02, 0x00, 0x01, 0xFF, 0x01, 0x01, 0xAB]);
    }

    //= test B 3.3.2.3
    #[test]
    fn a_card_that_asks_for_nothing_is_told_nothing() {
        for (mut reader, categories) in [
            (transit_gate(), &[0x00, 0x02][..]),
            (transit_gate(), &[0x01, 0x00, 0x01]),
            (transit_gate(), &[]),
            (Reader::new(), &[0x00, 0x01]),
        ] {
            let outputs = asked_with(&mut reader, dict::TERMINAL_CATEGORIES_SUPPORTED_LIST, categories);
            assert_eq!(selected(&outputs), Some(VISA));
        }
    }

    //= test B 3.3.2.3, C.1.3
    #[test]
    fn a_selection_data_object_list_is_answered_in_its_order_and_lengths() {
        let sdol = [0x9F, 0x1A, 0x02, 0x8B, 0x0A, 0x5F, 0x2A, 0x02, 0x9F, 0x02, 0x06, 0x9F, 0x37, 0x02];
        let expected = [
            &[0x83, 22, 0x02, 0x76][..],
            &[0x00, 0x01, 0x02, 0x00, 0x01, 0xFF, 0x01, 0x01, 0xAB, 0x00],
            &[0x09, 0x78, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00],
        ];
        let outputs = asked_with(&mut transit_gate(), dict::SDOL, &sdol);
        assert_eq!(sent(&outputs).unwrap(), expected.concat());
        let outputs = asked_with(&mut Reader::new(), dict::SDOL, &[]);
        assert_eq!(sent(&outputs).unwrap(), [0x83, 0x00], "an empty list is one");
    }

    #[test]
    fn a_list_that_can_not_be_answered_asks_for_nothing() {
        for sdol in [&[0x9F][..], &[0x9F, 0x02], &[0x9F, 0x02, 253]] {
            assert_eq!(selected(&asked_with(&mut transit_gate(), dict::SDOL, sdol)), Some(VISA), "{sdol:02X?}");
        }
        assert!(sent(&asked_with(&mut transit_gate(), dict::SDOL, &[0x9F, 0x02, 252])).is_some());
    }

    //= test B 3.3.2.3b, C.1.4
    #[test]
    fn the_answer_takes_the_place_of_the_directory_and_asks_for_nothing_more() {
        let mut reader = Reader::new();
        asked_with(&mut reader, dict::SDOL, &[0x9F, 0x1A, 0x02]);
        let answer = ppse_with(&[application(MASTERCARD, 1)], &[(dict::SDOL, &[0x9F, 0x1A, 0x02])]);
        assert_eq!(selected(&reader.respond(&answer)), Some(MASTERCARD));
        let outputs = reader.refuse();
        assert_eq!(finished(&outputs).unwrap().decision, Decision::EndApplication, "Visa was in the directory alone");
    }

    //= test B 3.3.2.3b
    #[test]
    fn a_card_that_refuses_the_information_is_another_card_to_try() {
        for answer in [vec![0x6D, 0x00], vec![0x90, 0x00]] {
            let mut reader = Reader::new();
            asked_with(&mut reader, dict::SDOL, &[0x9F, 0x1A, 0x02]);
            let outputs = reader.handle(Input::Response(&answer));
            let outcome = finished(&outputs).unwrap();
            assert_eq!(outcome.decision, Decision::EndApplication);
            assert_eq!(outcome.ui_on_outcome.as_ref().unwrap().message, MessageId::TryAnotherCard);
        }
    }

    //= test B 3.3.3.7
    #[test]
    fn a_card_lost_at_the_information_is_invited_again() {
        let mut reader = Reader::new();
        let invitation = reader.poll();
        asked_with(&mut reader, dict::SDOL, &[0x9F, 0x1A, 0x02]);
        assert_eq!(reader.handle(Input::CardLost), invitation);
    }
}
