//! The table against a naive oracle: names and statements kept as text, walked label by label.

use super::*;
use crate::hash::SuffixHashes;
use crate::name_table::Found;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Statements below 100 pass down, the others speak of one name alone.
struct Plain;

impl Inherit for Plain {
    fn pass(&self, handed: &[u32], own: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let here: BTreeSet<u32> = handed.iter().chain(own).copied().collect();
        let below = here.iter().copied().filter(|one| *one < 100).collect();
        (here.into_iter().collect(), below)
    }
    fn visible(&self, statement: u32) -> Option<u32> {
        Some(statement)
    }
}

fn name(text: &str) -> Name {
    Name::from_text(text).expect("a valid name")
}

fn build(rules: &[(String, u32)]) -> NameTable {
    let mut builder = NameTableBuilder::default();
    for (text, statement) in rules {
        builder.add(&name(text), *statement).expect("room for it");
    }
    builder.build(&Plain, 0).expect("a table")
}

fn oracle(rules: &[(String, u32)], asked: &str) -> Vec<u32> {
    let said = rules
        .iter()
        .filter(|(listed, statement)| asked == listed || *statement < 100 && asked.ends_with(&format!(".{listed}")));
    said.map(|(_, statement)| *statement).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Few labels, so that names often stand above, below and beside each other; some right below the root.
fn any_name() -> impl Strategy<Value = String> {
    let label = prop_oneof![
        4 => "[ab]",
        1 => Just("sixteen-octets-x".to_owned()),
        1 => Just("a-label-longer-than-sixteen".to_owned()),
    ];
    (proptest::collection::vec(label, 1..7), prop_oneof![Just(""), Just(".example")])
        .prop_map(|(labels, top)| format!("{}{top}", labels.join(".")))
}

proptest! {
    #[test]
    fn a_name_carries_what_every_listed_suffix_says(
        rules in proptest::collection::vec((any_name(), prop_oneof![0u32..6, 100u32..103]), 0..60),
        asked in proptest::collection::vec(any_name(), 30),
    ) {
        let (table, other) = (build(&rules), build(&[("b.example".to_owned(), 7)]));
        let beside = reseeded(&table, other.seed, rules.iter().map(|(text, _)| name(text))).expect("a table");
        let (mut hashes, mut prepared) = (SuffixHashes::default(), SuffixHashes::default());
        for asked in asked.iter().chain(rules.iter().map(|(name, _)| name)) {
            let found = table.find(&name(asked), &mut hashes);
            prop_assert_eq!(table.set(found.set), oracle(&rules, asked), "{}", asked);
            for table_of_hashes in [&table, &other] {
                table_of_hashes.prepare(&name(asked), &mut prepared);
                prop_assert_eq!(table.find_prepared(&name(asked), &mut prepared), found);
                prop_assert_eq!(beside.find_prepared(&name(asked), &mut prepared), found);
            }
        }
    }

    #[test]
    fn the_order_of_input_does_not_show(
        rules in proptest::collection::vec((any_name(), 0u32..6), 0..40),
        turn in 0usize..40,
    ) {
        let mut other = rules.clone();
        other.rotate_left(turn % rules.len().max(1));
        prop_assert_eq!(build(&rules), build(&other));
    }
}

#[test]
fn ten_thousand_names_are_all_found_and_ten_thousand_others_are_not() {
    let rules: Vec<_> = (0..10_000).map(|at| (format!("n{at}.list{}.example", at % 7), at % 3)).collect();
    let table = build(&rules);
    let mut hashes = SuffixHashes::default();
    for (text, statement) in &rules {
        assert_eq!(table.set(table.find(&name(text), &mut hashes).set), [*statement], "{text}");
    }
    for at in 0..10_000 {
        let text = format!("n{at}.unlisted.example");
        assert_eq!(table.find(&name(&text), &mut hashes).set, 0, "{text}");
    }
    assert!(table.size_octets() < 14 * rules.len(), "{} octets", table.size_octets());
}

#[test]
fn marks_that_are_there_by_chance_are_few() {
    let rules: Vec<_> = (0..20_000).map(|at| (format!("www.n{at}.example"), 1)).collect();
    let table = build(&rules);
    let absent = (0..20_000).map(|at| crate::hash::whole(table.seed, &name(&format!("s{at}.example"))));
    let marks: Vec<_> = absent.map(|hash| table.marks(hash)).collect();
    let (listed, above) = (marks.iter().filter(|one| one.0).count(), marks.iter().filter(|one| one.1).count());
    // Here each name has a further suffix above it; of real lists one name in four.
    assert!(listed < 400 && above < 5_000, "{listed} listed and {above} above of {}", marks.len());
}

#[test]
fn a_walk_does_not_stop_at_names_that_are_not_listed() {
    let table = build(&[("a.b.c.d.e.example".to_owned(), 1)]);
    let mut hashes = SuffixHashes::default();
    assert_eq!(table.set(table.find(&name("x.a.b.c.d.e.example"), &mut hashes).set), [1]);
    assert_eq!(table.find(&name("b.c.d.e.example"), &mut hashes), Found::NOTHING);
}

#[test]
fn a_name_below_another_that_says_the_same_is_not_kept() {
    let rules = [("example.org", 1), ("www.example.org", 1), ("ads.example.org", 2)];
    let table = build(&rules.map(|(name, statement)| (name.to_owned(), statement)));
    assert_eq!(table.entries(), 2);
}

#[test]
fn the_deepest_name_there_can_be_is_found() {
    let deep = vec!["a"; 127].join(".");
    let table = build(&[(deep.clone(), 1)]);
    let mut hashes = SuffixHashes::default();
    assert_eq!(table.set(table.find(&name(&deep), &mut hashes).set), [1]);
    assert_eq!(table.find(&name("a.a.a"), &mut hashes).set, 0);
}

#[test]
fn crowded_buckets_are_refused_so_that_another_seed_is_tried() {
    // More slots for one bucket than a lookup may visit.
    let crowd: Vec<_> = (0..(MAX_PROBES * SLOTS + 1) as u32).map(|at| (0, at)).collect();
    let slot = |at: u32| Some(u64::from(at + 1) << RULE_BITS);
    assert!(place(&crowd, slot, 64).is_none());
    assert!(place(&crowd[..MAX_PROBES * SLOTS], slot, 64).is_some());
}

#[test]
fn two_names_with_one_fingerprint_are_refused() {
    assert!(place(&[(3, 1), (3, 2)], |at| Some(9 << RULE_BITS | u64::from(at)), 8).is_none());
}

#[test]
fn names_of_every_depth_are_found() {
    let of = |depth: usize| vec!["x"; depth].join(".");
    let mut hashes = SuffixHashes::default();
    for depth in 1..=127 {
        let table = build(&[(of(depth), 1)]);
        let mut said = |asked: usize| table.set(table.find(&name(&of(asked)), &mut hashes).set).to_vec();
        assert_eq!(said(depth), [1], "{depth}");
        assert!(said(depth - 1).is_empty(), "{depth}");
        assert_eq!(said((depth + 1).min(127)), [1], "{depth}");
    }
}
