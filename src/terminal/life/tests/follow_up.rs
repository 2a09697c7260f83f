use super::*;

/// A refund of another sale, as it begins.
fn refund() -> (Bench, Vec<String>) {
    let mut stans = StanCounter::after(None);
    let context = Context { now: at(0), stans: &mut stans, acceptor: &acceptor() };
    let request = Request { kind: TransactionType::Refund, original: Some("s1".parse().unwrap()), ..purchase("t1") };
    let life = Life::follow_up(request, original("t1"), context);
    let mut bench = Bench { life, stans, second: 0 };
    let outputs = bench.outputs();
    (bench, outputs)
}

#[test]
fn a_follow_up_is_written_whole_before_it_is_sent_and_asks_for_no_card() {
    let (mut bench, outputs) = refund();
    assert_eq!(
        outputs,
        ["note created", "note original_read", "write online_requested", "authorise 000001", "publish"]
    );
    assert!(bench.handle(Input::ReaderArmed { reader: "counter".to_owned() }).is_err());
    assert!(bench.handle(Input::CardSeen).is_err());
    assert!(bench.handle(Input::Deadline).is_err());
    assert_eq!(bench.step(Input::HostAnswered(approval())), ["note online_answered", "write completed", "publish"]);
    assert_eq!(bench.life.transaction().approved_amount(), Some(Amount::from(1250)));
    assert!(bench.life.is_over());
}

#[test]
fn a_follow_up_ends_as_a_sale_does_where_the_acquirer_declines_or_is_not_reached() {
    let (mut declined, _) = refund();
    declined.step(Input::HostAnswered(refusal()));
    assert_eq!(declined.result(), Some(FinalResult::Declined));
    let (mut unsent, _) = refund();
    unsent.step(not_sent());
    assert_eq!(unsent.result(), Some(FinalResult::Declined));
}

#[test]
fn a_follow_up_without_an_answer_is_taken_back_also_after_a_power_cut() {
    let (mut bench, _) = refund();
    bench.step(no_answer());
    bench.step(taken());
    assert_eq!(bench.result(), Some(FinalResult::Reversed));
    let (bench, _) = refund();
    let (mut bench, outputs) = bench.recover();
    assert_eq!(outputs, ["write reversal_requested", "publish", "reverse 000002 first after 0ns"]);
    bench.step(taken());
    assert_eq!((bench.result(), bench.life.transaction().approved_amount()), (Some(FinalResult::Reversed), None));
}

#[test]
fn what_follows_from_an_approval_is_done_once_it_is_written_and_the_acquirer_is_told() {
    for kind in [TransactionType::Capture, TransactionType::Adjustment] {
        let mut stans = StanCounter::after(None);
        let context = Context { now: at(0), stans: &mut stans, acceptor: &acceptor() };
        let request = Request { kind, original: Some("s1".parse().unwrap()), ..purchase("t1") };
        let life = Life::follow_up(request, original("t1"), context);
        let mut bench = Bench { life, stans, second: 0 };
        let written = ["note created", "note original_read", "note advice_requested", "write completed", "publish"];
        assert_eq!(bench.outputs(), written, "in one commit");
        assert_eq!(bench.result(), Some(FinalResult::Approved));
        assert!(bench.life.transaction().is_advice_outstanding() && bench.life.is_over());
        assert!(bench.handle(Input::Cancel).is_err());
    }
}
