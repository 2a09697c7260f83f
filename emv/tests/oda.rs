//! Offline data authentication against recorded keys, certificates and signatures.
//!
//! A file lists CA keys, or describes one card: its CA key, its data objects, and what must come
//! out. What a file doesn't hold isn't checked; what it expects and this harness doesn't know is a
//! failure.

mod vectors;

use std::collections::BTreeMap;

use emv::fields::{Date, Pan, YearMonth};
use emv::oda::{
    CaKey, CaKeyError, EncodedCertificate, Fault, IccCertificate, IccDynamicData, IssuerCertificate, IssuerKey,
    PublicKey, RevocationList, SignedDynamicData, SignedStaticData, StaticData, recover_icc_key, recover_issuer_key,
};
use serde_json::Value;
use vectors::{Tally, cases, digits, hex};

#[test]
fn recorded_keys_and_signatures_verify() {
    let mut tally = Tally::new("oda");
    for (name, case) in cases("oda") {
        let id = case["id"].as_str().unwrap_or(&name);
        tally.record(id, if case["keys"].is_array() { check_ca_keys(&case) } else { check_card(&case) });
    }
    tally.finish();
}

fn check_ca_keys(case: &Value) -> Result<(), String> {
    for (list, expected) in [("keys", Ok(())), ("keys_whose_hash_does_not_match", Err(CaKeyError::Checksum))] {
        for key in case[list].as_array().into_iter().flatten() {
            let taken = ca_key(key).map(|_| ());
            equal(&format!("{list}, RID {}, index {}", key["rid"], key["index"]), &taken, &expected)?;
        }
    }
    Ok(())
}

fn check_card(case: &Value) -> Result<(), String> {
    let card = Card::read(case).ok_or("no CA key, or no PAN")?;
    let chain = card.authenticate();
    for (path, expected) in leaves("", &case["expect"]) {
        let actual = chain.value(&path).ok_or_else(|| format!("this harness doesn't know what {path} expects"))?;
        equal(&path, &actual, expected)?;
    }

    for (name, date) in case["transaction_dates_9A"].as_object().into_iter().flatten() {
        let date = Date::try_from(&bytes(date)[..]).map_err(|error| format!("{name}: {error}"))?;
        let valid = match name.strip_prefix("issuer_cert_") {
            Some(_) => chain.issuer.as_ref().map(|issuer| issuer.certificate.is_valid_on(date)),
            None => chain.icc.as_ref().map(|icc| icc.certificate.is_valid_on(date)),
        };
        equal(name, &valid, &Ok(name.ends_with("_valid")))?;
    }

    // Each of these makes the card wrong in one place.
    for (name, altered) in case["negative"].as_object().into_iter().flatten() {
        let objects = objects(name, altered);
        if !objects.is_empty() && card.with(objects).authenticate().succeeds() {
            return Err(format!("negative.{name} is not refused"));
        }
    }
    Ok(())
}

/// A card's part of the authentication, and the terminal's.
#[derive(Clone)]
struct Card {
    ca_key: CaKey,
    objects: BTreeMap<String, Vec<u8>>,
    pan: Pan,
    static_data: Option<StaticData>,
    terminal_dynamic_data: Option<Vec<u8>>,
}

impl Card {
    fn read(case: &Value) -> Option<Self> {
        let ca_key = ca_key(case.get("ca_key").or(case.get("capk"))?).ok()?;
        let objects: BTreeMap<_, _> = case.as_object()?.iter().flat_map(|(name, value)| objects(name, value)).collect();
        let text = |names: [&str; 2]| names.iter().find_map(|name| case.get(name)).map(bytes);
        Some(Card {
            ca_key,
            pan: Pan::from_cn(objects.get("5A")?).ok()?,
            objects,
            static_data: text(["static_data_to_authenticate", "static_data"]).map(|data| StaticData::from(&data[..])),
            terminal_dynamic_data: text(["terminal_dynamic_data", "dynamic_data_authenticated_by_terminal"]),
        })
    }

    fn with(&self, objects: Vec<(String, Vec<u8>)>) -> Self {
        let mut card = self.clone();
        card.objects.extend(objects);
        card
    }

    fn object(&self, tag: &str) -> &[u8] {
        self.objects.get(tag).map_or(&[], Vec::as_slice)
    }

    fn encoded(&self, [certificate, remainder, exponent]: [&str; 3]) -> EncodedCertificate<'_> {
        EncodedCertificate {
            certificate: self.object(certificate),
            remainder: self.object(remainder),
            exponent: self.object(exponent),
        }
    }

    fn authenticate(&self) -> Chain<'_> {
        let issuer = self.issuer();
        let icc = issuer.as_ref().map_err(|fault| *fault).and_then(|issuer| self.icc(&issuer.key));
        Chain {
            dynamic: icc.as_ref().map_err(|fault| *fault).and_then(|icc| self.dynamic_signature(&icc.key)),
            fixed: issuer.as_ref().map_err(|fault| *fault).and_then(|issuer| self.static_signature(&issuer.key)),
            is_dynamic: self.objects.contains_key("9F4B"),
            is_static: self.objects.contains_key("93"),
            issuer,
            icc,
        }
    }

    /// The certificates of these cards have expired; on the first day of the calendar none had.
    fn date() -> Date {
        Date::new(1950, 1, 1).expect("a day of the calendar")
    }

    fn issuer(&self) -> Result<Issuer<'_>, Fault> {
        let encoded = self.encoded(["90", "92", "9F32"]);
        let key = recover_issuer_key(&self.ca_key, encoded, &self.pan, Self::date(), &RevocationList::new())?;
        Ok(Issuer { certificate: IssuerCertificate::open(self.ca_key.key(), encoded)?, key })
    }

    /// Where the static data was not recorded, the certificate's hash can't be checked.
    fn icc(&self, issuer: &IssuerKey) -> Result<Icc<'_>, Fault> {
        let encoded = self.encoded(["9F46", "9F48", "9F47"]);
        let certificate = IccCertificate::open(issuer.key(), encoded)?;
        let key = match &self.static_data {
            Some(data) => recover_icc_key(issuer, encoded, data, &self.pan, Self::date())?.key().clone(),
            None => certificate.key()?,
        };
        Ok(Icc { certificate, key })
    }

    fn dynamic_signature(&self, key: &PublicKey) -> Result<(SignedDynamicData, IccDynamicData), Fault> {
        let signed = SignedDynamicData::open(key, self.object("9F4B"))?;
        signed.verify(&[self.terminal_dynamic_data.as_deref().unwrap_or_default()])?;
        let data = signed.icc_dynamic_data()?;
        Ok((signed, data))
    }

    fn static_signature(&self, issuer: &IssuerKey) -> Result<SignedStaticData, Fault> {
        let signed = SignedStaticData::open(issuer.key(), self.object("93"))?;
        self.static_data.as_ref().map_or(Ok(()), |data| signed.verify(data))?;
        Ok(signed)
    }
}

struct Issuer<'a> {
    certificate: IssuerCertificate<'a>,
    key: IssuerKey,
}

struct Icc<'a> {
    certificate: IccCertificate<'a>,
    key: PublicKey,
}

/// What came of each link.
struct Chain<'a> {
    issuer: Result<Issuer<'a>, Fault>,
    icc: Result<Icc<'a>, Fault>,
    dynamic: Result<(SignedDynamicData, IccDynamicData), Fault>,
    fixed: Result<SignedStaticData, Fault>,
    is_dynamic: bool,
    is_static: bool,
}

impl Chain<'_> {
    /// Whether every signature that the card has is good.
    fn succeeds(&self) -> bool {
        (self.is_dynamic || self.is_static)
            && (!self.is_dynamic || self.dynamic.is_ok())
            && (!self.is_static || self.fixed.is_ok())
    }

    /// What the files call by this name, as they write it.
    fn value(&self, path: &str) -> Option<Value> {
        let issuer = |value: fn(&Issuer<'_>) -> String| written(&self.issuer, value);
        let icc = |value: fn(&Icc<'_>) -> String| written(&self.icc, value);
        Some(match path {
            "issuer_valid" => self.issuer.is_ok().into(),
            "issuer_modulus" | "issuer.modulus" => issuer(|issuer| digits(issuer.key.key().modulus())),
            "issuer.exponent" => issuer(|issuer| digits(issuer.key.key().exponent())),
            "issuer.id_8F_iin" => issuer(|issuer| digits(&issuer.certificate.subject())),
            "issuer.expiry_MMYY" => issuer(|issuer| month(issuer.certificate.expiry())),
            "issuer.serial" => issuer(|issuer| digits(&issuer.certificate.serial())),
            "issuer.hash_alg" => issuer(|issuer| digits(&[issuer.certificate.hash_algorithm()])),
            "issuer.pk_alg" => issuer(|issuer| digits(&[issuer.certificate.key_algorithm()])),
            "issuer.certificate_hash" => issuer(|issuer| digits(&issuer.certificate.hash())),

            "icc_valid" => self.icc.is_ok().into(),
            "icc_modulus" | "icc.modulus" => icc(|icc| digits(icc.key.modulus())),
            "icc.exponent" => icc(|icc| digits(icc.key.exponent())),
            "icc.pan" => icc(|icc| digits(&icc.certificate.subject())),
            "icc.expiry_MMYY" => icc(|icc| month(icc.certificate.expiry())),
            "icc.serial" => icc(|icc| digits(&icc.certificate.serial())),
            "icc.hash_alg" => icc(|icc| digits(&[icc.certificate.hash_algorithm()])),
            "icc.pk_alg" => icc(|icc| digits(&[icc.certificate.key_algorithm()])),
            "icc.certificate_hash" => icc(|icc| digits(&icc.certificate.hash())),

            "dda_valid" => self.dynamic.is_ok().into(),
            "icc_dynamic_number_9F4C" | "sdad.icc_dynamic_number" | "sdad.icc_dynamic_number_9F4C" => {
                written(&self.dynamic, |(_, data)| digits(data.number()))
            }
            "sdad.hash" => written(&self.dynamic, |(signed, _)| digits(&signed.hash())),

            "sda_valid" => self.fixed.is_ok().into(),
            "data_authentication_code_9F45" | "ssad.data_authentication_code_9F45" => {
                written(&self.fixed, |signed| digits(&signed.data_authentication_code()))
            }
            "ssad.hash" => written(&self.fixed, |signed| digits(&signed.hash())),
            _ => return None,
        })
    }
}

fn written<T>(link: &Result<T, Fault>, value: impl FnOnce(&T) -> String) -> Value {
    match link {
        Ok(link) => value(link).into(),
        Err(fault) => fault.to_string().into(),
    }
}

fn month(month: Option<YearMonth>) -> String {
    month.map_or("no month".to_owned(), |month| format!("{:02}{:02}", month.month(), month.year() % 100))
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, actual: &T, expected: &T) -> Result<(), String> {
    if actual == expected { Ok(()) } else { Err(format!("{what} is {actual:?}, expected {expected:?}")) }
}

/// The bytes that a JSON string writes in hexadecimal.
fn bytes(text: &Value) -> Vec<u8> {
    hex(text.as_str().expect("hexadecimal text"))
}

fn ca_key(key: &Value) -> Result<CaKey, CaKeyError> {
    let rid = bytes(&key["rid"]).try_into().expect("a RID has 5 bytes");
    let (index, modulus, exponent) = (bytes(&key["index"])[0], bytes(&key["modulus"]), bytes(&key["exponent"]));
    match key.get("hash").or(key.get("checksum")) {
        Some(sum) => {
            let sum = bytes(sum).try_into().expect("a SHA-1 checksum has 20 bytes");
            CaKey::new(rid, index, &modulus, &exponent, sum)
        }
        None => CaKey::without_checksum(rid, index, &modulus, &exponent),
    }
}

/// The card's data objects that a member holds: an object of tags, a list of pairs, or one value
/// whose name ends in its tag.
fn objects(name: &str, value: &Value) -> Vec<(String, Vec<u8>)> {
    let pair = |pair: &Value| (pair[0].as_str().expect("a tag").to_owned(), bytes(&pair[1]));
    match (value, name.rsplit_once('_')) {
        (Value::Object(members), _) if name == "card" => {
            members.iter().map(|(tag, value)| (tag.clone(), bytes(value))).collect()
        }
        (Value::Array(pairs), _) if name.starts_with("icc_data") => pairs.iter().map(pair).collect(),
        (Value::String(_), Some((_, tag))) if u32::from_str_radix(tag, 16).is_ok() => {
            vec![(tag.to_owned(), bytes(value))]
        }
        _ => Vec::new(),
    }
}

/// Everything expected, by path; notes are for the reader.
fn leaves<'v>(prefix: &str, value: &'v Value) -> Vec<(String, &'v Value)> {
    let Some(members) = value.as_object() else { return vec![(prefix.to_owned(), value)] };
    let path = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
    let members = members.iter().filter(|(name, _)| !name.starts_with("note"));
    members.flat_map(|(name, value)| leaves(&path(name), value)).collect()
}
