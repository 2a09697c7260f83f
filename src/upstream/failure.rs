//! How an exchange with the host fails, sorted by the one question that matters: must it be reversed?

use super::iso8583::{DecodeError, EncodeError, FrameError, MacError, Purpose};
use super::response_code::ResponseCode;
use crate::keys::WorkingKeysError;
use crate::terminal::{HostFailure, Stan};

/// No answer that counts. [`is_reversal_needed`](Self::is_reversal_needed) tells what follows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Not one byte of the request left: the host knows nothing of it.
    #[error("not sent: {0}")]
    NotSent(#[from] NotSent),
    /// The request may have arrived, and no answer came.
    #[error("no answer: {0}")]
    NoAnswer(#[from] NoAnswer),
    /// An answer came that says nothing: the host may have approved.
    #[error("malformed answer: {0}")]
    MalformedAnswer(#[from] MalformedAnswer),
}

impl HostError {
    /// Whether the host may have approved, so that a reversal must tell it that nothing was sold.
    pub fn is_reversal_needed(&self) -> bool {
        !matches!(self, Self::NotSent(_))
    }
}

impl From<&HostError> for HostFailure {
    fn from(error: &HostError) -> Self {
        if error.is_reversal_needed() { HostFailure::NoAnswer } else { HostFailure::NotSent }
    }
}

/// Why a request never left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The connection could not be made.
    #[error("can't connect to {address}: {reason}")]
    Connect {
        /// The host's address.
        address: String,
        /// What the system says.
        reason: String,
    },
    /// The connection was lost before the first byte was written.
    #[error("the connection was lost before the first byte: {0}")]
    ConnectionLost(String),
    /// The request can't be written in the host's dialect.
    #[error("the request can't be written: {0}")]
    Encode(#[from] EncodeError),
    /// The host's dialect has no such message.
    #[error("the host's dialect has no message for {0}")]
    NoMessage(Purpose),
    /// The dialect wants a MAC, and there is no key to make one with.
    #[error("the host's dialect wants a MAC, and there is no key for it")]
    NoMacKey,
    /// The host has handed out no keys, or none that can be used.
    #[error("the terminal is not signed on: {0}")]
    NotSignedOn(String),
    /// A key for the MAC can't be written down as used, so it is not used.
    #[error("the key for its MAC can't be reserved in the journal")]
    KeyNotReserved,
    /// There is no further key for a MAC.
    #[error("no key for its MAC: {0}")]
    Keys(String),
    /// The request can't be framed.
    #[error("the request can't be framed: {0}")]
    Frame(#[from] FrameError),
    /// A request of the same type with the same STAN still waits for its answer.
    #[error("STAN {0} is still waiting for an answer: take the next")]
    StanInUse(Stan),
    /// The request could not be sent before its time was over.
    #[error("it could not be sent in time")]
    TooLate,
    /// What is to be sent holds a card that can't be read any more: the storage key is gone, say.
    #[error("the card is not readable any more")]
    NoCard,
    /// The host link has ended.
    #[error("the host link has ended")]
    Stopped,
}

/// Why no answer came to a request that may have arrived.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The response time-out passed.
    #[error("the response time-out passed")]
    TimedOut,
    /// The response time-out passed, and all that came was an answer to something else by this field.
    #[error("the response time-out passed; an answer came whose field {0} is not this request's")]
    Mismatched(u8),
    /// The response time-out passed, and all that came was an answer that nobody can believe.
    #[error("the response time-out passed; an answer came {0}")]
    NotAuthentic(#[from] MacError),
    /// The host says that it can't verify the request's MAC, and that new keys are due. Nobody can believe that either.
    #[error("the host wants new keys; whether it did what was asked is not known")]
    KeysRefused,
    /// The connection was lost once the first byte was written.
    #[error("the connection was lost: {0}")]
    ConnectionLost(String),
    /// What arrived can't be cut into frames, so the connection was given up.
    #[error("the stream is not understood: {0}")]
    Stream(#[from] FrameError),
    /// The host link ended while the request waited.
    #[error("the host link ended")]
    Stopped,
}

/// Why the terminal is not signed on: it has no keys that the host will know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignOnError {
    /// The host was not reached, or did not answer.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The host does not want to.
    #[error("the host refuses the sign-on with code {code} ({})", code.meaning().meaning)]
    Refused {
        /// What it says.
        code: ResponseCode,
    },
    /// The answer lacks the keys.
    #[error("the answer has no keys in field {0}: check the dialect's [working_keys]")]
    NoKeys(u8),
    /// The keys can't be used.
    #[error("{0}; check [keys.master]")]
    Keys(#[from] WorkingKeysError),
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedAnswer {
    /// It is no message in the host's dialect.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A field that an answer must have is missing, or makes no sense.
    #[error("field {0} is missing or makes no sense")]
    Field(u8),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_never_sent_needs_no_reversal() {
        assert!(!HostError::from(NotSent::Stopped).is_reversal_needed());
        assert!(HostError::from(NoAnswer::TimedOut).is_reversal_needed());
        assert!(HostError::from(NoAnswer::ConnectionLost("reset".into())).is_reversal_needed());
        assert!(HostError::from(MalformedAnswer::Field(39)).is_reversal_needed());
    }
}
