//! Where an answer points is judged too: at listed addresses, and into local networks.

use super::bench::{Bench, rule};
use super::wire::{Answer, Data, Line, ask};
use crate::counters::Counter;
use schoolgate_wire::rtype;
use serde_json::json;

/// Documentation networks stand for a resolver's.
const LISTS: [(&str, &str); 2] =
    [("social", "198.51.100.53\n2001:db8:53::/48\n!2001:db8:53::80"), ("games", "192.0.2.0/24")];

fn address(text: &str) -> Data {
    Data::Address(text.parse().expect("an address"))
}

fn filled(bench: &mut Bench, name: &str, to: &str) -> Answer {
    let qtype = if to.contains(':') { rtype::AAAA } else { rtype::A };
    bench.fill(&ask(name).of(qtype).edns(), &[(name, 300, address(to))])
}

/// An HTTPS record whose hint is this.
fn hint(to: &str) -> Data {
    let (key, octets) = match to.parse().expect("an address") {
        std::net::IpAddr::V4(v4) => (4, v4.octets().to_vec()),
        std::net::IpAddr::V6(v6) => (6, v6.octets().to_vec()),
    };
    Data::Binding([&[0, 1, 0, 0, key, 0, octets.len() as u8][..], &octets].concat())
}

#[test]
fn an_answer_that_points_at_a_listed_address_is_denied() {
    let mut bench = Bench::new().with_lists(&LISTS);
    for (name, to) in [
        ("a.example.com", "198.51.100.53"),
        ("b.example.com", "2001:db8:53::853"),
        ("c.example.com", "::ffff:198.51.100.53"),
        ("d.example.com", "64:ff9b::198.51.100.53"),
    ] {
        let answer = filled(&mut bench, name, to);
        assert_eq!((answer.rcode, answer.ede), (3, Some((15, "social".into()))), "{to}");
    }
    for (name, to) in
        [("e.example.com", "198.51.100.54"), ("f.example.com", "2001:db8:53::80"), ("g.example.com", "192.0.2.1")]
    {
        assert_eq!(
            filled(&mut bench, name, to).rcode,
            0,
            "{to}: not listed, spared, or of a category that no policy denies"
        );
    }
    assert_eq!((bench.count(Counter::DeniedRevealed), bench.count(Counter::DeniedPrivate)), (4, 0));
}

#[test]
fn what_staff_may_open_is_denied_to_pupils_from_the_same_cache() {
    let mut bench = Bench::new().with_lists(&LISTS);
    bench.fill(&ask("www.example.com").staff(), &[("www.example.com", 300, address("198.51.100.53"))]);
    assert_eq!(bench.ask(&ask("www.example.com").staff()).answer().data(), ["198.51.100.53"]);
    assert_eq!(bench.ask(&ask("www.example.com")).answer().rcode, 3);
    assert!(bench.misses().is_empty());
}

#[test]
fn hints_of_service_bindings_are_judged() {
    let mut bench = Bench::new().with_lists(&LISTS);
    for (at, to) in ["198.51.100.53", "2001:db8:53::1", "10.0.0.1", "fd00::1"].into_iter().enumerate() {
        let name = format!("{at}.example.com");
        assert_eq!(bench.fill(&ask(&name).of(rtype::HTTPS), &[(&name, 300, hint(to))]).rcode, 3, "{to}");
    }
    assert_eq!(
        bench.fill(&ask("x.example.com").of(rtype::HTTPS), &[("x.example.com", 300, hint("203.0.113.1"))]).rcode,
        0
    );
}

#[test]
fn one_bad_address_among_good_ones_denies_the_answer() {
    let mut bench = Bench::new().with_lists(&LISTS);
    let several: Vec<Line<'_>> =
        ["203.0.113.1", "198.51.100.53", "203.0.113.2"].map(|to| ("www.example.com", 300, address(to))).into();
    assert_eq!(bench.fill(&ask("www.example.com"), &several).rcode, 3);
}

#[test]
fn the_school_vouches_for_its_own_names_at_listed_addresses() {
    let mut bench = Bench::new().with_lists(&LISTS);
    assert_eq!(filled(&mut bench, "a.own.example.com", "198.51.100.53").rcode, 0);
    assert_eq!(filled(&mut bench, "b.own.example.com", "10.0.0.1").rcode, 3, "but not for local networks");
}

#[test]
fn new_lists_judge_addresses_in_the_cache() {
    let mut bench = Bench::new();
    bench.fill(&ask("www.example.com"), &[("www.example.com", 300, address("198.51.100.53"))]);
    assert_eq!(bench.ask(&ask("www.example.com")).answer().rcode, 0);
    let mut bench = bench.with_lists(&LISTS);
    assert_eq!(bench.ask(&ask("www.example.com")).answer().rcode, 3);
    let mut bench = bench.with_lists(&[]);
    assert_eq!(bench.ask(&ask("www.example.com")).answer().rcode, 0);
}

#[test]
fn a_public_name_that_leads_into_a_local_network_is_denied_to_everybody() {
    let mut bench = Bench::new();
    for (at, to) in [
        "10.1.2.3",
        "127.0.0.1",
        "192.168.0.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "::",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::192.168.0.1",
        "2002:a00:1::",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("{at}.example.com");
        let answer = filled(&mut bench, &name, to);
        assert_eq!((answer.rcode, answer.ede), (3, Some((15, "private address".into()))), "{to}");
        let qtype = if to.contains(':') { rtype::AAAA } else { rtype::A };
        assert_eq!(bench.ask(&ask(&name).of(qtype).staff()).answer().rcode, 3, "{to}, from the cache");
    }
    assert_eq!(bench.count(Counter::DeniedPrivate), 28);
}

#[test]
fn it_is_the_name_asked_for_that_the_school_vouches_for() {
    let mut bench = Bench::new();
    bench.description["private_addresses"] = json!(["school.example.com", "internal"]);
    bench.install();
    let chain = |from: &'static str, to: &'static str| -> [Line<'static>; 2] {
        [(from, 300, Data::Cname(to.into())), (to, 300, address("10.0.0.1"))]
    };
    assert_eq!(filled(&mut bench, "school.example.com", "10.0.0.1").rcode, 0);
    assert_eq!(filled(&mut bench, "pc.school.example.com", "fd00::1").rcode, 0);
    assert_eq!(filled(&mut bench, "pc.internal", "fd00::1").rcode, 0);
    assert_eq!(filled(&mut bench, "otherschool.example.com", "10.0.0.1").rcode, 3, "labels, not letters");
    let out = chain("portal.school.example.com", "link.example.net");
    assert_eq!(bench.fill(&ask("portal.school.example.com"), &out).rcode, 0);
    let evil = chain("evil.example.org", "www.school.example.com");
    assert_eq!(bench.fill(&ask("evil.example.org"), &evil).rcode, 3, "a browser believes the name that it asked for");
    bench.description["private_addresses"] = json!([]);
    bench.install();
    assert_eq!(bench.ask(&ask("school.example.com")).answer().rcode, 3, "no flush is needed");
}

#[test]
fn a_sealed_target_says_nothing_of_its_addresses() {
    let mut bench = Bench::new().with_sealed(&["cdn.example.net"]);
    let chain = [
        ("www.example.com", 300, Data::Cname("cdn.example.net".into())),
        ("cdn.example.net", 300, address("10.0.0.1")),
    ];
    let answer = bench.fill(&ask("www.example.com").edns(), &chain);
    assert_eq!((answer.rcode, answer.ede), (3, Some((16, String::new()))));
}

#[test]
fn an_answer_made_of_nothing_but_addresses_is_not_used() {
    let mut bench = Bench::new();
    for (count, rcode) in [(4096u32, 0), (4097, 2)] {
        let name = format!("{count}.example.com");
        let octets = (4 * count as u16).to_be_bytes();
        let hints: Vec<u8> = (0..count).flat_map(|at| (0xcb00_0000 + at).to_be_bytes()).collect();
        let binding = [&[0, 1, 0, 0, 4][..], &octets, &hints].concat();
        let answer = bench.fill(&ask(&name).of(rtype::HTTPS).stream(), &[(&name, 300, Data::Binding(binding))]);
        assert_eq!(answer.rcode, rcode, "{count} addresses");
    }
}

#[test]
fn no_client_keeps_an_answer_longer_than_its_policy_allows() {
    let mut bench = Bench::new();
    bench.description["policies"][1]["max_ttl_s"] = json!(60);
    bench.description["names"].as_array_mut().expect("names").push(rule("shut.example.com", &["pupil"], 6, "deny"));
    bench.install();
    bench.fill(&ask("www.example.com").staff(), &[("www.example.com", 3600, Data::A(1))]);
    assert_eq!(bench.ask(&ask("www.example.com").staff()).answer().ttl_s(), Some(3600));
    assert_eq!(bench.ask(&ask("www.example.com")).answer().ttl_s(), Some(60));
    bench.pass_s(3590);
    assert_eq!(bench.ask(&ask("www.example.com")).answer().ttl_s(), Some(10));
    assert_eq!(bench.ask(&ask("www.example.com").of(rtype::ANY)).answer().ttl_s(), Some(60));
    assert_eq!(bench.ask(&ask("shut.example.com")).answer().ttl_s(), Some(30), "a denial is shorter still");
}
