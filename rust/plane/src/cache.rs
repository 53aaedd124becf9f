//! The packet cache: answers as they went over the wire, for all segments at once.
//!
//! An entry is the image of an answer, shared by all workers, with the tags of every name and address it reveals: *tag at insert, mask
//! at hit*. Tags belong to one generation of the rulebook; an entry met under a newer one is tagged again on the spot, so a
//! new list or policy needs no flush. Each worker has an index of its own: no lock, no shared counter.
//!
//! Bounded in octets; which entries stay is quick_cache's business, which a flood of random sub-domains does not sweep out.

use crate::question::{Question, QuestionRef};
use foldhash::fast::RandomState;
use quick_cache::Weighter;
use quick_cache::unsync::{Cache, DefaultLifecycle};
use schoolgate_policy::{Ech, Tag};
use schoolgate_wire::{AnswerImage, EdeCode};
use std::net::IpAddr;
use std::sync::Arc;

/// What an entry weighs beside its octets: two allocations, an index slot, tags.
const OVERHEAD_OCTETS: u64 = 224;
/// Octets a typical entry takes, to size the index.
const TYPICAL_OCTETS: usize = 400;

/// An answer to a question, shared by all workers.
#[derive(Debug)]
pub struct Stored {
    /// What it answers.
    pub question: Question,
    /// The answer, or why there is none.
    pub body: Body,
    /// How long it may be used, milliseconds from `received_ms`.
    pub fresh_for_ms: u64,
    /// When it came, on the monotonic clock.
    pub received_ms: u64,
    /// Names it reveals beyond the question, uncompressed.
    pub names: Vec<Box<[u8]>>,
    /// Addresses it reveals.
    pub addresses: Box<[IpAddr]>,
    /// What else it looks like, where it holds service bindings that a segment may want changed.
    pub stripped: Option<Box<Stripped>>,
}

/// An answer with service bindings, with less in them: made once, when it comes, so that giving it costs nothing more.
#[derive(Debug, Default)]
pub struct Stripped {
    /// Without `ech`, if it had any.
    pub without_ech: Option<AnswerImage>,
    /// Without `ech` and address hints, if it had any of them.
    pub without_hints: Option<AnswerImage>,
}

impl Stripped {
    /// The image for a segment's choice; `None`: the one it came with.
    pub fn fit_for(&self, ech: Ech) -> Option<&AnswerImage> {
        match ech {
            Ech::Pass => None,
            Ech::Strip => self.without_ech.as_ref(),
            Ech::StripHints | Ech::Nodata => self.without_hints.as_ref(),
        }
    }

    fn size_octets(&self) -> usize {
        let images = [&self.without_ech, &self.without_hints].into_iter().flatten();
        size_of::<Self>() + images.map(AnswerImage::size_octets).sum::<usize>()
    }
}

/// What a question led to.
#[derive(Debug)]
pub enum Body {
    /// An answer.
    Image(AnswerImage),
    /// No forwarder answered; kept for a moment so that a burst does not ask again (RFC 9520).
    Failure(EdeCode),
}

/// A worker's hold on a stored answer.
#[derive(Clone, Debug)]
pub struct Held {
    /// The answer.
    pub stored: Arc<Stored>,
    /// The different tags of what it reveals that say anything; empty for most answers.
    pub tags: Vec<Tag>,
    /// The generation of the rulebook that the tags belong to.
    pub generation: u64,
    /// Until then a stale answer is served without asking again (RFC 8767 section 5, failure recheck).
    pub recheck_ms: u64,
    /// It has just come and is being given to those who waited for it, whatever its TTL.
    is_passing: bool,
}

impl Held {
    /// Takes hold of an answer; without tags of its own they are made at first use.
    pub fn new(stored: Arc<Stored>) -> Self {
        Self { stored, tags: Vec::new(), generation: 0, recheck_ms: 0, is_passing: false }
    }

    /// Whether the answer is within its TTL.
    #[inline]
    pub fn is_fresh(&self, now_ms: u64) -> bool {
        self.is_passing || now_ms.saturating_sub(self.stored.received_ms) < self.stored.fresh_for_ms
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

impl Stored {
    /// The answer's message, to keep it for the corpus.
    pub fn octets(&self) -> &[u8] {
        if let Body::Image(image) = &self.body { image.octets() } else { &[] }
    }

    fn weight(&self) -> u64 {
        let image = if let Body::Image(image) = &self.body { image.size_octets() as u64 } else { 0 };
        let names: usize = self.names.iter().map(|name| name.len() + size_of::<Box<[u8]>>()).sum();
        let beside = size_of_val(&*self.addresses) + self.stripped.as_deref().map_or(0, Stripped::size_octets);
        OVERHEAD_OCTETS + image + (2 * self.question.name.len() + names + beside) as u64
    }
}

type Entries = Cache<Question, Held, Octets, RandomState, DefaultLifecycle<Question, Held>>;

#[derive(Clone)]
struct Octets;

impl Weighter<Question, Held> for Octets {
    fn weight(&self, _: &Question, held: &Held) -> u64 {
        held.stored.weight()
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
            Some(passing) if passing.stored.question.borrow().is(&question) => Some(passing),
            _ => self.entries.get(&question),
        }
    }

    /// Takes an answer in. One that may not be kept at all still takes the place of what was known before.
    pub fn insert(&mut self, held: Held) {
        self.change(|entries| {
            if held.stored.fresh_for_ms > 0 {
                entries.insert(held.stored.question.clone(), held);
            } else {
                entries.remove(&held.stored.question.borrow());
            }
        });
    }

    /// Makes an answer findable until [`PacketCache::end_pass`], even if its TTL is 0 or there is no room for it.
    pub fn pass(&mut self, held: Held) {
        self.passing = Some(Held { is_passing: true, ..held });
    }

    /// Ends the passing.
    pub fn end_pass(&mut self) {
        self.passing = None;
    }

    /// Replaces tags or recheck time of an answer.
    pub fn update(&mut self, question: QuestionRef<'_>, change: impl FnOnce(&mut Held)) {
        if let Some(passing) = self.passing.as_mut().filter(|passing| passing.stored.question.borrow().is(&question)) {
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
