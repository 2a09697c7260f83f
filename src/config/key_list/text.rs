//! A key a line: RID, index, last day, `rsa`, exponent, modulus, `sha1`, checksum. Comments begin with `#`.

use super::super::source::{ConfigError, Source};
use super::entry::{Entry, Field};

const COLUMNS: [Field; 8] = [
    Field::Rid,
    Field::Index,
    Field::Expiry,
    Field::KeyAlgorithm,
    Field::Exponent,
    Field::Modulus,
    Field::HashAlgorithm,
    Field::Checksum,
];

pub(super) fn entries(source: &Source) -> Result<Vec<Entry>, ConfigError> {
    let lines = source.text().lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(number, line)| entry(source, number, line)).collect()
}

fn entry(source: &Source, line: usize, text: &str) -> Result<Entry, ConfigError> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.len() != COLUMNS.len() {
        let columns = "RID, index, last day (YYMMDD), rsa, exponent, modulus, sha1 and checksum";
        return Err(source.invalid(line, "", format!("{} words instead of {columns}", words.len())));
    }
    let mut entry = Entry::at(line);
    for (field, word) in COLUMNS.into_iter().zip(words) {
        entry.set(field, line, word);
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::super::list;

    /// A key of the test set of Mastercard, which everybody publishes.
    const LINE: &str = "a0:00:00:00:04 f7 000000 rsa 01:00:01 94:ea:62:f6:d5:83:20:e3:54:c0:22:ad:dc:f0:55:9d:8c:f2:06:\
                        cd:92:e8:69:56:49:05:ce:21:d7:20:f9:71:b7:ae:a3:74:83:0e:be:17:57:11:5a:85:e0:88:d4:1c:6b:77:cf:\
                        5e:c8:21:f3:0b:1d:89:04:17:bf:2f:a3:1e:59:08:de:d5:fa:67:7f:8c:7b:18:4a:d0:90:28:fd:de:96:b6:a6:\
                        10:98:50:aa:80:01:75:ea:bc:db:bb:68:4a:96:c2:eb:63:79:df:ea:08:d3:2f:e2:33:1f:e1:03:23:3a:d5:8d:\
                        cd:b1:e6:e0:77:cb:9f:24:ea:ec:5c:25:af sha1 ee:b0:dd:9b:24:77:be:e3:20:9a:91:4c:db:a9:4c:1c:4a:\
                        9b:de:d9";

    #[test]
    fn a_line_is_a_key() {
        let list = list("capk.txt", &format!("# published\n\n{LINE}\n")).unwrap();
        let listed = &list.keys[0];
        assert_eq!((list.keys.len(), listed.line, listed.key.index()), (1, 3, 0xF7));
        assert_eq!(listed.key.key().exponent(), [1, 0, 1]);
        assert_eq!((listed.key.expiry(), listed.set, listed.has_checksum), (None, None, true));
    }

    #[test]
    fn a_line_that_is_cut_short_is_told_by_its_number() {
        let error = list("capk.txt", &format!("{LINE}\na0:00:00:00:04 f8 000000 rsa 03")).unwrap_err();
        assert!(error.starts_with("capk.txt:2: 5 words instead of RID, index"), "{error}");
    }

    #[test]
    fn a_digit_that_was_changed_is_found_by_the_checksum() {
        let list = list("capk.txt", &LINE.replace("cd:92", "cd:93")).unwrap();
        assert_eq!(list.keys.len(), 0);
        assert!(list.problems[0].to_string().starts_with("capk.txt:1: A000000004 F7 checksum: "));
    }
}
