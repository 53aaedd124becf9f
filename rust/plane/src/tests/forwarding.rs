//! Misses on their way to forwarders and back: who is asked, what ends here, what is reported to the resolver.

use super::bench::{Bench, Got};
use super::until;
use super::wire::{Ask, Data, ask, reply};
use crate::counters::Counter;
use crate::forwarding::{Forwarding, Share};
use crate::miss_hub::{MissHub, name_of};
use crate::reply_sink::{EventKind, Report};
use crate::source_port::Owner;
use crate::udp_exchanges::UdpExchanges;
use crate::zones::Zones;
use schoolgate_wire::{EdeCode, Name};
use std::net::UdpSocket;
use std::time::Duration;

const ALL: u32 = u32::MAX;

/// A bench whose misses go to real sockets.
struct Hall {
    bench: Bench,
    forwarding: Forwarding,
    forwarders: [UdpSocket; 2],
}

impl Hall {
    fn new(zones: Zones) -> Self {
        let mut bench = Bench::new();
        let empty = MissHub::new(std::sync::Arc::new(super::bench::settings()), bench.hub_counters.clone(), Vec::new());
        let hub = std::mem::replace(&mut bench.hub, empty);
        let mut forwarding = Forwarding::new(hub, UdpExchanges::new().expect("an exchange"));
        let forwarders = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a socket"));
        forwarders.iter().for_each(|one| one.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout"));
        let ways = forwarders.iter().map(|one| one.local_addr().expect("an address").into());
        forwarding.install((0..).zip(ways), zones);
        Self { bench, forwarding, forwarders }
    }

    fn ask(&mut self, asks: &[Ask]) {
        asks.iter().for_each(|ask| assert_eq!(self.bench.ask(ask), Got::Waiting));
    }

    /// Sends misses; each set has these forwarders with so many questions each.
    fn send(&mut self, sets: &[&[(u32, u32)]]) -> Report {
        let share = |(forwarder, most): &(u32, u32)| Share {
            forwarder: *forwarder,
            timeout_s: 1.0,
            most: *most,
            has_edns: true,
        };
        let shares = sets.iter().map(|set| set.iter().map(share).collect()).collect();
        self.forwarding.send_misses(shares, self.bench.now, 0.0)
    }

    /// The forwarder gets this name next and answers like this.
    fn answer(&self, forwarder: usize, name: &str, make: impl FnOnce(&[u8]) -> Vec<u8>) {
        let mut buffer = [0; 512];
        let (length, from) = self.forwarders[forwarder].recv_from(&mut buffer).expect("a query");
        assert_eq!(name_of(&buffer[..length]), name);
        self.forwarders[forwarder].send_to(&make(&buffer[..length]), from).expect("sent");
    }

    fn read(&mut self, is_enough: impl Fn(&Report) -> bool) -> Report {
        let mut report = Report::default();
        until("replies come", || {
            report = self.forwarding.read_replies(self.bench.now, 0.25);
            is_enough(&report)
        });
        report
    }
}

fn address(query: &[u8]) -> Vec<u8> {
    reply(query, 0, &[(&name_of(query), 300, Data::A(1))], &[])
}

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
    hall.forwarding.complete([(token, Ok(alias(&event.query).as_slice()), false)], hall.bench.now);
    hall.answer(0, "target.example.net", address);
    hall.read(|report| report.answered == 1);
    assert_eq!(hall.bench.deliver()[0].data(), ["target.example.net", "203.0.113.1"]);
}

#[test]
fn a_forwarder_without_edns_is_asked_without_and_the_next_with_all_that_was_asked() {
    let mut hall = Hall::new(Zones::default());
    hall.ask(&[ask("www.example.com").edns()]);
    let share = Share { forwarder: 0, timeout_s: 1.0, most: ALL, has_edns: false };
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
    hall.forwarding.complete([(token, Err(22), true)], hall.bench.now);
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
        hall.forwarding.hub.complete(token, Err(EdeCode::NO_REACHABLE_AUTHORITY), hall.bench.now);
    }
    assert_eq!(hall.bench.deliver().len(), 64);
}

#[test]
fn a_failure_that_is_remembered_is_not_asked_again_until_it_is_forgotten() {
    let mut hall = Hall::new(Zones::default());
    let fail = |hall: &mut Hall| {
        hall.ask(&[ask("lame.example.com").staff().edns()]);
        let token = hall.forwarding.hub.take_misses(1, hall.bench.now)[0].token;
        hall.forwarding.hub.give_up(token, Err(EdeCode::NETWORK_ERROR), hall.bench.now);
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
        hall.forwarding.hub.give_up(token, Ok(octets), hall.bench.now);
        assert_eq!(hall.bench.deliver()[0].rcode, 2);
    }
    assert_eq!(hall.bench.hub_counters.get(Counter::LatePanics), 2, "once as a first try, once as the best there is");
}

/// What the worker of the first channel gets: whether the resolver is called, whether it is to come again at once.
fn go_on(hall: &mut Hall, reads_replies: bool) -> (bool, bool) {
    let left = hall.forwarding.go_on(0, reads_replies, hall.bench.now);
    (left.for_resolver, left.here)
}

#[test]
fn what_the_resolver_has_said_stands_and_a_worker_goes_by_it() {
    let mut hall = Hall::new(Zones::default());
    assert_eq!(hall.send(&[&[(1, 1), (0, ALL)]]).misses, 0);
    hall.ask(&[ask("a.example.com").id(1)]);
    assert_eq!(go_on(&mut hall, false), (true, false), "ports are open that the resolver does not know of");
    assert_eq!(hall.forwarding.read_replies(hall.bench.now, 0.0).under_way, 1);
    hall.ask(&[ask("b.example.com").id(2)]);
    assert_eq!(go_on(&mut hall, false), (false, false));
    hall.answer(1, "a.example.com", address);
    hall.answer(0, "b.example.com", address);
    until("both are answered", || {
        assert_eq!(go_on(&mut hall, true), (false, false), "the resolver has nothing to see to");
        hall.forwarding.hub.under_way() == 0
    });
    assert_eq!(hall.bench.deliver().len(), 2);
    let report = hall.forwarding.end_overdue(hall.bench.now, 0.0);
    assert_eq!((report.misses, report.answered, report.under_way), (1, 2, 0), "one was reported before");
}

#[test]
fn what_is_odd_calls_the_resolver_once_until_it_comes() {
    let mut hall = Hall::new(Zones::default());
    hall.send(&[&[(0, ALL)]]);
    hall.ask(&[ask("a.example.com").id(1), ask("b.example.com").id(2)]);
    assert!(go_on(&mut hall, false).0);
    hall.forwarding.read_replies(hall.bench.now, 0.0);
    for name in ["a.example.com", "b.example.com"] {
        hall.answer(0, name, |query| reply(query, 2, &[], &[]));
    }
    let (mut calls, mut events) = (0, 0);
    until("both are reported", || {
        calls += u32::from(go_on(&mut hall, true).0);
        events += hall.forwarding.end_overdue(hall.bench.now, 0.0).events.len();
        events == 2
    });
    assert_eq!(calls, 1, "it was called and has not come");
    assert!(go_on(&mut hall, true) == (false, false), "and has nothing new to come for");
}

#[test]
fn a_worker_ends_what_is_overdue_on_the_resolvers_clock() {
    let mut hall = Hall::new(Zones::default());
    let theirs = |hall: &Hall| 1000.0 + hall.bench.now.mono_us as f64 / 1e6;
    let share = Share { forwarder: 0, timeout_s: 1.0, most: ALL, has_edns: true };
    hall.forwarding.read_replies(hall.bench.now, theirs(&hall));
    let began_s = theirs(&hall);
    hall.forwarding.send_misses(vec![vec![share]], hall.bench.now, began_s);
    hall.ask(&[ask("www.example.com")]);
    go_on(&mut hall, true);
    for (passes_ms, timeouts) in [(990, 0), (60, 1)] {
        hall.bench.pass_ms(passes_ms);
        go_on(&mut hall, true);
        let report = hall.forwarding.read_replies(hall.bench.now, theirs(&hall));
        assert!(report.events.iter().all(|one| one.kind == EventKind::TimedOut && (one.sent_s - began_s).abs() < 1e-3));
        assert_eq!(report.events.len(), timeouts);
    }
}

#[test]
fn without_a_word_of_the_resolver_misses_wait_for_it() {
    let mut hall = Hall::new(Zones::default());
    hall.send(&[&[(0, ALL)]]);
    let routes =
        |hall: &Hall| (0..).zip(hall.forwarders.each_ref().map(|one| one.local_addr().expect("an address").into()));
    let again: Vec<_> = routes(&hall).collect();
    hall.forwarding.install(again, Zones::default());
    hall.ask(&[ask("www.example.com")]);
    assert_eq!(go_on(&mut hall, true), (true, false), "numbers of sets may mean others now");
    assert_eq!(hall.send(&[&[(1, ALL)]]).misses, 1);
    hall.answer(1, "www.example.com", address);
    until("it is answered", || {
        go_on(&mut hall, true);
        hall.forwarding.hub.under_way() == 0
    });
    hall.forwarding.abandon(hall.bench.now);
    hall.bench.deliver();
    hall.forwarding.read_replies(hall.bench.now, 0.0);
    hall.ask(&[ask("www.example.net")]);
    assert_eq!(go_on(&mut hall, true), (true, false), "after the end nothing stands");
}

#[test]
fn the_resolver_reads_replies_where_no_worker_comes() {
    let mut hall = Hall::new(Zones::default());
    hall.send(&[&[(0, ALL)]]);
    hall.ask(&[ask("www.example.com")]);
    go_on(&mut hall, true);
    hall.answer(0, "www.example.com", address);
    assert_eq!(hall.forwarding.end_overdue(hall.bench.now, 0.0).answered, 0, "a worker was here just now");
    hall.bench.pass_ms(200);
    until("the resolver reads", || hall.forwarding.end_overdue(hall.bench.now, 0.0).answered == 1);
    assert_eq!(hall.bench.deliver()[0].data(), ["203.0.113.1"]);
}

#[test]
fn replies_that_wait_are_read_before_anything_is_called_late() {
    // By a worker, and by the resolver where there is none.
    for has_worker in [true, false] {
        let mut hall = Hall::new(Zones::default());
        hall.send(&[&[(0, ALL)]]);
        hall.ask(&(0..100u16).map(|id| ask(&format!("n{id}.example.com")).id(id)).collect::<Vec<_>>());
        go_on(&mut hall, has_worker);
        for id in 0..100 {
            let name = format!("n{id}.example.com");
            hall.answer(0, &name, |query| if id % 20 == 0 { Vec::new() } else { address(query) });
        }
        hall.bench.pass_ms(100_000);
        let mut again = has_worker;
        while again {
            again = go_on(&mut hall, true).1;
        }
        let report = hall.forwarding.end_overdue(hall.bench.now, 100.0);
        assert_eq!((report.answered, report.under_way), (95, 0));
        // Under a resolver that was held up for so long no client waits for what a worker found late.
        assert_eq!(report.events.len(), if has_worker { 0 } else { 5 });
        hall.bench.deliver();
    }
}

#[test]
fn a_resolver_comes_less_often_where_a_worker_keeps_time() {
    let mut hall = Hall::new(Zones::default());
    assert_eq!(hall.send(&[&[(0, ALL)]]).next_call_in_s, None, "nothing is open");
    hall.ask(&[ask("www.example.com")]);
    assert_eq!(hall.send(&[&[(0, ALL)]]).next_call_in_s, Some(0.05), "no worker reads replies");
    go_on(&mut hall, true);
    let next_call_in_s = |hall: &mut Hall| hall.forwarding.end_overdue(hall.bench.now, 0.0).next_call_in_s;
    assert_eq!(next_call_in_s(&mut hall), Some(0.25));
    hall.bench.pass_ms(149);
    assert_eq!(next_call_in_s(&mut hall), Some(0.25));
    hall.bench.pass_ms(1);
    assert_eq!(next_call_in_s(&mut hall), Some(0.05), "the worker has gone");
}

#[test]
fn another_worker_calls_the_resolver_where_the_one_that_read_is_gone() {
    let mut hall = Hall::new(Zones::default());
    hall.send(&[&[(0, ALL)]]);
    hall.ask(&[ask("www.example.com")]);
    go_on(&mut hall, true);
    hall.forwarding.read_replies(hall.bench.now, 0.0);
    let called = |hall: &mut Hall| hall.forwarding.go_on(1, false, hall.bench.now).for_resolver;
    hall.bench.pass_ms(149);
    assert_eq!(hall.forwarding.end_overdue(hall.bench.now, 0.0).next_call_in_s, Some(0.25));
    assert!(!called(&mut hall));
    hall.bench.pass_ms(1);
    assert!(called(&mut hall) && !called(&mut hall), "once");
    assert_eq!(hall.forwarding.read_replies(hall.bench.now, 0.0).next_call_in_s, Some(0.05));
    assert!(!called(&mut hall), "it knows");
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
        hall.forwarding.hub.complete(token, Err(EdeCode::NO_REACHABLE_AUTHORITY), now);
    }
    assert_eq!(hall.bench.deliver().len(), 300);
}

#[test]
fn what_a_hanging_resolver_does_not_see_to_takes_no_room_for_ever() {
    let mut hall = Hall::new(Zones::default());
    hall.forwarding.most_under_way = 4;
    hall.send(&[&[(0, ALL)]]);
    let lame: Vec<_> = (0..4u16).map(|id| ask(&format!("lame{id}.example.com")).id(id)).collect();
    hall.ask(&lame);
    go_on(&mut hall, true);
    for id in 0..4 {
        hall.answer(0, &format!("lame{id}.example.com"), |query| reply(query, 2, &[], &[]));
    }
    until("all are read", || {
        go_on(&mut hall, true);
        hall.forwarding.ports().load(std::sync::atomic::Ordering::Relaxed) == 0 || hall.forwarding.unreported() == 4
    });
    hall.ask(&[ask("www.example.com").id(9)]);
    go_on(&mut hall, true);
    assert_eq!(hall.bench.deliver().len(), 1, "no room: it fails at once");
    hall.bench.pass_ms(4_000);
    go_on(&mut hall, true);
    assert_eq!((hall.forwarding.unreported(), hall.bench.hub_counters.get(Counter::LostQuestions)), (0, 4));
    hall.ask(&[ask("www.example.net").id(10)]);
    go_on(&mut hall, true);
    hall.answer(0, "www.example.net", address);
    until("it is answered", || {
        go_on(&mut hall, true);
        hall.forwarding.hub.under_way() == 0
    });
    assert_eq!(hall.bench.deliver().last().map(|answer| answer.rcode), Some(0));
}

#[test]
fn a_resolver_that_reads_its_clock_late_makes_nothing_overdue() {
    let mut hall = Hall::new(Zones::default());
    let theirs = hall.bench.now.mono_us as f64 / 1e6;
    hall.forwarding.read_replies(hall.bench.now, theirs);
    hall.send(&[&[(0, ALL)]]);
    // It read its clock, and then the machine stood still for five seconds.
    hall.bench.pass_ms(5_000);
    hall.forwarding.end_overdue(hall.bench.now, theirs);
    hall.ask(&[ask("www.example.com")]);
    go_on(&mut hall, true);
    let report = hall.forwarding.read_replies(hall.bench.now, theirs + 5.0);
    assert_eq!((report.under_way, report.events.len()), (1, 0));
    hall.bench.pass_ms(900);
    go_on(&mut hall, true);
    assert_eq!(hall.forwarding.read_replies(hall.bench.now, theirs + 5.9).events.len(), 0);
}

#[test]
fn a_worker_that_left_misses_goes_on_with_them() {
    let mut hall = Hall::new(Zones::default());
    hall.send(&[&[(0, ALL)]]);
    hall.ask(&(0..300u16).map(|id| ask(&format!("n{id}.example.com")).id(id)).collect::<Vec<_>>());
    let Hall { bench, forwarding, .. } = hall;
    let wake = std::sync::Arc::new(crate::socket::Wake::new().expect("a wake"));
    let (forwarding, mut forwarding_workers) = crate::forwarding_worker::ForwardingWorker::all(forwarding, 0..2, &wake);
    let second = &mut forwarding_workers[1];
    assert!(second.go_on(true, false, bench.now), "some are left");
    assert!(!second.go_on(false, false, bench.now));
    assert!(!forwarding.lock().expect("a lock").hub.has_misses());
}
