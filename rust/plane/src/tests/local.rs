//! What is answered from here: local zones, ANY, bare names.

use super::bench::{Bench, Got, description, rule};
use super::wire::{ask, wire};
use crate::counters::Counter;
use schoolgate_wire::rtype;
use serde_json::{Value, json};

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn a(name: &str, ttl_s: u32, last: u8) -> Value {
    json!({"name": name, "type": 1, "ttl_s": ttl_s, "rdata": hex(&[192, 0, 2, last])})
}

fn cname(name: &str, target: &str) -> Value {
    json!({"name": name, "type": 5, "ttl_s": 100, "rdata": hex(&wire(target))})
}

fn bench() -> Bench {
    let mut description = description();
    description["zones"] = json!([
        {"zone": "school.example", "kind": "static", "records": [
            a("printer.school.example", 300, 7), a("printer.school.example", 300, 8),
            cname("copier.school.example", "printer.school.example"),
            cname("away.school.example", "www.example.org"),
            cname("loop.school.example", "loop2.school.example"), cname("loop2.school.example", "loop.school.example"),
            a("*.lab.school.example", 300, 9), a("deep.down.school.example", 300, 10),
        ]},
        {"zone": "quiet.example", "kind": "nodata"},
        {"zone": "void.example", "kind": "nxdomain"},
        {"zone": "partly.example", "kind": "transparent", "records": [a("here.partly.example", 300, 11)]},
    ]);
    Bench::with(description)
}

#[test]
fn records_are_answered_and_their_cnames_followed_inside_the_zone() {
    let mut bench = bench();
    let printer = bench.ask(&ask("Printer.school.example")).answer();
    assert_eq!((printer.data(), printer.ttl_s()), (vec!["192.0.2.7", "192.0.2.8"], Some(300)));
    assert_eq!(
        bench.ask(&ask("copier.school.example")).answer().data(),
        ["printer.school.example", "192.0.2.7", "192.0.2.8"]
    );
    assert_eq!(bench.ask(&ask("copier.school.example").of(rtype::TXT)).answer().data(), ["printer.school.example"]);
    assert_eq!(bench.ask(&ask("away.school.example")).answer().data(), ["www.example.org"]);
    assert_eq!(bench.ask(&ask("pc7.lab.school.example")).answer().data(), ["192.0.2.9"]);
    assert!(bench.ask(&ask("loop.school.example")).answer().rcode == 0, "a loop ends");
    assert!(bench.misses().is_empty(), "nothing is forwarded");
    assert_eq!(bench.count(Counter::Local), 6);
}

#[test]
fn what_is_not_there_is_denied_by_kind_of_zone() {
    let mut bench = bench();
    for (name, rcode) in [
        ("printer.school.example", 0),
        ("down.school.example", 0),
        ("school.example", 0),
        ("nobody.school.example", 3),
        ("any.quiet.example", 0),
        ("any.void.example", 3),
        ("void.example", 3),
    ] {
        let answer = bench.ask(&ask(name).of(rtype::MX)).answer();
        assert_eq!(
            (answer.rcode, answer.answer.len(), answer.authority.len(), answer.ttl_s()),
            (rcode, 0, 1, Some(60)),
            "{name}"
        );
    }
    assert_eq!(bench.ask(&ask("here.partly.example")).answer().data(), ["192.0.2.11"]);
    assert_eq!(bench.ask(&ask("elsewhere.partly.example")), Got::Waiting, "transparent");
}

#[test]
fn a_policy_may_deny_a_local_name() {
    let mut bench = bench();
    bench.description["names"] = json!([rule("printer.school.example", &["pupil"], 6, "deny")]);
    bench.install();
    assert_eq!(bench.ask(&ask("printer.school.example")).answer().rcode, 3);
    assert_eq!(bench.ask(&ask("printer.school.example").staff()).answer().rcode, 0);
}

#[test]
fn any_gets_the_minimal_answer_and_bare_names_never_leave() {
    let mut bench = bench();
    let any = bench.ask(&ask("www.example.org").of(rtype::ANY)).answer();
    assert_eq!((any.rcode, any.answer.len(), any.answer[0].1, any.ttl_s()), (0, 1, rtype::HINFO, Some(3600)));
    assert!(any.data()[0].contains("RFC8482"));
    let bare = bench.ask(&ask("fileserver")).answer();
    assert_eq!((bare.rcode, bare.ttl_s()), (3, Some(60)));
    let root = bench.ask(&ask(".")).answer();
    assert_eq!((root.rcode, root.answer.len(), root.ttl_s()), (0, 0, Some(60)));
    assert!(bench.misses().is_empty());
    assert_eq!(bench.ask(&ask(".").of(rtype::NS)), Got::Waiting, "what a validating client needs of the root");
}

#[test]
fn no_local_answer_outlives_the_schedule() {
    let mut bench = bench();
    bench.description["segments"][0]["ends_at_unix_s"] = json!(bench.now.unix_s + 20);
    bench.install();
    for (name, qtype) in [
        ("printer.school.example", rtype::A),
        ("pc7.lab.school.example", rtype::A),
        ("nobody.school.example", rtype::A),
        ("www.example.org", rtype::ANY),
        ("fileserver", rtype::A),
        (".", rtype::A),
    ] {
        assert_eq!(bench.ask(&ask(name).of(qtype)).answer().ttl_s(), Some(20), "{name}");
    }
}
