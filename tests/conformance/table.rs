//! The table of a book.

use crate::book::Book;
use crate::coverage::Coverage;
use crate::marker::{Marker, Role};

/// The requirements of a book in its order, with the places that obey and prove each, as Markdown.
pub(crate) fn table(book: &Book, coverage: &Coverage<'_>) -> String {
    let mut table = format!(
        "# {}\n\n<!-- Written by `make conformance` from {}.toml and the markers in code and tests. -->\n\n\
         | requirement | asks | obeyed by | proved by |\n|---|---|---|---|\n",
        book.title, book.file_stem,
    );
    for requirement in &book.requirements {
        let places = |role| links(coverage.places(book, &requirement.id, role));
        let asks = requirement.asks.replace('|', "\\|");
        let (obeyed, proved) = (places(Role::Obeys), places(Role::Proves));
        table.push_str(&format!("| {} | {asks} | {obeyed} | {proved} |\n", requirement.id));
    }
    table
}

/// The places, each once, as links from the folder of the tables.
fn links<'m>(markers: impl Iterator<Item = &'m Marker>) -> String {
    let mut links: Vec<String> = markers.map(link).collect();
    links.dedup();
    links.join("<br>")
}

fn link(marker: &Marker) -> String {
    let path = &marker.path;
    let short = path.strip_prefix("emv/src/").or_else(|| path.strip_prefix("emv/tests/")).unwrap_or(path);
    let place = marker.item.as_ref().map_or(short.to_owned(), |item| format!("{short}:{item}"));
    format!("[`{place}`](../../{path})")
}

#[test]
fn a_table_links_each_place_once() {
    let book = Book::parse("book-b", "title = \"B\"\n[[requirement]]\nid = \"3.1\"\nasks = \"a | b\"").unwrap();
    let source = "//= B 3.1\nfn f() {\n    //= B 3.1\n    let a = 1;\n}\n//= test B 3.1\n#[test]\nfn t() {}";
    let (mut markers, mut complaints) = (Vec::new(), Vec::new());
    crate::marker::in_source("emv/src/x.rs", source, &mut markers, &mut complaints);
    let books = [book];
    let table = table(&books[0], &Coverage::of(&books, markers));
    let last = table.lines().last().unwrap();
    assert_eq!(last, r"| 3.1 | a \| b | [`x.rs:f`](../../emv/src/x.rs) | [`x.rs:t`](../../emv/src/x.rs) |");
}
