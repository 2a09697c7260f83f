//! Combination Selection, step 3: Start C, and Final Combination Selection
//! (EMV Contactless Book B, 3.3.2.6 to 3.3.3).

use super::combination_selection::Candidates;
use super::requested_kernel::is_visa;
use super::{Context, Input, Output, Selected, State, fci, kernel_activation, outcome_processing, protocol_activation};
use crate::apdu::{Command, Response};
use crate::dict;
use crate::kernel::{Decision, MessageId, Outcome, Status, UiRequest};
use crate::profile::{Combination, KernelId};
use crate::tlv::Dol;

/// Selects the application of the first candidate; where there is none, nothing more can be done
/// with this card (3.3.2.6, 3.3.2.7).
//= B 3.3.2.6, 3.3.2.7
pub(super) fn start(candidates: Candidates, context: &mut Context) -> State {
    match candidates.selected() {
        Some(candidate) => {
            //= B 3.3.3.4
            context.push(Output::Transmit(Command::select(&candidate.df_name)));
            State::ExpectFci(ExpectFci { candidates })
        }
        None => outcome_processing::finish(try_another_card(), context),
    }
}

/// Waits for the selected application's FCI.
#[derive(Debug)]
pub(super) struct ExpectFci {
    candidates: Candidates,
}

impl ExpectFci {
    pub(super) fn handle(self, input: Input<'_>, context: &mut Context) -> State {
        match input {
            Input::Response(bytes) => self.response(bytes, context),
            //= B 3.3.3.7, 3.3.2.1
            Input::CardLost => {
                let candidates = context.has_issuer_data().then_some(self.candidates);
                protocol_activation::start(candidates, context)
            }
            _ => State::ExpectFci(self),
        }
    }

    fn response(mut self, bytes: &[u8], context: &mut Context) -> State {
        let candidate = self.candidates.selected().expect("the one whose SELECT was sent");
        let combination = &context.combinations[candidate.combination];
        match Response::parse(bytes) {
            Ok(response) if response.status.is_success() => {
                if lacks_ttq(combination, response.data) {
                    //= B 3.3.3.6
                    self.candidates.remove_selected();
                    return start(self.candidates, context);
                }
                let selected = Selected {
                    candidates: self.candidates,
                    fci: response.data.to_vec(),
                    select_status: response.status,
                };
                kernel_activation::start(selected, context)
            }
            //= B 3.3.3.5
            _ if context.has_issuer_data() => outcome_processing::finish(try_another_card(), context),
            _ => {
                self.candidates.remove_selected();
                start(self.candidates, context)
            }
        }
    }
}

/// Whether kernel 3 would run a Visa application that doesn't ask for the TTQ (3.3.3.6).
//= B 3.3.3.6
fn lacks_ttq(combination: &Combination, fci: &[u8]) -> bool {
    is_visa(&combination.aid) && combination.kernel_id == KernelId::emvco(3) && !asks_for_ttq(fci)
}

fn asks_for_ttq(fci: &[u8]) -> bool {
    let pdol = fci::proprietary_template(fci).and_then(|proprietary| proprietary.find(dict::PDOL));
    pdol.and_then(|pdol| Dol::parse(pdol).ok()).is_some_and(|pdol| pdol.asks_for(dict::TTQ))
}

//= B 3.3.2.7, 3.3.3.5
fn try_another_card() -> Outcome {
    Outcome {
        ui_on_outcome: Some(UiRequest::new(MessageId::TryAnotherCard, Status::ReadyToRead)),
        ..Outcome::new(Decision::EndApplication)
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use super::*;
    use crate::entry::Autorun;
    use crate::entry::Output;
    use crate::entry::testing::{
        ISSUER_DATA, MASTERCARD, OTHER, Reader, VISA, activated, application, combination, entry, fci, finished,
        selected,
    };
    use crate::kernel::{OnlineResponseData, StartPoint};
    use crate::profile::Limits;

    //= test B 3.3.2.6, 3.3.2.7, 3.3.3.1, 3.3.3.4, 3.3.3.5
    #[test]
    fn an_application_that_is_refused_makes_room_for_the_next() {
        let mut reader = Reader::new();
        let outputs = reader.present(&[application(MASTERCARD, 1), application(VISA, 2)]);
        assert_eq!(selected(&outputs), Some(MASTERCARD));
        assert_eq!(selected(&reader.refuse()), Some(VISA));
        let outputs = reader.refuse();
        assert_eq!(finished(&outputs), Some(&try_another_card()));
    }

    //= test B 3.3.3.7
    #[test]
    fn a_response_without_status_word_is_a_protocol_error() {
        let mut reader = Reader::new();
        reader.present(&[application(MASTERCARD, 1), application(VISA, 2)]);
        assert!(reader.handle(Input::Response(&[0x90])).contains(&Output::Poll), "the card is asked for again");
    }

    //= test B 3.3.3.6
    #[test]
    fn a_visa_application_for_kernel_3_asks_for_the_ttq_or_is_not_used() {
        let asks = |pdol: &'static [u8]| {
            fci(move |proprietary| {
                proprietary.put(dict::PDOL, pdol);
            })
        };
        for (answer, is_used) in [
            (asks(&[0x9F, 0x66, 0x04]), true),
            (asks(&[0x9F, 0x02, 0x06, 0x9F, 0x66, 0x04]), true),
            (asks(&[0x9F, 0x02, 0x06]), false),
            (asks(&[0x9F, 0x66, 0x04, 0x9F]), false),
            (fci(|_| {}), false),
            (alloc::vec![], false),
        ] {
            let mut reader = Reader::new();
            reader.present(&[application(VISA, 1), application(MASTERCARD, 2)]);
            let outputs = reader.respond(&answer);
            if is_used {
                assert_eq!(activated(&outputs).0, 1);
            } else {
                assert_eq!(selected(&outputs), Some(MASTERCARD));
            }
        }
    }

    //= test B 3.3.3.6
    #[test]
    fn only_visa_with_kernel_3_must_ask_for_the_ttq() {
        for (name, kernel) in [(VISA, 2), (VISA, 0x21), (OTHER, 3)] {
            let combinations = Arc::new([combination(name, kernel, Limits::default())]);
            let mut reader = Reader::with(combinations, Autorun::No);
            let kernel_identifier = entry(|entry| {
                entry.put(dict::ADF_NAME, name).put(dict::KERNEL_IDENTIFIER, &[kernel]);
            });
            reader.present(&[kernel_identifier]);
            assert_eq!(activated(&reader.respond(&fci(|_| {}))).0, 0, "{name:02X?}, kernel {kernel}");
        }
    }

    #[test]
    fn other_kernels_judge_the_fci_themselves() {
        for answer in [&[][..], &[0x6F], &[0x6F, 0x02, 0xA5], &[0xFF; 20]] {
            let mut reader = Reader::new();
            reader.present(&[application(MASTERCARD, 1)]);
            let (_, start) = activated(&reader.respond(answer));
            assert_eq!(start.fci, answer);
        }
    }

    //= test B 3.3.2.1, 3.3.3.5
    #[test]
    fn the_issuers_answer_is_for_the_same_application_or_for_none() {
        let mut reader = Reader::new();
        reader.activate();
        reader.outcome(Outcome {
            start: Some(StartPoint::B),
            online_response_data: Some(OnlineResponseData::EmvData),
            ..Outcome::new(Decision::OnlineRequest)
        });
        reader.handle(Input::OnlineResponse(Some(ISSUER_DATA)));
        assert_eq!(selected(&reader.handle(Input::CardPresent)), Some(MASTERCARD), "without the directory");
        reader.handle(Input::CardLost);
        assert_eq!(selected(&reader.handle(Input::CardPresent)), Some(MASTERCARD), "after an error too");
        assert_eq!(finished(&reader.refuse()), Some(&try_another_card()));
    }
}
