//! What the simulated cards sign verifies under the test keys, by the terminal's own rules.

use emv::dict;
use emv::fields::{Afl, Aip, CryptogramInformationData, CryptogramType, Date, Pan, Ttq};
use emv::oda::{self, CaKey, CombinedSignature, EncodedCertificate, FastDynamicData, Fault, FddaUse, StaticData};
use emv::tlv::{Tag, Tlv, Tlvs};
use tender_sim::ca;
use tender_sim::card::{Card, Personality};
use tender_sim::crypto::Issuer;

/// One tap: what was sent and what the card gave.
struct Tap {
    card: Card,
    /// All data objects, the terminal's and the card's.
    objects: Vec<(Tag, Vec<u8>)>,
    static_data: StaticData,
}

const AMOUNT: [u8; 6] = [0, 0, 0, 0, 0x12, 0x50];
const EURO: [u8; 2] = [0x09, 0x78];
const UNPREDICTABLE_NUMBER: [u8; 4] = [0xCA, 0xFE, 0xBA, 0xBE];

impl Tap {
    /// Selects the only application of a card and sends GET PROCESSING OPTIONS.
    fn begin(personality: &str, ttq: Ttq) -> Self {
        let terminal = [
            (dict::TTQ, ttq.as_bytes().to_vec()),
            (dict::AMOUNT_AUTHORISED_NUMERIC, AMOUNT.to_vec()),
            (dict::AMOUNT_OTHER_NUMERIC, vec![0; 6]),
            (dict::TERMINAL_COUNTRY_CODE, vec![0x02, 0x76]),
            (dict::TVR, vec![0; 5]),
            (dict::TRANSACTION_CURRENCY_CODE, EURO.to_vec()),
            (dict::TRANSACTION_DATE, vec![0x26, 0x11, 0x24]),
            (dict::TRANSACTION_TYPE, vec![0x00]),
            (dict::UNPREDICTABLE_NUMBER, UNPREDICTABLE_NUMBER.to_vec()),
        ];
        let personality = Personality::built_in(personality).unwrap();
        let mut tap = Tap { card: Card::new(&personality), objects: terminal.into(), static_data: StaticData::new() };
        let directory = tap.send(&[0x00, 0xA4, 0x04, 0x00], b"2PAY.SYS.DDF01");
        tap.take(&directory);
        let aid = tap.find(dict::ADF_NAME).unwrap().to_vec();
        let fci = tap.send(&[0x00, 0xA4, 0x04, 0x00], &aid);
        tap.take(&fci);
        let data = tap.list(dict::PDOL);
        let template = [&[0x83, data.len() as u8], &data[..]].concat();
        let options = tap.send(&[0x80, 0xA8, 0x00, 0x00], &template);
        tap.take(&options);
        tap
    }

    /// Reads the records and collects the static data to be authenticated.
    fn read(mut self) -> Self {
        let aip = Aip::try_from(self.find(dict::AIP).unwrap()).unwrap();
        let afl = Afl::from_bytes(self.find(dict::AFL).unwrap()).unwrap();
        for place in afl.records() {
            let record = self.send(&[0x00, 0xB2, place.number, place.sfi << 3 | 0x04], &[]);
            if place.signed {
                self.static_data.add_record(place.sfi, &record).unwrap();
            }
            self.take(&record);
        }
        let list = self.find(dict::SDA_TAG_LIST).unwrap_or_default().to_vec();
        self.static_data.add_tag_list(&list, aip).unwrap();
        self
    }

    /// Sends a command that must succeed.
    fn send(&mut self, header: &[u8], data: &[u8]) -> Vec<u8> {
        let length = if data.is_empty() { vec![] } else { vec![data.len() as u8] };
        let mut response = self.card.transmit(&[header, &length, data, &[0x00]].concat()).response.unwrap();
        let status = response.split_off(response.len() - 2);
        assert_eq!(status, [0x90, 0x00], "{header:02X?}");
        assert!(response.len() <= 256, "a response of {} bytes", response.len());
        response
    }

    fn find(&self, tag: Tag) -> Option<&[u8]> {
        self.objects.iter().find(|(known, _)| *known == tag).map(|(_, value)| &value[..])
    }

    /// Keeps every primitive object of a response. None may come twice.
    fn take(&mut self, response: &[u8]) {
        fn walk(object: Tlv<'_>, objects: &mut Vec<(Tag, Vec<u8>)>) {
            if object.tag.is_constructed() {
                object.children().iter().for_each(|child| walk(child, objects));
            } else {
                objects.push((object.tag, object.value.to_vec()));
            }
        }
        walk(Tlv::parse(response).unwrap(), &mut self.objects);
    }

    /// The data for a list of the card; nothing where it has none.
    fn list(&self, tag: Tag) -> Vec<u8> {
        let list = emv::tlv::Dol::parse(self.find(tag).unwrap_or_default()).unwrap();
        list.build(|tag| self.find(tag)).to_vec()
    }

    fn pan(&self) -> Pan {
        self.find(dict::PAN).unwrap().try_into().unwrap()
    }

    fn issuer_key(&self) -> Result<oda::IssuerKey, Fault> {
        let aid = self.find(dict::ADF_NAME).unwrap();
        let index = self.find(dict::CA_PUBLIC_KEY_INDEX).unwrap();
        let known = ca::public_keys().into_iter().find(|key| aid.starts_with(&key.rid) && index == [key.index]);
        let key = known.ok_or(Fault::CaKeyNotFound)?;
        let ca_key = CaKey::new(key.rid, key.index, &key.modulus, &key.exponent, key.checksum).unwrap();
        let certificate = EncodedCertificate {
            certificate: self.find(dict::ISSUER_PUBLIC_KEY_CERTIFICATE).unwrap(),
            remainder: self.find(dict::ISSUER_PUBLIC_KEY_REMAINDER).unwrap_or_default(),
            exponent: self.find(dict::ISSUER_PUBLIC_KEY_EXPONENT).unwrap(),
        };
        oda::recover_issuer_key(&ca_key, certificate, &self.pan(), today(), &oda::RevocationList::default())
    }

    fn icc_key(&self) -> Result<oda::IccKey, Fault> {
        let certificate = EncodedCertificate {
            certificate: self.find(dict::ICC_PUBLIC_KEY_CERTIFICATE).unwrap(),
            remainder: self.find(dict::ICC_PUBLIC_KEY_REMAINDER).unwrap_or_default(),
            exponent: self.find(dict::ICC_PUBLIC_KEY_EXPONENT).unwrap(),
        };
        oda::recover_icc_key(&self.issuer_key()?, certificate, &self.static_data, &self.pan(), today())
    }

    /// Fast DDA, for an offline approval or on the way online.
    fn fdda(&self, purpose: FddaUse) -> Result<oda::IccDynamicData, Fault> {
        let data = FastDynamicData {
            unpredictable_number: UNPREDICTABLE_NUMBER,
            amount_authorised: AMOUNT,
            transaction_currency_code: EURO,
            card_authentication_related_data: self.find(dict::CARD_AUTHENTICATION_RELATED_DATA).unwrap(),
        };
        let signed = self.find(dict::SIGNED_DYNAMIC_APPLICATION_DATA).unwrap();
        oda::verify_fast_dynamic(&self.icc_key()?, signed, &data, purpose)
    }

    /// GENERATE AC with CDA, and the cryptogram out of the signature.
    fn cda(&mut self, p1: u8) -> Result<[u8; 8], Fault> {
        let data = self.list(dict::CDOL1);
        let response = self.send(&[0x80, 0xAE, p1, 0x00], &data);
        self.take(&response);
        let response = Tlvs::parse(&response).unwrap();
        let response = response.find_template(dict::RESPONSE_MESSAGE_TEMPLATE_FORMAT_2).unwrap();
        let against = CombinedSignature { unpredictable_number: UNPREDICTABLE_NUMBER, sent: &[&[], &data], response };
        let verified = oda::verify_combined(&self.icc_key()?, &against)?;
        let cryptogram = verified.application_cryptogram;
        self.objects.push((dict::APPLICATION_CRYPTOGRAM, cryptogram.to_vec()));
        Ok(cryptogram)
    }

    fn cryptogram_type(&self) -> CryptogramType {
        CryptogramInformationData::try_from(self.find(dict::CRYPTOGRAM_INFORMATION_DATA).unwrap())
            .unwrap()
            .cryptogram_type()
    }

    /// The issuer accepts the cryptogram.
    fn assert_issuer_accepts(&self, pan: &str) {
        let issuer = Issuer::of_pan(pan).unwrap();
        issuer.verify(pan, 1, |tag| self.find(tag)).unwrap();
    }
}

fn today() -> Date {
    Date::new(2026, 11, 24).unwrap()
}

fn online_and_offline() -> Ttq {
    Ttq::default().with(Ttq::EMV_MODE_SUPPORTED).with(Ttq::SIGNATURE_SUPPORTED)
}

const VISA: &str = "4761739001010119";
const MASTERCARD: &str = "5413330089601034";

#[test]
fn a_visa_card_approves_offline_with_a_signature_that_verifies() {
    let tap = Tap::begin("visa-offline-fdda", online_and_offline()).read();
    assert_eq!(tap.cryptogram_type(), CryptogramType::Tc);
    let signed = tap.fdda(FddaUse::OfflineApproval).unwrap();
    assert_eq!(signed.number(), tap.find(dict::ATC).unwrap());
    tap.assert_issuer_accepts(VISA);
}

#[test]
fn a_visa_card_signs_on_the_way_online_where_the_reader_asks_for_it() {
    let ttq = online_and_offline().with(Ttq::ODA_FOR_ONLINE_SUPPORTED).with(Ttq::ONLINE_CRYPTOGRAM_REQUIRED);
    let tap = Tap::begin("visa-offline-fdda", ttq).read();
    assert_eq!(tap.cryptogram_type(), CryptogramType::Arqc);
    assert!(tap.fdda(FddaUse::Online).is_ok());
    assert!(tap.fdda(FddaUse::OfflineApproval).is_err());
}

#[test]
fn a_visa_card_with_a_static_signature_is_verified_on_the_way_online() {
    let tap = Tap::begin("visa-sda", online_and_offline().with(Ttq::ODA_FOR_ONLINE_SUPPORTED)).read();
    let signed = tap.find(dict::SIGNED_STATIC_APPLICATION_DATA).unwrap();
    oda::verify_static(&tap.issuer_key().unwrap(), signed, &tap.static_data).unwrap();
}

#[test]
fn visa_cryptograms_of_each_version_are_accepted_by_the_issuer() {
    for (personality, pan) in
        [("visa-online", VISA), ("visa-online-cvn10", "4111111111111111"), ("visa-online-cvn17", "4012888888881881")]
    {
        let tap = Tap::begin(personality, online_and_offline());
        assert_eq!(tap.cryptogram_type(), CryptogramType::Arqc);
        tap.assert_issuer_accepts(pan);
    }
}

#[test]
fn a_mastercard_card_signs_the_cryptogram_it_goes_online_with() {
    for (personality, pan) in [("mastercard-online-cda", MASTERCARD), ("mastercard-phone-cdcvm", "5555555555554444")] {
        let mut tap = Tap::begin(personality, Ttq::default()).read();
        tap.cda(0x90).unwrap();
        assert_eq!(tap.cryptogram_type(), CryptogramType::Arqc);
        tap.assert_issuer_accepts(pan);
    }
}

#[test]
fn a_mastercard_card_approves_offline_only_where_it_is_asked_to() {
    for (p1, given) in [(0x50, CryptogramType::Tc), (0x90, CryptogramType::Arqc)] {
        let mut tap = Tap::begin("mastercard-offline-cda", Ttq::default()).read();
        tap.cda(p1).unwrap();
        assert_eq!(tap.cryptogram_type(), given);
        tap.assert_issuer_accepts(MASTERCARD);
    }
}

#[test]
fn a_wrong_signature_does_not_verify_though_the_certificates_do() {
    let mut tap = Tap::begin("wrong-signature", Ttq::default()).read();
    assert!(tap.icc_key().is_ok());
    assert!(tap.cda(0x50).is_err());

    let tap = Tap::begin("visa-wrong-signature", online_and_offline()).read();
    assert!(tap.icc_key().is_ok());
    assert!(tap.fdda(FddaUse::OfflineApproval).is_err());
}

#[test]
fn a_wrong_ca_index_names_a_key_that_nobody_has() {
    let tap = Tap::begin("wrong-ca-index", Ttq::default()).read();
    assert_eq!(tap.issuer_key().unwrap_err(), Fault::CaKeyNotFound);
}
