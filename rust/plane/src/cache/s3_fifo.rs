//! Which entries stay: S3-FIFO (Yang and others, "FIFO queues are all you need for cache eviction", SOSP 2023).
//!
//! What is new goes through a small queue. What is not asked for again leaves at its end, and only its hash is remembered;
//! what was asked for goes on to the main queue, as does what comes back while it is remembered. At the end of the main queue
//! stands a second chance for each time an entry was asked for. So names that are asked for once, as in a flood of random
//! sub-domains, pass through a twentieth of the room.
//!
//! Asking moves nothing: it counts to three, in the entry. Nothing here allocates for an entry but the room for them, which
//! is reserved at once and used as it fills.

use super::ghosts::Ghosts;
use super::index::Index;
use super::no_room::NoRoom;
use schoolgate_policy::memory::prefetch;
use std::cell::Cell;

/// The small queue's part of the room.
const SMALL_PART: u64 = 20;
/// So often an entry's being asked for is counted.
const MOST_ASKED: u8 = 3;
/// So many entries in a row go on for having been asked for; the next leaves whatever it was asked. Without a bound one
/// query would wait while all of a large cache gets its second chance.
const MOST_CHANCES: usize = 1024;
/// No place.
const NOWHERE: u32 = u32::MAX;

/// Values by hash, bounded in octets and in number.
pub struct S3Fifo<T> {
    index: Index,
    entries: Vec<Entry<T>>,
    /// Places of entries that have gone.
    free: u32,
    small: Queue,
    main: Queue,
    ghosts: Ghosts,
    octets: u64,
    most: usize,
    /// Places in use, by values and by those removed that still stand in their queue.
    used: usize,
    values: usize,
}

/// An entry, in a cache line of its own if the value is no larger than 48 octets.
#[repr(align(64))]
pub struct Entry<T> {
    /// `None`: removed, and still standing in its queue; or free.
    value: Option<T>,
    hash: u32,
    octets: u32,
    /// The one that came after it into the same queue, or the next free place.
    next: u32,
    is_main: bool,
    asked: Cell<u8>,
}

/// First in, first out: entries by their places.
#[derive(Clone, Copy)]
struct Queue {
    first: u32,
    last: u32,
    /// Entries that stand in it, those removed among them.
    places: usize,
    octets: u64,
}

impl Queue {
    const EMPTY: Self = Self { first: NOWHERE, last: NOWHERE, places: 0, octets: 0 };
}

impl<T> S3Fifo<T> {
    /// Holds values of so many octets together, less what index and ghosts take, and no more than `most`.
    ///
    /// # Errors
    /// The system has no room for so many.
    pub fn new(octets: u64, most: usize) -> Result<Self, NoRoom> {
        let most = most.clamp(1, NOWHERE as usize / 2);
        let mut entries = Vec::new();
        entries.try_reserve_exact(most).map_err(|_| NoRoom)?;
        let (index, ghosts) = (Index::new(most)?, Ghosts::new(most / 2)?);
        let octets = octets.saturating_sub((index.octets() + ghosts.octets()) as u64);
        Ok(Self {
            index,
            entries,
            free: NOWHERE,
            small: Queue::EMPTY,
            main: Queue::EMPTY,
            ghosts,
            octets,
            most,
            used: 0,
            values: 0,
        })
    }

    /// First step ahead of a search: brings the index near.
    #[inline]
    pub fn prefetch_index(&self, hash: u32) {
        self.index.prefetch(hash);
    }

    /// Second step: brings the entry near, if there is one.
    #[inline]
    pub fn prefetch_entry(&self, hash: u32) {
        if let Some(entry) = self.likely(hash) {
            prefetch(entry);
        }
    }

    /// The value that is most likely the one of this hash.
    #[inline]
    pub fn peek(&self, hash: u32) -> Option<&T> {
        self.likely(hash)?.value.as_ref()
    }

    /// The value of this hash that `is` the one looked for. It counts as asked for.
    #[inline]
    pub fn get(&self, hash: u32, is: impl Fn(&T) -> bool) -> Option<&T> {
        let place = self.find(hash, is)?;
        let entry = self.entries.get(place as usize)?;
        if entry.asked.get() < MOST_ASKED {
            entry.asked.set(entry.asked.get() + 1);
        }
        entry.value.as_ref()
    }

    /// [`S3Fifo::get`] of who does not ask for himself: it counts as nothing.
    pub fn look_at(&self, hash: u32, is: impl Fn(&T) -> bool) -> Option<&T> {
        self.entries.get(self.find(hash, is)? as usize)?.value.as_ref()
    }

    /// Changes a value; `octets` says how many it takes afterwards.
    pub fn update(
        &mut self,
        hash: u32,
        is: impl Fn(&T) -> bool,
        change: impl FnOnce(&mut T),
        octets: impl Fn(&T) -> usize,
    ) {
        let Some(place) = self.find(hash, is) else { return };
        let Some(value) = self.entries.get_mut(place as usize).and_then(|entry| entry.value.as_mut()) else { return };
        change(value);
        let octets = octets(value);
        self.weigh(place, octets);
        self.make_room();
    }

    /// Takes a value in, for that which `is` of the same key.
    pub fn insert(&mut self, hash: u32, value: T, octets: usize, is: impl Fn(&T) -> bool) {
        if octets as u64 > self.octets {
            return self.remove(hash, is);
        }
        if let Some(place) = self.find(hash, is) {
            if let Some(entry) = self.entries.get_mut(place as usize) {
                entry.value = Some(value);
            }
            self.weigh(place, octets);
            return self.make_room();
        }
        self.evict_while(|kept| kept.used >= kept.most);
        let is_main = self.ghosts.recall(hash);
        let place =
            self.place(Entry { value: Some(value), hash, octets: 0, next: NOWHERE, is_main, asked: Cell::new(0) });
        self.index.insert(hash, place);
        self.push(place, is_main);
        self.weigh(place, octets);
        self.make_room();
    }

    /// Lets a value go.
    pub fn remove(&mut self, hash: u32, is: impl Fn(&T) -> bool) {
        let Some(place) = self.find(hash, is) else { return };
        self.index.remove(hash, place);
        self.weigh(place, 0);
        if let Some(entry) = self.entries.get_mut(place as usize) {
            entry.value = None;
            self.values -= 1;
        }
    }

    /// Lets all go.
    pub fn clear(&mut self) {
        self.index.clear();
        self.entries.clear();
        self.ghosts.clear();
        (self.small, self.main) = (Queue::EMPTY, Queue::EMPTY);
        (self.free, self.used, self.values) = (NOWHERE, 0, 0);
    }

    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.values
    }

    /// Octets that the values take.
    pub fn octets(&self) -> u64 {
        self.small.octets + self.main.octets
    }

    /// Octets that index and ghosts take, however many values there are.
    #[cfg(test)]
    pub fn table_octets(&self) -> usize {
        self.index.octets() + self.ghosts.octets()
    }

    /// Octets of memory that it takes for itself.
    #[cfg(test)]
    pub fn own_octets(&self) -> usize {
        self.table_octets() + self.entries.len() * size_of::<Entry<T>>()
    }

    #[inline]
    fn find(&self, hash: u32, is: impl Fn(&T) -> bool) -> Option<u32> {
        self.index.find(hash, |place| {
            self.entries.get(place as usize).and_then(|entry| entry.value.as_ref()).is_some_and(&is)
        })
    }

    #[inline]
    fn likely(&self, hash: u32) -> Option<&Entry<T>> {
        let place = self.index.find(hash, |_| true)?;
        self.entries.get(place as usize)
    }

    fn place(&mut self, entry: Entry<T>) -> u32 {
        (self.used, self.values) = (self.used + 1, self.values + 1);
        let place = self.free;
        if let Some(free) = self.entries.get_mut(place as usize) {
            self.free = std::mem::replace(free, entry).next;
            return place;
        }
        self.entries.push(entry);
        self.entries.len() as u32 - 1
    }

    fn push(&mut self, place: u32, is_main: bool) {
        let last = if is_main { self.main.last } else { self.small.last };
        if let Some(last) = self.entries.get_mut(last as usize) {
            last.next = place;
        }
        let mut octets = 0;
        if let Some(entry) = self.entries.get_mut(place as usize) {
            (entry.next, entry.is_main, octets) = (NOWHERE, is_main, u64::from(entry.octets));
        }
        let queue = if is_main { &mut self.main } else { &mut self.small };
        if queue.first == NOWHERE {
            queue.first = place;
        }
        queue.last = place;
        queue.places += 1;
        queue.octets += octets;
    }

    fn weigh(&mut self, place: u32, octets: usize) {
        let Some(entry) = self.entries.get_mut(place as usize) else { return };
        let queue = if entry.is_main { &mut self.main } else { &mut self.small };
        queue.octets = queue.octets - u64::from(entry.octets) + octets as u64;
        entry.octets = octets as u32;
    }

    fn make_room(&mut self) {
        self.evict_while(|kept| kept.octets() > kept.octets);
    }

    fn evict_while(&mut self, is_too_full: impl Fn(&Self) -> bool) {
        let mut chances = 0;
        while self.used > 0 && is_too_full(self) {
            let goes_on = self.evict(chances < MOST_CHANCES);
            chances = if goes_on { chances + 1 } else { 0 };
        }
    }

    /// Looks at the end of one queue: the entry there goes on, if it may and was asked for, or leaves. Whether it goes on.
    fn evict(&mut self, may_go_on: bool) -> bool {
        let is_small = self.small.octets > self.octets / SMALL_PART
            || self.small.places > self.most / SMALL_PART as usize
            || self.main.first == NOWHERE;
        let queue = if is_small { &mut self.small } else { &mut self.main };
        let place = queue.first;
        let Some(entry) = self.entries.get_mut(place as usize) else { return false };
        queue.first = entry.next;
        if queue.first == NOWHERE {
            queue.last = NOWHERE;
        }
        queue.places -= 1;
        queue.octets -= u64::from(entry.octets);
        let asked = entry.asked.get();
        if entry.value.is_some() && asked > 0 && may_go_on {
            entry.asked.set(if is_small { 0 } else { asked - 1 });
            self.push(place, true);
            return true;
        }
        if entry.value.take().is_some() {
            self.values -= 1;
            self.index.remove(entry.hash, place);
            if is_small {
                self.ghosts.remember(entry.hash);
            }
        }
        entry.octets = 0;
        entry.next = self.free;
        self.free = place;
        self.used -= 1;
        false
    }
}
