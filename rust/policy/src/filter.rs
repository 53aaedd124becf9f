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
        let [first, second, third, _] = self.0;
        let marks = listed_marks(hash);
        (marks[0] & !first | marks[1] & !second | marks[2] & !third) == 0
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

#[inline]
fn listed_marks(hash: SuffixHash) -> [u64; 3] {
    [two_bits(hash.b), two_bits(hash.b >> 8), two_bits(hash.b >> 16)]
}

#[inline]
fn below_mark(hash: SuffixHash) -> u64 {
    two_bits(hash.b >> 24)
}

/// Two bits of a word, by one octet.
#[inline]
fn two_bits(octet: u64) -> u64 {
    TWO_BITS[usize::from(octet as u8)]
}

/// A load instead of four shifts.
static TWO_BITS: [u64; 256] = {
    const APART: [u32; 4] = [5, 11, 19, 29];
    let mut all = [0; 256];
    let mut at = 0;
    while at < all.len() {
        all[at] = (1u64 | 1 << APART[at >> 6]).rotate_left(at as u32 & 63);
        at += 1;
    }
    all
};
