//! Leaf functions that several kernels call. Each kernel keeps its own control flow.

mod action_analysis;
mod cvm_condition;
mod icc_key;
mod records;
mod restrictions;
mod terminal_objects;

pub use action_analysis::{ActionCodes, IssuerActionCodes, analyse};
pub use cvm_condition::CvmTransaction;
pub(crate) use icc_key::{icc_key, issuer_key};
pub(crate) use records::{Records, records};
pub use restrictions::{ServiceRequest, TransactionKind, is_service_allowed};
pub(crate) use terminal_objects::{set_terminal_objects, set_transaction_objects};
