//! Multiplication modulo the modulus of a public key.
//!
//! All numbers here are public or recovered from what is public, so time may vary with them. They are at most
//! 31 limbs of 64 bits, least significant first, and live on the stack. A key is used once or twice in a transaction:
//! dividing (Knuth, The Art of Computer Programming, volume 2, 4.3.1, Algorithm D) costs less than to set up
//! Montgomery's arithmetic for it.

use alloc::boxed::Box;

use zeroize::Zeroizing;

/// The longest modulus, in limbs: 248 bytes (EMV Book 2, Table 28).
const LIMBS_MAX: usize = 31;
const LIMB_BYTES: usize = 8;

/// A number of as many limbs as the modulus has; it may be what was recovered from a signature, and is wiped.
#[derive(Clone)]
pub(super) struct Residue(Zeroizing<[u64; LIMBS_MAX]>);

/// A modulus whose leading bit is set.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Modulus {
    /// Its limbs, shifted left by `shift` so that the highest bit of the highest limb is set.
    limbs: Box<[u64]>,
    shift: u32,
    /// Of its two highest limbs.
    reciprocal: Reciprocal,
}

impl Modulus {
    /// From 9 to 248 bytes, big-endian, whose first bit is set.
    ///
    /// # Panics
    /// If there are fewer or more bytes.
    pub(super) fn from_be_bytes(bytes: &[u8]) -> Self {
        let len = bytes.len().div_ceil(LIMB_BYTES);
        let shift = 8 * (len * LIMB_BYTES - bytes.len()) as u32;
        let mut limbs: Box<[u64]> = limbs(bytes)[..len].into();
        shift_left(&mut limbs, shift);
        let reciprocal = Reciprocal::new(wide(limbs[len - 1], limbs[len - 2]));
        Modulus { limbs, shift, reciprocal }
    }

    /// A number of as many bytes as the modulus has, big-endian, reduced.
    ///
    /// # Panics
    /// If there are more bytes than a modulus can have.
    pub(super) fn residue(&self, bytes: &[u8]) -> Residue {
        let mut residue = Residue(Zeroizing::new(limbs(bytes)));
        let value = &mut residue.0[..self.limbs.len()];
        shift_left(value, self.shift);
        // As the first bit of the modulus is set, it fits once at most.
        if value.iter().rev().ge(self.limbs.iter().rev()) {
            subtract(value, &self.limbs);
        }
        shift_right(value, self.shift);
        residue
    }

    /// The product of two residues.
    pub(super) fn multiply(&self, a: &Residue, b: &Residue) -> Residue {
        let mut product = Zeroizing::new([0; 2 * LIMBS_MAX]);
        let len = self.limbs.len();
        let product = &mut product[..2 * len];
        multiply(&a.0[..len], &b.0[..len], product);
        self.reduce(product)
    }

    /// The square of a residue: a quarter faster than the product with itself.
    pub(super) fn square(&self, a: &Residue) -> Residue {
        let mut product = Zeroizing::new([0; 2 * LIMBS_MAX]);
        let len = self.limbs.len();
        let product = &mut product[..2 * len];
        square(&a.0[..len], product);
        self.reduce(product)
    }

    /// The remainder of a product, which has twice as many limbs as the modulus.
    fn reduce(&self, product: &mut [u64]) -> Residue {
        let len = self.limbs.len();
        // Shifted as the modulus is, so that the remainder is too. There is room: residues are less than the modulus.
        shift_left(product, self.shift);
        self.divide(product);
        let mut remainder = Residue(Zeroizing::new([0; LIMBS_MAX]));
        remainder.0[..len].copy_from_slice(&product[..len]);
        shift_right(&mut remainder.0[..len], self.shift);
        remainder
    }

    /// Leaves the remainder of `dividend`, twice as many limbs, in its lower half.
    fn divide(&self, dividend: &mut [u64]) {
        let len = self.limbs.len();
        // The dividend is a product of residues, so its upper half is less than the divisor, and stays so.
        for low in (0..len).rev() {
            let window = &mut dividend[low..=low + len];
            let [.., c, b, a] = *window else { unreachable!("the window is longer than the divisor") };
            // Rarely it is one more than the quotient by the whole divisor.
            let quotient = self.reciprocal.quotient([a, b, c]);
            if subtract_multiple(window, &self.limbs, quotient) {
                add(window, &self.limbs);
            }
        }
    }
}

impl Residue {
    /// The number, big-endian, in all of `bytes`, from which its higher bytes are left out where they are fewer.
    pub(super) fn write_be_bytes(&self, bytes: &mut [u8]) {
        for (chunk, limb) in bytes.rchunks_mut(LIMB_BYTES).zip(self.0.iter()) {
            let limb = limb.to_be_bytes();
            chunk.copy_from_slice(&limb[LIMB_BYTES - chunk.len()..]);
        }
    }
}

/// Big-endian bytes as limbs.
fn limbs(bytes: &[u8]) -> [u64; LIMBS_MAX] {
    let mut limbs = [0; LIMBS_MAX];
    assert!(bytes.len() <= LIMBS_MAX * LIMB_BYTES, "no modulus is longer");
    let (highest, whole) = bytes.as_rchunks::<LIMB_BYTES>();
    for (limb, chunk) in limbs.iter_mut().zip(whole.iter().rev()) {
        *limb = u64::from_be_bytes(*chunk);
    }
    if !highest.is_empty() {
        limbs[whole.len()] = highest.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    }
    limbs
}

/// By less than a limb.
fn shift_left(limbs: &mut [u64], bits: u32) {
    if bits > 0 {
        let mut carry = 0;
        for limb in limbs {
            let shifted = *limb << bits | carry;
            carry = *limb >> (u64::BITS - bits);
            *limb = shifted;
        }
    }
}

/// By less than a limb.
fn shift_right(limbs: &mut [u64], bits: u32) {
    if bits > 0 {
        let mut carry = 0;
        for limb in limbs.iter_mut().rev() {
            let shifted = *limb >> bits | carry;
            carry = *limb << (u64::BITS - bits);
            *limb = shifted;
        }
    }
}

/// The product of two numbers of the same length, in twice that length of zeros.
fn multiply(a: &[u64], b: &[u64], product: &mut [u64]) {
    for (at, factor) in a.iter().enumerate() {
        let (sum, above) = product[at..].split_at_mut(b.len());
        above[0] = add_multiple(sum, b, *factor);
    }
}

/// `sum + factor * digits`, and the carry out of it.
fn add_multiple(sum: &mut [u64], digits: &[u64], factor: u64) -> u64 {
    sum.iter_mut().zip(digits).fold(0, |carry, (sum, digit)| {
        let (carry, digit) = halves(u128::from(*digit) * u128::from(factor) + u128::from(*sum) + u128::from(carry));
        *sum = digit;
        carry
    })
}

/// The square of a number, in twice its length of zeros.
fn square(a: &[u64], product: &mut [u64]) {
    // Each product of two different limbs is there twice.
    for (at, factor) in a.iter().enumerate() {
        let (sum, above) = product[2 * at + 1..].split_at_mut(a.len() - at - 1);
        above[0] = add_multiple(sum, &a[at + 1..], *factor);
    }
    shift_left(product, 1);
    let mut carry = 0;
    for (pair, digit) in product.as_chunks_mut::<2>().0.iter_mut().zip(a) {
        let [low, high] = *pair;
        let (above, below) = halves(u128::from(*digit) * u128::from(*digit));
        let (sum, first) = wide(high, low).overflowing_add(wide(above, below));
        let (sum, second) = sum.overflowing_add(carry);
        (pair[1], pair[0]) = halves(sum);
        carry = u128::from(first | second);
    }
}

/// `a - b`, and whether it was less than zero.
fn subtract(a: &mut [u64], b: &[u64]) -> bool {
    a.iter_mut().zip(b).fold(false, |borrow, (a, b)| {
        let (difference, first) = a.overflowing_sub(*b);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        *a = difference;
        first | second
    })
}

/// `window - quotient * divisor`, and whether it was less than zero.
fn subtract_multiple(window: &mut [u64], divisor: &[u64], quotient: u64) -> bool {
    let mut carry = 0;
    let (low, high) = window.split_at_mut(divisor.len());
    for (limb, digit) in low.iter_mut().zip(divisor) {
        let product = u128::from(*digit) * u128::from(quotient) + u128::from(carry);
        let (difference, borrow) = limb.overflowing_sub(product as u64);
        *limb = difference;
        carry = (product >> u64::BITS) as u64 + u64::from(borrow);
    }
    let (difference, borrow) = high[0].overflowing_sub(carry);
    high[0] = difference;
    borrow
}

/// `window + divisor`, where the carry out of it is that of an earlier subtraction.
fn add(window: &mut [u64], divisor: &[u64]) {
    let mut carry = false;
    let (low, high) = window.split_at_mut(divisor.len());
    for (limb, digit) in low.iter_mut().zip(divisor) {
        let (sum, first) = limb.overflowing_add(*digit);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        *limb = sum;
        carry = first | second;
    }
    high[0] = high[0].wrapping_add(u64::from(carry));
}

/// Two limbs as one number.
fn wide(high: u64, low: u64) -> u128 {
    u128::from(high) << u64::BITS | u128::from(low)
}

fn halves(wide: u128) -> (u64, u64) {
    ((wide >> u64::BITS) as u64, wide as u64)
}

/// Divides by a number of two limbs with multiplications, which cost less than divisions (Moeller and Granlund,
/// Improved division by invariant integers, 2011, algorithms 4 and 6).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Reciprocal {
    divisor: u128,
    /// (2^192 - 1) / divisor - 2^64.
    value: u64,
}

impl Reciprocal {
    /// Of a divisor whose highest bit is set.
    fn new(divisor: u128) -> Self {
        let (high, low) = halves(divisor);
        // The reciprocal of the higher limb, then corrected by the lower one.
        let mut value = (u128::MAX / u128::from(high)) as u64;
        let mut rest = high.wrapping_mul(value).wrapping_add(low);
        if rest < low {
            value = value.wrapping_sub(1);
            if rest >= high {
                value = value.wrapping_sub(1);
                rest -= high;
            }
            rest = rest.wrapping_sub(high);
        }
        let (above, below) = halves(u128::from(value) * u128::from(low));
        rest = rest.wrapping_add(above);
        if rest < above {
            value = value.wrapping_sub(1);
            if wide(rest, below) >= divisor {
                value = value.wrapping_sub(1);
            }
        }
        Reciprocal { divisor, value }
    }

    /// The quotient of a number of three limbs, highest first; if it takes more than one limb, the greatest that
    /// takes one.
    fn quotient(&self, [a, b, c]: [u64; 3]) -> u64 {
        if wide(a, b) >= self.divisor {
            return u64::MAX;
        }
        let (high, low) = halves(self.divisor);
        let (quotient, fraction) = halves(u128::from(self.value) * u128::from(a) + wide(a, b));
        let rest = wide(b.wrapping_sub(quotient.wrapping_mul(high)), c);
        let mut rest = rest.wrapping_sub(u128::from(low) * u128::from(quotient)).wrapping_sub(self.divisor);
        let mut quotient = quotient.wrapping_add(1);
        if halves(rest).0 >= fraction {
            quotient = quotient.wrapping_sub(1);
            rest = rest.wrapping_add(self.divisor);
        }
        if rest >= self.divisor { quotient + 1 } else { quotient }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A modulus, and numbers that divide badly: runs of ones and zeros make the quotient's digits guess wrong.
    fn numbers(length: usize) -> impl Strategy<Value = alloc::vec::Vec<u8>> {
        let byte = prop_oneof![Just(0x00), Just(0xFF), Just(0x80), Just(0x7F), any::<u8>()];
        prop_oneof![vec(any::<u8>(), length), vec(byte, length)]
    }

    #[test]
    fn a_quotient_is_exact_at_the_edges() {
        const EDGES: [u64; 6] = [0, 1, 1 << 63, (1 << 63) + 1, u64::MAX - 1, u64::MAX];
        for (high, low) in
            EDGES.iter().flat_map(|high| EDGES.map(|low| (*high, low))).filter(|(high, _)| high >> 63 == 1)
        {
            let divisor = wide(high, low);
            let reciprocal = Reciprocal::new(divisor);
            for (a, b, c) in EDGES.iter().flat_map(|a| EDGES.iter().flat_map(|b| EDGES.map(|c| (*a, *b, c)))) {
                let quotient = u128::from(reciprocal.quotient([a, b, c]));
                // quotient * divisor <= [a, b, c] < (quotient + 1) * divisor, limb by limb.
                let times = |quotient: u128| {
                    let below = quotient * u128::from(low);
                    let above = quotient * u128::from(high) + (below >> 64);
                    (above, below as u64)
                };
                let dividend = (wide(a, b), c);
                assert!(times(quotient) <= dividend, "{a:X} {b:X} {c:X} by {divisor:X}");
                assert!(wide(a, b) >= divisor || dividend < times(quotient + 1), "{a:X} {b:X} {c:X} by {divisor:X}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        #[test]
        fn a_product_is_what_another_implementation_finds(
            (mut modulus, a, b) in (64usize..=248).prop_flat_map(|length| (numbers(length), numbers(length), numbers(length)))
        ) {
            modulus[0] |= 0x80;
            let own = Modulus::from_be_bytes(&modulus);
            let mut product = alloc::vec![0; modulus.len()];
            let (own_a, own_b) = (own.residue(&a), own.residue(&b));
            own.multiply(&own_a, &own_b).write_be_bytes(&mut product);

            let peer = |bytes: &[u8]| rsa::BoxedUint::from_be_slice_vartime(bytes);
            let peer_modulus = rsa::BoxedUint::from_be_slice_vartime(&modulus).to_nz().unwrap();
            use crypto_bigint::ConcatenatingMul;
            let expected = peer(&a).concatenating_mul(&peer(&b)).rem_vartime(&peer_modulus).to_be_bytes();
            prop_assert_eq!(&product[..], &expected[expected.len() - modulus.len()..]);

            let mut squared = product.clone();
            own.square(&own_a).write_be_bytes(&mut squared);
            own.multiply(&own_a, &own_a).write_be_bytes(&mut product);
            prop_assert_eq!(squared, product);
        }
    }
}
