//! Hashes of every suffix of a name, from the top-level label down.
//!
//! The hash of a suffix is made from the hash of its parent and one more label, so the hash *is* the path in the suffix
//! trie: a node needs no pointer to its parent, and the probes of all suffixes of a name are independent loads.
//!
//! Two 64-bit lanes of multiply-and-fold, seeded per table. 128 bits, because a wrong verdict by collision must be rarer
//! than 1e-12 a lookup; seeded, so that a published list cannot be written to collide with a name it does not contain.

use crate::patterns::PatternScratch;
use schoolgate_wire::Name;

/// Most labels a name can have (255 octets of one-octet labels, without the root).
pub const MAX_DEPTH: usize = 127;

const LANE_A: u64 = 0x9e37_79b9_7f4a_7c15;
const LANE_B: u64 = 0xd6e8_feb8_6659_fd93;

/// The seed of one table's hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64, pub u64);

/// The hash of one suffix: two independent lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SuffixHash {
    /// Chooses bucket and bloom block.
    pub a: u64,
    /// Gives the fingerprint and the bloom bits.
    pub b: u64,
}

/// The hashes of the suffixes of one name; index `d` is the suffix of `d + 1` labels. A caller keeps one for all its look-ups.
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
        let labels = name.label_count();
        let depth = labels.min(deepest).min(MAX_DEPTH);
        let mut state = SuffixHash { a: seed.0, b: seed.1 };
        for (slot, up) in self.hashes.iter_mut().zip(1..=depth) {
            state = absorb(state, name.padded(), name.label_start(labels - up));
            *slot = state;
        }
        self.depth = depth;
        self.seed = Some(seed);
    }

    /// The seed of the last [`SuffixHashes::compute`].
    #[inline]
    pub(crate) fn seed(&self) -> Option<Seed> {
        self.seed
    }

    /// The suffixes hashed, top-level label first.
    #[inline]
    pub fn as_slice(&self) -> &[SuffixHash] {
        self.hashes.get(..self.depth).unwrap_or_default()
    }
}

/// The hash of a whole name, or the seed itself for the root.
pub fn whole(seed: Seed, name: &Name) -> SuffixHash {
    let labels = name.label_count();
    let root = SuffixHash { a: seed.0, b: seed.1 };
    (1..=labels).fold(root, |state, up| absorb(state, name.padded(), name.label_start(labels - up)))
}

/// One label more. The length octet goes in first, so no two splits of the same octets into labels agree.
#[inline]
fn absorb(state: SuffixHash, octets: &[u8], start: usize) -> SuffixHash {
    let length = octets.get(start).copied().unwrap_or(0) as usize;
    let mut a = state.a ^ (length as u64).wrapping_mul(LANE_B);
    let mut b = state.b.wrapping_add(length as u64);
    let mut at = start + 1;
    let mut left = length;
    loop {
        let word = eight(octets, at);
        let word = if left >= 8 { word } else { word & !(u64::MAX << (8 * left)) };
        a = fold(a ^ word, LANE_A);
        b = fold(b.rotate_left(29) ^ word, LANE_B);
        if left <= 8 {
            return SuffixHash { a, b };
        }
        left -= 8;
        at += 8;
    }
}

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
