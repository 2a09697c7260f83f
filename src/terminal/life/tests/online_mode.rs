use super::*;

fn ended(online: OnlineMode, input: Input) -> (Vec<String>, Option<Reason>) {
    let mut bench = Bench::at_the_card(Request { online, ..purchase("t1") });
    let outputs = bench.step(input);
    (outputs, bench.life.transaction().ending().map(|ending| ending.reason))
}

fn card_read(outcome: TapOutcome) -> Input {
    let told = CardRead { icc_data: tap("t1", outcome).card, ..tap("t1", outcome) };
    Input::CardRead(Box::new(told))
}

/// The card is read, and nothing goes to the acquirer, now or later.
const ENDS_AT_ONCE: [&str; 5] = ["note card_read", "disarm", "publish", "write completed", "publish"];

#[test]
fn what_the_issuer_was_to_decide_is_not_approved_by_the_card() {
    let (outputs, reason) = ended(OnlineMode::RequireOnline, card_read(TapOutcome::Approved));
    assert_eq!((&outputs[..], reason), (&ENDS_AT_ONCE.map(str::to_owned)[..], Some(Reason::OnlineRequired)));
    let (outputs, reason) = ended(OnlineMode::RequireOnline, card_read(TapOutcome::OnlineRequest));
    assert_eq!((outputs.contains(&"authorise 000001".to_owned()), reason), (true, None));
}

#[test]
fn what_was_to_stay_offline_is_never_sent() {
    let (outputs, reason) = ended(OnlineMode::ForceOffline, card_read(TapOutcome::OnlineRequest));
    assert_eq!((&outputs[..], reason), (&ENDS_AT_ONCE.map(str::to_owned)[..], Some(Reason::OfflineNotPossible)));
    let (_, reason) = ended(OnlineMode::ForceOffline, card_read(TapOutcome::Approved));
    assert_eq!(reason, Some(Reason::ApprovedOffline));
}

#[test]
fn an_approval_that_the_limits_do_not_admit_is_none_and_the_acquirer_never_hears_of_it() {
    let over = CardRead { icc_data: tap("t1", TapOutcome::Approved).card, ..tap("t1", TapOutcome::Approved) };
    let (outputs, reason) = ended(OnlineMode::PreferOnline, Input::LimitReached(Box::new(over)));
    assert_eq!((&outputs[..], reason), (&ENDS_AT_ONCE.map(str::to_owned)[..], Some(Reason::OfflineLimitReached)));
}
