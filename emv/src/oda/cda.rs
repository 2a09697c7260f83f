//! Combined DDA and application cryptogram generation (EMV Book 2, 6.6).

use super::recovery::sha1;
use super::{Fault, IccDynamicData, IccKey, SignedDynamicData};
use crate::dict;
use crate::fields::CryptogramInformationData;
use crate::tlv::Tlvs;

/// What a combined signature is verified against.
#[derive(Debug, Clone, Copy)]
pub struct CombinedSignature<'a> {
    /// The terminal's Unpredictable Number.
    pub unpredictable_number: [u8; 4],
    /// What the terminal sent, in this order: the PDOL's data in GET PROCESSING OPTIONS, CDOL1's in
    /// the first GENERATE AC and, where there was one, CDOL2's in the second.
    pub sent: &'a [&'a [u8]],
    /// The objects inside Response Message Template Format 2 of the last GENERATE AC.
    pub response: Tlvs<'a>,
}

/// ICC Dynamic Data of a combined signature (EMV Book 2, Table 19).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CombinedDynamicData {
    dynamic_data: IccDynamicData,
    /// Cryptogram Information Data.
    pub cryptogram_information_data: CryptogramInformationData,
    /// TC or ARQC.
    pub application_cryptogram: [u8; 8],
    transaction_data_hash: [u8; 20],
}

impl CombinedDynamicData {
    const LENGTH: usize = 1 + 8 + 20;

    fn parse(dynamic_data: IccDynamicData) -> Result<Self, Fault> {
        let (cid, rest) = dynamic_data.rest().split_first().ok_or(Fault::IccDynamicData)?;
        let (cryptogram, rest) = rest.split_first_chunk().ok_or(Fault::IccDynamicData)?;
        let (hash, _) = rest.split_first_chunk().ok_or(Fault::IccDynamicData)?;
        Ok(CombinedDynamicData {
            cryptogram_information_data: CryptogramInformationData::from_bytes([*cid]),
            application_cryptogram: *cryptogram,
            transaction_data_hash: *hash,
            dynamic_data,
        })
    }

    /// ICC Dynamic Number, 2 to 8 bytes.
    pub fn icc_dynamic_number(&self) -> &[u8] {
        self.dynamic_data.number()
    }

    /// What follows the Transaction Data Hash Code: nothing in Book 2; in Book C-2 the DS Summaries
    /// 2 and 3 where the card took part in data storage, then the relay resistance data
    /// where that protocol was run.
    pub fn remaining(&self) -> &[u8] {
        &self.dynamic_data.rest()[Self::LENGTH..]
    }
}

/// Verifies the Signed Dynamic Application Data of a GENERATE AC response with a TC or an ARQC, and
/// gives the cryptogram out of it (EMV Book 2, 6.6.2).
///
/// # Errors
/// The [`Fault`] of the first step that fails.
pub fn verify_combined(icc_key: &IccKey, against: &CombinedSignature<'_>) -> Result<CombinedDynamicData, Fault> {
    let CombinedSignature { unpredictable_number, sent, response } = against;
    let signed = response.find(dict::SIGNED_DYNAMIC_APPLICATION_DATA).ok_or(Fault::MissingSignature)?;
    let cid = response.find(dict::CRYPTOGRAM_INFORMATION_DATA).ok_or(Fault::MissingSignature)?;

    let signed = SignedDynamicData::open(icc_key.key(), signed)?;
    let data = CombinedDynamicData::parse(signed.icc_dynamic_data()?)?;
    if cid != data.cryptogram_information_data.as_bytes() {
        return Err(Fault::CryptogramInformationData);
    }
    signed.verify(&[unpredictable_number])?;

    let returned = response.iter().filter(|object| object.tag != dict::SIGNED_DYNAMIC_APPLICATION_DATA);
    let transaction_data = sent.iter().copied().chain(returned.map(|object| object.encoded));
    if sha1(transaction_data) == data.transaction_data_hash { Ok(data) } else { Err(Fault::TransactionDataHash) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ICC, icc_key};
    use super::*;
    use crate::tlv::Writer;
    use alloc::vec::Vec;

    const UNPREDICTABLE_NUMBER: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
    const PDOL_DATA: &[u8] = &[0x36, 0x00];
    const CDOL1_DATA: &[u8] = &[0x00, 0x12, 0x50, 0x12, 0x34, 0x56, 0x78];
    const ATC: &[u8] = &[0x00, 0x52];
    const ISSUER_APPLICATION_DATA: &[u8] = &[0x0A, 0x04];

    /// What a card answers; a test alters what it is about.
    struct Response {
        cid: u8,
        signed_cid: u8,
        /// What follows the hash code in the ICC Dynamic Data.
        remaining: Vec<u8>,
    }

    impl Default for Response {
        fn default() -> Self {
            Response { cid: 0x80, signed_cid: 0x80, remaining: Vec::new() }
        }
    }

    impl Response {
        /// The objects of the response, with the signature between the others.
        fn objects(&self) -> Vec<u8> {
            let before = objects(&[(dict::CRYPTOGRAM_INFORMATION_DATA, &[self.cid]), (dict::ATC, ATC)]);
            let after = objects(&[(dict::ISSUER_APPLICATION_DATA, ISSUER_APPLICATION_DATA)]);
            let hash = sha1([PDOL_DATA, CDOL1_DATA, &before, &after]);
            let mut data = [&[0x02, 0xAB, 0xCD, self.signed_cid][..], &[0x26; 8], &hash, &self.remaining].concat();
            data.splice(..0, [0x05, 0x01, data.len() as u8]);
            let signed = ICC.sign(&ICC.padded(data), &[&UNPREDICTABLE_NUMBER]);
            [before, objects(&[(dict::SIGNED_DYNAMIC_APPLICATION_DATA, &signed)]), after].concat()
        }

        fn verify(&self) -> Result<CombinedDynamicData, Fault> {
            verify(UNPREDICTABLE_NUMBER, &[PDOL_DATA, CDOL1_DATA], &self.objects())
        }
    }

    fn objects(objects: &[(crate::tlv::Tag, &[u8])]) -> Vec<u8> {
        let mut writer = Writer::new();
        for (tag, value) in objects {
            writer.put(*tag, value);
        }
        writer.into_bytes()
    }

    fn verify(unpredictable_number: [u8; 4], sent: &[&[u8]], objects: &[u8]) -> Result<CombinedDynamicData, Fault> {
        let response = Tlvs::parse(objects).unwrap();
        verify_combined(&icc_key(), &CombinedSignature { unpredictable_number, sent, response })
    }

    #[test]
    fn a_good_signature_gives_the_cryptogram() {
        let data = Response::default().verify().unwrap();
        assert_eq!(data.icc_dynamic_number(), [0xAB, 0xCD]);
        assert_eq!(data.application_cryptogram, [0x26; 8]);
        assert_eq!(*data.cryptogram_information_data.as_bytes(), [0x80]);
        assert_eq!(data.remaining(), []);
    }

    #[test]
    fn a_cid_changed_on_its_way_is_refused() {
        let response = Response { cid: 0x40, ..Response::default() };
        assert_eq!(response.verify(), Err(Fault::CryptogramInformationData));
    }

    #[test]
    fn what_the_terminal_sent_is_signed() {
        let objects = Response::default().objects();
        let with = |unpredictable_number, sent: &[&[u8]]| verify(unpredictable_number, sent, &objects).map(|_| ());
        assert_eq!(with(UNPREDICTABLE_NUMBER, &[PDOL_DATA, CDOL1_DATA]), Ok(()));
        assert_eq!(with([0; 4], &[PDOL_DATA, CDOL1_DATA]), Err(Fault::HashMismatch));
        assert_eq!(with(UNPREDICTABLE_NUMBER, &[CDOL1_DATA]), Err(Fault::TransactionDataHash));
        assert_eq!(with(UNPREDICTABLE_NUMBER, &[PDOL_DATA, CDOL1_DATA, &[0]]), Err(Fault::TransactionDataHash));
    }

    #[test]
    fn every_object_of_the_response_is_signed() {
        let objects = Response::default().objects();
        let (start, end) = (objects.len() - ISSUER_APPLICATION_DATA.len(), objects.len());
        for altered in start..end {
            let mut objects = objects.clone();
            objects[altered] ^= 0x01;
            assert_eq!(
                verify(UNPREDICTABLE_NUMBER, &[PDOL_DATA, CDOL1_DATA], &objects),
                Err(Fault::TransactionDataHash)
            );
        }
    }

    #[test]
    fn a_response_without_signature_or_cid_is_refused() {
        for tag in [dict::CRYPTOGRAM_INFORMATION_DATA, dict::SIGNED_DYNAMIC_APPLICATION_DATA] {
            let response = objects(&[(tag, &[0x80])]);
            assert_eq!(verify(UNPREDICTABLE_NUMBER, &[], &response), Err(Fault::MissingSignature));
        }
    }

    #[test]
    fn dynamic_data_cut_short_is_refused() {
        for length in 2..32 {
            let data = [&[0x05, 0x01, length, 0x02][..], &[0x80; 31]].concat();
            let signed = ICC.sign(&ICC.padded(data), &[&UNPREDICTABLE_NUMBER]);
            let response = objects(&[
                (dict::CRYPTOGRAM_INFORMATION_DATA, &[0x80]),
                (dict::SIGNED_DYNAMIC_APPLICATION_DATA, &signed),
            ]);
            assert_eq!(verify(UNPREDICTABLE_NUMBER, &[], &response), Err(Fault::IccDynamicData), "{length} bytes");
        }
    }

    #[test]
    fn what_follows_the_hash_code_is_given_as_it_is() {
        let relay = [1, 2, 3, 4, 5, 6, 7, 8, 0, 10, 0, 20, 1, 0];
        let summaries = [0xD5; 16];
        for remaining in [relay.to_vec(), [&summaries[..], &relay].concat()] {
            let data = Response { remaining: remaining.clone(), ..Response::default() }.verify().unwrap();
            assert_eq!(data.remaining(), remaining);
        }
    }
}
