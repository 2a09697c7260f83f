//! Data exchange with the terminal: what the kernel asks it for and tells it (DEK), and what it answers
//! (DET), at any time before the cryptogram is asked for (Book C-2, S1.10 to S1.16, S456.2 to S456.9).
//!
//! The terminal may have objects of the card read and written. The states that this takes are
//! `pdol_data`, `get_data_response`, `first_write_flag` and `put_data_response`.

mod terminal_data;

pub(super) mod first_write_flag;
pub(super) mod get_data_response;
pub(super) mod pdol_data;
pub(super) mod put_data_response;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;

use zeroize::Zeroizing;

use super::context::Context;
use crate::Instant;
use crate::dict;
use crate::kernel::{Database, Output};
use crate::tlv::{Cursor, Dol, Tag, Tlvs, Writer};

pub(super) use terminal_data::update;

/// The lists of the exchange.
#[derive(Default)]
pub(super) struct DataExchange {
    /// Data Needed: what the terminal is to be asked for.
    needed: Vec<Tag>,
    /// Data To Send: what it is to be told, data objects one after another.
    to_send: Zeroizing<Vec<u8>>,
    /// Tags To Read Yet: what it asked for.
    to_read: VecDeque<Tag>,
    /// Tags To Write Yet Before Gen AC.
    pub(super) to_write_before: WriteList,
    /// Tags To Write Yet After Gen AC.
    pub(super) to_write_after: WriteList,
}

/// Objects that are to be written to the card, in their order.
pub(super) type WriteList = VecDeque<(Tag, Zeroizing<Vec<u8>>)>;

/// What GET DATA can ask a card for; everything else is found in its records, or nowhere.
const GET_DATA: &[Tag] = &[
    dict::OFFLINE_ACCUMULATOR_BALANCE,
    dict::PROTECTED_DATA_ENVELOPE_1,
    dict::PROTECTED_DATA_ENVELOPE_2,
    dict::PROTECTED_DATA_ENVELOPE_3,
    dict::PROTECTED_DATA_ENVELOPE_4,
    dict::PROTECTED_DATA_ENVELOPE_5,
    dict::UNPROTECTED_DATA_ENVELOPE_1,
    dict::UNPROTECTED_DATA_ENVELOPE_2,
    dict::UNPROTECTED_DATA_ENVELOPE_3,
    dict::UNPROTECTED_DATA_ENVELOPE_4,
    dict::UNPROTECTED_DATA_ENVELOPE_5,
];

impl DataExchange {
    /// Takes up what the configuration asks for. A list that is there and empty is asked for itself.
    //= C-2 S1.10, S1.16
    pub(super) fn new(database: &Database) -> Self {
        let mut exchange = DataExchange::default();
        for list in [dict::TAGS_TO_READ, dict::TAGS_TO_WRITE_BEFORE_GEN_AC, dict::TAGS_TO_WRITE_AFTER_GEN_AC] {
            match database.get(list) {
                Some([]) => exchange.needed.push(list),
                Some(value) => exchange.take_list(list, value),
                None => {}
            }
        }
        exchange
    }

    /// Adds to one of the lists that the terminal gives. What is no list, and what PUT DATA can't
    /// write, is passed over.
    fn take_list(&mut self, list: Tag, value: &[u8]) {
        let write_list = match list {
            dict::TAGS_TO_READ => return self.to_read.extend(tags(value).unwrap_or_default()),
            dict::TAGS_TO_WRITE_BEFORE_GEN_AC => &mut self.to_write_before,
            _ => &mut self.to_write_after,
        };
        for object in Tlvs::parse(value).into_iter().flatten() {
            if object.tag.encoded_length() <= 2 && object.value.len() <= Dol::MAX_DATA {
                write_list.push_back((object.tag, Zeroizing::new(object.value.to_vec())));
            }
        }
    }

    /// The terminal is to be asked for this object.
    pub(super) fn need(&mut self, tag: Tag) {
        if !self.needed.contains(&tag) {
            self.needed.push(tag);
        }
    }

    /// The terminal is to be asked for those objects of a list that are there and empty. Tells whether
    /// there are any.
    pub(super) fn need_what_is_empty(&mut self, list: &[u8], database: &Database) -> bool {
        let Ok(list) = Dol::parse(list) else { return false };
        let empty = |tag: &Tag| database.get(*tag) == Some(&[]) && terminal_data::is_given_by_terminal(*tag, database);
        let empty: Vec<Tag> = list.iter().map(|entry| entry.tag).filter(empty).collect();
        empty.iter().for_each(|tag| self.need(*tag));
        !empty.is_empty()
    }

    /// The terminal is to be told this object.
    pub(super) fn tell(&mut self, tag: Tag, value: &[u8]) {
        let mut writer = Writer::new();
        writer.put(tag, value);
        self.to_send.extend_from_slice(&Zeroizing::new(writer.into_bytes()));
    }

    /// What the terminal asked for and the kernel knows is to be told.
    //= C-2 S1.15, S3R1.14-16, S456.1-4, S456.5-11
    pub(super) fn tell_what_is_known(&mut self, database: &Database) {
        for tag in mem::take(&mut self.to_read) {
            match database.value(tag) {
                Some(value) => self.tell(tag, value),
                None => self.to_read.push_back(tag),
            }
        }
    }

    /// What the terminal asked for and nobody knows is told to be empty.
    //= C-2 S456.21-23
    pub(super) fn tell_the_rest(&mut self, database: &Database) {
        self.tell_what_is_known(database);
        for tag in mem::take(&mut self.to_read) {
            self.tell(tag, &[]);
        }
    }

    /// Whether there is something to tell, and nothing that the terminal asked for is missing.
    fn can_tell_all(&self) -> bool {
        !self.to_send.is_empty() && self.to_read.is_empty()
    }

    /// The next object that the card is to be asked for with GET DATA.
    //= C-2 S3R1.1-3, S4.15-23, S5.9-18, S6.8-11
    pub(super) fn next_to_get(&mut self) -> Option<Tag> {
        let index = self.to_read.iter().position(|tag| GET_DATA.contains(tag))?;
        self.to_read.remove(index)
    }
}

/// The tags of a list, if it is one.
fn tags(list: &[u8]) -> Option<Vec<Tag>> {
    let mut cursor = Cursor::new(list);
    let mut tags = Vec::new();
    while !cursor.is_empty() {
        tags.push(cursor.tag().ok()?);
    }
    Some(tags)
}

impl core::fmt::Debug for DataExchange {
    /// The tags only.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DataExchange")
            .field("needed", &self.needed)
            .field("to_read", &self.to_read)
            .finish_non_exhaustive()
    }
}

impl Context {
    /// Tells the terminal what it asked for, as far as that is known, and asks it for what is needed:
    /// at once where something is, otherwise when its questions are all answered.
    pub(super) fn exchange_data(&mut self) {
        self.exchange.tell_what_is_known(&self.database);
        if !self.exchange.needed.is_empty() || self.exchange.can_tell_all() {
            self.send_data();
        }
    }

    /// Tells the terminal what it asked for, once all of that is known, and asks for nothing.
    //= C-2 S456.1-4
    pub(super) fn answer_terminal(&mut self) {
        self.exchange.tell_what_is_known(&self.database);
        if self.exchange.can_tell_all() {
            self.send_data();
        }
    }

    /// Tells the terminal all that it asked for.
    //= C-2 S456.21-23
    pub(super) fn answer_terminal_at_last(&mut self) {
        self.exchange.tell_the_rest(&self.database);
        if self.exchange.can_tell_all() {
            self.send_data();
        }
    }

    /// DEK.
    pub(super) fn send_data(&mut self) {
        let needed = mem::take(&mut self.exchange.needed);
        let sent = mem::take(&mut *self.exchange.to_send).into();
        self.outputs.push_back(Output::DataExchange { needed, sent });
    }

    /// Starts the timer: by then the terminal must have answered.
    pub(super) fn start_timer(&mut self) -> Instant {
        let deadline = self.now + self.configuration.time_out;
        self.wait_until(deadline);
        deadline
    }

    /// Lets the timer run on.
    pub(super) fn wait_until(&mut self, deadline: Instant) {
        self.outputs.push_back(Output::Wait(deadline));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debug_print_holds_tags_and_no_value() {
        let mut exchange = DataExchange::default();
        exchange.need(dict::AMOUNT_AUTHORISED_NUMERIC);
        exchange.take_list(dict::TAGS_TO_READ, &[0x57]);
        exchange.take_list(dict::TAGS_TO_WRITE_BEFORE_GEN_AC, &[0x9F, 0x75, 0x01, 0xAB]);
        exchange.tell(dict::PAN, &[0x54, 0x13, 0x33, 0x00, 0x89, 0x60, 0x10, 0x34]);
        assert_eq!(alloc::format!("{exchange:?}"), "DataExchange { needed: [9F02], to_read: [57], .. }");
    }
}
