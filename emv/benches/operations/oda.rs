//! The steps of offline data authentication, the RSA of each included.

use std::hint::black_box;
use std::sync::LazyLock;

use emv::fields::{Date, Pan};
use emv::oda::{
    CaKey, CombinedSignature, EncodedCertificate, IccKey, IssuerKey, RevocationList, StaticData, recover_icc_key,
    recover_issuer_key, verify_combined, verify_dynamic,
};
use emv::tlv::Tlvs;

use super::hex;
use super::oda_card as card;

static CA_KEY: LazyLock<CaKey> = LazyLock::new(|| {
    CaKey::without_checksum([0xA0, 0, 0, 0, 0x03], 0x99, &hex(card::CA_MODULUS), EXPONENT).expect("a good key")
});
static ISSUER_KEY: LazyLock<IssuerKey> = LazyLock::new(|| recovered_issuer_key(&hex(card::ISSUER_CERTIFICATE)));
static ICC_KEY: LazyLock<IccKey> =
    LazyLock::new(|| recovered_icc_key(&hex(card::ICC_CERTIFICATE), &hex(card::ICC_REMAINDER), &static_data()));
static PAN: LazyLock<Pan> = LazyLock::new(|| Pan::from_digits("4761739001010119").expect("a PAN"));

const EXPONENT: &[u8] = &[3];
const REVOKED: &RevocationList = &RevocationList::new();

fn static_data() -> StaticData {
    StaticData::from(&hex(card::STATIC_DATA)[..])
}

fn today() -> Date {
    Date::new(2026, 11, 24).expect("a day of the calendar")
}

fn recovered_issuer_key(certificate: &[u8]) -> IssuerKey {
    let encoded = EncodedCertificate { certificate, remainder: &[], exponent: EXPONENT };
    recover_issuer_key(&CA_KEY, encoded, &PAN, today(), REVOKED).expect("a good certificate")
}

fn recovered_icc_key(certificate: &[u8], remainder: &[u8], static_data: &StaticData) -> IccKey {
    let encoded = EncodedCertificate { certificate, remainder, exponent: EXPONENT };
    recover_icc_key(&ISSUER_KEY, encoded, static_data, &PAN, today()).expect("a good certificate")
}

pub(crate) fn issuer_key() -> Box<dyn Fn()> {
    let certificate = hex(card::ISSUER_CERTIFICATE);
    LazyLock::force(&CA_KEY);
    Box::new(move || {
        black_box(recovered_issuer_key(black_box(&certificate)));
    })
}

pub(crate) fn icc_key() -> Box<dyn Fn()> {
    let (certificate, remainder, static_data) = (hex(card::ICC_CERTIFICATE), hex(card::ICC_REMAINDER), static_data());
    LazyLock::force(&ISSUER_KEY);
    Box::new(move || {
        black_box(recovered_icc_key(black_box(&certificate), &remainder, &static_data));
    })
}

pub(crate) fn dda() -> Box<dyn Fn()> {
    let (signed, challenge) = (hex(card::DDA_SIGNATURE), hex(card::UNPREDICTABLE_NUMBER));
    LazyLock::force(&ICC_KEY);
    Box::new(move || {
        black_box(verify_dynamic(&ICC_KEY, black_box(&signed), &challenge).expect("a good signature"));
    })
}

pub(crate) fn cda() -> Box<dyn Fn()> {
    let (pdol, cdol1, response) = (hex(card::PDOL_DATA), hex(card::CDOL1_DATA), hex(card::CDA_RESPONSE));
    let unpredictable_number = hex(card::UNPREDICTABLE_NUMBER).try_into().expect("4 bytes");
    LazyLock::force(&ICC_KEY);
    Box::new(move || {
        let sent = [&pdol[..], &cdol1];
        let response = Tlvs::parse(black_box(&response)).expect("data objects");
        let signature = CombinedSignature { unpredictable_number, sent: &sent, response };
        black_box(verify_combined(&ICC_KEY, &signature).expect("a good signature"));
    })
}
