//! The packet cache: answers as they went over the wire, for all segments at once.
//!
//! An entry is the image of an answer, shared by all workers, with the tags of every name and address it reveals: *tag at insert, mask
//! at hit*. Tags belong to one generation of the rulebook; an entry met under a newer one is tagged again on the spot, so a
//! new list or policy needs no flush. Each worker has an index of its own: no lock, no shared counter.
//!
//! Bounded in octets; which entries stay is said in [`s3_fifo`].

mod ghosts;
pub(crate) mod index;
mod no_room;
pub(crate) mod s3_fifo;

pub use no_room::NoRoom;

use crate::question::QuestionRef;
use crate::stored::{Body, Stored, allocated};
use foldhash::fast::RandomState;
use s3_fifo::S3Fifo;
use schoolgate_policy::Tag;
use schoolgate_policy::memory::prefetch;
use std::hash::BuildHasher;
use std::sync::Arc;

/// What an entry takes beside its answer: a line of the processor's cache.
const ENTRY_OCTETS: usize = size_of::<s3_fifo::Entry<Held>>();
/// What the processor brings near at a time.
const LINE_OCTETS: usize = 64;
/// Most messages are no longer than so many lines.
const MESSAGE_LINES: usize = 3;
/// Answers with less than this to live are not asked for ahead of their end.
const LEAST_PREFETCHED_MS: u64 = 10_000;
/// The number of entries is bounded as if none took less.
const LEAST_OCTETS: usize = 240;

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

    /// Whether it answers this question.
    #[inline]
    fn answers(&self, question: &QuestionRef<'_>) -> bool {
        self.stored.question().is(question)
    }

    /// Whether the answer is within its TTL.
    #[inline]
    pub fn is_fresh(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.stored.received_ms) < self.stored.fresh_for_ms
    }

    /// Whether the last tenth of its TTL has begun, and it has not just been asked for in vain. What expires within seconds
    /// anyway is not worth a question.
    #[inline]
    pub fn is_soon_expired(&self, now_ms: u64) -> bool {
        let (age_ms, fresh_for_ms) = (now_ms.saturating_sub(self.stored.received_ms), self.stored.fresh_for_ms);
        age_ms >= fresh_for_ms - fresh_for_ms / 10 && fresh_for_ms >= LEAST_PREFETCHED_MS && now_ms >= self.recheck_ms
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

/// One worker's index of the answers.
pub struct PacketCache {
    /// An answer that has just come and is being given to those who waited, whether it will be kept or not.
    passing: Option<Held>,
    entries: S3Fifo<Held>,
    /// Keyed anew in each cache, so that names chosen beforehand do not get in each other's way.
    hasher: RandomState,
    /// A change has begun and not ended: after a panic, what the index says is not to be trusted.
    is_changing: bool,
}

impl PacketCache {
    /// A cache that holds at most `octets`.
    ///
    /// # Errors
    /// The system has no room for it.
    pub fn new(octets: u64) -> Result<Self, NoRoom> {
        let entries = S3Fifo::new(octets, (octets as usize / LEAST_OCTETS).max(16))?;
        Ok(Self { passing: None, entries, hasher: RandomState::default(), is_changing: false })
    }

    /// What [`PacketCache::get`] finds an answer by. The rewrite takes no part: it is known only when the name was judged.
    #[inline]
    pub fn hash(&self, question: QuestionRef<'_>) -> u32 {
        let hash = self.hasher.hash_one(QuestionRef { rewrite: None, ..question });
        (hash >> 32) as u32 ^ hash as u32
    }

    /// Four steps ahead of [`PacketCache::get`], three of them while others are being answered: where the entry stands,
    #[inline]
    pub fn prefetch_index(&self, hash: u32) {
        self.entries.prefetch_index(hash);
    }

    /// then the entry,
    #[inline]
    pub fn prefetch_entry(&self, hash: u32) {
        self.entries.prefetch_entry(hash);
    }

    /// then the answer it holds,
    #[inline]
    pub fn prefetch_stored(&self, hash: u32) {
        if let Some(held) = self.entries.peek(hash) {
            held.stored.prefetch();
        }
    }

    /// then, in its own turn and before the name is judged, the message of the answer.
    #[inline]
    pub fn prefetch_message(&self, hash: u32) {
        if let Some(held) = self.entries.peek(hash) {
            held.stored.octets().iter().step_by(LINE_OCTETS).take(MESSAGE_LINES).for_each(prefetch);
        }
    }

    /// The answer to a question, fresh or not.
    #[inline]
    pub fn get(&self, question: QuestionRef<'_>) -> Option<&Held> {
        self.get_hashed(self.hash(question), question)
    }

    /// The same, by a hash that has been made.
    #[inline]
    pub fn get_hashed(&self, hash: u32, question: QuestionRef<'_>) -> Option<&Held> {
        match &self.passing {
            Some(passing) if passing.answers(&question) => Some(passing),
            _ => self.entries.get(hash, |held| held.answers(&question)),
        }
    }

    /// The same for who does not ask for himself: it does not count as asked for.
    pub fn look_at(&self, question: QuestionRef<'_>) -> Option<&Held> {
        match &self.passing {
            Some(passing) if passing.answers(&question) => Some(passing),
            _ => self.entries.look_at(self.hash(question), |held| held.answers(&question)),
        }
    }

    /// Takes an answer in. One that may not be kept at all still takes the place of what was known before.
    pub fn insert(&mut self, held: Held) {
        let hash = self.hash(held.stored.question());
        self.change(|entries| {
            let stored = held.stored.clone();
            let is = |other: &Held| other.answers(&stored.question());
            if stored.fresh_for_ms > 0 {
                let octets = octets(&held);
                entries.insert(hash, held, octets, is);
            } else {
                entries.remove(hash, is);
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
        if let Some(passing) = self.passing.as_mut().filter(|passing| passing.answers(&question)) {
            return change(passing);
        }
        let hash = self.hash(question);
        self.change(|entries| entries.update(hash, |held| held.answers(&question), change, octets));
    }

    /// How many answers are held.
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    /// Octets held; the index and the like take some of the room too.
    pub fn octets(&self) -> u64 {
        self.entries.octets()
    }

    /// Octets taken beside what entries lead to: (whatever it holds, with the entries).
    #[cfg(test)]
    pub fn own_octets(&self) -> (usize, usize) {
        (self.entries.table_octets(), self.entries.own_octets())
    }

    /// After a panic: a change that did not end leaves an index that is not to be trusted, so it is emptied. Otherwise the
    /// answers stay, or one packet with a panic in it would empty the cache for everybody.
    pub fn recover(&mut self) {
        self.passing = None;
        if std::mem::take(&mut self.is_changing) {
            self.entries.clear();
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut S3Fifo<Held>)) {
        self.is_changing = true;
        change(&mut self.entries);
        self.is_changing = false;
    }
}

fn octets(held: &Held) -> usize {
    ENTRY_OCTETS + held.stored.size_octets() + allocated(size_of_val(&*held.tags))
}
