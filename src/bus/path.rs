//! Object paths that hold a caller's token or a reader's name.

use std::fmt::Write;

use zbus::OwnedObjectPath;

use super::ROOT;
use crate::terminal::Token;

/// The path of a transaction. A caller can compute it, and so subscribe before it creates the
/// transaction: each byte of the token that is not an ASCII letter or digit is `_` and two lower-case
/// hexadecimal digits, as systemd escapes unit names in its paths.
pub fn transaction_path(token: &Token) -> OwnedObjectPath {
    path("transaction", token.as_str())
}

/// The path of a reader, with its name escaped the same way.
pub fn reader_path(name: &str) -> OwnedObjectPath {
    path("reader", name)
}

fn path(kind: &str, name: &str) -> OwnedObjectPath {
    let mut path = format!("{ROOT}/{kind}/");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() {
            path.push(char::from(byte));
        } else {
            write!(path, "_{byte:02x}").expect("writing to a string can't fail");
        }
    }
    path.try_into().expect("letters, digits, underscores and slashes form a path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_letter_or_digit_is_escaped() {
        let token = "till-1.42_a".parse().unwrap();
        assert_eq!(transaction_path(&token).as_str(), "/org/tenderd/transaction/till_2d1_2e42_5fa");
        assert_eq!(reader_path("Virtual PCD 00 01").as_str(), "/org/tenderd/reader/Virtual_20PCD_2000_2001");
    }
}
