//! Hits do not allocate; and what a thread has on the heap.

use super::bench::{Bench, description, rule};
use super::wire::{Ask, Data, ask};
use crate::answer::Outcome;
use crate::requester::Requester;
use crate::socket::Peer;
use schoolgate_querylog::record_rings;
use schoolgate_wire::rtype;
use serde_json::json;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Blocks from here on are tables, not entries.
const MAPPED_OCTETS: usize = 64 << 10;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    /// In blocks that are not mapped on their own: of those, only what is touched takes memory.
    static LIVE_OCTETS: Cell<i64> = const { Cell::new(0) };
}

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        let pointer = unsafe { System.alloc(layout) };
        count_live(pointer, layout, 1);
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count_live(pointer, layout, -1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What the allocator has given, and the word it keeps for itself.
fn count_live(pointer: *mut u8, layout: Layout, sign: i64) {
    if layout.size() < MAPPED_OCTETS {
        // SAFETY: the pointer is null or a block of the system's allocator that is not yet freed.
        let octets = unsafe { libc::malloc_usable_size(pointer.cast()) } + size_of::<usize>();
        let _ = LIVE_OCTETS.try_with(|live| live.set(live.get() + sign * octets as i64));
    }
}

/// Octets that this thread has on the heap, in blocks smaller than those of a big table.
pub fn live_octets() -> i64 {
    LIVE_OCTETS.get()
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(bench: &mut Bench, ask: &Ask) -> u64 {
    let requester = Requester::Datagram(0, Peer::new(ask.from, ask.from));
    let (packet, mut out) = (ask.packet(), [0; 1280]);
    let worker = &mut bench.workers[0];
    let mut once = || {
        let before = ALLOCATIONS.get();
        let outcome = worker.answerer.answer(&bench.active, &packet, &requester, bench.now, &mut out);
        assert!(matches!(outcome, Outcome::Answer(_)), "{ask:?}");
        worker.answerer.commit_records(|| 1);
        ALLOCATIONS.get() - before
    };
    once();
    once()
}

#[test]
fn denied_local_and_cached_answers_allocate_nothing() {
    let mut description = description();
    description["segments"][0]["qps"] = json!(1000);
    description["segments"][0]["burst"] = json!(1000);
    description["segments"][0]["ech"] = json!("strip");
    description["policies"][1]["max_ttl_s"] = json!(60);
    description["zones"] = json!([{"zone": "school.example", "kind": "static", "records": [
        {"name": "printer.school.example", "type": 1, "ttl_s": 300, "rdata": "c0000207"}]}]);
    description["names"].as_array_mut().expect("names").push(rule("cdn.example.net", &["staff"], 6, "deny"));
    description["groups"] = json!([{"id": "lost", "policy": "strict"}]);
    let mut bench = Bench::with(description).with_lists(&[("social", "social.example.com")]);
    bench.group(&json!({"sets": [["lost"]], "addresses": [["192.0.2.66", 0], ["2001:db8::66", 0]]}));
    let chain = [("www.example.com", 300, Data::Cname("cdn.example.net".into())), ("cdn.example.net", 300, Data::A(1))];
    bench.fill(&ask("www.example.com"), &chain);
    let keys = [&[0, 1, 0][..], &[0, 5, 0, 4, b'k', b'e', b'y', b's']].concat();
    bench.fill(&ask("keys.example.com").of(rtype::HTTPS), &[("keys.example.com", 300, Data::Binding(keys))]);
    let inside = "10.0.0.1".parse().expect("an address");
    bench.fill(&ask("inside.example.com"), &[("inside.example.com", 300, Data::Address(inside))]);
    bench.fill(&ask("search.example.org"), &[("safe.example.net", 300, Data::A(1))]);
    let (recorder, mut reader) = record_rings(1 << 20, 1 << 20);
    bench.workers[0].answerer.recorder = Some(recorder);
    for asked in [
        ask("www.social.example.com").edns(),
        ask("denied.example.com"),
        ask("www.example.com").from("192.0.2.66"),
        ask("printer.school.example"),
        ask("bare"),
        ask("www.example.org").of(rtype::ANY),
        ask("www.example.com").subnet(1),
        ask("www.example.com").staff(),
        ask("search.example.org").edns(),
        ask("keys.example.com").of(rtype::HTTPS),
        ask("inside.example.com").edns(),
        ask("www.example.com").from("233.252.0.1"),
        Ask { class: 3, ..ask("www.example.com") },
        ask("nowhere.example.com").no_rd(),
    ] {
        assert_eq!(allocations(&mut bench, &asked), 0, "{asked:?}");
    }
    assert!(reader.read(|batch, _, _| batch.rows) == Some(1), "and are recorded");
}
