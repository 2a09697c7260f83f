//! What the journal remembers of a transaction.
//!
//! Events are stored for ever, so their form only grows: a new field has a default, and an event
//! that would change its meaning gets a new name. None holds a PAN in clear, track data or a PIN.

use emv::fields::Amount;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::batch::BatchNumber;
use super::card::MaskedPan;
use super::ending::{FinalResult, Reason, ReversalReason};
use super::hex::Hex;
use super::minor_units;
use super::request::{Request, TransactionType};
use super::token::Token;
use super::trace_number::{Rrn, Stan};
use crate::keys::{Generation, KeyReservation, Sealed};

/// An event in the life of one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "body", rename_all = "snake_case")]
pub enum Event {
    /// A caller asked for the transaction.
    Created(Request),
    /// A reader waits for a card.
    Armed {
        /// The reader's name.
        reader: String,
    },
    /// A card is in the field.
    CardSeen,
    /// The kernel has ended; the card may go.
    CardRead(Box<CardRead>),
    /// What a follow-up takes over from its original: no card is asked for.
    OriginalRead(Box<Original>),
    /// The acquirer is about to be asked. Written before the first byte is sent.
    OnlineRequested(OnlineRequest),
    /// The acquirer answered.
    OnlineAnswered(Answer),
    /// No answer came that counts: nothing could be sent, nothing came in time, or nothing that can be understood.
    OnlineFailed {
        /// What was wrong, in words. It holds nothing of the card.
        reason: String,
    },
    /// The caller wants to cancel while the acquirer is being asked. What it answers will be taken back.
    CancelRequested,
    /// The acquirer answered when it was too late. It changes nothing, and tells what the acquirer had decided.
    LateAnswer(Answer),
    /// The request to the acquirer will be taken back. Written before the reversal is sent.
    ReversalRequested(Reversal),
    /// The reversal is not settled, and will be sent again. Written where that is another failure than the last.
    ReversalFailed(SendFailure),
    /// The acquirer took the reversal.
    ReversalAnswered {
        /// Its response code (ISO 8583:1987, data element 39).
        response_code: String,
    },
    /// The acquirer will be told of what card and terminal approve offline, or of what follows from an earlier
    /// approval. Written together with the end.
    AdviceRequested(OnlineRequest),
    /// The advice is not taken, and will be sent again. Written where that is another failure than the last.
    AdviceFailed(SendFailure),
    /// The acquirer took the advice.
    AdviceAnswered {
        /// Its response code (ISO 8583:1987, data element 39).
        response_code: String,
    },
    /// The end, once for each token. Only an advice may follow.
    Completed {
        /// What became of it.
        result: FinalResult,
        /// Why.
        reason: Reason,
    },
}

impl Event {
    /// The end for this reason.
    pub fn completed(reason: Reason) -> Self {
        Event::Completed { result: reason.result(), reason }
    }

    /// The name under which the journal files it.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Created(_) => "created",
            Event::Armed { .. } => "armed",
            Event::CardSeen => "card_seen",
            Event::CardRead(_) => "card_read",
            Event::OriginalRead(_) => "original_read",
            Event::OnlineRequested(_) => "online_requested",
            Event::OnlineAnswered(_) => "online_answered",
            Event::OnlineFailed { .. } => "online_failed",
            Event::CancelRequested => "cancel_requested",
            Event::LateAnswer(_) => "late_answer",
            Event::ReversalRequested(_) => "reversal_requested",
            Event::ReversalFailed(_) => "reversal_failed",
            Event::ReversalAnswered { .. } => "reversal_answered",
            Event::AdviceRequested(_) => "advice_requested",
            Event::AdviceFailed(_) => "advice_failed",
            Event::AdviceAnswered { .. } => "advice_answered",
            Event::Completed { .. } => "completed",
        }
    }
}

/// An event with its time and its transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When it happened.
    pub at: Timestamp,
    /// To which transaction.
    pub token: Token,
    /// What happened.
    pub event: Event,
}

/// An event that belongs to no transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "body", rename_all = "snake_case")]
pub enum TerminalEvent {
    /// The daemon is ready.
    Started {
        /// Its version.
        version: String,
        /// SHA-256 of its configuration, in hex.
        config: String,
    },
    /// The journal can be written again, after it could not.
    Resumed,
    /// The daemon was told to stop.
    Stopped,
    /// The transactions whose cards were lost before they gave their cryptograms, as they now are.
    TornTransactions {
        /// The log of Kernel 2, encrypted.
        sealed: Sealed,
    },
    /// This journal took the place of a damaged one. Its first row.
    JournalSetAside(JournalSetAside),
    /// Keys of DUKPT may be used from now on. Written before the first of them is; a restart goes on after the last.
    KeysReserved(KeyReservation),
    /// A storage key is there, and seals card data from now on.
    StorageKeyBegun {
        /// Which one.
        generation: Generation,
    },
    /// Nothing that a storage key has sealed is needed any more. Written before the key is destroyed.
    StorageKeyDestroyed {
        /// Which one.
        generation: Generation,
    },
}

/// The damaged journal that was here before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalSetAside {
    /// Its name now, in the same folder.
    pub file: String,
    /// The last row up to which every one is as it was written; 0 if the first is not.
    pub last_good_row: u64,
    /// That row's chain value: 64 hex digits.
    pub last_good_chain: String,
    /// How many rows of it follow.
    pub rows_taken_over: u64,
    /// The STAN after which this journal goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_stan: Option<Stan>,
}

/// The Outcome of one tap that ends the kernel's part (EMV Contactless Book A, 6.2). Try Again and
/// Select Next restart the tap and never get here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TapOutcome {
    /// Approved: offline.
    Approved,
    /// Declined: offline.
    Declined,
    /// Online Request.
    OnlineRequest,
    /// Try Another Interface.
    TryAnotherInterface,
    /// End Application.
    EndApplication,
}

/// How the cardholder was verified, as the Outcome says (EMV Contactless Book A, 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cvm {
    /// No CVM, or none applicable.
    NoCvm,
    /// Obtain Signature.
    Signature,
    /// Online PIN.
    OnlinePin,
    /// Confirmation Code Verified: on the cardholder's device.
    OnDevice,
}

impl Cvm {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Cvm::NoCvm => "no_cvm",
            Cvm::Signature => "signature",
            Cvm::OnlinePin => "online_pin",
            Cvm::OnDevice => "on_device",
        }
    }
}

/// What a tap left behind: the Outcome, and what a receipt prints. Where the card was not read so
/// far, values are absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardRead {
    /// The Outcome.
    pub outcome: TapOutcome,
    /// Whether the card asked to be presented again with the issuer's answer.
    #[serde(default)]
    pub present_again: bool,
    /// How the cardholder was verified.
    pub cvm: Cvm,
    /// The card scheme as the configuration names it, such as `visa`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// The name to print: Application Preferred Name if it can be printed, otherwise the
    /// Application Label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_label: Option<String>,
    /// The PAN, masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pan: Option<MaskedPan>,
    /// The card as a later message to the acquirer needs it; present when the Outcome was Approved
    /// or Online Request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Sealed>,
    /// What the acquirer is told in field 55 of an advice; present when the Outcome was Approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icc_data: Option<Sealed>,
    /// Data objects for the receipt and for disputes, none of them secret.
    #[serde(default)]
    pub data: TapData,
}

impl CardRead {
    /// What a follow-up needs of the card.
    pub fn on_record(&self) -> CardOnRecord {
        CardOnRecord {
            scheme: self.scheme.clone(),
            application_label: self.application_label.clone(),
            pan: self.pan.clone(),
            aid: self.data.aid.clone(),
            card: self.card.clone(),
        }
    }
}

/// A card as a transaction knows it that does without the card itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CardOnRecord {
    /// The card scheme as the configuration names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// The application's name, as it was printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_label: Option<String>,
    /// The PAN, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pan: Option<MaskedPan>,
    /// The AID of the application: 5 to 16 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aid: Option<Hex>,
    /// The card as a message to the acquirer needs it, sealed for this transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<Sealed>,
}

/// What a follow-up takes over from its original. With it, the follow-up is told by its own events alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    /// What kind of transaction it is.
    #[serde(rename = "type")]
    pub kind: TransactionType,
    /// The message by which the acquirer knows it.
    pub message: OnlineRequest,
    /// Whether that is an advice: of an offline approval, or of a capture.
    #[serde(default)]
    pub is_advised: bool,
    /// Whether it is a follow-up itself.
    #[serde(default)]
    pub is_follow_up: bool,
    /// What it came to before this follow-up: what was approved, with all that was added since.
    #[serde(default, with = "minor_units::option", skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// The reference by which the acquirer knows it: its own, where it assigned one.
    pub rrn: Rrn,
    /// The authorisation code of its approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation_code: Option<String>,
    /// The batch that it is in.
    #[serde(default)]
    pub batch: BatchNumber,
    /// The card that paid.
    #[serde(flatten)]
    pub card: CardOnRecord,
}

/// Data objects of a tap that may be stored in clear.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TapData {
    /// The AID of the selected application: 5 to 16 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aid: Option<Hex>,
    /// Terminal Verification Results: 5 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tvr: Option<Hex>,
    /// CVM Results: 3 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cvm_results: Option<Hex>,
    /// Application Cryptogram: 8 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_cryptogram: Option<Hex>,
    /// Cryptogram Information Data: 1 byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cryptogram_information_data: Option<Hex>,
    /// Application Transaction Counter: 2 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_transaction_counter: Option<Hex>,
    /// Unpredictable Number: 4 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpredictable_number: Option<Hex>,
    /// Available Offline Spending Amount, where it may be shown: 6 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_offline_spending_amount: Option<Hex>,
    /// Issuer Script Results, of the tap that brought the card the issuer's scripts: 5 bytes for each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer_script_results: Option<Hex>,
}

/// By which names the acquirer knows this terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptor {
    /// Card acceptor terminal identification: 8 characters (ISO 8583:1987, data element 41).
    pub terminal_id: String,
    /// Card acceptor identification code: up to 15 characters (data element 42).
    pub merchant_id: String,
}

/// A request to the acquirer, with what a reversal of it needs, should the configuration have
/// changed until then; or an advice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlineRequest {
    /// The request's STAN.
    pub stan: Stan,
    /// The transaction's retrieval reference number.
    pub rrn: Rrn,
    /// Transmission date and time of the request.
    pub at: Timestamp,
    /// Who asked.
    #[serde(flatten)]
    pub acceptor: Acceptor,
}

/// What the acquirer answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether the host's dialect counts the response code as an approval, a partial one included.
    pub approved: bool,
    /// Response code (ISO 8583:1987, data element 39).
    pub response_code: String,
    /// Authorisation identification response (data element 38).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation_code: Option<String>,
    /// The amount approved, where the host names one.
    #[serde(default, with = "minor_units::option", skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// The acquirer's own retrieval reference number (data element 37), where it is not ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquirer_rrn: Option<Rrn>,
    /// Issuer Authentication Data: 8 to 16 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_authentication_data: Option<Hex>,
    /// Whether the issuer sent the card scripts. They themselves are not kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_issuer_scripts: bool,
}

impl Answer {
    /// Whether there is something in it for the card (EMV Contactless Book A, 8.1.1.22).
    pub fn is_for_card(&self) -> bool {
        self.issuer_authentication_data.is_some() || self.has_issuer_scripts
    }
}

/// Why a reversal or an advice must be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendFailure {
    /// In words. It holds nothing of the card.
    pub reason: String,
    /// The response code of an answer that settles nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_code: Option<String>,
}

/// A reversal that must be sent until it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    /// The reversal's own STAN, the same in every repetition.
    pub stan: Stan,
    /// Transmission date and time of the reversal.
    pub at: Timestamp,
    /// Why.
    pub reason: ReversalReason,
}
