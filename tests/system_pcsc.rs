//! Sales over D-Bus, with cards at the readers of a real pcscd: the whole path.

#[path = "support/pcscd.rs"]
mod pcscd;
#[path = "support/register.rs"]
mod register;
#[path = "support/terminal.rs"]
mod terminal;

use std::num::NonZeroU32;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use pcscd::{Pcscd, VirtualCard, isolated};
use register::{Register, Transaction};
use tender_sim::acquirer::Cryptogram;
use tender_sim::card::{Card, Personality};
use tender_sim::vpcd::Slot;
use terminal::{Readers, Terminal, eventually, rules};

const PATIENCE: Duration = Duration::from_secs(20);

/// How a sale of 12.50 EUR ends with each personality, at a terminal that asks the issuer above 25.00: its result, the
/// name of its error, and whether the acquirer was asked.
#[rustfmt::skip]
const ENDS: &[(&str, &str, &str, bool)] = &[
    ("declined", "declined", "DeclinedOffline", false),
    ("expired", "declined", "DeclinedOffline", false),
    ("malformed-afl", "aborted", "EndApplication", false),
    ("malformed-answers", "aborted", "EndApplication", false),
    ("malformed-length", "aborted", "EndApplication", false),
    ("malformed-missing", "aborted", "EndApplication", false),
    ("malformed-twice", "aborted", "EndApplication", false),
    ("mastercard-data-storage", "approved", "", true),
    ("mastercard-mag-stripe", "approved", "", true),
    ("mastercard-offline-cda", "approved", "", false),
    ("mastercard-online", "approved", "", true),
    ("mastercard-online-cda", "approved", "", true),
    ("mastercard-phone-cdcvm", "approved", "", true),
    // The terminal runs no relay resistance protocol.
    ("mastercard-relay-altered", "approved", "", true),
    ("mastercard-relay-resistance", "approved", "", true),
    ("mastercard-relayed", "approved", "", true),
    ("mastercard-see-phone", "approved", "", true),
    ("refused-by-tac", "declined", "DeclinedOffline", false),
    ("several-applications", "approved", "", true),
    ("slow", "approved", "", true),
    ("torn", "approved", "", true),
    ("torn-at-cryptogram", "approved", "", true),
    ("visa-declined", "declined", "DeclinedOffline", false),
    ("visa-expired", "declined", "DeclinedOffline", false),
    ("visa-issuer-update", "approved", "", true),
    ("visa-offline-fdda", "approved", "", false),
    ("visa-online", "approved", "", true),
    ("visa-online-cvn10", "approved", "", true),
    ("visa-online-cvn17", "approved", "", true),
    ("visa-phone-cdcvm", "approved", "", true),
    ("visa-sda", "approved", "", true),
    ("visa-wrong-signature", "declined", "DeclinedOffline", false),
    ("wrong-ca-index", "approved", "", true),
    ("wrong-signature", "aborted", "EndApplication", false),
];

/// A terminal at the readers of a pcscd, whose acquirer approves everything.
fn start() -> (Terminal, Register) {
    register::start(Readers::Pcsc, rules(""), &[])
}

fn slot(pcscd: &Pcscd, reader: u16) -> Slot {
    Slot::new(([127, 0, 0, 1], pcscd.port(reader)).into())
}

/// Presents a card as soon as the reader takes one.
fn present(slot: &mut Slot, personality: &Personality) {
    eventually(|| slot.insert(Card::new(personality)));
}

fn built_in(name: &str) -> Personality {
    Personality::built_in(name).expect("the simulator brings it along")
}

/// Waits for the end of a sale, as a customer does at reader 0: presents the card again where it left the field and the
/// terminal asks for it, and takes the phone away to look at it where it says so. Tells also how often that was.
fn done_with(register: &Register, pcscd: &Pcscd, token: &str, slot: &mut Slot) -> (Transaction, u32) {
    let mut presented_again = 0;
    loop {
        let transaction = register.when(token, |transaction| {
            let is_to_look_at_phone =
                presented_again == 0 && transaction.text("CashierMessage").contains("take card or phone away");
            transaction.state() == "done"
                || (transaction.state() == "armed" && !slot.is_occupied())
                || (is_to_look_at_phone && slot.is_occupied())
        });
        let card = slot.remove().expect("it was presented before");
        pcscd.notices_an_empty(0);
        if transaction.state() == "done" {
            return (transaction, presented_again);
        }
        presented_again += 1;
        slot.insert(card).expect("pcscd runs");
    }
}

#[test]
fn a_sale_with_each_personality_ends_as_it_must() {
    isolated("a_sale_with_each_personality_ends_as_it_must", |pcscd| {
        pcscd.start();
        let (terminal, register) = start();
        register.has_readers(&Pcscd::READERS);
        let mut slot = slot(pcscd, 0);
        let mut ends = Vec::new();
        for (name, ..) in ENDS {
            register.sell(name, 1250, Some(Pcscd::READERS[0])).unwrap();
            present(&mut slot, &built_in(name));
            let (transaction, _) = done_with(&register, pcscd, name, &mut slot);
            ends.push((*name, transaction.result(), transaction.error(), !transaction.text("ResponseCode").is_empty()));
        }
        let told: Vec<_> =
            ends.iter().map(|(name, result, error, online)| (*name, &**result, &**error, *online)).collect();
        assert_eq!(told, ENDS);
        assert!(Personality::names().eq(ENDS.iter().map(|(name, ..)| *name)), "a personality is missing above");

        // What was approved offline follows by advice.
        let approved = ENDS.iter().filter(|(_, result, ..)| *result == "approved").count();
        let ledger = terminal.acquirer.ledger_when(PATIENCE, |ledger| ledger.entries.len() >= approved);
        assert!(ledger.entries.iter().all(|entry| entry.cryptogram == Cryptogram::Verified), "{ledger:#?}");
        let asked = ledger.entries.iter().filter(|entry| entry.mti == "0100").count();
        assert_eq!(asked, ENDS.iter().filter(|(.., online)| *online).count());
        assert_eq!(ledger.entries.len(), approved);
        register.reconcile(&ledger);
    });
}

/// A sale for each command of the card, which is pulled at that command and presented again when the terminal asks.
fn pulled_at_each_command(pcscd: &mut Pcscd, name: &str) {
    pcscd.start();
    let (terminal, register) = start();
    register.has_readers(&Pcscd::READERS);
    let mut slot = slot(pcscd, 0);
    for command in 1.. {
        let token = format!("pulled-at-{command}");
        let mut personality = built_in(name);
        personality.torn_at = NonZeroU32::new(command);
        register.sell(&token, 1250, Some(Pcscd::READERS[0])).unwrap();
        present(&mut slot, &personality);
        let (transaction, presented_again) = done_with(&register, pcscd, &token, &mut slot);
        assert_eq!(transaction.result(), "approved", "{token}: {transaction:?}");
        if presented_again == 0 {
            assert!(command > 3, "a tap has more than {command} commands");
            assert_eq!(terminal.acquirer.ledger().total(), u64::from(command) * 1250, "one approval for each sale");
            return register.reconcile(&terminal.acquirer.ledger());
        }
    }
}

#[test]
fn a_mastercard_pulled_at_any_command_and_presented_again_pays_once() {
    isolated("a_mastercard_pulled_at_any_command_and_presented_again_pays_once", |pcscd| {
        pulled_at_each_command(pcscd, "mastercard-online");
    });
}

#[test]
fn a_visa_card_pulled_at_any_command_and_presented_again_pays_once() {
    isolated("a_visa_card_pulled_at_any_command_and_presented_again_pays_once", |pcscd| {
        pulled_at_each_command(pcscd, "visa-online");
    });
}

#[test]
fn a_pcscd_that_dies_in_the_middle_of_a_sale_and_comes_back_is_found_again() {
    isolated("a_pcscd_that_dies_in_the_middle_of_a_sale_and_comes_back_is_found_again", |pcscd| {
        pcscd.start();
        let (terminal, register) = start();
        register.has_readers(&Pcscd::READERS);
        let mut slot = slot(pcscd, 0);
        register.sell("cut", 1250, None).unwrap();
        // A card that takes 400 ms for each command is still at it.
        present(&mut slot, &built_in("slow"));
        register.when("cut", |transaction| transaction.state() == "card_seen");
        pcscd.kill();
        slot.remove();
        register.has_readers(&[]);
        pcscd.start();
        register.has_readers(&Pcscd::READERS);
        let cut = register.when("cut", |transaction| matches!(&*transaction.state(), "armed" | "done"));
        if cut.state() == "armed" {
            present(&mut slot, &built_in("visa-online"));
            assert_eq!(register.done("cut").result(), "approved");
        }
        slot.remove();
        pcscd.notices_an_empty(0);

        register.sell("after", 700, None).unwrap();
        present(&mut slot, &built_in("mastercard-online"));
        assert_eq!(register.done("after").result(), "approved");
        register.reconcile(&terminal.acquirer.ledger());
    });
}

#[test]
fn a_reader_that_comes_after_the_sale_began_takes_it() {
    isolated("a_reader_that_comes_after_the_sale_began_takes_it", |pcscd| {
        let (terminal, register) = start();
        register.has_readers(&[]);
        register.sell("early", 1250, None).unwrap();
        assert_eq!(register.find("early").unwrap().state(), "created");
        pcscd.start();
        register.has_readers(&Pcscd::READERS);
        register.when("early", |transaction| transaction.state() == "armed");
        let mut slot = slot(pcscd, 1);
        present(&mut slot, &built_in("visa-online"));
        let early = register.done("early");
        assert_eq!((early.result().as_str(), early.text("Reader").as_str()), ("approved", Pcscd::READERS[1]));
        register.reconcile(&terminal.acquirer.ledger());
    });
}

#[test]
fn two_readers_serve_two_sales_at_once() {
    isolated("two_readers_serve_two_sales_at_once", |pcscd| {
        pcscd.start();
        let (terminal, register) = start();
        register.has_readers(&Pcscd::READERS);
        let sales = [("left", 1250, "slow"), ("right", 700, "mastercard-online-cda")];
        for ((token, amount, _), reader) in sales.iter().zip(Pcscd::READERS) {
            register.sell(token, *amount, Some(reader)).unwrap();
        }
        assert_eq!(register.sell("third", 100, None).unwrap_err().name, "ReaderBusy");
        let mut slots = [slot(pcscd, 0), slot(pcscd, 1)];
        for ((.., name), slot) in sales.iter().zip(&mut slots) {
            present(slot, &built_in(name));
        }
        register.when("right", |right| right.state() == "done");
        assert_ne!(register.find("left").unwrap().state(), "done", "the slow card is still at it");
        for (token, amount, _) in sales {
            let sale = register.done(token);
            assert_eq!((sale.result().as_str(), sale.number("AmountApproved")), ("approved", amount));
        }
        register.reconcile(&terminal.acquirer.ledger());
    });
}

/// Lays a card on reader 0 that answers the first command and then no more, until the sender is dropped.
fn lay_a_card_that_falls_silent(pcscd: &Pcscd) -> (VirtualCard, mpsc::Sender<()>) {
    let (speak, silence) = mpsc::channel::<()>();
    let mut card = Card::new(&built_in("visa-online"));
    let mut commands = 0;
    let laid = pcscd.lay(0, move |command| {
        commands += 1;
        if commands > 1 {
            let _ = silence.recv();
        }
        card.transmit(command).response
    });
    (laid, speak)
}

#[test]
fn a_card_that_falls_silent_holds_neither_sale_nor_reader_nor_daemon() {
    isolated("a_card_that_falls_silent_holds_neither_sale_nor_reader_nor_daemon", |pcscd| {
        pcscd.start();
        let changes = [("card_timeout_s = 60", "card_timeout_s = 5")];
        let (mut terminal, register) = register::start(Readers::Pcsc, rules(""), &changes);
        register.has_readers(&Pcscd::READERS);
        let reader = Pcscd::READERS[0];

        register.sell("silent", 1250, Some(reader)).unwrap();
        let begun = Instant::now();
        let (card, speak) = lay_a_card_that_falls_silent(pcscd);
        let silent = register.done("silent");
        assert!(matches!(&*silent.error(), "ReaderFailed" | "NoCard"), "{silent:?}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        register.reader_is(reader, "faulty");
        assert_eq!(register.sell("refused", 700, Some(reader)).unwrap_err().name, "ReaderFailed");

        drop((speak, card));
        register.reader_is(reader, "idle");
        pcscd.notices_an_empty(0);
        register.sell("after", 700, Some(reader)).unwrap();
        let mut slot = slot(pcscd, 0);
        present(&mut slot, &built_in("visa-online"));
        assert_eq!(register.done("after").result(), "approved");
        slot.remove();
        pcscd.notices_an_empty(0);

        register.sell("cancelled", 700, Some(reader)).unwrap();
        let (card, speak) = lay_a_card_that_falls_silent(pcscd);
        register.when("cancelled", |sale| sale.state() == "card_seen");
        register.cancel("cancelled").unwrap();
        assert_eq!(register.done("cancelled").result(), "cancelled");
        let asked = Instant::now();
        assert!(terminal.stop().success());
        assert!(asked.elapsed() < Duration::from_secs(6), "{:?}", asked.elapsed());
        drop((speak, card));
    });
}

#[test]
fn a_card_laid_down_before_the_service_notices_that_the_last_one_went_is_served() {
    isolated("a_card_laid_down_before_the_service_notices_that_the_last_one_went_is_served", |pcscd| {
        pcscd.start();
        let (terminal, register) = start();
        register.has_readers(&Pcscd::READERS);
        let mut slots = [slot(pcscd, 0), slot(pcscd, 1)];
        for number in 0..12 {
            let (token, reader) = (format!("swap-{number}"), number % 2);
            // The card before still lies there, and is taken away while it is read, or right after.
            register.sell(&token, 1250, Some(Pcscd::READERS[reader])).unwrap();
            slots[reader].remove();
            present(&mut slots[reader], &built_in("visa-online"));
            assert_eq!(register.done(&token).result(), "approved", "{token}");
        }
        register.reconcile(&terminal.acquirer.ledger());
    });
}
