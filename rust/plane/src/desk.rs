//! The desk between workers and the resolver: questions go up, answers come down.
//!
//! Every worker has a ring of its own in each direction, so no worker ever waits for another or for the resolver. Equal
//! questions of several workers are merged here. A reply is checked here, on the resolver's thread: parsed strictly, cut to
//! the chain from the question and its final RRset, and only then shared with all workers.

use crate::cache::{Body, Question, Stored};
use crate::clock::Now;
use crate::counters::{Counter, Counters};
use crate::settings::Settings;
use crate::socket::Wake;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use schoolgate_wire::{AnswerImage, EdeCode, Name, Revealed, UnusableReply, forwarder_query};
use std::sync::Arc;

/// Questions of one worker that wait to be fetched; beyond, the worker answers SERVFAIL.
pub const MISS_RING: usize = 8192;
/// Answers on their way to one worker; beyond, an answer is not shared with that worker.
pub const ANSWER_RING: usize = 8192;
/// A failure is kept this long (RFC 9520 section 3.2: at least 1 s); the resolver keeps its own, longer, memory.
const FAILURE_MS: u64 = 1_000;

/// A worker as the desk sees it.
pub struct Line {
    /// Questions it sends for.
    pub misses: rtrb::Consumer<Arc<Question>>,
    /// Answers it gets.
    pub answers: rtrb::Producer<Arc<Stored>>,
    /// Wakes it.
    pub wake: Arc<Wake>,
}

/// A question for the resolver.
#[derive(Debug)]
pub struct Miss {
    /// Comes back with the reply.
    pub token: u64,
    /// The name to ask for, as text, to choose forwarders by.
    pub name: String,
    /// The whole query for a forwarder; its ID is 0 and must be replaced.
    pub query: Vec<u8>,
}

struct UnderWay {
    question: Arc<Question>,
    /// Bit by line: who waits.
    waiting: u128,
}

/// Questions under way at the resolver.
pub struct Desk {
    settings: Arc<Settings>,
    counters: Arc<Counters>,
    lines: Vec<Line>,
    under_way: HashMap<u64, UnderWay, RandomState>,
    tokens: HashMap<Arc<Question>, u64, RandomState>,
    next_token: u64,
    /// Which line is asked first next time, so that no worker is served last for ever.
    first: usize,
}

impl Desk {
    /// A desk for these workers. At most 128 lines: one bit each.
    pub fn new(settings: Arc<Settings>, counters: Arc<Counters>, lines: Vec<Line>) -> Self {
        Self {
            settings,
            counters,
            lines,
            under_way: HashMap::default(),
            tokens: HashMap::default(),
            next_token: 1,
            first: 0,
        }
    }

    /// At most `most` questions that nobody has been sent for yet.
    pub fn take_misses(&mut self, most: usize) -> Vec<Miss> {
        let mut out = Vec::new();
        let lines = self.lines.len();
        for turn in 0..lines {
            let at = (self.first + turn) % lines;
            while out.len() < most {
                let Some(question) = self.lines.get_mut(at).and_then(|line| line.misses.pop().ok()) else { break };
                out.extend(self.register(question, at));
            }
        }
        self.first = (self.first + 1) % lines.max(1);
        out
    }

    /// Whether questions are left to take.
    pub fn has_misses(&self) -> bool {
        self.lines.iter().any(|line| !line.misses.is_empty())
    }

    fn register(&mut self, question: Arc<Question>, line: usize) -> Option<Miss> {
        if let Some(under_way) = self.tokens.get(&*question).and_then(|token| self.under_way.get_mut(token)) {
            under_way.waiting |= 1 << line;
            return None;
        }
        let token = self.next_token;
        self.next_token += 1;
        let asked = match &question.rewrite {
            Some(target) => Name::clone(target),
            None => Name::from_wire(&question.name).ok()?,
        };
        let query = forwarder_query(&asked, question.qtype, question.dnssec_ok(), question.checking_disabled());
        self.tokens.insert(question.clone(), token);
        self.under_way.insert(token, UnderWay { question, waiting: 1 << line });
        Some(Miss { token, name: asked.to_string(), query })
    }

    /// Takes the reply to a question, or that there is none, and passes the outcome on. `now` is when it came.
    pub fn complete(&mut self, token: u64, reply: Result<&[u8], EdeCode>, now: Now) {
        let Some(under_way) = self.under_way.remove(&token) else { return };
        self.tokens.remove(&*under_way.question);
        let question = &under_way.question;
        let outcome = reply.and_then(|reply| {
            self.image(question, reply).map_err(|unusable| {
                self.counters.count(Counter::UnusableReplies);
                match unusable {
                    UnusableReply::Rcode(_) => EdeCode::NO_REACHABLE_AUTHORITY,
                    _ => EdeCode::INVALID_DATA,
                }
            })
        });
        let is_answer = outcome.is_ok();
        let stored = Arc::new(self.store(question, outcome, now));
        for (at, line) in self.lines.iter_mut().enumerate() {
            // An answer is for all workers to keep; a failure only concerns those who wait.
            if is_answer || under_way.waiting & 1 << at != 0 {
                // A full ring means a worker that has stopped taking; those who wait there expire.
                let _ = line.answers.push(stored.clone());
            }
        }
    }

    /// Wakes the workers, once for a batch of [`Desk::complete`].
    pub fn wake_workers(&self) {
        self.lines.iter().for_each(|line| line.wake.signal());
    }

    /// Questions at the resolver.
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    fn image(&self, question: &Question, reply: &[u8]) -> Result<AnswerImage, UnusableReply> {
        let name = Name::from_wire(&question.name).map_err(|_| UnusableReply::Malformed)?;
        let Some(target) = &question.rewrite else {
            return AnswerImage::from_reply(&name, question.qtype, question.dnssec_ok(), reply);
        };
        let image = AnswerImage::from_reply(target, question.qtype, question.dnssec_ok(), reply)?;
        AnswerImage::rewritten(&name, question.qtype, &image, 0, image.ttl_s().unwrap_or(0))
    }

    fn store(&self, question: &Question, outcome: Result<AnswerImage, EdeCode>, now: Now) -> Stored {
        let (fresh_for_ms, names) = match &outcome {
            Ok(image) => (self.keep_for_ms(image), revealed_names(image, question)),
            Err(_) => (FAILURE_MS, Vec::new()),
        };
        let body = outcome.map_or_else(Body::Failure, Body::Image);
        Stored { question: question.clone(), body, fresh_for_ms, received_ms: now.mono_ms, names }
    }

    /// A negative answer without SOA is not kept (RFC 2308 section 5).
    fn keep_for_ms(&self, image: &AnswerImage) -> u64 {
        let Some(ttl_s) = image.ttl_s() else { return 0 };
        let most_s = if image.is_negative() { self.settings.max_negative_ttl_s } else { self.settings.max_ttl_s };
        u64::from(ttl_s.max(self.settings.min_ttl_s).min(most_s)) * 1000
    }
}

/// A rewrite's own target is not judged: it is what the policy itself put there.
fn revealed_names(image: &AnswerImage, question: &Question) -> Vec<Box<[u8]>> {
    let own_target = question.rewrite.as_ref().map(|target| target.as_wire());
    let mut names: Vec<Box<[u8]>> = Vec::new();
    for revealed in image.revealed() {
        let Revealed::Name(name) = revealed else { continue };
        let name = name.as_wire();
        if Some(name) != own_target && !names.iter().any(|known| **known == *name) {
            names.push(name.into());
        }
    }
    names
}
