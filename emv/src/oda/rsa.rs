//! RSA public keys and the recovery function (EMV Book 2, Annex B2.1).

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::Fault;
use super::modular::Modulus;

/// Why bytes are no public key that the book allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// The modulus is shorter than [`PublicKey::MIN_LENGTH`] or longer than
    /// [`PublicKey::MAX_LENGTH`].
    #[error("the modulus must have {} to {} bytes", PublicKey::MIN_LENGTH, PublicKey::MAX_LENGTH)]
    Length,
    /// The leftmost bit of the modulus is zero (EMV Book 2, 5.1).
    #[error("the leftmost bit of the modulus is zero: write the modulus without leading zero bytes")]
    LeadingBit,
    /// The modulus is even.
    #[error("the modulus is even: it was mistyped or cut short")]
    Even,
    /// The exponent is neither 3 nor 65537 (EMV Book 2, Annex B2.1).
    #[error("the exponent must be 3 (03) or 65537 (010001)")]
    Exponent,
}

impl From<InvalidKey> for Fault {
    fn from(invalid: InvalidKey) -> Self {
        match invalid {
            InvalidKey::Length => Fault::KeyLength,
            InvalidKey::LeadingBit | InvalidKey::Even => Fault::KeyModulus,
            InvalidKey::Exponent => Fault::KeyExponent,
        }
    }
}

/// The two exponents that the book allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exponent {
    Three,
    F4,
}

impl Exponent {
    /// Reads one to three bytes, big-endian.
    fn parse(bytes: &[u8]) -> Result<Self, InvalidKey> {
        match bytes {
            [3] | [0, 3] | [0, 0, 3] => Ok(Exponent::Three),
            [1, 0, 1] => Ok(Exponent::F4),
            _ => Err(InvalidKey::Exponent),
        }
    }

    /// As one or three bytes (EMV Book 2, Table 27).
    fn as_bytes(self) -> &'static [u8] {
        match self {
            Exponent::Three => &[3],
            Exponent::F4 => &[1, 0, 1],
        }
    }
}

/// An RSA public key whose modulus and exponent are such as the book allows.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    modulus: Vec<u8>,
    value: Modulus,
    exponent: Exponent,
}

impl PublicKey {
    /// The shortest modulus, in bytes. The book sets no lower bound; below this there is no room
    /// for what certificates and signatures hold.
    pub const MIN_LENGTH: usize = 64;
    /// The longest modulus, in bytes (EMV Book 2, Table 28).
    pub const MAX_LENGTH: usize = 248;

    /// Takes a modulus and an exponent, both big-endian.
    ///
    /// # Errors
    /// See [`InvalidKey`].
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, InvalidKey> {
        if !(Self::MIN_LENGTH..=Self::MAX_LENGTH).contains(&modulus.len()) {
            return Err(InvalidKey::Length);
        }
        if modulus[0] & 0x80 == 0 {
            return Err(InvalidKey::LeadingBit);
        }
        if modulus[modulus.len() - 1] & 0x01 == 0 {
            return Err(InvalidKey::Even);
        }
        let value = Modulus::from_be_bytes(modulus);
        Ok(PublicKey { modulus: modulus.to_vec(), value, exponent: Exponent::parse(exponent)? })
    }

    /// The length of the modulus, and of what the key signs, in bytes.
    pub fn length(&self) -> usize {
        self.modulus.len()
    }

    /// The modulus, big-endian.
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The exponent, big-endian, in as few bytes as it needs.
    pub fn exponent(&self) -> &'static [u8] {
        self.exponent.as_bytes()
    }

    /// The recovery function: `signature` to the power of the exponent, as many bytes as the
    /// modulus has (EMV Book 2, Annex B2.1.3).
    pub(super) fn recover(&self, signature: &[u8]) -> Zeroizing<Vec<u8>> {
        let base = self.value.residue(signature);
        let squares = match self.exponent {
            Exponent::Three => 1,
            Exponent::F4 => 16,
        };
        let power = (0..squares).fold(base.clone(), |power, _| self.value.square(&power));
        let power = self.value.multiply(&power, &base);
        let mut recovered = Zeroizing::new(vec![0; self.length()]);
        power.write_be_bytes(&mut recovered);
        recovered
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} bits, {:?})", 8 * self.length(), self.exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CA, ICC, ISSUER};
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn recovering_undoes_signing() {
        for key in [&CA, &ISSUER, &ICC] {
            let mut block = vec![0x5A; key.public().length()];
            block[0] = 0x00;
            assert_eq!(*key.public().recover(&key.sign_block(&block)), block, "leading zero bytes are kept");
        }
    }

    #[test]
    fn a_value_beyond_the_modulus_is_reduced() {
        for key in [CA.public(), ISSUER.public()] {
            assert_eq!(*key.recover(key.modulus()), vec![0; key.length()]);
            assert_eq!(key.recover(&vec![0xFF; key.length()]).len(), key.length());
        }
    }

    #[test]
    fn moduli_that_are_no_moduli_are_refused() {
        let good = CA.public().modulus().to_vec();
        let mut even = good.clone();
        *even.last_mut().unwrap() &= 0xFE;
        let mut short = good.clone();
        short[0] &= 0x7F;
        assert_eq!(PublicKey::new(&even, &[3]), Err(InvalidKey::Even));
        assert_eq!(PublicKey::new(&short, &[3]), Err(InvalidKey::LeadingBit));
        assert_eq!(PublicKey::new(&[], &[3]), Err(InvalidKey::Length));
        assert_eq!(PublicKey::new(&[0; 128], &[3]), Err(InvalidKey::LeadingBit));
        assert_eq!(PublicKey::new(&[0xFF; 63], &[3]), Err(InvalidKey::Length));
        assert_eq!(PublicKey::new(&[0xFF; 249], &[3]), Err(InvalidKey::Length));
        assert!(PublicKey::new(&[0xFF; 248], &[3]).is_ok());
    }

    #[test]
    fn only_two_exponents_are_accepted() {
        let modulus = CA.public().modulus().to_vec();
        for (exponent, canonical) in [(&[3][..], &[3][..]), (&[0, 0, 3], &[3]), (&[1, 0, 1], &[1, 0, 1])] {
            assert_eq!(PublicKey::new(&modulus, exponent).unwrap().exponent(), canonical);
        }
        for exponent in [&[][..], &[0], &[1], &[2], &[5], &[0x11], &[1, 0, 0], &[3, 0, 0], &[0, 0, 0, 3]] {
            assert_eq!(PublicKey::new(&modulus, exponent), Err(InvalidKey::Exponent), "{exponent:?}");
        }
    }
    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        /// Against the crate `rsa`, for moduli of every length, products of primes or not.
        #[test]
        fn another_implementation_recovers_the_same(
            mut modulus in vec(any::<u8>(), PublicKey::MIN_LENGTH..=PublicKey::MAX_LENGTH),
            signature in vec(any::<u8>(), PublicKey::MAX_LENGTH),
            f4 in any::<bool>(),
        ) {
            modulus[0] |= 0x80;
            *modulus.last_mut().unwrap() |= 0x01;
            let mut signature = signature[..modulus.len()].to_vec();
            signature[0] &= 0x7F;

            let exponent = if f4 { Exponent::F4 } else { Exponent::Three }.as_bytes();
            let uint = |bytes: &[u8]| rsa::BoxedUint::from_be_slice_vartime(bytes);
            let peer = rsa::PublicKey::new_unchecked(uint(&modulus), uint(exponent));
            let expected = rsa::hazmat::rsa_encrypt(&peer, &uint(&signature)).unwrap().to_be_bytes();
            let key = PublicKey::new(&modulus, exponent).unwrap();
            prop_assert_eq!(&key.recover(&signature)[..], &expected[expected.len() - modulus.len()..]);
        }
    }
}
