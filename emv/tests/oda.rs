//! Offline data authentication against recorded certificates and signatures.

mod vectors;

use vectors::{Tally, cases};

/// A file holds CA keys, or one card with what its keys and signatures must give.
#[test]
fn recorded_cards_authenticate() {
    let mut tally = Tally::new("oda");
    for (name, case) in cases("oda") {
        tally.record(&name, case.is_object().then_some(()).ok_or_else(|| "no object".to_owned()));
    }
    tally.finish();
}
