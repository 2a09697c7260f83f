use super::*;
use crate::terminal::testing::{approval, at, purchase, tap};
use crate::terminal::{ReversalReason, Rrn, Stan};

fn online_request() -> Event {
    let stan = Stan::try_from(1).unwrap();
    let acceptor = crate::terminal::testing::acceptor();
    Event::OnlineRequested(OnlineRequest { stan, rrn: Rrn::new(at(3), stan), at: at(3), acceptor })
}

fn failed() -> Event {
    Event::OnlineFailed { reason: "the response time-out passed".to_owned() }
}

fn reversal() -> Event {
    let stan = Stan::try_from(2).unwrap();
    Event::ReversalRequested(Reversal { stan, at: at(4), reason: ReversalReason::NoAnswer })
}

fn sale(events: &[Event]) -> Result<Transaction, Impossible> {
    let mut transaction = Transaction::new(purchase("t1"), at(0));
    let up_to_the_bank = [
        Event::Armed { reader: "counter".to_owned() },
        Event::CardSeen,
        Event::CardRead(Box::new(tap("t1", TapOutcome::OnlineRequest))),
    ];
    for event in up_to_the_bank.iter().chain(events) {
        transaction.apply(at(1), event)?;
    }
    Ok(transaction)
}

#[test]
fn exposure_follows_the_request_the_answer_and_the_reversal() {
    let refused = Event::OnlineAnswered(crate::terminal::testing::refusal());
    let taken_back = Event::ReversalAnswered { response_code: "00".to_owned() };
    for (events, exposure) in [
        (vec![], Exposure::None),
        (vec![online_request()], Exposure::Open),
        (vec![online_request(), Event::OnlineAnswered(approval())], Exposure::Open),
        (vec![online_request(), refused], Exposure::None),
        (vec![online_request(), reversal()], Exposure::Reversing),
        (vec![online_request(), reversal(), taken_back], Exposure::None),
    ] {
        assert_eq!(sale(&events).unwrap().exposure(), exposure, "{events:?}");
    }
}

#[test]
fn events_out_of_order_are_refused() {
    let answered = Event::OnlineAnswered(approval());
    let approved = Event::completed(Reason::ApprovedOnline);
    let twisted = Event::Completed { result: FinalResult::Approved, reason: Reason::NoCard };
    for events in [
        vec![answered.clone()],
        vec![reversal()],
        vec![online_request(), online_request()],
        vec![online_request(), approved.clone()],
        vec![online_request(), Event::completed(Reason::CancelledByCaller)],
        vec![online_request(), answered.clone(), answered.clone()],
        vec![online_request(), answered.clone(), Event::completed(Reason::UnableToGoOnline)],
        vec![online_request(), answered.clone(), reversal(), approved.clone()],
        vec![online_request(), reversal(), Event::completed(Reason::Reversed)],
        vec![online_request(), answered.clone(), approved.clone(), reversal()],
        vec![online_request(), answered.clone(), approved.clone(), approved.clone()],
        vec![online_request(), Event::LateAnswer(approval())],
        vec![online_request(), answered.clone(), failed()],
        vec![online_request(), answered.clone(), Event::CancelRequested],
        vec![online_request(), Event::CancelRequested, Event::CancelRequested],
        vec![online_request(), Event::CancelRequested, answered.clone(), Event::completed(Reason::CancelledByCaller)],
        vec![Event::Created(purchase("t1"))],
        vec![Event::completed(Reason::ApprovedOffline)],
        vec![Event::CardSeen],
        vec![twisted],
    ] {
        let impossible = sale(&events).unwrap_err();
        assert_eq!(impossible.event, events.last().unwrap().name());
    }
}

#[test]
fn a_token_stands_for_one_request() {
    let transaction = Transaction::new(purchase("t1"), at(0));
    assert_eq!(transaction.is_asked_again_by(&purchase("t1")), Ok(()));
    let other = Request { amount: Amount::from(1251), ..purchase("t1") };
    let reused = transaction.is_asked_again_by(&other).unwrap_err();
    assert_eq!(crate::terminal::Fault::from(reused).name, "TokenReused");
}
