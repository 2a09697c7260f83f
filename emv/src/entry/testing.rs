//! What cards answer and readers are set to in tests.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Autorun, EntryPoint, Input, Output};
use crate::Instant;
use crate::dict;
use crate::fields::{Amount, Date};
use crate::kernel::{Outcome, Start, Transaction, UnpredictableNumbers};
use crate::profile::{Aid, Combination, KernelId, Limits, PointOfInteraction};
use crate::tlv::{Tag, Writer};

/// A Mastercard application.
pub(super) const MASTERCARD: &[u8] = &[0xA0, 0x00, 0x00, 0x00, 0x04, 0x10, 0x10];
/// A Visa application.
pub(super) const VISA: &[u8] = &[0xA0, 0x00, 0x00, 0x00, 0x03, 0x10, 0x10];
/// An application of nobody that Entry Point knows.
pub(super) const OTHER: &[u8] = &[0xB0, 0x00, 0x00, 0x00, 0x01, 0x01, 0x01];

/// An issuer's answer with Issuer Authentication Data.
pub(super) const ISSUER_DATA: &[u8] = &[0x91, 0x08, 1, 2, 3, 4, 5, 6, 7, 8];

/// The content of a Directory Entry.
pub(super) fn entry(fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new();
    fill(&mut writer);
    writer.into_bytes()
}

/// The content of a Directory Entry with a name and a priority.
pub(super) fn application(name: &[u8], priority: u8) -> Vec<u8> {
    entry(|entry| {
        entry.put(dict::ADF_NAME, name).put(dict::APPLICATION_PRIORITY_INDICATOR, &[priority]);
    })
}

/// The FCI of a PPSE with these Directory Entries.
pub(super) fn ppse(entries: &[Vec<u8>]) -> Vec<u8> {
    ppse_with(entries, &[])
}

/// The FCI of a PPSE with these Directory Entries, and these objects before them.
pub(super) fn ppse_with(entries: &[Vec<u8>], objects: &[(Tag, &[u8])]) -> Vec<u8> {
    let mut fci = Writer::new();
    fci.template(dict::FCI_TEMPLATE, |fci| {
        fci.put(dict::DF_NAME, super::ppse::NAME);
        fci.template(dict::FCI_PROPRIETARY_TEMPLATE, |proprietary| {
            proprietary.template(dict::FCI_ISSUER_DISCRETIONARY_DATA, |directory| {
                for (tag, value) in objects {
                    directory.put(*tag, value);
                }
                for entry in entries {
                    directory.put(dict::APPLICATION_TEMPLATE, entry);
                }
            });
        });
    });
    fci.into_bytes()
}

/// The FCI of an application whose proprietary template `fill` writes.
pub(super) fn fci(fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut fci = Writer::new();
    fci.template(dict::FCI_TEMPLATE, |fci| {
        fci.template(dict::FCI_PROPRIETARY_TEMPLATE, fill);
    });
    fci.into_bytes()
}

/// A combination for purchases.
pub(super) fn combination(aid: &[u8], kernel: u8, limits: Limits) -> Combination {
    Combination {
        aid: Aid::try_from(aid).unwrap(),
        kernel_id: KernelId::emvco(kernel),
        transaction_types: alloc::vec![0x00],
        limits,
    }
}

/// A purchase in a currency with two decimals.
pub(super) fn purchase(minor_units: u32) -> Transaction {
    Transaction {
        amount_authorised: Some(Amount::from(minor_units)),
        amount_other: None,
        currency: [0x09, 0x78],
        currency_exponent: 2,
        transaction_type: 0x00,
        date: Date::new(2026, 11, 24).unwrap(),
        time: [0x12, 0x00, 0x00],
        sequence_counter: 1,
    }
}

/// Entry Point and what it asks for.
pub(super) struct Reader {
    pub(super) entry_point: EntryPoint,
    pub(super) now: Instant,
}

impl Reader {
    /// A purchase of 10.00 with kernels 2, 3 and 0x21.
    pub(super) fn new() -> Self {
        Self::at(PointOfInteraction::default())
    }

    /// The same at this point of interaction.
    pub(super) fn at(point_of_interaction: PointOfInteraction) -> Self {
        let combinations = [(MASTERCARD, 2), (VISA, 3), (OTHER, 0x21)]
            .map(|(aid, kernel)| combination(aid, kernel, Limits::default()));
        Self::start(Arc::new(combinations), point_of_interaction, Autorun::No)
    }

    pub(super) fn with(combinations: Arc<[Combination]>, autorun: Autorun) -> Self {
        Self::start(combinations, PointOfInteraction::default(), autorun)
    }

    fn start(combinations: Arc<[Combination]>, point_of_interaction: PointOfInteraction, autorun: Autorun) -> Self {
        let numbers = UnpredictableNumbers::from_seed([1; 32]);
        let entry_point = EntryPoint::new(combinations, point_of_interaction, purchase(1000), numbers, autorun);
        Reader { entry_point, now: Instant::from_micros(1_000_000) }
    }

    /// All that there is to do.
    pub(super) fn poll(&mut self) -> Vec<Output> {
        core::iter::from_fn(|| self.entry_point.poll()).collect()
    }

    /// Hands in what happened, after all that there was to do; gives all that is to be done now.
    pub(super) fn handle(&mut self, input: Input<'_>) -> Vec<Output> {
        self.poll();
        self.entry_point.handle(input, self.now);
        self.poll()
    }

    /// Hands in a response with success.
    pub(super) fn respond(&mut self, data: &[u8]) -> Vec<Output> {
        self.handle(Input::Response(&[data, &[0x90, 0x00]].concat()))
    }

    /// Hands in a response without data.
    pub(super) fn refuse(&mut self) -> Vec<Output> {
        self.handle(Input::Response(&[0x6A, 0x82]))
    }

    /// Presents a card with these Directory Entries.
    pub(super) fn present(&mut self, entries: &[Vec<u8>]) -> Vec<Output> {
        self.handle(Input::CardPresent);
        self.respond(&ppse(entries))
    }

    /// Presents a card with one Mastercard application, and lets it be selected.
    pub(super) fn activate(&mut self) -> Start {
        self.present(&[application(MASTERCARD, 1)]);
        activated(&self.respond(&fci(|_| {}))).1
    }

    pub(super) fn outcome(&mut self, outcome: Outcome) -> Vec<Output> {
        self.handle(Input::KernelOutcome(outcome))
    }
}

/// The name in the one SELECT among these.
pub(super) fn selected(outputs: &[Output]) -> Option<&[u8]> {
    outputs.iter().find_map(|output| match output {
        Output::Transmit(command) => Some(command.data()),
        _ => None,
    })
}

/// The combination and start of the kernel activated among these.
pub(super) fn activated(outputs: &[Output]) -> (usize, Start) {
    let activation = outputs.iter().find_map(|output| match output {
        Output::Activate { combination, start } => Some((*combination, start.as_ref().clone())),
        _ => None,
    });
    activation.unwrap_or_else(|| panic!("no kernel among {outputs:?}"))
}

/// The outcome with which these end.
pub(super) fn finished(outputs: &[Output]) -> Option<&Outcome> {
    match outputs.last() {
        Some(Output::Finished(outcome)) => Some(outcome),
        _ => None,
    }
}
