//! How a transaction ends.

use serde::{Deserialize, Serialize};

use super::fault::{Fault, Retry};

/// What became of a transaction. Each token reaches exactly one of these and keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalResult {
    /// `approved`: paid, given back, held: done, whatever was asked for. The only result of a sale for which the
    /// merchant may hand over the goods.
    Approved,
    /// `declined`: the issuer, or card and terminal, refused. Nothing is owed.
    Declined,
    /// `cancelled`: the caller called it off, and nothing was sent to the acquirer.
    Cancelled,
    /// `timed_out`: no card was presented in time.
    TimedOut,
    /// `other_interface`: this card wants to be inserted or swiped, or another card is needed.
    OtherInterface,
    /// `aborted`: it could not be carried through, and no money moved.
    Aborted,
    /// `reversed`: the acquirer had been asked, and the request was taken back. No money moved.
    Reversed,
}

impl FinalResult {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            FinalResult::Approved => "approved",
            FinalResult::Declined => "declined",
            FinalResult::Cancelled => "cancelled",
            FinalResult::TimedOut => "timed_out",
            FinalResult::OtherInterface => "other_interface",
            FinalResult::Aborted => "aborted",
            FinalResult::Reversed => "reversed",
        }
    }
}

/// Why a transaction ended as it did. A reason has one result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The issuer approved.
    ApprovedOnline,
    /// Card and terminal approved without the issuer.
    ApprovedOffline,
    /// The issuer declined; the response code says why.
    DeclinedOnline,
    /// Card or terminal declined.
    DeclinedOffline,
    /// The issuer had to be asked, and no request could be sent.
    UnableToGoOnline,
    /// Card and terminal approved, and the caller wanted the issuer to decide.
    OnlineRequired,
    /// The issuer had to be asked, and the caller wanted that nobody is.
    OfflineNotPossible,
    /// Card and terminal approved, and the limits of what the acquirer has not heard of yet admit no more.
    OfflineLimitReached,
    /// The caller cancelled.
    CancelledByCaller,
    /// No card was presented in time.
    NoCard,
    /// The Outcome was Try Another Interface.
    TryAnotherInterface,
    /// The Outcome was End Application: the card can't be used here.
    EndApplication,
    /// The reader went away or failed.
    ReaderFailed,
    /// The daemon was restarted before the acquirer was asked.
    Restarted,
    /// The journal could not be written before the acquirer was asked.
    JournalFailed,
    /// A defect of this software; the log has it.
    InternalError,
    /// The request to the acquirer was taken back; the transaction's reversal says why.
    Reversed,
    /// It follows from an earlier approval; the acquirer is told of it, not asked.
    ApprovedBefore,
}

/// Result, stable name, advice and words of each reason, in the order of [`Reason`].
#[rustfmt::skip]
const REASONS: &[(Reason, FinalResult, &str, Retry, &str)] = &[
    (Reason::ApprovedOnline, FinalResult::Approved, "ApprovedOnline", Retry::Never, "approved by the issuer"),
    (Reason::ApprovedOffline, FinalResult::Approved, "ApprovedOffline", Retry::Never, "approved by the card"),
    (Reason::DeclinedOnline, FinalResult::Declined, "DeclinedOnline", Retry::NewToken, "declined by the issuer; ask for another card"),
    (Reason::DeclinedOffline, FinalResult::Declined, "DeclinedOffline", Retry::NewToken, "declined by the card or this terminal; ask for another card"),
    (Reason::UnableToGoOnline, FinalResult::Declined, "UnableToGoOnline", Retry::AfterOperator, "the acquirer can't be reached; check the host link"),
    (Reason::OnlineRequired, FinalResult::Declined, "OnlineRequired", Retry::NewToken, "the issuer was to decide, and this card does not ask it; ask for another card"),
    (Reason::OfflineNotPossible, FinalResult::Declined, "OfflineNotPossible", Retry::NewToken, "this card can't be approved offline; nothing was sent, sell again online or ask for another card"),
    (Reason::OfflineLimitReached, FinalResult::Declined, "OfflineLimitReached", Retry::AfterOperator, "no more can be approved offline until the acquirer has taken what is queued; check the host link"),
    (Reason::CancelledByCaller, FinalResult::Cancelled, "Cancelled", Retry::NewToken, "cancelled"),
    (Reason::NoCard, FinalResult::TimedOut, "NoCard", Retry::NewToken, "no card was presented in time"),
    (Reason::TryAnotherInterface, FinalResult::OtherInterface, "TryAnotherInterface", Retry::NewToken, "this card must be inserted or swiped, or take another card"),
    (Reason::EndApplication, FinalResult::Aborted, "EndApplication", Retry::NewToken, "this card can't be used here; ask for another card"),
    (Reason::ReaderFailed, FinalResult::Aborted, "ReaderFailed", Retry::AfterOperator, "the reader failed; check its cable and its service"),
    (Reason::Restarted, FinalResult::Aborted, "Restarted", Retry::NewToken, "the terminal was restarted before the acquirer was asked; nothing was charged"),
    (Reason::JournalFailed, FinalResult::Aborted, "JournalFailed", Retry::NewToken, "the journal could not be written for a while; nothing was charged"),
    (Reason::InternalError, FinalResult::Aborted, "InternalError", Retry::NewToken, "internal error; nothing was charged, the log has the details"),
    (Reason::Reversed, FinalResult::Reversed, "Reversed", Retry::NewToken, "the request was taken back; nothing was charged"),
    (Reason::ApprovedBefore, FinalResult::Approved, "ApprovedBefore", Retry::Never, "it follows from an earlier approval"),
];

impl Reason {
    /// The result that this reason leads to.
    pub fn result(self) -> FinalResult {
        REASONS[self as usize].1
    }

    /// What a caller is told: `None` if the transaction was approved.
    pub fn fault(self) -> Option<Fault> {
        let (_, result, name, retry, message) = REASONS[self as usize];
        (result != FinalResult::Approved).then(|| Fault::new(name, retry, message))
    }
}

/// Why the request to the acquirer is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReversalReason {
    /// The answer did not come, came too late or could not be understood.
    NoAnswer,
    /// The caller cancelled while the acquirer was being asked.
    CancelledByCaller,
    /// The issuer approved a part, and the caller wants all or nothing.
    PartialNotAccepted,
    /// The issuer approved more than was asked, or nothing at all.
    ImplausibleAmount,
    /// The card declined after the issuer had approved.
    DeclinedByCard,
    /// The daemon was restarted between the request and the moment the caller would have been told.
    Restarted,
    /// The journal could not be written in that time.
    JournalFailed,
    /// A defect of this software; the log has it.
    InternalError,
}

impl ReversalReason {
    /// Why a transaction ends for which there is nothing to take back, since it moves no money.
    pub fn without_money(self) -> Reason {
        match self {
            ReversalReason::NoAnswer => Reason::UnableToGoOnline,
            ReversalReason::CancelledByCaller => Reason::CancelledByCaller,
            ReversalReason::Restarted => Reason::Restarted,
            ReversalReason::JournalFailed => Reason::JournalFailed,
            ReversalReason::PartialNotAccepted
            | ReversalReason::ImplausibleAmount
            | ReversalReason::DeclinedByCard
            | ReversalReason::InternalError => Reason::InternalError,
        }
    }
}

/// Why a transaction was dropped before it was done, and is taken up again as the journal knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// The daemon was restarted.
    Restart,
    /// The journal could not be written.
    JournalFailure,
    /// A part of the daemon that worked for it panicked.
    Panic,
}

impl Interruption {
    /// Why it ends, where no money may have moved.
    pub fn reason(self) -> Reason {
        match self {
            Interruption::Restart => Reason::Restarted,
            Interruption::JournalFailure => Reason::JournalFailed,
            Interruption::Panic => Reason::InternalError,
        }
    }

    /// Why it is taken back, where money may have moved.
    pub fn reversal_reason(self) -> ReversalReason {
        match self {
            Interruption::Restart => ReversalReason::Restarted,
            Interruption::JournalFailure => ReversalReason::JournalFailed,
            Interruption::Panic => ReversalReason::InternalError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_stands_at_its_place_in_the_table() {
        for (index, (reason, result, ..)) in REASONS.iter().enumerate() {
            assert_eq!(*reason as usize, index);
            assert_eq!(reason.fault().is_none(), *result == FinalResult::Approved);
            assert_eq!(serde_json::to_value(result).unwrap(), result.name());
        }
        assert_eq!(REASONS.len(), Reason::ApprovedBefore as usize + 1);
    }
}
