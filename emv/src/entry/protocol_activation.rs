//! Protocol Activation: Start B (EMV Contactless Book B, 3.2).

use super::combination_selection::{self, Candidates};
use super::{Context, Input, Output, State, final_selection};
use crate::kernel::{MessageId, Status, UiRequest};

/// Powers the field and waits for a card.
///
/// `candidates` are those to go on with where the issuer's answer is to be given to the application
/// that asked for it (3.3.2.1); without them the card is asked for its directory.
pub(super) fn start(candidates: Option<Candidates>, context: &mut Context) -> State {
    // 3.2.1.2. The retained request is that of an outcome that restarts, or of Try Again
    // (Book A, Table 6-2: UI Request on Restart Present).
    let present_card = || UiRequest::new(MessageId::PresentCard, Status::ReadyToRead);
    context.show(context.ui_on_restart.clone().unwrap_or_else(present_card));
    // 3.2.1.3
    context.push(Output::FieldOn);
    ExpectCard { candidates, is_collision: false }.poll(context)
}

/// Waits for a card in the field.
#[derive(Debug)]
pub(super) struct ExpectCard {
    candidates: Option<Candidates>,
    is_collision: bool,
}

impl ExpectCard {
    pub(super) fn handle(mut self, input: Input<'_>, context: &mut Context) -> State {
        match input {
            Input::CardPresent => {
                self.end_collision(context);
                match self.candidates {
                    Some(candidates) => final_selection::start(candidates, context),
                    None => combination_selection::start(context),
                }
            }
            Input::Collision => {
                // 3.2.1.4
                context.show(UiRequest::new(MessageId::PresentOneCardOnly, Status::ProcessingError));
                self.is_collision = true;
                self.poll(context)
            }
            Input::CollisionOver => {
                self.end_collision(context);
                self.poll(context)
            }
            // 3.3.3.7
            Input::CardLost => start(self.candidates, context),
            _ => State::ExpectCard(self),
        }
    }

    fn poll(self, context: &mut Context) -> State {
        context.push(Output::Poll);
        State::ExpectCard(self)
    }

    /// 3.2.1.5
    fn end_collision(&mut self, context: &mut Context) {
        if core::mem::take(&mut self.is_collision) {
            context.show(UiRequest::new(MessageId::PresentOneCardOnly, Status::ReadyToRead));
        }
    }
}
