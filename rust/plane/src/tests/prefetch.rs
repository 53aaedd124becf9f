//! Answers that are fetched again before they expire, because a client asked for them in the last tenth of their TTL.

use super::bench::{Bench, Got, description, rule, settings};
use super::wire::{Data, ask};
use crate::counters::Counter;
use crate::pending::{GIVE_UP_AFTER_MS, STALE_AFTER_MS};
use crate::settings::Settings;
use serde_json::json;

const NAME: &str = "www.example.com";

/// `NAME` came with this TTL, of which so much has passed.
fn bench(ttl_s: u32, passed_ms: u64) -> Bench {
    let mut bench = Bench::with_settings(description(), Settings { prefetch: true, ..settings() }, 1);
    bench.fill(&ask(NAME), &[(NAME, ttl_s, Data::A(1))]);
    bench.pass_ms(passed_ms);
    bench
}

fn asked(bench: &mut Bench) -> Vec<String> {
    bench.ask(&ask(NAME)).answer().data().into_iter().map(Into::into).collect()
}

#[test]
fn whoever_asks_in_the_last_tenth_is_answered_and_the_next_one_need_not_wait() {
    let mut bench = bench(60, 54_000);
    assert_eq!(asked(&mut bench), ["203.0.113.1"]);
    assert!(bench.resolve(&[(NAME, 60, Data::A(2))]).is_empty(), "no client waits");
    bench.pass_ms(20_000);
    assert_eq!(asked(&mut bench), ["203.0.113.2"], "past the end of the first answer");
    assert_eq!((bench.count(Counter::Prefetched), bench.count(Counter::CacheMisses)), (1, 1));
}

#[test]
fn nothing_is_asked_before_the_last_tenth_or_twice_at_a_time() {
    let mut bench = bench(60, 53_999);
    asked(&mut bench);
    assert!(bench.misses().is_empty());
    bench.pass_ms(1);
    asked(&mut bench);
    asked(&mut bench);
    assert_eq!(bench.misses().len(), 1);
}

#[test]
fn what_lives_for_seconds_only_is_not_asked_for_ahead() {
    let mut bench = bench(9, 8_900);
    asked(&mut bench);
    assert!(bench.misses().is_empty());
}

#[test]
fn it_can_be_switched_off() {
    let mut bench = Bench::with_settings(description(), Settings { prefetch: false, ..settings() }, 1);
    bench.fill(&ask(NAME), &[(NAME, 60, Data::A(1))]);
    bench.pass_ms(59_000);
    asked(&mut bench);
    assert!(bench.misses().is_empty());
}

#[test]
fn who_does_not_want_recursion_causes_none() {
    let mut bench = bench(60, 59_000);
    bench.ask(&ask(NAME).no_rd()).answer();
    assert!(bench.misses().is_empty());
}

#[test]
fn a_name_that_is_denied_by_now_is_not_asked_for() {
    let mut bench = bench(60, 59_000);
    bench.description["names"] = json!([rule(NAME, &["pupil"], 6, "deny")]);
    bench.install();
    assert_eq!(bench.ask(&ask(NAME)).answer().rcode, 3);
    assert!(bench.misses().is_empty());
}

#[test]
fn a_failure_leaves_the_answer_and_is_tried_again_after_a_while() {
    let mut bench = bench(100, 90_000);
    asked(&mut bench);
    assert!(bench.fail(22).is_empty());
    bench.pass_ms(4_999);
    assert_eq!(asked(&mut bench), ["203.0.113.1"]);
    assert!(bench.misses().is_empty(), "forwarders are spared");
    bench.pass_ms(1);
    asked(&mut bench);
    assert_eq!(bench.misses().len(), 1);
}

#[test]
fn who_comes_after_the_end_waits_for_what_is_under_way() {
    let mut bench = bench(60, 59_999);
    asked(&mut bench);
    bench.pass_ms(1);
    assert_eq!(bench.ask(&ask(NAME).id(7)), Got::Waiting);
    assert_eq!(bench.resolve(&[(NAME, 60, Data::A(2))])[0].data(), ["203.0.113.2"], "asked once");
    assert_eq!(bench.count(Counter::Joined), 1);
}

#[test]
fn silent_forwarders_leave_the_stale_answer_as_without_it() {
    let mut bench = bench(60, 59_999);
    asked(&mut bench);
    let _ = bench.miss();
    bench.pass_ms(1);
    assert_eq!(bench.ask(&ask(NAME).id(7)), Got::Waiting);
    let answers = bench.pass_ms(STALE_AFTER_MS);
    assert_eq!((answers.len(), answers[0].data()), (1, vec!["203.0.113.1"]));
    assert_eq!(bench.ask(&ask(NAME).id(8)).answer().data(), ["203.0.113.1"], "without a wait");
    assert!(bench.pass_ms(GIVE_UP_AFTER_MS).is_empty());
    assert_eq!(bench.count(Counter::Expired), 0);
}
