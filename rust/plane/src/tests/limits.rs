//! What one client may do: rates, and how little an outside client gets.

use super::bench::{Bench, Got, description};
use super::wire::{Ask, ask};
use crate::clock::Now;
use crate::counters::Counter;
use serde_json::json;

fn bench(qps: u32, burst: u32) -> Bench {
    let mut description = description();
    description["segments"][0]["qps"] = json!(qps);
    description["segments"][0]["burst"] = json!(burst);
    Bench::with(description)
}

#[test]
fn over_the_rate_a_datagram_is_truncated_or_dropped() {
    let mut bench = bench(10, 3);
    let got: Vec<_> = (0..7).map(|_| bench.ask(&ask("denied.example.com"))).collect();
    let denied = |got: &Got| matches!(got, Got::Answer(answer) if answer.rcode == 3);
    let truncated = |got: &Got| matches!(got, Got::Answer(answer) if answer.truncated && answer.answer.is_empty());
    assert!(got[..3].iter().all(denied));
    assert!(truncated(&got[3]) && truncated(&got[5]));
    assert_eq!((&got[4], &got[6]), (&Got::Silence, &Got::Silence));
    assert_eq!((bench.count(Counter::RateTruncated), bench.count(Counter::RateDropped)), (2, 2));
    assert_eq!(bench.count(Counter::Truncated), 0, "that counts answers that are too large");
    assert!(denied(&bench.ask(&ask("denied.example.com").from("192.0.2.11"))), "others are not touched");
    bench.pass_ms(100);
    assert!(denied(&bench.ask(&ask("denied.example.com"))), "a tenth of a second is one more query");
}

#[test]
fn a_client_in_no_segment_has_the_usual_rate() {
    let mut bench = Bench::new();
    let guest = ask("denied.example.com").from("203.0.113.9");
    let answers: Vec<_> = (0..1_001).map(|_| bench.ask(&guest).answer().truncated).collect();
    assert_eq!(answers.iter().position(|truncated| *truncated), Some(1_000));
}

#[test]
fn over_the_rate_a_stream_hears_nothing() {
    let mut bench = bench(10, 1);
    bench.ask(&ask("denied.example.com").stream());
    for _ in 0..4 {
        assert_eq!(bench.ask(&ask("denied.example.com").stream()), Got::Silence);
    }
    assert_eq!(bench.count(Counter::RateDropped), 4);
}

#[test]
fn bad_packets_count_against_the_rate() {
    let mut bench = bench(10, 3);
    let chaos = Ask { class: 3, ..ask("example.com") };
    let answered = (0..10).filter(|_| bench.ask(&chaos) != Got::Silence).count();
    assert_eq!((answered, bench.count(Counter::Refusals), bench.count(Counter::RateDropped)), (3, 3, 7));
}

#[test]
fn an_outside_client_gets_refused_and_not_often() {
    let mut bench = Bench::new();
    let outside = ask("www.example.com").from("233.252.0.1").edns();
    let first = bench.ask(&outside).answer();
    assert_eq!((first.rcode, first.ede, first.answer.len()), (5, Some((18, String::new())), 0));
    let plain = bench.ask(&ask("www.example.com").from("233.252.0.1")).answer();
    assert_eq!((plain.rcode, plain.has_opt), (5, false));
    let answered = (0..100).filter(|_| bench.ask(&outside) != Got::Silence).count();
    assert_eq!(answered, 8, "ten at once in all");
    assert_eq!((bench.count(Counter::Outside), bench.count(Counter::RateDropped)), (10, 92));
    bench.pass_s(1);
    let answered = (0..100).filter(|_| bench.ask(&outside) != Got::Silence).count();
    assert_eq!(answered, 5, "five a second");
    assert!(bench.misses().is_empty());
}

#[test]
fn an_outside_client_gets_no_errors_to_send_to_others_either() {
    let mut bench = Bench::new();
    let chaos = Ask { class: 3, ..ask("example.com").from("233.252.0.1") };
    let answered = (0..100).filter(|_| bench.ask(&chaos) != Got::Silence).count();
    assert_eq!(answered, 10);
}

#[test]
fn the_clock_of_the_limiter_may_wrap() {
    let mut bench = bench(10, 3);
    // The limiter keeps 52 bits of ticks of 1/64 us.
    bench.now = Now::at((1 << 46) / 1000 - 50, bench.now.unix_s);
    assert_eq!(
        (0..10)
            .filter(|_| matches!(bench.ask(&ask("denied.example.com")), Got::Answer(answer) if !answer.truncated))
            .count(),
        3
    );
    bench.pass_ms(100);
    assert_eq!(
        (0..10)
            .filter(|_| matches!(bench.ask(&ask("denied.example.com")), Got::Answer(answer) if !answer.truncated))
            .count(),
        1
    );
}
