//! The summaries of what the card has stored: signed, they show whether the terminal read what is there
//! and whether the card wrote what it was given (Book C-2, S910.8 to S910.19, S11.47 to S11.61).

use super::{Version, reads, version, writes};
use crate::dict;
use crate::fields::RelayResistance;
use crate::fields::c2::{DsOdsInfoForReader, DsSummaryStatus};
use crate::kernel::c2::Fault;
use crate::kernel::c2::context::Context;

/// The relay resistance data that end the signed data, where relay resistance was performed.
const RELAY_RESISTANCE_DATA: usize = 14;

/// Takes DS Summary 2 and 3 out of what the card signed behind the hash code.
//= C-2 S910.3-3.1
pub(in crate::kernel::c2) fn take(signed: &[u8], context: &mut Context) {
    let length = match version(context).filter(|_| reads(context)) {
        Some(Version::One) => 8,
        Some(Version::Two) => 16,
        None => return,
    };
    let performed = context.tvr().relay_resistance() == RelayResistance::Performed;
    let end = signed.len().saturating_sub(if performed { RELAY_RESISTANCE_DATA } else { 0 });
    let summaries = signed[..end].chunks_exact(length);
    for (tag, summary) in [dict::DS_SUMMARY_2, dict::DS_SUMMARY_3].into_iter().zip(summaries) {
        context.database.set(tag, summary);
    }
}

/// Compares the summaries, and says in DS Summary Status what they show.
//= C-2 S910.5-6, S11.44-45
pub(in crate::kernel::c2) fn check(context: &mut Context) -> Result<(), Fault> {
    if !reads(context) {
        return Ok(());
    }
    check_read(context)?;
    let status = DsSummaryStatus::default().with(DsSummaryStatus::SUCCESSFUL_READ);
    context.database.set(dict::DS_SUMMARY_STATUS, status.as_bytes());
    if !writes(context) {
        return Ok(());
    }
    if check_written(context)? {
        let status = status.with(DsSummaryStatus::SUCCESSFUL_WRITE);
        context.database.set(dict::DS_SUMMARY_STATUS, status.as_bytes());
    }
    Ok(())
}

/// What was read is what the card stores; and, where a torn transaction may have written, what that one
/// read.
//= C-2 S910.8-12, S11.47-49, S11.50-53
fn check_read(context: &Context) -> Result<(), Fault> {
    let read = context.database.value(dict::DS_SUMMARY_1);
    let torn = context.torn_temp_record.as_ref().filter(|record| record.wrote_data());
    if torn.is_some_and(|record| record.get(dict::DS_SUMMARY_1) != read) {
        return Err(Fault::DsReadFailed);
    }
    let stored = context.database.value(dict::DS_SUMMARY_2).ok_or(Fault::DsSummaryMissing)?;
    if read == Some(stored) { Ok(()) } else { Err(Fault::DsReadFailed) }
}

/// Whether what the card stores is now another: it wrote. Where it did not, the terminal may want to
/// stop.
//= C-2 S910.13-19, S11.54-61
fn check_written(context: &Context) -> Result<bool, Fault> {
    let after = context.database.value(dict::DS_SUMMARY_3).ok_or(Fault::DsSummaryMissing)?;
    if context.database.value(dict::DS_SUMMARY_2) != Some(after) {
        return Ok(true);
    }
    let info = context.read::<DsOdsInfoForReader>(dict::DS_ODS_INFO_FOR_READER).and_then(Result::ok);
    let must_be_written = info.is_some_and(|info| info.has(DsOdsInfoForReader::STOP_IF_WRITE_FAILED));
    if must_be_written { Err(Fault::DsWriteFailed) } else { Ok(false) }
}
