//! A kernel that has read a card, as the tests of the phases want it.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use super::context::Context;
use super::{Configuration, Fault, Options, State};
use crate::Instant;
use crate::apdu::{Command, StatusWord};
use crate::dict;
use crate::fields::{AdditionalTerminalCapabilities, Amount, Bit, CryptogramInformationData, CryptogramType};
use crate::fields::{Ctq, Date, TerminalCapabilities, Ttq};
use crate::kernel::c2::TornLog;
use crate::kernel::{Indicators, Outcome, Output, Start, Transaction, UnpredictableNumbers};
use crate::oda::{CaKeys, Environment, RevocationList};
use crate::profile::{Profile, TerminalData};
use crate::tlv::Tag;

/// A terminal in Germany, without CA keys, at the beginning of a purchase of 10.00 on 2026-11-24.
pub(super) fn context(ttq: &[Bit<Ttq>]) -> Context {
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
    let profile = Profile::new(terminal, CaKeys::new(Environment::Test), RevocationList::new(), []);
    let ttq = ttq.iter().fold(Ttq::default(), |ttq, bit| ttq.with(*bit));
    Context::new(Arc::new(profile), Arc::new(Configuration::default()), &start(ttq, vec![]), Instant::default())
}

pub(super) fn start(ttq: Ttq, fci: Vec<u8>) -> Start {
    Start {
        transaction: Transaction {
            amount_authorised: Some(Amount::from(1000)),
            amount_other: None,
            currency: [0x09, 0x78],
            currency_exponent: 2,
            transaction_type: 0x00,
            date: Date::new(2026, 11, 24).unwrap(),
            time: [0x12, 0x00, 0x00],
            sequence_counter: 1,
        },
        unpredictable_number: [0xCA, 0xFE, 0xBA, 0xBE],
        unpredictable_numbers: UnpredictableNumbers::from_seed([1; 32]),
        indicators: Indicators { ttq: Some(ttq), ..Indicators::default() },
        df_name: vec![0xA0, 0x00, 0x00, 0x00, 0x03, 0x10, 0x10],
        fci,
        select_status: StatusWord::SUCCESS,
        is_restart: false,
        online_response: None,
        is_removal_timed_out: false,
        torn_log: TornLog::new(),
        mag_stripe_failures: 0,
    }
}

impl Context {
    /// The card gave this object, and not what it gave of it before.
    pub(super) fn given(mut self, tag: Tag, value: &[u8]) -> Self {
        self.card_data.retain(|given| *given != tag);
        self.card_data.push(tag);
        self.database.set(tag, value);
        self
    }

    /// The card gave a cryptogram of this type.
    pub(super) fn with_cryptogram(self, cryptogram_type: CryptogramType) -> Self {
        let cid = CryptogramInformationData::new(cryptogram_type);
        self.given(dict::CRYPTOGRAM_INFORMATION_DATA, cid.as_bytes())
    }

    /// The card gave Card Transaction Qualifiers with these bits.
    pub(super) fn with_ctq(self, bits: &[Bit<Ctq>]) -> Self {
        let ctq = bits.iter().fold(Ctq::default(), |ctq, bit| ctq.with(*bit));
        self.given(dict::CTQ, ctq.as_bytes())
    }

    pub(super) fn with_options(mut self, options: Options) -> Self {
        self.configuration = Arc::new(Configuration { options, ..Configuration::default() });
        self
    }

    /// Online Required and Decline Required by Reader Indicator.
    pub(super) fn indicators(&self) -> (bool, bool) {
        (self.online_required, self.decline_required)
    }

    /// The command that the kernel sent last.
    pub(super) fn sent(&self) -> Option<&Command> {
        self.outputs.iter().rev().find_map(|output| match output {
            Output::Transmit(command) => Some(command),
            _ => None,
        })
    }

    /// The outcome; nothing where there is none yet.
    pub(super) fn outcome(&self) -> Option<&Outcome> {
        self.outputs.iter().find_map(|output| match output {
            Output::Finished(outcome) => Some(outcome),
            _ => None,
        })
    }
}

/// What went wrong, where something must have.
pub(super) fn fault(result: Result<State, Fault>) -> Fault {
    result.expect_err("a fault ends the transaction")
}
