//! The issuer's host: it checks a cryptogram and answers with its own.

use emv::dict;
use emv::tlv::Tag;

use super::cvc3::is_cvc3_right;
use super::{CryptogramVersion, Key, MissingData, ScriptedTransaction};
use crate::Scheme;

/// The issuer of all simulated cards of one scheme.
#[derive(Debug, Clone, Copy)]
pub struct Issuer {
    scheme: Scheme,
}

/// Why an issuer does not accept a cryptogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Something that is needed to check it was not sent.
    #[error(transparent)]
    Missing(#[from] MissingData),
    /// The Issuer Application Data name a Cryptogram Version Number that is not supported.
    #[error("unknown cryptogram version in the Issuer Application Data")]
    UnknownVersion,
    /// The cryptogram is not the one that the card with this PAN computes over these data.
    #[error("the Application Cryptogram is wrong")]
    WrongCryptogram,
}

/// A cryptogram that was checked and found right: the issuer can answer it.
#[derive(Debug)]
pub struct VerifiedCryptogram {
    version: &'static CryptogramVersion,
    icc_master_key: Key,
    session_key: Key,
    cryptogram: [u8; 8],
    transaction: ScriptedTransaction,
    /// The key of the transaction for scripts.
    script_key: Key,
}

impl Issuer {
    /// The issuer of a card, told by its number: 8 to 19 decimal digits.
    pub fn of_pan(pan: &str) -> Option<Self> {
        Scheme::of_pan(pan).map(|scheme| Issuer { scheme })
    }

    /// Checks the Application Cryptogram among the data objects of an authorisation request (DE 55).
    ///
    /// `pan` is decimal digits; `sequence_number` is 0 where the card has none; `value` looks a data
    /// object up.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn verify<'v>(
        &self,
        pan: &str,
        sequence_number: u8,
        value: impl Fn(Tag) -> Option<&'v [u8]>,
    ) -> Result<VerifiedCryptogram, VerifyError> {
        let object = |tag| value(tag).ok_or(MissingData(tag));
        let iad = object(dict::ISSUER_APPLICATION_DATA)?;
        let version = CryptogramVersion::of_issuer_application_data(self.scheme, iad);
        let version = version.ok_or(VerifyError::UnknownVersion)?;
        let sent = object(dict::APPLICATION_CRYPTOGRAM)?;

        let icc_master_key = version.icc_master_key(&self.scheme.keys().issuer.ac_master_key, pan, sequence_number);
        let cryptogram = version.cryptogram(&icc_master_key, &value)?;
        if sent != cryptogram {
            return Err(VerifyError::WrongCryptogram);
        }
        let session_key = version.session_key(&icc_master_key, &value)?;
        let atc = object(dict::ATC)?.try_into().map_err(|_| MissingData(dict::ATC))?;
        let transaction = ScriptedTransaction { atc, arqc: cryptogram };
        let smi_master_key = version.icc_master_key(&self.scheme.keys().issuer.smi_master_key, pan, sequence_number);
        let script_key = transaction.session_key(self.scheme, &smi_master_key);
        Ok(VerifiedCryptogram { version, icc_master_key, session_key, cryptogram, transaction, script_key })
    }

    /// Checks the CVC3 in Track 2 of a magnetic stripe: whether it is the one that this card computes. Nothing where
    /// the track holds none. `track_2` is as in field 35, with `=` or `D` for the separator.
    pub fn verify_track_2(&self, track_2: &str) -> Option<bool> {
        is_cvc3_right(&self.scheme.keys().issuer.dynamic_code_master_key, track_2)
    }
}

impl VerifiedCryptogram {
    /// The value of Issuer Authentication Data, 8 or 10 bytes, which prove to the card that this
    /// issuer approved or declined. `response_code` is the Authorisation Response Code, two ASCII
    /// digits.
    pub fn issuer_authentication_data(&self, approved: bool, response_code: [u8; 2]) -> Vec<u8> {
        let VerifiedCryptogram { version, icc_master_key, session_key, cryptogram, .. } = self;
        version.issuer_authentication_data(icc_master_key, session_key, *cryptogram, approved, response_code)
    }

    /// An issuer script command with the MAC that the card checks. `command` is CLA, INS, P1, P2 and the data;
    /// nothing where it is too short or too long to be one.
    pub fn secure(&self, command: &[u8]) -> Option<Vec<u8>> {
        self.transaction.secure(&self.script_key, command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAN: &str = "4761739001010119";

    fn request<'v>(cryptogram: &'v [u8]) -> impl Fn(Tag) -> Option<&'v [u8]> {
        move |tag| match tag {
            dict::AMOUNT_AUTHORISED_NUMERIC => Some(&[0, 0, 0, 0, 0x12, 0x50]),
            dict::UNPREDICTABLE_NUMBER => Some(&[0xAB; 4]),
            dict::ATC => Some(&[0, 1]),
            dict::ISSUER_APPLICATION_DATA => Some(&[0x06, 0x01, 0x11, 0x03, 0xA0, 0x00, 0x00]),
            dict::APPLICATION_CRYPTOGRAM => Some(cryptogram),
            _ => None,
        }
    }

    #[test]
    fn only_the_right_cryptogram_is_accepted_and_answered() {
        let issuer = Issuer::of_pan(PAN).unwrap();
        let version = CryptogramVersion::find(Scheme::Visa, 0x11).unwrap();
        let master = version.icc_master_key(&Scheme::Visa.keys().issuer.ac_master_key, PAN, 1);
        let mut cryptogram = version.cryptogram(&master, request(&[])).unwrap();

        let verified = issuer.verify(PAN, 1, request(&cryptogram)).unwrap();
        let answer = verified.issuer_authentication_data(true, *b"00");
        assert_eq!(answer.len(), 10);
        assert_eq!(&answer[8..], b"00");
        assert_eq!(answer[..8], super::super::arpc_method_1(&master, cryptogram, *b"00"));

        cryptogram[7] ^= 1;
        assert_eq!(issuer.verify(PAN, 1, request(&cryptogram)).unwrap_err(), VerifyError::WrongCryptogram);
    }

    #[test]
    fn a_request_without_a_cryptogram_names_what_is_missing() {
        let error = Issuer::of_pan(PAN).unwrap().verify(PAN, 1, |_| None).unwrap_err();
        assert_eq!(error, VerifyError::Missing(MissingData(dict::ISSUER_APPLICATION_DATA)));
    }
}
