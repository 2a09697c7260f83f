//! Certificates of the simulator's cards, which the input changes: one that was changed proves no key.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use emv::fields::{Aip, Date, Pan, Track2};
use emv::kernel::{Event, UnpredictableNumbers};
use emv::oda::{
    EncodedCertificate, RevocationList, SignedDynamicData, SignedStaticData, StaticData, recover_icc_key,
    recover_issuer_key,
};
use emv::tap::{Autorun, Input, Output, Tap};
use emv::tlv::{Tag, Tlvs};
use emv::{Instant, dict};
use tender_sim::card::{Card, Personality};

use super::choices::Choices;
use super::spoilt::spoil_bytes;
use super::terminal::{PROFILE, transaction};

/// The objects of a chain of certificates, in the order in which an input chooses among them.
const CHAIN: [Tag; 6] = [
    dict::ISSUER_PUBLIC_KEY_CERTIFICATE,
    dict::ISSUER_PUBLIC_KEY_REMAINDER,
    dict::ISSUER_PUBLIC_KEY_EXPONENT,
    dict::ICC_PUBLIC_KEY_CERTIFICATE,
    dict::ICC_PUBLIC_KEY_REMAINDER,
    dict::ICC_PUBLIC_KEY_EXPONENT,
];

/// What a card holds that proves its key.
#[derive(Clone)]
struct Proof {
    rid: [u8; 5],
    objects: BTreeMap<Tag, Vec<u8>>,
    static_data: StaticData,
}

static PROOFS: LazyLock<[Proof; 2]> = LazyLock::new(|| ["mastercard-offline-cda", "visa-offline-fdda"].map(read));

/// What a card gives in a transaction.
fn read(personality: &str) -> Proof {
    let mut card = Card::new(&Personality::built_in(personality).expect("one of the built-in"));
    let numbers = UnpredictableNumbers::from_seed([7; 32]);
    let mut tap = Tap::new(Arc::clone(&PROFILE), transaction(0x00, 1250), numbers, Autorun::No);
    let mut proof = Proof { rid: [0; 5], objects: BTreeMap::new(), static_data: StaticData::new() };
    let mut aip = Aip::default();
    let mut signed = Vec::new();
    loop {
        match tap.poll().expect("a tap wants something until it is finished") {
            Output::Poll => tap.handle(Input::CardPresent, Instant::default()),
            Output::Record(Event::Selected { df_name, .. }) => proof.rid.copy_from_slice(&df_name[..5]),
            Output::Transmit(command) => {
                let command = command.to_bytes();
                let response = card.transmit(&command).response.expect("it stays in the field");
                let data = &response[..response.len() - 2];
                let objects = Tlvs::parse(data).expect("objects").iter().next().expect("a template").children();
                match command[1] {
                    0xA8 => {
                        aip = objects.find(dict::AIP).expect("it is in the answer").try_into().expect("an AIP");
                        let entries = objects.find(dict::AFL).expect("it is in the answer").chunks_exact(4);
                        signed =
                            entries.flat_map(|entry| (0..entry[3]).map(|n| (entry[0] >> 3, entry[1] + n))).collect();
                    }
                    0xB2 => {
                        if signed.contains(&(command[3] >> 3, command[2])) {
                            proof.static_data.add_record(command[3] >> 3, data).expect("a record");
                        }
                        proof.objects.extend(objects.iter().map(|object| (object.tag, object.value.to_vec())));
                    }
                    _ => {}
                }
                tap.handle(Input::Response(&response), Instant::default());
            }
            Output::Finished(_) => break,
            _ => {}
        }
    }
    let list = proof.objects.get(&dict::SDA_TAG_LIST).cloned().unwrap_or_default();
    proof.static_data.add_tag_list(&list, aip).expect("the AIP alone");
    proof
}

impl Proof {
    fn encoded(&self, tags: &[Tag]) -> EncodedCertificate<'_> {
        let value = |tag: Tag| self.objects.get(&tag).map_or(&[][..], Vec::as_slice);
        EncodedCertificate { certificate: value(tags[0]), remainder: value(tags[1]), exponent: value(tags[2]) }
    }

    /// Whether the card's key is proven.
    fn holds(&self) -> bool {
        let index = self.objects.get(&dict::CA_PUBLIC_KEY_INDEX).map_or(0, |index| index[0]);
        let date = Date::new(2026, 11, 24).expect("a date");
        let Ok(ca_key) = PROFILE.ca_keys.usable(self.rid, index, date) else { return false };
        let track2 = || Track2::from_bytes(self.objects.get(&dict::TRACK_2_EQUIVALENT_DATA)?).ok();
        let pan = self.objects.get(&dict::PAN).and_then(|pan| Pan::from_cn(pan).ok());
        let pan = pan.or_else(|| track2().map(|track2| track2.pan().clone())).expect("a card has a number");
        let issuer = recover_issuer_key(ca_key, self.encoded(&CHAIN[..3]), &pan, date, &RevocationList::new());
        let Ok(issuer) = issuer else { return false };
        recover_icc_key(&issuer, self.encoded(&CHAIN[3..]), &self.static_data, &pan, date).is_ok()
    }
}

/// The input: which card, then which objects of its chain are changed, and how. What is left is taken for signatures.
pub fn run(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let genuine = &PROOFS[usize::from(choices.byte()) % PROOFS.len()];
    let mut changed = genuine.clone();
    for _ in 0..choices.byte() % 4 {
        let tag = CHAIN[usize::from(choices.byte()) % CHAIN.len()];
        spoil_bytes(&mut choices, changed.objects.entry(tag).or_default());
    }
    // An empty remainder is as good as none.
    let is_same = CHAIN.iter().all(|tag| {
        let value = |proof: &Proof| proof.objects.get(tag).cloned().unwrap_or_default();
        value(genuine) == value(&changed)
    });
    assert_eq!(changed.holds(), is_same, "a chain holds where nothing was changed, and only there");

    let ca_key = PROFILE.ca_keys.iter().next().expect("there are keys").key();
    let signed = choices.0;
    let _ = SignedStaticData::open(ca_key, signed).map(|data| data.verify(&genuine.static_data));
    let _ = SignedDynamicData::open(ca_key, signed).map(|data| (data.verify(&[signed]), data.icc_dynamic_data()));
}
