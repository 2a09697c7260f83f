//! Working keys that terminals get when they sign on, enciphered under the master key that each of them shares with the
//! acquirer.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use super::lock;
use super::rules::Delivery;
use super::wire::Message;
use crate::crypto::{Key, MessageMac};

/// What the acquirer needs to hand out keys: PIN key and MAC key in field 62, each followed by the first four bytes of eight
/// zero bytes enciphered with it. A MAC key of `union-pay-ecb` has eight bytes, and as many zeros behind it.
pub struct SignOn {
    algorithm: String,
    master: Key,
    /// After how many requests a terminal has to sign on again.
    lifetime: Option<u32>,
    /// How often keys were handed out: none is handed out twice.
    count: AtomicU32,
    handed_out: Mutex<BTreeMap<String, HandedOut>>,
}

struct HandedOut {
    key: [u8; 16],
    uses: u32,
}

impl SignOn {
    /// Hands out keys for MACs by this algorithm; nothing where there is none of that name, or none with such keys.
    pub fn new(algorithm: &str, master: [u8; 16]) -> Option<Self> {
        let is_known = algorithm != "aes-cmac" && MessageMac::NAMES.contains(&algorithm);
        is_known.then(|| Self {
            algorithm: algorithm.to_owned(),
            master: Key::from_bytes(master),
            lifetime: None,
            count: AtomicU32::new(0),
            handed_out: Mutex::default(),
        })
    }

    /// The same with keys that are good for so many requests of a terminal.
    pub fn with_lifetime(self, requests: u32) -> Self {
        Self { lifetime: Some(requests), ..self }
    }

    /// The keys handed out until now are good for nothing any more.
    pub fn expire(&self) {
        lock(&self.handed_out).clear();
    }

    /// The MAC of a request and its answer; nothing where the terminal is not signed on.
    pub(super) fn mac_of(&self, request: &Message) -> Option<MessageMac> {
        let handed_out = lock(&self.handed_out);
        MessageMac::named(&self.algorithm, handed_out.get(request.text(41)?)?.key)
    }

    /// A terminal has used its key.
    pub(super) fn used(&self, request: &Message) {
        let Some(terminal) = request.text(41) else { return };
        let mut handed_out = lock(&self.handed_out);
        if let Some(keys) = handed_out.get_mut(terminal) {
            keys.uses += 1;
            if self.lifetime.is_some_and(|lifetime| keys.uses >= lifetime) {
                handed_out.remove(terminal);
            }
        }
    }

    /// Puts keys into the answer to a sign-on or a key exchange, and forgets those of a terminal that signs off.
    pub(super) fn answer(&self, request: &Message, delivery: Delivery, answer: &mut Message) {
        let Some(terminal) = request.text(41).filter(|_| answer.text(39) == Some("00")) else { return };
        let code = request.text(60).and_then(|composed| composed.get(8..11)).or_else(|| request.text(70));
        match (request.mti.as_str(), code) {
            ("0820", Some("002")) | ("0800", Some("002")) => {
                lock(&self.handed_out).remove(terminal);
            }
            ("0800", Some("001" | "003" | "101")) => {
                let [pin, mac] = self.fresh();
                let mut keys = [self.enciphered(&pin), check_value(&pin, 16), self.enciphered(&mac)].concat();
                if self.is_short() {
                    keys.truncate(28);
                    keys.extend([0; 8]);
                }
                keys.extend(check_value(&mac, if self.is_short() { 8 } else { 16 }));
                if delivery == Delivery::WrongCheckValue {
                    keys[17] ^= 0x01;
                }
                // In text the bytes are digits.
                let is_text = request.text(60).is_none();
                let digits = || keys.iter().flat_map(|byte| format!("{byte:02X}").into_bytes()).collect();
                answer.set(62, if is_text { digits() } else { keys.clone() });
                lock(&self.handed_out).insert(terminal.to_owned(), HandedOut { key: mac, uses: 0 });
            }
            _ => {}
        }
    }

    fn is_short(&self) -> bool {
        self.algorithm == "union-pay-ecb"
    }

    /// Keys for PIN and MAC that were not handed out before: derived from their number, so that every run has the same.
    fn fresh(&self) -> [[u8; 16]; 2] {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        [1, 2].map(|usage: u8| {
            let block = |half: u8| {
                let [a, b, c, d] = count.to_be_bytes();
                self.master.encrypt([usage, half, a, b, c, d, 0x5A, 0xA5])
            };
            [block(1), block(2)].concat().try_into().expect("two halves of eight bytes")
        })
    }

    fn enciphered(&self, key: &[u8; 16]) -> Vec<u8> {
        key.chunks_exact(8)
            .flat_map(|half| self.master.encrypt(half.try_into().expect("halves have eight bytes")))
            .collect()
    }
}

/// The first four bytes of zeros enciphered with so many bytes of a key.
fn check_value(key: &[u8; 16], length: usize) -> Vec<u8> {
    let key: [u8; 16] = std::array::from_fn(|index| key[index % length]);
    Key::from_bytes(key).encrypt([0; 8])[..4].to_vec()
}

impl std::fmt::Debug for SignOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignOn({}, ..)", self.algorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    fn sign_on_request(fields: &[(u8, &str)]) -> Message {
        let fields: BTreeMap<_, _> = fields.iter().map(|(number, text)| (*number, text.as_bytes().to_vec())).collect();
        Message { tpdu: None, mti: "0800".to_owned(), fields }
    }

    fn keys_of(sign_on: &SignOn, delivery: Delivery) -> Vec<u8> {
        let request = sign_on_request(&[(11, "000001"), (41, "TERM0001"), (60, "00000001003")]);
        let mut answer = request.answer(&[11, 41]);
        answer.set(39, "00");
        sign_on.answer(&request, delivery, &mut answer);
        answer.fields[&62].clone()
    }

    #[test]
    fn each_sign_on_hands_out_other_keys() {
        let master = hex::decode("0123456789ABCDEFFEDCBA9876543210").unwrap().try_into().unwrap();
        let sign_on = SignOn::new("union-pay-ecb", master).unwrap();
        let first = keys_of(&sign_on, Delivery::Answer);
        let second = keys_of(&sign_on, Delivery::Answer);
        assert_eq!((first.len(), second.len()), (40, 40));
        assert_ne!(first, second);
        assert_eq!(first[28..36], [0; 8]);
        let request = sign_on_request(&[(41, "TERM0001")]);
        assert!(sign_on.mac_of(&request).is_some());
        sign_on.expire();
        assert!(sign_on.mac_of(&request).is_none());
        assert!(SignOn::new("aes-cmac", [1; 16]).is_none());
    }

    #[test]
    fn keys_are_good_for_as_many_requests_as_they_should() {
        let sign_on = SignOn::new("retail-padding-1", *b"sixteen bytes, a").unwrap().with_lifetime(2);
        assert_eq!(keys_of(&sign_on, Delivery::Answer).len(), 40);
        let request = sign_on_request(&[(41, "TERM0001")]);
        sign_on.used(&request);
        assert!(sign_on.mac_of(&request).is_some());
        sign_on.used(&request);
        assert!(sign_on.mac_of(&request).is_none());
    }
}
