//! Data elements: what a message can say, by names of our own. A dialect puts each into a field.

use std::fmt;

use emv::dict::Sensitivity::{self, Authentication, Cardholder, Public};
use serde::Deserialize;

/// What a message can say. Where it stands is the dialect's affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
#[allow(missing_docs, reason = "`ELEMENTS` says of each what it is")]
pub enum Element {
    Pan,
    ProcessingCode,
    Amount,
    TransmissionDateTime,
    Stan,
    LocalTime,
    LocalDate,
    LocalDateTime,
    ExpiryDate,
    MerchantCategory,
    AcquirerCountry,
    PosEntryMode,
    PosDataCode,
    CardSequenceNumber,
    AcquirerId,
    Track2,
    RetrievalReferenceNumber,
    AuthorisationCode,
    ResponseCode,
    TerminalId,
    MerchantId,
    MerchantName,
    Currency,
    PinBlock,
    PinKeySerialNumber,
    AdditionalAmounts,
    IccData,
    OriginalDataElements,
    OriginalData,
    OriginalReference,
    OriginalAmount,
    ReplacementAmounts,
    KeySerialNumber,
    KindCode,
    BatchNumber,
    OriginalBatchNumber,
    OriginalStan,
    OriginalLocalDate,
}

/// What there is to know of a data element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// The element.
    pub element: Element,
    /// Its name in a dialect's file.
    pub name: &'static str,
    /// What it is, and how it is written.
    pub meaning: &'static str,
    /// How it must be treated: a field that is shown in logs has none that is not public.
    pub sensitivity: Sensitivity,
}

const fn element(element: Element, name: &'static str, meaning: &'static str, sensitivity: Sensitivity) -> Description {
    Description { element, name, meaning, sensitivity }
}

/// Every data element.
#[rustfmt::skip]
pub const ELEMENTS: &[Description] = &[
    element(Element::Pan, "pan", "the card's number", Cardholder),
    element(Element::ProcessingCode, "processing_code", "kind of transaction, from and to the default account, or as `kinds` have it: 6 digits", Public),
    element(Element::Amount, "amount", "the amount, cashback included, minor units: 12 digits", Public),
    element(Element::TransmissionDateTime, "transmission_date_time", "MMDDhhmmss, UTC", Public),
    element(Element::Stan, "stan", "systems trace audit number of this message: 6 digits", Public),
    element(Element::LocalTime, "local_time", "hhmmss where the terminal stands; of a reversal, the original's", Public),
    element(Element::LocalDate, "local_date", "MMDD where the terminal stands; of a reversal, the original's", Public),
    element(Element::LocalDateTime, "local_date_time", "YYMMDDhhmmss where the terminal stands; of a reversal, the original's", Public),
    element(Element::ExpiryDate, "expiry_date", "the card's expiry: YYMM", Cardholder),
    element(Element::MerchantCategory, "merchant_category", "the merchant's category (ISO 18245): 4 digits", Public),
    element(Element::AcquirerCountry, "acquirer_country", "the acquirer's country (ISO 3166-1 numeric): 3 digits", Public),
    element(Element::PosEntryMode, "pos_entry_mode", "how the card was read, of `entry_modes`, and 1 or 2: whether the terminal takes a PIN", Public),
    element(Element::PosDataCode, "pos_data_code", "how the card was read, of `entry_modes`, as it stands there", Public),
    element(Element::CardSequenceNumber, "card_sequence_number", "which of the cards with this number: 3 digits", Public),
    element(Element::AcquirerId, "acquirer_id", "the acquirer, up to 11 digits", Public),
    element(Element::Track2, "track_2", "track 2, or its equivalent on the chip", Authentication),
    element(Element::RetrievalReferenceNumber, "retrieval_reference_number", "the transaction's reference: 12 characters", Public),
    element(Element::AuthorisationCode, "authorisation_code", "of an approval, or of the one that is taken back or followed up: 6 characters", Public),
    element(Element::ResponseCode, "response_code", "of an answer: what was decided; of an advice, Y1: approved offline", Public),
    element(Element::TerminalId, "terminal_id", "the terminal: 8 characters", Public),
    element(Element::MerchantId, "merchant_id", "the merchant: 15 characters", Public),
    element(Element::MerchantName, "merchant_name", "name and address of the shop: up to 40 characters", Public),
    element(Element::Currency, "currency", "ISO 4217 numeric: 3 digits", Public),
    element(Element::PinBlock, "pin_block", "the enciphered PIN block: 8 bytes in format 0, 16 in format 4", Authentication),
    element(Element::PinKeySerialNumber, "pin_key_serial_number", "by which the host finds the key of the PIN block (DUKPT): bytes, or their hexadecimal digits in a field of text", Public),
    element(Element::AdditionalAmounts, "additional_amounts", "account type 00, amount type 40 (cash), currency, D, amount: 20 characters; only with cashback", Public),
    element(Element::IccData, "icc_data", "data objects of chip and kernel; of an answer, the issuer's", Authentication),
    element(Element::OriginalDataElements, "original_data_elements", "of the request that is taken back or followed up: type, STAN, transmission time, acquirer, zeros: 42 digits", Public),
    element(Element::OriginalData, "original_data", "of the request that is taken back or followed up: type, STAN, local time, length of the acquirer and the acquirer: up to 35 digits", Public),
    element(Element::OriginalReference, "original_reference", "of the transaction that is followed up: the reference by which the acquirer knows it", Public),
    element(Element::OriginalAmount, "original_amount", "of a follow-up: what its original came to before, minor units: 12 digits", Public),
    element(Element::KeySerialNumber, "key_serial_number", "by which the host finds the key of the MAC (DUKPT): bytes, or their hexadecimal digits in a field of text", Public),
    element(Element::ReplacementAmounts, "replacement_amounts", "what remains of the amount that is taken back, nothing: 42 characters", Public),
    element(Element::KindCode, "kind_code", "how the dialect's `kinds` have the kind of transaction, where the processing code does not tell", Public),
    element(Element::BatchNumber, "batch_number", "the batch that the transaction is in, or that is closed: 6 digits", Public),
    element(Element::OriginalBatchNumber, "original_batch_number", "of the request that is taken back, refunded or voided: its batch, 6 digits", Public),
    element(Element::OriginalStan, "original_stan", "of the request that is taken back, refunded or voided: its STAN, 6 digits", Public),
    element(Element::OriginalLocalDate, "original_local_date", "of the request that is taken back, refunded or voided: its date where the terminal stands, MMDD", Public),
];

impl Element {
    /// What there is to know of it.
    pub fn description(self) -> &'static Description {
        ELEMENTS.iter().find(|known| known.element == self).expect("a test holds the table to be complete")
    }

    /// Whether no configuration may give it a value: it says whose money moves, how much of it, and in which message.
    pub fn is_never_constant(self) -> bool {
        use Element::*;
        matches!(
            self,
            Pan | ProcessingCode
                | Amount
                | TransmissionDateTime
                | Stan
                | Track2
                | RetrievalReferenceNumber
                | AuthorisationCode
                | ResponseCode
                | TerminalId
                | Currency
                | PinBlock
                | PinKeySerialNumber
                | AdditionalAmounts
                | IccData
                | OriginalDataElements
                | OriginalData
                | OriginalReference
                | OriginalAmount
                | ReplacementAmounts
                | KeySerialNumber
                | KindCode
                | BatchNumber
                | OriginalBatchNumber
                | OriginalStan
                | OriginalLocalDate
        )
    }

    /// Whether no configuration may take it out: without it no host can tell one request from another, or what is
    /// asked.
    pub fn is_never_omitted(self) -> bool {
        use Element::*;
        matches!(
            self,
            ProcessingCode
                | Amount
                | TransmissionDateTime
                | Stan
                | ResponseCode
                | Currency
                | OriginalDataElements
                | OriginalData
        )
    }

    /// How many characters it has, where that is the same in every dialect.
    pub fn width(self) -> Option<usize> {
        use Element::*;
        match self {
            Currency | AcquirerCountry | CardSequenceNumber => Some(3),
            LocalDate | OriginalLocalDate | ExpiryDate | MerchantCategory => Some(4),
            ProcessingCode | Stan | LocalTime | BatchNumber | OriginalBatchNumber | OriginalStan => Some(6),
            TerminalId => Some(8),
            TransmissionDateTime => Some(10),
            Amount | LocalDateTime => Some(12),
            _ => None,
        }
    }

    /// Whether a host may or may not give it back as it was. The retrieval reference number is one: some hosts assign
    /// their own.
    pub fn may_be_echoed(self) -> bool {
        use Element::*;
        matches!(
            self,
            ProcessingCode
                | TransmissionDateTime
                | LocalTime
                | LocalDate
                | LocalDateTime
                | AcquirerId
                | RetrievalReferenceNumber
                | MerchantId
        )
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description().name)
    }
}

/// A name that is no data element's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no data element: `tenderctl dialect elements` lists them")]
pub struct NoSuchElement(String);

impl TryFrom<String> for Element {
    type Error = NoSuchElement;

    fn try_from(name: String) -> Result<Self, NoSuchElement> {
        let known = ELEMENTS.iter().find(|known| known.name == name);
        known.map(|known| known.element).ok_or(NoSuchElement(name))
    }
}
