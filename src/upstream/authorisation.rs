//! Asking for an authorisation, and what the host answers.

use std::fmt;

use emv::fields::{Amount, Track2};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::answer::Answered;
use super::config::{CardAcceptor, HostConfig};
use super::facts::Facts;
use super::failure::{MalformedAnswer, NotSent};
use super::icc_data::IssuerData;
use super::iso8583::{Dialect, Element, Message};
use super::response_code::{Action, ResponseCode};
use crate::keys::PinBlock;
use crate::terminal::{Acceptor, Answer, BatchNumber, Card, Currency, Hex, Original, Rrn, Stan, TransactionType};

/// How the card was read. A dialect's `entry_modes` say by which codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryMode {
    /// Contactless, with chip data.
    ContactlessChip,
    /// Contactless, with magnetic stripe data.
    ContactlessMagneticStripe,
}

impl EntryMode {
    pub(super) fn code(self, dialect: &Dialect) -> &str {
        match self {
            Self::ContactlessChip => &dialect.entry_modes.contactless_chip,
            Self::ContactlessMagneticStripe => &dialect.entry_modes.contactless_magnetic_stripe,
        }
    }
}

/// A request for an authorisation: 0100, or 0200 where the acquirer wants it so (see
/// [`MessageClass`](super::MessageClass)); a follow-up as the dialect has it, usually 0200.
#[derive(Clone)]
pub struct AuthorisationRequest {
    /// Field 11: this request's number.
    pub stan: Stan,
    /// Field 37: the transaction's reference.
    pub rrn: Rrn,
    /// Fields 7, 12 and 13: when.
    pub at: Timestamp,
    /// Fields 41 and 42: who asks.
    pub acceptor: Acceptor,
    /// In field 3: the kind of transaction.
    pub kind: TransactionType,
    /// Field 4: the amount, cashback included; of an adjustment, what the sale comes to with it.
    pub amount: Amount,
    /// Field 54: how much of the amount is cashback.
    pub cashback: Amount,
    /// Field 49: the currency.
    pub currency: Currency,
    /// In field 22: how the card was read, if it was.
    pub entry_mode: Option<EntryMode>,
    /// Fields 2, 14 and 23: the card.
    pub card: Card,
    /// Field 35: track 2, or its equivalent on the chip.
    pub track2: Option<Track2>,
    /// Field 52: the encrypted PIN block.
    pub pin_block: Option<PinBlock>,
    /// Field 55: the card's and the kernel's data objects (see [`icc_data`](super::icc_data)); empty for magnetic
    /// stripe data.
    pub icc_data: Zeroizing<Vec<u8>>,
    /// The batch that it is in, for hosts that want its number.
    pub batch: BatchNumber,
    /// Fields 38 and 90: of a follow-up, the transaction that it is about.
    pub original: Option<Original>,
}

impl fmt::Debug for AuthorisationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stan, amount, currency, card, .. } = self;
        write!(f, "AuthorisationRequest(STAN {stan}, {amount} minor units of {}, {:?})", currency.alpha(), card.pan)
    }
}

impl AuthorisationRequest {
    /// The message.
    ///
    /// # Errors
    /// If the dialect has none for such a request.
    pub(super) fn to_message(&self, config: &HostConfig, acceptor: &CardAcceptor) -> Result<Message, NotSent> {
        let purpose = config.purpose_of(self.kind, self.original.is_some());
        if !config.dialect.messages.contains_key(&purpose) {
            return Err(NotSent::NoMessage(purpose));
        }
        Ok(config.message(purpose, false, &self.facts(config, acceptor)))
    }

    /// What is known of it.
    pub(super) fn facts<'a>(&'a self, config: &HostConfig, acceptor: &'a CardAcceptor) -> Facts<'a> {
        let original = self.original.as_ref().map(|original| {
            let purpose = match original.is_advised {
                true => config.advice_purpose_of(original.kind),
                false => config.purpose_of(original.kind, original.is_follow_up),
            };
            (&original.message, config.layout_once_of(purpose).mti)
        });
        Facts {
            original,
            identity: &self.acceptor,
            kind: Some(self.kind),
            amount: Some(self.amount),
            cashback: self.cashback,
            currency: Some(self.currency),
            entry_mode: self.entry_mode,
            pan: Some(&self.card.pan),
            expiry: Some(self.card.expiry),
            card_sequence_number: self.card.sequence_number,
            track2: self.track2.as_ref(),
            rrn: Some(&self.rrn),
            authorisation_code: self.original.as_ref().and_then(|original| original.authorisation_code.as_deref()),
            original_rrn: self.original.as_ref().map(|original| &original.rrn),
            original_amount: self.original.as_ref().and_then(|original| original.amount),
            pin_block: self.pin_block.as_ref(),
            icc_data: &self.icc_data,
            batch: self.batch,
            original_batch: self.original.as_ref().map_or(self.batch, |original| original.batch),
            ..Facts::new(self.stan, self.at, acceptor)
        }
    }
}

/// What the host decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Approved in full.
    Approved,
    /// Approved in full, once the merchant has checked the customer's identity.
    ApprovedWithIdentification,
    /// Approved for this amount, which is less than was asked for.
    PartiallyApproved(Amount),
    /// Declined.
    Declined,
    /// Declined; the issuer wishes to be called.
    ReferToIssuer,
    /// Declined; the issuer wishes the card to be kept.
    PickUp,
}

impl Decision {
    /// Whether money will move.
    pub fn is_approved(self) -> bool {
        matches!(self, Self::Approved | Self::ApprovedWithIdentification | Self::PartiallyApproved(_))
    }
}

/// The answer to an [`AuthorisationRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorisationAnswer {
    /// Field 39, whose [`meaning`](ResponseCode::meaning) has the texts for customer and cashier.
    pub response_code: ResponseCode,
    /// What was decided.
    pub decision: Decision,
    /// Field 38, which an approval usually has.
    pub authorisation_code: Option<String>,
    /// Field 37, where the acquirer knows the request by another reference than ours.
    pub acquirer_rrn: Option<Rrn>,
    /// Field 55: what the issuer sends the card.
    pub issuer_data: IssuerData,
}

impl AuthorisationAnswer {
    /// The answer as the journal keeps it.
    pub fn to_journal(&self) -> Answer {
        let amount = match self.decision {
            Decision::PartiallyApproved(amount) => Some(amount),
            _ => None,
        };
        Answer {
            approved: self.decision.is_approved(),
            response_code: self.response_code.to_string(),
            authorisation_code: self.authorisation_code.clone(),
            amount,
            acquirer_rrn: self.acquirer_rrn.clone(),
            issuer_authentication_data: self.issuer_data.issuer_authentication_data.clone().map(Hex),
            has_issuer_scripts: self.issuer_data.has_scripts(),
        }
    }

    /// The answer to a request for the amount `asked` under the reference `rrn`.
    pub(super) fn read(answer: Answered<'_>, asked: Amount, rrn: &Rrn) -> Result<Self, MalformedAnswer> {
        let response_code = answer.response_code()?;
        let text = |element| answer.text(element).map(str::to_owned);
        let issuer_data = answer.bytes(Element::IccData).map(IssuerData::parse).transpose();
        let issuer_data = issuer_data.map_err(|_| answer.without(Element::IccData))?;
        let decision = match response_code.meaning().action {
            Action::Approve => Decision::Approved,
            Action::ApproveWithIdentification => Decision::ApprovedWithIdentification,
            Action::ApprovePartially => {
                let approved = answer.number(Element::Amount).and_then(|amount| Amount::new(amount).ok());
                let approved = approved.filter(|amount| *amount > Amount::ZERO);
                let approved = approved.ok_or_else(|| answer.without(Element::Amount))?;
                if approved < asked { Decision::PartiallyApproved(approved) } else { Decision::Approved }
            }
            Action::Decline => Decision::Declined,
            Action::ReferToIssuer => Decision::ReferToIssuer,
            Action::PickUp => Decision::PickUp,
        };
        Ok(Self {
            response_code,
            decision,
            authorisation_code: text(Element::AuthorisationCode),
            acquirer_rrn: text(Element::RetrievalReferenceNumber)
                .and_then(|text| Rrn::try_from(text).ok())
                .filter(|theirs| theirs != rrn),
            issuer_data: issuer_data.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use emv::fields::{Pan, YearMonth};

    use super::super::config::tests::{acceptor, config};
    use super::*;
    use crate::keys::{KeySerialNumber, PinBlockFormat};

    /// A Visa test card, tapped at 14:30:05 on the 21st of July 2026, two hours ahead of UTC.
    pub(in crate::upstream) fn request(stan: u32) -> AuthorisationRequest {
        let at = "2026-07-21T12:30:05Z".parse().unwrap();
        let stan = Stan::try_from(stan).unwrap();
        AuthorisationRequest {
            stan,
            rrn: Rrn::new(at, stan),
            at,
            acceptor: acceptor().identity,
            kind: TransactionType::Purchase,
            amount: Amount::from(1250),
            cashback: Amount::ZERO,
            currency: Currency::from_alpha("EUR").unwrap(),
            entry_mode: Some(EntryMode::ContactlessChip),
            card: Card {
                pan: Pan::from_digits("4761739001010119").unwrap(),
                expiry: YearMonth::new(30, 12).unwrap(),
                sequence_number: Some(1),
            },
            track2: Some(Track2::from_text("4761739001010119=3012201123450").unwrap()),
            pin_block: None,
            icc_data: Zeroizing::new(vec![0x9F, 0x36, 0x02, 0x00, 0x01]),
            batch: BatchNumber::FIRST,
            original: None,
        }
    }

    fn answer(fields: &[(u8, &str)]) -> Result<AuthorisationAnswer, MalformedAnswer> {
        let mut message = Message::new("0110".parse().unwrap());
        for (number, value) in fields {
            message.set(*number, value.as_bytes());
        }
        let dialect = Dialect::bcd();
        AuthorisationAnswer::read(Answered::new(&message, &dialect), Amount::from(1250), &request(42).rrn)
    }

    #[test]
    fn a_sale_becomes_a_message_of_these_fields() {
        let message = request(42).to_message(&config("constant = { 24 = '001' }"), &acceptor()).unwrap();
        let fields: Vec<(u8, String)> = message.fields().map(|(n, v)| (n, v.escape_ascii().to_string())).collect();
        let expected = [
            (2, "4761739001010119"),
            (3, "000000"),
            (4, "000000001250"),
            (7, "0721123005"),
            (11, "000042"),
            (12, "143005"),
            (13, "0721"),
            (14, "3012"),
            (18, "5411"),
            (19, "056"),
            (22, "071"),
            (23, "001"),
            (24, "001"),
            (25, "00"),
            (32, "123456"),
            (35, "4761739001010119=3012201123450"),
            (37, "620212000042"),
            (41, "TERM0001"),
            (42, "MERCHANT0000001"),
            (49, "978"),
            (55, r"\x9f6\x02\x00\x01"),
        ];
        assert_eq!(message.mti.to_string(), "0100");
        assert_eq!(fields, expected.map(|(number, value)| (number, value.to_owned())));
    }

    #[test]
    fn cashback_a_pin_and_a_stripe_have_their_fields() {
        let sale = AuthorisationRequest {
            kind: TransactionType::Cashback,
            cashback: Amount::from(500),
            entry_mode: Some(EntryMode::ContactlessMagneticStripe),
            pin_block: Some(PinBlock::new(PinBlockFormat::Format0, &[7; 8], None).unwrap()),
            icc_data: Zeroizing::new(Vec::new()),
            ..request(42)
        };
        let no_pin = CardAcceptor { takes_pin: false, ..acceptor() };
        let message = sale.to_message(&config("message_class = 'financial'"), &no_pin).unwrap();
        assert_eq!(message.mti.to_string(), "0200");
        assert_eq!((message.text(3), message.text(22)), (Some("090000"), Some("912")));
        assert_eq!(message.text(54), Some("0040978D000000000500"));
        assert_eq!((message.bytes(52), message.bytes(55)), (Some(&[7; 8][..]), None));
    }

    #[test]
    fn a_pin_block_of_either_format_goes_with_the_number_of_its_key() {
        let message = |format, block: &[u8], number: &[u8], fields| {
            let config = format!(
                "address = 'localhost:8583'\n[dialect]\npreset = 'iso-1987-bcd'\nfields = {fields}\n\
                 elements = {{ 63 = 'pin_key_serial_number' }}\n\
                 [dialect.messages.authorisation]\ntype = '0100'\nfields = [2, 3, 4, 11, 41, 49, 52, 63]"
            );
            let number = KeySerialNumber::try_from(number).unwrap();
            let pin_block = Some(PinBlock::new(format, block, Some(number)).unwrap());
            let sale = AuthorisationRequest { pin_block, ..request(42) };
            sale.to_message(&toml::from_str(&config).unwrap(), &acceptor()).unwrap()
        };
        let digits = message(PinBlockFormat::Format0, &[7; 8], &[0x12; 10], "{}");
        assert_eq!((digits.bytes(52), digits.text(63)), (Some(&[7; 8][..]), Some("12121212121212121212")));
        let bytes = message(PinBlockFormat::Format4, &[7; 16], &[0x12; 12], "{ 52 = 'b16', 63 = 'b...12' }");
        assert_eq!((bytes.bytes(52), bytes.bytes(63)), (Some(&[7; 16][..]), Some(&[0x12; 12][..])));
    }

    #[test]
    fn nothing_of_the_card_is_printed() {
        let printed = format!("{:?}", request(42));
        assert!(!printed.contains("4761739001010119"), "{printed}");
        assert!(!printed.contains("2011234"), "{printed}");
    }

    #[test]
    fn an_approval_carries_its_code_and_reference() {
        let approved = answer(&[(37, "620212000042"), (38, "A1B2  "), (39, "00")]).unwrap();
        let own_reference = answer(&[(37, "HOST42"), (39, "00")]).unwrap().to_journal();
        assert_eq!(approved.decision, Decision::Approved);
        assert_eq!(approved.authorisation_code.as_deref(), Some("A1B2"));
        assert_eq!(approved.acquirer_rrn, None);
        assert_eq!(own_reference.acquirer_rrn.as_ref().map(Rrn::as_str), Some("HOST42"));
        let journal = approved.to_journal();
        assert_eq!((journal.approved, journal.response_code.as_str(), journal.amount), (true, "00", None));
    }

    #[test]
    fn a_partial_approval_is_for_the_amount_in_the_answer() {
        let decision = |fields: &[(u8, &str)]| answer(fields).map(|answer| answer.decision);
        let partial = [(4, "000000000500"), (39, "10")];
        assert_eq!(decision(&partial), Ok(Decision::PartiallyApproved(Amount::from(500))));
        assert_eq!(answer(&partial).unwrap().to_journal().amount, Some(Amount::from(500)));
        assert_eq!(decision(&[(4, "000000001250"), (39, "10")]), Ok(Decision::Approved));
        assert_eq!(decision(&[(4, "000000000000"), (39, "10")]), Err(MalformedAnswer::Field(4)));
        assert_eq!(decision(&[(39, "10")]), Err(MalformedAnswer::Field(4)));
    }

    #[test]
    fn an_answer_without_a_response_code_or_with_bad_issuer_data_says_nothing() {
        assert_eq!(answer(&[(38, "A1B2C3")]), Err(MalformedAnswer::Field(39)));
        assert_eq!(answer(&[(39, "0 ")]), Err(MalformedAnswer::Field(39)));
        assert_eq!(answer(&[(39, "00"), (55, "\x5F")]), Err(MalformedAnswer::Field(55)));
    }

    #[test]
    fn declines_are_told_apart() {
        let decision = |code: &str| answer(&[(39, code)]).unwrap().decision;
        assert_eq!(
            ["51", "01", "43", "ZZ"].map(decision),
            [Decision::Declined, Decision::ReferToIssuer, Decision::PickUp, Decision::Declined]
        );
        assert!(decision("08").is_approved());
        assert!(!decision("05").is_approved());
    }

    #[test]
    fn an_action_code_of_1993_decides_as_the_code_of_1987_that_says_the_same() {
        let dialect = Dialect::shipped("iso-1993").unwrap();
        let decision = |code: &str| {
            let mut message = Message::new("1110".parse().unwrap());
            message.set(4, "000000000500").set(39, code);
            let answer = Answered::new(&message, &dialect);
            let answer = AuthorisationAnswer::read(answer, Amount::from(1250), &request(42).rrn).unwrap();
            (answer.decision, answer.response_code.to_string())
        };
        assert_eq!(decision("000"), (Decision::Approved, "00".to_owned()));
        assert_eq!(decision("002"), (Decision::PartiallyApproved(Amount::from(500)), "10".to_owned()));
        assert_eq!(decision("116"), (Decision::Declined, "51".to_owned()));
        assert_eq!(decision("209"), (Decision::PickUp, "43".to_owned()));
        // What accepts a reversal approves no sale, and neither does what nobody knows.
        for code in ["400", "800", "199", "500"] {
            assert_eq!(decision(code), (Decision::Declined, code.to_owned()));
        }
    }
}
