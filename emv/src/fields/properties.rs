//! What holds for every value, whatever its bytes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::bits::BitField;
use super::c2::{ErrorIndication, OutcomeParameterSet, PosCardholderInteractionInformation};
use super::*;
use crate::dict;

/// Account numbers in the ranges kept for tests, of every length.
fn test_pan() -> impl Strategy<Value = String> {
    "(411111|476173|541333)[0-9]{2,13}"
}

fn keeps_its_bytes<T: BitField, const N: usize>(bytes: [u8; N], read: T, write: impl Fn(&T) -> [u8; N]) {
    assert_eq!(write(&read), bytes);
    assert!(read.meanings().count() <= 8 * N);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_bit_field_keeps_the_bits_it_has_no_name_for(bytes: [u8; 8]) {
        let [a, b, c, d, e, ..] = bytes;
        keeps_its_bytes([a, b, c, d, e], Tvr::from_bytes([a, b, c, d, e]), |tvr| *tvr.as_bytes());
        keeps_its_bytes([a, b], Aip::from_bytes([a, b]), |aip| *aip.as_bytes());
        keeps_its_bytes([a, b, c, d], Ttq::from_bytes([a, b, c, d]), |ttq| *ttq.as_bytes());
        keeps_its_bytes([a, b, c], PosCardholderInteractionInformation::from_bytes([a, b, c]), |i| *i.as_bytes());
        keeps_its_bytes(bytes, OutcomeParameterSet::from_bytes(bytes), |outcome| *outcome.as_bytes());
        prop_assert_eq!(ErrorIndication::from_bytes([a, b, c, d, e, a]).to_bytes(), [a, b, c, d, e, a]);
    }

    #[test]
    fn setting_one_bit_sets_what_it_means_and_nothing_else(bytes: [u8; 5]) {
        let before = Tvr::from_bytes(bytes);
        let after = before.with(Tvr::CDA_FAILED);
        prop_assert!(after.has(Tvr::CDA_FAILED));
        let others = |tvr: Tvr| tvr.meanings().filter(|meaning| *meaning != "CDA failed").collect::<Vec<_>>();
        prop_assert_eq!(others(before), others(after));
    }

    #[test]
    fn amounts_compare_as_their_digits_do(a in 0u64..1_000_000_000_000, b in 0u64..1_000_000_000_000) {
        let (a, b) = (Amount::new(a).unwrap(), Amount::new(b).unwrap());
        prop_assert_eq!(a.cmp(&b), a.to_bcd().cmp(&b.to_bcd()));
        prop_assert_eq!(Amount::from_bcd(a.to_bcd()), Ok(a));
        prop_assert_eq!(a.checked_add(b).and_then(|sum| sum.checked_sub(b)), a.checked_add(b).map(|_| a));
    }

    #[test]
    fn what_a_pan_or_a_track_prints_shows_ten_digits_of_it_at_most(pan in test_pan(), rest in "[0-9]{0,11}") {
        let text = format!("{pan}=2812201{rest}");
        let track = Track2::from_text(&text).unwrap();
        let whole = track.digits('=');
        prop_assert_eq!(whole.as_str(), text.as_str());
        let pan_itself = Pan::from_digits(&pan).unwrap();
        for printed in [format!("{track}"), format!("{track:?}"), format!("{pan_itself}"), format!("{pan_itself:?}")] {
            let digits = printed.trim_start_matches("Track2").bytes().filter(u8::is_ascii_digit).count();
            prop_assert!(digits <= if pan.len() < 15 { 4 } else { 10 }, "{}", printed);
        }
    }

    #[test]
    fn a_pan_with_filling_is_the_pan(pan in test_pan(), filling in 0usize..3) {
        let nibbles = pan.len() + pan.len() % 2 + 2 * filling;
        let filled = format!("{pan:F<nibbles$}");
        let bytes: Vec<u8> = filled
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let read = Pan::from_cn(&bytes).unwrap();
        prop_assert_eq!(read.digits(), pan.as_str());
    }

    #[test]
    fn an_afl_that_is_accepted_lists_records_a_card_can_have(bytes in vec(any::<u8>(), 0..=252)) {
        let Ok(afl) = Afl::from_bytes(&bytes) else { return Ok(()) };
        prop_assert_eq!(afl.entries().len() * 4, bytes.len());
        prop_assert!(afl.records().all(|record| (1..=30).contains(&record.sfi) && record.number != 0));
    }

    #[test]
    fn no_bytes_make_a_reading_panic(bytes in vec(any::<u8>(), 0..=40), object in select(dict::OBJECTS)) {
        let _ = meanings(object.tag, &bytes);
    }
}
