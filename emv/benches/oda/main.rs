//! What each step of offline data authentication costs, the RSA of it included.
//!
//! `cargo bench -p emv --bench oda`

mod card;

use std::sync::LazyLock;

use divan::Bencher;
use emv::fields::{Date, Pan};
use emv::oda::{
    CaKey, CombinedSignature, EncodedCertificate, IccKey, IssuerKey, RevocationList, StaticData, recover_icc_key,
    recover_issuer_key, verify_combined, verify_dynamic,
};
use emv::tlv::Tlvs;

fn main() {
    divan::main();
}

static CA_KEY: LazyLock<CaKey> = LazyLock::new(|| {
    CaKey::without_checksum([0xA0, 0, 0, 0, 0x03], 0x99, &hex(card::CA_MODULUS), EXPONENT).expect("a good key")
});
static ISSUER_KEY: LazyLock<IssuerKey> = LazyLock::new(|| issuer_key(&hex(card::ISSUER_CERTIFICATE)));
static ICC_KEY: LazyLock<IccKey> =
    LazyLock::new(|| icc_key(&hex(card::ICC_CERTIFICATE), &hex(card::ICC_REMAINDER), &static_data()));
static PAN: LazyLock<Pan> = LazyLock::new(|| Pan::from_digits("4761739001010119").expect("a PAN"));

const EXPONENT: &[u8] = &[3];
const REVOKED: &RevocationList = &RevocationList::new();

fn static_data() -> StaticData {
    StaticData::from(&hex(card::STATIC_DATA)[..])
}

fn today() -> Date {
    Date::new(2026, 11, 24).expect("a day of the calendar")
}

fn issuer_key(certificate: &[u8]) -> IssuerKey {
    let encoded = EncodedCertificate { certificate, remainder: &[], exponent: EXPONENT };
    recover_issuer_key(&CA_KEY, encoded, &PAN, today(), REVOKED).expect("a good certificate")
}

fn icc_key(certificate: &[u8], remainder: &[u8], static_data: &StaticData) -> IccKey {
    let encoded = EncodedCertificate { certificate, remainder, exponent: EXPONENT };
    recover_icc_key(&ISSUER_KEY, encoded, static_data, &PAN, today()).expect("a good certificate")
}

#[divan::bench]
fn issuer_key_1408_from_ca_1984(bencher: Bencher<'_, '_>) {
    let certificate = hex(card::ISSUER_CERTIFICATE);
    bencher.bench(|| issuer_key(divan::black_box(&certificate)));
}

#[divan::bench]
fn icc_key_1152_from_issuer_1408(bencher: Bencher<'_, '_>) {
    let (certificate, remainder) = (hex(card::ICC_CERTIFICATE), hex(card::ICC_REMAINDER));
    let static_data = static_data();
    bencher.bench(|| icc_key(divan::black_box(&certificate), &remainder, &static_data));
}

#[divan::bench]
fn dda_1152(bencher: Bencher<'_, '_>) {
    let (signed, challenge) = (hex(card::DDA_SIGNATURE), hex(card::UNPREDICTABLE_NUMBER));
    bencher.bench(|| verify_dynamic(&ICC_KEY, divan::black_box(&signed), &challenge).expect("a good signature"));
}

#[divan::bench]
fn cda_1152(bencher: Bencher<'_, '_>) {
    let (pdol, cdol1, response) = (hex(card::PDOL_DATA), hex(card::CDOL1_DATA), hex(card::CDA_RESPONSE));
    let sent = [&pdol[..], &cdol1];
    let signature = CombinedSignature {
        unpredictable_number: hex(card::UNPREDICTABLE_NUMBER).try_into().expect("4 bytes"),
        sent: &sent,
        response: Tlvs::parse(&response).expect("data objects"),
    };
    bencher.bench(|| verify_combined(&ICC_KEY, divan::black_box(&signature)).expect("a good signature"));
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).expect("a hexadecimal digit") as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
