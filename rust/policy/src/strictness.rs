//! Whether one policy is at least as strict as another: whatever the other denies it denies too, and where the other leads
//! a search engine to its safe mode, it does so too.
//!
//! A verdict on a name depends on two numbers alone: the set of list statements and the set of the school's own statements
//! that the name carries. So all verdicts can be compared without a name: each pair of rulings that a list set has under
//! the two policies with each pair that a set of the school's own has. What an answer reveals and what a name
//! spells is not compared here: the plane judges that for both policies.

use crate::layer::Effect;
use crate::rulebook::{OwnRuling, Rulebook, Ruling};
use crate::verdict::Origin;
use std::collections::{HashMap, HashSet};

/// What the engine calls the two levels of a search engine's safe mode (`lists/safesearch`).
const MODERATE: &str = "-moderate";
const STRICT: &str = "-strict";

/// A ruling under the first policy, and the one under the other.
type Pair = (Ruling, Ruling);
/// What tells pairs of the school's own statements apart.
type OwnKey = ([u16; 2], [Option<u16>; 2], [Option<u16>; 2]);

impl Rulebook {
    /// Whether `policy` is at least as strict as `other`. Takes time in proportion to the distinct sets; never called by a
    /// worker.
    pub fn is_as_strict(&self, policy: u16, other: u16) -> bool {
        self.first_opened(policy, other).is_none()
    }

    /// What `policy` opens and `other` denies or locks to a safe mode, in a few words: the category, the feed or the rule
    /// that says so there. `None`: nothing.
    pub fn first_opened(&self, policy: u16, other: u16) -> Option<String> {
        if policy == other {
            return None;
        }
        let listed = self.listed_pairs(policy, other);
        let own = self.own_pairs(policy, other);
        own.iter().find_map(|own| listed.iter().find_map(|listed| self.opened(policy, other, *listed, own)))
    }

    fn opened(&self, policy: u16, other: u16, listed: Pair, own: &(OwnRuling, OwnRuling)) -> Option<String> {
        let (here, there) = (own.0.ruling.first(listed.0), own.1.ruling.first(listed.1));
        if self.effect(policy, here) == Effect::Deny {
            return None;
        }
        if self.effect(other, there) == Effect::Deny {
            let is_own = own.1.ruling.rank <= listed.1.rank;
            return Some(self.in_words(there, is_own));
        }
        let rewrite = |at: u16| self.table().rewrites().get(usize::from(at)).map(|one| one.id.as_str());
        if let Some(locked) = own.1.rewrite.and_then(rewrite) {
            let safe = own.0.rewrite.and_then(rewrite);
            if !safe.is_some_and(|safe| is_as_safe(safe, locked)) {
                return Some(locked.to_owned());
            }
        }
        let zone = own.1.zone.filter(|zone| own.0.zone != Some(*zone))?;
        self.table().zones().get(usize::from(zone)).map(|zone| zone.apex.to_string())
    }

    fn effect(&self, policy: u16, ruling: Ruling) -> Effect {
        if ruling.rank != u16::MAX {
            return ruling.effect;
        }
        self.policy(policy).map_or(Effect::Deny, |policy| policy.unknown)
    }

    fn in_words(&self, ruling: Ruling, is_own: bool) -> String {
        if ruling.layer().is_none() || ruling.rank == u16::MAX {
            return "unknown".to_owned();
        }
        let origin = if is_own { Origin::Statement(ruling.by) } else { Origin::Source(ruling.by) };
        self.category(origin).map_or_else(|| self.rule(origin), str::to_owned)
    }

    /// Each pair of rulings that lists can give a name, once. A name is in one set of listed names, and has a shape that any
    /// of the sources of shapes may list; of all these the first counts under each policy, so two of them always decide.
    fn listed_pairs(&self, policy: u16, other: u16) -> Vec<Pair> {
        let zip = |rulings: &[Vec<Ruling>]| {
            let of = |at: u16| rulings.get(usize::from(at)).into_iter().flatten().copied();
            of(policy).zip(of(other)).collect::<Vec<Pair>>()
        };
        let shaped = distinct(zip(&self.shaped));
        let listed = distinct(zip(&self.listed));
        let both = listed.iter().flat_map(|one| shaped.iter().map(move |shape| first(*one, *shape)));
        let with_shape: Vec<Pair> = distinct(both.chain(listed.iter().copied()).collect());
        if shaped.len() < 2 {
            return with_shape;
        }
        let third = with_shape.iter().flat_map(|one| shaped.iter().map(move |shape| first(*one, *shape)));
        distinct(third.chain(with_shape.iter().copied()).collect())
    }

    fn own_pairs(&self, policy: u16, other: u16) -> Vec<(OwnRuling, OwnRuling)> {
        let of = |at: u16| self.own.get(usize::from(at)).into_iter().flatten().copied();
        let nothing = OwnRuling { ruling: Ruling::NONE, rewrite: None, zone: None, spells: false };
        let mut seen: HashMap<OwnKey, (OwnRuling, OwnRuling)> = HashMap::new();
        for pair in of(policy).zip(of(other)).chain([(nothing, nothing)]) {
            let key = (
                [pair.0.ruling.rank, pair.1.ruling.rank],
                [pair.0.rewrite, pair.1.rewrite],
                [pair.0.zone, pair.1.zone],
            );
            seen.entry(key).or_insert(pair);
        }
        let mut found: Vec<_> = seen.into_iter().collect();
        found.sort_unstable_by_key(|(key, _)| *key);
        found.into_iter().map(|(_, pair)| pair).collect()
    }
}

fn first(one: Pair, other: Pair) -> Pair {
    (one.0.first(other.0), one.1.first(other.1))
}

fn distinct(mut pairs: Vec<Pair>) -> Vec<Pair> {
    let mut seen = HashSet::new();
    pairs.push((Ruling::NONE, Ruling::NONE));
    pairs.retain(|(here, there)| seen.insert((here.rank, there.rank)));
    pairs
}

/// Whether one safe mode is at least as strict as another of the same search engine. One without levels has one mode.
fn is_as_safe(safe: &str, locked: &str) -> bool {
    let stem = |id: &str| id.strip_suffix(MODERATE).or_else(|| id.strip_suffix(STRICT)).unwrap_or(id).to_owned();
    safe == locked || (locked.ends_with(MODERATE) && stem(safe) == stem(locked))
}
