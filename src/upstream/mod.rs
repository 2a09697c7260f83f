//! The host link: what the acquirer is asked, and what it answers.
//!
//! [`Host`] is the link. What goes over it is a value: an [`AuthorisationRequest`] and its [`AuthorisationAnswer`], a
//! [`Reversal`], an [`Advice`], a [`NetworkRequest`]. [`HostConfig`] says how the acquirer wants its messages, which are [`iso8583`].
//!
//! The link sends what it is given once. Where no answer comes, [`HostError::is_reversal_needed`] says whether the host
//! may have approved; what follows from that is for the transaction's life to decide.

mod address;
mod advice;
mod answer;
mod authorisation;
mod config;
mod exchange;
mod facts;
mod failure;
mod host;
pub mod icc_data;
pub mod iso8583;
mod mac_keys;
mod network;
mod response_code;
mod reversal;
mod tls;
mod when;

pub use address::HostAddress;
pub use advice::{Advice, AdviceAnswer};
pub use authorisation::{AuthorisationAnswer, AuthorisationRequest, Decision, EntryMode};
pub(crate) use config::HostSettings;
pub use config::{CardAcceptor, HostConfig, InvalidRule, MessageClass};
pub use failure::{HostError, MalformedAnswer, NoAnswer, NotSent, SignOnError};
pub use host::{Authorisation, Host, Jitter, LinkInputs, LinkState, Peer, Stream, Ticket, TicketDesk};
pub use mac_keys::{KeyDesk, KeyLedger, MacKeys, Reserve};
pub use network::{NetworkPurpose, NetworkRequest};
pub use response_code::{Action, Instruction, MEANINGS, Meaning, OnReversal, ResponseCode};
pub use reversal::{Reversal, ReversalAnswer};
pub use tls::{Identity, IdentityError, InvalidTls, Pin, Tls, TlsPeer, TlsVersion};
