//! What S13 and S14 have in common: reading the card's answer, and the ways in which it ends the
//! transaction (Book C-2, S13 and S14).

use alloc::boxed::Box;

use super::delay::{Delay, Ending};
use super::tracks::{Computed, Tracks};
use super::{Context, Fault, State};
use crate::apdu::Response;
use crate::dict;
use crate::fields::Amount;
use crate::fields::c2::PosCardholderInteractionInformation;
use crate::kernel::c2::outcome::{self, DiscretionaryData};
use crate::kernel::c2::{card_response, second_tap};
use crate::kernel::{Decision, MessageId, Outcome, Status, UiRequest};
use crate::tlv::Tag;

/// COMPUTE CRYPTOGRAPHIC CHECKSUM was sent.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) tracks: Box<Tracks>,
    pub(super) unpredictable_number: u32,
    pub(super) amount: Amount,
}

/// What the card answered.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub(super) atc: Option<u16>,
    pub(super) cvc3_track_1: Option<u16>,
    pub(super) cvc3_track_2: Option<u16>,
    pub(super) interaction: Option<PosCardholderInteractionInformation>,
}

impl Answer {
    /// Reads a response.
    //= C-2 S13.9-10, S13.11-13, S14.9-10, S14.11-13
    pub(super) fn read(response: &Response<'_>, context: &mut Context) -> Result<Self, Fault> {
        if !response.status.is_success() {
            return Err(Fault::ChecksumRefused(response.status));
        }
        card_response::store_format_2(&mut context.database, response.data).map_err(|_| Fault::ChecksumMalformed)?;
        context.show(UiRequest::new(MessageId::ClearDisplay, Status::CardReadSuccessfully));
        let number =
            |tag: Tag| context.database.value(tag).and_then(|value| value.try_into().ok()).map(u16::from_be_bytes);
        Ok(Answer {
            atc: number(dict::ATC),
            cvc3_track_1: number(dict::CVC3_TRACK1),
            cvc3_track_2: number(dict::CVC3_TRACK2),
            interaction: context.read(dict::POS_CARDHOLDER_INTERACTION_INFORMATION).and_then(Result::ok),
        })
    }

    /// Whether the device says that it verified its holder.
    pub(super) fn verified_on_device(&self) -> bool {
        self.interaction.is_some_and(|said| said.has(PosCardholderInteractionInformation::OD_CVM_SUCCESSFUL))
    }
}

impl Asked {
    /// Writes what the card computed into its tracks, and has the issuer asked. A card with Track 1
    /// computes a CVC3 for it too.
    //= C-2 S13.15-16, S13.17, S14.16, S14.25.1
    pub(super) fn go_online(
        &self,
        answer: &Answer,
        atc: u16,
        cvc3_track_2: u16,
        context: &mut Context,
    ) -> Result<State, Fault> {
        if self.tracks.have_track_1() && answer.cvc3_track_1.is_none() {
            return Err(Fault::ChecksumDataMissing);
        }
        context.set_mag_stripe_failures(0);
        let computed = Computed {
            cvc3_track_1: answer.cvc3_track_1.unwrap_or_default(),
            cvc3_track_2,
            atc,
            unpredictable_number: self.unpredictable_number,
            on_device_cvm: answer.verified_on_device(),
        };
        self.tracks.fill_in(&computed, context);
        let outcome = with_data(Outcome::new(Decision::OnlineRequest), context);
        Ok(context.finish(outcome))
    }
}

/// The card computed no checksum, but says what its holder is to do: act on the phone and present it
/// again, or nothing more.
//= C-2 S13.41-45, S14.19, S14.22-23
pub(super) fn without_checksum(interaction: PosCardholderInteractionInformation, context: &mut Context) -> State {
    let outcome = if interaction.needs_second_tap() {
        second_tap::ask(interaction, context)
    } else {
        let request = UiRequest::new(MessageId::NotAuthorised, Status::NotReady);
        let request = request.held_for(context.configuration.message_hold_time);
        let mut outcome = Outcome::new(Decision::Declined);
        outcome.ui_on_outcome = Some(context.in_language(request));
        outcome
    };
    let outcome = with_data(outcome, context);
    Delay::before(Ending::Outcome(outcome.into()), context)
}

/// The outcome with its data of mag-stripe mode.
fn with_data(mut outcome: Outcome, context: &Context) -> Outcome {
    outcome.cvm = context.cvm;
    outcome.receipt = context.receipt;
    outcome.field_off = context.field_off;
    outcome.data_record = Some(outcome::mag_stripe_data_record(context));
    outcome.discretionary_data = Some(outcome::discretionary_data(context, DiscretionaryData::MagStripe));
    outcome
}
