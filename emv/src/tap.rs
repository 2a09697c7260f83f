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
use crate::kernel::c2::TornLog;
use crate::kernel::{self, Event, Kernel, Outcome, Record, Transaction, UiRequest, UnpredictableNumbers};
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
    /// The last command was handed to the card. Only a [timed](Command::is_timed) command needs it;
    /// without it the time counts from the moment at which the tap wanted it sent.
    Sent,
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
/// The first five need no answer. The others ask for an input; nothing follows until it comes. `Wait`
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
    /// Tell the terminal, if it takes part in a data exchange. It may answer with [`Input::Data`], now
    /// or later; where its answer is needed, a `Wait` follows.
    DataExchange {
        /// The objects that the terminal is asked for.
        needed: Vec<Tag>,
        /// The objects that it is told; one that nobody knows is empty.
        sent: Record,
    },
    /// Hand in [`Input::Deadline`] at this moment if nothing else comes first.
    Wait(Instant),
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
    torn_log: TornLog,
    mag_stripe_failures: u8,
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
        let (combinations, point) = (Arc::clone(profile.combinations()), profile.point_of_interaction.clone());
        Tap {
            entry_point: EntryPoint::new(combinations, point, transaction, unpredictable_numbers, autorun),
            profile,
            kernel: None,
            language_preference: ArrayVec::new(),
            torn_log: TornLog::new(),
            mag_stripe_failures: 0,
            now: Instant::default(),
        }
    }

    /// The same tap, which may recover one of these torn transactions (Book C-2). Each change of the log
    /// is told with [`Event::TornLog`].
    #[must_use]
    pub fn with_torn_log(self, torn_log: TornLog) -> Self {
        Tap { torn_log, ..self }
    }

    /// The same tap, after mag-stripe mode failed this often in a row (Book C-2, Failed MS Cntr). Each
    /// change is told with [`Event::MagStripeFailures`].
    #[must_use]
    pub fn with_mag_stripe_failures(self, mag_stripe_failures: u8) -> Self {
        Tap { mag_stripe_failures, ..self }
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
                    kernel::Output::DataExchange { needed, sent } => Output::DataExchange { needed, sent },
                    kernel::Output::Record(event) => {
                        match &event {
                            Event::TornLog(change) => self.torn_log.apply(change),
                            Event::MagStripeFailures(failures) => self.mag_stripe_failures = *failures,
                            _ => {}
                        }
                        Output::Record(event)
                    }
                    kernel::Output::Transmit(command) => Output::Transmit(command),
                    kernel::Output::Wait(moment) => Output::Wait(moment),
                },
                None => match self.entry_point.poll()? {
                    entry::Output::Activate { combination, mut start } => {
                        start.torn_log = self.torn_log.clone();
                        start.mag_stripe_failures = self.mag_stripe_failures;
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
    //= A 8.1.1.17
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
            Input::Sent => Some(kernel::Input::Sent),
            Input::Response(response) => Some(kernel::Input::Response(response)),
            Input::CardLost | Input::CardRemoved => Some(kernel::Input::CardLost),
            Input::Data(objects) => Some(kernel::Input::Data(objects)),
            Input::Deadline => Some(kernel::Input::Deadline),
            Input::Cancel => Some(kernel::Input::Cancel),
            Input::CardPresent | Input::Collision | Input::CollisionOver | Input::OnlineResponse(_) => None,
        }
    }

    /// As Entry Point takes it. Where no kernel runs there is none that a data exchange could be meant for.
    //= A 8.1.1.14
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
            Input::Data(_) | Input::Sent => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;
    use crate::fields::{AdditionalTerminalCapabilities, Amount, Date, TerminalCapabilities};
    use crate::kernel::{Database, Decision, MessageId, Status, c2};
    use crate::oda::{CaKeys, Environment, RevocationList};
    use crate::profile::{Aid, Combination, KernelConfiguration, KernelId, Limits, TerminalData};

    const DIRECTORY: &[u8] = &[
        0x6F, 0x12, 0xA5, 0x10, 0xBF, 0x0C, 0x0D, 0x61, 0x0B, 0x4F, 0x06, 0xA0, 0x00, 0x00, 0x00, 0x04, 0x10, 0x87,
        0x01, 0x01, 0x90, 0x00,
    ];
    /// An application whose holder reads German.
    const FCI: &[u8] = &[
        0x6F, 0x0F, 0x84, 0x06, 0xA0, 0x00, 0x00, 0x00, 0x04, 0x10, 0xA5, 0x05, 0x5F, 0x2D, 0x02, b'd', b'e', 0x90,
        0x00,
    ];

    fn tap() -> Tap {
        let terminal = TerminalData {
            terminal_type: 0x22,
            country: [0x02, 0x76],
            capabilities: TerminalCapabilities::default(),
            additional_capabilities: AdditionalTerminalCapabilities::default(),
            terminal_id: *b"TERMINAL",
            merchant_id: *b"MERCHANT       ",
            merchant_category_code: [0x53, 0x11],
            merchant_name_and_location: vec![],
            acquirer_id: [0; 6],
            ifd_serial_number: *b"00000001",
        };
        let combination = Combination {
            aid: Aid::try_from(&[0xA0, 0x00, 0x00, 0x00, 0x04, 0x10][..]).unwrap(),
            kernel_id: KernelId::emvco(2),
            transaction_types: vec![0x00],
            limits: Limits::default(),
        };
        let configuration = c2::Configuration::from_objects(&Database::new()).unwrap();
        let applications = [(combination, KernelConfiguration::C2(Arc::new(configuration)))];
        let profile = Profile::new(terminal, CaKeys::new(Environment::Test), RevocationList::new(), applications);
        let transaction = Transaction {
            amount_authorised: Some(Amount::from(1000)),
            amount_other: None,
            currency: [0x09, 0x78],
            currency_exponent: 2,
            transaction_type: 0x00,
            date: Date::new(2026, 11, 24).unwrap(),
            time: [0x12, 0x00, 0x00],
            sequence_counter: 1,
        };
        Tap::new(Arc::new(profile), transaction, UnpredictableNumbers::from_seed([1; 32]), Autorun::No)
    }

    fn drain(tap: &mut Tap) -> Vec<Output> {
        core::iter::from_fn(|| tap.poll()).collect()
    }

    fn handle(tap: &mut Tap, input: Input<'_>) -> Vec<Output> {
        tap.handle(input, Instant::default());
        drain(tap)
    }

    /// A tap whose kernel has sent its first command.
    fn with_kernel() -> Tap {
        let mut tap = tap();
        drain(&mut tap);
        handle(&mut tap, Input::CardPresent);
        handle(&mut tap, Input::Response(DIRECTORY));
        let outputs = handle(&mut tap, Input::Response(FCI));
        assert!(matches!(outputs[0], Output::Record(Event::Selected { .. })));
        assert!(matches!(outputs.last(), Some(Output::Transmit(command)) if command.instruction() == 0xA8));
        tap
    }

    #[test]
    fn what_a_running_kernel_decides_ends_the_tap() {
        let outputs = handle(&mut with_kernel(), Input::Response(&[0x6F, 0x00]));
        let Some(Output::Finished(outcome)) = outputs.last() else { panic!("{outputs:?}") };
        assert_eq!(outcome.decision, Decision::EndApplication);
    }

    #[test]
    fn while_a_kernel_runs_the_card_is_its_own() {
        let mut tap = with_kernel();
        assert_eq!(handle(&mut tap, Input::CardPresent), []);
        assert_eq!(handle(&mut tap, Input::OnlineResponse(None)), []);
        assert_ne!(handle(&mut tap, Input::CardRemoved), [], "a card that is gone is a card that was lost");
    }

    //= test A 8.1.1.14
    #[test]
    fn data_for_a_kernel_that_does_not_run_reach_nobody() {
        let mut tap = tap();
        drain(&mut tap);
        assert_eq!(handle(&mut tap, Input::Data(&[])), []);
        assert_ne!(handle(&mut tap, Input::CardPresent), [], "and change nothing");
    }

    #[test]
    fn a_tap_can_be_cancelled_with_and_without_a_kernel() {
        for mut tap in [tap(), with_kernel()] {
            drain(&mut tap);
            let outputs = handle(&mut tap, Input::Cancel);
            assert!(matches!(outputs.last(), Some(Output::Finished(_))), "{outputs:?}");
            assert_eq!(handle(&mut tap, Input::CardPresent), []);
        }
    }

    //= test A 8.1.1.17
    #[test]
    fn requests_stay_in_the_language_of_the_last_one_that_named_one() {
        let mut tap = tap();
        let request = UiRequest::new(MessageId::Approved, Status::CardReadSuccessfully);
        assert!(tap.in_language(request.clone()).language_preference.is_empty());
        let german = request.clone().in_language(b"de");
        assert_eq!(tap.in_language(german.clone()), german);
        assert_eq!(tap.in_language(request.clone()), german);
        let french = request.in_language(b"fren");
        assert_eq!(tap.in_language(french.clone()), french);
    }

    /// Drives a card that answers with these bytes, whatever it is asked, until there is an outcome
    /// or the card has been lost once too often.
    fn drive(responses: &[Vec<u8>]) -> usize {
        let mut tap = tap();
        let mut responses = responses.iter();
        let mut command_count = 0;
        let mut polled = 0;
        let mut outputs = drain(&mut tap);
        loop {
            let input = match outputs.last() {
                Some(Output::Poll) if polled == 10 => Input::Cancel,
                Some(Output::Poll) => {
                    polled += 1;
                    Input::CardPresent
                }
                Some(Output::Transmit(_)) => {
                    command_count += 1;
                    responses.next().map_or(Input::CardLost, |response| Input::Response(response))
                }
                Some(Output::Wait(_)) => Input::Deadline,
                Some(Output::AwaitRemoval) => Input::CardRemoved,
                Some(Output::AwaitOnlineResponse(_)) => Input::OnlineResponse(None),
                Some(Output::Finished(_)) => return command_count,
                other => panic!("waits for {other:?}"),
            };
            outputs = handle(&mut tap, input);
        }
    }

    proptest! {
        #[test]
        fn any_card_leads_to_an_outcome_in_bounded_time(
            answers in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..20),
            is_selected: bool,
        ) {
            let selection = if is_selected { vec![DIRECTORY.to_vec(), FCI.to_vec()] } else { vec![] };
            prop_assert!(drive(&[selection, answers].concat()) <= 100);
        }
    }
}
