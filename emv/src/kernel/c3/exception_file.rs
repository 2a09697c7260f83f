//! The Terminal Exception File (Book C-3, 5.5.1.2; EMV Book 4, 6.5.2).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::fields::Pan;

/// The card numbers that must not be approved offline. It is shared where it is copied.
#[derive(Clone, PartialEq, Eq)]
pub struct ExceptionFile(Arc<[Pan]>);

impl ExceptionFile {
    /// Whether this card is on it.
    //= C-3 5.5.1.2
    pub fn contains(&self, pan: &Pan) -> bool {
        self.0.binary_search_by(|listed| listed.digits().cmp(pan.digits())).is_ok()
    }
}

impl FromIterator<Pan> for ExceptionFile {
    fn from_iter<I: IntoIterator<Item = Pan>>(pans: I) -> Self {
        let mut pans: Vec<Pan> = pans.into_iter().collect();
        pans.sort_by(|a, b| a.digits().cmp(b.digits()));
        ExceptionFile(pans.into())
    }
}

impl fmt::Debug for ExceptionFile {
    /// How many there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExceptionFile[{}]", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    fn pan(digits: &str) -> Pan {
        Pan::from_digits(digits).unwrap()
    }

    //= test C-3 5.5.1.2
    #[test]
    fn those_on_it_are_found_whatever_their_order_and_are_not_printed() {
        let listed = ["5413330089601034", "4111111111111111", "4761739001010119"];
        let file: ExceptionFile = listed.iter().map(|digits| pan(digits)).collect();
        assert!(listed.iter().all(|digits| file.contains(&pan(digits))));
        assert!(!file.contains(&pan("41111111111111")));
        assert_eq!(std::format!("{file:?}"), "ExceptionFile[3]");
    }
}
