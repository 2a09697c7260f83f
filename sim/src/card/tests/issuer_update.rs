//! A card that is presented again to hear what its issuer answers.

use emv::tlv::Tlvs;

use super::*;
use crate::crypto::{Issuer, VerifiedCryptogram};

const PAN: &str = "4761739001010119";
const LIMIT: &[u8] = &[0x04, 0xDA, 0x9F, 0x58, 0x05];
const GET_LIMIT: &str = "80CA9F5800";
const BLOCK: &[u8] = &[0x84, 0x1E, 0x00, 0x00];
const UNBLOCK: &[u8] = &[0x84, 0x18, 0x00, 0x00];

/// A card that went online, what its issuer makes of the cryptogram, and the card presented again.
fn went_online() -> (Card, VerifiedCryptogram) {
    let mut card = card("visa-issuer-update");
    data(&mut card, SELECT_VISA);
    let response = data(&mut card, &visa_options());
    // Behind header and command template, before Le.
    let options = crate::hex::decode(&visa_options()).unwrap();
    let terminal = Values::parse(visa::PDOL, &options[7..options.len() - 1]).unwrap();
    let objects = Tlvs::parse(&response).unwrap();
    let objects = objects.find_template(dict::RESPONSE_MESSAGE_TEMPLATE_FORMAT_2).unwrap();
    let value = |tag| terminal.find(tag).or_else(|| objects.find(tag));
    let verified = Issuer::of_pan(PAN).unwrap().verify(PAN, 1, value).unwrap();
    card.reset();
    data(&mut card, SELECT_VISA);
    (card, verified)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn external_authenticate(data: &[u8]) -> String {
    format!("00820000{:02X}{}", data.len(), hex(data))
}

#[test]
fn only_its_issuer_s_answer_authenticates_the_issuer() {
    let (mut card, issuer) = went_online();
    for approved in [true, false] {
        let mut answer = issuer.issuer_authentication_data(approved, *b"00");
        assert_eq!(status(&mut card, &external_authenticate(&answer)), 0x9000);
        answer[0] ^= 0x01;
        assert_eq!(status(&mut card, &external_authenticate(&answer)), 0x6300);
        assert_eq!(status(&mut card, &external_authenticate(&answer[..3])), 0x6300);
    }
    data(&mut card, &visa_options());
    let answer = issuer.issuer_authentication_data(true, *b"00");
    assert_eq!(status(&mut card, &external_authenticate(&answer)), 0x6300, "an answer to an earlier cryptogram");
}

#[test]
fn a_script_command_counts_only_with_its_issuer_s_mac() {
    let (mut card, issuer) = went_online();
    let put_data = issuer.secure(LIMIT).unwrap();
    assert_eq!(status(&mut card, GET_LIMIT), 0x6A88);
    let mut altered = put_data.clone();
    altered[5] ^= 0x01;
    assert_eq!(status(&mut card, &hex(&altered)), 0x6988);
    assert_eq!(status(&mut card, "04DA9F580105"), 0x6987, "without a MAC");
    assert_eq!(status(&mut card, &hex(&put_data)), 0x9000);
    assert_eq!(data(&mut card, GET_LIMIT), [0x9F, 0x58, 0x01, 0x05]);
    card.reset();
    data(&mut card, SELECT_VISA);
    assert_eq!(data(&mut card, GET_LIMIT), [0x9F, 0x58, 0x01, 0x05], "it stays");
}

#[test]
fn a_blocked_application_is_not_used_until_its_issuer_unblocks_it() {
    let (mut card, issuer) = went_online();
    assert_eq!(status(&mut card, &hex(&issuer.secure(BLOCK).unwrap())), 0x9000);
    assert_eq!(status(&mut card, &visa_options()), 0x6985);
    card.reset();
    assert_eq!(status(&mut card, SELECT_VISA), 0x6283);
    assert_eq!(status(&mut card, &hex(&issuer.secure(UNBLOCK).unwrap())), 0x9000);
    assert_eq!(status(&mut card, SELECT_VISA), 0x9000);
    assert_eq!(status(&mut card, &visa_options()), 0x9000);
}

#[test]
fn a_card_that_supports_no_update_takes_nothing_from_its_issuer() {
    let mut card = card("visa-online");
    data(&mut card, SELECT_VISA);
    data(&mut card, &visa_options());
    card.reset();
    data(&mut card, SELECT_VISA);
    assert_eq!(status(&mut card, &external_authenticate(&[0; 8])), 0x6985);
    assert_eq!(status(&mut card, "841E0000080102030405060708"), 0x6985);
}
