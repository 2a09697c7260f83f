//! The storage of a simulated card, read and written by the terminal's own kernel, whose rules the card doesn't share.

use std::sync::Arc;

use emv::fields::{AdditionalTerminalCapabilities, Amount, Date, TerminalCapabilities};
use emv::kernel::{Database, Decision, Event, Transaction, UnpredictableNumbers, c2};
use emv::oda::{CaKey, CaKeys, Environment, RevocationList};
use emv::profile::{Aid, Combination, KernelConfiguration, KernelId, Limits, Profile, TerminalData};
use emv::tap::{Autorun, Input, Output, Tap};
use emv::tlv::{Tag, Tlvs};
use emv::{Instant, dict};
use tender_sim::ca;
use tender_sim::card::{Card, Personality};

const MASTERCARD: &[u8] = &[0xA0, 0x00, 0x00, 0x00, 0x04, 0x10, 0x10];

const TRAMS: &[u8] = &[0x81, 0x99, 0x82, 0x99, 0x83, 0x99, 0x84, 0x99];
const STADIUM: &[u8] = &[0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08];

const PERMANENT: u8 = 0x80;
const VOLATILE: u8 = 0x40;
const DECLINE_ON_ERROR: u8 = 0x08;

/// What each shop's kernel is configured with.
const KERNEL_2: &[(Tag, &[u8])] = &[
    (dict::TERMINAL_TYPE, &[0x22]),
    (dict::CVM_CAPABILITY_NO_CVM_REQUIRED, &[0x08]),
    (dict::KERNEL_CONFIGURATION, &[0x20]),
    (dict::SECURITY_CAPABILITY, &[0x08]),
    (dict::TERMINAL_ACTION_CODE_DEFAULT, &[0x00; 5]),
    (dict::TERMINAL_ACTION_CODE_DENIAL, &[0x00; 5]),
    (dict::TERMINAL_ACTION_CODE_ONLINE, &[0xFF; 5]),
    (dict::READER_CONTACTLESS_FLOOR_LIMIT, &[0x00; 6]),
    (dict::READER_CONTACTLESS_TRANSACTION_LIMIT_NO_ON_DEVICE_CVM, &[0x00, 0x00, 0x00, 0x10, 0x00, 0x00]),
    (dict::READER_CONTACTLESS_TRANSACTION_LIMIT_ON_DEVICE_CVM, &[0x00, 0x00, 0x00, 0x10, 0x00, 0x00]),
    (dict::READER_CVM_REQUIRED_LIMIT, &[0x00, 0x00, 0x00, 0x10, 0x00, 0x00]),
];

/// What an operator writes into the slot.
struct Writing<'a> {
    info: u8,
    data: &'a [u8],
    /// Opens a permanent slot that was written before.
    opens: [u8; 8],
    /// Opens it the next time.
    opens_next: [u8; 8],
}

/// What came of a tap.
#[derive(Debug, PartialEq, Eq)]
struct Tapped {
    decision: Decision,
    /// DS ODS Card, if the terminal was told any.
    read: Option<Vec<u8>>,
    /// DS Summary Status.
    status: u8,
}

const UNTOUCHED: u8 = 0x00;
const READ: u8 = 0x80;
const READ_AND_WRITTEN: u8 = 0xC0;

fn online(read: Option<&[u8]>, status: u8) -> Tapped {
    Tapped { decision: Decision::OnlineRequest, read: read.map(<[u8]>::to_vec), status }
}

/// Pays with a card where this operator's data are read, and written if there is something to write.
fn pay(card: &mut Card, operator: Option<&[u8]>, writing: Option<Writing<'_>>) -> Tapped {
    let mut objects = Database::new();
    KERNEL_2.iter().for_each(|(tag, value)| objects.set(*tag, value));
    if let Some(operator) = operator {
        objects.set(dict::DSVN_TERM, &[0x01]);
        objects.set(dict::DS_REQUESTED_OPERATOR_ID, operator);
    }
    if let Some(Writing { info, data, opens, opens_next }) = writing {
        const ARQC: u8 = 0x80;
        const USABLE_FOR_ARQC: u8 = 0x40;
        objects.set(dict::DS_ODS_INFO, &[info]);
        objects.set(dict::DS_ODS_TERM, data);
        objects.set(dict::DS_INPUT_CARD, &opens);
        objects.set(dict::DS_INPUT_TERM, &opens_next);
        objects.set(dict::DS_AC_TYPE, &[ARQC]);
        objects.set(dict::DS_ODS_INFO_FOR_READER, &[USABLE_FOR_ARQC]);
    }
    card.reset();
    tap(card, profile(&objects))
}

fn profile(objects: &Database) -> Profile {
    let mut keys = CaKeys::new(Environment::Test);
    for key in ca::public_keys() {
        let key = CaKey::new(key.rid, key.index, &key.modulus, &key.exponent, key.checksum).unwrap();
        keys.insert(key).unwrap();
    }
    let terminal = TerminalData {
        terminal_type: 0x22,
        country: [0x02, 0x76],
        capabilities: TerminalCapabilities::default(),
        additional_capabilities: AdditionalTerminalCapabilities::default(),
        terminal_id: *b"SHOP0001",
        merchant_id: *b"MERCHANT0000001",
        merchant_category_code: [0x54, 0x11],
        merchant_name_and_location: b"Shop".to_vec(),
        acquirer_id: [0; 6],
        ifd_serial_number: *b"00000001",
    };
    let combination = Combination {
        aid: Aid::try_from(MASTERCARD).unwrap(),
        kernel_id: KernelId::emvco(0x02),
        transaction_types: vec![0x00],
        limits: Limits::default(),
    };
    let kernel = KernelConfiguration::C2(Arc::new(c2::Configuration::from_objects(objects).unwrap()));
    Profile::new(terminal, keys, RevocationList::new(), [(combination, kernel)])
}

fn tap(card: &mut Card, profile: Profile) -> Tapped {
    let transaction = Transaction {
        amount_authorised: Some(Amount::from(1250_u32)),
        amount_other: None,
        currency: [0x09, 0x78],
        currency_exponent: 2,
        transaction_type: 0x00,
        date: Date::new(2026, 11, 24).unwrap(),
        time: [0x14, 0x30, 0x00],
        sequence_counter: 1,
    };
    let mut tap = Tap::new(Arc::new(profile), transaction, UnpredictableNumbers::from_seed([7; 32]), Autorun::No);
    let now = Instant::default();
    let mut read = None;
    loop {
        match tap.poll().expect("nothing is waited for but the card") {
            Output::Record(Event::OfflineDataAuthentication { result, .. }) => assert_eq!(result, Ok(())),
            Output::DataExchange { sent, .. } => {
                let told = Tlvs::parse(sent.as_bytes()).unwrap().find(dict::DS_ODS_CARD).map(<[u8]>::to_vec);
                read = read.or(told);
            }
            Output::Ui(_) | Output::Record(_) | Output::FieldOn | Output::FieldOff { .. } => {}
            Output::Wait(moment) => tap.handle(Input::Deadline, moment),
            Output::Poll => tap.handle(Input::CardPresent, now),
            Output::AwaitRemoval => tap.handle(Input::CardRemoved, now),
            Output::Transmit(command) => {
                let response = card.transmit(&command.to_bytes()).response.expect("the card is in the field");
                tap.handle(Input::Response(&response), now);
            }
            Output::AwaitOnlineResponse(outcome) | Output::Finished(outcome) => {
                let discretionary_data = outcome.discretionary_data.expect("Kernel 2 gives some");
                let objects = Tlvs::parse(discretionary_data.as_bytes()).unwrap();
                let status = objects.find(dict::DS_SUMMARY_STATUS).map_or(UNTOUCHED, |status| status[0]);
                return Tapped { decision: outcome.decision, read, status };
            }
        }
    }
}

fn new_card() -> Card {
    Card::new(&Personality::built_in("mastercard-data-storage").unwrap())
}

/// A card whose slot the trams keep.
fn card_with_ticket() -> Card {
    let mut card = new_card();
    let ticket = Writing { info: PERMANENT, data: b"single", opens: [0; 8], opens_next: [1; 8] };
    assert_eq!(pay(&mut card, Some(TRAMS), Some(ticket)), online(None, READ_AND_WRITTEN));
    card
}

#[test]
fn what_one_tap_writes_the_next_one_reads() {
    let mut card = card_with_ticket();
    assert_eq!(pay(&mut card, Some(TRAMS), None), online(Some(b"single"), READ));
    let return_ticket = Writing { info: PERMANENT, data: b"return", opens: [1; 8], opens_next: [2; 8] };
    assert_eq!(pay(&mut card, Some(TRAMS), Some(return_ticket)), online(Some(b"single"), READ_AND_WRITTEN));
    assert_eq!(pay(&mut card, Some(TRAMS), None), online(Some(b"return"), READ));
}

#[test]
fn the_same_data_written_again_are_written() {
    let mut card = card_with_ticket();
    let again = Writing { info: PERMANENT, data: b"single", opens: [1; 8], opens_next: [1; 8] };
    assert_eq!(pay(&mut card, Some(TRAMS), Some(again)), online(Some(b"single"), READ_AND_WRITTEN));
}

#[test]
fn nobody_writes_a_permanent_slot_without_the_input_of_its_digest() {
    let mut card = card_with_ticket();
    let forged = |info| Writing { info, data: b"yearly", opens: [9; 8], opens_next: [9; 8] };
    assert_eq!(pay(&mut card, Some(TRAMS), Some(forged(PERMANENT))), online(Some(b"single"), READ));
    let declined = pay(&mut card, Some(TRAMS), Some(forged(PERMANENT | DECLINE_ON_ERROR)));
    assert_eq!(declined, Tapped { decision: Decision::Declined, ..online(Some(b"single"), READ) });
    assert_eq!(pay(&mut card, Some(TRAMS), None), online(Some(b"single"), READ));
}

#[test]
fn another_operator_is_not_told_of_a_permanent_slot_and_is_paid() {
    let mut card = card_with_ticket();
    assert_eq!(pay(&mut card, Some(STADIUM), None), online(None, UNTOUCHED));
    assert_eq!(pay(&mut card, Some(TRAMS), None), online(Some(b"single"), READ));
}

#[test]
fn another_operator_may_take_a_volatile_slot() {
    let mut card = new_card();
    let volatile = |data| Writing { info: VOLATILE, data, opens: [0; 8], opens_next: [0; 8] };
    assert_eq!(pay(&mut card, Some(TRAMS), Some(volatile(b"single"))), online(None, READ_AND_WRITTEN));
    assert_eq!(pay(&mut card, Some(STADIUM), Some(volatile(b"row 7"))), online(None, READ_AND_WRITTEN));
    assert_eq!(pay(&mut card, Some(STADIUM), None), online(Some(b"row 7"), READ));
}

#[test]
fn a_shop_that_stores_nothing_is_paid() {
    assert_eq!(pay(&mut new_card(), None, None), online(None, UNTOUCHED));
    assert_eq!(pay(&mut card_with_ticket(), None, None), online(None, UNTOUCHED));
}
