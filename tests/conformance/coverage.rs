//! What is obeyed and proved, and what is not.

use std::collections::BTreeSet;

use crate::book::Book;
use crate::marker::{Marker, Role};

/// The requirements of the books, and the places that name them.
pub(crate) struct Coverage<'b> {
    books: &'b [Book],
    markers: Vec<Marker>,
}

impl<'b> Coverage<'b> {
    pub(crate) fn of(books: &'b [Book], markers: Vec<Marker>) -> Self {
        Coverage { books, markers }
    }

    /// The places that obey or prove a requirement, in the order of their files.
    pub(crate) fn places<'a>(&'a self, book: &'a Book, id: &'a str, role: Role) -> impl Iterator<Item = &'a Marker> {
        let is_meant = move |marker: &&Marker| marker.book == book.name && marker.id == id && marker.role == role;
        self.markers.iter().filter(is_meant)
    }

    /// What is missing, double or unknown, a sentence each.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for book in self.books {
            let file = format!("docs/conformance/{}.toml", book.file_stem);
            let mut seen = BTreeSet::new();
            for requirement in &book.requirements {
                let id = &requirement.id;
                if !seen.insert(id) {
                    complaints.push(format!("{file}: {id} stands there twice"));
                    continue;
                }
                let is_without = |role| self.places(book, id, role).next().is_none();
                if is_without(Role::Obeys) {
                    complaints.push(format!("{file}: no code obeys {id} ({})", requirement.asks));
                }
                if is_without(Role::Proves) {
                    complaints.push(format!("{file}: no test proves {id} ({})", requirement.asks));
                }
            }
        }
        complaints.extend(self.markers.iter().filter_map(|marker| {
            let place = format!("{}:{}", marker.path, marker.line);
            let Some(book) = self.books.iter().find(|book| book.name == marker.book) else {
                return Some(format!("{place}: there is no book {}", marker.book));
            };
            let is_known = book.requirements.iter().any(|requirement| requirement.id == marker.id);
            (!is_known).then(|| format!("{place}: book {} has no requirement {}", marker.book, marker.id))
        }));
        complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marker::in_source;

    fn complaints(book: &str, source: &str) -> Vec<String> {
        let books = [Book::parse("book-b", book).unwrap()];
        let (mut markers, mut complaints) = (Vec::new(), Vec::new());
        in_source("x.rs", source, &mut markers, &mut complaints);
        complaints.extend(Coverage::of(&books, markers).complaints());
        complaints
    }

    const BOOK: &str = "[[requirement]]\nid = \"3.1\"\nasks = \"Stop\"\n";

    #[test]
    fn a_requirement_with_code_and_test_is_fine() {
        assert_eq!(complaints(BOOK, "//= B 3.1\nfn f() {}\n//= test B 3.1\n#[test]\nfn t() {}"), [""; 0]);
    }

    #[test]
    fn a_requirement_without_code_or_without_test_is_named() {
        let without_code = complaints(BOOK, "//= test B 3.1\n#[test]\nfn t() {}");
        assert_eq!(without_code, ["docs/conformance/book-b.toml: no code obeys 3.1 (Stop)"]);
        let without_test = complaints(BOOK, "//= B 3.1\nfn f() {}");
        assert_eq!(without_test, ["docs/conformance/book-b.toml: no test proves 3.1 (Stop)"]);
    }

    #[test]
    fn a_requirement_that_is_listed_twice_is_named() {
        let found = complaints(&BOOK.repeat(2), "//= B 3.1\nfn f() {}\n//= test B 3.1\n#[test]\nfn t() {}");
        assert_eq!(found, ["docs/conformance/book-b.toml: 3.1 stands there twice"]);
    }

    #[test]
    fn a_marker_of_an_unknown_book_or_requirement_is_named() {
        let source = "//= B 3.1, 3.9, X 1\nfn f() {}\n//= test B 3.1\n#[test]\nfn t() {}";
        assert_eq!(complaints(BOOK, source), ["x.rs:1: book B has no requirement 3.9", "x.rs:1: there is no book X"]);
    }
}
