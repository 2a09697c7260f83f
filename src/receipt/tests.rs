use super::text::{Columns, render};
use super::*;
use crate::terminal::testing::{acceptor, approval, at, purchase, refusal, tap};
use crate::terminal::{Answer, CardRead, Event, OnlineRequest, Request, TapOutcome};

fn letterhead() -> Letterhead {
    Letterhead {
        name: "Corner Bakery".to_owned(),
        address: vec!["1 Main Street".to_owned(), "D02 X285 Dublin".to_owned()],
        test: true,
        acceptor: acceptor(),
    }
}

fn online(request: Request, card_read: CardRead, answer: Answer) -> Transaction {
    let mut transaction = Transaction::new(request, at(0));
    let stan = Stan::try_from(42).unwrap();
    let asked = OnlineRequest { stan, rrn: Rrn::new(at(3), stan), at: at(3), acceptor: acceptor() };
    let reason = if answer.approved { Reason::ApprovedOnline } else { Reason::DeclinedOnline };
    for event in [
        Event::Armed { reader: "counter".to_owned() },
        Event::CardSeen,
        Event::CardRead(Box::new(card_read)),
        Event::OnlineRequested(asked),
        Event::OnlineAnswered(answer),
        Event::completed(reason),
    ] {
        transaction.apply(at(4), &event).unwrap();
    }
    transaction
}

fn sale() -> Transaction {
    online(purchase("till-1"), tap("till-1", TapOutcome::OnlineRequest), approval())
}

fn receipt(transaction: &Transaction, copy: Recipient) -> Receipt {
    Receipt::new(transaction, &letterhead(), copy, &TimeZone::UTC).unwrap()
}

//= test C-3 3.1.1.1
#[test]
fn the_customers_copy() {
    let text = render(&receipt(&sale(), Recipient::Customer), Columns::C32);
    let expected = "
*** TEST *** NO MONEY MOVES ***

         Corner Bakery
         1 Main Street
        D02 X285 Dublin

         CUSTOMER COPY
--------------------------------
2026-11-24              05:36:04
Transaction               till-1
--------------------------------
VISA CREDIT          contactless
Card            ************0119
AID               A0000000031010
--------------------------------
PURCHASE               EUR 12.50
--------------------------------
            APPROVED

Authorisation code        A1B2C3
Response code                 00
STAN                      000042
RRN                 632805000042
Terminal                TERM0001
Merchant         MERCHANT0000001

   no cardholder verification

          *** TEST ***
";
    assert_eq!(text, expected.trim_start_matches('\n'));
}

#[test]
fn the_merchants_copy_with_a_signature() {
    let card_read = CardRead { cvm: Cvm::Signature, ..tap("till-1", TapOutcome::OnlineRequest) };
    let answer = Answer { amount: Some(Amount::from(1000)), ..approval() };
    let reference = Some("Table 12, two coffees and a very long cake for everybody".to_owned());
    let request = Request { accept_partial: true, reference, ..purchase("till-1") };
    let receipt = receipt(&online(request, card_read, answer), Recipient::Merchant);
    let expected = "
     *** TEST *** NO MONEY MOVES ***

              Corner Bakery
              1 Main Street
             D02 X285 Dublin

              MERCHANT COPY
------------------------------------------
2026-11-24                        05:36:04
Transaction                         till-1
Reference
Table 12, two coffees and a very long cake
                             for everybody
------------------------------------------
VISA CREDIT                    contactless
Card                      476173******0119
AID                         A0000000031010
TVR                             0000000000
Cryptogram                0011223344556677
------------------------------------------
PURCHASE                         EUR 12.50
APPROVED IN PART                 EUR 10.00
------------------------------------------
                 APPROVED

Authorisation code                  A1B2C3
Response code                           00
STAN                                000042
RRN                           632805000042
Terminal                          TERM0001
Merchant                   MERCHANT0000001

        verification by signature


__________________________________________
                signature

               *** TEST ***
";
    assert_eq!(render(&receipt, Columns::C42), expected.trim_start_matches('\n'));
}

#[test]
fn every_receipt_in_test_mode_says_so_and_no_other_does() {
    let declined = online(purchase("t1"), tap("t1", TapOutcome::OnlineRequest), refusal());
    for transaction in [sale(), declined] {
        for copy in [Recipient::Customer, Recipient::Merchant] {
            for columns in [Columns::C32, Columns::C42, Columns::C48] {
                let test = receipt(&transaction, copy);
                let letterhead = Letterhead { test: false, ..letterhead() };
                let live = Receipt::new(&transaction, &letterhead, copy, &TimeZone::UTC).unwrap();
                assert!(render(&test, columns).contains("TEST"));
                assert!(!render(&live, columns).contains("TEST"));
                let longest = render(&test, columns).lines().map(|line| line.chars().count()).max();
                assert_eq!(longest, Some(columns.number()));
            }
        }
    }
}

#[test]
fn a_refusal_asks_for_no_signature() {
    let card_read = CardRead { cvm: Cvm::Signature, ..tap("t1", TapOutcome::OnlineRequest) };
    let receipt = receipt(&online(purchase("t1"), card_read, refusal()), Recipient::Merchant);
    assert!(!receipt.wants_signature());
    let text = render(&receipt, Columns::C48);
    assert!(text.contains("DECLINED") && !text.contains("____") && !text.contains("APPROVED"), "{text}");
}

#[test]
fn a_card_cannot_command_the_printer() {
    let label = Some("VISA\u{1b}@\u{7}".to_owned());
    let card_read = CardRead { application_label: label, ..tap("t1", TapOutcome::OnlineRequest) };
    let receipt = receipt(&online(purchase("t1"), card_read, approval()), Recipient::Customer);
    let text = render(&receipt, Columns::C32);
    assert!(text.contains("VISA?@? "), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn before_the_end_there_is_no_receipt() {
    let transaction = Transaction::new(purchase("t1"), at(0));
    assert_eq!(Receipt::new(&transaction, &letterhead(), Recipient::Customer, &TimeZone::UTC), None);
}

#[test]
fn a_sale_without_card_or_host_has_a_receipt_too() {
    let mut transaction = Transaction::new(purchase("t1"), at(0));
    transaction.apply(at(60), &Event::completed(Reason::NoCard)).unwrap();
    let text = render(&receipt(&transaction, Recipient::Customer), Columns::C32);
    assert!(text.contains("NO CARD PRESENTED") && !text.contains("STAN"), "{text}");
}

#[test]
fn the_clock_on_the_receipt_is_the_one_on_the_wall() {
    let zone = TimeZone::fixed(jiff::tz::offset(2));
    let receipt = Receipt::new(&sale(), &letterhead(), Recipient::Customer, &zone).unwrap();
    assert_eq!(receipt.time.to_string(), "2026-11-24T07:36:04");
}

#[test]
fn as_json_it_is_flat_and_whole() {
    let json = serde_json::to_value(receipt(&sale(), Recipient::Customer)).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "copy": "customer",
            "name": "Corner Bakery",
            "address": ["1 Main Street", "D02 X285 Dublin"],
            "test": true,
            "time": "2026-11-24T05:36:04",
            "token": "till-1",
            "type": "purchase",
            "currency": "EUR",
            "amount": "12.50",
            "approved_amount": "12.50",
            "result": "approved",
            "reason": "approved_online",
            "application_label": "VISA CREDIT",
            "pan": "************0119",
            "aid": "A0000000031010",
            "cvm": "no_cvm",
            "terminal_id": "TERM0001",
            "merchant_id": "MERCHANT0000001",
            "stan": 42,
            "rrn": "632805000042",
            "response_code": "00",
            "authorisation_code": "A1B2C3",
        })
    );
}

//= test C-3 4.3.1.1
#[test]
fn the_customer_reads_what_is_left_to_spend_offline() {
    let mut card_read = tap("till-1", TapOutcome::OnlineRequest);
    card_read.data.available_offline_spending_amount = "000000004200".parse().ok();
    let sale = online(purchase("till-1"), card_read, approval());
    let text = |copy| render(&receipt(&sale, copy), Columns::C32);
    assert!(text(Recipient::Customer).contains("Left to spend offline  EUR 42.00"));
    assert!(!text(Recipient::Merchant).contains("42.00"), "it is nobody else's business");
}
