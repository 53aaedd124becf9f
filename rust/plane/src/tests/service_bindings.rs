//! ECH and address hints of HTTPS records, as each segment wants them.

use super::bench::{Bench, Got};
use super::wire::{Answer, Data, Line, ask};
use crate::counters::Counter;
use schoolgate_wire::rtype;
use serde_json::json;

const NAME: &str = "www.example.com";

/// `1 . mandatory=alpn,ech alpn=h2 ipv4hint=203.0.113.1 ech=keys`.
fn binding() -> Data {
    let params = [&[0, 0, 0, 4, 0, 1, 0, 5][..], &[0, 1, 0, 3, 2, b'h', b'2'], &[0, 4, 0, 4, 203, 0, 113, 1]].concat();
    Data::Binding([&[0, 1, 0], &params[..], &[0, 5, 0, 4, b'k', b'e', b'y', b's']].concat())
}

/// Staff have the record as it is; pupils have `ech`.
fn bench(ech: &str) -> Bench {
    let mut bench = Bench::new();
    bench.description["segments"][0]["ech"] = json!(ech);
    bench.install();
    let answer: [Line<'_>; 2] = [(NAME, 300, binding()), (NAME, 300, Data::Signature(rtype::HTTPS))];
    bench.fill(&ask(NAME).of(rtype::HTTPS).dnssec().staff(), &answer);
    bench
}

fn of(bench: &mut Bench, staff: bool) -> Answer {
    let asked = ask(NAME).of(rtype::HTTPS).dnssec();
    bench.ask(&if staff { asked.staff() } else { asked }).answer()
}

#[test]
fn each_segment_has_the_record_as_it_wants_it_from_one_cache() {
    let whole = of(&mut bench("pass"), true);
    assert_eq!(whole.answer.len(), 2, "with its signature");
    for (ech, has_hint, has_ech) in [("pass", true, true), ("strip", true, false), ("strip-hints", false, false)] {
        let mut bench = bench(ech);
        let pupil = of(&mut bench, false);
        let text = &pupil.answer[0].3;
        assert_eq!((text.contains("ipv4hint"), text.contains("ech")), (has_hint, has_ech), "{ech}: {text}");
        assert!(text.contains("alpn"), "{ech}: {text}");
        assert_eq!(pupil.answer.len(), if ech == "pass" { 2 } else { 1 }, "{ech}: no signature over what was changed");
        assert_eq!(of(&mut bench, true), whole, "{ech}: staff have it as it is");
        assert!(bench.misses().is_empty());
    }
}

#[test]
fn no_data_is_said_at_once_and_of_type_https_alone() {
    let mut bench = Bench::new();
    bench.description["segments"][0]["ech"] = json!("nodata");
    bench.install();
    let answer = bench.ask(&ask(NAME).of(rtype::HTTPS)).answer();
    assert_eq!((answer.rcode, answer.answer.len(), answer.authority.len()), (0, 0, 1));
    assert_eq!(bench.count(Counter::Local), 1);
    assert_eq!(bench.ask(&ask(NAME).of(rtype::HTTPS).staff()), Got::Waiting);
    bench.resolve(&[(NAME, 300, binding())]);
    assert_eq!(bench.ask(&ask(NAME)), Got::Waiting);
    bench.resolve(&[(NAME, 300, Data::A(1))]);
    assert_eq!(bench.ask(&ask("denied.example.com").of(rtype::HTTPS)).answer().rcode, 3, "a denial comes first");
}

#[test]
fn a_client_in_no_segment_has_what_the_strictest_segment_has() {
    let mut bench = bench("strip");
    bench.description["strictest"] = json!("staff");
    bench.install();
    let guest = bench.ask(&ask(NAME).of(rtype::HTTPS).dnssec().from("203.0.113.9")).answer();
    assert!(!guest.answer[0].3.contains("ech"), "{guest:?}");
}

#[test]
fn those_who_wait_and_stale_answers_are_stripped_too() {
    let mut bench = Bench::new();
    bench.description["segments"][0]["ech"] = json!("strip");
    bench.install();
    let answer = bench.fill(&ask(NAME).of(rtype::HTTPS), &[(NAME, 60, binding())]);
    assert!(!answer.answer[0].3.contains("ech"), "{answer:?}");
    bench.pass_s(100);
    bench.ask(&ask(NAME).of(rtype::HTTPS).edns());
    let answers = bench.fail(22);
    assert_eq!(answers[0].ede_code(), Some(3));
    assert!(!answers[0].answer[0].3.contains("ech"), "{answers:?}");
}

#[test]
fn a_binding_that_cannot_be_read_is_given_to_nobody() {
    let mut bench = Bench::new();
    bench.ask(&ask(NAME).of(rtype::HTTPS).edns());
    let falling = [&[0, 1, 0][..], &[0, 5, 0, 4, b'k', b'e', b'y', b's'], &[0, 4, 0, 4, 203, 0, 113, 1]].concat();
    let answers = bench.resolve(&[(NAME, 300, Data::Binding(falling))]);
    assert_eq!((answers[0].rcode, answers[0].ede_code()), (2, Some(24)));
}
