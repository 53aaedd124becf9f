//! Time of each part of the hot path, on 1 M and 5 M listed names, asked in random order so that caches miss.
//!
//! Each lookup starts where the one before ended: the figure is how long one takes from end to end. `find in a row` lets
//! the processor begin the next one meanwhile; `find ahead` has it bring near what a name further on will need, as a worker
//! does in a batch. Compare within one run only.

use criterion::{Criterion, criterion_group, criterion_main};
use schoolgate_bench_micro::{
    SeededNumbers, WarmAnswerer, cache, deep, image, listed, names, packet, popular, snapshot, table, unique,
};
use schoolgate_plane::bench_support::QuestionRef;
use schoolgate_policy::{Rulebook, SuffixHashes};
use schoolgate_wire::{EdnsReply, Name, PolicyAnswer, Query, TtlRule, peek, policy_answer, rtype};
use std::hint::black_box;
use std::time::{Duration, Instant};

const ASKED: usize = 200_000;
const POPULAR: usize = 100_000;

/// Questions that are brought near before the clock starts. In the plane `peek` has just written the name, in a place that
/// it writes again and again, so it is the table that is far away and not the question.
const NEAR: usize = 48;

/// So many names are looked at before their turn, as in a worker (`LOOK_AHEAD` of the plane).
const AHEAD: usize = 3;

/// What is asked lies far away, as octets; before the clock starts it is brought to a place that stays near.
trait Question {
    type Near: Clone;
    const FIRST: Self::Near;
    fn bring(&self, near: &mut Self::Near);
}

/// A name in wire format.
struct Wire(Vec<u8>);

impl Question for Wire {
    type Near = Name;
    const FIRST: Name = Name::ROOT;
    fn bring(&self, near: &mut Name) {
        near.read(&self.0).expect("a name");
    }
}

impl Question for Vec<u8> {
    type Near = Vec<u8>;
    const FIRST: Vec<u8> = Vec::new();
    fn bring(&self, near: &mut Vec<u8>) {
        near.clone_from(self);
    }
}

impl Question for () {
    type Near = ();
    const FIRST: () = ();
    fn bring(&self, (): &mut ()) {}
}

/// Runs `call` on one value after the other; the number it returns (always 0) makes each wait for the one before.
fn in_turn<Q: Question>(criterion: &mut Criterion, id: &str, asked: &[Q], mut call: impl FnMut(&Q::Near) -> usize) {
    block_by_block(criterion, id, asked, |block| {
        let mut at = 0;
        while at < block.len() {
            at += 1 + call(black_box(&block[at]));
        }
    });
}

/// The same, and none waits for the one before.
fn in_a_row<Q: Question>(criterion: &mut Criterion, id: &str, asked: &[Q], mut call: impl FnMut(&Q::Near) -> usize) {
    block_by_block(criterion, id, asked, |block| {
        black_box(block.iter().map(|value| call(black_box(value))).sum::<usize>());
    });
}

fn block_by_block<Q: Question>(criterion: &mut Criterion, id: &str, asked: &[Q], mut work: impl FnMut(&[Q::Near])) {
    assert!(!asked.is_empty(), "{id}: nothing to ask");
    let mut blocks = asked.chunks(NEAR).cycle();
    let mut near = vec![Q::FIRST; NEAR];
    criterion.bench_function(id, |bencher| {
        bencher.iter_custom(|times| {
            let (mut left, mut took) = (times, Duration::ZERO);
            while left > 0 {
                let block = blocks.next().unwrap_or_default();
                let count = block.len().min(left as usize);
                near.iter_mut().zip(&block[..count]).for_each(|(near, one)| one.bring(near));
                let began = Instant::now();
                work(&near[..count]);
                took += began.elapsed();
                left -= count as u64;
            }
            took
        });
    });
}

fn wires(names: &[Name]) -> Vec<Wire> {
    names.iter().map(|name| Wire(name.as_wire().to_vec())).collect()
}

fn asked(listed: &[String], popular: &[String]) -> [(&'static str, Vec<Name>); 4] {
    let mut numbers = SeededNumbers(9);
    let hits: Vec<String> = (0..ASKED).map(|_| listed[numbers.below(listed.len())].clone()).collect();
    let known: Vec<String> = (0..ASKED).map(|_| popular[numbers.below(popular.len())].clone()).collect();
    [
        ("hit", names(&hits)),
        ("popular miss", names(&known)),
        ("unique miss", names(&unique(popular, ASKED))),
        ("deep miss", names(&deep(ASKED))),
    ]
}

fn matcher(criterion: &mut Criterion) {
    let popular = popular(POPULAR);
    for (size, label) in [(1_000_000, "1M"), (5_000_000, "5M")] {
        if std::env::var_os("SCHOOLGATE_BENCH_SMALL").is_some() && size > 1_000_000 {
            continue;
        }
        let listed = listed(size);
        let rulebook = Rulebook::new(snapshot(&listed), table(), None);
        let mut hashes = SuffixHashes::default();
        let table = rulebook.snapshot().names();
        for (kind, mut names) in asked(&listed, &popular) {
            // What is called a hit is one, and a miss: some popular names, and what is below them, stand below listed ones.
            names.retain(|name| (table.find(name, &mut hashes).set != 0) == (kind == "hit"));
            let names = wires(&names);
            in_turn(criterion, &format!("find {kind}/{label}"), &names, |name| {
                (table.find(name, &mut hashes).set >> 31) as usize
            });
            in_a_row(criterion, &format!("find in a row {kind}/{label}"), &names, |name| {
                table.find(name, &mut hashes).set as usize
            });
            let mut prepared: [SuffixHashes; AHEAD + 1] = Default::default();
            block_by_block(criterion, &format!("find ahead {kind}/{label}"), &names, |block| {
                let mut found = 0;
                for at in 0..block.len() + AHEAD {
                    if let Some(name) = block.get(at) {
                        table.prepare(name, &mut prepared[at % (AHEAD + 1)]);
                    }
                    if let Some(name) = at.checked_sub(AHEAD).and_then(|at| block.get(at)) {
                        found += table.find_prepared(name, &mut prepared[(at - AHEAD) % (AHEAD + 1)]).set;
                    }
                }
                black_box(found);
            });
            in_turn(criterion, &format!("decide {kind}/{label}"), &names, |name| {
                usize::from(rulebook.decide(0, name, &mut hashes).rewrite.is_some())
            });
        }
    }
}

fn wire(criterion: &mut Criterion) {
    let mut names = names(&popular(POPULAR));
    SeededNumbers(10).shuffle(&mut names);
    let packets: Vec<Vec<u8>> = names.iter().map(packet).collect();
    let mut query = Query::default();
    in_turn(criterion, "peek/popular", &packets, |packet| usize::from(black_box(peek(packet, &mut query)).is_err()));
    let cache = cache(&names);
    in_turn(criterion, "cache get/100k", &wires(&names), |name| {
        let question = QuestionRef { name: name.as_wire(), qtype: rtype::A, flags: 0, rewrite: None };
        usize::from(black_box(cache.get(question)).is_none())
    });
    let mut out = vec![0; 1232];
    let first = &packets[0];
    peek(first, &mut query).expect("a query");
    let reply = EdnsReply::datagram(&query);
    let stored = image(&names[0]);
    let rule = TtlRule::Aged { elapsed_s: 5, floor_s: 0, cap_s: 86_400 };
    in_turn(criterion, "compose/denied", &[(); NEAR], |()| {
        usize::from(black_box(policy_answer(&mut out, first, &query, &PolicyAnswer::nxdomain(30), &reply)) == 0)
    });
    in_turn(criterion, "compose/stored", &[(); NEAR], |()| {
        usize::from(black_box(stored.write(&mut out, first, &query, rule, &reply)) == 0)
    });
}

fn whole(criterion: &mut Criterion) {
    let listed = listed(1_000_000);
    let (snapshot, mut hashes) = (snapshot(&listed), SuffixHashes::default());
    let mut known = names(&popular(POPULAR));
    known.retain(|name| snapshot.names().find(name, &mut hashes).set == 0);
    let mut answerer = WarmAnswerer::new(snapshot, &known);
    let mut numbers = SeededNumbers(11);
    let denied: Vec<Vec<u8>> =
        (0..ASKED).filter_map(|_| Some(packet(&Name::from_text(&listed[numbers.below(listed.len())]).ok()?))).collect();
    let mut cached: Vec<Vec<u8>> = known.iter().map(packet).collect();
    numbers.shuffle(&mut cached);
    for (kind, packets) in [("denied", denied), ("cached", cached)] {
        in_turn(criterion, &format!("answer/{kind}"), &packets, |packet| usize::from(answerer.answer(packet) == 0));
    }
}

criterion_group! {
    name = hot_path;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2));
    targets = matcher, wire, whole
}
criterion_main!(hot_path);
