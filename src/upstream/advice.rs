//! Telling the acquirer what card and terminal approved without it, or what follows from an earlier approval.

use super::answer::Answered;
use super::authorisation::AuthorisationRequest;
use super::config::{CardAcceptor, HostConfig};
use super::facts::Facts;
use super::failure::{MalformedAnswer, NotSent};
use super::iso8583::{Message, Purpose};
use super::response_code::{OnReversal, ResponseCode};

/// The Authorisation Response Code of an offline approval (EMV Book 4, A6): what field 39 of an advice says.
const OFFLINE_APPROVED: &str = "Y1";

/// An advice of an offline approval, by which the acquirer collects the money; of the completion of a
/// pre-authorisation; or of an adjustment: in ISO 8583:1987 0220, repeated as 0221.
///
/// Its fields are those of a request for the same sale, under a STAN and a reference of its own that are the same in
/// every repeat, and without track 2, which nobody has kept. Field 55 of an offline approval has the card's Transaction
/// Certificate.
#[derive(Debug, Clone)]
pub struct Advice {
    /// What would have been asked.
    pub request: AuthorisationRequest,
    /// Whether it may have been sent before: then this is a repeat, 0221.
    pub is_repeat: bool,
}

impl Advice {
    /// For what it is sent.
    pub(super) fn purpose(&self, config: &HostConfig) -> Purpose {
        config.advice_purpose_of(self.request.kind)
    }

    /// The message.
    ///
    /// # Errors
    /// If the dialect has lost it since.
    pub(super) fn to_message(&self, config: &HostConfig, acceptor: &CardAcceptor) -> Result<Message, NotSent> {
        let purpose = self.purpose(config);
        if !config.dialect.messages.contains_key(&purpose) {
            return Err(NotSent::NoMessage(purpose));
        }
        let response_code = (purpose == Purpose::Advice).then_some(OFFLINE_APPROVED);
        let facts = Facts { response_code, ..self.request.facts(config, acceptor) };
        Ok(config.message(purpose, self.is_repeat, &facts))
    }
}

/// The answer to an [`Advice`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdviceAnswer {
    /// Field 39.
    pub response_code: ResponseCode,
    /// What it says: the codes that settle a reversal settle an advice. It can't be declined: the sale is done. What is
    /// not taken is sent again, until somebody has found out what is wrong with it.
    pub says: OnReversal,
}

impl AdviceAnswer {
    pub(super) fn read(answer: Answered<'_>, advice: &Advice) -> Result<Self, MalformedAnswer> {
        let response_code = answer.response_code()?;
        let says = response_code.meaning().on_reversal.to_repeat(advice.is_repeat);
        Ok(Self { response_code, says })
    }

    /// Whether the acquirer has it in its books.
    pub fn is_taken(&self) -> bool {
        self.says == OnReversal::Settles
    }
}

#[cfg(test)]
mod tests {
    use super::super::authorisation::tests::request;
    use super::super::config::tests::{acceptor, config};
    use super::super::iso8583::Dialect;
    use super::*;

    fn advice(is_repeat: bool) -> Advice {
        Advice { request: AuthorisationRequest { track2: None, ..request(42) }, is_repeat }
    }

    #[test]
    fn an_advice_has_the_fields_of_a_request_and_says_that_it_was_approved() {
        let (config, acceptor) = (config(""), acceptor());
        let message = advice(false).to_message(&config, &acceptor).unwrap();
        assert_eq!((message.mti.to_string().as_str(), message.text(39)), ("0220", Some("Y1")));
        let request = request(42).to_message(&config, &acceptor).unwrap();
        for (number, value) in request.fields().filter(|(number, _)| *number != 35) {
            assert_eq!(message.bytes(number), Some(value), "field {number}");
        }
        assert_eq!(message.bytes(35), None);
        let repeat = advice(true).to_message(&config, &acceptor).unwrap();
        assert_eq!((repeat.mti.to_string().as_str(), repeat.mti.answer().to_string().as_str()), ("0221", "0230"));
    }

    #[test]
    fn an_advice_is_taken_by_an_acquirer_that_says_so_and_by_no_other() {
        let is_taken = |code: &str, is_repeat| {
            let mut answer = Message::new("0230".parse().unwrap());
            answer.set(39, code);
            let dialect = Dialect::bcd();
            AdviceAnswer::read(Answered::new(&answer, &dialect), &advice(is_repeat)).unwrap().is_taken()
        };
        assert!(is_taken("00", false) && is_taken("94", true));
        for code in ["94", "05", "25", "30", "91"] {
            assert!(!is_taken(code, false), "{code}");
        }
    }
}
