//! The response codes of field 39, what they mean, and what to tell whom.

use std::fmt;

use super::failure::MalformedAnswer;
use super::iso8583::Message;

/// What a response code decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Approved in full.
    Approve,
    /// Approved for the amount in the answer; the rest must be paid otherwise.
    ApprovePartially,
    /// Approved once the merchant has checked the customer's identity.
    ApproveWithIdentification,
    /// Declined. A new transaction may be tried with another card or otherwise.
    Decline,
    /// Declined; the issuer wishes to be called.
    ReferToIssuer,
    /// Declined; the issuer wishes the card to be kept.
    PickUp,
}

/// One response code: what it means, and keys of the texts for customer and cashier.
///
/// The customer's text never says what would accuse: a lost, stolen or suspicious card is just declined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// The code, two characters.
    pub code: &'static str,
    /// Its meaning, in English, for logs and journals.
    pub meaning: &'static str,
    /// What it decides.
    pub action: Action,
    /// The key of the customer's text.
    pub customer: &'static str,
    /// The key of the cashier's text.
    pub cashier: &'static str,
    /// Whether the same message may be answered otherwise a little later: a system was not available.
    pub is_passing: bool,
}

/// The response code that an answer carries: two characters (an 2).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResponseCode([u8; 2]);

impl ResponseCode {
    /// The code in these two characters; nothing unless they are letters and digits.
    pub fn new(code: &[u8]) -> Option<Self> {
        let code: [u8; 2] = code.try_into().ok()?;
        code.iter().all(u8::is_ascii_alphanumeric).then_some(Self(code))
    }

    pub(super) fn of(message: &Message) -> Result<Self, MalformedAnswer> {
        message.bytes(39).and_then(Self::new).ok_or(MalformedAnswer::Field(39))
    }

    /// The two characters, as the Authorisation Response Code takes them over (EMV Book 4, 12.2.1).
    pub fn characters(self) -> [u8; 2] {
        self.0
    }

    /// What it means. A code that nobody here knows is a decline.
    pub fn meaning(self) -> &'static Meaning {
        MEANINGS.iter().find(|meaning| meaning.code.as_bytes() == self.0).unwrap_or(&UNKNOWN)
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseCode({self})")
    }
}

const UNKNOWN: Meaning = code("", "Unknown response code", Action::Decline, "declined", "declined");

const fn code(
    code: &'static str,
    meaning: &'static str,
    action: Action,
    customer: &'static str,
    cashier: &'static str,
) -> Meaning {
    Meaning { code, meaning, action, customer, cashier, is_passing: false }
}

const fn passing(code: &'static str, meaning: &'static str) -> Meaning {
    Meaning { code, meaning, action: Action::Decline, customer: "try-later", cashier: "try-later", is_passing: true }
}

use Action::{Approve, ApprovePartially, ApproveWithIdentification, Decline, PickUp, ReferToIssuer};

/// Every code known here (ISO 8583:1987, Annex A, and what the schemes added to it).
pub const MEANINGS: &[Meaning] = &[
    code("00", "Approved", Approve, "approved", "approved"),
    code("01", "Refer to card issuer", ReferToIssuer, "contact-your-bank", "call-issuer"),
    code("02", "Refer to card issuer, special condition", ReferToIssuer, "contact-your-bank", "call-issuer"),
    code("03", "Invalid merchant", Decline, "not-possible-here", "call-acquirer"),
    code("04", "Pick up card", PickUp, "declined", "keep-card"),
    code("05", "Do not honour", Decline, "declined", "declined"),
    passing("06", "Error"),
    code("07", "Pick up card, special condition", PickUp, "declined", "keep-card"),
    code("08", "Honour with identification", ApproveWithIdentification, "show-identification", "check-identification"),
    code("10", "Approved for partial amount", ApprovePartially, "approved-partially", "collect-the-rest"),
    code("11", "Approved (VIP)", Approve, "approved", "approved"),
    code("12", "Invalid transaction", Decline, "not-possible-here", "declined"),
    code("13", "Invalid amount", Decline, "declined", "check-amount"),
    code("14", "Invalid card number", Decline, "card-not-valid", "declined"),
    code("15", "No such issuer", Decline, "card-not-valid", "declined"),
    code("16", "Approved, update track 3", Approve, "approved", "approved"),
    passing("19", "Re-enter transaction"),
    code("21", "No action taken", Decline, "declined", "declined"),
    code("25", "Unable to locate record", Decline, "declined", "declined"),
    code("30", "Format error", Decline, "not-possible-here", "call-acquirer"),
    code("39", "No credit account", Decline, "declined", "declined"),
    code("41", "Lost card", PickUp, "declined", "keep-card"),
    code("43", "Stolen card", PickUp, "declined", "keep-card"),
    code("46", "Closed account", Decline, "contact-your-bank", "declined"),
    code("51", "Insufficient funds", Decline, "insufficient-funds", "declined"),
    code("52", "No current account", Decline, "declined", "declined"),
    code("53", "No savings account", Decline, "declined", "declined"),
    code("54", "Expired card", Decline, "card-expired", "declined"),
    code("55", "Incorrect PIN", Decline, "incorrect-pin", "declined"),
    code("57", "Transaction not permitted to cardholder", Decline, "not-permitted", "declined"),
    code("58", "Transaction not permitted to terminal", Decline, "not-possible-here", "call-acquirer"),
    code("59", "Suspected fraud", Decline, "declined", "declined"),
    code("61", "Exceeds amount limit", Decline, "limit-exceeded", "declined"),
    code("62", "Restricted card", Decline, "not-permitted", "declined"),
    code("63", "Security violation", Decline, "declined", "call-acquirer"),
    // Also how an issuer asks for the cardholder to be verified over the contact interface.
    code("65", "Exceeds frequency limit", Decline, "insert-card", "insert-card"),
    code("70", "PIN data required", Decline, "insert-card", "insert-card"),
    code("75", "PIN tries exceeded", Decline, "contact-your-bank", "declined"),
    code("76", "Unable to locate previous message", Decline, "declined", "declined"),
    code("78", "Card blocked or not yet in use", Decline, "contact-your-bank", "declined"),
    code("82", "Card authentication failed", Decline, "declined", "declined"),
    code("85", "No reason to decline", Approve, "approved", "approved"),
    passing("91", "Issuer or switch inoperative"),
    passing("92", "No route to the issuer"),
    code("93", "Violation of law", Decline, "declined", "declined"),
    code("94", "Duplicate transmission", Decline, "declined", "call-acquirer"),
    passing("96", "System malfunction"),
    code("1A", "Additional customer authentication required", Decline, "insert-card", "insert-card"),
    code("N7", "Card verification value does not match", Decline, "declined", "declined"),
    code("R0", "Stop payment order", Decline, "contact-your-bank", "declined"),
    code("R1", "Revocation of authorisation order", Decline, "contact-your-bank", "declined"),
    code("R3", "Revocation of all authorisations order", Decline, "contact-your-bank", "declined"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_stands_once_and_can_be_found() {
        for meaning in MEANINGS {
            let code = ResponseCode::new(meaning.code.as_bytes()).unwrap();
            assert_eq!(code.meaning(), meaning);
        }
    }

    #[test]
    fn a_code_that_nobody_knows_is_a_decline() {
        assert_eq!(ResponseCode::new(b"ZZ").map(|code| code.meaning().action), Some(Action::Decline));
        assert_eq!(ResponseCode::new(b"0"), None);
        assert_eq!(ResponseCode::new(b"0 "), None);
    }

    #[test]
    fn no_customer_is_told_that_a_card_is_lost_stolen_or_kept() {
        for code in ["04", "07", "41", "43", "59"] {
            assert_eq!(ResponseCode::new(code.as_bytes()).unwrap().meaning().customer, "declined");
        }
    }
}
