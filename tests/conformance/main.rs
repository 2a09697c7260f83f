//! Which code obeys each requirement of the books, and which test proves it.
//!
//! `docs/conformance/BOOK.toml` lists what a book asks. Markers say where it is done:
//!
//! - above a function, or the line of one that obeys: `//= B 3.1.1.3`, or several ids separated by commas;
//! - above a `#[test]`: `//= test B 3.1.1.3`;
//! - in a scenario of `emv/tests/golden`: `"proves": ["B 3.1.1.3"]`.
//!
//! From both come the tables `docs/conformance/BOOK.md`. `make conformance` writes them anew.

mod book;
mod coverage;
mod marker;
mod table;

use std::path::{Path, PathBuf};
use std::{env, fs};

use book::Book;
use coverage::Coverage;
use marker::Marker;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const BOOKS: &str = "docs/conformance";
const GOLDEN: &str = "emv/tests/golden";
/// Set to `write`, it has the tables written instead of compared.
const MODE: &str = "TENDER_CONFORMANCE";

#[test]
fn every_requirement_of_the_books_is_obeyed_and_proved() {
    let books: Vec<Book> = files(BOOKS, "toml").iter().map(|path| read_book(path)).collect();
    assert!(!books.is_empty(), "{BOOKS} lists the books");
    let (markers, mut complaints) = markers();
    let coverage = Coverage::of(&books, markers);
    complaints.extend(coverage.complaints());
    for book in &books {
        let path = Path::new(ROOT).join(BOOKS).join(&book.file_stem).with_extension("md");
        let table = table::table(book, &coverage);
        if env::var(MODE).is_ok_and(|mode| mode == "write") {
            fs::write(&path, table).expect("the table can be written");
        } else if fs::read_to_string(&path).unwrap_or_default() != table {
            complaints.push(format!("{}: is not what the markers give: run `make conformance`", relative(&path)));
        }
    }
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

fn read_book(path: &Path) -> Book {
    let stem = path.file_stem().expect("it has an extension").to_string_lossy();
    Book::parse(&stem, &read(path)).unwrap_or_else(|error| panic!("{}: {error}", relative(path)))
}

/// All markers of code, tests and scenarios, and what is wrong with their form.
fn markers() -> (Vec<Marker>, Vec<String>) {
    let (mut markers, mut complaints) = (Vec::new(), Vec::new());
    let sources = ["emv/src", "emv/tests", "src", "sim/src", "tests"].iter().flat_map(|folder| files(folder, "rs"));
    // The checker's own files name markers without meaning them.
    for path in sources.filter(|path| !path.starts_with(Path::new(ROOT).join("tests/conformance"))) {
        marker::in_source(&relative(&path), &read(&path), &mut markers, &mut complaints);
    }
    for path in files(GOLDEN, "json") {
        marker::in_scenario(&relative(&path), &read(&path), &mut markers, &mut complaints);
    }
    (markers, complaints)
}

/// The files below a folder with this extension, in order.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut folders = vec![Path::new(ROOT).join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn relative(path: &Path) -> String {
    path.strip_prefix(ROOT).expect("it was found below").display().to_string()
}
