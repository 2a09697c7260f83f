//! How a kernel, and a whole transaction with the card, ends (EMV Contactless Book A, 6).

use alloc::vec::Vec;
use core::time::Duration;

use super::ui::UiRequest;
use zeroize::Zeroizing;

/// An outcome with all its parameters (EMV Contactless Book A, 6.2).
//= A 6.2
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the kernel decided.
    pub decision: Decision,
    /// Where Entry Point starts again, if it does.
    pub start: Option<StartPoint>,
    /// Which answer from the issuer makes the kernel start again.
    pub online_response_data: Option<OnlineResponseData>,
    /// How the cardholder is, or was, verified; nothing where the kernel has no preference.
    pub cvm: Option<Cvm>,
    /// What to show now.
    pub ui_on_outcome: Option<UiRequest>,
    /// What to show when Entry Point starts again.
    pub ui_on_restart: Option<UiRequest>,
    /// The data of the transaction for authorisation and clearing: TLV objects, without template.
    pub data_record: Option<Record>,
    /// Further data of the kernel: TLV objects, without template.
    pub discretionary_data: Option<Record>,
    /// Which other interface to try.
    pub alternate_interface: Option<AlternateInterface>,
    /// Whether the kernel asks for a receipt; `false` leaves it to the terminal.
    pub receipt: bool,
    /// Turn the field off without waiting for the card's removal, and leave it off for this long.
    pub field_off: Option<Duration>,
    /// After this long without an answer from the issuer, ask for the card's removal; zero for never.
    pub removal_timeout: Duration,
}

impl Outcome {
    /// An outcome with every parameter at not applicable.
    pub fn new(decision: Decision) -> Self {
        Outcome {
            decision,
            start: None,
            online_response_data: None,
            cvm: None,
            ui_on_outcome: None,
            ui_on_restart: None,
            data_record: None,
            discretionary_data: None,
            alternate_interface: None,
            receipt: false,
            field_off: None,
            removal_timeout: Duration::ZERO,
        }
    }
}

/// TLV objects that may hold cardholder data: never printed, wiped when dropped.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Record(Zeroizing<Vec<u8>>);

impl Record {
    /// The objects, one after another.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Record {
    fn from(bytes: Vec<u8>) -> Self {
        Record(Zeroizing::new(bytes))
    }
}

impl core::fmt::Debug for Record {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Record[{}]", self.0.len())
    }
}

/// The outcomes themselves (EMV Contactless Book A, 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// This combination won't do; the next one is tried. Entry Point handles it.
    SelectNext,
    /// The card is to be presented again. Entry Point handles it.
    TryAgain,
    /// Approved, offline or after the issuer's answer.
    Approved,
    /// Declined.
    Declined,
    /// The issuer is to decide.
    OnlineRequest,
    /// The issuer wants the online PIN.
    RequestOnlinePin,
    /// Chip or magnetic stripe may do what contactless can't.
    TryAnotherInterface,
    /// Nothing more can be done with this card.
    EndApplication,
}

/// Where Entry Point starts (EMV Contactless Book B, 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StartPoint {
    /// Pre-processing.
    A,
    /// Protocol activation.
    B,
    /// Combination selection.
    C,
    /// Kernel activation.
    D,
}

/// Which answer from the issuer restarts the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnlineResponseData {
    /// Only one with issuer authentication data (`91`) or an issuer script (`71`, `72`).
    EmvData,
    /// Any, and none.
    Any,
}

/// Cardholder verification as the kernel reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cvm {
    /// None is required.
    NoCvm,
    /// A signature is to be obtained.
    ObtainSignature,
    /// The authorisation carries an online PIN.
    OnlinePin,
    /// The cardholder was verified by their own device.
    ConfirmationCodeVerified,
}

/// Another interface of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlternateInterface {
    /// The chip's contacts.
    ContactChip,
    /// The magnetic stripe.
    MagStripe,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec};

    #[test]
    fn a_debug_print_of_a_record_holds_its_length_only() {
        assert_eq!(format!("{:?}", Record::from(vec![0x5A, 0x01, 0x41])), "Record[3]");
    }
}
