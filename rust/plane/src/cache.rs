//! The packet cache: answers as they went over the wire, for all segments at once.
//!
//! An entry is the image of an answer, shared by all workers, with the tags of every name it reveals: *tag at insert, mask
//! at hit*. Tags belong to one generation of the rulebook; an entry met under a newer one is tagged again on the spot, so a
//! new list or policy needs no flush. Each worker has an index of its own: no lock, no shared counter.
//!
//! Bounded in octets; which entries stay is quick_cache's business, which a flood of random sub-domains does not sweep out.

use foldhash::fast::RandomState;
use quick_cache::unsync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, Weighter};
use schoolgate_policy::Tag;
use schoolgate_wire::{AnswerImage, EdeCode, Name};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What an entry weighs beside its octets: two allocations, an index slot, tags.
const OVERHEAD_OCTETS: u64 = 224;
/// Octets a typical entry takes, to size the index.
const TYPICAL_OCTETS: usize = 400;

/// What is asked, as far as the answer depends on it. Client subnet (ECS) does not take part: it is never forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Folded name, uncompressed.
    pub name: Box<[u8]>,
    /// QTYPE.
    pub qtype: u16,
    /// DO and CD.
    pub flags: u8,
    /// The rewrite that applies, by its target: the same name has another answer where SafeSearch is forced.
    pub rewrite: Option<Arc<Name>>,
}

/// A [`Question`] that borrows.
#[derive(Clone, Copy)]
pub struct QuestionRef<'a> {
    /// Folded name, uncompressed.
    pub name: &'a [u8],
    /// QTYPE.
    pub qtype: u16,
    /// DO and CD.
    pub flags: u8,
    /// Target of the rewrite.
    pub rewrite: Option<&'a Arc<Name>>,
}

impl Question {
    /// The question, borrowed.
    pub fn borrow(&self) -> QuestionRef<'_> {
        QuestionRef { name: &self.name, qtype: self.qtype, flags: self.flags, rewrite: self.rewrite.as_ref() }
    }
}

impl QuestionRef<'_> {
    /// The question, owned.
    pub fn to_owned(self) -> Question {
        let (name, rewrite) = (self.name.into(), self.rewrite.cloned());
        Question { name, qtype: self.qtype, flags: self.flags, rewrite }
    }

    /// Whether both ask the same.
    #[inline]
    pub fn is(&self, other: &QuestionRef<'_>) -> bool {
        self.qtype == other.qtype
            && self.flags == other.flags
            && self.name == other.name
            && self.rewrite.map(|target| target.as_wire()) == other.rewrite.map(|target| target.as_wire())
    }
}

impl Hash for QuestionRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.name);
        state.write_u32(u32::from(self.qtype) << 16 | u32::from(self.flags) << 8 | u32::from(self.rewrite.is_some()));
    }
}

impl Hash for Question {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrow().hash(state);
    }
}

impl Equivalent<Question> for QuestionRef<'_> {
    fn equivalent(&self, key: &Question) -> bool {
        self.is(&key.borrow())
    }
}

impl Equivalent<Arc<Question>> for QuestionRef<'_> {
    fn equivalent(&self, key: &Arc<Question>) -> bool {
        self.is(&key.borrow())
    }
}

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
    /// Tags of the revealed names that say anything; empty for most answers.
    pub tags: Vec<Tag>,
    /// The generation of the rulebook that the tags belong to.
    pub generation: u64,
    /// Until then a stale answer is served without asking again (RFC 8767 section 5, failure recheck).
    pub recheck_ms: u64,
}

impl Held {
    /// Takes hold of an answer; its tags are made at first use.
    pub fn new(stored: Arc<Stored>) -> Self {
        Self { stored, tags: Vec::new(), generation: 0, recheck_ms: 0 }
    }

    /// Whether the answer is within its TTL.
    #[inline]
    pub fn is_fresh(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.stored.received_ms) < self.stored.fresh_for_ms
    }

    /// Whether the answer is past its TTL by no more than `stale_for_ms`.
    pub fn is_usable_stale(&self, now_ms: u64, stale_for_ms: u64) -> bool {
        let age_ms = now_ms.saturating_sub(self.stored.received_ms);
        matches!(self.stored.body, Body::Image(_)) && age_ms < self.stored.fresh_for_ms.saturating_add(stale_for_ms)
    }
}

impl Stored {
    fn weight(&self) -> u64 {
        let image = if let Body::Image(image) = &self.body { image.size_octets() as u64 } else { 0 };
        let names: usize = self.names.iter().map(|name| name.len() + size_of::<Box<[u8]>>()).sum();
        OVERHEAD_OCTETS + image + (2 * self.question.name.len() + names) as u64
    }
}

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
    entries: Cache<Question, Held, Octets, RandomState, DefaultLifecycle<Question, Held>>,
}

impl PacketCache {
    /// A cache that holds at most `octets`.
    pub fn new(octets: u64) -> Self {
        let typical = (octets as usize / TYPICAL_OCTETS).max(16);
        Self {
            passing: None,
            entries: Cache::with(typical, octets, Octets, RandomState::default(), DefaultLifecycle::default()),
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

    /// Takes an answer in.
    pub fn insert(&mut self, held: Held) {
        self.entries.insert(held.stored.question.clone(), held);
    }

    /// Makes an answer findable until [`PacketCache::end_pass`], even if its TTL is 0 or there is no room for it.
    pub fn pass(&mut self, held: Held) {
        self.passing = Some(held);
    }

    /// Ends the passing.
    pub fn end_pass(&mut self) {
        self.passing = None;
    }

    /// Replaces tags or recheck time of an answer.
    pub fn update(&mut self, question: QuestionRef<'_>, change: impl FnOnce(&mut Held)) {
        if let Some(passing) = self.passing.as_mut().filter(|passing| passing.stored.question.borrow().is(&question)) {
            change(passing);
        } else if let Some(mut held) = self.entries.get_mut(&question) {
            change(&mut held);
        }
    }

    /// How many answers are held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Octets held.
    pub fn octets(&self) -> u64 {
        self.entries.weight()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.passing = None;
        self.entries.clear();
    }
}
