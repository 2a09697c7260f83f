//! What a caller is told when something goes wrong: a stable name, what to do, and words.

use std::fmt;

use super::follow_up::FollowUpError;
use super::life::Untimely;
use super::money::MoneyError;
use super::request::{RequestError, TransactionType};
use super::token::TokenError;
use super::transaction::{Phase, TokenReused};

/// What a caller should do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// `never`: there is nothing to do again; the request itself must change.
    Never,
    /// `same`: ask again with the same token.
    Same,
    /// `new_token`: the token is spent; start another transaction.
    NewToken,
    /// `after_operator`: somebody must mend something first.
    AfterOperator,
}

impl Retry {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Retry::Never => "never",
            Retry::Same => "same",
            Retry::NewToken => "new_token",
            Retry::AfterOperator => "after_operator",
        }
    }
}

/// An error as a caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The stable name; on the bus `org.tenderd.Error.` stands before it.
    pub name: &'static str,
    /// What to do next.
    pub retry: Retry,
    /// One sentence for a person.
    pub message: String,
}

impl Fault {
    /// A fault of this name.
    pub fn new(name: &'static str, retry: Retry, message: impl Into<String>) -> Self {
        Fault { name, retry, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl From<TokenError> for Fault {
    fn from(error: TokenError) -> Self {
        Fault::new("InvalidToken", Retry::Never, error.to_string())
    }
}

impl From<MoneyError> for Fault {
    fn from(error: MoneyError) -> Self {
        let name = match error {
            MoneyError::UnknownCurrency(_) => "InvalidCurrency",
            _ => "InvalidAmount",
        };
        Fault::new(name, Retry::Never, error.to_string())
    }
}

impl From<RequestError> for Fault {
    fn from(error: RequestError) -> Self {
        let name = match error {
            RequestError::Reference | RequestError::ReferenceLooksLikePan => "InvalidReference",
            RequestError::FollowUp(_) => "InvalidArgument",
            _ => "InvalidAmount",
        };
        Fault::new(name, Retry::Never, error.to_string())
    }
}

impl From<FollowUpError> for Fault {
    fn from(error: FollowUpError) -> Self {
        use FollowUpError::*;
        let (name, retry) = match &error {
            UnknownOriginal(_) => ("UnknownOriginal", Retry::Never),
            NotDone(_) | NotAdvised(_) | Pending(_) => ("NotNow", Retry::Same),
            NotApproved(_) => ("OriginalNotApproved", Retry::Never),
            Unsuitable { .. } | UnknownToAcquirer(_) => ("OriginalUnsuitable", Retry::Never),
            Already { other, .. } => (already(*other), Retry::Never),
            WrongCurrency(..) => ("WrongCurrency", Retry::Never),
            MoreThanIsLeft { .. } => ("MoreThanIsLeft", Retry::Never),
            NotTheWhole { .. } | NoAmount(_) | TooMuch(_) | Total { .. } => ("InvalidAmount", Retry::Never),
            Request(wrong) => return wrong.clone().into(),
        };
        Fault::new(name, retry, error.to_string())
    }
}

/// The name of what stands in the way of another follow-up.
fn already(other: TransactionType) -> &'static str {
    match other {
        TransactionType::Refund => "AlreadyRefunded",
        TransactionType::Capture => "AlreadyCaptured",
        TransactionType::Release => "AlreadyReleased",
        TransactionType::Adjustment => "AlreadyAdjusted",
        _ => "AlreadyVoided",
    }
}

impl From<TokenReused> for Fault {
    fn from(error: TokenReused) -> Self {
        Fault::new("TokenReused", Retry::NewToken, error.to_string())
    }
}

impl From<Untimely> for Fault {
    fn from(error: Untimely) -> Self {
        let name = if error.phase == Phase::Done { "AlreadyDone" } else { "NotNow" };
        Fault::new(name, Retry::Never, error.to_string())
    }
}
