//! Hashes of the suffixes of a name, from the top-level label down.
//!
//! The hash of a suffix is made from the hash of its parent and one more label, so the hash *is* the path in the suffix
//! trie: a node needs no pointer to its parent, and a walk hashes no more labels than it needs.
//!
//! Two 64-bit lanes of multiply-and-fold, seeded per table. 128 bits, because a wrong verdict by collision must be rarer
//! than 1e-12 a lookup; seeded, so that a published list cannot be written to collide with a name it does not contain. What is
//! written in files (snapshots, sealed lists) depends on every step here: a change is a new version of both.

use crate::pattern_scratch::PatternScratch;
use schoolgate_wire::Name;

/// Most labels a name can have (255 octets of one-octet labels, without the root).
pub const MAX_DEPTH: usize = 127;

const LANE_A: u64 = 0x9e37_79b9_7f4a_7c15;
const LANE_B: u64 = 0xd6e8_feb8_6659_fd93;
const LENGTH: u64 = 0xa076_1d64_78bd_642f;

/// Suffixes that are hashed for every name, before anything is known of it.
pub(crate) const FIRST_DEPTHS: usize = 3;

/// The seed of one table's hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64, pub u64);

/// The hash of one suffix: two independent lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SuffixHash {
    /// Chooses bucket and filter block.
    pub a: u64,
    /// Gives the fingerprint and the marks in the filter.
    pub b: u64,
}

/// The hashes of suffixes of one name; index `d` is the suffix of `d + 1` labels. A caller keeps one for all its look-ups.
#[derive(Clone)]
pub struct SuffixHashes {
    hashes: [SuffixHash; MAX_DEPTH],
    depth: usize,
    seed: Option<Seed>,
    /// The same for names matched by shape.
    pub(crate) patterns: PatternScratch,
}

impl Default for SuffixHashes {
    fn default() -> Self {
        let hashes = [SuffixHash::default(); MAX_DEPTH];
        Self { hashes, depth: 0, seed: None, patterns: PatternScratch::default() }
    }
}

impl SuffixHashes {
    /// Hashes the suffixes of `name` that have at most `deepest` labels.
    #[inline]
    pub fn compute(&mut self, seed: Seed, name: &Name, deepest: usize) {
        (self.seed, self.depth) = (Some(seed), 0);
        self.go_on(name, deepest);
    }

    /// Hashes the [`FIRST_DEPTHS`] shortest suffixes of `name`. Each takes the same steps, whatever the name; where a name has
    /// fewer labels, its own hash stands for those it has not.
    #[inline]
    pub(crate) fn begin(&mut self, seed: Seed, name: &Name) {
        let labels = name.label_count();
        let mut state = root(seed);
        for (slot, up) in self.hashes.iter_mut().take(FIRST_DEPTHS).zip(1..) {
            let next = absorb(state, name, labels.saturating_sub(up));
            state = if up == 1 || up <= labels { next } else { state };
            *slot = state;
        }
        (self.seed, self.depth) = (Some(seed), labels.min(FIRST_DEPTHS));
    }

    /// Hashes on, to the suffix of `deepest` labels, if there is one.
    #[inline]
    pub(crate) fn go_on(&mut self, name: &Name, deepest: usize) {
        let (labels, Some(seed)) = (name.label_count(), self.seed) else { return };
        let deepest = labels.min(deepest).min(MAX_DEPTH);
        let above = self.depth.checked_sub(1).and_then(|above| self.hashes.get(above));
        let mut state = above.copied().unwrap_or(root(seed));
        for (slot, up) in self.hashes.iter_mut().take(deepest).zip(1..).skip(self.depth) {
            state = absorb(state, name, labels - up);
            *slot = state;
        }
        self.depth = self.depth.max(deepest);
    }

    /// The seed of the name hashed last.
    #[inline]
    pub(crate) fn seed(&self) -> Option<Seed> {
        self.seed
    }

    /// The suffixes that [`SuffixHashes::begin`] hashes.
    #[inline]
    pub(crate) fn first(&self) -> &[SuffixHash; FIRST_DEPTHS] {
        self.hashes.first_chunk().unwrap_or(&[SuffixHash { a: 0, b: 0 }; FIRST_DEPTHS])
    }

    /// The hash of the suffix of `at + 1` labels, which must have been hashed.
    #[inline]
    pub(crate) fn of(&self, at: usize) -> SuffixHash {
        self.hashes.get(at).copied().unwrap_or_default()
    }

    /// The suffixes hashed, top-level label first.
    #[inline]
    pub fn as_slice(&self) -> &[SuffixHash] {
        self.hashes.get(..self.depth).unwrap_or_default()
    }
}

/// The hash of a whole name, or the seed itself for the root.
pub fn whole(seed: Seed, name: &Name) -> SuffixHash {
    suffixes(seed, name).last().unwrap_or(root(seed))
}

/// The hashes of all suffixes of a name, top-level label first.
pub(crate) fn suffixes(seed: Seed, name: &Name) -> impl Iterator<Item = SuffixHash> {
    let labels = name.label_count();
    (1..=labels).scan(root(seed), move |state, up| {
        *state = absorb(*state, name, labels - up);
        Some(*state)
    })
}

#[inline]
fn root(seed: Seed) -> SuffixHash {
    SuffixHash { a: seed.0, b: seed.1 }
}

/// One label more. Up to sixteen octets take the same steps, without a branch.
#[inline]
fn absorb(state: SuffixHash, name: &Name, label: usize) -> SuffixHash {
    let (octets, start) = (name.padded(), name.label_start(label));
    let length = usize::from(octets[start]);
    let state = sixteen(state, octets, start + 1, &BY_LENGTH[length & 63]);
    // One label in thirty is longer.
    if length <= 16 { state } else { absorb_rest(state, octets, start + 17, length - 16) }
}

#[inline(never)]
fn absorb_rest(mut state: SuffixHash, octets: &[u8], mut at: usize, mut left: usize) -> SuffixHash {
    while left > 0 {
        state = sixteen(state, octets, at, &BY_LENGTH[left & 63]);
        (at, left) = (at + 16, left.saturating_sub(16));
    }
    state
}

/// What a length does to sixteen octets.
struct Length {
    /// The bits that are the label's.
    keep: [u64; 2],
    mix: u64,
}

/// Both factors of both lanes depend on the seed, so an attacker who does not know it cannot choose octets that make
/// one nothing, or that exchange them. The length goes in beside another half in each lane: no two splits of the same
/// octets into labels agree.
#[inline]
fn sixteen(state: SuffixHash, octets: &[u8], at: usize, length: &Length) -> SuffixHash {
    let (first, second) = (eight(octets, at) & length.keep[0], eight(octets, at + 8) & length.keep[1]);
    SuffixHash {
        a: fold(first ^ state.a, second ^ state.b ^ length.mix),
        b: fold(first ^ state.b.wrapping_add(LANE_A) ^ length.mix, second ^ state.a.wrapping_add(LANE_B)),
    }
}

static BY_LENGTH: [Length; 64] = {
    let mut all = [const { Length { keep: [0; 2], mix: 0 } }; 64];
    let mut octets = 1;
    while octets < all.len() {
        let kept = if octets < 16 { 8 * octets } else { 128 };
        let kept = u128::MAX >> (128 - kept);
        all[octets] = Length { keep: [kept as u64, (kept >> 64) as u64], mix: (octets as u64).wrapping_mul(LENGTH) };
        octets += 1;
    }
    all
};

/// Eight octets from `at`; names are stored with enough zero octets behind them.
#[inline]
fn eight(octets: &[u8], at: usize) -> u64 {
    match octets.get(at..at + 8).and_then(|eight| eight.try_into().ok()) {
        Some(eight) => u64::from_le_bytes(eight),
        None => 0,
    }
}

#[inline]
fn fold(x: u64, y: u64) -> u64 {
    let wide = u128::from(x) * u128::from(y);
    (wide as u64) ^ ((wide >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::from_text(text).expect("a valid name")
    }

    #[test]
    fn a_suffix_hashes_as_the_name_it_is() {
        let seed = Seed(3, 5);
        let mut hashes = SuffixHashes::default();
        hashes.compute(seed, &name("a.longer-than-eight.example.org"), MAX_DEPTH);
        let wanted: Vec<_> = ["org", "example.org", "longer-than-eight.example.org", "a.longer-than-eight.example.org"]
            .map(|text| whole(seed, &name(text)))
            .into();
        assert_eq!(hashes.as_slice(), wanted);
    }

    #[test]
    fn a_walk_hashes_as_all_at_once() {
        let (mut walked, mut at_once) = (SuffixHashes::default(), SuffixHashes::default());
        for text in [".", "org", "example.org", "www.example.org", "a.b.c.d.example.org"] {
            let name = name(text);
            at_once.compute(Seed(3, 5), &name, MAX_DEPTH);
            for steps in [vec![], vec![4], vec![2, 5, 99], vec![MAX_DEPTH]] {
                walked.begin(Seed(3, 5), &name);
                steps.iter().for_each(|deepest| walked.go_on(&name, *deepest));
                let deepest = steps.last().copied().unwrap_or(0).max(FIRST_DEPTHS).min(name.label_count());
                assert_eq!(walked.as_slice(), &at_once.as_slice()[..deepest], "{text} {steps:?}");
            }
        }
    }

    #[test]
    fn every_half_of_both_lanes_spreads_names_that_are_much_alike() {
        let names: Vec<_> = (0..50_000).map(|at| whole(Seed(3, 5), &name(&format!("n{at}.example.org")))).collect();
        let halves: [fn(&SuffixHash) -> u32; 4] =
            [|hash| hash.a as u32, |hash| (hash.a >> 32) as u32, |hash| hash.b as u32, |hash| (hash.b >> 32) as u32];
        for (at, half) in halves.iter().enumerate() {
            let mut seen: Vec<u32> = names.iter().map(half).collect();
            seen.sort_unstable();
            seen.dedup();
            // By chance there is a pair in one half of four.
            assert!(names.len() - seen.len() < 5, "half {at}: {} in common", names.len() - seen.len());
        }
    }

    #[test]
    fn every_octet_of_a_label_counts_whatever_its_length() {
        for length in 1..=63 {
            let plain = "a".repeat(length);
            let hash = |label: &str| whole(Seed(3, 5), &name(&format!("{label}.org")));
            for at in 0..length {
                let mut other = plain.clone();
                other.replace_range(at..=at, "b");
                assert_ne!(hash(&plain), hash(&other), "octet {at} of {length}");
            }
            assert!(length == 63 || hash(&plain) != hash(&format!("{plain}a")), "length {length}");
        }
    }

    #[test]
    fn labels_do_not_run_into_each_other() {
        let seed = Seed(0, 0);
        assert_ne!(whole(seed, &name("ab.c")), whole(seed, &name("a.bc")));
        assert_ne!(whole(seed, &name("abcdefgh.i")), whole(seed, &name("abcdefghi")));
    }

    #[test]
    fn a_label_filling_the_name_is_read_to_its_end() {
        let seed = Seed(1, 2);
        let (x, y) = (format!("{}x.org", "a".repeat(62)), format!("{}y.org", "a".repeat(62)));
        assert_ne!(whole(seed, &name(&x)), whole(seed, &name(&y)));
    }
}
