//! One query's way through the plane. Whatever the door, this is the one path.
//!
//! 1. *peek*: is it a query at all? Before anything is believed of it.
//! 2. *select*: whose network is it from? Before any work is done for an outside client.
//! 3. *rate*: has this client asked too much? Before a list is searched for it.
//! 4. *decide*: may this name be answered under this policy? Before cache and local data, so that nothing known is said by
//!    mistake.
//! 5. *local*: zones and special names that are never forwarded, after the decision, so that a policy may deny them too.
//! 6. *cache*: the stored answer, masked by the tags of what it reveals.
//! 7. *wait*: join the question under way, or send for it. How the wait ends: [`crate::waiters`].
//!
//! Nothing on the way to a denied, local or cached answer allocates, locks, reads a clock or enters Python. A query
//! leaves in exactly one way, and each way has its counter. What is answered to a client of ours is recorded
//! ([`crate::recording`]); what is no query, or from an outside client, or over its rate, is only counted.

use crate::active_state::ActiveState;
use crate::cache::{NoRoom, PacketCache};
use crate::client_rate::rate_of;
use crate::clock::Now;
use crate::counters::{Counter, Counters};
use crate::crowd::Crowd;
use crate::denial::deny;
use crate::designation::Designations;
use crate::local::answer_locally;
use crate::miss_hub::MissRequest;
use crate::parsed_query::ParsedQuery;
use crate::pending::{Joined, Pending, Waiter};
use crate::query_context::{AnswerSource, QueryContext};
use crate::question::QuestionRef;
use crate::rate_limit::{RateLimiter, RateTable};
use crate::recording::{AnswerRecord, record};
use crate::requester::Requester;
use crate::revealed_tags::{network_verdict, objection, objection_of_either, retag};
use crate::settings::Settings;
use crate::stored::Body;
use crate::validation::{Validation, tell_authentic};
use arc_swap::ArcSwap;
use schoolgate_policy::{Effect, Origin, Selection, SuffixHashes, Verdict};
use schoolgate_querylog::{Door, Recorder, Source};
use schoolgate_wire::{CookieSecrets, Ede, EdeCode, EdnsReply, Name, Rcode, rcode_answer};
use std::collections::VecDeque;
use std::sync::Arc;

/// Where the flags of a message start, and TC among them.
const FLAGS_AT: usize = 2;
const TC: u8 = 0x02;
/// So many packets ahead of its turn a packet is looked at.
pub const LOOK_AHEAD: usize = 3;

/// What became of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer of so many octets stands in the buffer.
    Answer(usize),
    /// Nothing is said.
    Silence,
    /// The client waits; the answer comes by [`Answerer::complete`].
    Waiting,
}

/// Answers queries: one for each worker, one for the stream doors.
pub struct Answerer {
    pub(crate) settings: Arc<Settings>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) cookies: Arc<CookieSecrets>,
    pub(crate) cache: PacketCache,
    pub(crate) pending: Pending,
    pub(crate) limiter: RateLimiter,
    /// The query being answered.
    pub(crate) parsed: Box<ParsedQuery>,
    /// Those to be answered next, once they have been looked at.
    ahead: [Box<ParsedQuery>; LOOK_AHEAD],
    pub(crate) hashes: SuffixHashes,
    misses: rtrb::Producer<MissRequest>,
    /// Set when a miss was sent for since the last look.
    has_sent: bool,
    /// Clients taken from `pending` that have not been answered yet.
    pub(crate) unanswered: usize,
    /// Where answers to those who waited are written; empty until it is needed.
    pub(crate) late: Vec<u8>,
    /// Clients whose wait has ended and who are answered in the next turns, because they are many.
    pub(crate) crowds: VecDeque<Crowd>,
    /// Where answers are recorded; `None` where no query log is kept.
    pub(crate) recorder: Option<Recorder>,
    designations: Arc<ArcSwap<Designations>>,
}

impl Answerer {
    /// An answerer with an empty cache.
    ///
    /// # Errors
    /// The system has no room for the cache.
    pub fn new(
        settings: Arc<Settings>,
        counters: Arc<Counters>,
        cookies: Arc<CookieSecrets>,
        rates: Arc<RateTable>,
        misses: rtrb::Producer<MissRequest>,
    ) -> Result<Self, NoRoom> {
        Ok(Self {
            cache: PacketCache::new(settings.cache_octets)?,
            settings,
            counters,
            cookies,
            pending: Pending::default(),
            limiter: RateLimiter::sharing(rates),
            parsed: Box::default(),
            ahead: Default::default(),
            hashes: SuffixHashes::default(),
            misses,
            has_sent: false,
            unanswered: 0,
            late: Vec::new(),
            crowds: VecDeque::new(),
            recorder: None,
            designations: Arc::default(),
        })
    }

    /// The same, recording what it answers.
    pub fn recording_to(self, recorder: Option<Recorder>) -> Self {
        Self { recorder, ..self }
    }

    /// The same, saying which encrypted doors there are.
    pub fn designating(self, designations: Arc<ArcSwap<Designations>>) -> Self {
        Self { designations, ..self }
    }

    /// [`Answerer::say`] to a client of ours: what is said is recorded.
    #[inline]
    pub(crate) fn tell(
        &mut self,
        context: &QueryContext<'_>,
        answer_record: &AnswerRecord,
        exit: Counter,
        out: &[u8],
        length: usize,
    ) -> Outcome {
        let outcome = self.say(exit, out, length);
        if let (Outcome::Answer(length), Some(recorder)) = (outcome, &mut self.recorder) {
            record(recorder, context, &self.parsed.query, answer_record, out.get(..length).unwrap_or_default());
        }
        outcome
    }

    /// Hands over what was recorded in a batch; `elapsed_us` says how long ago it began, and is asked only if there is any.
    #[inline]
    pub fn commit_records(&mut self, elapsed_us: impl FnOnce() -> u32) {
        if let Some(recorder) = self.recorder.as_mut().filter(|recorder| !recorder.is_empty()) {
            recorder.commit(elapsed_us());
        }
    }

    /// Goes on to the next packet and looks at the one [`LOOK_AHEAD`] behind it. What will be read for each of those between
    /// is brought a step nearer.
    #[inline]
    pub fn look_ahead(&mut self, active: &ActiveState, following: Option<&[u8]>) {
        std::mem::swap(&mut self.parsed, &mut self.ahead[0]);
        self.ahead.rotate_left(1);
        let [second, first, last] = &mut self.ahead;
        match following {
            Some(packet) => last.look(active, &self.cache, packet),
            None => last.forget(),
        }
        if let Some(hash) = first.hash_ahead() {
            self.cache.prefetch_entry(hash);
        }
        if let Some(hash) = second.hash_ahead() {
            self.cache.prefetch_stored(hash);
        }
        if let Some(hash) = self.parsed.hash_ahead() {
            self.cache.prefetch_message(hash);
        }
    }

    /// Answers one packet.
    #[inline]
    pub fn answer(
        &mut self,
        active: &ActiveState,
        packet: &[u8],
        requester: &Requester,
        now: Now,
        out: &mut [u8],
    ) -> Outcome {
        self.counters.count(Counter::Queries);
        #[cfg(test)]
        crate::tests::test_panic(packet);
        let peeked = self.parsed.peeked(packet);
        let selection = active.select(requester.client().ip(), requester.local());
        if let Err(refusal) = peeked {
            return self.refuse(rate_of(active, selection), packet, requester, &refusal, now, out);
        }
        let Selection::Served(selected) = selection else {
            return self.answer_outside_client(packet, requester, now, out);
        };
        let (reply, since_us) = (self.frame(requester, now), now.mono_us);
        let context = QueryContext {
            active,
            packet,
            requester,
            now,
            since_us,
            selected,
            answer_source: AnswerSource::Cache,
            reply,
        };
        match self.limit(&context, out) {
            Some(limited) => limited,
            None => self.resolve(&context, out),
        }
    }

    /// Whether a miss was sent for since the last call; the resolver must be woken then.
    pub fn take_has_sent(&mut self) -> bool {
        std::mem::take(&mut self.has_sent)
    }

    /// Whether clients whose wait has ended are still to be answered.
    #[inline]
    pub fn has_crowds(&self) -> bool {
        !self.crowds.is_empty()
    }

    /// Answers held, octets held, questions under way.
    pub fn fill(&self) -> (usize, u64, usize) {
        (self.cache.entries(), self.cache.octets(), self.pending.len())
    }

    /// After a panic: what may be half-changed is thrown away.
    pub fn recover(&mut self) {
        self.counters.add(Counter::Abandoned, std::mem::take(&mut self.unanswered) as u64);
        self.cache.recover();
        (self.parsed, self.ahead) = Default::default();
    }

    /// Steps 4 to 7.
    #[inline]
    pub(crate) fn resolve(&mut self, context: &QueryContext<'_>, out: &mut [u8]) -> Outcome {
        let verdict = self.parsed.decide(&context.active.rulebook, context.policy(), &mut self.hashes);
        if context.is_tightened()
            && let Some(denied) = self.deny_spelled(context, verdict, out)
        {
            return denied;
        }
        if verdict.effect == Effect::Deny {
            let length = deny(context, &self.parsed.query, verdict, out);
            return self.tell(context, &AnswerRecord::denied(verdict), Counter::Denied, out, length);
        }
        if let Some(length) = answer_locally(context, &self.parsed.query, verdict, &self.designations, out) {
            return self.tell(context, &AnswerRecord::local(verdict), Counter::Local, out, length);
        }
        let rewrite = verdict.rewrite.and_then(|at| context.active.rewrites.get(usize::from(at)));
        match self.answer_from_cache(context, verdict, rewrite, out) {
            Some(outcome) => outcome,
            None => self.wait(context, verdict, rewrite, out),
        }
    }

    /// The denial for a device that its group tightens, of a name that spells another: that is judged for the network too,
    /// for a policy whose own rule opens a name opens what it spells, too.
    #[cold]
    #[inline(never)]
    fn deny_spelled(&mut self, context: &QueryContext<'_>, verdict: Verdict, out: &mut [u8]) -> Option<Outcome> {
        let name = &self.parsed.query.name;
        if verdict.effect == Effect::Deny || !context.active.rulebook.spells(name) {
            return None;
        }
        let of_network = network_verdict(context, name, &mut self.hashes);
        (of_network.effect == Effect::Deny).then(|| {
            let length = deny(context, &self.parsed.query, of_network, out);
            self.tell(context, &AnswerRecord::denied(of_network), Counter::Denied, out, length)
        })
    }

    /// The stored answer, if it may be given: within its TTL, or stale where nothing better is to be had. What it reveals is
    /// judged for this policy before a word of it is said.
    #[inline]
    fn answer_from_cache(
        &mut self,
        context: &QueryContext<'_>,
        verdict: Verdict,
        rewrite: Option<&Arc<Name>>,
        out: &mut [u8],
    ) -> Option<Outcome> {
        let now_ms = context.now.mono_ms;
        let hash = self.parsed.hash(&self.cache);
        let question = QuestionRef::of(&self.parsed.query, rewrite);
        let mut held = self.cache.get_hashed(hash, question)?;
        let is_fresh = held.is_fresh(now_ms) || self.cache.is_passing(held);
        let may_be_stale = context.answer_source.allows_stale() || now_ms < held.recheck_ms;
        let will_do = is_fresh || may_be_stale && held.is_usable_stale(now_ms, self.settings.stale_for_ms());
        if !will_do {
            return None;
        }
        if held.generation != context.active.generation {
            retag(&mut self.cache, &mut self.hashes, context.active, question);
            held = self.cache.look_at(question)?;
        }
        let is_judged_twice = context.is_tightened() && !held.tags.is_empty();
        let objected = match is_judged_twice {
            false => objection(context, verdict, &held.tags),
            true => objection_of_either(context, verdict, &held.tags, &self.parsed.query.name, &mut self.hashes),
        };
        if let Some(objection) = objected {
            let is_private = objection.origin == Origin::PrivateAddress;
            let exit = if is_private { Counter::DeniedPrivate } else { Counter::DeniedRevealed };
            let answer_record = AnswerRecord::denied_for(objection, held.stored.clone());
            let length = deny(context, &self.parsed.query, objection, out);
            return Some(self.tell(context, &answer_record, exit, out, length));
        }
        let (image, is_whole) = match &held.stored.body {
            Body::Image(image) => match held.stored.stripped().and_then(|stripped| stripped.fit_for(context.ech())) {
                Some(less) => (less, false),
                None => (image, true),
            },
            Body::Failure { code, .. } => return Some(self.fail(context, verdict, *code, Counter::Failures, out)),
        };
        let (exit, source, ttl_rule, ede) = match is_fresh {
            true => {
                let (exit, source) = match context.answer_source {
                    AnswerSource::Cache => (Counter::CacheHits, Source::Cache),
                    _ => (Counter::Resolved, Source::Forwarder),
                };
                (exit, source, context.aged(held, &self.settings), rewrite.map(|_| Ede::new(EdeCode::FORGED_ANSWER)))
            }
            false => (Counter::Stale, Source::Stale, context.stale(), Some(Ede::new(stale_code(image.rcode())))),
        };
        let reply = EdnsReply { ede, ..context.reply };
        let length = image.write(out, context.packet, &self.parsed.query, ttl_rule, &reply);
        // Nothing that we changed, and nothing whose signatures may have run out meanwhile.
        if held.stored.validation == Validation::Secure && is_fresh && is_whole && rewrite.is_none() {
            tell_authentic(&self.parsed.query, out);
        }
        let is_due = exit == Counter::CacheHits && self.settings.prefetch && held.is_soon_expired(now_ms);
        let outcome =
            self.tell(context, &AnswerRecord::answered(verdict, rewrite.is_some(), source), exit, out, length);
        if is_due {
            self.ask_ahead(rewrite, now_ms);
        }
        Some(outcome)
    }

    /// Asks for an answer again that expires soon and was asked for now, so that the next client need not wait for it.
    #[cold]
    fn ask_ahead(&mut self, rewrite: Option<&Arc<Name>>, now_ms: u64) {
        if !self.parsed.query.recursion_desired {
            return;
        }
        let question = QuestionRef::of(&self.parsed.query, rewrite);
        let has_stale = self.settings.stale_for_s > 0;
        let Some(question) = self.pending.begin_ahead(question, has_stale, now_ms) else { return };
        if self.misses.push(MissRequest { question: question.clone(), since_ms: now_ms }).is_err() {
            self.pending.take(question.borrow());
            return;
        }
        self.has_sent = true;
        self.counters.count(Counter::Prefetched);
    }

    /// Nothing at hand: wait for the question, or say that there is nothing to wait for.
    #[cold]
    fn wait(
        &mut self,
        context: &QueryContext<'_>,
        verdict: Verdict,
        rewrite: Option<&Arc<Name>>,
        out: &mut [u8],
    ) -> Outcome {
        if let AnswerSource::GiveUp(code) = context.answer_source {
            return self.fail(context, verdict, code, Counter::Failures, out);
        }
        if !self.parsed.query.recursion_desired {
            let length = rcode_answer(out, context.packet, &self.parsed.query, Rcode::REFUSED, &context.reply);
            return self.tell(context, &AnswerRecord::failed(verdict), Counter::NoRecursion, out, length);
        }
        let question = QuestionRef::of(&self.parsed.query, rewrite);
        let (now_ms, stale_for_ms) = (context.now.mono_ms, self.settings.stale_for_ms());
        let has_stale = self.cache.look_at(question).is_some_and(|held| held.is_usable_stale(now_ms, stale_for_ms));
        let waiter = Waiter::new(*context.requester, context.packet, &self.parsed.query, context.since_us);
        let joined = match self.pending.join(question, waiter, has_stale, now_ms) {
            Joined::First(question) => {
                let request = MissRequest { question: question.clone(), since_ms: now_ms };
                if self.misses.push(request).is_err() {
                    self.pending.take(question.borrow());
                    return self.turn_away(context, verdict, has_stale, out);
                }
                self.has_sent = true;
                false
            }
            Joined::Later => true,
            Joined::Again => {
                self.counters.count(Counter::Repeated);
                return Outcome::Waiting;
            }
            Joined::Full => return self.turn_away(context, verdict, has_stale, out),
            Joined::Crowded if !has_stale => return self.drop(Counter::Crowded),
            Joined::Crowded => return self.turn_away(context, verdict, has_stale, out),
        };
        if context.answer_source == AnswerSource::Cache {
            self.counters.count(Counter::CacheMisses);
            self.counters.add(Counter::Joined, u64::from(joined));
        }
        Outcome::Waiting
    }

    /// No room to wait: a stale answer, else SERVFAIL.
    fn turn_away(&mut self, context: &QueryContext<'_>, verdict: Verdict, has_stale: bool, out: &mut [u8]) -> Outcome {
        if has_stale {
            return self
                .resolve(&QueryContext { answer_source: AnswerSource::GiveUp(EdeCode::OTHER), ..*context }, out);
        }
        self.fail(context, verdict, EdeCode::OTHER, Counter::PendingFull, out)
    }

    fn fail(
        &mut self,
        context: &QueryContext<'_>,
        verdict: Verdict,
        code: EdeCode,
        exit: Counter,
        out: &mut [u8],
    ) -> Outcome {
        let reply = context.reply.with_ede(Ede::new(code));
        let length = rcode_answer(out, context.packet, &self.parsed.query, Rcode::SERVFAIL, &reply);
        self.tell(context, &AnswerRecord::failed(verdict), exit, out, length)
    }

    /// How the answer is framed: its size, its cookie.
    #[inline]
    pub(crate) fn frame(&self, requester: &Requester, now: Now) -> EdnsReply<'static> {
        let reply = match requester.door() {
            Door::Udp => EdnsReply::datagram(&self.parsed.query),
            Door::Tcp => EdnsReply::stream(),
            Door::Dot | Door::Doh => EdnsReply::encrypted(),
        };
        let Some(edns) = self.parsed.query.edns else { return reply };
        reply.with_cookie(self.cookies.reply_cookie(&edns.cookie, requester.client().ip(), now.unix_s as u32))
    }

    /// Every answer leaves through here.
    #[inline]
    pub(crate) fn say(&self, exit: Counter, out: &[u8], length: usize) -> Outcome {
        if length == 0 {
            return self.drop(Counter::Unwritable);
        }
        self.counters.count(exit);
        self.counters.count(Counter::Answers);
        let is_truncated = out.get(FLAGS_AT).is_some_and(|flags| flags & TC != 0);
        if is_truncated && exit != Counter::RateTruncated {
            self.counters.count(Counter::Truncated);
        }
        Outcome::Answer(length)
    }

    /// And everything that is not answered through here.
    pub(crate) fn drop(&self, exit: Counter) -> Outcome {
        self.counters.count(exit);
        Outcome::Silence
    }
}

fn stale_code(rcode: Rcode) -> EdeCode {
    if rcode == Rcode::NXDOMAIN { EdeCode::STALE_NXDOMAIN_ANSWER } else { EdeCode::STALE_ANSWER }
}
