//! Answers past their TTL, where nothing better is to be had (RFC 8767).

use super::bench::{Bench, Got, description, settings};
use super::wire::{Answer, Data, ask, reply};
use crate::counters::Counter;
use crate::pending::{GIVE_UP_AFTER_MS, MAX_QUESTIONS, STALE_AFTER_MS};
use crate::settings::Settings;
use serde_json::json;

/// `www.example.com` has been in the cache for 100 s longer than its TTL.
fn bench() -> Bench {
    let mut bench = Bench::with_settings(description(), Settings { stale_for_s: 3600, ..settings() }, 1);
    bench.fill(&ask("www.example.com"), &[("www.example.com", 60, Data::A(1))]);
    bench.pass_s(160);
    bench
}

fn is_stale(answer: &Answer) {
    assert_eq!((answer.data(), answer.ttl_s(), answer.rcode), (vec!["203.0.113.1"], Some(30), 0));
    assert_eq!(answer.ede_code(), answer.has_opt.then_some(3));
}

#[test]
fn a_client_waits_a_little_and_then_hears_the_stale_answer() {
    let mut bench = bench();
    assert_eq!(bench.ask(&ask("www.example.com").edns()), Got::Waiting);
    assert!(bench.pass_ms(STALE_AFTER_MS - 1).is_empty());
    let answers = bench.pass_ms(1);
    is_stale(&answers[0]);
    assert!(bench.pass_ms(GIVE_UP_AFTER_MS).is_empty(), "and nothing more");
    assert_eq!((bench.count(Counter::Stale), bench.count(Counter::Expired)), (1, 0));
}

#[test]
fn those_who_come_while_the_refresh_is_overdue_do_not_wait() {
    let mut bench = bench();
    bench.ask(&ask("www.example.com").id(1));
    let miss = bench.miss();
    bench.pass_ms(STALE_AFTER_MS);
    is_stale(&bench.ask(&ask("www.example.com").id(2)).answer());
    let octets = reply(&miss.query, 0, &[("www.example.com", 60, Data::A(2))], &[]);
    assert!(bench.complete(&miss, Ok(&octets)).is_empty());
    assert_eq!(bench.ask(&ask("www.example.com").id(3)).answer().data(), ["203.0.113.2"], "the refresh came");
}

#[test]
fn a_failure_brings_the_stale_answer_at_once_and_spares_the_forwarders_for_a_while() {
    let mut bench = bench();
    bench.ask(&ask("www.example.com").edns());
    is_stale(&bench.fail(23)[0]);
    bench.pass_ms(4_999);
    is_stale(&bench.ask(&ask("www.example.com").edns()).answer());
    assert!(bench.misses().is_empty());
    bench.pass_ms(1);
    assert_eq!(bench.ask(&ask("www.example.com")), Got::Waiting, "asked again");
    is_stale(&bench.fail(22)[0]);
}

#[test]
fn a_refresh_that_succeeds_is_the_answer() {
    let mut bench = bench();
    bench.ask(&ask("www.example.com"));
    let answers = bench.resolve(&[("www.example.com", 60, Data::A(2))]);
    assert_eq!((answers[0].data(), answers[0].ttl_s()), (vec!["203.0.113.2"], Some(60)));
}

#[test]
fn a_name_that_is_gone_is_stale_with_a_code_of_its_own() {
    let mut bench = bench();
    bench.ask(&ask("no.example.com"));
    bench.resolve_as(3, &[], &[("example.com", 60, Data::Soa(60))]);
    bench.pass_s(100);
    bench.ask(&ask("no.example.com").edns());
    let answers = bench.fail(22);
    assert_eq!((answers[0].rcode, answers[0].ede_code(), answers[0].ttl_s()), (3, Some(19), Some(30)));
}

#[test]
fn nothing_is_served_past_the_bound() {
    let mut bench = bench();
    bench.pass_s(3600 - 101);
    bench.ask(&ask("www.example.com").id(1));
    is_stale(&bench.fail(22)[0]);
    bench.pass_s(1);
    bench.ask(&ask("www.example.com").id(2).edns());
    assert_eq!(bench.fail(22)[0].rcode, 2);
}

#[test]
fn a_client_is_not_failed_because_the_stale_answer_it_could_have_had_is_gone() {
    let mut bench = bench();
    bench.pass_ms(3_600_000 - 100_000 - 500);
    bench.ask(&ask("www.example.com"));
    assert!(bench.pass_ms(STALE_AFTER_MS).is_empty(), "it goes on waiting");
    assert_eq!(bench.resolve(&[("www.example.com", 60, Data::A(2))])[0].data(), ["203.0.113.2"]);
}

#[test]
fn never_where_it_is_switched_off() {
    let mut bench = Bench::with_settings(description(), Settings { stale_for_s: 0, ..settings() }, 1);
    bench.fill(&ask("www.example.com"), &[("www.example.com", 60, Data::A(1))]);
    bench.pass_s(61);
    bench.ask(&ask("www.example.com"));
    assert_eq!(bench.fail(22)[0].rcode, 2);
    assert_eq!(bench.count(Counter::Stale), 0);
}

#[test]
fn a_failure_does_not_push_out_what_can_still_be_served() {
    let mut bench = bench();
    for _ in 0..10 {
        bench.pass_s(6);
        bench.ask(&ask("www.example.com"));
        is_stale(&bench.fail(22)[0]);
    }
    assert_eq!(bench.count(Counter::Failures), 0);
}

#[test]
fn a_stale_answer_is_judged_and_cut_like_any_other() {
    let mut bench = bench();
    bench.description["segments"][0]["ends_at_unix_s"] = json!(bench.now.unix_s + 10);
    bench.description["names"] = json!([super::bench::rule("other.example.com", &["pupil"], 6, "deny")]);
    bench.install();
    bench.ask(&ask("www.example.com"));
    assert_eq!(bench.fail(22)[0].ttl_s(), Some(10));
    let chain =
        [("alias.example.com", 60, Data::Cname("other.example.com".into())), ("other.example.com", 60, Data::A(1))];
    bench.fill(&ask("alias.example.com").staff(), &chain);
    bench.pass_s(100);
    bench.ask(&ask("alias.example.com"));
    let answers = bench.fail(22);
    assert_eq!((answers[0].rcode, answers[0].answer.len()), (3, 0), "denied, not stale");
}

#[test]
fn a_stalled_resolver_leaves_stale_answers_flowing() {
    let mut bench = bench();
    let mut answered = 0;
    for id in 0..200 {
        if let Got::Answer(answer) = bench.ask(&ask("www.example.com").id(id)) {
            is_stale(&answer);
            answered += 1;
        }
        answered += bench.pass_ms(100).iter().inspect(|answer| is_stale(answer)).count();
    }
    assert!(answered >= 180, "{answered} of 200");
}

#[test]
fn where_there_is_no_room_to_wait_the_stale_answer_comes_at_once() {
    let mut bench = bench();
    // A client alone gets a fifth of all places.
    for number in 0..(MAX_QUESTIONS / 5) as u32 {
        assert_eq!(bench.ask(&ask(&format!("{number}.com")).id(number as u16)), Got::Waiting);
    }
    is_stale(&bench.ask(&ask("www.example.com").edns()).answer());
    assert_eq!((bench.count(Counter::Stale), bench.count(Counter::PendingFull)), (1, 0));
    assert_eq!(bench.ask(&ask("other.example.com")).answer().rcode, 2);
}
