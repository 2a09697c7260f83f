mod follow_up;
mod issuer;
mod online_mode;

use super::*;
use crate::terminal::testing::{acceptor, approval, at, original, purchase, refusal, tap};
use crate::terminal::{Amount, FinalResult, OnlineMode, ReversalReason, TapOutcome, TransactionType};

/// A machine with its surroundings; each step returns what the machine asked for, in short words.
struct Bench {
    life: Life,
    stans: StanCounter,
    second: i64,
}

impl Bench {
    fn open(request: Request) -> Self {
        Bench { life: Life::open(request, at(0)), stans: StanCounter::after(None), second: 0 }
    }

    /// A sale up to the tap, its outputs drained.
    fn at_the_card(request: Request) -> Self {
        let mut bench = Bench::open(request);
        bench.outputs();
        bench.step(Input::ReaderArmed { reader: "counter".to_owned() });
        bench.step(Input::CardSeen);
        bench
    }

    /// A sale whose request has gone to the acquirer, its outputs drained.
    fn at_the_bank(request: Request) -> Self {
        let mut bench = Bench::at_the_card(request);
        bench.step(Input::CardRead(Box::new(tap("t1", TapOutcome::OnlineRequest))));
        bench
    }

    fn handle(&mut self, input: Input) -> Result<(), Untimely> {
        self.second += 1;
        let context = Context { now: at(self.second), stans: &mut self.stans, acceptor: &acceptor() };
        self.life.handle(input, context)
    }

    fn step(&mut self, input: Input) -> Vec<String> {
        self.handle(input).unwrap();
        self.outputs()
    }

    fn outputs(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.life.poll_output()).map(|output| in_short(&output)).collect()
    }

    fn recover(self) -> (Bench, Vec<String>) {
        let mut stans = self.stans;
        let context = Context { now: at(self.second + 100), stans: &mut stans, acceptor: &acceptor() };
        let life = Life::recover(self.life.transaction().clone(), Interruption::Restart, context).unwrap();
        let mut bench = Bench { life, stans, second: self.second + 100 };
        let outputs = bench.outputs();
        (bench, outputs)
    }

    fn result(&self) -> Option<FinalResult> {
        self.life.transaction().result()
    }
}

fn in_short(output: &Output) -> String {
    match output {
        Output::Note(record) => format!("note {}", record.event.name()),
        Output::Write(record) => format!("write {}", record.event.name()),
        Output::Arm { reader } => format!("arm {}", reader.as_deref().unwrap_or("any")),
        Output::Disarm => "disarm".to_owned(),
        Output::Authorise(request) => format!("authorise {}", request.stan),
        Output::Reverse { reversal, repeated, after } => {
            format!("reverse {} {} after {after:?}", reversal.stan, if *repeated { "again" } else { "first" })
        }
        Output::ArmForAnswer => "arm for answer".to_owned(),
        Output::Publish(_) => "publish".to_owned(),
    }
}

fn not_sent() -> Input {
    Input::HostFailed { failure: HostFailure::NotSent, reason: "the acquirer can't be reached".to_owned() }
}

fn no_answer() -> Input {
    Input::HostFailed { failure: HostFailure::NoAnswer, reason: "the response time-out passed".to_owned() }
}

fn reversal_fails(response_code: Option<&str>) -> Input {
    let response_code = response_code.map(str::to_owned);
    Input::ReversalFailed(SendFailure { reason: "not taken".to_owned(), response_code })
}

fn taken() -> Input {
    Input::ReversalAnswered { response_code: "00".to_owned() }
}

fn not_found() -> Input {
    Input::ReversalNotFound { response_code: "25".to_owned() }
}

#[test]
fn an_online_sale_is_written_before_it_is_sent_and_before_it_is_told() {
    let mut bench = Bench::open(purchase("t1"));
    assert_eq!(bench.outputs(), ["write created", "publish", "arm any"]);
    assert_eq!(bench.step(Input::ReaderArmed { reader: "counter".to_owned() }), ["note armed", "publish"]);
    assert_eq!(bench.step(Input::CardSeen), ["note card_seen", "publish"]);
    assert_eq!(
        bench.step(Input::CardRead(Box::new(tap("t1", TapOutcome::OnlineRequest)))),
        ["note card_read", "disarm", "publish", "write online_requested", "authorise 000001", "publish"]
    );
    assert_eq!(bench.step(Input::HostAnswered(approval())), ["note online_answered", "write completed", "publish"]);
    assert_eq!(bench.result(), Some(FinalResult::Approved));
    assert_eq!(bench.life.transaction().approved_amount(), Some(Amount::from(1250)));
    assert!(bench.life.is_over());
}

#[test]
fn an_offline_approval_is_written_before_it_is_told() {
    let mut bench = Bench::at_the_card(purchase("t1"));
    assert_eq!(
        bench.step(Input::CardRead(Box::new(tap("t1", TapOutcome::Approved)))),
        ["note card_read", "disarm", "publish", "write completed", "publish"]
    );
    assert_eq!(bench.result(), Some(FinalResult::Approved));
}

#[test]
fn what_the_acquirer_must_be_told_of_an_offline_approval_is_written_with_it() {
    let mut bench = Bench::at_the_card(purchase("t1"));
    let approved = tap("t1", TapOutcome::Approved);
    let told = CardRead { icc_data: approved.card.clone(), ..approved };
    assert_eq!(
        bench.step(Input::CardRead(Box::new(told))),
        ["note card_read", "disarm", "publish", "note advice_requested", "write completed", "publish"]
    );
    assert_eq!(bench.result(), Some(FinalResult::Approved));
    assert!(bench.life.is_over() && bench.life.transaction().is_advice_outstanding());
}

#[test]
fn an_approval_is_shown_only_after_it_was_written() {
    let mut bench = Bench::at_the_card(purchase("t1"));
    bench.handle(Input::CardRead(Box::new(tap("t1", TapOutcome::Approved)))).unwrap();
    let mut completed = false;
    while let Some(output) = bench.life.poll_output() {
        match output {
            Output::Write(record) => completed |= record.event == Event::completed(Reason::ApprovedOffline),
            Output::Publish(shown) => assert_eq!(shown.result().is_some(), completed),
            _ => {}
        }
    }
    assert!(completed);
}

#[test]
fn each_outcome_of_the_tap_has_its_result() {
    for (outcome, result) in [
        (TapOutcome::Declined, FinalResult::Declined),
        (TapOutcome::TryAnotherInterface, FinalResult::OtherInterface),
        (TapOutcome::EndApplication, FinalResult::Aborted),
    ] {
        let mut bench = Bench::at_the_card(purchase("t1"));
        bench.step(Input::CardRead(Box::new(tap("t1", outcome))));
        assert_eq!(bench.result(), Some(result));
        assert_eq!(bench.life.transaction().approved_amount(), None);
    }
}

#[test]
fn where_the_amount_ends_it_before_a_card_was_asked_for_none_is_said_to_be_read() {
    let mut bench = Bench::open(purchase("t1"));
    bench.outputs();
    let outputs = bench.step(Input::CardRead(Box::new(tap("t1", TapOutcome::TryAnotherInterface))));
    assert_eq!(outputs, ["write completed", "publish"]);
    assert_eq!(bench.result(), Some(FinalResult::OtherInterface));
    assert_eq!(bench.life.transaction().card_read(), None);
}

#[test]
fn try_again_arms_the_reader_once_more() {
    let mut bench = Bench::at_the_card(purchase("t1"));
    bench.step(Input::ReaderArmed { reader: "counter".to_owned() });
    assert_eq!(bench.life.transaction().phase(), Phase::Armed);
    bench.step(Input::CardSeen);
    bench.step(Input::CardRead(Box::new(tap("t1", TapOutcome::Approved))));
    assert_eq!(bench.result(), Some(FinalResult::Approved));
}

#[test]
fn a_refusal_of_the_issuer_ends_without_reversal() {
    let mut bench = Bench::at_the_bank(purchase("t1"));
    bench.step(Input::HostAnswered(refusal()));
    assert_eq!(bench.result(), Some(FinalResult::Declined));
    assert_eq!(bench.life.transaction().reversal(), None);
}

#[test]
fn a_request_that_was_not_sent_needs_no_reversal() {
    let mut bench = Bench::at_the_bank(purchase("t1"));
    assert_eq!(bench.step(not_sent()), ["note online_failed", "write completed", "publish"]);
    assert_eq!(bench.life.transaction().ending().unwrap().reason, Reason::UnableToGoOnline);
}

#[test]
fn a_missing_answer_is_reversed_until_the_acquirer_takes_it() {
    let mut bench = Bench::at_the_bank(purchase("t1"));
    assert_eq!(
        bench.step(no_answer()),
        ["note online_failed", "write reversal_requested", "publish", "reverse 000002 first after 0ns"]
    );
    let first = bench.step(reversal_fails(None));
    assert_eq!(first, ["write reversal_failed", "publish", "reverse 000002 again after 1s"]);
    for seconds in [2, 4, 8, 16, 32, 60, 60] {
        let again = format!("reverse 000002 again after {seconds}s");
        assert_eq!(bench.step(reversal_fails(None)), [again], "the same failure is written once");
    }
    assert_eq!(bench.step(Input::HostAnswered(approval())), ["note late_answer"], "and it changes nothing");
    assert_eq!(bench.result(), None);
    assert_eq!(bench.step(taken()), ["note reversal_answered", "write completed", "publish"]);
    assert_eq!(bench.result(), Some(FinalResult::Reversed));
}

#[test]
fn a_reversal_that_the_acquirer_refuses_is_shown_and_goes_on_until_it_is_taken() {
    let mut bench = Bench::at_the_bank(purchase("t1"));
    bench.step(no_answer());
    bench.step(reversal_fails(Some("91")));
    assert_eq!(bench.life.transaction().fault(), None, "later is no refusal");
    for _ in 0..100 {
        bench.step(reversal_fails(Some("30")));
    }
    assert_eq!(bench.life.transaction().phase(), Phase::Reversing);
    assert_eq!(bench.life.transaction().fault().map(|fault| fault.name), Some("ReversalRefused"));
    bench.step(taken());
    assert_eq!(bench.life.transaction().fault().map(|fault| fault.name), Some("Reversed"));
}

#[test]
fn an_acquirer_that_knows_of_nothing_to_take_back_is_believed_when_it_keeps_saying_so() {
    let mut bench = Bench::at_the_bank(purchase("t1"));
    bench.step(no_answer());
    let mut pauses = Vec::new();
    for _ in 1..Life::BELIEVED_WHEN_NOT_FOUND {
        pauses.extend(bench.step(not_found()).pop());
    }
    let again = |seconds: u32| format!("reverse 000002 again after {seconds}s");
    assert_eq!(pauses, [1, 2, 4, 8, 16].map(again));
    // It found it after all, and is not available: that counts anew.
    bench.step(reversal_fails(Some("96")));
    for _ in 1..Life::BELIEVED_WHEN_NOT_FOUND {
        bench.step(not_found());
        assert_eq!(bench.result(), None);
    }
    assert_eq!(bench.step(not_found()), ["note reversal_answered", "write completed", "publish"]);
    assert_eq!(bench.result(), Some(FinalResult::Reversed));
}

#[test]
fn a_partial_approval_is_taken_only_by_a_caller_who_wants_it() {
    let part = |minor: u32| Answer { amount: Some(Amount::from(minor)), ..approval() };
    let reason_for = |answer, accept_partial| {
        let mut bench = Bench::at_the_bank(Request { accept_partial, ..purchase("t1") });
        bench.step(Input::HostAnswered(answer));
        let transaction = bench.life.transaction();
        (transaction.approved_amount(), transaction.reversal().map(|reversal| reversal.reason))
    };
    assert_eq!(reason_for(part(1000), true), (Some(Amount::from(1000)), None));
    assert_eq!(reason_for(part(1000), false), (None, Some(ReversalReason::PartialNotAccepted)));
    assert_eq!(reason_for(part(1250), false), (Some(Amount::from(1250)), None));
    assert_eq!(reason_for(part(1251), true), (None, Some(ReversalReason::ImplausibleAmount)));
    assert_eq!(reason_for(part(0), true), (None, Some(ReversalReason::ImplausibleAmount)));
}

#[test]
fn cancelling_ends_at_once_before_the_bank_and_not_at_all_after() {
    let mut armed = Bench::open(purchase("t1"));
    armed.outputs();
    assert_eq!(armed.step(Input::Cancel), ["disarm", "write completed", "publish"]);
    assert_eq!(armed.result(), Some(FinalResult::Cancelled));

    let mut reading = Bench::at_the_card(purchase("t1"));
    assert_eq!(reading.step(Input::Cancel), ["disarm", "write completed", "publish"]);

    let mut done = Bench::at_the_bank(purchase("t1"));
    done.step(Input::HostAnswered(approval()));
    let refused = done.handle(Input::Cancel).unwrap_err();
    assert_eq!(crate::terminal::Fault::from(refused).name, "AlreadyDone");
    assert_eq!(done.result(), Some(FinalResult::Approved));
}

#[test]
fn cancelling_while_the_bank_is_asked_waits_for_its_answer_and_takes_back_what_it_approved() {
    let reverses = ["write reversal_requested", "publish", "reverse 000002 first after 0ns"];
    for (answer, noted, outputs, result) in [
        (Input::HostAnswered(approval()), "note online_answered", &reverses[..], None),
        (no_answer(), "note online_failed", &reverses, None),
        (
            Input::HostAnswered(refusal()),
            "note online_answered",
            &["write completed", "publish"],
            Some(FinalResult::Declined),
        ),
        (not_sent(), "note online_failed", &["write completed", "publish"], Some(FinalResult::Cancelled)),
    ] {
        let mut bench = Bench::at_the_bank(purchase("t1"));
        assert_eq!(bench.step(Input::Cancel), ["write cancel_requested", "publish"], "nothing overtakes the request");
        assert!(bench.handle(Input::Cancel).is_err(), "once is enough");
        let mut followed = bench.step(answer);
        assert_eq!(followed.remove(0), noted);
        assert_eq!(followed, outputs);
        assert_eq!(bench.result(), result);
        if let Some(reversal) = bench.life.transaction().reversal() {
            assert_eq!(reversal.reason, ReversalReason::CancelledByCaller);
        }
    }
}

#[test]
fn a_card_is_not_presented_again_for_what_was_cancelled() {
    let mut bench = Bench::at_the_card(purchase("t1"));
    let asks = CardRead { present_again: true, ..tap("t1", TapOutcome::OnlineRequest) };
    bench.step(Input::CardRead(Box::new(asks)));
    bench.step(Input::Cancel);
    bench.step(Input::HostAnswered(refusal()));
    assert_eq!(bench.result(), Some(FinalResult::Declined));
}

#[test]
fn nobody_presents_a_card() {
    let mut bench = Bench::open(purchase("t1"));
    bench.outputs();
    bench.step(Input::ReaderArmed { reader: "counter".to_owned() });
    assert_eq!(bench.step(Input::Deadline), ["disarm", "write completed", "publish"]);
    assert_eq!(bench.result(), Some(FinalResult::TimedOut));
}

#[test]
fn a_time_out_that_races_with_the_card_is_untimely_and_changes_nothing() {
    let mut bench = Bench::at_the_card(purchase("t1"));
    let before = bench.life.transaction().clone();
    assert_eq!(
        bench.handle(Input::Deadline),
        Err(Untimely { what: "a time-out of the reader", phase: Phase::CardSeen })
    );
    assert_eq!(bench.life.transaction(), &before);
    assert!(bench.outputs().is_empty());
}

/// With something for the card in it.
fn for_card(answer: Answer) -> Answer {
    Answer { has_issuer_scripts: true, ..answer }
}

/// A sale whose card is to come back for the issuer's answer, its outputs drained.
fn at_the_second_tap(answer: Answer) -> Bench {
    let mut bench = Bench::at_the_card(purchase("t1"));
    let card_read = CardRead { present_again: true, ..tap("t1", TapOutcome::OnlineRequest) };
    bench.step(Input::CardRead(Box::new(card_read)));
    assert_eq!(bench.step(Input::HostAnswered(for_card(answer))), ["write online_answered", "arm for answer"]);
    bench
}

//= test C-3 6, 6.2.1.3
#[test]
fn what_the_card_makes_of_the_issuers_data_changes_nothing() {
    for outcome in [TapOutcome::EndApplication, TapOutcome::TryAnotherInterface, TapOutcome::OnlineRequest] {
        for (answer, result) in [(approval(), FinalResult::Approved), (refusal(), FinalResult::Declined)] {
            let mut bench = at_the_second_tap(answer);
            bench.step(Input::ReaderArmed { reader: "counter".to_owned() });
            bench.step(Input::CardSeen);
            let mut card_read = tap("t1", outcome);
            card_read.data.issuer_script_results = "2000000000".parse().ok();
            assert_eq!(
                bench.step(Input::CardRead(Box::new(card_read.clone()))),
                ["note card_read", "disarm", "publish", "write completed", "publish"]
            );
            assert_eq!(bench.result(), Some(result));
            let kept = &bench.life.transaction().card_read().unwrap().data;
            assert_eq!(kept.issuer_script_results, card_read.data.issuer_script_results);
            assert_eq!(bench.life.transaction().reversal(), None);
        }
    }
}

#[test]
fn an_answer_without_anything_for_the_card_is_not_waited_with() {
    let mut bench = Bench::at_the_card(purchase("t1"));
    let card_read = CardRead { present_again: true, ..tap("t1", TapOutcome::OnlineRequest) };
    bench.step(Input::CardRead(Box::new(card_read)));
    assert_eq!(bench.step(Input::HostAnswered(approval())), ["note online_answered", "write completed", "publish"]);
    assert_eq!(bench.result(), Some(FinalResult::Approved));
}

//= test C-3 2.3.1
#[test]
fn a_card_that_never_comes_back_leaves_the_issuers_answer_as_it_is() {
    let armed = |bench: &mut Bench| drop(bench.step(Input::ReaderArmed { reader: "counter".to_owned() }));
    let without_reader = |_: &mut Bench| {};
    let befores: [&dyn Fn(&mut Bench); 2] = [&armed, &without_reader];
    for before in befores {
        for end in [Input::Deadline, Input::ReaderFailed, Input::InternalError] {
            for (answer, result) in [(approval(), FinalResult::Approved), (refusal(), FinalResult::Declined)] {
                let mut bench = at_the_second_tap(answer);
                before(&mut bench);
                assert_eq!(bench.step(end.clone()), ["disarm", "write completed", "publish"]);
                assert_eq!(bench.result(), Some(result), "{end:?}");
                assert_eq!(bench.life.transaction().reversal(), None);
            }
        }
    }
}

#[test]
fn a_card_that_is_being_read_again_is_not_disturbed_by_the_time_out() {
    let mut bench = at_the_second_tap(approval());
    bench.step(Input::ReaderArmed { reader: "counter".to_owned() });
    bench.step(Input::CardSeen);
    assert!(bench.handle(Input::Deadline).is_err());
    assert_eq!(bench.result(), None);
}

#[test]
fn a_sale_that_is_called_off_while_its_card_is_awaited_again_is_taken_back() {
    let mut bench = at_the_second_tap(approval());
    let expected = ["disarm", "write reversal_requested", "publish", "reverse 000002 first after 0ns"];
    assert_eq!(bench.step(Input::Cancel), expected);
    assert_eq!(bench.life.transaction().reversal().unwrap().reason, ReversalReason::CancelledByCaller);
}

#[test]
fn a_card_that_decides_decides_last() {
    let second_tap = |answer: Answer, outcome: TapOutcome| {
        let mut bench = at_the_second_tap(answer);
        bench.step(Input::ReaderArmed { reader: "counter".to_owned() });
        bench.step(Input::CardSeen);
        bench.step(Input::CardRead(Box::new(tap("t1", outcome))));
        (bench.result(), bench.life.transaction().reversal().map(|reversal| reversal.reason))
    };
    assert_eq!(second_tap(approval(), TapOutcome::Approved), (Some(FinalResult::Approved), None));
    assert_eq!(second_tap(approval(), TapOutcome::Declined), (None, Some(ReversalReason::DeclinedByCard)));
    assert_eq!(second_tap(refusal(), TapOutcome::Declined), (Some(FinalResult::Declined), None));
    assert_eq!(
        second_tap(refusal(), TapOutcome::Approved),
        (Some(FinalResult::Declined), None),
        "no card overrules its issuer"
    );
}

#[test]
fn after_a_restart_what_was_not_told_is_undone() {
    let (aborted, outputs) = Bench::at_the_card(purchase("t1")).recover();
    assert_eq!(outputs, ["disarm", "write completed", "publish"]);
    assert_eq!(aborted.life.transaction().ending().unwrap().reason, Reason::Restarted);

    let (unknown, outputs) = Bench::at_the_bank(purchase("t1")).recover();
    assert_eq!(outputs, ["write reversal_requested", "publish", "reverse 000002 first after 0ns"]);

    let (_, outputs) = unknown.recover();
    assert_eq!(outputs, ["publish", "reverse 000002 again after 0ns"], "the same reversal, not another one");
}

#[test]
fn what_is_taken_up_again_says_why_it_was_dropped() {
    for (why, reason, reversal_reason) in [
        (Interruption::JournalFailure, Reason::JournalFailed, ReversalReason::JournalFailed),
        (Interruption::Panic, Reason::InternalError, ReversalReason::InternalError),
    ] {
        let take_up = |mut bench: Bench| {
            let context = Context { now: at(99), stans: &mut bench.stans, acceptor: &acceptor() };
            Life::recover(bench.life.transaction().clone(), why, context).unwrap()
        };
        let aborted = take_up(Bench::at_the_card(purchase("t1")));
        assert_eq!(aborted.transaction().ending().unwrap().reason, reason);
        let reversed = take_up(Bench::at_the_bank(purchase("t1")));
        assert_eq!(reversed.transaction().reversal().unwrap().reason, reversal_reason);
    }
}

#[test]
fn an_answer_that_was_written_and_not_told_is_undone_after_a_restart() {
    let answered = |answer: Answer| {
        let mut bench = Bench::at_the_bank(purchase("t1"));
        let event = Event::OnlineAnswered(answer);
        bench.life.transaction.apply(at(9), &event).unwrap();
        bench.recover()
    };
    let (_, outputs) = answered(approval());
    assert_eq!(outputs[0], "write reversal_requested");
    let (declined, outputs) = answered(refusal());
    assert_eq!(outputs, ["write completed", "publish"]);
    assert_eq!(declined.result(), Some(FinalResult::Declined));
}

#[test]
fn what_is_done_needs_no_recovery() {
    let mut bench = Bench::at_the_bank(purchase("t1"));
    bench.step(Input::HostAnswered(approval()));
    let context = Context { now: at(99), stans: &mut bench.stans, acceptor: &acceptor() };
    assert!(Life::recover(bench.life.transaction().clone(), Interruption::Restart, context).is_none());
}

/// Every input in every phase, in some thousand orders: no panic, nothing changed by what is
/// untimely, one end, and "approved" only where issuer or card approved.
#[test]
fn no_order_of_inputs_breaks_the_machine() {
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut draw = move |bound: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % bound
    };
    let outcomes = [
        TapOutcome::Approved,
        TapOutcome::Declined,
        TapOutcome::OnlineRequest,
        TapOutcome::OnlineRequest,
        TapOutcome::TryAnotherInterface,
        TapOutcome::EndApplication,
    ];
    let mut results = std::collections::HashSet::new();
    for _ in 0..5_000 {
        let (online, _) = OnlineMode::ALL[draw(3) as usize];
        let mut bench = Bench::open(Request { accept_partial: draw(2) == 0, online, ..purchase("t1") });
        bench.outputs();
        for _ in 0..30 {
            let input = match draw(14) {
                0 | 1 => Input::ReaderArmed { reader: "counter".to_owned() },
                2 | 3 => Input::CardSeen,
                4 | 5 => {
                    let outcome = outcomes[draw(6) as usize];
                    Input::CardRead(Box::new(CardRead { present_again: draw(3) == 0, ..tap("t1", outcome) }))
                }
                6 => Input::HostAnswered(Answer { has_issuer_scripts: draw(2) == 0, ..refusal() }),
                7 => Input::HostAnswered(Answer { amount: Some(Amount::from(draw(2_000) as u32)), ..approval() }),
                8 => Input::HostAnswered(Answer { has_issuer_scripts: draw(2) == 0, ..approval() }),
                9 => [not_sent(), no_answer()][draw(2) as usize].clone(),
                10 => [taken(), not_found()][draw(2) as usize].clone(),
                11 => reversal_fails([None, Some("30")][draw(2) as usize]),
                12 => [Input::Cancel, Input::Deadline][draw(2) as usize].clone(),
                _ => [Input::ReaderFailed, Input::InternalError][draw(2) as usize].clone(),
            };
            let before = bench.life.transaction().clone();
            if bench.handle(input).is_err() {
                assert_eq!(bench.life.transaction(), &before);
                assert!(bench.outputs().is_empty());
            }
            if before.result().is_some() {
                assert_eq!(bench.result(), before.result());
            }
            bench.outputs();
        }
        let transaction = bench.life.transaction();
        if transaction.result() == Some(FinalResult::Approved) {
            let offline = transaction.card_read().unwrap().outcome == TapOutcome::Approved;
            assert!(offline || transaction.is_approved_online());
            assert_ne!(online, if offline { OnlineMode::RequireOnline } else { OnlineMode::ForceOffline });
            assert_eq!(transaction.reversal(), None);
        }
        results.insert(transaction.result());
    }
    assert_eq!(results.len(), 8, "seven results and none: {results:?}");
}
