//! The packet cache: answers as they went over the wire, for all segments at once.
//!
//! An entry is the image of an answer, shared by all workers, with the tags of every name and address it reveals: *tag at insert, mask
//! at hit*. Tags belong to one generation of the rulebook; an entry met under a newer one is tagged again on the spot, so a
//! new list or policy needs no flush. Each worker has an index of its own: no lock, no shared counter.
//!
//! Bounded in octets; which entries stay is quick_cache's business, which a flood of random sub-domains does not sweep out.

use crate::question::QuestionRef;
use crate::stored::{Body, Stored, allocated};
use foldhash::fast::RandomState;
use quick_cache::unsync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, Weighter};
use schoolgate_policy::Tag;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What an entry takes in the index: its slot, half a slot for one that has left (quick_cache remembers half as many, and
/// with fewer a flood sweeps out more), and their places in the hash table.
const SLOT_OCTETS: usize = 112;
/// Octets a typical entry takes, to size the index.
const TYPICAL_OCTETS: usize = 320;

/// A worker's hold on a stored answer.
#[derive(Clone, Debug)]
pub struct Held {
    /// The answer.
    pub stored: Arc<Stored>,
    /// The different tags of what it reveals that say anything; empty for most answers.
    pub tags: Box<[Tag]>,
    /// The generation of the rulebook that the tags belong to.
    pub generation: u64,
    /// Until then a stale answer is served without asking again (RFC 8767 section 5, failure recheck).
    pub recheck_ms: u64,
}

impl Held {
    /// Takes hold of an answer; without tags of its own they are made at first use.
    pub fn new(stored: Arc<Stored>) -> Self {
        Self { stored, tags: Box::default(), generation: 0, recheck_ms: 0 }
    }

    /// Whether the answer is within its TTL.
    #[inline]
    pub fn is_fresh(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.stored.received_ms) < self.stored.fresh_for_ms
    }

    /// Whether it says that there is no such name or record.
    #[inline]
    pub fn is_negative(&self) -> bool {
        matches!(&self.stored.body, Body::Image(image) if image.is_negative())
    }

    /// Whether the answer is past its TTL by no more than `stale_for_ms`.
    pub fn is_usable_stale(&self, now_ms: u64, stale_for_ms: u64) -> bool {
        let age_ms = now_ms.saturating_sub(self.stored.received_ms);
        matches!(self.stored.body, Body::Image(_)) && age_ms < self.stored.fresh_for_ms.saturating_add(stale_for_ms)
    }
}

/// The question of an answer as the key of the index. It is read off the answer, so nothing holds it twice; what replaces
/// an answer replaces the key with it.
#[derive(Clone)]
struct Key(Arc<Stored>);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.question().hash(state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.question().is(&other.0.question())
    }
}

impl Eq for Key {}

impl Equivalent<Key> for QuestionRef<'_> {
    #[inline]
    fn equivalent(&self, key: &Key) -> bool {
        self.is(&key.0.question())
    }
}

type Entries = Cache<Key, Held, Octets, RandomState, DefaultLifecycle<Key, Held>>;

#[derive(Clone)]
struct Octets;

impl Weighter<Key, Held> for Octets {
    fn weight(&self, _: &Key, held: &Held) -> u64 {
        (SLOT_OCTETS + held.stored.size_octets() + allocated(size_of_val(&*held.tags))) as u64
    }
}

/// One worker's index of the answers.
pub struct PacketCache {
    /// An answer that has just come and is being given to those who waited, whether it will be kept or not.
    passing: Option<Held>,
    entries: Entries,
    /// A change has begun and not ended: after a panic, what the index says is not to be trusted.
    is_changing: bool,
}

impl PacketCache {
    /// A cache that holds at most `octets`.
    pub fn new(octets: u64) -> Self {
        let typical = (octets as usize / TYPICAL_OCTETS).max(16);
        Self {
            passing: None,
            entries: Cache::with(typical, octets, Octets, RandomState::default(), DefaultLifecycle::default()),
            is_changing: false,
        }
    }

    /// The answer to a question, fresh or not.
    #[inline]
    pub fn get(&self, question: QuestionRef<'_>) -> Option<&Held> {
        match &self.passing {
            Some(passing) if passing.stored.question().is(&question) => Some(passing),
            _ => self.entries.get(&question),
        }
    }

    /// Takes an answer in. One that may not be kept at all still takes the place of what was known before.
    pub fn insert(&mut self, held: Held) {
        self.change(|entries| {
            if held.stored.fresh_for_ms > 0 {
                entries.insert(Key(held.stored.clone()), held);
            } else {
                entries.remove(&held.stored.question());
            }
        });
    }

    /// Makes an answer findable until [`PacketCache::end_pass`], even if its TTL is 0 or there is no room for it.
    pub fn pass(&mut self, held: Held) {
        self.passing = Some(held);
    }

    /// Whether this is the answer that has just come and is being given to those who waited for it, whatever its TTL.
    #[inline]
    pub fn is_passing(&self, held: &Held) -> bool {
        self.passing.as_ref().is_some_and(|passing| std::ptr::eq(passing, held))
    }

    /// Ends the passing.
    pub fn end_pass(&mut self) {
        self.passing = None;
    }

    /// Replaces tags or recheck time of an answer.
    pub fn update(&mut self, question: QuestionRef<'_>, change: impl FnOnce(&mut Held)) {
        if let Some(passing) = self.passing.as_mut().filter(|passing| passing.stored.question().is(&question)) {
            return change(passing);
        }
        self.change(|entries| {
            if let Some(mut held) = entries.get_mut(&question) {
                change(&mut held);
            }
        });
    }

    /// How many answers are held.
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    /// Octets held.
    pub fn octets(&self) -> u64 {
        self.entries.weight()
    }

    /// Octets that the index itself takes, as far as it is used.
    #[cfg(test)]
    pub fn index_octets(&self) -> usize {
        let used = self.entries.memory_used();
        used.entries + used.map
    }

    /// After a panic: a change that did not end leaves an index that is not to be trusted, so it is emptied. Otherwise the
    /// answers stay, or one packet with a panic in it would empty the cache for everybody.
    pub fn recover(&mut self) {
        self.passing = None;
        if std::mem::take(&mut self.is_changing) {
            self.entries.clear();
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Entries)) {
        self.is_changing = true;
        change(&mut self.entries);
        self.is_changing = false;
    }
}
