//! One contactless transaction with a card, from the amount to the Final Outcome: Entry Point and the
//! kernel that it has running, behind one door.
//!
//! A [`Tap`] is a value that is fed with [`Input`]s and drained of [`Output`]s. Whoever owns the
//! reader drives it:
//!
//! 1. [`Tap::poll`] until it gives nothing more, and carry out what it gives, in that order.
//! 2. Wait for what it asked for: the card, its response, a moment, the issuer.
//! 3. [`Tap::handle`] what happened, and go to 1.
//!
//! The crate's own documentation shows that loop.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use arrayvec::ArrayVec;

use crate::Instant;
use crate::apdu::Command;
use crate::entry::{self, EntryPoint};
use crate::kernel::{self, Event, Kernel, Outcome, Transaction, UiRequest, UnpredictableNumbers};
use crate::profile::Profile;
use crate::tlv::Tag;

pub use crate::entry::Autorun;

/// What happened outside.
///
/// An input that nothing waits for is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// One card is in the field, and activated.
    CardPresent,
    /// More than one card is in the field.
    Collision,
    /// No longer is more than one card in the field.
    CollisionOver,
    /// The card answered the last command: data, SW1 and SW2.
    Response(&'a [u8]),
    /// The card did not answer: it left the field, or the exchange failed for good.
    CardLost,
    /// The field is empty.
    CardRemoved,
    /// The terminal's answer in a data exchange: TLV objects.
    Data(&'a [u8]),
    /// The issuer's answer as TLV objects, of which the card gets `91`, `71` and `72`; nothing where
    /// there was no answer.
    OnlineResponse(Option<&'a [u8]>),
    /// The moment of the last [`Output::Wait`] has come.
    Deadline,
    /// The cashier or the register wants to stop.
    Cancel,
}

/// What a tap wants done.
///
/// The first four take no answer. The others ask for an input; nothing follows until it comes. `Wait`
/// may stand beside another that asks, and then the moment may come before the other's input does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Show this, once the hold time of the last request is over.
    Ui(UiRequest),
    /// Something worth writing down happened.
    Record(Event),
    /// Power the field, where it is off, once the hold time of the last `FieldOff` is over.
    FieldOn,
    /// Turn the field off, and leave it off for this long at least.
    FieldOff {
        /// How long at least.
        hold_time: Duration,
    },
    /// Hand in [`Input::Deadline`] at this moment if nothing else comes first.
    Wait(Instant),
    /// Find these data objects; hand in [`Input::Data`].
    DataNeeded(Vec<Tag>),
    /// Look for a card; hand in [`Input::CardPresent`] or [`Input::Collision`].
    Poll,
    /// Send this command; hand in [`Input::Response`] or [`Input::CardLost`].
    Transmit(Command),
    /// Wait until the field is empty; hand in [`Input::CardRemoved`].
    AwaitRemoval,
    /// A Final Outcome that is for the issuer to decide, and after which the card may be needed once
    /// more; hand in [`Input::OnlineResponse`].
    AwaitOnlineResponse(Outcome),
    /// The Final Outcome; nothing follows, and nothing is taken any more.
    Finished(Outcome),
}

/// One contactless transaction with a card.
#[derive(Debug)]
pub struct Tap {
    profile: Arc<Profile>,
    entry_point: EntryPoint,
    kernel: Option<Kernel>,
    language_preference: ArrayVec<u8, 8>,
    now: Instant,
}

impl Tap {
    /// Starts a transaction with the applications of a profile.
    pub fn new(
        profile: Arc<Profile>,
        transaction: Transaction,
        unpredictable_numbers: UnpredictableNumbers,
        autorun: Autorun,
    ) -> Self {
        let combinations = Arc::clone(profile.combinations());
        Tap {
            entry_point: EntryPoint::new(combinations, transaction, unpredictable_numbers, autorun),
            profile,
            kernel: None,
            language_preference: ArrayVec::new(),
            now: Instant::default(),
        }
    }

    /// Takes what happened, and when.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        self.now = now;
        match &mut self.kernel {
            Some(kernel) => {
                if let Some(input) = input.for_kernel() {
                    kernel.handle(input, now);
                }
            }
            None => {
                if let Some(input) = input.for_entry_point() {
                    self.entry_point.handle(input, now);
                }
            }
        }
    }

    /// Gives the next thing to do, if there is one.
    pub fn poll(&mut self) -> Option<Output> {
        loop {
            let output = match &mut self.kernel {
                Some(kernel) => match kernel.poll()? {
                    kernel::Output::Finished(outcome) => {
                        self.kernel = None;
                        self.entry_point.handle(entry::Input::KernelOutcome(outcome), self.now);
                        continue;
                    }
                    kernel::Output::Ui(request) => Output::Ui(self.in_language(request)),
                    kernel::Output::DataNeeded(tags) => Output::DataNeeded(tags),
                    kernel::Output::Record(event) => Output::Record(event),
                    kernel::Output::Transmit(command) => Output::Transmit(command),
                    kernel::Output::Wait(moment) => Output::Wait(moment),
                },
                None => match self.entry_point.poll()? {
                    entry::Output::Activate { combination, start } => {
                        self.kernel = Some(Kernel::activate(&self.profile, combination, *start, self.now));
                        continue;
                    }
                    entry::Output::Ui(request) => Output::Ui(self.in_language(request)),
                    entry::Output::Record(event) => Output::Record(event),
                    entry::Output::FieldOn => Output::FieldOn,
                    entry::Output::FieldOff { hold_time } => Output::FieldOff { hold_time },
                    entry::Output::Poll => Output::Poll,
                    entry::Output::Transmit(command) => Output::Transmit(command),
                    entry::Output::Wait(moment) => Output::Wait(moment),
                    entry::Output::AwaitRemoval => Output::AwaitRemoval,
                    entry::Output::AwaitOnlineResponse(outcome) => Output::AwaitOnlineResponse(outcome),
                    entry::Output::Finished(outcome) => Output::Finished(outcome),
                },
            };
            return Some(output);
        }
    }

    /// All requests that follow one with a Language Preference are in that language too
    /// (EMV Contactless Book A, 8.1.1.17).
    fn in_language(&mut self, mut request: UiRequest) -> UiRequest {
        if request.language_preference.is_empty() {
            request.language_preference = self.language_preference.clone();
        } else {
            self.language_preference = request.language_preference.clone();
        }
        request
    }
}

impl<'a> Input<'a> {
    /// As a running kernel takes it.
    fn for_kernel(self) -> Option<kernel::Input<'a>> {
        match self {
            Input::Response(response) => Some(kernel::Input::Response(response)),
            Input::CardLost | Input::CardRemoved => Some(kernel::Input::CardLost),
            Input::Data(objects) => Some(kernel::Input::Data(objects)),
            Input::Deadline => Some(kernel::Input::Deadline),
            Input::Cancel => Some(kernel::Input::Cancel),
            Input::CardPresent | Input::Collision | Input::CollisionOver | Input::OnlineResponse(_) => None,
        }
    }

    /// As Entry Point takes it.
    fn for_entry_point(self) -> Option<entry::Input<'a>> {
        match self {
            Input::CardPresent => Some(entry::Input::CardPresent),
            Input::Collision => Some(entry::Input::Collision),
            Input::CollisionOver => Some(entry::Input::CollisionOver),
            Input::Response(response) => Some(entry::Input::Response(response)),
            Input::CardLost => Some(entry::Input::CardLost),
            Input::CardRemoved => Some(entry::Input::CardRemoved),
            Input::OnlineResponse(response) => Some(entry::Input::OnlineResponse(response)),
            Input::Deadline => Some(entry::Input::Deadline),
            Input::Cancel => Some(entry::Input::Cancel),
            Input::Data(_) => None,
        }
    }
}
