//! The parts of the hot path, each once in a function of its own, for callgrind to count. See `benchmarks/instructions`.
//!
//! The argument names the part; its function `measured_…` does its work [`TIMES`] times. Everything around it is set-up and is
//! not counted.

use schoolgate_bench_micro::{
    SeededNumbers, WarmAnswerer, cache, deep, image, listed, names, packet, popular, snapshot, table, unique,
};
use schoolgate_plane::bench_support::{PacketCache, QuestionRef};
use schoolgate_policy::{Rulebook, SuffixHashes};
use schoolgate_querylog::LogWriter;
use schoolgate_wire::{AnswerImage, EdnsReply, Name, PolicyAnswer, Query, TtlRule, peek, policy_answer, rtype};
use std::hint::black_box;

/// Small enough for an emulator, large enough to be an average over names.
const LISTED: usize = 20_000;
const TIMES: usize = 2_000;

#[unsafe(no_mangle)]
#[inline(never)]
fn measured_peek(packets: &[Vec<u8>], query: &mut Query) {
    for packet in packets {
        let _ = black_box(peek(black_box(packet), query));
    }
}

macro_rules! measured_decide {
    ($($name:ident),*) => {$(
        #[unsafe(no_mangle)]
        #[inline(never)]
        fn $name(rulebook: &Rulebook, names: &[Name], hashes: &mut SuffixHashes) {
            // Equal bodies must not become one function.
            black_box(stringify!($name));
            for name in names {
                black_box(rulebook.decide(0, black_box(name), hashes));
            }
        }
    )*};
}
measured_decide!(
    measured_decide_hit,
    measured_decide_popular_miss,
    measured_decide_unique_miss,
    measured_decide_deep_miss
);

#[unsafe(no_mangle)]
#[inline(never)]
fn measured_cache_get(cache: &PacketCache, names: &[Name]) {
    for name in names {
        let question = QuestionRef { name: black_box(name).as_wire(), qtype: rtype::A, flags: 0, rewrite: None };
        black_box(cache.get(question).is_some());
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
fn measured_compose_denied(out: &mut [u8], packet: &[u8], query: &Query, reply: &EdnsReply<'_>) {
    for _ in 0..TIMES {
        black_box(policy_answer(black_box(&mut *out), packet, query, &PolicyAnswer::nxdomain(30), reply));
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
fn measured_compose_stored(image: &AnswerImage, out: &mut [u8], packet: &[u8], query: &Query, reply: &EdnsReply<'_>) {
    let rule = TtlRule::Aged { elapsed_s: 5, floor_s: 0, cap_s: 86_400 };
    for _ in 0..TIMES {
        black_box(image.write(black_box(&mut *out), packet, query, rule, reply));
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
fn measured_answer_denied(answerer: &mut WarmAnswerer, packets: &[Vec<u8>]) {
    black_box("denied");
    packets.iter().for_each(|packet| assert_ne!(answerer.answer(black_box(packet)), 0));
}

#[unsafe(no_mangle)]
#[inline(never)]
fn measured_answer_cached(answerer: &mut WarmAnswerer, packets: &[Vec<u8>]) {
    black_box("cached");
    packets.iter().for_each(|packet| assert_ne!(answerer.answer(black_box(packet)), 0));
}

#[unsafe(no_mangle)]
#[inline(never)]
fn measured_answer_grouped(answerer: &mut WarmAnswerer, packets: &[Vec<u8>]) {
    black_box("grouped");
    packets.iter().for_each(|packet| assert_ne!(answerer.answer(black_box(packet)), 0));
}

#[unsafe(no_mangle)]
#[inline(never)]
fn measured_answer_recorded(answerer: &mut WarmAnswerer, packets: &[Vec<u8>]) {
    black_box("recorded");
    packets.iter().for_each(|packet| assert_ne!(answerer.answer_recorded(black_box(packet)), 0));
}

#[unsafe(no_mangle)]
#[inline(never)]
fn measured_write_row(writer: &mut LogWriter) {
    black_box(writer.turn(1));
}

fn main() {
    let (listed, popular) = (listed(LISTED), popular(TIMES));
    let mut hits = listed.clone();
    SeededNumbers(5).shuffle(&mut hits);
    let hits = names(&hits[..TIMES]);
    let known = names(&popular);
    let packets: Vec<_> = known.iter().map(packet).collect();
    let denied: Vec<_> = hits.iter().map(packet).collect();
    let snapshot = snapshot(&listed);
    let rulebook = Rulebook::new(snapshot.clone(), table(), None);
    let (mut query, mut hashes) = (Query::default(), SuffixHashes::default());
    let mut answerer = WarmAnswerer::new(snapshot, &known);
    let mut out = vec![0; 1232];

    let part = std::env::args().nth(1).unwrap_or_default();
    peek(&packets[0], &mut query).expect("a query");
    let reply = EdnsReply::datagram(&query);
    match part.as_str() {
        "peek" => measured_peek(&packets, &mut query),
        "decide_hit" => measured_decide_hit(&rulebook, &hits, &mut hashes),
        "decide_popular_miss" => measured_decide_popular_miss(&rulebook, &known, &mut hashes),
        "decide_unique_miss" => {
            measured_decide_unique_miss(&rulebook, &names(&unique(&popular, TIMES)), &mut hashes);
        }
        "decide_deep_miss" => measured_decide_deep_miss(&rulebook, &names(&deep(TIMES)), &mut hashes),
        "cache_get" => measured_cache_get(&cache(&known), &known),
        "compose_denied" => measured_compose_denied(&mut out, &packets[0], &query, &reply),
        "compose_stored" => measured_compose_stored(&image(&known[0]), &mut out, &packets[0], &query, &reply),
        "answer_denied" => measured_answer_denied(&mut answerer, &denied),
        "answer_cached" => measured_answer_cached(&mut answerer, &packets),
        "answer_grouped" => measured_answer_grouped(&mut answerer.grouped(), &packets),
        "answer_recorded" | "write_row" => {
            let (mut answerer, mut writer) = answerer.recording();
            measured_answer_recorded(&mut answerer, &packets);
            measured_write_row(&mut writer);
        }
        _ => {
            eprintln!("{part:?} is no part");
            std::process::exit(2);
        }
    }
}
