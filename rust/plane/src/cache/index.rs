//! Where in the cache an answer stands, by the hash of its question: open addressing with linear probing, eight slots to a
//! cache line. It is made at its full size, so that no query ever waits for it to grow.

use super::no_room::NoRoom;
use bytemuck::allocation::try_zeroed_slice_box;
use schoolgate_policy::memory::prefetch;

/// A slot in use holds the hash in its upper half and the place, plus one, in its lower.
const EMPTY: u64 = 0;

/// From hashes to places.
pub struct Index {
    slots: Box<[u64]>,
}

impl Index {
    /// An index for at most so many places: at most three of four slots will be in use, so a search ends soon.
    pub fn new(places: usize) -> Result<Self, NoRoom> {
        let slots = (places + places.div_ceil(3) + 1).next_power_of_two();
        Ok(Self { slots: try_zeroed_slice_box(slots).map_err(|()| NoRoom)? })
    }

    /// Brings near what [`Index::find`] will read.
    #[inline]
    pub fn prefetch(&self, hash: u32) {
        if let Some(slot) = self.slots.get(self.home(hash)) {
            prefetch(slot);
        }
    }

    /// The first place with this hash that `is` the one looked for.
    #[inline]
    pub fn find(&self, hash: u32, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = self.home(hash);
        loop {
            let slot = self.slot(at);
            if slot == EMPTY {
                return None;
            }
            if hash_of(slot) == hash && is(place_of(slot)) {
                return Some(place_of(slot));
            }
            at = self.after(at);
        }
    }

    /// Takes a place in that is not in it.
    pub fn insert(&mut self, hash: u32, place: u32) {
        let mut at = self.home(hash);
        while self.slot(at) != EMPTY {
            at = self.after(at);
        }
        self.set(at, u64::from(hash) << 32 | u64::from(place + 1));
    }

    /// Lets go of a place. What stands behind it moves up, so that no search meets a gap before it.
    pub fn remove(&mut self, hash: u32, place: u32) {
        let mut gap = self.home(hash);
        while self.slot(gap) != EMPTY && self.slot(gap) != (u64::from(hash) << 32 | u64::from(place + 1)) {
            gap = self.after(gap);
        }
        let mut at = gap;
        while self.slot(at) != EMPTY {
            at = self.after(at);
            let slot = self.slot(at);
            let strayed = at.wrapping_sub(self.home(hash_of(slot))) & self.mask();
            if slot != EMPTY && strayed >= at.wrapping_sub(gap) & self.mask() {
                self.set(gap, slot);
                gap = at;
            }
        }
        self.set(gap, EMPTY);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.slots.fill(EMPTY);
    }

    /// Memory it takes.
    pub fn octets(&self) -> usize {
        size_of_val(&*self.slots)
    }

    fn mask(&self) -> usize {
        self.slots.len() - 1
    }

    fn home(&self, hash: u32) -> usize {
        hash as usize & self.mask()
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & self.mask()
    }

    fn slot(&self, at: usize) -> u64 {
        self.slots.get(at).copied().unwrap_or(EMPTY)
    }

    fn set(&mut self, at: usize, slot: u64) {
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
        }
    }
}

fn hash_of(slot: u64) -> u32 {
    (slot >> 32) as u32
}

fn place_of(slot: u64) -> u32 {
    (slot as u32).wrapping_sub(1)
}
