//! From a place in a TOML file to the line and the key a person looks for.

use std::ops::Range;

/// A line, counted from 1, and the key on it with the table it stands in: `host.address`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    /// The line, counted from 1.
    pub(super) line: usize,
    /// The dotted key; empty where the line has none.
    pub(super) key: String,
}

/// Finds the place of the byte range `span` in `text`.
pub(super) fn locate(text: &str, span: Range<usize>) -> Location {
    let start = span.start.min(text.len());
    let line_start = text.as_bytes()[..start].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let line = text[..line_start].matches('\n').count() + 1;
    let mut table = "";
    let mut key = "";
    for text_line in text[..line_start].lines().chain(text[line_start..].lines().take(1)) {
        let content = text_line.trim_start();
        if content.starts_with('[') {
            table = content.trim_matches(['[', ']', ' ']).split(']').next().unwrap_or_default();
            key = "";
        } else if let Some((name, _)) = content.split_once('=').filter(|_| !content.starts_with(['#', '"', '{'])) {
            key = name.trim();
        }
    }
    let separator = if table.is_empty() || key.is_empty() { "" } else { "." };
    Location { line, key: format!("{table}{separator}{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "mode = \"test\"\n\n[host] # the acquirer\naddress = \"x\"\nnames = [\n  \"a\",\n  \"b\",\n]\n";

    fn at(needle: &str) -> Location {
        let start = TEXT.find(needle).unwrap();
        locate(TEXT, start..start + needle.len())
    }

    #[test]
    fn a_value_is_found_under_its_table_and_key() {
        assert_eq!(at("\"test\""), Location { line: 1, key: "mode".into() });
        assert_eq!(at("\"x\""), Location { line: 4, key: "host.address".into() });
        assert_eq!(at("\"b\""), Location { line: 7, key: "host.names".into() });
        assert_eq!(at("[host]"), Location { line: 3, key: "host".into() });
    }
}
