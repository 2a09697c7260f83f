//! The cardholder has to act on the phone and present it again (Book C-2, S910.72, S910.79 and S13.44).

use super::context::Context;
use crate::dict;
use crate::fields::c2::{PosCardholderInteractionInformation, UiStatus};
use crate::kernel::{Decision, MessageId, Outcome, StartPoint, Status, UiRequest};

/// Says on the display what the phone wants, and has the phone presented again.
pub(super) fn ask(interaction: PosCardholderInteractionInformation, context: &mut Context) -> Outcome {
    context.show(request(interaction, context));
    outcome(interaction, context)
}

/// What the display says.
pub(super) fn request(interaction: PosCardholderInteractionInformation, context: &Context) -> UiRequest {
    let (message, status) = phone_message(interaction, context);
    UiRequest::new(message, status).held_for(context.configuration.message_hold_time)
}

/// The phone is presented again.
//= C-2 S910.72-73, S910.79-80
pub(super) fn outcome(interaction: PosCardholderInteractionInformation, context: &Context) -> Outcome {
    let (message, _) = phone_message(interaction, context);
    let mut outcome = Outcome::new(Decision::EndApplication);
    outcome.start = Some(StartPoint::B);
    outcome.ui_on_restart = Some(context.in_language(UiRequest::new(message, Status::ReadyToRead)));
    outcome
}

/// The first entry of the Phone Message Table that matches. Each has a mask and a value of three
/// bytes, a message identifier and a status.
fn phone_message(interaction: PosCardholderInteractionInformation, context: &Context) -> (MessageId, Status) {
    let table = context.database.value(dict::PHONE_MESSAGE_TABLE).unwrap_or_default();
    for &[m1, m2, m3, v1, v2, v3, message, status] in table.as_chunks().0 {
        if interaction.matches([m1, m2, m3], [v1, v2, v3]) {
            return (MessageId::from_code(message), shown(UiStatus::from_code(status)));
        }
    }
    (MessageId::NotApplicable, Status::NotApplicable)
}

fn shown(status: UiStatus) -> Status {
    match status {
        UiStatus::NotReady => Status::NotReady,
        UiStatus::Idle => Status::Idle,
        UiStatus::ReadyToRead => Status::ReadyToRead,
        UiStatus::Processing => Status::Processing,
        UiStatus::CardReadSuccessfully => Status::CardReadSuccessfully,
        UiStatus::ProcessingError => Status::ProcessingError,
        UiStatus::NotApplicable | UiStatus::Rfu(_) => Status::NotApplicable,
    }
}
