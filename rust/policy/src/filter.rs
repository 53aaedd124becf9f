//! The filter in front of a table of names: two marks for each suffix, in one block of half a cache line.
//!
//! A suffix is marked *listed* if it is a listed name, and *below* if a listed name stands below it. So a walk from the
//! top-level label down ends where nothing stands below, and most names are done with after two or three labels. A mark that is
//! there by chance costs a look in vain; one that was set is never missing.

use crate::hash::SuffixHash;

/// One block: three words of marks "listed", one of marks "below".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(32))]
pub struct Block(pub [u64; 4]);

impl Block {
    #[inline]
    pub(crate) fn is_listed(&self, hash: SuffixHash) -> bool {
        // All words are looked at: a branch that cannot be foreseen costs more.
        listed_marks(hash).iter().zip(&self.0).fold(0, |missing, (mark, word)| missing | mark & !word) == 0
    }

    #[inline]
    pub(crate) fn is_above(&self, hash: SuffixHash) -> bool {
        below_mark(hash) & !self.0[3] == 0
    }

    pub(crate) fn mark_listed(&mut self, hash: SuffixHash) {
        self.0.iter_mut().zip(listed_marks(hash)).for_each(|(word, mark)| *word |= mark);
    }

    pub(crate) fn mark_below(&mut self, hash: SuffixHash) {
        self.0[3] |= below_mark(hash);
    }
}

/// Which of so many blocks has the marks of a suffix.
#[inline]
pub(crate) fn block_of(hash: SuffixHash, blocks: usize) -> usize {
    (((hash.a & 0xffff_ffff) * blocks as u64) >> 32) as usize
}

/// Two bits in each of three words.
#[inline]
fn listed_marks(hash: SuffixHash) -> [u64; 3] {
    let bits = hash.b;
    [
        1 << (bits & 63) | 1 << (bits >> 6 & 63),
        1 << (bits >> 12 & 63) | 1 << (bits >> 18 & 63),
        1 << (bits >> 24 & 63) | 1 << (bits >> 30 & 63),
    ]
}

#[inline]
fn below_mark(hash: SuffixHash) -> u64 {
    1 << (hash.b >> 36 & 63) | 1 << (hash.b >> 42 & 63)
}
