//! The registers of a terminal's future keys, the same in both schemes (ANSI X9.24-1:2009, A.2; X9.24-3:2017, 6.5).
//!
//! There is a tree of keys with the initial key at its root: the key of a counter is derived from that of the counter
//! without its lowest set bit. A terminal holds, for each bit of the counter, at most one key that is yet to be used or to
//! be derived from; what was used is wiped. So who opens a terminal learns none of the keys that it used before.

/// How one scheme derives keys from keys.
pub(super) trait Derivation {
    /// A key, wiped when dropped.
    type Key;
    /// How many bits a counter has.
    const COUNTER_BITS: u32;
    /// How many bits of a counter may be set. Counters with more are passed over, so that no key is further than that
    /// from the initial key.
    const ONES_MAX: u32;

    /// The key of `counter`, from that of the counter without its lowest set bit.
    fn derive(&self, key: &Self::Key, counter: u32) -> Self::Key;
}

/// The future keys of a terminal.
pub(super) struct Registers<D: Derivation> {
    derivation: D,
    /// The counter of the next key; nothing when all are used.
    next: Option<u32>,
    /// The key of the next counter in which this bit is the lowest that is set.
    keys: Vec<Option<D::Key>>,
}

impl<D: Derivation> Registers<D> {
    /// The future keys once `last` was used; 0 is a terminal that has used none.
    pub(super) fn after(derivation: D, initial_key: &D::Key, last: u32) -> Self {
        let next = counter_after::<D>(last);
        let key = |bit: u32| {
            let next = next.filter(|next| bit >= next.trailing_zeros())?;
            let counter = (next >> bit | 1) << bit;
            (counter >= next).then(|| key_of(&derivation, initial_key, counter))
        };
        let keys = (0..D::COUNTER_BITS).map(key).collect();
        Registers { derivation, next, keys }
    }

    /// The counter whose key is the next; nothing when all are used.
    pub(super) fn next(&self) -> Option<u32> {
        self.next
    }

    /// Takes the next key out, and derives from it those that come after it.
    pub(super) fn take(&mut self) -> Option<(u32, D::Key)> {
        let counter = self.next?;
        let lowest = counter.trailing_zeros();
        let key = self.keys[lowest as usize].take().expect("the register of the next counter is full");
        if counter.count_ones() < D::ONES_MAX {
            for bit in 0..lowest {
                self.keys[bit as usize] = Some(self.derivation.derive(&key, counter | 1 << bit));
            }
        }
        self.next = counter_after::<D>(counter);
        Some((counter, key))
    }

    pub(super) fn derivation(&self) -> &D {
        &self.derivation
    }
}

/// The first counter after this one that has a key.
fn counter_after<D: Derivation>(last: u32) -> Option<u32> {
    let mut next = u64::from(last) + 1;
    while next.count_ones() > D::ONES_MAX {
        // All counters before this sum have the same bits and more.
        next += 1 << next.trailing_zeros();
    }
    u32::try_from(next).ok().filter(|_| next >> D::COUNTER_BITS == 0)
}

/// A counter's key by way of all the counters that it grows from, one bit after the other.
fn key_of<D: Derivation>(derivation: &D, initial_key: &D::Key, counter: u32) -> D::Key {
    let bits = (0..D::COUNTER_BITS).rev().map(|bit| 1 << bit).filter(|bit| counter & bit != 0);
    let mut reached = 0;
    let mut key = None;
    for bit in bits {
        reached |= bit;
        key = Some(derivation.derive(key.as_ref().unwrap_or(initial_key), reached));
    }
    key.expect("a counter with a key is not 0")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scheme whose keys are the ways to them: small enough to be walked through whole.
    struct Ways;

    impl Derivation for Ways {
        type Key = Vec<u32>;
        const COUNTER_BITS: u32 = 8;
        const ONES_MAX: u32 = 3;

        fn derive(&self, key: &Vec<u32>, counter: u32) -> Vec<u32> {
            assert_eq!(key.last().copied().unwrap_or(0), counter & (counter - 1), "derived from its parent");
            [&key[..], &[counter]].concat()
        }
    }

    fn taken(registers: &mut Registers<Ways>) -> Vec<(u32, Vec<u32>)> {
        std::iter::from_fn(|| registers.take()).collect()
    }

    #[test]
    fn every_counter_with_few_enough_bits_is_used_once_in_order() {
        let used = taken(&mut Registers::after(Ways, &vec![], 0));
        let expected: Vec<u32> = (1..256).filter(|counter: &u32| counter.count_ones() <= 3).collect();
        assert_eq!(used.iter().map(|(counter, _)| *counter).collect::<Vec<_>>(), expected);
        assert!(used.iter().all(|(counter, key)| key.last() == Some(counter)));
    }

    #[test]
    fn a_terminal_goes_on_after_any_counter() {
        let whole = taken(&mut Registers::after(Ways, &vec![], 0));
        for last in 0..256 {
            let rest: Vec<_> = whole.iter().filter(|(counter, _)| *counter > last).cloned().collect();
            assert_eq!(taken(&mut Registers::after(Ways, &vec![], last)), rest, "after {last}");
        }
    }

    #[test]
    fn what_is_held_does_not_lead_to_what_was_used() {
        let mut registers = Registers::after(Ways, &vec![], 0);
        while let Some((used, _)) = registers.take() {
            let held: Vec<u32> = registers.keys.iter().flatten().filter_map(|key| key.last().copied()).collect();
            assert!(held.iter().all(|counter| *counter > used), "{held:?} after {used}");
            // Nor would one that starts again hold more.
            let restarted = Registers::after(Ways, &vec![], used);
            assert!(restarted.keys.iter().flatten().all(|key| key.last() > Some(&used)), "after {used}");
        }
    }
}
