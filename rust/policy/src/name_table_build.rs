//! Building a [`NameTable`]: names with statements in, buckets and sets out.
//!
//! Each name's own statements are interned as a set; then, ancestors first, every name's set is added to what its nearest
//! listed ancestor hands down. What statements *mean* (union of categories, an exception that lifts a feed, a deeper rule
//! that replaces a shallower one) is the caller's [`Inherit`]; it is asked once for each distinct pair of sets.
//!
//! Same names and statements, same octets: the order of input does not matter, and the seed comes from the content.

use crate::filter::{Block, block_of};
use crate::hash::{Seed, SuffixHash, suffixes, whole};
use crate::name_table::{Bucket, MAX_PROBES, NameTable, NodeRule, RULE_BITS, RULE_MASK, SLOTS, bucket_of, fingerprint};
use foldhash::quality::RandomState;
use hashbrown::HashTable;
use schoolgate_wire::Name;
use std::collections::HashMap;
use std::hash::BuildHasher;

/// Filter bits for each name. Of real lists one name in four brings a further suffix that something is listed below. With
/// 14 bits, one suffix in eighty is looked for in vain and one in forty gone on below in vain.
const FILTER_BITS_PER_NAME: u64 = 14;
/// Slots are filled to this share, in eighths of a bucket: 6.4 of 8.
const FILL: f64 = 0.8;
/// Seeds tried before giving up; one is enough unless an attacker chose the names to collide.
const SEEDS_TRIED: u64 = 16;

/// How statements pass from a name to the names below it.
pub trait Inherit {
    /// `handed` comes from the nearest listed ancestor, `own` is what the input says of the name. Returns the statements in
    /// force for the name itself and those handed down. Both ascending.
    fn pass(&self, handed: &[u32], own: &[u32]) -> (Vec<u32>, Vec<u32>);
    /// The statements of a set that a lookup needs to see (markers used only while building are left out).
    fn visible(&self, statement: u32) -> Option<u32>;
}

/// Why a table could not be built.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BuildError {
    /// More distinct combinations of statements than a slot can number.
    #[error(
        "the lists give {0} different combinations of feeds, more than {max} that a snapshot can hold: join small feeds into one",
        max = 1u32 << RULE_BITS
    )]
    TooManyCombinations(usize),
    /// No seed spreads these names.
    #[error("no seed spreads these names over the table: the list looks built to collide; find the feed that changed")]
    NoSeed,
    /// More names than a table can address.
    #[error("the lists hold more than {} octets of names", u32::MAX)]
    TooLarge,
}

/// Collects names and their statements.
pub struct NameTableBuilder {
    scramble: RandomState,
    arena: Vec<u8>,
    nodes: Vec<Node>,
    /// Half a name's hash and its node. 32 bits spread 16 million buckets; the name's octets decide.
    index: HashTable<(u32, u32)>,
    /// Bit `d` is set where some name has `d` labels.
    depths: u128,
    sets: SetInterner,
    /// `(set before, statement) -> set after`, because feeds repeat the same step a million times.
    grown: HashMap<(u32, u32), u32>,
}

struct Node {
    offset: u32,
    own: u32,
    rule: NodeRule,
    length: u8,
    labels: u8,
    kept: bool,
}

impl Default for NameTableBuilder {
    fn default() -> Self {
        Self {
            scramble: RandomState::default(),
            arena: Vec::new(),
            nodes: Vec::new(),
            index: HashTable::new(),
            depths: 0,
            sets: SetInterner::default(),
            grown: HashMap::new(),
        }
    }
}

impl NameTableBuilder {
    /// Adds one statement about a name.
    pub fn add(&mut self, name: &Name, statement: u32) -> Result<(), BuildError> {
        let node = self.node(name)?;
        let Some(node) = self.nodes.get_mut(node) else { return Ok(()) };
        let sets = &mut self.sets;
        node.own = *self.grown.entry((node.own, statement)).or_insert_with(|| sets.with(node.own, statement));
        Ok(())
    }

    /// Names added so far, each counted once.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The finished table. `salt` takes part in the seed, so two installations need not share one.
    pub fn build(mut self, inherit: &dyn Inherit, salt: u64) -> Result<NameTable, BuildError> {
        self.hand_down(inherit);
        let (starts, items, rules) = self.number_rules(inherit)?;
        let content = self.content_hash();
        for attempt in 0..SEEDS_TRIED {
            let seed = Seed(content ^ salt, content.rotate_left(32).wrapping_add(salt).wrapping_add(attempt << 1 | 1));
            if let Some((filter, buckets, depths, entries)) = self.fill(seed) {
                return Ok(NameTable { seed, depths, entries, filter, buckets, rules, starts, items });
            }
        }
        Err(BuildError::NoSeed)
    }

    /// The node of a name, made where it is new. Names are hashed with a key chosen at random for this run, so no list can
    /// be written to collide.
    fn node(&mut self, name: &Name) -> Result<usize, BuildError> {
        let key = self.key(name.as_wire());
        if let Some(at) = self.find_key(key, name.as_wire()) {
            return Ok(at);
        }
        let at = u32::try_from(self.nodes.len()).map_err(|_| BuildError::TooLarge)?;
        self.nodes.push(Node {
            offset: u32::try_from(self.arena.len()).map_err(|_| BuildError::TooLarge)?,
            own: 0,
            rule: NodeRule { here: 0, below: 0 },
            length: name.as_wire().len() as u8,
            labels: name.label_count() as u8,
            kept: false,
        });
        self.arena.extend_from_slice(name.as_wire());
        self.index.insert_unique(spread(key), (key, at), |(key, _)| spread(*key));
        self.depths |= depth_bit(name.label_count());
        Ok(at as usize)
    }

    fn key(&self, octets: &[u8]) -> u32 {
        self.scramble.hash_one(octets) as u32
    }

    fn find_key(&self, key: u32, octets: &[u8]) -> Option<usize> {
        let is = |(other, at): &(u32, u32)| *other == key && self.octets(*at as usize) == octets;
        self.index.find(spread(key), is).map(|(_, at)| *at as usize)
    }

    fn octets(&self, node: usize) -> &[u8] {
        let bounds = self.nodes.get(node).map(|node| (node.offset as usize, node.length as usize));
        bounds.and_then(|(from, length)| self.arena.get(from..from + length)).unwrap_or_default()
    }

    /// Ancestors first, so that what is handed to a name is final when the name is reached.
    fn hand_down(&mut self, inherit: &dyn Inherit) {
        let labels = |at: &u32| self.nodes.get(*at as usize).map_or(0, |node| node.labels);
        let mut order: Vec<u32> = (0..self.nodes.len() as u32).collect();
        order.sort_unstable_by_key(|at| (labels(at), *at));
        let mut passed: HashMap<(u32, u32), Passed> = HashMap::new();
        let mut shown = SetInterner::default();
        for at in order.into_iter().map(|at| at as usize) {
            let ancestor = self.nearest_ancestor(at);
            let handed = ancestor.and_then(|ancestor| self.nodes.get(ancestor)).map_or(0, |node| node.rule.below);
            let Some(node) = self.nodes.get_mut(at) else { continue };
            let sets = &mut self.sets;
            let passed = passed.entry((handed, node.own)).or_insert_with(|| {
                let (here, below) = inherit.pass(sets.get(handed), sets.get(node.own));
                let mut show = |set: &[u32]| shown.intern(visible(set, inherit));
                let (old, new) = (show(sets.get(handed)), (show(&here), show(&below)));
                Passed {
                    rule: NodeRule { here: sets.intern(here), below: sets.intern(below) },
                    news: new != (old, old),
                }
            });
            node.rule = passed.rule;
            // A name that says what would hold without it is not kept: 11 % of real lists stand below another name.
            node.kept = passed.news;
        }
    }

    fn nearest_ancestor(&self, at: usize) -> Option<usize> {
        let mut rest = self.octets(at);
        let mut labels = self.nodes.get(at).map_or(0, |node| node.labels as usize);
        while let Some((length, below)) = rest.split_first() {
            rest = below.get(usize::from(*length)..)?;
            labels = labels.checked_sub(1).filter(|labels| *labels > 0)?;
            // Feeds list no top-level labels: they need not be looked for.
            if self.depths & depth_bit(labels) != 0
                && let Some(ancestor) = self.find_key(self.key(rest), rest)
            {
                return Some(ancestor);
            }
        }
        None
    }

    #[allow(clippy::type_complexity)] // three parts of one table, taken apart by the only caller
    /// Renumbers sets and rules by content, so that the numbers do not depend on the order of input.
    fn number_rules(&mut self, inherit: &dyn Inherit) -> Result<(Vec<u32>, Vec<u32>, Vec<NodeRule>), BuildError> {
        let visible: Vec<Vec<u32>> =
            (0..self.sets.len() as u32).map(|set| visible(self.sets.get(set), inherit)).collect();
        let kept = || self.nodes.iter().filter(|node| node.kept);
        let set_of = |set: u32| visible.get(set as usize).cloned().unwrap_or_default();
        let mut used = vec![false; visible.len()];
        for set in kept().flat_map(|node| [node.rule.here, node.rule.below]) {
            if let Some(used) = used.get_mut(set as usize) {
                *used = true;
            }
        }
        let mut distinct: Vec<Vec<u32>> =
            used.iter().zip(&visible).filter(|(used, _)| **used).map(|(_, set)| set.clone()).collect();
        distinct.push(Vec::new());
        distinct.sort();
        distinct.dedup();
        let new_set: Vec<u32> = (0..visible.len() as u32)
            .map(|set| distinct.binary_search(&set_of(set)).map_or(0, |at| at as u32))
            .collect();
        let renumber = |rule: NodeRule| NodeRule {
            here: new_set.get(rule.here as usize).copied().unwrap_or(0),
            below: new_set.get(rule.below as usize).copied().unwrap_or(0),
        };
        let mut rules: Vec<NodeRule> = Vec::new();
        let mut last = None;
        for rule in kept().map(|node| node.rule) {
            if last != Some(rule) {
                rules.push(renumber(rule));
                last = Some(rule);
            }
        }
        rules.sort_unstable();
        rules.dedup();
        if rules.len() > 1 << RULE_BITS {
            return Err(BuildError::TooManyCombinations(rules.len()));
        }
        for node in &mut self.nodes {
            node.rule = renumber(node.rule);
        }
        let mut starts = vec![0];
        let mut items = Vec::new();
        for set in distinct {
            items.extend_from_slice(&set);
            starts.push(items.len() as u32);
        }
        // From here on a node's rule is its number: `here` holds it.
        for node in self.nodes.iter_mut().filter(|node| node.kept) {
            node.own = rules.binary_search(&node.rule).map_or(0, |at| at as u32);
        }
        Ok((starts, items, rules))
    }

    /// Independent of the order in which names came in.
    fn content_hash(&self) -> u64 {
        let kept = (0..self.nodes.len()).filter(|at| self.nodes.get(*at).is_some_and(|node| node.kept));
        kept.fold(0u64, |sum, at| sum.wrapping_add(xxhash_rust::xxh3::xxh3_64(self.octets(at))))
    }

    #[allow(clippy::type_complexity)] // the four parts of one table, taken apart by the only caller
    fn fill(&self, seed: Seed) -> Option<(Vec<Block>, Vec<Bucket>, u128, u64)> {
        let entries = self.nodes.iter().filter(|node| node.kept).count();
        let blocks = (entries as u64 * FILTER_BITS_PER_NAME).div_ceil(256).max(1) as usize;
        let mut filter = vec![Block::default(); blocks];
        let buckets = ((entries as f64 / (SLOTS as f64 * FILL)).ceil() as usize).max(1);
        let mut depths = 0u128;
        // By home bucket, then by node. A slot is made when it is placed: all of them at once would be the most memory that a
        // compile needs.
        let mut homes: Vec<(u32, u32)> = Vec::new();
        homes.reserve_exact(entries);
        for (at, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.kept) {
            depths |= 1u128.checked_shl(u32::from(node.labels).wrapping_sub(1)).unwrap_or(0);
            let hash = mark(&mut filter, seed, &Name::from_wire(self.octets(at)).ok()?);
            homes.push((bucket_of(hash, buckets) as u32, at as u32));
        }
        homes.sort_unstable();
        let slot = |at: u32| {
            let node = self.nodes.get(at as usize)?;
            Some(fingerprint(self.hash(at as usize, seed)?) << RULE_BITS | u64::from(node.own))
        };
        Some((filter, place(&homes, slot, buckets)?, depths, entries as u64))
    }

    fn hash(&self, at: usize, seed: Seed) -> Option<SuffixHash> {
        Some(whole(seed, &Name::from_wire(self.octets(at)).ok()?))
    }
}

/// The same table under another seed, so that a name hashed for one table need not be hashed again for this. `names` are those
/// that it was built of. `None`: the seed does not spread them.
pub(crate) fn reseeded(table: &NameTable, seed: Seed, names: impl Iterator<Item = Name>) -> Option<NameTable> {
    let mut builder = NameTableBuilder::default();
    for name in names {
        // A name that says nothing of its own is not kept.
        let Some(rule) = table.rule_of(whole(table.seed, &name)) else { continue };
        let node = builder.node(&name).ok()?;
        let node = builder.nodes.get_mut(node)?;
        (node.kept, node.own) = (true, u32::try_from(rule).ok()?);
    }
    let (filter, buckets, depths, entries) = builder.fill(seed).filter(|filled| filled.3 == table.entries)?;
    let (rules, starts, items) = (table.rules.clone(), table.starts.clone(), table.items.clone());
    Some(NameTable { seed, depths, entries, filter, buckets, rules, starts, items })
}

/// Marks a name and everything above it; returns its hash.
fn mark(filter: &mut [Block], seed: Seed, name: &Name) -> SuffixHash {
    let blocks = filter.len();
    let mut hash = SuffixHash::default();
    for (at, below) in suffixes(seed, name).enumerate() {
        let block = filter.get_mut(block_of(hash, blocks)).filter(|_| at > 0);
        block.into_iter().for_each(|block| block.mark_below(hash));
        hash = below;
    }
    filter.get_mut(block_of(hash, blocks)).into_iter().for_each(|block| block.mark_listed(hash));
    hash
}

/// What a name's statements become, worked out once for each pair of sets.
struct Passed {
    rule: NodeRule,
    /// Whether a lookup would notice.
    news: bool,
}

fn visible(set: &[u32], inherit: &dyn Inherit) -> Vec<u32> {
    let mut shown: Vec<u32> = set.iter().filter_map(|statement| inherit.visible(*statement)).collect();
    shown.sort_unstable();
    shown.dedup();
    shown
}

/// Puts slots into buckets, home by home, on to the next bucket where one is full. `None`: this seed crowds too much, or gives
/// two names one fingerprint where a lookup could confuse them.
fn place(homes: &[(u32, u32)], slot: impl Fn(u32) -> Option<u64>, count: usize) -> Option<Vec<Bucket>> {
    let mut buckets = vec![Bucket::default(); count];
    for of_one_home in homes.chunk_by(|one, next| one.0 == next.0) {
        let mut slots = of_one_home.iter().map(|(_, at)| slot(*at)).collect::<Option<Vec<u64>>>()?;
        // Whatever the order in which names came in.
        slots.sort_unstable();
        let home = of_one_home.first()?.0 as usize;
        slots.into_iter().try_for_each(|slot| place_one(&mut buckets, home, slot))?;
    }
    Some(buckets)
}

fn place_one(buckets: &mut [Bucket], home: usize, slot: u64) -> Option<()> {
    let count = buckets.len();
    for at in (home..).take(MAX_PROBES.min(count)) {
        let Bucket(bucket) = buckets.get_mut(at % count)?;
        if bucket.iter().any(|other| *other != 0 && (other ^ slot) & !RULE_MASK == 0) {
            return None;
        }
        if let Some(free) = bucket.iter_mut().find(|other| **other == 0) {
            *free = slot;
            return Some(());
        }
    }
    None
}

/// Statement sets, each kept once.
struct SetInterner {
    sets: Vec<Box<[u32]>>,
    numbers: HashMap<Box<[u32]>, u32>,
}

impl Default for SetInterner {
    fn default() -> Self {
        Self { sets: vec![Box::default()], numbers: HashMap::from([(Box::default(), 0)]) }
    }
}

impl SetInterner {
    fn len(&self) -> usize {
        self.sets.len()
    }

    fn get(&self, set: u32) -> &[u32] {
        self.sets.get(set as usize).map_or(&[], |set| set)
    }

    fn intern(&mut self, set: Vec<u32>) -> u32 {
        if let Some(number) = self.numbers.get(set.as_slice()) {
            return *number;
        }
        let number = self.sets.len() as u32;
        let set: Box<[u32]> = set.into();
        self.sets.push(set.clone());
        self.numbers.insert(set, number);
        number
    }

    fn with(&mut self, set: u32, statement: u32) -> u32 {
        let mut statements = self.get(set).to_vec();
        if let Err(at) = statements.binary_search(&statement) {
            statements.insert(at, statement);
        }
        self.intern(statements)
    }
}

/// A 64-bit hash of 32 bits: tables take their bucket from one end and their tag from the other.
fn spread(key: u32) -> u64 {
    u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn depth_bit(labels: usize) -> u128 {
    1_u128.checked_shl(labels as u32).unwrap_or(0)
}

#[cfg(test)]
#[path = "name_table_tests.rs"]
mod tests;
