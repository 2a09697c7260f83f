//! An application as the issuer put it on the card: its file control information, its records and
//! its key for cryptograms.

use std::collections::BTreeMap;

use emv::dict;
use emv::fields::Aip;
use emv::tlv::{Tag, Writer};

use super::personality::{Application, ApplicationTable, Authentication};
use super::{data, data_storage, dol, mag_stripe, mastercard, visa};
use crate::Scheme;
use crate::ca::{SignedDataFormat, certify_icc, sign_dynamic_data, sign_static_data};
use crate::crypto::Key;

/// Where a record stands: short file identifier and record number.
pub(super) type Place = (u8, u8);

/// A personalised application.
#[derive(Clone)]
pub(super) struct Issued {
    pub(super) application: Application,
    /// What it asks for with GET PROCESSING OPTIONS; empty where it asks for nothing.
    pub(super) pdol: dol::List,
    /// The answer to SELECT.
    pub(super) fci: Vec<u8>,
    pub(super) aip: Aip,
    /// The value of the Application File Locator; empty where there is nothing to read.
    pub(super) afl: Vec<u8>,
    /// The answers to READ RECORD.
    pub(super) records: BTreeMap<Place, Vec<u8>>,
    /// ICC Master Key for Application Cryptograms.
    pub(super) master_key: Key,
    /// ICC Master Key for the integrity of secure messaging.
    pub(super) smi_master_key: Key,
}

/// The file of the mag-stripe profile.
const MAG_STRIPE_FILE: u8 = 1;
/// The file with the application's data, which are signed.
const DATA_FILE: u8 = 2;
/// The file with the certificates.
const CERTIFICATE_FILE: u8 = 3;
/// The record with which a Visa card ends a transaction: what it signed in this one.
pub(super) const DYNAMIC_RECORD: Place = (4, 1);
/// The issuer's own mark in Signed Static Application Data.
const DATA_AUTHENTICATION_CODE: [u8; 2] = [0xDA, 0xC0];

impl Issued {
    /// Personalises an application.
    pub(super) fn new(application: &Application) -> Self {
        let table = &application.table;
        let (aip, pdol, data) = match application.scheme {
            Scheme::Visa => (visa::aip(table), visa::PDOL, visa::application_data(table)),
            Scheme::Mastercard if table.mag_stripe => {
                (mag_stripe::aip(table), dol::NOTHING, Some(mag_stripe::application_data(table)))
            }
            Scheme::Mastercard => {
                let pdol = if table.data_storage { data_storage::PDOL } else { dol::NOTHING };
                (mastercard::aip(table), pdol, Some(mastercard::application_data(table)))
            }
        };
        let data = data.map(|data| table.fault.spoil(&data));
        let data_file = if table.mag_stripe { MAG_STRIPE_FILE } else { DATA_FILE };
        let authenticated = table.authentication != Authentication::None;

        let mut files = Vec::new();
        if let Some(data) = &data {
            files.push((data_file, vec![data.clone()]));
        }
        if authenticated {
            let static_data = [data.as_deref().unwrap_or_default(), aip.as_bytes()].concat();
            files.push((CERTIFICATE_FILE, certificate_records(application, &static_data)));
        }
        let mut afl = Vec::new();
        let mut records = BTreeMap::new();
        for (sfi, contents) in files {
            let signed = u8::from(authenticated && sfi == data_file);
            afl.extend([sfi << 3, 1, contents.len() as u8, signed]);
            records.extend((1..).zip(contents).map(|(number, content)| ((sfi, number), record(&content))));
        }
        if table.authentication == Authentication::Fdda {
            let (sfi, number) = DYNAMIC_RECORD;
            afl.extend([sfi << 3, number, number, 0]);
        }

        let issuer = &application.scheme.keys().issuer;
        let icc_master_key = |key| application.version.icc_master_key(key, table.pan.digits(), table.sequence_number);
        Issued {
            pdol,
            fci: table.fault.spoil(&fci(table, pdol)),
            aip,
            afl,
            records,
            master_key: icc_master_key(&issuer.ac_master_key),
            smi_master_key: icc_master_key(&issuer.smi_master_key),
            application: application.clone(),
        }
    }

    /// Signed Dynamic Application Data of this card; wrong ones where the personality says so.
    pub(super) fn sign(&self, format: SignedDataFormat, dynamic_data: &[u8], terminal_data: &[u8]) -> Vec<u8> {
        let mut signature = sign_dynamic_data(&self.application.scheme.keys().icc, format, dynamic_data, terminal_data);
        self.application.table.fault.apply(&mut signature);
        signature
    }

    /// An Application Cryptogram of this card, over what `value` gives.
    pub(super) fn cryptogram<'v>(&self, value: impl Fn(Tag) -> Option<&'v [u8]>) -> [u8; 8] {
        let cryptogram = self.application.version.cryptogram(&self.master_key, value);
        cryptogram.expect("the card's lists ask for all that its cryptogram version needs")
    }

    /// Eight bytes that nobody without the card's key can foresee, other ones for each transaction.
    pub(super) fn dynamic_number(&self, atc: [u8; 2]) -> [u8; 8] {
        self.master_key.encrypt([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, atc[0], atc[1]])
    }

    /// Four bytes that nobody without the card's key can foresee, other ones for each number of the terminal's.
    pub(super) fn device_entropy(&self, terminal: [u8; 4], atc: [u8; 2]) -> [u8; 4] {
        let [a, b, c, d] = terminal;
        let [e0, e1, e2, e3, ..] = self.master_key.encrypt([0xFE, 0xFE, a, b, c, d, atc[0], atc[1]]);
        [e0, e1, e2, e3]
    }
}

/// An answer to READ RECORD (EMV Book 3, 6.5.11.4).
pub(super) fn record(content: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.put(dict::READ_RECORD_RESPONSE_MESSAGE_TEMPLATE, content);
    writer.into_bytes()
}

/// The answer to SELECT (EMV Book 1, 11.3.4).
fn fci(table: &ApplicationTable, pdol: dol::List) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.template(dict::FCI_TEMPLATE, |fci| {
        fci.put(dict::DF_NAME, &table.aid).template(dict::FCI_PROPRIETARY_TEMPLATE, |proprietary| {
            proprietary.put(dict::APPLICATION_LABEL, table.label.as_bytes());
            if table.priority != 0 {
                proprietary.put(dict::APPLICATION_PRIORITY_INDICATOR, &[table.priority]);
            }
            if !pdol.is_empty() {
                proprietary.put(dict::PDOL, &dol::encode(pdol));
            }
            proprietary.put(dict::LANGUAGE_PREFERENCE, b"en");
            if let Some(name) = &table.preferred_name {
                // Part 1 of ISO/IEC 8859.
                proprietary.put(dict::ISSUER_CODE_TABLE_INDEX, &[0x01]);
                proprietary.put(dict::APPLICATION_PREFERRED_NAME, name.as_bytes());
            }
            if table.data_storage {
                proprietary.template(dict::FCI_ISSUER_DISCRETIONARY_DATA, |discretionary| {
                    let capabilities = data_storage::capabilities();
                    discretionary
                        .put(dict::APPLICATION_CAPABILITIES_INFORMATION, capabilities.as_bytes())
                        .put(dict::DS_ID, &data::ds_id(table));
                });
            }
        });
    });
    writer.into_bytes()
}

/// The contents of the records that prove the card genuine. A certificate under a key of 1984 bits
/// fills a record of its own.
fn certificate_records(application: &Application, static_data: &[u8]) -> Vec<Vec<u8>> {
    let table = &application.table;
    let keys = application.scheme.keys();
    let pan = table.pan.digits();
    let issuer = keys.ca.certify_issuer(pan, &keys.issuer.rsa);

    let mut issuer_key = Writer::new();
    issuer_key.put(dict::CA_PUBLIC_KEY_INDEX, &[table.fault.ca_index.unwrap_or(keys.ca.index)]);
    issuer_key.put(dict::ISSUER_PUBLIC_KEY_EXPONENT, &issuer.exponent);
    if !issuer.remainder.is_empty() {
        issuer_key.put(dict::ISSUER_PUBLIC_KEY_REMAINDER, &issuer.remainder);
    }
    let mut issuer_certificate = Writer::new();
    issuer_certificate.put(dict::ISSUER_PUBLIC_KEY_CERTIFICATE, &issuer.certificate);

    let mut last = Writer::new();
    if table.authentication == Authentication::Sda {
        let mut signature = sign_static_data(&keys.issuer.rsa, DATA_AUTHENTICATION_CODE, static_data);
        table.fault.apply(&mut signature);
        last.put(dict::SIGNED_STATIC_APPLICATION_DATA, &signature);
    } else {
        let icc = certify_icc(&keys.issuer.rsa, pan, &keys.icc, static_data);
        last.put(dict::ICC_PUBLIC_KEY_CERTIFICATE, &icc.certificate);
        last.put(dict::ICC_PUBLIC_KEY_EXPONENT, &icc.exponent);
        if !icc.remainder.is_empty() {
            last.put(dict::ICC_PUBLIC_KEY_REMAINDER, &icc.remainder);
        }
    }
    [issuer_key, issuer_certificate, last].map(Writer::into_bytes).into()
}
