//! What kernels tell, in the words of a trace: outcomes, messages, events.

use std::time::Duration;

use emv::kernel;
use emv::kernel::c2::TornChange;
use emv::kernel::{AlternateInterface, Cvm, Decision, MessageId, OdaMethod, OnlineResponseData, StartPoint, Status};
use serde::{Deserialize, Serialize};

use crate::terminal::Hex;

/// An outcome with its parameters (EMV Contactless Book A, 6.2). Parameters that are not applicable are left out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// `approved`, `declined`, `online_request` ...
    pub decision: String,
    /// Where Entry Point starts again: `A` to `D`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Which answer from the issuer makes the kernel start again: `emv_data` or `any`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online_response_data: Option<String>,
    /// How the cardholder is verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cvm: Option<String>,
    /// What to show now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ui_on_outcome: Option<Ui>,
    /// What to show when Entry Point starts again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ui_on_restart: Option<Ui>,
    /// The data record, as TLV objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_record: Option<Hex>,
    /// Discretionary data, as TLV objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discretionary_data: Option<Hex>,
    /// `contact_chip` or `mag_stripe`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternate_interface: Option<String>,
    /// Whether the kernel asks for a receipt.
    #[serde(default)]
    pub receipt: bool,
    /// For how long the field is to be off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_off_ms: Option<u64>,
    /// After how long without an answer the card is to be removed; 0 for never.
    #[serde(default)]
    pub removal_timeout_ms: u64,
}

/// A User Interface Request (EMV Contactless Book A, 7.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ui {
    /// The message, by its name in Book A, 9.4, or by its identifier in hex.
    pub message: String,
    /// The status, by its name in Book A, 9.2.
    pub status: String,
    /// How long the message stays at least.
    #[serde(default)]
    pub hold_ms: u64,
    /// The languages the cardholder prefers, as in `5F2D`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// What the number is that is shown: `amount` or `balance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_qualifier: Option<String>,
    /// The number, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
    /// Its currency, ISO 4217 numeric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Hex>,
}

/// What a kernel records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// An application was selected.
    Selected {
        /// Its DF name.
        aid: Hex,
        /// Its kernel.
        kernel: Hex,
        /// Application Label, other characters than ASCII escaped.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        label: String,
        /// Application Preferred Name, other characters than ASCII escaped.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        preferred_name: String,
        /// Issuer Code Table Index.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer_code_table_index: Option<u8>,
    },
    /// The card's registered proprietary data has a value that the terminal wants to know.
    ProprietaryData {
        /// The Proprietary Data Identifier.
        identifier: Hex,
        /// The value.
        value: Hex,
    },
    /// The card broke this rule.
    CardFault(String),
    /// Offline data authentication was performed.
    OfflineDataAuthentication {
        /// `SDA`, `DDA`, `CDA` or `fDDA`.
        method: String,
        /// `verified`, or why not.
        result: String,
    },
    /// Mag-stripe mode has now failed this often in a row.
    MagStripeFailures(u8),
    /// Issuer Script Results: 5 bytes for each of the issuer's scripts.
    IssuerScriptResults(Hex),
    /// The results when the kernel finished.
    Results {
        /// Terminal Verification Results.
        tvr: Hex,
        /// CVM Results.
        cvm_results: Hex,
    },
    /// The log of torn transactions changed: `added`, `settled` or `released`.
    TornLog(String),
}

impl Event {
    /// What an [`Event::OfflineDataAuthentication`] says where signatures verify.
    pub const VERIFIED: &str = "verified";
}

impl From<&kernel::Outcome> for Outcome {
    fn from(outcome: &kernel::Outcome) -> Self {
        let record = |record: &kernel::Record| Hex(record.as_bytes().to_vec());
        Outcome {
            decision: decision(outcome.decision).into(),
            start: outcome.start.map(|start| start_point(start).into()),
            online_response_data: outcome.online_response_data.map(|data| online_response_data(data).into()),
            cvm: outcome.cvm.map(|method| cvm(method).into()),
            ui_on_outcome: outcome.ui_on_outcome.as_ref().map(Ui::from),
            ui_on_restart: outcome.ui_on_restart.as_ref().map(Ui::from),
            data_record: outcome.data_record.as_ref().map(record),
            discretionary_data: outcome.discretionary_data.as_ref().map(record),
            alternate_interface: outcome.alternate_interface.map(|interface| alternate_interface(interface).into()),
            receipt: outcome.receipt,
            field_off_ms: outcome.field_off.map(milliseconds),
            removal_timeout_ms: milliseconds(outcome.removal_timeout),
        }
    }
}

impl From<&kernel::UiRequest> for Ui {
    fn from(request: &kernel::UiRequest) -> Self {
        Ui {
            message: message(request.message),
            status: status(request.status).into(),
            hold_ms: milliseconds(request.hold_time),
            language: request.language_preference.escape_ascii().to_string(),
            value_qualifier: request.value.map(|value| {
                match value.qualifier {
                    kernel::ValueQualifier::Amount => "amount",
                    kernel::ValueQualifier::Balance => "balance",
                }
                .into()
            }),
            value: request.value.map(|value| value.minor_units),
            currency: request.value.map(|value| Hex(value.currency.to_vec())),
        }
    }
}

impl From<&kernel::Event> for Event {
    fn from(event: &kernel::Event) -> Self {
        match event {
            kernel::Event::Selected { df_name, kernel_id, label, preferred_name, issuer_code_table_index } => {
                Event::Selected {
                    aid: Hex(df_name.to_vec()),
                    kernel: Hex(kernel_id.as_bytes().to_vec()),
                    label: label.escape_ascii().to_string(),
                    preferred_name: preferred_name.escape_ascii().to_string(),
                    issuer_code_table_index: *issuer_code_table_index,
                }
            }
            kernel::Event::ProprietaryData { identifier, value } => {
                Event::ProprietaryData { identifier: Hex(identifier.to_be_bytes().to_vec()), value: Hex(value.clone()) }
            }
            kernel::Event::CardFault(rule) => Event::CardFault((*rule).into()),
            kernel::Event::OfflineDataAuthentication { method, result } => Event::OfflineDataAuthentication {
                method: match method {
                    OdaMethod::Sda => "SDA",
                    OdaMethod::Dda => "DDA",
                    OdaMethod::Cda => "CDA",
                    OdaMethod::Fdda => "fDDA",
                }
                .into(),
                result: match result {
                    Ok(()) => Event::VERIFIED.into(),
                    Err(fault) => fault.to_string(),
                },
            },
            kernel::Event::MagStripeFailures(failures) => Event::MagStripeFailures(*failures),
            kernel::Event::IssuerScriptResults(results) => Event::IssuerScriptResults(Hex(results.clone())),
            kernel::Event::Results { tvr, cvm_results } => {
                Event::Results { tvr: Hex(tvr.as_bytes().to_vec()), cvm_results: Hex(cvm_results.as_bytes().to_vec()) }
            }
            kernel::Event::TornLog(change) => Event::TornLog(
                match change {
                    TornChange::Added(_) => "added",
                    TornChange::Settled(_) => "settled",
                    TornChange::Released(_) => "released",
                }
                .into(),
            ),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::SelectNext => "select_next",
        Decision::TryAgain => "try_again",
        Decision::Approved => "approved",
        Decision::Declined => "declined",
        Decision::OnlineRequest => "online_request",
        Decision::RequestOnlinePin => "request_online_pin",
        Decision::TryAnotherInterface => "try_another_interface",
        Decision::EndApplication => "end_application",
    }
}

fn start_point(start: StartPoint) -> &'static str {
    match start {
        StartPoint::A => "A",
        StartPoint::B => "B",
        StartPoint::C => "C",
        StartPoint::D => "D",
    }
}

fn online_response_data(data: OnlineResponseData) -> &'static str {
    match data {
        OnlineResponseData::EmvData => "emv_data",
        OnlineResponseData::Any => "any",
    }
}

fn cvm(cvm: Cvm) -> &'static str {
    match cvm {
        Cvm::NoCvm => "no_cvm",
        Cvm::ObtainSignature => "signature",
        Cvm::OnlinePin => "online_pin",
        Cvm::ConfirmationCodeVerified => "confirmation_code_verified",
    }
}

fn alternate_interface(interface: AlternateInterface) -> &'static str {
    match interface {
        AlternateInterface::ContactChip => "contact_chip",
        AlternateInterface::MagStripe => "mag_stripe",
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::NotReady => "not_ready",
        Status::Idle => "idle",
        Status::ReadyToRead => "ready_to_read",
        Status::Processing => "processing",
        Status::CardReadSuccessfully => "card_read_successfully",
        Status::ProcessingError => "processing_error",
        Status::NotApplicable => "not_applicable",
    }
}

fn message(message: MessageId) -> String {
    match message {
        MessageId::Approved => "approved",
        MessageId::NotAuthorised => "not_authorised",
        MessageId::EnterPin => "enter_pin",
        MessageId::ProcessingError => "processing_error",
        MessageId::RemoveCard => "remove_card",
        MessageId::Welcome => "welcome",
        MessageId::PresentCard => "present_card",
        MessageId::Processing => "processing",
        MessageId::CardReadOk => "card_read_ok",
        MessageId::InsertOrSwipeCard => "insert_or_swipe_card",
        MessageId::PresentOneCardOnly => "present_one_card_only",
        MessageId::ApprovedPleaseSign => "approved_please_sign",
        MessageId::Authorising => "authorising",
        MessageId::TryAnotherCard => "try_another_card",
        MessageId::InsertCard => "insert_card",
        MessageId::ClearDisplay => "clear_display",
        MessageId::SeePhone => "see_phone",
        MessageId::PresentCardAgain => "present_card_again",
        MessageId::NotApplicable => "not_applicable",
        MessageId::Other(code) => return format!("{code:02X}"),
    }
    .into()
}
