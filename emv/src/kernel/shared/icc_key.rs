//! The keys that a card's certificates hold, out of what the card has given.

use super::super::Database;
use crate::dict;
use crate::fields::{Date, Pan};
use crate::oda::{self, EncodedCertificate, Fault, IccKey, IssuerKey, StaticData};
use crate::profile::Profile;
use crate::tlv::Tag;

/// The issuer's own public key, by the CA key that the application names (EMV Book 2, 6.2 and 6.3).
///
/// `rid` is that of the application that was selected; `date` is the transaction's.
///
/// # Errors
/// The fault of the first step that fails. An object that the card didn't give counts as empty.
pub(crate) fn issuer_key(
    database: &Database,
    profile: &Profile,
    rid: Option<[u8; 5]>,
    date: Date,
) -> Result<IssuerKey, Fault> {
    let object = |tag: Tag| database.value(tag).unwrap_or_default();
    let rid = rid.ok_or(Fault::CaKeyNotFound)?;
    let &[index] = object(dict::CA_PUBLIC_KEY_INDEX) else { return Err(Fault::CaKeyNotFound) };
    let pan = pan(database)?;
    let ca_key = profile.ca_keys.usable(rid, index, date)?;
    let certificate = EncodedCertificate {
        certificate: object(dict::ISSUER_PUBLIC_KEY_CERTIFICATE),
        remainder: object(dict::ISSUER_PUBLIC_KEY_REMAINDER),
        exponent: object(dict::ISSUER_PUBLIC_KEY_EXPONENT),
    };
    oda::recover_issuer_key(ca_key, certificate, &pan, date, &profile.revoked)
}

/// The card's own public key, by the chain of certificates: the CA key that the application names, the
/// issuer's, the card's (EMV Book 2, 6.2 to 6.4).
///
/// `rid` is that of the application that was selected; `date` is the transaction's.
///
/// # Errors
/// The fault of the first step that fails. An object that the card didn't give counts as empty.
pub(crate) fn icc_key(
    database: &Database,
    profile: &Profile,
    rid: Option<[u8; 5]>,
    static_data: &StaticData,
    date: Date,
) -> Result<IccKey, Fault> {
    let object = |tag: Tag| database.value(tag).unwrap_or_default();
    let issuer_key = issuer_key(database, profile, rid, date)?;
    let certificate = EncodedCertificate {
        certificate: object(dict::ICC_PUBLIC_KEY_CERTIFICATE),
        remainder: object(dict::ICC_PUBLIC_KEY_REMAINDER),
        exponent: object(dict::ICC_PUBLIC_KEY_EXPONENT),
    };
    oda::recover_icc_key(&issuer_key, certificate, static_data, &pan(database)?, date)
}

fn pan(database: &Database) -> Result<Pan, Fault> {
    Pan::from_cn(database.value(dict::PAN).unwrap_or_default()).map_err(|_| Fault::PanMismatch)
}
