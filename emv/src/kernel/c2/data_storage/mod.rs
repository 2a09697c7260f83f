//! Integrated data storage: an operator's data in the card, read with GET PROCESSING OPTIONS and
//! written with GENERATE AC, both under the card's signature (Book C-2, S1.17 to S1.20, S3R1.10 to
//! S3R1.13, S456.18 to S456.20, GAC, S910.8 to S910.19).

mod digest;
mod summaries;
mod writing;

pub(super) use summaries::{check, take};
pub(super) use writing::{Writing, data_to_write, note_writing};

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::Fault;
use super::context::Context;
use crate::dict;
use crate::fields::Pan;
use crate::fields::c2::{ApplicationCapabilitiesInformation, IdsStatus};
use crate::kernel::Database;

/// Versions of data storage in the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// Summaries of 8 bytes, digests with DES.
    One,
    /// Summaries of 16 bytes, digests with AES.
    Two,
}

/// The card's version of data storage, if it has any.
fn version(context: &Context) -> Option<Version> {
    let capabilities = context.read::<ApplicationCapabilitiesInformation>(dict::APPLICATION_CAPABILITIES_INFORMATION);
    match capabilities?.ok()?.data_storage_version() {
        1 => Some(Version::One),
        2 => Some(Version::Two),
        _ => None,
    }
}

/// Whether the transaction reads stored data: 'Read' in IDS Status.
pub(super) fn reads(context: &Context) -> bool {
    status(&context.database).has(IdsStatus::READ)
}

/// Whether the card was given data to store: 'Write' in IDS Status.
pub(super) fn writes(context: &Context) -> bool {
    status(&context.database).has(IdsStatus::WRITE)
}

fn status(database: &Database) -> IdsStatus {
    database.value(dict::IDS_STATUS).and_then(|status| IdsStatus::try_from(status).ok()).unwrap_or_default()
}

fn set_status(status: IdsStatus, context: &mut Context) {
    context.database.set(dict::IDS_STATUS, status.as_bytes());
}

/// Where the terminal stores data, it is told whose card this is; the transaction reads them if the
/// card stores any.
//= C-2 S1.17-20
pub(super) fn start(context: &mut Context) {
    let database = &context.database;
    if database.value(dict::DSVN_TERM).is_none() || !database.is_present(dict::DS_REQUESTED_OPERATOR_ID) {
        return;
    }
    for tag in [dict::DS_ID, dict::APPLICATION_CAPABILITIES_INFORMATION] {
        context.exchange.tell(tag, database.get(tag).unwrap_or_default());
    }
    if version(context).is_some() && context.database.value(dict::DS_ID).is_some() {
        set_status(IdsStatus::default().with(IdsStatus::READ), context);
    }
}

/// The terminal is told what the card gave of its storage. Where that is neither a slot with data nor
/// an empty one, nothing is read.
//= C-2 S3R1.10-13
pub(super) fn tell_stored_data(context: &mut Context) {
    if !reads(context) {
        return;
    }
    let Context { database, exchange, .. } = &mut *context;
    for tag in [
        dict::DS_SLOT_AVAILABILITY,
        dict::DS_SUMMARY_1,
        dict::DS_UNPREDICTABLE_NUMBER,
        dict::DS_SLOT_MANAGEMENT_CONTROL,
    ] {
        if let Some(value) = database.value(tag) {
            exchange.tell(tag, value);
        }
    }
    if let Some(value) = database.get(dict::DS_ODS_CARD) {
        exchange.tell(dict::DS_ODS_CARD, value);
    }
    exchange.tell(dict::UNPREDICTABLE_NUMBER, database.value(dict::UNPREDICTABLE_NUMBER).unwrap_or_default());

    let has_summary = database.value(dict::DS_SUMMARY_1).is_some();
    let has_data = database.is_present(dict::DS_ODS_CARD);
    let has_room = [dict::DS_SLOT_AVAILABILITY, dict::DS_UNPREDICTABLE_NUMBER];
    let has_room = has_room.iter().all(|tag| database.value(*tag).is_some());
    if !has_summary || !(has_data || has_room) {
        let mut status = status(database);
        status.clear(IdsStatus::READ);
        set_status(status, context);
    }
}

/// The storage must be that of the card that pays.
//= C-2 S456.18-20
pub(super) fn check_card(context: &Context) -> Result<(), Fault> {
    if !reads(context) || is_id_of_card(&context.database) { Ok(()) } else { Err(Fault::DsIdWrong) }
}

/// Whether DS ID is the PAN and its sequence number (`00` where it has none), with zeros before them
/// to whole bytes, 8 at least.
fn is_id_of_card(database: &Database) -> bool {
    let Some(Ok(pan)) = database.value(dict::PAN).map(Pan::try_from) else { return false };
    let sequence_number = database.value(dict::PAN_SEQUENCE_NUMBER).map_or(0, |value| value[0]);
    let mut id: Zeroizing<Vec<u8>> = Zeroizing::new(pan.digits().bytes().map(|digit| digit - b'0').collect());
    id.extend([sequence_number >> 4, sequence_number & 0x0F]);
    let given = database.value(dict::DS_ID).unwrap_or_default();
    let length = (id.len().div_ceil(2)).max(8);
    let expected = core::iter::repeat_n(&0, 2 * length - id.len()).chain(id.iter());
    given.len() == length && given.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]).eq(expected.copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    //= test C-2 S456.18-20
    #[test]
    fn the_storage_s_identifier_is_the_card_number_with_its_sequence_number() {
        let is_id = |pan: &[u8], sequence_number: &[u8], id: &[u8]| {
            let mut database = Database::new();
            database.set(dict::PAN, pan);
            database.set(dict::PAN_SEQUENCE_NUMBER, sequence_number);
            database.set(dict::DS_ID, id);
            is_id_of_card(&database)
        };
        const PAN: &[u8] = &[0x54, 0x13, 0x33, 0x00, 0x89, 0x60, 0x10, 0x34];
        assert!(is_id(PAN, &[0x01], &[0x54, 0x13, 0x33, 0x00, 0x89, 0x60, 0x10, 0x34, 0x01]));
        assert!(is_id(PAN, &[], &[0x54, 0x13, 0x33, 0x00, 0x89, 0x60, 0x10, 0x34, 0x00]));
        assert!(!is_id(PAN, &[0x02], &[0x54, 0x13, 0x33, 0x00, 0x89, 0x60, 0x10, 0x34, 0x01]));
        assert!(!is_id(PAN, &[0x01], &[0x00, 0x54, 0x13, 0x33, 0x00, 0x89, 0x60, 0x10, 0x34, 0x01]));
        assert!(!is_id(PAN, &[0x01], &[]));
        assert!(!is_id(&[0xAA], &[0x01], &[0x54, 0x13, 0x33, 0x00, 0x89, 0x60, 0x10, 0x34, 0x01]));
        let odd = &[0x54, 0x13, 0x33, 0x00, 0x89, 0x60, 0x10, 0x3F];
        assert!(is_id(odd, &[0x01], &[0x05, 0x41, 0x33, 0x30, 0x08, 0x96, 0x01, 0x03, 0x01]));
        let short = &[0x54, 0x13, 0x33, 0x00, 0x89, 0x60];
        assert!(is_id(short, &[0x01], &[0x00, 0x54, 0x13, 0x33, 0x00, 0x89, 0x60, 0x01]));
    }
}
