//! What an issuer and its cards compute with shared keys: master and session keys, Application
//! Cryptograms, Authorisation Response Cryptograms, secure messaging (EMV Book 2, 8, 9 and Annex A1),
//! and the codes of magnetic stripe data; and a host with its terminals: keys of messages, PIN blocks.

mod arpc;
mod cryptogram;
mod cvc3;
mod derivation;
mod dukpt;
mod issuer;
mod message_mac;
mod owhf2;
mod pin_block;
mod secure_messaging;
mod tdes;

pub use arpc::{arpc_method_1, arpc_method_2};
pub use cryptogram::{CryptogramVersion, MissingData};
pub(crate) use cvc3::{blank_track_2, layout};
pub use cvc3::{cvc3, icc_cvc3_key};
pub use derivation::{common_session_key, icc_master_key_a, icc_master_key_b};
pub use dukpt::{BaseDerivationKey, Usage};
pub use issuer::{Issuer, VerifiedCryptogram, VerifyError};
pub use message_mac::MessageMac;
pub(crate) use owhf2::owhf2;
pub use pin_block::Pin;
pub use secure_messaging::{MAC_LENGTH, ScriptedTransaction};
pub use tdes::{Key, Padding};
