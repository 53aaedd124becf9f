//! The miss hub between workers and the resolver: questions go up, answers come down.
//!
//! Every worker has a ring of its own in each direction, so no worker ever waits for another or for the resolver. Equal
//! questions of several workers are merged here. A reply is checked here, by the thread that read it: parsed strictly,
//! cut to the chain from the question and its final RRset, and only then shared with all workers. A reply that is an alias
//! and nothing more is kept, and its target asked for as a question of its own, until the chain is whole.
//!
//! The resolver may stall, or lose a question: a question that no client waits for any more is not handed to it, and
//! what it never completes is forgotten.

use crate::clock::Now;
use crate::counters::{Counter, Counters};
use crate::crash::CrashKeeper;
use crate::failure_memory::FailureMemory;
use crate::pending::GIVE_UP_AFTER_MS;
use crate::question::Question;
use crate::settings::Settings;
use crate::socket::Wake;
use crate::stored::{Beside, Stored, Stripped};
use crate::validation::{AdTrust, Validation};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use schoolgate_wire::{
    AnswerImage, EdeCode, HEADER_OCTETS, Name, Rcode, Reading, Revealed, UnusableReply, dnssec_error, forwarder_query,
    question_end,
};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Questions of one worker that wait to be fetched; beyond, the worker answers SERVFAIL.
pub const MISS_RING: usize = 8192;
/// Answers on their way to one worker; beyond, an answer is not shared with that worker.
pub const ANSWER_RING: usize = 8192;
/// Answers that no client of a worker waits for and that may lie in its ring before it is woken for them: as many as it
/// takes in one turn, so that a client that asks next finds them.
const UNASKED_ANSWERS: usize = 64;
/// Questions at the resolver. It bounds itself far below; this holds if it takes questions and completes none.
pub const MAX_UNDER_WAY: usize = 65_536;
/// A question that the resolver has not completed by then is lost there (it gives up within 4 s): it may be asked again.
pub const LOST_AFTER_MS: u64 = 10_000;
/// A failure is kept this long (RFC 9520 section 3.2: at least 1 s); the resolver keeps its own, longer, memory.
const FAILURE_MS: u64 = 1_000;
/// Addresses that one answer may reveal: as many A records as a message can hold. Hints could be four times as many; a
/// look-up of an address is far cheaper than one of a name, but not for nothing.
const MAX_REVEALED_ADDRESSES: usize = 4096;
/// Names that one answer may reveal. Real answers have a handful; each costs a look-up in every worker whenever lists or
/// policies change, so an answer made of nothing else is not used.
const MAX_REVEALED: usize = 256;

/// A question on its way to the resolver.
#[derive(Debug)]
pub struct MissRequest {
    /// The question.
    pub question: Arc<Question>,
    /// When it was first asked, on the monotonic clock.
    pub since_ms: u64,
}

/// The rings between the miss hub and one worker.
pub struct WorkerChannel {
    /// Questions it sends for.
    pub misses: rtrb::Consumer<MissRequest>,
    /// Answers it gets.
    pub answers: rtrb::Producer<Arc<Stored>>,
    /// Wakes it.
    pub wake: Arc<Wake>,
    /// Of answers that no client there waits for it gets those of at least so many octets.
    pub least_octets: usize,
}

/// A question for the resolver.
#[derive(Debug)]
pub struct Miss {
    /// Comes back with the reply.
    pub token: u64,
    /// The whole query for a forwarder; its ID is 0 and must be replaced.
    pub query: Vec<u8>,
}

#[cfg(test)]
impl Miss {
    /// The name asked for, as text.
    pub fn name(&self) -> String {
        name_of(&self.query)
    }
}

/// The name that a query of ours asks for, folded, in wire format.
pub fn asked_name(query: &[u8]) -> &[u8] {
    question_end(query).and_then(|end| query.get(HEADER_OCTETS..end - 4)).unwrap_or_default()
}

/// The type that a query of ours asks for; 0 if it is none.
pub fn asked_type(query: &[u8]) -> u16 {
    let fields = question_end(query).and_then(|end| query.get(end - 4..)?.first_chunk::<2>());
    fields.map_or(0, |qtype| u16::from_be_bytes(*qtype))
}

/// The name that a query of ours asks for, as text.
pub fn name_of(query: &[u8]) -> String {
    Name::from_wire(asked_name(query)).map(|name| name.to_string()).unwrap_or_default()
}

struct UnderWay {
    question: Arc<Question>,
    /// Bit by channel: who waits.
    waiting: u128,
    /// When the resolver took it.
    since_ms: u64,
    /// Replies that are aliases, each to the target of the one before. What is asked for is the target of the last.
    aliases: Vec<Vec<u8>>,
    /// What is known of these.
    validation: Validation,
}

/// Questions under way at the resolver.
pub struct MissHub {
    settings: Arc<Settings>,
    counters: Arc<Counters>,
    channels: Vec<WorkerChannel>,
    /// By token. Tokens rise with time, so the first is the oldest.
    under_way: BTreeMap<u64, UnderWay>,
    tokens: HashMap<Arc<Question>, u64, RandomState>,
    next_token: u64,
    /// Targets of aliases, to be asked for before anything else. At most one for each question under way.
    targets: Vec<Miss>,
    /// Which channel is asked next.
    turn: usize,
    failures: FailureMemory,
    /// Bit by channel: it has been handed an answer that a client waits for, or many.
    to_wake: u128,
    crashes: CrashKeeper,
}

impl MissHub {
    /// A miss hub for these workers. At most 128 channels: one bit each.
    pub fn new(settings: Arc<Settings>, counters: Arc<Counters>, channels: Vec<WorkerChannel>) -> Self {
        Self {
            settings,
            counters,
            channels,
            under_way: BTreeMap::new(),
            tokens: HashMap::default(),
            next_token: 1,
            targets: Vec::new(),
            turn: 0,
            failures: FailureMemory::default(),
            to_wake: 0,
            crashes: CrashKeeper::default(),
        }
    }

    /// The same, keeping replies that met a defect.
    pub fn keeping(self, crashes: CrashKeeper) -> Self {
        Self { crashes, ..self }
    }

    /// Takes at most `most` questions from the workers, one of each in turn, so that a flood at one does not hold up the
    /// others; returns those that are not under way yet.
    pub fn take_misses(&mut self, most: usize, now: Now) -> Vec<Miss> {
        self.forget_lost(now);
        let mut out = self.targets.split_off(self.targets.len().saturating_sub(most));
        let (mut taken, mut empty) = (out.len(), 0);
        while taken < most && empty < self.channels.len() {
            let at = self.turn;
            self.turn = (at + 1) % self.channels.len();
            match self.channels.get_mut(at).and_then(|channel| channel.misses.pop().ok()) {
                Some(request) => {
                    (taken, empty) = (taken + 1, 0);
                    out.extend(self.register(request, at, now));
                }
                None => empty += 1,
            }
        }
        out
    }

    /// Whether questions are left to take.
    pub fn has_misses(&self) -> bool {
        !self.targets.is_empty() || self.channels.iter().any(|channel| !channel.misses.is_empty())
    }

    fn register(&mut self, request: MissRequest, channel: usize, now: Now) -> Option<Miss> {
        // A resolver that has fallen behind must not work through questions whose clients have been given up.
        if now.mono_ms.saturating_sub(request.since_ms) >= GIVE_UP_AFTER_MS {
            self.counters.count(Counter::MissesTooLate);
            return None;
        }
        let question = request.question;
        if let Some(under_way) = self.tokens.get(&*question).and_then(|token| self.under_way.get_mut(token)) {
            under_way.waiting |= 1 << channel;
            return None;
        }
        if let Some(code) = self.failures.recall(&question, now.mono_ms) {
            self.counters.count(Counter::FailuresRecalled);
            self.fail(&question, code, channel, now);
            return None;
        }
        if self.under_way.len() >= MAX_UNDER_WAY {
            self.counters.count(Counter::MissHubFull);
            self.fail(&question, EdeCode::OTHER, channel, now);
            return None;
        }
        let asked = match &question.rewrite {
            Some(target) => Name::clone(target),
            None => Name::from_wire(&question.name).ok()?,
        };
        let under_way = UnderWay {
            question,
            waiting: 1 << channel,
            since_ms: now.mono_ms,
            aliases: Vec::new(),
            validation: Validation::Secure,
        };
        Some(self.begin(under_way, &asked))
    }

    /// Asks for `name`, on behalf of this question.
    fn begin(&mut self, under_way: UnderWay, name: &Name) -> Miss {
        let token = self.next_token;
        self.next_token += 1;
        let question = &under_way.question;
        let query = forwarder_query(name, question.qtype, question.dnssec_ok(), question.checking_disabled());
        self.tokens.insert(question.clone(), token);
        self.under_way.insert(token, under_way);
        Miss { token, query }
    }

    fn fail(&mut self, question: &Question, code: EdeCode, channel: usize, now: Now) {
        let failure = self.store(question, Err(code), now);
        self.hand_down(Arc::new(failure), 1 << channel, 1 << channel);
    }

    fn forget_lost(&mut self, now: Now) {
        while let Some(oldest) = self.under_way.first_entry()
            && oldest.get().since_ms.saturating_add(LOST_AFTER_MS) <= now.mono_ms
        {
            self.tokens.remove(&*oldest.remove().question);
            self.counters.count(Counter::LostQuestions);
        }
    }

    /// Takes the reply to a question, or that there is none, and passes the outcome on. `now` is when it came.
    pub fn complete(&mut self, token: u64, reply: Result<&[u8], EdeCode>, trust: AdTrust, now: Now) {
        self.end(token, reply, trust, false, now);
    }

    /// Ends a question that the resolver has not completed in time.
    pub fn lose(&mut self, token: u64, now: Now) {
        self.counters.count(Counter::LostQuestions);
        self.complete(token, Err(EdeCode::NO_REACHABLE_AUTHORITY), AdTrust::NotAsked, now);
    }

    /// Takes a reply that may end the matter; `false` if it cannot be used: the question is still under way then.
    pub fn accept(&mut self, token: u64, reply: &[u8], trust: AdTrust, now: Now) -> bool {
        if !self.is_under_way(token) {
            self.counters.count(Counter::UnknownTokens);
            return true;
        }
        let outcome = self.read(token, reply, trust);
        let is_usable = outcome.is_ok();
        if is_usable {
            self.conclude(token, outcome, false, now);
        }
        is_usable
    }

    /// Whether the question is still open.
    pub fn is_under_way(&self, token: u64) -> bool {
        self.under_way.contains_key(&token)
    }

    /// The same for a question that forwarders were asked in vain: its failure is remembered (RFC 9520).
    pub fn give_up(&mut self, token: u64, reply: Result<&[u8], EdeCode>, trust: AdTrust, now: Now) {
        self.end(token, reply, trust, true, now);
    }

    /// A forwarder has come back, or others are asked: what failed may succeed now.
    pub fn forget_failures(&mut self) {
        self.failures.clear();
    }

    fn end(&mut self, token: u64, reply: Result<&[u8], EdeCode>, trust: AdTrust, is_remembered: bool, now: Now) {
        let outcome = reply.and_then(|reply| {
            self.read(token, reply, trust).inspect_err(|_| self.counters.count(Counter::UnusableReplies))
        });
        if trust == AdTrust::Trusted && outcome.as_ref().is_err_and(|code| code.is_bogus()) {
            self.counters.count(Counter::DnssecBogus);
        }
        self.conclude(token, outcome, is_remembered, now);
    }

    /// Reads a reply behind a barrier: a defect that it meets costs this question and nothing else.
    fn read(&mut self, token: u64, reply: &[u8], trust: AdTrust) -> Result<Outcome, EdeCode> {
        let under_way = self.under_way.get(&token).ok_or(EdeCode::OTHER)?;
        let Ok(read) = catch_unwind(AssertUnwindSafe(|| read_reply(under_way, reply, trust))) else {
            self.counters.count(Counter::LatePanics);
            self.crashes.keep(reply);
            return Err(EdeCode::OTHER);
        };
        read.map_err(|unusable| match unusable {
            // Why it is SERVFAIL, if the forwarder says so: of use to who looks for what is wrong.
            UnusableReply::Rcode(Rcode::SERVFAIL) => dnssec_error(reply).unwrap_or(EdeCode::NO_REACHABLE_AUTHORITY),
            UnusableReply::Rcode(_) | UnusableReply::Referral => EdeCode::NO_REACHABLE_AUTHORITY,
            _ => EdeCode::INVALID_DATA,
        })
    }

    fn conclude(&mut self, token: u64, outcome: Result<Outcome, EdeCode>, is_remembered: bool, now: Now) {
        let Some(under_way) = self.under_way.remove(&token) else {
            self.counters.count(Counter::UnknownTokens);
            return;
        };
        let question = &under_way.question;
        self.tokens.remove(&**question);
        let outcome = match outcome {
            Ok(Outcome::Answer(believed)) => Ok(believed),
            // Clients that waited for a chain that takes so long have their answer.
            Ok(Outcome::Alias(..)) if under_way.since_ms + GIVE_UP_AFTER_MS <= now.mono_ms => {
                Err(EdeCode::NO_REACHABLE_AUTHORITY)
            }
            Ok(Outcome::Alias(aliases, target, validation)) => {
                let miss = self.begin(UnderWay { aliases, validation, ..under_way }, &target);
                self.targets.push(miss);
                return;
            }
            Err(code) => Err(code),
        };
        match &outcome {
            Ok(believed) => {
                self.count_validation(believed.validation);
                self.failures.forget(question);
            }
            Err(code) if is_remembered => self.failures.record(question, *code, now.mono_ms),
            Err(_) => {}
        }
        // An answer is for others to keep too; a failure only concerns those who wait.
        let channels = match &outcome {
            Ok(believed) => under_way.waiting | self.channels_that_keep(believed.image.octets().len()),
            Err(_) => under_way.waiting,
        };
        let lost = self.hand_down(Arc::new(self.store(question, outcome, now)), channels, under_way.waiting);
        self.counters.add(Counter::AnswersLost, u64::from((lost & under_way.waiting).count_ones()));
    }

    fn count_validation(&self, validation: Validation) {
        match validation {
            Validation::NotAsked => {}
            Validation::Indeterminate => self.counters.count(Counter::DnssecIndeterminate),
            Validation::Insecure => self.counters.count(Counter::DnssecInsecure),
            Validation::Secure => self.counters.count(Counter::DnssecSecure),
        }
    }

    /// Bit by channel: it keeps an answer of so many octets for clients that ask next.
    fn channels_that_keep(&self, octets: usize) -> u128 {
        let bit = |(at, channel): (usize, &WorkerChannel)| u128::from(octets >= channel.least_octets) << at;
        self.channels.iter().enumerate().map(bit).sum()
    }

    /// Gives an outcome to these channels; `waiting` are to be woken. Returns those whose ring is full: workers that have
    /// stopped taking. Who waits there expires.
    fn hand_down(&mut self, stored: Arc<Stored>, channels: u128, waiting: u128) -> u128 {
        let mut lost = 0;
        self.to_wake |= waiting;
        // Channels where a client waits come last: once it has its answer, every other worker has it too. The stream doors'
        // channel comes before its like: a client that gets a truncated answer by UDP finds the whole one there.
        for turn in [channels & !waiting, channels & waiting] {
            for (at, channel) in self.channels.iter_mut().enumerate().rev().filter(|(at, _)| turn & 1 << at != 0) {
                if channel.answers.push(stored.clone()).is_err() {
                    lost |= 1 << at;
                }
                // Where no client waits, an answer has time.
                if ANSWER_RING - channel.answers.slots() >= UNASKED_ANSWERS {
                    self.to_wake |= 1 << at;
                }
            }
        }
        lost
    }

    /// Wakes the workers that have been handed something to do, once for a batch of [`MissHub::complete`].
    pub fn wake_workers(&mut self) {
        let to_wake = std::mem::take(&mut self.to_wake);
        let channels = self.channels.iter().enumerate();
        channels.filter(|(at, _)| to_wake & 1 << at != 0).for_each(|(_, channel)| channel.wake.signal());
    }

    /// The same, called by the worker of this channel, which is awake.
    pub fn wake_workers_but(&mut self, channel: usize) {
        self.to_wake &= !(1 << channel);
        self.wake_workers();
    }

    /// Wakes all workers, so that they look up.
    pub fn wake_all(&self) {
        self.channels.iter().for_each(|channel| channel.wake.signal());
    }

    /// Questions at the resolver.
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    fn store(&self, question: &Question, outcome: Result<Believed, EdeCode>, now: Now) -> Stored {
        match outcome {
            Ok(Believed { image, beside, validation }) => {
                let fresh_for_ms = self.keep_for_ms(&image);
                Stored::answer(question, image, beside, now.mono_ms).fresh_for_ms(fresh_for_ms).validated(validation)
            }
            Err(code) => Stored::failure(question, code, now.mono_ms).fresh_for_ms(FAILURE_MS),
        }
    }

    /// A negative answer without SOA is not kept (RFC 2308 section 5).
    fn keep_for_ms(&self, image: &AnswerImage) -> u64 {
        let Some(ttl_s) = image.ttl_s() else { return 0 };
        let most_s = self.settings.most_ttl_s(image.is_negative());
        u64::from(ttl_s.max(self.settings.min_ttl_s).min(most_s)) * 1000
    }
}

/// What is believed of a reply: its image, and what it reveals beyond the question.
struct Believed {
    image: AnswerImage,
    beside: Option<Box<Beside>>,
    validation: Validation,
}

/// What a reply comes to, with those before it.
enum Outcome {
    /// An answer.
    Answer(Believed),
    /// All replies so far, the target that they lead to, and what is known of them.
    Alias(Vec<Vec<u8>>, Box<Name>, Validation),
}

fn read_reply(under_way: &UnderWay, reply: &[u8], trust: AdTrust) -> Result<Outcome, UnusableReply> {
    #[cfg(test)]
    crate::tests::test_panic_in_miss_hub(reply);
    let question = &*under_way.question;
    let validation = under_way.validation.min(trust.validation(reply, question.checking_disabled()));
    let mut replies: Vec<&[u8]> = under_way.aliases.iter().map(Vec::as_slice).collect();
    replies.push(reply);
    let image = match image(question, &replies)? {
        Reading::Answer(image) => image,
        Reading::Alias(target) => {
            let replies = replies.into_iter().map(<[u8]>::to_vec).collect();
            return Ok(Outcome::Alias(replies, Box::new(target), validation));
        }
    };
    let (names, addresses) = revealed(&image, question);
    if names.len() > MAX_REVEALED || addresses.len() > MAX_REVEALED_ADDRESSES {
        return Err(UnusableReply::TooLarge);
    }
    let beside = Beside::of(&image, &names, &addresses, stripped(&image)?);
    Ok(Outcome::Answer(Believed { image, beside, validation }))
}

/// What segments may want taken out of service bindings. A binding that cannot be read to its end is not given to any
/// client, or a key could hide in it.
fn stripped(image: &AnswerImage) -> Result<Option<Box<Stripped>>, UnusableReply> {
    use schoolgate_wire::service_params::{ECH, IPV4HINT, IPV6HINT};
    let without_ech = image.without_service_params(&[ECH])?;
    let without_hints = image.without_service_params(&[ECH, IPV4HINT, IPV6HINT])?;
    Ok(without_hints.is_some().then(|| Box::new(Stripped { without_ech, without_hints })))
}

fn image(question: &Question, replies: &[&[u8]]) -> Result<Reading, UnusableReply> {
    let name = Name::from_wire(&question.name).map_err(|_| UnusableReply::Malformed)?;
    let (asked, is_dnssec) = (question.rewrite.as_deref().unwrap_or(&name), question.dnssec_ok());
    match AnswerImage::from_replies(asked, question.qtype, is_dnssec, replies)? {
        Reading::Answer(image) if question.rewrite.is_some() => {
            let ttl_s = image.ttl_s().unwrap_or(0);
            AnswerImage::rewritten(&name, question.qtype, &image, 0, ttl_s).map(Reading::Answer)
        }
        reading => Ok(reading),
    }
}

/// A rewrite's own target is not judged: it is what the policy itself put there.
fn revealed(image: &AnswerImage, question: &Question) -> (Vec<Name>, Vec<IpAddr>) {
    let own_target = question.rewrite.as_deref();
    let (mut names, mut addresses) = (Vec::new(), Vec::new());
    for revealed in image.revealed() {
        match revealed {
            Revealed::Name(name) if Some(&name) == own_target => {}
            Revealed::Name(name) => names.push(name),
            Revealed::Address(address) => addresses.push(address),
        }
    }
    (names, addresses)
}
