//! Chip data as they come from a simulated card: real cryptograms over the data of a sale, without a kernel.

use std::collections::BTreeMap;

use emv::dict;
use emv::fields::{Afl, Track2};
use emv::tlv::{Dol, Tag, Tlvs, Writer};
use tender_sim::card::{Card, Personality};

/// The data objects of a sale of 12.50 EUR with a card of this personality: the terminal's, and the card's.
pub(crate) fn data_record(personality: &str) -> Vec<u8> {
    let personality = Personality::built_in(personality).expect("the simulator brings this personality along");
    let mut card = Card::new(&personality);
    let mut data = terminal_data();

    let aid = first_aid(&mut card);
    let fci = send(&mut card, &[0x00, 0xA4, 0x04, 0x00], &aid);
    collect(&mut data, &fci);
    let pdol = answer_to(&data, dict::PDOL);
    let mut command_template = Writer::new();
    command_template.put(dict::COMMAND_TEMPLATE, &pdol);
    let options = send(&mut card, &[0x80, 0xA8, 0x00, 0x00], &command_template.into_bytes());
    collect(&mut data, &options);

    if let Some(afl) = data.get(&dict::AFL).cloned() {
        for record in Afl::from_bytes(&afl).expect("the card has a valid AFL").records() {
            collect(&mut data, &send(&mut card, &[0x00, 0xB2, record.number, record.sfi << 3 | 4], &[]));
        }
    }
    if !data.contains_key(&dict::APPLICATION_CRYPTOGRAM) {
        let cdol1 = answer_to(&data, dict::CDOL1);
        let cryptogram = send(&mut card, &[0x80, 0xAE, 0x80, 0x00], &cdol1);
        collect(&mut data, &cryptogram);
    }
    let mut record = Writer::new();
    for (tag, value) in &data {
        record.put(*tag, value);
    }
    record.into_bytes()
}

/// Track 2 of a data record.
pub(crate) fn track2(record: &[u8]) -> Track2 {
    let record = Tlvs::parse(record).expect("a record is data objects");
    Track2::from_bytes(record.find(dict::TRACK_2_EQUIVALENT_DATA).expect("the card has track 2"))
        .expect("and it is valid")
}

fn terminal_data() -> BTreeMap<Tag, Vec<u8>> {
    [
        (dict::AMOUNT_AUTHORISED_NUMERIC, vec![0, 0, 0, 0, 0x12, 0x50]),
        (dict::AMOUNT_OTHER_NUMERIC, vec![0; 6]),
        (dict::TERMINAL_COUNTRY_CODE, vec![0x00, 0x56]),
        (dict::TVR, vec![0; 5]),
        (dict::TRANSACTION_CURRENCY_CODE, vec![0x09, 0x78]),
        (dict::TRANSACTION_DATE, vec![0x26, 0x07, 0x21]),
        (dict::TRANSACTION_TYPE, vec![0x00]),
        (dict::UNPREDICTABLE_NUMBER, vec![0x12, 0x34, 0x56, 0x78]),
        (dict::TERMINAL_TYPE, vec![0x22]),
        (dict::TTQ, vec![0x36, 0x00, 0x40, 0x00]),
        (dict::CVM_RESULTS, vec![0x1F, 0x00, 0x02]),
    ]
    .into()
}

/// The card's first application, from its directory.
fn first_aid(card: &mut Card) -> Vec<u8> {
    let directory = send(card, &[0x00, 0xA4, 0x04, 0x00], b"2PAY.SYS.DDF01");
    let mut data = BTreeMap::new();
    collect(&mut data, &directory);
    data.remove(&dict::ADF_NAME).expect("the directory names an application")
}

fn send(card: &mut Card, header: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut command = header.to_vec();
    if !data.is_empty() {
        command.push(data.len() as u8);
        command.extend_from_slice(data);
    }
    command.push(0);
    let response = card.transmit(&command).response.expect("the card stays in the field");
    let (data, status) = response.split_at(response.len() - 2);
    assert_eq!(status, [0x90, 0x00], "the card refuses {header:02X?}");
    data.to_vec()
}

/// Takes the data objects of a response, on every level. What was there first stays.
fn collect(data: &mut BTreeMap<Tag, Vec<u8>>, response: &[u8]) {
    fn collect_level(data: &mut BTreeMap<Tag, Vec<u8>>, objects: Tlvs<'_>) {
        for object in objects {
            if object.tag.is_constructed() {
                collect_level(data, object.children());
            } else {
                data.entry(object.tag).or_insert_with(|| object.value.to_vec());
            }
        }
    }
    collect_level(data, Tlvs::parse(response).expect("the card answers in data objects"));
}

/// The values that one of the card's lists asks for; none, where the card has no such list.
fn answer_to(data: &BTreeMap<Tag, Vec<u8>>, list: Tag) -> Vec<u8> {
    let list = data.get(&list).map_or(&[][..], Vec::as_slice);
    Dol::parse(list).expect("the card has valid lists").build(|tag| data.get(&tag).map(Vec::as_slice)).to_vec()
}
