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
    /// How many bytes there is room for before memory is asked for: the most that Kernel 2 keeps, and an AIP.
    const BYTES: usize = 2048 + Aip::LENGTH;

    /// No data yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// No data yet, with room for those that a transaction has, so that no memory is asked for while a card waits.
    pub fn with_room() -> Self {
        StaticData(Zeroizing::new(Vec::with_capacity(Self::BYTES)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    const RECORD: &[u8] = &[0x70, 0x05, 0x5F, 0x24, 0x02, 0x30, 0x12];

    #[test]
    fn records_of_files_1_to_10_lose_their_template_and_others_keep_it() {
        for (sfi, expected) in [(1, &RECORD[2..]), (10, &RECORD[2..]), (11, RECORD), (30, RECORD)] {
            let mut data = StaticData::new();
            data.add_record(sfi, RECORD).unwrap();
            assert_eq!(data.as_bytes(), expected, "SFI {sfi}");
        }
    }

    #[test]
    fn records_are_concatenated_and_the_aip_comes_last() {
        let mut data = StaticData::new();
        data.add_record(1, RECORD).unwrap();
        data.add_record(1, &[0x70, 0x81, 0x03, 0x9F, 0x4A, 0x00]).unwrap();
        data.add_tag_list(&[0x82], Aip::from_bytes([0x59, 0x80])).unwrap();
        assert_eq!(data.as_bytes(), [0x5F, 0x24, 0x02, 0x30, 0x12, 0x9F, 0x4A, 0x00, 0x59, 0x80]);
    }

    #[test]
    fn what_is_not_one_template_is_refused() {
        for record in [
            &[][..],
            &[0x70],
            &[0x70, 0x02, 0x5F],
            &[0x77, 0x00],
            &[0x70, 0x00, 0x70, 0x00],
            &[0x70, 0x00, 0x00],
            &[0x00, 0x70, 0x00],
        ] {
            let mut data = StaticData::new();
            assert_eq!(data.add_record(1, record), Err(Fault::StaticRecord), "{record:02X?}");
            assert!(data.as_bytes().is_empty());
        }
    }

    #[test]
    fn the_tag_list_may_name_the_aip_only() {
        let aip = Aip::from_bytes([0x59, 0x80]);
        for (list, expected) in [
            (&[0x82][..], Ok(())),
            (&[], Ok(())),
            (&[0x82, 0x82], Err(Fault::SdaTagList)),
            (&[0x94], Err(Fault::SdaTagList)),
            (&[0x5F, 0x24], Err(Fault::SdaTagList)),
        ] {
            assert_eq!(StaticData::new().add_tag_list(list, aip), expected, "{list:02X?}");
        }
    }

    #[test]
    fn printing_shows_no_record() {
        let data = StaticData::from(&[0x47, 0x61][..]);
        assert_eq!(format!("{data:?}"), "StaticData[2]");
    }
}
