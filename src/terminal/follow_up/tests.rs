use super::*;
use crate::terminal::testing::{acceptor, approval, at, purchase, refusal, tap};
use crate::terminal::{Event, Fault, OnlineRequest, Reason, Record, Retry, Rrn, Stan, TapOutcome};

fn follow_up(kind: TransactionType, amount: Option<u32>) -> FollowUp {
    let amount = amount.map(Amount::from);
    FollowUp {
        token: "f1".parse().unwrap(),
        kind,
        original: "t1".parse().unwrap(),
        amount,
        total: None,
        currency: None,
        reference: None,
    }
}

fn fold(request: Request, events: impl IntoIterator<Item = Event>) -> Transaction {
    let token = request.token.clone();
    let events = std::iter::once(Event::Created(request)).chain(events);
    let records = events.map(|event| Record { at: at(0), token: token.clone(), event });
    Transaction::fold(records).unwrap().unwrap()
}

fn online_request() -> Event {
    let stan = Stan::try_from(1).unwrap();
    Event::OnlineRequested(OnlineRequest { stan, rrn: Rrn::new(at(0), stan), at: at(0), acceptor: acceptor() })
}

/// A sale of 12.50 EUR, as far as these events tell it after its tap.
fn sale(events: impl IntoIterator<Item = Event>) -> Transaction {
    let tapped = [
        Event::Armed { reader: "counter".to_owned() },
        Event::CardSeen,
        Event::CardRead(Box::new(tap("t1", TapOutcome::OnlineRequest))),
        online_request(),
    ];
    fold(purchase("t1"), tapped.into_iter().chain(events))
}

fn approved_sale() -> Transaction {
    sale([Event::OnlineAnswered(approval()), Event::completed(Reason::ApprovedOnline)])
}

/// A follow-up of that sale: done, if it has an answer.
fn other(kind: TransactionType, amount: u32, is_approved: Option<bool>) -> Transaction {
    let request = Request {
        kind,
        original: Some("t1".parse().unwrap()),
        amount: Amount::from(amount),
        ..purchase(&format!("o{amount}"))
    };
    let original = crate::terminal::testing::original("t1");
    let asked = [Event::OriginalRead(Box::new(original)), online_request()];
    let done = match is_approved {
        None => vec![],
        Some(true) => vec![Event::OnlineAnswered(approval()), Event::completed(Reason::ApprovedOnline)],
        Some(false) => vec![Event::OnlineAnswered(refusal()), Event::completed(Reason::DeclinedOnline)],
    };
    fold(request, asked.into_iter().chain(done))
}

/// The amount that is agreed to, or the error's name and what to do.
fn outcome(asked: &FollowUp, original: &Transaction, others: &[Transaction]) -> Result<u64, (&'static str, Retry)> {
    let agreed = asked.agree(original, others).map_err(Fault::from).map_err(|fault| (fault.name, fault.retry))?;
    let request = agreed.request;
    assert_eq!((request.original.as_ref(), request.currency), (Some(&asked.original), purchase("t1").currency));
    Ok(request.amount.minor_units())
}

#[test]
fn refunds_come_to_the_sale_and_no_further_those_under_way_included() {
    let sale = approved_sale();
    let refund = |amount, others: &[Transaction]| outcome(&follow_up(Refund, amount), &sale, others);
    let too_much = Err(("MoreThanIsLeft", Retry::Never));
    assert_eq!((refund(None, &[]), refund(Some(1250), &[])), (Ok(1250), Ok(1250)));
    assert_eq!(refund(Some(1251), &[]), too_much);
    assert_eq!(refund(Some(0), &[]), Err(("InvalidAmount", Retry::Never)));
    let others = [other(Refund, 1000, Some(true)), other(Refund, 700, Some(false))];
    assert_eq!((refund(None, &others), refund(Some(250), &others)), (Ok(250), Ok(250)));
    assert_eq!(refund(Some(251), &others), too_much);
    let others = [other(Refund, 1000, None)];
    assert_eq!((refund(None, &others), refund(Some(250), &others)), (Ok(250), Ok(250)));
    assert_eq!(refund(Some(251), &others), Err(("NotNow", Retry::Same)), "it may be declined yet");
    assert_eq!(refund(Some(1251), &others), too_much, "that will never be");
    assert_eq!(refund(None, &[other(Refund, 1250, Some(true))]), too_much);
}

#[test]
fn a_void_is_for_the_whole_of_what_was_neither_refunded_nor_voided() {
    let sale = approved_sale();
    let void = |amount, others: &[Transaction]| outcome(&follow_up(Void, amount), &sale, others);
    assert_eq!((void(None, &[]), void(Some(1250), &[])), (Ok(1250), Ok(1250)));
    assert_eq!(void(Some(1249), &[]), Err(("InvalidAmount", Retry::Never)));
    assert_eq!(void(None, &[other(Refund, 1, Some(true))]), Err(("AlreadyRefunded", Retry::Never)));
    assert_eq!(void(None, &[other(Void, 1250, Some(true))]), Err(("AlreadyVoided", Retry::Never)));
    assert_eq!(void(None, &[other(Void, 1250, None)]), Err(("NotNow", Retry::Same)));
    assert_eq!(void(None, &[other(Void, 1250, Some(false))]), Ok(1250));
    let refund = outcome(&follow_up(Refund, None), &sale, &[other(Void, 1250, Some(true))]);
    assert_eq!(refund, Err(("AlreadyVoided", Retry::Never)));
}

#[test]
fn only_what_was_approved_can_be_followed_up_and_in_its_own_currency() {
    let refund = follow_up(Refund, None);
    let declined = sale([Event::OnlineAnswered(refusal()), Event::completed(Reason::DeclinedOnline)]);
    assert_eq!(outcome(&refund, &declined, &[]), Err(("OriginalNotApproved", Retry::Never)));
    assert_eq!(outcome(&refund, &sale([]), &[]), Err(("NotNow", Retry::Same)));
    assert_eq!(outcome(&refund, &other(Refund, 5, Some(true)), &[]), Err(("OriginalUnsuitable", Retry::Never)));
    let dollars = FollowUp { currency: Some(Currency::from_alpha("USD").unwrap()), ..refund };
    assert_eq!(outcome(&dollars, &approved_sale(), &[]), Err(("WrongCurrency", Retry::Never)));
}

#[test]
fn an_offline_approval_is_followed_up_once_the_acquirer_has_it() {
    let approved = tap("t1", TapOutcome::Approved);
    let Event::OnlineRequested(advice) = online_request() else { unreachable!("it is one") };
    let tapped = |is_told: bool| {
        let read = crate::terminal::CardRead { icc_data: approved.card.clone(), ..approved.clone() };
        let events =
            vec![Event::Armed { reader: "counter".to_owned() }, Event::CardSeen, Event::CardRead(Box::new(read))];
        let advised = is_told.then(|| Event::AdviceRequested(advice.clone()));
        events.into_iter().chain(advised).chain([Event::completed(Reason::ApprovedOffline)])
    };
    let refund = |events: Vec<Event>| outcome(&follow_up(Refund, None), &fold(purchase("t1"), events), &[]);
    assert_eq!(refund(tapped(true).collect()), Err(("NotNow", Retry::Same)));
    let answered = Event::AdviceAnswered { response_code: "00".to_owned() };
    assert_eq!(refund(tapped(true).chain([answered]).collect()), Ok(1250));
    assert_eq!(refund(tapped(false).collect()), Err(("OriginalUnsuitable", Retry::Never)));
}

#[test]
fn a_token_asks_again_for_the_same_follow_up_alone() {
    let known = other(Refund, 1250, None);
    let again = FollowUp { token: known.token().clone(), ..follow_up(Refund, None) };
    assert_eq!(again.asks_again_for(&known), Ok(()), "with what is left unsaid");
    assert_eq!(FollowUp { amount: Some(Amount::from(1250)), ..again.clone() }.asks_again_for(&known), Ok(()));
    for reused in [
        FollowUp { amount: Some(Amount::from(1)), ..again.clone() },
        FollowUp { kind: Void, ..again.clone() },
        FollowUp { original: "t2".parse().unwrap(), ..again.clone() },
        FollowUp { reference: Some("other".to_owned()), ..again },
    ] {
        assert!(reused.asks_again_for(&known).is_err(), "{reused:?}");
    }
}

/// The sale as another kind of transaction.
fn approved(kind: TransactionType) -> Transaction {
    let tapped = [
        Event::Armed { reader: "counter".to_owned() },
        Event::CardSeen,
        Event::CardRead(Box::new(tap("t1", TapOutcome::OnlineRequest))),
        online_request(),
        Event::OnlineAnswered(approval()),
        Event::completed(Reason::ApprovedOnline),
    ];
    fold(Request { kind, ..purchase("t1") }, tapped)
}

/// A follow-up of which the acquirer is told: it is done at once.
fn told(kind: TransactionType, amount: u32, is_taken: bool) -> Transaction {
    let request = Request {
        kind,
        original: Some("t1".parse().unwrap()),
        amount: Amount::from(amount),
        ..purchase(&format!("o{amount}"))
    };
    let Event::OnlineRequested(advice) = online_request() else { unreachable!("it is one") };
    let original = Event::OriginalRead(Box::new(crate::terminal::testing::original("t1")));
    let events = [original, Event::AdviceRequested(advice), Event::completed(Reason::ApprovedBefore)];
    let taken = is_taken.then(|| Event::AdviceAnswered { response_code: "00".to_owned() });
    fold(request, events.into_iter().chain(taken))
}

#[test]
fn a_capture_is_of_what_is_held_with_all_increments_and_comes_once() {
    let held = approved(PreAuthorisation);
    let capture = |amount, others: &[Transaction]| outcome(&follow_up(Capture, amount), &held, others);
    assert_eq!((capture(None, &[]), capture(Some(1000), &[])), (Ok(1250), Ok(1000)));
    assert_eq!(capture(Some(1251), &[]), Err(("MoreThanIsLeft", Retry::Never)));
    let raised = [other(Increment, 750, Some(true)), other(Increment, 9999, Some(false))];
    assert_eq!((capture(None, &raised), capture(Some(2000), &raised)), (Ok(2000), Ok(2000)));
    assert_eq!(capture(Some(2001), &raised), Err(("MoreThanIsLeft", Retry::Never)), "what was declined holds nothing");
    assert_eq!(capture(Some(1), &[other(Increment, 750, None)]), Err(("NotNow", Retry::Same)));
    assert_eq!(capture(None, &[told(Capture, 1, false)]), Err(("AlreadyCaptured", Retry::Never)));
    assert_eq!(outcome(&follow_up(Refund, None), &held, &[]), Err(("OriginalUnsuitable", Retry::Never)));
}

#[test]
fn nothing_is_held_more_or_captured_after_a_release_and_a_release_is_of_the_whole() {
    let held = approved(PreAuthorisation);
    let of = |kind, amount, others: &[Transaction]| outcome(&follow_up(kind, amount), &held, others);
    let raised = [other(Increment, 750, Some(true))];
    assert_eq!(
        (of(Release, None, &raised), of(Release, Some(1250), &raised)),
        (Ok(2000), Err(("InvalidAmount", Retry::Never)))
    );
    for kind in [Capture, Increment, Release] {
        let amount = (kind == Increment).then_some(1);
        assert_eq!(of(kind, amount, &[other(Release, 1250, Some(true))]), Err(("AlreadyReleased", Retry::Never)));
        assert_eq!(of(kind, amount, &[other(Release, 1250, None)]), Err(("NotNow", Retry::Same)));
        assert!(of(kind, amount, &[other(Release, 1250, Some(false))]).is_ok(), "the acquirer declined that");
    }
    assert_eq!(of(Increment, None, &[]), Err(("InvalidAmount", Retry::Never)), "it must say how much");
    assert_eq!(of(Increment, Some(0), &[]), Err(("InvalidAmount", Retry::Never)));
}

#[test]
fn a_tip_is_added_once_and_is_refunded_with_its_sale() {
    let sale = approved_sale();
    let tip = FollowUp { total: Some(Amount::from(1500)), ..follow_up(Adjustment, None) };
    assert_eq!((outcome(&tip, &sale, &[]), outcome(&follow_up(Adjustment, Some(99)), &sale, &[])), (Ok(250), Ok(99)));
    let less = FollowUp { total: Some(Amount::from(1250)), ..tip.clone() };
    assert_eq!(outcome(&less, &sale, &[]), Err(("InvalidAmount", Retry::Never)));
    let both = FollowUp { amount: Some(Amount::from(250)), ..tip.clone() };
    assert_eq!(outcome(&both, &sale, &[]), Err(("InvalidAmount", Retry::Never)));
    assert_eq!(outcome(&tip, &sale, &[told(Adjustment, 1, false)]), Err(("AlreadyAdjusted", Retry::Never)));
    assert_eq!(outcome(&tip, &sale, &[other(Refund, 1, Some(true))]), Err(("AlreadyRefunded", Retry::Never)));
    let refund = |others: &[Transaction]| outcome(&follow_up(Refund, None), &sale, others);
    assert_eq!(refund(&[told(Adjustment, 250, true)]), Ok(1500));
    assert_eq!(
        refund(&[told(Adjustment, 250, false)]),
        Err(("NotNow", Retry::Same)),
        "the acquirer knows of no tip yet"
    );
}

#[test]
fn a_refund_can_be_voided_and_a_void_can_not() {
    let refund = |answered| {
        let request = Request { kind: Refund, original: Some("t0".parse().unwrap()), ..purchase("t1") };
        let original = Event::OriginalRead(Box::new(crate::terminal::testing::original("t1")));
        let events =
            [original, online_request(), Event::OnlineAnswered(answered), Event::completed(Reason::ApprovedOnline)];
        fold(request, events)
    };
    assert_eq!(outcome(&follow_up(Void, None), &refund(approval()), &[]), Ok(1250));
    assert_eq!(
        outcome(&follow_up(Void, None), &other(Void, 1250, Some(true)), &[]),
        Err(("OriginalUnsuitable", Retry::Never))
    );
}
