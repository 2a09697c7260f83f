//! The test certification authority, and what the keys below it sign (EMV Book 2, 5 and 6).
//!
//! The RSA keys stand in `sim/keys`. They are TEST KEYS: published with their private parts, they
//! prove nothing to anybody but a terminal in test mode.

mod certificate;
mod public_keys;
mod rsa;
mod signature;

pub use certificate::{Certificate, CertificationAuthority, certify_icc};
pub use public_keys::{PublicKey, public_keys};
pub use rsa::RsaKey;
pub use signature::{SignedDataFormat, sign_dynamic_data, sign_static_data};
