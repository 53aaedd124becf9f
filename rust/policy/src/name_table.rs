//! The suffix trie with its bloom filter: which set of statements a name carries.
//!
//! Every listed name is a node, kept as a 64-octet bucket slot: 46 bits of fingerprint and an 18-bit *rule* number. A
//! node already carries what its ancestors say (the compiler adds it up), so the deepest listed suffix is the answer and
//! the walk stops there. The fingerprint and the bucket together verify a hit; a false one is rarer than 1e-12 a lookup.
//!
//! Most names are not listed, so a split-block bloom filter stands in front: one 32-octet block a suffix, and all blocks
//! of a name are loaded side by side. Depths at which nothing is listed are not even probed.

use crate::hash::{MAX_DEPTH, Seed, SuffixHash, SuffixHashes};
use crate::memory::prefetch;
use schoolgate_wire::Name;

/// Bits of a slot that hold the rule number; the other 46 are fingerprint.
pub const RULE_BITS: u32 = 18;
/// Slots of a bucket: one cache line.
pub const SLOTS: usize = 8;
/// Buckets a lookup may visit. Filling refuses a seed that would need more, so a list written to overflow one bucket
/// costs the compiler a seed and a query nothing.
pub const MAX_PROBES: usize = 16;

/// 256 bits of bloom filter, in one cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(32))]
pub struct Block(pub [u64; 4]);
/// One cache line of slots; zero is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub struct Bucket(pub [u64; SLOTS]);

/// What a listed name says of itself and of the names below it: two numbers of statement sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct NodeRule {
    /// The set for the name itself.
    pub here: u32,
    /// The set for names below it.
    pub below: u32,
}

/// An immutable table from names to statement sets. Set 0 is the empty set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTable {
    pub(crate) seed: Seed,
    /// Bit `d - 1` is set where some listed name has `d` labels.
    pub(crate) depths: u128,
    pub(crate) entries: u64,
    pub(crate) bloom: Vec<Block>,
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) rules: Vec<NodeRule>,
    /// Set `s` is `items[starts[s]..starts[s + 1]]`.
    pub(crate) starts: Vec<u32>,
    pub(crate) items: Vec<u32>,
}

/// The deepest listed suffix of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Found {
    /// The statement set; 0 where nothing is listed.
    pub set: u32,
    /// Labels of the listed suffix; 0 where nothing is listed.
    pub depth: u8,
}

impl Found {
    /// Nothing is listed.
    pub const NOTHING: Found = Found { set: 0, depth: 0 };
}

impl NameTable {
    /// The set that `name` carries: its own, or the one its deepest listed ancestor hands down.
    #[inline]
    pub fn find(&self, name: &Name, hashes: &mut SuffixHashes) -> Found {
        if self.depths == 0 {
            return Found::default();
        }
        hashes.compute(self.seed, name, self.deepest());
        self.find_hashed(hashes.as_slice(), name.label_count())
    }

    /// Hashes the suffixes of `name` and brings near all that [`NameTable::find_prepared`] may read of them: the table is
    /// larger than a processor's nearest cache.
    #[inline]
    pub fn prepare(&self, name: &Name, hashes: &mut SuffixHashes) {
        hashes.compute(self.seed, name, self.deepest());
        for (at, hash) in hashes.as_slice().iter().enumerate() {
            if self.depths >> at & 1 != 0 {
                self.bloom.get(bloom_block(*hash, self.bloom.len())).into_iter().for_each(prefetch);
                self.buckets.get(bucket_of(*hash, self.buckets.len())).into_iter().for_each(prefetch);
            }
        }
    }

    /// [`NameTable::find`] with hashes that [`NameTable::prepare`] has made of this name. Those of another table are made again.
    #[inline]
    pub fn find_prepared(&self, name: &Name, prepared: &SuffixHashes, hashes: &mut SuffixHashes) -> Found {
        if prepared.seed() != Some(self.seed) {
            return self.find(name, hashes);
        }
        self.find_hashed(prepared.as_slice(), name.label_count())
    }

    /// [`NameTable::find`] for a name of `labels` labels whose suffixes are hashed already.
    #[inline]
    pub fn find_hashed(&self, suffixes: &[SuffixHash], labels: usize) -> Found {
        let mut maybe = 0u128;
        for (at, hash) in suffixes.iter().enumerate() {
            maybe |= u128::from(self.may_hold(*hash)) << at;
        }
        maybe &= self.depths;
        while maybe != 0 {
            let at = (u128::BITS - 1 - maybe.leading_zeros()) as usize;
            if let Some(rule) = suffixes.get(at).and_then(|hash| self.rule_of(*hash)) {
                let set = if at + 1 == labels { rule.here } else { rule.below };
                return Found { set, depth: at as u8 + 1 };
            }
            maybe &= !(1 << at);
        }
        Found::default()
    }

    /// The statements of a set, in ascending order.
    pub fn set(&self, set: u32) -> &[u32] {
        let at = set as usize;
        let bounds = self.starts.get(at).zip(self.starts.get(at + 1));
        bounds.and_then(|(from, to)| self.items.get(*from as usize..*to as usize)).unwrap_or_default()
    }

    /// How many distinct sets there are, the empty one included.
    pub fn set_count(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Names kept; a name that says nothing its ancestor does not say is not kept.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Octets of everything a lookup may touch.
    pub fn size_octets(&self) -> usize {
        self.bloom.len() * size_of::<Block>()
            + self.buckets.len() * size_of::<Bucket>()
            + self.rules.len() * size_of::<NodeRule>()
            + (self.starts.len() + self.items.len()) * size_of::<u32>()
    }

    fn deepest(&self) -> usize {
        MAX_DEPTH.min((u128::BITS - self.depths.leading_zeros()) as usize)
    }

    #[inline]
    fn may_hold(&self, hash: SuffixHash) -> bool {
        match self.bloom.get(bloom_block(hash, self.bloom.len())) {
            // All words are looked at: a branch that cannot be foreseen costs more.
            Some(block) => {
                bloom_masks(hash).iter().zip(&block.0).fold(0, |missing, (mask, word)| missing | mask & !word) == 0
            }
            None => false,
        }
    }

    #[inline]
    fn rule_of(&self, hash: SuffixHash) -> Option<NodeRule> {
        let mut at = bucket_of(hash, self.buckets.len());
        for _ in 0..MAX_PROBES {
            let bucket = self.buckets.get(at)?;
            // At most one slot fits, and all are looked at.
            let wanted = fingerprint(hash) << RULE_BITS;
            let fitting = |slot: &u64| if (slot ^ wanted) >> RULE_BITS == 0 { *slot } else { 0 };
            let slot = bucket.0.iter().map(fitting).fold(0, |found, slot| found | slot);
            if slot != 0 {
                return self.rules.get((slot & RULE_MASK) as usize).copied();
            }
            // Buckets fill from the front, so an empty last slot means that nothing was pushed on to the next.
            if bucket.0[SLOTS - 1] == 0 {
                return None;
            }
            at = if at + 1 == self.buckets.len() { 0 } else { at + 1 };
        }
        None
    }
}

pub(crate) const RULE_MASK: u64 = (1 << RULE_BITS) - 1;

/// Never zero, so that a zero slot is an empty one whatever its rule.
#[inline]
pub(crate) fn fingerprint(hash: SuffixHash) -> u64 {
    (hash.b >> RULE_BITS) | 1 << (63 - RULE_BITS)
}

#[inline]
pub(crate) fn bucket_of(hash: SuffixHash, buckets: usize) -> usize {
    (((hash.a >> 32) * buckets as u64) >> 32) as usize
}

#[inline]
pub(crate) fn bloom_block(hash: SuffixHash, blocks: usize) -> usize {
    (((hash.a & 0xffff_ffff) * blocks as u64) >> 32) as usize
}

/// Two bits in each of four words, from 48 bits of the second lane.
#[inline]
pub(crate) fn bloom_masks(hash: SuffixHash) -> [u64; 4] {
    let bits = hash.b;
    [
        1 << (bits & 63) | 1 << (bits >> 6 & 63),
        1 << (bits >> 12 & 63) | 1 << (bits >> 18 & 63),
        1 << (bits >> 24 & 63) | 1 << (bits >> 30 & 63),
        1 << (bits >> 36 & 63) | 1 << (bits >> 42 & 63),
    ]
}
