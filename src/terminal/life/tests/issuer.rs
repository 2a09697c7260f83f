//! Transactions that are nothing without their issuer.

use super::*;

fn ended(kind: TransactionType, outcome: TapOutcome) -> Bench {
    let mut bench = Bench::at_the_card(Request { kind, ..purchase("t1") });
    bench.step(Input::CardRead(Box::new(tap("t1", outcome))));
    bench
}

#[test]
fn a_card_and_a_terminal_alone_neither_hold_an_amount_nor_verify_a_card() {
    for kind in [TransactionType::PreAuthorisation, TransactionType::Verification] {
        let bench = ended(kind, TapOutcome::Approved);
        assert_eq!(bench.result(), Some(FinalResult::Declined), "{kind:?}");
        let transaction = bench.life.transaction();
        assert!(!transaction.is_advice_outstanding() && transaction.approved_amount().is_none());
    }
}

#[test]
fn a_hold_that_is_not_answered_is_taken_back() {
    let mut bench = ended(TransactionType::PreAuthorisation, TapOutcome::OnlineRequest);
    bench.step(no_answer());
    bench.step(taken());
    assert_eq!(bench.result(), Some(FinalResult::Reversed));
}

#[test]
fn of_a_verification_there_is_never_anything_to_take_back() {
    let verification = || ended(TransactionType::Verification, TapOutcome::OnlineRequest);
    let mut approved = verification();
    approved.step(Input::HostAnswered(approval()));
    assert_eq!(approved.result(), Some(FinalResult::Approved));
    let mut silent = verification();
    assert!(silent.step(no_answer()).iter().all(|output| !output.contains("reversal")));
    assert_eq!(silent.result(), Some(FinalResult::Declined));
    let mut cancelled = verification();
    cancelled.step(Input::Cancel);
    cancelled.step(Input::HostAnswered(approval()));
    assert_eq!(cancelled.result(), Some(FinalResult::Cancelled));
    let (interrupted, outputs) = verification().recover();
    assert!(outputs.iter().all(|output| !output.contains("reversal")), "{outputs:?}");
    assert_eq!(interrupted.result(), Some(FinalResult::Aborted));
}
