//! The kernels, behind one door.
//!
//! A kernel is a value that is fed with [`Input`]s and drained of [`Output`]s; whoever owns the
//! reader drives it:
//!
//! 1. [`Kernel::activate`] it.
//! 2. [`Kernel::poll`] until it gives nothing more, and carry out what it gives.
//! 3. Wait for what it asked for, [`Kernel::handle`] what happened, go to 2.
//!
//! It ends with [`Output::Finished`]; after that it gives nothing and takes nothing.

pub mod c2;
pub mod c3;
mod database;
mod outcome;
pub mod shared;
mod start;
mod ui;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use arrayvec::ArrayVec;

pub use database::Database;
pub use outcome::{AlternateInterface, Cvm, Decision, OnlineResponseData, Outcome, Record, StartPoint};
pub use start::{Indicators, Start, Transaction, UnpredictableNumbers};
pub use ui::{MessageId, Status, UiRequest, Value, ValueQualifier};

use crate::Instant;
use crate::apdu::Command;
use crate::profile::{KernelConfiguration, KernelId, Profile};
use crate::tlv::Tag;

/// What happened outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// The last command was handed to the card. Only a [timed](Command::is_timed) command needs it;
    /// without it the time counts from the moment at which the kernel wanted it sent.
    Sent,
    /// The card answered the last command.
    Response(&'a [u8]),
    /// The card did not answer: it left the field, or the exchange failed for good.
    CardLost,
    /// The moment of the last [`Output::Wait`] has come.
    Deadline,
    /// The terminal's answer in a data exchange: TLV objects.
    Data(&'a [u8]),
    /// The cashier or the register wants to stop.
    Cancel,
}

/// What a kernel wants done.
///
/// `Transmit`, `Wait` and `Finished` are the last of a batch: nothing follows until the next input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Show this.
    Ui(UiRequest),
    /// Tell the terminal, which takes part in a data exchange (Book C-2, DEK). It may answer with
    /// [`Input::Data`] as long as the kernel runs; where the kernel needs the answer, a `Wait` follows.
    DataExchange {
        /// The objects that the terminal is asked for.
        needed: Vec<Tag>,
        /// The objects that it is told; one that nobody knows is empty.
        sent: Record,
    },
    /// Something worth writing down happened.
    Record(Event),
    /// Send this command and hand in the response.
    Transmit(Command),
    /// Hand in [`Input::Deadline`] at this moment if nothing else comes first.
    Wait(Instant),
    /// The kernel is done.
    Finished(Outcome),
}

/// What happened inside a kernel that a log, a journal or a trace should hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An application was selected, and its kernel is activated (EMV Contactless Book B, 3.4).
    Selected {
        /// The DF name that was selected, extended where Extended Selection asked for it.
        df_name: ArrayVec<u8, 16>,
        /// The kernel of the combination.
        kernel_id: KernelId,
        /// Application Label (`50`); empty where the card has none.
        label: ArrayVec<u8, 16>,
        /// Application Preferred Name (`9F12`); empty where the card has none.
        preferred_name: ArrayVec<u8, 16>,
        /// Issuer Code Table Index (`9F11`): the part of ISO/IEC 8859 that the preferred name is
        /// written in.
        issuer_code_table_index: Option<u8>,
    },
    /// The card's registered proprietary data has a value that the terminal wants to know (EMV Contactless
    /// Book B, 3.3.1.2).
    ProprietaryData {
        /// The Proprietary Data Identifier.
        identifier: u16,
        /// The value.
        value: Vec<u8>,
    },
    /// The card misbehaved: where, and against which rule.
    CardFault(&'static str),
    /// Offline data authentication was performed, by this method, with this result.
    OfflineDataAuthentication {
        /// Which method.
        method: OdaMethod,
        /// Why it failed, if it did.
        result: Result<(), crate::oda::Fault>,
    },
    /// Mag-stripe mode of Kernel 2 has now failed this often in a row (Failed MS Cntr, 0 to 5): the
    /// next activation is to be told, by whichever card.
    MagStripeFailures(u8),
    /// Issuer Script Results (`9F5B`): what became of the issuer's scripts, 5 bytes for each.
    IssuerScriptResults(Vec<u8>),
    /// The results as they stood when the kernel finished.
    Results {
        /// Terminal Verification Results.
        tvr: crate::fields::Tvr,
        /// CVM Results.
        cvm_results: crate::fields::CvmResults,
    },
    /// The log of torn transactions is to be changed, for the taps that follow.
    TornLog(c2::TornChange),
}

/// Methods of offline data authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OdaMethod {
    /// Static data authentication.
    Sda,
    /// Dynamic data authentication.
    Dda,
    /// Combined dynamic data authentication and application cryptogram generation.
    Cda,
    /// Fast dynamic data authentication (Book C-3, Annex C).
    Fdda,
}

/// A running kernel. All kernels there are form this one enum.
#[derive(Debug)]
pub enum Kernel {
    /// Kernel 2.
    C2(Box<c2::Kernel2>),
    /// Kernel 3.
    C3(Box<c3::Kernel3>),
}

impl Kernel {
    /// Starts the kernel of the `application`-th combination of a profile.
    pub fn activate(profile: &Arc<Profile>, application: usize, start: Start, now: Instant) -> Self {
        match profile.kernel(application) {
            KernelConfiguration::C2(configuration) => {
                Kernel::C2(Box::new(c2::Kernel2::activate(Arc::clone(profile), configuration, start, now)))
            }
            KernelConfiguration::C3(configuration) => {
                Kernel::C3(Box::new(c3::Kernel3::activate(Arc::clone(profile), configuration, start, now)))
            }
        }
    }

    /// Takes what happened.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        match self {
            Kernel::C2(kernel) => kernel.handle(input, now),
            Kernel::C3(kernel) => kernel.handle(input, now),
        }
    }

    /// Gives the next thing to do, if there is one.
    pub fn poll(&mut self) -> Option<Output> {
        match self {
            Kernel::C2(kernel) => kernel.poll(),
            Kernel::C3(kernel) => kernel.poll(),
        }
    }
}
