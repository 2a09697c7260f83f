//! Masking: what a trace must not tell is overwritten, and every length stays as it was.
//!
//! What is masked follows the dictionary's sensitivity. Some objects that are public by themselves disclose the
//! account number when they are put together: a certificate recovers to it, a signature over static data lets
//! somebody try all account numbers. They are masked too, so signatures of a masked trace don't verify.
//!
//! Masking what is masked changes nothing.

use emv::apdu::Response;
use emv::dict::{self, Format, Sensitivity};
use emv::tlv::{Dol, Error, Level, Tag, Tlv};
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

/// The instruction bytes whose data a list of the card decides (EMV Book 3, 6.5).
const GET_PROCESSING_OPTIONS: u8 = 0xA8;
const GENERATE_AC: u8 = 0xAE;

/// Masks the entries of one trace, in order: what a command holds is known by the lists the card gave before.
#[derive(Default)]
pub struct Masking {
    pdol: Vec<u8>,
    cdol1: Vec<u8>,
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
            match tag {
                dict::PDOL => self.pdol = value.to_vec(),
                dict::CDOL1 => self.cdol1 = value.to_vec(),
                _ => {}
            }
            if !tag.is_constructed() {
                mask(tag, place);
            } else if self.objects(place).is_err() {
                place.fill(0xFF);
            }
        }
        Ok(())
    }

    /// A command APDU, masked.
    pub fn command(&self, command: &[u8]) -> Vec<u8> {
        let mut masked = command.to_vec();
        let [_, instruction, _, _, length, data @ ..] = &mut masked[..] else { return masked };
        let Some(data) = data.get_mut(..usize::from(*length)) else { return masked };
        match *instruction {
            GET_PROCESSING_OPTIONS => {
                let Ok(template) = Tlv::parse(command.get(5..5 + data.len()).unwrap_or_default()) else {
                    return masked;
                };
                let start = data.len() - template.value.len();
                mask_list(&self.pdol, &mut data[start..]);
            }
            GENERATE_AC => mask_list(&self.cdol1, data),
            _ => {}
        }
        masked
    }
}

/// Masks the values that a data object list asked for.
fn mask_list(dol: &[u8], mut data: &mut [u8]) {
    let Ok(dol) = Dol::parse(dol) else { return };
    for entry in dol.iter() {
        let Some((value, rest)) = data.split_at_mut_checked(entry.length) else { return };
        mask(entry.tag, value);
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

    #[test]
    fn a_command_is_masked_by_the_list_that_the_card_gave() {
        let mut masking = Masking::new();
        masking.response(&hex("6F0AA5089F38055A089F02069000"));
        let command = hex("80A8000010830E4761739001010119000000001000");
        assert_eq!(masking.command(&command)[..17], hex("80A8000010830E47617300000001190000")[..]);
        masking.response(&hex("70048C025A089000"));
        assert_eq!(masking.command(&hex("80AE800008476173900101011900")), hex("80AE800008476173000000011900"));
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
