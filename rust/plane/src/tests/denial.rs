//! How a policy denies: one response code for all types, TTL, SOA, Extended DNS Error.

use super::bench::{Bench, Got, description, rule};
use super::wire::{Answer, ask};
use crate::counters::Counter;
use schoolgate_wire::rtype;
use serde_json::json;

const TYPES: [u16; 4] = [rtype::A, rtype::AAAA, rtype::HTTPS, rtype::TXT];

fn bench(action: &str) -> Bench {
    let mut description = description();
    description["policies"][1]["action"] = json!(action);
    description["policies"][1]["block_addresses"] = json!(["192.0.2.80", "192.0.2.81", "2001:db8::80"]);
    Bench::with(description)
}

fn denied(bench: &mut Bench, qtype: u16) -> Answer {
    let answer = bench.ask(&ask("WWW.Denied.example.com").of(qtype).id(0xbeef)).answer();
    assert_eq!((answer.id, answer.question.as_str(), answer.truncated), (0xbeef, "WWW.Denied.example.com", false));
    assert!(!answer.has_opt);
    answer
}

/// An SOA of the name itself, and nothing else: cached for the block TTL.
fn is_bare_denial(answer: &Answer) {
    assert!(answer.answer.is_empty());
    let [(owner, soa, ttl_s, data)] = answer.authority.as_slice() else { panic!("one SOA: {answer:?}") };
    assert_eq!((owner.as_str(), *soa, *ttl_s), ("WWW.Denied.example.com", rtype::SOA, 30));
    assert!(data.ends_with(" 30"), "MINIMUM is the TTL too: {data}");
}

#[test]
fn nxdomain_for_every_type() {
    let mut bench = bench("nxdomain");
    for qtype in TYPES {
        let answer = denied(&mut bench, qtype);
        assert_eq!(answer.rcode, 3);
        is_bare_denial(&answer);
    }
    assert_eq!(bench.count(Counter::Denied), 4);
}

#[test]
fn nodata_for_every_type() {
    let mut bench = bench("nodata");
    for qtype in TYPES {
        let answer = denied(&mut bench, qtype);
        assert_eq!(answer.rcode, 0);
        is_bare_denial(&answer);
    }
}

#[test]
fn refused_for_every_type_without_anything_to_cache() {
    let mut bench = bench("refused");
    for qtype in TYPES {
        let answer = denied(&mut bench, qtype);
        assert_eq!((answer.rcode, answer.answer.len(), answer.authority.len()), (5, 0, 0));
    }
}

#[test]
fn null_addresses_and_no_data_for_other_types() {
    let mut bench = bench("null");
    let v4 = denied(&mut bench, rtype::A);
    assert_eq!(v4.answer, [("WWW.Denied.example.com".into(), rtype::A, 30, "0.0.0.0".into())]);
    assert_eq!(denied(&mut bench, rtype::AAAA).data(), ["::"]);
    for qtype in [rtype::HTTPS, rtype::TXT] {
        let answer = denied(&mut bench, qtype);
        assert_eq!(answer.rcode, 0);
        is_bare_denial(&answer);
    }
}

#[test]
fn the_block_page_and_no_data_for_other_types() {
    let mut bench = bench("block-page");
    assert_eq!(denied(&mut bench, rtype::A).data(), ["192.0.2.80", "192.0.2.81"]);
    assert_eq!(denied(&mut bench, rtype::AAAA).data(), ["2001:db8::80"]);
    for qtype in [rtype::HTTPS, rtype::TXT] {
        is_bare_denial(&denied(&mut bench, qtype));
    }
}

#[test]
fn a_block_page_of_one_family_has_no_data_in_the_other() {
    let mut description = description();
    description["policies"][1]["action"] = json!("block-page");
    description["policies"][1]["block_addresses"] = json!(["2001:db8::80"]);
    let mut bench = Bench::with(description);
    is_bare_denial(&denied(&mut bench, rtype::A));
}

#[test]
fn the_reason_is_given_only_to_those_who_can_read_it() {
    let mut bench = Bench::new().with_lists(&[("social", "social.example.com")]);
    let why = |bench: &mut Bench, name: &str| bench.ask(&ask(name).edns()).answer().ede;
    assert_eq!(why(&mut bench, "www.social.example.com"), Some((15, "social".into())), "the category");
    assert_eq!(why(&mut bench, "denied.example.com"), Some((15, "own-list".into())), "else the layer");
    let plain = bench.ask(&ask("www.social.example.com")).answer();
    assert_eq!((plain.has_opt, plain.ede), (false, None));
}

#[test]
fn where_the_filter_was_asked_for_a_denial_says_filtered_but_not_of_what_is_locked() {
    let mut description = description();
    description["policies"][1]["on_request"] = json!(true);
    let names = description["names"].as_array_mut().expect("names");
    names.push(rule("locked.example.com", &["pupil"], 3, "deny"));
    let mut bench = Bench::with(description).with_sealed(&["sealed.example.com"]);
    let why = |bench: &mut Bench, name: &str| bench.ask(&ask(name).edns()).answer().ede;
    assert_eq!(why(&mut bench, "denied.example.com"), Some((17, "own-list".into())));
    assert_eq!(why(&mut bench, "locked.example.com"), Some((15, "trust-locked".into())));
    assert_eq!(why(&mut bench, "sealed.example.com"), Some((16, String::new())));
}

#[test]
fn a_sealed_name_shows_nothing_but_that_it_is_denied() {
    let mut bench = Bench::new().with_lists(&[("social", "sealed.example.com")]).with_sealed(&["sealed.example.com"]);
    for who in [ask("a.sealed.example.com"), ask("a.sealed.example.com").staff()] {
        let answer = bench.ask(&who.edns()).answer();
        assert_eq!((answer.rcode, answer.ede), (3, Some((16, String::new()))));
    }
}

#[test]
fn the_ttl_of_a_denial_ends_with_the_schedule() {
    let mut bench = Bench::new();
    bench.description["segments"][0]["ends_at_unix_s"] = json!(bench.now.unix_s + 12);
    bench.install();
    let ttl_s = |bench: &mut Bench| bench.ask(&ask("denied.example.com")).answer().ttl_s();
    assert_eq!(ttl_s(&mut bench), Some(12));
    bench.pass_ms(4_500);
    assert_eq!(ttl_s(&mut bench), Some(7), "7.5 s are left");
    bench.pass_s(60);
    assert_eq!(ttl_s(&mut bench), Some(0), "late is not for ever");
}

#[test]
fn clients_in_no_segment_get_the_strictest_policy() {
    let mut bench = Bench::new();
    let guest = bench.ask(&ask("anything.example.org").from("203.0.113.9").edns()).answer();
    assert_eq!((guest.rcode, guest.ede), (3, Some((15, "unknown".into()))));
}

#[test]
fn a_question_for_any_type_is_denied_like_the_others() {
    let mut bench = bench("nxdomain");
    is_bare_denial(&denied(&mut bench, rtype::ANY));
    bench.description["names"] = json!([rule("other.example.com", &["pupil"], 6, "deny")]);
    bench.install();
    assert_ne!(bench.ask(&ask("denied.example.com")), Got::Silence);
}
