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

    /// The relay resistance data, which is what such a signature ends with (EMV Contactless Book
    /// C-2). Only meaningful where the protocol was run; the kernel compares it with what was
    /// exchanged.
    pub fn relay_resistance_data(&self) -> Option<RelayResistanceData> {
        self.remaining().last_chunk().map(RelayResistanceData::from_bytes)
    }
}

/// What a card signs of the relay resistance protocol (EMV Contactless Book C-2). Times are in
/// units of 100 microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayResistanceData {
    /// Terminal Relay Resistance Entropy.
    pub terminal_entropy: [u8; 4],
    /// Device Relay Resistance Entropy.
    pub device_entropy: [u8; 4],
    /// Min Time For Processing Relay Resistance APDU.
    pub min_time_for_processing: u16,
    /// Max Time For Processing Relay Resistance APDU.
    pub max_time_for_processing: u16,
    /// Device Estimated Transmission Time For Relay Resistance R-APDU.
    pub estimated_transmission_time: u16,
}

impl RelayResistanceData {
    fn from_bytes(bytes: &[u8; 14]) -> Self {
        let [t0, t1, t2, t3, d0, d1, d2, d3, min0, min1, max0, max1, estimated0, estimated1] = *bytes;
        RelayResistanceData {
            terminal_entropy: [t0, t1, t2, t3],
            device_entropy: [d0, d1, d2, d3],
            min_time_for_processing: u16::from_be_bytes([min0, min1]),
            max_time_for_processing: u16::from_be_bytes([max0, max1]),
            estimated_transmission_time: u16::from_be_bytes([estimated0, estimated1]),
        }
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
