//! How a bit field is defined: once, as the table in its book reads.

use core::marker::PhantomData;

/// One bit of a value of type `T`, counted as the books count: byte 1 is the leftmost, bit 8 the
/// most significant.
///
/// A bit belongs to its type: one of the TVR can't be asked of a TTQ.
pub struct Bit<T> {
    index: usize,
    mask: u8,
    owner: PhantomData<fn() -> T>,
}

impl<T> Clone for Bit<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Bit<T> {}

impl<T> Bit<T> {
    /// The bit `bit` (8 to 1) of byte `byte` (1 and up).
    pub(super) const fn new(byte: usize, bit: u8) -> Self {
        assert!(byte >= 1 && bit >= 1 && bit <= 8, "bytes count from 1, bits from 8 down to 1");
        Bit { index: byte - 1, mask: 1 << (bit - 1), owner: PhantomData }
    }

    /// Whether the bit is set in these bytes.
    pub(super) const fn is_set(self, bytes: &[u8]) -> bool {
        bytes[self.index] & self.mask != 0
    }

    /// Sets or clears the bit in these bytes.
    pub(super) const fn put(self, bytes: &mut [u8], on: bool) {
        if on {
            bytes[self.index] |= self.mask;
        } else {
            bytes[self.index] &= !self.mask;
        }
    }
}

/// A value that is nothing but bits, for code that tells what bits say.
pub(super) trait BitField: for<'a> TryFrom<&'a [u8], Error = super::Error> {
    /// What the bits that are set say, in the order of the bits.
    fn meanings(self) -> impl Iterator<Item = &'static str>;
}

/// Defines a bit field: its name, its length in bytes, and for each bit a name, its (byte, bit) as
/// the books count, and what it says when set. Where the value at first is not all zeros, it stands
/// after the length.
macro_rules! bit_field {
    (@default $length:literal) => { [0; $length] };
    (@default $length:literal $default:expr) => { $default };
    (
        $(#[$doc:meta])*
        pub struct $name:ident[$length:literal] $(= $default:expr)?;
        $($bit:ident = ($byte:literal, $number:literal), $meaning:literal;)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            /// The length of the value in bytes.
            pub const LENGTH: usize = $length;

            /// Every bit that has a meaning, in order, with that meaning.
            const BITS: &[($crate::fields::Bit<Self>, &'static str)] = &[$((Self::$bit, $meaning)),*];

            $(
                #[doc = concat!("Byte ", $byte, ", bit ", $number, ": ", $meaning, ".")]
                pub const $bit: $crate::fields::Bit<Self> = {
                    assert!($byte <= $length);
                    $crate::fields::Bit::new($byte, $number)
                };
            )*

            /// The value of these bytes; bits without a meaning are kept.
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                $name(bytes)
            }

            /// The bytes, as they stand in a message.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// Whether a bit is set.
            pub const fn has(self, bit: $crate::fields::Bit<Self>) -> bool {
                bit.is_set(&self.0)
            }

            /// Sets a bit.
            pub const fn set(&mut self, bit: $crate::fields::Bit<Self>) {
                bit.put(&mut self.0, true);
            }

            /// Clears a bit.
            pub const fn clear(&mut self, bit: $crate::fields::Bit<Self>) {
                bit.put(&mut self.0, false);
            }

            /// Sets a bit, or clears it.
            pub const fn put(&mut self, bit: $crate::fields::Bit<Self>, on: bool) {
                bit.put(&mut self.0, on);
            }

            /// The same value with a bit set: for building one in an expression.
            #[must_use]
            pub const fn with(mut self, bit: $crate::fields::Bit<Self>) -> Self {
                self.set(bit);
                self
            }

            /// What the bits that are set say, in the order of the bits.
            pub fn meanings(self) -> impl Iterator<Item = &'static str> {
                Self::BITS.iter().filter(move |(bit, _)| self.has(*bit)).map(|(_, meaning)| *meaning)
            }
        }

        impl $crate::fields::bits::BitField for $name {
            fn meanings(self) -> impl Iterator<Item = &'static str> {
                $name::meanings(self)
            }
        }

        impl Default for $name {
            /// No bit set, but for those that say "not applicable".
            fn default() -> Self {
                $name($crate::fields::bits::bit_field!(@default $length $($default)?))
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = $crate::fields::Error;

            fn try_from(value: &[u8]) -> Result<Self, Self::Error> {
                $crate::fields::exactly(stringify!($name), value).map($name)
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}(", stringify!($name))?;
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))?;
                for (number, meaning) in self.meanings().enumerate() {
                    write!(f, "{} {meaning}", if number == 0 { ":" } else { "," })?;
                }
                f.write_str(")")
            }
        }
    };
}
pub(super) use bit_field;
