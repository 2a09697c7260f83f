//! Objects with a modulus or a certificate's serial number, wherever in a JSON document they stand.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::source::{ConfigError, Source};
use super::entry::{Entry, Field};

pub(super) fn entries(source: &Source) -> Result<Vec<Entry>, ConfigError> {
    let document: Value =
        serde_json::from_str(source.text()).map_err(|error| source.invalid(error.line(), "", error.to_string()))?;
    let mut objects = Vec::new();
    collect(&document, &mut objects);
    let mut seen = BTreeMap::new();
    let entries = objects.into_iter().filter_map(|object| {
        let line = line(source.text(), object, &mut seen);
        let mut entry = Entry::at(line);
        for (name, value) in object {
            let Some(field) = Field::named(name) else { continue };
            if let Some(text) = text(field, value) {
                entry.set(field, line, text);
            }
        }
        entry.is_meant().then_some(entry)
    });
    Ok(entries.collect())
}

fn collect<'v>(value: &'v Value, objects: &mut Vec<&'v Map<String, Value>>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, objects)),
        Value::Object(object) => {
            objects.push(object);
            object.values().for_each(|value| collect(value, objects));
        }
        _ => {}
    }
}

/// A value as the texts of other formats have it: index and exponent in hexadecimal digits.
fn text(field: Field, value: &Value) -> Option<String> {
    match (value, field) {
        (Value::String(text), _) => Some(text.clone()),
        (Value::Number(number), Field::Index | Field::Exponent) => Some(format!("{:X}", number.as_u64()?)),
        (Value::Number(number), _) => Some(number.to_string()),
        _ => None,
    }
}

/// The line of an object: that of its longest text, which in a key is the modulus; of objects that have the same one
/// the first stands first.
fn line<'v>(document: &str, object: &'v Map<String, Value>, seen: &mut BTreeMap<&'v str, usize>) -> usize {
    let Some(longest) = object.values().filter_map(Value::as_str).max_by_key(|text| text.len()) else { return 1 };
    let times = seen.entry(longest).or_default();
    let place = document.match_indices(longest).nth(*times).map_or(0, |(place, _)| place);
    *times += 1;
    document[..place].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::super::list;

    const KEY: &str = "{\n  \"rId\": \"A000000004\",\n  \"index\": \"F7\",\n  \"publicKeyModulus\": \"94EA62F6D58320E354C022ADDC\
                       F0559D8CF206CD92E869564905CE21D720F971B7AEA374830EBE1757115A85E088D41C6B77CF5EC821F30B1D890417BF2FA31E\
                       5908DED5FA677F8C7B184AD09028FDDE96B6A6109850AA800175EABCDBBB684A96C2EB6379DFEA08D32FE2331FE103233AD58D\
                       CDB1E6E077CB9F24EAEC5C25AF\",\n  \"exponent\": 65537,\n  \"expiryDate\": \"1217\",\n  \"hashAlgorithmIndicator\": 1\n}";

    #[test]
    fn keys_are_found_wherever_they_stand() {
        for text in [KEY.to_owned(), format!("[{KEY}]"), format!("{{\"terminal\": {{}}, \"publicKey\": [{KEY}]}}")] {
            let list = list("keys.json", &text).unwrap();
            let listed = &list.keys[0];
            assert_eq!((listed.key.index(), listed.has_checksum), (0xF7, false));
            assert_eq!(listed.key.key().exponent(), [1, 0, 1]);
            assert_eq!(listed.key.expiry().unwrap().to_string(), "2017-12-31");
        }
    }

    #[test]
    fn errors_name_the_line() {
        let error = list("keys.json", "[\n{\"rid\": }\n]").unwrap_err();
        assert!(error.starts_with("keys.json:2: "), "{error}");
        let twice = format!("[{KEY},\n{KEY}]");
        let list = list("keys.json", &twice).unwrap();
        assert_eq!(list.keys[0].line, 4);
        let problem = list.problems[0].to_string();
        assert!(problem.starts_with("keys.json:12: A000000004 F7: it stands on line 4"), "{problem}");
    }

    #[test]
    fn revoked_certificates_are_objects_with_a_serial_number() {
        let text =
            r#"{"revokedPublicKey": [{"rId": "A000000004", "index": "F7", "certificateSerialNumber": "001000"}]}"#;
        assert_eq!(list("keys.json", text).unwrap().revoked[0].revocation.serial, [0x00, 0x10, 0x00]);
    }
}
