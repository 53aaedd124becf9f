//! The suffix trie with its filter: which set of statements a name carries.
//!
//! Every listed name is a node, kept as a slot of a 64-octet bucket: 46 bits of fingerprint and an 18-bit *rule* number. A
//! node already carries what its ancestors say (the compiler adds it up), so the deepest listed suffix is the answer and
//! the walk stops there. The fingerprint and the bucket together verify a hit; a false one is rarer than 1e-12 a lookup.
//!
//! Most names are not listed. The [filter](crate::filter) in front says of each suffix, in one cache line, whether it may be
//! listed and whether the walk need go on below it. The shortest suffixes take the same steps whatever the name: a branch
//! that cannot be foreseen, on memory that is far away, would cost more than all of them.

use crate::filter::{Block, block_of};
use crate::hash::{FIRST_DEPTHS, MAX_DEPTH, Seed, SuffixHash, SuffixHashes};
use crate::memory::prefetch;
use schoolgate_wire::Name;

/// Bits of a slot that hold the rule number; the other 46 are fingerprint.
pub const RULE_BITS: u32 = 18;
/// Slots of a bucket: one cache line.
pub const SLOTS: usize = 8;
/// Buckets a lookup may visit. Filling refuses a seed that would need more, so a list written to overflow one bucket
/// costs the compiler a seed and a query nothing.
pub const MAX_PROBES: usize = 16;

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
    pub(crate) filter: Vec<Block>,
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
        hashes.begin(self.seed, name);
        // Before it is known whether there is anything to read: else a listed name waits twice, for its block, then for this.
        self.bucket(hashes.of(FIRST_DEPTHS - 1)).into_iter().for_each(prefetch);
        self.find_begun(name, hashes)
    }

    /// Hashes the shortest suffixes of `name` and brings near what [`NameTable::find_prepared`] reads of them first: the table
    /// is larger than a processor's nearest cache.
    #[inline]
    pub fn prepare(&self, name: &Name, hashes: &mut SuffixHashes) {
        hashes.begin(self.seed, name);
        for hash in hashes.first().iter().skip(usize::from(!self.lists_top_level())) {
            self.block(*hash).into_iter().for_each(prefetch);
            self.bucket(*hash).into_iter().for_each(prefetch);
        }
    }

    /// [`NameTable::find`] with hashes that were made of this name. Those under another seed are made again. Under this one
    /// nothing is asked for ahead: that is for [`NameTable::prepare`].
    #[inline]
    pub fn find_prepared(&self, name: &Name, prepared: &mut SuffixHashes) -> Found {
        if prepared.seed() != Some(self.seed) {
            return self.find(name, prepared);
        }
        self.find_begun(name, prepared)
    }

    /// The walk from the top-level label down. The first depths are looked at together: their blocks are loaded side by side,
    /// and where nothing stands below them, as for most names, it ends there.
    #[inline]
    fn find_begun(&self, name: &Name, hashes: &mut SuffixHashes) -> Found {
        let (mut maybe, mut goes_on) = (0, true);
        for (at, hash) in hashes.first().iter().enumerate() {
            if at >= 1 || self.lists_top_level() {
                let (is_listed, is_above) = self.marks(*hash);
                maybe |= u32::from(goes_on & is_listed) << at;
                goes_on &= is_above;
            }
        }
        let labels = name.label_count();
        if goes_on & (labels > FIRST_DEPTHS) {
            return self.find_deep(name, hashes, maybe);
        }
        // Beyond its labels stands the name itself once more.
        let within = !(u32::MAX << labels.min(FIRST_DEPTHS));
        self.deepest_found((maybe & within).into(), hashes, labels)
    }

    /// The same for all depths that follow, one by one.
    #[inline(never)]
    fn find_deep(&self, name: &Name, hashes: &mut SuffixHashes, first: u32) -> Found {
        let mut maybe = u128::from(first);
        let labels = name.label_count();
        for at in FIRST_DEPTHS..labels.min(MAX_DEPTH) {
            hashes.go_on(name, at + 1);
            let hash = hashes.of(at);
            let (is_listed, is_above) = self.marks(hash);
            maybe |= u128::from(is_listed) << at;
            if !is_above {
                break;
            }
        }
        self.deepest_found(maybe, hashes, labels)
    }

    #[inline]
    fn deepest_found(&self, maybe: u128, hashes: &SuffixHashes, labels: usize) -> Found {
        let mut maybe = maybe & self.depths;
        while maybe != 0 {
            let at = maybe.ilog2() as usize;
            if let Some(found) = self.found(at, hashes.of(at), labels) {
                return found;
            }
            maybe ^= 1 << at;
        }
        Found::NOTHING
    }

    #[inline]
    fn found(&self, at: usize, hash: SuffixHash, labels: usize) -> Option<Found> {
        let rule = self.rules.get(self.rule_of(hash)?)?;
        let set = if at + 1 == labels { rule.here } else { rule.below };
        Some(Found { set, depth: at as u8 + 1 })
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
        self.filter.len() * size_of::<Block>()
            + self.buckets.len() * size_of::<Bucket>()
            + self.rules.len() * size_of::<NodeRule>()
            + (self.starts.len() + self.items.len()) * size_of::<u32>()
    }

    /// Feeds hardly ever list a top-level domain, and below each there is something: there is no need to look at them.
    #[inline]
    fn lists_top_level(&self) -> bool {
        self.depths & 1 != 0
    }

    #[inline]
    fn block(&self, hash: SuffixHash) -> Option<&Block> {
        self.filter.get(block_of(hash, self.filter.len()))
    }

    /// The first bucket in which a suffix may stand.
    #[inline]
    fn bucket(&self, hash: SuffixHash) -> Option<&Bucket> {
        self.buckets.get(bucket_of(hash, self.buckets.len()))
    }

    /// Whether a suffix may be listed, and whether something below it may be.
    #[inline]
    pub(crate) fn marks(&self, hash: SuffixHash) -> (bool, bool) {
        self.block(hash).map_or((false, false), |block| (block.is_listed(hash), block.is_above(hash)))
    }

    /// The number of the rule of a listed name.
    #[inline]
    pub(crate) fn rule_of(&self, hash: SuffixHash) -> Option<usize> {
        let wanted = fingerprint(hash) << RULE_BITS;
        let mut at = bucket_of(hash, self.buckets.len());
        for _ in 0..MAX_PROBES {
            let bucket = self.buckets.get(at)?;
            // All slots are compared, and where the one that fits stands is counted: a branch for each could not be foreseen.
            let fits = |slot: &u64| u32::from((slot ^ wanted) <= RULE_MASK);
            let fitting = bucket.0.iter().zip(0..).fold(0, |fitting, (slot, at)| fitting | fits(slot) << at);
            if let Some(slot) = bucket.0.get(fitting.trailing_zeros() as usize) {
                return Some((slot & RULE_MASK) as usize);
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
