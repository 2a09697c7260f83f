//! Signatures over a card's data: static and dynamic (EMV Book 2, 5 and 6).

use super::RsaKey;
use super::rsa::OVERHEAD;

/// The first byte of signed dynamic data: what they are meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedDataFormat {
    /// DDA and CDA, and fDDA for an offline approval (EMV Book 2, Table 15).
    Dynamic = 0x05,
    /// fDDA beside a cryptogram that goes online (EMV Contactless Book C-3, 5.6.2.1).
    DynamicForOnline = 0x95,
}

const SHA_1: u8 = 0x01;

/// Signed Static Application Data: the issuer's signature over the static data of a card
/// (EMV Book 2, 5.4 and Table 7). `data_authentication_code` is the issuer's own mark.
pub fn sign_static_data(issuer: &RsaKey, data_authentication_code: [u8; 2], static_data: &[u8]) -> Vec<u8> {
    let mut signed = vec![0x03, SHA_1];
    signed.extend(data_authentication_code);
    signed.resize(issuer.modulus().len() - OVERHEAD, 0xBB);
    issuer.sign(&signed, static_data)
}

/// Signed Dynamic Application Data: the card's signature over its own and the terminal's dynamic data
/// (EMV Book 2, 6.5.1 and 6.6.1).
///
/// `icc_dynamic_data` can be recovered from the signature; `terminal_dynamic_data` are hashed.
pub fn sign_dynamic_data(
    icc: &RsaKey,
    format: SignedDataFormat,
    icc_dynamic_data: &[u8],
    terminal_dynamic_data: &[u8],
) -> Vec<u8> {
    let length = u8::try_from(icc_dynamic_data.len()).expect("at most the length of a key less 25 bytes");
    let mut signed = vec![format as u8, SHA_1, length];
    signed.extend_from_slice(icc_dynamic_data);
    signed.resize(icc.modulus().len() - OVERHEAD, 0xBB);
    icc.sign(&signed, terminal_dynamic_data)
}
