//! Which characters of a track's discretionary data the kernel fills in.

use super::super::{Error, exactly};

/// Positions in the discretionary data of a track, as PCVC3 and PUNATC name them: 6 bytes for Track 1,
/// 2 bytes for Track 2, a bit for each character. The lowest bit is the last character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscretionaryDataPositions(u64);

impl DiscretionaryDataPositions {
    /// The positions of Track 1.
    pub fn of_track_1(value: [u8; 6]) -> Self {
        let [a, b, c, d, e, f] = value;
        DiscretionaryDataPositions(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// The positions of Track 2.
    pub fn of_track_2(value: [u8; 2]) -> Self {
        DiscretionaryDataPositions(u16::from_be_bytes(value).into())
    }

    /// How many there are.
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether all of them are in discretionary data of that many characters.
    pub const fn fit(self, length: usize) -> bool {
        let highest = u64::BITS - self.0.leading_zeros();
        highest as usize <= length
    }

    /// The last `count` of them.
    #[must_use]
    pub fn last(self, count: u32) -> Self {
        let mut rest = self.0;
        for _ in 0..count {
            rest &= rest.wrapping_sub(1);
        }
        DiscretionaryDataPositions(self.0 & !rest)
    }

    /// The first `count` of them.
    #[must_use]
    pub fn first(self, count: u32) -> Self {
        let rest = self.last(self.count().saturating_sub(count));
        DiscretionaryDataPositions(self.0 & !rest.0)
    }

    /// Writes the last digits of a number, as many as there are positions. A position outside of the
    /// discretionary data is passed over.
    pub fn write(self, number: u32, discretionary_data: &mut [u8]) {
        let mut rest = number;
        for (index, character) in discretionary_data.iter_mut().rev().enumerate().take(u64::BITS as usize) {
            if self.0 >> index & 1 == 1 {
                *character = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
    }
}

/// How a card lays out the discretionary data of one track: what of a mag-stripe mode transaction
/// goes where (Book C-2, S13.18 and S13.21).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackLayout {
    /// PCVC3: the digits of the CVC3.
    pub cvc3: DiscretionaryDataPositions,
    /// PUNATC: the digits of the Application Transaction Counter, then those of the Unpredictable
    /// Number (Numeric).
    pub un_and_atc: DiscretionaryDataPositions,
    /// NATC: how many of the latter are digits of the Application Transaction Counter.
    pub atc_digits: u8,
}

impl TrackLayout {
    /// Reads the layout of Track 1.
    ///
    /// # Errors
    /// If a value has not the length of the book.
    pub fn of_track_1(pcvc3: &[u8], punatc: &[u8], natc: &[u8]) -> Result<Self, Error> {
        let positions = |field, value| exactly(field, value).map(DiscretionaryDataPositions::of_track_1);
        let [atc_digits] = exactly("NATC (Track1)", natc)?;
        Ok(TrackLayout {
            cvc3: positions("PCVC3 (Track1)", pcvc3)?,
            un_and_atc: positions("PUNATC (Track1)", punatc)?,
            atc_digits,
        })
    }

    /// Reads the layout of Track 2.
    ///
    /// # Errors
    /// If a value has not the length of the book.
    pub fn of_track_2(pcvc3: &[u8], punatc: &[u8], natc: &[u8]) -> Result<Self, Error> {
        let positions = |field, value| exactly(field, value).map(DiscretionaryDataPositions::of_track_2);
        let [atc_digits] = exactly("NATC (Track2)", natc)?;
        Ok(TrackLayout {
            cvc3: positions("PCVC3 (Track2)", pcvc3)?,
            un_and_atc: positions("PUNATC (Track2)", punatc)?,
            atc_digits,
        })
    }

    /// nUN: how many digits the Unpredictable Number (Numeric) has; nothing where the card lists fewer
    /// positions than digits of its counter, or more than the number has.
    pub fn unpredictable_number_digits(&self) -> Option<u32> {
        self.un_and_atc.count().checked_sub(self.atc_digits.into()).filter(|digits| *digits <= 8)
    }

    /// Whether discretionary data of that many characters have every position, and one for nUN.
    pub fn fits(&self, length: usize) -> bool {
        length > 0 && self.cvc3.fit(length) && self.un_and_atc.fit(length)
    }

    /// Fills in CVC3, Unpredictable Number (Numeric), Application Transaction Counter and, as the last
    /// character, the digit that stands for nUN.
    pub fn fill_in(&self, dynamic: &DynamicTrackData, discretionary_data: &mut [u8]) {
        let un_digits = self.unpredictable_number_digits().unwrap_or_default();
        self.cvc3.write(dynamic.cvc3.into(), discretionary_data);
        self.un_and_atc.last(un_digits).write(dynamic.unpredictable_number, discretionary_data);
        self.un_and_atc.first(self.atc_digits.into()).write(dynamic.atc.into(), discretionary_data);
        if let Some(last) = discretionary_data.last_mut() {
            *last = b'0' + dynamic.un_digits_indicator % 10;
        }
    }
}

/// What a mag-stripe mode transaction writes into a track.
#[derive(Clone, Copy)]
pub struct DynamicTrackData {
    /// CVC3 of the track.
    pub cvc3: u16,
    /// Unpredictable Number (Numeric).
    pub unpredictable_number: u32,
    /// Application Transaction Counter.
    pub atc: u16,
    /// What stands for nUN: its last digit is written.
    pub un_digits_indicator: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(positions: DiscretionaryDataPositions, number: u32) -> [u8; 8] {
        let mut data = *b"--------";
        positions.write(number, &mut data);
        data
    }

    #[test]
    fn the_lowest_bit_is_the_last_character() {
        let positions = DiscretionaryDataPositions::of_track_2([0x00, 0b1010_0001]);
        assert_eq!(written(positions, 789), *b"7-8----9");
        assert_eq!(written(positions, 12_345), *b"3-4----5");
        assert_eq!(written(positions, 0), *b"0-0----0");
        assert_eq!(DiscretionaryDataPositions::of_track_1([0, 0, 0, 0, 0, 0b1010_0001]), positions);
        assert!(positions.fit(8) && !positions.fit(7));
        assert!(DiscretionaryDataPositions::of_track_1([0x80, 0, 0, 0, 0, 0]).fit(48));
        assert!(!DiscretionaryDataPositions::of_track_1([0x80, 0, 0, 0, 0, 0]).fit(47));
    }

    #[test]
    fn positions_are_counted_from_either_end() {
        let positions = DiscretionaryDataPositions::of_track_2([0x00, 0b1111_0000]);
        assert_eq!(written(positions.first(1), 9), *b"9-------");
        assert_eq!(written(positions.first(3), 123), *b"123-----");
        assert_eq!(written(positions.last(3), 123), *b"-123----");
        assert_eq!((positions.first(0).count(), positions.last(0).count()), (0, 0));
        assert_eq!((positions.first(9), positions.last(9)), (positions, positions));
    }

    #[test]
    fn a_track_is_filled_in_as_its_layout_says() {
        // 13 characters: ATC, ATC, CVC3 three times, UN three times, rest.
        let layout = TrackLayout::of_track_2(&[0x07, 0x00], &[0x18, 0xE0], &[0x02]).unwrap();
        assert_eq!(layout.unpredictable_number_digits(), Some(3));
        let dynamic = DynamicTrackData { cvc3: 31_647, unpredictable_number: 90_123, atc: 5, un_digits_indicator: 13 };
        let mut data = *b"9999999999999";
        layout.fill_in(&dynamic, &mut data);
        assert_eq!(&data, b"0564712399993");
        assert!(layout.fits(13) && !layout.fits(12));
        layout.fill_in(&dynamic, &mut []);
    }

    #[test]
    fn the_number_of_digits_is_what_the_counter_leaves_and_eight_at_most() {
        let digits = |punatc: [u8; 2], natc| {
            TrackLayout::of_track_2(&[0x00, 0x07], &punatc, &[natc]).unwrap().unpredictable_number_digits()
        };
        assert_eq!(digits([0x00, 0x00], 0), Some(0));
        assert_eq!(digits([0x00, 0xFF], 0), Some(8));
        assert_eq!(digits([0x01, 0xFF], 0), None);
        assert_eq!(digits([0x01, 0xFF], 1), Some(8));
        assert_eq!(digits([0x00, 0x01], 2), None);
        let empty = TrackLayout::of_track_2(&[0, 0], &[0, 0], &[0]).unwrap();
        assert!(!empty.fits(0) && empty.fits(1));
        assert!(TrackLayout::of_track_1(&[0; 6], &[0; 2], &[0]).is_err());
    }
}
