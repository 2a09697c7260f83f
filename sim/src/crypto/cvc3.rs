//! CVC3, the dynamic code of Mastercard's magnetic stripe data, and where it stands in the tracks.
//!
//! The card computes it and says where it goes; the terminal writes it there; the issuer takes it out again.

use super::{Key, Padding, icc_master_key_a};

/// The CVC3 over a track as it stands in the card, before anything is written into it.
///
/// `unpredictable_number` is the terminal's, as n 8; `atc` the Application Transaction Counter.
pub fn cvc3(key: &Key, track: &[u8], unpredictable_number: [u8; 4], atc: [u8; 2]) -> [u8; 2] {
    let [.., iv0, iv1] = key.mac(track, Padding::Marked);
    let [u0, u1, u2, u3] = unpredictable_number;
    let [.., c0, c1] = key.encrypt([iv0, iv1, u0, u1, u2, u3, atc[0], atc[1]]);
    [c0, c1]
}

/// The key of a card for its CVC3. The tracks don't tell a PAN sequence number, so none goes in.
pub fn icc_cvc3_key(issuer: &Key, pan: &str) -> Key {
    icc_master_key_a(issuer, pan, 0)
}

/// How all simulated cards lay out the 13 digits of discretionary data, in both tracks, from the left: a zero, the
/// last four digits of the ATC, four of the Unpredictable Number, the last three of the CVC3, and the digit for the
/// terminal's number of digits.
pub(crate) mod layout {
    use std::ops::Range;

    /// PCVC3: the positions of the CVC3, counted in bits from the right.
    pub(crate) const PCVC3: u16 = 0b0_0000_0000_1110;
    /// PUNATC: the positions of Unpredictable Number and ATC.
    pub(crate) const PUNATC: u16 = 0b0_1111_1111_0000;
    /// NATC: how many of those are the ATC's.
    pub(crate) const NATC: u8 = 4;
    /// The discretionary data before anything is written into them.
    pub(crate) const BLANK: &str = "0000000000000";

    pub(super) const ATC: Range<usize> = 1..5;
    pub(super) const UNPREDICTABLE_NUMBER: Range<usize> = 5..9;
    pub(super) const CVC3: Range<usize> = 9..12;
}

/// Track 2 as it stands in the card, of 16 digits of PAN and 13 of discretionary data: two digits a byte, `D` for the
/// separator, and an `F` that fills the last byte. `head` is PAN, `D`, expiration date and service code.
pub(crate) fn blank_track_2(head: &str) -> Vec<u8> {
    let digits = format!("{head}{}F", layout::BLANK);
    let nibble = |c: u8| char::from(c).to_digit(16).map_or(0x0F, |digit| digit as u8);
    digits.as_bytes().chunks(2).map(|pair| nibble(pair[0]) << 4 | pair.get(1).map_or(0x0F, |c| nibble(*c))).collect()
}

/// Whether the CVC3 in Track 2 is the one that the card with this PAN computes; nothing where the track is not laid
/// out as a simulated card's is. `track_2` is as in field 35, with `=` or `D` for the separator. An ATC of more than
/// four digits can't be told from the track.
pub(super) fn is_cvc3_right(issuer: &Key, track_2: &str) -> Option<bool> {
    let (pan, rest) = track_2.split_once(['=', 'D'])?;
    let (head, discretionary_data) = rest.split_at_checked("YYMMSSS".len())?;
    if discretionary_data.len() != layout::BLANK.len() {
        return None;
    }
    let number = |range: std::ops::Range<usize>| discretionary_data.get(range)?.parse::<u16>().ok();
    let atc = number(layout::ATC)?.to_be_bytes();
    let un = number(layout::UNPREDICTABLE_NUMBER)?;
    let unpredictable_number = [0, 0, bcd(un / 100), bcd(un % 100)];

    let track = blank_track_2(&format!("{pan}D{head}"));
    let expected = u16::from_be_bytes(cvc3(&icc_cvc3_key(issuer, pan), &track, unpredictable_number, atc));
    Some(number(layout::CVC3)? == expected % 1000)
}

/// A number of two digits, as n 2.
fn bcd(number: u16) -> u8 {
    ((number / 10) << 4 | (number % 10)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    const PAN: &str = "5123456789012345";

    fn issuer() -> Key {
        Key::try_from(hex::decode("01234567899876543210012345678998").unwrap()).unwrap()
    }

    /// knovichikhin/pyemv, tests/test_cvv_hsm.py.
    #[test]
    fn both_tracks_have_the_peer_s_codes() {
        let key = icc_cvc3_key(&issuer(), PAN);
        let code = |track: &[u8]| u16::from_be_bytes(cvc3(&key, track, [0x00, 0x00, 0x08, 0x99], [0x00, 0x5E])) % 1000;
        assert_eq!(code(&hex::decode("5123456789012345D35121010000000000000F").unwrap()), 488);
        assert_eq!(code(b"B5123456789012345^KENOBI/OBIWAN^3512101000000000000000000000000"), 419);
    }

    #[test]
    fn the_issuer_takes_the_code_out_of_the_track_and_knows_its_own() {
        let is_right = |track: &str| is_cvc3_right(&issuer(), track);
        assert_eq!(is_right("5123456789012345=35121010009408994884"), Some(true));
        assert_eq!(is_right("5123456789012345D35121010009408994884"), Some(true));
        assert_eq!(is_right("5123456789012345=35121010009408994874"), Some(false));
        assert_eq!(is_right("5123456789012345=35121010009508994884"), Some(false));
        for other in ["5123456789012345", "5123456789012345=3512", "5123456789012345=351210100094089948842"] {
            assert_eq!(is_right(other), None, "{other}");
        }
    }

    #[test]
    fn the_positions_are_those_of_the_layout() {
        let positions = |range: std::ops::Range<usize>| range.fold(0, |bits, index| bits | 1 << (12 - index));
        assert_eq!(layout::PCVC3, positions(layout::CVC3));
        assert_eq!(layout::PUNATC, positions(layout::ATC) | positions(layout::UNPREDICTABLE_NUMBER));
        assert_eq!(usize::from(layout::NATC), layout::ATC.len());
    }
}
