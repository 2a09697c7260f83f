//! Where requirements are obeyed and proved.

use serde_json::Value;

/// What begins a marker in Rust.
const SIGN: &str = "//= ";
const TEST: &str = "test ";

/// A place that names a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) book: String,
    pub(crate) id: String,
    pub(crate) role: Role,
    /// From the root, such as `emv/src/entry/ppse.rs`.
    pub(crate) path: String,
    /// Where in the file the marker itself stands.
    pub(crate) line: usize,
    /// The function, type or constant that the marker is about; nothing for a whole file.
    pub(crate) item: Option<String>,
}

/// What a place does for a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Obeys,
    Proves,
}

/// Finds the markers of a Rust file.
pub(crate) fn in_source(path: &str, text: &str, markers: &mut Vec<Marker>, complaints: &mut Vec<String>) {
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let Some(marker) = line.trim_start().strip_prefix(SIGN) else { continue };
        let place = format!("{path}:{}", index + 1);
        let (role, ids) = marker.strip_prefix(TEST).map_or((Role::Obeys, marker), |ids| (Role::Proves, ids));
        let Some(marked) = (index + 1..lines.len()).find(|&below| is_code(lines[below])) else {
            complaints.push(format!("{place}: the marker stands above nothing"));
            continue;
        };
        if role == Role::Proves && !lines[index..marked].iter().any(|line| is_test(line.trim())) {
            complaints.push(format!("{place}: the marker of a test stands above something else"));
        }
        let item = item(&lines, marked);
        if item.is_none() {
            complaints.push(format!("{place}: the marker is about no function, type or constant"));
        }
        let ids = ids_of(ids, &place, complaints);
        markers.extend(ids.into_iter().map(|(book, id)| {
            let (path, item) = (path.to_owned(), item.clone());
            Marker { book, id, role, path, line: index + 1, item }
        }));
    }
}

/// Finds what a scenario proves.
pub(crate) fn in_scenario(path: &str, text: &str, markers: &mut Vec<Marker>, complaints: &mut Vec<String>) {
    let scenario: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let Some(proves) = scenario.get("proves") else { return };
    let Some(proves) = proves.as_array().and_then(|list| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>())
    else {
        return complaints.push(format!("{path}: `proves` is a list of texts"));
    };
    let line = text.lines().position(|line| line.contains("\"proves\"")).map_or(1, |index| index + 1);
    for ids in proves {
        let ids = ids_of(ids, &format!("{path}:{line}"), complaints);
        markers.extend(ids.into_iter().map(|(book, id)| {
            let path = path.to_owned();
            Marker { book, id, role: Role::Proves, path, line, item: None }
        }));
    }
}

/// The ids in `B 3.1.1.3, 3.1.1.4, A 5.5`: one without a book is of the book before it.
fn ids_of(text: &str, place: &str, complaints: &mut Vec<String>) -> Vec<(String, String)> {
    let mut book = None;
    let mut ids = Vec::new();
    for part in text.split(',') {
        let words: Vec<&str> = part.split_whitespace().collect();
        match (words.as_slice(), book) {
            (&[named, id], _) => {
                book = Some(named);
                ids.push((named.to_owned(), id.to_owned()));
            }
            (&[id], Some(book)) => ids.push((book.to_owned(), id.to_owned())),
            _ => complaints.push(format!("{place}: `{}` is no book and requirement", part.trim())),
        }
    }
    ids
}

/// `#[test]`, or that of a runtime: `#[tokio::test(start_paused = true)]`.
fn is_test(attribute: &str) -> bool {
    let path = attribute.strip_prefix("#[").and_then(|rest| rest.split([']', '(']).next());
    path.is_some_and(|path| path == "test" || path.ends_with("::test"))
}

/// Neither empty nor a comment nor an attribute.
fn is_code(line: &str) -> bool {
    let line = line.trim_start();
    !(line.is_empty() || line.starts_with("//") || line.starts_with("#["))
}

/// The item that the line at `index` declares or stands in, with its type where it is a method.
fn item(lines: &[&str], index: usize) -> Option<String> {
    let (found, name) = enclosing(lines, index, declared)?;
    let owner = enclosing(lines, found, implemented).filter(|&(above, _)| above != found);
    Some(owner.map_or(name.clone(), |(_, owner)| format!("{owner}::{name}")))
}

/// The nearest line at or above `index`, each less indented than the one before it, that `reads` gives a name for.
fn enclosing(lines: &[&str], index: usize, reads: fn(&str) -> Option<String>) -> Option<(usize, String)> {
    let mut indentation = usize::MAX;
    // The line that ends a list of arguments stands no deeper than the one that begins it.
    let begins = |&at: &usize| is_code(lines[at]) && !lines[at].trim_start().starts_with([')', ']', '}']);
    (0..=index).rev().filter(begins).find_map(|at| {
        let own = lines[at].len() - lines[at].trim_start().len();
        if own >= indentation {
            return None;
        }
        indentation = own;
        reads(lines[at].trim_start()).map(|name| (at, name))
    })
}

/// The name of the item that a line declares.
fn declared(line: &str) -> Option<String> {
    const KEYWORDS: [&str; 9] = ["fn", "struct", "enum", "trait", "const", "static", "type", "mod", "macro_rules!"];
    let line = line.strip_prefix("pub").map_or(line, |rest| match rest.strip_prefix('(') {
        Some(whom) => whom.split_once(')').map_or("", |(_, rest)| rest),
        None => rest,
    });
    let mut words = line.split(|c: char| c.is_whitespace() || "(<:;{".contains(c)).filter(|word| !word.is_empty());
    let keyword = words.find(|word| !["async", "default"].contains(word))?;
    let name = words.next().filter(|_| KEYWORDS.contains(&keyword))?;
    // `const fn name`
    let name = if name == "fn" { words.next()? } else { name };
    Some(name.to_owned())
}

/// The type that a line opens the implementation of.
fn implemented(line: &str) -> Option<String> {
    let rest = line.strip_prefix("impl")?.strip_prefix([' ', '<'])?.trim_end_matches(['{', ' ']);
    let owner = rest.rsplit_once(" for ").map_or(rest, |(_, owner)| owner);
    let owner = owner.rsplit_once("> ").map_or(owner, |(_, owner)| owner);
    let name = owner.split('<').next()?.rsplit("::").next()?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (Vec<Marker>, Vec<String>) {
        let (mut markers, mut complaints) = (Vec::new(), Vec::new());
        in_source("emv/src/x.rs", text, &mut markers, &mut complaints);
        (markers, complaints)
    }

    fn items(text: &str) -> Vec<String> {
        let (markers, complaints) = found(text);
        assert_eq!(complaints, [""; 0]);
        markers.into_iter().map(|marker| marker.item.expect("an item")).collect()
    }

    #[test]
    fn a_marker_is_about_the_item_below_it() {
        let text = "//= B 3.1\n/// Says.\n#[must_use]\npub(super) fn a(b: u8) {}\n//= B 3.2\nconst TABLE: [u8; 1] = [1];\n\
                    //= B 3.3\npub const fn c() {}\n//= B 3.4\n#[derive(Debug)]\nenum State {}\n\
                    //= B 3.5\npub(in crate::kernel) async fn d() {}";
        assert_eq!(items(text), ["a", "TABLE", "c", "State", "d"]);
    }

    #[test]
    fn a_marker_above_a_statement_or_an_arm_is_about_the_function_around_it() {
        let text = "impl<'a> From<B<'a>> for C<'a> {\n    fn f(self) -> u8 {\n        //= B 3.1\n        let g = 1;\n        \
                    match g {\n            //= B 3.2\n            1 => 2,\n        }\n    }\n}\n\
                    enum State {\n    //= B 3.3\n    First,\n}";
        assert_eq!(items(text), ["C::f", "C::f", "State"]);
        let text = "impl C {\n    fn f(\n        a: u8,\n    ) -> u8 {\n        //= B 3.1\n        a\n    }\n}";
        assert_eq!(items(text), ["C::f"]);
    }

    #[test]
    fn the_marker_of_a_test_stands_above_a_test() {
        let (markers, complaints) = found("//= test B 3.1\n#[test]\nfn a_sentence() {}");
        assert_eq!((markers[0].role, complaints.len()), (Role::Proves, 0));
        let (_, complaints) = found("//= test B 3.1\n#[tokio::test(start_paused = true)]\nasync fn a_sentence() {}");
        assert_eq!(complaints, [""; 0]);
        let (_, complaints) = found("//= test B 3.1\nfn a_sentence() {}");
        assert_eq!(complaints, ["emv/src/x.rs:1: the marker of a test stands above something else"]);
    }

    #[test]
    fn a_marker_may_name_several_requirements() {
        let (markers, _) = found("//= B 3.1, 3.2, C-2 S3.10\nfn f() {}");
        let ids: Vec<_> = markers.iter().map(|marker| (marker.book.as_str(), marker.id.as_str())).collect();
        assert_eq!(ids, [("B", "3.1"), ("B", "3.2"), ("C-2", "S3.10")]);
    }

    #[test]
    fn a_marker_that_names_nothing_or_stands_above_nothing_is_complained_of() {
        let (_, complaints) = found("//= 3.1\nfn f() {}\n//= B 3.2\n");
        let expected =
            ["emv/src/x.rs:1: `3.1` is no book and requirement", "emv/src/x.rs:3: the marker stands above nothing"];
        assert_eq!(complaints, expected);
    }

    #[test]
    fn a_scenario_says_what_it_proves() {
        let (mut markers, mut complaints) = (Vec::new(), Vec::new());
        in_scenario("x.json", "{\n  \"proves\": [\"C-2 S3.10\", \"A 5.5\"]\n}", &mut markers, &mut complaints);
        assert_eq!(markers.iter().map(|marker| marker.line).collect::<Vec<_>>(), [2, 2]);
        in_scenario("y.json", "{ \"proves\": \"C-2 S3.10\" }", &mut markers, &mut complaints);
        assert_eq!((markers.len(), complaints), (2, vec!["y.json: `proves` is a list of texts".to_owned()]));
    }
}
