//! What a caller asks for.

use emv::fields::{Amount, Pan};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::ending::Reason;
use super::event::TapOutcome;
use super::minor_units;
use super::money::Currency;
use super::token::Token;

/// The kind of transaction, coded as Transaction Type (EMV Book 3, Annex A1): the first two digits
/// of the processing code of ISO 8583:1987, unless a dialect has another. A transaction that names an original is a
/// [follow-up](super::FollowUp), and asks for no card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionType {
    /// Goods or services.
    Purchase,
    /// Cash handed to the cardholder.
    CashAdvance,
    /// Goods or services with cash on top.
    Cashback,
    /// Money back to the cardholder.
    Refund,
    /// An earlier transaction is undone as a whole, before it is settled.
    Void,
    /// An amount is held on the account, to be captured later.
    PreAuthorisation,
    /// A pre-authorisation is raised by an amount.
    Increment,
    /// A pre-authorisation becomes a payment, for all that is held or for a part. It ends the pre-authorisation.
    Capture,
    /// A pre-authorisation is given up as a whole.
    Release,
    /// A tip is added to a sale, before it is settled.
    Adjustment,
    /// The issuer is asked whether the card is good. No money moves, and none is held.
    Verification,
}

impl TransactionType {
    /// All kinds, with their code and their stable name.
    pub const ALL: [(TransactionType, u8, &'static str); 11] = [
        (TransactionType::Purchase, 0x00, "purchase"),
        (TransactionType::CashAdvance, 0x01, "cash_advance"),
        (TransactionType::Cashback, 0x09, "cashback"),
        (TransactionType::Refund, 0x20, "refund"),
        (TransactionType::Void, 0x02, "void"),
        (TransactionType::PreAuthorisation, 0x00, "pre_authorisation"),
        (TransactionType::Increment, 0x00, "increment"),
        (TransactionType::Capture, 0x00, "capture"),
        (TransactionType::Release, 0x02, "release"),
        (TransactionType::Adjustment, 0x02, "adjustment"),
        (TransactionType::Verification, 0x00, "verification"),
    ];

    /// The names of the kinds that can be begun with a card.
    pub fn names_with_card() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().filter(|(kind, ..)| kind.can_have_card()).map(|(.., name)| name)
    }

    /// The value of Transaction Type: one byte, two digits.
    pub fn code(self) -> u8 {
        Self::ALL[self as usize].1
    }

    /// The name on the bus and in the journal.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].2
    }

    /// Whether a card is read for it, where it names no original.
    pub fn can_have_card(self) -> bool {
        use TransactionType::*;
        !matches!(self, Void | Increment | Capture | Release | Adjustment)
    }

    /// Whether it is nothing without its issuer: what card and terminal decide between them is no approval.
    pub fn needs_issuer(self) -> bool {
        matches!(self, TransactionType::PreAuthorisation | TransactionType::Verification)
    }

    /// Whether the acquirer is told of it and not asked: it follows from what was approved before.
    pub fn is_advised(self) -> bool {
        matches!(self, TransactionType::Capture | TransactionType::Adjustment)
    }

    /// Whether it adds to what was approved for its original.
    pub fn raises(self) -> bool {
        matches!(self, TransactionType::Increment | TransactionType::Adjustment)
    }

    /// Whether it neither moves money nor holds any, so that there is never anything to take back.
    pub fn is_inquiry(self) -> bool {
        self == TransactionType::Verification
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(.., n)| *n == name).map(|(kind, ..)| kind)
    }
}

/// Whether the acquirer is asked, as far as the caller decides that. What a card may approve alone is the issuer's to say,
/// and no mode makes one approve that would not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnlineMode {
    /// `prefer_online`: as floor limits, action codes and the card say.
    #[default]
    PreferOnline,
    /// `require_online`: the issuer decides, or nobody approves.
    RequireOnline,
    /// `force_offline`: card and terminal decide, and the acquirer is not asked.
    ForceOffline,
}

impl OnlineMode {
    /// All modes, with their stable names.
    pub const ALL: [(OnlineMode, &'static str); 3] = [
        (OnlineMode::PreferOnline, "prefer_online"),
        (OnlineMode::RequireOnline, "require_online"),
        (OnlineMode::ForceOffline, "force_offline"),
    ];

    /// The mode with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(mode, _)| mode)
    }

    /// Why a transaction of this mode does not go where the Outcome says, if so.
    pub fn refuses(self, outcome: TapOutcome) -> Option<Reason> {
        match (self, outcome) {
            (OnlineMode::RequireOnline, TapOutcome::Approved) => Some(Reason::OnlineRequired),
            (OnlineMode::ForceOffline, TapOutcome::OnlineRequest) => Some(Reason::OfflineNotPossible),
            _ => None,
        }
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// One transaction as its caller wants it. Two requests with the same token must be equal in
/// everything else as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The caller's name for the transaction.
    pub token: Token,
    /// Purchase, refund ...
    #[serde(rename = "type")]
    pub kind: TransactionType,
    /// The earlier transaction that it follows up. Then no card is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Token>,
    /// The whole amount, cash included (Amount, Authorised).
    #[serde(with = "minor_units")]
    pub amount: Amount,
    /// The part of it that is handed out as cash (Amount, Other).
    #[serde(default, with = "minor_units::option", skip_serializing_if = "Option::is_none")]
    pub amount_other: Option<Amount>,
    /// The currency of both.
    pub currency: Currency,
    /// The reader to take; none lets the terminal choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    /// The caller's own words for the sale, printed on the receipt: at most 80 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Whether an approval for less than the amount is welcome. If not, one is reversed.
    #[serde(default)]
    pub accept_partial: bool,
    /// Whether the acquirer is to be asked.
    #[serde(default, skip_serializing_if = "OnlineMode::is_default")]
    pub online: OnlineMode,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It names an original, or is of a kind that must: then it is a follow-up.
    #[error("a {} of an earlier transaction is a follow-up, and asks for no card", .0.name())]
    FollowUp(TransactionType),
    /// An amount of zero.
    #[error("the amount is zero")]
    Zero,
    /// An amount where no money moves.
    #[error("a verification moves no money: its amount is zero")]
    NotZero,
    /// A cashback without its cash, or cash where none belongs.
    #[error("the amount of cash must be given for a cashback, and only there")]
    CashbackAmount,
    /// More cash than the whole amount.
    #[error("the amount of cash is larger than the whole amount, which includes it")]
    CashbackTooLarge,
    /// A reference that is too long or not printable.
    #[error("the reference must be at most 80 printable characters")]
    Reference,
    /// A reference that looks like a card number.
    #[error("the reference contains 13 or more digits that could be a card number; it would be stored in clear")]
    ReferenceLooksLikePan,
}

impl Request {
    /// The most characters of a reference.
    pub const REFERENCE_MAX_LENGTH: usize = 80;

    /// Whether its acquirer is asked. Of what is nothing without the issuer it must be, whatever the caller says.
    pub fn online_mode(&self) -> OnlineMode {
        if self.kind.needs_issuer() { OnlineMode::RequireOnline } else { self.online }
    }

    /// Why its transaction does not go where this Outcome says, if so.
    pub fn refuses(&self, outcome: Option<TapOutcome>) -> Option<Reason> {
        outcome.and_then(|outcome| self.online_mode().refuses(outcome))
    }

    /// Checks what the types alone can't, of a transaction with a card: that it names no original, that amounts fit the
    /// kind, and that the reference can be stored and printed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn validate(&self) -> Result<(), RequestError> {
        if self.original.is_some() || !self.kind.can_have_card() {
            return Err(RequestError::FollowUp(self.kind));
        }
        match (self.kind.is_inquiry(), self.amount == Amount::ZERO) {
            (false, true) => return Err(RequestError::Zero),
            (true, false) => return Err(RequestError::NotZero),
            _ => {}
        }
        match (self.kind, self.amount_other) {
            (TransactionType::Cashback, Some(cash)) if cash > self.amount => Err(RequestError::CashbackTooLarge),
            (TransactionType::Cashback, Some(cash)) if cash > Amount::ZERO => Ok(()),
            (TransactionType::Cashback, _) | (_, Some(_)) => Err(RequestError::CashbackAmount),
            (_, None) => Ok(()),
        }?;
        self.reference.as_deref().map_or(Ok(()), validate_reference)
    }
}

/// Checks that a caller's words can be stored and printed.
pub(super) fn validate_reference(reference: &str) -> Result<(), RequestError> {
    if reference.chars().count() > Request::REFERENCE_MAX_LENGTH || reference.chars().any(char::is_control) {
        return Err(RequestError::Reference);
    }
    let digits: Zeroizing<String> = Zeroizing::new(reference.chars().filter(char::is_ascii_digit).collect());
    let is_pan = digits.len() >= 13 && Pan::from_digits(&digits).is_ok_and(|pan| pan.passes_luhn());
    if is_pan { Err(RequestError::ReferenceLooksLikePan) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purchase() -> Request {
        Request {
            token: "t1".parse().unwrap(),
            kind: TransactionType::Purchase,
            original: None,
            amount: Amount::new(1250).unwrap(),
            amount_other: None,
            currency: Currency::from_alpha("EUR").unwrap(),
            reader: None,
            reference: None,
            accept_partial: false,
            online: OnlineMode::default(),
        }
    }

    #[test]
    fn each_type_has_its_code_and_name() {
        for (kind, code, name) in TransactionType::ALL {
            assert_eq!((kind.code(), kind.name()), (code, name));
            assert_eq!(TransactionType::from_name(name), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), name);
        }
    }

    #[test]
    fn cash_belongs_to_a_cashback_and_to_nothing_else() {
        let minor = |minor| Some(Amount::new(minor).unwrap());
        let cashback = |amount_other| Request { kind: TransactionType::Cashback, amount_other, ..purchase() };
        assert_eq!(purchase().validate(), Ok(()));
        assert_eq!(cashback(minor(1000)).validate(), Ok(()));
        assert_eq!(cashback(minor(1251)).validate(), Err(RequestError::CashbackTooLarge));
        assert_eq!(cashback(minor(0)).validate(), Err(RequestError::CashbackAmount));
        assert_eq!(cashback(None).validate(), Err(RequestError::CashbackAmount));
        assert_eq!(Request { amount_other: minor(1), ..purchase() }.validate(), Err(RequestError::CashbackAmount));
    }

    #[test]
    fn a_sale_of_nothing_is_refused() {
        assert_eq!(Request { amount: Amount::ZERO, ..purchase() }.validate(), Err(RequestError::Zero));
    }

    #[test]
    fn a_verification_is_of_nothing_and_moves_nothing() {
        let verification = Request { kind: TransactionType::Verification, ..purchase() };
        assert_eq!(verification.validate(), Err(RequestError::NotZero));
        assert_eq!(Request { amount: Amount::ZERO, ..verification }.validate(), Ok(()));
    }

    #[test]
    fn what_follows_up_another_transaction_is_no_transaction_with_a_card() {
        let original = Some("t0".parse().unwrap());
        let refund = Request { kind: TransactionType::Refund, original, ..purchase() };
        assert_eq!(refund.validate(), Err(RequestError::FollowUp(TransactionType::Refund)));
        assert_eq!(Request { original: None, ..refund }.validate(), Ok(()));
        for (kind, ..) in TransactionType::ALL.into_iter().filter(|(kind, ..)| !kind.can_have_card()) {
            let alone = Request { kind, ..purchase() };
            assert_eq!(alone.validate(), Err(RequestError::FollowUp(kind)));
        }
    }

    #[test]
    fn a_reference_must_be_printable_and_no_card_number() {
        let with = |text: &str| Request { reference: Some(text.to_owned()), ..purchase() }.validate();
        assert_eq!(with("Table 12, invoice 2026-000412"), Ok(()));
        assert_eq!(with("a\nb"), Err(RequestError::Reference));
        assert_eq!(with(&"x".repeat(81)), Err(RequestError::Reference));
        assert_eq!(with("card 4761 7390 0101 0119"), Err(RequestError::ReferenceLooksLikePan));
        assert_eq!(with("4761739001010118"), Ok(()), "a wrong check digit is no card number");
    }
}
