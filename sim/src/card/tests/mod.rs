//! Commands and answers, status words, torn and slow cards.

mod issuer_update;
mod kernel_2;

use super::*;

fn card(personality: &str) -> Card {
    Card::new(&Personality::built_in(personality).unwrap())
}

/// The response to a command given in hexadecimal.
fn send(card: &mut Card, command: &str) -> Vec<u8> {
    card.transmit(&crate::hex::decode(command).unwrap()).response.expect("the card is in the field")
}

/// The status word alone.
fn status(card: &mut Card, command: &str) -> u16 {
    let response = send(card, command);
    u16::from_be_bytes(*response.last_chunk().unwrap())
}

/// The data of a response that must be a success.
fn data(card: &mut Card, command: &str) -> Vec<u8> {
    let mut response = send(card, command);
    assert_eq!(response.split_off(response.len() - 2), [0x90, 0x00], "{command}");
    response
}

const SELECT_PPSE: &str = "00A404000E325041592E5359532E444446303100";
const SELECT_VISA: &str = "00A4040007A000000003101000";
const SELECT_MASTERCARD: &str = "00A4040007A000000004101000";
/// TTQ: EMV mode, online PIN and signature. 12.50 EUR in Germany.
const VISA_OPTIONS: &str = "80A80000238321260000000000000012500000000000000276000000000009782611240012345678 00";
const MASTERCARD_OPTIONS: &str = "80A8000002830000";
const CDOL1_DATA: &str = "000000001250000000000000027600000000000978261124001234567822000000000000000000001F03025411";

fn visa_options() -> String {
    VISA_OPTIONS.replace(' ', "")
}

fn generate_ac(p1: &str) -> String {
    format!("80AE{p1}00{:02X}{CDOL1_DATA}00", CDOL1_DATA.len() / 2)
}

#[test]
fn the_directory_lists_every_application_with_its_priority() {
    let mut card = card("several-applications");
    let response = data(&mut card, SELECT_PPSE);
    let fci = Tlv::parse(&response).unwrap().children();
    assert_eq!(fci.find(dict::DF_NAME), Some(PPSE));
    let proprietary = fci.find_template(dict::FCI_PROPRIETARY_TEMPLATE).unwrap();
    let directory = proprietary.find_template(dict::FCI_ISSUER_DISCRETIONARY_DATA).unwrap();
    let priorities: Vec<_> =
        directory.iter().map(|entry| entry.children().find(dict::APPLICATION_PRIORITY_INDICATOR).unwrap()[0]).collect();
    assert_eq!(priorities, [2, 1, 3]);
}

#[test]
fn a_partial_name_selects_one_application_after_another() {
    let mut card = card("several-applications");
    let df_name =
        |response: Vec<u8>| Tlv::parse(&response).unwrap().children().find(dict::DF_NAME).map(<[u8]>::to_vec).unwrap();
    assert_eq!(df_name(data(&mut card, "00A4040005A00000000400")), [0xA0, 0, 0, 0, 4, 0x30, 0x60]);
    assert_eq!(df_name(data(&mut card, "00A4040205A00000000400")), [0xA0, 0, 0, 0, 4, 0x10, 0x10]);
    assert_eq!(status(&mut card, "00A4040205A00000000400"), 0x6A82);
    assert_eq!(df_name(data(&mut card, SELECT_VISA)), [0xA0, 0, 0, 0, 3, 0x10, 0x10]);
}

#[test]
fn each_command_is_refused_with_the_status_word_of_the_book() {
    let mut visa = card("visa-online");
    for (command, expected) in [
        ("00A4", 0x6700),                       // shorter than a header
        ("0020008000", 0x6D00),                 // VERIFY
        ("0CA4040000", 0x6E00),                 // secure messaging
        ("00A4000000", 0x6A86),                 // SELECT by file identifier
        ("00A4040007A000000004101000", 0x6A82), // an application that is not there
        ("80A8000002830000", 0x6985),           // nothing is selected
        ("00B2011400", 0x6985),
        ("80AE900000", 0x6985),
        ("80CA9F3600", 0x6985),
        ("80EA000004123456 7800", 0x6985),
        ("80D0000004123456 7800", 0x6985),
        ("802A8E8004123456 7800", 0x6985),
        ("0082000008123456 7812345678", 0x6985),
        ("841E000008123456 7812345678", 0x6985),
    ] {
        assert_eq!(status(&mut visa, &command.replace(' ', "")), expected, "{command}");
    }
    data(&mut visa, SELECT_VISA);
    for (command, expected) in [
        ("00B2011400", 0x6985),         // before GET PROCESSING OPTIONS
        ("80A8000002830000", 0x6700),   // not what the PDOL asks for
        ("80A80000029F000000", 0x6700), // the length does not fit
        ("80A8000002820000", 0x6A80),   // no command template
        ("80A8010002830000", 0x6A86),
        ("80CA9F4F00", 0x6A88),
    ] {
        assert_eq!(status(&mut visa, command), expected, "{command}");
    }
    data(&mut visa, &visa_options());
    assert_eq!(status(&mut visa, &visa_options()), 0x6985, "one transaction for each selection");
    assert_eq!(status(&mut visa, &generate_ac("80")), 0x6985, "the cryptogram was given before");
    assert_eq!(status(&mut visa, "80EA00000412345678"), 0x6D00, "it runs no relay resistance protocol");
    assert_eq!(status(&mut visa, "80D000000412345678"), 0x6D00, "it recovers nothing");
    assert_eq!(status(&mut visa, "802A8E800412345678"), 0x6985, "it has no mag-stripe profile");
    assert_eq!(status(&mut visa, "008200000812345678ABCDEF01"), 0x6985, "it awaits no answer");
    assert_eq!(status(&mut visa, "00B2011400"), 0x6A82, "it has no files");
}

#[test]
fn records_are_there_as_the_afl_says_and_no_others() {
    let mut card = card("mastercard-online-cda");
    data(&mut card, SELECT_MASTERCARD);
    data(&mut card, MASTERCARD_OPTIONS);
    for command in ["00B2011400", "00B2011C00", "00B2021C00", "00B2031C00"] {
        assert_eq!(status(&mut card, command), 0x9000, "{command}");
    }
    assert_eq!(status(&mut card, "00B2021400"), 0x6A83);
    assert_eq!(status(&mut card, "00B2010C00"), 0x6A82);
    assert_eq!(status(&mut card, "00B2001400"), 0x6A86);
    assert_eq!(status(&mut card, "00B2011000"), 0x6A86);
}

#[test]
fn a_second_cryptogram_is_refused() {
    let mut card = card("mastercard-online-cda");
    data(&mut card, SELECT_MASTERCARD);
    data(&mut card, MASTERCARD_OPTIONS);
    assert_eq!(status(&mut card, &generate_ac("D0")), 0x6A86, "a type that does not exist");
    assert_eq!(status(&mut card, "80AE90000100 00".replace(' ', "").as_str()), 0x6700);
    assert_eq!(status(&mut card, &generate_ac("90")), 0x9000);
    assert_eq!(status(&mut card, &generate_ac("90")), 0x6985);
}

/// What a card returns in its one answer with a cryptogram.
fn cryptogram_response(personality: &str, p1: &str) -> Vec<u8> {
    let mut card = card(personality);
    data(&mut card, SELECT_MASTERCARD);
    data(&mut card, MASTERCARD_OPTIONS);
    data(&mut card, &generate_ac(p1))
}

fn find(response: &[u8], tag: Tag) -> Option<Vec<u8>> {
    Tlv::parse(response).unwrap().children().find(tag).map(<[u8]>::to_vec)
}

#[test]
fn a_mastercard_card_answers_no_more_than_it_is_asked_for() {
    for (personality, p1, cid, signed) in [
        ("mastercard-offline-cda", "50", 0x40, true),
        ("mastercard-offline-cda", "40", 0x40, false),
        ("mastercard-offline-cda", "90", 0x80, true),
        ("mastercard-offline-cda", "10", 0x00, false),
        ("mastercard-online-cda", "50", 0x80, true),
        ("mastercard-online", "90", 0x80, false),
        ("declined", "50", 0x00, false),
        ("declined", "90", 0x00, false),
    ] {
        let response = cryptogram_response(personality, p1);
        assert_eq!(find(&response, dict::CRYPTOGRAM_INFORMATION_DATA), Some(vec![cid]), "{personality} {p1}");
        assert_eq!(find(&response, dict::SIGNED_DYNAMIC_APPLICATION_DATA).is_some(), signed, "{personality} {p1}");
        assert_eq!(find(&response, dict::APPLICATION_CRYPTOGRAM).is_none(), signed, "{personality} {p1}");
    }
}

#[test]
fn a_phone_says_that_it_verified_its_holder() {
    let response = cryptogram_response("mastercard-phone-cdcvm", "90");
    assert_eq!(find(&response, dict::POS_CARDHOLDER_INTERACTION_INFORMATION), Some(vec![0x00, 0x10, 0x00]));
}

/// What a Visa card decides for a reader with this TTQ: CID and CTQ. Nothing where it refuses.
fn visa_decision(personality: &str, ttq: &str, amount: &str) -> Option<(u8, [u8; 2])> {
    let mut card = card(personality);
    data(&mut card, SELECT_VISA);
    let options = visa_options().replacen("26000000", ttq, 1).replacen("000000001250", amount, 1);
    let mut response = send(&mut card, &options);
    if response.split_off(response.len() - 2) != [0x90, 0x00] {
        return None;
    }
    let cid = find(&response, dict::CRYPTOGRAM_INFORMATION_DATA).unwrap()[0];
    Some((cid, find(&response, dict::CTQ).unwrap().try_into().unwrap()))
}

#[test]
fn a_visa_card_decides_by_the_reader_s_qualifiers_its_limit_and_the_cvm() {
    const SMALL: &str = "000000001250";
    const LARGE: &str = "000000005001";
    for (personality, ttq, amount, expected) in [
        ("visa-online", "26000000", SMALL, Some((0x80, [0x00, 0x00]))),
        // No EMV mode; an offline-only reader.
        ("visa-online", "80000000", SMALL, None),
        ("visa-online", "2E000000", SMALL, Some((0x00, [0x00, 0x00]))),
        // CVM required: online PIN, signature, none in common.
        ("visa-online", "26400000", SMALL, Some((0x80, [0x80, 0x00]))),
        ("visa-online", "22400000", SMALL, Some((0x80, [0x40, 0x00]))),
        ("visa-online", "20400000", SMALL, Some((0x00, [0x00, 0x00]))),
        // Offline: up to the limit, unless the reader or online PIN require otherwise.
        ("visa-offline-fdda", "26000000", SMALL, Some((0x40, [0x20, 0x00]))),
        ("visa-offline-fdda", "26000000", LARGE, Some((0x80, [0x20, 0x00]))),
        ("visa-offline-fdda", "2E000000", LARGE, Some((0x00, [0x20, 0x00]))),
        ("visa-offline-fdda", "26800000", SMALL, Some((0x80, [0x20, 0x00]))),
        ("visa-offline-fdda", "22400000", SMALL, Some((0x40, [0x60, 0x00]))),
        ("visa-offline-fdda", "26400000", SMALL, Some((0x80, [0xA0, 0x00]))),
        // A phone needs no other CVM.
        ("visa-phone-cdcvm", "26404000", LARGE, Some((0x80, [0x00, 0x80]))),
        ("visa-declined", "26000000", SMALL, Some((0x00, [0x00, 0x00]))),
    ] {
        assert_eq!(visa_decision(personality, ttq, amount), expected, "{personality} {ttq} {amount}");
    }
}

#[test]
fn the_transaction_counter_goes_on_when_the_card_is_presented_again() {
    let mut card = card("mastercard-online");
    for count in 1..=3 {
        card.reset();
        data(&mut card, SELECT_MASTERCARD);
        data(&mut card, MASTERCARD_OPTIONS);
        assert_eq!(data(&mut card, "80CA9F3600"), [0x9F, 0x36, 0x02, 0x00, count]);
    }
}

#[test]
fn the_same_commands_give_the_same_answers() {
    for personality in Personality::names() {
        let session = || {
            let mut card = card(personality);
            [SELECT_PPSE, SELECT_VISA, &visa_options(), SELECT_MASTERCARD, MASTERCARD_OPTIONS, &generate_ac("50")]
                .map(|command| card.transmit(&crate::hex::decode(command).unwrap()))
        };
        assert_eq!(session(), session(), "{personality}");
    }
}

#[test]
fn a_torn_card_leaves_at_its_command_and_comes_back_once() {
    let mut card = card("torn");
    let commands = [SELECT_PPSE, SELECT_MASTERCARD, MASTERCARD_OPTIONS, "00B2011400"];
    let answered = |card: &mut Card| {
        card.reset();
        commands.map(|command| card.transmit(&crate::hex::decode(command).unwrap()).response.is_some())
    };
    assert_eq!(answered(&mut card), [true, true, true, false]);
    assert_eq!(card.transmit(&[0x00, 0xB2, 0x01, 0x14, 0x00]).response, None, "it is out of the field");
    assert_eq!(answered(&mut card), [true; 4]);
}

#[test]
fn an_answer_may_be_replaced_though_the_command_is_carried_out() {
    let mut card = card("malformed-answers");
    data(&mut card, SELECT_PPSE);
    data(&mut card, SELECT_MASTERCARD);
    data(&mut card, MASTERCARD_OPTIONS);
    assert_eq!(send(&mut card, "00B2011400"), [0x6F, 0x00]);
    assert_eq!(status(&mut card, "00B2011400"), 0x9000);
    assert_eq!(status(&mut card, &generate_ac("90")), 0x9000);
}

#[test]
fn a_card_with_a_fault_in_its_data_gives_them_so() {
    fn options(personality: &str) -> Vec<u8> {
        let mut card = card(personality);
        data(&mut card, SELECT_MASTERCARD);
        data(&mut card, MASTERCARD_OPTIONS)
    }
    fn record(personality: &str) -> Vec<u8> {
        let mut card = card(personality);
        data(&mut card, SELECT_MASTERCARD);
        data(&mut card, MASTERCARD_OPTIONS);
        data(&mut card, "00B2011400")
    }
    let count = |personality, tag| {
        Tlv::parse(&record(personality)).unwrap().children().iter().filter(|object| object.tag == tag).count()
    };
    assert_eq!(count("malformed-missing", dict::CDOL1), 0);
    assert_eq!(count("malformed-twice", dict::APPLICATION_EXPIRATION_DATE), 2);
    assert_eq!(find(&record("malformed-length"), dict::APPLICATION_EXPIRATION_DATE), Some(vec![0x49, 0x12]));
    assert_eq!(find(&options("malformed-afl"), dict::AFL), Some(vec![0x10, 0x03, 0x01, 0x01]));
}

#[test]
fn a_slow_card_takes_its_time_for_every_command() {
    let answer = card("slow").transmit(&crate::hex::decode(SELECT_PPSE).unwrap());
    assert_eq!(answer.delay, Duration::from_millis(400));
    assert_eq!(card("visa-online").transmit(&[]).delay, Duration::ZERO);
}

#[test]
fn neither_a_card_nor_its_answers_print_what_they_hold() {
    let mut card = card("mastercard-online");
    data(&mut card, SELECT_MASTERCARD);
    data(&mut card, MASTERCARD_OPTIONS);
    let answer = card.transmit(&[0x00, 0xB2, 0x01, 0x14, 0x00]);
    assert_eq!(format!("{answer:?}"), format!("Answer([{}] 9000 in 0ns)", answer.response.as_ref().unwrap().len() - 2));
    assert_eq!(format!("{card:?}"), "Card { atc: [1], commands: 3, .. }");
}
