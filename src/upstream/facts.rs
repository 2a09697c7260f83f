//! What a message can say: the value of each data element, of what is known.

use emv::fields::{Amount, Pan, Track2, YearMonth};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::authorisation::EntryMode;
use super::config::CardAcceptor;
use super::iso8583::{Dialect, Element, Layout, Message, Mti};
use super::when;
use crate::keys::PinBlock;
use crate::terminal::{Acceptor, BatchNumber, Currency, OnlineRequest, Rrn, Stan, TransactionType};

/// What is known of a message before the dialect has a say.
#[derive(Clone)]
pub(super) struct Facts<'a> {
    /// This message's number.
    pub(super) stan: Stan,
    /// When it is sent.
    pub(super) at: Timestamp,
    /// When what it is about happened: of a reversal, the time of the request.
    pub(super) happened_at: Timestamp,
    pub(super) acceptor: &'a CardAcceptor,
    /// Who asks, which may be older than `acceptor`.
    pub(super) identity: &'a Acceptor,
    pub(super) kind: Option<TransactionType>,
    /// Of what takes a request back: the request's processing code, where the dialect has one for it.
    pub(super) processing_code: Option<&'a str>,
    pub(super) amount: Option<Amount>,
    pub(super) cashback: Amount,
    pub(super) currency: Option<Currency>,
    pub(super) entry_mode: Option<EntryMode>,
    pub(super) pan: Option<&'a Pan>,
    pub(super) expiry: Option<YearMonth>,
    pub(super) card_sequence_number: Option<u8>,
    pub(super) track2: Option<&'a Track2>,
    pub(super) rrn: Option<&'a Rrn>,
    pub(super) authorisation_code: Option<&'a str>,
    pub(super) response_code: Option<&'a str>,
    pub(super) pin_block: Option<&'a PinBlock>,
    pub(super) icc_data: &'a [u8],
    /// Of a follow-up: the reference by which the acquirer knows its original.
    pub(super) original_rrn: Option<&'a Rrn>,
    /// Of a follow-up: what its original came to before.
    pub(super) original_amount: Option<Amount>,
    /// The request that is taken back or followed up, and its type.
    pub(super) original: Option<(&'a OnlineRequest, Mti)>,
    /// The batch that this is in.
    pub(super) batch: BatchNumber,
    /// The batch that the original is in.
    pub(super) original_batch: BatchNumber,
}

impl<'a> Facts<'a> {
    /// What is known of every message.
    pub(super) fn new(stan: Stan, at: Timestamp, acceptor: &'a CardAcceptor) -> Self {
        Self {
            stan,
            at,
            happened_at: at,
            acceptor,
            identity: &acceptor.identity,
            kind: None,
            processing_code: None,
            amount: None,
            cashback: Amount::ZERO,
            currency: None,
            entry_mode: None,
            pan: None,
            expiry: None,
            card_sequence_number: None,
            track2: None,
            rrn: None,
            authorisation_code: None,
            response_code: None,
            pin_block: None,
            icc_data: &[],
            original_rrn: None,
            original_amount: None,
            original: None,
            batch: BatchNumber::FIRST,
            original_batch: BatchNumber::FIRST,
        }
    }

    /// The message of this layout that says what is known, in the fields where the dialect wants it.
    pub(super) fn message(&self, mti: Mti, layout: &Layout, dialect: &Dialect) -> Message {
        let mut message = Message::new(mti);
        for number in &layout.fields {
            let element = dialect.elements.get(number);
            if let Some(value) = element.and_then(|element| self.value(*element, dialect)) {
                message.set(*number, value.as_slice());
            }
        }
        for (number, value) in &layout.constants {
            message.set(*number, value.as_bytes());
        }
        for (number, composition) in &layout.compositions {
            let value =
                |element| self.value(element, dialect).map(|value| String::from_utf8_lossy(&value).into_owned());
            message.set_if(*number, composition.compose(value).map(String::into_bytes));
        }
        message
    }

    /// The characters of an element, or its bytes where it is binary; nothing where it is not known.
    fn value(&self, element: Element, dialect: &Dialect) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
        let zone = &self.acceptor.time_zone;
        let text = match element {
            Element::Pan => return self.pan.map(|pan| bytes(pan.digits().as_bytes())),
            Element::Track2 => return self.track2.map(|track2| bytes(track2.digits('=').as_bytes())),
            Element::PinBlock => return self.pin_block.map(|block| bytes(block.as_bytes())),
            Element::PinKeySerialNumber => {
                let serial_number = self.pin_block?.serial_number()?;
                let number = dialect.field_of(element)?;
                return Some(Zeroizing::new(dialect.bytes_or_digits(number, serial_number.as_bytes())));
            }
            Element::IccData => return (!self.icc_data.is_empty()).then(|| bytes(self.icc_data)),
            Element::ProcessingCode => match self.processing_code {
                Some(code) => code.to_owned(),
                None => dialect.processing_code(self.kind?),
            },
            Element::KindCode => dialect.kinds.get(self.kind?.name())?.kind_code.clone()?,
            Element::Amount => amount(self.amount?),
            Element::TransmissionDateTime => when::transmission(self.at),
            Element::Stan => self.stan.to_string(),
            Element::LocalTime => when::local_time(self.happened_at, zone),
            Element::LocalDate => when::local_date(self.happened_at, zone),
            Element::LocalDateTime => when::local_date_time(self.happened_at, zone),
            Element::ExpiryDate => {
                self.expiry.map(|expiry| format!("{:02}{:02}", expiry.year() % 100, expiry.month()))?
            }
            Element::MerchantCategory => format!("{:04}", self.acceptor.category_code?),
            Element::AcquirerCountry => format!("{:03}", self.acceptor.country_code?),
            Element::PosEntryMode => {
                format!("{}{}", self.entry_mode?.code(dialect), if self.acceptor.takes_pin { 1 } else { 2 })
            }
            Element::PosDataCode => self.entry_mode?.code(dialect).to_owned(),
            Element::CardSequenceNumber => format!("{:03}", self.card_sequence_number?),
            Element::AcquirerId => self.acceptor.acquirer_id.clone()?,
            Element::RetrievalReferenceNumber => self.rrn?.as_str().to_owned(),
            Element::OriginalReference => self.original_rrn?.as_str().to_owned(),
            Element::OriginalAmount => amount(self.original_amount?),
            Element::AuthorisationCode => self.authorisation_code?.to_owned(),
            Element::ResponseCode => self.response_code?.to_owned(),
            Element::TerminalId => self.identity.terminal_id.clone(),
            Element::MerchantId => self.identity.merchant_id.clone(),
            Element::MerchantName => self.acceptor.name_location.clone()?,
            Element::Currency => format!("{:03}", self.currency?.numeric()),
            // Default account, amount type 40 (cash), currency, debit, amount.
            Element::AdditionalAmounts if self.cashback == Amount::ZERO => return None,
            Element::AdditionalAmounts => format!("0040{:03}D{}", self.currency?.numeric(), amount(self.cashback)),
            Element::OriginalDataElements => self.original_data_elements()?,
            Element::OriginalData => self.original_data()?,
            // Nothing remains of the amount.
            Element::ReplacementAmounts => self.original.map(|_| "0".repeat(42))?,
            // Known when the message is sent: the link sets it.
            Element::KeySerialNumber => return None,
            Element::BatchNumber => self.batch.to_string(),
            Element::OriginalBatchNumber => self.original.map(|_| self.original_batch.to_string())?,
            Element::OriginalStan => self.original?.0.stan.to_string(),
            Element::OriginalLocalDate => when::local_date(self.original?.0.at, zone),
        };
        Some(Zeroizing::new(text.into_bytes()))
    }

    /// ISO 8583:1987, data element 90: type, STAN, transmission date and time, acquirer and forwarding institution of
    /// the request; n 42.
    fn original_data_elements(&self) -> Option<String> {
        let (original, mti) = self.original?;
        let (stan, at) = (original.stan, when::transmission(original.at));
        let acquirer = self.acceptor.acquirer_id.as_deref().unwrap_or_default();
        Some(format!("{mti}{stan}{at}{acquirer:0>11}{:011}", 0))
    }

    /// ISO 8583:1993, data element 56: type, STAN, local date and time of the request, and the acquirer after two
    /// digits of its length; n ..35.
    fn original_data(&self) -> Option<String> {
        let (original, mti) = self.original?;
        let (stan, at) = (original.stan, when::local_date_time(original.at, &self.acceptor.time_zone));
        let acquirer = self.acceptor.acquirer_id.as_deref().unwrap_or_default();
        Some(format!("{mti}{stan}{at}{:02}{acquirer}", acquirer.len()))
    }
}

/// Twelve digits of minor units.
fn amount(amount: Amount) -> String {
    format!("{:012}", amount.minor_units())
}
