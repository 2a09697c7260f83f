//! The records that a card has the kernel read (EMV Book 3, 10.2).

use arrayvec::ArrayVec;

use crate::fields::{Afl, AflRecord};

/// The most records that are read. The books set no bound; a card with more would hold the reader
/// for as long as it likes, and none in use comes near it.
const MAX_RECORDS: usize = 128;

/// Records that are yet to be read, in their order.
pub(crate) type Records = arrayvec::IntoIter<AflRecord, MAX_RECORDS>;

/// The records of an AFL; nothing where it is none, or has more than are read.
pub(crate) fn records(afl: &[u8]) -> Option<Records> {
    let afl = Afl::from_bytes(afl).ok()?;
    let fits = afl.records().count() <= MAX_RECORDS;
    fits.then(|| afl.records().collect::<ArrayVec<_, MAX_RECORDS>>().into_iter())
}
