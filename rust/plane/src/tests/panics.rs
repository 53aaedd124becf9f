//! A defect that a message meets costs that message and nothing else.

use super::bench::{Bench, Got};
use super::wire::{Data, ask, reply};
use crate::counters::Counter;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn after_a_packet_that_panics_cache_and_those_who_wait_are_still_there() {
    let mut bench = Bench::new();
    bench.fill(&ask("www.example.com"), &[("www.example.com", 300, Data::A(1))]);
    bench.ask(&ask("slow.example.com").id(9));
    let panicked = catch_unwind(AssertUnwindSafe(|| bench.ask(&ask("panicking.example.com"))));
    assert!(panicked.is_err());
    bench.workers[0].counters.count(Counter::Panics);
    bench.workers[0].answerer.recover();
    assert_eq!(bench.ask(&ask("www.example.com")).answer().data(), ["203.0.113.1"]);
    assert_eq!(bench.resolve(&[("slow.example.com", 300, Data::A(2))])[0].id, 9);
}

#[test]
fn an_answer_that_panics_costs_those_who_waited_for_it_and_they_are_counted() {
    let mut bench = Bench::new();
    bench.fill(&ask("www.example.com"), &[("www.example.com", 300, Data::A(1))]);
    bench.ask(&ask("bad.example.com").id(1));
    bench.ask(&ask("bad.example.com").id(2).staff());
    let miss = bench.miss();
    let chain = [
        ("bad.example.com", 300, Data::Cname("panicking.example.com".into())),
        ("panicking.example.com", 300, Data::A(1)),
    ];
    let octets = reply(&miss.query, 0, &chain, &[]);
    assert!(catch_unwind(AssertUnwindSafe(|| bench.complete(&miss, Ok(&octets)))).is_err());
    bench.workers[0].answerer.recover();
    assert_eq!(bench.count(Counter::Abandoned), 2);
    assert_eq!(bench.ask(&ask("www.example.com")).answer().rcode, 0);
    assert_eq!(bench.ask(&ask("bad.example.com")), Got::Waiting);
}
