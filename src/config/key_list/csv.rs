//! A table: a heading that names the columns, and a key or a revoked certificate a line. Columns that no key has are
//! passed over.

use super::super::source::{ConfigError, Source};
use super::entry::{Entry, Field};

pub(super) fn entries(source: &Source) -> Result<Vec<Entry>, ConfigError> {
    let lines = source.text().lines().enumerate().map(|(index, line)| (index + 1, line));
    let mut lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let Some((line, heading)) = lines.next() else { return Ok(Vec::new()) };
    let separator = [b'\t', b';', b','].into_iter().find(|separator| heading.as_bytes().contains(separator));
    let separator = char::from(separator.unwrap_or(b','));
    let columns: Vec<Option<Field>> = cells(heading, separator).iter().map(|name| Field::named(name)).collect();
    let is_there = |field| columns.contains(&Some(field));
    if !is_there(Field::Rid) || !is_there(Field::Index) || !(is_there(Field::Modulus) || is_there(Field::Serial)) {
        let message = "the heading must name RID, index, and modulus and exponent or a certificate's serial number";
        return Err(source.invalid(line, "", message));
    }
    let entry = |(line, text): (usize, &str)| {
        let mut entry = Entry::at(line);
        for (column, cell) in columns.iter().zip(cells(text, separator)) {
            if let Some(field) = column {
                entry.set(*field, line, cell);
            }
        }
        entry
    };
    Ok(lines.map(entry).collect())
}

/// The cells of a line; in quotes a separator is a character like others, and two quotes are one.
fn cells(line: &str, separator: char) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut is_quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let cell = cells.last_mut().expect("there is one from the beginning");
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => cell.extend(characters.next()),
            '"' => is_quoted = !is_quoted,
            _ if character == separator && !is_quoted => cells.push(String::new()),
            _ => cell.push(character),
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::super::{KeySet, list};
    use super::*;

    const MODULUS: &str = "94EA62F6D58320E354C022ADDCF0559D8CF206CD92E869564905CE21D720F971B7AEA374830EBE1757115A85E088D41C\
                           6B77CF5EC821F30B1D890417BF2FA31E5908DED5FA677F8C7B184AD09028FDDE96B6A6109850AA800175EABCDBBB684A\
                           96C2EB6379DFEA08D32FE2331FE103233AD58DCDB1E6E077CB9F24EAEC5C25AF";

    #[test]
    fn a_table_is_read_by_its_heading() {
        let text = format!(
            "Issuer;Exponent;RID Index;RID;Modulus;Key Length;SHA1;Key Type;Expires\n\
             \"Master; Card\";65537;F7;A000000004;{MODULUS};1024;EEB0DD9B2477BEE3209A914CDBA94C1C4A9BDED9;Test;\n",
        );
        let list = list("keys.csv", &text).unwrap();
        let listed = &list.keys[0];
        assert_eq!((listed.line, listed.key.index(), listed.set), (2, 0xF7, Some(KeySet::Test)));
        assert!(listed.has_checksum);
    }

    #[test]
    fn a_table_of_revoked_certificates_has_serial_numbers() {
        let list = list("revoked.csv", "rid,index,serial number\nA000000004,F7,000001\n").unwrap();
        assert_eq!((list.keys.len(), list.revoked.len()), (0, 1));
    }

    #[test]
    fn a_table_without_what_a_key_needs_is_refused() {
        let error = list("keys.csv", "issuer,modulus\n").unwrap_err();
        assert!(error.starts_with("keys.csv:1: the heading must name RID"), "{error}");
        let list = list("keys.csv", "rid,index,modulus\nA000000004,F7,94EA\n").unwrap();
        assert_eq!(list.problems[0].to_string(), "keys.csv:2: A000000004 F7 exponent: it is missing");
    }

    #[test]
    fn quotes_keep_separators_and_quotes() {
        assert_eq!(cells("a,\"b,c\",\"d\"\"e\",", ','), ["a", "b,c", "d\"e", ""]);
    }
}
