//! The tracks of a card, and how it lays them out.

use alloc::vec::Vec;
use core::str;

use zeroize::Zeroizing;

use super::Context;
use crate::dict;
use crate::fields::c2::{DynamicTrackData, TrackLayout};
use crate::fields::{Track1, Track2};
use crate::kernel::Database;
use crate::tlv::Tag;

/// Track 2 and, where the card has it, Track 1, each with its layout.
#[derive(Debug)]
pub(super) struct Tracks {
    track_2: (Track2, TrackLayout),
    track_1: Option<(Track1, TrackLayout)>,
    un_digits: u32,
}

/// What the card computed for each track, and what both have in common.
#[derive(Clone, Copy)]
pub(super) struct Computed {
    pub(super) cvc3_track_2: u16,
    pub(super) cvc3_track_1: u16,
    pub(super) atc: u16,
    pub(super) unpredictable_number: u32,
    pub(super) on_device_cvm: bool,
}

impl Tracks {
    /// Reads the tracks; nothing where they, or their layouts, can't be: where nUN is none, differs
    /// between the tracks, or a position is outside of the discretionary data.
    //= C-2 S7.22, S7.24
    pub(super) fn read(database: &Database) -> Option<Self> {
        let value = |tag: Tag| database.value(tag).unwrap_or_default();
        let track_2 = Track2::from_bytes(value(dict::TRACK_2_DATA)).ok()?;
        let layout_2 =
            TrackLayout::of_track_2(value(dict::PCVC3_TRACK2), value(dict::PUNATC_TRACK2), value(dict::NATC_TRACK2));
        let layout_2 = layout_2.ok().filter(|layout| layout.fits(track_2.discretionary_data().len()))?;
        let un_digits = layout_2.unpredictable_number_digits()?;

        let track_1 = match database.value(dict::TRACK_1_DATA) {
            None => None,
            Some(track_1) => {
                let track_1 = Track1::from_bytes(track_1).ok()?;
                let [pcvc3, punatc, natc] = [dict::PCVC3_TRACK1, dict::PUNATC_TRACK1, dict::NATC_TRACK1].map(value);
                let layout_1 = TrackLayout::of_track_1(pcvc3, punatc, natc).ok()?;
                let fits = layout_1.fits(track_1.discretionary_data().len());
                (fits && layout_1.unpredictable_number_digits() == Some(un_digits)).then_some(())?;
                Some((track_1, layout_1))
            }
        };
        Some(Tracks { track_2: (track_2, layout_2), track_1, un_digits })
    }

    /// nUN: how many digits the Unpredictable Number (Numeric) has, 8 at most.
    pub(super) fn un_digits(&self) -> u32 {
        self.un_digits
    }

    /// Whether the card has Track 1.
    pub(super) fn have_track_1(&self) -> bool {
        self.track_1.is_some()
    }

    /// The discretionary data of Track 2, two digits a byte, `F` as filling on the right.
    pub(super) fn discretionary_data_of_track_2(&self) -> Zeroizing<Vec<u8>> {
        self.track_2.0.discretionary_data_to_bytes()
    }

    /// The discretionary data of Track 1.
    pub(super) fn discretionary_data_of_track_1(&self) -> Option<&str> {
        self.track_1.as_ref().map(|(track, _)| track.discretionary_data())
    }

    /// Writes what was computed into the tracks.
    //= C-2 S13.14.5-8, S13.18-19, S13.20-22, S14.24-25, S14.26-27, S14.28-30
    pub(super) fn fill_in(&self, computed: &Computed, context: &mut Context) {
        // On-device cardholder verification shows in the digit that stands for nUN.
        let un_digits_indicator = self.un_digits + if computed.on_device_cvm { 5 } else { 0 };
        let dynamic = |cvc3| DynamicTrackData {
            cvc3,
            unpredictable_number: computed.unpredictable_number,
            atc: computed.atc,
            un_digits_indicator: un_digits_indicator as u8,
        };
        let (track_2, layout) = &self.track_2;
        let filled = filled_in(track_2.discretionary_data(), layout, &dynamic(computed.cvc3_track_2));
        context.database.set(dict::TRACK_2_DATA, &track_2.with_discretionary_data(text(&filled)).to_bytes());
        if let Some((track_1, layout)) = &self.track_1 {
            let filled = filled_in(track_1.discretionary_data(), layout, &dynamic(computed.cvc3_track_1));
            context.database.set(dict::TRACK_1_DATA, &track_1.with_discretionary_data(text(&filled)).to_bytes());
        }
    }
}

fn filled_in(discretionary_data: &str, layout: &TrackLayout, dynamic: &DynamicTrackData) -> Zeroizing<Vec<u8>> {
    let mut characters = Zeroizing::new(discretionary_data.as_bytes().to_vec());
    layout.fill_in(dynamic, &mut characters);
    characters
}

fn text(characters: &[u8]) -> &str {
    str::from_utf8(characters).expect("tracks are ASCII, and so are the digits that were written into them")
}
