//! The acquirer over its own wire.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use emv::dict;
use emv::tlv::{Tag, Tlv, Tlvs, Writer};

use super::*;
use crate::card::{Card, Personality};

const RULES: &str = "
    [[rule]]
    when.cents = 10
    then.response = '10'
    [[rule]]
    when.cents = 51
    then.response = '51'
    [[rule]]
    when.cents = 58
    then.script = ['04DA9F5805']
    [[rule]]
    when.cents = 95
    then.delivery = 'other-stan'
    [[rule]]
    when.cents = 96
    then.delivery = 'none'
    [[rule]]
    when.cents = 98
    then.delivery = 'drop-line'
    [[rule]]
    when.cents = 99
    then.delivery = 'malformed'
";

struct Line {
    acquirer: Acquirer,
    format: WireFormat,
    stream: TcpStream,
}

impl Line {
    fn open() -> Self {
        let format = WireFormat::named("bcd").unwrap();
        let acquirer = Acquirer::start("127.0.0.1:0", format, Rules::parse(RULES).unwrap()).unwrap();
        let stream = TcpStream::connect(acquirer.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { acquirer, format, stream }
    }

    fn send(&mut self, message: &Message) {
        self.stream.write_all(&self.format.frame(&message.encode(&self.format))).unwrap();
    }

    fn receive(&mut self) -> Option<Message> {
        let frame = self.format.read_frame(&mut self.stream).unwrap()?;
        Some(Message::decode(&frame, &self.format).expect("the acquirer answers with a message"))
    }

    fn ask(&mut self, message: &Message) -> Message {
        self.send(message);
        self.receive().expect("the acquirer answers")
    }
}

fn message(mti: &str, stan: u32, amount: u32) -> Message {
    let mut message = Message { tpdu: None, mti: mti.to_owned(), fields: Default::default() };
    message.set(2, "4761739001010119");
    message.set(4, format!("{amount:012}"));
    message.set(11, format!("{stan:06}"));
    message.set(37, format!("620212{stan:06}"));
    message.set(41, "TERM0001");
    message.set(49, "978");
    message
}

/// The reversal of the request with this STAN.
fn reversal(mti: &str, stan: u32, amount: u32) -> Message {
    let mut message = message(mti, 500_000, amount);
    message.set(37, format!("620212{stan:06}"));
    message.set(90, format!("0100{stan:06}{:032}", 0));
    message
}

#[test]
fn money_moves_by_approvals_and_stays_unless_reversed() {
    let mut line = Line::open();
    let codes = [(1, 1250), (2, 1010), (3, 1051)].map(|(stan, amount)| {
        let answer = line.ask(&message("0100", stan, amount));
        (answer.mti.clone(), answer.text(39).unwrap().to_owned(), answer.number(4), answer.text(38).is_some())
    });
    let answer = |code: &str, amount, has_code| ("0110".to_owned(), code.to_owned(), Some(amount), has_code);
    assert_eq!(codes, [answer("00", 1250, true), answer("10", 505, true), answer("51", 1051, false)]);
    assert_eq!(line.acquirer.ledger().total(), 1755);

    for mti in ["0400", "0401", "0401"] {
        let answer = line.ask(&reversal(mti, 1, 1250));
        assert_eq!((answer.mti.as_str(), answer.text(39)), ("0410", Some("00")));
    }
    let ledger = line.acquirer.ledger();
    assert_eq!((ledger.total(), ledger.reversals), (505, 3));
    assert!(ledger.find("620212000001").unwrap().is_reversed);
    assert_eq!(ledger.find("620212000001").unwrap().pan, "476173******0119");
}

#[test]
fn a_reversal_of_what_never_came_and_a_request_that_comes_twice_are_told() {
    let mut line = Line::open();
    assert_eq!(line.ask(&reversal("0400", 7, 1250)).text(39), Some("25"));
    assert_eq!(line.ask(&message("0200", 8, 1250)).text(39), Some("00"));
    assert_eq!(line.ask(&message("0200", 8, 1250)).text(39), Some("94"));
    assert_eq!(line.acquirer.ledger().total(), 1250);
}

/// A refund (20) or a void (02) of the request with STAN `original`.
fn follow_up(code: &str, stan: u32, original: u32, amount: u32) -> Message {
    let mut message = message("0200", stan, amount);
    message.set(3, format!("{code}0000"));
    message.set(90, format!("0100{original:06}{:032}", 0));
    message
}

#[test]
fn refunds_never_come_to_more_than_their_sale_and_a_void_is_for_the_whole_of_one_that_stands() {
    let mut line = Line::open();
    for (stan, amount) in [(1, 1250), (2, 1230), (3, 1230)] {
        line.ask(&message("0100", stan, amount));
    }
    let mut last = 10;
    for (code, original, amount, expected) in [
        ("20", 1, 1000, "00"),
        ("20", 1, 300, "13"),
        ("20", 1, 250, "00"),
        ("02", 1, 1250, "12"),
        ("02", 2, 1231, "13"),
        ("02", 2, 1230, "00"),
        ("02", 2, 1230, "12"),
        ("20", 2, 1, "12"),
        ("20", 7, 1, "25"),
    ] {
        last += 1;
        let answer = line.ask(&follow_up(code, last, original, amount));
        assert_eq!(answer.text(39), Some(expected), "{code} of {original}: {amount}");
    }
    assert_eq!(line.acquirer.ledger().takings(), 1230, "the third sale");
    // Once the void is taken back, the sale stands again.
    line.ask(&reversal("0400", 16, 1230));
    assert_eq!(line.ask(&follow_up("20", 30, 2, 1230)).text(39), Some("00"));
}

#[test]
fn an_answer_may_be_lost_wrong_or_anothers_and_the_money_has_moved_all_the_same() {
    let mut line = Line::open();
    line.send(&message("0100", 1, 1096));
    assert_eq!(line.ask(&message("0100", 2, 1095)).text(11), Some("000003"));
    line.send(&message("0100", 4, 1099));
    assert_eq!(line.format.read_frame(&mut line.stream).unwrap(), Some(vec![0xFF]));
    line.send(&message("0100", 5, 1098));
    assert!(line.receive().is_none());
    let ledger = line.acquirer.ledger_when(Duration::from_secs(10), |ledger| ledger.entries.len() == 4);
    assert_eq!(ledger.total(), 1096 + 1095 + 1099 + 1098);
}

#[test]
fn a_wrong_cryptogram_is_declined() {
    let mut line = Line::open();
    let mut request = message("0100", 1, 1250);
    request.set(55, [0x9F, 0x36, 0x02, 0x00, 0x01]);
    let answer = line.ask(&request);
    assert_eq!((answer.text(39), answer.fields.get(&55)), (Some("82"), None));
    assert_eq!(line.acquirer.ledger().entries[0].cryptogram, Cryptogram::Wrong);
}

#[test]
fn the_code_in_a_contactless_magnetic_stripe_is_checked() {
    let mut line = Line::open();
    let mut ask = |stan, entry_mode, code: u32| {
        let mut request = message("0100", stan, 1250);
        request.set(2, "5413330089601034");
        request.set(22, entry_mode);
        request.set(35, format!("5413330089601034=4912201000010899{code:03}4"));
        line.ask(&request).text(39).unwrap().to_owned()
    };
    let right = (0..1000).find(|code| ask(*code, "911", *code) == "00").expect("one of a thousand is right");
    assert_eq!(ask(1001, "911", (right + 1) % 1000), "82");
    assert_eq!(ask(1002, "021", (right + 1) % 1000), "00", "a magnetic stripe that was swiped");
    let ledger = line.acquirer.ledger();
    let last: Vec<_> = ledger.entries.iter().rev().map(|entry| entry.cryptogram).take(3).collect();
    assert_eq!(last, [Cryptogram::Absent, Cryptogram::Wrong, Cryptogram::Verified]);
}

/// Sends a command that the card must carry out.
fn command(card: &mut Card, command: &[u8]) -> Vec<u8> {
    let mut response = card.transmit(command).response.unwrap();
    assert_eq!(response.split_off(response.len() - 2), [0x90, 0x00], "{command:02X?}");
    response
}

#[test]
fn a_card_takes_the_answer_and_the_script_of_its_issuer() {
    const SELECT: &[u8] = &[0x00, 0xA4, 0x04, 0x00, 0x07, 0xA0, 0x00, 0x00, 0x00, 0x03, 0x10, 0x10, 0x00];
    let sent: [(Tag, &[u8]); 9] = [
        (dict::TTQ, &[0x26, 0x00, 0x80, 0x00]),
        (dict::AMOUNT_AUTHORISED_NUMERIC, &[0, 0, 0, 0, 0x12, 0x58]),
        (dict::AMOUNT_OTHER_NUMERIC, &[0; 6]),
        (dict::TERMINAL_COUNTRY_CODE, &[0x02, 0x76]),
        (dict::TVR, &[0; 5]),
        (dict::TRANSACTION_CURRENCY_CODE, &[0x09, 0x78]),
        (dict::TRANSACTION_DATE, &[0x26, 0x11, 0x24]),
        (dict::TRANSACTION_TYPE, &[0x00]),
        (dict::UNPREDICTABLE_NUMBER, &[0x12, 0x34, 0x56, 0x78]),
    ];
    let mut card = Card::new(&Personality::built_in("visa-issuer-update").unwrap());
    command(&mut card, SELECT);
    let values = sent.map(|(_, value)| value).concat();
    let template = [&[0x80, 0xA8, 0x00, 0x00, 0x23, 0x83, 0x21], &values[..], &[0x00]].concat();
    let response = command(&mut card, &template);
    let mut chip_data = Writer::new();
    for (tag, value) in sent {
        chip_data.put(tag, value);
    }
    let chip_data = [chip_data.into_bytes(), Tlv::parse(&response).unwrap().value.to_vec()].concat();

    let mut request = message("0100", 1, 1258);
    request.set(23, "001");
    request.set(55, chip_data);
    let answer = Line::open().ask(&request);
    assert_eq!(answer.text(39), Some("00"));
    let answer = Tlvs::parse(&answer.fields[&55]).unwrap();
    let authentication_data = answer.find(dict::ISSUER_AUTHENTICATION_DATA).unwrap();
    let script = answer.find_template(dict::ISSUER_SCRIPT_TEMPLATE_2).unwrap();

    card.reset();
    command(&mut card, SELECT);
    command(&mut card, &[&[0x00, 0x82, 0x00, 0x00, authentication_data.len() as u8], authentication_data].concat());
    command(&mut card, script.find(dict::ISSUER_SCRIPT_COMMAND).unwrap());
    assert_eq!(command(&mut card, &[0x80, 0xCA, 0x9F, 0x58, 0x00]), [0x9F, 0x58, 0x01, 0x05]);
}

#[test]
fn an_echo_test_is_answered_and_what_is_no_message_is_counted() {
    let mut line = Line::open();
    line.stream.write_all(&[0, 1, 0xFF]).unwrap();
    let mut echo = message("0800", 1, 0);
    echo.set(70, "301");
    let answer = line.ask(&echo);
    assert_eq!((answer.mti.as_str(), answer.text(39), answer.text(70)), ("0810", Some("00"), Some("301")));
    assert_eq!((line.acquirer.ledger().network_requests, line.acquirer.ledger().malformed), (1, 1));
}

#[test]
fn an_advice_is_booked_once_however_often_it_is_sent() {
    let mut line = Line::open();
    for mti in ["0220", "0221", "0221"] {
        let answer = line.ask(&message(mti, 1, 1251));
        assert_eq!((answer.mti.as_str(), answer.text(39)), ("0230", Some("00")));
    }
    assert_eq!((line.acquirer.ledger().entries.len(), line.acquirer.ledger().total()), (1, 1251));
}
