//! How a set of codes is defined: once, with the name the book gives each.

/// Defines an enum of codes. A code that the book doesn't define survives as `Rfu`.
macro_rules! codes {
    (
        $(#[$doc:meta])*
        pub enum $name:ident { $($variant:ident = $code:literal, $meaning:literal;)* }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!($meaning, ".")] $variant,)*
            /// A code the book doesn't define.
            Rfu(u8),
        }

        impl $name {
            /// What a code says.
            pub const fn from_code(code: u8) -> Self {
                match code {
                    $($code => $name::$variant,)*
                    other => $name::Rfu(other),
                }
            }

            /// The code.
            pub const fn code(self) -> u8 {
                match self {
                    $($name::$variant => $code,)*
                    $name::Rfu(code) => code,
                }
            }

            /// The name the book gives it.
            pub const fn name(self) -> &'static str {
                match self {
                    $($name::$variant => $meaning,)*
                    $name::Rfu(_) => "RFU",
                }
            }
        }
    };
}
pub(super) use codes;
