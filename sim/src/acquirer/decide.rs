//! What a request is answered with, and what the ledger keeps of it.

use emv::dict;
use emv::tlv::{Tlvs, Writer};

use super::ledger::{Cryptogram, Entry, Kind, Ledger};
use super::rules::Decision;
use super::wire::{Message, WireFormat};
use super::{Desk, lock};
use crate::crypto::{Issuer, VerifiedCryptogram};

/// What an answer takes over from its request.
pub(super) const ECHOED: &[u8] = &[2, 3, 4, 7, 11, 12, 13, 37, 41, 42, 49, 70];

/// The response code for what is done as asked.
const APPROVED: &str = "00";

/// The response code for a cryptogram that is wrong.
const CARD_AUTHENTICATION_FAILED: &str = "82";

/// The issuers have one script at a time.
const SCRIPT_IDENTIFIER: [u8; 4] = [0, 0, 0, 1];

impl Desk {
    /// The answer, where the acquirer knows the message type; and what becomes of it.
    pub(super) fn decide(&self, request: &Message) -> (Decision, Option<Message>) {
        let mut decision = lock(&self.rules).decide(request);
        let mut answer = request.answer(ECHOED);
        match request.mti.as_str() {
            "0100" | "0200" | "1100" | "1200" => self.authorise(request, &mut decision, &mut answer),
            "0220" | "0221" | "1220" | "1221" => {
                if decision.response == APPROVED
                    && let Some(code) = self.book(request)
                {
                    decision.response = code.to_owned();
                }
            }
            "0400" | "0401" | "1420" | "1421" => {
                let is_taken = decision.response == APPROVED;
                let is_known = self.record(|ledger| reverse(ledger, request, is_taken));
                if is_taken && !is_known {
                    decision.response = "25".to_owned();
                }
            }
            "0800" | "0820" | "1804" => self.record(|ledger| ledger.network_requests += 1),
            _ => {
                self.record(|ledger| ledger.malformed += 1);
                return (decision, None);
            }
        }
        answer.set(39, action_code(&request.mti, &decision.response, &self.format));
        for (number, value) in decision.fields() {
            answer.set(number, value);
        }
        (decision, Some(answer))
    }

    /// Books what card and terminal approved between them, or what completes or adjusts what was approved, once, however
    /// often it is advised. Where it can't be, a response code says why.
    fn book(&self, advice: &Message) -> Option<&'static str> {
        let (cryptogram, _) = verify(advice);
        let entry = entry(advice, cryptogram, &self.format);
        self.record(|ledger| {
            if ledger.original(&entry.terminal_id, &entry.rrn, entry.stan).is_some() {
                return None;
            }
            let objection = ledger.objection(&entry);
            if objection.is_none() {
                let approved = ledger.advised(&entry);
                ledger.entries.push(Entry { response_code: APPROVED.to_owned(), approved, ..entry });
            }
            objection
        })
    }

    fn authorise(&self, request: &Message, decision: &mut Decision, answer: &mut Message) {
        let (cryptogram, verified) = verify(request);
        if cryptogram == Cryptogram::Wrong {
            decision.response = CARD_AUTHENTICATION_FAILED.to_owned();
        }
        let own_rrn = decision.fields().find(|(number, _)| *number == 37).map(|(_, value)| value.to_owned());
        let entry = Entry { own_rrn, ..entry(request, cryptogram, &self.format) };
        let amount = entry.amount;
        self.record(|ledger| {
            if ledger.original(&entry.terminal_id, &entry.rrn, entry.stan).is_some() {
                decision.response = "94".to_owned();
            } else if let Some(code) = ledger.objection(&entry).filter(|_| decision.response == APPROVED) {
                decision.response = code.to_owned();
            }
            let approved = match decision.response.as_str() {
                APPROVED | "08" => amount,
                "10" => amount * decision.partial_percent / 100,
                _ => 0,
            };
            ledger.entries.push(Entry { response_code: decision.response.clone(), approved, ..entry.clone() });
            if approved > 0 {
                answer.set(4, format!("{approved:012}"));
                // Six digits that differ from one request to the next, and are the same in every run.
                answer.set(38, format!("{:06}", entry.stan * 7919 % 1_000_000));
            }
        });
        if let (Some(verified), Ok(code)) = (verified, decision.response.as_bytes().try_into()) {
            let is_approved = matches!(decision.response.as_str(), APPROVED | "08" | "10");
            let mut issuer_data = Writer::new();
            issuer_data.put(dict::ISSUER_AUTHENTICATION_DATA, &verified.issuer_authentication_data(is_approved, code));
            if !decision.script.is_empty() {
                issuer_data.template(dict::ISSUER_SCRIPT_TEMPLATE_2, |template| {
                    template.put(dict::ISSUER_SCRIPT_IDENTIFIER, &SCRIPT_IDENTIFIER);
                    for command in decision.script.iter().filter_map(|command| verified.secure(command)) {
                        template.put(dict::ISSUER_SCRIPT_COMMAND, &command);
                    }
                });
            }
            answer.set(55, issuer_data.into_bytes());
        }
    }
}

/// A response code of 1987 as the acquirer writes it: in 1993 as an action code. What rules say in three digits stays as it
/// is.
pub(super) fn action_code<'a>(mti: &str, response: &'a str, format: &WireFormat) -> &'a str {
    #[rustfmt::skip]
    const CODES: [(&str, &str); 19] = [
        ("01", "107"), ("05", "100"), ("08", "001"), ("10", "002"), ("12", "902"), ("13", "110"), ("14", "111"), ("25", "914"), ("30", "904"),
        ("41", "208"), ("43", "209"), ("51", "116"), ("54", "101"), ("63", "916"), ("65", "123"), ("82", "122"), ("91", "907"),
        ("94", "913"), ("96", "909"),
    ];
    match (mti, response) {
        _ if !format.is_1993 => response,
        ("1420" | "1421", APPROVED) => "400",
        ("1804", APPROVED) => "800",
        (_, APPROVED) => "000",
        _ => CODES.iter().find(|(code, _)| *code == response).map_or(response, |(_, action)| action),
    }
}

/// A request for money as the ledger has it, while nothing is decided.
fn entry(request: &Message, cryptogram: Cryptogram, format: &WireFormat) -> Entry {
    Entry {
        mti: request.mti.clone(),
        terminal_id: request.text(41).unwrap_or_default().to_owned(),
        stan: request.number(11).unwrap_or(0),
        rrn: request.text(37).unwrap_or_default().to_owned(),
        own_rrn: None,
        pan: masked(pan(request).unwrap_or_default()),
        kind: kind(request, format),
        original: original(request),
        amount: request.number(4).unwrap_or(0),
        currency: request.number(49).unwrap_or(0),
        cryptogram,
        response_code: String::new(),
        approved: 0,
        is_reversed: false,
    }
}

/// What a request is for. In 1987 the condition 06 tells a hold from a sale, in 1993 a function code.
fn kind(request: &Message, format: &WireFormat) -> Kind {
    let holds = request.text(25) == Some("06") || matches!(request.text(24), Some("101" | "106"));
    let is_advice = matches!(request.mti.as_str(), "0220" | "0221" | "1220" | "1221");
    let code = request.text(3).unwrap_or_default();
    match (is_advice, original(request).is_some()) {
        _ if code.starts_with("38") => Kind::Verification,
        // UnionPay's terminals tell a void from a refund by its message type.
        _ if code.starts_with('2') && format.is_union_pay && request.mti == "0200" => Kind::Void,
        _ if code.starts_with('2') => Kind::Refund,
        (true, true) if code.starts_with("02") => Kind::Adjustment,
        (true, true) => Kind::Completion,
        (false, true) if holds && code.starts_with("02") => Kind::Release,
        (false, true) if holds => Kind::Increment,
        (false, false) if holds => Kind::Hold,
        _ if code.starts_with("02") => Kind::Void,
        _ => Kind::Debit,
    }
}

/// Takes a request back where that is allowed, and says whether there is one. It may be asked any number of times.
fn reverse(ledger: &mut Ledger, reversal: &Message, is_allowed: bool) -> bool {
    ledger.reversals += 1;
    let stan = original(reversal).unwrap_or(0);
    let (terminal_id, rrn) = (reversal.text(41).unwrap_or_default(), reversal.text(37).unwrap_or_default());
    match ledger.original(terminal_id, rrn, stan) {
        Some(entry) => entry.is_reversed |= is_allowed,
        None => return false,
    }
    true
}

/// The STAN of the request that a message is about: it follows the type in field 90 of 1987 and field 56 of 1993.
fn original(message: &Message) -> Option<u64> {
    let named = message.text(90).or_else(|| message.text(56)).and_then(|named| named.get(4..10));
    // UnionPay's terminals name batch, number and date in field 61.
    named.or_else(|| message.text(61)?.get(6..12))?.parse().ok()
}

/// Checks the cryptogram among the chip data, with the keys of the card's issuer.
fn verify(request: &Message) -> (Cryptogram, Option<VerifiedCryptogram>) {
    let Some(chip_data) = request.fields.get(&55) else { return (verify_track(request), None) };
    let sequence_number = request.number(23).and_then(|number| number.try_into().ok()).unwrap_or(0);
    let verified = Tlvs::parse(chip_data)
        .ok()
        .zip(pan(request))
        .and_then(|(data, pan)| Issuer::of_pan(pan)?.verify(pan, sequence_number, |tag| data.find(tag)).ok());
    (if verified.is_some() { Cryptogram::Verified } else { Cryptogram::Wrong }, verified)
}

/// Checks the dynamic code of a contactless magnetic stripe, which stands in its Track 2.
fn verify_track(request: &Message) -> Cryptogram {
    let is_contactless = request.text(22).is_some_and(|mode| match mode.len() {
        12 => mode.as_bytes()[6] == b'A',
        _ => mode.starts_with("91"),
    });
    let issuer = pan(request).and_then(Issuer::of_pan).filter(|_| is_contactless);
    match issuer.zip(request.text(35)).and_then(|(issuer, track_2)| issuer.verify_track_2(track_2)) {
        Some(true) => Cryptogram::Verified,
        Some(false) => Cryptogram::Wrong,
        None => Cryptogram::Absent,
    }
}

/// The account: field 2, or what stands before the separator of track 2.
fn pan(request: &Message) -> Option<&str> {
    request.text(2).or_else(|| request.text(35)?.split('=').next())
}

fn masked(pan: &str) -> String {
    let hidden = 6..pan.len().saturating_sub(4);
    pan.char_indices().map(|(index, digit)| if hidden.contains(&index) { '*' } else { digit }).collect()
}
