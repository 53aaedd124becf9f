//! Tag at insert, mask at hit: what an answer reveals is judged for each policy that asks.

use super::bench::{Bench, Got, rule};
use super::wire::{Data, Line, ask};
use crate::counters::Counter;
use schoolgate_wire::rtype;
use serde_json::json;

fn alias<'a>(target: &'a str) -> [Line<'a>; 2] {
    [("www.example.com", 300, Data::Cname(target.into())), (target, 300, Data::A(1))]
}

#[test]
fn what_staff_put_in_the_cache_is_denied_to_pupils() {
    let mut bench = Bench::new().with_lists(&[("social", "social.example.net")]);
    let answer = bench.fill(&ask("www.example.com").staff(), &alias("cdn.social.example.net"));
    assert_eq!(answer.data(), ["cdn.social.example.net", "203.0.113.1"]);
    let pupil = bench.ask(&ask("www.example.com").edns()).answer();
    assert_eq!((pupil.rcode, pupil.answer.len(), pupil.ede), (3, 0, Some((15, "social".into()))));
    assert_eq!(bench.ask(&ask("www.example.com").staff()).answer().rcode, 0);
    assert_eq!((bench.count(Counter::DeniedRevealed), bench.count(Counter::Denied)), (1, 0));
}

#[test]
fn pupils_who_wait_for_such_an_answer_are_denied_it() {
    let mut bench = Bench::new();
    bench.ask(&ask("www.example.com").id(1));
    bench.ask(&ask("www.example.com").id(2).staff());
    let answers = bench.resolve(&alias("denied.example.com"));
    assert_eq!(answers.iter().map(|answer| (answer.id, answer.rcode)).collect::<Vec<_>>(), [(1, 3), (2, 0)]);
}

#[test]
fn an_answer_that_is_not_kept_is_judged_too() {
    let mut bench = Bench::new();
    bench.ask(&ask("www.example.com"));
    let chain =
        [("www.example.com", 0, Data::Cname("denied.example.com".into())), ("denied.example.com", 0, Data::A(1))];
    assert_eq!(bench.resolve(&chain)[0].rcode, 3);
}

#[test]
fn the_target_of_a_service_binding_is_judged() {
    let mut bench = Bench::new();
    let https = [("www.example.com", 300, Data::Https("denied.example.com".into()))];
    bench.fill(&ask("www.example.com").of(rtype::HTTPS).staff(), &https);
    assert_eq!(bench.ask(&ask("www.example.com").of(rtype::HTTPS)).answer().rcode, 3);
}

#[test]
fn every_link_of_a_chain_is_judged() {
    let mut bench = Bench::new();
    let chain = [
        ("www.example.com", 300, Data::Cname("a.example.net".into())),
        ("a.example.net", 300, Data::Cname("x.denied.example.com".into())),
        ("x.denied.example.com", 300, Data::Cname("b.example.net".into())),
        ("b.example.net", 300, Data::A(1)),
    ];
    assert_eq!(bench.fill(&ask("www.example.com"), &chain).rcode, 3);
}

#[test]
fn a_new_policy_needs_no_flush() {
    let mut bench = Bench::new();
    bench.fill(&ask("www.example.com"), &alias("cdn.example.net"));
    let verdict = |bench: &mut Bench| bench.ask(&ask("www.example.com")).answer().rcode;
    assert_eq!(verdict(&mut bench), 0);
    bench.description["names"] = json!([rule("cdn.example.net", &["pupil"], 6, "deny")]);
    bench.install();
    assert_eq!(verdict(&mut bench), 3, "the target is denied now");
    bench.description["names"] = json!([rule("www.example.com", &["pupil"], 6, "deny")]);
    bench.install();
    assert_eq!(verdict(&mut bench), 3, "the name is denied now");
    bench.description["names"] = json!([]);
    bench.install();
    assert_eq!(verdict(&mut bench), 0, "and open again");
    assert!(bench.misses().is_empty(), "all from the cache");
}

#[test]
fn new_lists_need_no_flush() {
    let mut bench = Bench::new();
    bench.fill(&ask("www.example.com"), &alias("cdn.example.net"));
    let mut bench = bench.with_lists(&[("social", "example.net")]);
    assert_eq!(bench.ask(&ask("www.example.com")).answer().rcode, 3);
    let mut bench = bench.with_lists(&[("social", "example.org")]);
    assert_eq!(bench.ask(&ask("www.example.com")).answer().rcode, 0);
    let mut bench = bench.with_sealed(&["cdn.example.net"]);
    for who in [ask("www.example.com").edns(), ask("www.example.com").staff().edns()] {
        let answer = bench.ask(&who).answer();
        assert_eq!((answer.rcode, answer.ede), (3, Some((16, String::new()))));
    }
}

#[test]
fn the_school_vouches_for_its_own_names_but_opens_nothing_that_is_locked() {
    let mut bench = Bench::new();
    let to = |target: &str| -> [(String, u32, Data); 2] {
        [("own.example.com".to_owned(), 300, Data::Cname(target.into())), (target.to_owned(), 300, Data::A(1))]
    };
    let lines = |records: &[(String, u32, Data); 2]| records.clone();
    for (host, target, rcode) in [("a", "denied.example.com", 0), ("b", "locked.example.com", 3)] {
        let name = format!("{host}.own.example.com");
        let mut records = lines(&to(target));
        records[0].0 = name.clone();
        let records: Vec<Line<'_>> =
            records.iter().map(|(owner, ttl_s, data)| (owner.as_str(), *ttl_s, data.clone())).collect();
        assert_eq!(bench.fill(&ask(&name), &records).rcode, rcode, "{target}");
        assert_eq!(bench.ask(&ask(&name)).answer().rcode, rcode, "{target}, from the cache");
    }
}

#[test]
fn an_allow_list_speaks_of_what_is_asked_not_of_where_it_leads() {
    let mut bench = Bench::new();
    bench.description["policies"][1]["unknown"] = json!("deny");
    bench.install();
    assert_eq!(bench.ask(&ask("www.example.org")).answer().rcode, 3);
    let chain = [("own.example.com", 300, Data::Cname("cdn.example.net".into())), ("cdn.example.net", 300, Data::A(1))];
    assert_eq!(bench.fill(&ask("own.example.com"), &chain).rcode, 0);
}

#[test]
fn a_failure_reveals_nothing() {
    let mut bench = Bench::new();
    bench.ask(&ask("www.example.com").staff());
    bench.fail(22);
    assert_eq!(bench.ask(&ask("www.example.com")).answer().rcode, 2);
    assert_eq!(bench.ask(&ask("x.example.com")), Got::Waiting);
}
