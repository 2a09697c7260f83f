//! The dialects that come with the program.

use super::{Dialect, DialectSettings};

/// A dialect that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// Its name.
    pub name: &'static str,
    /// A short name, which configurations had first.
    pub short_name: Option<&'static str>,
    /// The file.
    pub text: &'static str,
}

macro_rules! shipped {
    ($name:literal, $short_name:expr) => {
        Shipped {
            name: $name,
            short_name: $short_name,
            text: include_str!(concat!("../../../../dialects/", $name, ".toml")),
        }
    };
}

/// Every dialect that comes with the program. Those of 1987 say what differs from the first.
pub const SHIPPED: &[Shipped] = &[
    shipped!("iso-1987-ascii", Some("ascii")),
    shipped!("iso-1987-ascii-binary", Some("ascii-binary")),
    shipped!("iso-1987-bcd", Some("bcd")),
    shipped!("iso-1993", None),
    shipped!("union-pay", None),
];

impl Shipped {
    /// The one with this name, short or not.
    pub fn find(name: &str) -> Option<&'static Self> {
        SHIPPED.iter().find(|shipped| shipped.name == name || shipped.short_name == Some(name))
    }

    /// The dialect.
    pub fn dialect(&self) -> Dialect {
        let settings: DialectSettings = toml::from_str(self.text).expect("a test reads each shipped file");
        settings.resolve("".as_ref()).expect("a test resolves each shipped file")
    }
}

impl Dialect {
    /// The shipped dialect with this name; nothing where there is none.
    pub fn shipped(name: &str) -> Option<Self> {
        Shipped::find(name).map(Shipped::dialect)
    }

    /// `iso-1987-ascii`.
    pub fn ascii() -> Self {
        Self::shipped("iso-1987-ascii").expect("it is shipped")
    }

    /// `iso-1987-ascii-binary`.
    pub fn ascii_binary() -> Self {
        Self::shipped("iso-1987-ascii-binary").expect("it is shipped")
    }

    /// `iso-1987-bcd`.
    pub fn bcd() -> Self {
        Self::shipped("iso-1987-bcd").expect("it is shipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shipped_dialect_can_be_used() {
        for shipped in SHIPPED {
            assert!(!shipped.dialect().messages.is_empty(), "{}", shipped.name);
        }
        assert_eq!(Dialect::shipped("bcd"), Dialect::shipped("iso-1987-bcd"));
        assert_eq!(Dialect::shipped("ebcdic"), None);
    }
}
