//! ICC System Related Data, field 55: the kernel's data objects on their way to the issuer, and the issuer's on their
//! way back.

use emv::dict;
use emv::tlv::{self, Tag, Tlvs, Writer};
use zeroize::Zeroizing;

/// What every scheme wants, in this order (EMV Book 4, 12.1.1).
const COMMON: &[Tag] = &[
    dict::APPLICATION_CRYPTOGRAM,
    dict::CRYPTOGRAM_INFORMATION_DATA,
    dict::ISSUER_APPLICATION_DATA,
    dict::UNPREDICTABLE_NUMBER,
    dict::ATC,
    dict::TVR,
    dict::TRANSACTION_DATE,
    dict::TRANSACTION_TYPE,
    dict::AMOUNT_AUTHORISED_NUMERIC,
    dict::TRANSACTION_CURRENCY_CODE,
    dict::AIP,
    dict::TERMINAL_COUNTRY_CODE,
    dict::TERMINAL_CAPABILITIES,
    dict::CVM_RESULTS,
    dict::TERMINAL_TYPE,
    dict::IFD_SERIAL_NUMBER,
    dict::AMOUNT_OTHER_NUMERIC,
    dict::DF_NAME,
    dict::APPLICATION_VERSION_NUMBER_TERMINAL,
    dict::PAN_SEQUENCE_NUMBER,
    dict::TRANSACTION_SEQUENCE_COUNTER,
];

/// What a scheme wants besides, by the registered identifier that its AIDs begin with.
const BY_SCHEME: &[([u8; 5], &[Tag])] = &[
    // Visa
    ([0xA0, 0, 0, 0, 0x03], &[dict::TTQ, dict::CTQ, dict::FORM_FACTOR_INDICATOR, dict::CUSTOMER_EXCLUSIVE_DATA]),
    // Mastercard, whose Third Party Data has the tag of the Form Factor Indicator
    ([0xA0, 0, 0, 0, 0x04], &[dict::TRANSACTION_CATEGORY_CODE, dict::FORM_FACTOR_INDICATOR]),
];

/// The tags that the scheme of `aid` wants in field 55.
pub fn wanted(aid: &[u8]) -> impl Iterator<Item = Tag> {
    let of_scheme = BY_SCHEME.iter().find(|(rid, _)| aid.starts_with(rid)).map_or(&[][..], |(_, tags)| tags);
    COMMON.iter().chain(of_scheme).copied()
}

/// Field 55 of a request: those of `tags` that are in the kernel's `record`, in that order.
pub fn from_data_record(record: Tlvs<'_>, tags: impl Iterator<Item = Tag>) -> Zeroizing<Vec<u8>> {
    let mut data = Writer::new();
    for tag in tags {
        if let Some(value) = record.find(tag) {
            data.put(tag, value);
        }
    }
    Zeroizing::new(data.into_bytes())
}

/// What the issuer sends back to the card.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IssuerData {
    /// Issuer Authentication Data: the ARPC and what goes with it, 8 to 16 bytes.
    pub issuer_authentication_data: Option<Vec<u8>>,
    /// Authorisation Response Code, where the issuer gives the card another than the terminal.
    pub authorisation_response_code: Option<[u8; 2]>,
    /// Issuer Script Templates 1: the value of each, in the order they came, for before the final cryptogram.
    pub scripts_before: Vec<Vec<u8>>,
    /// Issuer Script Templates 2: the value of each, in the order they came, for after the final cryptogram.
    pub scripts_after: Vec<Vec<u8>>,
}

impl IssuerData {
    /// Reads field 55 of an answer. Data objects that mean nothing here are passed over.
    ///
    /// # Errors
    /// If the bytes are no data objects.
    pub fn parse(bytes: &[u8]) -> Result<Self, tlv::Error> {
        let mut data = Self::default();
        for object in Tlvs::parse(bytes)?.iter() {
            match object.tag {
                dict::ISSUER_AUTHENTICATION_DATA => data.issuer_authentication_data = Some(object.value.to_vec()),
                dict::AUTHORISATION_RESPONSE_CODE => data.authorisation_response_code = object.value.try_into().ok(),
                dict::ISSUER_SCRIPT_TEMPLATE_1 => data.scripts_before.push(object.value.to_vec()),
                dict::ISSUER_SCRIPT_TEMPLATE_2 => data.scripts_after.push(object.value.to_vec()),
                _ => {}
            }
        }
        Ok(data)
    }

    /// Whether there is a script.
    pub fn has_scripts(&self) -> bool {
        !(self.scripts_before.is_empty() && self.scripts_after.is_empty())
    }

    /// What of it is for the card, as data objects: Issuer Authentication Data and scripts.
    pub fn for_card(&self) -> Zeroizing<Vec<u8>> {
        let mut objects = Writer::new();
        if let Some(data) = &self.issuer_authentication_data {
            objects.put(dict::ISSUER_AUTHENTICATION_DATA, data);
        }
        for script in &self.scripts_before {
            objects.put(dict::ISSUER_SCRIPT_TEMPLATE_1, script);
        }
        for script in &self.scripts_after {
            objects.put(dict::ISSUER_SCRIPT_TEMPLATE_2, script);
        }
        Zeroizing::new(objects.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VISA: &[u8] = &[0xA0, 0, 0, 0, 0x03, 0x10, 0x10];

    fn record(fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut record = Writer::new();
        fill(&mut record);
        record.into_bytes()
    }

    #[test]
    fn a_request_carries_what_the_scheme_wants_and_the_kernel_has_in_the_schemes_order() {
        let record = record(|record| {
            record.put(dict::TRACK_2_EQUIVALENT_DATA, &[0x47, 0x61, 0xD2]);
            record.put(dict::CTQ, &[0x28, 0]).put(dict::ATC, &[0, 1]).put(dict::APPLICATION_CRYPTOGRAM, &[7; 8]);
        });
        let data = from_data_record(Tlvs::parse(&record).unwrap(), wanted(VISA));
        let tags: Vec<Tag> = Tlvs::parse(&data).unwrap().iter().map(|object| object.tag).collect();
        assert_eq!(tags, [dict::APPLICATION_CRYPTOGRAM, dict::ATC, dict::CTQ]);
    }

    #[test]
    fn no_scheme_is_sent_what_identifies_the_card_in_field_55() {
        for aid in [VISA, &[0xA0, 0, 0, 0, 0x04, 0x10, 0x10], &[0xA0, 0, 0, 9, 0x99]] {
            for tag in [dict::PAN, dict::TRACK_2_EQUIVALENT_DATA, dict::CARDHOLDER_NAME] {
                assert!(!wanted(aid).any(|wanted| wanted == tag));
            }
        }
    }

    #[test]
    fn an_issuers_answer_is_sorted_by_what_the_card_gets_when() {
        let bytes = record(|data| {
            data.put(dict::ISSUER_AUTHENTICATION_DATA, &[1; 10]).put(dict::ISSUER_SCRIPT_TEMPLATE_2, &[0x86, 1, 2]);
            data.put(dict::AUTHORISATION_RESPONSE_CODE, b"00").put(dict::ISSUER_SCRIPT_TEMPLATE_1, &[0x86, 1, 1]);
            data.put(dict::ISSUER_SCRIPT_TEMPLATE_2, &[0x86, 1, 3]).put(dict::ATC, &[0, 1]);
        });
        let expected = IssuerData {
            issuer_authentication_data: Some(vec![1; 10]),
            authorisation_response_code: Some(*b"00"),
            scripts_before: vec![vec![0x86, 1, 1]],
            scripts_after: vec![vec![0x86, 1, 2], vec![0x86, 1, 3]],
        };
        assert!(expected.has_scripts() && !IssuerData::default().has_scripts());
        assert_eq!(IssuerData::parse(&expected.for_card()).unwrap().scripts_after, expected.scripts_after);
        let for_card: Vec<Tag> = Tlvs::parse(&expected.for_card()).unwrap().iter().map(|object| object.tag).collect();
        use dict::{ISSUER_AUTHENTICATION_DATA, ISSUER_SCRIPT_TEMPLATE_1, ISSUER_SCRIPT_TEMPLATE_2};
        assert_eq!(
            for_card,
            [ISSUER_AUTHENTICATION_DATA, ISSUER_SCRIPT_TEMPLATE_1, ISSUER_SCRIPT_TEMPLATE_2, ISSUER_SCRIPT_TEMPLATE_2]
        );
        assert_eq!(IssuerData::parse(&bytes), Ok(expected));
        assert!(IssuerData::parse(&bytes[..5]).is_err());
    }
}
