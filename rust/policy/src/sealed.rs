//! Sealed illegal-content lists: names that no client may open and no person may read.
//!
//! Such a list holds keyed hashes only (SipHash-2-4, 128 bits, keys of this installation), so neither the file nor the memory
//! of a server gives a name away. It stands above every other layer; there is no call that takes an entry out, and no
//! part of a verdict names the entry: `explain` says "sealed list, serial N".
//!
//! Nearly every name asked for is on no such list, and SipHash for each of its suffixes would cost more than the rest of the
//! decision. So a filter over the cheap hash of [`crate::hash`], seeded from the key, stands in front. It never says
//! no to a sealed name. The cheap hash is not fit to be published: in a file it stands encrypted (see `sealed_file`).
//!
//! Suppliers that send digests (MD5, SHA-1, SHA-256 of the name in text) leave no choice but to make that digest of every
//! suffix; the cost is paid only where such a list is in force.

use crate::filter::{Block, block_of};
use crate::hash::{MAX_DEPTH, Seed, SuffixHash, SuffixHashes};
use crate::sealed_digest::DIGESTS;
use crate::sealed_file::{self, Part, SealedFacts};
use crate::sealed_key::{Key, SealedCorrupt, SealedKeys};
use schoolgate_wire::Name;
use std::path::PathBuf;

/// Bits of filter for each name: one suffix in a few hundred is looked up in vain.
const FILTER_BITS: usize = 24;
/// A top-level domain is never sealed, so it is never digested.
const SHALLOWEST_DIGEST: usize = 2;

/// All sealed lists in force.
pub struct SealedList {
    serial: u64,
    groups: Vec<Group>,
    facts: Vec<SealedFacts>,
}

/// What is sealed under one key. There are two only while a change of keys is under way.
struct Group {
    key: Key,
    filter: Option<Filter>,
    /// Sorted.
    names: Vec<u128>,
    /// By algorithm, sorted.
    digests: [Vec<u128>; DIGESTS.len()],
}

struct Filter {
    seed: Seed,
    /// Bit `d - 1` is set where some sealed name has `d` labels.
    depths: u128,
    blocks: Vec<Block>,
}

impl std::fmt::Debug for SealedList {
    /// Neither a key nor a hash may reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedList").field("serial", &self.serial).field("entries", &self.entries()).finish()
    }
}

impl SealedList {
    /// A list of keyed hashes made with [`SealedList::hash`] and the same key. It has no filter: for tests.
    pub fn new(key: [u8; 16], serial: u64, mut hashes: Vec<u128>) -> Self {
        sort(&mut hashes);
        let group = Group { key: Key::new(key), filter: None, names: hashes, digests: Default::default() };
        Self { serial, groups: vec![group], facts: Vec::new() }
    }

    /// Reads the files of all suppliers and checks them; one that cannot be used makes the whole unusable.
    pub fn open(paths: &[PathBuf], keys: &SealedKeys) -> Result<Self, SealedCorrupt> {
        let mut parts = Vec::new();
        for path in paths {
            parts.push(sealed_file::read(path, keys)?);
        }
        let facts: Vec<SealedFacts> = parts.iter().map(|part| part.facts.clone()).collect();
        let serial = facts.iter().map(|facts| facts.serial).max().unwrap_or(0);
        Ok(Self { serial, groups: group(parts), facts })
    }

    /// The keyed hash of one name.
    pub fn hash(key: &[u8; 16], name: &Name) -> u128 {
        Key::new(*key).hash(name.as_wire())
    }

    /// The serial of the newest list, the one thing that may be said of a hit.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// How many names and digests are sealed.
    pub fn entries(&self) -> usize {
        self.groups.iter().map(|group| group.names.len() + group.digests.iter().map(Vec::len).sum::<usize>()).sum()
    }

    /// What each supplier's file says of itself.
    pub fn facts(&self) -> &[SealedFacts] {
        &self.facts
    }

    /// Octets of everything a lookup may touch.
    pub fn size_octets(&self) -> usize {
        let filters = self.groups.iter().filter_map(|group| group.filter.as_ref());
        self.entries() * size_of::<u128>() + filters.map(|one| one.blocks.len() * size_of::<Block>()).sum::<usize>()
    }

    /// Whether the name or anything above it is sealed. `hashes` is room to work in.
    #[inline]
    pub fn holds(&self, name: &Name, hashes: &mut SuffixHashes) -> bool {
        self.groups.iter().any(|group| group.holds_name(name, hashes) || group.holds_digest(name))
    }
}

impl Group {
    #[inline]
    fn holds_name(&self, name: &Name, hashes: &mut SuffixHashes) -> bool {
        let labels = name.label_count();
        let Some(filter) = &self.filter else {
            return !self.names.is_empty() && (0..labels).any(|at| self.holds_suffix(name, at));
        };
        hashes.compute(filter.seed, name, filter.deepest());
        let maybe = filter.may_hold(hashes.as_slice());
        maybe != 0 && (0..labels).any(|up| maybe >> up & 1 != 0 && self.holds_suffix(name, labels - 1 - up))
    }

    #[cold]
    fn holds_suffix(&self, name: &Name, label: usize) -> bool {
        self.names.binary_search(&self.key.hash(name.suffix(label))).is_ok()
    }

    #[inline]
    fn holds_digest(&self, name: &Name) -> bool {
        self.digests.iter().any(|digests| !digests.is_empty()) && self.digest_and_search(name)
    }

    #[inline(never)]
    fn digest_and_search(&self, name: &Name) -> bool {
        // The wire form is the text form with a length where each dot goes.
        let mut text = *name.padded();
        let labels = name.label_count();
        (1..labels).for_each(|label| text.get_mut(name.label_start(label)).into_iter().for_each(|dot| *dot = b'.'));
        let end = name.as_wire().len() - 1;
        (0..=labels.saturating_sub(SHALLOWEST_DIGEST)).filter(|_| labels >= SHALLOWEST_DIGEST).any(|label| {
            let suffix = text.get(name.label_start(label) + 1..end).unwrap_or_default();
            DIGESTS.iter().zip(&self.digests).any(|(digest, sealed)| {
                !sealed.is_empty() && sealed.binary_search(&digest.seal_text(&self.key, suffix)).is_ok()
            })
        })
    }
}

impl Filter {
    fn deepest(&self) -> usize {
        MAX_DEPTH.min((u128::BITS - self.depths.leading_zeros()) as usize)
    }

    /// A bit for each suffix that may be sealed, the top-level label's first. All blocks are loaded side by side.
    #[inline]
    fn may_hold(&self, suffixes: &[SuffixHash]) -> u128 {
        let mut maybe = 0u128;
        for (up, hash) in suffixes.iter().enumerate() {
            maybe |= u128::from(self.may_hold_one(*hash)) << up;
        }
        maybe & self.depths
    }

    #[inline]
    fn may_hold_one(&self, hash: SuffixHash) -> bool {
        // An empty filter has no block, and an answer of "perhaps" is always safe.
        self.blocks.get(block_of(hash, self.blocks.len())).is_none_or(|block| block.is_listed(hash))
    }

    fn new(seed: Seed, depths: u128, hashes: &[SuffixHash]) -> Self {
        let octets = hashes.len() * FILTER_BITS / 8;
        let mut blocks = vec![Block::default(); octets.div_ceil(size_of::<Block>()).max(1)];
        let count = blocks.len();
        for hash in hashes {
            blocks.get_mut(block_of(*hash, count)).into_iter().for_each(|block| block.mark_listed(*hash));
        }
        Self { seed, depths, blocks }
    }
}

fn group(parts: Vec<Part>) -> Vec<Group> {
    let mut merged: Vec<Part> = Vec::new();
    for part in parts {
        match merged.iter_mut().find(|one| one.facts.key_id == part.facts.key_id) {
            Some(one) => one.join(part),
            None => merged.push(part),
        }
    }
    merged.into_iter().map(finish).collect()
}

fn finish(mut part: Part) -> Group {
    sort(&mut part.names);
    part.digests.iter_mut().for_each(sort);
    let filter = part.filter_hashes.map(|hashes| Filter::new(part.key.filter_seed(), part.depths, &hashes));
    Group { key: part.key, filter, names: part.names, digests: part.digests }
}

fn sort(hashes: &mut Vec<u128>) {
    hashes.sort_unstable();
    hashes.dedup();
    hashes.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::from_text(text).expect("a valid name")
    }

    fn holds(list: &SealedList, asked: &str) -> bool {
        list.holds(&name(asked), &mut SuffixHashes::default())
    }

    #[test]
    fn a_sealed_name_and_all_below_it_are_held() {
        let key = [7; 16];
        let list = SealedList::new(key, 4, vec![SealedList::hash(&key, &name("sealed.example"))]);
        for held in ["sealed.example", "a.sealed.example", "b.a.sealed.example"] {
            assert!(holds(&list, held), "{held}");
        }
        for free in ["example", "unsealed.example", "sealed.example.org"] {
            assert!(!holds(&list, free), "{free}");
        }
    }

    #[test]
    fn another_key_holds_nothing() {
        let list = SealedList::new([8; 16], 1, vec![SealedList::hash(&[7; 16], &name("sealed.example"))]);
        assert!(!holds(&list, "sealed.example"));
    }

    #[test]
    fn printing_a_list_prints_neither_key_nor_hash() {
        let key = *b"0123456789abcdef";
        let list = SealedList::new(key, 9, vec![SealedList::hash(&key, &name("sealed.example"))]);
        assert_eq!(format!("{list:?}"), "SealedList { serial: 9, entries: 1 }");
    }
}
