//! Taking an authorisation back.

use emv::fields::{Amount, Pan};
use jiff::Timestamp;

use super::answer::Answered;
use super::config::{CardAcceptor, HostConfig};
use super::facts::Facts;
use super::failure::MalformedAnswer;
use super::iso8583::{Message, Purpose};
use super::response_code::{OnReversal, ResponseCode};
use crate::terminal::{BatchNumber, Currency, OnlineRequest, Rrn, Stan, TransactionType};

/// A reversal of an authorisation that may have been approved and must not stand: in ISO 8583:1987 0400, repeated as
/// 0401.
///
/// It travels under a STAN of its own, the same in every repeat, and under the retrieval reference number by which the
/// acquirer knows the request that it takes back: the one that the acquirer assigned, where it did and its answer
/// arrived, and otherwise the one that the request had. Field 90, Original Data Elements, names that request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    /// Field 11: the reversal's own number.
    pub stan: Stan,
    /// Field 7: when it was first sent.
    pub at: Timestamp,
    /// Whether it may have been sent before: then this is a repeat, 0401.
    pub is_repeat: bool,
    /// Fields 12, 13, 41, 42 and 90: the request.
    pub original: OnlineRequest,
    /// Field 37: the retrieval reference number by which the acquirer knows the request.
    pub rrn: Rrn,
    /// In field 3, as in the request.
    pub kind: TransactionType,
    /// Whether the request followed up another transaction, and so had a message type of its own.
    pub is_follow_up: bool,
    /// Field 4: the amount of the request.
    pub amount: Amount,
    /// Field 49: the currency of the request.
    pub currency: Currency,
    /// Field 2: the account.
    pub pan: Option<Pan>,
    /// Field 38: the authorisation code, where an approval did arrive.
    pub authorisation_code: Option<String>,
    /// The batch that it and the request are in, for hosts that want its number.
    pub batch: BatchNumber,
}

impl Reversal {
    pub(super) fn to_message(&self, config: &HostConfig, acceptor: &CardAcceptor) -> Message {
        let layout = config.layout_once_of(config.purpose_of(self.kind, self.is_follow_up));
        let facts = Facts {
            processing_code: config.processing_code_of(layout),
            happened_at: self.original.at,
            identity: &self.original.acceptor,
            kind: Some(self.kind),
            amount: Some(self.amount),
            currency: Some(self.currency),
            pan: self.pan.as_ref(),
            rrn: Some(&self.rrn),
            authorisation_code: self.authorisation_code.as_deref(),
            original: Some((&self.original, layout.mti)),
            batch: self.batch,
            original_batch: self.batch,
            ..Facts::new(self.stan, self.at, acceptor)
        };
        config.message(Purpose::Reversal, self.is_repeat, &facts)
    }
}

/// The answer to a [`Reversal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReversalAnswer {
    /// Field 39.
    pub response_code: ResponseCode,
    /// What it says: whether money may still stand, and what to do about it.
    pub says: OnReversal,
}

impl ReversalAnswer {
    pub(super) fn read(answer: Answered<'_>, reversal: &Reversal) -> Result<Self, MalformedAnswer> {
        let response_code = answer.response_code()?;
        let says = response_code.meaning().on_reversal.to_repeat(reversal.is_repeat);
        Ok(Self { response_code, says })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::authorisation::tests::request;
    use super::super::config::tests::{acceptor, config};
    use super::super::iso8583::Dialect;
    use super::*;

    /// The reversal of the [`request`] with STAN `original`, a minute later, under the STAN that follows.
    pub(in crate::upstream) fn reversal(original: u32) -> Reversal {
        let request = request(original);
        Reversal {
            stan: request.stan.next(),
            at: "2026-07-21T12:31:05Z".parse().unwrap(),
            is_repeat: false,
            rrn: request.rrn.clone(),
            original: OnlineRequest {
                stan: request.stan,
                rrn: request.rrn,
                at: request.at,
                acceptor: request.acceptor,
            },
            kind: request.kind,
            is_follow_up: false,
            amount: request.amount,
            currency: request.currency,
            pan: Some(request.card.pan),
            authorisation_code: None,
            batch: BatchNumber::FIRST,
        }
    }

    #[test]
    fn a_reversal_says_which_request_it_takes_back() {
        let (config, acceptor) = (config("message_class = 'financial'"), acceptor());
        let message = reversal(42).to_message(&config, &acceptor);
        assert_eq!(message.mti.to_string(), "0400");
        assert_eq!((message.text(7), message.text(11)), (Some("0721123105"), Some("000043")));
        assert_eq!(message.text(90), Some("020000004207211230050000012345600000000000"));
        assert_eq!(message.text(95), Some("000000000000000000000000000000000000000000"));
        let original = request(42).to_message(&config, &acceptor).unwrap();
        for number in [2, 3, 4, 12, 13, 18, 32, 37, 41, 42, 49] {
            assert_eq!(message.bytes(number), original.bytes(number), "field {number}");
        }
    }

    #[test]
    fn a_repeat_differs_in_its_type_alone() {
        let (config, acceptor) = (config(""), acceptor());
        let first = reversal(42).to_message(&config, &acceptor);
        let mut repeat = Reversal { is_repeat: true, ..reversal(42) }.to_message(&config, &acceptor);
        assert_eq!(repeat.mti.to_string(), "0401");
        repeat.mti = first.mti;
        assert_eq!(repeat, first);
    }

    #[test]
    fn only_a_host_that_took_the_reversal_settles_it() {
        let says = |code: &str, is_repeat| {
            let mut answer = Message::new("0410".parse().unwrap());
            answer.set(39, code);
            let dialect = Dialect::bcd();
            let answer = Answered::new(&answer, &dialect);
            ReversalAnswer::read(answer, &Reversal { is_repeat, ..reversal(42) }).unwrap().says
        };
        assert_eq!(says("00", false), OnReversal::Settles);
        assert_eq!((says("94", false), says("94", true)), (OnReversal::Later, OnReversal::Settles));
        assert_eq!([says("25", true), says("76", false)], [OnReversal::NotFound; 2]);
        assert_eq!([says("91", true), says("96", false)], [OnReversal::Later; 2]);
        for refusal in ["05", "12", "21", "30", "58", "63", "ZZ"] {
            assert_eq!(says(refusal, true), OnReversal::Refuses, "{refusal}");
        }
    }

    #[test]
    fn a_reversal_goes_by_the_reference_that_the_acquirer_gave() {
        let rrn = Rrn::try_from("HOST00000042".to_owned()).unwrap();
        let message = Reversal { rrn, ..reversal(42) }.to_message(&config(""), &acceptor());
        assert_eq!(message.text(37), Some("HOST00000042"));
    }

    #[test]
    fn in_1993_a_reversal_names_its_request_in_field_56_and_400_accepts_it() {
        let mut config = config("");
        config.dialect = Dialect::shipped("iso-1993").unwrap();
        let message = reversal(42).to_message(&config, &acceptor());
        assert_eq!(message.mti.to_string(), "1420");
        assert_eq!((message.text(24), message.text(25), message.text(90)), (Some("400"), Some("4007"), None));
        assert_eq!(message.text(56), Some("110000004226072114300506123456"));
        let mut answer = Message::new("1430".parse().unwrap());
        answer.set(39, "400");
        let settles = ReversalAnswer::read(Answered::new(&answer, &config.dialect), &reversal(42)).unwrap();
        assert_eq!((settles.says, settles.response_code.to_string().as_str()), (OnReversal::Settles, "00"));
    }
}
