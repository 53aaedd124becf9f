//! What the resolver has said stands: workers send misses and read replies by it, and call the resolver for what is odd.

use super::forwarding_bench::{ALL, Hall, address, go_on};
use super::until;
use super::wire::{ask, reply};
use crate::counters::Counter;
use crate::forwarding::Share;
use crate::reply_sink::EventKind;
use crate::zones::Zones;

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
    let share = Share { forwarder: 0, timeout_s: 1.0, most: ALL, has_edns: true, asks_ad: false };
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
