//! Misses on their way to forwarders and back: who is asked, what ends here, what is reported to the resolver.

use super::forwarding_bench::{ALL, Hall, address, go_on};
use super::until;
use super::wire::{Data, ask, reply};
use crate::counters::Counter;
use crate::forwarding::{Completed, Share};
use crate::miss_hub::name_of;
use crate::reply_sink::EventKind;
use crate::source_port::Owner;
use crate::validation::AdTrust;
use crate::zones::Zones;
use schoolgate_wire::{EdeCode, Name};

#[test]
fn an_answer_about_the_name_ends_the_matter_and_the_resolver_hears_numbers() {
    let mut hall = Hall::new(Zones::default());
    hall.ask(&[ask("www.example.com")]);
    let sent = hall.send(&[&[(0, ALL)]]);
    assert_eq!((sent.misses, sent.under_way, sent.tallies[0].sent), (1, 1, 1));
    hall.answer(0, "www.example.com", address);
    let report = hall.read(|report| report.answered == 1);
    let tally = &report.tallies[0];
    assert_eq!((tally.replies, tally.rtts_s.as_slice(), report.under_way), (1, [0.25].as_slice(), 0));
    assert!(report.events.is_empty() && tally.answered_query.is_some());
    assert_eq!(hall.bench.deliver()[0].data(), ["203.0.113.1"]);
}

#[test]
fn what_is_not_final_is_the_resolvers_to_see_to() {
    let mut hall = Hall::new(Zones::default());
    for (at, (rcode, flags)) in [(2, 0x81), (5, 0x81), (6, 0x81), (0, 0x83)].into_iter().enumerate() {
        let name = format!("odd{at}.example.com");
        hall.ask(&[ask(&name)]);
        hall.send(&[&[(0, ALL)]]);
        hall.answer(0, &name, |query| {
            let mut octets = reply(query, rcode, &[], &[]);
            octets[2] = flags;
            octets
        });
        let mut report = hall.read(|report| !report.events.is_empty());
        let event = report.events.remove(0);
        let EventKind::Replied(octets) = &event.kind else { panic!("a reply") };
        let Owner::Miss(token) = event.owner else { panic!("a miss") };
        assert_eq!((octets[2], octets[3] & 15, report.answered), (flags, rcode, 0));
        // Of an exchange everything is reported: what is not final, and that an answer has ended it.
        let key = token.cast_signed();
        for make in [(|query: &[u8]| reply(query, 2, &[], &[])) as fn(&[u8]) -> Vec<u8>, address] {
            hall.forwarding.send_query(key, 1, &event.query, 1.0, hall.bench.now, 0.0).expect("a query");
            hall.answer(1, &name, make);
            report = hall.read(|report| !report.events.is_empty());
            assert_eq!(report.events[0].owner, Owner::Exchange(key));
        }
        assert_eq!((&report.events[0].kind, report.answered), (&EventKind::Answered, 1));
        assert_eq!(hall.bench.deliver()[0].rcode, 0);
    }
}

#[test]
fn a_probe_ends_no_question() {
    let mut hall = Hall::new(Zones::default());
    let query = schoolgate_wire::forwarder_query(&Name::ROOT, 2, false, false);
    hall.forwarding.send_query(-1, 0, &query, 1.0, hall.bench.now, 0.0).expect("a query");
    hall.answer(0, ".", |query| reply(query, 0, &[], &[]));
    let heard = hall.read(|report| !report.events.is_empty());
    assert!(matches!(heard.events[0].kind, EventKind::Replied(_)) && heard.answered == 0);
    assert_eq!(hall.bench.count(Counter::UnknownTokens), 0);
}

#[test]
fn a_reply_to_an_earlier_try_ends_the_question_and_the_resolver_hears_that() {
    let mut hall = Hall::new(Zones::default());
    hall.ask(&[ask("slow.example.com")]);
    hall.send(&[&[(0, ALL)]]);
    let mut buffer = [0; 512];
    let (length, from) = hall.forwarders[0].recv_from(&mut buffer).expect("a query");
    let event = hall.forwarding.end_overdue(hall.bench.now, 1.0).events.remove(0);
    let Owner::Miss(token) = event.owner else { panic!("a miss") };
    let key = token.cast_signed();
    hall.forwarding.send_query(key, 1, &event.query, 1.0, hall.bench.now, 1.0).expect("a query");
    // What is not final is no help from a forwarder that is not asked any more.
    for (reply, is_final) in [(reply(&buffer[..length], 2, &[], &[]), false), (address(&buffer[..length]), true)] {
        hall.forwarders[0].send_to(&reply, from).expect("sent");
        if !is_final {
            let heard = hall.read(|report| !report.tallies.is_empty());
            assert_eq!((heard.tallies[0].replies, heard.events.len(), heard.under_way), (1, 0, 1));
            // The same ID serves once, so the answer has to be to another try.
            let again = hall.forwarding.end_overdue(hall.bench.now, 2.0).events.remove(0);
            assert_eq!((again.owner, &again.kind), (Owner::Exchange(key), &EventKind::TimedOut));
            hall.forwarding.send_query(key, 0, &again.query, 1.0, hall.bench.now, 2.0).expect("a query");
        }
    }
    let (length, from) = hall.forwarders[1].recv_from(&mut buffer).expect("a query");
    hall.forwarders[1].send_to(&address(&buffer[..length]), from).expect("sent");
    let heard = hall.read(|report| report.answered == 1);
    assert_eq!((heard.events[0].owner, &heard.events[0].kind), (Owner::Exchange(key), &EventKind::Answered));
    assert_eq!((heard.events[0].forwarder, heard.under_way), (1, 1));
    assert_eq!(hall.bench.deliver()[0].data(), ["203.0.113.1"]);
}

/// A reply that is an alias and no more.
fn alias(query: &[u8]) -> Vec<u8> {
    reply(query, 0, &[(&name_of(query), 300, Data::Cname("target.example.net".into()))], &[])
}

#[test]
fn the_target_of_a_bare_alias_is_asked_for_at_once_of_its_own_forwarders() {
    let mut hall = Hall::new(Zones::new([(Name::from_text("example.net").expect("a name"), 1)]));
    hall.ask(&[ask("www.example.com")]);
    hall.send(&[&[(0, ALL)], &[(1, ALL)]]);
    hall.answer(0, "www.example.com", alias);
    until("the target is asked for", || {
        go_on(&mut hall, true);
        hall.forwarding.hub.under_way() == 1 && !hall.forwarding.hub.has_misses()
    });
    hall.answer(1, "target.example.net", address);
    until("it is answered", || {
        go_on(&mut hall, true);
        hall.forwarding.hub.under_way() == 0
    });
    assert_eq!(hall.bench.deliver()[0].data(), ["target.example.net", "203.0.113.1"]);
}

#[test]
fn a_bare_alias_that_the_resolver_hands_over_is_gone_on_with_too() {
    let mut hall = Hall::new(Zones::default());
    hall.ask(&[ask("www.example.com")]);
    hall.send(&[&[(0, ALL)]]);
    hall.answer(0, "www.example.com", |query| reply(query, 2, &[], &[]));
    let event = hall.read(|report| !report.events.is_empty()).events.remove(0);
    let Owner::Miss(token) = event.owner else { panic!("a miss") };
    let (reply, trust) = (alias(&event.query), AdTrust::NotAsked);
    hall.forwarding.complete([Completed { token, reply: Ok(&reply), is_remembered: false, trust }], hall.bench.now);
    hall.answer(0, "target.example.net", address);
    hall.read(|report| report.answered == 1);
    assert_eq!(hall.bench.deliver()[0].data(), ["target.example.net", "203.0.113.1"]);
}

#[test]
fn a_forwarder_without_edns_is_asked_without_and_the_next_with_all_that_was_asked() {
    let mut hall = Hall::new(Zones::default());
    hall.ask(&[ask("www.example.com").edns()]);
    let share = Share { forwarder: 0, timeout_s: 1.0, most: ALL, has_edns: false, asks_ad: false };
    hall.forwarding.send_misses(vec![vec![share]], hall.bench.now, 0.0);
    hall.answer(0, "www.example.com", |query| {
        assert_eq!(query.len(), schoolgate_wire::question_end(query).expect("a question"));
        assert_eq!(query[10..12], [0, 0]);
        let mut header = query[..12].to_vec();
        (header[2], header[3], header[5]) = (0x81, 0x82, 0);
        header
    });
    let event = hall.read(|report| !report.events.is_empty()).events.remove(0);
    assert!(matches!(event.kind, EventKind::Replied(_)), "an error may be a header alone");
    assert_eq!((&event.query[10..12], event.query.last_chunk::<11>().map(|opt| opt[2])), (&[0, 1][..], Some(41)));
    hall.forwarding.abandon(hall.bench.now);
    let Owner::Miss(token) = event.owner else { panic!("a miss") };
    let trust = AdTrust::NotAsked;
    hall.forwarding.complete([Completed { token, reply: Err(22), is_remembered: true, trust }], hall.bench.now);
    assert_eq!(hall.bench.deliver()[0].rcode, 2);
}

#[test]
fn a_share_has_its_number_of_questions_and_the_last_the_rest() {
    let mut hall = Hall::new(Zones::default());
    hall.ask(&(0..5u16).map(|id| ask(&format!("n{id}.example.com")).id(id)).collect::<Vec<_>>());
    let sent = hall.send(&[&[(1, 1), (0, ALL)]]);
    let by_forwarder = sent.tallies.iter().map(|tally| (tally.forwarder, tally.sent));
    assert_eq!(by_forwarder.collect::<Vec<_>>(), [(1, 1), (0, 4)]);
    hall.forwarding.abandon(hall.bench.now);
    assert_eq!(hall.bench.deliver().iter().filter(|answer| answer.rcode == 2).count(), 5);
}

#[test]
fn a_name_goes_to_the_forwarders_of_its_zone_and_where_nobody_is_left_it_fails_at_once() {
    let mut hall = Hall::new(Zones::new([(Name::from_text("corp.example").expect("a name"), 1)]));
    hall.ask(&[ask("dc1.corp.example").id(1), ask("www.example.com").id(2)]);
    hall.send(&[&[(0, ALL)], &[(1, ALL)]]);
    hall.answer(0, "www.example.com", address);
    hall.answer(1, "dc1.corp.example", address);
    until("both are answered", || {
        hall.forwarding.read_replies(hall.bench.now, 0.25);
        hall.forwarding.hub.under_way() == 0
    });
    assert_eq!(hall.bench.deliver().len(), 2);
    hall.ask(&[ask("dc2.corp.example").id(3).edns()]);
    let sent = hall.send(&[&[(0, ALL)], &[]]);
    assert_eq!((sent.failed_no_forwarder, sent.misses), (1, 1));
    let failed = hall.bench.deliver().pop().expect("an answer");
    assert_eq!((failed.rcode, failed.ede_code()), (2, Some(22)));
    hall.forwarding.abandon(hall.bench.now);
    hall.bench.deliver();
}

#[test]
fn too_many_questions_under_way_fail_at_once_and_are_counted() {
    let mut hall = Hall::new(Zones::default());
    hall.forwarding.most_under_way = 64;
    hall.ask(&(0..70u16).map(|id| ask(&format!("n{id}.example.com")).id(id)).collect::<Vec<_>>());
    let sent = hall.send(&[&[(0, ALL)]]);
    assert_eq!((sent.overflow, sent.under_way), (6, 64));
    assert_eq!(hall.bench.deliver().len(), 6);
    let ended = hall.forwarding.end_overdue(hall.bench.now, 1.0);
    assert!(ended.events.iter().all(|event| event.kind == EventKind::TimedOut) && ended.events.len() == 64);
    assert_eq!((ended.tallies[0].timeouts, ended.tallies[0].waits_s.as_slice()), (64, [1.0; 4].as_slice()));
    for event in ended.events {
        let Owner::Miss(token) = event.owner else { panic!("a miss") };
        hall.forwarding.hub.complete(token, Err(EdeCode::NO_REACHABLE_AUTHORITY), AdTrust::NotAsked, hall.bench.now);
    }
    assert_eq!(hall.bench.deliver().len(), 64);
}

#[test]
fn a_failure_that_is_remembered_is_not_asked_again_until_it_is_forgotten() {
    let mut hall = Hall::new(Zones::default());
    let fail = |hall: &mut Hall| {
        hall.ask(&[ask("lame.example.com").staff().edns()]);
        let token = hall.forwarding.hub.take_misses(1, hall.bench.now)[0].token;
        hall.forwarding.hub.give_up(token, Err(EdeCode::NETWORK_ERROR), AdTrust::NotAsked, hall.bench.now);
        assert_eq!(hall.bench.deliver().len(), 1);
    };
    fail(&mut hall);
    hall.bench.pass_s(1);
    fail(&mut hall);
    // The worker's own memory is over after a second, this one after two.
    hall.bench.pass_ms(1_500);
    hall.ask(&[ask("lame.example.com").staff().edns()]);
    assert_eq!(hall.send(&[&[(0, ALL)]]).misses, 0);
    let answers = hall.bench.deliver();
    assert_eq!((answers[0].rcode, answers[0].ede_code()), (2, Some(23)));
    assert_eq!(hall.bench.count(Counter::FailuresRecalled), 1);
    hall.bench.pass_ms(400);
    hall.forwarding.hub.forget_failures();
    hall.bench.pass_s(1);
    hall.ask(&[ask("lame.example.com").staff()]);
    assert_eq!(hall.send(&[&[(0, ALL)]]).misses, 1);
    hall.answer(0, "lame.example.com", address);
    hall.read(|report| report.answered == 1);
    assert_eq!(hall.bench.deliver()[0].rcode, 0);
}

type Make<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

#[test]
fn a_reply_that_cannot_be_used_is_not_final_whatever_it_says() {
    let cut = |query: &[u8]| {
        let mut octets = address(query);
        octets.truncate(octets.len() - 2);
        octets
    };
    // An OPT whose extended RCODE makes BADVERS of NOERROR (RFC 6891 section 6.1.3).
    let extended = |query: &[u8]| {
        let mut octets = reply(query, 0, &[], &[]);
        octets.truncate(schoolgate_wire::question_end(&octets).expect("a question"));
        octets[6..12].copy_from_slice(&[0, 0, 0, 0, 0, 1]);
        [&octets[..], &[0, 0, 41, 4, 208, 1, 0, 0, 0, 0, 0]].concat()
    };
    // A defect of ours that the reply meets.
    let defect = |query: &[u8]| {
        let name = name_of(query);
        let chain = [(name.as_str(), 300, Data::Cname("hub-panic.example.com".into()))];
        reply(query, 0, &chain, &[])
    };
    let makes: [Make<'_>; 3] = [&cut, &extended, &defect];
    let mut hall = Hall::new(Zones::default());
    for (at, make) in makes.iter().enumerate() {
        let name = format!("odd{at}.example.com");
        hall.ask(&[ask(&name)]);
        hall.send(&[&[(0, ALL)]]);
        hall.answer(0, &name, |query| make(query));
        let mut report = hall.read(|report| !report.events.is_empty());
        let event = report.events.remove(0);
        let EventKind::Damaged(octets) = &event.kind else { panic!("{:?}", event.kind) };
        let Owner::Miss(token) = event.owner else { panic!("a miss") };
        assert_eq!((report.answered, report.under_way, hall.forwarding.hub.under_way()), (0, 0, 1));
        hall.forwarding.hub.give_up(token, Ok(octets), AdTrust::NotAsked, hall.bench.now);
        assert_eq!(hall.bench.deliver()[0].rcode, 2);
    }
    assert_eq!(hall.bench.hub_counters.get(Counter::LatePanics), 2, "once as a first try, once as the best there is");
}

#[test]
fn events_are_reported_some_at_a_time() {
    let mut hall = Hall::new(Zones::default());
    let names: Vec<_> = (0..300u16).map(|id| ask(&format!("n{id}.example.com")).id(id)).collect();
    hall.ask(&names);
    while hall.send(&[&[(0, ALL)]]).under_way < 300 {}
    let now = hall.bench.now;
    let mut reports = vec![hall.forwarding.end_overdue(now, 2.0)];
    while reports.last().is_some_and(|report| report.has_more || report.next_call_in_s == Some(0.0)) {
        reports.push(hall.forwarding.end_overdue(now, 2.0));
    }
    assert!(reports.iter().all(|report| report.events.len() <= 256));
    assert_eq!(reports.iter().map(|report| report.events.len()).sum::<usize>(), 300);
    for event in reports.into_iter().flat_map(|report| report.events) {
        let Owner::Miss(token) = event.owner else { panic!("a miss") };
        hall.forwarding.hub.complete(token, Err(EdeCode::NO_REACHABLE_AUTHORITY), AdTrust::NotAsked, now);
    }
    assert_eq!(hall.bench.deliver().len(), 300);
}
