//! Outcome Processing (EMV Contactless Book B, 3.5), and what the reader does with a Final Outcome
//! (EMV Contactless Book A, 8.1.1.19 to 8.1.1.24).

use core::time::Duration;

use super::{Context, Input, Output, Selected, State, final_selection, kernel_activation, protocol_activation};
use crate::dict;
use crate::kernel::{Decision, MessageId, OnlineResponseData, Outcome, StartPoint, Status, UiRequest};
use crate::tlv::Level;

/// Processes the outcome of the kernel of the selected combination.
//= A 6.1
pub(super) fn start(outcome: Outcome, mut selected: Selected, context: &mut Context) -> State {
    announce(&outcome, context);
    match outcome.decision {
        //= B 3.5.1.3
        Decision::TryAgain => {
            //= B 3.2.1.2
            // What a Final Outcome wants shown on restart stands, unless there is something else to show.
            if outcome.ui_on_restart.is_some() || !context.is_restart {
                context.ui_on_restart = outcome.ui_on_restart;
            }
            let candidates = context.has_issuer_data().then_some(selected.candidates);
            protocol_activation::start(candidates, context)
        }
        //= B 3.5.1.4
        Decision::SelectNext => {
            selected.candidates.remove_selected();
            final_selection::start(selected.candidates, context)
        }
        _ => final_outcome(outcome, selected, context),
    }
}

/// Ends with an outcome after which nothing follows.
pub(super) fn finish(outcome: Outcome, context: &mut Context) -> State {
    announce(&outcome, context);
    end(outcome, context)
}

fn announce(outcome: &Outcome, context: &mut Context) {
    //= B 3.5.1.1
    if let Some(request) = &outcome.ui_on_outcome {
        context.show(request.clone());
    }
    //= B 3.5.1.2
    if let Some(hold_time) = outcome.field_off {
        context.push(Output::FieldOff { hold_time });
    }
}

//= B 3.5.1.5
//= A 6.3
fn final_outcome(outcome: Outcome, selected: Selected, context: &mut Context) -> State {
    let Some(start) = outcome.start else { return end(outcome, context) };
    match outcome.decision {
        //= A 8.1.1.22, 8.1.1.24
        // Only with Online Response Data can an answer restart.
        Decision::OnlineRequest | Decision::RequestOnlinePin => {
            let Some(needs) = outcome.online_response_data else { return end(outcome, context) };
            //= A 8.1.1.21
            if outcome.removal_timeout > Duration::ZERO {
                context.push(Output::Wait(context.now + outcome.removal_timeout));
            }
            context.push(Output::AwaitOnlineResponse(outcome.clone()));
            context.is_removal_timed_out = false;
            State::ExpectOnlineResponse(ExpectOnlineResponse { outcome, start, needs, selected })
        }
        //= A 8.1.1.23
        Decision::EndApplication => {
            context.push(Output::AwaitRemoval);
            State::ExpectRemoval(ExpectRemoval { outcome, start, selected })
        }
        _ => end(outcome, context),
    }
}

/// Between transactions the field is off, unless it is always on.
//= A 5.5.4
fn end(outcome: Outcome, context: &mut Context) -> State {
    if outcome.field_off.is_none() && !context.is_field_on_between_transactions {
        context.push(Output::FieldOff { hold_time: Duration::ZERO });
    }
    context.push(Output::Finished(outcome));
    State::Finished
}

/// Starts again where the outcome said.
//= A 8.1.1.19, 8.1.1.20
//= B 3.3.2.1
fn restart(outcome: Outcome, start: StartPoint, selected: Selected, context: &mut Context) -> State {
    context.is_restart = true;
    context.ui_on_restart = outcome.ui_on_restart;
    match start {
        StartPoint::A => super::start_a(context),
        StartPoint::B => {
            let candidates = context.has_issuer_data().then_some(selected.candidates);
            protocol_activation::start(candidates, context)
        }
        StartPoint::C => {
            context.show_on_restart();
            final_selection::start(selected.candidates, context)
        }
        StartPoint::D => {
            context.show_on_restart();
            kernel_activation::start(selected, context)
        }
    }
}

/// Waits for the issuer.
#[derive(Debug)]
pub(super) struct ExpectOnlineResponse {
    outcome: Outcome,
    start: StartPoint,
    needs: OnlineResponseData,
    selected: Selected,
}

impl ExpectOnlineResponse {
    pub(super) fn handle(self, input: Input<'_>, context: &mut Context) -> State {
        match input {
            Input::OnlineResponse(response) => self.response(response, context),
            Input::Deadline => {
                //= A 8.1.1.21
                context.is_removal_timed_out = true;
                context.show(UiRequest::new(MessageId::CardReadOk, Status::CardReadSuccessfully));
                State::ExpectOnlineResponse(self)
            }
            _ => State::ExpectOnlineResponse(self),
        }
    }

    //= A 8.1.1.22, 8.1.1.24
    fn response(self, response: Option<&[u8]>, context: &mut Context) -> State {
        context.online_response = response.map(<[u8]>::to_vec);
        match self.needs {
            OnlineResponseData::EmvData if !context.has_issuer_data() => end(self.outcome, context),
            OnlineResponseData::EmvData | OnlineResponseData::Any => {
                restart(self.outcome, self.start, self.selected, context)
            }
        }
    }
}

/// Waits until the card is gone.
#[derive(Debug)]
pub(super) struct ExpectRemoval {
    outcome: Outcome,
    start: StartPoint,
    selected: Selected,
}

impl ExpectRemoval {
    pub(super) fn handle(self, input: Input<'_>, context: &mut Context) -> State {
        match input {
            Input::CardRemoved | Input::CardLost => restart(self.outcome, self.start, self.selected, context),
            _ => State::ExpectRemoval(self),
        }
    }
}

/// Whether an issuer's answer holds Issuer Authentication Data (`91`) or an Issuer Script (`71`, `72`).
pub(super) fn has_issuer_data(response: &[u8]) -> bool {
    let issuer_data =
        [dict::ISSUER_AUTHENTICATION_DATA, dict::ISSUER_SCRIPT_TEMPLATE_1, dict::ISSUER_SCRIPT_TEMPLATE_2];
    Level::parse(response).is_ok_and(|objects| objects.iter().any(|(tag, _)| issuer_data.contains(&tag)))
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use super::*;
    use crate::entry::Autorun;
    use crate::entry::testing::{
        ISSUER_DATA, MASTERCARD, Reader, VISA, activated, application, combination, fci, finished, selected,
    };
    use crate::profile::Limits;
    use crate::tlv::Writer;

    const OFF: Output = Output::FieldOff { hold_time: Duration::ZERO };

    fn present_again() -> UiRequest {
        UiRequest::new(MessageId::PresentCardAgain, Status::ReadyToRead)
    }

    fn online_request(start: StartPoint, needs: OnlineResponseData) -> Outcome {
        Outcome {
            start: Some(start),
            online_response_data: Some(needs),
            ui_on_restart: Some(present_again()),
            ..Outcome::new(Decision::OnlineRequest)
        }
    }

    /// What is to be done after an outcome of a kernel that was just activated.
    fn after(outcome: Outcome) -> (Reader, alloc::vec::Vec<Output>) {
        let mut reader = Reader::new();
        reader.activate();
        let outputs = reader.outcome(outcome);
        (reader, outputs)
    }

    //= test B 3.5.1.1, 3.5.1.5
    //= test A 5.5.4, 6.1, 6.2, 6.3
    #[test]
    fn a_final_outcome_is_shown_and_ends_the_transaction() {
        for decision in [
            Decision::Approved,
            Decision::Declined,
            Decision::OnlineRequest,
            Decision::RequestOnlinePin,
            Decision::TryAnotherInterface,
            Decision::EndApplication,
        ] {
            let request = UiRequest::new(MessageId::Authorising, Status::CardReadSuccessfully);
            let outcome = Outcome { ui_on_outcome: Some(request.clone()), ..Outcome::new(decision) };
            let (mut reader, outputs) = after(outcome.clone());
            assert_eq!(outputs, [Output::Ui(request), OFF, Output::Finished(outcome)]);
            for input in [Input::CardPresent, Input::OnlineResponse(Some(ISSUER_DATA)), Input::Cancel] {
                assert_eq!(reader.handle(input), [], "nothing follows");
            }
        }
    }

    //= test B 3.5.1.2
    #[test]
    fn a_field_off_request_is_passed_on_with_its_hold_time() {
        let hold_time = Duration::from_millis(1300);
        let outcome = Outcome { field_off: Some(hold_time), ..Outcome::new(Decision::Declined) };
        let (_, outputs) = after(outcome.clone());
        assert_eq!(outputs, [Output::FieldOff { hold_time }, Output::Finished(outcome)]);
    }

    //= test A 5.5.4
    #[test]
    fn the_field_stays_on_where_transactions_run_by_themselves() {
        let combinations = Arc::new([combination(MASTERCARD, 2, Limits::default())]);
        let mut reader = Reader::with(combinations, Autorun::Yes);
        reader.activate();
        let outcome = Outcome::new(Decision::Approved);
        assert_eq!(reader.outcome(outcome.clone()), [Output::Finished(outcome)]);
    }

    //= test B 3.5.1.1, 3.5.1.2, 3.5.1.3
    //= test A 6.1
    #[test]
    fn try_again_shows_its_own_request_at_the_next_invitation() {
        let hold_time = Duration::from_millis(1300);
        let see_phone = UiRequest::new(MessageId::SeePhone, Status::ProcessingError).held_for(hold_time);
        let (mut reader, outputs) = after(Outcome {
            start: Some(StartPoint::B),
            ui_on_outcome: Some(see_phone.clone()),
            ui_on_restart: Some(present_again()),
            field_off: Some(hold_time),
            ..Outcome::new(Decision::TryAgain)
        });
        let expected = [
            Output::Ui(see_phone),
            Output::FieldOff { hold_time },
            Output::Ui(present_again()),
            Output::FieldOn,
            Output::Poll,
        ];
        assert_eq!(outputs, expected);
        assert!(!reader.activate().is_restart);
    }

    //= test B 3.2.1.2
    #[test]
    fn what_an_online_request_shows_on_restart_stands_while_the_card_is_tried_again() {
        let (mut reader, _) = after(online_request(StartPoint::B, OnlineResponseData::Any));
        let response = Writer::new().put(dict::AUTHORISATION_RESPONSE_CODE, b"00").clone().into_bytes();
        assert_eq!(reader.handle(Input::OnlineResponse(Some(&response)))[0], Output::Ui(present_again()));
        reader.activate();
        let try_again = Outcome { start: Some(StartPoint::B), ..Outcome::new(Decision::TryAgain) };
        assert_eq!(reader.outcome(try_again.clone())[0], Output::Ui(present_again()));
        reader.activate();
        let other = UiRequest::new(MessageId::SeePhone, Status::ReadyToRead);
        let outputs = reader.outcome(Outcome { ui_on_restart: Some(other.clone()), ..try_again });
        assert_eq!(outputs[0], Output::Ui(other), "unless there is something else to show");
    }

    //= test B 3.3.2.6, 3.5.1.4
    //= test A 6.1
    #[test]
    fn select_next_takes_the_next_application_without_asking_for_the_directory() {
        let mut reader = Reader::new();
        reader.present(&[application(MASTERCARD, 1), application(MASTERCARD, 2)]);
        activated(&reader.respond(&fci(|_| {})));
        assert_eq!(selected(&reader.outcome(Outcome::new(Decision::SelectNext))), Some(MASTERCARD));
        activated(&reader.respond(&fci(|_| {})));
        let outputs = reader.outcome(Outcome::new(Decision::SelectNext));
        assert_eq!(finished(&outputs).unwrap().decision, Decision::EndApplication, "there was no third");
    }

    //= test B 3.2.1.2, 3.3.2.1
    //= test A 5.8.1, 8.1.1.19, 8.1.1.20, 8.1.1.22, 8.1.1.24
    #[test]
    fn an_online_request_restarts_where_it_asked_to() {
        let points = [(StartPoint::A, true), (StartPoint::B, true), (StartPoint::C, false)];
        let decisions = [Decision::OnlineRequest, Decision::RequestOnlinePin];
        let cases =
            decisions.into_iter().flat_map(|decision| points.map(|(point, is_polled)| (decision, point, is_polled)));
        for (decision, point, is_polled) in cases {
            let outcome = Outcome { decision, ..online_request(point, OnlineResponseData::Any) };
            let (mut reader, outputs) = after(outcome.clone());
            assert_eq!(outputs, [Output::AwaitOnlineResponse(outcome)]);
            let outputs = reader.handle(Input::OnlineResponse(None));
            assert_eq!(outputs[0], Output::Ui(present_again()));
            assert_eq!(outputs.contains(&Output::Poll), is_polled);
            let start = if is_polled { reader.activate() } else { activated(&reader.respond(&[])).1 };
            assert!(start.is_restart);
            assert_eq!(start.online_response, None);
        }
    }

    //= test B 3.4.1.3
    //= test A 8.1.1.7, 8.1.1.22
    #[test]
    fn present_and_hold_gives_the_answer_to_the_kernel_at_once() {
        let (mut reader, _) = after(online_request(StartPoint::D, OnlineResponseData::EmvData));
        let outputs = reader.handle(Input::OnlineResponse(Some(ISSUER_DATA)));
        assert_eq!(outputs[0], Output::Ui(present_again()));
        let (combination, start) = activated(&outputs);
        assert_eq!((combination, start.is_restart), (0, true));
        assert_eq!(start.online_response.as_deref(), Some(ISSUER_DATA));
        let second = Outcome::new(Decision::Approved);
        assert_eq!(finished(&reader.outcome(second.clone())), Some(&second));
    }

    //= test A 8.1.1.22, 8.1.1.24
    #[test]
    fn without_data_for_the_card_there_is_no_restart_where_it_was_for_data() {
        for response in [None, Some(&[][..]), Some(&[0x8A, 0x02, 0x30, 0x30]), Some(&[0x91, 0x08, 0x00])] {
            for decision in [Decision::OnlineRequest, Decision::RequestOnlinePin] {
                let outcome = Outcome { decision, ..online_request(StartPoint::B, OnlineResponseData::EmvData) };
                let (mut reader, _) = after(outcome.clone());
                let outputs = reader.handle(Input::OnlineResponse(response));
                assert_eq!(outputs, [OFF, Output::Finished(outcome)], "{response:?}");
            }
        }
    }

    //= test A 8.1.1.22
    #[test]
    fn scripts_are_data_for_the_card_whatever_is_in_them() {
        for response in [ISSUER_DATA, &[0x71, 0x01, 0x9F], &[0x8A, 0x02, 0x30, 0x30, 0x72, 0x00]] {
            assert!(has_issuer_data(response));
        }
    }

    //= test A 8.1.1.22
    #[test]
    fn a_kernel_that_says_not_when_it_restarts_does_not() {
        let outcome = Outcome { start: Some(StartPoint::B), ..Outcome::new(Decision::OnlineRequest) };
        assert_eq!(finished(&after(outcome.clone()).1), Some(&outcome));
        let outcome = Outcome { start: Some(StartPoint::B), ..Outcome::new(Decision::Approved) };
        assert_eq!(finished(&after(outcome.clone()).1), Some(&outcome));
    }

    //= test A 8.1.1.21
    #[test]
    fn a_card_held_for_too_long_is_sent_away_but_the_answer_still_counts() {
        let timeout = Duration::from_secs(10);
        let outcome = Outcome { removal_timeout: timeout, ..online_request(StartPoint::D, OnlineResponseData::Any) };
        let (mut reader, outputs) = after(outcome.clone());
        assert_eq!(outputs, [Output::Wait(reader.now + timeout), Output::AwaitOnlineResponse(outcome.clone())]);
        let remove = UiRequest::new(MessageId::CardReadOk, Status::CardReadSuccessfully);
        assert_eq!(reader.handle(Input::Deadline), [Output::Ui(remove)]);
        assert_eq!(reader.handle(Input::Cancel), [], "what the issuer decides can't be cancelled");
        let (_, start) = activated(&reader.handle(Input::OnlineResponse(None)));
        assert!(start.is_removal_timed_out, "the kernel is told");
        reader.outcome(outcome);
        let (_, start) = activated(&reader.handle(Input::OnlineResponse(None)));
        assert!(!start.is_removal_timed_out, "each outcome has a time-out of its own");
    }

    //= test A 8.1.1.23
    #[test]
    fn end_application_restarts_once_the_card_is_gone() {
        let (mut reader, outputs) = after(Outcome {
            start: Some(StartPoint::B),
            ui_on_restart: Some(present_again()),
            ..Outcome::new(Decision::EndApplication)
        });
        assert_eq!(outputs, [Output::AwaitRemoval]);
        assert_eq!(reader.handle(Input::CardPresent), []);
        let outputs = reader.handle(Input::CardRemoved);
        assert_eq!(outputs, [Output::Ui(present_again()), Output::FieldOn, Output::Poll]);
        assert!(reader.activate().is_restart);
    }

    //= test A 5.7, 5.8.1
    #[test]
    fn what_pre_processing_found_holds_for_every_kernel_of_the_transaction() {
        let limits = |cvm_required_limit: u32| Limits {
            cvm_required_limit: Some(cvm_required_limit.into()),
            ..Limits::default()
        };
        let combinations = Arc::new([combination(MASTERCARD, 2, limits(1001)), combination(VISA, 3, limits(1000))]);
        let mut reader = Reader::with(combinations, Autorun::No);
        reader.present(&[application(MASTERCARD, 1), application(VISA, 2)]);
        let is_exceeded = |outputs: &[Output]| activated(outputs).1.indicators.reader_cvm_required_limit_exceeded;
        assert!(!is_exceeded(&reader.respond(&fci(|_| {}))));
        reader.outcome(Outcome::new(Decision::SelectNext));
        let asks_for_ttq = fci(|proprietary| {
            proprietary.put(dict::PDOL, &[0x9F, 0x66, 0x04]);
        });
        assert!(is_exceeded(&reader.respond(&asks_for_ttq)));
        reader.outcome(online_request(StartPoint::D, OnlineResponseData::Any));
        assert!(is_exceeded(&reader.handle(Input::OnlineResponse(None))), "after a restart too");
    }

    //= test B 3.3.2.1
    #[test]
    fn a_restarted_transaction_keeps_its_other_candidates() {
        let mut reader = Reader::new();
        reader.present(&[application(MASTERCARD, 1), application(VISA, 2)]);
        activated(&reader.respond(&fci(|_| {})));
        reader.outcome(online_request(StartPoint::C, OnlineResponseData::Any));
        let outputs = reader.handle(Input::OnlineResponse(None));
        assert_eq!(selected(&outputs), Some(MASTERCARD));
        assert_eq!(selected(&reader.refuse()), Some(VISA));
    }
}
