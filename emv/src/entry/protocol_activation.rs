//! Protocol Activation: Start B (EMV Contactless Book B, 3.2).

use super::combination_selection::{self, Candidates};
use super::{Context, Input, Output, State, final_selection};
use crate::kernel::{MessageId, Status, UiRequest};

/// Powers the field and waits for a card.
///
/// `candidates` are those to go on with where the issuer's answer is to be given to the application
/// that asked for it (3.3.2.1); without them the card is asked for its directory.
pub(super) fn start(candidates: Option<Candidates>, context: &mut Context) -> State {
    //= B 3.2.1.2
    // The retained request is that of an outcome that restarts, or of Try Again
    // (Book A, Table 6-2: UI Request on Restart Present).
    let present_card = || UiRequest::new(MessageId::PresentCard, Status::ReadyToRead);
    context.show(context.ui_on_restart.clone().unwrap_or_else(present_card));
    //= B 3.2.1.3
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
                //= B 3.2.1.4
                context.show(UiRequest::new(MessageId::PresentOneCardOnly, Status::ProcessingError));
                self.is_collision = true;
                self.poll(context)
            }
            Input::CollisionOver => {
                self.end_collision(context);
                self.poll(context)
            }
            //= B 3.3.3.7
            Input::CardLost => start(self.candidates, context),
            _ => State::ExpectCard(self),
        }
    }

    fn poll(self, context: &mut Context) -> State {
        context.push(Output::Poll);
        State::ExpectCard(self)
    }

    //= B 3.2.1.5
    fn end_collision(&mut self, context: &mut Context) {
        if core::mem::take(&mut self.is_collision) {
            context.show(UiRequest::new(MessageId::PresentOneCardOnly, Status::ReadyToRead));
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use super::*;
    use crate::entry::Autorun;
    use crate::entry::testing::{MASTERCARD, Reader, activated, application, combination, fci, finished, selected};
    use crate::fields::{Amount, Ttq};
    use crate::kernel::{Decision, Indicators};
    use crate::profile::Limits;

    fn request(message: MessageId, status: Status) -> Output {
        Output::Ui(UiRequest::new(message, status))
    }

    //= test B 3.2.1.2, 3.2.1.3
    //= test A 8.1.1.5
    #[test]
    fn a_transaction_begins_with_an_invitation_the_field_and_a_poll() {
        let expected = [request(MessageId::PresentCard, Status::ReadyToRead), Output::FieldOn, Output::Poll];
        assert_eq!(Reader::new().poll(), expected);
    }

    //= test B 3.1.1.13
    #[test]
    fn where_no_combination_is_allowed_another_interface_is_to_be_tried() {
        let limits = Limits { contactless_transaction_limit: Some(Amount::ZERO), ..Limits::default() };
        for combinations in [Arc::from([]), Arc::from([combination(MASTERCARD, 2, limits)])] {
            let outputs = Reader::with(combinations, Autorun::No).poll();
            assert_eq!(outputs[0], request(MessageId::InsertOrSwipeCard, Status::ProcessingError));
            assert_eq!(finished(&outputs).unwrap().decision, Decision::TryAnotherInterface);
            assert!(!outputs.contains(&Output::FieldOn));
        }
    }

    //= test B 3.2.1.1
    //= test A 5.6.2, 8.1.1.6
    #[test]
    fn autorun_pre_processes_nothing_and_leaves_the_qualifiers_as_configured() {
        let ttq = Ttq::default().with(Ttq::CVM_REQUIRED);
        let limits = Limits {
            contactless_transaction_limit: Some(Amount::ZERO),
            cvm_required_limit: Some(Amount::ZERO),
            ttq: Some(ttq),
            ..Limits::default()
        };
        let mut reader = Reader::with(Arc::new([combination(MASTERCARD, 2, limits)]), Autorun::Yes);
        assert_eq!(reader.activate().indicators, Indicators { ttq: Some(ttq), ..Indicators::default() });
    }

    //= test B 3.2.1.4, 3.2.1.5
    #[test]
    fn two_cards_are_one_too_many_until_one_is_gone() {
        let mut reader = Reader::new();
        let several = request(MessageId::PresentOneCardOnly, Status::ProcessingError);
        assert_eq!(reader.handle(Input::Collision), [several, Output::Poll]);
        let one = request(MessageId::PresentOneCardOnly, Status::ReadyToRead);
        assert_eq!(reader.handle(Input::CollisionOver), [one.clone(), Output::Poll]);
        reader.handle(Input::Collision);
        let outputs = reader.handle(Input::CardPresent);
        assert_eq!((&outputs[0], outputs.len()), (&one, 2), "a card by itself ends the collision too");
    }

    //= test B 3.3.3.7
    #[test]
    fn a_card_lost_before_its_kernel_runs_is_invited_again() {
        let mut reader = Reader::new();
        let invitation = reader.poll();
        assert_eq!(reader.handle(Input::CardLost), invitation);
        reader.handle(Input::CardPresent);
        assert_eq!(reader.handle(Input::CardLost), invitation);
        reader.present(&[application(MASTERCARD, 1)]);
        assert_eq!(reader.handle(Input::CardLost), invitation);
        let outputs = reader.present(&[application(MASTERCARD, 1)]);
        assert_eq!(selected(&outputs), Some(MASTERCARD));
        assert_eq!(activated(&reader.respond(&fci(|_| {}))).0, 0);
    }
}
