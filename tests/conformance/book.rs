//! What a book asks.

use serde::Deserialize;

/// A book, or the part of it that this terminal has to obey.
#[derive(Debug)]
pub(crate) struct Book {
    /// As markers name it, such as `C-2`.
    pub(crate) name: String,
    /// Its file without extension, such as `book-b`.
    pub(crate) file_stem: String,
    pub(crate) title: String,
    pub(crate) requirements: Vec<Requirement>,
}

/// One requirement, or neighbours that one function obeys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Requirement {
    /// Its number in the book.
    pub(crate) id: String,
    /// What it asks, in our words.
    pub(crate) asks: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: Option<String>,
    #[serde(default)]
    requirement: Vec<Requirement>,
}

impl Book {
    /// Reads `BOOK.toml`, whose name without extension names the book: `book-b` is B, `c-2` is C-2.
    pub(crate) fn parse(file_stem: &str, text: &str) -> Result<Self, toml::de::Error> {
        let file: File = toml::from_str(text)?;
        let name = file_stem.strip_prefix("book-").unwrap_or(file_stem).to_uppercase();
        Ok(Book {
            title: file.title.unwrap_or_else(|| format!("EMV Contactless Book {name}")),
            name,
            file_stem: file_stem.to_owned(),
            requirements: file.requirement,
        })
    }
}

#[test]
fn a_book_is_named_as_its_file() {
    let text = "[[requirement]]\nid = \"3.1\"\nasks = \"Something\"";
    for (file_stem, name) in [("book-b", "B"), ("c-2", "C-2")] {
        assert_eq!(Book::parse(file_stem, text).unwrap().name, name);
    }
}

#[test]
fn what_a_book_has_no_place_for_is_an_error() {
    let text = "[[requirement]]\nid = \"3.1\"\nasks = \"Something\"\nproven = \"by faith\"";
    assert!(Book::parse("c-2", text).unwrap_err().to_string().contains("proven"));
}
