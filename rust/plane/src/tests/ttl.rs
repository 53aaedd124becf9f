//! How long answers are kept, and which TTLs clients get.

use super::bench::{Bench, Got, description, settings};
use super::wire::{Data, ask};
use crate::settings::Settings;
use serde_json::json;

const NXDOMAIN: u8 = 3;

fn ttl_s(bench: &mut Bench, name: &str) -> Option<u32> {
    bench.ask(&ask(name)).answer().ttl_s()
}

fn bench(change: impl FnOnce(&mut Settings)) -> Bench {
    let mut settings = Settings { stale_for_s: 0, ..settings() };
    change(&mut settings);
    Bench::with_settings(description(), settings, 1)
}

#[test]
fn ttls_count_down_and_end() {
    let mut bench = bench(|_| {});
    let chain = [("www.example.com", 100, Data::Cname("a.example.com".into())), ("a.example.com", 40, Data::A(1))];
    bench.fill(&ask("www.example.com"), &chain);
    bench.pass_ms(30_999);
    let answer = bench.ask(&ask("www.example.com")).answer();
    assert_eq!(answer.answer.iter().map(|record| record.2).collect::<Vec<_>>(), [70, 10]);
    bench.pass_ms(9_000);
    assert_eq!(bench.ask(&ask("www.example.com")).answer().answer[1].2, 1);
    bench.pass_ms(1);
    assert_eq!(bench.ask(&ask("www.example.com")), Got::Waiting, "the shortest TTL counts");
}

#[test]
fn the_wall_clock_has_no_say() {
    let mut bench = bench(|_| {});
    bench.fill(&ask("www.example.com"), &[("www.example.com", 100, Data::A(1))]);
    bench.now.unix_s += 1_000_000;
    assert_eq!(ttl_s(&mut bench, "www.example.com"), Some(100));
    bench.now.unix_s = 0;
    assert_eq!(ttl_s(&mut bench, "www.example.com"), Some(100));
}

#[test]
fn long_ttls_are_cut_when_the_answer_comes_and_age_from_there() {
    let mut bench = bench(|settings| settings.max_ttl_s = 1000);
    let answer = bench.fill(&ask("www.example.com"), &[("www.example.com", 500_000, Data::A(1))]);
    assert_eq!(answer.ttl_s(), Some(1000));
    bench.pass_s(900);
    assert_eq!(ttl_s(&mut bench, "www.example.com"), Some(100), "or a client keeps it twice as long as allowed");
    bench.pass_s(100);
    assert_eq!(bench.ask(&ask("www.example.com")), Got::Waiting);
}

#[test]
fn short_ttls_are_raised_where_that_is_set() {
    let mut bench = bench(|settings| settings.min_ttl_s = 60);
    bench.fill(&ask("www.example.com"), &[("www.example.com", 5, Data::A(1))]);
    assert_eq!(ttl_s(&mut bench, "www.example.com"), Some(60));
    bench.pass_s(50);
    assert_eq!(ttl_s(&mut bench, "www.example.com"), Some(10));
    bench.pass_s(10);
    assert_eq!(bench.ask(&ask("www.example.com")), Got::Waiting);
}

#[test]
fn a_negative_answer_is_kept_for_the_minimum_of_its_soa() {
    let mut bench = bench(|_| {});
    bench.ask(&ask("no.example.com"));
    bench.resolve_as(NXDOMAIN, &[], &[("example.com", 900, Data::Soa(120))]);
    bench.pass_s(20);
    let answer = bench.ask(&ask("no.example.com")).answer();
    assert_eq!((answer.rcode, answer.ttl_s(), answer.authority[0].0.as_str()), (3, Some(100), "example.com"));
    bench.pass_s(100);
    assert_eq!(bench.ask(&ask("no.example.com")), Got::Waiting);
}

#[test]
fn a_negative_answer_without_soa_is_not_kept() {
    let mut bench = bench(|settings| settings.min_ttl_s = 60);
    bench.ask(&ask("no.example.com"));
    assert_eq!(bench.resolve_as(NXDOMAIN, &[], &[])[0].rcode, 3);
    assert_eq!(bench.ask(&ask("no.example.com")), Got::Waiting);
}

#[test]
fn a_negative_answer_tells_clients_no_longer_than_it_is_kept_itself() {
    let mut bench = bench(|settings| settings.max_negative_ttl_s = 300);
    bench.ask(&ask("no.example.com"));
    let answers = bench.resolve_as(NXDOMAIN, &[], &[("example.com", 86_400, Data::Soa(86_400))]);
    assert_eq!(answers[0].ttl_s(), Some(300));
    bench.pass_s(200);
    assert_eq!(ttl_s(&mut bench, "no.example.com"), Some(100));
    bench.pass_s(100);
    assert_eq!(bench.ask(&ask("no.example.com")), Got::Waiting);
}

#[test]
fn no_cached_answer_outlives_the_schedule_of_its_segment() {
    let mut bench = bench(|_| {});
    bench.description["segments"][0]["ends_at_unix_s"] = json!(bench.now.unix_s + 100);
    bench.install();
    let answer = bench.fill(&ask("www.example.com"), &[("www.example.com", 3600, Data::A(1))]);
    assert_eq!(answer.ttl_s(), Some(100));
    bench.pass_s(80);
    assert_eq!(ttl_s(&mut bench, "www.example.com"), Some(20));
    assert_eq!(bench.ask(&ask("www.example.com").staff()).answer().ttl_s(), Some(3520), "another segment");
    bench.pass_s(60);
    assert_eq!(ttl_s(&mut bench, "www.example.com"), Some(0), "past it, until the new policy is installed");
    bench.description["segments"][0]["ends_at_unix_s"] = json!(null);
    bench.install();
    assert_eq!(ttl_s(&mut bench, "www.example.com"), Some(3460));
}

#[test]
fn answers_for_everybody_fill_every_worker() {
    let mut bench = Bench::new();
    bench.fill(&ask("www.example.com"), &[("www.example.com", 300, Data::A(1))]);
    bench.at = 1;
    assert_eq!(ttl_s(&mut bench, "www.example.com"), Some(300));
}

#[test]
fn the_cache_is_bounded_in_octets() {
    let mut bench = bench(|settings| settings.cache_octets = 200_000);
    for number in 0..2_000 {
        let name = format!("{number}.example.com");
        bench.fill(&ask(&name), &[(&name, 300, Data::A(1))]);
        assert!(bench.workers[0].answerer.fill().1 <= 200_000);
    }
    assert!(bench.workers[0].answerer.fill().0 > 300, "and used");
}
