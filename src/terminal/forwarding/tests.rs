use super::super::testing::at;
use super::super::{Amount, Currency, Stan, TransactionType};
use super::*;

/// A queue of a terminal, and seconds since its start.
struct Bench {
    queue: ForwardingQueue,
    start: Instant,
}

impl Bench {
    /// A queue with these items, of which three may be under way at once.
    fn of<const N: usize>(tokens: [&str; N]) -> Self {
        let mut queue = ForwardingQueue::new(NonZero::new(3).unwrap());
        tokens.iter().for_each(|token| queue.push(outstanding(token), false));
        Bench { queue, start: Instant::now() }
    }

    fn at(&self, second: f64) -> Instant {
        self.start + Duration::from_secs_f64(second)
    }

    /// All that is sent at this second; a repeat with a `+`.
    fn sent(&mut self, second: f64) -> Vec<String> {
        let now = self.at(second);
        let sendings = std::iter::from_fn(|| self.queue.next(now));
        sendings.map(|sending| format!("{}{}", sending.token, if sending.is_repeat { "+" } else { "" })).collect()
    }

    fn delivered(&mut self, second: f64, tokens: &[&str], delivery: &Delivery) {
        let now = self.at(second);
        tokens.iter().for_each(|token| self.queue.delivered(&token.parse().unwrap(), delivery, now, 0));
    }

    fn fates(&self) -> Vec<String> {
        self.queue.iter().map(|(item, fate)| format!("{} {}", item.token, fate.name())).collect()
    }

    /// After how many seconds it wants to be asked again.
    fn wakes_after(&self, second: f64) -> Option<f64> {
        let now = self.at(second);
        self.queue.wakes_at(now).map(|wake| (wake - now).as_secs_f64())
    }
}

fn outstanding(token: &str) -> Outstanding {
    Outstanding {
        token: token.parse().unwrap(),
        kind: TransactionType::Purchase,
        stan: Stan::try_from(7).unwrap(),
        since: at(0),
        amount: Amount::from(1250),
        currency: Currency::from_alpha("EUR").unwrap(),
        scheme: Some("Visa".to_owned()),
        refusal: None,
    }
}

fn taken() -> Delivery {
    Delivery::Taken { response_code: "00".to_owned() }
}

fn refused() -> Delivery {
    Delivery::Refused(SendFailure { reason: "Format error".to_owned(), response_code: Some("30".to_owned()) })
}

#[test]
fn the_oldest_go_first_and_no_more_than_the_window() {
    let mut bench = Bench::of(["a", "b", "c", "d", "e"]);
    assert_eq!(bench.sent(0.0), ["a", "b", "c"]);
    assert_eq!((bench.sent(0.0), bench.wakes_after(0.0)), (vec![], None), "it waits for answers");
    bench.delivered(0.1, &["b"], &taken());
    assert_eq!(bench.sent(0.1), ["d"]);
    bench.delivered(0.2, &["a", "c", "d"], &taken());
    assert_eq!(bench.sent(0.2), ["e"]);
    bench.delivered(0.3, &["e"], &taken());
    assert!(bench.queue.is_empty());
    assert_eq!(bench.wakes_after(0.3), None);
}

#[test]
fn while_the_acquirer_is_away_one_message_asks_after_pauses_that_grow() {
    let mut bench = Bench::of(["a", "b", "c", "d"]);
    assert_eq!(bench.sent(0.0), ["a", "b", "c"]);
    bench.delivered(0.0, &["a", "b", "c"], &Delivery::NotSent);
    let mut now = 0.0;
    for pause in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
        assert_eq!(bench.wakes_after(now), Some(pause));
        assert_eq!(bench.sent(now + pause - 0.1), [""; 0]);
        now += pause;
        assert_eq!(bench.sent(now), ["a"], "it never left, so it is no repeat");
        bench.delivered(now, &["a"], &Delivery::NotSent);
    }
    now += 60.0;
    assert_eq!(bench.sent(now), ["a"]);
    bench.delivered(now, &["a"], &taken());
    assert_eq!(bench.sent(now), ["b", "c", "d"], "the window is open again");
}

#[test]
fn a_part_of_a_pause_is_chance_and_never_more_than_half_of_it() {
    for (random, pause) in [(0, 1.0), (u32::MAX / 2, 0.75), (u32::MAX, 0.5)] {
        let mut bench = Bench::of(["a"]);
        bench.sent(0.0);
        let now = bench.at(0.0);
        bench.queue.delivered(&"a".parse().unwrap(), &Delivery::NotSent, now, random);
        assert!((bench.wakes_after(0.0).unwrap() - pause).abs() < 1e-6, "{random}");
    }
}

#[test]
fn what_the_acquirer_never_answers_keeps_nothing_back() {
    let mut bench = Bench::of(["dark", "b", "c"]);
    assert_eq!(bench.sent(0.0), ["dark", "b", "c"]);
    bench.delivered(0.1, &["b", "c"], &taken());
    bench.queue.push(outstanding("d"), false);
    bench.delivered(8.0, &["dark"], &Delivery::Unanswered);
    assert_eq!(bench.sent(8.0), ["d"], "the acquirer is there: no pause");
    bench.delivered(8.1, &["d"], &taken());
    assert_eq!(bench.wakes_after(8.1), Some(1.9));
    // Alone, it looks as if the acquirer were away; and so the next one asks.
    assert_eq!(bench.sent(10.0), ["dark+"]);
    bench.queue.push(outstanding("e"), false);
    bench.delivered(18.0, &["dark"], &Delivery::Unanswered);
    assert_eq!(bench.sent(18.9), [""; 0]);
    assert_eq!(bench.sent(19.0), ["e"]);
}

#[test]
fn what_is_refused_is_kept_and_sent_again_ever_more_slowly() {
    let mut bench = Bench::of(["a", "b"]);
    assert_eq!(bench.sent(0.0), ["a", "b"]);
    bench.delivered(0.0, &["a"], &refused());
    bench.delivered(0.0, &["b"], &taken());
    assert_eq!(bench.fates(), ["a refused"]);
    let mut now = 0.0;
    for wait in [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 1280.0, 2560.0, 3600.0, 3600.0] {
        assert_eq!(bench.wakes_after(now), Some(wait));
        now += wait;
        assert_eq!(bench.sent(now), ["a+"]);
        assert_eq!(bench.fates(), ["a sent"]);
        bench.delivered(now, &["a"], &refused());
    }
    bench.queue.retry(&"a".parse().unwrap());
    assert_eq!(bench.sent(now), ["a+"], "somebody has asked for it");
    bench.delivered(now, &["a"], &refused());
    assert_eq!(bench.wakes_after(now), Some(5.0));
    bench.queue.remove(&"a".parse().unwrap());
    assert_eq!((bench.queue.len(), bench.wakes_after(now)), (0, None));
}

#[test]
fn an_acquirer_that_can_not_work_is_given_a_pause_and_then_asked_with_the_next() {
    let mut bench = Bench::of(["a", "b", "c"]);
    bench.sent(0.0);
    bench.delivered(0.0, &["a", "b", "c"], &Delivery::Unavailable);
    bench.queue.push(outstanding("d"), false);
    assert_eq!(bench.sent(1.0), ["d"]);
    bench.delivered(1.0, &["d"], &taken());
    assert_eq!(bench.sent(2.0), ["a+", "b+", "c+"]);
}

#[test]
fn an_answer_that_comes_when_nobody_waits_any_more_counts_where_it_takes() {
    let mut bench = Bench::of(["a", "b"]);
    bench.sent(0.0);
    let now = bench.at(1.0);
    bench.queue.interrupted(now);
    assert_eq!(bench.fates(), ["a queued", "b queued"]);
    bench.delivered(1.0, &["a"], &Delivery::Unanswered);
    bench.delivered(1.0, &["b"], &taken());
    assert_eq!(bench.fates(), ["a queued"]);
    assert_eq!(bench.sent(3.0), ["a+"]);
}

#[test]
fn what_is_there_already_is_not_taken_in_a_second_time() {
    let mut bench = Bench::of(["a"]);
    bench.sent(0.0);
    bench.queue.push(outstanding("a"), true);
    assert_eq!((bench.queue.len(), bench.sent(0.0)), (1, vec![]));
}
