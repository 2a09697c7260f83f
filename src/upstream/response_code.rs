//! Response codes, what they mean, and what to tell whom.

use std::fmt;

use crate::terminal::Retry;

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

/// What a response code says where it answers a reversal. Nothing but the host's word settles one: money may stand for
/// as long as it is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnReversal {
    /// It is done.
    Settles,
    /// The host has had a message of this number. To a repeat that says that an earlier one arrived, and so it
    /// settles; to the first that is no answer, and the repeat will tell.
    SettlesRepeat,
    /// The host knows no such request. Either it never came, or it is still on its way through systems that a reversal
    /// passed by: only if the host keeps saying so is there nothing to reverse.
    NotFound,
    /// A system was not available: send it again.
    Later,
    /// The host does not take it. That settles nothing: it is sent again, and somebody must call the acquirer.
    Refuses,
}

impl OnReversal {
    /// What it says to a first message, or to a repeat.
    pub(super) fn to_repeat(self, is_repeat: bool) -> Self {
        match self {
            OnReversal::SettlesRepeat if is_repeat => OnReversal::Settles,
            OnReversal::SettlesRepeat => OnReversal::Later,
            says => says,
        }
    }
}

/// What the cashier is to do, and the error under which the bus tells of a decline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// The error's stable name.
    pub error: &'static str,
    /// What the register may do next.
    pub retry: Retry,
    /// What to tell the cashier; of an approval only what must be done besides, or nothing.
    pub text: &'static str,
}

/// One response code: what it means, and what to tell customer and cashier.
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
    /// What it says in the answer to a reversal.
    pub on_reversal: OnReversal,
    /// What to tell the customer.
    pub customer: &'static str,
    /// What to tell the cashier.
    pub cashier: Instruction,
}

impl Meaning {
    /// The meaning of the code in this text, such as an answer in the journal has it. A code that nobody here knows is
    /// a decline.
    pub fn of(code: &str) -> &'static Self {
        MEANINGS.iter().find(|meaning| meaning.code == code).unwrap_or(&UNKNOWN)
    }

    const fn on_reversal(mut self, on_reversal: OnReversal) -> Self {
        self.on_reversal = on_reversal;
        self
    }
}

/// The response code that an answer carries: two characters as in ISO 8583:1987 (an 2), whatever the dialect; or three,
/// where the dialect has codes of its own and does not know this one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResponseCode {
    characters: [u8; 3],
    length: usize,
}

impl ResponseCode {
    /// The code in these two or three characters; nothing unless they are letters and digits.
    pub fn new(code: &[u8]) -> Option<Self> {
        let length = Some(code.len()).filter(|length| (2..=3).contains(length))?;
        let mut characters = [0; 3];
        characters[..length].copy_from_slice(code);
        code.iter().all(u8::is_ascii_alphanumeric).then_some(Self { characters, length })
    }

    /// What it means.
    pub fn meaning(self) -> &'static Meaning {
        Meaning::of(&self.to_string())
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.characters[..self.length].escape_ascii())
    }
}

impl fmt::Debug for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseCode({self})")
    }
}

const fn instruction(error: &'static str, retry: Retry, text: &'static str) -> Instruction {
    Instruction { error, retry, text }
}

const APPROVED: Instruction = instruction("ApprovedOnline", Retry::Never, "");
const CHECK_IDENTITY: Instruction = instruction("ApprovedOnline", Retry::Never, "check the customer's identity");
const COLLECT_THE_REST: Instruction = instruction("ApprovedOnline", Retry::Never, "collect the rest otherwise");
const DECLINED: Instruction =
    instruction("DeclinedOnline", Retry::NewToken, "declined by the issuer; ask for another card");
const CHECK_AMOUNT: Instruction =
    instruction("AmountRefused", Retry::NewToken, "the issuer refuses the amount; check it");
const INSERT_CARD: Instruction = instruction(
    "InsertCard",
    Retry::NewToken,
    "the issuer wants the card inserted; insert it, or ask for another card",
);
const TRY_LATER: Instruction = instruction(
    "IssuerUnavailable",
    Retry::NewToken,
    "the issuer can't be reached; try again later, or ask for another card",
);
const CALL_ISSUER: Instruction = instruction(
    "CallIssuer",
    Retry::AfterOperator,
    "declined; the issuer asks to be called before the card is tried again",
);
const KEEP_CARD: Instruction =
    instruction("KeepCard", Retry::NewToken, "declined; the issuer asks you to keep the card, if that is safe");
const CALL_ACQUIRER: Instruction = instruction(
    "CallAcquirer",
    Retry::AfterOperator,
    "the acquirer refuses this terminal's request; call the acquirer",
);

const UNKNOWN: Meaning = code("", "Unknown response code", Action::Decline, "Not authorised", DECLINED);

const fn code(
    code: &'static str,
    meaning: &'static str,
    action: Action,
    customer: &'static str,
    cashier: Instruction,
) -> Meaning {
    Meaning { code, meaning, action, on_reversal: Refuses, customer, cashier }
}

/// A code of systems that are not available just now.
const fn passing(number: &'static str, meaning: &'static str) -> Meaning {
    code(number, meaning, Decline, "Please try again later", TRY_LATER).on_reversal(Later)
}

use Action::{Approve, ApprovePartially, ApproveWithIdentification, Decline, PickUp, ReferToIssuer};
use OnReversal::{Later, NotFound, Refuses, Settles, SettlesRepeat};

/// Every code known here (ISO 8583:1987, Annex A, and what the schemes added to it).
///
/// Of those that answer a reversal, 00 alone says that it is done. 94 says so to a repeat. 25 and 76 say that there is
/// nothing to take back. 21 looks like that, and is what schemes say where the transaction could not be backed out.
#[rustfmt::skip]
pub const MEANINGS: &[Meaning] = &[
    code("00", "Approved", Approve, "Approved", APPROVED).on_reversal(Settles),
    code("01", "Refer to card issuer", ReferToIssuer, "Please contact your bank", CALL_ISSUER),
    code("02", "Refer to card issuer, special condition", ReferToIssuer, "Please contact your bank", CALL_ISSUER),
    code("03", "Invalid merchant", Decline, "Not possible here", CALL_ACQUIRER),
    code("04", "Pick up card", PickUp, "Not authorised", KEEP_CARD),
    code("05", "Do not honour", Decline, "Not authorised", DECLINED),
    passing("06", "Error"),
    code("07", "Pick up card, special condition", PickUp, "Not authorised", KEEP_CARD),
    code("08", "Honour with identification", ApproveWithIdentification, "Approved, please show identification", CHECK_IDENTITY),
    code("10", "Approved for partial amount", ApprovePartially, "Approved in part", COLLECT_THE_REST),
    code("11", "Approved (VIP)", Approve, "Approved", APPROVED),
    code("12", "Invalid transaction", Decline, "Not possible here", DECLINED),
    code("13", "Invalid amount", Decline, "Not authorised", CHECK_AMOUNT),
    code("14", "Invalid card number", Decline, "Card not valid", DECLINED),
    code("15", "No such issuer", Decline, "Card not valid", DECLINED),
    code("16", "Approved, update track 3", Approve, "Approved", APPROVED),
    passing("19", "Re-enter transaction"),
    code("21", "No action taken", Decline, "Not authorised", DECLINED),
    code("25", "Unable to locate record", Decline, "Not authorised", DECLINED).on_reversal(NotFound),
    code("30", "Format error", Decline, "Not possible here", CALL_ACQUIRER),
    code("39", "No credit account", Decline, "Not authorised", DECLINED),
    code("41", "Lost card", PickUp, "Not authorised", KEEP_CARD),
    code("43", "Stolen card", PickUp, "Not authorised", KEEP_CARD),
    code("46", "Closed account", Decline, "Please contact your bank", DECLINED),
    code("51", "Insufficient funds", Decline, "Insufficient funds", DECLINED),
    code("52", "No current account", Decline, "Not authorised", DECLINED),
    code("53", "No savings account", Decline, "Not authorised", DECLINED),
    code("54", "Expired card", Decline, "Card expired", DECLINED),
    code("55", "Incorrect PIN", Decline, "Incorrect PIN", DECLINED),
    code("57", "Transaction not permitted to cardholder", Decline, "Not permitted with this card", DECLINED),
    code("58", "Transaction not permitted to terminal", Decline, "Not possible here", CALL_ACQUIRER),
    code("59", "Suspected fraud", Decline, "Not authorised", DECLINED),
    code("61", "Exceeds amount limit", Decline, "Limit exceeded", DECLINED),
    code("62", "Restricted card", Decline, "Not permitted with this card", DECLINED),
    code("63", "Security violation", Decline, "Not authorised", CALL_ACQUIRER),
    // Also how an issuer asks for the cardholder to be verified over the contact interface.
    code("65", "Exceeds frequency limit", Decline, "Please insert card", INSERT_CARD),
    code("70", "PIN data required", Decline, "Please insert card", INSERT_CARD),
    code("75", "PIN tries exceeded", Decline, "Please contact your bank", DECLINED),
    code("76", "Unable to locate previous message", Decline, "Not authorised", DECLINED).on_reversal(NotFound),
    code("78", "Card blocked or not yet in use", Decline, "Please contact your bank", DECLINED),
    code("82", "Card authentication failed", Decline, "Not authorised", DECLINED),
    code("85", "No reason to decline", Approve, "Approved", APPROVED),
    passing("91", "Issuer or switch inoperative"),
    passing("92", "No route to the issuer"),
    code("93", "Violation of law", Decline, "Not authorised", DECLINED),
    code("94", "Duplicate transmission", Decline, "Not authorised", CALL_ACQUIRER).on_reversal(SettlesRepeat),
    passing("96", "System malfunction"),
    code("1A", "Additional customer authentication required", Decline, "Please insert card", INSERT_CARD),
    code("N7", "Card verification value does not match", Decline, "Not authorised", DECLINED),
    code("R0", "Stop payment order", Decline, "Please contact your bank", DECLINED),
    code("R1", "Revocation of authorisation order", Decline, "Please contact your bank", DECLINED),
    code("R3", "Revocation of all authorisations order", Decline, "Please contact your bank", DECLINED),
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
            assert_eq!(Meaning::of(code).customer, "Not authorised");
        }
    }

    #[test]
    fn only_four_codes_can_end_a_reversal() {
        let settling = MEANINGS.iter().filter(|meaning| !matches!(meaning.on_reversal, Later | Refuses));
        assert_eq!(settling.map(|meaning| meaning.code).collect::<Vec<_>>(), ["00", "25", "76", "94"]);
    }
}
