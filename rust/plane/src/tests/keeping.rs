//! Which answers the cache keeps: the index and the queues against naive oracles.

use crate::cache::Held;
use crate::cache::index::Index;
use crate::cache::s3_fifo::{Entry, S3Fifo};
use proptest::prelude::*;
use std::collections::HashMap;

/// Room for so many octets of values, beside what it takes for itself.
fn kept_in<T>(octets: u64, most: usize) -> S3Fifo<T> {
    let tables = S3Fifo::<T>::new(0, most).expect("room").table_octets() as u64;
    S3Fifo::new(octets + tables, most).expect("room")
}

/// Few hashes, so that they meet; their homes stand at both ends of the table.
fn hash() -> impl Strategy<Value = u32> {
    prop_oneof![0u32..6, (0u32..6).prop_map(|low| u32::MAX - low), any::<u32>()]
}

proptest! {
    #[test]
    fn the_index_finds_what_was_put_in_and_not_taken_out(
        steps in proptest::collection::vec((hash(), 0u32..24, any::<bool>()), 0..300),
    ) {
        let mut index = Index::new(24).expect("room");
        let mut oracle: HashMap<u32, u32> = HashMap::new();
        for (hash, place, is_insert) in steps {
            match oracle.get(&place).copied() {
                Some(known) if !is_insert => {
                    index.remove(known, place);
                    oracle.remove(&place);
                }
                None if is_insert => {
                    index.insert(hash, place);
                    oracle.insert(place, hash);
                }
                _ => {}
            }
            for wanted in 0..24 {
                let found = |hash| index.find(hash, |place| place == wanted);
                match oracle.get(&wanted) {
                    Some(known) => prop_assert_eq!(found(*known), Some(wanted)),
                    None => prop_assert_eq!(found(hash), None),
                }
            }
        }
    }

    #[test]
    fn what_is_kept_is_what_was_put_in_last_and_fits(
        steps in proptest::collection::vec((0u32..40, 0usize..40, 0u8..10), 0..400),
        room in 20u64..200,
        most in 1usize..40,
    ) {
        let mut kept = kept_in(room, most);
        // By key: (version, octets). Two keys share each hash.
        let mut oracle: HashMap<u32, (usize, usize)> = HashMap::new();
        for (version, (key, octets, what)) in steps.into_iter().enumerate() {
            let hash = key / 2;
            let is = |value: &(u32, usize, usize)| value.0 == key;
            match what {
                0..=4 => {
                    kept.insert(hash, (key, version, octets), octets, is);
                    oracle.insert(key, (version, octets));
                }
                5 => {
                    kept.remove(hash, is);
                    oracle.remove(&key);
                }
                6 => {
                    let change = |value: &mut (u32, usize, usize)| (value.1, value.2) = (version, octets);
                    kept.update(hash, is, change, |value| value.2);
                    oracle.entry(key).and_modify(|known| *known = (version, octets));
                }
                7 if version % 50 == 0 => {
                    kept.clear();
                    oracle.clear();
                }
                _ => drop(kept.get(hash, is)),
            }
            // What has left is forgotten here too; what is there must be what is known.
            oracle.retain(|key, _| kept.look_at(key / 2, |value| value.0 == *key).is_some());
            for (key, (version, octets)) in &oracle {
                let value = kept.look_at(key / 2, |value| value.0 == *key);
                prop_assert_eq!(value, Some(&(*key, *version, *octets)));
            }
            prop_assert_eq!(kept.len(), oracle.len(), "nothing is kept that cannot be found");
            prop_assert!(kept.len() <= most);
            let octets: usize = oracle.values().map(|(_, octets)| octets).sum();
            prop_assert_eq!(kept.octets(), octets as u64);
            prop_assert!(kept.octets() <= room);
        }
    }
}

/// Keeps a name asked for, as who asks would have it.
fn ask(kept: &mut S3Fifo<u32>, key: u32) -> bool {
    let is_there = kept.get(key, |value| *value == key).is_some();
    if !is_there {
        kept.insert(key, key, 1, |value| *value == key);
    }
    is_there
}

fn ask_all(kept: &mut S3Fifo<u32>, keys: std::ops::Range<u32>) {
    for key in keys {
        ask(kept, key);
    }
}

#[test]
fn one_that_comes_holds_up_nobody_for_long() {
    let mut kept = kept_in(10_000, 20_000);
    ask_all(&mut kept, 0..10_000);
    ask_all(&mut kept, 0..10_000);
    let had: Vec<u32> = (0..10_000).filter(|key| kept.look_at(*key, |value| value == key).is_some()).collect();
    // All were asked for again; one has to leave all the same, and soon.
    ask(&mut kept, 50_000);
    let left: Vec<_> = had.iter().filter(|key| kept.look_at(**key, |value| value == *key).is_none()).collect();
    assert_eq!(left, [&had[1024]]);
}

#[test]
fn what_comes_back_soon_after_it_left_stays_longer() {
    let mut kept = kept_in(100, 200);
    ask_all(&mut kept, 0..100);
    ask_all(&mut kept, 1000..1050);
    assert!(!ask(&mut kept, 0), "it has left for what came later");
    ask_all(&mut kept, 2000..2500);
    assert!(ask(&mut kept, 0), "what was asked for once passed it by");
}

#[test]
fn what_is_asked_for_no_more_leaves_at_last() {
    let mut kept = kept_in(100, 200);
    for _ in 0..3 {
        ask_all(&mut kept, 0..80);
    }
    for _ in 0..8 {
        ask_all(&mut kept, 100..180);
    }
    assert!((100..180).all(|key| ask(&mut kept, key)), "a class of today does not find yesterday's names in its way");
}

#[test]
fn an_entry_takes_a_line_of_the_processors_cache() {
    assert_eq!(size_of::<Entry<Held>>(), 64);
}
