//! What commands read: a file, or standard input where its name is `-`.

use std::io::Read;
use std::path::Path;

use super::Failure;

/// The whole text.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}
