//! What an issuer and its cards compute with shared keys: master and session keys, Application
//! Cryptograms, Authorisation Response Cryptograms (EMV Book 2, 8 and Annex A1).

mod arpc;
mod cryptogram;
mod derivation;
mod issuer;
mod tdes;

pub use arpc::{arpc_method_1, arpc_method_2};
pub use cryptogram::{CryptogramVersion, MissingData};
pub use derivation::{common_session_key, icc_master_key_a, icc_master_key_b};
pub use issuer::{Issuer, VerifiedCryptogram, VerifyError};
pub use tdes::{Key, Padding};
