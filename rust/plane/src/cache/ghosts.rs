//! Hashes of what has left the cache unasked: what comes back soon is worth keeping longer.

use super::no_room::NoRoom;
use bytemuck::allocation::try_zeroed_slice_box;

/// Hashes that compete for the same line of the processor's cache.
const WAYS: usize = 16;
const NO_HASH: u32 = 0;

/// The last so many hashes, roughly: each set forgets its oldest.
pub struct Ghosts {
    sets: Box<[[u32; WAYS]]>,
}

impl Ghosts {
    /// Room for so many, rounded up to a power of two.
    pub fn new(count: usize) -> Result<Self, NoRoom> {
        let sets = count.div_ceil(WAYS).next_power_of_two();
        Ok(Self { sets: try_zeroed_slice_box(sets).map_err(|()| NoRoom)? })
    }

    /// Remembers one that leaves.
    pub fn remember(&mut self, hash: u32) {
        let set = self.set(hash);
        set.copy_within(..WAYS - 1, 1);
        set[0] = named(hash);
    }

    /// Whether it was remembered. It is not any more.
    pub fn recall(&mut self, hash: u32) -> bool {
        let found = self.set(hash).iter_mut().find(|ghost| **ghost == named(hash));
        found.map(|ghost| *ghost = NO_HASH).is_some()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.sets.fill([NO_HASH; WAYS]);
    }

    /// Memory it takes.
    pub fn octets(&self) -> usize {
        size_of_val(&*self.sets)
    }

    #[expect(clippy::indexing_slicing, reason = "masked by a length that is a power of two")]
    fn set(&mut self, hash: u32) -> &mut [u32; WAYS] {
        let mask = self.sets.len() - 1;
        &mut self.sets[hash as usize & mask]
    }
}

/// A hash that is not [`NO_HASH`].
fn named(hash: u32) -> u32 {
    hash.max(1)
}
