//! The static data to be authenticated (EMV Book 3, 10.3).

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::Fault;
use crate::dict;
use crate::fields::Aip;
use crate::tlv::Tlv;

/// The records that the AFL marks for authentication, in the order in which they are read, then
/// the AIP where the card asks for it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StaticData(Zeroizing<Vec<u8>>);

impl StaticData {
    /// No data yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a record of the file with this SFI (1 to 30), as READ RECORD gave it.
    ///
    /// Of files 1 to 10, tag and length of the template are left out.
    ///
    /// # Errors
    /// [`Fault::StaticRecord`] where the record is not one READ RECORD Response Message Template:
    /// then the authentication has failed.
    pub fn add_record(&mut self, sfi: u8, record: &[u8]) -> Result<(), Fault> {
        let template = Tlv::parse(record).map_err(|_| Fault::StaticRecord)?;
        if template.tag != dict::READ_RECORD_RESPONSE_MESSAGE_TEMPLATE || template.encoded.len() != record.len() {
            return Err(Fault::StaticRecord);
        }
        self.0.extend_from_slice(if sfi <= 10 { template.value } else { record });
        Ok(())
    }

    /// Appends what the Static Data Authentication Tag List names, once all records are there. A
    /// card without that list needs no call.
    ///
    /// # Errors
    /// [`Fault::SdaTagList`] where it names something besides the AIP.
    pub fn add_tag_list(&mut self, list: &[u8], aip: Aip) -> Result<(), Fault> {
        match list {
            [] => Ok(()),
            [tag] if u32::from(*tag) == dict::AIP.number() => {
                self.0.extend(aip.as_bytes());
                Ok(())
            }
            _ => Err(Fault::SdaTagList),
        }
    }

    /// The data, put together.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for StaticData {
    /// Takes data that was put together elsewhere.
    fn from(bytes: &[u8]) -> Self {
        StaticData(Zeroizing::new(bytes.to_vec()))
    }
}

impl fmt::Debug for StaticData {
    /// Shows the length only: the records hold the card number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StaticData[{}]", self.0.len())
    }
}
