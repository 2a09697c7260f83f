//! What only cards of Kernel 2 do: relay resistance, torn transactions, the mag-stripe profile, phones.

use super::*;
use crate::crypto::Issuer;

const RELAY_RESISTANCE: &str = "80EA00000412345678";
const CHECKSUM: &str = "802A8E800400000899";
const RECOVER_AC: &str = "80D000000412345678";

/// The card with its transaction begun.
fn begin(card: &mut Card) {
    card.reset();
    data(card, SELECT_MASTERCARD);
    data(card, MASTERCARD_OPTIONS);
}

#[test]
fn a_card_tells_its_times_with_an_entropy_of_its_own_and_takes_its_time() {
    let mut card = card("mastercard-relayed");
    begin(&mut card);
    let answer = data(&mut card, RELAY_RESISTANCE);
    assert_eq!((&answer[..2], &answer[6..]), (&[0x80, 0x0A][..], &[0x00, 0x64, 0x01, 0x2C, 0x00, 0x18][..]));
    let another = data(&mut card, "80EA00000412345679");
    assert_ne!(answer[2..6], another[2..6], "other entropy for another number");
    let delay = |card: &mut Card, command| card.transmit(&crate::hex::decode(command).unwrap()).delay;
    assert_eq!(delay(&mut card, RELAY_RESISTANCE), Duration::from_millis(150));
    assert_eq!(delay(&mut card, &generate_ac("80")), Duration::ZERO);
    assert_eq!(status(&mut card, RELAY_RESISTANCE), 0x6985, "the cryptogram was given");
}

#[test]
fn relay_resistance_data_of_another_form_are_refused() {
    let mut card = card("mastercard-relay-resistance");
    begin(&mut card);
    for (command, expected) in [("80EA000003123456", 0x6700), ("80EA01000412345678", 0x6A86)] {
        assert_eq!(status(&mut card, command), expected, "{command}");
    }
}

#[test]
fn a_cryptogram_that_was_lost_is_given_once_more_for_the_number_it_was_made_for() {
    let mut recovers = card("torn-at-cryptogram");
    recovers.torn_at = None;
    begin(&mut recovers);
    assert_eq!(status(&mut recovers, RECOVER_AC), 0x6985, "none was given");
    let given = data(&mut recovers, &generate_ac("80"));
    assert_eq!(status(&mut recovers, RECOVER_AC), 0x6985, "one in each transaction");
    begin(&mut recovers);
    for (command, expected) in [
        ("80D000000412345679", 0x6985), // another number
        ("80D0000003123456", 0x6700),
        ("80D001000412345678", 0x6A86),
    ] {
        assert_eq!(status(&mut recovers, command), expected, "{command}");
    }
    assert_eq!(data(&mut recovers, RECOVER_AC), given);
    assert_eq!(status(&mut recovers, &generate_ac("80")), 0x6985, "one in each transaction");
}

/// Track 2 of a mag-stripe card with what it computes for the number 0899, as the terminal writes it.
fn filled_track(fault: &str) -> String {
    let text = include_str!("../../../personalities/mastercard-mag-stripe.toml");
    let mut card = Card::new(&Personality::parse("filled_track", &format!("{text}{fault}")).unwrap());
    begin(&mut card);
    let record = data(&mut card, "00B2010C00");
    let track: String = find(&record, dict::TRACK_2_DATA).unwrap().iter().map(|byte| format!("{byte:02X}")).collect();
    let answer = data(&mut card, CHECKSUM);
    let code = u16::from_be_bytes(find(&answer, dict::CVC3_TRACK2).unwrap().try_into().unwrap()) % 1000;
    assert_eq!(find(&answer, dict::ATC), Some(vec![0, 1]));
    assert!(find(&answer, dict::CVC3_TRACK1).is_some());
    assert_eq!(status(&mut card, CHECKSUM), 0x6985, "one in each transaction");
    let head = track.strip_suffix("0000000000000F").expect("thirteen digits are free");
    format!("{head}000010899{code:03}4")
}

#[test]
fn the_issuer_knows_the_code_of_its_own_card_in_the_track() {
    let issuer = Issuer::of_pan("5413330089601034").unwrap();
    assert_eq!(issuer.verify_track_2(&filled_track("")), Some(true));
    assert_eq!(issuer.verify_track_2(&filled_track("fault = { signature = true }")), Some(false));
}

#[test]
fn a_mag_stripe_card_has_one_record_and_no_emv_mode() {
    let mut card = card("mastercard-mag-stripe");
    data(&mut card, SELECT_MASTERCARD);
    let options = data(&mut card, MASTERCARD_OPTIONS);
    assert_eq!(find(&options, dict::AIP), Some(vec![0, 0]));
    assert_eq!(find(&options, dict::AFL), Some(vec![0x08, 0x01, 0x01, 0x00]));
    assert_eq!(status(&mut card, &generate_ac("80")), 0x6985);
    assert_eq!(status(&mut card, "802A8E8003000899"), 0x6700);
    assert_eq!(status(&mut card, "802A8E810400000899"), 0x6A86);
}

#[test]
fn a_locked_phone_declines_and_asks_and_pays_when_it_is_presented_again() {
    let mut phone = card("mastercard-see-phone");
    let mut tap = || {
        begin(&mut phone);
        let response = data(&mut phone, &generate_ac("90"));
        let said = find(&response, dict::POS_CARDHOLDER_INTERACTION_INFORMATION).unwrap();
        (find(&response, dict::CRYPTOGRAM_INFORMATION_DATA).unwrap()[0], said)
    };
    assert_eq!(tap(), (0x00, vec![0x00, 0x01, 0x00]));
    assert_eq!(tap(), (0x80, vec![0x00, 0x10, 0x00]));
    assert_eq!(tap(), (0x80, vec![0x00, 0x10, 0x00]), "it stays unlocked");
}
