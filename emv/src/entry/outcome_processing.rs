//! Outcome Processing (EMV Contactless Book B, 3.5), and what the reader does with a Final Outcome
//! (EMV Contactless Book A, 8.1.1.19 to 8.1.1.24).

use core::time::Duration;

use super::{Context, Input, Output, Selected, State, final_selection, kernel_activation, protocol_activation};
use crate::dict;
use crate::kernel::{Decision, MessageId, OnlineResponseData, Outcome, StartPoint, Status, UiRequest};
use crate::tlv::Level;

/// Processes the outcome of the kernel of the selected combination.
pub(super) fn start(outcome: Outcome, mut selected: Selected, context: &mut Context) -> State {
    announce(&outcome, context);
    match outcome.decision {
        // 3.5.1.3
        Decision::TryAgain => {
            context.ui_on_restart = outcome.ui_on_restart;
            let candidates = context.has_issuer_data().then_some(selected.candidates);
            protocol_activation::start(candidates, context)
        }
        // 3.5.1.4
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
    // 3.5.1.1
    if let Some(request) = &outcome.ui_on_outcome {
        context.show(request.clone());
    }
    // 3.5.1.2
    if let Some(hold_time) = outcome.field_off {
        context.push(Output::FieldOff { hold_time });
    }
}

/// 3.5.1.5
fn final_outcome(outcome: Outcome, selected: Selected, context: &mut Context) -> State {
    let Some(start) = outcome.start else { return end(outcome, context) };
    match outcome.decision {
        // Book A, 8.1.1.22, 8.1.1.24: only with Online Response Data can an answer restart.
        Decision::OnlineRequest | Decision::RequestOnlinePin => {
            let Some(needs) = outcome.online_response_data else { return end(outcome, context) };
            // Book A, 8.1.1.21
            if outcome.removal_timeout > Duration::ZERO {
                context.push(Output::Wait(context.now + outcome.removal_timeout));
            }
            context.push(Output::AwaitOnlineResponse(outcome.clone()));
            State::ExpectOnlineResponse(ExpectOnlineResponse { outcome, start, needs, selected })
        }
        // Book A, 8.1.1.23
        Decision::EndApplication => {
            context.push(Output::AwaitRemoval);
            State::ExpectRemoval(ExpectRemoval { outcome, start, selected })
        }
        _ => end(outcome, context),
    }
}

/// Book A, 5.5.4: between transactions the field is off, unless it is always on.
fn end(outcome: Outcome, context: &mut Context) -> State {
    if outcome.field_off.is_none() && !context.is_field_on_between_transactions {
        context.push(Output::FieldOff { hold_time: Duration::ZERO });
    }
    context.push(Output::Finished(outcome));
    State::Finished
}

/// Starts again where the outcome said (Book A, 8.1.1.19, 8.1.1.20).
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
                // Book A, 8.1.1.21
                context.show(UiRequest::new(MessageId::CardReadOk, Status::CardReadSuccessfully));
                State::ExpectOnlineResponse(self)
            }
            _ => State::ExpectOnlineResponse(self),
        }
    }

    /// Book A, 8.1.1.22, 8.1.1.24
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
