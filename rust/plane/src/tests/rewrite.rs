//! Rewrites after an allow: SafeSearch as a CNAME.

use super::bench::{Bench, Got, rule};
use super::wire::{Data, ask};
use crate::counters::Counter;
use schoolgate_wire::rtype;
use serde_json::json;

const NAME: &str = "search.example.org";
const SAFE: &str = "safe.example.net";

#[test]
fn the_answer_is_a_cname_and_what_the_target_says() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask(&ask("Search.example.org").edns()), Got::Waiting);
    let miss = bench.miss();
    assert_eq!(miss.name(), SAFE, "the target is asked for, and only that");
    let octets = super::wire::reply(&miss.query, 0, &[(SAFE, 120, Data::A(1))], &[]);
    let answer = bench.complete(&miss, Ok(&octets)).remove(0);
    assert_eq!(answer.question, "Search.example.org");
    assert_eq!(answer.answer[0], ("Search.example.org".into(), rtype::CNAME, 120, SAFE.into()));
    assert_eq!(answer.answer[1], (SAFE.into(), rtype::A, 120, "203.0.113.1".into()));
    assert_eq!(answer.ede_code(), Some(4), "forged, and it says so");
    bench.pass_s(20);
    let cached = bench.ask(&ask(NAME).edns()).answer();
    assert_eq!((cached.data(), cached.ttl_s(), cached.ede_code()), (vec![SAFE, "203.0.113.1"], Some(100), Some(4)));
}

#[test]
fn types_the_target_does_not_have_are_no_data_within_the_rewrite() {
    let mut bench = Bench::new();
    bench.ask(&ask(NAME).of(rtype::AAAA));
    let answer = bench.resolve_as(0, &[], &[("example.net", 300, Data::Soa(60))]).remove(0);
    assert_eq!((answer.rcode, answer.data(), answer.authority.len()), (0, vec![SAFE], 1));
    assert_eq!(bench.ask(&ask(NAME).of(rtype::AAAA)).answer().data(), [SAFE]);
    bench.pass_s(60);
    assert_eq!(bench.ask(&ask(NAME).of(rtype::AAAA)), Got::Waiting, "kept as long as the denial");
}

#[test]
fn service_bindings_are_those_of_the_target() {
    let mut bench = Bench::new();
    bench.ask(&ask(NAME).of(rtype::HTTPS));
    let answer = bench.resolve(&[(SAFE, 300, Data::Https("svc.example.net".into()))]).remove(0);
    assert_eq!(answer.answer.len(), 2);
    assert_eq!(answer.answer[0].3, SAFE);
}

#[test]
fn a_segment_without_the_rewrite_gets_the_plain_answer_beside_it() {
    let mut bench = Bench::new();
    bench.fill(&ask(NAME), &[(SAFE, 300, Data::A(1))]);
    assert_eq!(bench.ask(&ask(NAME).staff()), Got::Waiting);
    bench.resolve(&[(NAME, 300, Data::A(2))]);
    assert_eq!(bench.ask(&ask(NAME).staff()).answer().data(), ["203.0.113.2"]);
    assert_eq!(bench.ask(&ask(NAME)).answer().data(), [SAFE, "203.0.113.1"]);
}

#[test]
fn an_allow_does_not_turn_it_off_and_a_deny_comes_first() {
    let mut bench = Bench::new();
    bench.description["names"] = json!([rule(NAME, &["pupil"], 6, "allow")]);
    bench.install();
    bench.ask(&ask(NAME));
    assert_eq!(bench.miss().name(), SAFE);
    bench.description["names"] = json!([rule(NAME, &["pupil"], 6, "deny")]);
    bench.install();
    assert_eq!(bench.ask(&ask(NAME).id(2)).answer().rcode, 3);
}

#[test]
fn the_target_itself_is_not_judged_but_where_it_leads_is() {
    let mut bench = Bench::new();
    bench.description["names"] =
        json!([rule(SAFE, &["pupil"], 6, "deny"), rule("bad.example.org", &["pupil"], 6, "deny")]);
    bench.install();
    assert_eq!(bench.fill(&ask(NAME), &[(SAFE, 300, Data::A(1))]).rcode, 0);
    let chain = [(SAFE, 300, Data::Cname("bad.example.org".into())), ("bad.example.org", 300, Data::Txt(100))];
    assert_eq!(bench.fill(&ask(NAME).of(rtype::TXT), &chain).rcode, 3);
}

#[test]
fn a_target_that_leads_back_is_a_failure() {
    let mut bench = Bench::new();
    bench.ask(&ask(NAME).edns());
    let answers = bench.resolve(&[(SAFE, 300, Data::Cname(NAME.into())), (NAME, 300, Data::A(1))]);
    assert_eq!((answers[0].rcode, answers[0].ede_code()), (2, Some(24)));
    assert_eq!(bench.count(Counter::UnusableReplies), 1);
}

#[test]
fn a_rewritten_answer_can_be_stale() {
    let mut bench = Bench::new();
    bench.fill(&ask(NAME), &[(SAFE, 60, Data::A(1))]);
    bench.pass_s(100);
    bench.ask(&ask(NAME).edns());
    let answers = bench.fail(22);
    assert_eq!((answers[0].data(), answers[0].ede_code()), (vec![SAFE, "203.0.113.1"], Some(3)));
}
