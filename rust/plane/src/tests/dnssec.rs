//! DNSSEC without validation of our own: what is believed of a forwarder that validates, and what clients hear of it.

use super::bench::{Bench, Got};
use super::forwarding_bench::{ALL, Hall, address};
use super::wire::{Answer, Ask, Data, Line, ask, reply};
use crate::counters::Counter;
use crate::reply_sink::EventKind;
use crate::source_port::Owner;
use crate::validation::AdTrust;
use crate::zones::Zones;
use schoolgate_wire::{is_ad_set, rtype, set_ad};
use serde_json::json;

const NAME: &str = "www.example.com";
const DNSKEY: u16 = 48;

fn trusting() -> Bench {
    bench_with(AdTrust::Trusted)
}

fn bench_with(trust: AdTrust) -> Bench {
    let mut bench = Bench::new();
    bench.trust = trust;
    bench
}

/// The question goes to a forwarder that answers this, with AD.
fn validated(bench: &mut Bench, asked: &Ask, answer: &[Line<'_>]) -> Answer {
    assert_eq!(bench.ask(asked), Got::Waiting);
    let miss = bench.miss();
    let mut octets = reply(&miss.query, 0, answer, &[]);
    set_ad(&mut octets);
    bench.complete(&miss, Ok(&octets)).remove(0)
}

/// A reply that says why it is SERVFAIL.
fn servfail(query: &[u8], ede: u8) -> Vec<u8> {
    let mut octets = reply(query, 2, &[], &[]);
    octets[11] = 1;
    octets.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 6, 0, 15, 0, 2, 0, ede]);
    octets
}

#[test]
fn clients_hear_of_it_if_they_ask() {
    let mut bench = trusting();
    assert!(validated(&mut bench, &ask(NAME).ad(), &[(NAME, 300, Data::A(1))]).authentic, "after a wait");
    assert!(bench.ask(&ask(NAME).ad().staff()).answer().authentic, "and from the cache");
    assert!(!bench.ask(&ask(NAME)).answer().authentic, "who does not ask may not know the bit");
    assert!(validated(&mut bench, &ask(NAME).dnssec(), &[(NAME, 300, Data::A(1))]).authentic, "DO asks too");
    assert_eq!((bench.count(Counter::DnssecSecure), bench.count(Counter::DnssecInsecure)), (2, 0));
}

#[test]
fn ad_of_an_unprotected_forwarder_is_ignored() {
    for (trust, counted) in [(AdTrust::NotAsked, None), (AdTrust::Untrusted, Some(Counter::DnssecIndeterminate))] {
        let mut bench = bench_with(trust);
        assert!(!validated(&mut bench, &ask(NAME).ad(), &[(NAME, 300, Data::A(1))]).authentic);
        assert_eq!(counted.map_or(0, |counter| bench.count(counter)), u64::from(counted.is_some()));
    }
    let mut bench = trusting();
    bench.ask(&ask(NAME).ad());
    assert!(!bench.resolve(&[(NAME, 300, Data::A(1))])[0].authentic, "nor does silence");
    assert_eq!(bench.count(Counter::DnssecInsecure), 1);
}

#[test]
fn a_client_that_validates_for_itself_is_told_nothing_and_passes_no_filter() {
    let mut bench = trusting();
    let cd = Ask { flags: [1, 0x30], ..ask(NAME) };
    assert!(!validated(&mut bench, &cd, &[(NAME, 300, Data::A(1))]).authentic);
    let denied = bench.ask(&Ask { flags: [1, 0x30], ..ask("denied.example.com").dnssec() }).answer();
    assert_eq!((denied.rcode, denied.authentic), (3, false));
    for qtype in [rtype::DS, DNSKEY] {
        assert_eq!(bench.ask(&ask("denied.example.com").of(qtype).cd()).answer().rcode, 3);
    }
}

#[test]
fn what_we_changed_or_kept_too_long_is_not_called_authentic() {
    let mut bench = trusting();
    bench.description["segments"][0]["ech"] = json!("strip");
    bench.install();
    let binding = Data::Binding([&[0, 1, 0][..], &[0, 5, 0, 4, b'k', b'e', b'y', b's']].concat());
    let asked = ask(NAME).of(rtype::HTTPS).dnssec();
    let lines = [(NAME, 300, binding), (NAME, 300, Data::Signature(rtype::HTTPS))];
    let pupil = validated(&mut bench, &asked, &lines);
    assert_eq!((pupil.authentic, pupil.answer.len()), (false, 1), "without key and without signature");
    assert!(bench.ask(&asked.staff()).answer().authentic, "staff have it whole");
    let rewritten = validated(&mut bench, &ask("search.example.org").ad(), &[("safe.example.net", 300, Data::A(1))]);
    assert_eq!((rewritten.rcode, rewritten.authentic), (0, false));
    validated(&mut bench, &ask("old.example.com").ad(), &[("old.example.com", 10, Data::A(1))]);
    bench.pass_s(60);
    bench.ask(&ask("old.example.com").ad());
    let stale = bench.fail(22).remove(0);
    assert_eq!((stale.rcode, stale.authentic), (0, false), "its signature may have run out");
}

#[test]
fn an_answer_in_several_replies_is_authentic_if_all_are() {
    for second_is_authentic in [true, false] {
        let mut bench = trusting();
        bench.ask(&ask(NAME).ad());
        let miss = bench.miss();
        let mut alias = reply(&miss.query, 0, &[(NAME, 300, Data::Cname("target.example.net".into()))], &[]);
        set_ad(&mut alias);
        assert!(bench.complete(&miss, Ok(&alias)).is_empty());
        let miss = bench.miss();
        let mut end = reply(&miss.query, 0, &[("target.example.net", 300, Data::A(1))], &[]);
        if second_is_authentic {
            set_ad(&mut end);
        }
        assert_eq!(bench.complete(&miss, Ok(&end))[0].authentic, second_is_authentic);
    }
}

#[test]
fn a_forwarder_that_found_it_bogus_has_the_last_word_and_says_why() {
    let mut hall = Hall::new(Zones::default());
    (hall.asks_ad, hall.bench.trust) = (true, AdTrust::Trusted);
    hall.forwarding.trust([0]);
    for (name, ede) in [("bogus.example.com", 6), ("expired.example.com", 7)] {
        hall.ask(&[ask(name).edns()]);
        hall.send(&[&[(0, ALL)]]);
        hall.answer(0, name, |query| {
            assert!(is_ad_set(query));
            servfail(query, ede)
        });
        let report = hall.read(|report| report.answered == 1);
        assert!(report.events.is_empty(), "no other forwarder is asked");
        let answer = hall.bench.deliver().remove(0);
        assert_eq!((answer.rcode, answer.ede_code()), (2, Some(ede.into())));
        let again = hall.bench.ask(&ask(name).edns()).answer();
        assert_eq!((again.rcode, again.ede_code()), (2, Some(ede.into())), "kept for a moment");
    }
    assert_eq!(hall.bench.hub_counters.get(Counter::DnssecBogus), 2);
    hall.ask(&[ask(NAME).ad()]);
    hall.send(&[&[(0, ALL)]]);
    hall.answer(0, NAME, |query| {
        let mut octets = address(query);
        set_ad(&mut octets);
        octets
    });
    hall.read(|report| report.answered == 1);
    assert!(hall.bench.deliver()[0].authentic);
}

#[test]
fn of_any_other_forwarder_it_is_one_reply_among_several() {
    for (asks_ad, trusted) in [(true, None), (false, Some(0))] {
        let mut hall = Hall::new(Zones::default());
        hall.asks_ad = asks_ad;
        hall.forwarding.trust(trusted);
        hall.ask(&[ask(NAME).edns()]);
        hall.send(&[&[(0, ALL)]]);
        hall.answer(0, NAME, |query| servfail(query, 6));
        let event = hall.read(|report| !report.events.is_empty()).events.remove(0);
        let EventKind::Replied(octets) = &event.kind else { panic!("the resolver decides") };
        let Owner::Miss(token) = event.owner else { panic!("a miss") };
        hall.forwarding.hub.give_up(token, Ok(octets), AdTrust::of(&event.query, trusted.is_some()), hall.bench.now);
        let answer = hall.bench.deliver().remove(0);
        assert_eq!((answer.rcode, answer.ede_code()), (2, Some(6)), "the reason is passed on all the same");
        assert_eq!(hall.bench.hub_counters.get(Counter::DnssecBogus), 0);
    }
}

#[test]
fn a_further_try_of_the_resolver_counts_as_the_first() {
    let mut hall = Hall::new(Zones::default());
    (hall.asks_ad, hall.bench.trust) = (true, AdTrust::Trusted);
    hall.forwarding.trust([1]);
    hall.ask(&[ask(NAME).ad()]);
    hall.send(&[&[(0, ALL)]]);
    hall.answer(0, NAME, |query| reply(query, 2, &[], &[]));
    let event = hall.read(|report| !report.events.is_empty()).events.remove(0);
    let Owner::Miss(token) = event.owner else { panic!("a miss") };
    hall.forwarding.send_query(token.cast_signed(), 1, &event.query, 1.0, hall.bench.now, 0.0).expect("a query");
    hall.answer(1, NAME, |query| {
        let mut octets = address(query);
        set_ad(&mut octets);
        octets
    });
    hall.read(|report| report.answered == 1);
    assert!(hall.bench.deliver()[0].authentic);
}
