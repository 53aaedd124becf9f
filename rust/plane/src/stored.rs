//! What a question led to, as all workers share it: the image of an answer and what else must be known to give it.
//!
//! A server holds as many of these as its memory allows, so nothing is in here twice: the name that was asked and the
//! addresses of the answer are read off the image, and what few answers have stands apart.

use crate::question::{Question, QuestionRef};
use crate::validation::Validation;
use foldhash::fast::RandomState;
use hashbrown::HashSet;
use schoolgate_policy::Ech;
use schoolgate_policy::memory::prefetch;
use schoolgate_wire::{AnswerImage, EdeCode, Name};
use std::net::IpAddr;
use std::sync::Arc;

/// An answer to a question, shared by all workers.
#[derive(Debug)]
pub struct Stored {
    /// The answer, or why there is none.
    pub body: Body,
    /// How long it may be used, milliseconds from `received_ms`.
    pub fresh_for_ms: u64,
    /// When it came, on the monotonic clock.
    pub received_ms: u64,
    beside: Option<Box<Beside>>,
    rewrite: Option<Arc<Name>>,
    qtype: u16,
    flags: u8,
    /// What is known of its signatures.
    pub validation: Validation,
}

/// What a question led to.
#[derive(Debug)]
pub enum Body {
    /// An answer; its image knows the name that was asked.
    Image(AnswerImage),
    /// No forwarder answered; kept for a moment so that a burst does not ask again (RFC 9520).
    Failure {
        /// The name that was asked.
        name: Box<[u8]>,
        /// Why there is no answer.
        code: EdeCode,
    },
}

/// What only some answers have: aliases, service bindings.
#[derive(Debug, Default)]
pub struct Beside {
    /// Names it reveals beyond the question, uncompressed, one behind the other.
    names: Box<[u8]>,
    /// Addresses it reveals beyond those of its records.
    hints: Box<[IpAddr]>,
    /// What else it looks like.
    stripped: Option<Box<Stripped>>,
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
        allocated(size_of::<Self>()) + images.map(|image| allocated(image.heap_octets())).sum::<usize>()
    }
}

impl Beside {
    /// What stands beside an image that reveals these names and addresses; `None` if the image says it all.
    pub fn of(
        image: &AnswerImage,
        names: &[Name],
        addresses: &[IpAddr],
        stripped: Option<Box<Stripped>>,
    ) -> Option<Box<Self>> {
        // Most answers say it all with their records, in the same order.
        let is_all_own = image.addresses().eq(addresses.iter().copied());
        let hints = if is_all_own { Box::default() } else { hints(image, addresses) };
        let names = names.iter().flat_map(Name::as_wire).copied().collect();
        let beside = Self { names, hints, stripped };
        let says_something = !beside.names.is_empty() || !beside.hints.is_empty() || beside.stripped.is_some();
        says_something.then(|| Box::new(beside))
    }

    fn size_octets(&self) -> usize {
        let stripped = self.stripped.as_deref().map_or(0, Stripped::size_octets);
        allocated(size_of::<Self>()) + allocated(self.names.len()) + allocated(size_of_val(&*self.hints)) + stripped
    }
}

/// Addresses that are not those of its records.
fn hints(image: &AnswerImage, addresses: &[IpAddr]) -> Box<[IpAddr]> {
    let own: HashSet<IpAddr, RandomState> = image.addresses().collect();
    addresses.iter().filter(|address| !own.contains(*address)).copied().collect()
}

impl Stored {
    /// An answer that has come at `now_ms`.
    pub fn answer(question: &Question, image: AnswerImage, beside: Option<Box<Beside>>, now_ms: u64) -> Self {
        Self { beside, ..Self::new(question, Body::Image(image), now_ms) }
    }

    /// The same, of which this is known.
    pub fn validated(self, validation: Validation) -> Self {
        Self { validation, ..self }
    }

    /// No forwarder answered.
    pub fn failure(question: &Question, code: EdeCode, now_ms: u64) -> Self {
        Self::new(question, Body::Failure { name: question.name.clone(), code }, now_ms)
    }

    fn new(question: &Question, body: Body, received_ms: u64) -> Self {
        let (qtype, flags, rewrite) = (question.qtype, question.flags, question.rewrite.clone());
        Self {
            body,
            fresh_for_ms: 0,
            received_ms,
            beside: None,
            rewrite,
            qtype,
            flags,
            validation: Validation::NotAsked,
        }
    }

    /// The same, to be used for so long.
    pub fn fresh_for_ms(self, fresh_for_ms: u64) -> Self {
        Self { fresh_for_ms, ..self }
    }

    /// What it answers.
    #[inline]
    pub fn question(&self) -> QuestionRef<'_> {
        let name = match &self.body {
            Body::Image(image) => image.name(),
            Body::Failure { name, .. } => name,
        };
        QuestionRef { name, qtype: self.qtype, flags: self.flags, rewrite: self.rewrite.as_ref() }
    }

    /// Names it reveals beyond the question.
    pub fn names(&self) -> impl Iterator<Item = Name> {
        let mut rest = self.beside.as_deref().map_or(&[][..], |beside| &beside.names);
        std::iter::from_fn(move || {
            let mut name = Name::ROOT;
            let length = if rest.is_empty() { None } else { name.read(rest).ok() }?;
            rest = rest.get(length..)?;
            Some(name)
        })
    }

    /// Addresses it reveals.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let image = if let Body::Image(image) = &self.body { Some(image) } else { None };
        let hints = self.beside.iter().flat_map(|beside| &beside.hints).copied();
        image.into_iter().flat_map(AnswerImage::addresses).chain(hints)
    }

    /// What else it looks like, where it holds service bindings that a segment may want changed.
    #[inline]
    pub fn stripped(&self) -> Option<&Stripped> {
        self.beside.as_deref()?.stripped.as_deref()
    }

    /// The answer's message, to keep it for the corpus.
    pub fn octets(&self) -> &[u8] {
        if let Body::Image(image) = &self.body { image.octets() } else { &[] }
    }

    /// Brings near what is read of it for every answer.
    #[inline]
    pub fn prefetch(&self) {
        prefetch(&self.body);
        prefetch(&self.flags);
    }

    /// Memory it takes.
    pub fn size_octets(&self) -> usize {
        let body = match &self.body {
            Body::Image(image) => image.heap_octets(),
            Body::Failure { name, .. } => name.len(),
        };
        let counts = 2 * size_of::<usize>();
        allocated(counts + size_of::<Self>()) + allocated(body) + self.beside.as_deref().map_or(0, Beside::size_octets)
    }
}

/// What the allocator takes for so many octets: glibc keeps a word for itself, gives multiples of two words and no less
/// than four. Another allocator differs by less than it matters.
pub fn allocated(octets: usize) -> usize {
    const WORD: usize = size_of::<usize>();
    if octets == 0 { 0 } else { (octets + WORD).next_multiple_of(2 * WORD).max(4 * WORD) }
}
