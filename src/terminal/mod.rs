//! The life of a transaction, from the caller's request to its one final result.
//!
//! [`Life`] is the machine: it says what must be written, sent and shown, and in which order, so
//! that no failure charges a customer for a sale the merchant does not know of, or the other way
//! round. [`Transaction`] is what the [`Event`]s of the journal add up to. What the acquirer hears of afterwards waits in
//! the [`ForwardingQueue`].

mod acquirer_view;
mod batch;
mod card;
mod closed;
mod display;
mod driver;
mod ending;
mod engine;
mod event;
mod fault;
mod follow_up;
mod forwarding;
mod handle;
mod hex;
mod life;
mod minor_units;
mod money;
mod request;
mod tap_result;
#[cfg(test)]
pub(crate) mod testing;
mod token;
mod trace_number;
mod transaction;
mod view;

pub use emv::fields::Amount;

pub use acquirer_view::AcquirerView;
pub use batch::{BatchNumber, BatchNumberError};
pub use card::{Card, CardFormatError, MaskedPan, MaskedPanError};
pub use ending::{FinalResult, Interruption, Reason, ReversalReason};
pub use engine::{Engine, Inputs, StartError};
pub use event::{
    Acceptor, Answer, CardOnRecord, CardRead, Cvm, Event, JournalSetAside, OnlineRequest, Original, Record, Reversal,
    SendFailure, TapData, TapOutcome, TerminalEvent,
};
pub use fault::{Fault, Retry};
pub use follow_up::{Agreed, FollowUp, FollowUpError};
pub use forwarding::{Delivery, Fate, ForwardingQueue, OfflineLimit, Outstanding, Prospect, Sending, Total};
pub use handle::{Status, Terminal};
pub use hex::{Hex, HexError};
pub use life::{Context, HostFailure, Input, Life, Output, Untimely};
pub use money::{Currency, MoneyError, amount};
pub use request::{OnlineMode, Request, RequestError, TransactionType};
pub use token::{Token, TokenError};
pub use trace_number::{Rrn, RrnError, Stan, StanCounter, StanError};
pub use transaction::{Ending, Exposure, Impossible, Phase, TokenReused, Transaction};
pub use view::{Change, ReaderState, ReaderView, TransactionView};
