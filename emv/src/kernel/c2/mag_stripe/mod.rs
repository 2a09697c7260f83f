//! Mag-stripe mode: the card computes a dynamic CVC3, and the reader writes it into the tracks that go
//! to the issuer as those of a magnetic stripe would.
//!
//! | file | in the book |
//! |---|---|
//! | `record_response` | S7, Waiting for Mag-stripe Read Record Response |
//! | `checksum` | S78, common processing after the records |
//! | `first_write_flag` | S8, Waiting for Mag-stripe First Write Flag |
//! | `checksum_response_1` | S13, Waiting for CCC Response – 1 |
//! | `checksum_response_2` | S14, Waiting for CCC Response – 2 |
//! | `completion` | what S13 and S14 have in common |
//! | `delay` | the wait after a failure |

mod checksum;
mod checksum_response_1;
mod checksum_response_2;
mod completion;
mod delay;
mod first_write_flag;
mod record_response;
mod tracks;

pub(super) use checksum_response_1::ChecksumResponse1;
pub(super) use checksum_response_2::ChecksumResponse2;
pub(super) use delay::{Delay, Ending};
pub(super) use first_write_flag::MagStripeFirstWriteFlag;
pub(super) use record_response::MagStripeRecordResponse;

use super::context::Context;
use super::{Fault, State};
