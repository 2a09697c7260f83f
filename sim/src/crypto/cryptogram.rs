//! Application Cryptograms: which data a card authenticates, and under which key.
//!
//! EMV Book 2, 8.1 leaves both to the schemes. The card says by a Cryptogram Version Number in its
//! Issuer Application Data which of its scheme's ways it took.

use std::ops::Range;

use emv::dict;
use emv::tlv::Tag;

use super::{Key, Padding, arpc_method_1, arpc_method_2, common_session_key, icc_master_key_a, icc_master_key_b};
use crate::Scheme;

/// One way to compute an Application Cryptogram and the issuer's answer to it.
#[derive(Debug, PartialEq, Eq)]
pub struct CryptogramVersion {
    /// Whose way it is.
    pub scheme: Scheme,
    /// The Cryptogram Version Number as it stands in the Issuer Application Data. Its hexadecimal
    /// form is also its name: Visa's 0A is called CVN 10 and 12 is CVN 18; Mastercard's 10 is CVN 10.
    pub number: u8,
    master_key: MasterKey,
    session_key: SessionKey,
    data: &'static [&'static [Part]],
    padding: Padding,
    response: ResponseCryptogram,
}

/// How the card's master key comes from the issuer's.
#[derive(Debug, PartialEq, Eq)]
enum MasterKey {
    OptionA,
    OptionB,
}

/// How the session key comes from the card's master key.
#[derive(Debug, PartialEq, Eq)]
enum SessionKey {
    /// The master key itself.
    None,
    /// From the ATC.
    Common,
    /// From the ATC and the Unpredictable Number.
    Mchip,
}

/// How the issuer answers.
#[derive(Debug, PartialEq, Eq)]
enum ResponseCryptogram {
    /// Method 1 with the card's master key and the Authorisation Response Code.
    Method1,
    /// Method 1 with the card's master key and Mastercard's ARPC response code.
    Method1Mchip,
    /// Method 1 with the session key and Mastercard's ARPC response code.
    Method1MchipSession,
    /// Method 2 with the session key.
    Method2,
}

/// One piece of the data under the cryptogram.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// A data object, as long as it is.
    Object(Tag),
    /// Some bytes of the Issuer Application Data.
    Iad(Range<usize>),
}

/// The minimum set (EMV Book 2, 8.1.1).
const BOOK_2: &[Part] = &[
    Part::Object(dict::AMOUNT_AUTHORISED_NUMERIC),
    Part::Object(dict::AMOUNT_OTHER_NUMERIC),
    Part::Object(dict::TERMINAL_COUNTRY_CODE),
    Part::Object(dict::TVR),
    Part::Object(dict::TRANSACTION_CURRENCY_CODE),
    Part::Object(dict::TRANSACTION_DATE),
    Part::Object(dict::TRANSACTION_TYPE),
    Part::Object(dict::UNPREDICTABLE_NUMBER),
    Part::Object(dict::AIP),
    Part::Object(dict::ATC),
];

const VISA_CVR: &[Part] = &[Part::Iad(3..7)];
const VISA_17: &[Part] = &[
    Part::Object(dict::AMOUNT_AUTHORISED_NUMERIC),
    Part::Object(dict::UNPREDICTABLE_NUMBER),
    Part::Object(dict::ATC),
    Part::Iad(4..5),
];
const WHOLE_IAD: &[Part] = &[Part::Object(dict::ISSUER_APPLICATION_DATA)];
const MCHIP_CVR: &[Part] = &[Part::Iad(2..8)];
const MCHIP_COUNTERS: &[Part] = &[Part::Iad(10..18)];

const VERSIONS: &[CryptogramVersion] = &[
    CryptogramVersion {
        scheme: Scheme::Visa,
        number: 0x0A,
        master_key: MasterKey::OptionA,
        session_key: SessionKey::None,
        data: &[BOOK_2, VISA_CVR],
        padding: Padding::Zeros,
        response: ResponseCryptogram::Method1,
    },
    CryptogramVersion {
        scheme: Scheme::Visa,
        number: 0x11,
        master_key: MasterKey::OptionA,
        session_key: SessionKey::None,
        data: &[VISA_17],
        padding: Padding::Zeros,
        response: ResponseCryptogram::Method1,
    },
    CryptogramVersion {
        scheme: Scheme::Visa,
        number: 0x12,
        master_key: MasterKey::OptionB,
        session_key: SessionKey::Common,
        data: &[BOOK_2, WHOLE_IAD],
        padding: Padding::Marked,
        response: ResponseCryptogram::Method2,
    },
    CryptogramVersion {
        scheme: Scheme::Mastercard,
        number: 0x10,
        master_key: MasterKey::OptionA,
        session_key: SessionKey::Mchip,
        data: &[BOOK_2, MCHIP_CVR],
        padding: Padding::Marked,
        response: ResponseCryptogram::Method1Mchip,
    },
    CryptogramVersion {
        scheme: Scheme::Mastercard,
        number: 0x11,
        master_key: MasterKey::OptionA,
        session_key: SessionKey::Mchip,
        data: &[BOOK_2, MCHIP_CVR, MCHIP_COUNTERS],
        padding: Padding::Marked,
        response: ResponseCryptogram::Method1Mchip,
    },
    CryptogramVersion {
        scheme: Scheme::Mastercard,
        number: 0x14,
        master_key: MasterKey::OptionA,
        session_key: SessionKey::Common,
        data: &[BOOK_2, MCHIP_CVR],
        padding: Padding::Marked,
        response: ResponseCryptogram::Method1MchipSession,
    },
    CryptogramVersion {
        scheme: Scheme::Mastercard,
        number: 0x15,
        master_key: MasterKey::OptionA,
        session_key: SessionKey::Common,
        data: &[BOOK_2, MCHIP_CVR, MCHIP_COUNTERS],
        padding: Padding::Marked,
        response: ResponseCryptogram::Method1MchipSession,
    },
];

/// A data object that the cryptogram is computed over is absent or too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is missing or too short for the cryptogram")]
pub struct MissingData(pub Tag);

impl CryptogramVersion {
    /// The version with this number, where the scheme has it.
    pub fn find(scheme: Scheme, number: u8) -> Option<&'static Self> {
        VERSIONS.iter().find(|version| (version.scheme, version.number) == (scheme, number))
    }

    /// The version that Issuer Application Data name: byte 3 for Visa, which has a length before it,
    /// and byte 2 for Mastercard.
    pub fn of_issuer_application_data(scheme: Scheme, iad: &[u8]) -> Option<&'static Self> {
        let position = match scheme {
            Scheme::Visa => 2,
            Scheme::Mastercard => 1,
        };
        Self::find(scheme, *iad.get(position)?)
    }

    /// The card's master key.
    pub fn icc_master_key(&self, issuer: &Key, pan: &str, sequence_number: u8) -> Key {
        match self.master_key {
            MasterKey::OptionA => icc_master_key_a(issuer, pan, sequence_number),
            MasterKey::OptionB => icc_master_key_b(issuer, pan, sequence_number),
        }
    }

    /// The Application Cryptogram, 8 bytes, over what `value` gives.
    ///
    /// # Errors
    /// [`MissingData`] where `value` lacks an object.
    pub fn cryptogram<'v>(
        &self,
        icc_master_key: &Key,
        value: impl Fn(Tag) -> Option<&'v [u8]>,
    ) -> Result<[u8; 8], MissingData> {
        let mut message = Vec::new();
        for part in self.data.iter().copied().flatten() {
            let (tag, bytes) = match part {
                Part::Object(tag) => (*tag, value(*tag)),
                Part::Iad(range) => {
                    let iad = value(dict::ISSUER_APPLICATION_DATA);
                    (dict::ISSUER_APPLICATION_DATA, iad.and_then(|iad| iad.get(range.clone())))
                }
            };
            message.extend_from_slice(bytes.ok_or(MissingData(tag))?);
        }
        Ok(self.session_key(icc_master_key, value)?.mac(&message, self.padding))
    }

    /// The key the cryptogram is made with.
    pub(super) fn session_key<'v>(
        &self,
        icc_master_key: &Key,
        value: impl Fn(Tag) -> Option<&'v [u8]>,
    ) -> Result<Key, MissingData> {
        fn array<const N: usize>(tag: Tag, value: Option<&[u8]>) -> Result<[u8; N], MissingData> {
            value.and_then(|value| value.try_into().ok()).ok_or(MissingData(tag))
        }
        let unpredictable_number = match self.session_key {
            SessionKey::None => return Ok(icc_master_key.clone()),
            SessionKey::Common => [0; 4],
            SessionKey::Mchip => array(dict::UNPREDICTABLE_NUMBER, value(dict::UNPREDICTABLE_NUMBER))?,
        };
        let [a, b] = array(dict::ATC, value(dict::ATC))?;
        let [c, d, e, f] = unpredictable_number;
        Ok(common_session_key(icc_master_key, [a, b, 0, 0, c, d, e, f]))
    }

    /// The value of Issuer Authentication Data: the ARPC, and what it was computed over beside the
    /// ARQC.
    pub(super) fn issuer_authentication_data(
        &self,
        icc_master_key: &Key,
        session_key: &Key,
        arqc: [u8; 8],
        approved: bool,
        response_code: [u8; 2],
    ) -> Vec<u8> {
        // "Approve online transaction", in Mastercard's ARPC response code and in the Card Status Update.
        let mchip_code = [0x00, if approved { 0x10 } else { 0x00 }];
        let card_status_update = [0x00, if approved { 0x80 } else { 0x00 }, 0x00, 0x00];
        let method_1 = |key, code: [u8; 2]| [&arpc_method_1(key, arqc, code)[..], &code].concat();
        match self.response {
            ResponseCryptogram::Method1 => method_1(icc_master_key, response_code),
            ResponseCryptogram::Method1Mchip => method_1(icc_master_key, mchip_code),
            ResponseCryptogram::Method1MchipSession => method_1(session_key, mchip_code),
            ResponseCryptogram::Method2 => {
                [arpc_method_2(session_key, arqc, card_status_update, &[]), card_status_update].concat()
            }
        }
    }

    /// Whether Issuer Authentication Data are the issuer's answer to this cryptogram: an ARPC over what stands
    /// behind it. `value` gives what the session key is made from.
    ///
    /// # Errors
    /// [`MissingData`] where `value` lacks that.
    pub fn is_issuers<'v>(
        &self,
        icc_master_key: &Key,
        value: impl Fn(Tag) -> Option<&'v [u8]>,
        arqc: [u8; 8],
        issuer_authentication_data: &[u8],
    ) -> Result<bool, MissingData> {
        let session_key = self.session_key(icc_master_key, value)?;
        let method_1 = |key| match issuer_authentication_data.split_first_chunk::<8>() {
            Some((arpc, &[a, b])) => arpc_method_1(key, arqc, [a, b]) == *arpc,
            _ => false,
        };
        Ok(match self.response {
            ResponseCryptogram::Method1 | ResponseCryptogram::Method1Mchip => method_1(icc_master_key),
            ResponseCryptogram::Method1MchipSession => method_1(&session_key),
            ResponseCryptogram::Method2 => match issuer_authentication_data.split_first_chunk::<4>() {
                Some((arpc, &[a, b, c, d, ref proprietary @ ..])) => {
                    arpc_method_2(&session_key, arqc, [a, b, c, d], proprietary) == *arpc
                }
                _ => false,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;
    use emv::tlv::{Tlvs, Writer};

    /// One transaction of knovichikhin/pyemv, tests/test_cvn_hsm.py: PAN 1234567890123456, sequence
    /// number 0.
    fn cryptogram(scheme: Scheme, number: u8, values: [&str; 11]) -> String {
        let issuer = Key::try_from(hex::decode("0123456789ABCDEFFEDCBA9876543210").unwrap()).unwrap();
        let version = CryptogramVersion::find(scheme, number).unwrap();
        let master = version.icc_master_key(&issuer, "1234567890123456", 0);
        let tags = BOOK_2.iter().map(|part| match part {
            Part::Object(tag) => *tag,
            Part::Iad(_) => unreachable!("the minimum set holds data objects only"),
        });
        let mut objects = Writer::new();
        for (tag, value) in tags.chain([dict::ISSUER_APPLICATION_DATA]).zip(values) {
            objects.put(tag, &hex::decode(value).unwrap());
        }
        let objects = objects.into_bytes();
        let objects = Tlvs::parse(&objects).unwrap();
        let bytes = version.cryptogram(&master, |tag| objects.find(tag)).unwrap();
        bytes.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    fn visa(number: u8, iad: &str) -> String {
        let head = ["000000004000", "000000000000", "0124", "8000048000", "0124"];
        let tail = ["191105", "01", "52BF4585", "1800", "001C", iad];
        cryptogram(Scheme::Visa, number, [&head[..], &tail].concat().try_into().unwrap())
    }

    fn mastercard(number: u8, iad: &str) -> String {
        let head = ["000000009999", "000000000000", "0124", "8000000000", "0124"];
        let tail = ["209906", "00", "ABCDEF12", "1800", "001C", iad];
        cryptogram(Scheme::Mastercard, number, [&head[..], &tail].concat().try_into().unwrap())
    }

    #[test]
    fn visa_cryptograms_are_the_peer_s() {
        assert_eq!(visa(0x0A, "06010A03A06010"), "29CCA15AE665FA2E");
        assert_eq!(visa(0x12, "06011203A0B800"), "7A788EA6B8A3E733");
    }

    #[test]
    fn mastercard_cryptograms_are_the_peer_s() {
        assert_eq!(mastercard(0x10, "0110A00003220000000000000000000000FF"), "24CCF3DEE3158C70");
        assert_eq!(mastercard(0x11, "0111A00003220000000000000000000322FF"), "EAE8A620A75648D8");
        assert_eq!(mastercard(0x14, "0114A00003220000000000000000000000FF"), "CD29615D6452E70E");
    }

    #[test]
    fn the_version_is_read_from_the_issuer_application_data() {
        let of = |scheme, iad: &str| {
            CryptogramVersion::of_issuer_application_data(scheme, &hex::decode(iad).unwrap()).map(|v| v.number)
        };
        assert_eq!(of(Scheme::Visa, "06010A03A00000"), Some(0x0A));
        assert_eq!(of(Scheme::Mastercard, "0110A040002C0000000000000000000007FF"), Some(0x10));
        assert_eq!(of(Scheme::Mastercard, "01"), None);
        assert_eq!(of(Scheme::Visa, "06017703A00000"), None);
    }

    #[test]
    fn the_card_knows_its_issuer_s_answer_by_every_method() {
        let master = Key::from_bytes([0x5A; 16]);
        let value = |tag| match tag {
            dict::ATC => Some(&[0x00, 0x1C][..]),
            dict::UNPREDICTABLE_NUMBER => Some(&[0xAB; 4][..]),
            _ => None,
        };
        for version in VERSIONS {
            let session = version.session_key(&master, value).unwrap();
            let mut data = version.issuer_authentication_data(&master, &session, [7; 8], true, *b"00");
            let is_issuers = |data: &[u8], arqc| version.is_issuers(&master, value, arqc, data).unwrap();
            assert!(is_issuers(&data, [7; 8]) && !is_issuers(&data, [8; 8]) && !is_issuers(&data[..7], [7; 8]));
            *data.last_mut().unwrap() ^= 1;
            assert!(!is_issuers(&data, [7; 8]), "{version:?}");
        }
    }

    #[test]
    fn an_object_that_is_absent_is_named() {
        let version = CryptogramVersion::find(Scheme::Visa, 0x11).unwrap();
        let missing = version.cryptogram(&Key::from_bytes([1; 16]), |_| None);
        assert_eq!(missing, Err(MissingData(dict::AMOUNT_AUTHORISED_NUMERIC)));
    }
}
