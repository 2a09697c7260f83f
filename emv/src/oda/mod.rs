//! Offline data authentication (EMV Book 2, sections 5 and 6; EMV Contactless Book C-3, Annex C).
//!
//! A chain of three keys: the terminal holds the certification authority's, a certificate on the
//! card gives the issuer's, another gives the card's own. With these, the card's static data
//! (SDA), its answer to a challenge (DDA, fDDA) or its application cryptogram (CDA) is verified.
//!
//! ```text
//! CaKeys::usable -> recover_issuer_key -> verify_static                            SDA
//!                                      -> recover_icc_key -> verify_dynamic        DDA
//!                                                         -> verify_fast_dynamic   fDDA
//!                                                         -> verify_combined       CDA
//! ```
//!
//! Each of these functions carries out every step that the book lists, and names the first that
//! failed as a [`Fault`]. What a certificate or a signature holds can also be looked at before it
//! is verified: [`IssuerCertificate`], [`IccCertificate`], [`SignedStaticData`],
//! [`SignedDynamicData`].

mod ca_key;
mod cda;
mod certificate;
mod dda;
mod fault;
mod fdda;
mod icc;
mod issuer;
mod modular;
mod recovery;
mod revocation;
mod rsa;
mod sda;
mod static_data;
#[cfg(test)]
mod testing;

pub use ca_key::{CaKey, CaKeyError, CaKeys, Environment, Rid};
pub use cda::{CombinedDynamicData, CombinedSignature, verify_combined};
pub use certificate::{EncodedCertificate, PublicKeyCertificate};
pub use dda::{IccDynamicData, SignedDynamicData, verify_dynamic};
pub use fault::Fault;
pub use fdda::{FastDynamicData, FddaUse, verify_fast_dynamic};
pub use icc::{IccCertificate, IccKey, recover_icc_key};
pub use issuer::{IssuerCertificate, IssuerKey, recover_issuer_key};
pub use revocation::{Revocation, RevocationList};
pub use rsa::{InvalidKey, PublicKey};
pub use sda::{SignedStaticData, verify_static};
pub use static_data::StaticData;
