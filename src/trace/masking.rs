//! Masking: what a trace must not tell is overwritten, and every length stays as it was.
//!
//! What is masked follows the dictionary's sensitivity. Some objects that are public by themselves disclose the
//! account number when they are put together: a certificate recovers to it, a signature over static data lets
//! somebody try all account numbers. They are masked too, so signatures of a masked trace don't verify.
//!
//! Masking what is masked changes nothing.

use emv::apdu::Response;
use emv::dict::{self, Format, Sensitivity};
use emv::tlv::{Dol, Error, Level, Tag};
use zeroize::Zeroizing;

use super::entry::{Entry, What};
use super::told::Outcome;
use crate::terminal::Hex;

/// How an object's value is masked.
#[derive(Clone, Copy)]
enum Rule {
    /// Not at all.
    Keep,
    /// The PAN's digits in the middle become zeros, as many as a printed PAN hides.
    Pan,
    /// As the PAN, and the discretionary data become zeros; expiration date and service code stay.
    Track2,
    /// Letters become `X`, digits `0`; separators stay.
    Text,
    /// Zeros.
    Zeros,
}

/// The objects whose rule does not follow from sensitivity and format.
const RULES: &[(Tag, Rule)] = &[
    (dict::PAN, Rule::Pan),
    (dict::TRACK_2_EQUIVALENT_DATA, Rule::Track2),
    (dict::TRACK_2_DATA, Rule::Track2),
    // Kernels decide by these; without the PAN they name nobody.
    (dict::APPLICATION_EXPIRATION_DATE, Rule::Keep),
    (dict::SERVICE_CODE, Rule::Keep),
    (dict::LAST_4_DIGITS_OF_PAN, Rule::Keep),
    // These recover to digits of the PAN, or to a hash over it.
    (dict::ISSUER_PUBLIC_KEY_CERTIFICATE, Rule::Zeros),
    (dict::ISSUER_PUBLIC_KEY_REMAINDER, Rule::Zeros),
    (dict::SIGNED_STATIC_APPLICATION_DATA, Rule::Zeros),
    (dict::ICC_PUBLIC_KEY_CERTIFICATE, Rule::Zeros),
    (dict::ICC_PUBLIC_KEY_REMAINDER, Rule::Zeros),
    (dict::ICC_PIN_ENCIPHERMENT_PUBLIC_KEY_CERTIFICATE, Rule::Zeros),
    (dict::ICC_PIN_ENCIPHERMENT_PUBLIC_KEY_REMAINDER, Rule::Zeros),
];

/// The lists by which the data of commands are known.
const LISTS: &[Tag] = &[dict::PDOL, dict::CDOL1, dict::DSDOL, dict::UDOL];

/// What the data of a command are.
enum CommandData {
    /// The terminal's or the issuer's, and nothing of the cardholder.
    Public,
    /// Data objects; among them may be what the PDOL asks for.
    Objects,
    /// What the first list asks for, and what the second one does, if they are given.
    AskedFor(Tag, Option<Tag>),
    /// The value of the object that P1 and P2 name.
    Object,
    /// An issuer's script, an answer to a list of an earlier tap, or nobody knows what.
    Other,
}

/// What the data of the command with this class and this instruction are.
fn data_of(class: u8, instruction: u8) -> CommandData {
    match (class, instruction) {
        // SELECT, EXTERNAL AUTHENTICATE, SEND POI INFORMATION, EXCHANGE RELAY RESISTANCE DATA
        (0x00, 0xA4 | 0x82) | (0x80, 0x1A | 0xEA) => CommandData::Public,
        // GET PROCESSING OPTIONS and its extended form
        (0x80, 0xA8 | 0xE0) => CommandData::Objects,
        // GENERATE AC
        (0x80, 0xAE) => CommandData::AskedFor(dict::CDOL1, Some(dict::DSDOL)),
        // COMPUTE CRYPTOGRAPHIC CHECKSUM
        (0x80, 0x2A) => CommandData::AskedFor(dict::UDOL, None),
        // PUT DATA
        (0x80, 0xDA) => CommandData::Object,
        _ => CommandData::Other,
    }
}

/// Masks the entries of one trace, in order: what a command holds is known by the lists the card gave before.
#[derive(Default)]
pub struct Masking {
    /// Every list that the card gave, in order: a kernel may have taken any of those of a tag.
    lists: Vec<(Tag, Vec<u8>)>,
}

impl Masking {
    /// Before the first entry.
    pub fn new() -> Self {
        Self::default()
    }

    /// The entry, masked.
    pub fn entry(&mut self, entry: &Entry) -> Entry {
        let what = match &entry.what {
            What::Command(Hex(command)) => What::Command(Hex(self.command(command))),
            What::Response(Hex(response)) => What::Response(Hex(self.response(response))),
            What::Data(Hex(objects)) => What::Data(Hex(self.object_list(objects))),
            What::DataSent(Hex(objects)) => What::DataSent(Hex(self.object_list(objects))),
            What::OnlineResponse(Some(Hex(objects))) => What::OnlineResponse(Some(Hex(self.object_list(objects)))),
            What::Outcome(outcome) => What::Outcome(self.outcome(outcome)),
            What::OnlineRequest(outcome) => What::OnlineRequest(self.outcome(outcome)),
            other => other.clone(),
        };
        Entry { t_us: entry.t_us, what }
    }

    fn outcome(&mut self, outcome: &Outcome) -> Outcome {
        let mut masked = outcome.clone();
        for Hex(objects) in [&mut masked.data_record, &mut masked.discretionary_data].into_iter().flatten() {
            *objects = self.object_list(objects);
        }
        masked
    }

    /// A response APDU, masked.
    pub fn response(&mut self, response: &[u8]) -> Vec<u8> {
        let Ok(Response { data, status }) = Response::parse(response) else { return response.to_vec() };
        let mut masked = self.object_list(data);
        masked.extend(status.to_bytes());
        masked
    }

    /// Data objects, masked; what are no data objects becomes `FF`, which is none either.
    pub fn object_list(&mut self, objects: &[u8]) -> Vec<u8> {
        let mut masked = objects.to_vec();
        if self.objects(&mut masked).is_err() {
            masked.fill(0xFF);
        }
        masked
    }

    fn objects(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        let clear = Zeroizing::new(bytes.to_vec());
        for (tag, value) in Level::parse(&clear)?.iter() {
            // The value is a part of `clear`; what is at the same place in `bytes` is overwritten.
            let start = value.as_ptr() as usize - clear.as_ptr() as usize;
            let place = &mut bytes[start..start + value.len()];
            if LISTS.contains(&tag) {
                self.lists.push((tag, value.to_vec()));
            }
            if tag == dict::COMMAND_TEMPLATE {
                self.mask_asked_for(place, dict::PDOL, None);
            } else if !tag.is_constructed() {
                mask(tag, place);
            } else if self.objects(place).is_err() {
                place.fill(0xFF);
            }
        }
        Ok(())
    }

    /// A command APDU, masked.
    pub fn command(&mut self, command: &[u8]) -> Vec<u8> {
        let mut masked = command.to_vec();
        let [class, instruction, p1, p2, length, data @ ..] = &mut masked[..] else { return masked };
        let Some(data) = data.get_mut(..usize::from(*length)) else { return masked };
        match data_of(*class, *instruction) {
            CommandData::Public => {}
            CommandData::Objects => data.copy_from_slice(&self.object_list(data)),
            CommandData::AskedFor(list, open_ended) => self.mask_asked_for(data, list, open_ended),
            CommandData::Object => mask(Tag::new(u16::from_be_bytes([*p1, *p2]).into()), data),
            CommandData::Other => data.fill(0),
        }
        masked
    }

    /// Masks data that a list asked for, and behind them those of an open-ended list, which may end early. They are
    /// masked by each of the card's lists that fits them; where none does, all of them are hidden.
    fn mask_asked_for(&self, data: &mut [u8], list: Tag, open_ended: Option<Tag>) {
        let mut is_explained = data.is_empty();
        for list in self.given(list) {
            let Some((asked_for, rest)) = data.split_at_mut_checked(list.data_length()) else { continue };
            let mut fits = rest.is_empty();
            for open_ended in open_ended.into_iter().flat_map(|tag| self.given(tag)) {
                if rest.len() <= open_ended.data_length() {
                    mask_values(&open_ended, rest);
                    fits = true;
                }
            }
            if fits {
                mask_values(&list, asked_for);
                is_explained = true;
            }
        }
        if !is_explained {
            data.fill(0);
        }
    }

    /// The lists with this tag that the card gave.
    fn given(&self, tag: Tag) -> impl Iterator<Item = Dol<'_>> {
        self.lists.iter().filter(move |(given, _)| *given == tag).filter_map(|(_, list)| Dol::parse(list).ok())
    }
}

/// Hides the values of a list that are not kept: the card sets their lengths, so that it could ask for a number in
/// parts of which each is short enough to be shown.
fn mask_values(list: &Dol, mut data: &mut [u8]) {
    for entry in list.iter() {
        let (value, rest) = data.split_at_mut(entry.length.min(data.len()));
        if !matches!(rule(entry.tag), Rule::Keep) {
            value.fill(0);
        }
        data = rest;
    }
}

/// Masks the value of one object.
fn mask(tag: Tag, value: &mut [u8]) {
    match rule(tag) {
        Rule::Keep => {}
        Rule::Pan => mask_digits(value),
        Rule::Track2 => mask_track_2(value),
        Rule::Text => value.iter_mut().for_each(|byte| {
            *byte = match *byte {
                b'0'..=b'9' => b'0',
                separator if separator.is_ascii_punctuation() || separator == b' ' => separator,
                _ => b'X',
            }
        }),
        Rule::Zeros => value.fill(0),
    }
}

fn rule(tag: Tag) -> Rule {
    if let Some((_, rule)) = RULES.iter().find(|(known, _)| *known == tag) {
        return *rule;
    }
    if dict::sensitivity(tag) == Sensitivity::Public {
        return Rule::Keep;
    }
    match dict::format(tag) {
        Some(Format::Alphabetic | Format::Alphanumeric | Format::AlphanumericSpecial) => Rule::Text,
        _ => Rule::Zeros,
    }
}

fn mask_digits(value: &mut [u8]) {
    let digits = (0..2 * value.len()).take_while(|at| nibble(value, *at) <= 9).count();
    hide_middle(value, digits);
}

fn mask_track_2(value: &mut [u8]) {
    let digits = (0..2 * value.len()).take_while(|at| nibble(value, *at) <= 9).count();
    hide_middle(value, digits);
    /// Separator, expiration date, service code.
    const KEPT: usize = 1 + 4 + 3;
    for at in digits + KEPT..2 * value.len() {
        if nibble(value, at) != 0xF {
            set_nibble(value, at, 0);
        }
    }
}

/// Of 15 digits and more the first six and the last four stay, of fewer the last four, as in a PAN that is printed.
fn hide_middle(value: &mut [u8], digits: usize) {
    let first = if digits >= 15 { 6 } else { 0 };
    for at in first..digits.saturating_sub(4) {
        set_nibble(value, at, 0);
    }
}

fn nibble(value: &[u8], at: usize) -> u8 {
    if at.is_multiple_of(2) { value[at / 2] >> 4 } else { value[at / 2] & 0x0F }
}

fn set_nibble(value: &mut [u8], at: usize, nibble: u8) {
    let byte = &mut value[at / 2];
    *byte = if at.is_multiple_of(2) { *byte & 0x0F | nibble << 4 } else { *byte & 0xF0 | nibble };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        text.parse::<Hex>().unwrap().0
    }

    fn response(text: &str) -> String {
        Hex(Masking::new().response(&hex(text))).to_string()
    }

    #[test]
    fn account_data_is_hidden_and_every_length_stays() {
        let track_2 = "57134761739001010119D22122011143804400000F";
        let masked = "57134761730000000119D22122010000000000000F";
        assert_eq!(response(&format!("{track_2}9000")), format!("{masked}9000"));
        assert_eq!(response("70185A0847617390010101195F200B54455354204341524420209000"), {
            "70185A0847617300000001195F200B58585858205858585820209000"
        });
    }

    #[test]
    fn what_recovers_to_the_pan_is_hidden() {
        assert_eq!(response("70049002AABB9000"), "7004900200009000");
        assert_eq!(response("70059F4602AABB9000"), "70059F460200009000");
        assert_eq!(response("9302AABB9000"), "930200009000");
    }

    #[test]
    fn what_is_unknown_is_hidden_and_what_is_malformed_stays_malformed() {
        assert_eq!(response("DF7F0247619000"), "DF7F0200009000");
        assert_eq!(response("5A0847617390019000"), "FFFFFFFFFFFFFF9000");
        assert_eq!(response("70055A084761739000"), "7005FFFFFFFFFF9000");
        assert_eq!(response("6A82"), "6A82");
    }

    /// A command after records with these lists, masked.
    fn command(lists: &[&str], command: &str) -> String {
        let mut masking = Masking::new();
        for list in lists {
            let list = hex(list);
            masking.response(&[&[0x70, list.len() as u8], &list[..], &[0x90, 0x00]].concat());
        }
        Hex(masking.command(&hex(command))).to_string()
    }

    #[test]
    fn whatever_list_asks_for_the_number_the_command_does_not_tell_it() {
        for (list, header) in
            [("9F38", "80A800000E830C"), ("9F38", "80E000000E830C"), ("8C", "80AE80000C"), ("9F69", "802A8E800C")]
        {
            let masked = command(&[&format!("{list}055A089F3704")], &format!("{header}47617390010101191234567800"));
            assert_eq!(masked, format!("{header}00000000000000001234567800"), "{list}");
        }
    }

    #[test]
    fn the_data_of_a_dsdol_follow_those_of_cdol1_and_may_end_early() {
        let lists = ["8C039F3704", "9F5B08DF62015A08DF63A0"];
        let masked = command(&lists, "80AE90000F12345678804761739001010119AABB00");
        assert_eq!(masked, "80AE90000F12345678800000000000000000000000");
        assert_eq!(command(&lists, "80AE9000041234567800"), "80AE9000041234567800");
    }

    #[test]
    fn a_number_that_is_asked_for_in_parts_is_told_in_none() {
        let parts = "4761".to_owned() + "47617390" + "476173900101" + "4761739001010119";
        let masked = command(&["8C085A025A045A065A08"], &format!("80AE800014{parts}00"));
        assert_eq!(masked, format!("80AE800014{}00", "00".repeat(20)));
    }

    #[test]
    fn a_list_that_comes_again_does_not_undo_the_first() {
        let masked = command(&["8C055A089F3704", "8C069F3704DF6208"], "80AE80000C47617390010101191234567800");
        assert_eq!(masked, "80AE80000C00000000000000001234567800");
    }

    #[test]
    fn data_that_no_list_explains_are_hidden() {
        for lists in [&[][..], &["8C025A04"], &["8C019F"], &["8C025A04", "9F5B025A02"]] {
            let masked = command(lists, "80AE800008476173900101011900");
            assert_eq!(masked, "80AE800008000000000000000000", "{lists:?}");
        }
        assert_eq!(command(&[], "802A8E80040000012300"), "802A8E80040000000000");
        assert_eq!(command(&[], "80A800000483024761"), "80A800000483020000");
        assert_eq!(command(&[], "80A8000003830247"), "80A8000003FFFFFF");
        assert_eq!(command(&["9F51025A08"], "80D0000008476173900101011900"), "80D0000008000000000000000000");
        assert_eq!(command(&["9F49025A08"], "0088000008476173900101011900"), "0088000008000000000000000000");
        assert_eq!(command(&[], "04DA9F58084761739001010119"), "04DA9F58080000000000000000");
    }

    #[test]
    fn what_only_the_terminal_says_stays() {
        for text in ["00A4040007A000000003101000", "80EA0000041234567800", "00B2010C00", "84DA9F58", "80CA9F3600"] {
            assert_eq!(command(&[], text), text);
        }
    }

    #[test]
    fn what_the_card_is_to_store_is_masked_by_its_tag() {
        assert_eq!(command(&[], "80DA9F7503476173"), "80DA9F7503000000");
        assert_eq!(command(&[], "80DA9F5302AABB"), "80DA9F5302AABB");
        let update = command(&["9F38039F3704"], "80E000000D830412345678BF6004DF01014700");
        assert_eq!(update, "80E000000D830412345678BF6004DF01010000");
    }

    #[test]
    fn what_the_terminal_keeps_of_what_a_list_asked_for_is_hidden() {
        for tag in ["DF8107", "DF8111", "DF8113"] {
            assert_eq!(response(&format!("{tag}04476173909000")), format!("{tag}04000000009000"));
        }
    }

    #[test]
    fn masking_twice_is_masking_once() {
        for text in [
            "701357114761739001010119D22122011143804400000F9000",
            "5A0847617390019000",
            "5F2005414243204400",
            "770A9F2701809F3602000A5A9000",
        ] {
            let once = response(text);
            assert_eq!(response(&once), once);
        }
    }
}
