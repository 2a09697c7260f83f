//! Why offline data authentication failed.

/// The first step of offline data authentication that failed.
///
/// To the cardholder all are one: the authentication failed. To whoever has to find out why, each
/// names the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// The card gave no certificate (EMV Book 2, Table 4 and Table 12).
    #[error("the card gave no public key certificate")]
    MissingCertificate,
    /// The card gave no public key exponent (EMV Book 2, Table 4 and Table 12).
    #[error("the card gave no public key exponent")]
    MissingExponent,
    /// The card gave no signature, or no Cryptogram Information Data with it (EMV Book 2, Table 20).
    #[error("the card gave no signature")]
    MissingSignature,

    /// No key with this RID and index (EMV Book 2, 5.2 and 6.2).
    #[error("no CA key with the card's RID and index")]
    CaKeyNotFound,
    /// The key's expiry date has passed (EMV Book 2, 11.2.4).
    #[error("the CA key has expired")]
    CaKeyExpired,

    /// The certificate is not as long as the key that signed it (EMV Book 2, 6.3 and 6.4, step 1).
    #[error("the certificate is not as long as the key that must have signed it")]
    CertificateLength,
    /// The signature is not as long as the key that made it (EMV Book 2, 5.4, 6.5.2 and 6.6.2, step 1).
    #[error("the signature is not as long as the key that must have made it")]
    SignatureLength,
    /// The last recovered byte is not `BC`: another key signed (EMV Book 2, 6.3, step 2).
    #[error("the recovered data has a wrong trailer: another key signed")]
    RecoveredTrailer,
    /// The first recovered byte is not `6A` (EMV Book 2, 6.3, step 3).
    #[error("the recovered data has a wrong header")]
    RecoveredHeader,
    /// The Certificate Format is not the one for this kind (EMV Book 2, 6.3 and 6.4, step 4).
    #[error("the certificate is of another format")]
    CertificateFormat,
    /// The Signed Data Format is not the one for this kind (EMV Book 2, 5.4, 6.5.2 and 6.6.2, step
    /// 4; Book C-3, 5.6.2.1).
    #[error("the signed data is of another format")]
    SignedDataFormat,
    /// The Hash Algorithm Indicator is not SHA-1 (EMV Book 2, 6.3, step 6; Annex B3).
    #[error("unknown hash algorithm")]
    HashAlgorithm,
    /// What was signed is not what the card and the terminal hold (EMV Book 2, 6.3, step 7).
    #[error("the hash does not match: the data is not what was signed")]
    HashMismatch,

    /// The Issuer Identifier is not how the PAN begins (EMV Book 2, 6.3, step 8).
    #[error("the issuer certificate is for another issuer")]
    IssuerIdentifier,
    /// The certificate is for another PAN (EMV Book 2, 6.4, step 8).
    #[error("the ICC certificate is for another PAN")]
    PanMismatch,
    /// The month of the Certificate Expiration Date has passed, or is no month (EMV Book 2, 6.3 and
    /// 6.4, step 9).
    #[error("the certificate has expired")]
    CertificateExpired,
    /// The certificate is on the revocation list (EMV Book 2, 6.3, step 10).
    #[error("the issuer certificate is revoked")]
    CertificateRevoked,
    /// The certified key is not for RSA (EMV Book 2, 6.3, step 11, and 6.4, step 10).
    #[error("unknown public key algorithm")]
    KeyAlgorithm,
    /// The remainder does not complete the key to the certified length (EMV Book 2, Table 2).
    #[error("the public key remainder is missing or of a wrong length")]
    KeyRemainder,
    /// The certified key is longer than the key that certifies it, or shorter than
    /// [`PublicKey::MIN_LENGTH`](super::PublicKey::MIN_LENGTH) (EMV Book 2, Annex B2.1).
    #[error("the public key is too long or too short")]
    KeyLength,
    /// The modulus is even or begins with a zero bit (EMV Book 2, 5.1).
    #[error("the public key modulus is malformed")]
    KeyModulus,
    /// The exponent is neither 3 nor 65537 (EMV Book 2, Annex B2.1).
    #[error("the public key exponent is neither 3 nor 65537")]
    KeyExponent,

    /// A record to be authenticated is not one READ RECORD Response Message Template (EMV Book 3,
    /// 10.3).
    #[error("a record to be authenticated is not one READ RECORD template")]
    StaticRecord,
    /// The Static Data Authentication Tag List names something besides the AIP (EMV Book 2, 5.4,
    /// step 5).
    #[error("the SDA tag list names something besides the AIP")]
    SdaTagList,

    /// The ICC Dynamic Data does not hold what it must (EMV Book 2, 6.5.1 and Table 19).
    #[error("malformed ICC dynamic data")]
    IccDynamicData,
    /// The signed Cryptogram Information Data differs from the one in clear (EMV Book 2, 6.6.2,
    /// step 6).
    #[error("the signed CID differs from the response's")]
    CryptogramInformationData,
    /// The Transaction Data Hash Code does not match (EMV Book 2, 6.6.2, step 12).
    #[error("the transaction data hash code does not match")]
    TransactionDataHash,

    /// The relay resistance data that the card signed are not those that were exchanged (Book C-2,
    /// S910.2).
    #[error("the signed relay resistance data are not those exchanged")]
    RelayResistanceData,

    /// The Card Authentication Related Data is missing or cut short (EMV Contactless Book C-3,
    /// Annex C).
    #[error("the card authentication related data is missing or cut short")]
    CardAuthenticationRelatedData,
    /// The card asks for another fDDA version than 01 (EMV Contactless Book C-3, Annex C).
    #[error("unknown fDDA version")]
    FddaVersion,
}
